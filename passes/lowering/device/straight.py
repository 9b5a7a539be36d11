"""Operands whose runs don't begin where intrinsics can, as windows a few elements further: copied to where they do.

    %1 = gir.slice %0 [0, 1] [32, 1024]      ⇒   copy rows of x, from its second element on, to t
    %2 = arith.addf %1, %y                       addf t, y

A machine that copies nothing within the space of tiles reads such operands element by element.
"""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.layouts import Layout, row_strides
from powerfusion.passes.lowering.device.lowering import DeviceLowering
from powerfusion.passes.lowering.device.state import Flight
from powerfusion.passes.lowering.device.transfers import Box, Side, move, pointer_of
from powerfusion.passes.lowering.emitc.tiles import Held, Tile, squeezed


def straightened(
    lowering: DeviceLowering, op: ir.Operation, tiles: Sequence[Tile], layouts: Sequence[Layout]
) -> list[Layout]:
    """Where an op's operands are, once those that begin elsewhere are copied."""
    return [_straight(lowering, op, tile, layout) for tile, layout in zip(tiles, layouts, strict=True)]


def is_straight(layout: Layout, lanes: int) -> bool:
    """Whether each row of a view begins where intrinsics can."""
    return all(number % lanes == 0 for number in (layout.offset, *layout.strides[:-1]))


def copied(
    lowering: DeviceLowering, op: ir.Operation, layout: Layout, sizes: Sequence[int], to: Held, begin: int = 0
) -> None:
    """Starts a copy of what a layout says, of these sizes, into a tile that has a place, from an element of it on."""
    old = layout.held
    assert old is not None
    assert to.strides is not None
    lowering.arrive_loads()
    lowering.before_copy(*(region.span for region in map(lowering.region_of, (old, to)) if region is not None))
    region = lowering.region_of(to)
    name = lowering.space.name
    source = Side(name, pointer_of(old), layout.offset, layout.strides)
    box = Box(tuple(sizes), lowering.element_bytes(old), source, Side(name, pointer_of(to), begin, to.strides))
    copy = move(lowering, op, box, region)
    if copy.wait and region is not None:
        lowering.flights.append(Flight(region.span, copy.wait, None))


def can_copy(lowering: DeviceLowering) -> bool:
    """Whether the machine moves bytes within the space of tiles."""
    name = lowering.space.name
    return any(copy.granule_bytes == copy.alignment_bytes == 1 for copy in lowering.emission.copies_along(name, name))


def _straight(lowering: DeviceLowering, op: ir.Operation, tile: Tile, layout: Layout) -> Layout:
    old, shape = layout.held, squeezed(tile.shape)
    crooked = old is not None and layout.strides[-1] == 1 and not is_straight(layout, lowering.lanes)
    if old is None or not crooked or old.element != tile.element or not can_copy(lowering):
        return layout
    sizes = [size if stride else 1 for size, stride in zip(shape, layout.strides, strict=True)]
    held = Held(tuple(sizes), tile.element)
    if any(stride % lowering.lanes for stride in row_strides(squeezed(sizes), lowering.lanes)[:-1]):
        return layout
    lowering.place(held, op, copied=True)
    long = [at for at, size in enumerate(sizes) if size != 1]
    copied(lowering, op, Layout(old, layout.offset, tuple(layout.strides[at] for at in long)), squeezed(sizes), held)
    strides = [0] * len(shape)
    assert held.strides is not None
    for at, stride in zip(long, held.strides, strict=True):
        strides[at] = stride
    return Layout(held, 0, tuple(strides))
