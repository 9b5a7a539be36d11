"""Windows of a placed kernel's values, in terms of the steps of its nest.

Windows follow backwards from what a kernel ends in, op by op; where several ops need a value, its window is the
least that holds what they need, so that it is moved once:

    y = pad x low [1] high [1]      y over c              x from c - 1 to c - 1, clipped
    z = window y size 3             z over c, whole       y from c to c + 2
    u = slice x [4] [4]             u whole               x from 4 to 7
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from powerfusion.core._mlir import DYNAMIC, integer_of, integers, is_tensor, mixed, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_names import contracted, is_everywhere, leading
from powerfusion.passes.tiling.combiners import common_rank


class NotCovered(Exception):
    """Why the tile of a value can't be had."""


@dataclass(frozen=True)
class Span:
    """What a window has of a dimension: of a step from `s` to `e`, `scale * s + low` to `scale * e + high`.

    Attributes:
        name: The nest's dimension that it moves with; None where it stays, from `low` to `high`.
        scale: How much further it is than the step.
        low: From the step's first element to its first.
        high: From the step's last element to its last.
        clip: Whether it may stick out of the value.
    """

    name: str | None
    scale: int
    low: int
    high: int
    clip: bool = False

    def shifted(self, by: int) -> Span:
        """The span further on."""
        return replace(self, low=self.low + by, high=self.high + by)

    def scaled(self, by: int) -> Span:
        """The span of elements that lie so far apart."""
        return replace(self, scale=self.scale * by, low=self.low * by, high=self.high * by)

    def joined(self, other: Span) -> Span:
        """The least span that holds both.

        Raises:
            NotCovered: They move differently.
        """
        if (self.name, self.scale) != (other.name, other.scale):
            raise NotCovered("a value of which windows are needed that move differently")
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Span(self.name, self.scale, low, high, self.clip or other.clip)

    def holds(self, other: Span) -> bool:
        """Whether another one lies within it."""
        return (self.name, self.scale) == (other.name, other.scale) and self.low <= other.low <= other.high <= self.high


Spans = tuple[Span, ...]
Own = Callable[[ir.Value], Spans]
Needs = Iterator[tuple[ir.Value, Spans]]


def stays(low: int, high: int) -> Span:
    """A span that doesn't move."""
    return Span(None, 0, low, high)


def whole(value: ir.Value) -> Spans:
    """All of a value of static shape."""
    if DYNAMIC in list(value.type.shape):
        raise NotCovered("a window of an open size that the nest doesn't name")
    return tuple(stays(0, size - 1) for size in value.type.shape)


def needs(op: ir.Operation, spans: Spans, own: Own) -> Needs:
    """The windows of an op's operands that a window of its results needs.

    Raises:
        NotCovered: They can't be told.
    """
    rule = RULES.get(op.name)
    if rule is not None:
        yield from rule(op, spans, own)
        return
    for operand in op.operands:
        if is_tensor(operand) and operand.type.rank == len(spans):
            yield operand, spans


def _permute(op: ir.Operation, spans: Spans, _: Own) -> Needs:
    perm = integers(op.attributes["perm"])
    yield op.operands[0], tuple(spans[perm.index(dim)] for dim in range(len(perm)))


def _broadcast(op: ir.Operation, spans: Spans, _: Own) -> Needs:
    new = integers(op.attributes["dims"])
    yield op.operands[0], tuple(span for dim, span in enumerate(spans) if dim not in new)


def _numbers(op: ir.Operation, dynamic: Sequence[ir.Value], name: str) -> list[int]:
    found = [value if isinstance(value, int) else integer_of(value) for value in mixed(op, list(dynamic), name)]
    if None in found:
        raise NotCovered(f"'{op.name}' at a place that isn't a constant")
    return [number for number in found if number is not None]


def _pad(op: ir.Operation, spans: Spans, _: Own) -> Needs:
    cut = segments(op)
    lows, highs = _numbers(op, cut[2], "static_low"), _numbers(op, cut[3], "static_high")
    yield (
        op.operands[0],
        tuple(
            span if low == high == 0 else replace(span.shifted(-low), clip=True)
            for span, low, high in zip(spans, lows, highs, strict=True)
        ),
    )


