"""How lanes of a unit combine what each holds: butterflies of shuffles over the bits of a dimension."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from powerfusion.core._mlir import create, element_of
from powerfusion.mlir import ir
from powerfusion.passes.lowering.gpu.fragments import elements_of, joined
from powerfusion.passes.lowering.gpu.lanes import Dealt
from powerfusion.passes.lowering.intrinsics import number

Combine = Callable[[Sequence[ir.Value], Sequence[ir.Value]], Sequence[ir.Value]]
"""Combines values of later elements with those of earlier ones."""
WIDTH = 32  # lanes that a shuffle reaches, on machines of 32 lanes and of 64


def strides_along(dims: Sequence[Dealt]) -> list[int]:
    """The distances over which lanes exchange to fold some dimensions, nearest elements first."""
    return [dim.stride << bit for dim in reversed(dims) for bit in range(dim.lanes.bit_length() - 1)]


def butterfly(values: Sequence[ir.Value], strides: Sequence[int], combine: Combine) -> list[ir.Value]:
    """Folds what lanes hold that are apart by some strides; all of them then hold the same.

    The order in which two lanes' values are combined is the same in both, so that they agree to the bit.
    """
    made = list(values)
    for stride in strides:
        others = [from_lane(value, stride) for value in made]
        made = list(combine(others, made))
    return made


def from_lane(value: ir.Value, distance: int) -> ir.Value:
    """What the lane holds whose number differs in the bits of a distance."""
    type_ = value.type
    element = element_of(type_)
    if isinstance(element, ir.IndexType):
        i64 = ir.IntegerType.get_signless(64)
        moved = from_lane(create("arith.index_cast", [value], [i64]).result, distance)
        return create("arith.index_cast", [moved], [type_]).result
    width = ir.FloatType(element).width if isinstance(element, ir.FloatType) else ir.IntegerType(element).width
    bits = ir.IntegerType.get_signless(width)
    if element != bits:
        moved = from_lane(create("arith.bitcast", [value], [bits]).result, distance)
        return create("arith.bitcast", [moved], [type_]).result
    if width == 64:
        return _in_halves(value, distance)
    if width != 32:
        word = create("arith.extui", [value], [ir.IntegerType.get_signless(32)]).result
        return create("arith.trunci", [_shuffled(word, distance)], [type_]).result
    return _shuffled(value, distance)


def _in_halves(value: ir.Value, distance: int) -> ir.Value:
    words = ir.VectorType.get([2], ir.IntegerType.get_signless(32))
    one = ir.VectorType.get([1], value.type)
    halves = create("vector.bitcast", [create("vector.broadcast", [value], [one]).result], [words]).result
    moved = joined([_shuffled(half, distance) for half in elements_of(halves)])
    return elements_of(create("vector.bitcast", [moved], [one]).result)[0]


def _shuffled(word: ir.Value, distance: int) -> ir.Value:
    flag = ir.IntegerType.get_signless(1)
    mode = {"mode": ir.Attribute.parse("#gpu<shuffle_mode xor>")}
    operands = [word, number(32, distance), number(32, max(WIDTH, 2 * distance))]
    return create("gpu.shuffle", operands, [word.type, flag], mode).results[0]
