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
from powerfusion.simulate.ptx.study import MOST_STUDIED_TURNS, Sites


def translate(source: Source, sites: Sites | None = None) -> str:
    """The module as C++.

    Args:
        source: The module.
        sites: Told of what decides in it, where it is to be studied.

    Raises:
        SimulationError: It holds something that isn't known.
    """
    functions = [_function(kernel, source, sites) for kernel in source.kernels]
    last = max((part.line for kernel in source.kernels for part in kernel.body), default=0)
    studied = [] if sites is None else [sites.declarations(last)]
    limit = [] if sites is None else [f"#define PF_MOST_TURNS {MOST_STUDIED_TURNS}"]
    return "\n\n".join([*limit, '#include "kernel.h"', *studied, *functions]) + "\n"


def c_name(kernel: Kernel) -> str:
    """What a kernel's function is called, for the linker as well."""
    return "kernel_" + kernel.name.replace("$", "_")


def _function(kernel: Kernel, source: Source, sites: Sites | None) -> str:
    operands = Operands(kernel, source.shared)
    loops = loops_of(kernel)
    headers = {loop.header: loop for loop in loops}
    lines = [f'extern "C" void {c_name(kernel)}(Context &t) {{', *declarations(kernel)]
    for at, part in enumerate(kernel.body):
        visit = _visit(headers[at], loops, part.line) if at in headers else ""
        if isinstance(part, Label):
            lines.append(f"{label(part.name)}:;{visit}")
        else:
            lines.append(f" {visit} " + Reading(part, operands, _turn(at, loops), sites).statement())
    return "\n".join([*lines, "}"])


def _visit(loop: Loop, loops: list[Loop], line: int) -> str:
    """At a loop's beginning: one more turn, in which the loops within it begin anew."""
    inner = [other for other in loops if other is not loop and other.parts < loop.parts]
    resets = "".join(f" t.visits[{other.number}] = 0;" for other in inner)
    return f" t.visits[{loop.number}]++; if (++t.turns > kMostTurns) endless(t, t.turns, {line});{resets}"


def _turn(at: int, loops: list[Loop]) -> str:
    """How often the loops around a place have come round, as one number."""
    turn = "0ull"
    for loop in loops:
        if at in loop.parts:
            turn = f"({turn} * 1048573 + t.visits[{loop.number}])"
    return turn
