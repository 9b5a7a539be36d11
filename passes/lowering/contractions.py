"""`gir.contract` on the CPU: fused multiply-adds of rows.

Lanes lie along the accumulator's last long dimension, or along a summed one where it has none:

    acc[m, n] += lhs[m, k] * rhs[k, n]   =>   for m, k:  row acc[m] = fma(lhs[m, k] in all lanes, row rhs[k], acc[m])
    acc[]     += lhs[k] * rhs[k]         =>   row sum = fma(row lhs, row rhs, sum), its lanes added up at the end

Narrow floats are multiplied and added in f32 and rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerfusion.core._mlir import create, defining_op, integer_of, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import loops_of
from powerfusion.passes.lowering.computation import widened
from powerfusion.passes.lowering.contraction_loops import (
    Operand,
    in_place,
    is_looped,
    is_read_in_place,
    laid_out,
    sum_in_loop,
)
from powerfusion.passes.lowering.elementwise import combine, convert_float, elementwise, is_narrow, zero
from powerfusion.passes.lowering.extents import Extents, choose
from powerfusion.passes.lowering.memory import spread
from powerfusion.passes.lowering.reductions import horizontal
from powerfusion.passes.lowering.registers import Indices, Tile, each_row, lane_dim, linear, pick, rows_of, tile_of
from powerfusion.passes.lowering.registry import lowers
from powerfusion.passes.lowering.views import window_numbers

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering


@dataclass(frozen=True)
class Factor:
    """One operand, its iteration dimensions, and its elements as rows along the lanes or as scalars."""

    dims: tuple[int, ...]
    sizes: tuple[int, ...]
    rows: tuple[ir.Value, ...]

    def at(self, place: Sequence[int]) -> ir.Value:
        """The row, or element, at a place of the iteration space."""
        index = [place[dim] for dim in self.dims]
        return self.rows[int(np.ravel_multi_index(index, self.sizes)) if index else 0]


@lowers("gir.contract", to="vector")
def lower_contract(lowering: VectorLowering, op: ir.Operation) -> None:
    """Rows of products, added up."""
    lhs, rhs, acc, *valid = op.operands
    maps = [loops_of(attribute) for attribute in ir.ArrayAttr(op.attributes["maps"])]
    count = ir.AffineMapAttr(op.attributes["maps"][0]).value.n_dims
    sizes = [1] * count
    for value, dims in zip((lhs, rhs, acc), maps, strict=True):
        for dim, size in zip(dims, value.type.shape, strict=True):
            sizes[dim] = size
    summed = [dim for dim in range(count) if dim not in maps[2]]
    own = lane_dim(acc.type.shape)
    lane = maps[2][own] if own is not None else next((dim for dim in reversed(summed) if sizes[dim] > 1), None)
    element = ir.F32Type.get() if is_narrow(acc.type.element_type) else acc.type.element_type
    whole = all(integer_of(value) == size for value, size in zip(valid, sizes, strict=False))
    counts = [] if whole else [lowering.scalar(value) for value in valid]
    extents = Extents.of(sizes, counts, summed)
    plain = not any(_is_window(value) for value in (lhs, rhs)) and not counts
    if own is not None and lane is not None and plain and is_looped(maps, sizes, lane, element):
        rows = _looped(lowering, op, maps, sizes, lane, element)
        lowering.bind([op.result], [each_row(lambda row: _converted(row, acc.type.element_type), tile_of(rows))])
        return
    factors = [
        _factor(op, (*_source(lowering, value), dims), sizes, lane, element, extents)
        for value, dims in zip((lhs, rhs), maps[:2], strict=True)
    ]
    start = each_row(lambda row: _converted(row, element), lowering.value(acc))
    kept = Extents.of(acc.type.shape, [counts[dim] for dim in maps[2]] if counts else [])
    made = kept.merged(_sum(factors, (start, maps[2]), sizes, lane, op), start)
    lowering.bind([op.result], [each_row(lambda row: _converted(row, acc.type.element_type), made)])


def _looped(
    lowering: VectorLowering,
    op: ir.Operation,
    maps: Sequence[Sequence[int]],
    sizes: Sequence[int],
    lane: int,
    element: ir.Type,
) -> list[ir.Value]:
    """The accumulator's rows after a loop over a summed dimension."""
    extents = Extents.of(sizes, [], [])
    operands: list[Operand] = []
    for tile, dims in zip(op.operands[:2], maps, strict=False):
        load = in_place(tile, op) if is_read_in_place(tile, element, along=lane in dims) else None
        if load is not None and (lane not in dims or _is_along(load, dims.index(lane))):
            (memref,), indices, _ = segments(load)
            starts = tuple(lowering.scalar(index) for index in indices)
            operands.append(Operand(lowering.scalar(memref), starts, tuple(dims)))
            continue
        if lane in dims:
            factor = _factor(op, (*_source(lowering, tile), list(dims)), sizes, lane, element, extents)
            operands.append(laid_out(lowering, factor.rows, [*factor.sizes, sizes[lane]], [*factor.dims, lane]))
        else:
            rows = [widened(row, element, unsigned=False, loc=op.location) for row in rows_of(lowering.value(tile))]
            operands.append(laid_out(lowering, rows, tile.type.shape, dims))
    rows, elements = operands if lane in maps[0] else reversed(operands)
    inits = rows_of(each_row(lambda row: _converted(row, element), lowering.value(op.operands[2])))
    return sum_in_loop(rows, elements, inits, [dim for dim in maps[2] if dim != lane], sizes, lane)


