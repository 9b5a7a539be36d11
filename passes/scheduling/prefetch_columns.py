"""`gir-prefetch-columns`: lines of which each step takes a piece, and which lie far apart, come some lines ahead.

Rewrite:
    gir.parallel (%c)                            gir.parallel (%c)
      scf.for %r                          ⇒        scf.for %r
        gir.load %x[%r, %c, 0] : 1x1x3               memref.prefetch %x[%r, %c + 22, 0]
                                                     gir.load %x[%r, %c, 0] : 1x1x3

What is turned piece by piece is read down columns: each step of the inner loop touches other lines, and those around
it what follows in memory. No cache sees where that goes on, so all lines would be waited for at once, when the
first piece behind their ends is needed.

Loads are concerned in loops of some steps that hold no others, where the loop around goes on by a few lines or less, in
rows of several lines. What lies behind a row's end isn't needed, and costs a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import DYNAMIC, entry_block, integer_of, operations, segments
from powerfusion.core.passes import register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects.gir import is_at
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling import rows
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.passes.scheduling.on_caches import OnCachesPass
from powerfusion.passes.scheduling.prefetches import LOOPS, NEAR, index_of, prefetch

AHEAD_LINES = 4
FAR_LINES = 16  # between steps: what is nearer comes in the wake of others
FEWEST_STEPS = 8
MOST_MOVED = 4  # lines that the loop around goes on by
LEAST_LINES = 8  # of a row


@register_pass
@dataclass(frozen=True)
class PrefetchColumnsPass(OnCachesPass):
    """Asks some lines ahead for what is read down columns."""

    name: ClassVar[str] = "gir-prefetch-columns"

    def visit(self, kernel: ir.Operation, machine: Machine) -> None:
        """Does it in a kernel."""
        for loop in list(walk(kernel, "scf.for")):
            body = operations(entry_block(loop))
            if not any(each.name in (*LOOPS, "memref.prefetch") for each in body):
                for load in [each for each in body if each.name == "gir.load"]:
                    _prefetch(load, loop, machine.space_of("sram").granule_bytes)


def _prefetch(load: ir.Operation, loop: ir.Operation, line: int) -> None:
    around, memref, indices = loop.parent, load.operands[0], segments(load)[1]
    if around is None or around.name not in LOOPS or not is_at(memref, "dram"):
        return
    if (rows.trips(loop) or 0) < FEWEST_STEPS:
        return
    strides, _ = memref.type.get_strides_and_offset()
    if DYNAMIC in (*strides, *memref.type.shape) or any(extent > 1 for extent in load.result.type.shape[:-1]):
        return
    size = element_bytes(load.result)
    down = [dim for dim, index in enumerate(indices) if index == entry_block(loop).arguments[0]]
    outer = index_of(around)
    along = [dim for dim, index in enumerate(indices) if index == outer]
    if len(down) != 1 or len(along) != 1:
        return
    step = 1 if around.name == "gir.parallel" else integer_of(around.operands[2])
    moved, far = (step or 0) * strides[along[0]] * size, (integer_of(loop.operands[2]) or 0) * strides[down[0]] * size
    row = memref.type.shape[along[0]] * strides[along[0]] * size
    if not 0 < moved <= MOST_MOVED * line or far < FAR_LINES * line or row < LEAST_LINES * line:
        return
    with ir.InsertionPoint(load), load.location:
        later = rows.later(outer, -(-AHEAD_LINES * line // moved) * (step or 0))
        places = [later if dim == along[0] else index for dim, index in enumerate(indices)]
        for start in range(0, moved // size, line // size):
            prefetch(memref, [*places[:-1], rows.later(places[-1], start)], NEAR)
    count("columns asked for ahead")
