"""The programs of the suite mean after every phase what NumPy says: naive, simplified and in tile form.

Interpreted and not run, so that a phase which breaks a program is found where it does, and not by what LLVM makes of
it; and tile form is held to its rules: no races, no access out of bounds, nothing unspecified that matters.
"""

from __future__ import annotations

from typing import Any

import pytest
from programs.check import FULL, check_call, parameters
from programs.program import Program
from programs.upstream import result_dtypes

from powerfusion.errors import AssertionFailedError
from powerfusion.executable import compile_source
from powerfusion.reference import interpret

PHASES = ("raise", "simplify", "tile")
CATEGORIES = ("elementwise", "gathers", "arithmetic", "mathematics", "maps", "reductions", "tensors", "constants")
CATEGORIES += ("signatures", "special", "sizes", "dtypes")
EVERY = 1 if FULL else 5


def chosen() -> list[Any]:
    """All programs in the long form; in the short one every fifth, and all chains."""
    short = [p for p in parameters(*CATEGORIES) if FULL or not p.marks]
    return short[::EVERY] + parameters("chains")


@pytest.mark.parametrize("program", chosen())
def test_program_means_the_same_after_every_phase(program: Program) -> None:
    """The results equal NumPy's within the tolerance, for every call of the program."""
    executable = compile_source(program.text, until="tile")
    dtypes = result_dtypes(program.text)
    for phase in PHASES:
        module = executable.module(phase)

        def call(*arrays: Any, module: Any = module) -> Any:
            results = interpret(module, arrays).results
            return None if not results else results[0] if len(results) == 1 else results

        if program.fails:
            with pytest.raises(AssertionFailedError, match=program.fails):
                call(*program.inputs)
            continue
        for k, inputs in enumerate((program.inputs, *program.more)):
            check_call(program, call, inputs, dtypes, f"{program.name} after '{phase}' (call {k})")
