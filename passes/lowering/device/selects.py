"""Selections that need no condition per element: what is padded, and rows that are one of two.

    %c = low <= %iota < high                    ⇒   y = x, and the number where the index is outside, by itself
    %y = arith.select %c, %x, %number

    %y = arith.select %c, %x, %z                ⇒   for each row: y = c ? x : z
       where %c is one along a row

A condition on an index is kept as the bounds that it sets; who wants it by element compares where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from powerfusion.mlir import ir
from powerfusion.mlir.dialects.arith import CmpIPredicate
from powerfusion.passes.lowering.device.calls import emit_call
from powerfusion.passes.lowering.device.layouts import Layout, layout_of, row_strides, span_of
from powerfusion.passes.lowering.device.lowering import DeviceLowering
from powerfusion.passes.lowering.device.straight import can_copy, copied, is_straight
from powerfusion.passes.lowering.device.transfers import linear, typed, typed_number
from powerfusion.passes.lowering.device.ways import NUMBER, RUN, way_of
from powerfusion.passes.lowering.emitc import code, scalars
from powerfusion.passes.lowering.emitc.code import Number, minus, plus
from powerfusion.passes.lowering.emitc.scalars import computed
from powerfusion.passes.lowering.emitc.tiles import Band, Held, Index, Tile, spread_index, squeezed

Bounds = tuple[Callable[[Index], Number] | None, Callable[[Index], Number] | None]
MIRRORED = {"slt": "sgt", "sgt": "slt", "sle": "sge", "sge": "sle"}


# -- conditions on indices -------------------------------------------------------------------------


def band_of(lowering: DeviceLowering, op: ir.Operation, tiles: Sequence[Tile]) -> Tile | None:
    """The result of an op as a condition on an index, if it is one."""
    shape = tuple(op.results[0].type.shape)
    if op.name == "arith.andi" and all(tile.band is not None for tile in tiles):
        return _both(tiles, shape)
    if op.name != "arith.cmpi":
        return None
    predicate = str(CmpIPredicate(ir.IntegerAttr(op.attributes["predicate"]).value))
    for (one, other), name in ((tiles, predicate), (tiles[::-1], MIRRORED.get(predicate, ""))):
        if one.iota is None or name not in MIRRORED or (dim := one.iota.along(shape)) is None:
            continue
        bound = _number_of(lowering, other, op.operands[tiles.index(other)])
        if bound is not None and not (other.iota and other.iota.along(shape) == dim):
            return _compared(shape, dim, name, one.iota.start, bound)
    return None


def _compared(shape: tuple[int, ...], dim: int, name: str, start: Number, bound: Callable[[Index], Number]) -> Tile:
    """The index plus a start compared with a bound."""
    size = shape[dim]

    def edge(index: Index, more: int) -> Number:
        return plus(minus(bound(index), start), more)

    match name:
        case "sge" | "sgt":
            band = Band(dim, lambda index: edge(index, int(name == "sgt")), lambda _: size)
        case _:
            band = Band(dim, lambda _: 0, lambda index: edge(index, int(name == "sle")))
    return _tile_of(shape, band)


def _both(tiles: Sequence[Tile], shape: tuple[int, ...]) -> Tile:
    left, right = (tile.band for tile in tiles)
    assert left is not None
    assert right is not None
    if left.dim != right.dim:
        return Tile(shape, code.bool_type(), lambda i: code.flag_of(code.both(_holds(left, i), _holds(right, i))))
    low, high = left.low, left.high
    band = Band(
        left.dim,
        lambda index: code.most(low(index), right.low(index)),
        lambda index: code.least(high(index), right.high(index)),
    )
    return _tile_of(shape, band)


def _tile_of(shape: tuple[int, ...], band: Band) -> Tile:
    return Tile(shape, code.bool_type(), lambda index: code.flag_of(_holds(band, index)), band=band)


def _holds(band: Band, index: Index) -> code.Flag:
    place = index[band.dim]
    return code.both(code.negated(code.below(place, band.low(index))), code.below(place, band.high(index)))


def _number_of(lowering: DeviceLowering, tile: Tile, value: ir.Value) -> Callable[[Index], Number] | None:
    """What a tile of indices is at an index, if that is known without reading one."""
    if tile.iota is not None:
        iota = tile.iota
        return lambda index: plus(iota.start, iota.steps(index))
    if not tile.uniform or isinstance(value.owner, ir.Block):
        return None
    op = value.owner.operation
    if op.name == "gir.broadcast":
        return _number_of(lowering, lowering.tile(op.operands[0]), op.operands[0])
    if op.name == "tensor.splat" and isinstance(op.operands[0].type, ir.IndexType):
        return lambda _: lowering.number(op.operands[0])
    if op.name != "arith.constant":
        return None
    number = ir.IntegerAttr(ir.DenseElementsAttr(op.attributes["value"]).get_splat_value()).value
    return lambda _: number


# -- what is padded --------------------------------------------------------------------------------


def chosen_by_band(
    lowering: DeviceLowering, op: ir.Operation, tiles: Sequence[Tile], shape: tuple[int, ...]
) -> Tile | None:
    """A tile, and a number outside of a band of it; None where it isn't such a selection."""
    condition, kept, number = tiles
    band = condition.band
    if band is None or not number.uniform or kept.uniform or shape != condition.shape:
        return None
    lowering.settle(kept)
    layout = layout_of(kept)
    if layout is None or layout.held is None or layout.held.element != kept.element:
        return None
    held = Held(shape, kept.element)
    if not _take(lowering, op, layout, held):
        return None
    lowering.arrive_loads()
    lowering.compute(held)
    size = shape[band.dim]
    for which in (0, 1):
        with ExitStack() as nest:
            index: list[Number] = [0] * len(shape)
            for dim in [*(d for d in range(len(shape)) if d != band.dim), band.dim]:
                if dim != band.dim:
                    index[dim] = 0 if shape[dim] == 1 else nest.enter_context(code.loop(0, shape[dim]))
                    continue
                begin = _within(band.low(tuple(index)), size)
                low, high = (
                    (0, begin) if which == 0 else (code.most(begin, _within(band.high(tuple(index)), size)), size)
                )
                if isinstance(low, int) and isinstance(high, int) and low >= high:
                    break
                index[dim] = nest.enter_context(code.loop(low, high))
                held.put(number.at(tuple(index)), [i for i, n in zip(index, shape, strict=True) if n != 1])
    return Tile.of(held)


