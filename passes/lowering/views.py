"""How views at `reg` are lowered: the same elements, in other rows and lanes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from powerfusion.core._mlir import (
    create,
    defining_op,
    index_constant,
    integer_of,
    integers,
    mixed,
    segments,
)
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.interleaving import can_interleave, columns_of, rows_of_columns
from powerfusion.passes.lowering.memory import add_offset, spread
from powerfusion.passes.lowering.registers import (
    Indices,
    Tile,
    extract_at,
    linear,
    pick,
    register_types,
    rows_of,
    tile_of,
)
from powerfusion.passes.lowering.registry import lowers
from powerfusion.passes.lowering.transposes import can_transpose, transpose

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering


def _bind(lowering: VectorLowering, op: ir.Operation, wanted: Indices) -> None:
    tiles = [lowering.value(operand) for operand in op.operands if isinstance(operand.type, ir.RankedTensorType)]
    lowering.bind([op.result], [pick(tiles, wanted)])


@lowers("gir.move", to="vector")
def lower_move(lowering: VectorLowering, op: ir.Operation) -> None:
    """From registers to registers, nothing."""
    lowering.bind([op.result], [lowering.value(op.operands[0])])


@lowers("gir.permute", to="vector")
def lower_permute(lowering: VectorLowering, op: ir.Operation) -> None:
    """Rows under other names, and shuffles where the lanes aren't the same."""
    shape, perm = op.operands[0].type.shape, integers(op.attributes["perm"])
    source = defining_op(op.operands[0])
    if source is not None and source.name == "gir.reshape" and _is_interleaved(source.operands[0], shape, perm):
        rows, columns = shape[-2:]
        made = columns_of(rows_of(lowering.value(source.operands[0]))[0], rows, columns)
        lowering.bind([op.result], [tile_of(made)])
    elif can_transpose(shape, perm):
        lowering.bind([op.result], [transpose(lowering.value(op.operands[0]))])
    else:
        _bind(lowering, op, np.transpose(linear(shape), perm))


@lowers("gir.broadcast", to="vector")
def lower_broadcast(lowering: VectorLowering, op: ir.Operation) -> None:
    """The same rows again, or one element in all lanes."""
    numbers = np.expand_dims(linear(op.operands[0].type.shape), tuple(integers(op.attributes["dims"])))
    _bind(lowering, op, np.broadcast_to(numbers, tuple(op.result.type.shape)))


@lowers("gir.reshape", to="vector")
def lower_reshape(lowering: VectorLowering, op: ir.Operation) -> None:
    """The elements in their order, cut into other rows."""
    source = defining_op(op.operands[0])
    if source is not None and source.name == "gir.permute":
        perm = integers(source.attributes["perm"])
        if _is_interleaved(op.result, source.result.type.shape, perm):
            made = rows_of_columns(rows_of(lowering.value(source.operands[0])))
            lowering.bind([op.result], [tile_of([made])])
            return
    _bind(lowering, op, linear(op.result.type.shape))


def _is_interleaved(flat: ir.Value, shape: Sequence[int], perm: Sequence[int]) -> bool:
    """Whether a tile of short rows, which a vector has one behind the other, is turned to columns or from these."""
    *others, rows, columns = shape
    swaps = list(perm) == [*range(len(others)), len(others) + 1, len(others)]
    is_flat = prod(others) == 1 and flat.type.shape[-1] == rows * columns
    return swaps and is_flat and can_interleave(rows, columns)


@lowers("gir.concat", to="vector")
def lower_concat(lowering: VectorLowering, op: ir.Operation) -> None:
    """The operands' rows one after the other, or their lanes side by side."""
    start = 0
    parts: list[Indices] = []
    for operand in op.operands:
        parts.append(linear(operand.type.shape) + start)
        start += parts[-1].size
    _bind(lowering, op, np.concatenate(parts, ir.IntegerAttr(op.attributes["dim"]).value))


@lowers("gir.window", to="vector")
def lower_window(lowering: VectorLowering, op: ir.Operation) -> None:
    """Each neighbourhood's elements, as often as they are in one; a product takes them itself."""
    if not all(use.owner.name == "gir.contract" for use in op.result.uses):
        _bind(lowering, op, window_numbers(op))


