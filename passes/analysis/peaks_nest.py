"""Peaks of placed kernels: the most bytes that live at once, at `reg` per unit and at `sram` per group.

Within a step a tile lives from its op to its last use. Over steps live what a later pass or the end of
a pass needs, a part per step, and what a pass combines into, from its beginning on:

    pass 0   %0 = move            a step's tile, and a part of the unit's where pass 1 keeps it
             %m = reduce %0       its accumulator lives through the pass
    pass 1   %1 = move %0 pass 1  the kept parts, no more

A buffer at `sram` lives from its pass on: what a group holds at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from powerfusion.core._mlir import is_tensor, producer
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.extents import Extents
from powerfusion.passes.analysis.ledger_names import When
from powerfusion.passes.analysis.ledger_nest import NestLook, nest_look
from powerfusion.passes.analysis.ledger_numbers import (
    MOST_CELLS,
    Axis,
    Grid,
    Number,
    UnknownIndex,
    add,
    dense,
    multiply,
    of_array,
    summed_along,
    union_of,
)
from powerfusion.passes.analysis.ledger_windows import Window
from powerfusion.passes.analysis.peaks import Peaks, Place, Pool, is_free, most_of, repeated
from powerfusion.passes.analysis.sizes import element_bytes


def see_nest(kernel: ir.Operation, sizes: Extents, peaks: Peaks) -> None:
    """Notes the peaks of a placed kernel."""
    _Placed(nest_look(kernel, sizes), peaks).run()


@dataclass
class _Placed:
    look: NestLook
    peaks: Peaks
    kept: dict[ir.Value, Number] = field(default_factory=dict)

    def run(self) -> None:
        """Goes through the passes."""
        names = self.look.names
        times = [when for when in (*names.happens.values(), *names.when.values()) if when]
        shared = Pool(self.peaks)
        for number in range(max((when.number for when in times), default=0) + 1):
            self._fill(shared, number)
            self._begin(number)
            for stage in range(max((when.stage for when in times), default=0) + 1):
                self._step(When(number, stage))
            self.kept = {value: size for value, size in self.kept.items() if names.kept.get(value, -1) > number}

    def _fill(self, shared: Pool, number: int) -> None:
        """Buffers at `sram` begin to live."""
        for op in self.look.names.ops:
            when = self.look.names.happens[op]
            if op.name != "gir.move" or self._is_kept_buffer(op):
                continue
            if gir.is_at(op.result, "sram") and when and when.number == number:
                size: Number = element_bytes(op.result)
                for count, _ in self.look.held(op.result):
                    size = multiply(size, count)
                shared.take(self.peaks.place(op.result), size)

    def _begin(self, number: int) -> None:
        """What a pass combines into begins to live."""
        names = self.look.names
        for op in names.ops:
            when = names.happens[op]
            if names.combined(op) and when and when.number == number:
                for value in op.results:
                    if names.when[value] != when:
                        self.kept[value] = volume(value, self.look.own(value))

    def _step(self, when: When) -> None:
        """What lives in the steps of a pass, or at its end."""
        names = self.look.names
        ops = [op for op in names.ops if names.happens[op] in (when, None)]
        last = {value: op for op in ops for value in _used(op)}
        live = _Live(self.peaks, dict(self.kept))
        live.see()
        parts = {value: self._made(op, value, when) for op in ops for value in op.results if value in names.kept}
        for value, size in parts.items():
            if size is not None and value not in self.kept:
                live.kept[value] = summed_in_order(size, self._steps_of(value, when))
                if self._stands(value, when):
                    live.kept[value] = size
                    live.standing.add(value)
        for op in ops:
            self._do(op, when, live, last)
        for value, size in parts.items():
            if size is not None and not self._is_free(value):
                self.kept[value] = _summed(size, self._steps_of(value, when))

    def _steps_of(self, value: ir.Value, when: When) -> list[Axis]:
        """The steps of a sweep of which each has a part of a value of its own."""
        names = {name for interval in self.look.windows[value] for name in interval.names}
        return [] if when.stage else [dim.steps for dim in self.look.dims if dim.swept and dim.name in names]

    def _stands(self, value: ir.Value, when: When) -> bool:
        """Whether a sweep doesn't move with a value: from its first step on all of it is there."""
        swept = any(dim.swept and dim.steps.size > 1 for dim in self.look.dims)
        return swept and not when.stage and not any(axis.size > 1 for axis in self._steps_of(value, when))

    def _do(self, op: ir.Operation, when: When, live: _Live, last: dict[ir.Value, ir.Operation]) -> None:
        """What an op brings to life in a step, and what it ends."""
        for value in op.results:
            size = self._made(op, value, when)
            if size is None or self._is_free(value):
                continue
            if value in self.look.names.kept:
                live.add_part(value, size)
                continue
            if value in self.kept or self._is_in_place(value, size):
                continue
            if op.name.startswith(("arith.", "math.")):
                live.reuse([v for v in op.operands if last.get(v) == op and v not in self.kept], size)
            live.take(value, size)
        for value in dict.fromkeys(_used(op)):
            if last.get(value) == op:
                live.give(value)

    def _made(self, op: ir.Operation, value: ir.Value, when: When) -> Number | None:
        """Bytes of the tile that an op makes in a step; None where it makes none."""
        names = self.look.names
        if not is_tensor(value) or not gir.is_at(value, "reg") or value not in self.look.windows:
            return None
        if names.happens[op] is not None and names.when.get(value) != when:
            return None
        return volume(value, self.look.windows[value])

    def _is_free(self, value: ir.Value) -> bool:
        """True for what takes no room by itself, or is a tile that is only carried on to a later pass."""
        op = producer(value)
        return is_free(op) or self._is_kept_buffer(op)

    def _is_in_place(self, value: ir.Value, size: Number) -> bool:
        """True for what contractions multiply where it lies."""
        room, most = self.peaks.machine.in_place_bytes, most_of(size)
        return isinstance(most, int) and most <= room and gir.is_only_multiplied(value)

    def _is_kept_buffer(self, op: ir.Operation) -> bool:
        """True for a move within one space."""
        return op.name == "gir.move" and self.peaks.place(op.operands[0]) == self.peaks.place(op.result)


