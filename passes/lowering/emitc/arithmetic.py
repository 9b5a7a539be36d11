"""`arith` and `math` on single elements, in C.

Integers are signed in C, so that an op that may wrap around goes through an unsigned type of at least 32 bits, as
does one that reads its operands as unsigned. i1 is computed as an integer of 8 bits, 0 or -1 where it is signed.
Narrow floats are f32, rounded after each op. f32 functions that `helpers.c` has are taken from there, others from
the C library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from powerfusion.core._mlir import defining_op
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import scalars
from powerfusion.passes.lowering.emitc.code import (
    binary,
    cast,
    choose,
    compare,
    literal,
    unary,
)
from powerfusion.passes.lowering.emitc.scalars import (
    Helper,
    computed,
    float_literal,
    integer,
    is_float,
    is_narrow,
    rounded,
    signless,
    unsigned,
    width_of,
)

Values = list[ir.Value]


@dataclass(frozen=True)
class Scalar:
    """One op on single elements.

    Attributes:
        name: The op's.
        operands: As one computes with them.
        elements: The operands' element types.
        results: The results' element types.
        attributes: The op's.
        helper: Calls a function, and takes it along if it is one of ours.
        location: The op's.
    """

    name: str
    operands: Sequence[ir.Value]
    elements: Sequence[ir.Type]
    results: Sequence[ir.Type]
    attributes: Mapping[str, Any]
    helper: Helper
    location: ir.Location


def elementwise(op: Scalar) -> Values:
    """Writes an op on single elements; gives its results.

    Raises:
        UnsupportedError: Nobody says how.
    """
    how = TABLE.get(op.name)
    if how is None:
        raise UnsupportedError(f"'{op.name}' can't be written in C", location=op.location)
    return how(op)


def combined(kind: str, left: ir.Value, right: ir.Value, element: ir.Type, helper: Helper) -> ir.Value:
    """Two values combined by a reduction's kind, not rounded.

    Args:
        kind: `add`, `maximumf` and the like.
        left: In the type in which one computes with `element`, or a wider float.
        right: Likewise.
        element: Narrow floats count as f32.
        helper: As in `Scalar`.
    """
    wide = left.type if is_float(element) else element
    name = COMBINE[kind][0 if is_float(element) else 1]
    return elementwise(Scalar(name, [left, right], [wide, wide], [wide], {}, helper, ir.Location.unknown()))[0]


COMBINE = {
    "add": ("arith.addf", "arith.addi"),
    "mul": ("arith.mulf", "arith.muli"),
    "maximumf": ("arith.maximumf", ""),
    "minimumf": ("arith.minimumf", ""),
    "maxnumf": ("arith.maxnumf", ""),
    "minnumf": ("arith.minnumf", ""),
    "maxsi": ("", "arith.maxsi"),
    "minsi": ("", "arith.minsi"),
    "maxui": ("", "arith.maxui"),
    "minui": ("", "arith.minui"),
    "and": ("", "arith.andi"),
    "or": ("", "arith.ori"),
    "xor": ("", "arith.xori"),
}


def _suffix(type_: ir.Type) -> str:
    return "f32" if type_ == ir.F32Type.get() else "f64"


# -- floats ----------------------------------------------------------------------------------------


def _float(make: Callable[[Scalar], ir.Value]) -> Callable[[Scalar], Values]:
    """An op whose result is a float, rounded where that is narrow."""
    return lambda op: [rounded(make(op), op.results[0], op.helper)]


def _operator(name: str) -> Callable[[Scalar], Values]:
    return _float(lambda op: binary(name, op.operands[0], op.operands[1]))


def _ours(name: str) -> Callable[[Scalar], Values]:
    """A function of `helpers.c` of f32 and f64."""
    return _float(lambda op: _helped(op, f"pf_{name}_{_suffix(op.operands[0].type)}"))


def _helped(op: Scalar, name: str) -> ir.Value:
    return op.helper(name, op.operands, op.operands[0].type)


def _library(name: str) -> Callable[[Scalar], Values]:
    """A function of the C library."""
    return _float(lambda op: _called(op, name))


def _called(op: Scalar, name: str) -> ir.Value:
    single = op.operands[0].type == ir.F32Type.get()
    return op.helper(name + ("f" if single else ""), op.operands, op.operands[0].type)


def _fast(name: str) -> Callable[[Scalar], Values]:
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
        rounded(_called(op, name), result, op.helper)
        for name, result in zip(("sin", "cos"), op.results, strict=True)
    ]


def _convert_float(op: Scalar) -> Values:
    """Through f32 between f64 and a narrow type."""
    value = cast(op.operands[0], computed(op.results[0]))
    return [rounded(value, op.results[0], op.helper)] if op.name == "arith.truncf" else [value]


def _fpowi(op: Scalar) -> ir.Value:
    base = cast(op.operands[0], ir.F64Type.get())
    made = op.helper("pf_power_f64", [base, _wide(op, 1)], ir.F64Type.get())
    return cast(made, computed(op.results[0]))


LEAST_NORMAL = {"f64": 2.0**-1022, "f32": 2.0**-126, "f16": 2.0**-14, "bf16": 2.0**-126}
LEAST_NORMAL |= {"f8E4M3FN": 2.0**-6, "f8E5M2": 2.0**-14}


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


# -- integers --------------------------------------------------------------------------------------


def _width(element: ir.Type) -> int:
    return max(width_of(element), 8)


def _signed(op: Scalar, at: int) -> ir.Value:
    """An operand as a signed integer: -1 where an i1 holds."""
    value = op.operands[at]
    if width_of(op.elements[at]) > 1:
        return value
    return choose(value, integer(-1, signless(8)), integer(0, signless(8)))


def _unsigned(op: Scalar, at: int) -> ir.Value:
    """An operand as an unsigned integer of its width."""
    return cast(op.operands[at], unsigned(_width(op.elements[at])))


def _wide(op: Scalar, at: int) -> ir.Value:
    """An operand as a signed integer of 64 bits."""
    return cast(_signed(op, at), signless(64))


def _back(value: ir.Value, element: ir.Type) -> ir.Value:
    """The low bits of an integer, as an element."""
    if width_of(element) == 1:
        low = binary("bitwise_and", value, integer(1, value.type))
        return compare("ne", low, integer(0, value.type))
    return cast(value, computed(element))


def _wrapping(name: str) -> Callable[[Scalar], Values]:
    """An op that wraps around, in an unsigned type that C doesn't promote."""

    def emit(op: Scalar) -> Values:
        if isinstance(op.elements[0], ir.IndexType):  # what counts elements doesn't wrap around
            return [binary(name, *op.operands)]
        type_ = unsigned(max(_width(op.elements[0]), 32))
        left, right = (cast(value, type_) for value in op.operands)
        return [_back(binary(name, left, right), op.results[0])]

    return emit


