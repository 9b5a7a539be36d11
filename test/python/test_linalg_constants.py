"""Constants, assertions that hold and fail, private functions, signatures."""

from __future__ import annotations

import pytest
from programs.check import check_program, parameters
from programs.program import Program

import powerfusion as pf
from powerfusion.errors import AssertionFailedError


@pytest.mark.parametrize("program", parameters("constants", "signatures"))
def test_program(program: Program) -> None:
    """The program's results equal NumPy in float64 within the tolerance."""
    if program.fails is None:
        check_program(program, pf.compile)
        return
    executable = pf.compile(program.text)
    with pytest.raises(AssertionFailedError, match=program.fails):
        executable(*program.inputs)
