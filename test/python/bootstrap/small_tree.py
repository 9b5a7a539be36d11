"""A small clone in which tools/bootstrap runs against stand-ins for the system's tools."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from _bootstrap.settings import Settings, parse

PASSED_ON = ("LANG", "TERM", "TMPDIR")


def program(folder: Path, name: str, script: str) -> None:
    """Put an executable shell script into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def surroundings(tree: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    home = tree.parent / "home"
    path = f"{tree / 'bin'}:/usr/bin:/bin"
    return {**kept, "PATH": path, "HOME": str(home), "PF_LLVM_PREFIX": str(tree / "llvm"), **more}


def run(tree: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tree / "tools" / "bootstrap", *words],
        env=surroundings(tree, **more), capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def settings_of(tree: Path, *words: str, **more: str) -> Settings:
    return parse(tree, words, surroundings(tree, **more))


def error_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr, of a run that failed as it should."""
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("bootstrap: error: ")
    return lines[0]
