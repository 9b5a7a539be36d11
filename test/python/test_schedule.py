"""The whole phase: programs mean and move the same after all of its passes, on every machine."""

from __future__ import annotations

import numpy as np
import pytest
from programs.check import parameters
from programs.program import Program
from scheduled import MACHINES, Tiled, cases, check_unchanged, run_passes, tiled

from powerfusion.core._mlir import entry_block, functions
from powerfusion.mlir import ir
from powerfusion.pipelines import IMPORT, PLACE, RAISE, SCHEDULE, SIMPLIFY, TILE


def passes(machine: str) -> tuple[str, ...]:
    """The passes of the phase for a machine."""
    return SCHEDULE.with_option("machine", machine).passes


@pytest.mark.parametrize(("program", "machine"), cases(*MACHINES))
def test_programs(program: Tiled, machine: str) -> None:
    """Placed programs, copied ahead, with barriers, lanes, offsets, launches and a workspace."""
    if program.name.endswith("softmax_tile") and machine in ("sm_90", "gfx942"):  # It bounds its rows by 65,536.
        with pytest.raises(ir.MLIRError, match="at once, which holds"):
            run_passes(program.text, *passes(machine))
        return
    check_unchanged(tiled(program.text), program.inputs, machine, *passes(machine))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("program", parameters("chains"))
def test_chains(program: Program, machine: str) -> None:
    """Whole chains of models, placed for a machine and tiled, and then scheduled for it."""
    phases = [phase.with_option("machine", machine) for phase in (IMPORT, RAISE, SIMPLIFY, PLACE, TILE)]
    text = str(run_passes(program.text, *(each for phase in phases for each in phase.passes)))
    module = run_passes(text)
    (function,) = functions(module.operation)
    if len(entry_block(function).arguments) != len(
        program.inputs
    ):  # Constants are arguments, too: their elements stand at them.
        pytest.skip("its constants are arguments")
    inputs = tuple(np.array(array, copy=True) for array in program.inputs)
    check_unchanged(text, inputs, machine, *passes(machine))
