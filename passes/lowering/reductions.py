"""Reductions on the CPU: accumulators that stay apart, lane by lane, until their loop ends.

In tile form a reduction folds each tile into its accumulator at once. Here an accumulator that a
loop only folds into is carried as one partial result per lane, in a type wide enough, and folded
together once, behind the loop:

    for j: acc = reduce tile[j] into acc   ⇒   for j: partial = partial + tile[j]
                                               acc = init + (partial's lanes, added up)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from powerfusion.core._mlir import create, element_of, integers, kind_name, producer, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.elementwise import combine, constant, convert_float, is_narrow, neutral, widen
from powerfusion.passes.lowering.expansions import with_element
from powerfusion.passes.lowering.extents import Flag, choose
from powerfusion.passes.lowering.float8 import is_f8
from powerfusion.passes.lowering.memory import spread
from powerfusion.passes.lowering.registers import (
    Tile,
    lane_dim,
    lanes_of,
    linear,
    pick,
    register_types,
    row_indices,
    rows_of,
    tile_of,
)
from powerfusion.passes.lowering.shuffles import shuffle
from powerfusion.passes.scheduling.rows import trips
from powerfusion.passes.tiling.plans import LONG_COLUMNS

TOGETHER = 16  # rows that are added up before they are added to what is carried
ENOUGH_STEPS = 8  # of an inner loop that has accumulators of its own
LONG = 4096  # steps of sums of f32 over lanes beyond which an accumulator is carried in f64


@dataclass(frozen=True)
class Accumulator:
    """A partial result that a loop carries.

    Attributes:
        kind: How it is folded.
        carry: What the loop carries, in a type at least as wide: a vector per element of the result
            where `lanes`, else a row per row of the result.
        init: The value folded in at the end where `lanes`, else part of `carry` already.
        shape: The result's.
        element: The result's element type.
        lanes: Whether the tiles' lanes are folded, and stay apart until the end.
        targets: Per row of a tile, which of `carry` it is folded into.
        last: The reduction behind which lanes are folded together; None where that is behind a loop.
    """

    kind: str
    carry: tuple[ir.Value, ...]
    init: Tile
    shape: tuple[int, ...]
    element: ir.Type
    lanes: bool
    targets: tuple[int, ...]
    last: ir.Operation | None = None

    @property
    def is_of_rows(self) -> bool:
        """Whether several rows of a tile are folded into one."""
        return not self.lanes and len(self.targets) > len(self.carry)

    def fold(self, tile: Tile, masks: Sequence[Flag], loc: ir.Location) -> Accumulator:
        """Folds a tile in; rows and lanes that are masked out leave what is there.

        Some whole rows that go to one place are folded together first, not yet in a wider type than need be.
        """
        carry = list(self.carry)
        whole: dict[int, list[ir.Value]] = {}
        for given, target, given_mask in zip(rows_of(tile), self.targets, masks, strict=True):
            row, mask = self._as_long(given, given_mask)
            if mask is True:
                whole.setdefault(target, []).append(row)
            elif mask is not False:
                carry[target] = choose(mask, self._folded(carry[target], [row], loc), carry[target])
        for target, rows in whole.items():
            for at in range(0, len(rows), TOGETHER):
                carry[target] = self._folded(carry[target], rows[at : at + TOGETHER], loc)
        return replace(self, carry=tuple(carry))

    def _as_long(self, row: ir.Value, mask: Flag) -> tuple[ir.Value, Flag]:
        """A row of as many lanes as are carried: the rest of a longer one has the neutral element in the others."""
        lanes = lanes_of(self.carry[0].type.shape) if self.lanes else 0
        if mask is False or not self.lanes or lanes_of(row.type.shape) == lanes:
            return row, mask
        value = self._as_folded(row)
        none = constant(value.type, neutral(self.kind, element_of(value.type)))
        there = range(lanes_of(row.type.shape))
        return shuffle(choose(mask, value, none), none, [*there, *[len(there)] * (lanes - len(there))]), True

    def _folded(self, before: ir.Value, rows: Sequence[ir.Value], loc: ir.Location) -> ir.Value:
        """What is there and some rows."""
        value = self._in_pairs([self._as_folded(row) for row in rows], loc)
        return combine(self.kind, before, spread(_converted(value, element_of(before.type)), before.type), loc)

    def _as_folded(self, row: ir.Value) -> ir.Value:
        """A row in the type in which a few of them are folded."""
        return _converted(row, carry_element(self.kind, element_of(row.type), lanes=True, steps=1))

    def _in_pairs(self, rows: Sequence[ir.Value], loc: ir.Location) -> ir.Value:
        """Rows as one: two by two as soon as both are there, so that few wait, and not each for the one before it."""
        waiting: list[tuple[int, ir.Value]] = []
        for row in rows:
            size, value = 1, row
            while waiting and waiting[-1][0] == size:
                before = waiting.pop()[1]
                size, value = 2 * size, combine(self.kind, before, value, loc)
            waiting.append((size, value))
        return reduce(lambda later, sooner: combine(self.kind, sooner, later, loc), (v for _, v in reversed(waiting)))

    def joined(self, part: Accumulator, loc: ir.Location) -> Accumulator:
        """With what a loop inside has folded, in this type or a narrower one of its own."""
        if element_of(part.carry[0].type) == element_of(self.carry[0].type):
            return part
        carry = [self._folded(before, [value], loc) for before, value in zip(self.carry, part.carry, strict=True)]
        return replace(self, carry=tuple(carry))

    def finish(self, loc: ir.Location) -> Tile:
        """The result, its lanes folded together."""
        if not self.lanes:
            return tile_of([_converted(value, self.element) for value in self.carry])
        element = element_of(self.carry[0].type)
        given = pick([self.init], linear(self.shape), lanes=1)
        values = [
            _converted(combine(self.kind, horizontal(self.kind, value), _converted(init, element), loc), self.element)
            for value, init in zip(self.carry, rows_of(given), strict=True)
        ]
        return pick([tile_of(values)], linear(self.shape))


def _converted(value: ir.Value, element: ir.Type) -> ir.Value:
    return convert_float(value, element) if isinstance(element, ir.FloatType) else value


def horizontal(kind: str, value: ir.Value) -> ir.Value:
    """A vector's lanes folded together, in any order.

    Sums and products are given what they start from: LLVM would start a sum from 0, which loses -0's sign. Narrow
    floats are folded in f32, as they are combined: for processors without instructions on bf16 LLVM calls functions
    that the program doesn't have.
    """
    if is_narrow(value.type):
        return convert_float(horizontal(kind, widen(value)), value.type.element_type)
    operands = [value]
    attributes: dict[str, ir.Attribute] = {"kind": ir.Attribute.parse(f"#vector.kind<{kind}>")}
    if kind in ("add", "mul") and isinstance(value.type.element_type, ir.FloatType):
        attributes["fastmath"] = ir.Attribute.parse("#arith.fastmath<reassoc>")
        element = value.type.element_type
        operands.append(constant(element, neutral(kind, element)))
    return create("vector.reduction", operands, [value.type.element_type], attributes).result


@dataclass(frozen=True)
class Plan:
    """The reduction that folds into a loop's accumulator, and over how many steps."""

    op: ir.Operation
    position: int
    steps: int | None


