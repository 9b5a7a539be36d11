"""Footprints: what accesses touch while some loops stand still and the others go through all their trips.

    loops i, j; a window of 1 x 4 at [i, 4 j] of a row-major tensor of 10 columns

    i stands still      one shape, {0 .. 9}, at places 0, 10, 20, ...
    none stands still   one shape, {0 .. 9} + {0, 10, 20, ...}, at place 0

Parts of an address that depend on different loops are independent: a footprint is the sum of their
sets. A set is a progression where its elements lie evenly, as those of clipped windows together do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from powerfusion.passes.analysis.ledger_access import Access, Scope
from powerfusion.passes.analysis.ledger_numbers import Axis, Grid, Number, UnknownIndex, dense
from powerfusion.passes.analysis.ledger_unions import Loose, Placed, Shape
from powerfusion.symbolic import Polynomial

MOST_POINTS = 1 << 15  # iterations of loops that stand still
MOST_CELLS = 1 << 25  # of an array over several loops
MOST_LOOSE = 1 << 20  # of one without a rule
LARGE = 1 << 60
Array = np.ndarray
Summand = tuple[tuple[Axis, ...], Array]


@dataclass(frozen=True, eq=False)
class Trip:
    """A loop that stands still, or bundles of its trips that are made at once.

    Attributes:
        axis: Its axis.
        at_once: How many trips of the axis are one of this loop.
        sweep: The pass, of a sweep: each has a loop of its own over the axis.
        outside: Nothing is left in the cache from one trip to the next: launches, and groups with caches of their own.
    """

    axis: Axis
    at_once: int = 1
    sweep: int = 0
    outside: bool = False

    @property
    def size(self) -> int:
        """How many trips it makes."""
        return -(-self.axis.size // self.at_once)

    @property
    def key(self) -> tuple[Axis, int]:
        """What is the same for all that stand in the loop."""
        return self.axis, self.sweep


@dataclass(frozen=True, eq=False)
class Still:
    """Iterations of loops that stand still.

    Attributes:
        trips: The loops.
        indices: The trip of each loop in every iteration, by axis.
        number: How many iterations.
        times: How often each occurs, because loops that change nothing go on.
    """

    trips: Mapping[Axis, Trip]
    indices: Mapping[Axis, Array]
    number: int
    times: int = 1

    @staticmethod
    def all_of(trips: Sequence[Trip], needed: set[Axis]) -> Still:
        """Every iteration of some loops, those that aren't needed once.

        Raises:
            UnknownIndex: Too many.
        """
        kept = [trip for trip in trips if trip.axis in needed]
        times = math.prod(trip.size for trip in trips if trip.axis not in needed)
        return Still._crossed(trips, {trip.axis: np.arange(trip.size) for trip in kept}, times)

    @staticmethod
    def some_of(trips: Sequence[Trip], needed: set[Axis]) -> Still:
        """Iterations at the ends and in the middle of some loops; no other touches much more."""
        kept = [trip for trip in trips if trip.axis in needed]
        chosen = {trip.axis: np.unique([0, (trip.size - 1) // 2, trip.size // 2, trip.size - 1]) for trip in kept}
        return Still._crossed(trips, chosen, 1)

    @staticmethod
    def _crossed(trips: Sequence[Trip], chosen: Mapping[Axis, Array], times: int) -> Still:
        number = math.prod(map(len, chosen.values()))
        if number > MOST_POINTS:
            raise UnknownIndex("too many iterations")
        places = np.indices([len(each) for each in chosen.values()]).reshape(len(chosen), number)
        indices = {axis: each[place] for (axis, each), place in zip(chosen.items(), places, strict=True)}
        return Still({trip.axis: trip for trip in trips}, indices, number, times)

    def stands(self, axis: Axis) -> bool:
        """True for an axis that doesn't move in an iteration."""
        return axis in self.trips and self.trips[axis].at_once == 1

    def index(self, axis: Axis, place: int, rank: int) -> Array:
        """Indices of an axis: iterations first, its trips in each at `place` among `rank` dimensions behind."""
        if axis not in self.trips:
            return np.arange(axis.size).reshape([-1 if at == place + 1 else 1 for at in range(rank + 1)])
        trip = self.trips[axis]
        first = self.indices.get(axis, np.zeros(1, dtype=np.int64)) * trip.at_once
        if self.stands(axis):
            return first.reshape([-1] + [1] * rank)
        inside = first[:, None] + np.arange(trip.at_once)
        return inside.reshape([len(first)] + [-1 if at == place else 1 for at in range(rank)])


