"""Concatenated tiles for a machine: parts are copied to where they go in a tile of its own.

    %2 = gir.concat %0, %1 dim 1        ⇒   copy x to t[:, 0:32];  copy y to t[:, 32:64]

Where a part is nowhere yet, or the machine moves nothing within that space, elements are chosen by their index.
"""

from __future__ import annotations

from itertools import accumulate

from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.layouts import layout_of
from powerfusion.passes.lowering.device.lowering import DEVICE, DeviceLowering
from powerfusion.passes.lowering.device.straight import can_copy, copied
from powerfusion.passes.lowering.emitc.tiles import Held, Tile, squeezed
from powerfusion.passes.lowering.emitc.views import lower_concat
from powerfusion.passes.lowering.registry import lowers


@lowers("gir.concat", to=DEVICE)
def lower_join(lowering: DeviceLowering, op: ir.Operation) -> None:
    """A copy per part."""
    tiles = [lowering.tile(operand) for operand in op.operands]
    lowering.settle(*tiles)
    layouts = [layout_of(tile) for tile in tiles]
    shape, dim = tuple(op.result.type.shape), ir.IntegerAttr(op.attributes["dim"]).value
    known = [layout for layout in layouts if layout is not None and layout.held is not None]
    whole = all(squeezed(tile.shape) and tile.shape[dim] > 1 for tile in tiles)
    if len(known) < len(tiles) or not whole or not can_copy(lowering):
        lower_concat(lowering, op)
        return
    held = Held(shape, op.result.type.element_type)
    lowering.group.flush()
    lowering.place(held, op, copied=True)
    assert held.strides is not None
    stride = held.strides[len(squeezed(shape[:dim]))]
    begins = accumulate((tile.shape[dim] for tile in tiles), initial=0)
    for tile, layout, begin in zip(tiles, known, begins, strict=False):
        copied(lowering, op, layout, squeezed(tile.shape), held, begin * stride)
    lowering.bind(op.results, [Tile.of(held)])
