"""Arriving bytes: of the issued, what comes from memory itself and not from a cache in front of it.

The caches are those of the machine that are no level of GIR (`Machine.caches`): a GPU's L2, a CPU's
L3; the largest in front of a space counts. The model has one rule, per kernel, space and buffer:

    in a loop whose one iteration touches no more than the cache holds, what is touched again, by
    the same iteration or one near by, doesn't arrive again

What one iteration touches counts all groups that run at once, and all their units. So of a buffer
arrive, in each iteration of the loops that touch more, the distinct granules of what its movements
touch in the loops inside: halos, lines that steps share, and parts of lines that are written come
once. Decision 0026 says what follows, and what is left out.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from powerfusion.core._mlir import is_tensor
from powerfusion.machines.model import Cache, Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.arriving_calls import is_made, memory_of
from powerfusion.passes.analysis.arriving_footprints import Footprint, Still, Trip, footprint_of, needed_axes
from powerfusion.passes.analysis.ledger_access import Access, Scope
from powerfusion.passes.analysis.ledger_numbers import Axis, Grid, UnknownIndex
from powerfusion.passes.analysis.ledger_record import Record, Recorder
from powerfusion.passes.analysis.ledger_unions import Placed, union
from powerfusion.symbolic import Count

OF_GROUPS = ("device", "cluster", "group")
GATHERED = "gir.gathered"
GATHERED_BYTES = 4096  # that a thread gathers near by of what it writes in order, see decision 0057
OPEN_LINES = 4  # of writes past the caches that a core gathers: half of what processors have, see decision 0031


def arriving_bytes(recorder: Recorder) -> dict[Record, Count]:
    """The arriving bytes of each record."""
    result: dict[Record, Count] = {record: record.figures.issued for record in recorder.records}
    spaces: dict[str, list[Record]] = {}
    for record in recorder.records:
        if recorder.machine.caches_of(record.key[1]):
            spaces.setdefault(record.key[1], []).append(record)
    for space, records in spaces.items():
        kernels: dict[ir.Operation | None, list[Record]] = {}
        known = [record for record in records if isinstance(record.figures.issued, int)]
        for record in known:
            kernels.setdefault(record.kernel, []).append(record)
        for each in kernels.values():
            result |= _Kernel.of(recorder.machine, space, each).arriving()
        if len(known) == len(records):
            result |= _Kernel.of(recorder.machine, space, known).left_by_last_call()
    return result


def is_gathered(op: ir.Operation) -> bool:
    """True for a store past the caches whose rows a thread gathers near by, until they are whole lines."""
    return GATHERED in op.attributes


def running_at_once(machine: Machine, cache: Cache) -> int:
    """How many groups share a cache while they run."""
    limits = machine.scope("group")
    return 1 if limits is None or cache.scope not in ("device", "cluster") else limits.count or 1


@dataclass(frozen=True, eq=False)
class _Use:
    """What a kernel's record is to the cache.

    Attributes:
        record: The record.
        access: What one execution accesses, as boxes where there is a choice.
        scope: The loops around that.
        trips: The loops that are gone through one after the other, outer first; others are gone through at once.
    """

    record: Record
    access: Access
    scope: Scope
    trips: tuple[Trip, ...]

    @property
    def issued(self) -> int:
        """Issued bytes."""
        assert isinstance(self.record.figures.issued, int), "only such are kept"
        return self.record.figures.issued

    @property
    def root(self) -> Hashable:
        """The buffer; one of its own where its addresses aren't known."""
        return memory_of(self.access.box.root) if self.is_known and self.access.box else self

    @property
    def is_known(self) -> bool:
        """True if its addresses are boxes."""
        return self.access.box is not None and not self.access.scattered and not self.scope.loops

    @property
    def brings(self) -> bool:
        """True if it brings lines from memory: a read, or a write that reads first."""
        return self.record.key[2] == "read"

    @property
    def is_fill(self) -> bool:
        """True for a write that reads first."""
        return self.brings and self.record.access.direction == "write"

    @property
    def streams(self) -> bool:
        """True for a movement of a kernel without a nest, which goes through its values alongside the others."""
        kernel, op = self.record.kernel, self.record.op
        if kernel is None or "nest" in kernel.attributes:
            return False
        return op.name == "gir.move" or (op.name == "gir.gather" and is_tensor(op.operands[0]))

    def place(self, axis: Axis) -> np.ndarray:
        """Where it begins in each trip of a loop, elements."""
        assert self.access.box is not None, "only known ones are placed"
        offset = self.access.box.offset
        if not isinstance(offset, Grid):
            return np.full(axis.size, offset, dtype=np.int64)
        place = np.full(axis.size, offset.constant, dtype=np.int64)
        for axes, array in offset.terms:
            kept = tuple(slice(None) if each is axis else 0 for each in axes)
            place = place + array[kept]
        return place


