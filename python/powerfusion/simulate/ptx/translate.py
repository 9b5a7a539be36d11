"""Writes a module of PTX as C++: a function per kernel, and where loops begin, so that their turns can be counted."""

from __future__ import annotations

from powerfusion.simulate.ptx import (  # they fill the table
    arithmetic,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    conversions,  # noqa: F401  # pyright: ignore[reportUnusedImport]
)
from powerfusion.simulate.ptx.accesses import label
from powerfusion.simulate.ptx.instructions import Reading
from powerfusion.simulate.ptx.loops import Loop, loops_of
from powerfusion.simulate.ptx.operands import Operands, declarations
from powerfusion.simulate.ptx.source import Kernel, Label, Source


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
    loops = loops_of(kernel)
    headers = {loop.header: loop for loop in loops}
    lines = [f'extern "C" void {c_name(kernel)}(Context &t) {{', *declarations(kernel)]
    for at, part in enumerate(kernel.body):
        visit = _visit(headers[at], loops) if at in headers else ""
        if isinstance(part, Label):
            lines.append(f"{label(part.name)}:;{visit}")
        else:
            lines.append(f" {visit} " + Reading(part, operands, _turn(at, loops)).statement())
    return "\n".join([*lines, "}"])


def _visit(loop: Loop, loops: list[Loop]) -> str:
    """At a loop's beginning: one more turn, in which the loops within it begin anew."""
    inner = [other for other in loops if other is not loop and other.parts < loop.parts]
    resets = "".join(f" t.visits[{other.number}] = 0;" for other in inner)
    return f" t.visits[{loop.number}]++;{resets}"


def _turn(at: int, loops: list[Loop]) -> str:
    """How often the loops around a place have come round, as one number."""
    turn = "0ull"
    for loop in loops:
        if at in loop.parts:
            turn = f"({turn} * 1048573 + t.visits[{loop.number}])"
    return turn
