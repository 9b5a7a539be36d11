"""What the model says beside what is measured: predicted time, and its choice of a placement over the best of a few."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

from powerfusion.calibration.run import use_cores
from powerfusion.machines.host import host
from powerfusion.machines.model import Machine
from powerfusion.passes.analysis.timing import SpaceBytes, Traffic, time_of
from powerfusion.tuning.state import State
from powerfusion.tuning.tune import Contest, Tuned
from suites import Case

MEMORY_PART = 0.5
"""A case is bound by memory if its bytes alone take so much of its time, by what the machine was measured at."""


@dataclass(frozen=True)
class Point:
    """A case, predicted and measured.

    Attributes:
        case: Its name.
        read: Bytes that must be read.
        written: Bytes that must be written.
        bytes_s: What those take, by the machine's figures.
        tuned: Its placements.
    """

    case: str
    read: int
    written: int
    bytes_s: float
    tuned: Tuned

    @property
    def predicted_s(self) -> float:
        """Of the model's choice, by the model."""
        return self.tuned.measured[0].predicted_s or float("nan")

    @property
    def measured_s(self) -> float:
        """Of the model's choice."""
        return self.tuned.measured[0].measured_s

    @property
    def error(self) -> float:
        """How much longer the prediction is, in parts of what was measured."""
        return self.predicted_s / self.measured_s - 1

    @property
    def is_memory_bound(self) -> bool:
        """Whether its bytes take a good part of its time."""
        return self.bytes_s >= MEMORY_PART * self.measured_s


class _Unkept(State):
    """What was measured of a case, which nobody goes on with."""

    def keep(self) -> bool:
        """Keeps nothing."""
        return False


def compare(
    cases: Sequence[Case], candidates: int, budget_s: float, threads: int, told: Callable[[str], None]
) -> list[Point]:
    """Predicts and measures cases.

    Args:
        cases: Which.
        candidates: How many placements of each are measured.
        budget_s: Seconds for each case.
        threads: Cores that are used.
        told: Is told what happens.
    """
    use_cores(threads)
    points: list[Point] = []
    for at, case in enumerate(cases):
        told(f"{at + 1}/{len(cases)} {case.name}")
        inputs = case.workload.inputs()
        contest = Contest(case.workload.text(), candidates, budget_s, _Unkept("", 0, candidates), cache=False)
        results: list[Any] = []
        tuned = contest.run(lambda program, given=inputs, made=results: _noted(program, given, made))
        read, written = case.traffic(inputs, tuple(results))
        points.append(Point(case.name, read, written, _bytes_s(host(), read, written), tuned))
    return points


def _noted(program: Callable[..., Any], inputs: Sequence[Any], results: list[Any]) -> Sequence[Any]:
    """Inputs of a program, and what it makes of them."""
    made = program(*inputs)
    results += made if isinstance(made, tuple) else (made,)
    return inputs


def _bytes_s(machine: Machine, read: int, written: int) -> float:
    """What reading and writing bytes once takes."""
    moved = SpaceBytes(machine.space_of("dram").name, read + written, read + written, written)
    return time_of(Traffic((moved,)), machine).terms[0].ns * 1e-9


def page(points: Sequence[Point]) -> Iterator[str]:
    """The comparison as lines of Markdown."""
    yield from summary(points)
    yield ""
    yield "| case | MB | bound by memory | predicted ms | measured ms | error | placements | best ms | choice / best |"
    yield "|---|--:|:-:|--:|--:|--:|--:|--:|--:|"
    for point in points:
        best = min(row.measured_s for row in point.tuned.measured)
        spread = point.tuned.measured[0].spread
        cells = [
            f"{(point.read + point.written) / 1e6:.1f}",
            "yes" if point.is_memory_bound else "",
            f"{point.predicted_s * 1e3:.3f}",
            f"{point.measured_s * 1e3:.3f} ± {spread / 2:.0%}",
            f"{point.error:+.0%}",
            str(len(point.tuned.measured)),
            f"{best * 1e3:.3f}",
            f"{point.tuned.over_best:.2f}",
        ]
        yield f"| {point.case} | {' | '.join(cells)} |"
    for point in points:
        for row in point.tuned.rows:
            if row.problem:
                yield f"- **{point.case}**, placement {row.candidate}: {row.problem}"


def summary(points: Sequence[Point]) -> Iterator[str]:
    """The comparison in a few lines."""
    machine = host()
    limits = machine.scope("group")
    figures = (
        "as `pf calibrate` measured it" if machine.launch_ns else "of which nothing is measured: see `pf calibrate`"
    )
    yield f"{machine.title}, {limits.count if limits else 1} cores, {figures}."
    yield ""
    for words, some in (
        ("bound by memory", [point for point in points if point.is_memory_bound]),
        ("all cases", list(points)),
    ):
        if some:
            errors = statistics.median(abs(point.error) for point in some)
            ranks = rank_correlation([point.predicted_s for point in some], [point.measured_s for point in some])
            said = f"median error {errors:.0%}, rank correlation {ranks:.2f}"
            yield f"- predicted against measured, {words} ({len(some)}): {said}"
    ratios = [point.tuned.over_best for point in points if len(point.tuned.measured) > 1]
    if ratios:
        mean = exp(statistics.mean(map(log, ratios)))
        close = sum(ratio <= 1.05 for ratio in ratios)
        yield (
            f"- the model's choice over the best measured, geometric mean of {len(ratios)}: {mean:.2f}; "
            f"within 1.05 of it: {close}; at most {max(ratios):.2f}"
        )


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's: 1 where both have the same order, -1 where one has the other's reversed; NaN of fewer than two."""
    if len(one) < 2:
        return float("nan")
    return statistics.correlation(*([sorted(some).index(value) for value in some] for some in (one, other)))


def to_json(points: Sequence[Point]) -> dict[str, Any]:
    """Everything, as plain data."""
    return {
        "machine": repr(host()),
        "python": sys.version,
        "cases": [
            {
                "case": point.case,
                "read_bytes": point.read,
                "written_bytes": point.written,
                "bytes_s": point.bytes_s,
                "chosen": point.tuned.chosen,
                "placements": [
                    {
                        "candidate": row.candidate,
                        "predicted_s": row.predicted_s,
                        "seconds": row.seconds,
                        "problem": row.problem,
                    }
                    for row in point.tuned.rows
                ],
            }
            for point in points
        ],
    }
