"""How scans are lowered: every lane gets all elements along the scan's dimension, and keeps those that are its own."""

from __future__ import annotations

import numpy as np

from powerfusion.core._mlir import segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.gpu.combiner import Combiner, Item
from powerfusion.passes.lowering.gpu.fragments import held_shape
from powerfusion.passes.lowering.gpu.lowering import TARGET, GpuLowering, Lowered
from powerfusion.passes.lowering.gpu.one_by_one import Place, Walk
from powerfusion.passes.lowering.registry import lowers


@lowers("gir.scan", to=TARGET)
def lower_scan(lowering: GpuLowering, op: ir.Operation) -> None:
    """Element after element, in every lane alike: right for any combiner, quick for short dimensions."""
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    walk = Walk(lowering, op, [dim], Combiner(lowering, op))
    count = len(segments(op)[1])
    scanned: list[dict[Place, Lowered]] = [{} for _ in range(count)]
    finals: list[dict[Place, Lowered]] = [{} for _ in range(count)]

    def seen(place: Place, before: Item, after: Item) -> None:
        for made, value in zip(scanned, before if "exclusive" in op.attributes else after, strict=True):
            made[place] = value

    for kept in np.ndindex(*held_shape(walk.kept)):
        ends = walk.run(kept, reverse="reverse" in op.attributes, seen=seen)
        for made, value in zip(finals, ends, strict=True):
            made[kept] = value
    for at in range(count):
        running, final = op.results[at], op.results[count + at]
        lowering.bind([running], [walk.result(running, scanned[at], walk.common)])
        lowering.bind([final], [walk.result(final, finals[at])])
