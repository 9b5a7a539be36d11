"""`gir-share-kernels`: equal kernels of equal inputs run once.

Rewrite:
    %1 = gir.kernel "mean" (%a = %x) { sum of %a, divided }      ⇒   %1 = gir.kernel "mean" (%a = %x) { ... }
    %2 = gir.kernel "average" (%b = %x) { sum of %b, divided }       use(%1, %1)
    use(%1, %2)

Names and the order of inputs don't count, ops, attributes and types do. Kernels are looked at in program
order, each with what it reads already shared, so that whole duplicated subgraphs go. `cse` does the
same for ops in a kernel; of kernels it sees the names.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import attributes_of, entry_block, functions, is_tensor, operations, segments
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import is_naive

Key = tuple[Hashable, ...]


@register_pass
@dataclass(frozen=True)
class ShareKernelsPass(Pass):
    """Runs equal kernels of equal inputs once."""

    name: ClassVar[str] = "gir-share-kernels"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})

    def run(self, op: ir.Operation) -> None:
        """Shares kernels in every block of a module."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                share_kernels(block)


def share_kernels(block: ir.Block) -> None:
    """Replaces each kernel of a block by an equal one before it."""
    alike: dict[Key, list[ir.Operation]] = {}
    for kernel in [op for op in operations(block) if is_naive(op) and op.results]:
        if not all(is_tensor(result) for result in kernel.results):
            continue
        others = alike.setdefault(_outline(kernel), [])
        body = _body_key(kernel) if others else None
        equal = next((other for other in others if _body_key(other) == body), None)
        if equal is None:
            others.append(kernel)
            continue
        for old, new in zip(kernel.results, equal.results, strict=True):
            old.replace_all_uses_with(new)
        count("kernels shared")
        kernel.erase()


def _outline(kernel: ir.Operation) -> Key:
    """What is equal of equal kernels and found at once: inputs in any order, sizes, types, ops."""
    inputs, sizes = segments(kernel)
    types = tuple(result.type for result in kernel.results)
    return frozenset(inputs), tuple(sizes), types, tuple(op.name for op in operations(entry_block(kernel)))


def _body_key(kernel: ir.Operation) -> Key:
    """A kernel's ops, each value as the input that it stands for or as the number of its definition."""
    block = entry_block(kernel)
    known: dict[ir.Value, Hashable] = dict(zip(block.arguments, segments(kernel)[0], strict=True))
    return _block_key(block, known)


def _block_key(block: ir.Block, known: dict[ir.Value, Hashable]) -> Key:
    found: list[Hashable] = []
    for op in operations(block):
        attributes = tuple(sorted(attributes_of(op).items(), key=lambda entry: entry[0]))
        inner: list[Hashable] = []
        for region in op.regions:
            for own in region.blocks:
                known |= {argument: len(known) + at for at, argument in enumerate(own.arguments)}
                inner.append((tuple(argument.type for argument in own.arguments), _block_key(own, known)))
        operands = tuple(known[operand] for operand in op.operands)
        found.append((op.name, attributes, operands, tuple(result.type for result in op.results), tuple(inner)))
        known |= {result: len(known) + at for at, result in enumerate(op.results)}
    return tuple(found)
