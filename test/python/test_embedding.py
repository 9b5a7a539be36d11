"""A compiler outside this tree: it finds the package, links it and runs our passes between its own."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from powerfusion import knobs
from powerfusion.core import passes

SOURCE = """\
func.func @f(%a: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<8xf32> {
  %empty = tensor.empty() : tensor<8xf32>
  %sum = linalg.add ins(%a, %b : tensor<8xf32>, tensor<8xf32>) outs(%empty : tensor<8xf32>) -> tensor<8xf32>
  return %sum : tensor<8xf32>
}
"""


@pytest.fixture(scope="module", params=["build tree", "installation"])
def embedding(request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outside project's program, built against the build tree or an installation."""
    work = tmp_path_factory.mktemp("embedding")
    package = root / "build" / "lib" / "cmake" / "GIR"
    if request.param == "installation":
        run("cmake", "--install", root / "build", "--prefix", work / "prefix")
        (package,) = (work / "prefix").rglob("cmake/GIR")
    major = "22"
    compilers = [f"-DCMAKE_C_COMPILER=clang-{major}", f"-DCMAKE_CXX_COMPILER=clang++-{major}"]
    llvm = f"-DCMAKE_PREFIX_PATH={knobs.llvm_prefix()}"
    project = root / "test" / "Integration" / "embedding"
    run("cmake", "-G", "Ninja", "-S", project, "-B", work / "build", f"-DGIR_DIR={package}", llvm, *compilers)
    run("cmake", "--build", work / "build")
    return work / "build" / "embedding"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A linalg program."""
    path = tmp_path / "in.mlir"
    path.write_text(SOURCE)
    return path


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command that has to succeed."""
    done = execute(*command, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def execute(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command; nothing of this process's Python leaks into it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=100,
        env={**kept, **environment},
        check=False,
    )


def test_python_passes_between_upstream_ones(embedding: Path, source: Path) -> None:
    done = run(embedding, source, "canonicalize,gir-count-ops,func.func(gir-count-ops{limit=9}),cse")
    assert "linalg.add" in done.stdout
    assert done.stderr.count("remark:") == 2


def test_raising_a_program_to_gir(embedding: Path, source: Path) -> None:
    importlib.import_module("powerfusion.passes")
    if "convert-linalg-to-gir" not in passes.registered_passes():
        pytest.skip("convert-linalg-to-gir isn't there yet")
    done = run(embedding, source, "canonicalize,convert-linalg-to-gir,gir-count-ops,cse")
    assert "gir.kernel" in done.stdout
    # The host's own dialect reads what the pass wrote.
    again = source.with_name("gir.mlir")
    again.write_text(done.stdout)
    assert run(embedding, again, "cse").stdout == done.stdout


def test_a_raising_pass_is_a_diagnostic(embedding: Path, source: Path, tmp_path: Path) -> None:
    reproducers = tmp_path / "reproducers"
    done = execute(
        embedding, source, "cse,func.func(gir-test-raise),cse",
        PF_TEST_PASSES="1", PF_REPRODUCER_DIR=str(reproducers),
    )  # fmt: skip
    assert done.returncode == 1
    assert f"{source}:1:1: error: pass 'gir-test-raise' raised ValueError: bad tile size 7" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(list(reproducers.iterdir())) == 1


def test_no_interpreter_is_one_clear_line(embedding: Path, source: Path) -> None:
    done = execute(embedding, source, "cse", PF_PYTHON="/nowhere/python")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: powerfusion's passes can't be registered: there is no Python interpreter at /nowhere/python; "
        "PF_PYTHON names one"
    ]


def test_an_interpreter_without_the_package_is_one_clear_line(embedding: Path, source: Path, tmp_path: Path) -> None:
    broken = tmp_path / "powerfusion" / "__init__.py"
    broken.parent.mkdir()
    broken.write_text("raise ImportError('this one is broken')\n")
    done = execute(embedding, source, "cse", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "error: powerfusion's passes can't be registered: ImportError: this one is broken" in done.stderr


def test_the_dialect_plugin_round_trips_gir(root: Path, tmp_path: Path) -> None:
    native = root / "python" / "powerfusion" / "_native"
    stock = shutil.which("mlir-opt", path=str(knobs.llvm_prefix() / "bin"))
    assert stock
    listed = run(stock, f"--load-dialect-plugin={native}/GIRDialectPlugin.so", "--show-dialects", os.devnull)
    assert "gir," in listed.stdout
