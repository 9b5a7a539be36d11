"""How scans are lowered: every lane gets all elements along the scan's dimension, and keeps those that are its own."""

from __future__ import annotations

import numpy as np

from powerfusion.core._mlir import segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.extents import choose
from powerfusion.passes.lowering.gpu.combining import Combiner
from powerfusion.passes.lowering.gpu.exchange import exchanged, whole_along
from powerfusion.passes.lowering.gpu.fragments import filled, fragment_of, held_shape
from powerfusion.passes.lowering.gpu.lowering import TARGET, GpuLowering
from powerfusion.passes.lowering.gpu.valid import Valid
from powerfusion.passes.lowering.registry import lowers


@lowers("gir.scan", to=TARGET)
def lower_scan(lowering: GpuLowering, op: ir.Operation) -> None:
    """Element after element, in every lane alike: right for any combiner, quick for short dimensions."""
    inputs, inits, valid = segments(op)
    combiner = Combiner(lowering, op)
    if len({value.type.rank for value in inputs}) > 1:
        raise UnsupportedError("a scan with payload can't be lowered to gpu", location=op.location)
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    reverse, exclusive = "reverse" in op.attributes, "exclusive" in op.attributes
    layout = whole_along(lowering.fragment(inputs[0]).layout, [dim])
    there = Valid(lowering, layout, lowering.scalars(valid))
    columns = [exchanged(lowering, lowering.fragment(value), layout, list).scalars() for value in inputs]
    starts = [lowering.fragment(value) for value in inits]
    scanned = [np.empty(held_shape(layout), object) for _ in inputs]
    finals: list[list[ir.Value]] = []
    kept_shape = held_shape(tuple(one for at, one in enumerate(layout) if at != dim))
    order = range(layout[dim].held)
    for number, kept in enumerate(np.ndindex(*kept_shape)):
        given = [combiner.wide(fragment.scalars().reshape(-1)[number]) for fragment in starts]
        for at in reversed(order) if reverse else order:
            place = (*kept[:dim], at, *kept[dim:])
            flag = there.is_there(place, [dim])
            made = combiner([combiner.wide(column.item(place)) for column in columns], given)
            for result, before, after in zip(scanned, given, made, strict=True):
                result[place] = before if exclusive else after
            given = [choose(flag, after, before) for before, after in zip(given, made, strict=True)]
        finals.append(given)
    results = list(op.results)
    for old, result in zip(results[: len(inputs)], scanned, strict=True):
        element = old.type.element_type
        narrow = filled(result.shape, [combiner.narrow(value, element) for value in result.reshape(-1)])
        whole = fragment_of(layout, narrow)
        lowering.bind([old], [exchanged(lowering, whole, lowering.lanes.layout(old), list)])
    for old, start, values in zip(results[len(inputs) :], starts, zip(*finals, strict=True), strict=True):
        narrowed = [combiner.narrow(value, old.type.element_type) for value in values]
        lowering.bind([old], [fragment_of(start.layout, filled(start.shape, narrowed))])
