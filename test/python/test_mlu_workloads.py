"""The table's programs on simulated machines: right without faults, and the bytes that copies move are the ledger's."""

from __future__ import annotations

import datetime
import os
from typing import Any

import pytest
from programs.check import FULL
from simulated import DSP, compiled, moved
from test_workloads import check as check_workload

import powerfusion as pf
from workloads import Workload, find, workloads

TODAY = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
MLUS = ("mlu:mlu372", "mlu:mlu592")
TARGETS = (*MLUS, f"file:{DSP}")
STRUCTURES = {
    "bias_gelu": "elements",
    "masked_softmax": "rows, and flags",
    "residual_layernorm_1000x1000": "rows in two passes",
    "batchnorm_training": "columns",
    "transpose_add": "transposition",
    "shuffle_196x116x2": "changes of layout",
    "stencil5_1_step": "windows that overlap",
    "max_pool": "pooling",
    "cumulative_sum": "scans",
    "log_softmax_nll": "gathers",
    "argmax": "reductions of pairs",
    "int8_quantisation": "conversions",
    "gpt2_decode_attention": "products, and units that meet",
}
"""A program per structure, and which that is."""


def cases(targets: tuple[str, ...], short: list[str]) -> list[Any]:
    """Some programs, each on one of some targets, another one each day; all on all of them in the long form."""
    every = [workload.name for workload in workloads() if workload.dtype == "f32"]
    pairs = [(name, target) for name in every for target in targets]
    today = [(name, targets[(TODAY + at) % len(targets)]) for at, name in enumerate(short)]
    return [pytest.param(*pair, id=f"{pair[0]}-{pair[1][-8:]}") for pair in (pairs if FULL else today)]


def check(workload: Workload, target: str) -> None:
    """A program's results, and its bytes."""
    program = compiled(workload.text("small"), target)
    inputs = workload.inputs("small")
    check_workload(workload, program(*inputs), inputs, workload.name)
    counted, ledger = moved(program)
    assert counted == ledger


@pytest.mark.parametrize(("name", "target"), cases(TARGETS, list(STRUCTURES)))
def test_workload(name: str, target: str) -> None:
    """What has no intrinsic is loops over elements in the same memory."""
    check(find(name), target)


@pytest.mark.parametrize(("name", "target"), cases(MLUS, list(STRUCTURES)[TODAY % 6 :: 6]))
def test_workload_in_halves(name: str, target: str) -> None:
    """Halves are computed as such, or through float and rounded again, as the program says."""
    check(find(name).in_dtype("f16"), target)


@pytest.mark.skipif(not FULL, reason="long form only: PF_TEST_FULL=1")
@pytest.mark.parametrize("name", [workload.name for workload in workloads() if workload.dtype == "f32"])
def test_workload_in_c(name: str) -> None:
    """The same programs by the compiler of C; each operator's families are in `test_c_target.py`."""
    workload = find(name)
    inputs = workload.inputs("small")
    check_workload(workload, pf.compile(workload.text("small"), target="c")(*inputs), inputs, name)
