"""Granules: how many transaction units a strided box of memory touches, each counted once.

    granule  |        |        |        |        |          a box of 2 rows, 3 bytes each,
    bytes     .....xxx ........ xxx..... ........           two granules apart: 2 granules

A pure function of the box's place within a granule and of its dimensions; boxes of any size are
counted, as what repeats is extrapolated.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

MOST_RUNS = 1 << 22  # beyond this many, runs that repeat are extrapolated
Dims = tuple[tuple[int, int], ...]
"""Per dimension: how many, and how many bytes apart."""


@lru_cache(maxsize=1 << 16)
def granules(phase: int, dims: Dims, element: int, granule: int) -> int:
    """How many granules the elements of a box touch.

    Args:
        phase: Where in its granule the box begins, bytes.
        dims: Its dimensions, in any order; they may overlap, as those of a window do.
        element: Bytes of an element.
        granule: Bytes of a granule.
    """
    if any(count <= 0 for count, _ in dims):
        return 0
    phase += sum(stride * (count - 1) for count, stride in dims if stride < 0)
    kept = sorted(((abs(stride), count) for count, stride in dims if count > 1 and stride), reverse=True)
    run = element
    while kept and kept[-1][0] <= max(run, granule):
        stride, count = kept.pop()
        run += stride * (count - 1)
    return _runs(phase % granule, tuple(kept), run, granule)


def distinct(dims: Dims) -> int:
    """How many elements a box has, those that lie on one another counted once; bytes are elements here."""
    return granules(0, dims, 1, 1)


@lru_cache(maxsize=1 << 16)
def _runs(phase: int, dims: tuple[tuple[int, int], ...], run: int, granule: int) -> int:
    """The granules of runs of bytes; dims are (stride, count), the widest stride first."""
    if not dims:
        return (phase + run - 1) // granule + 1
    (stride, count), *rest = dims
    span = sum(s * (c - 1) for s, c in rest) + run
    inner = tuple(rest)
    if stride % granule == 0 and (phase + span - 1) // granule < stride // granule:
        return count * _runs(phase, inner, run, granule)
    runs = count
    for _, number in rest:
        runs *= number
    period = granule // int(np.gcd(stride, granule))
    first = span // stride + 1 + period
    if runs <= MOST_RUNS or count <= first + 2 * period:
        return _enumerated(phase, dims, run, granule)
    # What one more period adds depends only on the last few of those before it.
    first += (count - first) % period
    shorter, longer = (_runs(phase, ((stride, n), *inner), run, granule) for n in (first, first + period))
    return shorter + (count - first) // period * (longer - shorter)


def _enumerated(phase: int, dims: tuple[tuple[int, int], ...], run: int, granule: int) -> int:
    starts = np.array([phase], dtype=np.int64)
    for stride, count in dims:
        starts = (starts[:, None] + stride * np.arange(count, dtype=np.int64)).reshape(-1)
    starts.sort()
    return covered(starts // granule, (starts + run - 1) // granule)


def covered(low: np.ndarray, high: np.ndarray) -> int:
    """How many integers some intervals cover together; ends included, sorted by their beginnings."""
    if not len(low):
        return 0
    before = np.maximum.accumulate(high)[:-1]
    begin = low.copy()
    begin[1:] = np.maximum(low[1:], before + 1)
    return int(np.maximum(high - begin + 1, 0).sum())
