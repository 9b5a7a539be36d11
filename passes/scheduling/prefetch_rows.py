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
room for two such rows and to `sram` otherwise. So does a row that the first pass loads piece by piece, of which others
have what was made of it.

Windows that are one run of a constant length are asked for, which no step writes to. Nothing is computed otherwise, and
no bytes are moved that the next step wouldn't.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

from powerfusion.core._mlir import (
    constant_index,
    entry_block,
    integer_of,
    is_made_in,
    mixed,
    operations,
    segments,
)
from powerfusion.core.passes import register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects.gir import is_at
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling import rows
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.passes.scheduling.on_caches import OnCachesPass
from powerfusion.passes.scheduling.prefetches import MOST_LINES, NEAR, NEAREST, prefetch
from powerfusion.passes.scheduling.staged import clone_slice, goes_alone, is_written, slice_in, slice_of, staged_in
from powerfusion.passes.tiling.windows import affine_apply, affine_map

LEAST_BYTES = 512  # of a row: what is shorter comes with the rows before it, which caches notice
ROOM = 4  # of a cache, the part that two rows may take


@dataclass(frozen=True)
class Row:
    """A row that a step of a loop goes through.

    Attributes:
        source: What it is a row of.
        indices: Where it begins.
        element: Bytes of an element.
        size: Its bytes.
        slice: What says where it is.
        is_written: Whether the loop writes it in this step; else it reads it in the next one.
    """

    source: ir.Value
    indices: list[ir.Value]
    element: int
    size: int
    slice: list[ir.Operation]
    is_written: bool = False


@register_pass
@dataclass(frozen=True)
class PrefetchRowsPass(OnCachesPass):
    """Asks for the next row while one is worked on."""

    name: ClassVar[str] = "gir-prefetch-rows"

    def visit(self, kernel: ir.Operation, machine: Machine) -> None:
        """Does it in a kernel."""
        for loop in list(walk(kernel, "scf.for")):
            _prefetch(loop, machine)


def _prefetch(loop: ir.Operation, machine: Machine) -> None:
    sweeps = [op for op in operations(entry_block(loop)) if op.name == "scf.for"]
    if len(sweeps) < 2 or not goes_alone(loop):
        return
    staged = (_staged(stage) for stage in staged_in(loop))
    loaded = (_loaded(op, sweeps[0], loop) for op in operations(entry_block(sweeps[0])) if op.name == "gir.load")
    rows_ = [row for row in (*staged, *loaded) if row is not None and is_worth(row, machine)]
    found = {(row.source, *row.indices): row for row in reversed(rows_)}
    later = [(sweep, trips) for sweep in sweeps[1:] if (trips := rows.trips(sweep))]
    for row in reversed(found.values()):
        if ask_over(loop, later, row, machine):
            count("rows asked for ahead")


def ask_over(loop: ir.Operation, sweeps: list[tuple[ir.Operation, int]], row: Row, machine: Machine) -> bool:
    """Asks for a row's lines evenly over the steps of some sweeps of a loop; whether these are enough."""
    steps = sum(trips for _, trips in sweeps)
    line = machine.space_of("sram").granule_bytes
    each = -(-row.size // line) // steps if steps else 0
    each += each * steps * line < row.size
    if not steps or each > MOST_LINES:
        return False
    starts = accumulate((trips for _, trips in sweeps), initial=0)
    for (sweep, _), start in zip(sweeps, starts, strict=False):
        _ask(loop, sweep, row, start * each, each, line, _cache(row, machine))
    return True


def _staged(stage: ir.Operation) -> Row | None:
    """What a stage brings near, if that is one run of constant length."""
    sizes = mixed(stage, segments(stage)[2], "static_sizes")
    (source,), indices, _ = segments(stage)
    found = slice_of(stage)
    if found is None or not all(isinstance(size, int) for size in sizes) or any(size != 1 for size in sizes[:-1]):
        return None
    element = element_bytes(stage.result)
    return Row(source, indices, element, int(sizes[-1]) * element, found)


def _loaded(load: ir.Operation, sweep: ir.Operation, loop: ir.Operation) -> Row | None:
    """What a sweep loads piece by piece from DRAM, each step the piece behind the last one, by the loop's index."""
    (source,), indices, *extents = segments(load)
    row = None if any(extents) else row_along(load.result, source, indices, sweep, loop)
    index = entry_block(loop).arguments[0]
    if row is None or is_written(loop, source):
        return None
    return row if index in [*row.indices, *(value for op in row.slice for value in op.operands)] else None


def row_along(
    tile: ir.Value, memref: ir.Value, indices: Sequence[ir.Value], sweep: ir.Operation, loop: ir.Operation
) -> Row | None:
    """What a sweep goes through piece by piece at DRAM, each step the piece behind the last one.

    Args:
        tile: A piece.
        memref: Where it comes from, or goes to.
        indices: Where it is in that.
        sweep: The loop of the pieces.
        loop: That of the rows.
    """
    steps, body, shape = rows.trips(sweep), entry_block(sweep), tile.type.shape
    *outer, along = indices or [memref]
    if not steps or along != body.arguments[0] or not is_at(memref, "dram"):
        return None
    if any(size != 1 for size in shape[:-1]) or shape[-1] != integer_of(sweep.operands[2]):
        return None
    if any(is_made_in(value, body) for value in (memref, *outer)):
        return None
    found = slice_in(entry_block(loop), (memref, *outer))
    element = element_bytes(tile)
    size = steps * shape[-1] * element
    return None if found is None else Row(memref, [*outer, sweep.operands[0]], element, size, found)


def is_worth(row: Row, machine: Machine) -> bool:
    """Whether a row lies in one run, is long enough, and has room in a cache."""
    strides, _ = row.source.type.get_strides_and_offset()
    most = (machine.space_of("sram").capacity_bytes or 0) // ROOM
    return strides[-1] == 1 and LEAST_BYTES <= row.size <= most


def _cache(row: Row, machine: Machine) -> int:
    """Where a row comes to."""
    nearest = min((cache.capacity_bytes or 0 for cache in machine.caches_of(machine.space_of("sram").name)), default=0)
    return NEAREST if ROOM * row.size <= nearest else NEAR


def _ask(loop: ir.Operation, sweep: ir.Operation, row: Row, start: int, each: int, line: int, cache: int) -> None:
    """Asks in each step of a sweep for some lines of the next row, of which the first step's begin at a line."""
    with ir.InsertionPoint(sweep), sweep.location:
        index = entry_block(loop).arguments[0]
        following = index if row.is_written else rows.following(loop, constant_index(loop.operands[2]))
        known: dict[ir.Value, ir.Value] = {index: following}
        clone_slice(row.slice, known)
    source, indices = known.get(row.source, row.source), [known.get(value, value) for value in row.indices]
    per_line = line // row.element
    first, stride = constant_index(sweep.operands[0]), constant_index(sweep.operands[2])
    with ir.InsertionPoint.at_block_begin(entry_block(sweep)), sweep.location:
        column = entry_block(sweep).arguments[0]
        for number in range(each):

            def place(step: ir.AffineExpr, begin: ir.AffineExpr, number: int = number) -> ir.AffineExpr:
                done = ir.AffineExpr.get_floor_div(step - first, stride)
                return begin + (done * each + (start + number)) * per_line

            at = affine_apply(affine_map(2, place), [column, indices[-1]])
            prefetch(source, [*indices[:-1], at], cache, is_write=row.is_written)
