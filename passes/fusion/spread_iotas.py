"""`gir-spread-iotas`: indices that are repeated along new dimensions are counted there straight away.

Rewrite:
    %0 = gir.iota dim 0 : 8                          ⇒   %1 = gir.iota dim 1 : 4x8
    %1 = gir.broadcast %0 dims [0] : 8 -> 4x8            %2 = gir.iota dim 0 : 8x8
    %2 = gir.broadcast %0 dims [1] : 8 -> 8x8

One row of indices that serves two dimensions would make them look like one: a mask that compares a row's number with a
column's couldn't be cut along both. Nothing moves, before and after.
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
    has_uses,
    i32_array,
    integers,
    operations,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import naive_kernels


@register_pass
@dataclass(frozen=True)
class SpreadIotasPass(Pass):
    """Makes indices in the shape in which they are used."""

    name: ClassVar[str] = "gir-spread-iotas"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites every kernel of a module that nobody has placed."""
        for kernel in naive_kernels(op):
            spread_iotas(kernel)


def spread_iotas(kernel: ir.Operation) -> None:
    """Rewrites the broadcasts of one kernel, those of broadcasts after these."""
    for op in operations(entry_block(kernel)):
        source = defining_op(op.operands[0]) if op.name == "gir.broadcast" else None
        if source is None or source.name != "gir.iota":
            continue
        new = integers(op.attributes["dims"])
        kept = [dim for dim in range(op.result.type.rank) if dim not in new]
        made = _iota(op, kept[ir.IntegerAttr(source.attributes["dim"]).value], _sizes(op, source, new))
        op.result.replace_all_uses_with(made)
        op.erase()
        if not has_uses(source.result):
            source.erase()


def _sizes(op: ir.Operation, source: ir.Operation, new: Sequence[int]) -> list[ir.Value]:
    """The open sizes of a broadcast's result, in order: its own, and those of what it repeats."""
    own, before = iter(list(op.operands)[1:]), iter(source.operands)
    shape = op.result.type.shape
    return [next(own if dim in new else before) for dim, size in enumerate(shape) if size == DYNAMIC]


def _iota(op: ir.Operation, dim: int, sizes: Sequence[ir.Value]) -> ir.Value:
    attributes: dict[str, ir.Attribute] = {
        "dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), dim),
        "operandSegmentSizes": i32_array([0, len(sizes)]),
    }
    with ir.InsertionPoint(op), op.location:
        return create("gir.iota", sizes, [op.result.type], attributes).result
