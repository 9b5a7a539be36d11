"""`gir-join-readers`: what is computed element by element joins the one kernel that moves it on.

Rewrite:
    %0 = gir.kernel (%x) { relu of %x }                          ⇒   %1 = gir.kernel (%x, %y) {
    %1 = gir.kernel (%a = %0, %b = %y) { gir.concat of %a, %b }        gir.concat of relu of %x, %y }

A kernel that only moves values and computes them one by one joins a reader of the same kind, though the
two don't run over the same space: `gir-merge-kernels` wants that, to share loads; here the store and the
load between them cancel (`forward_views`), through slices, concatenations, permutations and reshapes, which
move nothing. No element is computed twice: a value that its reader repeats, or reads at computed
places, stays stored. A result that somebody else reads as well is stored as before, and not loaded.

A reshape of the function between the two becomes one in the reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    defining_op,
    entry_block,
    functions,
    integers,
    operations,
    segments,
    shape_of,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.drop_units import drop_units
from powerfusion.passes.fusion.forward_views import sort_parts
from powerfusion.passes.fusion.merge_kernels import merge
from powerfusion.passes.fusion.rebuild import drop_unused_inputs, is_naive, sort_block

VIEWS = ("gir.permute", "gir.slice", "gir.reshape", "gir.concat", "gir.insert")
OTHERS = ("gir.move", "gir.return", "gir.iota", "gir.broadcast", "gir.pad", "gir.assert", "tensor.splat", "tensor.dim")
REPEATING = ("gir.broadcast", "gir.window", "gir.gather")
FUNCTION_VIEWS = ("tensor.expand_shape", "tensor.collapse_shape")


@register_pass
@dataclass(frozen=True)
class JoinReadersPass(Pass):
    """Joins elementwise kernels with the kernels that move their results on."""

    name: ClassVar[str] = "gir-join-readers"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})
    max_ops: int = option(256, help="Ops in two kernels together beyond which they aren't joined")

    def run(self, op: ir.Operation) -> None:
        """Joins what can be in each block, readers first in program order."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                self._run_on(block)

    def _run_on(self, block: ir.Block) -> None:
        candidates = [op for op in operations(block) if is_naive(op) and is_elementwise(op)]
        if not any(map(_moves, candidates)):
            return
        elementwise = list(candidates)  # In which they are found by what they are: hashes change as ops do.
        joined: list[ir.Operation] = []
        while elementwise:
            cluster = self._grow(elementwise[-1], elementwise)
            if not any(map(_moves, cluster)):  # `gir-merge-kernels` has looked at these.
                cluster = cluster[:1]
            elementwise = [kernel for kernel in elementwise if kernel not in cluster]
            if len(cluster) > 1:
                for producer in cluster:
                    for reader in cluster:
                        _take_views_in(reader, producer)
                joined.append(merge(_in_order(cluster)))
        if joined:
            sort_block(block)
        for kernel in joined:
            sort_parts(kernel)
            drop_units(drop_unused_inputs(kernel))

    def _grow(self, reader: ir.Operation, elementwise: Sequence[ir.Operation]) -> list[ir.Operation]:
        """A reader and the kernels whose results it would take over, directly or through others."""
        cluster = [reader]
        count = len(operations(entry_block(reader)))
        for member in cluster:
            while (producer := self._producer(member, cluster, elementwise, count)) is not None:
                cluster.append(producer)
                count += len(operations(entry_block(producer)))
        return cluster

    def _producer(
        self, reader: ir.Operation, cluster: list[ir.Operation], elementwise: Sequence[ir.Operation], count: int
    ) -> ir.Operation | None:
        """The first kernel whose result a kernel of a cluster may take over."""
        for value in segments(reader)[0]:
            root = _kernel_result(value)
            producer = None if root is None else defining_op(root)
            if producer is None or producer not in elementwise or producer in cluster:
                continue
            if any(_repeats_any(op, producer) for op in cluster):
                continue
            total = count + len(operations(entry_block(producer)))
            if total <= self.max_ops and not _is_needed_between(producer, {producer, *cluster}):
                return producer
        return None


