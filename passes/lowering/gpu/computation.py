"""How computation on tiles is lowered: elementwise ops, indices, sums of products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from powerfusion.core._mlir import attributes_of, create, element_of, segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import loops_of
from powerfusion.passes.lowering.computation import widened
from powerfusion.passes.lowering.elementwise import combine, constant, elementwise
from powerfusion.passes.lowering.expansions import LIBM, convert_float, is_narrow
from powerfusion.passes.lowering.extents import Flag, choose
from powerfusion.passes.lowering.functions.table import is_expanded
from powerfusion.passes.lowering.gpu.fragments import (
    Fragment,
    Scalars,
    fragment_of,
    joined,
    row_places,
    row_type,
    width_of,
)
from powerfusion.passes.lowering.gpu.lowering import ELEMENTWISE, TARGET, GpuLowering, plus, sum_of
from powerfusion.passes.lowering.gpu.shuffles import butterfly, strides_along
from powerfusion.passes.lowering.gpu.valid import Valid
from powerfusion.passes.lowering.memory import spread
from powerfusion.passes.lowering.registry import lowers


@lowers(ELEMENTWISE, to=TARGET)
def lower_elementwise(lowering: GpuLowering, op: ir.Operation) -> None:
    """An `arith` or `math` op on tiles, row by row of what a lane holds."""
    layouts = [lowering.lanes.layout(result) for result in op.results]
    types = [row_type(layout, result.type.element_type) for layout, result in zip(layouts, op.results, strict=True)]
    count = len(row_places(layouts[0]))
    if op.name == "arith.constant":
        splat = ir.DenseElementsAttr(op.attributes["value"]).get_splat_value()
        lowering.bind([op.result], [Fragment(layouts[0], (constant(types[0], splat),) * count)])
        return
    _check_function(op)
    columns = [_rows(lowering, operand, count) for operand in op.operands]
    made = [
        elementwise(op.name, operands, types, attributes_of(op), op.location) for operands in zip(*columns, strict=True)
    ]
    lowering.bind(op.results, list(map(Fragment, layouts, zip(*made, strict=True))))


def _rows(lowering: GpuLowering, operand: ir.Value, count: int) -> Sequence[ir.Value]:
    """An operand's rows; a number that isn't a tile stands for all."""
    new = lowering.values[operand]
    return new.rows if isinstance(new, Fragment) else [new] * count


def _check_function(op: ir.Operation) -> None:
    """Refuses calls of the C library: there is none on the device."""
    element = element_of(op.results[0].type)
    if op.name == "arith.remf":
        raise UnsupportedError(
            "'arith.remf' can't be lowered to gpu: it is a call of a library",
            location=op.location,
            help="x - y * trunc(x / y) is near to it where x / y is small",
        )
    type_ = ir.F32Type.get() if is_narrow(element) else element
    if op.name in LIBM and not is_expanded(op.name, type_):
        raise UnsupportedError(
            f"'{op.name}' of {element} can't be lowered to gpu: it isn't expanded into arithmetic",
            location=op.location,
            help="compute it in f32" if is_expanded(op.name, ir.F32Type.get()) else None,
        )


@lowers("tensor.splat", to=TARGET)
def lower_splat(lowering: GpuLowering, op: ir.Operation) -> None:
    """One number in every element."""
    layout = lowering.lanes.layout(op.result)
    row = spread(lowering.scalar(op.operands[0]), row_type(layout, op.result.type.element_type))
    lowering.bind([op.result], [Fragment(layout, (row,) * len(row_places(layout)))])


@lowers("gir.iota", to=TARGET)
def lower_iota(lowering: GpuLowering, op: ir.Operation) -> None:
    """The lane's own place, and how far each of its elements is from that."""
    layout = lowering.lanes.layout(op.result)
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    offsets = segments(op)[0]
    start = lowering.starts(layout)[dim]
    if offsets:
        offset = lowering.scalar(offsets[0])
        start = offset if start is None else plus(offset, start)
    width = width_of(layout)
    rows: list[ir.Value] = []
    for place in row_places(layout):
        first = layout[dim].place(place[dim])
        along = range(width) if dim == len(layout) - 1 else [0] * width
        rows.append(joined([sum_of(start, first + at) for at in along]))
    lowering.bind([op.result], [Fragment(layout, tuple(rows))])


@lowers("gir.contract", to=TARGET)
def lower_contract(lowering: GpuLowering, op: ir.Operation) -> None:
    """Products of what a lane holds of both sides; sums over dimensions that lanes lie along end in shuffles."""
    (lhs, rhs, acc), valid = list(op.operands)[:3], list(op.operands)[3:]
    maps = [loops_of(map_) for map_ in op.attributes["maps"]]
    unsigned = "is_unsigned" in op.attributes
    element = acc.type.element_type
    wide = ir.F32Type.get() if is_narrow(element) else element
    sides = [lowering.fragment(side) for side in (lhs, rhs)]
    given = lowering.fragment(acc)
    along = {
        loop: dim for side, map_ in zip(sides, maps, strict=False) for loop, dim in zip(map_, side.layout, strict=True)
    }
    summed = sorted(loop for loop in along if loop not in maps[2])
    layout = tuple(along[loop] for loop in sorted(along))
    there = Valid(lowering, layout, lowering.scalars(valid))
    factors = [_widened(side, wide, unsigned=unsigned, loc=op.location) for side in sides]
    is_float = isinstance(wide, ir.FloatType)
    starts = [_number(value, wide) for value in given.scalars().reshape(-1)]
    across = strides_along([along[loop] for loop in summed])
    sums: list[ir.Value] = []
    for kept, start in zip(np.ndindex(*given.shape), starts, strict=True):
        total = start if not across else constant(wide, _zero(wide))
        for steps in np.ndindex(*(along[loop].held for loop in summed)):
            place = dict(zip([*maps[2], *summed], [*kept, *steps], strict=True))
            left, right = (
                side.item(tuple(place[loop] for loop in map_)) for side, map_ in zip(factors, maps, strict=False)
            )
            flag: Flag = there.is_there(
                [place[loop] for loop in sorted(along)], [sorted(along).index(s) for s in summed]
            )
            total = choose(flag, _multiplied(left, right, total, is_float=is_float), total)
        if across:
            (total,) = butterfly([total], across, lambda a, b: [combine("add", a[0], b[0], op.location)])
            total = combine("add", start, total, op.location)
        sums.append(_number(total, element))
    array = np.empty(len(sums), object)
    array[:] = sums
    lowering.bind([op.result], [fragment_of(given.layout, array.reshape(given.shape))])


def _multiplied(left: ir.Value, right: ir.Value, total: ir.Value, *, is_float: bool) -> ir.Value:
    if is_float:
        return create("math.fma", [left, right, total], [total.type]).result
    product = create("arith.muli", [left, right], [total.type]).result
    return create("arith.addi", [total, product], [total.type]).result


def _zero(element: ir.Type) -> ir.Attribute:
    return ir.FloatAttr.get(element, 0.0) if isinstance(element, ir.FloatType) else ir.IntegerAttr.get(element, 0)


def _number(value: ir.Value, element: ir.Type) -> ir.Value:
    return convert_float(value, element) if isinstance(element, ir.FloatType) else value


def _widened(side: Fragment, element: ir.Type, *, unsigned: bool, loc: ir.Location) -> Scalars:
    rows = [widened(row, element, unsigned=unsigned, loc=loc) for row in side.rows]
    return Fragment(side.layout, tuple(rows)).scalars()
