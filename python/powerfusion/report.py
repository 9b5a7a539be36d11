"""What a program moves, per kernel, level and direction, beside the least that it must.

Plain data: made by `powerfusion.passes.analysis.ledger`, kept in artifacts, shown by `pf explain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from powerfusion.symbolic import Count, total


@dataclass(frozen=True)
class Moved:
    """One side of a movement: what it reads from or writes to one space.

    Attributes:
        space: The machine's name for it, `memory`.
        level: Its level: dram, sram or reg.
        direction: `read` or `write`.
        useful: Bytes of distinct elements.
        issued: Bytes of the transactions that they take.
        arriving: Of these, what no cache has already.
        bounds: Those of the three that are upper bounds.
    """

    space: str
    level: str
    direction: str
    useful: Count
    issued: Count
    arriving: Count
    bounds: tuple[str, ...] = ()


@dataclass(frozen=True)
class MovementReport:
    """One instruction that moves data.

    Attributes:
        op: Its name, `gir.move`.
        source: Level that it reads: dram, sram or reg.
        result: Level that it writes.
        bytes: Useful bytes at the outer of its two levels.
        type: Shape and element type, as `512x768xf32`.
        location: Where the program asks for it; None where that is lost.
        moved: Its sides.
    """

    op: str
    source: str
    result: str
    bytes: Count
    type: str
    location: str | None = None
    moved: tuple[Moved, ...] = ()

    @property
    def sides(self) -> tuple[Moved, ...]:
        """Its sides; of one that says none, all its bytes from one level to the other."""
        if self.moved:
            return self.moved
        ways = ((self.source, "read"), (self.result, "write"))
        return tuple(Moved(level, level, way, self.bytes, self.bytes, self.bytes) for level, way in ways)


@dataclass(frozen=True)
class Handed:
    """What one kernel hands to others through DRAM, or several load each for itself.

    Attributes:
        producer: Name of the kernel that stores it; None for an argument or a constant.
        consumers: Names of those that load it.
        bytes: What would go if they were one: loads, and the store where nothing else needs it.
        location: Where the program asks for the producer.
    """

    producer: str | None
    consumers: tuple[str, ...]
    bytes: Count
    location: str | None = None


@dataclass(frozen=True)
class KernelReport:
    """One kernel: a launch, and its movements.

    Attributes:
        name: The kernel's name.
        location: Where the program asks for it.
        movements: In program order.
        origins: Where the program asks for all that became this kernel.
        least_dram_bytes: What it touches of its inputs, and its results, once; None where only tile form is known.
        naive_dram_bytes: What the operators that it was made from move one by one; None where that is lost.
    """

    name: str
    location: str | None
    movements: tuple[MovementReport, ...]
    origins: tuple[str, ...] = ()
    least_dram_bytes: Count | None = None
    naive_dram_bytes: Count | None = None

    @property
    def reads(self) -> dict[str, Count]:
        """Useful bytes read, by level."""
        return self.figures("read", "useful")

    @property
    def writes(self) -> dict[str, Count]:
        """Useful bytes written, by level."""
        return self.figures("write", "useful")

    def figures(self, direction: str, figure: str) -> dict[str, Count]:
        """Bytes by level, of `useful`, `issued` or `arriving`."""
        sides = (side for movement in self.movements for side in movement.sides if side.direction == direction)
        return _by_level((side.level, getattr(side, figure)) for side in sides)

    @property
    def dram_bytes(self) -> Count:
        """Useful bytes that cross the border of DRAM, in either direction."""
        return self.at_dram("useful")

    def at_dram(self, figure: str) -> Count:
        """Bytes that cross the border of DRAM, of `useful`, `issued` or `arriving`."""
        return total(self.figures(direction, figure).get("dram", 0) for direction in ("read", "write"))


def _by_level(moved: Iterable[tuple[str, Count]]) -> dict[str, Count]:
    sums: dict[str, Count] = {}
    for level, count in moved:
        sums[level] = sums.get(level, 0) + count
    return sums


@dataclass(frozen=True)
class PredictedTime:
    """How long a kernel takes, by the model.

    Attributes:
        kernel: Its name.
        ns: Nanoseconds, its launch included.
        bound: What it takes so long for: a space, a cache, an engine, or `launch`.
    """

    kernel: str
    ns: float
    bound: str


@dataclass(frozen=True)
class Prediction:
    """How long a program takes, by the model of `powerfusion.passes.analysis.timing`.

    Attributes:
        kernels: In program order.
        assumed: What the machine doesn't know and the model assumed.
    """

    kernels: tuple[PredictedTime, ...]
    assumed: tuple[str, ...] = ()

    @property
    def ns(self) -> float:
        """Nanoseconds of all kernels, one after the other."""
        return sum(kernel.ns for kernel in self.kernels)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        kernels = [{"name": each.kernel, "ns": each.ns, "bound": each.bound} for each in self.kernels]
        return {"ns": self.ns, "kernels": kernels, "assumed": list(self.assumed)}


def duration_text(ns: float) -> str:
    """Nanoseconds for people."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


