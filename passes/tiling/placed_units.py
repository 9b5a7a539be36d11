"""Units that combine what they have: each its part, then all of them through `gir.all_reduce`.

    %m = reduce %x into %init dims [1]        c split over units
  ⇒ %s = select(the first unit, init, neutral)
    %p = reduce tile of %x into %s dims [1]
    %m = gir.all_reduce <group> %p

What a combination starts from is taken in once: by the first unit, where it would make a difference. Where units have
parts of other dimensions too, each brings a tile for all of those parts, with nothing in the others' places:

    r over 2 units, c over 2          unit (0, 0) [ p -- ]
                                      unit (0, 1) [ q -- ]   --all_reduce-->   [ p+q s+t ]   unit (0, u) takes the first
                                      unit (1, 0) [ -- s ]
                                      unit (1, 1) [ -- t ]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, nan

from powerfusion.core._mlir import attributes_of, constant_of, create, element_of, index_constant, kind_name, segments
from powerfusion.mlir import ir
from powerfusion.passes.tiling.combiners import clone_combiner
from powerfusion.passes.tiling.placed_views import box
from powerfusion.passes.tiling.rules import broadcast
from powerfusion.passes.tiling.windows import Axis, compare, index_op, places, splat

EQ = 0
ONCE = ("add", "mul", "xor")  # Any other kind takes a value in twice as it does once.
FLOATS = {"add": -0.0, "mul": 1.0, "maximumf": -inf, "minimumf": inf, "maxnumf": nan, "minnumf": nan}
INTEGERS = {"add": 0, "mul": 1, "xor": 0, "or": 0, "and": -1, "maxui": 0, "minui": -1}
GROUP = "#gir.scope<group>"


def inits_of(op: ir.Operation) -> list[ir.Value]:
    """What a combining op starts from."""
    return [op.operands[2]] if op.name == "gir.contract" else segments(op)[1]


def may_start_apart(op: ir.Operation) -> bool:
    """Whether units can each begin to combine, and go on with what all have: not in an order, and from nothing."""
    return op.name == "gir.contract" or (
        op.name == "gir.reduce" and ("kinds" in op.attributes or "identity" in op.attributes)
    )


def starts(op: ir.Operation, tiles: Sequence[ir.Value], indices: Sequence[ir.Value]) -> list[ir.Value]:
    """What each unit starts from; `indices` are a unit's, along the dimensions that are combined."""
    first: list[ir.Value] = []
    made: list[ir.Value] = []
    for at, (init, tile) in enumerate(zip(inits_of(op), tiles, strict=True)):
        again = "identity" not in op.attributes and _kind(op, at) not in ONCE
        if again or _is_same(init, nothing := _nothing(op, at, tile.type)):
            made.append(tile)
            continue
        first = first or [_is_first(indices)]
        flags = splat(first[0], _flags_like(tile))
        rest = create("arith.constant", results=[tile.type], attributes={"value": nothing}).result
        made.append(create("arith.select", [flags, tile, rest], [tile.type]).result)
    return made


@dataclass(frozen=True)
class Place:
    """Which of the parts is a unit's that units have of what isn't combined.

    Attributes:
        number: The part, an index value.
        count: How many there are.
    """

    number: ir.Value
    count: int


def all_reduced(
    op: ir.Operation, tiles: Sequence[ir.Value], place: Place | None, scalar: Callable[[ir.Value], ir.Value]
) -> list[ir.Value]:
    """What the units of a group have come to together, or those with the same place."""
    brought = list(tiles) if place is None else [_spread(op, at, tile, place) for at, tile in enumerate(tiles)]
    attributes: dict[str, ir.Attribute] = {"scope": ir.Attribute.parse(GROUP)}
    if op.name == "gir.contract":
        attributes["kinds"] = ir.ArrayAttr.get([ir.Attribute.parse("#vector.kind<add>")])
    else:
        kept = ("kinds", "algebra", "identity")
        attributes |= {name: value for name, value in attributes_of(op).items() if name in kept}
    types = [tile.type for tile in brought]
    made = create("gir.all_reduce", brought, types, attributes, regions=1, loc=op.location)
    if "kinds" not in attributes:
        clone_combiner(op, made, scalar)
    return list(made.results) if place is None else [_own(result, place) for result in made.results]


