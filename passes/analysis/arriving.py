"""Arriving bytes: of the issued, what comes from memory itself and not from a cache in front of it.

The caches are those of the machine that are no level of GIR (`Machine.caches`): a GPU's L2, a CPU's
L3. An instruction's reads hit in one, by a model of reuse distance, where

- a loop that their addresses don't depend on repeats them, and what the kernel touches in one
  iteration of that loop fits in the cache: they arrive once, not once per iteration;
- an earlier instruction of the kernel read the same addresses in the same iteration of a loop around
  both, and what the kernel touches in one iteration of that loop fits: nothing arrives.

Writes, and reads that they cause, all arrive. So does everything where trips are open.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_numbers import Axis, Grid
from powerfusion.passes.analysis.ledger_record import Record, Recorder
from powerfusion.symbolic import Count


def arriving_bytes(recorder: Recorder) -> dict[Record, Count]:
    """The arriving bytes of each record."""
    result: dict[Record, Count] = {record: record.figures.issued for record in recorder.records}
    kernels: dict[tuple[ir.Operation | None, str], _Reads] = {}
    for record in recorder.records:
        caches = recorder.machine.caches_of(record.key[1])
        capacity = max((cache.capacity_bytes or 0 for cache in caches), default=0)
        if capacity and _is_known_read(record):
            kernels.setdefault((record.kernel, record.key[1]), _Reads(capacity)).records.append(record)
    for reads in kernels.values():
        result |= reads.arriving()
    return result


def _is_known_read(record: Record) -> bool:
    """True for a read whose loops and bytes are known."""
    return (
        record.key[2] == record.access.direction == "read"
        and isinstance(record.figures.issued, int)
        and not record.scope.loops
        and record.access.box is not None
    )


@dataclass
class _Reads:
    """The reads of a kernel from one space.

    Attributes:
        capacity: Of the largest cache in front of it, bytes.
        records: In program order.
    """

    capacity: int
    records: list[Record] = field(default_factory=list)

    def arriving(self) -> dict[Record, Count]:
        """What arrives of each."""
        touched = self._touched()
        seen: dict[Hashable, Record] = {}
        result: dict[Record, Count] = {}
        for record in self.records:
            own = _once(record)
            repeats = math.prod(axis.size for axis in _free_axes(record) if touched.get(axis, 0) > self.capacity)
            result[record] = own * repeats
            for signature, axis in _signatures(record):
                if signature in seen and touched.get(axis, 0) <= self.capacity:
                    result[record] = 0
                seen.setdefault(signature, record)
        return result

    def _touched(self) -> dict[Axis, int]:
        """What the kernel touches in one iteration of each loop, bytes."""
        sums: dict[Axis, int] = {}
        for record in self.records:
            bound = set(_bound_axes(record))
            share = _once(record)
            for axis in record.scope.axes:
                share = -(-share // axis.size) if axis in bound and axis.size else share
                sums[axis] = sums.get(axis, 0) + share
        return sums


def _bound_axes(record: Record) -> Iterable[Axis]:
    """The loops that a record's addresses, extents or masks depend on."""
    box = record.access.box
    numbers = [*record.access.counts, *record.scope.masks, *([box.offset] if box else [])]
    for number in numbers:
        if isinstance(number, Grid):
            yield from number.axes


def _free_axes(record: Record) -> list[Axis]:
    bound = set(_bound_axes(record))
    return [axis for axis in record.scope.axes if axis not in bound]


def _once(record: Record) -> int:
    """Issued bytes when loops that a record doesn't depend on make one trip."""
    assert isinstance(record.figures.issued, int), "only such are kept"
    repeats = math.prod(axis.size for axis in _free_axes(record))
    return record.figures.issued // repeats if repeats else 0


def _signatures(record: Record) -> Iterable[tuple[Hashable, Axis]]:
    """For each loop around a record, what a record in it that reads the same has in common.

    Loops inside of that are told by their sizes alone.
    """
    box = record.access.box
    if box is None or record.access.scattered or record.scope.masks:
        return
    for depth, axis in enumerate(record.scope.axes):
        names = _names(record.scope.axes, depth)
        parts = tuple(_signature(number, names) for number in (box.offset, *record.access.counts))
        yield (axis, box.root, box.strides, parts), axis


def _names(axes: Sequence[Axis], depth: int) -> dict[Axis, Hashable]:
    return {axis: axis if at <= depth else (at, axis.size) for at, axis in enumerate(axes)}


def _signature(number: object, names: dict[Axis, Hashable]) -> Hashable:
    if not isinstance(number, Grid):
        return str(number)
    terms = [(tuple(names[axis] for axis in axes), array.tobytes()) for axes, array in number.terms]
    return number.constant, frozenset(terms)