@dataclass(frozen=True, eq=False)
class Footprint:
    """What an access touches in each iteration.

    Attributes:
        places: Where, in elements.
        kinds: Which shape; -1 where nothing.
        shapes: The shapes.
        element: Bytes of an element.
    """

    places: Array
    kinds: Array
    shapes: Sequence[Shape]
    element: int

    def at(self, point: int) -> list[Placed]:
        """What is touched in an iteration: a box, in bytes, or nothing."""
        kind = int(self.kinds[point])
        return [(int(self.places[point]) * self.element, self.shapes[kind])] if kind >= 0 else []


def needed_axes(access: Access, scope: Scope) -> set[Axis]:
    """The loops that an access's addresses, extents or masks depend on."""
    box = access.box
    numbers = [*access.counts, *scope.masks, *([box.offset] if box else [])]
    return {axis for number in numbers if isinstance(number, Grid) for axis in number.axes}


def footprint_of(access: Access, scope: Scope, still: Still) -> Footprint:
    """What an access touches in each iteration.

    Raises:
        UnknownIndex: Its addresses aren't known, or too many.
    """
    return _Reading(access, scope, still).footprint()


@dataclass
class _Part:
    """What depends on common loops: summands of the place, extents by dimension, masks."""

    axes: set[Axis]
    summands: list[Summand] = field(default_factory=list)
    extents: dict[int, Summand] = field(default_factory=dict)
    masks: list[Summand] = field(default_factory=list)

    def merge(self, other: _Part) -> None:
        self.axes |= other.axes
        self.summands += other.summands
        self.extents |= other.extents
        self.masks += other.masks


