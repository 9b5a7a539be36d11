"""A report as tables: what each phase removed, each kernel's bytes per level and direction, the totals, and words."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from powerfusion.cli import advice
from powerfusion.cli.output import Column, format_bytes, make_table, plain_console, print_rich
from powerfusion.report import FIGURES, duration_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from powerfusion.report import PhaseReport, Remark, Report
    from powerfusion.symbolic import Count

LEVELS = ("dram", "sram", "reg")
DIRECTIONS = ("reads", "writes")


def render_report(
    report: Report,
    console: Console,
    *,
    phases: Sequence[PhaseReport] = (),
    remarks: Sequence[Remark] = (),
    paragraph: str | None = None,
    then: str | None = None,
) -> None:
    """Prints a report.

    Args:
        report: What the program moves.
        console: Where to.
        phases: What it moves as each phase leaves it.
        remarks: What passes said.
        paragraph: What the figures mean; by default what they say by themselves.
        then: The command to try next.
    """
    from rich.text import Text

    plain = not console.is_terminal
    kernels = kernel_table(report, plain=plain)
    words = paragraph or advice.advise(report)
    parts = [kernels, "", total_table(report), "", words if plain else Text(words)]
    before = [phase_table(phases, report.least_dram_bytes, plain=plain), *problems(phases), ""] if phases else []
    said = [line if plain else Text(line) for line in remark_lines(remarks)]
    print_rich(console, *before, *parts, *said, *([f"next: {then}"] if then else []))


def report_text(report: Report) -> str:
    """The report as plain text; `str(report)` is this."""
    text = io.StringIO()
    render_report(report, plain_console(text))
    return text.getvalue().rstrip("\n")


def phase_table(phases: Sequence[PhaseReport], least: Count | None, *, plain: bool) -> Table:
    """What each phase leaves, a row each: bytes of DRAM as the program, the bus and memory see them, then of SRAM.

    Args:
        phases: In order.
        least: What the program must move.
        plain: Whether the table goes without lines.
    """
    headings = ("kernels", "launches", "dram", "in transactions", "not from caches", "sram", "removed", "of least")
    table = make_table([Column("phase", left=True), *map(Column, headings)], plain=plain)
    before: Count | None = None
    for phase in phases:
        moved = phase.at("dram")
        counted = phase.problem is None
        table.add_row(
            phase.phase,
            *(str(count) if counted else "–" for count in (phase.kernels, phase.launches)),
            *(bytes_text(phase.at("dram", figure)) for figure in FIGURES),
            bytes_text(phase.at("sram")),
            removed_text(before, moved),
            ratio_text(moved, least),
        )
        before = before if moved is None else moved
    return table


def remark_lines(remarks: Sequence[Remark]) -> Iterator[str]:
    """What passes said, a paragraph each: the place, the remark, and its notes below."""
    for remark in remarks:
        place = f"{remark.location}: " if remark.location else ""
        yield ""
        yield f"{place}{remark.message} ({remark.phase})"
        yield from (f"  {note}" for note in remark.notes)
    if remarks:
        yield ""


def removed_text(before: Count | None, after: Count | None) -> str:
    """How many bytes of DRAM are gone since the phase before; `+` where it moves more."""
    if before is None or after is None:
        return ""
    gone = before - after
    if not isinstance(gone, int):
        return f"{gone} B"
    return format_bytes(gone) if gone >= 0 else f"+{format_bytes(-gone)}"


def ratio_text(moved: Count | None, least: Count | None) -> str:
    """Moved bytes per byte that must be moved, where both are numbers or alike."""
    if moved is None or least is None:
        return "–"
    if moved == least:
        return "1.00"
    return f"{moved / least:.2f}" if isinstance(moved, int) and isinstance(least, int) and least else "–"


def problems(phases: Sequence[PhaseReport]) -> list[str]:
    """Which phases couldn't be counted, and why."""
    return [f"{phase.phase} isn't counted: {phase.problem}" for phase in phases if phase.problem]


def kernel_table(report: Report, *, plain: bool) -> Table:
    """The table of kernels; only levels and directions that something moves at have a column."""
    from rich.markup import escape

    shown = [
        (level, direction)
        for level in LEVELS
        for direction in DIRECTIONS
        if level == "dram" or any(getattr(kernel, direction).get(level) for kernel in report.kernels)
    ]
    located = any(kernel.location for kernel in report.kernels)
    beside = [
        (heading, key)
        for heading, key in (("least", "least_dram_bytes"), ("as written", "naive_dram_bytes"))
        if any(getattr(kernel, key) is not None for kernel in report.kernels)
    ]
    headings = [*(f"{level} {direction}" for level, direction in shown), *(heading for heading, _ in beside)]
    table = make_table(
        [Column("kernel", left=True), *map(Column, headings), *([Column("where", left=True)] if located else [])],
        plain=plain,
    )
    for kernel in report.kernels:
        figures = [bytes_text(getattr(kernel, direction).get(level, 0)) for level, direction in shown]
        figures += [bytes_text(getattr(kernel, key)) for _, key in beside]
        table.add_row(escape(kernel.name), *figures, *([escape(str(kernel.location or ""))] if located else []))
    return table


def total_table(report: Report) -> Table:
    """The totals at DRAM."""
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    ratio = advice.ratio(report)
    for name, text in (
        ("bytes at dram", bytes_text(report.dram_bytes)),
        *_transactions(report),
        ("least possible", bytes_text(report.least_dram_bytes)),
        ("ratio", "–" if ratio is None else f"{ratio:.2f}"),
        ("as written", bytes_text(report.naive_dram_bytes)),
        *([("predicted time", duration_text(report.prediction.ns))] if report.prediction else []),
    ):
        table.add_row(name, text)
    return table


def _transactions(report: Report) -> list[tuple[str, str]]:
    """What the machine moves for these bytes, where that is more."""
    issued, arriving = report.at_dram("issued"), report.at_dram("arriving")
    if issued == report.dram_bytes:
        return []
    name = f" on {report.machine}" if report.machine else ""
    rows = [(f"in transactions{name}", bytes_text(issued))]
    return [*rows, ("not from caches", bytes_text(arriving))] if arriving != issued else rows


def bytes_text(count: Count | None) -> str:
    """A number of bytes for people, or the formula where sizes are open."""
    if count is None or isinstance(count, int):
        return format_bytes(count)
    return f"{count} B"
