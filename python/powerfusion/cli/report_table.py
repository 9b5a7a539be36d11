"""A report as a table: a row for each kernel, its bytes per level and direction, the totals, and what they mean."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from powerfusion.cli import advice
from powerfusion.cli.output import Column, format_bytes, make_table, plain_console, print_rich

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from powerfusion.report import Report
    from powerfusion.symbolic import Count

LEVELS = ("dram", "sram", "reg")
DIRECTIONS = ("reads", "writes")


def render_report(report: Report, console: Console, *, paragraph: str | None = None, then: str | None = None) -> None:
    """Prints a report.

    Args:
        report: What the program moves.
        console: Where to.
        paragraph: What the figures mean; by default what they say by themselves.
        then: The command to try next.
    """
    from rich.text import Text

    kernels = kernel_table(report, plain=not console.is_terminal)
    words = paragraph or advice.advise(report)
    parts = [kernels, "", total_table(report), "", Text(words) if console.is_terminal else words]
    print_rich(console, *parts, *([f"next: {then}"] if then else []))


def report_text(report: Report) -> str:
    """The report as plain text; `str(report)` is this."""
    text = io.StringIO()
    render_report(report, plain_console(text))
    return text.getvalue().rstrip("\n")


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
    headings = [f"{level} {direction}" for level, direction in shown]
    table = make_table(
        [Column("kernel", left=True), *map(Column, headings), *([Column("where", left=True)] if located else [])],
        plain=plain,
    )
    for kernel in report.kernels:
        figures = [bytes_text(getattr(kernel, direction).get(level, 0)) for level, direction in shown]
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
