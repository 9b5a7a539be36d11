"""The two 8-bit floats, f8E4M3FN and f8E5M2, as integer arithmetic on their bits.

LLVM has neither type: they are bytes there. Each op on them is computed in f32 and rounded to
nearest, ties to even, as `ml_dtypes` does; an f64 is rounded to f32 first, which it does too:

    f8E4M3FN   s eeee mmm   bias 7    no infinities: beyond 448 all is NaN, 0x7f
    f8E5M2     s eeeee mm   bias 15   the upper byte of an f16: infinity is 0x7c, NaN 0x7e
"""

from __future__ import annotations

from dataclasses import dataclass

from powerfusion.core._mlir import create, element_of
from powerfusion.mlir import ir

F32_MANTISSA, F32_BIAS = 23, 127
ULT, UGT = 6, 8


@dataclass(frozen=True)
class Format:
    """An 8-bit float's layout: bits of its mantissa, bias, largest finite number, what is beyond, NaN."""

    mantissa: int
    bias: int
    largest: int
    beyond: int
    nan: int

    @property
    def dropped(self) -> int:
        """Bits of an f32's mantissa that there is no room for."""
        return F32_MANTISSA - self.mantissa

    @property
    def smallest_normal(self) -> int:
        """The smallest normal number, as an f32's bits."""
        return (F32_BIAS - self.bias + 1) << F32_MANTISSA

    @property
    def step(self) -> float:
        """The distance of subnormal numbers."""
        return 2.0 ** (1 - self.bias - self.mantissa)


FORMATS = {
    "f8E4M3FN": Format(mantissa=3, bias=7, largest=0x7E, beyond=0x7F, nan=0x7F),
    "f8E5M2": Format(mantissa=2, bias=15, largest=0x7B, beyond=0x7C, nan=0x7E),
}


def is_f8(type_: ir.Type) -> bool:
    """True for an 8-bit float, and vectors of one."""
    return str(element_of(type_)) in FORMATS


def decode(value: ir.Value) -> ir.Value:
    """An 8-bit float as f32, exactly."""
    form = FORMATS[str(element_of(value.type))]
    bits = _cast("arith.extui", _cast("arith.bitcast", value, _integer(8)), _integer(32))
    magnitude = _with("arith.andi", bits, 0x7F)
    normal = _with("arith.addi", _with("arith.shli", magnitude, form.dropped), (F32_BIAS - form.bias) << F32_MANTISSA)
    small = _cast("arith.uitofp", magnitude, ir.F32Type.get())
    small = create("arith.mulf", [small, _float(small.type, form.step)], [small.type]).result
    small = _cast("arith.bitcast", small, _integer(32))
    made = _select(_compare(ULT, magnitude, 1 << form.mantissa), small, normal)
    made = _select(_compare(UGT, magnitude, form.largest), _specials(form, magnitude), made)
    sign = _with("arith.shli", _with("arith.andi", bits, 0x80), 24)
    return _cast("arith.bitcast", create("arith.ori", [made, sign], [made.type]).result, ir.F32Type.get())


def _specials(form: Format, magnitude: ir.Value) -> ir.Value:
    """The f32 bits of what lies beyond the largest number: NaN, and infinity where there is one."""
    nan = _constant(magnitude.type, 0x7FC00000)
    if form.beyond == form.nan:
        return nan
    return _select(_compare(UGT, magnitude, form.beyond), nan, _constant(magnitude.type, 0x7F800000))


def encode(value: ir.Value, element: ir.Type) -> ir.Value:
    """An f32 rounded to an 8-bit float."""
    form = FORMATS[str(element)]
    bits = _cast("arith.bitcast", value, _integer(32))
    magnitude = _with("arith.andi", bits, 0x7FFFFFFF)
    even = _with("arith.andi", _with("arith.shrui", magnitude, form.dropped), 1)
    rounded = _with("arith.addi", magnitude, (1 << (form.dropped - 1)) - 1)
    rounded = create("arith.addi", [rounded, even], [even.type]).result
    rounded = _with("arith.subi", _with("arith.shrui", rounded, form.dropped), (F32_BIAS - form.bias) << form.mantissa)
    made = _select(_compare(ULT, magnitude, form.smallest_normal), _subnormal(form, magnitude), rounded)
    made = _select(_compare(UGT, magnitude, _overflow(form)), _constant(made.type, form.beyond), made)
    made = _select(_compare(UGT, magnitude, 0x7F800000), _constant(made.type, form.nan), made)
    sign = _with("arith.andi", _with("arith.shrui", bits, 24), 0x80)
    whole = create("arith.ori", [made, sign], [made.type]).result
    return _cast("arith.bitcast", _cast("arith.trunci", whole, _integer(8)), element)


def _overflow(form: Format) -> int:
    """The largest f32, as bits, that rounds to a finite number: halfway beyond the largest, if that is even."""
    largest = (form.largest << form.dropped) + ((F32_BIAS - form.bias) << F32_MANTISSA)
    half = 1 << (form.dropped - 1)
    return largest + half if form.largest % 2 == 0 else largest + half - 1


def _subnormal(form: Format, magnitude: ir.Value) -> ir.Value:
    """Adding a number whose last digit is the subnormals' step rounds to that."""
    f32 = ir.F32Type.get()
    number = _cast("arith.bitcast", magnitude, f32)
    magic = _float(number.type, form.step * 2**F32_MANTISSA)
    total = create("arith.addf", [number, magic], [number.type]).result
    return create(
        "arith.subi",
        [_cast("arith.bitcast", total, _integer(32)), _cast("arith.bitcast", magic, _integer(32))],
        [magnitude.type],
    ).result


# -- ops -----------------------------------------------------------------------------------------


def _integer(width: int) -> ir.IntegerType:
    return ir.IntegerType.get_signless(width)


def _as(type_: ir.Type, element: ir.Type) -> ir.Type:
    return ir.VectorType.get(type_.shape, element) if isinstance(type_, ir.VectorType) else element


def _cast(name: str, value: ir.Value, element: ir.Type) -> ir.Value:
    return create(name, [value], [_as(value.type, element)]).result


def _splat(type_: ir.Type, value: ir.Attribute) -> ir.Value:
    if isinstance(type_, ir.VectorType):
        value = ir.DenseElementsAttr.get_splat(type_, value)
    return create("arith.constant", results=[type_], attributes={"value": value}).result


def _constant(type_: ir.Type, bits: int) -> ir.Value:
    return _splat(type_, ir.IntegerAttr.get(element_of(type_), bits))


def _float(type_: ir.Type, number: float) -> ir.Value:
    return _splat(type_, ir.FloatAttr.get(element_of(type_), number))


def _with(name: str, value: ir.Value, bits: int) -> ir.Value:
    return create(name, [value, _constant(value.type, bits)], [value.type]).result


def _compare(predicate: int, value: ir.Value, bits: int) -> ir.Value:
    attributes = {"predicate": ir.IntegerAttr.get(_integer(64), predicate)}
    operands = [value, _constant(value.type, bits)]
    return create("arith.cmpi", operands, [_as(value.type, _integer(1))], attributes).result


def _select(flag: ir.Value, true: ir.Value, false: ir.Value) -> ir.Value:
    return create("arith.select", [flag, true, false], [true.type]).result
