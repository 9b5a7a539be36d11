"""Computation on tiles in C: elementwise ops, indices, splats, assertions, sums of products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from powerfusion.core._mlir import attributes_of, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import loops_of
from powerfusion.passes.lowering.emitc import code, scalars
from powerfusion.passes.lowering.emitc.arithmetic import combined, elementwise
from powerfusion.passes.lowering.emitc.carries import accumulator
from powerfusion.passes.lowering.emitc.code import Flag, Number
from powerfusion.passes.lowering.emitc.floats import SHARED_DIVISION
from powerfusion.passes.lowering.emitc.lowering import ELEMENTWISE, TARGET
from powerfusion.passes.lowering.emitc.scalar_op import Scalar
from powerfusion.passes.lowering.emitc.scalars import computed, is_float
from powerfusion.passes.lowering.emitc.tiles import Held, Index, Iota, Member, Tile, squeezed
from powerfusion.passes.lowering.registry import lowers

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.function import FunctionLowering


@lowers(ELEMENTWISE, to=TARGET)
def lower_elementwise(lowering: FunctionLowering, op: ir.Operation) -> None:
    """An `arith` or `math` op on tiles, in one loop with others of its shape."""
    if op.name == "arith.constant":
        _constant(lowering, op)
        return
    tiles = [lowering.tile(v) if isinstance(v.type, ir.ShapedType) else None for v in op.operands]
    lowering.bind(op.results, computed_by_element(lowering, op, tiles, tuple(op.results[0].type.shape)))


def computed_by_element(
    lowering: FunctionLowering, op: ir.Operation, tiles: Sequence[Tile | None], shape: tuple[int, ...]
) -> list[Tile]:
    """The results of an op on tiles of some shape, and on numbers where there is none; they may wait."""
    attributes = attributes_of(op)
    name = SHARED_DIVISION if _divides_by_one(lowering, op, tiles) else op.name
    elements = [v.type.element_type if isinstance(v.type, ir.ShapedType) else v.type for v in op.operands]
    held = [Held(shape, result.type.element_type) for result in op.results]

    def compute(index: Index) -> Sequence[ir.Value]:
        operands = [
            tile.at(index) if tile is not None else lowering.scalar(old)
            for tile, old in zip(tiles, op.operands, strict=True)
        ]
        results = [result.element for result in held]
        scalar = Scalar(name, operands, elements, results, attributes, lowering.helper, op.location)
        return lowering.compute_scalar(scalar)

    if squeezed(shape) and all(tile is None or tile.uniform for tile in tiles):
        lowering.settle(*(tile for tile in tiles if tile is not None))
        values = compute((0,) * len(shape))
        return [uniform(result.type, lambda v=v: v) for result, v in zip(op.results, values, strict=True)]
    lowering.join(Member(op, shape, compute, held), [tile for tile in tiles if tile is not None])
    return [Tile.of(result) for result in held]


def _divides_by_one(lowering: FunctionLowering, op: ir.Operation, tiles: Sequence[Tile | None]) -> bool:
    """Whether many elements are divided by one number, for which compilers with vectors have a quicker way."""
    if op.name != "arith.divf" or not lowering.hinted or computed(op.results[0].type.element_type) != ir.F32Type.get():
        return False
    dividend, divisor = tiles
    return dividend is not None and not dividend.uniform and (divisor is None or divisor.uniform)


def uniform(type_: ir.RankedTensorType, value: Callable[[], ir.Value]) -> Tile:
    """A tile whose elements are all one value."""
    return Tile(tuple(type_.shape), type_.element_type, lambda _: value(), uniform=True)


def _constant(lowering: FunctionLowering, op: ir.Operation) -> None:
    type_ = op.result.type
    splat = ir.DenseElementsAttr(op.attributes["value"]).get_splat_value()
    lowering.bind([op.result], [uniform(type_, lambda: scalars.constant(splat, type_.element_type))])


@lowers("tensor.splat", to=TARGET)
def lower_splat(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Nothing: the number itself, wherever an element is wanted."""
    value = lowering.scalar(op.operands[0])
    lowering.bind([op.result], [uniform(op.result.type, lambda: value)])


