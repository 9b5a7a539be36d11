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
    return _moved(value, "xor", number(32, distance), max(WIDTH, 2 * distance))


def from_any_lane(value: ir.Value, lane: ir.Value, lanes: int) -> ir.Value:
    """What the lane of some number holds, an index."""
    return _moved(value, "idx", create("arith.index_cast", [lane], [ir.IntegerType.get_signless(32)]).result, lanes)


def _moved(value: ir.Value, mode: str, lane: ir.Value, lanes: int) -> ir.Value:
    """A shuffle of numbers of any width, as words of 32 bits."""
    type_ = value.type
    element = element_of(type_)
    if isinstance(element, ir.IndexType):
        i64 = ir.IntegerType.get_signless(64)
        moved = _moved(create("arith.index_cast", [value], [i64]).result, mode, lane, lanes)
        return create("arith.index_cast", [moved], [type_]).result
    width = ir.FloatType(element).width if isinstance(element, ir.FloatType) else ir.IntegerType(element).width
    bits = ir.IntegerType.get_signless(width)
    if element != bits:
        moved = _moved(create("arith.bitcast", [value], [bits]).result, mode, lane, lanes)
        return create("arith.bitcast", [moved], [type_]).result
    if width == 64:
        words = ir.VectorType.get([2], ir.IntegerType.get_signless(32))
        one = ir.VectorType.get([1], value.type)
        halves = create("vector.bitcast", [create("vector.broadcast", [value], [one]).result], [words]).result
        whole = joined([_shuffled(half, mode, lane, lanes) for half in elements_of(halves)])
        return elements_of(create("vector.bitcast", [whole], [one]).result)[0]
    if width != 32:
        word = create("arith.extui", [value], [ir.IntegerType.get_signless(32)]).result
        return create("arith.trunci", [_shuffled(word, mode, lane, lanes)], [type_]).result
    return _shuffled(value, mode, lane, lanes)


def _shuffled(word: ir.Value, mode: str, lane: ir.Value, lanes: int) -> ir.Value:
    flag = ir.IntegerType.get_signless(1)
    how = {"mode": ir.Attribute.parse(f"#gpu<shuffle_mode {mode}>")}
    return create("gpu.shuffle", [word, lane, number(32, lanes)], [word.type, flag], how).results[0]
