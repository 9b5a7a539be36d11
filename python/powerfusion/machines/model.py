"""What a machine is: a graph of spaces, links, engines and scopes that passes ask, never comparing names.

```
          link                link
  dram ---------->  sram  ---------->  reg  <--> engine     spaces of one level may be several (nram and wram)
  (device)          (group)            (unit)               (scope: how many of each space there are)
```

Numbers that nobody published are `None`: unknown, never a guess. Each number that is known has a source in `sources`
of its record: a document and section, or a text that begins with `derived:`, `measured:` or `detected:`.

Units stand in names. One byte per nanosecond is 1 GB/s (10^9), one operation per nanosecond is 10^9 operations/s.
Bandwidths and rates are of the whole machine, capacities of one instance of the space.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from powerfusion.errors import MachineError
from powerfusion.machines.emission import Emission

Level = Literal["dram", "sram", "reg"]
Scope = Literal["device", "cluster", "group", "unit", "lane"]
Kind = Literal["memory", "scratchpad", "cache", "registers"]

LEVELS: tuple[Level, ...] = ("dram", "sram", "reg")
SCOPES: tuple[Scope, ...] = ("device", "cluster", "group", "unit", "lane")
KINDS: tuple[Kind, ...] = ("memory", "scratchpad", "cache", "registers")
OP_CLASSES = ("elementwise", "reduce", "scan", "contract")
"""What an engine may compute; `arith`, `math`, casts and selects are elementwise, `all_reduce` is a reduce."""
DTYPES = ("f64", "f32", "tf32", "f16", "bf16", "f8E4M3FN", "f8E5M2", "i1", "i8", "i16", "i32", "i64", "index")
"""Types of which a rate is known; `tf32` are f32 operands rounded to ten bits of mantissa."""

Sources = tuple[tuple[str, str], ...]
"""Pairs (field, where its number is from)."""


IN_PLACE_BYTES = 8 << 10  # of the nearest cache, a quarter


@dataclass(frozen=True)
class Space:
    """One memory.

    Args:
        name: What `#gir.at` calls it.
        level: Which of the three classes it belongs to.
        capacity_bytes: Size of one instance; None where unknown or, at `dram`, of no interest.
        reserve_bytes: Of those, what the system keeps for itself.
        pool_bytes: What the instances in one group share, as warps share a register file; None where each has its own.
        scope: Each instance of this scope has its own.
        granule_bytes: The transaction unit: what an access of one byte moves.
        alignment_bytes: Where a buffer must begin; at least the granule that instructions need, not more.
        kind: `memory`, a `scratchpad` that programs address, a `cache` that they don't, or `registers`.
        write_allocate: A write into it reads the granules that it touches first, unless it is nontemporal.
        sources: Where the numbers are from.
    """

    name: str
    level: Level
    scope: Scope
    kind: Kind
    capacity_bytes: int | None = None
    reserve_bytes: int = 0
    pool_bytes: int | None = None
    granule_bytes: int = 1
    alignment_bytes: int = 1
    write_allocate: bool = False
    sources: Sources = ()

    @property
    def usable_bytes(self) -> int | None:
        """Capacity less reserve; None where the capacity is unknown."""
        return None if self.capacity_bytes is None else self.capacity_bytes - self.reserve_bytes

    def narrowed(self, share: int) -> Space:
        """The same space of which programs may use one in `share` bytes; unknown ones are unknown."""
        usable = self.usable_bytes
        if usable is None or self.capacity_bytes is None:
            return self
        return replace(self, reserve_bytes=self.capacity_bytes - usable // share)

    def usable_among(self, instances: int) -> int | None:
        """What one instance has where so many of one group share the pool."""
        own = self.usable_bytes
        if self.pool_bytes is None:
            return own
        share = self.pool_bytes // max(instances, 1) - self.reserve_bytes
        return share if own is None else min(own, share)


@dataclass(frozen=True)
class Link:
    """A way from one space to another, in this direction only.

    Args:
        source: Name of the space that is read.
        result: Name of the space that is written.
        bandwidth_bytes_per_ns: Of the whole machine.
        latency_ns: Of one transaction that meets no other.
        instruction: What moves data along it, in the vendor's words.
        asynchronous: Whether `gir.copy` can use it while the unit goes on.
        sources: Where the numbers are from.
    """

    source: str
    result: str
    bandwidth_bytes_per_ns: float | None = None
    latency_ns: float | None = None
    instruction: str | None = None
    asynchronous: bool = False
    sources: Sources = ()


@dataclass(frozen=True)
class Engine:
    """What computes: from which spaces it reads operands, and into which it writes.

    Args:
        name: For people, and for diagnostics.
        reads: Names of the spaces that its operands may be in.
        writes: Names of the spaces that its results may be in.
        ops: Op classes that it computes, of `OP_CLASSES`.
        rates: Pairs (dtype, operations per nanosecond of the whole machine); a multiply-add counts two.
        limits: Pairs (what, number): `granule_bytes`, `m`, `n`, `k` of one instruction and the like.
        sources: Where the numbers are from, by the dtype or limit.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    ops: tuple[str, ...]
    rates: tuple[tuple[str, float | None], ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    sources: Sources = ()

    def rate(self, dtype: str) -> float | None:
        """Operations per nanosecond on a dtype; None where it is unknown."""
        return dict(self.rates).get(dtype)


@dataclass(frozen=True)
class ScopeLimits:
    """A scope of parallelism.

    Args:
        scope: Which.
        called: What the vendor calls an instance.
        count: How many run at once in an instance of the next outer scope that the machine has.
        max_count: How many a program may ask for there.
        barrier: What synchronises the units of an instance; None where nothing does.
        barrier_ns: How long that takes.
        sources: Where the numbers are from.
    """

    scope: Scope
    called: str | None = None
    count: int | None = None
    max_count: int | None = None
    barrier: str | None = None
    barrier_ns: float | None = None
    sources: Sources = ()


@dataclass(frozen=True)
class Cache:
    """A cache that is no level: programs don't place data in it, but accesses hit.

    Args:
        name: For people.
        caches: Name of the space whose data it holds.
        capacity_bytes: Size of one instance.
        granule_bytes: Its line, or sector where it fills those alone.
        scope: Each instance of this scope has its own.
        bandwidth_bytes_per_ns: Of all instances together.
        sources: Where the numbers are from.
    """

    name: str
    caches: str
    capacity_bytes: int | None = None
    granule_bytes: int = 64
    scope: Scope = "device"
    bandwidth_bytes_per_ns: float | None = None
    sources: Sources = ()


@dataclass(frozen=True)
class Machine:
    """A device as passes see it.

    Args:
        name: What `find` knows it by.
        title: What it is, for people.
        spaces: Its memories; the first of a level is the one meant where none is named.
        links: The ways between them.
        engines: What computes.
        scopes: Outer to inner.
        caches: Nearest to the units first.
        launch_ns: What starting a kernel costs at least.
        sources: Where the machine's own numbers are from.
        emit: How programs for it are written in its C; None where nobody said so. The IR's attribute has it not.
    """

    name: str
    title: str
    spaces: tuple[Space, ...]
    links: tuple[Link, ...] = ()
    engines: tuple[Engine, ...] = ()
    scopes: tuple[ScopeLimits, ...] = ()
    caches: tuple[Cache, ...] = ()
    launch_ns: float | None = None
    sources: Sources = ()
    emit: Emission | None = field(default=None, compare=False)

    def __hash__(self) -> int:
        """Machines are looked up more often than two of a name differ."""
        return hash(self.name)

    def narrowed(self, share: int) -> Machine:
        """The same machine with one in `share` of the bytes that programs may use at `reg`."""
        if share == 1:
            return self
        return replace(
            self, spaces=tuple(space.narrowed(share) if space.level == "reg" else space for space in self.spaces)
        )

    def space(self, name: str) -> Space:
        """The space of a name.

        Raises:
            MachineError: There is none.
        """
        if name not in self._spaces:
            raise MachineError(f"{self.name} has no space '{name}'", help=f"its spaces are {listed(self._spaces)}")
        return self._spaces[name]

    def spaces_at(self, level: str) -> tuple[Space, ...]:
        """The spaces of a level, the one meant by default first."""
        return tuple(space for space in self.spaces if space.level == level)

    @cached_property
    def in_place_bytes(self) -> int:
        """How large a tile may be that contractions multiply where it lies, of which registers hold but a row.

        Where memory is read through caches, a multiplication takes an operand from there; elsewhere it is 0.
        """
        return IN_PLACE_BYTES if self.space_of("sram").kind == "cache" else 0

    def space_of(self, level: str, name: str | None = None) -> Space:
        """The space that `#gir.at<level, space = name>` means; without a name the first of the level.

        Raises:
            MachineError: There is none.
        """
        if name is None and level in self._first:
            return self._first[level]
        there = self.spaces_at(level)
        found = next((space for space in there if name in (None, space.name)), None)
        if found:
            return found
        if not there:
            raise MachineError(f"{self.name} has no space at {level}")
        raise MachineError(
            f"{self.name} has no space '{name}' at {level}",
            help=f"its spaces at {level} are {listed(space.name for space in there)}",
        )

    def link(self, source: str, result: str) -> Link | None:
        """The way from one space straight to another, by their names; None where there is none."""
        return self._links.get((source, result))

    def links_from(self, source: str) -> tuple[Link, ...]:
        """The ways out of a space."""
        return tuple(link for link in self.links if link.source == source)

    def engines_for(self, op_class: str) -> tuple[Engine, ...]:
        """The engines that compute an op class."""
        return tuple(engine for engine in self.engines if op_class in engine.ops)

    def scope(self, name: str) -> ScopeLimits | None:
        """The limits of a scope; None where the machine doesn't have it."""
        return next((limits for limits in self.scopes if limits.scope == name), None)

    def caches_of(self, space: str) -> tuple[Cache, ...]:
        """The caches in front of a space, nearest to the units first."""
        return tuple(cache for cache in self.caches if cache.caches == space)

    @cached_property
    def _spaces(self) -> dict[str, Space]:
        return {space.name: space for space in self.spaces}

    @cached_property
    def _first(self) -> dict[str, Space]:
        return {space.level: space for space in reversed(self.spaces)}

    @cached_property
    def _links(self) -> dict[tuple[str, str], Link]:
        return {(link.source, link.result): link for link in self.links}


def listed(names: Iterator[str] | dict[str, Space] | tuple[str, ...] | list[str]) -> str:
    """Names as a diagnostic lists them: `'nram', 'wram'`; `none` where there are none."""
    return ", ".join(f"'{name}'" for name in names) or "none"
