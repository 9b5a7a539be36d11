"""Programs of all kinds as PTX, run by its simulator: what the CPU's tests run, hand-written ones, random ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import test_dynamic_sizes
import test_graph_form
import test_tile_combining
import test_tile_memory
import test_tile_structure
from gpu_running import TARGET, TODAY, check_traffic, compiled, needs_library, simulated, todays
from graph_form import Case
from hypothesis import HealthCheck, assume, given, note, seed, settings
from programs import programs
from programs.check import FULL, check_call, check_program
from programs.program import DTYPES, Program
from programs.randomised import random_programs
from programs.upstream import result_dtypes
from test_dynamic_sizes import FOLDED, SWEPT

import powerfusion as pf
from powerfusion.errors import AssertionFailedError, UnsupportedError

PROGRAMS = [program for program in programs() if FULL or not program.full]


@pytest.mark.parametrize("program", todays(PROGRAMS, 48), ids=lambda program: program.name)
def test_program(program: Program) -> None:
    """Programs of linalg."""
    if not program.fails:
        check_program(program, simulated)
        return
    with pytest.raises(AssertionFailedError, match=program.fails):
        simulated(program.text)(*program.inputs)


@pytest.mark.parametrize("case", todays(test_graph_form.CASES, 8), ids=lambda case: case.name)
def test_graph(case: Case) -> None:
    """Programs of GIR: payloads, scatters, launches of one kernel by several, products and scans of any dtype."""
    executable = simulated(case.text)
    for inputs in case.inputs:
        got = executable(*inputs)
        test_graph_form.compare(case, inputs, got if isinstance(got, tuple) else (got,))


def in_dtype(program: Program, dtype: str) -> Program:
    """A program of f32 on floats of another type."""
    text = program.text
    for wide, narrow in zip(INFINITIES["f32"], INFINITIES[dtype], strict=True):
        text = text.replace(wide, narrow)
    calls = [tuple(narrowed(array, dtype) for array in inputs) for inputs in (program.inputs, *program.more)]
    return replace(program, text=re.sub(r"\bf32\b|(?<=x)f32\b", dtype, text), inputs=calls[0], more=tuple(calls[1:]))


def narrowed(array: Any, dtype: str) -> Any:
    """Floats of a type; other arrays stay."""
    return array.astype(DTYPES[dtype]) if getattr(array, "dtype", None) == np.float32 else array


INFINITIES = {"f32": ("0xFF800000", "0x7F800000"), "f16": ("0xFC00", "0x7C00"), "bf16": ("0xFF80", "0x7F80")}
OPEN = [(name, dtype) for name in (*SWEPT, *FOLDED) for dtype in INFINITIES]


@pytest.mark.parametrize(("name", "dtype"), todays(OPEN, 7))
def test_open_sizes(name: str, dtype: str) -> None:
    """Programs of open sizes, called with several: right, and what moves is what the ledger says of those sizes."""
    program = in_dtype(next(program for program in programs() if program.name == name), dtype)
    executable = simulated(program.text)
    for drawn in test_dynamic_sizes.calls(program):
        inputs = [narrowed(each, dtype) for each in drawn]
        check_call(program, executable, inputs, result_dtypes(program.text), f"{name}, {dtype}")
        check_traffic(executable)


@pytest.mark.timeout(3600 if FULL else 120)
@seed(TODAY)
@settings(max_examples=200 if FULL else 5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(program=random_programs())
def test_random_program(program: Program) -> None:
    """Whatever was drawn computes what NumPy computes."""
    note(f"PF_TEST_SEED={TODAY}\n{program.text}")
    try:
        check_program(program, compiled)
    except UnsupportedError as error:
        assume(not needs_library(error))
        raise


TILE_FORM: dict[str, Callable[[], None]] = {
    "combiner in order": test_tile_structure.test_all_reduce_combiner_in_order,
    "loops and branches": test_tile_structure.test_meeting_in_a_loop_and_a_branch,
    "split softmax": test_tile_structure.test_split_softmax,
    "assertions": test_tile_structure.test_assert_counts_valid_elements,
    "launches": test_tile_structure.test_launch,
    "tokens": lambda: test_tile_memory.test_double_buffering("f16"),
    "memory of units": lambda: test_tile_memory.test_stage_and_alloc("bf16"),
    "sync": lambda: test_tile_structure.test_sync("i8"),
    "payload": lambda: test_tile_combining.test_payload("f32"),
}


@pytest.mark.parametrize("case", todays(list(TILE_FORM), 3))
def test_tile_form(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs in tile form, by hand: units that meet, copies under way."""
    compile_ = pf.compile
    monkeypatch.setattr(pf, "compile", lambda source: compile_(source, target=TARGET, device="sim"))
    TILE_FORM[case]()
