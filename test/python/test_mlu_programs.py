"""The suite's programs, and random ones, on simulated machines: as on the CPU, without faults."""

from __future__ import annotations

import datetime
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from programs import programs
from programs.check import FULL, check_program
from programs.program import Program
from programs.randomised import random_programs
from simulated import DSP, compiled

TODAY = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
TARGETS = ("mlu:mlu372", "mlu:mlu592", f"file:{DSP}")
EACH_DAY = 6


def todays() -> list[Any]:
    """Some of the programs, each on one of the machines; all of them in the long form."""
    found = [program for program in programs() if not program.fails and (FULL or not program.full)]
    pairs = [(program, TARGETS[at % len(TARGETS)]) for at, program in enumerate(found)]
    chosen = pairs if FULL else pairs[TODAY % len(pairs) :: len(pairs) // EACH_DAY + 1]
    return [pytest.param(*pair, id=f"{pair[0].name}-{pair[1][-8:]}") for pair in chosen]


@pytest.mark.parametrize(("program", "target"), todays())
def test_program(program: Program, target: str) -> None:
    """Every kind of op and of type that the suite knows."""
    check_program(program, lambda source: compiled(source, target))


@pytest.mark.timeout(3600 if FULL else 120)
@seed(TODAY)
@settings(max_examples=200 if FULL else 3, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(program=random_programs())
def test_random_program(program: Program) -> None:
    """Whatever was drawn computes what NumPy computes."""
    note(f"PF_TEST_SEED={TODAY}\n{program.text}")
    check_program(program, lambda source: compiled(source, "mlu:mlu372"))
