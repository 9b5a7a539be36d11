"""Sums of products: matmuls, convolutions and their relatives become `gir.contract`.

Where the body is `acc += widen(a) * widen(b)` and `a` and `b` are operands, they stay as small as
they are: nothing is broadcast, and the maps say which dimension each runs over. A convolution is
one too, once its input is windowed.

    acc(d0, d1) += a(d0, d2) * b(d2, d1)   ⇒   gir.contract %a, %b into %acc maps [...]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import create, defining_op, element_of
from powerfusion.mlir import ir
from powerfusion.passes.raising.bodies import Body, Lifted
from powerfusion.passes.raising.reading import Reading
from powerfusion.passes.raising.reductions import inits_of, kind_of

PRODUCTS = ("arith.mulf", "arith.muli")
SHIFTS = ("arith.subi", "arith.subf")
WIDENING = ("arith.extf", "arith.extsi", "arith.extui")
CASTS = (*WIDENING, "arith.truncf", "arith.trunci", "arith.sitofp", "arith.uitofp", "arith.fptosi", "arith.fptoui")
MIN_INTEGER_BITS = 8


@dataclass(frozen=True)
class Factor:
    """One side of a product.

    Attributes:
        value: The value of the body that the contraction takes; what widens it is left out.
        argument: The operand that it is computed from.
        cast: The name of the widening cast left out, if one was.
    """

    value: ir.Value
    argument: ir.Value
    cast: str | None


@dataclass(frozen=True)
class Contraction:
    """What a result sums up."""

    lhs: Factor
    rhs: Factor
    is_unsigned: bool

    @property
    def arguments(self) -> tuple[ir.Value, ir.Value]:
        """The operands multiplied."""
        return self.lhs.argument, self.rhs.argument

    @property
    def factors(self) -> tuple[ir.Value, ir.Value]:
        """The values of the body that the contraction takes."""
        return self.lhs.value, self.rhs.value


def find(reading: Reading) -> dict[int, Contraction]:
    """The live results that are contractions."""
    found = {k: _contraction(reading, k) for k in reading.folding}
    return {k: contraction for k, contraction in found.items() if contraction is not None}


def _contraction(reading: Reading, k: int) -> Contraction | None:
    kind, summed = kind_of(reading, k) or (None, None)
    product = None if summed is None else defining_op(summed)
    if kind != "add" or product is None or product.name not in PRODUCTS:
        return None
    if not _is_number(product.result):
        return None
    factors = [_factor(reading, operand) for operand in product.operands]
    lhs, rhs = factors
    if lhs is None or rhs is None or lhs.argument == rhs.argument or not _covers(reading, k, lhs, rhs):
        return None
    casts = {factor.cast for factor in (lhs, rhs)}
    if {"arith.extsi", "arith.extui"} <= casts:  # one signed, one not: the casts are elementwise
        lhs, rhs = (Factor(value, f.argument, None) for value, f in zip(product.operands, (lhs, rhs), strict=True))
        casts = set()
    return Contraction(lhs, rhs, "arith.extui" in casts)


def _factor(reading: Reading, value: ir.Value) -> Factor | None:
    """A factor that is an operand, cast or shifted by a scalar (the zero point of a quantised one)."""
    op = defining_op(value)
    cast = op.name if op is not None and op.name in WIDENING and _is_number(op.operands[0]) else None
    start = op.operands[0] if op is not None and cast else value
    argument = start
    while (op := defining_op(argument)) is not None:
        if op.name in SHIFTS and not _is_scalar(reading, op.operands[1]):
            return None
        if op.name not in (*CASTS, *SHIFTS):
            return None
        argument = op.operands[0]
    if argument not in reading.arguments or argument in reading.accumulators or _is_scalar(reading, argument):
        return None
    return Factor(start, argument, cast)


def _is_number(value: ir.Value) -> bool:
    """True for elements that products are made of: floats, and integers that aren't flags or indices."""
    element = element_of(value.type)
    return isinstance(element, ir.FloatType) or (
        isinstance(element, ir.IntegerType) and element.width >= MIN_INTEGER_BITS
    )


def _is_scalar(reading: Reading, value: ir.Value) -> bool:
    """True for what is one number for the whole operator."""
    op = defining_op(value)
    while op is not None and op.name in CASTS:
        value = op.operands[0]
        op = defining_op(value)
    if op is not None:
        return op.name == "arith.constant"
    if value not in reading.arguments:
        return True
    return not isinstance(reading.operands[reading.arguments.index(value)].type, ir.RankedTensorType)


def _covers(reading: Reading, k: int, lhs: Factor, rhs: Factor) -> bool:
    """True if every dimension is one of a factor, and every summed one of both."""
    left, right = (set(_access_dims(reading, factor)) for factor in (lhs, rhs))
    return left | right == set(range(reading.rank)) and set(reading.folded(k)) <= left & right


def _access_dims(reading: Reading, factor: Factor) -> Sequence[int]:
    return reading.accesses[reading.arguments.index(factor.argument)].space


def contract(reading: Reading, body: Body, k: int, found: Contraction) -> Lifted:
    """Makes the contraction of result `k`."""
    (init,) = inits_of(reading, body, [k])
    lhs, rhs = body.value(found.lhs.value), body.value(found.rhs.value)
    dims = [lhs.dims or (), rhs.dims or (), reading.space(k)]
    maps = [ir.AffineMap.get(reading.rank, 0, [ir.AffineExpr.get_dim(dim) for dim in run]) for run in dims]
    attributes: dict[str, ir.Attribute] = {"maps": ir.ArrayAttr.get([ir.AffineMapAttr.get(map_) for map_ in maps])}
    if found.is_unsigned:
        attributes["is_unsigned"] = ir.UnitAttr.get()
    made = create("gir.contract", [lhs.value, rhs.value, init], [init.type], attributes, loc=reading.loc)
    return Lifted(made.result, reading.space(k))
