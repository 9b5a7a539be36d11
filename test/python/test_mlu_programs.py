"""The suite's programs, and random ones, on simulated machines: as on the CPU, without faults."""

from __future__ import annotations

import datetime
import os
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from programs import programs
from programs.check import FULL, check_program
from programs.program import Program
from programs.randomised import random_programs
from simulated import DSP, compiled, moved

from powerfusion.errors import UnsupportedError
from powerfusion.executable import Executable

TODAY = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
TARGETS = ("mlu:mlu372", "mlu:mlu592", f"file:{DSP}")
EACH_DAY = 6


def todays() -> list[Any]:
    """Some of the programs, each on one of the machines; all of them in the long form."""
    found = [program for program in programs() if not program.fails and (FULL or not program.full)]
    pairs = [(program, TARGETS[at % len(TARGETS)]) for at, program in enumerate(found)]
    chosen = pairs if FULL else pairs[TODAY % len(pairs) :: len(pairs) // EACH_DAY + 1]
    return [pytest.param(*pair, id=f"{pair[0].name}-{pair[1][-8:]}") for pair in chosen]


def check(program: Program, target: str) -> None:
    """Right without faults, with the ledger's bytes; or refused, where it computes with what the machine lacks."""
    made: list[Executable] = []

    def compile_(source: str) -> Executable:
        made.append(compiled(source, target))
        return made[-1]

    try:
        check_program(program, compile_)
    except UnsupportedError as error:
        if (lacking := re.fullmatch(r"mlu\d+ has no (\w+)", error.message)) is None:
            raise
        assert lacking[1] in program.text
        return
    counted, ledger = moved(made[-1])
    assert counted == ledger


@pytest.mark.parametrize(("program", "target"), todays())
def test_program(program: Program, target: str) -> None:
    """Every kind of op and of type that the suite knows."""
    check(program, target)


@pytest.mark.timeout(3600 if FULL else 120)
@pytest.mark.parametrize("target", TARGETS)
@seed(TODAY)
@settings(max_examples=70 if FULL else 2, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(program=random_programs())
def test_random_program(target: str, program: Program) -> None:
    """Whatever was drawn computes what NumPy computes."""
    note(f"PF_TEST_SEED={TODAY}\n{program.text}")
    check(program, target)
