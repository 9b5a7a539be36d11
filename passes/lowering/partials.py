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

from powerfusion.core._mlir import create, integer_of, integers, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.combiners import evaluate, is_arithmetic, shuffled
from powerfusion.passes.lowering.elementwise import constant
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.extents import Flag, choose
from powerfusion.passes.lowering.reductions import targets_of
from powerfusion.passes.lowering.registers import Tile, extract, lane_dim, linear, pick, rows_of, tile_of

if TYPE_CHECKING:
    from powerfusion.passes.lowering.convert_gir_to_vector import VectorLowering

SLT = 2


@dataclass(frozen=True)
class Fold:
    """A reduction by a combiner that is all a loop does with some of its arguments.

    Attributes:
        op: The `gir.reduce`.
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


def folds_of(loop: ir.Operation) -> list[Fold]:
    """The combiners that a loop folds into lane by lane."""
    block = loop.regions[0].blocks[0]
    arguments = list(block.arguments)[1:]
    found: list[Fold] = []
    for op in (inner.operation for inner in block.operations):
        if op.name == "gir.reduce" and _is_free(op):
            positions = _positions(op, arguments, list(block.operations)[-1].operation)
            found += [Fold(op, positions)] if positions else []
    return found


def _is_free(op: ir.Operation) -> bool:
    """Whether a reduction folds whole tiles along their lanes by a commutative combiner of scalars."""
    inputs, _, valid = segments(op)
    if "kinds" in op.attributes or valid or not is_arithmetic(op):
        return False
    shapes = {tuple(value.type.shape) for value in inputs}
    lane = lane_dim(next(iter(shapes)))
    commutative = "commutative" in str(op.attributes["algebra"])
    return commutative and len(shapes) == 1 and lane in integers(op.attributes["dims"])


def _positions(op: ir.Operation, arguments: list[ir.Value], end: ir.Operation) -> tuple[int, ...] | None:
    """Which arguments of a loop a reduction folds into, where nothing else reads them or its results."""
    positions: list[int] = []
    for init, result in zip(segments(op)[1], op.results, strict=True):
        uses = list(result.uses)
        if init not in arguments or len(list(init.uses)) != 1 or len(uses) != 1:
            return None
        at = arguments.index(init)
        if uses[0].owner.operation != end or uses[0].operand_number != at:
            return None
        positions.append(at)
    return tuple(positions)


def begin(fold: Fold, inits: Sequence[Tile]) -> list[Partial]:
    """The partial results that a loop starts from: the combiner's identity in each lane."""
    op = fold.op
    inputs = segments(op)[0]
    shape = tuple(inputs[0].type.shape)
    lane = lane_dim(shape)
    assert lane is not None, "expected lanes"
    count = max(targets_of(shape, integers(op.attributes["dims"]))) + 1
    partials: list[Partial] = []
    for number, (identity, init) in enumerate(zip(op.attributes["identity"], inits, strict=True)):
        type_ = ir.VectorType.get([shape[lane]], inputs[number].type.element_type)
        partials.append(Partial(fold, number, (constant(type_, identity),) * count, init))
    return partials


def fold_in(lowering: VectorLowering, partials: Sequence[Partial]) -> list[Partial]:
    """A tile's lanes combined with the partial results."""
    op = partials[0].fold.op
    tiles = [rows_of(lowering.value(value)) for value in segments(op)[0]]
    shape = tuple(segments(op)[0][0].type.shape)
    carried = [list(partial.carry) for partial in partials]
    for row, target in enumerate(targets_of(shape, integers(op.attributes["dims"]))):
        made = evaluate(lowering, op, [rows[row] for rows in tiles], [carry[target] for carry in carried])
        for carry, tile in zip(carried, made, strict=True):
            carry[target] = rows_of(tile)[0]
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
