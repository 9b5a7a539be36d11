"""Windows of a placed kernel: which part of each value an instance of the nest needs.

A window has an interval per dimension. Intervals follow backwards from what a kernel ends in (moves
to `dram` and `sram`, reductions over swept dimensions), op by op:

    y = pad x low [0, 1]       y over [r, c]      x over [r, c - 1 : clipped]
    y = window x size 3        y over [c]         x over [c : c + 2]
    s = reduce x dims [1]      s over [r]         x over [r, all]

Where several ops need a value, its window is the least that holds what they need.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from powerfusion.core._mlir import integers, is_tensor, mixed, segments
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_graph import GraphLook
from powerfusion.passes.analysis.ledger_names import Names, contracted
from powerfusion.passes.analysis.ledger_numbers import (
    Number,
    UnknownIndex,
    add,
    floordiv,
    maximum,
    minimum,
    modulo,
    multiply,
    pointwise,
    scale,
    subtract,
)

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Interval:
    """Elements `[low, high)` of a dimension, in every instance of the nest.

    Attributes:
        low: The first.
        high: Behind the last.
        names: The nest's dimensions that it moves with.
    """

    low: Number
    high: Number
    names: frozenset[str] = NOTHING

    @property
    def length(self) -> Number:
        """How many elements."""
        return maximum(subtract(self.high, self.low), 0)

    def shifted(self, by: Number) -> Interval:
        """The interval further on."""
        return Interval(add(self.low, by), add(self.high, by), self.names)

    def clipped(self, size: Number) -> Interval:
        """What of it lies in a dimension of that size."""
        low = minimum(maximum(self.low, 0), size)
        return Interval(low, maximum(minimum(self.high, size), low), self.names)

    def joined(self, other: Interval) -> Interval:
        """The least interval that holds both."""
        return Interval(minimum(self.low, other.low), maximum(self.high, other.high), self.names | other.names)


Window = tuple[Interval, ...]
Base = Callable[[str], tuple[Number, Number]]
"""The interval of one of the nest's dimensions: of a unit's step, or of a group's."""


@dataclass(eq=False)
class Windows:
    """The windows of a placed kernel's values in an instance of its nest.

    Attributes:
        look: Where and how large its values are.
        names: What they run over, and when ops happen.
        base: Intervals of the nest's dimensions.
        of: By value that something needs, its window.
    """

    look: GraphLook
    names: Names
    base: Base
    of: dict[ir.Value, Window] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for op in reversed(self.names.ops):
            self._read(op)

    def window(self, value: ir.Value) -> Window:
        """A value's window; of one that nothing needs, the nest's own intervals."""
        return self.of[value] if value in self.of else self.own(value)

    def own(self, value: ir.Value) -> Window:
        """The nest's intervals of a value's dimensions."""
        return tuple(self._own(value, dim, size) for dim, size in enumerate(self.look.shape(value)))

    def _own(self, value: ir.Value, dim: int, size: Number) -> Interval:
        name = self.names.of(value, dim)
        return Interval(0, size) if name is None else Interval(*self.base(name), frozenset([name]))

    def whole(self, value: ir.Value) -> Window:
        """All of a value."""
        return tuple(Interval(0, size) for size in self.look.shape(value))

    def _need(self, value: ir.Value, window: Window, op: ir.Operation) -> None:
        """Notes what an op needs of a value from its own time; what is kept from another is there."""
        there, now = self.names.when.get(value), self.names.happens[op]
        if there is not None and now is not None and there != now:
            return
        self._join(value, window)

    def _join(self, value: ir.Value, window: Window) -> None:
        known = self.of.get(value)
        joined = window if known is None else tuple(a.joined(b) for a, b in zip(known, window, strict=True))
        self.of[value] = tuple(i.clipped(size) for i, size in zip(joined, self.look.shape(value), strict=True))

    def _read(self, op: ir.Operation) -> None:
        for result in op.results:
            if result in self.names.kept:
                self._join(result, self.own(result))
        if self._is_sink(op):
            for value in op.operands:
                if is_tensor(value) and gir.is_at(value, "reg"):
                    self._need(value, self._sunk(op, value), op)
            return
        needed = [result for result in op.results if result in self.of]
        for value, window in self.operands(op, self.of[needed[0]]) if needed else ():
            if gir.is_at(value, "reg"):
                self._need(value, window, op)

    def _is_sink(self, op: ir.Operation) -> bool:
        stores = op.name == "gir.move" and not gir.is_at(op.result, "reg")
        return stores or op.name in ("gir.assert", "gir.scatter") or bool(self.names.combined(op))

    def _sunk(self, op: ir.Operation, value: ir.Value) -> Window:
        """What a store or combination takes of a value: the nest's intervals."""
        return self.own(op.result) if op.name == "gir.move" else self.own(value)

    def operands(self, op: ir.Operation, window: Window) -> Iterator[tuple[ir.Value, Window]]:
        """What of an op's operands a window of its result needs."""
        rule = RULES.get(op.name)
        if rule is not None:
            yield from rule(op, window, self)
            return
        for operand in op.operands:
            if is_tensor(operand) and operand.type.rank == len(window):
                yield operand, window


