"""The whole phase: programs mean and move the same after all of its passes, on every machine."""

from __future__ import annotations

import pytest
from scheduled import MACHINES, Tiled, cases, check_unchanged, run_passes, tiled

from powerfusion.mlir import ir
from powerfusion.passes.scheduling import schedule


@pytest.mark.parametrize(("program", "machine"), cases(*MACHINES))
def test_programs(program: Tiled, machine: str) -> None:
    """Placed programs, copied ahead, with barriers, offsets, launches and a workspace."""
    if program.name.endswith("softmax_tile") and machine in ("sm_90", "gfx942"):  # It bounds its rows by 65,536.
        with pytest.raises(ir.MLIRError, match="at once, which holds"):
            run_passes(program.text, *schedule(machine))
        return
    check_unchanged(tiled(program.text), program.inputs, machine, *schedule(machine))
