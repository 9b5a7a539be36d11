"""Runs a program by some route and holds its results against NumPy in float64."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tolerance

from . import programs
from .program import Inputs, Program, widened
from .upstream import result_dtypes

FULL = bool(os.environ.get("PF_TEST_FULL"))
Executable = Callable[..., Any]


def parameters(*categories: str) -> list[Any]:
    """pytest parameters for the programs of some categories; the long form's are skipped in the short one."""
    skip = pytest.mark.skipif(not FULL, reason="long form only: PF_TEST_FULL=1")
    return [pytest.param(p, id=p.name, marks=[skip] if p.full else []) for p in programs(*categories)]


def check_call(program: Program, executable: Executable, inputs: Inputs, dtypes: list[np.dtype], what: str) -> None:
    """One call: number, dtypes, shapes and values of the results; inputs untouched."""
    before = [np.array(a, copy=True) for a in inputs]
    results = executable(*inputs)
    for i, (old, new) in enumerate(zip(before, inputs, strict=True)):
        assert old.tobytes() == np.asarray(new).tobytes(), f"{what}: the call changed its input {i}"
    with np.errstate(all="ignore"):
        expected = program.reference(*(widened(a) for a in inputs))
    if not dtypes:
        assert results is None, f"{what}: expected None, got {type(results).__name__}"
        return
    got = results if isinstance(results, tuple) else (results,)
    want = expected if isinstance(expected, tuple) else (expected,)
    assert len(got) == len(want) == len(dtypes), f"{what}: expected {len(want)} results, got {len(got)}"
    for i, (array, value, dtype) in enumerate(zip(got, want, dtypes, strict=True)):
        tolerance.check(array, value, dtype, roundings=program.roundings, what=f"{what}, result {i}")


def check_program(program: Program, compile_: Callable[[str], Executable]) -> None:
    """Compiles a program once and calls it with each of its inputs."""
    executable = compile_(program.text)
    dtypes = result_dtypes(program.text)
    for k, inputs in enumerate((program.inputs, *program.more)):
        shapes = ", ".join(str(np.shape(a)) for a in inputs)
        check_call(program, executable, inputs, dtypes, f"{program.name} called with {shapes} (call {k})")
