"""Placing takes along what regions use of the kernel around them: nothing of the old kernel is used when it is gone."""

from __future__ import annotations

import pytest
from programs.check import parameters
from programs.program import Program
from test_placement import check, placed

from powerfusion.core._mlir import entry_block, operations
from powerfusion.machines.table import find
from powerfusion.passes.fusion.rebuild import captured_values

COMBINERS = [p for p in parameters("reductions") if not p.marks and p.values[0].name.startswith("combine")]


@pytest.mark.parametrize("machine", ["sm_90", "mlu372"])
@pytest.mark.parametrize("program", COMBINERS)
def test_combiners_that_use_scalars_of_the_kernel(program: Program, machine: str) -> None:
    """Welford's divides by a count that starts from a constant outside of its combiner; results are as before."""
    check(program, find(machine))


def test_what_a_combiner_uses_is_in_its_own_kernel() -> None:
    """The constant is copied once, before the reduction; one such program at least is placed."""
    seen = 0
    for parameter in COMBINERS:
        found = placed(parameter.values[0].text, find("sm_90"))
        for kernel in found.kernels if found.nests else []:
            ops = operations(entry_block(kernel))
            own = {result for op in ops for result in op.results} | set(entry_block(kernel).arguments)
            captured = [value for op in ops for value in captured_values(op)]
            assert set(captured) <= own
            seen += bool(captured)
    assert seen
