"""Functions that level off, by a table: a polynomial for each quarter of an octave, looked up in registers.

AVX-512 picks each of 16 lanes out of 32 numbers in one instruction. Which of 32 pieces a number lies in is what its
three lowest bits of exponent and two highest of mantissa say:

    |x|      0          1/16  5/64  6/64  7/64   1/8  ...   8    10    12   14   16
    piece    |------ 12 ------|--13-|--14-|--15--|---- ...  |- 8 -|- 9 -|-10-|-11-|

The first piece reaches to 0. In each, the function less the distance from the piece's middle is a polynomial in it; the
middle of the first is 0. Without the distance, which is exact, the slope at 0 would be rounded twice. The middles are
such that the constant terms are rounded by very little.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from powerfusion.passes.lowering.functions.instructions import Avx512
from powerfusion.passes.lowering.functions.lanes import MANTISSA_BITS, Real

DEGREE = 5  # whose error is below 2^-26 of tanh and erf
PIECES = 32
QUARTER_BITS = 2
QUARTERS = 1 << QUARTER_BITS
LEAST_EXPONENT, MOST_EXPONENT = -4, 4
EXPONENT_BIAS = 127
CANDIDATES = 256

Function = Callable[[float], float]


@dataclass(frozen=True)
class Pieces:
    """A function's pieces, in the order of their numbers.

    Args:
        middles: What is subtracted in each.
        constants: The function there.
        coefficients: Per power from the first on those of all pieces; of the first less 1.
    """

    middles: tuple[float, ...]
    constants: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]


@cache
def pieces_of(function: Function) -> Pieces:
    """The pieces of an odd function, interpolated in f64 at Chebyshev's points."""
    first = 2.0**LEAST_EXPONENT * (1 + 1 / QUARTERS)
    middles, rows = [0.0] * PIECES, [_odd_polynomial(function, first)] * PIECES
    for exponent in range(LEAST_EXPONENT, MOST_EXPONENT):
        for quarter in range(QUARTERS):
            start, width = 2.0**exponent * (1 + quarter / QUARTERS), 2.0**exponent / QUARTERS
            number = ((exponent + EXPONENT_BIAS) * QUARTERS + quarter) % PIECES
            if start >= first:
                middles[number] = _accurate_point(function, start + width / 2)
                rows[number] = _interpolated(function, middles[number], width / 2, DEGREE)
    constants, slopes, *others = zip(*rows, strict=True)
    return Pieces(tuple(middles), constants, (tuple(slope - 1.0 for slope in slopes), *others))


def _accurate_point(function: Function, near: float) -> float:
    """Of the f32 numbers from one on, the one where a function is nearest to an f32 number, as in Gal's tables."""
    points = near + np.arange(CANDIDATES) * float(np.spacing(np.float32(near)))
    values = np.array([function(point) for point in points])
    return float(points[np.abs(values.astype(np.float32) - values).argmin()])


def _odd_polynomial(function: Function, most: float) -> list[float]:
    """Coefficients where a number is at most so large: x times a polynomial in x^2, of a small relative error."""

    def of_square(square: float) -> float:
        return function(math.sqrt(square)) / math.sqrt(square)

    half = most * most / 2
    shifted = np.polynomial.Polynomial(_interpolated(of_square, half, half, DEGREE // 2))
    squares = shifted(np.polynomial.Polynomial([-half, 1.0])).coef
    return [float(squares[power // 2]) if power % 2 else 0.0 for power in range(DEGREE + 1)]


def _interpolated(function: Function, middle: float, half: float, degree: int) -> list[float]:
    """Coefficients of the polynomial in the distance from a middle, where that is at most a half."""
    points = np.polynomial.chebyshev.chebpts1(degree + 1)
    values = [function(middle + half * point) for point in points]
    scaled = np.polynomial.chebyshev.cheb2poly(np.polynomial.chebyshev.chebfit(points, values, degree))
    return [float(coefficient / half**power) for power, coefficient in enumerate(scaled)]


def odd(x: Real, pieces: Pieces, most: float, avx512: Avx512) -> Real:
    """An odd function of 16 lanes.

    Args:
        x: Any numbers.
        pieces: The function's.
        most: From where on it is, to f32, what it is there; less than 16.
        avx512: The instructions.
    """
    size = abs(x).at_most(most)
    number = size.at_least(2.0**LEAST_EXPONENT).bits() >> (MANTISSA_BITS - QUARTER_BITS)
    distance = size - avx512.looked_up(number, pieces.middles)
    *rest, last = pieces.coefficients
    value = avx512.looked_up(number, last)
    for coefficients in reversed(rest):
        value = value.times_plus(distance, avx512.looked_up(number, coefficients))
    start = distance + avx512.looked_up(number, pieces.constants)
    return value.times_plus(distance, start).with_sign_of(x)
