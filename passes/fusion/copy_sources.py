"""`gir-copy-sources`: what is computed from indices and scalars alone is computed where it is read.

Rewrite:
    %m = gir.kernel "mask" () { (iota along columns) > (iota along rows) }
    gir.kernel "scores" (%x, %a = %m) { %k = gir.move %a : dram -> reg ... }
  ⇒ gir.kernel "scores" (%x) { %k = (iota along columns) > (iota along rows) ... }

Such a kernel is a source: it loads no tensor. A few operations on an element cost less than to store it and load it
again, and each reader has its own copy, which it may cut as it likes. So no level's bytes rise, nor launches; the
source's kernel goes with its last reader. What takes many operations, or functions of `math`, stays where it is: a
table of sines that all heads read may well be worth its bytes, and that is for the search to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from powerfusion.core._mlir import defining_op, entry_block, functions, has_uses, is_tensor, operations, segments
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import KernelCopy, copy_op, is_naive

MOST_OPS = 8  # that an element takes
FREE = ("gir.iota", "gir.broadcast", "gir.permute", "tensor.splat", "arith.constant")


@register_pass
@dataclass(frozen=True)
class CopySourcesPass(Pass):
    """Computes what needs no tensor where it is read."""

    name: ClassVar[str] = "gir-copy-sources"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites the kernels of each block in order: one that reads sources alone is a source for the next."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                for kernel in filter(is_naive, operations(block)):
                    _copy_into(kernel)
                for kernel in reversed(operations(block)):
                    if _is_left(kernel):
                        count("sources erased")
                        kernel.erase()


@dataclass(eq=False)
class Source:
    """A tensor that a kernel makes of indices and scalars.

    Attributes:
        kernel: It.
        value: The tensor at `reg`, in the kernel.
        ops: What makes it, in order.
    """

    kernel: ir.Operation
    value: ir.Value
    ops: Sequence[ir.Operation]


def source_of(value: ir.Value) -> Source | None:
    """How a tensor of the function is made, where it takes little and no tensor; None otherwise."""
    kernel = defining_op(value)
    if kernel is None or not is_naive(kernel) or any(map(is_tensor, segments(kernel)[0])):
        return None
    returned = operations(entry_block(kernel))[-1].operands[ir.OpResult(value).result_number]
    move = defining_op(returned)
    if move is None or move.name != "gir.move" or not gir.is_at(move.operands[0], "reg"):
        return None
    needed: set[ir.Operation] = set()
    stack = [move.operands[0]]
    while stack:
        op = defining_op(stack.pop())
        if op is not None and op not in needed:
            needed.add(op)
            stack += op.operands
    ops = [op for op in operations(entry_block(kernel)) if op in needed]
    costs = [op for op in ops if op.name not in FREE]
    if len(costs) > MOST_OPS or not all(op.name.startswith("arith.") for op in costs):
        return None
    return Source(kernel, move.operands[0], ops)


@dataclass
class _Copies:
    """What is copied into a kernel.

    Attributes:
        loads: Its loads, each with the source that it reads.
        known: By source kernel, what its values are in the copy.
    """

    loads: dict[ir.Operation, Source]
    known: dict[ir.Operation, dict[ir.Value, ir.Value]] = field(default_factory=dict)

    def replace(self, op: ir.Operation, rebuild: KernelCopy) -> bool:
        """Computes what a load would load."""
        source = self.loads.get(op)
        if source is None:
            return False
        if source.kernel not in self.known:
            inputs, arguments = segments(source.kernel)[0], entry_block(source.kernel).arguments
            self.known[source.kernel] = {a: rebuild.inside(v) for a, v in zip(arguments, inputs, strict=True)}
        known = self.known[source.kernel]
        for inner in source.ops:
            if any(result not in known for result in inner.results):
                copy_op(inner, known)
        rebuild.known[op.result] = known[source.value]
        return True


def _copy_into(kernel: ir.Operation) -> None:
    """Makes a kernel anew that computes the sources which it reads whole."""
    loads: dict[ir.Operation, Source] = {}
    for argument, value in zip(entry_block(kernel).arguments, segments(kernel)[0], strict=True):
        moves = [use.owner.operation for use in argument.uses] if is_tensor(argument) else []
        moves = [op for op in moves if op.name == "gir.move" and gir.is_at(op.result, "reg")]
        source = source_of(value) if moves else None
        if source is not None:
            loads |= dict.fromkeys(moves, source)
    if loads:
        count("loads of sources replaced", len(loads))
        scalars = [value for source in loads.values() for value in segments(source.kernel)[0]]
        KernelCopy(kernel, scalars, _Copies(loads).replace).run()


def _is_left(kernel: ir.Operation) -> bool:
    """Whether an op is a source's kernel that nobody reads any more."""
    if not is_naive(kernel) or any(map(has_uses, kernel.results)):
        return False
    return all(source_of(result) is not None for result in kernel.results) and not any(
        op.name == "gir.assert" for op in operations(entry_block(kernel))
    )
