"""What arithmetic, and ops on bits, of PTX mean."""

from __future__ import annotations

from powerfusion.simulate.ptx.instructions import BITS, INTEGERS, NARROW, Reading, means
from powerfusion.simulate.ptx.operands import FLOATS, c_type, word
from powerfusion.simulate.ptx.source import BYTES

# -- arithmetic ------------------------------------------------------------------------------------


@means("add", "sub")
def _add(r: Reading) -> str:
    sign = {"add": "+", "sub": "-"}[r.name]
    rounded = r.take("rn")
    narrow = r.take(*NARROW)
    if narrow:
        return _narrow(r, narrow, f"x {sign} y")
    type_ = r.must("f32", "f64") if rounded else r.must(*INTEGERS, "f32", "f64")
    r.count(3)
    if type_ in FLOATS:
        return r.write(type_, f"{r.read(1, type_)} {sign} {r.read(2, type_)}")
    return r.write(type_, f"({word(type_)}){r.read(1, type_)} {sign} ({word(type_)}){r.read(2, type_)}")


@means("mul", "mad")
def _multiply(r: Reading) -> str:
    adds = r.name == "mad"
    r.count(4 if adds else 3)
    part = r.take("lo", "hi", "wide")
    if part is None:
        r.take("rn")
        narrow = None if adds else r.take(*NARROW)
        if narrow:
            return _narrow(r, narrow, "x * y")
        type_ = r.must("f32", "f64")
        if adds:
            raise r.registers.refuse(r.of, "a sum of floats that is rounded twice")
        return r.write(type_, f"{r.read(1, type_)} * {r.read(2, type_)}")
    type_ = r.must(*INTEGERS)
    big = "__int128" if type_[0] == "s" else "unsigned __int128"
    product = f"({big}){r.read(1, type_)} * ({big}){r.read(2, type_)}"
    if part == "hi":
        product = f"({product}) >> {8 * BYTES[type_]}"
    result = f"{type_[0]}{16 * BYTES[type_]}" if part == "wide" else type_
    if result not in BYTES:
        raise r.registers.refuse(r.of, f"a result of type {result}")
    if adds:
        return r.write(result, f"({word(result)})({product}) + ({word(result)}){r.read(3, result)}")
    return r.write(result, f"({word(result)})({product})")


def _narrow(r: Reading, type_: str, made: str) -> str:
    """A number made of two 16-bit floats, x and y, or of each of two pairs of them in words."""
    r.count(3)
    bits, how = ("b32", "of_two") if type_.endswith("x2") else ("b16", "each")
    one = type_.removesuffix("x2")
    return r.write(bits, f"{how}<{one}>({r.read(1, bits)}, {r.read(2, bits)}, [](f32 x, f32 y) {{ return {made}; }})")


@means("fma")
def _fma(r: Reading) -> str:
    r.must("rn")
    type_ = r.must("f32", "f64")
    r.count(4)
    return r.write(type_, f"std::fma({r.read(1, type_)}, {r.read(2, type_)}, {r.read(3, type_)})")


@means("div", "rem")
def _divide(r: Reading) -> str:
    r.count(3)
    if r.name == "div" and r.take("rn"):
        type_ = r.must("f32", "f64")
        return r.write(type_, f"{r.read(1, type_)} / {r.read(2, type_)}")
    type_ = r.must(*INTEGERS)
    how = "quotient" if r.name == "div" else "remainder_of"
    return r.write(type_, f"{how}<{c_type(type_)}>({r.read(1, type_)}, {r.read(2, type_)})")


@means("rcp", "sqrt")
def _root(r: Reading) -> str:
    r.must("rn")
    type_ = r.must("f32", "f64")
    r.count(2)
    x = r.read(1, type_)
    return r.write(type_, f"({type_})1 / {x}" if r.name == "rcp" else f"std::sqrt({x})")


@means("neg", "abs")
def _sign(r: Reading) -> str:
    type_ = r.must("s16", "s32", "s64", *NARROW, "f32", "f64")
    r.count(2)
    if type_ in ("f16x2", "bf16x2"):
        raw = r.read(1, "b32")
        return r.write("b32", f"{raw} ^ 0x80008000u" if r.name == "neg" else f"{raw} & 0x7FFF7FFFu")
    if type_ in FLOATS:  # on bits: a NaN keeps its own
        bits = word(type_)
        raw = r.registers.read(r.of, r.operands[1], f"b{8 * BYTES[type_]}")
        top = f"(({bits})1 << {8 * BYTES[type_] - 1})"
        value = f"{raw} ^ {top}" if r.name == "neg" else f"{raw} & ~{top}"
        return r.write(f"b{8 * BYTES[type_]}", value)
    x = r.read(1, type_)
    negated = f"({word(type_)})0 - ({word(type_)}){x}"
    return r.write(type_, negated if r.name == "neg" else f"{x} < 0 ? {negated} : ({word(type_)}){x}")


