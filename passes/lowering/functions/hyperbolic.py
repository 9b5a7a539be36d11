"""Hyperbolic functions of f32."""

from __future__ import annotations

import math

from powerfusion.passes.lowering.functions.exponentials import EXP, reduced
from powerfusion.passes.lowering.functions.instructions import Avx512
from powerfusion.passes.lowering.functions.lanes import Real, polynomial
from powerfusion.passes.lowering.functions.pieces import odd, pieces_of

BORDER = 0.625
ONE_FROM = 9.5  # tanh rounds to 1 from 9.02 on
NEAR = (3.0000026, 1.1999586, -0.005528782)
"""x^3 / (x - tanh x) in x^2, for |x| <= 0.625; the error of tanh x is at most 5.5e-9, relative."""


def tanh(x: Real, avx512: Avx512 | None) -> Real:
    """`tanh x`, within 2 ulp: with AVX-512 by pieces, else by one division.

    Of |x| it is `x - x x^2 / P(x^2)` near 0, and `1 - 2 u / (1 + u)` with `u = e^(-2|x|)` farther out: in both the
    error of the quotient counts little. No power of 2 overflows.
    """
    if avx512:
        return odd(x, pieces_of(math.tanh), ONE_FROM, avx512)
    size = abs(x).at_most(ONE_FROM)
    square = size * size
    exponent, rest = reduced(-(size + size))
    far = polynomial(rest, EXP) * exponent.power(None)
    is_near = size < BORDER
    dividend = is_near.choose(square, far)
    quotient = dividend / is_near.choose(polynomial(square, NEAR), far + 1.0)
    whole, factor = is_near.choose(size, x.of(1.0)), is_near.choose(size, x.of(2.0))
    return (-quotient).times_plus(factor, whole).with_sign_of(x)
