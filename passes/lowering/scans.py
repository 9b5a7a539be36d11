"""How scans are lowered: slice by slice, or by named kinds along lanes, doubling the distance step by step.

x          [ a   b    c      d       ]
distance 1 [ a   a+b  b+c    c+d     ]
distance 2 [ a   a+b  a+b+c  a+b+c+d ]   and the value carried so far is added at the end
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from powerfusion.core._mlir import element_of, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.combiners import Slices, chosen, combine_elements, narrowed, shuffled, widened
from powerfusion.passes.lowering.elementwise import combine, constant, neutral
from powerfusion.passes.lowering.extents import Extents, choose
from powerfusion.passes.lowering.memory import spread
from powerfusion.passes.lowering.reductions import kind_of
from powerfusion.passes.lowering.registers import Tile, extract, lane_dim, linear, pick, row_indices, rows_of, tile_of
from powerfusion.passes.lowering.registry import lowers

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering


@lowers("gir.scan", to="vector")
def lower_scan(lowering: VectorLowering, op: ir.Operation) -> None:
    """Slice by slice along the dimension; named kinds along lanes double the distance step by step."""
    inputs, inits, valid = segments(op)
    shapes = [tuple(value.type.shape) for value in inputs]
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    counts = [lowering.scalar(value) for value in valid]
    if "kinds" in op.attributes and all(lane_dim(shape) == dim for shape in shapes):
        _scan_lanes(lowering, op, Extents.of(shapes[0], counts))
        return
    slices = Slices(shapes, [dim])
    extents = Extents.of(slices.common, counts, [dim])
    tiles = [widened(op, lowering.value(value)) for value in inputs]
    given = starts = [widened(op, lowering.value(value)) for value in inits]
    kept = slices.kept, [tuple(value.type.shape) for value in inits]
    steps = range(len(slices.places))
    scanned: dict[int, list[Tile]] = {}
    for number in reversed(steps) if "reverse" in op.attributes else steps:
        elements = [slices.at(tile, which, number) for which, tile in enumerate(tiles)]
        made = combine_elements(lowering, op, kept, elements, given)
        after = chosen(slices.flag(extents, number), made, given)
        scanned[number] = given if "exclusive" in op.attributes else after
        given = after
    results = [
        narrowed(op, slices.stacked([scanned[number][which] for number in steps], which), result.type.element_type)
        for which, result in zip(range(len(inputs)), op.results, strict=False)
    ]
    finals = [
        narrowed(op, Extents.left(shape, counts, [dim]).merged(tile, start), init.type.element_type)
        for shape, tile, start, init in zip(kept[1], given, starts, inits, strict=True)
    ]
    lowering.bind(op.results, [*results, *finals])


def _scan_lanes(lowering: VectorLowering, op: ir.Operation, extents: Extents) -> None:
    inputs, inits, _ = segments(op)
    masks = [extents.mask(place) for place in row_indices(extents.shape)]
    scanned: list[Tile] = []
    finals: list[Tile] = []
    for at, (source, init) in enumerate(zip(inputs, inits, strict=True)):
        given = rows_of(pick([widened(op, lowering.value(init))], linear(init.type.shape), lanes=1))
        made: list[ir.Value] = []
        ends: list[ir.Value] = []
        for row, mask, start in zip(rows_of(widened(op, lowering.value(source))), masks, given, strict=True):
            nothing = constant(row.type, neutral(kind_of(op, at), element_of(row.type)))
            values, end = _scan_row(op, at, choose(mask, row, nothing), nothing, start)
            made.append(values)
            ends.append(end)
        element = source.type.element_type
        scanned.append(narrowed(op, tile_of(made), element))
        finals.append(narrowed(op, pick([tile_of(ends)], linear(init.type.shape)), element))
    lowering.bind(op.results, [*scanned, *finals])


def _scan_row(
    op: ir.Operation, at: int, row: ir.Value, nothing: ir.Value, start: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """All accumulators of one row, and the last one."""
    kind, lanes, reverse = kind_of(op, at), row.type.shape[0], "reverse" in op.attributes
    distance = 1
    while distance < lanes:
        row = combine(kind, row, shuffled(row, _moved(lanes, distance, reverse=reverse), nothing), op.location)
        distance *= 2
    total = extract(row, 0 if reverse else lanes - 1)
    if "exclusive" in op.attributes:
        row = shuffled(row, _moved(lanes, 1, reverse=reverse), nothing)
    return combine(kind, row, spread(start, row.type), op.location), combine(kind, total, start, op.location)


def _moved(lanes: int, distance: int, *, reverse: bool) -> Sequence[int]:
    """Each lane takes what is so far before it, behind it with `reverse`; at the border, the neutral element."""
    sources = [lane + distance if reverse else lane - distance for lane in range(lanes)]
    return [source if 0 <= source < lanes else lanes for source in sources]
