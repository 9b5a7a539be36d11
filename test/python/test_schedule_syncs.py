"""Barriers: enough that no order of units makes a difference, and none that could go."""

from __future__ import annotations

import datetime
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, seed, settings
from programs.check import FULL
from programs.random_units import WAYS, random_units
from scheduled import MACHINES, Tiled, cases, check_unchanged, execute, run_passes, tiled

from powerfusion.errors import Race
from powerfusion.frontend.source import read_module
from powerfusion.machines import find
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.kernels import walk

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())


def syncs(module: ir.Module) -> list[ir.Operation]:
    """The barriers of a program."""
    return list(walk(module.operation, "gir.sync"))


def without(text: str, number: int) -> ir.Module:
    """A program without one of its barriers."""
    module = read_module(text)
    syncs(module)[number].erase()
    return module


def races(module: ir.Module, inputs: tuple[Any, ...]) -> bool:
    """Whether units race, whichever branches are taken."""
    for way in range(WAYS):
        try:
            execute(module, (*inputs, np.asarray(way)), find("sm_90"))
        except Race:
            return True
    return False


@seed(SEED)
@settings(max_examples=200 if FULL else 25, deadline=None, database=None)
@given(program=random_units())
def test_random_units(program: tuple[str, str, tuple[Any, ...]]) -> None:
    """Results are those of a barrier before every access, in any order of units; without any one left units race."""
    text, guarded, inputs = program
    wanted, after = read_module(guarded), run_passes(text, "gir-place-syncs")
    for way in range(WAYS):
        arguments = (*inputs, np.asarray(way))
        for got, want in zip(*(execute(m, arguments, find("sm_90"), way)[0] for m in (after, wanted)), strict=True):
            np.testing.assert_array_equal(got, want)
    for number in range(len(syncs(after))):
        assert races(without(str(after), number), inputs)


@pytest.mark.parametrize(("program", "machine"), cases(*MACHINES))
def test_programs(program: Tiled, machine: str) -> None:
    """Units of placed programs use what they brought themselves: no barrier is put."""
    text = tiled(program.text)
    before = len(syncs(run_passes(text)))
    after = check_unchanged(text, program.inputs, machine, "gir-place-syncs")
    assert len(syncs(after)) <= before
