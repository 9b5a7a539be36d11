"""How barriers separate what units touch: a walk over the structured control flow of a unit.

store %s[%u]     pending: the store
gir.sync         pending: nothing
load %s[*]       pending: the load
scf.for          what its body touches before a barrier of its own meets what is pending, and what it leaves pending
meets the beginning of its next step
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from powerfusion.core._mlir import entry_block, integer_of, operations
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.sharing import Access, Units

Pair = tuple[ir.Operation, ir.Operation]
REPEATED = ("scf.for", "scf.while", "scf.parallel", "scf.forall")


@dataclass
class Flow:
    """What a stretch of ops leaves to those around it.

    Attributes:
        exposed: What may be touched before any barrier of the stretch.
        pending: What may have been touched since the last one.
        open: Whether it may be gone through without a barrier.
    """

    exposed: list[Access] = field(default_factory=list[Access])
    pending: list[Access] = field(default_factory=list[Access])
    open: bool = True

    def add(self, other: Flow) -> None:
        """What follows it."""
        if self.open:
            self.exposed += other.exposed
        self.pending = other.pending + (self.pending if other.open else [])
        self.open = self.open and other.open


class Walk:
    """Walks the body of units and finds what meets without a barrier between.

    Args:
        units: The units.
        ignored: Barriers that don't count.
        sram_only: Look at the group's memory alone.
    """

    def __init__(self, units: Units, ignored: Collection[ir.Operation] = (), *, sram_only: bool = False) -> None:
        self.units, self.ignored, self.sram_only = units, ignored, sram_only
        self.met: set[Pair] = set()

    def conflicts(self) -> set[Pair]:
        """The pairs of ops that may meet: the one that is behind stands second."""
        self.block(entry_block(self.units.parallel))
        return self.met

    def block(self, block: ir.Block) -> Flow:
        """The ops of a block, in order."""
        flow = Flow()
        for op in operations(block):
            flow = self.follow(flow, op)
        return flow

    def follow(self, flow: Flow, op: ir.Operation) -> Flow:
        """A stretch and an op behind it."""
        inner = self.op(op)
        self.met |= self.between(flow.pending, inner.exposed)
        flow.add(inner)
        return flow

    def op(self, op: ir.Operation) -> Flow:
        """One op, with what is in it."""
        if op.name == "gir.sync" and op not in self.ignored:
            return Flow(open=False)
        if not list(op.regions):
            found = [access for access in self.units.accesses(op) if access.at_sram or not self.sram_only]
            return Flow(found, list(found))
        flows = [self.block(block) for region in op.regions for block in region]
        if op.name in REPEATED:
            for flow in flows:
                self.met |= self.between(flow.pending, flow.exposed)
        joined = Flow(
            [access for flow in flows for access in flow.exposed],
            [access for flow in flows for access in flow.pending],
            _may_be_skipped(op) or any(flow.open for flow in flows),
        )
        return joined

    def between(self, before: list[Access], behind: list[Access]) -> set[Pair]:
        """The pairs of some accesses and later ones that may meet."""
        return {(one.op, two.op) for one in before for two in behind if self.units.meet(one, two)}


def _may_be_skipped(op: ir.Operation) -> bool:
    """Whether an op may do nothing of what is in it."""
    if op.name == "scf.for":
        low, high = (integer_of(bound) for bound in list(op.operands)[:2])
        return low is None or high is None or low >= high
    return op.name == "scf.while" or any(len(region.blocks) == 0 for region in op.regions)
