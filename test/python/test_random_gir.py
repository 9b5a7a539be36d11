"""Random GIR kernels, naive and placed: verified, round-tripped, interpreted, counted, compiled.

The same programs all day, other ones tomorrow; `PF_TEST_FULL=1` takes 500 of each.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from programs.random_gir import GirProgram, random_kernels
from programs.random_nests import random_nests

import powerfusion as pf
from powerfusion.executable import compile_source
from powerfusion.frontend.source import read_module
from powerfusion.machines import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.reference import interpret

FULL = bool(os.environ.get("PF_TEST_FULL"))
SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
Test = Callable[..., Any]


def randomly(programs: Any, short: int) -> Callable[[Test], Test]:
    """Runs a test on so many random programs of a kind, 500 in the long form."""

    def decorate(test: Test) -> Test:
        chosen = settings(
            max_examples=500 if FULL else short, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        return pytest.mark.timeout(3600 if FULL else 120)(seed(SEED)(chosen(given(program=programs)(test))))

    return decorate


def check_interpreted(module: ir.Module, program: GirProgram) -> None:
    """The interpreter's results are NumPy's, and its counts are the ledger's."""
    run = interpret(module, [array.copy() for array in program.inputs], machine=find("cpu"), seed=SEED)
    for got, want in zip(run.results, program.expected, strict=True):
        np.testing.assert_array_equal(got, want)
    counted = {key: (count.useful, count.issued) for key, count in run.counts.items()}
    ledger = ledger_of(module, find("cpu"))
    static = {(e.instruction, e.space, e.direction): (e.useful, e.issued) for e in ledger.entries}
    assert {key: count for key, count in static.items() if count != (0, 0)} == counted


@randomly(random_kernels(), 40)
def test_naive_kernels(program: GirProgram) -> None:
    """A naive kernel, and what simplify and tile make of it, mean the same and are counted the same."""
    note(f"PF_TEST_SEED={SEED}\n{program.text}")
    check_interpreted(read_module(program.text), program)
    compiled = compile_source(program.text, until="tile")
    for phase in ("simplify", "tile"):
        check_interpreted(compiled.module(phase), program)


@randomly(random_nests(), 40)
def test_placed_kernels(program: GirProgram) -> None:
    """A placed kernel, gone through loop by loop, gives the same whatever its nest."""
    note(f"PF_TEST_SEED={SEED}\n{program.text}")
    check_interpreted(read_module(program.text), program)


@randomly(random_kernels(), 25)
def test_compiled_kernels(program: GirProgram) -> None:
    """The CPU computes it."""
    note(f"PF_TEST_SEED={SEED}\n{program.text}")
    check_compiled(program)


@randomly(random_nests(), 15)
def test_compiled_nests(program: GirProgram) -> None:
    """The CPU computes it, however it is placed."""
    note(f"PF_TEST_SEED={SEED}\n{program.text}")
    check_compiled(program)


def check_compiled(program: GirProgram) -> None:
    """The compiled program gives what is expected."""
    results = pf.compile(program.text)(*program.inputs)
    got = results if isinstance(results, tuple) else (results,)
    for one, want in zip(got, program.expected, strict=True):
        np.testing.assert_array_equal(one, want)


@randomly(random_kernels(), 40)
def test_round_trip(program: GirProgram) -> None:
    """Printed, in the custom and the generic form, and read again, a program is the same."""
    module = read_module(program.text)
    assert str(read_module(str(module))) == str(module)
    generic = module.operation.get_asm(print_generic_op_form=True)
    assert str(read_module(generic)) == str(module)


@randomly(random_nests(), 40)
def test_placed_round_trip(program: GirProgram) -> None:
    """The same of placed ones."""
    module = read_module(program.text)
    assert str(read_module(str(module))) == str(module)