def _bits(name: str, logical: str) -> Callable[[Scalar], Values]:
    """An op on bits."""

    def emit(op: Scalar) -> Values:
        left, right = op.operands
        if width_of(op.elements[0]) == 1:
            return [binary(logical, left, right)] if logical else [compare("ne", left, right)]
        return [_back(binary(name, left, right), op.results[0])]

    return emit


def _shift(name: str, *, keeps_sign: bool = False) -> Callable[[Scalar], Values]:
    """A shift by less than the width; what lies beyond is unspecified, but must not trap."""

    def emit(op: Scalar) -> Values:
        width = width_of(op.elements[0])
        type_ = unsigned(max(_width(op.elements[0]), 32))
        value = _signed(op, 0) if keeps_sign else cast(_unsigned(op, 0), type_)
        by = binary("bitwise_and", cast(op.operands[1], type_), integer(max(width - 1, 0), type_))
        return [_back(binary(name, value, by), op.results[0])]

    return emit


def _extreme(relation: str, *, is_unsigned: bool) -> Callable[[Scalar], Values]:
    def emit(op: Scalar) -> Values:
        read = _unsigned if is_unsigned else _signed
        return [choose(compare(relation, read(op, 0), read(op, 1)), *op.operands)]

    return emit


_PREDICATES = ("eq", "ne", "lt", "le", "gt", "ge", "lt", "le", "gt", "ge")


def _cmpi(op: Scalar) -> Values:
    predicate = ir.IntegerAttr(op.attributes["predicate"]).value
    read = _unsigned if predicate >= 6 else _signed
    if predicate < 2:
        return [compare(_PREDICATES[predicate], *op.operands)]
    return [compare(_PREDICATES[predicate], read(op, 0), read(op, 1))]


