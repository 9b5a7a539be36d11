"""`gir-prefetch-streams`: what a kernel goes through from one end to the other is asked for some pages' parts ahead.

Rewrite:
    gir.parallel (%r)                            gir.parallel (%r)
      scf.for %c                          ⇒        scf.for %c
        gir.load %x[%r, %c] : 1 x 32                 memref.prefetch %x[%r, %c + 1024]
                                                     gir.load %x[%r, %c] : 1 x 32

A core looks ahead by some hundred instructions: where a step has that many, it waits for each step's lines unless the
cache brings them by itself, which ends at each page and begins anew. So each step asks for its lines of some steps
later. Addresses alone count: behind the end of a row is the next one.

Loads are concerned whose steps follow each other in memory for at least some times as far as is looked ahead, in loops
that hold no others and ask for nothing yet. What of it lies behind the last step isn't needed, and costs a few lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import DYNAMIC, defining_op, entry_block, integer_of, operations
from powerfusion.core.passes import register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling import rows
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.passes.scheduling.on_caches import OnCachesPass
from powerfusion.passes.scheduling.prefetches import LOOPS, MOST_LINES, NEAREST, prefetch

AHEAD_BYTES = 4 << 10
LEAST_BYTES = 8 * AHEAD_BYTES  # that follow each other: else much of what is asked for isn't needed


@register_pass
@dataclass(frozen=True)
class PrefetchStreamsPass(OnCachesPass):
    """Asks ahead for what is read in the order of memory."""

    name: ClassVar[str] = "gir-prefetch-streams"

    def visit(self, kernel: ir.Operation, machine: Machine) -> None:
        """Does it in a kernel."""
        line = machine.space_of("sram").granule_bytes
        for loop in list(walk(kernel, "scf.for")):
            body = operations(entry_block(loop))
            if not any(each.name in (*LOOPS, "memref.prefetch") for each in body):
                _ask(loop, body, line)


def _ask(loop: ir.Operation, body: list[ir.Operation], line: int) -> None:
    """Asks for what each load of a loop will take."""
    seen: set[tuple[ir.Value, ...]] = set()
    left = MOST_LINES
    for load in [op for op in body if op.name == "gir.load"]:
        memref, indices = load.operands[0], tuple(load.operands)[1 : 1 + load.operands[0].type.rank]
        if (memref, *indices) in seen or not _streams(load, list(indices), loop):
            continue
        seen.add((memref, *indices))
        element = element_bytes(load.result)
        starts = range(0, load.result.type.shape[-1], max(1, line // element))
        left -= len(starts)
        if left < 0:
            return
        with ir.InsertionPoint(load), load.location:
            for start in starts:
                prefetch(memref, [*indices[:-1], rows.later(indices[-1], AHEAD_BYTES // element + start)], NEAREST)
        count("loads asked for ahead")


def _streams(load: ir.Operation, indices: list[ir.Value], loop: ir.Operation) -> bool:
    """Whether the steps of a loop, and of those around it, take what follows in memory, for long enough."""
    memref, tile = load.operands[0], load.result.type
    made = defining_op(memref)
    if not indices or "clip" in load.attributes or not gir.is_at(memref, "dram") or (made and made.name == "gir.stage"):
        return False
    strides, _ = memref.type.get_strides_and_offset()
    around = _indices_around(loop)
    run = tile.shape[-1]
    if strides[-1] != 1 or any(size != 1 for size in tile.shape[:-1]):
        return False
    step = next(around)
    if indices[-1] == step:
        if integer_of(loop.operands[2]) != run:
            return False
        step = next(around, None)
    elif run != memref.type.shape[-1]:
        return False
    run = memref.type.shape[-1]
    for dim in range(len(indices) - 2, -1, -1):
        if DYNAMIC in (run, strides[dim]) or run * element_bytes(load.result) >= LEAST_BYTES:
            break
        if memref.type.shape[dim] == 1:
            continue
        if strides[dim] != run or indices[dim] != step:
            return False
        run *= memref.type.shape[dim]
        step = next(around, None)
    return run == DYNAMIC or run * element_bytes(load.result) >= LEAST_BYTES


def _indices_around(loop: ir.Operation) -> Iterator[ir.Value | None]:
    """The indices of a loop and of those around it, inner first."""
    op: ir.Operation | None = loop
    while op is not None and op.name in LOOPS:
        arguments = list(entry_block(op).arguments)
        yield from reversed(arguments) if op.name == "gir.parallel" else arguments[:1]
        op = op.parent
