"""How ops on long vectors are taken apart: what each does with parts of 16 lanes, see `gir-split-vectors`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from powerfusion.core._mlir import attributes_of, create, element_of, i64_array, index_constant, integers, kind_name
from powerfusion.mlir import ir
from powerfusion.passes.lowering.elementwise import combine, neutral
from powerfusion.passes.lowering.expansions import constant
from powerfusion.passes.lowering.memory import add_offset, index_vector, spread
from powerfusion.passes.lowering.shuffles import ANY, Lane, blended, shuffle, side_by_side

LANES = 16  # of a part: a register of f32
EXTREMES = ("maximumf", "minimumf")
Parts = list[ir.Value]
Known = Mapping[ir.Value, Parts]
"""What vectors have become that were taken apart."""


def lengths(type_: ir.Type) -> list[int]:
    """How many lanes the parts of a value have; none where it stays whole."""
    if not isinstance(type_, ir.VectorType) or type_.rank != 1:
        return []
    lanes = type_.shape[0]
    if lanes <= LANES or lanes & (lanes - 1) == 0:
        return []
    rest = lanes % LANES
    return [LANES] * (lanes // LANES) + ([1 << (rest - 1).bit_length()] if rest else [])


def types_of(type_: ir.Type) -> list[ir.Type]:
    """Of the parts of a value, or its own."""
    return [*part_types(type_)] or [type_]


def part_types(type_: ir.Type) -> list[ir.VectorType]:
    """Of the parts of a vector; none where it stays whole."""
    return [ir.VectorType.get([lanes], element_of(type_)) for lanes in lengths(type_)]


def taken_apart(value: ir.Value) -> Parts:
    """A vector's parts; what is beyond it is its first lane."""
    length = value.type.shape[0]
    made: Parts = []
    for at, lanes in enumerate(lengths(value.type)):
        first = at * LANES
        made.append(shuffle(value, value, [lane if lane < length else 0 for lane in range(first, first + lanes)]))
    return made


def longer(part: ir.Value, lanes: int) -> ir.Value:
    """A part with anything behind it."""
    there = part.type.shape[0]
    return part if there == lanes else shuffle(part, part, [*range(there), *[ANY] * (lanes - there)])


# -- ops -----------------------------------------------------------------------------------------


def _each(op: ir.Operation, make: Callable[[int, ir.VectorType], ir.Value]) -> Parts:
    """The parts of an op's result, of the lane that each begins with and its type."""
    return [make(at * LANES, type_) for at, type_ in enumerate(part_types(op.result.type))]


def elementwise(parts: Known, op: ir.Operation) -> Parts | None:
    """An op that does the same in each lane; None where it has several results."""
    if len(op.results) != 1:
        return None
    if op.name == "arith.constant":
        return _constant(op)
    columns = [parts.get(value) or [value] for value in op.operands]
    attributes = attributes_of(op)
    return [
        create(op.name, [c[at] if len(c) > 1 else c[0] for c in columns], [type_], attributes).result
        for at, type_ in enumerate(types_of(op.result.type))
    ]


def _constant(op: ir.Operation) -> Parts:
    value = ir.DenseElementsAttr(op.attributes["value"])
    if value.is_splat:
        return _each(op, lambda first, type_: constant(type_, value.get_splat_value()))
    whole = create("arith.constant", [], [op.result.type], attributes_of(op)).result
    return taken_apart(whole)


def _broadcast(parts: Known, op: ir.Operation) -> Parts | None:
    if isinstance(op.operands[0].type, ir.VectorType):
        return None
    return _each(op, lambda first, type_: spread(op.operands[0], type_))


def _step(parts: Known, op: ir.Operation) -> Parts:
    return _each(op, lambda first, type_: index_vector(type_.shape[0], index_constant(first)))


def _create_mask(parts: Known, op: ir.Operation) -> Parts:
    def part(first: int, type_: ir.VectorType) -> ir.Value:
        left = add_offset(op.operands[0], -first)
        return create("vector.create_mask", [left], [type_]).result

    return _each(op, part)


def _there(whole: ir.VectorType, first: int, type_: ir.VectorType, mask: ir.Value | None = None) -> ir.Value | None:
    """Which lanes of a part are within the vector, and in a mask; None for all."""
    left = whole.shape[0] - first
    lanes = type_.shape[0]
    if left >= lanes:
        return mask
    flag = ir.IntegerType.get_signless(1)
    flags = [ir.BoolAttr.get(lane < left) for lane in range(lanes)]
    kind = ir.VectorType.get([lanes], flag)
    inside = create("arith.constant", [], [kind], {"value": ir.DenseElementsAttr.get(flags, kind)}).result
    return inside if mask is None else create("arith.andi", [inside, mask], [kind]).result


def _at(indices: Sequence[ir.Value], first: int) -> list[ir.Value]:
    return [*indices[:-1], add_offset(indices[-1], first)]


def _load(parts: Known, op: ir.Operation) -> Parts:
    memref, *indices = op.operands

    def part(first: int, type_: ir.VectorType) -> ir.Value:
        at, mask = _at(indices, first), _there(op.result.type, first, type_)
        if mask is None:
            return create("vector.load", [memref, *at], [type_], attributes_of(op)).result
        none = constant(type_, _zero(type_))
        return create("vector.maskedload", [memref, *at, mask, none], [type_]).result

    return _each(op, part)


def _zero(type_: ir.Type) -> ir.Attribute:
    element = element_of(type_)
    return ir.FloatAttr.get(element, 0.0) if isinstance(element, ir.FloatType) else ir.IntegerAttr.get(element, 0)


