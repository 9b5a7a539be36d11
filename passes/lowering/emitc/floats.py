"""`arith` and `math` on floats, in C: narrow ones are f32, rounded after each op.

f32 functions that `helpers.c` has are taken from there, others from the C library.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc.code import binary, cast, choose, compare, literal, unary
from powerfusion.passes.lowering.emitc.scalar_op import Scalar, Values, Writer
from powerfusion.passes.lowering.emitc.scalars import computed, float_literal, number_of, rounded, signless


def _suffix(type_: ir.Type) -> str:
    return "f32" if type_ == ir.F32Type.get() else "f64"


def _float(make: Callable[[Scalar], ir.Value]) -> Writer:
    """An op whose result is a float, rounded where that is narrow."""
    return lambda op: [rounded(make(op), op.results[0], op.helper)]


def _operator(name: str) -> Writer:
    return _float(lambda op: binary(name, op.operands[0], op.operands[1]))


def _ours(name: str) -> Writer:
    """A function of `helpers.c` of f32 and f64."""
    return _float(lambda op: _helped(op, f"pf_{name}_{_suffix(op.operands[0].type)}"))


def _helped(op: Scalar, name: str) -> ir.Value:
    return op.helper(name, op.operands, op.operands[0].type)


def _extreme(name: str) -> Writer:
    """The larger or smaller: of a value and a number that is known, one comparison."""
    return _float(lambda op: _held(op, name == "maximum") or _helped(op, f"pf_{name}_{_suffix(op.operands[0].type)}"))


def _held(op: Scalar, is_most: bool) -> ir.Value | None:
    """`x < c ? c : x`, which is x where that is NaN; of a value and zero the comparison that tells its signs apart."""
    left, right = op.operands
    known = [number_of(value) for value in (left, right)]
    if known[0] is not None and known[1] is None:
        left, right, known = right, left, known[::-1]
    bound = known[1]
    if known[0] is not None or bound is None or math.isnan(bound):
        return None
    gives_way = bound == 0 and (math.copysign(1, bound) > 0) == is_most
    relation = ("le" if gives_way else "lt") if is_most else ("ge" if gives_way else "gt")
    return choose(compare(relation, left, right), right, left)


def _library(name: str) -> Writer:
    """A function of the C library."""
    return _float(lambda op: _called(op, name))


def _called(op: Scalar, name: str) -> ir.Value:
    single = op.operands[0].type == ir.F32Type.get()
    return op.helper(name + ("f" if single else ""), op.operands, op.operands[0].type)


def _fast(name: str) -> Writer:
    """In f32 a polynomial, in f64 the C library."""
    return _float(
        lambda op: _helped(op, f"pf_{name}_f32") if op.operands[0].type == ir.F32Type.get() else _called(op, name)
    )


def _negf(op: Scalar) -> Values:
    return [unary("unary_minus", op.operands[0])]


def _rsqrt(op: Scalar) -> ir.Value:
    type_ = op.operands[0].type
    return binary("div", float_literal(1.0, type_), _called(op, "sqrt"))


def _fma(op: Scalar) -> ir.Value:
    return _called(op, "fma")


def _clampf(op: Scalar) -> ir.Value:
    value, low, high = op.operands
    type_ = value.type
    raised = op.helper(f"pf_maximum_{_suffix(type_)}", [value, low], type_)
    return op.helper(f"pf_minimum_{_suffix(type_)}", [raised, high], type_)


def _sincos(op: Scalar) -> Values:
    return [
        rounded(_called(op, name), result, op.helper) for name, result in zip(("sin", "cos"), op.results, strict=True)
    ]


def _convert_float(op: Scalar) -> Values:
    """Through f32 between f64 and a narrow type."""
    value = cast(op.operands[0], computed(op.results[0]))
    return [rounded(value, op.results[0], op.helper)] if op.name == "arith.truncf" else [value]


def _fpowi(op: Scalar) -> ir.Value:
    base = cast(op.operands[0], ir.F64Type.get())
    made = op.helper("pf_power_f64", [base, cast(op.operands[1], signless(64))], ir.F64Type.get())
    return cast(made, computed(op.results[0]))


LEAST_NORMAL = {
    "f64": 2.0**-1022,
    "f32": 2.0**-126,
    "f16": 2.0**-14,
    "bf16": 2.0**-126,
    "f8E4M3FN": 2.0**-6,
    "f8E5M2": 2.0**-14,
}


def _magnitude(op: Scalar, relation: str, bound: float) -> ir.Value:
    return compare(relation, _called(op, "fabs"), float_literal(bound, op.operands[0].type))


def _isnan(op: Scalar) -> Values:
    return [compare("ne", op.operands[0], op.operands[0])]


def _isinf(op: Scalar) -> Values:
    return [_magnitude(op, "eq", float("inf"))]


def _isfinite(op: Scalar) -> Values:
    return [_magnitude(op, "lt", float("inf"))]


def _isnormal(op: Scalar) -> Values:
    normal = _magnitude(op, "ge", LEAST_NORMAL[str(op.elements[0])])
    return [binary("logical_and", _magnitude(op, "lt", float("inf")), normal)]


_ORDERED = {1: "eq", 2: "gt", 3: "ge", 4: "lt", 5: "le"}
_UNORDERED = {9: "le", 10: "lt", 11: "ge", 12: "gt"}  # ugt is not le, ...


def _cmpf(op: Scalar) -> Values:
    left, right = op.operands
    predicate = ir.IntegerAttr(op.attributes["predicate"]).value

    def is_nan(value: ir.Value) -> ir.Value:
        return compare("ne", value, value)

    def differ() -> ir.Value:
        return binary("logical_or", compare("lt", left, right), compare("gt", left, right))

    if predicate in (0, 15):
        return [literal("true" if predicate else "false", signless(1))]
    if predicate in _ORDERED:
        return [compare(_ORDERED[predicate], left, right)]
    if predicate in _UNORDERED:
        return [unary("logical_not", compare(_UNORDERED[predicate], left, right))]
    if predicate == 13:
        return [compare("ne", left, right)]
    if predicate in (6, 8):
        return [differ() if predicate == 6 else unary("logical_not", differ())]
    nan = binary("logical_or", is_nan(left), is_nan(right))
    return [nan if predicate == 14 else unary("logical_not", nan)]


LIBRARY = (
    *("ceil", "floor", "round", "trunc", "sqrt", "exp2", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan"),
    *("sinh", "cosh", "asinh", "acosh", "atanh", "atan2", "erfc", "cbrt", "copysign"),
)
SHARED_DIVISION = "arith.divf by one number"
FLOATS: dict[str, Writer] = {
    SHARED_DIVISION: _float(lambda op: _helped(op, "pf_shared_divide_f32")),
    "arith.addf": _operator("add"),
    "arith.subf": _operator("sub"),
    "arith.mulf": _operator("mul"),
    "arith.divf": _operator("div"),
    "arith.remf": _library("fmod"),
    "arith.negf": _negf,
    "arith.maximumf": _extreme("maximum"),
    "arith.minimumf": _extreme("minimum"),
    "arith.maxnumf": _ours("maxnum"),
    "arith.minnumf": _ours("minnum"),
    "arith.cmpf": _cmpf,
    "arith.extf": _convert_float,
    "arith.truncf": _convert_float,
    "math.fpowi": _float(_fpowi),
    "math.rsqrt": _float(_rsqrt),
    "math.fma": _float(_fma),
    "math.clampf": _float(_clampf),
    "math.sincos": _sincos,
    "math.isnan": _isnan,
    "math.isinf": _isinf,
    "math.isfinite": _isfinite,
    "math.isnormal": _isnormal,
    "math.absf": _library("fabs"),
    "math.roundeven": _library("nearbyint"),
    "math.powf": _library("pow"),
    **{f"math.{name}": _fast(name) for name in ("exp", "log", "log1p", "expm1", "tanh", "erf")},
    **{f"math.{name}": _library(name) for name in LIBRARY},
}
"""How ops on floats are written."""
