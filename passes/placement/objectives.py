"""What a search makes small: an order of costs, and what a kernel takes on a machine.

bytes   those that arrive from DRAM, then launches, then those asked for, then what a core does
time    a model's, then the same
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from powerfusion.machines.model import Machine
from powerfusion.passes.placement.cost import Place
from powerfusion.passes.placement.model import Cost
from powerfusion.passes.placement.rates import (
    cached_bytes_per_ns,
    cores,
    far_bytes_per_ns,
    near_bytes_per_ns,
    sram_bytes_per_ns,
)

OBJECTIVES = ("time", "bytes")
Key = tuple[int, ...]
LAUNCH_NS = 2000  # where a machine doesn't say what starting a kernel costs
FULL_BANDWIDTH = 0.5  # of the cores, about, that are enough for all of DRAM's bandwidth
FREE_PART = 100  # of registers that stay free: what a unit holds of a row at the ends of passes isn't followed
ISSUED_PART = 8  # of the time that memory takes, of which one is the cores': they ask for what it moves


@dataclass(frozen=True)
class Objective:
    """An order of costs on a machine.

    Attributes:
        name: Of `OBJECTIVES`.
        machine: On which.
    """

    name: str
    machine: Machine

    def key(self, cost: Cost) -> Key:
        """Smaller is better."""
        return _KEYS[self.name](cost)

    def timed(self, place: Place, cost: Cost) -> Cost:
        """A cost with what it takes, of a kernel in a nest."""
        used = min(place.groups() / cores(self.machine), 1.0)
        return cost + Cost(time_ps=math.ceil(self._time_ps(cost, used)))

    def alone(self, cost: Cost) -> Cost:
        """A cost with what it takes, of a kernel that stays as it is."""
        return cost + Cost(time_ps=math.ceil(self._time_ps(cost, 1.0)))

    def room(self, place: Place) -> int | None:
        """How many bytes a unit's tiles may have where it computes; None where that isn't known."""
        room = self.machine.space_of("reg").usable_among(units_of(place))
        return None if room is None else room - room // FREE_PART

    def overflows(self, place: Place, peak_reg: int) -> bool:
        """Whether a unit's tiles don't fit where it computes."""
        room = self.room(place)
        return room is not None and peak_reg > room

    def bound(self, moved: int, launches: int, cached: int = 0, near: int = 0) -> Cost:
        """What moving some bytes in so many kernels costs at least; some of them to and from a cache.

        `near` is what the cores compute at least.

        Costs are rounded up and bounds down, so that a bound of several kernels is never above the sum of their costs.
        """
        cost = Cost(arriving=moved, launches=launches, useful=moved, near=near, cached=cached)
        return cost + Cost(time_ps=math.floor(self._time_ps(cost, 1.0)))

    def _time_ps(self, cost: Cost, used: float) -> float:
        machine = self.machine
        far, cached = far_bytes_per_ns(machine), cached_bytes_per_ns(machine)
        last = cost.arriving - cost.cached
        far_ns = (last / far + cost.cached / cached) / min(used / FULL_BANDWIDTH, 1.0)
        memory_ns = max(far_ns, cost.useful / cached / used)
        computed = (cost.near - cost.sram) / near_bytes_per_ns(machine)
        near_ns = max(cost.sram / sram_bytes_per_ns(machine), computed) / used
        ns = max(memory_ns, near_ns + memory_ns / ISSUED_PART)
        return 1000 * (ns + cost.launches * (machine.launch_ns or LAUNCH_NS))


def units_of(place: Place) -> int:
    """How many units of a group have a part."""
    count = 1
    for dim in place.nest:
        count *= dim.units
    return count


def _by_bytes(cost: Cost) -> Key:
    return cost.arriving, cost.launches, cost.useful, cost.near, cost.sram


def _by_time(cost: Cost) -> Key:
    return cost.time_ps, *_by_bytes(cost)


_KEYS: dict[str, Callable[[Cost], Key]] = {"bytes": _by_bytes, "time": _by_time}
