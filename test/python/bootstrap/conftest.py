"""Fixtures of the bootstrap's tests."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from small_tree import program

from _bootstrap.console import Console, Stage


@pytest.fixture
def tree(tmp_path: Path, root: Path) -> Path:
    """A clone with nothing but the bootstrap, and a folder `bin` of stand-ins."""
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("_bootstrap", "requirements", "bindings"):
        shutil.copytree(root / "tools" / name, clone / "tools" / name, ignore=ignored)
    shutil.copy2(root / "tools" / "bootstrap", clone / "tools" / "bootstrap")
    (clone / "python" / "powerfusion").mkdir(parents=True)
    # Every package is installed; sudo and apt-get only tell that they were called.
    program(clone / "bin", "dpkg-query", 'shift 3; for name; do echo "$name installed"; done')
    program(clone / "bin", "apt-get", f'echo "apt-get $*" >> {clone}/called')
    program(clone / "bin", "sudo", f'echo "sudo $*" >> {clone}/called; shift; exec "$@"')
    program(clone / "llvm" / "bin", "llvm-config", "echo 22.1.8")
    return clone


@pytest.fixture
def console(tree: Path) -> Console:
    made = Console(tree / "logs", out=io.StringIO())
    made._log = made.logs / "stage.log"
    return made


@pytest.fixture
def stage(console: Console) -> Stage:
    return Stage(console, "[1/1] test")