@lowers("gir.iota", to=TARGET)
def lower_iota(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Nothing: the loop's own index, wherever an element is wanted."""
    offsets = segments(op)[0]
    start: Number = lowering.number(offsets[0]) if offsets else 0
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    type_ = op.result.type

    def at(index: Index) -> ir.Value:
        return code.value_of(code.plus(start, index[dim]))

    shape = tuple(type_.shape)
    iota = Iota(start, lambda index: index[dim])
    lowering.bind([op.result], [Tile(shape, type_.element_type, at, uniform=shape[dim] == 1, iota=iota)])


def there(counts: Sequence[Number], index: Sequence[Number], shape: Sequence[int]) -> Flag:
    """Whether an element is within valid extents, given per dimension or not at all."""
    flag: Flag = True
    for count, place, size in zip(counts, index, shape, strict=False):
        if not isinstance(count, int) or count < size:
            flag = code.both(flag, code.below(place, count))
    return flag


@lowers("gir.assert", to=TARGET)
def lower_assert(lowering: FunctionLowering, op: ir.Operation) -> None:
    """The number of the assertion goes to the program's status where an element that is there fails."""
    old, *valid = op.operands
    tile, counts = lowering.tile(old), lowering.numbers(valid)
    number = lowering.program.number_of(ir.StringAttr(op.attributes["message"]).value)

    def compute(index: Index) -> Sequence[ir.Value]:
        failed = code.both(there(counts, index, tile.shape), code.negated(tile.at(index)))
        with code.when(failed):
            lowering.fail(number)
        return []

    lowering.join(Member(op, tile.shape, compute, meets=None), [tile])


# -- sums of products ------------------------------------------------------------------------------


@lowers("gir.contract", to=TARGET)
def lower_contract(lowering: FunctionLowering, op: ir.Operation) -> None:
    """A nest of loops, the accumulator's last dimension innermost, so that compilers make vectors of it."""
    lhs, rhs, acc, *valid = op.operands
    maps = [loops_of(attribute) for attribute in ir.ArrayAttr(op.attributes["maps"])]
    rank = ir.AffineMapAttr(op.attributes["maps"][0]).value.n_dims
    sizes = [1] * rank
    for value, dims in zip((lhs, rhs, acc), maps, strict=True):
        for dim, size in zip(dims, value.type.shape, strict=True):
            sizes[dim] = size
    counts = lowering.numbers(valid) or sizes
    factors = [lowering.tile(lhs), lowering.tile(rhs)]
    lowering.settle(*factors)
    lowering.group.flush()
    into = accumulator(lowering, op, acc, wide=computed(acc.type.element_type))
    summed = [dim for dim in range(rank) if dim not in maps[2]]
    order = [*maps[2][:-1], *summed, *maps[2][-1:]]
    place: dict[int, Number] = {}
    with ExitStack() as nest:
        for dim in order:
            bound = counts[dim]
            is_one = sizes[dim] == 1 and bound == 1
            place[dim] = 0 if is_one else nest.enter_context(code.loop(0, code.least(bound, sizes[dim])))
        left, right = (
            _widened(lowering, op, tile, tuple(place[dim] for dim in dims), into.type_)
            for tile, dims in zip(factors, maps[:2], strict=True)
        )
        element = acc.type.element_type
        where = into.place(tuple(place[dim] for dim in maps[2]))
        if is_float(element):
            name = "pf_fma_f64" if into.type_ == ir.F64Type.get() else "pf_fma_f32"
            total = lowering.helper(name, [left, right, code.load(where)], into.type_)
        else:
            total = combined("mul", left, right, element, lowering.helper)
            total = combined("add", code.load(where), total, element, lowering.helper)
        code.assign(total, where)
    lowering.values[op.result] = into.result()


def _widened(lowering: FunctionLowering, op: ir.Operation, tile: Tile, index: Index, type_: ir.Type) -> ir.Value:
    """A factor in the accumulator's type."""
    value = tile.at(index)
    if is_float(tile.element):
        return code.cast(value, type_)
    name = "arith.extui" if "is_unsigned" in op.attributes else "arith.extsi"
    result = op.result.type.element_type
    if tile.element == result:
        return value
    return elementwise(Scalar(name, [value], [tile.element], [result], {}, lowering.helper, op.location))[0]