@dataclass
class _Kernel:
    """The movements of a kernel from and to one space.

    Attributes:
        capacity: Of the cache, bytes.
        granule: Of the space, bytes.
        allocates: Whether writes read first.
        uses: In program order.
    """

    capacity: int
    granule: int
    allocates: bool
    uses: list[_Use]
    found: dict[Record, Count] = field(default_factory=dict)

    @staticmethod
    def of(machine: Machine, space_name: str, records: Sequence[Record]) -> _Kernel:
        """Those of some records."""
        space = machine.space(space_name)
        cache = max(machine.caches_of(space_name), key=lambda cache: cache.capacity_bytes or 0)
        shared = space.scope in ("device", "cluster")
        at_once = running_at_once(machine, cache)
        uses: list[_Use] = []
        for record in (record for record in records if record.figures.issued):
            is_alone = space.write_allocate and record.access.nontemporal
            if is_alone and is_gathered(record.op):  # A thread's groups follow one another, and so do their rows.
                uses.append(_use(record, 1, shared))
            else:
                uses.append(_use(record, at_once, shared and not is_alone))
        return _Kernel(cache.capacity_bytes or 0, space.granule_bytes, space.write_allocate, uses)

    def arriving(self) -> Mapping[Record, Count]:
        """What arrives of each; what goes past the cache is gathered in lines that are the core's own."""
        past = [use for use in self.uses if self._bypasses(use)]
        for uses, capacity in (
            (self._kept(), self.capacity),
            ([use for use in past if not is_gathered(use.record.op)], OPEN_LINES * self.granule),
            ([use for use in past if is_gathered(use.record.op)], GATHERED_BYTES),
        ):
            replace(self, uses=uses, capacity=capacity).settle()
        return self.found

    def settle(self) -> None:
        """Counts all."""
        outside = 0
        while self.uses and all(len(use.trips) > outside and use.trips[outside].outside for use in self.uses):
            outside += 1
        self._settle(self.uses, outside)

    def left_by_last_call(self) -> Mapping[Record, Count]:
        """Of the movements of a whole program, those that needn't read what they write first, for that is there."""
        fills = [use for use in self.uses if use.is_fill and use.is_known and is_made(use.root)]
        fits = bool(fills) and self._touched(self._kept(), 0) <= self.capacity
        return {use.record: 0 for use in fills if fits}

    def _kept(self) -> list[_Use]:
        return [use for use in self.uses if not self._bypasses(use)]

    def _bypasses(self, use: _Use) -> bool:
        return self.allocates and use.access.nontemporal

    def _settle(self, uses: Sequence[_Use], depth: int) -> None:
        """Counts what stands in common loops, `depth` of them."""
        touched = self._touched(uses, depth)
        if touched <= self.capacity:
            self._settle_fitting(uses, depth, touched)
            return
        inner: dict[Hashable, list[_Use]] = {}
        for use in uses:
            inner.setdefault(use.trips[depth].key if len(use.trips) > depth else None, []).append(use)
        for key, group in inner.items():
            if key is None:
                self._settle_alone(group, depth)
            else:
                self._settle(group, depth + 1)

    def _settle_fitting(self, uses: Sequence[_Use], depth: int, touched: int) -> None:
        """Counts what stands in a loop of which an iteration fits."""
        trip = uses[0].trips[depth - 1] if depth else None
        if trip is None or trip.outside:
            for family in _by_root(uses):
                self._count(family, depth)
            return
        near = self.capacity // max(touched, 1)
        for family in _by_root(uses):
            for members in _moving_along(family, trip, near):
                ordered = _is_ordered(members[0].place(trip.axis)) if members[0].is_known else False
                self._count(members, depth - 1 if ordered else depth)

    def _settle_alone(self, uses: Sequence[_Use], depth: int) -> None:
        """Counts movements of a body that doesn't fit: each with what runs at once, or streams alongside."""
        for members in _streaming(uses, self.capacity):
            if members[0].streams or self._touched(members, depth) <= self.capacity:
                self._count(members, depth)

    # -- figures -----------------------------------------------------------------------------------

    def _touched(self, uses: Sequence[_Use], depth: int) -> int:
        """What one iteration of common loops touches, bytes: the largest of a first, a middle and a last one."""
        outer = [math.prod(trip.size for trip in use.trips[:depth]) for use in uses]
        most = sum(-(-use.issued // times) for use, times in zip(uses, outer, strict=True))
        if most <= self.capacity:
            return most
        return sum(self._touched_of(family, depth) for family in _by_root(uses))

    def _touched_of(self, uses: Sequence[_Use], depth: int) -> int:
        trips = uses[0].trips[:depth]
        most = sum(-(-use.issued // math.prod(trip.size for trip in trips)) for use in uses)
        if len(uses) == 1 and _is_one_execution(uses[0], depth):
            return most
        try:
            still = Still.some_of(trips, _needed(uses))
            prints = [footprint_of(use.access, use.scope, still) for use in uses]
        except UnknownIndex:
            return self._in_table(uses[0], most)
        points, _ = _alike(prints, self.granule)
        most = max(sum(self._added(prints, point, range(len(uses)))) for point in points) * self.granule
        return self._in_table(uses[0], most)

    def _count(self, uses: Sequence[_Use], depth: int) -> None:
        """Counts movements of one buffer together, in each iteration of the outer loops."""
        if len(uses) == 1 and _is_one_execution(uses[0], depth):
            return
        trips = uses[0].trips[:depth]
        try:
            still = Still.all_of(trips, _needed(uses))
            prints = [footprint_of(use.access, use.scope, still) for use in uses]
        except UnknownIndex:
            for use in uses:
                most = self._in_table(use, use.issued, math.prod(trip.size for trip in trips))
                self.found[use.record] = min(use.issued, most)
            return
        for chosen, counted in self._directions(uses):
            sums = self._summed(prints, chosen)
            for at, granules in zip(chosen, sums, strict=True):
                if at in counted:
                    use = uses[at]
                    most = self._in_table(use, granules * self.granule, still.number)
                    self.found[use.record] = min(use.issued, most * still.times)

    def _in_table(self, use: _Use, touched: int, times: int = 1) -> int:
        """What is touched in some iterations; of a table that is looked up no more than there is, each time."""
        table = use.record.access.table_bytes
        return touched if table is None else min(touched, -(-table // self.granule) * self.granule * times)

    def _directions(self, uses: Sequence[_Use]) -> Iterable[tuple[list[int], set[int]]]:
        """What is in the cache, in order, and which of that are counted: for reads and for writes."""
        reads = [at for at, use in enumerate(uses) if use.brings]
        writes = [at for at, use in enumerate(uses) if not use.brings]
        # What was written is there for later reads; where writes read first, those reads say so.
        yield (reads if self.allocates else list(range(len(uses)))), set(reads)
        yield writes, set(writes)

    def _summed(self, prints: Sequence[Footprint], chosen: Sequence[int]) -> list[int]:
        """Granules that each adds to those before it, over all iterations; those that lie alike are counted once."""
        sums = [0] * len(chosen)
        for point, times in zip(*_alike([prints[at] for at in chosen], self.granule), strict=True):
            for at, granules in enumerate(self._added(prints, point, chosen)):
                sums[at] += granules * times
        return sums

    def _added(self, prints: Sequence[Footprint], point: int, chosen: Iterable[int]) -> list[int]:
        """Granules that each adds to those before it, in an iteration."""
        added: list[int] = []
        boxes: list[Placed] = []
        before = 0
        for at in chosen:
            boxes += prints[at].at(point)
            now = max(union(boxes, prints[at].element, self.granule), before) if boxes else 0
            added.append(now - before)
            before = now
        return added


def _alike(prints: Sequence[Footprint], granule: int) -> tuple[list[int], list[int]]:
    """Iterations of which no two are alike in their granules, and how many are like each."""
    if not prints:
        return [], []
    kinds = np.stack([each.kinds for each in prints])
    places = np.stack([each.places * each.element for each in prints])
    least = np.where(kinds >= 0, places, np.iinfo(np.int64).max).min(axis=0)
    moved = np.where(kinds >= 0, places - least // granule * granule, 0)
    _, first, times = np.unique(np.concatenate([moved, kinds]), axis=1, return_index=True, return_counts=True)
    return first.tolist(), times.tolist()


def _needed(uses: Iterable[_Use]) -> set[Axis]:
    return set[Axis]().union(*(needed_axes(use.access, use.scope) for use in uses))


def _use(record: Record, at_once: int, shared: bool) -> _Use:
    access, scope = record.access, record.scope
    if access.boxes is not None:
        access, scope = access.boxes
    if access.scattered and access.rows is not None:
        scope = scope.inside(*access.axes, masks=access.masks)
        access = replace(access, scattered=False, box=access.rows.box, counts=access.rows.counts, axes=(), masks=())
    return _Use(record, access, scope, tuple(_trips(scope, at_once, shared)))


def _trips(scope: Scope, at_once: int, shared: bool) -> Iterable[Trip]:
    """The loops that are gone through one after the other: launches, bundles of groups, steps."""
    apart = ("launch",) if shared else ("launch", *OF_GROUPS)
    yield from (Trip(axis, outside=True) for axis in scope.axes if axis.runs in apart)
    bundles: list[Trip] = []
    for axis in reversed([axis for axis in scope.axes if axis.runs in OF_GROUPS and shared]):
        if axis.size > at_once:
            bundles.insert(0, Trip(axis, at_once))
        at_once = max(at_once // axis.size, 1)
    yield from bundles
    for axis in scope.axes:
        if axis.runs in ("", "sweep"):
            yield Trip(axis, sweep=scope.sweep if axis.runs else 0)


def _is_one_execution(use: _Use, depth: int) -> bool:
    """True if a movement executes once in an iteration: what it touches is what it issues, unless it looks up."""
    still = {trip.axis for trip in use.trips[:depth] if trip.at_once == 1}
    return use.record.access.table_bytes is None and still.issuperset(use.scope.axes)


def _by_root(uses: Iterable[_Use]) -> list[list[_Use]]:
    found: dict[Hashable, list[_Use]] = {}
    for use in uses:
        found.setdefault(use.root, []).append(use)
    return list(found.values())


def _moving_along(uses: Sequence[_Use], trip: Trip, near: int) -> list[list[_Use]]:
    """Movements of a buffer that a loop takes along with one another, at most `near` of its trips apart."""
    families: list[list[_Use]] = []
    for use in uses:
        for family in families:
            if use.is_known and _is_near(use.place(trip.axis), family[0].place(trip.axis), trip, near):
                family.append(use)
                break
        else:
            families.append([use])
    return families


def _is_near(place: np.ndarray, other: np.ndarray, trip: Trip, near: int) -> bool:
    step = max(int(np.abs(np.diff(each)).max(initial=0)) for each in (place, other)) * trip.at_once
    moves = [bool((each != each[0]).any()) for each in (place, other)]
    if not any(moves):
        return True
    return all(moves) and int(np.abs(place - other).max(initial=0)) <= near * step


def _is_ordered(place: np.ndarray) -> bool:
    steps = np.diff(place)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _streaming(uses: Sequence[_Use], capacity: int) -> list[list[_Use]]:
    """Movements that go alongside, as those of one tensor at a shift do; others alone."""
    families: list[list[_Use]] = []
    for use in uses:
        for family in families if use.streams and use.is_known else ():
            if _goes_alongside(use, family[0], capacity):
                family.append(use)
                break
        else:
            families.append([use])
    return families


def _goes_alongside(use: _Use, other: _Use, capacity: int) -> bool:
    if not (other.streams and other.is_known) or use.root != other.root:
        return False
    box, first = use.access.box, other.access.box
    assert box is not None, "known"
    assert first is not None, "known"
    if box.strides != first.strides or not isinstance(box.offset, int) or not isinstance(first.offset, int):
        return False
    return abs(box.offset - first.offset) * use.access.element <= capacity