@dataclass
class _Reading:
    """The reading of an access."""

    access: Access
    scope: Scope
    still: Still

    def footprint(self) -> Footprint:
        box, element = self.access.box, self.access.element
        if box is None or self.access.scattered or self.scope.loops:
            raise UnknownIndex("addresses that aren't known")
        self.strides = [_known(stride) for stride in box.strides]
        extents = {at: count for at, count in enumerate(self.access.counts) if isinstance(count, Grid)}
        fixed = [
            (_known(count), self.strides[at] * element)
            for at, count in enumerate(self.access.counts)
            if at not in extents
        ]
        number = self.still.number
        constant = box.offset.constant if isinstance(box.offset, Grid) else _known(box.offset)
        places = np.full(number, constant, dtype=np.int64)
        if any(count <= 0 for count, _ in fixed):
            return Footprint(places, np.full(number, -1), (), element)
        kinds, shapes = np.zeros(number, dtype=np.int64), [Shape(tuple(fixed))]
        for part in self._parts(box.offset, extents):
            more, kind, found = self._seen(part)
            places = places + more
            kinds, shapes = _crossed(kinds, shapes, kind, found)
        return Footprint(places, kinds, shapes, element)

    def _parts(self, offset: Number, extents: Mapping[int, Grid]) -> list[_Part]:
        """Parts that have no moving loop in common."""
        parts: list[_Part] = []
        for summand in offset.terms if isinstance(offset, Grid) else ():
            self._join(parts, _Part(self._moving(summand[0]), summands=[summand]))
        for at, count in extents.items():
            self._join(parts, _Part(self._moving(count.axes), extents={at: dense(count)}))
        for mask in self.scope.masks:
            if isinstance(mask, Polynomial):
                raise UnknownIndex("an open size")
            axes, array = dense(mask)
            self._join(parts, _Part(self._moving(axes), masks=[(axes, array)]))
        return parts

    def _moving(self, axes: Iterable[Axis]) -> set[Axis]:
        return {axis for axis in axes if not self.still.stands(axis)}

    @staticmethod
    def _join(parts: list[_Part], part: _Part) -> None:
        for other in [each for each in parts if each.axes & part.axes]:
            parts.remove(other)
            part.merge(other)
        parts.append(part)

    def _seen(self, part: _Part) -> tuple[Array, Array, list[Shape]]:
        """Where a part's elements begin in each iteration, and which shape they have."""
        axes = sorted(part.axes, key=lambda axis: axis.number)
        values = np.zeros((1, 1), dtype=np.int64)
        for number, summand in enumerate(part.summands):
            found = self._over(summand, axes)
            values = values + found if number else found
        counts = {at: np.maximum(self._over(summand, axes), 0) for at, summand in part.extents.items()}
        there = self._made(axes)
        for mask in part.masks:
            there = there & (self._over(mask, axes) != 0)
        for count in counts.values():
            there = there & (count > 0)
        values, there, *extents = np.broadcast_arrays(values, there, *counts.values())
        strides = [self.strides[at] for at in counts]
        places, kinds, shapes = _rows(values, there, extents, strides, self.access.element)
        if len(places) == 1:
            return np.repeat(places, self.still.number), np.repeat(kinds, self.still.number), shapes
        return places, kinds, shapes

    def _made(self, axes: Sequence[Axis]) -> Array:
        """Which trips of the moving loops there are: the last bundle of a loop may have fewer."""
        there = np.ones((1, 1), dtype=bool)
        for place, axis in enumerate(axes):
            if axis in self.still.trips and axis.size % self.still.trips[axis].at_once:
                made = self.still.index(axis, place, len(axes)) < axis.size
                sizes = [self.still.trips[a].at_once if a in self.still.trips else a.size for a in axes]
                there = there & np.broadcast_to(made, [made.shape[0], *sizes]).reshape(made.shape[0], -1)
        return there

    def _over(self, summand: Summand, axes: Sequence[Axis]) -> Array:
        """An array, a row per iteration (or one for all) and a column per trip of the moving loops."""
        own, array = summand
        index = [
            np.minimum(self.still.index(axis, axes.index(axis) if axis in axes else 0, len(axes)), axis.size - 1)
            for axis in own
        ]
        sizes = [self.still.trips[axis].at_once if axis in self.still.trips else axis.size for axis in axes]
        if math.prod(sizes) * self.still.number > MOST_CELLS:
            raise UnknownIndex("too many cells")
        found = array[tuple(index)] if own else array.reshape([1] * (len(axes) + 1))
        return np.broadcast_to(found, [found.shape[0], *sizes]).reshape(found.shape[0], -1)


def _known(number: Number) -> int:
    if not isinstance(number, int):
        raise UnknownIndex("a stride that isn't known")
    return number


