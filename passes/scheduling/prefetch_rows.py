"""`gir-prefetch-rows`: where `sram` is a cache, the next row comes while this one is worked on.

Rewrite:
    scf.for %r                                   scf.for %r
      %row = gir.stage %x[%r, 0] [1, n]            %row = gir.stage %x[%r, 0] [1, n]
      scf.for %c   // from DRAM             ⇒      scf.for %c
        gir.load %row[0, %c]                         gir.load %row[0, %c]
      scf.for %c   // from the cache               scf.for %c
        gir.load %row[0, %c]                         memref.prefetch %x[min(%r + 1, last), part of %c]
                                                     gir.load %row[0, %c]

A row of several passes comes from DRAM in the first and is in a cache in the others, so that DRAM rests meanwhile. Its
lines are asked for evenly over the steps of the later passes, a row ahead. It comes to the nearest cache if that has
room for two such rows and to `sram` otherwise.

Windows that are one run of a constant length are asked for, which no step writes to. Nothing is computed otherwise, and
no bytes are moved that the next step wouldn't.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

from powerfusion.core._mlir import constant_index, entry_block, mixed, operations, segments
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling import rows
from powerfusion.passes.scheduling.kernels import tiled_kernels, walk
from powerfusion.passes.scheduling.prefetches import NEAR, NEAREST, prefetch
from powerfusion.passes.scheduling.staged import clone_slice, slice_of, staged_in
from powerfusion.passes.tiling.windows import affine_apply, affine_map

MOST_LINES = 16  # a step asks for: more at once would wait for one another
LEAST_BYTES = 512  # of a row: what is shorter comes with the rows before it, which caches notice
ROOM = 4  # of a cache, the part that two rows may take


@dataclass(frozen=True)
class _Row:
    """A row that is staged.

    Attributes:
        stage: The op.
        size: Its bytes.
        slice: What says where it is.
    """

    stage: ir.Operation
    size: int
    slice: list[ir.Operation]


@register_pass
@dataclass(frozen=True)
class PrefetchRowsPass(Pass):
    """Asks for the next row while one is worked on."""

    name: ClassVar[str] = "gir-prefetch-rows"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    machine: str = option("cpu", help="For which: a machine's name, or a .toml that describes one")

    def run(self, op: ir.Operation) -> None:
        """Does it in every kernel."""
        machine = find(self.machine)
        if machine.space_of("sram").kind != "cache":
            return
        for kernel in tiled_kernels(op):
            for loop in list(walk(kernel, "scf.for")):
                _prefetch(loop, machine)


def _prefetch(loop: ir.Operation, machine: Machine) -> None:
    found = [row for stage in staged_in(loop) if (row := _row(stage, machine)) is not None]
    sweeps = [op for op in operations(entry_block(loop)) if op.name == "scf.for"]
    later = [(sweep, trips) for sweep in sweeps[1:] if (trips := rows.trips(sweep))]
    steps = sum(trips for _, trips in later)
    line = machine.space_of("sram").granule_bytes
    for row in found:
        each = -(-row.size // line) // steps if steps else 0
        each += each * steps * line < row.size
        if not steps or each > MOST_LINES:
            continue
        starts = accumulate((trips for _, trips in later), initial=0)
        for (sweep, _), start in zip(later, starts, strict=False):
            _ask(loop, sweep, row, start * each, each, line, _cache(row, machine))
        count("rows asked for ahead")


def _row(stage: ir.Operation, machine: Machine) -> _Row | None:
    """What a stage brings near, if that is one run of constant length."""
    sizes = mixed(stage, segments(stage)[2], "static_sizes")
    if not all(isinstance(size, int) for size in sizes) or any(size != 1 for size in sizes[:-1]):
        return None
    strides, _ = segments(stage)[0][0].type.get_strides_and_offset()
    size = int(sizes[-1]) * element_bytes(stage.result)
    most = (machine.space_of("sram").capacity_bytes or 0) // ROOM
    found = slice_of(stage)
    if strides[-1] != 1 or found is None or not LEAST_BYTES <= size <= most:
        return None
    return _Row(stage, size, found)


def _cache(row: _Row, machine: Machine) -> int:
    """Where a row comes to."""
    nearest = min((cache.capacity_bytes or 0 for cache in machine.caches_of(machine.space_of("sram").name)), default=0)
    return NEAREST if ROOM * row.size <= nearest else NEAR


def _ask(loop: ir.Operation, sweep: ir.Operation, row: _Row, start: int, each: int, line: int, cache: int) -> None:
    """Asks in each step of a sweep for some lines of the next row, of which the first step's begin at a line."""
    with ir.InsertionPoint(sweep), sweep.location:
        known: dict[ir.Value, ir.Value] = {
            entry_block(loop).arguments[0]: rows.following(loop, constant_index(loop.operands[2]))
        }
        clone_slice(row.slice, known)
    (source,), indices, _ = segments(row.stage)
    source, indices = known.get(source, source), [known.get(value, value) for value in indices]
    per_line = line // element_bytes(row.stage.result)
    first, stride = constant_index(sweep.operands[0]), constant_index(sweep.operands[2])
    with ir.InsertionPoint.at_block_begin(entry_block(sweep)), sweep.location:
        column = entry_block(sweep).arguments[0]
        for number in range(each):

            def place(step: ir.AffineExpr, begin: ir.AffineExpr, number: int = number) -> ir.AffineExpr:
                done = ir.AffineExpr.get_floor_div(step - first, stride)
                return begin + (done * each + (start + number)) * per_line

            at = affine_apply(affine_map(2, place), [column, indices[-1]])
            prefetch(source, [*indices[:-1], at], cache)