def _window(op: ir.Operation, spans: Spans, _: Own) -> Needs:
    dims, sizes, strides, dilations = (
        integers(op.attributes[name]) for name in ("dims", "sizes", "strides", "dilations")
    )
    rank = op.operands[0].type.rank
    needed = list(spans[:rank])
    for entry, (dim, size, stride, dilation) in enumerate(zip(dims, sizes, strides, dilations, strict=True)):
        if spans[rank + entry] != stays(0, size - 1):
            raise NotCovered("a neighbourhood in parts")
        found = needed[dim].scaled(stride)
        needed[dim] = replace(found, high=found.high + dilation * (size - 1))
    yield op.operands[0], tuple(needed)


def _slice(op: ir.Operation, spans: Spans, _: Own) -> Needs:
    offsets, strides = segments(op)[1], segments(op)[3]
    begin, steps = _numbers(op, offsets, "static_offsets"), _numbers(op, strides, "static_strides")
    drop, rest = integers(op.attributes["drop"]), iter(spans)
    yield (
        op.operands[0],
        tuple(
            stays(offset, offset) if dim in drop else next(rest).scaled(step).shifted(offset)
            for dim, (offset, step) in enumerate(zip(begin, steps, strict=True))
        ),
    )


def _concat(op: ir.Operation, spans: Spans, _: Own) -> Needs:
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    before = 0
    for operand in op.operands:
        size = operand.type.shape[dim]
        if size == DYNAMIC:
            raise NotCovered("a concatenation of open sizes")
        # Which part of which operand a step has isn't known, or it sticks out on both sides, into a border.
        if (spans[dim].name is not None or spans[dim].clip) and size:
            moved = replace(spans[dim].shifted(-before), clip=True)
            yield operand, (*spans[:dim], moved, *spans[dim + 1 :])
            before += size
            continue
        low, high = max(spans[dim].low - before, 0), min(spans[dim].high - before, size - 1)
        if low <= high:
            yield operand, (*spans[:dim], stays(low, high), *spans[dim + 1 :])
        before += size


def _reshape(op: ir.Operation, spans: Spans, _: Own) -> Needs:
    source = op.operands[0]
    old, new = list(source.type.shape), list(op.result.type.shape)
    if DYNAMIC in old or DYNAMIC in new:
        raise NotCovered("a reshape of open sizes")
    front = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    middle = spans[front:]
    if any(span != stays(0, size - 1) for span, size in zip(middle, new[front:], strict=True)):
        raise NotCovered("a reshape of dimensions that the nest cuts")
    yield source, (*spans[:front], *(stays(0, size - 1) for size in old[front:]))


def _reduce(op: ir.Operation, spans: Spans, own: Own) -> Needs:
    inputs, inits, _ = segments(op)
    dims, common = integers(op.attributes["dims"]), common_rank(op)
    rest = iter(spans)
    front = tuple(span if dim in dims else next(rest) for dim, span in enumerate(own(leading(inputs))[:common]))
    yield from ((value, (*front, *own(value)[common:])) for value in inputs)
    yield from ((value, (*spans[: common - len(dims)], *own(value)[common - len(dims) :])) for value in inits)


def _scan(op: ir.Operation, _: Spans, own: Own) -> Needs:
    values = [value for group in segments(op)[:2] for value in group]
    yield from ((value, own(result)) for value, result in zip(values, op.results, strict=True))


def _contract(op: ir.Operation, spans: Spans, own: Own) -> Needs:
    dims = contracted(op)
    along = dict(zip(dims[2], spans, strict=True))
    sides = list(zip(list(op.operands)[:2], dims, strict=False))
    for value, places in sorted(sides, key=lambda side: is_everywhere(side[0])):
        if not along.keys() >= set(places):
            along = dict(zip(places, own(value), strict=True)) | along
    yield from ((value, tuple(along[place] for place in places)) for value, places in sides)
    yield op.operands[2], spans


def _gather(op: ir.Operation, spans: Spans, _: Own) -> Needs:
    yield from ((index, spans) for index in list(op.operands)[1:])


def _nothing(_: ir.Operation, __: Spans, ___: Own) -> Needs:
    return iter(())


RULES: dict[str, Callable[[ir.Operation, Spans, Own], Needs]] = {
    "gir.permute": _permute,
    "gir.broadcast": _broadcast,
    "gir.pad": _pad,
    "gir.window": _window,
    "gir.slice": _slice,
    "gir.concat": _concat,
    "gir.reshape": _reshape,
    "gir.reduce": _reduce,
    "gir.scan": _scan,
    "gir.contract": _contract,
    "gir.gather": _gather,
    "gir.iota": _nothing,
}
