"""Who waits for whom, and when: threads of a group at barriers, lanes of a unit among themselves.

Scheduling places barriers where units meet. What is left is what one unit, or one group outside of its units, does in
order, but its lanes don't: fill memory of the group and read it, read it and fill it anew, write a result over what
was read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from powerfusion.core._mlir import create
from powerfusion.mlir import ir


@dataclass(frozen=True)
class Block:
    """What a group is on the device.

    Attributes:
        lanes: Lanes of a unit.
        units: Units of a group.
    """

    lanes: int
    units: int

    @property
    def threads(self) -> int:
        """Threads of a group."""
        return self.lanes * self.units


class Owed(Enum):
    """What has been done to the group's memory since those who did it last met."""

    NOTHING = 0
    FILLED = 1
    USED = 2


class Waiting:
    """Barriers of a function, where they are owed.

    Args:
        block: What a group is.
        wait_for_lanes: Makes the lanes of a unit wait for one another.
        in_place: Whether results may be written over what is read, each element where it was.
    """

    def __init__(self, block: Block, wait_for_lanes: Callable[[], None], *, in_place: bool) -> None:
        self.block, self.wait_for_lanes, self.in_place = block, wait_for_lanes, in_place
        self.in_units = False
        self.units_fill = False
        self.group = Owed.NOTHING
        self.lanes = Owed.NOTHING

    def barrier(self) -> None:
        """All threads of the group wait; what they wrote is then seen by all."""
        if self.block.threads > 1:
            create("gpu.barrier")
        self.group = self.lanes = Owed.NOTHING

    def meet(self, *, to_fill: bool = False) -> None:
        """Outside of units: the group waits for what its threads have done to its memory, if anything.

        Args:
            to_fill: What follows fills a buffer, which may go on beside the filling of others.
        """
        if self.in_units or self.group == Owed.NOTHING or (to_fill and self.group == Owed.FILLED):
            return
        self.barrier()

    def settle(self, *, lanes: bool = True) -> None:
        """Where control flow joins: nobody owes anything any more.

        Args:
            lanes: Whether lanes of a unit may owe each other something: where nothing does, nothing changes.
        """
        self.meet()
        if lanes:
            self.settle_lanes()

    def settle_lanes(self) -> None:
        """Lanes have done what they began, in units that fill memory of the group."""
        if self.units_fill and self.lanes != Owed.NOTHING:
            self.wait_for_lanes()
        self.lanes = Owed.NOTHING

    def before(self, memref: ir.Value, *, fills: bool = False) -> None:
        """Before an access, by the group or in units."""
        self.meet()
        if not _is_of_group(memref):
            if fills and self.in_place:
                self._see_all_read()
            return
        if not self.in_units:
            return
        if self.lanes == Owed.FILLED or (fills and self.lanes == Owed.USED):
            self.settle()
        self.lanes = Owed.FILLED if fills else Owed.USED

    def after(self, memref: ir.Value) -> None:
        """Behind an access: outside of units the group's memory isn't filled anew before all have made it."""
        if not self.in_units and _is_of_group(memref):
            self.group = Owed.USED

    def _see_all_read(self) -> None:
        """Lanes that hold copies, or other elements, have read what is now written over."""
        if self.in_units or self.block.units == 1:
            self.wait_for_lanes()
        else:
            self.barrier()


def _is_of_group(memref: ir.Value) -> bool:
    return "workgroup" in str(memref.type.memory_space)
