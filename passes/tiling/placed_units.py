"""Units that combine what they have: each its part, then all of them through `gir.all_reduce`.

    %m = reduce %x into %init dims [1]        c split over units
  ⇒ %s = select(the first unit, init, neutral)
    %p = reduce tile of %x into %s dims [1]
    %m = gir.all_reduce <group> %p

What a combination starts from is taken in once: by the first unit, where it would make a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from powerfusion.core._mlir import attributes_of, constant_of, create, element_of, index_constant, segments
from powerfusion.mlir import ir
from powerfusion.passes.tiling.combiners import clone_combiner
from powerfusion.passes.tiling.windows import index_op, splat

EQ = 0
NEUTRAL = {"add": 0, "mul": 1, "xor": 0}  # Any other kind takes a value in twice as it does once.
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
        nothing = _nothing(op, at, tile.type)
        if nothing is None or _is_same(init, nothing):
            made.append(tile)
            continue
        first = first or [_is_first(indices)]
        flags = splat(first[0], ir.RankedTensorType.get(tile.type.shape, first[0].type, tile.type.encoding))
        rest = create("arith.constant", results=[tile.type], attributes={"value": nothing}).result
        made.append(create("arith.select", [flags, tile, rest], [tile.type]).result)
    return made


def all_reduced(op: ir.Operation, tiles: Sequence[ir.Value], scalar: Callable[[ir.Value], ir.Value]) -> list[ir.Value]:
    """What the units of a group have come to together."""
    attributes: dict[str, ir.Attribute] = {"scope": ir.Attribute.parse(GROUP)}
    if op.name == "gir.contract":
        attributes["kinds"] = ir.ArrayAttr.get([ir.Attribute.parse("#vector.kind<add>")])
    else:
        kept = ("kinds", "algebra", "identity")
        attributes |= {name: value for name, value in attributes_of(op).items() if name in kept}
    types = [tile.type for tile in tiles]
    made = create("gir.all_reduce", tiles, types, attributes, regions=1, loc=op.location)
    if "kinds" not in attributes:
        clone_combiner(op, made, scalar)
    return list(made.results)


def _nothing(op: ir.Operation, at: int, type_: ir.RankedTensorType) -> ir.DenseElementsAttr | None:
    """A tile of what changes nothing; None where it makes no difference how often a value is taken in."""
    element = element_of(type_)
    if "identity" in op.attributes:
        value = op.attributes["identity"][at]  # pyright: ignore[reportIndexIssue]
        return ir.DenseElementsAttr.get_splat(type_, value)
    kind = "add" if op.name == "gir.contract" else _kind(op, at)
    if kind not in NEUTRAL:
        return None
    value = NEUTRAL[kind]
    is_float = isinstance(element, ir.FloatType)
    number = ir.FloatAttr.get(element, float(value or -0.0)) if is_float else ir.IntegerAttr.get(element, value)
    return ir.DenseElementsAttr.get_splat(type_, number)


def _kind(op: ir.Operation, at: int) -> str:
    return str(op.attributes["kinds"][at]).removeprefix("#vector.kind<").removesuffix(">")  # pyright: ignore[reportIndexIssue]


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
    i1, predicate = ir.IntegerType.get_signless(1), ir.IntegerAttr.get(ir.IntegerType.get_signless(64), EQ)
    return create("arith.cmpi", [total, index_constant(0)], [i1], {"predicate": predicate}).result
