"""What accesses of memory, barriers, exchanges within a warp and branches of PTX mean."""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.simulate.ptx.instructions import BITS, INTEGERS, Reading, means
from powerfusion.simulate.ptx.operands import c_type, parts
from powerfusion.simulate.ptx.source import BYTES

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
    access = (
        f"{space}_at(t, uint64_t{at}, {size * count}, Access::{'write' if r.name == 'st' else 'read'}, {r.line}{turn})"
    )
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


UPDATES = {
    "add": "v + w",
    "and": "v & w",
    "or": "v | w",
    "xor": "v ^ w",
    "min": "v < w ? v : w",
    "max": "v > w ? v : w",
    "exch": "w",
}


@means("atom", "red")
def _update(r: Reading) -> str:
    """What is there is combined with an operand in one step; the order of memory beside it is barriers' alone."""
    r.take("relaxed", "acquire", "release", "acq_rel")
    r.take("cta", "gpu", "sys")
    space = r.must("global", "shared")
    how = UPDATES[r.must(*UPDATES)]
    type_ = r.must("b32", "b64", "u32", "s32", "u64", "s64")
    *result, where, what = r.operands
    r.count(3 if r.name == "atom" else 2)
    base, offset = r.registers.address(r.of, where)
    wide = "u32" if r.registers.class_of(r.of, base) == "b32" else "u64"
    at = f"uint64_t({r.registers.read(r.of, base, wide)} + {offset}ll)"
    turn = f", {r.turn}" if space == "global" else ""
    size = BYTES[type_]
    steps = [
        f"uint8_t *p = {space}_at(t, {at}, {size}, Access::update, {r.line}{turn});",
        f"{c_type(type_)} v, w = {r.registers.read(r.of, what, type_)}; memcpy(&v, p, {size});",
        f"{c_type(type_)} made = {how}; memcpy(p, &made, {size});",
        *(r.registers.write(r.of, one, type_, "v") for one in result),
    ]
    return f"{{ {' '.join(steps)} }}"


# -- threads -----------------------------------------------------------------------------------------


@means("bar", "barrier")
def _barrier(r: Reading) -> str:
    if r.take("warp"):
        r.must("sync")
        r.count(1)
        return f"if ({r.decide('barrier', 'true')}) warp_barrier(t, {r.read(0, 'b32')}, {r.line});"
    r.must("sync")
    r.count(1)
    if r.operands[0] != "0":
        raise r.registers.refuse(r.of, f"number {r.operands[0]}")
    return f"if ({r.decide('barrier', 'true')}) barrier(t, {r.line});"


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
