"""How computation on tiles is lowered: elementwise ops, indices, assertions, reductions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerfusion.core._mlir import attributes_of, create, element_of, index_constant, operations, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering import partials, reductions
from powerfusion.passes.lowering.combiners import reduce_by_combiner
from powerfusion.passes.lowering.elementwise import constant, elementwise
from powerfusion.passes.lowering.expansions import with_element
from powerfusion.passes.lowering.extents import Extents, choose
from powerfusion.passes.lowering.memory import add_offset, index_vector, spread
from powerfusion.passes.lowering.reductions import Accumulator
from powerfusion.passes.lowering.registers import lane_dim, lanes_of, row_indices, row_type, rows_of, tile_of
from powerfusion.passes.lowering.registry import lowers

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering

ELEMENTWISE = "arith and math on tiles"  # one entry of the table for all of them
SEQ_CST = 7


@lowers(ELEMENTWISE, to="vector")
def lower_elementwise(lowering: VectorLowering, op: ir.Operation) -> None:
    """An `arith` or `math` op on tiles, row by row."""
    types = [row_type(result.type) for result in op.results]
    count = len(row_indices(op.results[0].type.shape))
    if op.name == "arith.constant":
        splat = ir.DenseElementsAttr(op.attributes["value"]).get_splat_value()
        lowering.bind([op.result], [tile_of([constant(types[0], splat)] * count)])
        return
    columns = [rows_of(lowering.value(operand)) for operand in op.operands]
    made = [
        elementwise(op.name, [c[at] if len(c) > 1 else c[0] for c in columns], types, attributes_of(op), op.location)
        for at in range(count)
    ]
    lowering.bind(op.results, [tile_of(rows) for rows in zip(*made, strict=True)])


@lowers("gir.iota", to="vector")
def lower_iota(lowering: VectorLowering, op: ir.Operation) -> None:
    """Indices along the lanes, or the same index in all of them."""
    tile = op.result.type
    offsets = segments(op)[0]
    start = lowering.scalar(offsets[0]) if offsets else index_constant(0)
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    if dim == lane_dim(tile.shape):
        rows = [index_vector(lanes_of(tile.shape), start)] * len(row_indices(tile.shape))
    else:
        rows = [spread(add_offset(start, place[dim]), row_type(tile)) for place in row_indices(tile.shape)]
    lowering.bind([op.result], [tile_of(rows)])


@lowers("gir.assert", to="vector")
def lower_assert(lowering: VectorLowering, op: ir.Operation) -> None:
    """Every element that is there must hold."""
    old, *valid = op.operands
    extents = Extents.of(old.type.shape, [lowering.scalar(value) for value in valid])
    for row, place in zip(rows_of(lowering.value(old)), row_indices(old.type.shape), strict=True):
        true = constant(row.type, ir.IntegerAttr.get(element_of(row.type), 1))
        condition = choose(extents.mask(place), row, true)
        if isinstance(row.type, ir.VectorType):
            condition = reductions.horizontal("and", condition)
        lowering.fail_unless(condition, ir.StringAttr(op.attributes["message"]).value)


@lowers("gir.reduce", to="vector")
def lower_reduce(lowering: VectorLowering, op: ir.Operation) -> None:
    """Folds tiles into accumulators, or into values at once."""
    inputs, inits, valid = segments(op)
    carried = [lowering.values[init] for init in inits]
    if "kinds" not in op.attributes:
        parts = [value for value in carried if isinstance(value, partials.Partial)]
        if parts:
            lowering.bind(op.results, partials.fold_in(lowering, op, parts))
        else:
            reduce_by_combiner(lowering, op)
        return
    counts = [lowering.scalar(value) for value in valid]
    for at, (tile, given) in enumerate(zip(inputs, carried, strict=True)):
        extents = Extents.of(tile.type.shape, counts)
        masks = [extents.mask(place) for place in row_indices(tile.type.shape)]
        value = lowering.value(tile)
        if isinstance(given, Accumulator):
            folded = given.fold(value, masks, op.location)
            ends = folded.last is not None and folded.last == op
            lowering.values[op.results[at]] = folded.finish(op.location) if ends else folded
        else:
            lowering.values[op.results[at]] = reductions.fold_once(op, at, value, given, masks, op.location)
    if any(isinstance(given, Accumulator) and given.is_of_rows for given in carried) and _is_load_ahead(op):
        _keep_order()


def _is_load_ahead(op: ir.Operation) -> bool:
    """Whether more is loaded in an op's block behind it."""
    body = operations(op.block)
    return any(other.name == "gir.load" for other in body[body.index(op) + 1 :])


def _keep_order() -> None:
    """Keeps LLVM from taking loads across, at no cost when the program runs.

    Its scheduler takes tiles beside one another row by row, each in turn: that jumps in memory at the end of each
    piece of a row, where lines of some rows, one after the other, are as many streams that go on.
    """
    i64 = ir.IntegerType.get_signless(64)
    attributes = {"ordering": ir.IntegerAttr.get(i64, SEQ_CST), "syncscope": ir.StringAttr.get("singlethread")}
    create("llvm.fence", attributes=attributes)


# -- sums of products ------------------------------------------------------------------------------


def widened(value: ir.Value, element: ir.Type, *, unsigned: bool, loc: ir.Location) -> ir.Value:
    """A row in a type at least as wide."""
    source = element_of(value.type)
    if source == element:
        return value
    is_float = isinstance(element, ir.FloatType)
    if isinstance(element, ir.IndexType):
        name = "arith.index_castui" if unsigned else "arith.index_cast"
    else:
        name = "arith.extf" if is_float else "arith.extui" if unsigned else "arith.extsi"
    return elementwise(name, [value], [with_element(value.type, element)], {}, loc)[0]
