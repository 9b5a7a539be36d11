"""Instructions of x86 that do what takes many others: of AVX-512 (F and DQ), on 16 lanes of f32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import create, i64_array
from powerfusion.mlir import ir
from powerfusion.passes.lowering.functions.lanes import Bits, Real
from powerfusion.passes.lowering.intrinsics import intrinsic, number
from powerfusion.passes.lowering.shuffles import ANY, shuffle

LANES = 16
CURRENT_ROUNDING = 4
MAGNITUDE_FORM = 0b0010  # the less in magnitude, with the sign of the first
LARGER_FORM, LESS_FORM = 0b0101, 0b0100  # with the sign of what is taken
MANTISSA_FORM = 0b1111  # of 3/4 to 3/2, positive, NaN of negative numbers


@dataclass(frozen=True)
class Avx512:
    """The instructions; every operand and result is a `vector<16xf32>`."""

    def scaled(self, x: Real, exponent: Real) -> Real:
        """`x * 2^floor(exponent)`, rounded once, subnormal results included.

        Infinite exponents give infinity or zero even of a quiet NaN; a NaN of an exponent gives NaN.
        """
        return _call("mask.scalef.ps.512", [x, exponent, x], [_all_lanes(), _rounding()])

    def exponent(self, x: Real) -> Real:
        """`floor(log2(abs(x)))`, of subnormals too; -inf of 0, +inf of infinities, NaN of NaN."""
        return _call("mask.getexp.ps.512", [x, x], [_all_lanes(), _rounding()])

    def mantissa(self, x: Real) -> Real:
        """A number of 3/4 to 3/2 that is x times a power of 2; 1 of 0 and infinities, NaN of what is negative."""
        return _call("mask.getmant.ps.512", [x], [number(32, MANTISSA_FORM), x.value, _all_lanes(), _rounding()])

    def inverse_root(self, x: Real) -> Real:
        """`1 / sqrt(x)` to 14 bits; infinity of 0, 0 of infinity, NaN of what is negative."""
        return _call("rsqrt14.ps.512", [x, x], [_all_lanes()])

    def held(self, x: Real, most: float) -> Real:
        """A number of at most some magnitude, its sign kept; that magnitude of what is greater, and of NaN."""
        others = [number(32, MAGNITUDE_FORM), x.value, _all_lanes(), _rounding()]
        return _call("mask.range.ps.512", [x, x.of(most)], others)

    def looked_up_of_16(self, number: Bits, table: Sequence[float]) -> Real:
        """Per lane one of 16 numbers, by the four lowest bits."""
        return _call("permvar.sf.512", [_table(table), number])

    def looked_up(self, number: Bits, table: Sequence[float]) -> Real:
        """Per lane one of 32 numbers, by the five lowest bits."""
        lower, upper = (_table(table[start : start + LANES]) for start in (0, LANES))
        return _call("vpermi2var.ps.512", [lower, number, upper])


def extreme(x: Real, y: Real, largest: bool) -> Real:
    """The larger or the lesser of two numbers, 0 above -0; of a quiet NaN and a number the number."""
    others = [number(32, LARGER_FORM if largest else LESS_FORM), x.value, _all_lanes(), _rounding()]
    return _call("mask.range.ps.512", [x, y], others)


def _table(numbers: Sequence[float]) -> Real:
    f32 = ir.F32Type.get()
    type_ = ir.VectorType.get([LANES], f32)
    elements = ir.DenseElementsAttr.get([ir.FloatAttr.get(f32, number) for number in numbers], type_)
    return Real(create("arith.constant", results=[type_], attributes={"value": elements}).result)


def _call(name: str, operands: Sequence[Real | Bits], others: Sequence[ir.Value] = ()) -> Real:
    values = [*(operand.value for operand in operands), *others]
    return Real(intrinsic(f"x86.avx512.{name}", values, values[0].type))


def _all_lanes() -> ir.Value:
    return number(16, -1)


def _rounding() -> ir.Value:
    return number(32, CURRENT_ROUNDING)


def in_pieces(function: Callable[..., Real], *operands: Real) -> Real:
    """A function of 16 lanes applied to as many as there are; to a scalar as to one lane.

    The lanes that are missing in the last piece hold anything.
    """
    type_ = operands[0].value.type
    if not isinstance(type_, ir.VectorType):
        (lanes,) = (ir.VectorType.get([LANES], type_),)
        wide = [Real(create("vector.broadcast", [operand.value], [lanes]).result) for operand in operands]
        return Real(_extract(function(*wide).value, type_))
    count = type_.shape[0]
    if count == LANES:
        return function(*operands)
    pieces = [
        function(*(Real(_lanes(operand.value, start, LANES)) for operand in operands))
        for start in range(0, count, LANES)
    ]
    joined = pieces[0].value
    for piece in pieces[1:]:
        joined = _joined(joined, piece.value)
    return Real(joined if joined.type == type_ else _lanes(joined, 0, count))


def _extract(vector: ir.Value, element: ir.Type) -> ir.Value:
    return create("vector.extract", [vector], [element], {"static_position": i64_array([0])}).result


def _lanes(vector: ir.Value, start: int, count: int) -> ir.Value:
    """Some lanes in a row; those past the vector's last hold anything."""
    there = vector.type.shape[0]
    return shuffle(vector, vector, [at if at < there else ANY for at in range(start, start + count)])


def _joined(left: ir.Value, right: ir.Value) -> ir.Value:
    """The lanes of two vectors, the right one of at most as many, one after another."""
    first, second = left.type.shape[0], right.type.shape[0]
    widened = right if first == second else _lanes(right, 0, first)
    return shuffle(left, widened, range(first + second))
