"""Shapes that are values, single elements."""

from __future__ import annotations

import pytest
from programs.check import check_program, parameters
from programs.program import Program

import powerfusion as pf


@pytest.mark.parametrize("program", parameters("shapes"))
def test_program(program: Program) -> None:
    """The program's results equal NumPy in float64 within the tolerance."""
    check_program(program, pf.compile)