@means("copysign")
def _copysign(r: Reading) -> str:
    type_ = r.must("f32", "f64")
    r.count(3)
    return r.write(type_, f"std::copysign({r.read(2, type_)}, {r.read(1, type_)})")


@means("min", "max")
def _extreme(r: Reading) -> str:
    r.count(3)
    nan = r.take("NaN")
    narrow = r.take(*NARROW)
    if narrow:
        how = f"{r.name}_{'nan' if nan else 'number'}<f32>"
        return _narrow(r, narrow, f"{how}(x, y)")
    type_ = r.must("f32", "f64") if nan else r.must(*INTEGERS, "f32", "f64")
    a, b = r.read(1, type_), r.read(2, type_)
    if type_ in FLOATS:
        return r.write(type_, f"{r.name}_{'nan' if nan else 'number'}<{type_}>({a}, {b})")
    sign = "<" if r.name == "min" else ">"
    return r.write(type_, f"({a}) {sign} ({b}) ? {a} : {b}")


# -- bits --------------------------------------------------------------------------------------------


@means("and", "or", "xor")
def _logic(r: Reading) -> str:
    type_ = r.must(*BITS, "pred")
    r.count(3)
    sign = {"and": "&", "or": "|", "xor": "^"}[r.name]
    return r.write(type_, f"{r.read(1, type_)} {sign} {r.read(2, type_)}")


@means("not")
def _not(r: Reading) -> str:
    type_ = r.must(*BITS, "pred")
    r.count(2)
    return r.write(type_, f"!{r.read(1, type_)}" if type_ == "pred" else f"~{r.read(1, type_)}")


@means("shl")
def _shift_left(r: Reading) -> str:
    type_ = r.must(*BITS)
    r.count(3)
    return r.write(type_, f"shift_left<{word(type_)}>({r.read(1, type_)}, {r.read(2, 'b32')})")


@means("shr")
def _shift_right(r: Reading) -> str:
    type_ = r.must(*INTEGERS, *BITS)
    r.count(3)
    return r.write(type_, f"shift_right<{c_type(type_)}>({r.read(1, type_)}, {r.read(2, 'b32')})")


@means("shf")
def _funnel(r: Reading) -> str:
    side = r.must("l", "r")
    wraps = r.must("wrap", "clamp") == "wrap"
    r.must("b32")
    r.count(4)
    by = f"({r.read(3, 'b32')} & 31)" if wraps else f"least({r.read(3, 'b32')}, 32u)"
    both = f"(uint64_t({r.read(2, 'b32')}) << 32 | {r.read(1, 'b32')})"
    return r.write("b32", f"{both} << {by} >> 32" if side == "l" else f"{both} >> {by}")


@means("bfe")
def _field(r: Reading) -> str:
    type_ = r.must("u32", "u64", "s32", "s64")
    r.count(4)
    start, length = (f"({r.read(at, 'b32')} & 255)" for at in (2, 3))
    if type_.startswith("s"):
        return r.write(type_, f"signed_field<{c_type(type_)}>({r.read(1, type_)}, {start}, {length})")
    field = f"shift_right<{word(type_)}>({r.read(1, type_)}, {start})"
    return r.write(type_, f"{field} & ({word(type_)})(shift_left<{word(type_)}>(1, {length}) - 1)")


@means("prmt")
def _permute(r: Reading) -> str:
    r.must("b32")
    r.count(4)
    return r.write("b32", f"bytes_of_two({r.read(1, 'b32')}, {r.read(2, 'b32')}, {r.read(3, 'b32')})")


@means("lop3")
def _logic_of_three(r: Reading) -> str:
    r.must("b32")
    r.count(5)
    a, b, c = (r.read(at, "b32") for at in (1, 2, 3))
    return r.write("b32", f"logic_of_three({a}, {b}, {c}, {r.read(4, 'b32')})")


@means("clz", "popc", "brev")
def _count_bits(r: Reading) -> str:
    type_ = r.must("b32", "b64") if r.name != "brev" else r.must("b32")
    r.count(2)
    x = r.read(1, type_)
    if r.name == "brev":
        return r.write("b32", f"reversed({x})")
    if r.name == "popc":
        return r.write("u32", f"__builtin_popcountll({x})")
    return r.write("u32", f"{x} ? __builtin_clzll({x}) - {64 - 8 * BYTES[type_]} : {8 * BYTES[type_]}")
