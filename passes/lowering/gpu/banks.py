"""Bank conflicts: how often lanes of one access want the same bank of the group's memory for different words.

Memory of a group has 32 banks of 4 bytes; a word lies in the bank of its number, modulo 32. Lanes whose words are in
different banks, or are the same word, are served at once; an access takes as many turns as the bank that most words
are wanted of. Accesses of more than 4 bytes per lane are served in parts of 128 bytes.

Where elements of a tile lie that is turned is chosen by that: rows are so far apart, and as many rows again, that both
directions have as few turns as can be.

    row 0      c c c c c c c c .
    row 1      c c c c c c c c .                       one element apart more than their length
    ...
    row g      c c c c c c c c .      . .              and some more behind each `group` rows
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from powerfusion.passes.lowering.gpu.lanes import Layout

BANKS = 32
BANK_BYTES = 4
MOST_APART = 17
"""So many elements, or words, are tried as what rows are apart by, less than that."""
NONE = 2
"""Turns of an access either way, without conflicts."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Where elements of a tile lie in the group's memory, in elements.

    Attributes:
        shape: The tile's.
        run: As many elements of a row, its last dimension, follow one another.
        word: Elements between those.
        apart: Elements between rows.
        group: Rows that belong together.
        extra: Elements behind those.
    """

    shape: tuple[int, ...]
    run: int
    word: int
    apart: int
    group: int
    extra: int

    @property
    def pitch(self) -> int:
        """From the beginning of a row to that of the next."""
        length = self.shape[-1]
        return length + (length - 1) // self.run * self.word + self.apart

    @property
    def size(self) -> int:
        """How many elements have room."""
        rows = prod(self.shape[:-1])
        return rows * self.pitch + rows // self.group * self.extra

    def offsets(self, places: Numbers) -> Numbers:
        """Where elements lie, by their place along each dimension: the last axis of an array."""
        row = np.zeros(places.shape[:-1], np.int64)
        for dim, size in enumerate(self.shape[:-1]):
            row = row * size + places[..., dim]
        column = places[..., -1]
        return row * self.pitch + row // self.group * self.extra + column + column // self.run * self.word


@cache
def rows_for(source: Layout, result: Layout, perm: tuple[int, ...], element_bytes: int, lanes: int) -> Rows:
    """Where elements of a tile lie that is written as one layout has it, and read as another, turned.

    Args:
        source: How the tile is dealt out.
        result: The same of what it becomes.
        perm: Which dimension of it each of the result's is.
        element_bytes: Bytes of an element.
        lanes: Of a unit.
    """
    shape = tuple(dim.size for dim in source)
    run, word = BANKS * BANK_BYTES // element_bytes, max(BANK_BYTES // element_bytes, 1)
    steps = sorted({step for at in range(MOST_APART) for step in (at, at * word)})
    written, read = places_of(source, lanes), turned_back(places_of(result, lanes), perm)
    best: tuple[float, Rows] | None = None
    for extra, apart in product(steps, steps):
        rows = Rows(shape, run, word, apart, result[-1].elements, extra)
        turns = factor(rows.offsets(written), element_bytes) + factor(rows.offsets(read), element_bytes)
        if best is None or turns < best[0]:
            best = turns, rows
        if turns == NONE:
            break
    assert best is not None, "expected a way to try"
    return best[1]


def turned_back(places: Numbers, perm: Sequence[int]) -> Numbers:
    """Places in a result as those in its source."""
    back = np.empty_like(places)
    for dim, source in enumerate(perm):
        back[..., source] = places[..., dim]
    return back


def places_of(layout: Layout, lanes: int) -> Numbers:
    """Per element that a lane holds, and per lane, its place along each dimension."""
    held = np.array(list(np.ndindex(*(dim.held for dim in layout))), np.int64)
    lane = np.arange(lanes)
    columns: list[Any] = []
    for number, dim in enumerate(layout):
        first = held[:, number] // dim.elements * dim.lanes * dim.elements + held[:, number] % dim.elements
        columns.append(first[:, None] + (lane // dim.stride % dim.lanes * dim.elements)[None, :])
    return np.stack(columns, -1)


def factor(offsets: Numbers, element_bytes: int, count: int = 1) -> float:
    """By how much accesses of the lanes take longer than without conflicts.

    Args:
        offsets: Per access and lane, where it begins, elements.
        element_bytes: Bytes of an element.
        count: How many neighbours a lane takes.
    """
    size = element_bytes * count
    words = np.concatenate([offsets[..., None] * element_bytes // BANK_BYTES + at for at in _words(size)], -1)
    part = max(BANKS * BANK_BYTES // max(size, BANK_BYTES), 1)
    parts = np.sort(words.reshape(-1, min(part, offsets.shape[-1]) * words.shape[-1]), -1)
    is_first = np.ones(parts.shape, np.bool_)
    is_first[:, 1:] = parts[:, 1:] != parts[:, :-1]
    bank = parts % BANKS + BANKS * np.arange(len(parts))[:, None]
    wanted = np.bincount(bank[is_first], minlength=BANKS * len(parts)).reshape(-1, BANKS)
    return float(wanted.max(1).mean())


def _words(size: int) -> Iterator[int]:
    yield from range(max(size // BANK_BYTES, 1))