def _harmless(op: Scalar, left: ir.Value, right: ir.Value) -> ir.Value:
    """The divisor, or 1 where C doesn't say what division by it is: least / 1 is what least / -1 wraps to."""
    type_ = right.type
    if known_text(right) not in ("", "0", "0u", "(-1)", "UINT64_C(0)"):
        return right
    traps = compare("eq", right, integer(0, type_))
    if not str(type_).startswith("ui"):
        minus = compare("eq", right, integer(-1, type_))
        least = compare("eq", left, integer(1 << (ir.IntegerType(type_).width - 1), type_))
        traps = binary("logical_or", traps, binary("logical_and", minus, least))
    return choose(traps, integer(1, type_), right)


def known_text(value: ir.Value) -> str:
    """The text of a literal; nothing of what isn't one."""
    maker = defining_op(value)
    return ir.StringAttr(maker.attributes["value"]).value if maker is not None and maker.name == "emitc.literal" else ""


def _division(name: str, *, is_unsigned: bool = False) -> Callable[[Scalar], Values]:
    def emit(op: Scalar) -> Values:
        read = _unsigned if is_unsigned else _signed
        left, right = read(op, 0), read(op, 1)
        right = _harmless(op, left, right)
        if name in ("div", "rem"):
            return [_back(cast(binary(name, left, right), left.type), op.results[0])]
        if is_unsigned:
            zero, one = integer(0, left.type), integer(1, left.type)
            up = binary("add", binary("div", binary("sub", left, one), right), one)
            return [_back(choose(compare("eq", left, zero), zero, up), op.results[0])]
        wide = [cast(value, signless(64)) for value in (left, right)]
        return [_back(op.helper(f"pf_{name}_divide", wide, signless(64)), op.results[0])]

    return emit


def _addui_extended(op: Scalar) -> Values:
    (total,) = _wrapping("add")(Scalar("arith.addi", op.operands, op.elements, op.results[:1], {}, op.helper, op.location))
    width = width_of(op.elements[0])
    if width == 1:
        return [total, binary("logical_and", *op.operands)]
    type_ = unsigned(_width(op.elements[0]))
    return [total, compare("lt", cast(total, type_), _unsigned(op, 0))]


def _mul_extended(op: Scalar) -> Values:
    """The low and the high half; of 64 bits by halves, else in a type that is wide enough."""
    is_unsigned, width = op.name == "arith.mului_extended", width_of(op.elements[0])
    read = _unsigned if is_unsigned else _signed
    left, right = read(op, 0), read(op, 1)
    if width < 64:
        type_ = unsigned(64) if is_unsigned else signless(64)
        whole = binary("mul", cast(left, type_), cast(right, type_))
        high = binary("bitwise_right_shift", whole, integer(width, type_))
        return [_back(whole, op.results[0]), _back(high, op.results[1])]
    word = unsigned(64)
    a, b = cast(left, word), cast(right, word)
    high = op.helper("pf_high_product", [a, b], word)
    if not is_unsigned:
        zero = integer(0, word)
        for one, other in ((left, b), (right, a)):
            high = binary("sub", high, choose(compare("lt", one, integer(0, signless(64))), other, zero))
    return [_back(binary("mul", a, b), op.results[0]), _back(high, op.results[1])]


def _absi(op: Scalar) -> Values:
    type_ = unsigned(max(_width(op.elements[0]), 32))
    value = _signed(op, 0)
    turned = binary("sub", integer(0, type_), cast(value, type_))
    return [_back(choose(compare("lt", value, integer(0, value.type)), turned, cast(value, type_)), op.results[0])]


def _counted(name: str, *, by_width: bool) -> Callable[[Scalar], Values]:
    def emit(op: Scalar) -> Values:
        bits = cast(_unsigned(op, 0), unsigned(64))
        width = [integer(width_of(op.elements[0]), signless(64))] if by_width else []
        return [_back(op.helper(name, [bits, *width], signless(64)), op.results[0])]

    return emit


def _ipowi(op: Scalar) -> Values:
    return [_back(op.helper("pf_power_i64", [_wide(op, 0), _wide(op, 1)], signless(64)), op.results[0])]


# -- conversions -----------------------------------------------------------------------------------


def _extended(*, is_unsigned: bool) -> Callable[[Scalar], Values]:
    """To a wider integer, a narrower one, or a float."""

    def emit(op: Scalar) -> Values:
        read = _unsigned if is_unsigned else _signed
        result = op.results[0]
        if is_float(result):
            return [rounded(cast(read(op, 0), computed(result)), result, op.helper)]
        return [_back(read(op, 0), result)]

    return emit