def _is_along(load: ir.Operation, dim: int) -> bool:
    """Whether a dimension of what was loaded is contiguous in memory, and the memref's last."""
    type_ = load.operands[0].type
    return dim == type_.rank - 1 and type_.get_strides_and_offset()[0][dim] == 1


def _converted(row: ir.Value, element: ir.Type) -> ir.Value:
    return convert_float(row, element) if isinstance(element, ir.FloatType) else row


def _source(lowering: VectorLowering, value: ir.Value) -> tuple[Tile, Indices]:
    """A tile, and per element of an operand its number there: of neighbourhoods that of what they are taken of."""
    op = defining_op(value)
    if op is None or not _is_window(value):
        return lowering.value(value), linear(value.type.shape)
    return lowering.value(op.operands[0]), window_numbers(op)


def _is_window(value: ir.Value) -> bool:
    op = defining_op(value)
    return op is not None and op.name == "gir.window"


def _factor(
    op: ir.Operation,
    operand: tuple[Tile, Indices, list[int]],
    sizes: Sequence[int],
    lane: int | None,
    element: ir.Type,
    extents: Extents,
) -> Factor:
    """An operand widened, 0 where it isn't there, its lanes turned to where they are wanted."""
    tile, elements, dims = operand
    along = lane if lane is not None and lane in dims else -1
    outer = [dim for dim in dims if dim != along]
    order = [dims.index(dim) for dim in [*outer, *([along] if along >= 0 else [])]]
    lanes = sizes[along] if along >= 0 else 1
    numbers = np.transpose(elements, order)
    unsigned = "is_unsigned" in op.attributes
    rows = rows_of(pick([tile], numbers, lanes))
    places = list(np.ndindex(*(sizes[dim] for dim in outer)))
    counts = [extents.counts[dim] for dim in outer]
    part = Extents(
        (*(sizes[dim] for dim in outer), lanes),
        (*counts, extents.counts[along] if lanes > 1 else None),
    )
    made: list[ir.Value] = []
    for row, place in zip(rows, places, strict=True):
        wide = widened(row, element, unsigned=unsigned, loc=op.location)
        there = part.mask((*place, 0)) if lanes > 1 else part.flag((*place, 0))
        made.append(choose(there, wide, zero(wide.type)))
    return Factor(tuple(outer), tuple(sizes[dim] for dim in outer), tuple(made))


def _sum(
    factors: Sequence[Factor],
    accumulator: tuple[Tile, list[int]],
    sizes: Sequence[int],
    lane: int | None,
    op: ir.Operation,
) -> Tile:
    """The products of all places, each added to its row of the accumulator."""
    start, dims = accumulator
    outer = [dim for dim in dims if dim != lane]
    apart = lane is not None and lane not in dims
    inits = rows_of(start)
    rows = list(inits)
    if apart:
        assert lane is not None
        elements = pick([start], linear([sizes[dim] for dim in dims]), lanes=1)
        inits = rows_of(elements)
        rows = [zero(ir.VectorType.get([sizes[lane]], init.type)) for init in inits]
    for place in np.ndindex(*(1 if dim == lane else size for dim, size in enumerate(sizes))):
        index = [place[dim] for dim in outer]
        target = int(np.ravel_multi_index(index, [sizes[dim] for dim in outer])) if index else 0
        rows[target] = _multiply_add(factors[0].at(place), factors[1].at(place), rows[target], op.location)
    if not apart:
        return tile_of(rows)
    totals = [combine("add", init, horizontal("add", row), op.location) for row, init in zip(rows, inits, strict=True)]
    return pick([tile_of(totals)], linear([sizes[dim] for dim in dims]))


def _multiply_add(left: ir.Value, right: ir.Value, acc: ir.Value, loc: ir.Location) -> ir.Value:
    type_ = acc.type
    operands = [spread(left, type_), spread(right, type_)]
    is_float = isinstance(
        ir.VectorType(type_).element_type if isinstance(type_, ir.VectorType) else type_, ir.FloatType
    )
    if is_float:
        return create("math.fma", [*operands, acc], [type_]).result
    product = elementwise("arith.muli", operands, [type_], {}, loc)[0]
    return create("arith.addi", [product, acc], [type_]).result
