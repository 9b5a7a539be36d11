"""tools/test: the last line adds up what lit and pytest ran, the exit status says whether all passed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PYTHON_TESTS = {
    "test_good.py": "import pytest\ndef test_a(): pass\ndef test_b(): pass\ndef test_c(): pytest.skip('why')\n"
    "@pytest.mark.xfail\ndef test_d(): assert False\n",
    "test_bad.py": "def test_e(): assert False\n",
    "test_broken.py": "import nowhere\n",
    "test_warns.py": "import warnings\ndef test_f(): warnings.warn('heard')\n",
    "test_full.py": "import os\ndef test_g(): assert os.environ['PF_TEST_FULL'] == 'linalg'\n",
}
LIT_TESTS = {
    "good.mlir": "// RUN: echo one | FileCheck %s\n// CHECK: one\n",
    "bad.mlir": "// RUN: echo two | FileCheck %s\n// CHECK: one\n",
    "skipped.test": "# REQUIRES: nowhere\n# RUN: true\n",
    "Inputs/read.mlir": "no test\n",
}


RESUMED = """import pathlib, pytest
@pytest.mark.parametrize("at", range(3))
def test_r(at):
    pathlib.Path(f"ran{at}").touch()
    assert at != 1 or pathlib.Path("mended").exists()
"""


@pytest.fixture
def clone(tmp_path: Path, root: Path) -> Path:
    """A clone with nothing but tools/test and a few tests; its bootstrap has nothing to do."""
    for name in ("tools/test", "test/lit.cfg.py", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(root / name, tmp_path / name)
    bootstrap(tmp_path, "exit 0")
    (tmp_path / ".venv").symlink_to(root / ".venv")
    for folder, files in (("python", PYTHON_TESTS), ("Dialect", LIT_TESTS)):
        for name, text in files.items():
            path = tmp_path / "test" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return tmp_path


def bootstrap(clone: Path, script: str) -> None:
    path = clone / "tools" / "bootstrap"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PF_", "LIT"))}
    return subprocess.run(
        [clone / "tools" / "test", *words],
        cwd=clone,
        env=kept,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize(
    ("paths", "last", "status"),
    [
        (["test/python/test_good.py", "test/Dialect/good.mlir"], "4 passed, 0 failed, 1 skipped", 0),
        (["test/Dialect"], "1 passed, 1 failed, 1 skipped", 1),
        (["test/python/test_good.py::test_a", "test/python/test_bad.py"], "1 passed, 1 failed, 0 skipped", 1),
        (["test/python/test_broken.py", "test/python/test_warns.py"], "0 passed, 2 failed, 0 skipped", 1),
        (["tools"], "0 passed, 0 failed, 0 skipped", 1),
        (["test/Dialect/skipped.test"], "0 passed, 0 failed, 1 skipped", 1),
    ],
)
def test_last_line_adds_up(clone: Path, paths: list[str], last: str, status: int) -> None:
    done = run(clone, *paths)
    assert done.stdout.splitlines()[-1] == last, done.stdout
    assert done.returncode == status


def test_everything_runs_without_paths(clone: Path) -> None:
    done = run(clone)
    assert done.stdout.splitlines()[-1] == "4 passed, 5 failed, 2 skipped", done.stdout
    assert done.returncode == 1


def test_long_form_names_its_area(clone: Path) -> None:
    done = run(clone, "test/python/test_full.py", "--full", "linalg")
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed, 0 skipped", done.stdout


def test_failed_bootstrap_is_no_success(clone: Path) -> None:
    bootstrap(clone, "echo broken >&2; exit 1")
    done = run(clone)
    assert done.stdout.splitlines()[-1] == "0 passed, 0 failed, 0 skipped"
    assert done.returncode == 1


@pytest.mark.parametrize("words", [["--bogus"], ["nowhere.mlir"], ["--full", "nowhere"]])
def test_wrong_usage_exits_with_2(clone: Path, words: list[str]) -> None:
    done = run(clone, *words)
    assert done.returncode == 2
    assert "usage: tools/test" in done.stderr


def test_full_goes_on_where_it_stopped(clone: Path, root: Path) -> None:
    """What passed isn't run again on the same tree, and is counted; another tree starts anew."""
    shutil.copy2(root / "test" / "conftest.py", clone / "test" / "conftest.py")
    (clone / "test" / "python" / "test_resumed.py").write_text(RESUMED)
    (clone / ".gitignore").write_text("ran*\nmended\nbuild\n__pycache__\n")
    subprocess.run(["git", "init", "-q"], cwd=clone, check=True)

    def ran() -> list[str]:
        found = sorted(clone.glob("ran*"))
        for path in found:
            path.unlink()
        return [path.name for path in found]

    first = run(clone, "--full", "test/python/test_resumed.py")
    assert first.stdout.splitlines()[-1] == "2 passed, 1 failed, 0 skipped", first.stdout
    assert ran() == ["ran0", "ran1", "ran2"]
    (clone / "mended").touch()
    second = run(clone, "--full", "test/python/test_resumed.py")
    assert second.stdout.splitlines()[-1] == "3 passed, 0 failed, 0 skipped", second.stdout
    assert ran() == ["ran1"]
    run(clone, "--full", "test/python/test_resumed.py")
    assert ran() == ["ran0", "ran1", "ran2"]
