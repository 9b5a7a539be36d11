"""The same program, options and version give the same answer, however often it is asked for.

What is kept in sets of values or ops comes back in an order that changes from run to run.
"""

from __future__ import annotations

import pytest
from expanding import Build, built
from expansion_programs import attention_of_a_sum, attention_twice, coupled_maxima, softmax_of_normalised
from programs.check import FULL

from powerfusion.executable import compile_for
from workloads import Workload, workloads

MACHINES = ("sm_90", "mlu372", "gfx942")
EVERY = 1 if FULL else 4
TABLE = [pytest.param(w, MACHINES[at % 3], id=f"{w.name}-{w.dtype}") for at, w in enumerate(workloads()[::EVERY])]
SIZES = dict(zip("rcedk", (9, 33, 5, 4, 7), strict=True))


@pytest.mark.parametrize(("workload", "machine"), TABLE)
def test_programs_of_the_table(workload: Workload, machine: str) -> None:
    """Scheduled three times."""
    texts = {compile_for(workload.text("small"), machine).ir("schedule") for _ in range(3)}
    assert len(texts) == 1


@pytest.mark.parametrize("build", [softmax_of_normalised, attention_twice, attention_of_a_sum, coupled_maxima])
def test_cascades(build: Build) -> None:
    """Expanded twelve times: several cascades, of which one may be part of another."""
    _, text = built(build, SIZES, "f32")
    assert len({compile_for(text, "sm_90", until="expand").ir("expand") for _ in range(12)}) == 1
