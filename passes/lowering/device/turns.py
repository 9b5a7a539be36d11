"""Transposed tiles by a machine's intrinsic: rows become columns in a place of their own, which are runs then.

    %1 = gir.permute %0 [1, 0]          ⇒   t = transpose x, rows of x, columns of x
    %2 = arith.addf %1, %y                  addf t, y

The last two dimensions of a view are transposed, both of whole granules; others are loops. What isn't like that is read
element by element.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from powerfusion.machines.emission import TRANSPOSE
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.calls import emit_call
from powerfusion.passes.lowering.device.layouts import Layout, row_strides
from powerfusion.passes.lowering.device.lowering import DeviceLowering
from powerfusion.passes.lowering.device.transfers import linear, typed
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.code import Number, plus
from powerfusion.passes.lowering.emitc.tiles import Held, Tile, squeezed


def turned(
    lowering: DeviceLowering, op: ir.Operation, tiles: Sequence[Tile], layouts: Sequence[Layout]
) -> tuple[list[Tile], list[Layout]]:
    """An op's operands and where they are, once those that are transposed are transposed back."""
    pairs = [_turned(lowering, op, *pair) for pair in zip(tiles, layouts, strict=True)]
    return [tile for tile, _ in pairs], [layout for _, layout in pairs]


def _turned(lowering: DeviceLowering, op: ir.Operation, tile: Tile, layout: Layout) -> tuple[Tile, Layout]:
    old, shape = layout.held, squeezed(tile.shape)
    if old is None or not _is_transposed(lowering, tile, layout):
        return tile, layout
    dtype = str(tile.element)
    intrinsic = next(lowering.emission.intrinsics_for(TRANSPOSE, dtype), None)
    if intrinsic is None:
        return tile, layout
    lowering.arrive_loads()
    columns, rows = shape[-2:]
    held = Held(tuple(tile.shape), tile.element)
    lowering.place(held, op)
    lowering.compute(old)
    strides = row_strides(shape, lowering.lanes)
    with ExitStack() as nest:
        index = [nest.enter_context(code.loop(0, size)) for size in shape[:-2]]
        given: dict[str, Number] = {
            "dst": typed(lowering, held, linear(index, strides[:-2]), dtype),
            "a": typed(lowering, old, plus(layout.offset, linear(index, layout.strides[:-2])), dtype),
            "rows": rows,
            "columns": columns,
        }
        emit_call(intrinsic.parsed, intrinsic.callee(dtype), given, op)
    return Tile.of(held), Layout(held, 0, strides)


def _is_transposed(lowering: DeviceLowering, tile: Tile, layout: Layout) -> bool:
    """Whether the last two dimensions are the columns and rows of a block of whole granules."""
    shape = squeezed(tile.shape)
    if len(shape) < 2 or layout.strides[-2:] != (1, shape[-2]):
        return False
    begins = (layout.offset, *layout.strides[:-2], *shape[-2:])
    return all(number % lowering.lanes == 0 for number in begins)