def _spread(op: ir.Operation, at: int, tile: ir.Value, place: Place) -> ir.Value:
    """A tile in its place among those of all parts, nothing in the others."""
    type_ = ir.RankedTensorType.get([place.count, *tile.type.shape], tile.type.element_type, tile.type.encoding)
    found = places(0, tuple(Axis(index_constant(0), size) for size in type_.shape))
    flags = compare(EQ, found, splat(place.number, found.type))
    rest = create("arith.constant", results=[type_], attributes={"value": _nothing(op, at, type_)}).result
    return create("arith.select", [flags, broadcast(tile, [0], type_), rest], [type_]).result


def _own(wide: ir.Value, place: Place) -> ir.Value:
    """The part of a tile that is at a unit's place."""
    shape = list(wide.type.shape)
    parts = [box(wide, [at, *[0] * (len(shape) - 1)], [1, *shape[1:]], [1] * len(shape), [0]) for at in range(shape[0])]
    made = parts[0]
    for at, part in enumerate(parts[1:], 1):
        flag = splat(_is(place.number, at), _flags_like(part))
        made = create("arith.select", [flag, part, made], [part.type]).result
    return made


def _flags_like(tile: ir.Value) -> ir.RankedTensorType:
    return ir.RankedTensorType.get(tile.type.shape, ir.IntegerType.get_signless(1), tile.type.encoding)


def _nothing(op: ir.Operation, at: int, type_: ir.RankedTensorType) -> ir.DenseElementsAttr:
    """A tile of what changes nothing."""
    if "identity" in op.attributes:
        return ir.DenseElementsAttr.get_splat(type_, op.attributes["identity"][at])  # pyright: ignore[reportIndexIssue]
    kind, element = _kind(op, at), element_of(type_)
    if isinstance(element, ir.FloatType):
        value = FLOATS[kind]
        if isinstance(element, ir.Float8E4M3FNType) and abs(value) == inf:  # The largest that there is.
            value = 448.0 if value > 0 else -448.0
        return ir.DenseElementsAttr.get_splat(type_, ir.FloatAttr.get(element, value))
    top = 1 << (ir.IntegerType(element).width - 1) if isinstance(element, ir.IntegerType) else 1 << 63
    value = {"maxsi": -top, "minsi": top - 1, **INTEGERS}[kind]
    return ir.DenseElementsAttr.get_splat(type_, ir.IntegerAttr.get(element, value))


def _kind(op: ir.Operation, at: int) -> str:
    if op.name == "gir.contract":
        return "add"
    return kind_name(op.attributes["kinds"][at])  # pyright: ignore[reportIndexIssue]


def _is_same(init: ir.Value, nothing: ir.DenseElementsAttr) -> bool:
    """Whether a combination starts from what changes nothing; a sum from 0 stays one from 0, however often."""
    known = constant_of(init)
    if not isinstance(known, ir.DenseElementsAttr) or not known.is_splat:
        return False
    one, other = known.get_splat_value(), nothing.get_splat_value()
    if isinstance(one, ir.FloatAttr) and isinstance(other, ir.FloatAttr):
        return one.value == other.value
    return one == other


def _is_first(indices: Sequence[ir.Value]) -> ir.Value:
    """Whether a unit is the first of those that combine."""
    total = indices[0]
    for index in indices[1:]:
        total = index_op("arith.addi", [total, index])
    return _is(total, 0)


def _is(index: ir.Value, number: int) -> ir.Value:
    i1, predicate = ir.IntegerType.get_signless(1), ir.IntegerAttr.get(ir.IntegerType.get_signless(64), EQ)
    return create("arith.cmpi", [index, index_constant(number)], [i1], {"predicate": predicate}).result
