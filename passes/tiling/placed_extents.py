"""Parts of a placed kernel's dimensions as index values: of groups, of units, of steps."""

from __future__ import annotations

from dataclasses import dataclass

from powerfusion.core._mlir import index_constant, integer_of
from powerfusion.mlir import ir
from powerfusion.passes.tiling.placed_dims import PlacedDim
from powerfusion.passes.tiling.windows import Axis, affine_apply, affine_map, affine_min, index_op, scaled, shifted


@dataclass(frozen=True)
class Extent:
    """A part of a dimension.

    Attributes:
        low: Its first index.
        end: The index behind its last.
    """

    low: ir.Value
    end: ir.Value


def plus(value: ir.Value, by: int) -> ir.Value:
    """An index further on."""
    known = integer_of(value)
    return shifted(value, by) if known is None else index_constant(known + by)


def _only(lengths: frozenset[int] | None) -> int | None:
    """The one length that parts have, None where they differ."""
    return next(iter(lengths)) if lengths is not None and len(lengths) == 1 else None


def group_extent(dim: PlacedDim, which: ir.Value | None, size: ir.Value) -> Extent:
    """A group's part of a dimension of that size."""
    if which is None:
        return Extent(index_constant(0), size)
    low = scaled(which, dim.per_group)
    length = _only(dim.group_lengths)
    return Extent(low, _end(low, dim.per_group, size) if length is None else plus(low, length))


def unit_extent(dim: PlacedDim, which: ir.Value | None, group: Extent) -> Extent:
    """A unit's part of a group's."""
    if which is None:
        return group
    low = index_op("arith.addi", [group.low, scaled(which, dim.per_unit)])
    length = None if dim.idle_units else _only(dim.unit_lengths)
    end = _end(low, dim.per_unit, group.end) if length is None else plus(low, length)
    return Extent(low, index_op("arith.maxsi", [low, end]) if dim.idle_units else end)


def _end(low: ir.Value, length: int, end: ir.Value) -> ir.Value:
    first, behind = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
    return affine_min(ir.AffineMap.get(2, 0, [first + length, behind]), [low, end])


def count_steps(part: Extent, step: int) -> ir.Value:
    """How many steps a part has."""
    low, end = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
    map_ = ir.AffineMap.get(2, 0, [ir.AffineExpr.get_ceil_div(end - low, step)])
    return affine_apply(map_, [part.low, part.end])


def counted_back(step: int) -> ir.AffineMap:
    """(first index, number of steps, steps done) -> the first index of the next step, the last one first."""
    return affine_map(3, lambda low, count, done: low + (count - 1 - done) * step)


def _rest(low: ir.Value, end: ir.Value, most: int) -> ir.Value:
    """How much there is from an index on, at most so much."""
    first, behind = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
    return affine_min(ir.AffineMap.get(2, 0, [ir.AffineConstantExpr.get(most), behind - first]), [low, end])


def step_axis(dim: PlacedDim, part: Extent, *, may_be_empty: bool = False) -> Axis:
    """The axis of a step that begins where a part does."""
    whole = dim.whole_steps and not may_be_empty
    return Axis(part.low, dim.tile, None if whole else _rest(part.low, part.end, dim.tile))


def group_axis(dim: PlacedDim, part: Extent) -> Axis:
    """A group's part of a dimension."""
    length = _only(dim.group_lengths)
    if length is not None:
        return Axis(part.low, length)
    most = min(n for n in (dim.per_group, dim.bound, dim.size) if n is not None)
    return Axis(part.low, most, _rest(part.low, part.end, most))
