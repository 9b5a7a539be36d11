"""How each op's tile is made: one rule per op, for values at reg and for views at dram alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from powerfusion.core._mlir import (
    attributes_of,
    constant_of,
    create,
    i64_array,
    integers,
    is_tensor,
    mixed,
    segments,
)
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.tiling.tiles import ELEMENTWISE, TileEmitter, tiled
from powerfusion.passes.tiling.windows import (
    SGE,
    Axis,
    Window,
    compare,
    index_op,
    inside,
    narrowed,
    permuted,
    places,
    sliced,
    splat,
    swapped_dims,
    tile_type,
    widened,
)

# -- movement and views ----------------------------------------------------------------------


@tiled("gir.move")
def tile_move(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value]:
    """What is moved, where it comes from."""
    return [emitter.tile(op.operands[0], window)]


@tiled("gir.permute")
def tile_permute(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value]:
    """The operand's tile, its dimensions reordered."""
    return [permute(emitter.tile(op.operands[0], permuted(op, window)), integers(op.attributes["perm"]))]


@tiled("gir.broadcast")
def tile_broadcast(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value]:
    """The operand's tile, repeated."""
    tile = emitter.tile(op.operands[0], narrowed(op, window))
    return [broadcast(tile, integers(op.attributes["dims"]), tile_type(op.result, window))]


@tiled("gir.slice")
def tile_slice(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value]:
    """The operand's tile at the slice's place, without the dimensions that are left out."""
    tile = emitter.tile(op.operands[0], sliced(op, window, emitter.amount))
    return [drop_units(tile, integers(op.attributes["drop"]))]


@tiled("gir.window")
def tile_window(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value]:
    """The operand's tile, with unit dimensions for places in the neighbourhood."""
    tile = emitter.tile(op.operands[0], widened(op, window))
    perm = swapped_dims(op, window)
    rank, count = tile.type.rank, len(window) - tile.type.rank
    shape = [axis.size for axis in window] if perm is None else [window[p].size for p in perm]
    type_ = ir.RankedTensorType.get(shape, tile.type.element_type, tile.type.encoding)
    tile = broadcast(tile, range(rank, rank + count), type_)
    return [tile if perm is None else permute(tile, perm)]


@tiled("gir.concat")
def tile_concat(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value]:
    """Each operand's tile, clipped to it; the last one that begins before an element has it."""
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    axis = window[dim]
    start: ir.Value | None = None
    made: ir.Value | None = None
    found: ir.Value | None = None
    there = [value for value in op.operands if 0 not in value.type.shape]
    for source in there or list(op.operands)[:1]:  # of what is empty, a tile of which nothing is there
        if made is None or start is None:
            made = emitter.tile(source, _with(window, dim, replace(axis, clip=True)))
            start = emitter.size(source, dim)
            continue
        moved = replace(axis, start=index_op("arith.subi", [axis.start, start]), clip=True)
        tile = emitter.tile(source, _with(window, dim, moved))
        found = places(dim, window) if found is None else found
        flags = compare(SGE, found, splat(start, found.type))
        made = create("arith.select", [flags, tile, made], [tile.type]).result
        start = index_op("arith.addi", [start, emitter.size(source, dim)])
    assert made is not None, "expected an operand"
    return [made]


@tiled("gir.pad")
def tile_pad(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value]:
    """The operand's tile where the window is inside of it, the border's value elsewhere."""
    source, border = op.operands[0], op.operands[1]
    cut = segments(op)
    lows, highs = mixed(op, cut[2], "static_low"), mixed(op, cut[3], "static_high")
    inner: list[Axis] = []
    padded: list[int] = []
    for dim, (axis, low, high) in enumerate(zip(window, lows, highs, strict=True)):
        if low == 0 and high == 0:
            inner.append(axis)
            continue
        start = index_op("arith.subi", [axis.start, emitter.amount(low)])
        inner.append(replace(axis, start=start, valid=None, clip=True))
        padded.append(dim)
    tile = emitter.tile(source, tuple(inner))
    outside = emitter.splat(border, tile.type)
    for dim in padded:
        flags = inside(dim, tuple(inner), emitter.size(source, dim))
        tile = create("arith.select", [flags, tile, outside], [tile.type]).result
    return [tile]


