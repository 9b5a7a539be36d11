"""Writes a module of PTX as C++: a function per kernel, and where loops begin, so that their turns can be counted."""

from __future__ import annotations

from dataclasses import dataclass

from powerfusion.errors import SimulationError
from powerfusion.simulate.ptx.instructions import Reading, label
from powerfusion.simulate.ptx.operands import Operands, declarations
from powerfusion.simulate.ptx.source import Instruction, Kernel, Label, Source

MOST_LOOPS = 256


@dataclass(frozen=True)
class Loop:
    """A stretch of a kernel's body that a branch goes back over.

    Attributes:
        number: From 0.
        begin: Where its label stands in the body.
        end: Where the last branch back to it stands.
    """

    number: int
    begin: int
    end: int


def translate(source: Source) -> str:
    """The module as C++.

    Raises:
        SimulationError: It holds something that isn't known.
    """
    return "\n\n".join(['#include "kernel.h"', *(_function(kernel, source) for kernel in source.kernels)]) + "\n"


def c_name(kernel: Kernel) -> str:
    """What a kernel's function is called, for the linker as well."""
    return "kernel_" + kernel.name.replace("$", "_")


def _function(kernel: Kernel, source: Source) -> str:
    operands = Operands(kernel, source.shared)
    loops = _loops(kernel)
    headers = {loop.begin: loop for loop in loops}
    lines = [f'extern "C" void {c_name(kernel)}(Context &t) {{', *declarations(kernel)]
    for at, part in enumerate(kernel.body):
        if isinstance(part, Label):
            lines.append(f"{label(part.name)}:;{_visit(headers[at], loops) if at in headers else ''}")
        else:
            lines.append("  " + Reading(part, operands, _turn(at, loops)).statement())
    return "\n".join([*lines, "}"])


def _loops(kernel: Kernel) -> list[Loop]:
    places = {part.name: at for at, part in enumerate(kernel.body) if isinstance(part, Label)}
    ends: dict[int, int] = {}
    for at, part in enumerate(kernel.body):
        if isinstance(part, Instruction) and part.opcode[0] == "bra":
            target = places.get(part.operands[0])
            if target is None:
                raise SimulationError(f"there is no label {part.operands[0]}", location=f"ptx:{part.line}")
            if target <= at:
                ends[target] = at
    if len(ends) > MOST_LOOPS:
        raise SimulationError(
            f"a kernel of more than {MOST_LOOPS} loops can't be simulated", location=f"ptx:{kernel.line}"
        )
    return [Loop(number, begin, ends[begin]) for number, begin in enumerate(sorted(ends))]


def _visit(loop: Loop, loops: list[Loop]) -> str:
    """At a loop's beginning: one more turn, in which the loops within it begin anew."""
    inner = [other for other in loops if loop.begin < other.begin <= loop.end]
    resets = "".join(f" t.visits[{other.number}] = 0;" for other in inner)
    return f" t.visits[{loop.number}]++;{resets}"


def _turn(at: int, loops: list[Loop]) -> str:
    """How often the loops around a place have come round, as one number."""
    turn = "0ull"
    for loop in loops:
        if loop.begin <= at <= loop.end:
            turn = f"({turn} * 1048573 + t.visits[{loop.number}])"
    return turn
