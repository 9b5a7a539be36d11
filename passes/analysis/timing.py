"""Modelled time: what a kernel's traffic and work take on a machine, from plain numbers.

    time = launches + the longest of what overlaps:
        memory    arriving bytes over the bandwidth, or over what the running groups have in flight;
                  those that are written over that of writing, where it has one of its own
        cache     issued bytes over the bandwidth of the last cache; where nearer caches are sram, the last
                  one has those that arrive, and sram all that are issued
        sram      bytes of each space on chip over its bandwidth
        engine    operations over the rate, for each engine

Where the cores that compute ask for memory themselves, as a CPU's do, a part of the second longest adds up.

On chip the core with the most groups counts. Groups that don't come out even leave a last round in
which fewer have bytes in flight. What a machine doesn't know is assumed, by the one table below, and
each answer says what it assumed. `timing_ledger` reads a program's traffic off its ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import starmap

from powerfusion.machines.model import Engine, Machine, Space


@dataclass(frozen=True)
class Assumption:
    """A number for machines that don't know theirs.

    Attributes:
        what: What it stands for.
        value: The number.
        unit: Its unit.
        why: Where it is from.
    """

    what: str
    value: float
    unit: str
    why: str

    def __str__(self) -> str:
        return f"{self.what} {self.value:g} {self.unit}".rstrip()


ASSUMED = {
    "dram": Assumption("memory bandwidth", 25.6, "GB/s", "one channel of DDR4-3200"),
    "sram": Assumption("sram bandwidth", 8, "times memory's", "9.6 on sm_80, 10 on sm_90, 15 on gfx942"),
    "cache": Assumption(
        "cache bandwidth", 2, "times memory's", "the L2 of A100 and H100 is quoted at 1.7 to 3.5 times"
    ),
    "latency": Assumption("memory latency", 600, "ns", "pointer chasing on GPUs is quoted at 470 to 800 ns"),
    "launch": Assumption("launch", 3000, "ns", "an empty kernel behind another takes 2 to 4 us on GPUs"),
    "rate": Assumption("rate", 64, "operand bytes per ns and stream", "vectors of 32 bytes, two operations, 1 GHz"),
    "cores": Assumption(
        "groups at once", 8, "", "where that isn't published; other accelerators have 4 to 16 clusters"
    ),
    "resident": Assumption("groups per core", 16, "at most", "half of the 32 that GPUs allow"),
}
"""What is assumed where a machine doesn't know a number."""

SEAM_PART = 0.2
"""Of the second longest, what doesn't overlap on a CPU: with it the 50 programs of `pf bench --predicted` that memory
binds, in f32 and bf16, come out neither longer nor shorter than measured in the median (one core of a Zen 5 server)."""

SIZES = {"f64": 8, "i64": 8, "index": 8, "f16": 2, "bf16": 2, "i16": 2, "i8": 1, "i1": 1, "f8E4M3FN": 1, "f8E5M2": 1}
WIDER = {"f16": "f32", "bf16": "f32", "f8E4M3FN": "f16", "f8E5M2": "f16", "i1": "i8", "i8": "i16", "i16": "i32"}


@dataclass(frozen=True)
class SpaceBytes:
    """What a kernel moves from and to one space, bytes.

    Attributes:
        space: The machine's name for it.
        issued: Of whole granules.
        arriving: Of these, what no cache has.
        written: Of the arriving, what is written: nothing waits for it.
        cached: Of what else arrives, what the last cache has from an earlier kernel.
    """

    space: str
    issued: int
    arriving: int
    written: int = 0
    cached: int = 0


@dataclass(frozen=True)
class Work:
    """What a kernel computes.

    Attributes:
        op_class: One of a machine's op classes, `elementwise`.
        dtype: Of its operands.
        operations: How many; a multiply-add is two.
    """

    op_class: str
    dtype: str
    operations: int


@dataclass(frozen=True)
class Traffic:
    """What a kernel does, in numbers.

    Attributes:
        moved: By space.
        work: By op class and dtype.
        groups: How many it has; None for as many as the machine likes.
        units: Units of a group.
        in_flight_bytes: What a group has on its way from memory at a time; None for as much as is needed.
        peaks: Pairs (space, bytes that live in an instance at most).
        launches: How often it is started.
    """

    moved: tuple[SpaceBytes, ...] = ()
    work: tuple[Work, ...] = ()
    groups: int | None = None
    units: int = 1
    in_flight_bytes: int | None = None
    peaks: tuple[tuple[str, int], ...] = ()
    launches: int = 1


@dataclass(frozen=True)
class Term:
    """One of the things that overlap.

    Attributes:
        name: A space, a cache or an engine.
        ns: How long it takes.
    """

    name: str
    ns: float


