"""Programs in BANG C: they run in the simulator without faults, as NumPy says, and move what the ledger says."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from test_workloads import check as check_workload

import powerfusion as pf
from powerfusion.errors import UnsupportedError
from powerfusion.executable import Executable
from workloads import find

MAP = "affine_map<(a, b) -> (a, b)>"
ADD_EXP = f"""
func.func @add_exp(%x: tensor<70x300xf32>, %y: tensor<70x300xf32>) -> tensor<70x300xf32> {{
  %e = tensor.empty() : tensor<70x300xf32>
  %0 = linalg.generic {{indexing_maps = [{MAP}, {MAP}, {MAP}], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %y : tensor<70x300xf32>, tensor<70x300xf32>) outs(%e : tensor<70x300xf32>) {{
  ^bb0(%a: f32, %b: f32, %c: f32):
    %1 = arith.addf %a, %b : f32
    %2 = math.exp %1 : f32
    linalg.yield %2 : f32
  }} -> tensor<70x300xf32>
  return %0 : tensor<70x300xf32>
}}
"""


def compiled(source: Any, machine: str = "mlu372") -> Executable:
    """A program for the simulated machine."""
    return pf.compile(source, target=f"mlu:{machine}", device="sim")


def moved(program: Executable) -> tuple[int, Any]:
    """Bytes that copies moved from and to memory in the last call, and what the ledger says."""
    assert program.simulation is not None
    counted = sum(size for link, size in program.simulation.bytes.items() if "gdram" in link)
    (scheduled,) = (report for report in program.phase_reports() if report.phase == "schedule")
    return counted, scheduled.at("dram", "useful")


@pytest.mark.parametrize("machine", ["mlu372", "mlu592"])
def test_elementwise(machine: str) -> None:
    """Both inputs are under way at the same time; one call per op does a whole tile."""
    program = compiled(ADD_EXP, machine)
    text = program.c_source.code
    assert "#include <bang.h>" in text
    assert re.search(r"GDRAM2NRAM.*\n(?:(?!__sync_io).*\n)*.*GDRAM2NRAM", text), "one copy isn't waited for first"
    assert re.search(r"__bang_add\((\w+), \1, \w+, \d+\);\n\s*__bang_active_exphp\(\1, \1, \d+\);", text)
    x, y = np.random.default_rng(0).standard_normal((2, 70, 300)).astype(np.float32)
    np.testing.assert_allclose(program(x, y), np.exp(x + y), rtol=1e-6)
    counted, ledger = moved(program)
    assert counted == ledger == 3 * 70 * 300 * 4


@pytest.mark.parametrize("machine", ["mlu372", "mlu592"])
def test_softmax(machine: str) -> None:
    """Rows by reductions, what is behind them filled; a difference with, and a product with, one number per row."""
    workload = find("softmax_4096x1009")
    program = compiled(workload.text("small"), machine)
    text = program.c_source.code
    for call in ("__bang_argmax", "__bang_sub_scalar", "__bang_active_exphp", "__bang_reduce_sum", "__bang_mul_scalar"):
        assert f"{call}(" in text
    inputs = workload.inputs("small")
    check_workload(workload, program(*inputs), inputs, workload.name)
    counted, ledger = moved(program)
    assert counted == ledger


@pytest.mark.parametrize("name", ["residual_layernorm_1000x1000", "cumulative_sum", "argmax", "max_pool"])
def test_workload(name: str) -> None:
    """What has no intrinsic is loops over elements in the same memory."""
    workload = find(name)
    program = compiled(workload.text("small"))
    inputs = workload.inputs("small")
    check_workload(workload, program(*inputs), inputs, name)
    counted, ledger = moved(program)
    assert counted == ledger


def test_needs_a_device() -> None:
    """Without the simulator there is a text, and an error that says what would help."""
    program = pf.compile(ADD_EXP, target="mlu:mlu372")
    assert "__mlu_global__" in program.c_source.code
    x = np.zeros((70, 300), np.float32)
    with pytest.raises(UnsupportedError, match="no mlu372 is at hand") as caught:
        program(x, x)
    assert "device='sim'" in str(caught.value.help)
    with pytest.raises(UnsupportedError, match="expected a device of sim, got 'mlu0'"):
        pf.compile(ADD_EXP, target="mlu:mlu372", device="mlu0")
    with pytest.raises(UnsupportedError, match="'cpu' has no simulator"):
        pf.compile(ADD_EXP, device="sim")