@dataclass(frozen=True)
class Report:
    """A program's ledger.

    Attributes:
        kernels: In program order.
        least_dram_bytes: What any program with these results must move from and to DRAM; None where only its tile
            form is known.
        naive_dram_bytes: What one kernel per operator moves; None where that is.
        handed: What kernels hand to one another through DRAM.
        machine: Whose spaces count.
        bandwidth_bytes_per_ns: Of its DRAM, where that is known.
        phase: The phase whose program is counted: unless asked otherwise the last in graph form, `place`; the one
            before where a placed program's sizes are open.
        prediction: How long it takes by the model; None where sizes are open.
    """

    kernels: tuple[KernelReport, ...]
    least_dram_bytes: Count | None
    naive_dram_bytes: Count | None
    handed: tuple[Handed, ...] = ()
    machine: str | None = None
    bandwidth_bytes_per_ns: float | None = None
    phase: str = "simplify"
    prediction: Prediction | None = None

    @property
    def dram_bytes(self) -> Count:
        """Useful bytes from and to DRAM."""
        return self.at_dram("useful")

    def at_dram(self, figure: str) -> Count:
        """Bytes from and to DRAM, of `useful`, `issued` or `arriving`."""
        return total(kernel.at_dram(figure) for kernel in self.kernels)

    def to_json(self) -> dict[str, Any]:
        """As JSON: a count that depends on open sizes is null, with its formula beside it."""
        return {
            **_count("dram_bytes", self.dram_bytes),
            **_count("dram_issued_bytes", self.at_dram("issued")),
            **_count("dram_arriving_bytes", self.at_dram("arriving")),
            **_count("least_dram_bytes", self.least_dram_bytes),
            **_count("naive_dram_bytes", self.naive_dram_bytes),
            "machine": self.machine,
            "phase": self.phase,
            "predicted": self.prediction.to_json() if self.prediction else None,
            "kernels": [_kernel_json(kernel) for kernel in self.kernels],
            "handed": [_handed_json(handed) for handed in self.handed],
        }

    def __str__(self) -> str:
        return plain_text(self.to_json())


@dataclass(frozen=True)
class Remark:
    """What a pass says about a place of the program.

    Attributes:
        phase: The phase in which it says so.
        location: Where; None where that is lost.
        message: What.
        notes: Why, or more of it.
    """

    phase: str
    location: str | None
    message: str
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "phase": self.phase,
            "location": self.location,
            "message": self.message,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class PhaseReport:
    """What a program moves as a phase leaves it.

    Attributes:
        phase: The phase.
        kernels: How many kernels there are.
        launches: How many are launched.
        moved: Sums over all instructions, per space and direction.
        peaks: The most bytes that live at once in an instance of each space.
        statistics: What its passes did, by pass: how often, by what.
        problem: Why it couldn't be counted; then there are no figures.
    """

    phase: str
    kernels: int = 0
    launches: int = 0
    moved: tuple[Moved, ...] = ()
    peaks: Mapping[str, Count] = field(default_factory=dict)
    statistics: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    problem: str | None = None

    def at(self, level: str, figure: str = "useful") -> Count | None:
        """Bytes read and written at a level; None where they couldn't be counted."""
        if self.problem is not None:
            return None
        return total(getattr(side, figure) for side in self.moved if side.level == level)

    def to_json(self) -> dict[str, Any]:
        """As JSON: a count that depends on open sizes is null, with its formula beside it."""
        figures = {
            key: value
            for level in LEVELS
            for figure in FIGURES
            for key, value in _count(f"{level}_{figure}_bytes", self.at(level, figure)).items()
        }
        counted = self.problem is None
        return {
            "phase": self.phase,
            "kernels": self.kernels if counted else None,
            "launches": self.launches if counted else None,
            **figures,
            "moved": [_moved_json(side) for side in self.moved],
            "peaks": {space: count if isinstance(count, int) else str(count) for space, count in self.peaks.items()},
            "statistics": {name: dict(counts) for name, counts in self.statistics.items()},
            "problem": self.problem,
        }