Needs = Iterator[tuple[ir.Value, Window]]
Rule = Callable[[ir.Operation, Window, Windows], Needs]


def _permute(op: ir.Operation, window: Window, _: Windows) -> Needs:
    perm = integers(op.attributes["perm"])
    yield op.operands[0], tuple(window[perm.index(dim)] for dim in range(len(perm)))


def _broadcast(op: ir.Operation, window: Window, _: Windows) -> Needs:
    new = integers(op.attributes["dims"])
    yield op.operands[0], tuple(interval for dim, interval in enumerate(window) if dim not in new)


def _numbers(op: ir.Operation, dynamic: Sequence[ir.Value], name: str, windows: Windows) -> list[Number]:
    return [value if isinstance(value, int) else windows.look.number(value) for value in mixed(op, list(dynamic), name)]


def _pad(op: ir.Operation, window: Window, windows: Windows) -> Needs:
    low = _numbers(op, segments(op)[2], "static_low", windows)
    yield op.operands[0], tuple(i.shifted(scale(by, -1)) for i, by in zip(window, low, strict=True))


def _window(op: ir.Operation, window: Window, windows: Windows) -> Needs:
    dims, strides, dilations = (integers(op.attributes[name]) for name in ("dims", "strides", "dilations"))
    rank = op.operands[0].type.rank
    needed = list(window[:rank])
    for place, (dim, stride, dilation) in enumerate(zip(dims, strides, dilations, strict=True)):
        begin, inner = window[dim], window[rank + place]
        low = add(scale(begin.low, stride), scale(inner.low, dilation))
        last = add(scale(subtract(begin.high, 1), stride), scale(subtract(inner.high, 1), dilation))
        needed[dim] = Interval(low, add(last, 1), begin.names | inner.names)
    del windows
    yield op.operands[0], tuple(needed)


def _slice(op: ir.Operation, window: Window, windows: Windows) -> Needs:
    _, offsets, _, strides = segments(op)
    begin = _numbers(op, offsets, "static_offsets", windows)
    steps = _numbers(op, strides, "static_strides", windows)
    drop, rest = integers(op.attributes["drop"]), iter(window)
    needed: list[Interval] = []
    for dim, (offset, step) in enumerate(zip(begin, steps, strict=True)):
        part = Interval(0, 1) if dim in drop else next(rest)
        last = add(offset, multiply(subtract(part.high, 1), step))
        needed.append(Interval(add(offset, multiply(part.low, step)), add(last, 1), part.names))
    yield op.operands[0], tuple(needed)


def _concat(op: ir.Operation, window: Window, windows: Windows) -> Needs:
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    before: Number = 0
    for operand in op.operands:
        size = windows.look.shape(operand)[dim]
        part = window[dim].shifted(scale(before, -1)).clipped(size)
        if part.names or part.length != 0:  # Of what no step has some nothing is needed; else nothing lies at an edge.
            yield operand, (*window[:dim], part, *window[dim + 1 :])
        before = add(before, size)