@dataclass(frozen=True)
class Time:
    """How long a kernel takes.

    Attributes:
        launch_ns: Its launches.
        terms: What overlaps, the longest first.
        assumed: What the machine didn't know.
        seam_ns: What doesn't overlap with the longest.
    """

    launch_ns: float
    terms: tuple[Term, ...]
    assumed: tuple[Assumption, ...]
    seam_ns: float = 0.0

    @property
    def ns(self) -> float:
        """Nanoseconds in all."""
        return self.launch_ns + (self.terms[0].ns if self.terms else 0.0) + self.seam_ns

    @property
    def bound(self) -> str:
        """What it takes so long for: the longest term, or `launch`."""
        longest = self.terms[0] if self.terms else None
        return longest.name if longest is not None and longest.ns > self.launch_ns else "launch"


def time_of(traffic: Traffic, machine: Machine) -> Time:
    """How long a kernel takes on a machine."""
    pace = pace_of(machine)
    sums: dict[str, float] = {}
    for term in (each for moved in traffic.moved for each in _moving(moved, traffic, machine, pace)):
        sums[term.name] = sums.get(term.name, 0.0) + term.ns
    computing, known = _computing(traffic.work, machine, pace)
    sums |= {engine: ns * uneven(traffic.groups, pace.cores) for engine, ns in computing.items()}
    terms = sorted(starmap(Term, sums.items()), key=lambda term: -term.ns)
    assumed = pace.assumed if known else (*pace.assumed, ASSUMED["rate"])
    seam = SEAM_PART * terms[1].ns if pace.near and len(terms) > 1 else 0.0
    return Time(pace.launch_ns * traffic.launches, tuple(terms), assumed, seam)


def _moving(moved: SpaceBytes, traffic: Traffic, machine: Machine, pace: Pace) -> Iterable[Term]:
    space = machine.space(moved.space)
    if space.level == "reg":
        return
    bandwidth = pace.bandwidths[space.name]
    if space.level != "dram":
        yield Term(space.name, moved.issued / bandwidth * uneven(traffic.groups, pace.cores))
        return
    yield Term(space.name, _from_memory(moved, bandwidth, traffic, machine, pace))
    if space.name in pace.caches:
        name, rate = pace.caches[space.name]
        yield Term(name, (moved.arriving if pace.near else moved.issued) / rate)
    if pace.near:
        yield Term(pace.near, moved.issued / pace.bandwidths[pace.near] * uneven(traffic.groups, pace.cores))


