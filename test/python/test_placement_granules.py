"""What windows touch in transactions, counted one by one, against `granules.issued`."""

from __future__ import annotations

import math

import pytest

from powerfusion.passes.placement.granules import issued
from powerfusion.passes.placement.model import NestDim
from powerfusion.passes.placement.trips import starts
from powerfusion.passes.placement.windows import Span

GRANULE, ELEMENT = 64, 4


def touched(dims: list[NestDim], spans: list[Span], shape: list[int]) -> tuple[int, int]:
    """Bytes of transactions and of elements of a row-major tensor, over all steps of two dimensions."""
    asked = moved = 0
    for rows in starts(dims[0]):
        for columns in starts(dims[1]):
            granules: set[int] = set()
            parts = [
                range(max(begin + span.low, 0), min(end + span.high, size))
                for (begin, end), span, size in zip((rows, columns), spans, shape, strict=True)
            ]
            for row in parts[0]:
                asked += ELEMENT * len(parts[1])
                granules |= {(row * shape[1] + column) * ELEMENT // GRANULE for column in parts[1]}
            moved += GRANULE * len(granules)
    return moved, asked


@pytest.mark.parametrize("step", [(1, 32), (4, 32), (3, 48), (2, 256), (5, 24)])
@pytest.mark.parametrize("halo", [0, 1, 3])
def test_transactions_are_those_that_are_touched(step: tuple[int, int], halo: int) -> None:
    """Rows that begin at a granule: exactly, in steps with and without halos, whole rows and parts."""
    shape = [20, 256]
    dims = [NestDim(at, size, size, size, step[at], swept=False) for at, size in enumerate(shape)]
    spans = [Span(0), Span(1, 1, -halo, halo, clip=bool(halo))]
    moved, asked = touched(dims, spans, shape)
    assert issued(dict(enumerate(dims)), tuple(spans), shape, [0, 1], ELEMENT, GRANULE) == pytest.approx(moved / asked)


def test_rows_that_begin_anywhere_are_an_average() -> None:
    """Rows of 100 elements begin at any multiple of 16 B: what is said lies within a few percent."""
    shape = [64, 100]
    dims = [NestDim(at, size, size, size, (1, 20)[at], swept=False) for at, size in enumerate(shape)]
    moved, asked = touched(dims, [Span(0), Span(1)], shape)
    said = issued(dict(enumerate(dims)), (Span(0), Span(1)), shape, [0, 1], ELEMENT, GRANULE)
    assert math.isclose(said, moved / asked, rel_tol=0.05)