def _to_integer(*, is_unsigned: bool) -> Callable[[Scalar], Values]:
    def emit(op: Scalar) -> Values:
        result = op.results[0]
        kind = unsigned if is_unsigned else signless
        return [_back(cast(op.operands[0], kind(64 if is_unsigned or width_of(result) > 32 else 32)), result)]

    return emit


def _bitcast(op: Scalar) -> Values:
    source, result = op.elements[0], op.results[0]
    value = op.operands[0]
    if source == result:
        return [value]
    if is_float(source):
        value = _float_bits(value, source, op.helper)
    elif width_of(source) == 1:
        return [value]
    if not is_float(result):
        return [_back(value, result)]
    if is_narrow(result):
        return [scalars.decoded(cast(value, scalars.stored(result)), result, op.helper)]
    width = ir.FloatType(result).width
    return [op.helper(f"pf_from_bits_f{width}", [cast(value, unsigned(width))], result)]


def _float_bits(value: ir.Value, source: ir.Type, helper: Helper) -> ir.Value:
    if is_narrow(source):
        return scalars.encoded(value, source, helper)
    width = ir.FloatType(source).width
    return helper(f"pf_bits_f{width}", [value], unsigned(width))


def _select(op: Scalar) -> Values:
    return [choose(*op.operands)]


def _constant(op: Scalar) -> Values:
    return [scalars.constant(op.attributes["value"], op.results[0])]


TABLE: dict[str, Callable[[Scalar], Values]] = {
    "arith.constant": _constant,
    "arith.select": _select,
    "arith.bitcast": _bitcast,
    "arith.addf": _operator("add"),
    "arith.subf": _operator("sub"),
    "arith.mulf": _operator("mul"),
    "arith.divf": _operator("div"),
    "arith.remf": _library("fmod"),
    "arith.negf": _negf,
    "arith.maximumf": _ours("maximum"),
    "arith.minimumf": _ours("minimum"),
    "arith.maxnumf": _ours("maxnum"),
    "arith.minnumf": _ours("minnum"),
    "arith.cmpf": _cmpf,
    "arith.extf": _convert_float,
    "arith.truncf": _convert_float,
    "arith.addi": _wrapping("add"),
    "arith.subi": _wrapping("sub"),
    "arith.muli": _wrapping("mul"),
    "arith.andi": _bits("bitwise_and", "logical_and"),
    "arith.ori": _bits("bitwise_or", "logical_or"),
    "arith.xori": _bits("bitwise_xor", ""),
    "arith.shli": _shift("bitwise_left_shift"),
    "arith.shrui": _shift("bitwise_right_shift"),
    "arith.shrsi": _shift("bitwise_right_shift", keeps_sign=True),
    "arith.maxsi": _extreme("gt", is_unsigned=False),
    "arith.minsi": _extreme("lt", is_unsigned=False),
    "arith.maxui": _extreme("gt", is_unsigned=True),
    "arith.minui": _extreme("lt", is_unsigned=True),
    "arith.cmpi": _cmpi,
    "arith.divsi": _division("div"),
    "arith.remsi": _division("rem"),
    "arith.divui": _division("div", is_unsigned=True),
    "arith.remui": _division("rem", is_unsigned=True),
    "arith.floordivsi": _division("floor"),
    "arith.ceildivsi": _division("ceil"),
    "arith.ceildivui": _division("ceil", is_unsigned=True),
    "arith.addui_extended": _addui_extended,
    "arith.mulsi_extended": _mul_extended,
    "arith.mului_extended": _mul_extended,
    "arith.extsi": _extended(is_unsigned=False),
    "arith.extui": _extended(is_unsigned=True),
    "arith.trunci": _extended(is_unsigned=True),
    "arith.index_cast": _extended(is_unsigned=False),
    "arith.index_castui": _extended(is_unsigned=True),
    "arith.sitofp": _extended(is_unsigned=False),
    "arith.uitofp": _extended(is_unsigned=True),
    "arith.fptosi": _to_integer(is_unsigned=False),
    "arith.fptoui": _to_integer(is_unsigned=True),
    "math.absi": _absi,
    "math.ctlz": _counted("pf_leading_zeros", by_width=True),
    "math.cttz": _counted("pf_trailing_zeros", by_width=True),
    "math.ctpop": _counted("pf_popcount", by_width=False),
    "math.ipowi": _ipowi,
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
    **{
        f"math.{name}": _library(name)
        for name in (
            "ceil floor round trunc sqrt exp2 log2 log10 sin cos tan asin acos atan sinh cosh "
            "asinh acosh atanh atan2 erfc cbrt copysign"
        ).split()
    },
}
