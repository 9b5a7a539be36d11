"""Sine and cosine of f32, of radians.

    x = n (pi / 2) + r      |r| at most pi / 4

where the two lowest bits of n say which of sine and cosine of r the result is, and with which sign. Up to 2^17 in
magnitude n times each of three f32 parts of pi / 2 is subtracted exactly or with an error far below that of r. Lanes
beyond it are rare: where there are any, each lane is a call of the C library.
"""

from __future__ import annotations

import math
from math import prod

from powerfusion.core._mlir import DYNAMIC, create, element_of, i64_array, index_constant
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import call_lanes
from powerfusion.passes.lowering.functions.exponentials import ROUNDER
from powerfusion.passes.lowering.functions.instructions import Avx512
from powerfusion.passes.lowering.functions.lanes import Real, polynomial
from powerfusion.passes.lowering.registers import extract_at

MOST = 2.0**17
HALF_PI = (1.570796251296997, 7.549789415861596e-08, 5.390302529957765e-15)
"""Pi / 2 in three parts, all positive, so that -0 is its own remainder: each f32, just below what the others leave."""
SIN = (-0.16666655, 0.008332189, -0.00019518286)
"""(sin r - r) / r^3 in r^2 for |r| <= pi / 4; the error of sin r is at most 4.0e-9, relative."""
COS = (0.041666646, -0.001388731, 2.4432327e-05)
"""(cos r - 1 + r^2 / 2) / r^4 in r^2 for |r| <= pi / 4; the error of cos r is at most 1.2e-10, relative."""


def sin(x: Real, _: Avx512 | None) -> Real:
    """`sin x`, within 2 ulp."""
    return _checked("sin", x, _by_quadrant(x, 0))


def cos(x: Real, _: Avx512 | None) -> Real:
    """`cos x`, within 2 ulp."""
    return _checked("cos", x, _by_quadrant(x, 1))


def _by_quadrant(x: Real, turned: int) -> Real:
    """The sine of x and so many right angles, where x isn't too large."""
    shifted = x.times_plus(2 / math.pi, ROUNDER)
    turns = shifted - ROUNDER
    rest = x
    for part in HALF_PI:
        rest = turns.times_plus(-part, rest)
    square = rest * rest
    sine = (polynomial(square, SIN) * square).times_plus(rest, rest).with_sign_of(rest)
    cosine = polynomial(square, COS).times_plus(square, -0.5).times_plus(square, 1.0)
    quadrant = shifted.bits() + turned
    chosen = (quadrant & 1).equals(0).choose(sine, cosine)
    return (chosen.bits() ^ ((quadrant & 2) << 30)).as_real()


def _checked(name: str, x: Real, value: Real) -> Real:
    """A value, or what the C library says where a lane is finite and too large for it."""
    size = abs(x)
    is_large = (size > MOST) & (size < math.inf)
    branch = create("scf.if", [_any(is_large.value)], [value.value.type], regions=2)
    with ir.InsertionPoint(branch.regions[0].blocks.append()):
        create("scf.yield", [_lane_by_lane(name, x.value)])
    with ir.InsertionPoint(branch.regions[1].blocks.append()):
        create("scf.yield", [value.value])
    return Real(branch.result)


def _any(flags: ir.Value) -> ir.Value:
    """Whether a flag holds in any lane."""
    if not isinstance(flags.type, ir.VectorType):
        return flags
    kind = ir.Attribute.parse("#vector.kind<or>")
    flat = ir.VectorType.get([prod(flags.type.shape)], flags.type.element_type)
    lanes = flags if flags.type == flat else create("vector.shape_cast", [flags], [flat]).result
    return create("vector.reduction", [lanes], [flat.element_type], {"kind": kind}).result


def _lane_by_lane(name: str, x: ir.Value) -> ir.Value:
    """A function of the C library, of each lane in a loop: short code, as it is rarely run."""
    type_ = x.type
    if not isinstance(type_, ir.VectorType):
        return call_lanes(name, [x], type_)
    flat = ir.VectorType.get([prod(type_.shape)], type_.element_type)
    lanes = x if type_ == flat else create("vector.shape_cast", [x], [flat]).result
    bounds = [index_constant(0), index_constant(flat.shape[0]), index_constant(1)]
    loop = create("scf.for", [*bounds, lanes], [flat], regions=1)
    block = loop.regions[0].blocks.append(ir.IndexType.get(), flat, arg_locs=[loop.location] * 2)
    with ir.InsertionPoint(block):
        lane, made = block.arguments
        made = _insert_at(call_lanes(name, [extract_at(made, lane)], element_of(flat)), made, lane)
        create("scf.yield", [made])
    return loop.result if type_ == flat else create("vector.shape_cast", [loop.result], [type_]).result


def _insert_at(value: ir.Value, vector: ir.Value, lane: ir.Value) -> ir.Value:
    """A vector with another value in a lane, whose number is known only when the program runs."""
    place = {"static_position": i64_array([DYNAMIC])}
    return create("vector.insert", [value, vector, lane], [vector.type], place).result
