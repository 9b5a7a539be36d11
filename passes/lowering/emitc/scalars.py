"""How GIR's element types look in C: in memory, and while one computes with them.

element     in memory    in computation
f64 f32     itself       itself
f16 bf16    uint16_t     float, rounded to the type after each op
f8          uint8_t      float, likewise
i1          uint8_t      bool
index       int64_t      int64_t
i8 .. i64   itself       itself, signed; unsigned ops convert
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from powerfusion.core._mlir import bits_of, defining_op
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc.code import bool_type, cast, compare, flag_of, literal

NARROW = {"f16": "f16", "bf16": "bf16", "f8E4M3FN": "f8e4m3", "f8E5M2": "f8e5m2"}
Helper = Callable[..., ir.Value]


def is_float(element: ir.Type) -> bool:
    """Whether an element is a float of any width."""
    return isinstance(element, ir.FloatType)


def is_narrow(element: ir.Type) -> bool:
    """Whether an element is computed in f32 and rounded."""
    return str(element) in NARROW


def signless(width: int) -> ir.Type:
    """An integer type as MLIR has it; signed in C."""
    return ir.IntegerType.get_signless(width)


def unsigned(width: int) -> ir.Type:
    """An unsigned integer type."""
    return ir.IntegerType.get_unsigned(width)


def computed(element: ir.Type) -> ir.Type:
    """The C type in which one computes with an element."""
    if is_narrow(element):
        return ir.F32Type.get()
    return signless(64) if isinstance(element, ir.IndexType) else element


def stored(element: ir.Type) -> ir.Type:
    """The C type of an element in memory."""
    if is_narrow(element):
        return unsigned(ir.FloatType(element).width)
    if element == signless(1):
        return unsigned(8)
    return computed(element)


def stored_bytes(element: ir.Type) -> int:
    """Bytes of an element in memory."""
    type_ = stored(element)
    return (ir.FloatType(type_).width if is_float(type_) else ir.IntegerType(type_).width) // 8


def decoded(value: ir.Value, element: ir.Type, helper: Helper) -> ir.Value:
    """A value as memory holds it, as one computes with it."""
    if is_narrow(element):
        return helper(f"pf_{NARROW[str(element)]}_to_f32", [value], ir.F32Type.get())
    if element == signless(1):
        return compare("ne", value, literal("0", value.type))
    return value


def encoded(value: ir.Value, element: ir.Type, helper: Helper) -> ir.Value:
    """The reverse of `decoded`."""
    if is_narrow(element):
        return helper(f"pf_f32_to_{NARROW[str(element)]}", [value], stored(element))
    return cast(value, stored(element))


def rounded(value: ir.Value, element: ir.Type, helper: Helper) -> ir.Value:
    """An f32 rounded to a narrow element; of other elements, the value."""
    if not is_narrow(element):
        return value
    return decoded(encoded(value, element, helper), element, helper)


def constant(attribute: ir.Attribute, element: ir.Type) -> ir.Value:
    """A constant of an element's type, as C writes it where it is used."""
    if is_float(element):
        return float_literal(_bits_of_float(attribute, element), computed(element))
    value = ir.IntegerAttr(attribute).value if isinstance(attribute, ir.IntegerAttr) else int(bool(attribute))
    if element == signless(1):
        return flag_of(bool(value))
    return integer(value, computed(element))


def _bits_of_float(attribute: ir.Attribute, element: ir.Type) -> float:
    value = ir.FloatAttr(attribute).value
    return value if not math.isnan(value) else math.copysign(math.nan, value)


def float_literal(value: float, type_: ir.Type) -> ir.Value:
    """A float as C writes it: exactly, by as few digits as that takes."""
    is_single = type_ == ir.F32Type.get()
    if math.isnan(value):
        text = "NAN" if math.copysign(1.0, value) > 0 else "(-NAN)"
    elif math.isinf(value):
        text = "INFINITY" if value > 0 else "(-INFINITY)"
    else:
        text = _shortest_single(value) + "f" if is_single else repr(float(value))
        text = f"({text})" if text.startswith("-") else text
    return literal(text, type_)


def number_of(value: ir.Value) -> float | None:
    """What a float is that `float_literal` wrote; None of others."""
    maker = defining_op(value)
    if maker is None or maker.name != "emitc.literal" or not isinstance(value.type, ir.FloatType):
        return None
    text = ir.StringAttr(maker.attributes["value"]).value.strip("()").removesuffix("f").lower()
    try:
        return float(text)
    except ValueError:
        return None


def _shortest_single(value: float) -> str:
    """The fewest digits that give the same f32."""
    wanted = struct.pack("f", value)
    text = next(t for digits in range(1, 10) if struct.pack("f", float(t := f"{value:.{digits}g}")) == wanted)
    return text if any(letter in text for letter in ".en") else f"{text}.0"


def integer(value: int, type_: ir.Type) -> ir.Value:
    """An integer as C writes it, wrapped to the width of a signed or unsigned type."""
    width = ir.IntegerType(type_).width
    value %= 1 << width
    if str(type_).startswith("ui"):
        return literal(f"UINT64_C({value})" if width == 64 else f"{value}u", type_)
    value = value - (1 << width) if value >> (width - 1) else value
    if value == -(1 << (width - 1)):
        return literal(f"INT{width}_MIN", type_)
    text = f"INT64_C({value})" if width == 64 and abs(value) >= 1 << 31 else str(value)
    return literal(f"({text})" if value < 0 else text, type_)


def zero_of(element: ir.Type) -> ir.Value:
    """Zero, as one computes with it."""
    type_ = computed(element)
    if type_ == signless(1):
        return flag_of(False)
    return float_literal(0.0, type_) if is_float(type_) else integer(0, type_)


def width_of(element: ir.Type) -> int:
    """Bits of an integer or index."""
    return bits_of(element)


def truth(value: ir.Value) -> ir.Value:
    """A value as a condition."""
    return value if value.type == bool_type() else compare("ne", value, literal("0", value.type))
