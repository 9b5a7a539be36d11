"""The error function of f32."""

from __future__ import annotations

import math

from powerfusion.passes.lowering.functions.exponentials import EXP, reduced
from powerfusion.passes.lowering.functions.instructions import Avx512
from powerfusion.passes.lowering.functions.lanes import Real, polynomial
from powerfusion.passes.lowering.functions.pieces import odd, pieces_of

BORDER = 0.925
ONE_FROM = 3.95  # erf rounds to 1 from 3.92 on
NEAR = (0.12837915, -0.3761249, 0.1128173, -0.026762916, 0.0049872524, -0.0005958971)
"""erf(x) / x - 1 in x^2, for |x| <= 0.93; the error of erf(x) is at most 1.8e-8, relative."""
FAR = (0.12851436, 0.6357183, 0.105261914, -0.022890039, 0.003214991, -0.00021399117)
"""-log(1 - erf(x)) / x - 1, for x of 0.92 to 3.92; the error of erf(x) is at most 3.0e-9, relative."""


def erf(x: Real, avx512: Avx512 | None) -> Real:
    """`erf x`, within 2 ulp: with AVX-512 by pieces, else `x + x P(x^2)` near 0, `1 - e^-(x + x Q(x))` farther out."""
    if avx512:
        return odd(x, pieces_of(math.erf), ONE_FROM, avx512)
    near = polynomial(x * x, NEAR).times_plus(x, x)
    size = abs(x).at_most(ONE_FROM)
    exponent, rest = reduced((-polynomial(size, FAR)).times_plus(size, -size))
    far = (-polynomial(rest, EXP)).times_plus(exponent.power(None), 1.0)
    return (size < BORDER).choose(near, far.with_sign_of(x))
