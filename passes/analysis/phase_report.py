"""What a program moves as a phase leaves it: the ledger's entries, added up per space and direction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from powerfusion.errors import UnsupportedError
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_program import Entry, Given, ledger_of
from powerfusion.report import FIGURES, Moved, PhaseReport
from powerfusion.symbolic import total


def phase_report_of(
    module: ir.Module, given: Given, machine: Machine, phase: str, statistics: Mapping[str, Mapping[str, int]]
) -> PhaseReport:
    """The report of a phase; of what can't be counted, such as a nest of open sizes, why it can't.

    Args:
        module: After the phase, in graph or tile form.
        given: Shapes of arguments by position, for programs with dynamic sizes.
        machine: Whose spaces count.
        phase: The phase.
        statistics: What its passes did.
    """
    try:
        ledger = ledger_of(module, machine, given)
    except UnsupportedError as error:
        return PhaseReport(phase, statistics=statistics, problem=error.message)
    kernels, launches = len(set(ledger.kernels)), len(ledger.kernels)
    return PhaseReport(phase, kernels, launches, tuple(added_up(ledger.entries)), ledger.peaks, statistics)


def added_up(entries: Iterable[Entry]) -> Iterator[Moved]:
    """Sums of entries per space and direction, in the order in which they first occur."""
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.space, entry.level, entry.direction), []).append(entry)
    for key, parts in groups.items():
        bounds = {name for entry in parts for name in entry.bounds}
        useful, issued, arriving = (total(getattr(entry, figure) for entry in parts) for figure in FIGURES)
        yield Moved(*key, useful, issued, arriving, tuple(sorted(bounds)))