def plan(argument: ir.Value, position: int, loop: ir.Operation) -> Plan | None:
    """The reduction that a loop's iteration argument is only folded into by, if that is so."""
    uses = list(argument.uses)
    if len(uses) != 1:
        return None
    user = uses[0].owner.operation
    found: Plan | None = None
    result: ir.Value | None = None
    if (first := _further(argument)) is not None:
        found, result = _chain(*first)
    elif user.name == "scf.for" and uses[0].operand_number >= 3:
        at = uses[0].operand_number - 3
        found = plan(user.regions[0].blocks[0].arguments[at + 1], at, user)
        result = user.results[at]
    if found is None or result is None:
        return None
    ends = list(result.uses)
    if len(ends) != 1 or ends[0].owner.operation.name != "scf.yield" or ends[0].operand_number != position:
        return None
    if ends[0].owner.operation.block != loop.regions[0].blocks[0]:
        return None
    around = trips(loop)
    return replace(found, steps=None if around is None or found.steps is None else around * found.steps)


def _chain(op: ir.Operation, at: int) -> tuple[Plan, ir.Value]:
    """A reduction, those that go on with its result in the same way, as that of a row's rest, and what they give."""
    steps, last, place = 1, op, at
    while (further := _further(last.results[place])) is not None and _goes_on(op, at, *further):
        steps, (last, place) = steps + 1, further
    return Plan(op, at, steps), last.results[place]


def _further(value: ir.Value) -> tuple[ir.Operation, int] | None:
    """The reduction by kinds that goes on with a value, as which accumulator; None if something else uses it."""
    uses = list(value.uses)
    user = uses[0].owner.operation if len(uses) == 1 else None
    if user is None or user.name != "gir.reduce" or "kinds" not in user.attributes:
        return None
    at = uses[0].operand_number - len(segments(user)[0])
    return (user, at) if 0 <= at < len(user.results) else None


def _goes_on(op: ir.Operation, at: int, later: ir.Operation, further: int) -> bool:
    """Whether two reductions fold in the same way: of one kind, along the same dimensions of tiles that are alike.

    Where lanes are folded the later one may have fewer of them.
    """
    dims = integers(op.attributes["dims"])
    one, other = segments(op)[0][at].type, segments(later)[0][further].type
    if kind_of(op, at) != kind_of(later, further) or dims != integers(later.attributes["dims"]):
        return False
    lane = lane_dim(one.shape)
    if one == other or lane not in dims or lane_dim(other.shape) != lane or one.element_type != other.element_type:
        return one == other
    differ = [dim for dim, (size, more) in enumerate(zip(one.shape, other.shape, strict=True)) if size != more]
    return differ == [lane] and other.shape[lane] < one.shape[lane]


