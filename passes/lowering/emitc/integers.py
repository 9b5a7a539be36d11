"""`arith` and `math` on integers, and conversions, in C.

Integers are signed in C, so that an op that may wrap around goes through an unsigned type of at least 32 bits, as
does one that reads its operands as unsigned. i1 is computed as an integer of 8 bits, 0 or -1 where it is signed.
"""

from __future__ import annotations

from powerfusion.core._mlir import defining_op
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import scalars
from powerfusion.passes.lowering.emitc.code import binary, cast, choose, compare
from powerfusion.passes.lowering.emitc.scalar_op import Scalar, Values, Writer
from powerfusion.passes.lowering.emitc.scalars import (
    Helper,
    computed,
    integer,
    is_float,
    is_narrow,
    rounded,
    signless,
    unsigned,
    width_of,
)


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


def _wrapping(name: str) -> Writer:
    """An op that wraps around, in an unsigned type that C doesn't promote."""

    def emit(op: Scalar) -> Values:
        if isinstance(op.elements[0], ir.IndexType):  # what counts elements doesn't wrap around
            return [binary(name, *op.operands)]
        type_ = unsigned(max(_width(op.elements[0]), 32))
        left, right = (cast(value, type_) for value in op.operands)
        return [_back(binary(name, left, right), op.results[0])]

    return emit


def _bits(name: str, logical: str) -> Writer:
    """An op on bits."""

    def emit(op: Scalar) -> Values:
        left, right = op.operands
        if width_of(op.elements[0]) == 1:
            return [binary(logical, left, right)] if logical else [compare("ne", left, right)]
        return [_back(binary(name, left, right), op.results[0])]

    return emit


def _shift(name: str, *, keeps_sign: bool = False) -> Writer:
    """A shift by less than the width; what lies beyond is unspecified, but must not trap."""

    def emit(op: Scalar) -> Values:
        width = width_of(op.elements[0])
        type_ = unsigned(max(_width(op.elements[0]), 32))
        value = _signed(op, 0) if keeps_sign else cast(_unsigned(op, 0), type_)
        by = binary("bitwise_and", cast(op.operands[1], type_), integer(max(width - 1, 0), type_))
        return [_back(binary(name, value, by), op.results[0])]

    return emit


def _extreme(relation: str, *, is_unsigned: bool) -> Writer:
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
    """The text of a literal, converted or not; nothing of what isn't one."""
    maker = defining_op(value)
    if maker is not None and maker.name == "emitc.cast":
        return known_text(maker.operands[0])
    return ir.StringAttr(maker.attributes["value"]).value if maker is not None and maker.name == "emitc.literal" else ""


def _division(name: str, *, is_unsigned: bool = False) -> Writer:
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
    (total,) = _wrapping("add")(
        Scalar("arith.addi", op.operands, op.elements, op.results[:1], {}, op.helper, op.location)
    )
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


def _counted(name: str, *, by_width: bool) -> Writer:
    def emit(op: Scalar) -> Values:
        bits = cast(_unsigned(op, 0), unsigned(64))
        width = [integer(width_of(op.elements[0]), signless(64))] if by_width else []
        return [_back(op.helper(name, [bits, *width], signless(64)), op.results[0])]

    return emit


def _ipowi(op: Scalar) -> Values:
    return [_back(op.helper("pf_power_i64", [_wide(op, 0), _wide(op, 1)], signless(64)), op.results[0])]


# -- conversions -----------------------------------------------------------------------------------


def _extended(*, is_unsigned: bool) -> Writer:
    """To a wider integer, a narrower one, or a float."""

    def emit(op: Scalar) -> Values:
        read = _unsigned if is_unsigned else _signed
        result = op.results[0]
        if is_float(result):
            return [rounded(cast(read(op, 0), computed(result)), result, op.helper)]
        return [_back(read(op, 0), result)]

    return emit


def _to_integer(*, is_unsigned: bool) -> Writer:
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


INTEGERS: dict[str, Writer] = {
    "arith.constant": _constant,
    "arith.select": _select,
    "arith.bitcast": _bitcast,
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
}
"""How ops on integers, and conversions, are written."""
