"""`gir-prefetch-stores`: lines that a row's last pass writes come during the passes before, where stores use caches.

Rewrite:
    scf.for %r                                   scf.for %r
      scf.for %c                                   scf.for %c
        gir.load %row[0, %c]                         memref.prefetch %y[%r, part of %c], write
      scf.for %c                          ⇒          gir.load %row[0, %c]
        gir.store %t, %y[%r, %c]                   scf.for %c
                                                     gir.store %t, %y[%r, %c]

A processor reads a line before it writes a part of it, and notices the next line of a row only where rows follow each
other. It is for programs whose stores can't go past the caches, as those in C can't. Nothing is computed otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from powerfusion.core._mlir import entry_block, operations, segments
from powerfusion.core.passes import register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.scheduling import rows
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.passes.scheduling.on_caches import OnCachesPass
from powerfusion.passes.scheduling.prefetch_rows import Row, ask_over, is_worth, row_along
from powerfusion.passes.scheduling.staged import goes_alone


@register_pass
@dataclass(frozen=True)
class PrefetchStoresPass(OnCachesPass):
    """Asks for the lines that are written next."""

    name: ClassVar[str] = "gir-prefetch-stores"

    def visit(self, kernel: ir.Operation, machine: Machine) -> None:
        """Does it in a kernel."""
        for loop in list(walk(kernel, "scf.for")):
            _prefetch(loop, machine)


def _prefetch(loop: ir.Operation, machine: Machine) -> None:
    sweeps = [op for op in operations(entry_block(loop)) if op.name == "scf.for"]
    if len(sweeps) < 2 or not goes_alone(loop):
        return
    *before, last = sweeps
    stores = [op for op in operations(entry_block(last)) if op.name == "gir.store"]
    for store in stores:
        row = _stored(store, last, loop)
        if row is None or not is_worth(row, machine):
            continue
        if ask_over(loop, [(sweep, trips) for sweep in before if (trips := rows.trips(sweep))], row, machine):
            count("rows asked for that are written")


def _stored(store: ir.Operation, sweep: ir.Operation, loop: ir.Operation) -> Row | None:
    """What a sweep stores piece by piece to DRAM, each step the piece behind the last one."""
    (value,), (dest,), indices, extents = segments(store)
    row = None if extents else row_along(value, dest, indices, sweep, loop)
    return None if row is None else replace(row, is_written=True)
