"""Combiners whose order is free: each lane has accumulators of its own, until their loop ends.

A combiner that declares itself commutative may take elements in any order. Where a loop does nothing with its
accumulators but fold tiles into them, along the lanes, each lane folds what passes through it; the lanes are combined
once, behind the loop, two by two, and last with what the loop began from:

    for j: m, s = reduce x[j] into m, s   ⇒   for j: m[l], s[l] = combine(x[j, l], (m[l], s[l]))   for all lanes l
                                              m, s = combine(tree of (m[l], s[l]), init)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from powerfusion.core._mlir import create, entry_block, integer_of, integers, operations, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.combiners import evaluate, is_arithmetic, shuffled
from powerfusion.passes.lowering.elementwise import constant
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.extents import Extents, Flag, choose
from powerfusion.passes.lowering.reductions import targets_of
from powerfusion.passes.lowering.registers import (
    Tile,
    extract,
    lane_dim,
    lanes_of,
    linear,
    pick,
    row_indices,
    rows_of,
    tile_of,
)

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering

SLT = 2
BOUNDS = 3  # operands of a loop before those that it carries


@dataclass(frozen=True)
class Fold:
    """Reductions by one combiner after another, which are all that a loop does with some of its arguments.

    Attributes:
        op: The first `gir.reduce`.
        positions: Per accumulator which of the loop's arguments it is.
    """

    op: ir.Operation
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Partial:
    """One accumulator of a combiner, lane by lane.

    Attributes:
        fold: Whose.
        number: Which of the combiner's accumulators.
        carry: A vector per element of the result.
        init: What the loop began from, combined in at the end.
    """

    fold: Fold
    number: int
    carry: tuple[ir.Value, ...]
    init: Tile


# -- where lanes stay apart ----------------------------------------------------------------------


def folds_of(loop: ir.Operation) -> list[Fold]:
    """The combiners that a loop folds into lane by lane."""
    arguments = list(loop.regions[0].blocks[0].arguments)[1:]
    members: dict[ir.Operation, dict[int, int]] = {}
    for at, argument in enumerate(arguments):
        reached = _first_reduction(argument)
        if reached is not None:
            members.setdefault(reached[0], {})[reached[1]] = at
    found: list[Fold] = []
    for op, numbers in members.items():
        positions = tuple(numbers[number] for number in sorted(numbers))
        if len(positions) == len(op.results):
            chain = _chain([arguments[at] for at in positions], positions, loop)
            # Where no step is sure to fill all lanes, some would end as the identity, which two of need not give again.
            if chain and any(is_full for _, is_full in chain):
                found.append(Fold(op, positions))
    return found


def _first_reduction(value: ir.Value) -> tuple[ir.Operation, int] | None:
    """The reduction that a value is folded into first, through loops, and as which accumulator."""
    uses = list(value.uses)
    if len(uses) != 1:
        return None
    user, number = uses[0].owner.operation, uses[0].operand_number
    if user.name == "gir.reduce":
        at = number - len(segments(user)[0])
        return (user, at) if _is_free(user) and 0 <= at < len(user.results) else None
    if user.name == "scf.for" and number >= BOUNDS:
        return _first_reduction(entry_block(user).arguments[number - BOUNDS + 1])
    return None


def _is_free(op: ir.Operation) -> bool:
    """Whether a reduction folds tiles along their lanes by a commutative combiner of scalars."""
    shapes = {tuple(value.type.shape) for value in segments(op)[0]}
    if "kinds" in op.attributes or len(shapes) != 1 or not is_arithmetic(op):
        return False
    lane = lane_dim(next(iter(shapes)))
    return "commutative" in str(op.attributes["algebra"]) and lane in integers(op.attributes["dims"])


def _chain(
    values: Sequence[ir.Value], positions: Sequence[int], loop: ir.Operation
) -> list[tuple[ir.Operation, bool]] | None:
    """The reductions that values go through on their way to the end of a loop, each with whether it fills all lanes.

    None where anything else reads them on that way.
    """
    end = operations(entry_block(loop))[-1]
    found: list[tuple[ir.Operation, bool]] = []
    while True:
        users = [[(use.owner.operation, use.operand_number) for use in value.uses] for value in values]
        if any(len(uses) != 1 for uses in users) or len({uses[0][0] for uses in users}) != 1:
            return None
        user, numbers = users[0][0][0], [uses[0][1] for uses in users]
        if user == end:
            return found if numbers == list(positions) else None
        if user.name == "gir.reduce":
            inputs = segments(user)[0]
            if not _is_free(user) or numbers != list(range(len(inputs), len(inputs) + len(values))):
                return None
            if found and _lanes(found[0][0]) != _lanes(user):
                return None
            found.append((user, _is_full(user)))
            values = list(user.results)
        elif user.name == "scf.for" and min(numbers) >= BOUNDS:
            inner = [number - BOUNDS for number in numbers]
            chain = _chain([entry_block(user).arguments[at + 1] for at in inner], inner, user)
            if not chain or (found and _lanes(found[0][0]) != _lanes(chain[0][0])):
                return None
            runs = _ran_statically(user)
            found += [(op, is_full and runs) for op, is_full in chain]
            values = [user.results[at] for at in inner]
        else:
            return None


def _lanes(op: ir.Operation) -> tuple[int, tuple[int, ...]]:
    """How many lanes a reduction folds, and where each row goes."""
    shape = tuple(segments(op)[0][0].type.shape)
    return lanes_of(shape), targets_of(shape, integers(op.attributes["dims"]))


def _is_full(op: ir.Operation) -> bool:
    """Whether all of a reduction's tile is there."""
    inputs, _, valid = segments(op)
    return all(integer_of(value) == size for value, size in zip(valid, inputs[0].type.shape, strict=False))


