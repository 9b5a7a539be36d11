"""Targets of GPUs: PTX, run by its simulator, means what NumPy says and moves what the ledger says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gir_examples import examples
from gpu_running import check_traffic, simulated, todays

import powerfusion as pf
from powerfusion.cli.main import main
from powerfusion.errors import SimulationError, UnsupportedError
from powerfusion.frontend.source import read_module
from powerfusion.machines import find as find_machine
from powerfusion.machines.chips import CHIPS
from powerfusion.passes.lowering.gpu.conflicts import conflicts
from powerfusion.passes.lowering.registry import lowered_ops
from powerfusion.pipelines import GPUS
from powerfusion.runtime.device_function import DeviceFunction
from workloads import find

SOFTMAX = """func.func @softmax(%x: tensor<37x200xf32>) -> tensor<37x200xf32> {
  %e = tensor.empty() : tensor<37x200xf32>
  %0 = linalg.softmax dimension(1) ins(%x : tensor<37x200xf32>) outs(%e : tensor<37x200xf32>) -> tensor<37x200xf32>
  return %0 : tensor<37x200xf32>
}"""


def test_softmax() -> None:
    """Rows of a multiple of 16 bytes are read and written 128 bits at a time, in whole sectors, by several groups."""
    executable = simulated(SOFTMAX)
    x = np.random.default_rng(0).standard_normal((37, 200)).astype(np.float32)
    e = np.exp(x - x.max(1, keepdims=True))
    np.testing.assert_allclose(executable(x), e / e.sum(1, keepdims=True), rtol=1e-6)
    check_traffic(executable)
    (_, traffic), *others = executable.device_function.traffic
    assert not others
    assert traffic.read_issued_bytes == traffic.written_issued_bytes == x.nbytes
    ptx = executable.device_program.assembly
    assert "ld.global.v4.b32" in ptx
    assert "ld.global.b32" not in ptx
    assert "st.global.b32" not in ptx
    assert "call" not in ptx


def test_order_of_threads_is_free() -> None:
    """What comes out doesn't depend on the order in which threads and groups run."""
    executable = simulated(SOFTMAX)
    x = np.random.default_rng(1).standard_normal((37, 200)).astype(np.float32)
    first = executable(x)
    for seed in (1, 2):
        executable.device_function.seed = seed
        assert np.array_equal(executable(x), first)


@pytest.mark.parametrize(("target", "device"), [("cuda:sm_90", "gpu"), ("cpu", "sim"), ("rocm:gfx942", "sim")])
def test_devices_that_are_not(target: str, device: str) -> None:
    """A device that isn't known, or simulates another target's code, is refused before anything is compiled."""
    with pytest.raises(UnsupportedError, match=r"device|simulates"):
        pf.compile(SOFTMAX, target=target, device=device)


def test_functions_without_a_library() -> None:
    """A function that would need a library of the device's is refused where it stands."""
    source = """func.func @f(%x: tensor<64xf64>) -> tensor<64xf64> {
      %0 = math.exp %x : tensor<64xf64>
      return %0 : tensor<64xf64>
    }"""
    with pytest.raises(UnsupportedError, match=r"'math.exp' of f64 can't be lowered to gpu") as caught:
        pf.compile(source, target="cuda:sm_90")
    assert caught.value.location is not None
    assert caught.value.help == "compute it in f32"


@pytest.mark.parametrize("target", ["cuda:sm_80", "cuda:sm_100", "rocm:gfx942", "rocm:gfx1100"])
def test_other_chips(target: str, tmp_path: Path) -> None:
    """Assembly for other chips, NVIDIA's and AMD's, from the command line; without calls of any library."""
    source = tmp_path / "softmax.mlir"
    source.write_text(SOFTMAX)
    output = tmp_path / ("k.ptx" if target.startswith("cuda") else "k.s")
    assert main(["compile", str(source), "-o", str(output), "--target", target]) == 0
    text = output.read_text()
    assert target[5:] in text
    assert "__nv_" not in text
    assert "__ocml" not in text
    assert re.search(r"ld\.global\.v(4\.b32|2\.b64)" if target.startswith("cuda") else r"(global|buffer)_load", text)


