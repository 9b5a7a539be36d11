"""Programs on a simulated GPU: compiled, and held to the ledger's bytes."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from typing import Any

import pytest
from programs.check import FULL

import powerfusion as pf
from powerfusion.errors import UnsupportedError
from powerfusion.executable import Executable

TODAY = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
TARGET = "cuda:sm_90"


def simulated(source: Any) -> Executable:
    """A program for the simulator of an H100; a test of one that needs a library of functions of f64 is skipped."""
    try:
        return compiled(source)
    except UnsupportedError as error:
        if needs_library(error):
            pytest.skip(str(error))
        raise


def compiled(source: Any) -> Executable:
    """A program for the simulator of an H100."""
    return pf.compile(source, target=TARGET, device="sim")


def needs_library(error: UnsupportedError) -> bool:
    """Whether a program is refused because it needs functions that no library has on the device."""
    return "of f64 can't be lowered to gpu" in str(error) or "'arith.remf' can't" in str(error)


def todays(found: Sequence[Any], one_in: int) -> list[Any]:
    """One in so many, others tomorrow; all of them in the long form."""
    return list(found) if FULL else list(found[TODAY % one_in :: one_in])


def counted(executable: Executable, direction: str) -> int:
    """Useful bytes from or to DRAM, by the ledger."""
    report = executable.report(phase="schedule")
    found = [kernel.figures(direction, "useful").get("dram", 0) for kernel in report.kernels]
    return sum(count for count in found if isinstance(count, int))


def check_traffic(executable: Executable, *, drops: bool = False) -> None:
    """The bytes that warps asked for are those that the ledger works out from the program alone.

    Args:
        executable: A program that was called.
        drops: Whether LLVM may drop loads of elements that nothing uses; never more than the program must move.
    """
    traffic = [found for _, found in executable.device_function.traffic]
    read, written = (sum(getattr(found, f"{way}_bytes") for found in traffic) for way in ("read", "written"))
    assert written == counted(executable, "write")
    if not drops:
        assert read == counted(executable, "read")
        return
    least = executable.report().least_dram_bytes
    assert isinstance(least, int)
    assert least - written <= read <= counted(executable, "read")