def is_of_rows(found: Plan) -> bool:
    """Whether several rows of a tile, along its lanes, are folded into one."""
    op, at = found.op, found.position
    tile = segments(op)[0][at].type
    targets = targets_of(tile.shape, integers(op.attributes["dims"]))
    return lane_dim(tile.shape) not in integers(op.attributes["dims"]) and len(targets) > max(targets) + 1


def carried_types(found: Plan) -> list[ir.Type]:
    """The types of what a planned loop carries for an accumulator."""
    op, at = found.op, found.position
    kind, dims = kind_of(op, at), integers(op.attributes["dims"])
    tile, result = segments(op)[0][at].type, op.results[at].type
    dim = lane_dim(tile.shape)
    lanes = dim is not None and dim in dims
    targets = targets_of(tile.shape, dims)
    steps = None if found.steps is None else found.steps * -(-targets.count(0) // TOGETHER)
    element = carry_element(kind, tile.element_type, lanes=lanes, steps=steps)
    if lanes:
        return [ir.VectorType.get([tile.shape[dim]], element)] * (max(targets) + 1)
    return [with_element(type_, element) for type_ in register_types(result)]


def start(found: Plan, init: Tile) -> Accumulator:
    """The accumulator that a planned loop begins with."""
    op, at = found.op, found.position
    kind, dims = kind_of(op, at), integers(op.attributes["dims"])
    tile, result = segments(op)[0][at].type, op.results[at].type
    lanes = lane_dim(tile.shape) in dims
    types = carried_types(found)
    element = element_of(types[0])
    if lanes:
        carry = tuple(constant(type_, neutral(kind, element)) for type_ in types[:1]) * len(types)
    else:
        carry = tuple(_converted(row, element) for row in rows_of(init))
    targets = targets_of(tile.shape, dims)
    return Accumulator(kind, carry, init, tuple(result.shape), result.element_type, lanes, targets)


def narrower(given: Accumulator, argument: ir.Value, position: int, loop: ir.Operation) -> Accumulator:
    """What a loop within that of an accumulator folds into: few steps begin anew, in a type wide enough for them.

    Args:
        given: The accumulator of the loop around it.
        argument: The loop's iteration argument that it is.
        position: Of the argument.
        loop: The inner one.
    """
    found = plan(argument, position, loop)
    steps = trips(loop)
    if found is None or steps is None or steps < ENOUGH_STEPS:
        return given
    types = carried_types(found)
    element = element_of(types[0])
    if element == element_of(given.carry[0].type):
        return given
    carry = [constant(type_, neutral(given.kind, element)) for type_ in types]
    return replace(given, carry=tuple(carry))


def targets_of(shape: Sequence[int], dims: Sequence[int]) -> tuple[int, ...]:
    """Per row of a tile the number of the row that is left of it once `dims` are folded away."""
    lane = lane_dim(shape)
    kept = [dim for dim in range(len(shape)) if dim not in dims and dim != lane]
    sizes = [shape[dim] for dim in kept]
    places = [[place[dim] for dim in kept] for place in row_indices(shape)]
    return tuple(int(np.ravel_multi_index(place, sizes)) if kept else 0 for place in places)


def carry_element(kind: str, element: ir.Type, *, lanes: bool, steps: int | None) -> ir.Type:
    """The type to accumulate in: f32 for narrow floats, f64 where many f32 add up."""
    if is_f8(element):
        return ir.F32Type.get()
    if kind not in ("add", "mul"):
        return element
    if is_narrow(element):
        return ir.F32Type.get()
    if element == ir.F32Type.get() and kind == "add" and (steps is None or steps > (LONG if lanes else LONG_COLUMNS)):
        return ir.F64Type.get()
    return element


def kind_of(op: ir.Operation, at: int) -> str:
    """The name of a reduction's kind: add, maximumf, ..."""
    return kind_name(op.attributes["kinds"][at])


def fold_once(
    op: ir.Operation, at: int, tile: Tile, init: Tile, masks: Sequence[Flag], loc: ir.Location
) -> Tile | Accumulator:
    """A reduction outside of any loop that carries it: where others go on with it, along lanes, these stay apart."""
    last, steps = _last(op, at)
    accumulator = replace(start(Plan(op, at, steps), init), last=last)
    folded = accumulator.fold(tile, masks, loc)
    return folded if last != op and accumulator.lanes else folded.finish(loc)


def finish_loop(accumulator: Accumulator, found: Plan, result: ir.Value, loc: ir.Location) -> Tile | Accumulator:
    """What a loop gives: where a reduction of a row's rest goes on with it, along lanes, these stay apart."""
    found_next = _further(result)
    if found_next is None or not accumulator.lanes:
        return accumulator.finish(loc)
    user, at = found_next
    if user.block != producer(result).block or not _goes_on(found.op, found.position, user, at):
        return accumulator.finish(loc)
    return replace(accumulator, last=_last(user, at)[0])


def _last(op: ir.Operation, at: int) -> tuple[ir.Operation, int]:
    """The last reduction of a block that goes on from one, or itself, and how many they are."""
    found, result = _chain(op, at)
    last = producer(result)
    return (last, found.steps or 1) if last.block == op.block else (op, 1)
