"""What moves, choices, comparisons and conversions of PTX mean."""

from __future__ import annotations

from powerfusion.simulate.ptx.instructions import BITS, INTEGERS, ROUNDINGS, Reading, means
from powerfusion.simulate.ptx.operands import FLOATS, c_type, parts, word
from powerfusion.simulate.ptx.source import BYTES


@means("mov")
def _move(r: Reading) -> str:
    type_ = r.must(*BITS, *INTEGERS, *FLOATS, "pred")
    r.count(2)
    into, of = parts(r.operands[0]), parts(r.operands[1])
    if len(into) == len(of) == 1:
        return r.write(type_, r.read(1, type_))
    several = into if len(into) > 1 else of
    part = f"b{8 * BYTES[type_] // len(several)}"
    if part not in BYTES or min(len(into), len(of)) != 1:
        raise r.registers.refuse(r.of, "a number of parts")
    width = 8 * BYTES[part]
    if len(into) > 1:
        taken = [r.registers.write(r.of, one, part, f"v >> {width * at}") for at, one in enumerate(into)]
        return f"{{ uint64_t v = {r.read(1, type_)}; {' '.join(taken)} }}"
    joined = [f"(uint64_t({r.registers.read(r.of, one, part)}) << {width * at})" for at, one in enumerate(of)]
    return r.write(type_, " | ".join(joined))


@means("selp")
def _select(r: Reading) -> str:
    type_ = r.must(*BITS, *INTEGERS, "f32", "f64")
    r.count(4)
    bits = f"b{8 * BYTES[type_]}"
    sides = [r.read(at, type_) for at in (1, 2)]
    chosen = " : ".join(f"as<{word(type_)}>({side})" if type_ in FLOATS else f"({word(type_)}){side}" for side in sides)
    return r.write(bits, f"{r.decide('select', r.read(3, 'pred'))} ? {chosen}")


COMPARED = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "lo": "<",
    "ls": "<=",
    "hi": ">",
    "hs": ">=",
}


@means("setp")
def _compare(r: Reading) -> str:
    how = r.must(*COMPARED, *(f"{name}u" for name in ("eq", "ne", "lt", "le", "gt", "ge")), "num", "nan")
    joined = r.take("and", "or", "xor")
    type_ = r.must(*INTEGERS, *BITS, *FLOATS, "f16x2", "bf16x2")
    r.count(4 if joined else 3)
    if type_ in ("f16x2", "bf16x2"):
        return _compare_two(r, how, type_.removesuffix("x2"), joined)
    a, b = r.read(1, type_), r.read(2, type_)
    if type_ in ("f16", "bf16"):
        a, b = f"widen({a})", f"widen({b})"
    if type_ in BITS and how not in ("eq", "ne"):
        raise r.registers.refuse(r.of, f"comparison .{how}")
    holds = _comparison(how, f"({a})", f"({b})", is_float=type_ in FLOATS)
    if joined:
        sign = {"and": "&", "or": "|", "xor": "^"}[joined]
        holds = f"({holds}) {sign} {r.read(3, 'pred')}"
    return r.write("pred", holds)


def _compare_two(r: Reading, how: str, type_: str, joined: str | None) -> str:
    """Both halves of words, each into a predicate of its own."""
    into = r.operands[0].split("|")
    if joined or len(into) != 2:
        raise r.registers.refuse(r.of, "a number of predicates")
    sides = [[f"widen(from_bits<{type_}>(uint16_t({r.read(at, 'b32')} >> {by})))" for at in (1, 2)] for by in (0, 16)]
    made = [f"bool q{at} = {_comparison(how, *side, is_float=True)};" for at, side in enumerate(sides)]
    ends = [r.registers.write(r.of, one.strip(), "pred", f"q{at}") for at, one in enumerate(into)]
    return f"{{ {' '.join([*made, *ends])} }}"


def _comparison(how: str, a: str, b: str, *, is_float: bool) -> str:
    unordered = f"({a} != {a} || {b} != {b})"
    if how in ("num", "nan"):
        return unordered if how == "nan" else f"!{unordered}"
    if how not in COMPARED:
        return f"{unordered} || {a} {COMPARED[how[:-1]]} {b}"
    plain = f"{a} {COMPARED[how]} {b}"
    return f"!{unordered} && {plain}" if is_float and how == "ne" else plain


@means("cvt")
def _convert(r: Reading) -> str:
    whole = r.take(*ROUNDINGS)
    nearest = r.take("rn")
    to = r.must("f16x2", "bf16x2", *FLOATS, *INTEGERS, "u8", "s8")
    if to in ("f16x2", "bf16x2"):
        r.must("f32")
        r.count(3)
        one = "to_f16" if to == "f16x2" else "to_bf16"
        return r.write("b32", f"uint32_t({one}({r.read(1, 'f32')})) << 16 | {one}({r.read(2, 'f32')})")
    of = r.must(*FLOATS, *INTEGERS, "u8", "s8")
    r.count(2)
    x = r.read(1, of)
    if of in FLOATS and to not in FLOATS:
        if whole is None:
            raise r.registers.refuse(r.of, "the lack of a rounding")
        wide = f"widen({x})" if of in ("f16", "bf16") else x
        return r.write(to, f"to_integer<{c_type(to)}>({wide}, {ROUNDINGS[whole]})")
    if of in FLOATS:
        return _convert_float(r, to, of, x, whole, nearest)
    if to in FLOATS:
        if nearest is None or to in ("f16", "bf16"):
            raise r.registers.refuse(r.of, "a rounding")
        return r.write(to, f"({to}){x}")
    if whole or nearest:
        raise r.registers.refuse(r.of, "a rounding")
    return r.write(to, f"({c_type(to)}){x}")


def _convert_float(r: Reading, to: str, of: str, x: str, whole: str | None, nearest: str | None) -> str:
    if to == of and to in ("f32", "f64") and whole and not nearest:
        return r.write(to, f"({to})rounded({x}, {ROUNDINGS[whole]})")
    if whole or (BYTES[to] < BYTES[of]) != bool(nearest):
        raise r.registers.refuse(r.of, "a rounding")
    if to in ("bf16", "f16") and of == "f32":
        return r.write("b16", f"to_{to}({x})")
    if of in ("bf16", "f16") and to in ("f32", "f64"):
        return r.write(to, f"widen({x})")
    if {to, of} == {"f32", "f64"}:
        return r.write(to, f"({to}){x}")
    raise r.registers.refuse(r.of, "a pair of types")
