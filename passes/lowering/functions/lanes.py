"""What functions of f32 are written in: numbers and their bits, scalars or vectors alike.

    def cube(x: Real) -> Real:
        return x * x * x

emits ops at the current insertion point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import create, element_of
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import OEQ, OLT, UNO, compare, constant, with_element

OGT, ONE = 2, 6
ONE_BITS = 0x3F800000
MANTISSA_BITS = 23


@dataclass(frozen=True)
class Flag:
    """Whether something holds: i1, or a vector of it."""

    value: ir.Value

    def choose(self, true: Real, false: Real) -> Real:
        """One of two numbers."""
        return Real(create("arith.select", [self.value, true.value, false.value], [true.value.type]).result)

    def __and__(self, other: Flag) -> Flag:
        return Flag(_same("arith.andi", self.value, other.value))

    def __or__(self, other: Flag) -> Flag:
        return Flag(_same("arith.ori", self.value, other.value))

    def __invert__(self) -> Flag:
        true = constant(self.value.type, ir.IntegerAttr.get(element_of(self.value.type), 1))
        return Flag(_same("arith.xori", self.value, true))


@dataclass(frozen=True)
class Real:
    """A number: f32 or f64, or a vector of it. Python's numbers stand for constants."""

    value: ir.Value

    def of(self, number: float) -> Real:
        """A constant of the same type, rounded to it."""
        type_ = self.value.type
        return Real(constant(type_, ir.FloatAttr.get(element_of(type_), number)))

    def _with(self, name: str, other: Real | float) -> Real:
        return Real(_same(name, self.value, self._real(other).value))

    def _real(self, other: Real | float) -> Real:
        return other if isinstance(other, Real) else self.of(other)

    def __add__(self, other: Real | float) -> Real:
        return self._with("arith.addf", other)

    def __sub__(self, other: Real | float) -> Real:
        return self._with("arith.subf", other)

    def __mul__(self, other: Real | float) -> Real:
        return self._with("arith.mulf", other)

    def __truediv__(self, other: Real | float) -> Real:
        return self._with("arith.divf", other)

    def __neg__(self) -> Real:
        return Real(_same("arith.negf", self.value))

    def __abs__(self) -> Real:
        return Real(_same("math.absf", self.value))

    def times_plus(self, factor: Real | float, term: Real | float) -> Real:
        """`self * factor + term`, rounded once."""
        operands = [self.value, self._real(factor).value, self._real(term).value]
        return Real(create("math.fma", operands, [self.value.type]).result)

    def with_sign_of(self, other: Real) -> Real:
        """Its magnitude, with another number's sign."""
        return Real(_same("math.copysign", self.value, other.value))

    def compare(self, predicate: int, other: Real | float) -> Flag:
        """A comparison of floats."""
        return Flag(compare("arith.cmpf", predicate, self.value, self._real(other).value))

    def __lt__(self, other: Real | float) -> Flag:
        return self.compare(OLT, other)

    def __gt__(self, other: Real | float) -> Flag:
        return self.compare(OGT, other)

    def equals(self, other: Real | float) -> Flag:
        """Whether they are equal: false of NaN."""
        return self.compare(OEQ, other)

    def differs(self, other: Real | float) -> Flag:
        """Whether they are numbers, but not equal."""
        return self.compare(ONE, other)

    def is_nan(self) -> Flag:
        """Whether it is no number."""
        return self.compare(UNO, self)

    def at_least(self, least: float) -> Real:
        """The greater of it and a constant; NaN stays NaN. One instruction on x86."""
        return (self < least).choose(self.of(least), self)

    def at_most(self, most: float) -> Real:
        """The less of it and a constant; NaN stays NaN. One instruction on x86."""
        return (self > most).choose(self.of(most), self)

    def bits(self) -> Bits:
        """Its 32 bits."""
        type_ = with_element(self.value.type, ir.IntegerType.get_signless(32))
        return Bits(create("arith.bitcast", [self.value], [type_]).result)

    def square_root(self) -> Real:
        """Its square root, rounded once."""
        return Real(_same("math.sqrt", self.value))

    def truncated(self) -> Real:
        """Without its fraction."""
        return Real(_same("math.trunc", self.value))

    def in_f64(self) -> Real:
        """An f32 number in f64."""
        return Real(create("arith.extf", [self.value], [with_element(self.value.type, ir.F64Type.get())]).result)

    def in_f32(self) -> Real:
        """An f64 number, rounded to f32."""
        return Real(create("arith.truncf", [self.value], [with_element(self.value.type, ir.F32Type.get())]).result)

    def to_bits(self) -> Bits:
        """As an integer of 32 bits, which it must fit in."""
        type_ = with_element(self.value.type, ir.IntegerType.get_signless(32))
        return Bits(create("arith.fptosi", [self.value], [type_]).result)


@dataclass(frozen=True)
class Bits:
    """A 32-bit word: i32, or a vector of it. Python's integers stand for constants, modulo 2^32."""

    value: ir.Value

    def of(self, number: int) -> Bits:
        """A constant of the same type."""
        type_ = self.value.type
        signed = (number + (1 << 31)) % (1 << 32) - (1 << 31)
        return Bits(constant(type_, ir.IntegerAttr.get(element_of(type_), signed)))

    def _with(self, name: str, other: Bits | int) -> Bits:
        return Bits(_same(name, self.value, (other if isinstance(other, Bits) else self.of(other)).value))

    def __add__(self, other: Bits | int) -> Bits:
        return self._with("arith.addi", other)

    def __sub__(self, other: Bits | int) -> Bits:
        return self._with("arith.subi", other)

    def __and__(self, other: Bits | int) -> Bits:
        return self._with("arith.andi", other)

    def __xor__(self, other: Bits | int) -> Bits:
        return self._with("arith.xori", other)

    def __lshift__(self, count: int) -> Bits:
        return self._with("arith.shli", count)

    def __rshift__(self, count: int) -> Bits:
        """Keeps the sign."""
        return self._with("arith.shrsi", count)

    def equals(self, other: Bits | int) -> Flag:
        """Whether they are equal."""
        right = other if isinstance(other, Bits) else self.of(other)
        return Flag(compare("arith.cmpi", 0, self.value, right.value))

    def as_real(self) -> Real:
        """The f32 that has these bits."""
        type_ = with_element(self.value.type, ir.F32Type.get())
        return Real(create("arith.bitcast", [self.value], [type_]).result)

    def to_real(self) -> Real:
        """The number that it is, read as signed."""
        type_ = with_element(self.value.type, ir.F32Type.get())
        return Real(create("arith.sitofp", [self.value], [type_]).result)


def polynomial(x: Real, coefficients: Sequence[float]) -> Real:
    """A polynomial by Horner's rule, each step rounded once; the constant term first."""
    *rest, last = coefficients
    value = x.of(last)
    for coefficient in reversed(rest):
        value = value.times_plus(x, coefficient)
    return value


def _same(name: str, *operands: ir.Value) -> ir.Value:
    return create(name, operands, [operands[0].type]).result