def window_numbers(op: ir.Operation) -> Indices:
    """Per element of a `gir.window` the number of the operand's."""
    names = ("dims", "sizes", "strides", "dilations")
    numbers = linear(op.operands[0].type.shape)
    for dim, size, stride, dilation in zip(*(integers(op.attributes[name]) for name in names), strict=True):
        views = np.lib.stride_tricks.sliding_window_view(numbers, dilation * (size - 1) + 1, dim)
        steps = [slice(None)] * views.ndim
        steps[dim], steps[-1] = slice(None, None, stride), slice(None, None, dilation)
        numbers = views[tuple(steps)]
    return numbers


@lowers("gir.slice", to="vector")
def lower_slice(lowering: VectorLowering, op: ir.Operation) -> None:
    """A box at known offsets is shuffles; else its elements are taken one by one."""
    (source,), *dynamic = segments(op)
    names = ("static_offsets", "static_sizes", "static_strides")
    offsets, sizes, strides = (mixed(op, part, name) for part, name in zip(dynamic, names, strict=True))
    boxes = list(zip(_numbers(sizes), _numbers(strides), strict=False))
    if len(boxes) < len(sizes):
        raise UnsupportedError("a slice at reg needs static sizes and strides", location=op.location)
    starts = _numbers(offsets)
    if len(starts) == len(offsets):
        box = tuple(slice(s, s + (n - 1) * t + 1, t) for s, (n, t) in zip(starts, boxes, strict=True))
        _bind(lowering, op, linear(source.type.shape)[box].reshape(tuple(op.result.type.shape)))
        return
    places = [index_constant(v) if isinstance(v, int) else lowering.scalar(v) for v in offsets]
    tile = _picked_at(lowering.value(source), source.type.shape, places, boxes)
    lowering.bind([op.result], [pick([tile], linear(op.result.type.shape))])


def _numbers(values: Sequence[int | ir.Value]) -> list[int]:
    """The values, if all of them are known; else nothing."""
    known = [value if isinstance(value, int) else integer_of(value) for value in values]
    numbers = [number for number in known if number is not None]
    return numbers if len(numbers) == len(known) else []


def _picked_at(tile: Tile, shape: Sequence[int], starts: Sequence[ir.Value], boxes: list[tuple[int, int]]) -> Tile:
    """A box of a tile at offsets that are known only when the program runs, element by element."""
    whole = rows_of(pick([tile], linear(shape), lanes=prod(shape)))[0]
    steps = [prod(shape[dim + 1 :]) for dim in range(len(shape))]
    first = index_constant(0)
    for start, step in zip(starts, steps, strict=True):
        way = create("arith.muli", [start, index_constant(step)], [start.type]).result
        first = create("arith.addi", [first, way], [start.type]).result
    distances = [
        sum(i * stride * step for i, (_, stride), step in zip(index, boxes, steps, strict=True))
        for index in np.ndindex(*(size for size, _ in boxes))
    ]
    return tile_of([extract_at(whole, add_offset(first, distance)) for distance in distances])


@lowers("gir.pad", to="vector")
def lower_pad(lowering: VectorLowering, op: ir.Operation) -> None:
    """The border is one more element to pick."""
    (source,), (value,), *dynamic = segments(op)
    low, high = (mixed(op, part, name) for part, name in zip(dynamic, ("static_low", "static_high"), strict=True))
    widths = list(zip(_numbers(low), _numbers(high), strict=False))
    if len(widths) < len(low):
        raise UnsupportedError("a pad at reg needs a static border", location=op.location)
    shape = source.type.shape
    wanted = np.pad(linear(shape), widths, constant_values=prod(shape))
    lowering.bind([op.result], [pick([lowering.value(source), lowering.value(value)], wanted)])


@lowers("tensor.splat", to="vector")
def lower_splat(lowering: VectorLowering, op: ir.Operation) -> None:
    """A scalar to all lanes."""
    types = register_types(op.result.type)
    row = spread(lowering.scalar(op.operands[0]), types[0])
    lowering.bind([op.result], [tile_of([row] * len(types))])


@lowers("gir.insert", to="vector")
def lower_insert(lowering: VectorLowering, op: ir.Operation) -> None:
    """Nothing: `gir-tile` stores both operands in their places."""
    raise UnsupportedError("a view at dram can't be lowered", location=op.location, help="run gir-tile first")
