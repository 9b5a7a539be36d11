"""The table's programs in BANG C: right without faults, and the bytes that copies move are the ledger's."""

from __future__ import annotations

import datetime
import os
from typing import Any

import pytest
from programs.check import FULL
from simulated import DSP, compiled, moved
from test_workloads import check as check_workload

from workloads import find, workloads

TODAY = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
TARGETS = ("mlu:mlu372", "mlu:mlu592", f"file:{DSP}")
EACH_DAY = 5
ALWAYS = (
    ("residual_layernorm_1000x1000", "mlu:mlu372"),
    ("gpt2_decode_attention", "mlu:mlu372"),
    ("stencil5_1_step", "mlu:mlu592"),
)
"""Rows in two passes, units that meet, and windows that overlap."""


def todays() -> list[Any]:
    """Some of the programs on some of the machines; all of them in the long form."""
    names = [workload.name for workload in workloads() if workload.dtype == "f32"]
    pairs = [(name, target) for name in names for target in TARGETS]
    chosen = pairs if FULL else [*ALWAYS, *pairs[TODAY % len(pairs) :: len(pairs) // EACH_DAY + 1]]
    return [pytest.param(*pair, id=f"{pair[0]}-{pair[1][-8:]}") for pair in dict.fromkeys(chosen)]


@pytest.mark.parametrize(("name", "target"), todays())
def test_workload(name: str, target: str) -> None:
    """What has no intrinsic is loops over elements in the same memory."""
    workload = find(name)
    program = compiled(workload.text("small"), target)
    inputs = workload.inputs("small")
    check_workload(workload, program(*inputs), inputs, name)
    counted, ledger = moved(program)
    assert counted == ledger
