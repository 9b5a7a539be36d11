"""Exponentials of f32: `2^n` times a polynomial in what is left.

    e^x = 2^n e^r      n = round(x / log 2)      r = x - n log 2, at most (log 2) / 2 in magnitude

`log 2` is two f32 numbers, so that r has but its own rounding error. n comes from adding a number so great that
the sum has no room for a fraction; the sum's low bits are n as an integer too.

AVX-512 multiplies by `2^n` in one instruction, right where the result overflows, underflows or is subnormal, and
rounds n down itself: for `e^x` n is a multiple of 1/16, the power of its fraction is looked up by the sum's four lowest
bits, and a polynomial of degree 3 is enough. `2^x` has no products before its polynomial, and keeps that: n may be
infinite, and where it is only great, the polynomial, of even degree, is positive or infinite. Elsewhere the factor is a
product of two whose exponents can be written down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from powerfusion.passes.lowering.functions.instructions import Avx512
from powerfusion.passes.lowering.functions.lanes import MANTISSA_BITS, ONE_BITS, Bits, Real, polynomial

LOG2_E = 1 / math.log(2)
LOG_2_HIGH = 0.693147182464599609375  # log 2 to f32
LOG_2_LOW = -1.904654299957768e-09  # and what that leaves
ROUNDER = 1.5 * 2.0**MANTISSA_BITS
ROUNDER_BITS = 0x4B400000

EXP = (1.0, 1.0, 0.49999994, 0.16666521, 0.041668255, 0.008368662, 0.0013821445)
"""e^r for |r| <= (log 2) / 2; its error is at most 3.2e-9, relative."""
EXP2 = (1.0, 0.6931472, 0.24022648, 0.0555036, 0.009618506, 0.0013390806, 0.00015326463)
"""2^r for |r| <= 1/2; its error is at most 3.0e-9, relative."""
EXPM1 = (0.49999997, 0.16666546, 0.041667443, 0.008366258, 0.0013869804)
"""(e^r - 1 - r) / r^2 for |r| <= (log 2) / 2; the error of e^r - 1 is at most 1.4e-8, relative."""

SIXTEENTH = (0.5000162, 0.16667056)
"""(e^r - 1 - r) / r^2 for |r| <= (log 2) / 32; the error of e^r is at most 1.6e-9."""
REST_MOST = 1.0
SIXTEENTHS = tuple(2.0 ** (number / 16) for number in range(16))

LEAST_HELD = -1e5  # 2^x is 0 long before it
EXP_LEAST, EXP_MOST = -104.0, 89.0
EXP2_LEAST, EXP2_MOST = -151.0, 129.0
EXPM1_LEAST, EXPM1_MOST = -30.0, 89.0


@dataclass(frozen=True)
class Exponent:
    """A whole number n, as it is and with `ROUNDER` added."""

    whole: Real
    shifted: Real

    @classmethod
    def nearest(cls, shifted: Real) -> Exponent:
        """From a number of which `ROUNDER` is a term."""
        return cls(shifted - ROUNDER, shifted)

    def bits(self) -> Bits:
        """As an integer, of at most 22 bits."""
        return self.shifted.bits() - ROUNDER_BITS

    def power(self, avx512: Avx512 | None) -> Real:
        """`2^n`: without AVX-512 for n of -126 to 127; with it for any, 0 and infinity included."""
        if avx512:
            return avx512.scaled(self.whole.of(1.0), self.whole)
        return _power(self.bits())

    def scale(self, x: Real, avx512: Avx512 | None) -> Real:
        """`x * 2^n`, rounded once: without AVX-512 for n of -252 to 254, and where `x * 2^(n / 2)` is exact."""
        if avx512:
            return avx512.scaled(x, self.whole)
        bits = self.bits()
        half = bits >> 1
        return x * _power(half) * _power(bits - half)


def _power(exponent: Bits) -> Real:
    return ((exponent << MANTISSA_BITS) + ONE_BITS).as_real()


def reduced(x: Real) -> tuple[Exponent, Real]:
    """What `e^x` is, `2^n e^r`: n and r."""
    exponent = Exponent.nearest(x.times_plus(LOG2_E, ROUNDER))
    rest = exponent.whole.times_plus(-LOG_2_HIGH, x)
    return exponent, exponent.whole.times_plus(-LOG_2_LOW, rest)


def exp(x: Real, avx512: Avx512 | None) -> Real:
    """`e^x`, within 1 ulp."""
    if avx512:
        return _by_sixteenths(x, avx512)
    held = x.at_least(EXP_LEAST).at_most(EXP_MOST)
    exponent, rest = reduced(held)
    return exponent.scale(polynomial(rest, EXP), avx512)


def _by_sixteenths(x: Real, avx512: Avx512) -> Real:
    """`e^x`: where n is great or no number, the rest is held to where its polynomial is positive, and n decides."""
    shifted = x.times_plus(LOG2_E, ROUNDER / 16)
    turns = shifted - ROUNDER / 16
    rest = turns.times_plus(-LOG_2_HIGH, x)
    rest = avx512.held(turns.times_plus(-LOG_2_LOW, rest), REST_MOST)
    power = avx512.looked_up_of_16(shifted.bits(), SIXTEENTHS)
    less_one = polynomial(rest, SIXTEENTH).times_plus(rest * rest, rest)
    return avx512.scaled(less_one.times_plus(power, power), turns)


def exp2(x: Real, avx512: Avx512 | None) -> Real:
    """`2^x`, within 1 ulp."""
    held = x.at_least(LEAST_HELD) if avx512 else x.at_least(EXP2_LEAST).at_most(EXP2_MOST)
    exponent = Exponent.nearest(held + ROUNDER)
    return exponent.scale(polynomial(held - exponent.whole, EXP2), avx512)


def expm1(x: Real, avx512: Avx512 | None) -> Real:
    """`e^x - 1`, within 1 ulp.

    `2^n (e^r - 1) + (2^n - 1)`, rounded once; of half of it, as `2^128` is infinite. The sign is that of x, also of 0.
    """
    exponent, rest = reduced(x.at_least(EXPM1_LEAST).at_most(EXPM1_MOST))
    less_one = (polynomial(rest, EXPM1) * rest).times_plus(rest, rest)
    half = Exponent(exponent.whole - 1.0, exponent.shifted - 1.0).power(avx512)
    value = less_one.times_plus(half, half - 0.5)
    return (value + value).with_sign_of(x)