def plain_text(report: Mapping[str, Any]) -> str:
    """A report's JSON form as a plain table: a row per kernel and level, then the totals."""
    rows = [["kernel", "level", "bytes read", "bytes written", "least", "as written"]]
    for kernel in report.get("kernels") or []:
        moved = {**kernel.get("reads", {}), **kernel.get("writes", {})}
        levels = [level for level in LEVELS if level in moved]
        for level in levels:
            sides = [_level_text(kernel, side, level) for side in ("reads", "writes")]
            beside = [_known_text(kernel, key) if level == "dram" else "" for key, _ in TOTALS[1:]]
            rows.append([kernel["name"] if level == levels[0] else "", level, *sides, *beside])
    totals = [[words, _count_text(report, key)] for key, words in TOTALS if key in report]
    predicted = report.get("predicted")
    if predicted:
        totals.append(["predicted time", duration_text(predicted["ns"])])
    return "\n".join([*_aligned(rows), "", *_aligned(totals)])


LEVELS = ("dram", "sram", "reg")
FIGURES = ("useful", "issued", "arriving")
TOTALS = (
    ("dram_bytes", "bytes at dram"),
    ("least_dram_bytes", "least possible"),
    ("naive_dram_bytes", "as written"),
)


def _aligned(rows: list[list[str]]) -> list[str]:
    """Rows with their columns below one another, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    words = 1 if len(widths) == len(TOTALS[0]) else 2
    return [
        "  ".join(
            cell.ljust(width) if at < words else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _level_text(kernel: Mapping[str, Any], side: str, level: str) -> str:
    count = kernel.get(side, {}).get(level, 0)
    return str(kernel[f"{side}_formula"][level]) if count is None else f"{count:,}"


def _known_text(data: Mapping[str, Any], key: str) -> str:
    """A count, or nothing where it isn't known."""
    return "" if data.get(key) is None and f"{key}_formula" not in data else _count_text(data, key)


def _count_text(data: Mapping[str, Any], key: str) -> str:
    return str(data.get(f"{key}_formula", "unknown")) if data[key] is None else f"{data[key]:,}"


def _count(name: str, count: Count | None) -> dict[str, Any]:
    if count is None or isinstance(count, int):
        return {name: count}
    return {name: None, f"{name}_formula": str(count)}


def _levels(name: str, counts: Mapping[str, Count]) -> dict[str, Any]:
    open_counts = {level: str(count) for level, count in counts.items() if not isinstance(count, int)}
    known = {level: count if isinstance(count, int) else None for level, count in counts.items()}
    return {name: known, **({f"{name}_formula": open_counts} if open_counts else {})}


def _kernel_json(kernel: KernelReport) -> dict[str, Any]:
    return {
        "name": kernel.name,
        "location": kernel.location,
        **_count("dram_bytes", kernel.dram_bytes),
        **_count("least_dram_bytes", kernel.least_dram_bytes),
        **_count("naive_dram_bytes", kernel.naive_dram_bytes),
        **_levels("reads", kernel.reads),
        **_levels("writes", kernel.writes),
        **_levels("issued_reads", kernel.figures("read", "issued")),
        **_levels("issued_writes", kernel.figures("write", "issued")),
        **_levels("arriving_reads", kernel.figures("read", "arriving")),
        "movements": [_movement_json(movement) for movement in kernel.movements],
    }


def _movement_json(movement: MovementReport) -> dict[str, Any]:
    return {
        "op": movement.op,
        "from": movement.source,
        "to": movement.result,
        "type": movement.type,
        "location": movement.location,
        **_count("bytes", movement.bytes),
        "moved": [_moved_json(side) for side in movement.sides],
    }


def _handed_json(handed: Handed) -> dict[str, Any]:
    names = {"from": handed.producer, "to": list(handed.consumers), "location": handed.location}
    return {**names, **_count("bytes", handed.bytes)}


def _moved_json(side: Moved) -> dict[str, Any]:
    figures = {key: value for name in FIGURES for key, value in _count(name, getattr(side, name)).items()}
    bounds = {"upper_bounds": list(side.bounds)} if side.bounds else {}
    return {"space": side.space, "level": side.level, "direction": side.direction, **figures, **bounds}