def _crossed(kinds: Array, shapes: Sequence[Shape], more: Array, others: Sequence[Shape]) -> tuple[Array, list[Shape]]:
    """The kinds of sums of two shapes."""
    together = np.where((kinds < 0) | (more < 0), -1, kinds * max(len(others), 1) + more)
    found, inverse = np.unique(together, return_inverse=True)
    kept = [int(each) for each in found if each >= 0]
    result = [shapes[each // len(others)] + others[each % len(others)] for each in kept]
    return inverse.reshape(-1) - (len(found) - len(kept)), result


def _rows(
    values: Array, there: Array, extents: Sequence[Array], strides: Sequence[int], element: int
) -> tuple[Array, Array, list[Shape]]:
    """Per row where its elements begin, and the number of its shape among distinct ones; -1 where none is there."""
    some = there.any(axis=1)
    places = np.where(some, np.where(there, values, LARGE).min(axis=1), 0)
    kinds = np.full(len(places), -1, dtype=np.int64)
    even = _even(values, there, extents, strides)
    if even is not None:
        pairs, kinds[some] = np.unique(even[some], axis=0, return_inverse=True)
        return places, kinds, [Shape(((int(count), int(step) * element),)) for count, step in pairs]
    if values.size > MOST_LOOSE:
        raise UnknownIndex("too many cells")
    known: dict[bytes, int] = {}
    shapes: list[Shape] = []
    relative = np.where(there, values - places[:, None], -1)
    for row in np.flatnonzero(some):
        parts = [np.where(there[row], extent[row], 0) for extent in extents]
        key = b"".join(part.tobytes() for part in (relative[row], *parts))
        if key not in known:
            kept = there[row]
            known[key] = len(shapes)
            shapes.append(_shape(relative[row][kept], [part[kept] for part in parts], strides, element))
        kinds[row] = known[key]
    return places, kinds, shapes


def _even(values: Array, there: Array, extents: Sequence[Array], strides: Sequence[int]) -> Array | None:
    """Count and step of each row's elements, where they follow one another evenly in all rows, one way or the other."""
    if len(extents) == 1 and strides[0] > 0:
        return _even_spans(values, there, extents[0], strides[0])
    if extents:
        return None
    forward = _even_steps(values, there)
    return _even_steps(values[:, ::-1], there[:, ::-1]) if forward is None else forward


def _even_spans(values: Array, there: Array, extent: Array, stride: int) -> Array | None:
    """The same of boxes that together have no gaps: each meets those before it."""
    end = np.maximum.accumulate(np.where(there, values + extent * stride, -LARGE), axis=1)
    low = np.minimum.accumulate(np.where(there, values, LARGE), axis=1)
    meets = (values[:, 1:] <= end[:, :-1]) & (values[:, 1:] + extent[:, 1:] * stride >= low[:, :-1])
    first = end[:, :-1] == -LARGE
    if not (meets | first | ~there[:, 1:]).all():
        return None
    if stride > 1 and (there & ((values - low[:, -1:]) % stride != 0)).any():
        return None
    counts = (end[:, -1] - low[:, -1]) // stride
    return np.stack([counts, np.full(len(counts), stride)], axis=1)


def _even_steps(values: Array, there: Array) -> Array | None:
    """The same of single elements that never go back."""
    everywhere = bool(there.all())
    reached = values
    if not everywhere:
        low = np.where(there, values, LARGE).min(axis=1, keepdims=True)
        reached = np.maximum(np.maximum.accumulate(np.where(there, values, -LARGE), axis=1), low)
        if (there & (values != reached)).any():
            return None
    steps = np.diff(reached, axis=1)
    step = steps.max(axis=1, initial=0)
    if ((steps != 0) & (steps != step[:, None])).any():
        return None
    low = reached[:, :1]
    counts = (reached[:, -1] - low[:, 0]) // np.maximum(step, 1) + 1
    return np.stack([counts, step], axis=1)


def _shape(values: Array, counts: Sequence[Array], strides: Sequence[int], element: int) -> Shape:
    """The elements of some boxes together: at a value each, with extents each."""
    if len(counts) == 1 and strides[0] > 0 and not (values % strides[0]).any():
        low = values // strides[0]
        order = np.argsort(low, kind="stable")
        first, end = low[order], np.maximum.accumulate(low[order] + counts[0][order])
        if (first[1:] <= end[:-1]).all():
            return Shape(((int(end[-1] - first[0]), strides[0] * element),))
    run = strides.index(1) if 1 in strides else None
    left = list(counts)
    for at, stride in enumerate(strides):
        if at == run:
            continue
        number = left[at]
        if int(number.sum()) > MOST_LOOSE:
            raise UnknownIndex("too many elements")
        again = np.repeat(np.arange(len(number)), number)
        inside = np.arange(len(again)) - np.repeat(np.cumsum(number) - number, number)
        values = values[again] + stride * inside
        left = [count[again] for count in left]
    return _loose(values, np.zeros_like(values) if run is None else left[run] - 1, element)


def _loose(starts: Array, reaches: Array, element: int) -> Shape:
    pairs = np.unique(np.stack([starts, reaches], axis=1), axis=0)
    starts, reaches = pairs[:, 0], pairs[:, 1]
    steps = np.unique(np.diff(starts))
    if not reaches.any() and len(steps) <= 1:
        return Shape(((len(starts), int(steps[0]) * element if len(steps) else 0),))
    return Shape((), (Loose(starts * element, reaches * element),))