def _reduce(op: ir.Operation, window: Window, windows: Windows) -> Needs:
    inputs, inits, _ = segments(op)
    dims = integers(op.attributes["dims"])
    common = min(value.type.rank for value in inputs)
    for value in inputs:
        kept, whole = iter(window), windows.whole(value)
        yield value, tuple(whole[dim] if dim in dims or dim >= common else next(kept) for dim in range(value.type.rank))
    for value in inits:
        front = common - len(dims)
        yield value, (*window[:front], *windows.whole(value)[front:])


def _scan(op: ir.Operation, window: Window, windows: Windows) -> Needs:
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    inputs, inits, _ = segments(op)
    common = min(value.type.rank for value in inputs)
    front = list(window[:common] if len(window) >= common else (*window[:dim], window[0], *window[dim:]))
    for value in inputs:
        whole = windows.whole(value)
        yield value, (*front[:dim], whole[dim], *front[dim + 1 :], *whole[common:])
    for value in inits:
        yield value, (*front[:dim], *front[dim + 1 :], *windows.whole(value)[common - 1 :])


def _contract(op: ir.Operation, window: Window, windows: Windows) -> Needs:
    dims = contracted(op)
    along = dict(zip(dims[2], window, strict=True))
    for value, places in zip(list(op.operands)[:2], dims, strict=False):
        whole = windows.whole(value)
        yield value, tuple(along.get(place, whole[at]) for at, place in enumerate(places))
    yield op.operands[2], window


def _reshape(op: ir.Operation, window: Window, windows: Windows) -> Needs:
    source = op.operands[0]
    old, new = windows.look.shape(source), windows.look.shape(op.result)
    if any(not isinstance(size, int) for size in (*old, *new)):
        raise UnknownIndex("a reshape of open sizes in a placed kernel")
    sizes = [[size for size in shape if isinstance(size, int)] for shape in (old, new)]
    needed: list[Interval] = []
    for before, after in _groups(*sizes):
        needed += _through(sizes[0][before], sizes[1][after], window[after])
    yield source, tuple(needed)


def _groups(old: Sequence[int], new: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """Runs of dimensions on both sides that hold the same elements."""
    i = j = 0
    while i < len(old):
        first_i, first_j = i, j
        i, j = i + 1, min(j + 1, len(new))
        while math.prod(old[first_i:i]) != math.prod(new[first_j:j]):
            if math.prod(old[first_i:i]) < math.prod(new[first_j:j]):
                i += 1
            else:
                j += 1
        j = len(new) if i == len(old) else j
        yield slice(first_i, i), slice(first_j, j)


def _through(old: Sequence[int], new: Sequence[int], window: Window) -> list[Interval]:
    """The old dimensions of a group, from intervals of the new: what lies between the first and the last element."""
    low: Number = 0
    last: Number = 0
    for size, interval in zip(new, window, strict=True):
        low = add(scale(low, size), interval.low)
        last = add(scale(last, size), subtract(interval.high, 1))
    names = frozenset[str]().union(*(interval.names for interval in window))
    found: list[Interval] = []
    for at, size in enumerate(old):
        inner = math.prod(old[at + 1 :])
        first, end = floordiv(low, inner), floordiv(last, inner)
        if at:
            same = pointwise(lambda a, b: (a == b).astype(np.int64), floordiv(first, size), floordiv(end, size))
            first = _chosen(same, modulo(first, size), 0)
            end = _chosen(same, modulo(end, size), size - 1)
        found.append(Interval(first, add(end, 1), names))
    return found


def _chosen(condition: Number, yes: Number, no: Number) -> Number:
    return pointwise(lambda c, a, b: np.where(c != 0, a, b), condition, yes, no)


def _gather(op: ir.Operation, window: Window, _: Windows) -> Needs:
    for index in list(op.operands)[1:]:
        yield index, window


def _nothing(_: ir.Operation, __: Window, ___: Windows) -> Needs:
    return iter(())


RULES: dict[str, Rule] = {
    "gir.permute": _permute,
    "gir.broadcast": _broadcast,
    "gir.pad": _pad,
    "gir.window": _window,
    "gir.slice": _slice,
    "gir.concat": _concat,
    "gir.insert": _nothing,
    "gir.reduce": _reduce,
    "gir.scan": _scan,
    "gir.contract": _contract,
    "gir.reshape": _reshape,
    "gir.gather": _gather,
    "gir.iota": _nothing,
}
