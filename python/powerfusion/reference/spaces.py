"""Memories of the machine as the interpreter needs them, and the count of what moves in and out of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from powerfusion.errors import OverCapacity
from powerfusion.machines.model import Machine
from powerfusion.reference.types import Array, Type

Direction = Literal["read", "write"]
PAGE_BYTES = 4096


@dataclass(frozen=True)
class Counted:
    """Bytes that an instruction moved in one direction.

    Attributes:
        useful: Distinct elements that were accessed, times their size, over all executions.
        issued: The same, rounded to the memory's granules execution by execution.
    """

    useful: int
    issued: int


@dataclass(frozen=True)
class Place:
    """One memory: its name, transaction unit, and what fits; without a machine, bytes are moved singly and all fits."""

    name: str
    granule: int = 1
    write_allocate: bool = False
    capacity: int | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """Elements that are asked for row by row.

    Attributes:
        numbers: By element, the number of its row.
        apart: Bytes of which the places where rows begin are multiples.
    """

    numbers: Array
    apart: int

    def granules(self, addresses: Array, granule: int) -> int:
        """How many granules the rows lie in, each where it may lie worst."""
        if not addresses.size:
            return 0
        _, numbers = np.unique(self.numbers.ravel(), return_inverse=True)
        most = np.zeros(int(numbers.max()) + 1, dtype=np.int64)
        for shift in range(0, granule, math.gcd(granule, self.apart)):
            lines = np.unique(np.stack([numbers, (addresses.ravel() + shift) // granule]), axis=1)
            most = np.maximum(most, np.bincount(lines[0], minlength=len(most)))
        return int(most.sum())


class Spaces:
    """The spaces of a machine, or of no machine in particular; hands out addresses and counts movement."""

    def __init__(self, machine: Machine | None) -> None:
        self.machine = machine
        self.in_place_bytes = machine.in_place_bytes if machine else 0
        self.useful: dict[tuple[int, str, str], int] = defaultdict(int)
        self.issued: dict[tuple[int, str, str], int] = defaultdict(int)
        self.peaks: dict[str, int] = defaultdict(int)
        self._places: dict[tuple[str | None, str], Place] = {}
        self._next = PAGE_BYTES

    def place(self, type_: Type) -> Place:
        """The memory that a value of that type is in; plain values are at dram."""
        key = type_.place
        if key not in self._places:
            self._places[key] = self._looked_up(type_.level or "dram", type_.space)
        return self._places[key]

    def same(self, one: Type, other: Type) -> bool:
        """Whether two values are in one memory; what stays in it isn't moved."""
        return one.level == other.level and self.place(one).name == self.place(other).name

    def _looked_up(self, level: str, name: str) -> Place:
        if self.machine is None:
            return Place(name or level)
        space = self.machine.space_of(level, name or None)
        granule = 1 if level == "reg" else space.granule_bytes
        return Place(space.name, granule, space.write_allocate, space.usable_bytes)

    def address(self, size_bytes: int) -> int:
        """The address of a buffer that begins a page of its own."""
        base = self._next
        self._next += -(-max(size_bytes, 1) // PAGE_BYTES) * PAGE_BYTES
        return base

    def addresses(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Addresses of the elements of a new row-major tensor."""
        size = int(np.prod(shape, dtype=np.int64))
        base = self.address(size * dtype.itemsize)
        return (base + np.arange(size, dtype=np.int64) * dtype.itemsize).reshape(shape)

    def read(self, number: int, place: Place, addresses: Array, itemsize: int, *, rows: Rows | None = None) -> None:
        """Counts one execution's reads of the elements at some addresses; `rows`: those of each are asked for alone."""
        useful, issued = touched(addresses, itemsize, place.granule, rows)
        self._add(number, place, "read", useful, issued)

    def written(
        self,
        number: int,
        place: Place,
        addresses: Array,
        itemsize: int,
        *,
        rows: Rows | None = None,
        past: bool = False,
    ) -> None:
        """Counts one execution's writes; `past`: they don't pass through a cache that reads lines first."""
        useful, issued = touched(addresses, itemsize, place.granule, rows)
        self._add(number, place, "write", useful, issued)
        if place.write_allocate and not past:
            self._add(number, place, "read", 0, issued)

    def tile(self, number: int, place: Place, direction: Direction, elements: int, itemsize: int) -> None:
        """Counts one execution's elements in registers, which have no addresses."""
        self._add(number, place, direction, elements * itemsize, elements * itemsize)

    def _add(self, number: int, place: Place, direction: Direction, useful: int, issued: int) -> None:
        key = (number, place.name, direction)
        self.useful[key] += useful
        self.issued[key] += issued

    def uncounted(self) -> Spaces:
        """The same memories, of which nothing is counted."""
        return Spaces(self.machine)

    @property
    def counts(self) -> dict[tuple[int, str, str], Counted]:
        """What was counted, by instruction, space and direction."""
        return {key: Counted(useful, self.issued[key]) for key, useful in self.useful.items()}


def touched(addresses: Array, itemsize: int, granule: int, rows: Rows | None = None) -> tuple[int, int]:
    """Bytes of the distinct elements at some addresses, and of the distinct granules that these lie in.

    Where elements are in rows that are asked for one by one, each element counts, and the granules of each row, as many
    as it may lie in.
    """
    if rows is not None:
        useful = int(addresses.size) * itemsize
        if granule <= itemsize:
            return useful, useful
        return useful, rows.granules(addresses, granule) * granule
    distinct = np.unique(addresses)
    if granule <= itemsize:
        return len(distinct) * itemsize, len(distinct) * itemsize
    return len(distinct) * itemsize, len(np.unique(distinct // granule)) * granule


class Pool:
    """What lives in the spaces of one unit or of one group, and the most that ever did.

    Args:
        spaces: Take note of that.
        live: What lives there already.
    """

    def __init__(self, spaces: Spaces, live: Mapping[str, int] | None = None) -> None:
        self.spaces = spaces
        self.live: dict[str, int] = defaultdict(int, live or {})

    def take(self, place: Place, size_bytes: int, what: str) -> None:
        """Notes that something begins to live.

        Raises:
            OverCapacity: It doesn't fit beside what lives already.
        """
        self.live[place.name] += size_bytes
        now = self.live[place.name]
        self.spaces.peaks[place.name] = max(self.spaces.peaks[place.name], now)
        if place.capacity is not None and now > place.capacity:
            raise OverCapacity(
                f"{what} of {size_bytes} bytes brings '{place.name}' to {now} bytes at once; it holds {place.capacity}",
                help="make the tile smaller, or let something end sooner",
            )

    def give(self, place: Place, size_bytes: int) -> None:
        """Notes that something has ended."""
        self.live[place.name] -= size_bytes
