"""Views at reg in a placed kernel: what they make of the tiles of their operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from powerfusion.core._mlir import create, i32_array, i64_array, index_constant, integers, mixed, segments
from powerfusion.mlir import ir
from powerfusion.passes.tiling.windows import SGE, Window, compare, inside, places, splat

if TYPE_CHECKING:
    from powerfusion.passes.tiling.tiles import TileEmitter

Operands = Sequence[tuple[ir.Value, Window]]


def box(
    tile: ir.Value, offsets: Sequence[int], sizes: Sequence[int], strides: Sequence[int], drop: Sequence[int]
) -> ir.Value:
    """A part of a tile; the tile itself where that is all of it."""
    type_ = tile.type
    if list(sizes) == list(type_.shape) and not drop and all(stride == 1 for stride in strides):
        return tile
    shape = [size for dim, size in enumerate(sizes) if dim not in drop]
    attributes = {
        "static_offsets": i64_array(offsets),
        "static_sizes": i64_array(sizes),
        "static_strides": i64_array(strides),
        "drop": i64_array(drop),
        "operandSegmentSizes": i32_array([1, 0, 0, 0]),
    }
    made = ir.RankedTensorType.get(shape, type_.element_type, type_.encoding)
    return create("gir.slice", [tile], [made], attributes).result


def _slice(emitter: TileEmitter, op: ir.Operation, operands: Operands) -> ir.Value:
    ((source, window),) = operands
    tile = emitter.tile(source, window)
    strides = [step if isinstance(step, int) else 1 for step in mixed(op, segments(op)[3], "static_strides")]
    sizes = [(axis.size - 1) // stride + 1 for axis, stride in zip(window, strides, strict=True)]
    return box(tile, [0] * len(sizes), sizes, strides, integers(op.attributes["drop"]))


def _concat(emitter: TileEmitter, op: ir.Operation, operands: Operands) -> ir.Value:
    tiles = [emitter.tile(source, window) for source, window in operands]
    if len(tiles) == 1:
        return tiles[0]
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    if operands[0][1][dim].clip:
        return _chosen(tiles, [window for _, window in operands], dim)
    shape = list(tiles[0].type.shape)
    shape[dim] = sum(tile.type.shape[dim] for tile in tiles)
    type_ = ir.RankedTensorType.get(shape, tiles[0].type.element_type, tiles[0].type.encoding)
    return create("gir.concat", tiles, [type_], {"dim": op.attributes["dim"]}).result


def _chosen(tiles: Sequence[ir.Value], windows: Sequence[Window], dim: int) -> ir.Value:
    """Each operand's tile where the operand has begun."""
    made = tiles[0]
    for tile, window in zip(tiles[1:], windows[1:], strict=True):
        found = places(dim, window)
        flags = compare(SGE, found, splat(index_constant(0), found.type))
        made = create("arith.select", [flags, tile, made], [tile.type]).result
    return made


def _window(emitter: TileEmitter, op: ir.Operation, operands: Operands) -> ir.Value:
    ((source, window),) = operands
    tile = emitter.tile(source, window)
    names = ("dims", "sizes", "strides", "dilations")
    shape, places = list(tile.type.shape), list[int]()
    for dim, size, stride, dilation in zip(*(integers(op.attributes[name]) for name in names), strict=True):
        shape[dim] = (shape[dim] - dilation * (size - 1) - 1) // stride + 1
        places.append(size)
    type_ = ir.RankedTensorType.get([*shape, *places], tile.type.element_type, tile.type.encoding)
    return create("gir.window", [tile], [type_], {name: op.attributes[name] for name in names}).result


def _pad(emitter: TileEmitter, op: ir.Operation, operands: Operands) -> ir.Value:
    ((source, window),) = operands
    tile = emitter.tile(source, window)
    border = emitter.splat(op.operands[1], tile.type)
    for dim, axis in enumerate(window):
        if axis.clip:
            flags = inside(dim, window, emitter.size(source, dim))
            tile = create("arith.select", [flags, tile, border], [tile.type]).result
    return tile


def _reshape(emitter: TileEmitter, op: ir.Operation, operands: Operands) -> ir.Value:
    ((source, window),) = operands
    tile = emitter.tile(source, window)
    old, new = list(source.type.shape), list(op.result.type.shape)
    front = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    shape = [*list(tile.type.shape)[:front], *new[front:]]
    type_ = ir.RankedTensorType.get(shape, tile.type.element_type, tile.type.encoding)
    return create("gir.reshape", [tile], [type_]).result


VIEW_RULES: dict[str, Callable[[TileEmitter, ir.Operation, Operands], ir.Value]] = {
    "gir.slice": _slice,
    "gir.concat": _concat,
    "gir.window": _window,
    "gir.pad": _pad,
    "gir.reshape": _reshape,
}