def _with(window: Window, dim: int, axis: Axis) -> Window:
    return (*window[:dim], axis, *window[dim + 1 :])


@tiled("gir.gather")
def tile_gather(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value]:
    """The table's elements at the indices' tiles."""
    table, *indices = op.operands
    tiles = [emitter.tile(index, window) for index in indices]
    return [create("gir.gather", [emitter.place(table), *tiles], [tile_type(op.result, window)]).result]


# -- computation -----------------------------------------------------------------------------


@tiled("gir.iota")
def tile_iota(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value]:
    """The window's own indices, from the offset on where there is one."""
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    offset = segments(op)[0]
    if offset:
        start = index_op("arith.addi", [window[dim].start, emitter.scalar(offset[0])])
        window = _with(window, dim, replace(window[dim], start=start))
    return [places(dim, window)]


@tiled("tensor.splat")
def tile_splat(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value]:
    """A scalar everywhere."""
    return [emitter.splat(op.operands[0], tile_type(op.result, window))]


@tiled("arith.constant")
def tile_constant(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value]:
    """A splat of the tile's shape."""
    del emitter
    value = constant_of(op.result)
    if not isinstance(value, ir.DenseElementsAttr) or not value.is_splat:
        raise UnsupportedError(
            "a constant in a kernel that isn't a splat can't be tiled",
            location=op.location,
            help="pass it to the kernel as an input",
        )
    splats = ir.DenseElementsAttr.get_splat(tile_type(op.result, window), value.get_splat_value())
    return [create("arith.constant", results=[splats.type], attributes={"value": splats}).result]


@tiled("gir.reduce")
def tile_reduce(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value | None]:
    """Loops of its own, where no sweep has made it."""
    return emitter.reduce_tile(op, window)


@tiled(ELEMENTWISE)
def tile_elementwise(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value]:
    """The op on its operands' tiles; scalars are the kernel's."""
    tiles = [
        emitter.tile(operand, window) if is_tensor(operand) else emitter.scalar(operand) for operand in op.operands
    ]
    types = [tile_type(result, window) for result in op.results]
    return list(create(op.name, tiles, types, attributes_of(op), loc=op.location).results)


# -- ops on tiles ----------------------------------------------------------------------------


def permute(tile: ir.Value, perm: Sequence[int]) -> ir.Value:
    """A tile with its dimensions reordered."""
    shape = [tile.type.shape[p] for p in perm]
    type_ = ir.RankedTensorType.get(shape, tile.type.element_type, tile.type.encoding)
    return create("gir.permute", [tile], [type_], {"perm": i64_array(perm)}).result


def broadcast(tile: ir.Value, dims: Sequence[int], type_: ir.Type) -> ir.Value:
    """A tile repeated along new dimensions."""
    return create("gir.broadcast", [tile], [type_], {"dims": i64_array(dims)}).result


def add_units(tile: ir.Value, dims: Sequence[int]) -> ir.Value:
    """A tile with further dimensions of size 1, at these places in the result."""
    if not dims:
        return tile
    sizes = iter(tile.type.shape)
    shape = [1 if dim in dims else next(sizes) for dim in range(tile.type.rank + len(dims))]
    return broadcast(tile, dims, ir.RankedTensorType.get(shape, tile.type.element_type, tile.type.encoding))


def drop_units(tile: ir.Value, dims: Sequence[int]) -> ir.Value:
    """A tile without some dimensions of size 1."""
    if not dims:
        return tile
    shape = [size for dim, size in enumerate(tile.type.shape) if dim not in dims]
    type_ = ir.RankedTensorType.get(shape, tile.type.element_type, tile.type.encoding)
    return create("gir.reshape", [tile], [type_]).result