def test_no_elements() -> None:
    """An argument of no elements is passed like any other; random programs found that it wasn't."""
    executable = simulated("""func.func @main(%x: tensor<0x0x0xf32>) -> tensor<1x1x1xf32> {
      %c = arith.constant 0.5 : f32
      %0 = tensor.pad %x low[0, 0, 0] high[1, 1, 1] {
      ^bb0(%i: index, %j: index, %k: index):
        tensor.yield %c : f32
      } : tensor<0x0x0xf32> to tensor<1x1x1xf32>
      return %0 : tensor<1x1x1xf32>
    }""")
    assert executable(np.empty((0, 0, 0), np.float32)).item() == 0.5


def test_bank_conflicts_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What accesses of the group's memory lose; nothing is said of machines without banks."""
    source = tmp_path / "turned.mlir"
    source.write_text(find("transpose_add").text("small"))
    assert main(["explain", str(source), "--target", "cuda:sm_90"]) == 0
    assert "Bank conflicts in the group's memory: none, in 2 accesses." in capsys.readouterr().out
    assert main(["explain", str(source), "--target", "cuda:sm_90", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["bank_conflicts"]
    assert [(each["op"], each["factor"]) for each in found] == [("gir.permute", 1.0)] * 2
    assert main(["explain", str(source)]) == 0
    assert "Bank" not in capsys.readouterr().out


def test_conflicts_are_found() -> None:
    """A tile whose lanes read a column of the group's memory waits for its bank 32 times."""
    source = """!column = tensor<32x1xf32, #gir.at<reg, layout = <[32, 1], [1, 1]>>>
    func.func @f(%x: memref<32x32xf32>, %y: memref<32x32xf32>) {
      gir.kernel "columns" (%a = %x : memref<32x32xf32>, %b = %y : memref<32x32xf32>) -> () {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        gir.parallel <group> (%g) in (%c1) {
          %s = gir.stage %a[%c0, %c0] [32, 32] : memref<32x32xf32, #gir.at<dram>> -> memref<32x32xf32, #gir.at<sram>>
          %0 = gir.load %s[%c0, %c0] : memref<32x32xf32, #gir.at<sram>> -> !column
          gir.store %0, %b[%c0, %c0] : !column, memref<32x32xf32, #gir.at<dram>>
        }
        gir.return
      }
      return
    }"""
    found = conflicts(read_module(source).operation, find_machine("sm_90"))
    assert [(each.op, each.factor) for each in found] == [("gir.stage", 1.0), ("gir.load", 32.0)]


@pytest.mark.parametrize("chip", todays(list(CHIPS), 6))
def test_chips_that_are_like_others(chip: str) -> None:
    """Chips without figures of their own are compiled for as those that they are like, within their own limits."""
    target = next(target for target in GPUS if target.endswith(f":{chip}"))
    code = pf.compile(find("residual_layernorm_1000x1000", "bf16").text("small"), target=target).device_code
    assert chip in code.assembly
    space = find_machine(chip).space_of("sram")
    assert space.capacity_bytes == CHIPS[chip].group_bytes
    if code.binary is None:
        pytest.skip("tools/bootstrap --with nvidia installs ptxas, which assembles PTX")
    assert code.binary.startswith(b"\x7fELF")


@pytest.mark.parametrize("target", ["cuda:sm_70", "cuda:sm_101", "rocm:gfx940", "rocm:gfx9"])
def test_chips_that_are_refused(target: str) -> None:
    """A chip that the tools do not take, or nobody knows, is refused with those that work, first of all."""
    with pytest.raises(UnsupportedError, match=r"expected a target of .*cuda:sm_75.*rocm:gfx1201") as caught:
        pf.compile(SOFTMAX, target=target)
    assert target in str(caught.value)


def test_endings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """PTX is for NVIDIA's chips."""
    with pytest.raises(SystemExit):
        main(["compile", "m.mlir", "-o", str(tmp_path / "k.ptx"), "--target", "rocm:gfx942"])
    assert "expected --target cuda:CHIP with a name that ends in .ptx" in capsys.readouterr().err


def test_table_is_complete() -> None:
    """Every op that the CPU or C has a lowering for, the GPU has one for, or says why not."""
    gpu = dict(lowered_ops("gpu"))
    ours = [name for name, _ in lowered_ops("vector") if name.startswith("gir.")]
    missing = [name for name in ours if name not in gpu and name not in ("gir.kernel", "gir.launch", "gir.prefetch")]
    assert not missing


def run_in_orders(function: DeviceFunction, inputs: tuple[Any, ...]) -> None:
    """Calls a program with threads in several orders."""
    for seed in range(4):
        replace(function, seed=seed)(*inputs)


def test_barriers_matter() -> None:
    """Without any one of its barriers, a kernel that keeps rows in the group's memory is found to be wrong."""
    workload = find("rope")
    executable = simulated(workload.text("small"))
    inputs = workload.inputs("small")
    function = executable.device_function
    lines = function.code.assembly.splitlines()
    barriers = [at for at, line in enumerate(lines) if "bar.sync" in line]
    assert barriers
    for at in barriers:
        text = "\n".join([*lines[:at], "", *lines[at + 1 :]])
        with pytest.raises(SimulationError, match=r"data race|nobody has written"):
            run_in_orders(replace(function, code=replace(function.code, assembly=text)), inputs)


DYNAMIC = """func.func @f(%x: tensor<?x?xf32>, %y: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = arith.addf %x, %y : tensor<?x?xf32>
  %1 = math.exp %0 : tensor<?x?xf32>
  return %1 : tensor<?x?xf32>
}"""


@pytest.mark.parametrize("shape", [(13, 77), (1, 1)])
def test_open_sizes(shape: tuple[int, int]) -> None:
    """Sizes that are open come along with a launch; what is moved is what the ledger says of them."""
    executable = simulated(DYNAMIC)
    generator = np.random.default_rng(2)
    x, y = (generator.standard_normal(shape).astype(np.float32) for _ in range(2))
    np.testing.assert_allclose(executable(x, y), np.exp(x + y), rtol=1e-6)
    check_traffic(executable)


@pytest.mark.parametrize("name", ["residual_layernorm_4096x768", "cumulative_sum"])
def test_bf16(name: str) -> None:
    """Floats of 16 bits are moved as such, and computed as the CPU computes them."""
    workload = find(name, "bf16")
    executable = simulated(workload.text("small"))
    inputs = workload.inputs("small")
    given = executable(*inputs)
    expected = pf.compile(workload.text("small"))(*inputs)
    np.testing.assert_allclose(given.astype(np.float32), expected.astype(np.float32), rtol=2**-7, atol=2**-7)
    check_traffic(executable)


# Units that combine what they have; a buffer that is filled while another is read; tables; squares that are turned.
TILED = ("softmax_long_row_tile", "double_buffer_tile", "gather_tile", "transpose_tile", "column_sum_tile")


@pytest.mark.parametrize("name", TILED)
def test_tile_form(name: str) -> None:
    """Programs that were written in tile form, with the group's memory, copies and units that meet; in place."""
    (example,) = [example for example in examples() if example.name == name]
    arrays = [np.array(value) for value in example.inputs]
    executable = simulated(example.text)
    executable(*arrays)
    for result, expected in zip(arrays[-example.outputs :], example.expected, strict=True):
        np.testing.assert_allclose(result, expected, rtol=example.tolerance, atol=example.tolerance)
