"""Operands of PTX as C++: registers are unsigned words, read and written as the type that an instruction says."""

from __future__ import annotations

import re
from collections.abc import Mapping

from powerfusion.errors import SimulationError
from powerfusion.simulate.ptx.source import BYTES, Instruction, Kernel, Variable

FLOATS = ("f16", "bf16", "f32", "f64")
SPECIAL = {
    "%tid.x": "t.id",
    "%tid.y": "0u",
    "%tid.z": "0u",
    "%ntid.x": "t.threads",
    "%ntid.y": "1u",
    "%ntid.z": "1u",
    "%ctaid.x": "t.group",
    "%ctaid.y": "0u",
    "%ctaid.z": "0u",
    "%nctaid.x": "t.groups",
    "%nctaid.y": "1u",
    "%nctaid.z": "1u",
    "%laneid": "(t.id % kWarp)",
}
_REGISTER = re.compile(r"(%[a-z]+)(\d+)")
_INTEGER = re.compile(r"-?(?:0x[0-9a-fA-F]+|\d+)U?")
_ADDRESS = re.compile(r"\[\s*([^\s+\]]+?)\s*(?:\+\s*(-?\d+)\s*)?\]")


def c_type(type_: str) -> str:
    """The C++ type of a type of PTX."""
    if type_ == "pred":
        return "bool"
    if type_ in FLOATS:
        return type_
    width = 8 * BYTES[type_]
    return f"int{width}_t" if type_[0] == "s" else f"uint{width}_t"


def word(type_: str) -> str:
    """The unsigned C++ type of a type's size."""
    return f"uint{8 * BYTES[type_]}_t"


class Operands:
    """Reads and writes the operands of a kernel's instructions.

    Args:
        kernel: Whose registers they are.
        shared: Variables in the group's memory.
    """

    def __init__(self, kernel: Kernel, shared: Mapping[str, Variable]) -> None:
        self.kernel, self.shared = kernel, shared

    def refuse(self, of: Instruction, what: str) -> SimulationError:
        """The error for something that isn't known."""
        return SimulationError(f"{what} of '{of.name}' isn't known to the simulator of PTX", location=f"ptx:{of.line}")

    def class_of(self, of: Instruction, operand: str) -> str | None:
        """The declared type of a register; None for what isn't one."""
        match = _REGISTER.fullmatch(operand)
        if match is None:
            return None
        if match[1] not in self.kernel.registers:
            raise self.refuse(of, f"register {operand}")
        return self.kernel.registers[match[1]]

    def read(self, of: Instruction, operand: str, type_: str) -> str:
        """An expression of the C++ type of `type_`."""
        if operand.startswith("!"):
            return f"(!{self.read(of, operand[1:], 'pred')})"
        declared = self.class_of(of, operand)
        if declared is not None:
            return self._register(of, operand, declared, type_)
        if operand in SPECIAL:
            return f"({c_type(type_)})({SPECIAL[operand]})"
        if operand in self.shared and BYTES[type_] >= 4:
            offset = self.shared[operand].offset
            return f"({c_type(type_)})({'t.dynamic_at' if offset < 0 else f'{offset}u'})"
        return self._number(of, operand, type_)

    def _register(self, of: Instruction, operand: str, declared: str, type_: str) -> str:
        name = _name(operand)
        if declared == "pred" or type_ == "pred":
            if declared != type_:
                raise self.refuse(of, f"operand {operand} as {type_}")
            return name
        wide, narrow = BYTES[declared], BYTES[type_]
        if type_ in FLOATS:
            if wide != narrow:
                raise self.refuse(of, f"operand {operand} as {type_}")
            return f"bf16{{{name}}}" if type_ == "bf16" else f"as<{type_}>({name})"
        if wide < narrow:
            raise self.refuse(of, f"operand {operand} as {type_}")
        return f"({c_type(type_)}){name}"

    def _number(self, of: Instruction, operand: str, type_: str) -> str:
        if operand.startswith("0f") and type_ in ("f32", "b32"):
            return f"as<f32>(0x{operand[2:]}u)" if type_ == "f32" else f"0x{operand[2:]}u"
        if operand.startswith("0d") and type_ in ("f64", "b64"):
            return f"as<f64>(uint64_t(0x{operand[2:]}ull))" if type_ == "f64" else f"uint64_t(0x{operand[2:]}ull)"
        if _INTEGER.fullmatch(operand):
            number = int(operand.rstrip("U"), 0)
            bits = f"0x{number % (1 << 8 * BYTES[type_]):x}ull"
            if type_ == "pred":
                return "true" if number else "false"
            if type_ in ("f16", "bf16"):
                return f"bf16{{{bits}}}" if type_ == "bf16" else f"as<f16>(uint16_t({bits}))"
            if type_ not in FLOATS:
                return f"({c_type(type_)}){bits}"
        raise self.refuse(of, f"operand {operand} as {type_}")

    def write(self, of: Instruction, operand: str, type_: str, value: str) -> str:
        """A statement that writes a value of the C++ type of `type_` to a register."""
        if operand == "_":
            return f"(void)({value});"
        declared = self.class_of(of, operand)
        if declared is None or (declared == "pred") != (type_ == "pred"):
            raise self.refuse(of, f"result {operand}")
        name = _name(operand)
        if type_ == "pred":
            return f"{name} = {value};"
        if type_ == "bf16":
            return f"{name} = ({value}).bits;"
        if BYTES[declared] < BYTES[type_] or (type_ in FLOATS and BYTES[declared] != BYTES[type_]):
            raise self.refuse(of, f"result {operand}")
        if type_ in FLOATS:
            return f"{name} = as<{word(type_)}>(({type_})({value}));"
        return f"{name} = ({word(declared)})({c_type(type_)})({value});"  # a signed one keeps its sign

    def address(self, of: Instruction, operand: str) -> tuple[str, int]:
        """The base and the offset of an address."""
        match = _ADDRESS.fullmatch(operand)
        if match is None:
            raise self.refuse(of, f"address {operand}")
        return match[1], int(match[2] or 0)


def parts(operand: str) -> list[str]:
    """The registers of a vector, or the one that it is."""
    return [part.strip() for part in operand.strip("{}").split(",")]


def _name(register: str) -> str:
    return register.replace("%", "r_")


def declarations(kernel: Kernel) -> list[str]:
    """The registers of a kernel as variables."""
    found: list[str] = []
    for prefix, count in kernel.counts.items():
        type_ = kernel.registers[prefix]
        if type_ not in BYTES:
            raise SimulationError(
                f"registers of type {type_} aren't known to the simulator of PTX", location=f"ptx:{kernel.line}"
            )
        names = ", ".join(f"{_name(prefix)}{at} = 0" for at in range(count))
        found.append(f"  {'bool' if type_ == 'pred' else word(type_)} {names};")
    return found
