"""Bank conflicts: counted by hand, and none where tiles are turned."""

from __future__ import annotations

import numpy as np
import pytest

from powerfusion.passes.lowering.gpu.banks import factor, places_of, rows_for
from powerfusion.passes.lowering.gpu.lanes import Dealt, Layout

LANES = np.arange(32)


@pytest.mark.parametrize(
    ("offsets", "element_bytes", "count", "expected"),
    [
        (LANES, 4, 1, 1),  # neighbours
        (LANES * 0, 4, 1, 1),  # one word for all
        (LANES * 32, 4, 1, 32),  # a column of rows of 32 words
        (LANES * 33, 4, 1, 1),  # the same, padded
        (LANES * 2, 4, 1, 2),
        (LANES, 2, 1, 1),  # two lanes share a word
        (LANES * 64, 2, 1, 32),
        (LANES * 4, 4, 4, 1),  # 16 bytes per lane, eight lanes at a time
        (LANES * 36, 4, 4, 1),
        (LANES * 32, 4, 4, 8),
        (LANES, 8, 1, 1),  # 16 lanes at a time
        (LANES * 16, 8, 1, 16),
    ],
)
def test_factor(offsets: np.ndarray, element_bytes: int, count: int, expected: float) -> None:
    assert factor(offsets[None, :], element_bytes, count) == expected


def dealt(
    shape: tuple[int, int], lanes: tuple[int, int], elements: tuple[int, int], strides: tuple[int, int]
) -> Layout:
    """A layout of a tile of two dimensions."""
    return tuple(map(Dealt, shape, lanes, elements, strides))


CASES = {
    "f32, a word at a time": (dealt((32, 32), (1, 32), (1, 1), (1, 1)), dealt((32, 32), (1, 32), (1, 1), (1, 1)), 4),
    "f32, 16 bytes": (dealt((32, 32), (4, 8), (1, 4), (8, 1)), dealt((32, 32), (4, 8), (1, 4), (8, 1)), 4),
    "f32, longer rows": (dealt((16, 64), (2, 16), (1, 4), (16, 1)), dealt((64, 16), (8, 4), (1, 4), (4, 1)), 4),
    "bf16, 16 bytes": (dealt((64, 64), (4, 8), (1, 8), (8, 1)), dealt((64, 64), (4, 8), (1, 8), (8, 1)), 2),
    "bf16, one by one": (dealt((32, 32), (1, 32), (1, 1), (1, 1)), dealt((32, 32), (1, 32), (1, 1), (1, 1)), 2),
    "bytes": (dealt((64, 64), (8, 4), (1, 16), (4, 1)), dealt((64, 64), (8, 4), (1, 16), (4, 1)), 1),
}


@pytest.mark.parametrize("case", CASES)
def test_turned_tiles(case: str) -> None:
    """Rows are apart by what keeps both directions from conflicts; every element has a place of its own."""
    source, result, size = CASES[case]
    rows = rows_for(source, result, (1, 0), size, 32)
    written, read = places_of(source, 32), places_of(result, 32)[..., ::-1]
    assert factor(rows.offsets(written), size) <= (1.5 if size == 1 else 1)
    assert factor(rows.offsets(read), size) == 1
    every = rows.offsets(np.stack(np.meshgrid(*map(np.arange, rows.shape), indexing="ij"), -1)).reshape(-1)
    assert len(set(every.tolist())) == every.size
    assert every.max() < rows.size <= 1.3 * every.size