def _used(op: ir.Operation) -> Iterator[ir.Value]:
    """What an op takes, what that repeats, and what it gives."""
    for value in op.operands:
        yield from repeated(value)
    yield from op.results


@dataclass
class _Live:
    """What lives in a step, beside what is kept."""

    peaks: Peaks
    kept: dict[ir.Value, Number]
    held: dict[ir.Value, Number] = field(default_factory=dict)
    standing: set[ir.Value] = field(default_factory=set)

    def see(self) -> None:
        """Notes what lives already."""
        for place in {self.peaks.place(value) for value in self.kept}:
            self._see(place)

    def take(self, value: ir.Value, size: Number) -> None:
        """A tile begins to live."""
        self.held[value] = size
        self._see(self.peaks.place(value))

    def add_part(self, value: ir.Value, size: Number) -> None:
        """A part of what is kept begins to live, unless it has lived since an earlier step."""
        if value in self.standing:
            return
        self.kept[value] = add(self.kept.get(value, 0), size)
        self._see(self.peaks.place(value))

    def _see(self, place: Place) -> None:
        now: Number = 0
        for value, size in (*self.kept.items(), *self.held.items()):
            if self.peaks.place(value) == place:
                now = add(now, size)
        self.peaks.see(place, now)

    def reuse(self, values: Sequence[ir.Value], size: Number) -> None:
        """Ends one operand that is at least so large."""
        for value in values:
            if value in self.held and _at_least(self.held[value], size):
                del self.held[value]
                return

    def give(self, value: ir.Value) -> None:
        """A tile has ended."""
        self.held.pop(value, None)


def volume(value: ir.Value, window: Window) -> Number:
    """Bytes of a window."""
    size: Number = element_bytes(value)
    for interval in window:
        size = multiply(size, interval.length)
    return size


def _at_least(left: Number, right: Number) -> bool:
    if isinstance(left, int) and isinstance(right, int):
        return left >= right
    if not isinstance(left, (int, Grid)) or not isinstance(right, (int, Grid)):
        return left == right
    axes = union_of(number.axes for number in (left, right) if isinstance(number, Grid))
    return bool((dense(left, axes)[1] >= dense(right, axes)[1]).all())


def summed_in_order(number: Number, axes: Sequence[Axis]) -> Number:
    """What a number came to in the steps before each, over loops nested in order."""
    steps = [axis for axis in axes if axis.size > 1]
    if not steps:
        return 0
    if not isinstance(number, (int, Grid)):
        raise UnknownIndex("an open size")
    others = [axis for axis in (number.axes if isinstance(number, Grid) else ()) if axis not in steps]
    over = [*others, *steps]
    if math.prod(axis.size for axis in over) > MOST_CELLS:
        raise UnknownIndex("too many cells")
    ordered = union_of([over])
    array = np.broadcast_to(dense(number, ordered)[1], [axis.size for axis in ordered])
    array = array.transpose([ordered.index(axis) for axis in over])
    flat = array.reshape([*(axis.size for axis in others), -1])
    before = (flat.cumsum(axis=-1) - flat).reshape([axis.size for axis in over])
    return of_array(ordered, before.transpose([over.index(axis) for axis in ordered]))


def _summed(number: Number, axes: Sequence[Axis]) -> Number:
    """What a number comes to in all steps of some loops."""
    for axis in axes:
        number = summed_along(number, axis) if axis.size > 1 else number
    return number
