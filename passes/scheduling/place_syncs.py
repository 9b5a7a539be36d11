"""`gir-place-syncs`: the barriers that units need which share memory at `sram`, and no others.

Rewrite:
    gir.parallel <unit> (%u) in (4)     ⇒  gir.parallel <unit> (%u) in (4)
      gir.store %t, %s[%u, 0]                gir.store %t, %s[%u, 0]
      %a = gir.load %s[0, 0]                 gir.sync <group>             all rows are there
      gir.sync <group>                       %a = gir.load %s[0, 0]
      ... nothing that is shared             ...

A barrier is needed on every way from one access to another of which one writes, where different units may meet. Inner
loops come first: what the end of a step and the beginning of the next one touch is separated in the loop. Around them a
barrier stands as late as it can, so that one serves for all that came before. Then each barrier is taken away without
which everything is still separated, that of the innermost loop first. Windows of units that lie apart, by their index,
need none; what can't be told apart is kept apart.

No barrier is put where not every unit comes: in a loop or branch that units go through differently. A remark says what
may meet there. Barriers of a coarser scope than the group stay. What units hand to one another through `dram` gets no
barrier, but keeps those that it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import create, entry_block, operations
from powerfusion.core.diagnostics import emit_remark
from powerfusion.core.passes import Pass, register_pass
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.flow import REPEATED, Flow, Walk
from powerfusion.passes.scheduling.kernels import is_unit_parallel, tiled_kernels, walk
from powerfusion.passes.scheduling.sharing import Units

GROUP = "#gir.scope<group>"


@register_pass
@dataclass(frozen=True)
class PlaceSyncsPass(Pass):
    """Puts barriers where units share memory, and takes others away."""

    name: ClassVar[str] = "gir-place-syncs"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})

    def run(self, op: ir.Operation) -> None:
        """Places the barriers of every kernel's units."""
        for kernel in tiled_kernels(op):
            for parallel in filter(is_unit_parallel, walk(kernel, "gir.parallel")):
                units = Units(parallel)
                if units.indices:
                    Placer(units).place(entry_block(parallel))
                _prune(units)


class Placer:
    """Puts barriers where they are missing, inner loops first.

    Args:
        units: Who shares memory.
    """

    def __init__(self, units: Units) -> None:
        self.units = units

    def place(self, block: ir.Block) -> None:
        """Separates what meets in a block and in what is in it."""
        for op in operations(block):
            if not self._comes_everywhere(op):
                continue
            for region in op.regions:
                for inner in region:
                    self.place(inner)
                    if op.name in REPEATED:
                        self._separate_steps(inner)
        self._separate(block, Flow())

    def _comes_everywhere(self, op: ir.Operation) -> bool:
        """Whether all units go through an op's regions alike."""
        match op.name:
            case "scf.for":
                return all(self.units.is_uniform(bound) for bound in list(op.operands)[:3])
            case "scf.if":
                return self.units.is_uniform(op.operands[0])
            case "scf.execute_region" | "gir.alternatives":
                return True
            case _:
                return False

    def _separate(self, block: ir.Block, before: Flow) -> None:
        """Puts a barrier before each op that may meet what is pending, given what came before the block."""
        walk = Walk(self.units, sram_only=True)
        for op in operations(block):
            if walk.between(before.pending, walk.op(op).exposed):
                with ir.InsertionPoint(op), op.location:
                    create("gir.sync", attributes={"scope": ir.Attribute.parse(GROUP)})
                before = Flow()
            before = walk.follow(before, op)

    def _separate_steps(self, block: ir.Block) -> None:
        """Puts a barrier where a step of a loop may meet the one before."""
        left = Walk(self.units, sram_only=True).block(block)
        self._separate(block, Flow(pending=left.pending))


def _prune(units: Units) -> None:
    """Takes barriers away without which all is separated that was, and remarks on what isn't."""
    syncs = [sync for sync in walk(units.parallel, "gir.sync") if str(sync.attributes["scope"]) == GROUP]
    met = Walk(units).conflicts() if units.indices else set()
    needless: list[ir.Operation] = []
    for sync in sorted(syncs, key=_depth, reverse=True):
        trial = [*needless, sync]
        if not units.indices or Walk(units, trial).conflicts() == met:
            needless = trial
    for sync in needless:
        sync.erase()
    if not units.indices:
        return
    for one, two in Walk(units, sram_only=True).conflicts():
        emit_remark(two.location, "other units may touch the same memory here, and no barrier can stand between")
        emit_remark(one.location, "this is what they may meet")


def _depth(op: ir.Operation) -> int:
    """How many ops are around an op."""
    depth = 0
    while op.name != "gir.kernel":
        op, depth = op.parent.operation, depth + 1
    return depth
