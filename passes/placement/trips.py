"""How often the loops of a nest are gone through, and how much of a window there is in all of their steps.

size 10, groups of 4, units of 2, steps of 1:   3 groups, 5 parts of units, 10 steps, 6 of first units
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from powerfusion.passes.placement.model import NestDim
from powerfusion.passes.placement.windows import Span

ASSUMED = 1024  # what an open size counts as


def extent(size: int | None) -> int:
    """A size to count with."""
    return ASSUMED if size is None else size


def groups_of(dim: NestDim) -> int:
    """How many groups share a dimension."""
    return -(-extent(dim.size) // dim.per_group)


def _steps_in(length: int, dim: NestDim) -> int:
    """How many steps the units of a group make that has so much of a dimension."""
    whole, rest = divmod(length, dim.per_unit)
    return whole * dim.steps + -(-rest // dim.per_step)


@lru_cache(maxsize=4096)
def steps_of(dim: NestDim) -> int:
    """How many steps the units of all groups make."""
    whole, rest = divmod(extent(dim.size), dim.per_group)
    return whole * _steps_in(dim.per_group, dim) + _steps_in(rest, dim)


@lru_cache(maxsize=4096)
def units_of(dim: NestDim) -> int:
    """How many parts the units of all groups have of a dimension."""
    whole, rest = divmod(extent(dim.size), dim.per_group)
    return whole * dim.units + -(-rest // dim.per_unit)


@lru_cache(maxsize=4096)
def trips_of(dim: NestDim) -> int:
    """How many steps the first units of all groups make."""
    whole, rest = divmod(extent(dim.size), dim.per_group)
    return whole * dim.steps + -(-min(rest, dim.per_unit) // dim.per_step)


def starts(dim: NestDim) -> Iterator[tuple[int, int]]:
    """Where steps begin and end, in order."""
    size = extent(dim.size)
    for group in range(0, size, dim.per_group):
        end = min(group + dim.per_group, size)
        for unit in range(group, end, dim.per_unit):
            last = min(unit + dim.per_unit, end)
            yield from ((at, min(at + dim.per_step, last)) for at in range(unit, last, dim.per_step))


def starts_backwards(dim: NestDim) -> Iterator[tuple[int, int]]:
    """Where steps begin and end, the last first."""
    size = extent(dim.size)
    for group in range((size - 1) // dim.per_group * dim.per_group, -1, -dim.per_group):
        end = min(group + dim.per_group, size)
        for unit in range(group + (end - group - 1) // dim.per_unit * dim.per_unit, group - 1, -dim.per_unit):
            last = min(unit + dim.per_unit, end)
            first = unit + (last - unit - 1) // dim.per_step * dim.per_step
            yield from ((at, min(at + dim.per_step, last)) for at in range(first, unit - 1, -dim.per_step))


@lru_cache(maxsize=16384)
def moved_along(dim: NestDim, span: Span, size: int) -> int:
    """How many elements a span has over all steps, of a value that is so long there; what sticks out isn't there."""
    count = extent(dim.size)
    if span.is_plain:
        return count
    width, steps = span.high - span.low, steps_of(dim)
    total = span.scale * (count - steps) + (width + 1) * steps
    for begin, end in starts(dim):
        out = -(span.scale * begin + span.low)
        if out <= 0:
            break
        total -= min(out, span.scale * (end - begin - 1) + width + 1)
    for begin, end in starts_backwards(dim):
        out = span.scale * (end - 1) + span.high + 1 - size
        if out <= 0:
            break
        total -= min(out, span.scale * (end - begin - 1) + width + 1)
    return total
