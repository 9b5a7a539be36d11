"""The table's programs as PTX, run by its simulator: right in three dtypes, without faults, bytes as the ledger's."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from gpu_running import TARGET, TODAY, check_traffic, simulated, todays
from programs.check import FULL
from test_workloads import check as check_workload

import powerfusion as pf
from powerfusion.executable import Executable, compile_source
from powerfusion.machines.chips import CHIPS
from powerfusion.pipelines import GPUS
from workloads import Size, Workload, workloads

DTYPES = ("f32", "bf16", "f16")
NAMES = [workload.name for workload in workloads() if workload.dtype == "f32"]
# One of each structure: elements, rows, long rows, columns, tables, transposes, layouts, windows, scans, attention.
SHORT = (
    *("swiglu", "masked_softmax", "residual_layernorm_1000x1000", "batchnorm_training", "embedding_layernorm"),
    *("transpose_add", "shuffle_nchw", "depthwise_bn_relu6", "cumulative_sum", "argmax", "attention_causal"),
)
# LLVM drops loads of elements that nothing uses, the corners of a neighbourhood that lanes don't share.
DROPPED = ("stencil7_2_steps",)


# Neighbourhoods of which each lane holds many, and a cell of many units (on sm_100): bytes that are spilled, at most.
SPILLING = {"involution": 1024, "max_pool": 2048, "moving_average": 256, "stencil7_2_steps": 4096, "lstm_cell": 4}


def of_dtype(name: str, dtype: str) -> Workload:
    """A program of the table in a dtype, of which the table has two."""
    return replace(next(w for w in workloads() if w.name == name), dtype=dtype)


def each() -> list[Any]:
    """All programs in all dtypes; in the short form one per structure, each in one of them, another tomorrow."""
    pairs = [(name, dtype) for name in NAMES for dtype in DTYPES]
    if not FULL:
        pairs = [(name, DTYPES[(TODAY + at) % len(DTYPES)]) for at, name in enumerate(SHORT)]
    return [pytest.param(*pair, id="-".join(pair)) for pair in pairs]


@pytest.mark.parametrize(("name", "dtype"), each())
def test_workload(name: str, dtype: str) -> None:
    """At sizes that leave rests."""
    workload = of_dtype(name, dtype)
    executable = simulated(workload.text("small"))
    inputs = workload.inputs("small")
    check_workload(workload, executable(*inputs), inputs, name)
    check_traffic(executable, drops=name in DROPPED)


def other_chips() -> list[Any]:
    """All programs for all chips; in the short form each chip has one, another tomorrow."""
    others = [target for target in GPUS if target != TARGET and target[5:] not in CHIPS]
    if FULL:
        return [(name, dtype, target) for name in NAMES for dtype in DTYPES for target in others]
    chosen = [SHORT[(TODAY + at) % len(SHORT)] for at in range(len(others))]
    return [(name, "bf16", target) for name, target in zip(chosen, others, strict=True)]


@pytest.mark.parametrize(("name", "dtype", "target"), other_chips())
def test_other_chips(name: str, dtype: str, target: str) -> None:
    """Kernels for the other chips have an entry each, and assemble where there is an assembler; see `SPILLING`."""
    executable = pf.compile(of_dtype(name, dtype).text("small"), target=target)
    program = executable.device_program
    mark = ".entry" if target.startswith("cuda") else ".amdhsa_kernel"
    launched = {step.data["kernel"] for step in program.launches.steps if step.name == "launch"}
    assert program.assembly.count(f"{mark} ") == len(launched)
    check_resources(executable, name)


def check_resources(executable: Executable, name: str) -> None:
    """Each kernel's registers are known once it is assembled, and nothing spills that isn't known to."""
    code = executable.device_code
    if code.binary is None:
        pytest.skip("tools/bootstrap --with nvidia installs ptxas, which assembles PTX")
    assert {one.kernel for one in code.resources} == {
        step.data["kernel"] for step in executable.device_program.launches.steps if step.name == "launch"
    }
    assert all(0 < one.registers <= 512 for one in code.resources)
    spilled = sum(one.spill_bytes for one in code.resources)
    assert spilled <= SPILLING.get(name, 0), f"{spilled} bytes are spilled"


WIDE = [
    (name, dtype, target)
    for name in ("softmax_4096x1024", "residual_layernorm_4096x768", "relu_add")
    for dtype in ("f32", "bf16")
    for target in (TARGET, "rocm:gfx942")
]
ACCESS = re.compile(r"\b(?:ld|st)\.(?:global|local)[.\w]*|\b(?:global|buffer|flat|scratch)_(?:load|store)_\w+")


@pytest.mark.parametrize(("name", "dtype", "target"), todays(WIDE, 4))
def test_contiguous_accesses_are_wide(name: str, dtype: str, target: str) -> None:
    """At the table's own sizes, every access of rows is one of 128 bits, and none is of a lane's own memory."""
    text = pf.compile(of_dtype(name, dtype).text(), target=target).device_program.assembly
    found = set(ACCESS.findall(text))
    wide = ("ld.global.v4.b32", "st.global.v4.b32", "global_load_dwordx4", "global_store_dwordx4")
    assert found == set(wide[:2] if target.startswith("cuda") else wide[2:])


# Rows, columns, and what is turned; at their small sizes rows aren't aligned.
BANKED = [
    (name, dtype, size)
    for name in NAMES
    if re.match("softmax|.*norm|masked|log_|transpose|permute|shuffle|rope", name)
    for dtype in ("f32", "bf16")
    for size in ("small", "full")
]


@pytest.mark.parametrize(("name", "dtype", "size"), todays(BANKED, 16))
def test_no_bank_conflicts(name: str, dtype: str, size: Size) -> None:
    """By analysis lanes of no access want the same bank for different words."""
    program = compile_source(of_dtype(name, dtype).text(size), TARGET, until="schedule")
    assert [each for each in program.bank_conflicts() if each.factor != 1] == []


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_that_are_not_aligned_are_turned(dtype: str) -> None:
    """Both sides of a transpose are moved along their rows: no request is of more sectors than it must be."""
    workload = of_dtype("transpose_add", dtype)
    executable = simulated(workload.text("small"))
    inputs = workload.inputs("small")
    check_workload(workload, executable(*inputs), inputs, "transposed")
    (_, traffic), *_ = executable.device_function.traffic
    assert traffic.read_issued_bytes <= 2 * traffic.read_bytes
    assert len(executable.bank_conflicts()) == 2  # as it is left and as it is taken
    assert "ld.shared" in executable.device_program.assembly


@pytest.mark.parametrize("name", NAMES if FULL else SHORT[TODAY % 4 :: 4])
def test_assembles(name: str) -> None:
    """PTX is what ptxas takes, if there is one."""
    check_resources(pf.compile(of_dtype(name, "f32").text("small"), target=TARGET), name)