def _in_order(kernels: list[ir.Operation]) -> list[ir.Operation]:
    """Kernels in an order in which each comes after what it reads."""
    ordered: dict[ir.Operation, None] = {}
    remaining = list(reversed(kernels))
    while remaining:
        inside = set(remaining)
        ready = [op for op in remaining if not any(defining_op(value) in inside for value in op.operands)]
        ordered |= dict.fromkeys(ready)
        remaining = [op for op in remaining if op not in ordered]
    return list(ordered)


def _repeats_any(reader: ir.Operation, producer: ir.Operation) -> bool:
    """Whether a kernel repeats one of another's results."""
    pairs = zip(segments(reader)[0], entry_block(reader).arguments, strict=True)
    return any(
        _repeats(argument)
        for value, argument in pairs
        if (root := _kernel_result(value)) is not None and defining_op(root) == producer
    )


def is_elementwise(kernel: ir.Operation) -> bool:
    """Whether a kernel only moves values and computes them one by one."""
    return all(
        op.name in VIEWS or op.name in OTHERS or (op.name.startswith(("arith.", "math.")) and not op.regions)
        for op in operations(entry_block(kernel))
    )


def _moves(kernel: ir.Operation) -> bool:
    return any(op.name in VIEWS for op in operations(entry_block(kernel)))


def _kernel_result(value: ir.Value) -> ir.Value | None:
    """The kernel's result that a value is, or that static reshapes are of."""
    op = defining_op(value)
    while op is not None and _is_reshape(op):
        value = op.operands[0]
        op = defining_op(value)
    return value if op is not None and op.name == "gir.kernel" else None


def _is_reshape(op: ir.Operation) -> bool:
    """Whether an op is a reshape of the function, of static sizes."""
    return op.name in FUNCTION_VIEWS and DYNAMIC not in (*shape_of(op.result), *shape_of(op.operands[0]))


def _repeats(argument: ir.Value) -> bool:
    """Whether what a kernel loads of an argument is read more than once, as far as its results say."""
    stack = [argument]
    seen: set[ir.Value] = set()
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        for use in value.uses:
            op = use.owner.operation
            if op.name in REPEATING and not _adds_units(op):
                return True
            stack.extend(op.results)
    return False


def _adds_units(op: ir.Operation) -> bool:
    """Whether an op is a broadcast along dimensions of size 1, which repeats nothing."""
    return op.name == "gir.broadcast" and all(shape_of(op.result)[dim] == 1 for dim in integers(op.attributes["dims"]))


def _is_needed_between(producer: ir.Operation, inside: set[ir.Operation]) -> bool:
    """True if another op needs the producer and is needed by the cluster, but for reshapes that are taken in."""
    stack: list[ir.Operation] = []
    near = _users(producer)
    while near:
        op = near.pop()
        if _is_reshape(op):
            near += _users(op)
        elif op not in inside:
            stack.append(op)
    seen: set[ir.Operation] = set()
    while stack:
        op = stack.pop()
        if op in inside:
            return True
        if op not in seen:
            seen.add(op)
            stack.extend(_users(op))
    return False


def _users(op: ir.Operation) -> list[ir.Operation]:
    """The ops of the same block that use an op's results, those around inner users among them."""
    found: list[ir.Operation] = []
    for result in op.results:
        for use in result.uses:
            user = use.owner.operation
            while user.block != op.block:
                user = user.parent.operation
            found.append(user)
    return found


def _take_views_in(reader: ir.Operation, producer: ir.Operation) -> None:
    """Makes reshapes of the function between two kernels reshapes at dram in the second."""
    block = entry_block(reader)
    for at, (value, argument) in enumerate(zip(segments(reader)[0], list(block.arguments), strict=True)):
        root = _kernel_result(value)
        if root is None or root == value or defining_op(root) != producer:
            continue
        type_, view = argument.type, defining_op(value)
        reader.operands[at] = root
        argument.set_type(gir.tensor_at("dram", root.type.shape, root.type.element_type))
        with ir.InsertionPoint.at_block_begin(block), reader.location if view is None else view.location:
            made = create("gir.reshape", [argument], [type_]).result
        argument.replace_all_uses_except(made, made.owner.operation)
        _erase_views(value)


def _erase_views(value: ir.Value) -> None:
    """Erases reshapes of the function that nobody reads any more."""
    op = defining_op(value)
    while op is not None and op.name in FUNCTION_VIEWS and not any(True for _ in op.result.uses):
        source = op.operands[0]
        op.erase()
        op = defining_op(source)
