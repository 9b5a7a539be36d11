"""Reads PTX as LLVM prints it: functions, their registers and memory, instructions with their line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from powerfusion.errors import SimulationError

BYTES = {
    **{f"{kind}{8 * size}": size for kind in "bsu" for size in (1, 2, 4, 8)},
    "f16": 2,
    "bf16": 2,
    "f32": 4,
    "f64": 8,
    "f16x2": 4,
    "bf16x2": 4,
    "pred": 1,
}
"""The bytes of each type of PTX that is known."""


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        line: Of the text, from 1.
        guard: The predicate without which it does nothing, with `!` where it must not hold; None for none.
        opcode: Its name and modifiers: `ld`, `global`, `v4`, `b32`.
        operands: As written.
    """

    line: int
    guard: str | None
    opcode: tuple[str, ...]
    operands: tuple[str, ...]

    @property
    def name(self) -> str:
        """The opcode as written."""
        return ".".join(self.opcode)


@dataclass(frozen=True)
class Label:
    """A place that branches go to."""

    line: int
    name: str


@dataclass(frozen=True)
class Variable:
    """Memory with a name, or a parameter: where it begins and how long it is, bytes."""

    name: str
    offset: int
    size: int


@dataclass
class Kernel:
    """A function that is launched.

    Attributes:
        name: Its name.
        line: Where it begins.
        parameters: In order, with their offsets in what a launch passes.
        registers: Per prefix of registers their type, as `%r` to `b32`.
        body: Labels and instructions.
    """

    name: str
    line: int
    parameters: list[Variable] = field(default_factory=list[Variable])
    registers: dict[str, str] = field(default_factory=dict[str, str])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    body: list[Label | Instruction] = field(default_factory=list[Label | Instruction])


@dataclass
class Source:
    """A module of PTX.

    Attributes:
        kernels: In order.
        shared: Variables of a group's memory; those whose size launches say have none and begin behind all others.
        shared_bytes: What those of known size take.
    """

    kernels: list[Kernel] = field(default_factory=list[Kernel])
    shared: dict[str, Variable] = field(default_factory=dict[str, Variable])
    shared_bytes: int = 0


_IGNORED = re.compile(r"\.(version|target|address_size|maxntid|reqntid|minnctapersm|maxnreg|pragma|loc|file)\b")
_ENTRY = re.compile(r"\.visible\s+\.entry\s+([\w$]+)\s*\(")
_PARAMETER = re.compile(
    r"\.param(?:\s+\.align\s+(\d+))?\s+\.(\w+)(?:\s+\.ptr\s+\.global\s+\.align\s+\d+)?\s+([\w$]+)(?:\[(\d+)\])?"
)
_SHARED = re.compile(r"(?:\.extern\s+)?\.shared\s+\.align\s+(\d+)\s+\.b8\s+([\w$]+)\[(\d*)\];")
_REGISTERS = re.compile(r"\.reg\s+\.(\w+)\s+(%[a-z]+)<(\d+)>;")
_LABEL = re.compile(r"(\$?[\w$]+):")
_GUARDED = re.compile(r"@(!?%\w+)\s+(.*)")


def read(text: str) -> Source:
    """Reads a module.

    Raises:
        SimulationError: It holds something that isn't known.
    """
    source = Source()
    kernel: Kernel | None = None
    header: list[str] | None = None
    begun = 0
    for line, statement in _statements(text):
        if header is not None:
            header.append(statement)
            if statement.startswith(")"):
                kernel, header = _kernel(" ".join(header), begun), None
                source.kernels.append(kernel)
        elif _ENTRY.match(statement):
            header, begun = [statement], line
        elif _IGNORED.match(statement) or statement in ("{", "}"):
            kernel = None if statement == "}" else kernel
        elif shared := _SHARED.fullmatch(statement):
            _add_shared(source, shared)
        elif kernel is None:
            raise SimulationError(f"'{statement}' isn't known to the simulator of PTX", location=f"ptx:{line}")
        elif registers := _REGISTERS.fullmatch(statement):
            kernel.registers[registers[2]], kernel.counts[registers[2]] = registers[1], int(registers[3])
        elif label := _LABEL.fullmatch(statement):
            kernel.body.append(Label(line, label[1]))
        elif statement.endswith(";") and not statement.startswith("."):
            kernel.body.append(_instruction(line, statement[:-1].strip()))
        else:
            raise SimulationError(f"'{statement}' isn't known to the simulator of PTX", location=f"ptx:{line}")
    return source


def _statements(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        statement = line.partition("//")[0].strip()
        if statement:
            yield number, statement


def _kernel(header: str, line: int) -> Kernel:
    match = _ENTRY.match(header)
    assert match is not None, f"expected an entry, got {header}"
    kernel = Kernel(match[1], line)
    offset = 0
    for part in filter(None, (part.strip() for part in header[match.end() :].rstrip(") ").split(","))):
        parameter = _PARAMETER.fullmatch(part)
        if parameter is None:
            raise SimulationError(f"parameter '{part}' isn't known to the simulator of PTX", location=f"ptx:{line}")
        size = BYTES[parameter[2]] * int(parameter[4] or 1)
        alignment = int(parameter[1] or BYTES[parameter[2]])
        offset = -(-offset // alignment) * alignment
        kernel.parameters.append(Variable(parameter[3], offset, size))
        offset += size
    return kernel


def _add_shared(source: Source, match: re.Match[str]) -> None:
    alignment, name, size = int(match[1]), match[2], int(match[3] or 0)
    if size:
        source.shared_bytes = -(-source.shared_bytes // alignment) * alignment
        source.shared[name] = Variable(name, source.shared_bytes, size)
        source.shared_bytes += size
    else:
        source.shared[name] = Variable(name, -1, 0)


def _instruction(line: int, text: str) -> Instruction:
    guard = None
    if match := _GUARDED.fullmatch(text):
        guard, text = match[1], match[2]
    opcode, _, rest = text.replace("\t", " ").partition(" ")
    return Instruction(line, guard, tuple(opcode.split(".")), tuple(_split(rest)))


def _split(text: str) -> list[str]:
    """Operands, cut at commas outside of braces and brackets."""
    found: list[str] = []
    depth, current = 0, ""
    for letter in text:
        depth += (letter in "{[") - (letter in "}]")
        if letter == "," and depth == 0:
            found.append(current.strip())
            current = ""
        else:
            current += letter
    return [*found, current.strip()] if current.strip() else found
