"""Where a kernel's buffers at `sram` lie: an offset for each, by when it lives.

Buffers of a group lie in one arena per space. Those that a unit makes for itself lie in an arena of the unit's, of
which the group's has one per unit, side by side for as long as its units run:

    |  %a  |  %b  | unit 0: %c %d | unit 1: %c %d | ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from powerfusion.core._mlir import DYNAMIC, entry_block, integer_of, integers, operations
from powerfusion.errors import UnsupportedError
from powerfusion.machines.model import Machine, Space
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_access import place_of
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling.kernels import is_unit_parallel
from powerfusion.passes.scheduling.lifetimes import Clock
from powerfusion.passes.scheduling.packing import Request, aligned, pack

MAKERS = ("gir.alloc", "gir.stage")


@dataclass(frozen=True)
class Spot:
    """Where a buffer lies.

    Attributes:
        space: The memory.
        offset_bytes: Of the first unit's, where each unit has its own.
        size_bytes: How much it takes.
        unit_bytes: From one unit's to the next one's; 0 where the group has one.
    """

    space: str
    offset_bytes: int
    size_bytes: int
    unit_bytes: int = 0


@dataclass(frozen=True)
class Longer:
    """A buffer that is to take more than it does: so many of its size, all the while that an op runs."""

    copies: int
    during: ir.Operation


@dataclass
class Arena:
    """What lies in one space for the instances of one scope.

    Attributes:
        space: Which.
        spots: Where each buffer lies.
        size_bytes: Of all of it.
    """

    space: Space
    spots: dict[ir.Operation, Spot] = field(default_factory=dict[ir.Operation, Spot])
    size_bytes: int = 0

    def largest(self) -> ir.Operation:
        """The buffer that takes most."""
        return max(self.spots, key=lambda op: self.spots[op].size_bytes)


Requested = tuple[Request, ir.Operation | Arena, int]
"""What is needed and when; the buffer or the units' arena that it is; how many units have one."""


class ScratchPlanner:
    """Plans the buffers of a kernel.

    Args:
        kernel: In tile form.
        machine: Whose spaces they lie in.
        longer: Buffers as they are to become.
        whole_blocks: Whether a buffer lives to the end of its block, as the dialect has it, and not to its last use.
    """

    def __init__(
        self,
        kernel: ir.Operation,
        machine: Machine,
        longer: Mapping[ir.Operation, Longer] | None = None,
        *,
        whole_blocks: bool = False,
    ) -> None:
        self.machine = machine
        self.clock = Clock(kernel)
        self.longer = longer or {}
        self.whole_blocks = whole_blocks

    def plan(self, block: ir.Block) -> list[Arena]:
        """The arenas of what runs a block, one per space that has buffers."""
        requested: dict[str, list[Requested]] = {}
        self._collect(block, requested)
        return [self._packed(self.machine.space(name), found) for name, found in requested.items()]

    def _collect(self, block: ir.Block, requested: dict[str, list[Requested]]) -> None:
        for op in operations(block):
            if op.name in MAKERS:
                self._collect_buffer(op, requested)
            elif op.name == "gir.parallel":
                self._collect_units(op, requested)
            else:
                for region in op.regions:
                    for inner in region:
                        self._collect(inner, requested)

    def _collect_buffer(self, op: ir.Operation, requested: dict[str, list[Requested]]) -> None:
        space = space_of(op.result, self.machine)
        size = buffer_bytes(op)
        if size is None and space.kind == "cache" and op.name == "gir.stage":
            return  # It takes no room of its own there.
        if size is None:
            raise UnsupportedError(
                f"a buffer of open size can't be given a place in '{space.name}'",
                location=op.location,
                help="bound its sizes by 'upto'",
            )
        made = op
        if op in self.longer:
            made = self.longer[op].during
            size = aligned(size, alignment_of(space)) * self.longer[op].copies
        first, last = self._life(op, made)
        requested.setdefault(space.name, []).append((Request(size, first, last), op, 1))

    def _life(self, op: ir.Operation, made: ir.Operation) -> tuple[int, int]:
        """From when to when a buffer lives that is made where an op is."""
        begin, end = self.clock.first[made], self.clock.last[made]
        if self.whole_blocks:
            return begin, self.clock.last[operations(made.block)[-1]]
        if made is not op:
            return begin, end
        first, last = self.clock.life(op.result) or (begin, end)
        return (begin if op.name == "gir.stage" else first), last

    def _collect_units(self, op: ir.Operation, requested: dict[str, list[Requested]]) -> None:
        """What the instances of a parallel make for themselves: units share the memory of their group."""
        for arena in self.plan(entry_block(op)):
            copies = self._instances(op, arena) if is_unit_parallel(op) else 1
            size = aligned(arena.size_bytes, alignment_of(arena.space)) * copies
            request = Request(size, self.clock.first[op], self.clock.last[op])
            requested.setdefault(arena.space.name, []).append((request, arena, copies))

    def _instances(self, op: ir.Operation, arena: Arena) -> int:
        counts = [integer_of(count) for count in op.operands]
        known = [count for count in counts if count is not None]
        if len(known) == len(counts):
            return prod(known)
        limits = self.machine.scope("unit")
        most = None if limits is None else limits.max_count or limits.count
        if most is None:
            raise UnsupportedError(
                f"buffers of an open number of units can't be given a place in '{arena.space.name}'",
                location=op.location,
                help="make the number of units a constant",
            )
        return most

    def _packed(self, space: Space, requested: Sequence[Requested]) -> Arena:
        packing = pack([request for request, _, _ in requested], alignment_of(space))
        arena = Arena(space, size_bytes=packing.size_bytes)
        for (request, what, copies), offset in zip(requested, packing.offsets, strict=True):
            if not isinstance(what, Arena):
                arena.spots[what] = Spot(space.name, offset, request.size_bytes)
                continue
            between = request.size_bytes // copies if copies else 0
            for op, spot in what.spots.items():
                own = spot.unit_bytes or (between if copies > 1 else 0)
                arena.spots[op] = Spot(space.name, offset + spot.offset_bytes, spot.size_bytes, own)
        return arena


def alignment_of(space: Space) -> int:
    """Where buffers begin: at a multiple of what the space demands, at a granule, and at a whole element."""
    return max(space.alignment_bytes, space.granule_bytes, 8)


def space_of(value: ir.Value, machine: Machine) -> Space:
    """The memory that a memref is in."""
    at = place_of(value)
    return machine.space_of(at.level, at.space or None)


def buffer_bytes(op: ir.Operation) -> int | None:
    """The most bytes that a buffer takes, None where a size of it has no bound."""
    shape, bounds = list(op.result.type.shape), integers(op.attributes["upto"]) if "upto" in op.attributes else []
    dynamic = shape.count(DYNAMIC)
    if dynamic != len(bounds):
        return None
    left = iter(bounds)
    return prod(next(left) if size == DYNAMIC else size for size in shape) * element_bytes(op.result)
