"""What the figures of a report mean for whoever reads it: what can go, where it is, what to try next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from powerfusion.cli.output import format_bytes
from powerfusion.report import Handed, Report
from powerfusion.runtime.signature import ArraySpec
from powerfusion.symbolic import Count

if TYPE_CHECKING:
    from powerfusion.passes.lowering.gpu.conflicts import Conflict

NOTHING_TO_GAIN = 1.02
"""Up to this ratio of moved to least bytes a program counts as moving the least."""
SHOWN_MOVEMENTS = 3
SAMPLE_SIZE = 64
"""What an open size is taken to be where an example is wanted."""


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


def say_conflicts(found: Sequence[Conflict]) -> Iterator[str]:
    """What accesses of a group's memory lose to bank conflicts, in words; nothing where there are no accesses."""
    if not found:
        return
    slow = [each for each in found if each.factor != 1]
    if not slow:
        yield f"Bank conflicts in the group's memory: none, in {len(found)} accesses."
    for each in slow:
        how = "an unknown factor" if each.factor is None else f"{each.factor:.3g}"
        yield f"Bank conflicts in the group's memory: {each.op} of '{each.kernel}' takes longer by {how}."


def number(count: Count | None) -> int | None:
    """A number of bytes, where it is one and not a formula in sizes that are open."""
    return count if isinstance(count, int) else None


def ratio(report: Report) -> float | None:
    """Moved bytes per byte that must be moved; 1 where both are the same formula."""
    if report.dram_bytes == report.least_dram_bytes:
        return 1.0
    moved, least = number(report.dram_bytes), number(report.least_dram_bytes)
    return None if moved is None or not least else moved / least


def advise(report: Report) -> str:
    """Says in a paragraph what share of the bytes can go, and which movements are the largest."""
    moved, least = number(report.dram_bytes), number(report.least_dram_bytes)
    naive = number(report.naive_dram_bytes)
    if report.least_dram_bytes is None:
        return "What a program must move at least is known of graph form: this one came tiled."
    if moved is None or least is None:
        return "The sizes of this program are open, so its bytes are formulas in them."
    sentences: list[str] = []
    if naive is not None and naive > moved:
        gone = (naive - moved) / naive
        sentences.append(f"Fusion has taken away {gone:.0%} of the {format_bytes(naive)} as written.")
    if moved <= least * NOTHING_TO_GAIN:
        sentences.append("The program moves the least that it can: nothing is left to gain in DRAM bytes.")
        return " ".join(sentences)
    share, rest = (moved - least) / moved, format_bytes(moved - least)
    sentences.append(f"{share:.0%} of the bytes, {rest}, could still go: {excess_reason(report)}")
    sentences += [*where_it_goes(report), *gain(report, moved - least)]
    largest = largest_movements(report)[:SHOWN_MOVEMENTS]
    sentences.append(f"The largest movements: {'; '.join(map(str, largest))}.")
    return " ".join(sentences)


def where_it_goes(report: Report) -> list[str]:
    """Which kernels hand most to one another, the largest first."""
    known = [(number(each.bytes) or 0, each) for each in report.handed]
    largest = sorted((pair for pair in known if pair[0]), key=lambda pair: -pair[0])[:SHOWN_MOVEMENTS]
    if not largest:
        return []
    parts = [f"{_way(each)}, {format_bytes(count)}" for count, each in largest]
    return [f"What need not be: {'; '.join(parts)}."]


def _way(handed: Handed) -> str:
    """Who hands something to whom, or who loads the same."""
    consumers = " and ".join(handed.consumers)
    if handed.producer is None:
        return f"{consumers} load the same again"
    place = f" ({handed.location})" if handed.location else ""
    return f"{handed.producer}{place} hands to {consumers} through DRAM"


def gain(report: Report, saved: int) -> list[str]:
    """What that would save, where the bandwidth is known."""
    if not report.bandwidth_bytes_per_ns:
        return []
    microseconds = saved / report.bandwidth_bytes_per_ns / 1000
    speed = f"{report.bandwidth_bytes_per_ns:,.0f} GB/s of {report.machine}"
    return [f"At the {speed} that is {microseconds:,.1f} us of each call."]


def advise_with_open_sizes(sampled: Report) -> str:
    """The same for a program whose sizes are open, from its report with `SAMPLE_SIZE` for each of them."""
    return f"Some sizes of this program are open. With {SAMPLE_SIZE} for each of them: {advise(sampled)}"


def excess_reason(report: Report) -> str:
    """Why there is more than the least."""
    kernels = len(report.kernels)
    if kernels > 1:
        return f"{kernels} kernels hand values to each other through DRAM, or load the same ones."
    return "its kernel reads values more than once."


def sample_shapes(arguments: Sequence[ArraySpec]) -> dict[int, tuple[int, ...]]:
    """Shapes of the arguments that have open sizes, with `SAMPLE_SIZE` for each of them."""
    return {
        place: tuple(SAMPLE_SIZE if size is None else size for size in spec.shape)
        for place, spec in enumerate(arguments)
        if None in spec.shape
    }


def next_command(source: str, arguments: Sequence[ArraySpec], report: Report, options: str = "") -> str:
    """The command to try next: bind open sizes, look at the kernels where something is to gain, else measure.

    Args:
        source: The program, as the user names it.
        arguments: Of the program.
        report: What it moves.
        options: What the user asked for beside, such as another target, whose programs can't be run here.
    """
    name, sampled = shlex.quote(source), sample_shapes(arguments)
    if number(report.dram_bytes) is None:
        shapes = (f" --shape {place}={'x'.join(map(str, shape))}" for place, shape in sampled.items())
        return f"pf explain {name}{options}{''.join(shapes)}"
    if options or ((moved := ratio(report)) is not None and moved > NOTHING_TO_GAIN):
        return f"pf explain {name}{options} --phase {report.phase}"
    inputs = (
        "random:" + "x".join([*map(str, sampled[place]), spec.dtype]) if place in sampled else "random"
        for place, spec in enumerate(arguments)
    )
    return f"pf run {name}{''.join(f' --input {each}' for each in inputs)} --repeat 20"
