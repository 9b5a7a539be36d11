"""Windows: which part of its operands an op needs for a part of its result, and how it makes that from those.

A window has an interval per dimension, and each interval knows which dimensions of the nest it moves with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powerfusion.errors import OutOfBounds
from powerfusion.reference.program import Instruction, integer
from powerfusion.reference.types import Array

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Interval:
    """Elements [low, high) of a dimension, and the names of the nest's dimensions that it moves with."""

    low: int
    high: int
    names: frozenset[str] = NOTHING

    def __len__(self) -> int:
        return max(self.high - self.low, 0)

    def __or__(self, other: Interval) -> Interval:
        return Interval(min(self.low, other.low), max(self.high, other.high), self.names | other.names)

    def shifted(self, by: int) -> Interval:
        """The interval further on."""
        return Interval(self.low + by, self.high + by, self.names)

    def clipped(self, low: int, high: int) -> Interval:
        """What of it lies in [low, high)."""
        start = min(max(self.low, low), high)
        return Interval(start, max(min(self.high, high), start), self.names)


Box = tuple[Interval, ...]


def whole(shape: Sequence[int]) -> Box:
    """All of a tensor."""
    return tuple(Interval(0, size) for size in shape)


def names_of(box: Box) -> frozenset[str]:
    """The dimensions of the nest that a window moves with."""
    return frozenset().union(*(interval.names for interval in box))


def index_of(box: Box) -> tuple[slice, ...]:
    """A window as an index."""
    return tuple(slice(interval.low, interval.high) for interval in box)


def joined(one: Box | None, other: Box) -> Box:
    """The least window that has both."""
    return other if one is None else tuple(a | b for a, b in zip(one, other, strict=True))


@dataclass(frozen=True, eq=False)
class Part:
    """The part of a value that is there: a window and its elements."""

    box: Box
    data: Array

    def crop(self, box: Box) -> Array:
        """A window within it.

        Raises:
            OutOfBounds: It isn't within it.
        """
        for dim, (want, have) in enumerate(zip(box, self.box, strict=True)):
            if len(want) and (want.low < have.low or want.high > have.high):
                raise OutOfBounds(
                    f"needs [{want.low}, {want.high}) in dimension {dim} of what has [{have.low}, {have.high})"
                )
        return self.data[index_of(tuple(w.shifted(-h.low) for w, h in zip(box, self.box, strict=True)))]


@dataclass(frozen=True, eq=False)
class Shapes:
    """What is known of an op besides its text: whole shapes and numbers.

    Attributes:
        operands: The whole shape of each tensor that it takes; () for numbers.
        result: That of its first result.
        values: The numbers among its operands, and the elements of what it computes in one piece.
    """

    operands: tuple[tuple[int, ...], ...]
    result: tuple[int, ...]
    values: tuple[Any, ...]


Needs = Callable[[Instruction, Shapes, Box], "list[Box | None]"]
Makes = Callable[[Instruction, Shapes, Box, Sequence[Part]], Array]


