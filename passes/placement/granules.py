"""How many transactions a movement takes: of each run of elements that lie side by side, the granules that it touches.

    y[r, c]   rows of 100 f32, granules of 64 B   a step of 2 x 30: two runs of 120 B, of two or three granules each
                                                  a step of 2 x 100: one run of 800 B

Where rows don't begin at a granule, runs begin anywhere, and what they touch is an average.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

from powerfusion.passes.placement.model import NestDim
from powerfusion.passes.placement.trips import extent, starts, steps_of
from powerfusion.passes.placement.windows import Span, Spans

MOST_STEPS = 1 << 12  # of which each is looked at


def issued(
    dims: Mapping[int, NestDim], spans: Spans, shape: Sequence[int | None], order: Sequence[int], row: int, granule: int
) -> float:
    """Transactions' bytes over those of elements, of a window in all its steps: at least 1.

    Args:
        dims: The nest's, by class.
        spans: The window.
        shape: Of the value.
        order: Its dimensions as they lie in memory, outermost first.
        row: Bytes of an element.
        granule: Bytes of a transaction.
    """
    for number, at in enumerate(reversed(order)):
        span, size = spans[at], extent(shape[at])
        dim = None if span.cls is None else dims[span.cls]
        if not _is_whole(dim, span, size):
            outermost = number == len(order) - 1
            asked, touched = _along(dim, span, size, row, granule, outermost)
            return max(touched * granule / (asked * row), 1.0) if asked else 1.0
        row *= size
    return 1.0


def _is_whole(dim: NestDim | None, span: Span, size: int) -> bool:
    """Whether each step has all of a dimension."""
    if dim is None:
        return span.low <= 0 and span.high >= size - 1
    return extent(dim.size) <= min(dim.per_step, dim.per_unit)


@lru_cache(maxsize=16384)
def _along(dim: NestDim | None, span: Span, size: int, row: int, granule: int, outermost: bool) -> tuple[int, float]:
    """Rows that the steps of a dimension have, and granules that they touch: rows lie side by side along it."""
    if dim is None:
        parts = [(span.low, span.high + 1)]
    elif steps_of(dim) > MOST_STEPS:
        parts = [(dim.per_step + span.low, span.scale * (dim.per_step - 1) + dim.per_step + span.high + 1)]
    else:
        parts = [(span.scale * begin + span.low, span.scale * (end - 1) + span.high + 1) for begin, end in starts(dim)]
    parts = [(max(begin, 0), min(end, size)) for begin, end in parts]
    aligned = outermost or size * row % granule == 0
    free = math.gcd(granule, size * row, *(at * row for part in parts for at in part))  # at whose multiples runs begin
    asked, touched = 0, 0.0
    for begin, end in parts:
        if end > begin:
            asked += end - begin
            if aligned:
                touched += (end * row - 1) // granule - begin * row // granule + 1
            else:
                touched += ((end - begin) * row - free) / granule + 1
    return asked, touched
