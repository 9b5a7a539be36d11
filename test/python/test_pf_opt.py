"""pf-opt as a command, and the passes it registers in a Python process."""

from __future__ import annotations

import os
import re
import shlex
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from powerfusion import knobs
from powerfusion.errors import UnsupportedError

TWO_FUNCTIONS = """\
func.func @first(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.addf %a, %a : tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @second() { return }
"""

STOCK = knobs.llvm_prefix() / "bin" / "mlir-opt"


def pf_opt(*arguments: str | Path, source: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs pf-opt on `source` as standard input."""
    return subprocess.run(
        [sys.executable, "-m", "powerfusion.cli.opt", *map(str, arguments)],
        input=source,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PF_TEST_PASSES": "1", **environment},
        check=False,
    )


def flags(text: str) -> set[str]:
    """The flags that a help text lists on its own level, passes' options not among them."""
    return set(re.findall(r"^ {2,6}(--[\w-]+)", text, re.MULTILINE))


class TestHelp:
    """`--help` is about MLIR and us."""

    def test_is_short_and_without_the_back_ends(self) -> None:
        text = pf_opt("--help").stdout
        assert len(text.splitlines()) < 1100
        processors = "amdgpu|aarch64|arm|x86|riscv|hexagon|polly|mips|wasm|nvptx|bpf|loongarch|spirv-ext|r600"
        assert re.findall(rf"^ *--(?:{processors})-[\w-]+", text, re.MULTILINE) == []
        assert {"--gir-count-ops", "--gir-expand-math", "--convert-linalg-to-loops"} <= flags(text)

    def test_hides_nothing_of_mlirs(self) -> None:
        # mlir-minimal-opt has MLIR's options and next to nothing of LLVM; the other way round,
        # whatever a stock mlir-opt calls an option of MLIR is there.
        stock = subprocess.run([STOCK, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
        of_mlir = {flag for flag in flags(stock) if flag.startswith("--mlir-")}
        of_mlir |= {"--split-input-file", "--verify-diagnostics", "--verify-each", "--pass-pipeline", "--emit-bytecode"}
        assert of_mlir <= flags(pf_opt("--help").stdout)

    def test_hidden_options_still_work(self) -> None:
        hidden = pf_opt("--help-hidden").stdout
        assert "--amdgpu-dpp-combine" in hidden
        assert "--amdgpu-emulate-atomics" in hidden
        assert pf_opt("--x86-sse2avx", source=TWO_FUNCTIONS).returncode == 0


@pytest.mark.parametrize("arguments", [["--no-such-flag"], ["missing.mlir"], ["--pass-pipeline=builtin.module(x"]])
def test_wrong_usage_exits_as_mlir_opt_does(arguments: list[str]) -> None:
    stock = subprocess.run([STOCK, *arguments], capture_output=True, text=True, timeout=60, input="", check=False)
    ours = pf_opt(*arguments)
    assert ours.returncode == stock.returncode == 1
    assert "Traceback" not in ours.stderr
    assert ours.stderr


class TestReproducer:
    """A pass that raises leaves a folder with which anyone can see it raise again."""

    def test_its_command_repeats_the_failure(self, tmp_path: Path) -> None:
        source = "func.func private @callee()\nfunc.func @f() { call @callee() : () -> () return }"
        pipeline = "builtin.module(func.func(gir-test-raise{message={two words}}))"
        failed = pf_opt(f"--pass-pipeline={pipeline}", source=source, PF_REPRODUCER_DIR=str(tmp_path))
        assert failed.returncode == 1

        folders = list(tmp_path.iterdir())
        named = [Path(path) for path in re.findall(r"note: reproducer: (.*)", failed.stderr)]
        assert sorted(folders) == sorted(named)
        (folder,) = (folder for folder in folders if "@f()" in (folder / "before.mlir").read_text())
        files = {file.name for file in folder.iterdir()}
        assert files == {"README", "before.mlir", "command.sh", "pipeline.txt", "traceback.txt", "versions.txt"}
        assert "message={two words}" in (folder / "pipeline.txt").read_text()
        assert "raise ValueError" in (folder / "traceback.txt").read_text()
        assert "MLIR and LLVM: 22.1" in (folder / "versions.txt").read_text()

        words = shlex.split((folder / "command.sh").read_text().splitlines()[-1])
        at = next(index for index, word in enumerate(words) if word.endswith("/pf-opt"))
        assert "PF_TEST_PASSES=1" in words[:at]
        again = pf_opt(*words[at + 1 :], PF_REPRODUCER_DIR=str(tmp_path))
        assert again.returncode == 1
        assert "raised ValueError: two words" in again.stderr

    def test_holds_the_bytes_of_resources(self, tmp_path: Path) -> None:
        source = (
            "func.func @f() -> tensor<2xi32> { %0 = arith.constant dense_resource<weights> : tensor<2xi32>\n"
            'return %0 : tensor<2xi32> }\n{-# dialect_resources: {builtin: {weights: "0x040000000100000002000000"}} #-}'
        )
        assert pf_opt("--gir-test-raise", source=source, PF_REPRODUCER_DIR=str(tmp_path)).returncode == 1
        (folder,) = tmp_path.iterdir()
        assert "0x040000000100000002000000" in (folder / "before.mlir").read_text()


def test_ctrl_c_ends_a_pass_that_never_ends(tmp_path: Path) -> None:
    output = tmp_path / "out.mlir"
    command = [sys.executable, "-m", "powerfusion.cli.opt", "--gir-test-raise=kind=Forever", "-", "-o", str(output)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PF_TEST_PASSES": "1"}
    )
    assert process.stdin
    assert process.stderr
    process.stdin.write(TWO_FUNCTIONS)
    process.stdin.close()
    assert "remark: for ever" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) != 0
    process.stderr.close()
    assert not output.exists()


class TestInPython:
    """The same passes in a Python process's own pass managers."""

    @pytest.fixture(autouse=True)
    def _registered(self) -> Iterator[None]:
        from powerfusion.core import native
        from powerfusion.mlir import ir

        native.register_all()
        with ir.Context(), ir.Location.unknown():
            yield

    def test_functions_in_parallel_with_a_python_diagnostic_handler(self) -> None:
        from powerfusion.mlir import ir, passmanager

        module = ir.Module.parse("\n".join(f"func.func @f{number}() {{ return }}" for number in range(100)))
        heard: list[str] = []

        def hear(diagnostic: ir.Diagnostic) -> bool:
            heard.append(diagnostic.message)
            return True

        handler = ir.Context.current.attach_diagnostic_handler(hear)
        pipeline = "builtin.module(func.func(gir-count-ops,canonicalize,gir-count-ops{limit=5}),gir-count-ops)"
        passmanager.PassManager.parse(pipeline).run(module.operation)
        handler.detach()
        assert heard == ["1 operations"] * 200 + ["200 operations"]

    def test_an_error_is_mlirs_own_exception_with_notes(self) -> None:
        from powerfusion.mlir import ir, passmanager

        module = ir.Module.parse(TWO_FUNCTIONS)
        manager = passmanager.PassManager.parse("builtin.module(gir-count-ops{limit=3})")
        with pytest.raises(ir.MLIRError, match="expected at most 3 operations, got 5") as caught:
            manager.run(module.operation)
        assert "raise the limit" in str(caught.value)

    def test_a_pass_runs_a_pipeline_of_python_passes(self) -> None:
        from powerfusion.mlir import ir, passmanager

        module = ir.Module.parse(TWO_FUNCTIONS)
        nested = ir.Module.parse(TWO_FUNCTIONS)
        before = str(nested)

        def run(_op: ir.Operation, _pass: object) -> None:
            passmanager.PassManager.parse("builtin.module(func.func(gir-count-ops))").run(nested.operation)

        outer = passmanager.PassManager("builtin.module")
        outer.add(run)
        outer.run(module.operation)
        assert str(nested) == before

    def test_registering_twice_is_once(self) -> None:
        from powerfusion._native import _pf
        from powerfusion.core import native

        native.register_all()
        with pytest.raises(ValueError, match="'gir-count-ops' is registered already"):
            _pf.register_pass("gir-count-ops", "again", None, [])

    def test_location_of_an_error(self) -> None:
        from powerfusion.mlir import ir

        location = ir.Location.file("in.mlir", 3, 10)
        error = UnsupportedError("no such thing", location=location, help="try another")
        assert str(error) == "in.mlir:3:10: no such thing\nhelp: try another"
        assert error.mlir_location == location


NAMED_OPS = [
    ("linalg.fill", "%0 = linalg.fill ins(%s : f32) outs(%a : !m) -> !m"),
    ("linalg.add", "%0 = linalg.add ins(%a, %a : !m, !m) outs(%a : !m) -> !m"),
    ("linalg.transpose", "%0 = linalg.transpose ins(%a : !m) outs(%a : !m) permutation = [1, 0]"),
    ("linalg.broadcast", "%0 = linalg.broadcast ins(%v : !v) outs(%a : !m) dimensions = [0]"),
    ("linalg.map", "%0 = linalg.map { math.exp } ins(%a : !m) outs(%a : !m)"),
    ("linalg.reduce", "%0 = linalg.reduce { arith.addf } ins(%a : !m) outs(%v : !v) dimensions = [1]"),
    ("linalg.elementwise",
     "%0 = linalg.elementwise kind=#linalg.elementwise_kind<exp> ins(%a : !m) outs(%a : !m) -> !m"),
    ("linalg.matmul", "%0 = linalg.matmul ins(%a, %a : !m, !m) outs(%a : !m) -> !m"),
]  # fmt: skip


class TestHelpers:
    """What `_pf` adds to the bindings."""

    @pytest.fixture(autouse=True)
    def _context(self) -> Iterator[None]:
        from powerfusion.mlir import ir

        with ir.Context(), ir.Location.unknown():
            yield

    @pytest.mark.parametrize(("name", "text"), NAMED_OPS, ids=[name for name, _ in NAMED_OPS])
    def test_generalize_named_op(self, name: str, text: str) -> None:
        from powerfusion.core import native
        from powerfusion.mlir import ir

        module = ir.Module.parse(
            f"!m = tensor<4x4xf32>\n!v = tensor<4xf32>\nfunc.func @f(%a: !m, %v: !v, %s: f32) {{ {text}\n return }}"
        )
        block = module.body.operations[0].regions[0].blocks[0]
        assert block.operations[0].operation.name == name
        generic = native.generalize_named_op(block.operations[0])
        assert generic is not None
        assert generic.operation.name == "linalg.generic"
        assert module.operation.verify()
        assert [op.operation.name for op in block.operations] == ["linalg.generic", "func.return"]
        assert native.generalize_named_op(generic) is None

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("dense<[1, 2]> : tensor<2xi16>", (struct.pack("<2h", 1, 2), False)),
            ("dense<2.5> : tensor<3xf32>", (struct.pack("<f", 2.5), True)),
            ("dense<[true, false, true]> : tensor<3xi1>", (b"\1\0\1", False)),
            ("dense<true> : tensor<9xi1>", (b"\1", True)),
            ("dense<[]> : tensor<0xf32>", (b"", False)),
            ("42 : i32", None),
        ],
    )
    def test_raw_elements(self, text: str, expected: tuple[bytes, bool] | None) -> None:
        from powerfusion.core import native
        from powerfusion.mlir import ir

        assert native.raw_elements(ir.Attribute.parse(text)) == expected

    def test_raw_elements_expands_a_splat_when_asked(self) -> None:
        from powerfusion.core import native
        from powerfusion.mlir import ir

        three = native.raw_elements(ir.Attribute.parse("dense<2.5> : tensor<3xf32>"), expand_splat=True)
        assert three == (struct.pack("<3f", 2.5, 2.5, 2.5), True)
        truths = native.raw_elements(ir.Attribute.parse("dense<true> : tensor<9xi1>"), expand_splat=True)
        assert truths == (b"\1" * 9, True)

    def test_raw_elements_of_a_resource(self) -> None:
        from powerfusion.core import native
        from powerfusion.mlir import ir

        module = ir.Module.parse(
            "func.func @f() { %0 = arith.constant dense_resource<w> : tensor<2xi32> return }\n"
            '{-# dialect_resources: {builtin: {w: "0x040000000100000002000000"}} #-}'
        )
        constant = module.body.operations[0].regions[0].blocks[0].operations[0]
        assert native.raw_elements(constant.attributes["value"]) == (struct.pack("<2i", 1, 2), False)


def test_starting_pf_opt_is_quick() -> None:
    pf_opt("--version")
    start = time.monotonic()
    pf_opt("--version")
    assert time.monotonic() - start < 5