def needs(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    """The window of each operand that a window of the result needs; None for numbers and for what isn't needed."""
    short = op.name.removeprefix("gir.")
    found = _NEEDS.get(short)
    if found:
        return found(op, shapes, box)
    return [box if type_.kind == "tensor" else None for type_ in op.operand_types]


def makes(op: Instruction, shapes: Shapes, box: Box, parts: Sequence[Part]) -> Array | None:
    """A view's window of the result from those of its operands; None for an op that its meaning computes."""
    made = _MAKES.get(op.name.removeprefix("gir."))
    return made(op, shapes, box, parts) if made else None


def result_box(op: Instruction, value: int, box: Box, shape: Sequence[int]) -> Box:
    """The window of one of an op's results of a shape, where `box` is what several have in common.

    That is the first one's; of a reduction or scan the dimensions that aren't payload, which is whole.
    """
    if op.name == "gir.reduce":
        inputs, *_ = op.groups(op.operand_types)
        kept = min(len(type_.shape) for type_ in inputs) - len(op.attributes["dims"])
        return (*box[:kept], *whole(shape[kept:]))
    if op.name == "gir.scan":
        inputs, *_ = op.groups(op.operand_types)
        common, dim = min(len(type_.shape) for type_ in inputs), op.attributes["dim"]
        front = box[:common] if value in op.results[: len(inputs)] else (*box[:dim], *box[dim + 1 : common])
        return (*front, *whole(shape[len(front) :]))
    return box


# Views, in pairs: what is needed, and what is made of it.


def _permute_needs(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    order = op.attributes["perm"]
    return [tuple(box[order.index(d)] for d in range(len(order)))]


def _broadcast_needs(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    kept = tuple(interval for d, interval in enumerate(box) if d not in op.attributes["dims"])
    return [kept, *([None] * (len(op.operands) - 1))]


def _broadcast_makes(op: Instruction, shapes: Shapes, box: Box, parts: Sequence[Part]) -> Array:
    data = np.expand_dims(parts[0].data, op.attributes["dims"])
    return np.broadcast_to(data, [len(interval) for interval in box])


def _slice_numbers(op: Instruction, shapes: Shapes) -> tuple[list[int], list[int]]:
    _, offsets, _, strides = op.groups(shapes.values)
    return op.mixed("static_offsets", offsets), op.mixed("static_strides", strides)


def _slice_needs(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    offsets, strides = _slice_numbers(op, shapes)
    rest = iter(box)
    made: list[Interval] = []
    for dim, (offset, stride) in enumerate(zip(offsets, strides, strict=True)):
        i = Interval(0, 1) if dim in op.get("drop", ()) else next(rest)
        made.append(Interval(offset + i.low * stride, offset + (i.high - 1) * stride + 1, i.names))
    return [tuple(made), *([None] * (len(op.operands) - 1))]


def _slice_makes(op: Instruction, shapes: Shapes, box: Box, parts: Sequence[Part]) -> Array:
    _, strides = _slice_numbers(op, shapes)
    return np.squeeze(parts[0].data[tuple(slice(None, None, s) for s in strides)], op.get("drop", ()))


def _concat_needs(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    """Of each operand what is in the window; nothing of it, at an edge, where only other steps have some."""
    dim = op.attributes["dim"]
    found: list[Box | None] = []
    start = 0
    for shape in shapes.operands:
        part = box[dim].shifted(-start).clipped(0, shape[dim])
        found.append((*box[:dim], part, *box[dim + 1 :]) if len(part) or part.names else None)
        start += shape[dim]
    return found


def _concat_makes(op: Instruction, shapes: Shapes, box: Box, parts: Sequence[Part]) -> Array:
    return np.concatenate([part.data for part in parts], op.attributes["dim"])


def _pad_low(op: Instruction, shapes: Shapes) -> list[int]:
    _, _, low, _ = op.groups(shapes.values)
    return op.mixed("static_low", low)


def _pad_needs(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    low = _pad_low(op, shapes)
    inside = tuple(i.shifted(-n).clipped(0, size) for i, n, size in zip(box, low, shapes.operands[0], strict=True))
    return [inside, *([None] * (len(op.operands) - 1))]


def _pad_makes(op: Instruction, shapes: Shapes, box: Box, parts: Sequence[Part]) -> Array:
    low = _pad_low(op, shapes)
    have = parts[0].box
    widths = [(h.low - (i.low - n), (i.high - n) - h.high) for i, n, h in zip(box, low, have, strict=True)]
    if any(len(h) == 0 for h in have):  # All border.
        return np.full([len(i) for i in box], shapes.values[1].data[()])
    return np.pad(parts[0].data, widths, constant_values=shapes.values[1].data[()])


def _window_needs(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    rank = len(shapes.operands[0])
    needed = list(box[:rank])
    for entry, (dim, stride, dilation) in enumerate(_window_entries(op)):
        o, w = box[dim], box[rank + entry]
        low, high = o.low * stride + w.low * dilation, (o.high - 1) * stride + (w.high - 1) * dilation + 1
        needed[dim] = Interval(low, high, o.names | w.names)
    return [tuple(needed)]


def _window_entries(op: Instruction) -> list[tuple[int, int, int]]:
    return list(zip(*(op.attributes[name] for name in ("dims", "strides", "dilations")), strict=True))


def _window_makes(op: Instruction, shapes: Shapes, box: Box, parts: Sequence[Part]) -> Array:
    rank = len(shapes.operands[0])
    data = parts[0].data
    for entry, (dim, stride, dilation) in enumerate(_window_entries(op)):
        o, w = box[dim], box[rank + entry]
        index = np.arange(o.low, o.high)[:, None] * stride + np.arange(w.low, w.high) * dilation
        data = np.moveaxis(np.take(data, index - parts[0].box[dim].low, dim), dim + 1, -1)
    return data


def _reshape_needs(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    index = np.unravel_index(_positions(box, shapes.result), shapes.operands[0])
    names = _names_through(shapes.operands[0], shapes.result, box)
    found = tuple(Interval(int(i.min()), int(i.max()) + 1, n) for i, n in zip(index, names, strict=True))
    return [found, *([None] * (len(op.operands) - 1))]


def _reshape_makes(op: Instruction, shapes: Shapes, box: Box, parts: Sequence[Part]) -> Array:
    index = np.unravel_index(_positions(box, shapes.result), shapes.operands[0])
    return parts[0].data[tuple(i - interval.low for i, interval in zip(index, parts[0].box, strict=True))]


def _positions(box: Box, shape: Sequence[int]) -> Array:
    """Row-major positions of a window's elements."""
    index = np.ix_(*(np.arange(i.low, i.high) for i in box))
    return np.asarray(np.ravel_multi_index(index, tuple(shape))) if box else np.zeros((), np.int64)


def _names_through(old: Sequence[int], new: Sequence[int], box: Box) -> list[frozenset[str]]:
    """Per old dimension, the names of the new ones that it shares elements with."""
    names: list[frozenset[str]] = []
    i = j = 0
    while i < len(old):
        first_i, first_j = i, j
        i, j = i + 1, min(j + 1, len(new))
        while math.prod(old[first_i:i]) != math.prod(new[first_j:j]):
            if math.prod(old[first_i:i]) < math.prod(new[first_j:j]):
                i += 1
            else:
                j += 1
        if i == len(old):
            j = len(new)
        names += [names_of(box[first_j:j])] * (i - first_i)
    return names


# Computation


def _reduce_needs(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    inputs, inits, _ = op.groups(shapes.operands)
    common = min(len(shape) for shape in inputs)
    rest = iter(box)
    gone = op.attributes["dims"]
    front = [Interval(0, inputs[0][d]) if d in gone else next(rest) for d in range(common)]
    left = common - len(gone)
    return [
        *((*front, *whole(shape[common:])) for shape in inputs),
        *((*box[:left], *whole(shape[left:])) for shape in inits),
    ]


def _scan_needs(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    inputs, inits, _ = op.groups(shapes.operands)
    common = min(len(shape) for shape in inputs)
    dim = op.attributes["dim"]
    front = [Interval(0, inputs[0][dim]) if d == dim else box[d] for d in range(common)]
    rest = [interval for d, interval in enumerate(front) if d != dim]
    return [
        *((*front, *whole(shape[common:])) for shape in inputs),
        *((*rest, *whole(shape[common - 1 :])) for shape in inits),
    ]


def _contract_needs(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    lhs, rhs, acc = (map_.positions for map_ in op.attributes["maps"])
    outer = dict(zip(acc, box, strict=True))
    sizes = dict(zip((*lhs, *rhs), (*shapes.operands[0], *shapes.operands[1]), strict=True))
    return [tuple(outer.get(d) or Interval(0, sizes[d]) for d in dims) for dims in (lhs, rhs, acc)]


def _none(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    return [None] * len(op.operands)


def _iota_makes(op: Instruction, shapes: Shapes, box: Box, parts: Sequence[Part]) -> Array:
    offset, _ = op.groups(shapes.values)
    dim = op.attributes["dim"]
    index = np.arange(box[dim].low, box[dim].high) + (integer(offset[0]) if offset else 0)
    return np.broadcast_to(index.reshape([-1 if d == dim else 1 for d in range(len(box))]), [len(i) for i in box])


def _gather_needs(op: Instruction, shapes: Shapes, box: Box) -> list[Box | None]:
    return [None, *([box] * (len(op.operands) - 1))]


_NEEDS: dict[str, Needs] = {
    "permute": _permute_needs,
    "broadcast": _broadcast_needs,
    "slice": _slice_needs,
    "concat": _concat_needs,
    "pad": _pad_needs,
    "window": _window_needs,
    "reshape": _reshape_needs,
    "reduce": _reduce_needs,
    "scan": _scan_needs,
    "contract": _contract_needs,
    "iota": _none,
    "gather": _gather_needs,
}
_MAKES: dict[str, Makes] = {
    "broadcast": _broadcast_makes,
    "slice": _slice_makes,
    "concat": _concat_makes,
    "pad": _pad_makes,
    "window": _window_makes,
    "reshape": _reshape_makes,
    "iota": _iota_makes,
}
