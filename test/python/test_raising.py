"""Raised programs mean what they did, before anything else is done to them.

They are run by the reference interpreter, and written back as linalg by MLIR's own pipeline. The
short form takes the categories whose raising has the most to it, the long form all.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import note
from programs.check import FULL, check_program, parameters
from programs.program import Program
from programs.random_gir import GirProgram, random_kernels
from programs.random_nests import random_nests
from programs.roundtrip import BACK, raised, written_back
from programs.upstream import Upstream
from test_random_gir import SEED, randomly

import powerfusion as pf
from powerfusion.frontend.source import read_module
from powerfusion.phases import run_phase
from powerfusion.pipelines import RAISE
from powerfusion.reference import interpret

CATEGORIES = ("maps", "reductions", "gathers", "windows", "contractions", "scans", "scatters")
# MLIR's own pipeline has no lowering for `tensor.scatter`, refuses an empty part of a concatenation, and
# crashes where one dimension becomes several of unknown sizes.
UPSTREAM_REFUSES = ("scatter", "concat_empty_part", "math_isinf", "math_isnormal", "extract_reduces_strided")
UPSTREAM_REFUSES += ("expand_unknown", "reshape_computed", "reshape_held")


def interpreted(text: str) -> Any:
    """The raised program as a function of arrays."""
    module = raised(text)

    def call(*arrays: Any) -> Any:
        results = interpret(module, arrays).results
        return None if not results else results[0] if len(results) == 1 else tuple(results)

    return call


@pytest.mark.parametrize("program", parameters(*() if FULL else CATEGORIES))
def test_raised(program: Program) -> None:
    """The naive program computes what NumPy says, by the reference interpreter."""
    if program.fails is not None:
        pytest.skip("an assertion of the program fails")
    check_program(program, interpreted)


@pytest.mark.parametrize("program", parameters(*() if FULL else CATEGORIES))
def test_written_back(program: Program) -> None:
    """Raised and written back as linalg, it still does: by MLIR's own pipeline."""
    if program.fails is not None or program.name.startswith(UPSTREAM_REFUSES):
        pytest.skip("MLIR's own pipeline doesn't take it")
    child = os.fork()  # a module stays in the JIT's address space, and an assertion there aborts
    if child == 0:
        try:
            check_program(program, lambda text: Upstream(written_back(text)))
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the child ended with status {status}, see its stderr"


@pytest.mark.parametrize("program", parameters("scatters"))
def test_raised_again(program: Program) -> None:
    """What MLIR's own pipeline doesn't take is raised once more, and run by this compiler."""
    check_program(program, lambda text: pf.compile(written_back(text)))


def check_there_and_back(program: GirProgram) -> None:
    """GIR, written as linalg and raised again, still computes what is expected."""
    note(f"PF_TEST_SEED={SEED}\n{program.text}")
    module = read_module(program.text)
    run_phase(module, BACK)
    assert "gir." not in str(module)
    run_phase(module, RAISE)
    run = interpret(module, [array.copy() for array in program.inputs])
    for got, want in zip(run.results, program.expected, strict=True):
        np.testing.assert_array_equal(got, want)


@randomly(random_kernels(), 40)
def test_random_kernels(program: GirProgram) -> None:
    """Of any naive kernel, linalg says the same."""
    check_there_and_back(program)


@randomly(random_nests(), 20)
def test_random_nests(program: GirProgram) -> None:
    """And of any placed one: places and passes change no value."""
    check_there_and_back(program)