def _ran_statically(loop: ir.Operation) -> bool:
    low, high = (integer_of(value) for value in list(loop.operands)[:2])
    return low is not None and high is not None and low < high


# -- folding and ending --------------------------------------------------------------------------


def begin(fold: Fold, inits: Sequence[Tile]) -> list[Partial]:
    """The partial results that a loop starts from: the combiner's identity in each lane."""
    op = fold.op
    lanes, targets = _lanes(op)
    partials: list[Partial] = []
    for number, (identity, init) in enumerate(zip(op.attributes["identity"], inits, strict=True)):
        type_ = ir.VectorType.get([lanes], segments(op)[0][number].type.element_type)
        partials.append(Partial(fold, number, (constant(type_, identity),) * (max(targets) + 1), init))
    return partials


def fold_in(lowering: VectorLowering, op: ir.Operation, partials: Sequence[Partial]) -> list[Partial]:
    """A tile's lanes combined with the partial results; lanes that aren't there leave what is there."""
    inputs, _, valid = segments(op)
    shape = tuple(inputs[0].type.shape)
    tiles = [rows_of(lowering.value(value)) for value in inputs]
    extents = Extents.of(shape, [lowering.scalar(value) for value in valid])
    carried = [list(partial.carry) for partial in partials]
    for row, (place, target) in enumerate(zip(row_indices(shape), _lanes(op)[1], strict=True)):
        mask = extents.mask(place)
        before = [carry[target] for carry in carried]
        made = evaluate(lowering, op, [rows[row] for rows in tiles], before)
        for carry, tile, old in zip(carried, made, before, strict=True):
            carry[target] = choose(mask, rows_of(tile)[0], old)
    return [replace(partial, carry=tuple(carry)) for partial, carry in zip(partials, carried, strict=True)]


def finish(lowering: VectorLowering, partials: Sequence[Partial], bounds: Sequence[ir.Value]) -> list[Tile]:
    """The results behind the loop: all lanes combined, then with what it began from.

    Args:
        lowering: Emits the combiner.
        partials: What the loop gave.
        bounds: The loop's, lower and upper: where it took no step its lanes hold nothing, and what it began from stays.
    """
    op = partials[0].fold.op
    rows: list[list[ir.Value]] = []
    shapes = [tuple(result.type.shape) for result in op.results]
    given = [rows_of(pick([p.init], linear(shape), lanes=1)) for p, shape in zip(partials, shapes, strict=True)]
    ran = _ran(*bounds)
    for at in range(len(partials[0].carry)):
        lanes = _combined(lowering, op, [partial.carry[at] for partial in partials])
        before = [values[at] for values in given]
        made = evaluate(lowering, op, lanes, before)
        rows.append([choose(ran, rows_of(tile)[0], init) for tile, init in zip(made, before, strict=True)])
    return [
        pick([tile_of(column)], linear(shape)) for column, shape in zip(zip(*rows, strict=True), shapes, strict=True)
    ]


def _ran(low: ir.Value, high: ir.Value) -> Flag:
    """Whether a loop between two bounds takes a step."""
    known = integer_of(low), integer_of(high)
    if known[0] is not None and known[1] is not None:
        return known[0] < known[1]
    return compare("arith.cmpi", SLT, low, high)


def _combined(lowering: VectorLowering, op: ir.Operation, parts: list[ir.Value]) -> list[ir.Value]:
    """All lanes of some vectors in one: halves, until one lane is left; an odd one waits for the next round."""
    width = parts[0].type.shape[0] if isinstance(parts[0].type, ir.VectorType) else 1
    while width > 1:
        half = width // 2
        later, sooner = ([shuffled(part, range(start, start + half)) for part in parts] for start in (half, 0))
        rest = [shuffled(part, [width - 1]) for part in parts] if width % 2 else None
        made = [rows_of(tile)[0] for tile in evaluate(lowering, op, later, sooner)]
        if rest is not None:
            made = [
                shuffled(part, [*range(half), half], _padded(one, half)) for part, one in zip(made, rest, strict=True)
            ]
        parts, width = made, half + (rest is not None)
    return [extract(part, 0) for part in parts]


def _padded(one: ir.Value, lanes: int) -> ir.Value:
    """A vector of one lane with as many as another, the first of which counts."""
    return create("vector.broadcast", [extract(one, 0)], [ir.VectorType.get([lanes], one.type.element_type)]).result