def _from_memory(moved: SpaceBytes, bandwidth: float, traffic: Traffic, machine: Machine, pace: Pace) -> float:
    """What bytes take that all groups share alike: round by round, as many groups at a time as there is room for."""
    arriving, reads = moved.arriving - moved.cached, moved.arriving - moved.written - moved.cached
    flying, groups = traffic.in_flight_bytes, traffic.groups
    if not flying or not groups or pace.latency_ns is None:
        written = pace.written.get(moved.space, bandwidth)
        return arriving / bandwidth + moved.written * (1 / written - 1 / bandwidth)
    slots = pace.cores * resident_groups(traffic, machine)
    rounds = ((groups // slots * slots, slots), (groups % slots, groups % slots))
    return sum(
        max(arriving / bandwidth, reads * pace.latency_ns / (running * flying)) * part / groups
        for part, running in rounds
        if part
    )


def uneven(groups: int | None, cores: int) -> float:
    """How much more than its share the core with the most groups has: 1 where they come out even."""
    return -(-groups // cores) * cores / groups if groups else 1.0


def resident_groups(traffic: Traffic, machine: Machine) -> int:
    """How many groups a core runs at once: as many as its units, its sram and its registers hold."""
    units = machine.scope("unit")
    most = int(ASSUMED["resident"].value)
    if units is not None and units.count is not None:
        most = min(most, units.count // max(traffic.units, 1))
    for name, peak in traffic.peaks:
        space = machine.space(name)
        if space.level != "dram" and peak:
            most = min(most, _holds(space, peak, traffic.units))
    return max(most, 1)


def _holds(space: Space, peak: int, units: int) -> int:
    """How many groups with such a peak a core's instances of a space hold."""
    if space.pool_bytes is not None:
        return space.pool_bytes // (peak * max(units, 1))
    if space.scope != "group" or space.usable_bytes is None:
        return int(ASSUMED["resident"].value)
    return space.usable_bytes // peak


# -- what a machine can do ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Pace:
    """A machine's numbers, with assumptions where it has none.

    Attributes:
        bandwidths: Of its spaces that aren't registers, bytes per nanosecond; of memory, where it fetches ahead by
            itself, those of reading.
        written: The same of writing to memory, where that is known.
        caches: By space, name and bandwidth of the last cache in front of it.
        near: The cache at sram that all accesses of memory go through; None where memory is accessed otherwise.
        latency_ns: Of memory; None where the machine fetches ahead by itself.
        launch_ns: Of a kernel.
        cores: How many groups run at once, one on each.
        streams: How many units compute at once; lanes share what a core has.
        assumed: What isn't the machine's own.
    """

    bandwidths: Mapping[str, float]
    written: Mapping[str, float]
    caches: Mapping[str, tuple[str, float]]
    near: str | None
    latency_ns: float | None
    launch_ns: float
    cores: int
    streams: int
    assumed: tuple[Assumption, ...]


@lru_cache(maxsize=64)
def pace_of(machine: Machine) -> Pace:
    """A machine's numbers."""
    assumed: dict[str, None] = {}

    def known(number: float | None, name: str, of: float = 1) -> float:
        if number is None:
            assumed[name] = None
        return ASSUMED[name].value * of if number is None else number

    memory = machine.space_of("dram")
    ahead = _fetches_ahead(machine)
    ways = _reading if ahead else _bandwidth
    bandwidths = {space.name: known(ways(machine, space), "dram") for space in machine.spaces_at("dram")}
    written = {space.name: rate for space in machine.spaces_at("dram") if ahead and (rate := _writing(machine, space))}
    full = bandwidths[memory.name]
    bandwidths |= {space.name: known(_bandwidth(machine, space), "sram", full) for space in machine.spaces_at("sram")}
    caches: dict[str, tuple[str, float]] = {}
    for name in [space.name for space in machine.spaces_at("dram")]:
        found = machine.caches_of(name)
        if found:
            last = max(found, key=lambda cache: cache.capacity_bytes or 0)
            caches[name] = last.name, known(last.bandwidth_bytes_per_ns, "cache", bandwidths[name])
    latency = None
    if not ahead:
        late = [link.latency_ns for link in machine.links_from(memory.name) if link.latency_ns is not None]
        latency = known(max(late, default=None), "latency")
    limits = machine.scope("group")
    cores = known(limits.count if limits else 1, "cores")
    launch = known(machine.launch_ns, "launch")
    units = machine.scope("unit")
    streams = int(cores) * ((units.count if units and machine.scope("lane") is None else None) or 1)
    near = machine.space_of("sram").name if ahead else None
    numbers = tuple(ASSUMED[name] for name in assumed)
    return Pace(bandwidths, written, caches, near, latency, launch, int(cores), streams, numbers)


def _bandwidth(machine: Machine, space: Space) -> float | None:
    """The fastest way between a space and those nearer to the units; all its ways share it."""
    return max(filter(None, (_reading(machine, space), _writing(machine, space))), default=None)


def _reading(machine: Machine, space: Space) -> float | None:
    """The fastest way from a space to those nearer to the units."""
    nearer = _nearer(machine, space)
    ways = (link.bandwidth_bytes_per_ns for link in machine.links_from(space.name) if link.result in nearer)
    return max((way for way in ways if way is not None), default=None)


def _writing(machine: Machine, space: Space) -> float | None:
    """The fastest way to a space from those nearer to the units."""
    nearer = _nearer(machine, space)
    into = (link for link in machine.links if link.result == space.name and link.source in nearer)
    return max((link.bandwidth_bytes_per_ns for link in into if link.bandwidth_bytes_per_ns is not None), default=None)


def _nearer(machine: Machine, space: Space) -> set[str]:
    order = ("dram", "sram", "reg")
    return {each.name for each in machine.spaces if order.index(each.level) > order.index(space.level)}


def _fetches_ahead(machine: Machine) -> bool:
    """True for cores whose near memory is a cache, which brings lines before they are asked for."""
    near = machine.spaces_at("sram")
    return bool(near) and all(space.kind == "cache" for space in near)


def _computing(work: Iterable[Work], machine: Machine, pace: Pace) -> tuple[dict[str, float], bool]:
    """What each engine takes, and whether its rates are the machine's own."""
    sums: dict[str, float] = {}
    all_known = True
    for each in work:
        name, rate, known = best_rate(machine, each.op_class, each.dtype)
        all_known = all_known and known
        sums[name] = sums.get(name, 0.0) + each.operations / (rate if known else rate * pace.streams)
    return sums, all_known


@lru_cache(maxsize=1 << 12)
def best_rate(machine: Machine, op_class: str, dtype: str) -> tuple[str, float, bool]:
    """The engine that computes an op class on a dtype soonest, its operations per nanosecond, and True.

    Where none says how many, what is assumed of one stream, and False.
    """
    able = machine.engines_for(op_class)
    rates = [(rate, engine.name) for engine in able if (rate := _rate(engine, dtype)) is not None]
    if rates:
        rate, name = max(rates)
        return name, rate, True
    return able[0].name if able else op_class, ASSUMED["rate"].value / SIZES.get(dtype, 4), False


def _rate(engine: Engine, dtype: str) -> float | None:
    """An engine's rate, that on a wider type where it has none of its own."""
    kind: str | None = dtype
    while kind is not None:
        rate = engine.rate(kind)
        if rate is not None:
            return rate
        kind = WIDER.get(kind)
    return None
