"""A comparison as tables: the totals, kernels beside kernels, and the movements that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from powerfusion.cli.output import Column, format_bytes, make_table, print_rich
from powerfusion.cli.report_table import bytes_text
from powerfusion.report import FIGURES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from powerfusion.cli.traffic import Comparison, Difference, KernelChange, MovementChange
    from powerfusion.report import KernelReport
    from powerfusion.symbolic import Count

FIGURE_WORDS = {"useful": "", "issued": ", in transactions", "arriving": ", not from caches"}


def render(comparison: Comparison, console: Console, *, everything: bool) -> None:
    """Prints a comparison.

    Args:
        comparison: Two programs.
        console: Where to.
        everything: Whether what is equal is listed too, and what moves at registers.
    """
    plain = not console.is_terminal
    kernels = [kernel for kernel in comparison.kernels if everything or not kernel.is_equal]
    movements = [change for change in comparison.movements() if everything or _is_listed(change)]
    parts: list[Table | str] = [total_table(comparison, plain=plain)]
    if kernels:
        parts += ["", kernel_table(kernels, plain=plain)]
    if movements:
        parts += ["", movement_table(sorted(movements, key=_order), plain=plain)]
    print_rich(console, *parts, "", summarise(comparison))


def _is_listed(change: MovementChange) -> bool:
    return change.place[1] != "reg" and not change.is_equal


def _order(change: MovementChange) -> tuple[int, int]:
    """Levels from outside in; in each the largest change first, what is a formula before all."""
    level = ("dram", "sram", "reg").index(change.place[1])
    known = [count for name in FIGURES if isinstance(count := change.figure(name).change, int)]
    return level, -max(map(abs, known)) if len(known) == len(FIGURES) else -(1 << 200)


def total_table(comparison: Comparison, *, plain: bool) -> Table:
    """The totals: launches, and bytes per place; transactions and what no cache has, of DRAM, where they differ."""
    before, after = comparison.before, comparison.after
    columns = [Column("", left=True), Column("A"), Column("B"), Column("change")]
    table = make_table(columns, plain=plain)
    counts = len(before.kernels), len(after.kernels)
    table.add_row("launches", *map(str, counts), f"{counts[1] - counts[0]:+}" if counts[0] != counts[1] else "0")
    for (space, level, direction), figures in comparison.totals().items():
        for name, difference in figures.items():
            if name == "useful" or (level == "dram" and difference != figures["useful"]):
                table.add_row(f"{_place_text(space, level)} {direction}{FIGURE_WORDS[name]}", *_cells(difference))
    return table


def _place_text(space: str, level: str) -> str:
    return level if space == level else f"{level} ({space})"


def _cells(difference: Difference) -> tuple[str, str, str]:
    return bytes_text(difference.before), bytes_text(difference.after), change_text(difference.change)


def change_text(change: Count) -> str:
    """A change of bytes with its sign, or its formula."""
    if not isinstance(change, int):
        return f"{change} B"
    return "0 B" if change == 0 else f"{'+' if change > 0 else '-'}{format_bytes(abs(change))}"


def kernel_table(kernels: Sequence[KernelChange], *, plain: bool) -> Table:
    """A row for the kernels that do the same work on both sides."""
    from rich.markup import escape

    columns = [Column("A's kernels", left=True), Column("B's kernels", left=True)]
    table = make_table(
        [*columns, *map(Column, ("dram A", "dram B", "change", "sram A", "sram B", "change"))], plain=plain
    )
    for kernel in kernels:
        names = (escape(_names(side)) for side in (kernel.before, kernel.after))
        figures = (cell for level in ("dram", "sram") for cell in _cells(kernel.figure(level, "useful")))
        table.add_row(*names, *figures)
    return table


def _names(kernels: Sequence[KernelReport]) -> str:
    return ", ".join(kernel.name for kernel in kernels) or "–"


def movement_table(changes: Sequence[MovementChange], *, plain: bool) -> Table:
    """A row for each movement: what, in which kernel, from or to where, how much on either side."""
    from rich.markup import escape

    lefts = ("kernel", "what", "place")
    table = make_table(
        [*(Column(name, left=True) for name in lefts), *map(Column, ("A", "B", "change")), Column("where", left=True)],
        plain=plain,
    )
    for change in changes:
        side, (space, level, direction) = change.shown, change.place
        name = next((name for name in FIGURES if change.figure(name).change != 0), "useful")
        verb = "read before write" if side.is_filling else direction
        place = f"{_place_text(space, level)} {verb}{FIGURE_WORDS[name]}"
        cells = [side.kernel, side.movement.type, place]
        figure = change.figure(name)
        texts = ("–" if own is None else bytes_text(count) for own, count in _counted(change, figure))
        where = side.movement.location or ""
        table.add_row(*map(escape, cells), *texts, change_text(figure.change), escape(where))
    return table


def _counted(change: MovementChange, figure: Difference) -> tuple[tuple[object, Count], tuple[object, Count]]:
    return (change.before, figure.before), (change.after, figure.after)


def summarise(comparison: Comparison) -> str:
    """Says in a sentence or two what differs."""
    changes = list(comparison.movements())
    equal = sum(change.is_equal for change in changes)
    if equal == len(changes) and all(kernel.is_equal for kernel in comparison.kernels):
        return "Both move the same."
    moved = comparison.after.dram_bytes - comparison.before.dram_bytes
    words = f"B moves {_more_or_less(moved)} at dram" if moved != 0 else "Both move as much at dram"
    return f"{words}; {equal} of {len(changes)} reads and writes are equal."


def _more_or_less(change: Count) -> str:
    if not isinstance(change, int):
        return f"{change} B more"
    return f"{format_bytes(abs(change))} {'more' if change > 0 else 'less'}"
