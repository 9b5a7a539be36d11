"""Powers of f32.

    x^y = 2^(y log2 |x|)

whose exponent is worked out in f64: its digits before the point are lost to the fraction, which is the result's
mantissa. The sign, and what C says of zeros, infinities, NaN and negative numbers, is put right at the end.
"""

from __future__ import annotations

import math

from powerfusion.core._mlir import constant_of
from powerfusion.mlir import ir
from powerfusion.passes.lowering.functions.exponentials import EXP2, ROUNDER, Exponent
from powerfusion.passes.lowering.functions.instructions import Avx512
from powerfusion.passes.lowering.functions.lanes import Real, polynomial
from powerfusion.passes.lowering.functions.logarithms import LOG2_E, apart

LOG2 = (
    -0.721347518,
    0.480898299,
    -0.360674297,
    0.288545198,
    -0.240429049,
    0.205836506,
    -0.180326609,
    0.164548585,
    -0.152657769,
    0.115483444,
    -0.0450852303,
)
"""(log2(1 + f) - f log2 e) / f^2 for f of -1/4 to 1/2; the error of log2(1 + f) is at most 1.2e-10, relative."""
MOST_EXPONENT = 200.0  # 2^-200 is 0 and 2^200 infinite
MULTIPLIED = (2.0, 3.0, 4.0)
LEFT = (0.0, 1.0, -1.0, 0.5)


def has_short_form(y: Real) -> bool:
    """Whether an exponent is known, and a power of it few products, or such that LLVM knows what is shorter."""
    return _constant(y) in (*MULTIPLIED, *LEFT)


def multiplied(x: Real, y: Real) -> Real | None:
    """A power as products, within 2 ulp; None where it is left to LLVM."""
    constant = _constant(y)
    if constant not in MULTIPLIED:
        return None
    square = x * x
    return square if constant == 2.0 else square * (x if constant == 3.0 else square)


def power(x: Real, y: Real, avx512: Avx512 | None) -> Real:
    """`x^y`, within 4 ulp."""
    size = abs(x)
    exponent = (y.in_f64() * _log2(size, avx512)).at_least(-MOST_EXPONENT).at_most(MOST_EXPONENT)
    nearest = Exponent.nearest(exponent.in_f32() + ROUNDER)
    rest = (exponent - nearest.whole.in_f64()).in_f32()
    return _put_right(nearest.scale(polynomial(rest, EXP2), avx512), x, y)


def _constant(y: Real) -> float | None:
    """The number that is y in every lane, if it is known."""
    attribute = constant_of(y.value)
    if isinstance(attribute, ir.DenseElementsAttr):
        attribute = attribute.get_splat_value() if attribute.is_splat else None
    return ir.FloatAttr(attribute).value if attribute is not None else None


def _log2(size: Real, avx512: Avx512 | None) -> Real:
    """`log2` of what isn't negative, in f64."""
    exponent, mantissa = apart(size, avx512)
    fraction = mantissa.in_f64() - 1.0
    slope = polynomial(fraction, LOG2).times_plus(fraction, LOG2_E)
    value = slope.times_plus(fraction, exponent.in_f64())
    if avx512:
        return value
    wide = size.in_f64()
    value = (wide < math.inf).choose(value, wide)
    return wide.equals(0.0).choose(wide.of(-math.inf), value)


def _put_right(value: Real, x: Real, y: Real) -> Real:
    """The power of |x|, with its sign and exceptions."""
    half = y * 0.5
    is_whole = y.equals(y.truncated())
    is_odd = is_whole & half.differs(half.truncated())
    value = is_odd.choose(value.with_sign_of(x), value)
    has_none = (x < 0.0) & (x > -math.inf) & ~is_whole
    value = has_none.choose(x.of(math.nan), value)
    is_one = x.equals(1.0) | y.equals(0.0) | (x.equals(-1.0) & abs(y).equals(math.inf))
    return is_one.choose(x.of(1.0), value)
