"""From times to a machine's numbers.

What memory reads and writes share its time: `read bytes / read + written bytes / write` is fitted to the streams, so
that each counts alike however long it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from powerfusion.calibration.measure import Figure, Probe, quarters, undisturbed
from powerfusion.calibration.probes import PRODUCTS, RATES
from powerfusion.machines.model import Cache, Engine, Link, Machine

STREAMS = {"stream_read": (1, 0), "stream_1_1": (1, 1), "stream_2_1": (2, 1)}
"""By stream, how many arrays it reads and writes."""
FASTEST_WRITE = 4  # times as fast as reading writing is taken for, where streams that write take no longer than others
PRODUCT_ENGINE = "multiply-add"
BUSY_SPREAD = 0.15
"""Above it something else was running."""


@dataclass(frozen=True)
class Measured:
    """A figure of a machine.

    Attributes:
        name: As in `memory_read`.
        of: What of the machine it is, for people.
        unit: Of its value.
        figure: The number and its spread.
    """

    name: str
    of: str
    unit: str
    figure: Figure


def figures_of(probes: Sequence[Probe], rounds: Sequence[Mapping[str, float]], machine: Machine) -> list[Measured]:
    """What probes that were timed say of a machine: of the undisturbed rounds, with the spread of all."""
    by_name = {probe.name: probe for probe in probes}
    best, *each = (_values(by_name, seconds) for seconds in (undisturbed(rounds), *rounds))
    figures: dict[str, Figure] = {}
    for name, value in best.items():
        lower, upper = quarters([values[name] for values in each])
        figures[name] = Figure(value, (upper - lower) / value)
    return [Measured(name, of, unit, figures[name]) for name, (of, unit) in _named(machine).items() if name in figures]


def _values(probes: Mapping[str, Probe], seconds: Mapping[str, float]) -> dict[str, float]:
    """The figures of some times."""
    read, write = _shared(probes, seconds)
    found = {"memory_read": read, "memory_write": write}
    for name, probe in probes.items():
        if name not in STREAMS:
            ns = seconds[name] * 1e9
            found[name] = ns if name == "launch" else probe.amount / ns
    return found


def _named(machine: Machine) -> dict[str, tuple[str, str]]:
    """By figure, what of a machine it is, and its unit."""
    dram, sram, reg = (machine.space_of(level).name for level in ("dram", "sram", "reg"))
    return {
        "memory_read": (f"{dram} -> {reg}", "GB/s"),
        "memory_write": (f"{reg} -> {dram}", "GB/s"),
        "last_read": (_last(machine), "GB/s"),
        "cache_read": (f"{sram} -> {reg}", "GB/s"),
        "cache_write": (f"{reg} -> {sram}", "GB/s"),
        "L1_read": ("L1", "GB/s"),
        **{f"rate_{dtype}": (f"{dtype} in {reg}", "operations/ns") for dtype in RATES},
        **{f"product_{dtype}": (f"products of {dtype}", "operations/ns") for dtype in PRODUCTS},
        "launch": ("a launch", "ns"),
    }


def _last(machine: Machine) -> str:
    """The last cache in front of memory; an empty name where there is none."""
    caches = machine.caches_of(machine.space_of("dram").name)
    largest = max(caches, key=lambda cache: cache.capacity_bytes or 0, default=None)
    return largest.name if largest else ""


def _shared(probes: Mapping[str, Probe], seconds: Mapping[str, float]) -> tuple[float, float]:
    """Bytes per nanosecond that are read and written, by least squares of what each stream is off in parts."""
    rows = []
    for name, (read, written) in STREAMS.items():
        array = probes[name].amount / (read + written)
        ns = seconds[name] * 1e9
        rows.append((read * array / ns, written * array / ns))
    rr, rw, ww = (sum(row[a] * row[b] for row in rows) for a, b in ((0, 0), (0, 1), (1, 1)))
    r, w = (sum(row[at] for row in rows) for at in (0, 1))
    determinant = rr * ww - rw * rw
    per_read, per_write = (r * ww - w * rw) / determinant, (w * rr - r * rw) / determinant
    if per_write * FASTEST_WRITE < per_read:
        # Writing hides behind reading: it has the least time that is believed, and reading what fits best beside.
        both = [row[0] + row[1] / FASTEST_WRITE for row in rows]
        per_read = sum(both) / sum(each * each for each in both)
        per_write = per_read / FASTEST_WRITE
    return 1 / per_read, 1 / per_write


def machine_of(machine: Machine, measured: Sequence[Measured], said: str) -> Machine:
    """A machine with what was measured of it.

    Args:
        machine: As detected.
        measured: Its figures.
        said: What its sources say: `measured: by ...`, to which the spread of each is added.
    """
    of = {each.name: each.figure for each in measured}

    def cited(sources: Sequence[tuple[str, str]], key: str, name: str) -> tuple[tuple[str, str], ...]:
        others = tuple(pair for pair in sources if pair[0] != key)
        return (*others, (key, f"{said}, spread {of[name].spread:.0%}"))

    def link(each: Link) -> Link:
        name = _figure_of(machine, each)
        if name not in of:
            return each
        key = "bandwidth_bytes_per_ns"
        return replace(each, **{key: rounded(of[name].value)}, sources=cited(each.sources, key, name))

    def cache(each: Cache) -> Cache:
        name = "last_read" if each.name == _last(machine) else f"{each.name}_read"
        if name not in of:
            return each
        key = "bandwidth_bytes_per_ns"
        return replace(each, **{key: rounded(of[name].value)}, sources=cited(each.sources, key, name))

    def engine(base: Engine, prefix: str, dtypes: Sequence[str]) -> Engine:
        known = [dtype for dtype in dtypes if f"{prefix}_{dtype}" in of]
        pairs = tuple((dtype, rounded(of[f"{prefix}_{dtype}"].value)) for dtype in known)
        sources = tuple(pair for dtype in known for pair in cited((), dtype, f"{prefix}_{dtype}"))
        return replace(base, rates=pairs, sources=(*base.sources, *sources))

    computes = machine.engines[0]
    products = replace(computes, name=PRODUCT_ENGINE, ops=("contract",), rates=(), sources=())
    return replace(
        machine,
        links=tuple(map(link, machine.links)),
        caches=tuple(map(cache, machine.caches)),
        engines=(engine(computes, "rate", tuple(RATES)), engine(products, "product", PRODUCTS)),
        launch_ns=rounded(of["launch"].value),
        sources=cited(machine.sources, "launch_ns", "launch"),
    )


def _figure_of(machine: Machine, link: Link) -> str:
    """The figure that a link has: its spaces' levels, and which way it goes."""
    ends = machine.space(link.source).level, machine.space(link.result).level
    if ends[0] == "dram":
        return "memory_read"
    if ends[1] == "dram":
        return "memory_write"
    return "cache_read" if ends[0] == "sram" else "cache_write"


def rounded(value: float) -> float:
    """A number with three digits, which is more than was measured."""
    return float(f"{value:.3g}")
