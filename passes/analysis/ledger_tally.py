"""Tally: what an access comes to over all executions of an instruction.

An access touches a box of memory in each execution. Executions whose boxes lie alike in their
granules are counted together: of every part of an address, and of every extent, it is worked out
how often each value occurs, over only the loops that it depends on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from powerfusion.passes.analysis.ledger_access import Access, Figures, Scope
from powerfusion.passes.analysis.ledger_granules import distinct, granules
from powerfusion.passes.analysis.ledger_numbers import (
    MOST_CELLS,
    Array,
    Axis,
    Grid,
    Number,
    UnknownIndex,
    closed,
    dense,
    positive,
    spread,
)
from powerfusion.passes.analysis.ledger_open import open_figures
from powerfusion.symbolic import Polynomial


def measure(access: Access, scope: Scope, granule: int) -> Figures:
    """The figures of an access in a space with granules of that size."""
    around = scope
    scope = scope.inside(*access.axes, masks=access.masks)
    unsure = frozenset({"useful", "issued"}) if scope.unsure or not access.exact else frozenset[str]()
    try:
        figures = _measure(access, scope, granule)
    except UnknownIndex:
        if scope.loops:
            raise
        figures = _most(access, scope, granule)
    if access.runs is not None and granule > access.element:
        rows = measure(access.runs, around, granule)
        figures = Figures(figures.useful, rows.issued, figures.bounds | (rows.bounds & {"issued"}))
    return replace(figures, bounds=figures.bounds | unsure)


def _measure(access: Access, scope: Scope, granule: int) -> Figures:
    if access.cells is not None:
        times, cells = _executions(scope), access.cells
        issued = cells.granules(access.element, granule) * granule
        return Figures(cells.elements() * access.element * times, issued * times)
    strides = access.box.strides if access.box else ()
    offset = access.box.offset if access.box else 0
    if scope.loops or any(isinstance(each, Polynomial) for each in (offset, *strides, *access.counts, *access.steps)):
        return open_figures(access, scope.loops, _executions(scope), granule)
    if access.box is None or access.scattered:
        elements = sum(math.prod(counts) * times for (_, counts), times in alike(scope, 0, access.counts, 1).items())
        each = granule * -(-access.element // granule) if access.scattered else access.element
        return Figures(elements * access.element, elements * each)
    useful = issued = 0
    rank, shifts = len(access.counts), _shifts(access, granule)
    for (phase, known), times in alike(scope, offset, (*access.counts, *strides), granule, access.element).items():
        counts, apart = known[:rank], known[rank:]
        useful += times * distinct(tuple(zip(counts, apart, strict=True)))
        dims = tuple((count, stride * access.element) for count, stride in zip(counts, apart, strict=True))
        issued += times * max(granules(phase + shift, dims, access.element, granule) for shift in shifts)
    return Figures(useful * access.element, issued * granule)


def _shifts(access: Access, granule: int) -> range:
    """By how many bytes a window may lie further on in a granule than where it is said to begin."""
    return range(0, granule, math.gcd(granule, *(step * access.element for step in closed(access.steps))))


def _most(access: Access, scope: Scope, granule: int) -> Figures:
    """Figures of an access whose addresses or extents aren't known: as many runs as there may be, placed badly."""
    counts = [count if isinstance(count, int) else int(dense(count)[1].max()) for count in map(_closed, access.counts)]
    times = _executions(scope)
    elements = math.prod(counts)
    run = counts[-1] if counts and (access.box is None or access.box.strides[-1] == 1) else 1
    each = (granule - access.element % granule + run * access.element - 1) // granule + 1
    issued = times * (elements // max(run, 1)) * each * granule
    useful = times * elements * access.element
    exact = all(isinstance(count, int) for count in access.counts)
    return Figures(useful, issued, frozenset({"issued"} if exact else {"useful", "issued"}))


def _closed(count: Number) -> int | Grid:
    if isinstance(count, Polynomial):
        raise UnknownIndex("an open size")
    return count


def _executions(scope: Scope) -> int:
    return sum(alike(scope, 0, (), 1).values())


# -- how often each place and extent occurs ------------------------------------------------------

Alike = dict[tuple[int, tuple[int, ...]], int]
"""How often (place in a granule, extents) occur."""


@dataclass
class _Part:
    """Arrays over common axes: summands of the offset, extents by position, masks."""

    offsets: list[tuple[tuple[Axis, ...], Array]] = field(default_factory=list)
    extents: dict[int, Number] = field(default_factory=dict)
    masks: list[Number] = field(default_factory=list)

    def merge(self, other: _Part) -> None:
        self.offsets += other.offsets
        self.extents |= other.extents
        self.masks += other.masks


def alike(scope: Scope, offset: Number, counts: Sequence[Number], granule: int, element: int = 1) -> Alike:
    """How often a window lies in the same way in its granules, over all executions."""
    constant = offset if isinstance(offset, int) else offset.constant if isinstance(offset, Grid) else 0
    parts: list[tuple[set[Axis], _Part]] = []
    for axes, array in offset.terms if isinstance(offset, Grid) and granule > 1 else ():
        _join(parts, axes, _Part(offsets=[(axes, array)]))
    for place, count in enumerate(counts):
        if isinstance(count, Grid):
            _join(parts, count.axes, _Part(extents={place: count}))
    for mask in scope.masks:
        _join(parts, mask.axes if isinstance(mask, Grid) else (), _Part(masks=[mask]))
    free = math.prod(axis.size for axis in scope.axes if not any(axis in axes for axes, _ in parts))
    whole = [positive(count) if isinstance(count, int) else 0 for count in counts]
    known: Alike = {(constant * element % granule, tuple(int(count) for count in whole)): free}  # pyright: ignore[reportArgumentType]
    for axes, part in parts:
        known = _crossed(known, _occurrences(sorted(axes, key=lambda a: a.number), part, granule, element), granule)
    return known


def _join(parts: list[tuple[set[Axis], _Part]], axes: Iterable[Axis], part: _Part) -> None:
    """Adds a part, made one with those that it shares axes with."""
    over = set(axes)
    for other in [each for each in parts if each[0] & over]:
        parts.remove(other)
        over |= other[0]
        part.merge(other[1])
    parts.append((over, part))


Occurrences = list[tuple[int, Mapping[int, int], int]]
"""(place in a granule, extents by position, how often)."""


def _occurrences(over: Sequence[Axis], part: _Part, granule: int, element: int) -> Occurrences:
    shape = [axis.size for axis in over]
    if math.prod(shape) > MOST_CELLS:
        raise UnknownIndex("too many cells")
    key = np.zeros([1] * len(shape), dtype=np.int64)
    for axes, array in part.offsets:
        key = key + spread(axes, array, over) * element
    key = key % granule
    sizes: list[int] = []
    for count in part.extents.values():
        extent = np.maximum(dense(count, over)[1], 0)  # pyright: ignore[reportArgumentType]
        sizes.append(int(extent.max(initial=0)) + 1)
        key = key * sizes[-1] + extent
    key = np.broadcast_to(key, shape)
    for mask in part.masks:
        there = np.broadcast_to(dense(mask, over)[1] != 0, shape)  # pyright: ignore[reportArgumentType]
        key = np.where(there, key, -1)
    values, times = np.unique(key, return_counts=True)
    return [
        _decoded(int(value), list(part.extents), sizes, int(n))
        for value, n in zip(values, times, strict=True)
        if value >= 0
    ]


def _decoded(value: int, places: Sequence[int], sizes: Sequence[int], times: int) -> tuple[int, dict[int, int], int]:
    extents: dict[int, int] = {}
    for place, size in zip(reversed(places), reversed(sizes), strict=True):
        value, extents[place] = divmod(value, size)
    return value, extents, times


def _crossed(known: Alike, more: Occurrences, granule: int) -> Alike:
    result: Alike = {}
    for (phase, counts), times in known.items():
        for extra, extents, n in more:
            merged = tuple(extents.get(place, count) for place, count in enumerate(counts))
            key = ((phase + extra) % granule, merged)
            result[key] = result.get(key, 0) + times * n
    return result
