"""The table's programs mean what NumPy says: naive, simplified, placed, in tile form, and compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tolerance

import powerfusion as pf
from powerfusion.executable import compile_source
from powerfusion.reference import interpret
from workloads import Workload, workloads

PHASES = ("raise", "simplify", "place", "tile")
EACH = [pytest.param(workload, id=f"{workload.name}-{workload.dtype}") for workload in workloads()]


def check(workload: Workload, results: Any, inputs: tuple[np.ndarray, ...], what: str) -> None:
    """Results are the reference's within their dtype's rounding."""
    got = results if isinstance(results, tuple) else (results,)
    want = workload.reference(*inputs)
    assert len(got) == len(want)
    for at, (array, value) in enumerate(zip(got, want, strict=True)):
        expected = tolerance.Expected(value, workload.scale)
        tolerance.check(array, expected, array.dtype, roundings=workload.roundings, what=f"{what}, result {at}")


@pytest.mark.parametrize("workload", EACH)
def test_every_phase_means_the_same(workload: Workload) -> None:
    """Interpreted after each phase."""
    executable = compile_source(workload.text("small"), until="tile")
    inputs = workload.inputs("small")
    for phase in PHASES:
        check(workload, interpret(executable.module(phase), inputs).results, inputs, f"after '{phase}'")


@pytest.mark.parametrize("workload", EACH)
def test_compiled_programs_mean_the_same(workload: Workload) -> None:
    """Run on this machine."""
    inputs = workload.inputs("small")
    check(workload, pf.compile(workload.text("small"), target="cpu")(*inputs), inputs, "compiled")


def test_full_sizes_parse_and_keep_their_arguments() -> None:
    """A workload's two sizes differ in sizes alone; what is large is only written, never filled."""
    for workload in workloads():
        full, small = (pf.executable.read_module(workload.text(size)) for size in ("full", "small"))
        assert [op.name for op in ops(full)] == [op.name for op in ops(small)]


def ops(module: Any) -> list[Any]:
    """The ops of a module of one function."""
    return [op.operation for op in module.body.operations[0].regions[0].blocks[0].operations]
