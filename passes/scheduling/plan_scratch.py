"""`gir-plan-scratch`: every buffer at `sram` gets its offset in the memory of its group.

Rewrite:
    gir.parallel <group> (%g)              ⇒  gir.parallel <group> (%g) {gir.scratch = {shared = 4096}}
      %a = gir.stage %x[..] [1, 512]            %a = gir.stage .. {gir.offset = 0}
      ... the last use of %a                    ...
      %b = gir.alloc : memref<1x512xf32>        %b = gir.alloc {gir.offset = 0}      %a has ended

Buffers that live at the same time lie side by side, others share bytes; each begins where the machine's space wants it.
A buffer lives from the first op that touches it to the last, and as long as a loop or units around that run:
units are at different ops at one time. Where each unit makes one, `gir.offset` is the first unit's and
`gir.unit_bytes` says how far the next one's is. `gir.scratch` is what the instances of an outermost parallel need,
per space.

What doesn't fit in a scratchpad is an error. A cache holds what it can: there a remark says so, and what is
staged takes no room of its own where its size is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import entry_block
from powerfusion.core.diagnostics import emit_remark
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.errors import UnsupportedError
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.kernels import scopes_of, tiled_kernels
from powerfusion.passes.scheduling.scratch import Arena, ScratchPlanner, Spot


@register_pass
@dataclass(frozen=True)
class PlanScratchPass(Pass):
    """Gives every buffer at sram its offset."""

    name: ClassVar[str] = "gir-plan-scratch"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    machine: str = option("cpu", help="For which: a machine's name, or a .toml that describes one")

    def run(self, op: ir.Operation) -> None:
        """Plans the buffers of every kernel."""
        machine = find(self.machine)
        for kernel in tiled_kernels(op):
            plan_scratch(kernel, machine)


def plan_scratch(kernel: ir.Operation, machine: Machine) -> None:
    """Writes the offsets of a kernel's buffers."""
    planner = ScratchPlanner(kernel, machine)
    i64 = ir.IntegerType.get_signless(64)
    for scope in scopes_of(kernel):
        arenas = planner.plan(entry_block(scope))
        for arena in arenas:
            _check(arena)
            for op, spot in arena.spots.items():
                _write(op, spot)
        if arenas:
            sizes = {arena.space.name: ir.IntegerAttr.get(i64, arena.size_bytes) for arena in arenas}
            scope.attributes["gir.scratch"] = ir.DictAttr.get(sizes)


def _write(op: ir.Operation, spot: Spot) -> None:
    i64 = ir.IntegerType.get_signless(64)
    op.attributes["gir.offset"] = ir.IntegerAttr.get(i64, spot.offset_bytes)
    if spot.unit_bytes:
        op.attributes["gir.unit_bytes"] = ir.IntegerAttr.get(i64, spot.unit_bytes)


def _check(arena: Arena) -> None:
    """Refuses what a scratchpad doesn't hold, at the buffer that takes most."""
    usable = arena.space.usable_bytes
    if usable is None or arena.size_bytes <= usable:
        return
    most = arena.largest()
    message = (
        f"the buffers of a group take {arena.size_bytes} bytes of '{arena.space.name}' at once, which holds {usable}; "
        f"this one takes {arena.spots[most].size_bytes}"
    )
    if arena.space.kind == "cache":
        emit_remark(most.location, message)
        return
    raise UnsupportedError(message, location=most.location, help="take smaller parts per group, or rest less at sram")
