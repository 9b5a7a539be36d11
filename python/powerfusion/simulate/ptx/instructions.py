"""What each instruction of PTX means, as C++.

A function per instruction takes it and gives a statement. Each says which modifiers it knows: one that is passed over
would be a silent wrong answer, so that whatever is left is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from powerfusion.simulate.ptx.operands import FLOATS, Operands, c_type, parts, word
from powerfusion.simulate.ptx.source import BYTES, Instruction

Meaning = Callable[["Reading"], str]
_table: dict[str, Meaning] = {}
INTEGERS = tuple(f"{kind}{width}" for kind in "us" for width in (16, 32, 64))
BITS = ("b16", "b32", "b64")
NARROW = ("f16", "bf16", "f16x2", "bf16x2")
ROUNDINGS = {"rni": 0, "rzi": 1, "rmi": 2, "rpi": 3}


def means(*names: str) -> Callable[[Meaning], Meaning]:
    """Says what instructions of some names mean."""

    def register(meaning: Meaning) -> Meaning:
        for name in names:
            assert name not in _table, f"expected one meaning of {name}"
            _table[name] = meaning
        return meaning

    return register


class Reading:
    """An instruction on its way to C++.

    Args:
        of: The instruction.
        registers: The operands of its kernel.
        turn: An expression for how often its loops have come round.
    """

    def __init__(self, of: Instruction, registers: Operands, turn: str) -> None:
        self.of, self.registers, self.turn = of, registers, turn
        self.name, *self.left = of.opcode
        self.operands = of.operands

    def statement(self) -> str:
        """What it does, guarded.

        Raises:
            SimulationError: It isn't known.
        """
        meaning = _table.get(self.name)
        if meaning is None:
            raise self.registers.refuse(self.of, "the name")
        text = meaning(self)
        if self.left:
            raise self.registers.refuse(self.of, f"modifier .{self.left[0]}")
        if self.of.guard is None:
            return text
        return f"if ({self.registers.read(self.of, self.of.guard, 'pred')}) {{ {text} }}"

    def take(self, *modifiers: str) -> str | None:
        """The next modifier, if it is one of these."""
        return self.left.pop(0) if self.left and self.left[0] in modifiers else None

    def must(self, *modifiers: str) -> str:
        """The next modifier, which must be one of these."""
        found = self.take(*modifiers)
        if found is None:
            raise self.registers.refuse(self.of, f"modifier .{self.left[0]}" if self.left else "the lack of a modifier")
        return found

    def count(self, *numbers: int) -> None:
        """Checks how many operands there are."""
        if len(self.operands) not in numbers:
            raise self.registers.refuse(self.of, f"a number of {len(self.operands)} operands")

    def read(self, at: int, type_: str) -> str:
        """An operand as a type."""
        return self.registers.read(self.of, self.operands[at], type_)

    def write(self, type_: str, value: str, at: int = 0) -> str:
        """Writes a result."""
        return self.registers.write(self.of, self.operands[at], type_, value)

    @property
    def line(self) -> int:
        """Of the text."""
        return self.of.line


# -- arithmetic ------------------------------------------------------------------------------------


@means("add", "sub")
def _add(r: Reading) -> str:
    sign = {"add": "+", "sub": "-"}[r.name]
    rounded = r.take("rn")
    narrow = r.take(*NARROW)
    if narrow:
        return _narrow(r, narrow, sign)
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
            return _narrow(r, narrow, "*")
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


def _narrow(r: Reading, type_: str, sign: str) -> str:
    """A sum or product of 16-bit floats, or of two of them in a word."""
    r.count(3)
    bits, how = ("b32", "of_two") if type_.endswith("x2") else ("b16", "each")
    one = type_.removesuffix("x2")
    return r.write(
        bits, f"{how}<{one}>({r.read(1, bits)}, {r.read(2, bits)}, [](f32 x, f32 y) {{ return x {sign} y; }})"
    )


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
    type_ = r.must("s16", "s32", "s64", "f16", "bf16", "f32", "f64")
    r.count(2)
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
    type_ = r.must("u32", "u64")
    r.count(4)
    start, length = (f"({r.read(at, 'b32')} & 255)" for at in (2, 3))
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


# -- moves, choices and conversions --------------------------------------------------------------------


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
    return r.write(bits, f"{r.read(3, 'pred')} ? {chosen}")


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
    type_ = r.must(*INTEGERS, *BITS, *FLOATS)
    r.count(4 if joined else 3)
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
    if of in ("bf16", "f16") and to == "f32":
        return r.write("f32", f"widen({x})")
    if {to, of} == {"f32", "f64"}:
        return r.write(to, f"({to}){x}")
    raise r.registers.refuse(r.of, "a pair of types")


# -- memory ------------------------------------------------------------------------------------------


@means("ld", "st")
def _access(r: Reading) -> str:
    space = r.must("param", "global", "shared")
    if space == "global" and r.name == "ld":
        r.take("nc")
    count = int((r.take("v2", "v4") or "v1")[1:])
    type_ = r.must("b8", "u8", "s8", *BITS, *INTEGERS, "f32", "f64")
    r.count(2)
    where, what = (r.operands[1], r.operands[0]) if r.name == "ld" else r.operands
    registers = parts(what)
    if len(registers) != count:
        raise r.registers.refuse(r.of, "a number of registers")
    base, offset = r.registers.address(r.of, where)
    size = BYTES[type_]
    if space == "param":
        return _load_parameter(r, base, offset, type_, registers)
    wide = "u32" if r.registers.class_of(r.of, base) == "b32" else "u64"
    at = f"({r.registers.read(r.of, base, wide)} + {offset}ll)"
    turn = f", {r.turn}" if space == "global" else ""
    access = f"{space}_at(t, uint64_t{at}, {size * count}, {'true' if r.name == 'st' else 'false'}, {r.line}{turn})"
    steps = [f"uint8_t *p = {access};"]
    for number, register in enumerate(registers):
        place = f"p + {number * size}"
        if r.name == "ld":
            steps.append(
                f"{{ {c_type(type_)} v; memcpy(&v, {place}, {size}); {r.registers.write(r.of, register, type_, 'v')} }}"
            )
        else:
            steps.append(
                f"{{ {c_type(type_)} v = {r.registers.read(r.of, register, type_)}; memcpy({place}, &v, {size}); }}"
            )
    return f"{{ {' '.join(steps)} }}"


def _load_parameter(r: Reading, base: str, offset: int, type_: str, registers: Sequence[str]) -> str:
    known = {one.name: one for one in r.registers.kernel.parameters}
    size = BYTES[type_]
    if r.name == "st" or base not in known or len(registers) != 1 or offset + size > known[base].size:
        raise r.registers.refuse(r.of, f"parameter {base}")
    source = f"t.parameters + {known[base].offset + offset}"
    return f"{{ {c_type(type_)} v; memcpy(&v, {source}, {size}); {r.registers.write(r.of, registers[0], type_, 'v')} }}"


# -- threads -----------------------------------------------------------------------------------------


@means("bar", "barrier")
def _barrier(r: Reading) -> str:
    r.must("sync")
    r.count(1)
    if r.operands[0] != "0":
        raise r.registers.refuse(r.of, f"number {r.operands[0]}")
    return f"barrier(t, {r.line});"


MODES = {"bfly": "butterfly", "idx": "indexed", "up": "up", "down": "down"}


@means("shfl")
def _exchange(r: Reading) -> str:
    r.must("sync")
    mode = MODES[r.must(*MODES)]
    r.must("b32")
    r.count(5)
    into, _, flag = r.operands[0].partition("|")
    given = ", ".join(r.read(at, "b32") for at in (1, 2, 3, 4))
    taken = f"bool q; uint32_t v = exchange(t, Mode::{mode}, {given}, &q, {r.line});"
    ends = [r.registers.write(r.of, into, "b32", "v")]
    if flag:
        ends.append(r.registers.write(r.of, flag, "pred", "q"))
    return f"{{ {taken} {' '.join(ends)} }}"


@means("bra")
def _branch(r: Reading) -> str:
    r.take("uni")
    r.count(1)
    return f"goto {label(r.operands[0])};"


@means("ret", "exit")
def _return(r: Reading) -> str:
    r.count(0)
    return "return;"


def label(name: str) -> str:
    """A label as C++ has it."""
    return name.replace("$", "L_")
