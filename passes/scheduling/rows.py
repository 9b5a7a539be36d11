"""Windows in a buffer that is one row of elements, and the index arithmetic of loops that use its places in turn."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from powerfusion.core._mlir import DYNAMIC, create, entry_block, i64_array, index_constant, integer_of, split_mixed
from powerfusion.mlir import ir
from powerfusion.passes.tiling import memrefs
from powerfusion.passes.tiling.windows import affine_apply, affine_min, index_op

LESS = 2  # arith.cmpi slt


def window_at(row: ir.Value, start: ir.Value, sizes: Sequence[int | ir.Value]) -> ir.Value:
    """A box of some sizes, without holes, that begins at an element of a row."""
    counts, total = split_mixed([_product(sizes)])
    part = memrefs.subview(row, [start, *counts], [1, len(counts), 0], [[DYNAMIC], total, [1]], [])
    return part if len(sizes) == 1 else _expanded(part, sizes)


def _expanded(part: ir.Value, sizes: Sequence[int | ir.Value]) -> ir.Value:
    """A row as a box."""
    dynamic, shape = split_mixed(sizes)
    _, offset = part.type.get_strides_and_offset()
    strides = [1]
    for size in reversed(shape[1:]):
        strides.insert(0, DYNAMIC if DYNAMIC in (size, strides[0]) else strides[0] * size)
    layout = ir.StridedLayoutAttr.get(offset, strides)
    result = ir.MemRefType.get(shape, part.type.element_type, layout, part.type.memory_space)
    i64 = ir.IntegerType.get_signless(64)
    group = ir.ArrayAttr.get([ir.IntegerAttr.get(i64, dim) for dim in range(len(shape))])
    attributes = {"reassociation": ir.ArrayAttr.get([group]), "static_output_shape": i64_array(shape)}
    return create("memref.expand_shape", [part, *dynamic], [result], attributes).result


def _product(sizes: Sequence[int | ir.Value]) -> int | ir.Value:
    """How many elements a box has."""
    total: ir.Value | None = None
    for size in sizes:
        if not isinstance(size, int):
            total = size if total is None else index_op("arith.muli", [total, size])
    known = prod(size for size in sizes if isinstance(size, int))
    if total is None:
        return known
    return total if known == 1 else index_op("arith.muli", [total, index_constant(known)])


# -- steps of a loop -------------------------------------------------------------------------


def later(index: ir.Value, by: int) -> ir.Value:
    """An index plus a number."""
    if not by:
        return index
    known = integer_of(index)
    if known is not None:
        return index_constant(known + by)
    return affine_apply(ir.AffineMap.get(1, 0, [ir.AffineDimExpr.get(0) + by]), [index])


def times(index: ir.Value, by: int) -> ir.Value:
    """An index times a number."""
    return affine_apply(ir.AffineMap.get(1, 0, [ir.AffineDimExpr.get(0) * by]), [index])


def smaller(one: ir.Value, other: ir.Value) -> ir.Value:
    """The smaller one of two indices."""
    left, right = integer_of(one), integer_of(other)
    if left is not None and right is not None:
        return one if left <= right else other
    return affine_min(ir.AffineMap.get(2, 0, [ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)]), [one, other])


def only_below(size: int | ir.Value, index: ir.Value, high: ir.Value) -> int | ir.Value:
    """A size, or 0 where an index isn't below a bound."""
    left, right = integer_of(index), integer_of(high)
    if left is not None and right is not None:
        return size if left < right else 0
    flag, predicate = ir.IntegerType.get_signless(1), ir.IntegerAttr.get(ir.IntegerType.get_signless(64), LESS)
    below = create("arith.cmpi", [index, high], [flag], {"predicate": predicate}).result
    value = index_constant(size) if isinstance(size, int) else size
    return create("arith.select", [below, value, index_constant(0)], [ir.IndexType.get()]).result


def at_most_one_step(low: ir.Value, high: ir.Value, step: int) -> ir.Value:
    """1 where a loop has a step, else 0 or less."""
    first, end = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
    steps = ir.AffineExpr.get_ceil_div(end - first, step)
    return affine_min(ir.AffineMap.get(2, 0, [ir.AffineConstantExpr.get(1), steps]), [low, high])


def trips(loop: ir.Operation) -> int | None:
    """How many steps an `scf.for` has, if that is known."""
    low, high, step = (integer_of(bound) for bound in list(loop.operands)[:3])
    if low is None or high is None or not step:
        return None
    return max(-(-(high - low) // step), 0)


def following(loop: ir.Operation, step: int) -> ir.Value:
    """The index of the step after a loop's own, or of its last one."""
    low, high = list(loop.operands)[:2]
    return smaller(later(entry_block(loop).arguments[0], step), last_index(low, high, step))


def last_index(low: ir.Value, high: ir.Value, step: int) -> ir.Value:
    """The index of a loop's last step, where it has one."""
    left, right = integer_of(low), integer_of(high)
    if left is not None and right is not None:
        return index_constant(left + (right - left - 1) // step * step)
    first, end = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
    steps = ir.AffineExpr.get_floor_div(end - first - 1, step)
    return affine_apply(ir.AffineMap.get(2, 0, [first + steps * step]), [low, high])


def turn(index: ir.Value, low: ir.Value, step: int, ahead: int, places: int) -> ir.Value:
    """Which of so many places it is the turn of, so many steps ahead."""
    here, first = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
    steps = ir.AffineExpr.get_floor_div(here - first, step)
    return affine_apply(ir.AffineMap.get(2, 0, [ir.AffineExpr.get_mod(steps + ahead, places)]), [index, low])
