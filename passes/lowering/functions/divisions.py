"""Division of f32 lanes by one number that they share.

A vector division takes about as long as ten multiplications; the inverse of a shared divisor is computed once:

    q = x * (1 / s)      e = q s - x      x / s = q - e (1 / s)

e is exact, so that the result is the quotient or a neighbour of it; where |x| < 2^-100, e may underflow, and the
result is within 2 ulp. It is right for all numbers, as

- a divisor so small that its inverse would overflow is taken times 2^64, and x too;
- the divisor's sign is given to x: with `1 / s > 0` the correction of a zero is -0, and the zero keeps its sign;
- where s or x is zero or not finite, or q overflows, e is NaN, and q without it is right.
"""

from __future__ import annotations

import math

from powerfusion.core._mlir import create, defining_op
from powerfusion.mlir import ir
from powerfusion.passes.lowering.functions.lanes import Real

SMALL = 2.0**-100
SCALE = 2.0**64
LEAST_CONSTANT, MOST_CONSTANT = 2.0**-100, 2.0**100  # whose inverses have nothing to be minded


def by_shared(x: Real, divisor: Real) -> Real | None:
    """`x / divisor`, by the inverse of a divisor that the lanes share; None where they don't, or nothing is gained.

    A power of two is left: LLVM multiplies by its inverse, which is exact.
    """
    type_ = x.value.type
    op = defining_op(divisor.value)
    if op is None or not isinstance(type_, ir.VectorType):
        return None
    if op.name == "arith.constant":
        return _by_constant(x, op.attributes["value"])
    if op.name != "vector.broadcast" or isinstance(op.operands[0].type, ir.VectorType):
        return None
    shared = Real(op.operands[0])
    size = abs(shared)
    scale = (size < SMALL).choose(shared.of(SCALE), shared.of(1.0))
    size = size * scale
    inverse = size.of(1.0) / size
    signed = scale.with_sign_of(shared)
    return _divided(x * _spread(signed, type_), _spread(size, type_), _spread(inverse, type_))


def _by_constant(x: Real, attribute: ir.Attribute) -> Real | None:
    elements = ir.DenseElementsAttr(attribute)
    if not elements.is_splat:
        return None
    divisor = ir.FloatAttr(elements.get_splat_value()).value
    size = abs(divisor)
    if not LEAST_CONSTANT <= size <= MOST_CONSTANT or math.frexp(size)[0] == 0.5:
        return None
    return _divided(x if divisor > 0 else -x, x.of(size), x.of(1 / size))


def _divided(x: Real, size: Real, inverse: Real) -> Real:
    """`x / size` for a positive size."""
    quotient = x * inverse
    excess = quotient.times_plus(size, -x)
    better = excess.times_plus(-inverse, quotient)
    return better.is_nan().choose(quotient, better)


def _spread(shared: Real, type_: ir.Type) -> Real:
    return Real(create("vector.broadcast", [shared.value], [type_]).result)