def _within(number: Number, size: int) -> Number:
    return code.most(0, code.least(number, size))


def _take(lowering: DeviceLowering, op: ir.Operation, layout: Layout, held: Held) -> bool:
    """Gives a tile the place of an operand that ends here, or one to which that is copied."""
    old = layout.held
    assert old is not None
    strides = row_strides(squeezed(held.shape), lowering.lanes)
    is_own = (
        layout == Layout(old, 0, strides) and old.strides == strides and squeezed(old.shape) == squeezed(held.shape)
    )
    lowering.arrive_loads()
    if is_own and lowering.dies(old, op):
        lowering.take_over(old, held, op)
        return True
    if not can_copy(lowering):
        return False
    lowering.place(held, op, copied=True)
    copied(lowering, op, layout, squeezed(held.shape), held)
    return True


# -- rows ------------------------------------------------------------------------------------------


def chosen_by_row(
    lowering: DeviceLowering, op: ir.Operation, tiles: Sequence[Tile], shape: tuple[int, ...]
) -> Tile | None:
    """Each row of one tile or another, by a condition that is one along it; None where it isn't such a selection."""
    condition, *sides = tiles
    dtype, long = str(sides[0].element), squeezed(shape)
    last = max((dim for dim, size in enumerate(shape) if size != 1), default=0)
    if not long or condition.uniform or any(side.uniform for side in sides) or not condition.is_still(last):
        return None
    steps = way_of(lowering.emission, "arith.mulf", dtype, [RUN, NUMBER])
    if steps is None or len(steps) != 1:
        return None
    lowering.settle(*tiles)
    layouts = [layout_of(side) for side in sides]
    known = [layout for layout in layouts if layout is not None and layout.held is not None]
    if len(known) < 2 or not all(is_straight(one, lowering.lanes) and one.strides[-1] == 1 for one in known):
        return None
    held = Held(shape, sides[0].element)
    lowering.arrive_loads()
    lowering.place(held, op)
    lowering.compute(*(layout.held for layout in known if layout.held is not None))
    assert held.strides is not None
    count = -(-span_of(long[-1:], (1,)) // lowering.lanes) * lowering.lanes
    one = typed_number(lowering, scalars.float_literal(1.0, computed(sides[0].element)), dtype)
    with ExitStack() as nest:
        index = [nest.enter_context(code.loop(0, size)) for size in long[:-1]]
        flag = condition.at(spread_index([*index, 0], shape))
        for layout, holds in zip(known, (flag, code.negated(flag)), strict=True):
            assert layout.held is not None
            with code.when(holds):
                at = plus(layout.offset, linear(index, layout.strides[:-1]))
                given: dict[str, Number] = {
                    "dst": typed(lowering, held, linear(index, held.strides[:-1]), dtype),
                    "a": typed(lowering, layout.held, at, dtype),
                    "b": one,
                    "count": count,
                }
                emit_call(steps[0].intrinsic.parsed, steps[0].intrinsic.callee(dtype), given, op)
    return Tile.of(held)
