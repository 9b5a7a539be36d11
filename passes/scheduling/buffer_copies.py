"""`gir-buffer-copies`: what a loop stages is copied while the steps before it are worked on.

Rewrite:
    scf.for %i = %low to %high step s {      ⇒  %b = gir.alloc : memref<2 * nxf32>
      %w = gir.stage %x[%i] [n]                 %t = gir.copy %x[%low], %b[0] [n]                           prologue
      use(%w)                                   scf.for %i iter_args(%t) {
    }                                             %u = gir.copy %x[%i + s], %b[next] [n, or 0 after the last step]
                                                  gir.wait %t
                                                  use(%b[this])
                                                  scf.yield %u
                                                }
                                                gir.wait what is left, copies of nothing                    tail

For machines whose way from `dram` to the scratchpad at `sram` is asynchronous. With `buffers` = n there are n places
and n - 1 copies on their way. Each step issues the copy of a later one; where there is none it copies nothing, from
the window of the last step, so that no window is read that wasn't before and every byte is moved once, as it was.
The buffer is one row of elements, and a window lies in it without holes. A loop that may have no step stands in one
that is gone through once or not at all.

Left as they are: windows that don't move with the loop, or whose place depends on what the loop carries or reads; loops
that write to what they stage, or meet other groups; what doesn't fit in the space any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import entry_block
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.errors import UnsupportedError
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.ahead import Ahead
from powerfusion.passes.scheduling.kernels import scopes_of, tiled_kernels, walk
from powerfusion.passes.scheduling.scratch import Longer, ScratchPlanner, space_of
from powerfusion.passes.scheduling.staged import staged_in


@register_pass
@dataclass(frozen=True)
class BufferCopiesPass(Pass):
    """Copies what a loop stages ahead of its use."""

    name: ClassVar[str] = "gir-buffer-copies"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    machine: str = option("cpu", help="For which: a machine's name, or a .toml that describes one")
    buffers: int = option(2, help="Places for a window, at least 2; one less copies are on their way")

    def run(self, op: ir.Operation) -> None:
        """Rewrites the loops of every kernel, inner ones first."""
        if self.buffers < 2:
            raise UnsupportedError(f"expected at least 2 buffers, got {self.buffers}")
        machine = find(self.machine)
        for kernel in tiled_kernels(op):
            for loop in reversed(list(walk(kernel, "scf.for"))):
                stages = [stage for stage in staged_in(loop) if copies_alone(stage, machine)]
                kept = _that_fit(kernel, loop, stages, machine, self.buffers)
                if kept:
                    Ahead(loop, kept, self.buffers, machine).run()


def copies_alone(stage: ir.Operation, machine: Machine) -> bool:
    """Whether a machine copies a window to a scratchpad while units go on."""
    source, result = space_of(stage.operands[0], machine), space_of(stage.result, machine)
    link = machine.link(source.name, result.name)
    return result.kind == "scratchpad" and link is not None and link.asynchronous


def _that_fit(
    kernel: ir.Operation, loop: ir.Operation, stages: list[ir.Operation], machine: Machine, buffers: int
) -> list[ir.Operation]:
    """Those of some windows that can have several places each: in order, each beside those before it."""
    longer: dict[ir.Operation, Longer] = {}
    for stage in stages:
        more = {**longer, stage: Longer(buffers, loop)}
        if _fits(ScratchPlanner(kernel, machine, more, whole_blocks=True), kernel):
            longer = more
    return list(longer)


def _fits(planner: ScratchPlanner, kernel: ir.Operation) -> bool:
    """Whether everything has a place; a space of unknown size has none to spare."""
    arenas = [arena for scope in scopes_of(kernel) for arena in planner.plan(entry_block(scope))]
    limits = [(arena.size_bytes, arena.space.usable_bytes) for arena in arenas]
    return all(usable is not None and size <= usable for size, usable in limits)
