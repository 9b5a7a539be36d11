"""What the figures of a report mean for whoever reads it: what can go, where it is, what to try next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.cli.output import format_bytes
from powerfusion.report import Report
from powerfusion.symbolic import Count

NOTHING_TO_GAIN = 1.02
"""Up to this ratio of moved to least bytes a program counts as moving the least."""
SHOWN_MOVEMENTS = 3


@dataclass(frozen=True)
class Movement:
    """A movement from or to DRAM, with its kernel.

    Attributes:
        kernel: The kernel's name.
        bytes: How much it moves.
        direction: `reads` or `writes`.
        type: Shape and element type of what it moves.
        location: Where the program asks for it; `None` where that is lost.
    """

    kernel: str
    bytes: int
    direction: str
    type: str
    location: str | None

    def __str__(self) -> str:
        place = f" ({self.location})" if self.location else ""
        return f"{self.kernel} {self.direction} {format_bytes(self.bytes)}, {self.type}{place}"


def largest_movements(report: Report) -> list[Movement]:
    """The movements from and to DRAM whose bytes are known, largest first."""
    found: list[Movement] = []
    for kernel in report.kernels:
        for each in kernel.movements:
            count = number(each.bytes)
            if count and "dram" in (each.source, each.result):
                direction = "reads" if each.source == "dram" else "writes"
                found.append(Movement(kernel.name, count, direction, each.type, each.location))
    return sorted(found, key=lambda movement: -movement.bytes)


def number(count: Count) -> int | None:
    """A number of bytes, where it is one and not a formula in sizes that are open."""
    return count if isinstance(count, int) else None


def ratio(report: Report) -> float | None:
    """Moved bytes per byte that must be moved; 1 where both are the same formula."""
    if report.dram_bytes == report.least_dram_bytes:
        return 1.0
    moved, least = number(report.dram_bytes), number(report.least_dram_bytes)
    return None if moved is None or not least else moved / least


def advise(report: Report, largest: Sequence[Movement]) -> str:
    """Says in a paragraph what share of the bytes can go, and in which kernels.

    Args:
        report: The report.
        largest: Its movements from and to DRAM, largest first.
    """
    moved, least, naive = (
        number(each) for each in (report.dram_bytes, report.least_dram_bytes, report.naive_dram_bytes)
    )
    if moved is None or least is None:
        least_already = " It moves the least that it can, whatever they are." if ratio(report) == 1.0 else ""
        return f"The sizes of this program are open, so its bytes are formulas in them.{least_already}"
    sentences: list[str] = []
    if naive is not None and naive > moved:
        sentences.append(
            f"Fusion has taken away {(naive - moved) / naive:.0%} of the {format_bytes(naive)} as written."
        )
    if moved <= least * NOTHING_TO_GAIN:
        sentences.append("The program moves the least that it can: nothing is left to gain in DRAM bytes.")
        return " ".join(sentences)
    sentences.append(
        f"{(moved - least) / moved:.0%} of the bytes, {format_bytes(moved - least)}, could still go: "
        f"{excess_reason(report)}"
    )
    if largest:
        sentences.append(f"The largest movements: {'; '.join(map(str, largest[:SHOWN_MOVEMENTS]))}.")
    return " ".join(sentences)


def excess_reason(report: Report) -> str:
    """Why there is more than the least."""
    kernels = len(report.kernels)
    if kernels > 1:
        return f"{kernels} kernels hand values to each other through DRAM, or load the same ones."
    return "its kernel reads values more than once."


def next_command(source: str, report: Report) -> str:
    """The command to try next."""
    name = shlex.quote(source)
    if number(report.dram_bytes) is None:
        return f"pf explain {name} --shape 0=SIZES"
    if (moved := ratio(report)) is not None and moved > NOTHING_TO_GAIN:
        return f"pf explain {name} --phase simplify"
    return f"pf run {name} --input random ... --repeat 20"
