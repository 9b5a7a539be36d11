"""Inverse square roots of f32."""

from __future__ import annotations

from powerfusion.passes.lowering.functions.instructions import Avx512
from powerfusion.passes.lowering.functions.lanes import Real


def rsqrt(x: Real, avx512: Avx512 | None) -> Real:
    """`1 / sqrt(x)`, within 2 ulp: with AVX-512 a guess of 14 bits, and a step of Newton's.

    Of zero and infinity the guess is the result, and the step would be NaN.
    """
    if avx512 is None:
        return x.of(1.0) / x.square_root()
    guess = avx512.inverse_root(x)
    excess = (x * guess).times_plus(guess, -1.0)
    better = excess.times_plus(guess * -0.5, guess)
    return excess.is_nan().choose(guess, better)
