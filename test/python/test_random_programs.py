"""Random programs equal NumPy: 60 a day in the short form, another 60 tomorrow; many under PF_TEST_FULL=1."""

from __future__ import annotations

import datetime
import os

import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from programs.check import FULL, check_program
from programs.program import Program
from programs.randomised import random_programs

import powerfusion as pf

# The same all day, so that a failure comes back; another day is another sixty programs.
SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())


@pytest.mark.timeout(3600 if FULL else 120)
@seed(SEED)
@settings(
    max_examples=2000 if FULL else 60,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(program=random_programs())
def test_random_program(program: Program) -> None:
    """Whatever was drawn computes what NumPy computes."""
    note(f"PF_TEST_SEED={SEED}\n{program.text}")
    check_program(program, pf.compile)