def _masked_load(parts: Known, op: ir.Operation) -> Parts:
    memref, *indices, mask, other = op.operands
    masks, others = parts[mask], parts[other]

    def part(first: int, type_: ir.VectorType) -> ir.Value:
        number = first // LANES
        flags = _there(op.result.type, first, type_, masks[number])
        return create("vector.maskedload", [memref, *_at(indices, first), flags, others[number]], [type_]).result

    return _each(op, part)


def _gather(parts: Known, op: ir.Operation) -> Parts:
    memref, *indices, places, mask, other = op.operands
    places, masks, others = (parts[value] for value in (places, mask, other))

    def part(first: int, type_: ir.VectorType) -> ir.Value:
        number = first // LANES
        flags = _there(op.result.type, first, type_, masks[number])
        return create("vector.gather", [memref, *indices, places[number], flags, others[number]], [type_]).result

    return _each(op, part)


def _store(parts: Known, op: ir.Operation) -> Parts:
    value, memref, *indices = op.operands
    for number, part in enumerate(parts[value]):
        first = number * LANES
        at, mask = _at(indices, first), _there(value.type, first, part.type)
        if mask is None:
            create("vector.store", [part, memref, *at], attributes=attributes_of(op))
        else:
            create("vector.maskedstore", [memref, *at, mask, part])
    return []


def _masked_store(parts: Known, op: ir.Operation) -> Parts:
    memref, *indices, mask, value = op.operands
    for number, part in enumerate(parts[value]):
        first = number * LANES
        flags = _there(value.type, first, part.type, parts[mask][number])
        create("vector.maskedstore", [memref, *_at(indices, first), flags, part])
    return []


def _scatter(parts: Known, op: ir.Operation) -> Parts:
    memref, *indices, places, mask, value = op.operands
    for number, part in enumerate(parts[value]):
        flags = _there(value.type, number * LANES, part.type, parts[mask][number])
        create("vector.scatter", [memref, *indices, parts[places][number], flags, part])
    return []


def _shuffle(parts: Known, op: ir.Operation) -> Parts:
    sources = [parts.get(value) or _registers(value) for value in op.operands]
    length = op.operands[0].type.shape[0]
    lanes: list[Lane] = []
    for at, lane in enumerate(integers(op.attributes["mask"])):
        # Any lane will do where none is asked for: the one beside those of its register, but none of nothing.
        known = max(lane, 0)
        beside = lane == ANY and at % LANES > 0
        source = lanes[-1][0] if beside else sources[known // length][known % length // LANES]
        lanes.append((source, ANY if lane == ANY else known % length % LANES))
    types = part_types(op.result.type)
    if not types:
        width = min(LANES, len(lanes))
        made = [blended(lanes[at : at + width]) for at in range(0, len(lanes), width)]
        made[-1] = longer(made[-1], width)
        whole = side_by_side(made)
        return [shuffle(whole, whole, list(range(op.result.type.shape[0])))]
    made = []
    for at, type_ in enumerate(types):
        part = lanes[at * LANES : at * LANES + type_.shape[0]]
        made.append(blended([*part, *[part[0]] * (type_.shape[0] - len(part))]))
    return made


def _registers(value: ir.Value) -> Parts:
    """A vector that stays whole, register by register."""
    length = value.type.shape[0]
    return [shuffle(value, value, list(range(first, min(first + LANES, length)))) for first in range(0, length, LANES)]


def _reduction(parts: Known, op: ir.Operation) -> Parts:
    """Registers are folded into one, the last one with what changes nothing in the lanes that aren't there."""
    value, *init = op.operands
    kind = kind_name(op.attributes["kind"])
    *others, last = parts[value]
    left = value.type.shape[0] - LANES * len(others)
    if left < LANES:
        none = constant(last.type, neutral(kind, element_of(last.type)))
        beyond = last.type.shape[0]
        last = shuffle(last, none, [lane if lane < left else beyond for lane in range(LANES)])
    whole, *others = (*others, last)
    if kind in EXTREMES:  # One of many lanes says it best; a part that is there twice is no matter.
        every = [whole, *others]
        every += [whole] * ((1 << (len(every) - 1).bit_length()) - len(every))
        return [create("vector.reduction", [side_by_side(every), *init], [op.result.type], attributes_of(op)).result]
    for part in others:
        whole = combine(kind, whole, part, op.location)
    return [create("vector.reduction", [whole, *init], [op.result.type], attributes_of(op)).result]


def _extract(parts: Known, op: ir.Operation) -> Parts | None:
    (place,) = integers(op.attributes["static_position"])
    if len(list(op.operands)) > 1:
        return None
    part = parts[op.operands[0]][place // LANES]
    where = {"static_position": i64_array([place % LANES])}
    return [create("vector.extract", [part], [op.result.type], where).result]


def _from_elements(parts: Known, op: ir.Operation) -> Parts:
    elements = list(op.operands)

    def part(first: int, type_: ir.VectorType) -> ir.Value:
        own = elements[first : first + type_.shape[0]]
        own += [own[0]] * (type_.shape[0] - len(own))
        return create("vector.from_elements", own, [type_]).result

    return _each(op, part)


RULES: dict[str, Callable[[Known, ir.Operation], Parts | None]] = {
    "vector.broadcast": _broadcast,
    "vector.create_mask": _create_mask,
    "vector.extract": _extract,
    "vector.from_elements": _from_elements,
    "vector.gather": _gather,
    "vector.load": _load,
    "vector.maskedload": _masked_load,
    "vector.maskedstore": _masked_store,
    "vector.reduction": _reduction,
    "vector.scatter": _scatter,
    "vector.shuffle": _shuffle,
    "vector.step": _step,
    "vector.store": _store,
}
"""By op, how it is taken apart: the parts of its result, or its result; None where it can't be."""
