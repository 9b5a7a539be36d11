"""`pf` with the compiler itself: programs through every command, and sources that it must refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_fakes import COMMAND, fails

from powerfusion.cli.main import main
from powerfusion.pipelines import PHASES, PIPELINES

RELU_ADD = """
#id = affine_map<(i, j) -> (i, j)>
func.func @relu_add(%x: tensor<64x128xf32>, %y: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<64x128xf32>
  %relu = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<64x128xf32>) outs(%init : tensor<64x128xf32>) {
  ^bb0(%a: f32, %unused: f32):
    %r = arith.maximumf %a, %zero : f32
    linalg.yield %r : f32
  } -> tensor<64x128xf32>
  %sum = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%relu, %y : tensor<64x128xf32>, tensor<64x128xf32>) outs(%init : tensor<64x128xf32>) {
  ^bb0(%a: f32, %b: f32, %unused: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<64x128xf32>
  return %sum : tensor<64x128xf32>
}
"""
TENSOR_BYTES = 64 * 128 * 4
DYNAMIC = """
#id = affine_map<(i, j) -> (i, j)>
func.func @double(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %sum = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x8xf32>) outs(%x : tensor<?x8xf32>) {
  ^bb0(%a: f32, %unused: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<?x8xf32>
  return %sum : tensor<?x8xf32>
}
"""
PAIR = """
func.func @pair(%x: tensor<4xf32>, %y: tensor<2xi64>) -> (tensor<4xf32>, tensor<2xi64>) {
  return %x, %y : tensor<4xf32>, tensor<2xi64>
}
"""


def write(folder: Path, text: str | bytes) -> str:
    path = folder / "in.mlir"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def explain(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["explain", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_run_and_artifact_agree(tmp_path: Path) -> None:
    """The same program from MLIR and from its artifact, with random inputs that repeat, gives NumPy's result."""
    source = write(tmp_path, RELU_ADD)
    artifact = str(tmp_path / "m.pfx")
    assert main(["compile", source, "-o", artifact]) == 0
    x, y = (np.random.default_rng(seed).standard_normal((64, 128), dtype=np.float32) for seed in (0, 1))
    for program in (source, artifact):
        output = tmp_path / "y.npy"
        assert main(["run", program, "--input", "random", "--input", "random", "-o", str(output)]) == 0
        np.testing.assert_allclose(np.load(output), np.maximum(x, 0) + y, rtol=1e-6)
        output.unlink()


def test_source_from_stdin() -> None:
    command = [*COMMAND, "run", "-", "--input", "random", "--input", "random", "--json"]
    done = subprocess.run(command, input=RELU_ADD, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["shape"] == [64, 128]


@pytest.mark.parametrize("phase", PHASES)
def test_ir_of_every_phase_is_mlir(phase: str, tmp_path: Path) -> None:
    """What a phase leaves parses again, and `pf explain --phase` prints the same."""
    source, output = write(tmp_path, RELU_ADD), tmp_path / "out.mlir"
    assert main(["compile", source, "-o", str(output), "--compile-to", phase]) == 0
    pf_opt = [sys.executable, "-m", "powerfusion.cli.opt", str(output)]
    done = subprocess.run(pf_opt, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    shown = subprocess.run(
        [*COMMAND, "explain", source, "--phase", phase], capture_output=True, text=True, timeout=100, check=True
    )
    assert shown.stdout == output.read_text()


def test_several_results_go_to_a_folder(tmp_path: Path) -> None:
    source, folder = write(tmp_path, PAIR), tmp_path / "results"
    assert main(["run", source, "--input", "random", "--input", "random", "-o", str(folder)]) == 0
    assert {path.name: np.load(path).shape for path in folder.iterdir()} == {"result0.npy": (4,), "result1.npy": (2,)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("func.func @f(%x: tensor<4xf32>", ": expected ')'"),
        ("", "expected one public function, got 0"),
        (PAIR + PAIR.replace("@pair", "@other"), "expected one public function, got 2: @pair, @other"),
        (b"\xff\xfe\x00", "is neither MLIR text nor MLIR bytecode"),
        (b"ML\xefR\x00", "in.mlir"),
        ('func.func @f(%x: f32) {\n  "no.op"(%x) : (f32) -> ()\n  return\n}', "in.mlir:2:"),
        ("func.func @f(%x: tensor<*xf32>) { return }", "tensor<*xf32> isn't supported"),
    ],
    ids=["malformed", "empty", "two functions", "binary", "bytecode cut off", "unknown dialect", "unranked"],
)
@pytest.mark.parametrize("command", ["compile", "run", "explain"])
def test_sources_that_are_refused(
    command: str, text: str | bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path, text)
    output = ["-o", str(tmp_path / "out.pfx")] if command == "compile" else []
    assert said in fails(capsys, command, source, *output)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mlir"]


def test_unknown_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Machines can be explained, code is made for targets."""
    source = write(tmp_path, RELU_ADD)
    assert "no machine is called 'abacus'" in fails(capsys, "explain", source, "--target", "abacus")
    said = fails(capsys, "run", source, "--input", "random", "--input", "random", "--target", "abacus")
    assert f"expected a target of {', '.join(PIPELINES)}, got 'abacus'" in said


def test_artifact_that_is_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.pfx").write_bytes(b"PK no zip")
    fails(capsys, "run", tmp_path / "m.pfx", "--input", "random")


def test_artifact_keeps_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """But no program: its phases and other shapes are the business of the MLIR that it is made from."""
    artifact = str(tmp_path / "m.pfx")
    assert main(["compile", write(tmp_path, RELU_ADD), "-o", artifact]) == 0
    assert explain(capsys, artifact)["dram_bytes"] == 3 * TENSOR_BYTES
    assert main(["explain", artifact]) == 0
    assert f"{3 * TENSOR_BYTES:,}" in capsys.readouterr().out
    assert "keeps no program for --phase" in fails(capsys, "explain", artifact, "--phase", "tile")
    assert "keeps no program for --shape" in fails(capsys, "explain", artifact, "--shape", "0=64x128")


def test_bytes_of_a_cancelled_chain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One kernel, two reads and a write; operator by operator, three reads and two writes."""
    said = explain(capsys, write(tmp_path, RELU_ADD))
    assert said["dram_bytes"] == said["least_dram_bytes"] == 3 * TENSOR_BYTES
    assert said["naive_dram_bytes"] == 5 * TENSOR_BYTES
    [kernel] = said["kernels"]
    assert kernel["reads"]["dram"] == 2 * TENSOR_BYTES
    assert kernel["writes"]["dram"] == TENSOR_BYTES


def test_bytes_of_open_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Formulas beside null, until the sizes are bound."""
    source = write(tmp_path, DYNAMIC)
    said = explain(capsys, source)
    assert said["dram_bytes"] is None
    bound = explain(capsys, source, "--shape", "0=16x8")
    assert bound["dram_bytes"] == bound["least_dram_bytes"] == 2 * 16 * 8 * 4


def test_table_of_a_real_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", write(tmp_path, RELU_ADD)]) == 0
    printed = capsys.readouterr().out
    assert "98.3 kB" in printed
    assert "nothing is left to gain" in printed
    assert main(["explain", write(tmp_path, DYNAMIC)]) == 0
    printed = capsys.readouterr().out
    assert "With 64 for each of them: The program moves the least" in printed
    assert "--shape 0=64x8" in printed


def test_doctor_finds_this_installation_sound(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    native = {check["name"]: check["detail"] for check in checks if check["group"] == "native" and not check["ok"]}
    assert native == {}
