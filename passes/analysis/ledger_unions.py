"""Unions: how many granules several boxes of memory touch together, each counted once.

    granule  |        |        |        |        |
    a box     .xxxxxxx xxxxx... ........ ........        two granules
    another   ........ ...xxxxx xxxxx... ........        two granules, together three

A box is a shape at a place. Boxes of one shape whose widest dimensions are alike are extrapolated,
others are laid out run by run; beyond what can be laid out the figure is the least upper bound at hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from powerfusion.passes.analysis.ledger_granules import Dims, covered, granules

MOST_RUNS = 1 << 18  # of boxes that are laid out


@dataclass(frozen=True, eq=False)
class Loose:
    """Runs of memory without a rule.

    Attributes:
        starts: Where each begins, bytes.
        reaches: From there to the beginning of its last element, bytes.
    """

    starts: np.ndarray
    reaches: np.ndarray


@dataclass(frozen=True, eq=False)
class Shape:
    """Elements around a place: all sums of one step along each dimension and one element of each loose set.

    Attributes:
        dims: Per dimension how many, and how many bytes apart.
        loose: Sets without a rule.
    """

    dims: Dims = ()
    loose: tuple[Loose, ...] = ()

    def __add__(self, other: Shape) -> Shape:
        """All sums of an element of each."""
        return Shape((*self.dims, *other.dims), (*self.loose, *other.loose))


Placed = tuple[int, Shape]


@dataclass(frozen=True, eq=False)
class _Runs:
    """A box as runs: dims are (stride, count), the widest first.

    Attributes:
        start: Where the first one begins, bytes.
        run: Bytes of one.
        dims: Where others begin.
        loose: Those without a rule.
    """

    start: int
    run: int
    dims: tuple[tuple[int, int], ...]
    loose: tuple[Loose, ...]

    @property
    def number(self) -> int:
        """How many runs."""
        return math.prod(count for _, count in self.dims) * math.prod(len(each.starts) for each in self.loose)

    @property
    def span(self) -> int:
        """From the first byte to behind the last."""
        loose = sum(int((each.starts + each.reaches).max(initial=0)) for each in self.loose)
        return self.run + loose + sum(stride * (count - 1) for stride, count in self.dims)


def union(boxes: Sequence[Placed], element: int, granule: int) -> int:
    """How many granules some boxes touch together.

    Args:
        boxes: Where each begins, bytes, and its shape; none is empty.
        element: Bytes of an element.
        granule: Bytes of a granule.
    """
    distinct = {(start, shape.dims, tuple(map(id, shape.loose))): (start, shape) for start, shape in boxes}
    if len(distinct) == 1:
        ((start, shape),) = distinct.values()
        if not shape.loose:
            return granules(start % granule, shape.dims, element, granule)
    return _together([_as_runs(start, shape, element, granule) for start, shape in distinct.values()], granule)


def _as_runs(start: int, shape: Shape, element: int, granule: int) -> _Runs:
    start += sum(stride * (count - 1) for count, stride in shape.dims if stride < 0)
    left = sorted(((abs(stride), count) for count, stride in shape.dims if count > 1 and stride), reverse=True)
    run = element
    while left and left[-1][0] <= max(run, granule):
        stride, count = left.pop()
        run += stride * (count - 1)
    return _Runs(start, run, tuple(left), shape.loose)


def _together(boxes: Sequence[_Runs], granule: int) -> int:
    if not boxes:
        return 0
    if sum(box.number for box in boxes) <= MOST_RUNS:
        return _laid_out(boxes, granule)
    found = _extrapolated(boxes, granule)
    return _most(boxes, granule) if found is None else found


def _laid_out(boxes: Sequence[_Runs], granule: int) -> int:
    low: list[np.ndarray] = []
    high: list[np.ndarray] = []
    for box in boxes:
        starts, reaches = np.array([box.start], dtype=np.int64), np.array([box.run - 1], dtype=np.int64)
        for each in box.loose:
            starts = (starts[:, None] + each.starts).reshape(-1)
            reaches = (reaches[:, None] + each.reaches).reshape(-1)
        for stride, count in box.dims:
            starts = (starts[:, None] + stride * np.arange(count, dtype=np.int64)).reshape(-1)
            reaches = np.repeat(reaches, count)
        low.append(starts // granule)
        high.append((starts + reaches) // granule)
    first, last = np.concatenate(low), np.concatenate(high)
    order = np.argsort(first, kind="stable")
    return covered(first[order], last[order])


def _extrapolated(boxes: Sequence[_Runs], granule: int) -> int | None:
    """Granules of boxes with one widest dimension; what one more period adds depends on the last few before it."""
    widest = {box.dims[0] for box in boxes if box.dims}
    if len(widest) != 1 or any(box.loose or not box.dims for box in boxes):
        return None
    ((stride, count),) = widest
    inner = [replace(box, dims=box.dims[1:]) for box in boxes]
    span = max(box.start + box.span for box in inner) - min(box.start for box in inner)
    period = granule // math.gcd(stride, granule)
    first = span // stride + 1 + period
    if count <= first + 2 * period:
        return None
    first += (count - first) % period
    shorter, longer = (
        _together([replace(box, dims=((stride, n), *box.dims)) for box in inner], granule)
        for n in (first, first + period)
    )
    return shorter + (count - first) // period * (longer - shorter)


def _most(boxes: Sequence[_Runs], granule: int) -> int:
    """At most as many as each touches alone, and as there are from the first to the last."""
    first = min(box.start for box in boxes) // granule
    last = max(box.start + box.span - 1 for box in boxes) // granule
    if any(box.loose for box in boxes):
        return last - first + 1
    alone = sum(granules(box.start % granule, _dims(box), 1, granule) for box in boxes)
    return min(alone, last - first + 1)


def _dims(box: _Runs) -> Dims:
    return (*((count, stride) for stride, count in box.dims), (box.run, 1))
