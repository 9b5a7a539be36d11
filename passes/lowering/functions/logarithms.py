"""Logarithms of f32: a multiple of a constant, and a polynomial in the mantissa.

    log x = k log 2 + log m      x = 2^k m      m of 3/4 to 3/2

so that k is 0 around 1, where log m alone is the result, to its last digits. AVX-512 takes a number apart in
instructions that are right for all numbers; elsewhere subnormal numbers are scaled first, and results that follow from
no mantissa are put right.
"""

from __future__ import annotations

import math

import numpy as np

from powerfusion.passes.lowering.functions.instructions import Avx512
from powerfusion.passes.lowering.functions.lanes import MANTISSA_BITS, ONE_BITS, Real, polynomial

LOG = (-0.5, 0.3333345, -0.2500011, 0.19990848, -0.16646878, 0.1447763, -0.13163939, 0.104725644, -0.045152422)
"""(log(1 + f) - f) / f^2 for f of -1/4 to 1/2; the error of log(1 + f) is at most 5.0e-9, relative."""

LOG_2 = math.log(2)
LOG2_E = 1 / math.log(2)
LOG10_E = 1 / math.log(10)
LOG10_2_HIGH = 0.3010299801826477  # log10 2 to f32, rounded down
LOG10_2_LOW = math.log10(2) - LOG10_2_HIGH  # positive too: an infinite exponent gives no NaN

SMALLEST_NORMAL = 2.0**-126
SUBNORMAL_BITS = 23  # a subnormal number times 2^23 is normal
THREE_QUARTERS_BITS = 0x3F400000
LEAST_INVERSE_EXPONENT = 126  # 2^-126 is normal


def log(x: Real, avx512: Avx512 | None) -> Real:
    """`log x`, within 2 ulp."""
    exponent, mantissa = apart(x, avx512)
    return _put_right(exponent.times_plus(LOG_2, _log_of_one_and(mantissa - 1.0)), x, avx512)


def log2(x: Real, avx512: Avx512 | None) -> Real:
    """`log2 x`, within 2 ulp; exact for powers of 2."""
    exponent, mantissa = apart(x, avx512)
    return _put_right(_log_in(LOG2_E, mantissa - 1.0, x.of(0.0)) + exponent, x, avx512)


def log10(x: Real, avx512: Avx512 | None) -> Real:
    """`log10 x`, within 2 ulp."""
    exponent, mantissa = apart(x, avx512)
    rest = _log_in(LOG10_E, mantissa - 1.0, exponent * LOG10_2_LOW)
    return _put_right(exponent.times_plus(LOG10_2_HIGH, rest), x, avx512)


def log1p(x: Real, avx512: Avx512 | None) -> Real:
    """`log(1 + x)`, within 2 ulp: the logarithm of the rounded sum, whose mantissa gets what was rounded off."""
    total = x + 1.0
    lost = x - (total - 1.0)
    exponent, mantissa = apart(total, avx512)
    if avx512:
        scale = avx512.scaled(x.of(1.0), -exponent)
        fraction = lost.times_plus(scale, mantissa - 1.0)
        fraction = abs(exponent).equals(math.inf).choose(x.of(0.0), fraction)
    else:
        scale = _power_of(-exponent.at_most(LEAST_INVERSE_EXPONENT))
        fraction = lost.times_plus(scale, mantissa - 1.0)
    value = exponent.times_plus(LOG_2, _log_of_one_and(fraction))
    return _put_right(value, total, avx512).with_sign_of(x)


def _log_of_one_and(fraction: Real) -> Real:
    """`log(1 + f)` for f of -1/4 to 1/2."""
    return polynomial(fraction, LOG).times_plus(fraction * fraction, fraction)


def _log_in(unit: float, fraction: Real, small: Real) -> Real:
    """`unit * log(1 + f)` for f of -1/4 to 1/2, plus something small; what the rounded unit misses is added too."""
    high = float(np.float32(unit))
    square = fraction * fraction
    rest = fraction.times_plus(unit - high, small)
    rest = (polynomial(fraction, LOG) * square).times_plus(unit, rest)
    return fraction.times_plus(high, rest)


def apart(x: Real, avx512: Avx512 | None) -> tuple[Real, Real]:
    """Exponent and mantissa; without AVX-512 right for positive finite numbers only."""
    if avx512:
        mantissa = avx512.mantissa(x)
        return avx512.exponent(x) - avx512.exponent(mantissa), mantissa
    is_small = x < SMALLEST_NORMAL
    normal = is_small.choose(x * 2.0**SUBNORMAL_BITS, x)
    exponent = (normal.bits() - THREE_QUARTERS_BITS) >> MANTISSA_BITS
    mantissa = (normal.bits() - (exponent << MANTISSA_BITS)).as_real()
    shift = is_small.choose(x.of(-float(SUBNORMAL_BITS)), x.of(0.0))
    return exponent.to_real() + shift, mantissa


def _power_of(exponent: Real) -> Real:
    """`2^n` for n of -126 to 127, a whole number."""
    return ((exponent.to_bits() << MANTISSA_BITS) + ONE_BITS).as_real()


def _put_right(value: Real, x: Real, avx512: Avx512 | None) -> Real:
    """Without AVX-512 the logarithms of infinity and NaN, of 0, and of what is negative."""
    if avx512:
        return value
    value = (x < math.inf).choose(value, x)
    value = x.equals(0.0).choose(x.of(-math.inf), value)
    return (x < 0.0).choose(x.of(math.nan), value)
