"""The dialect's build: configured once, built again where something changed, resumed where it was cut short."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_tree import program, settings_of

from _bootstrap import native
from _bootstrap.console import BootstrapError, Stage


@pytest.fixture
def called(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with a dialect, and stand-ins for cmake and ninja that write down that they were called."""
    log = tree / "called"
    build = tree / "build"
    output = tree / "python" / "powerfusion" / "_native"
    program(tree / "llvm" / "bin", "clang", "echo 22.1.8")
    program(tree / "bin", "cmake", f"echo cmake $1 >> {log}; touch {build}/build.ninja {build}/CMakeCache.txt")
    program(tree / "bin", "ninja", f"echo ninja >> {log}; mkdir -p {output}; touch {output}/libGIR.so")
    (tree / "dialect").mkdir()
    (tree / "dialect" / "GIR.td").write_text("")
    (tree / "CMakeLists.txt").write_text("")
    build.mkdir()
    monkeypatch.setenv("PATH", f"{tree / 'bin'}:/usr/bin:/bin")
    return log


def make(tree: Path, stage: Stage) -> list[str]:
    """Build; returns which tools were called for it."""
    log = tree / "called"
    log.write_text("")
    native.make(settings_of(tree), stage)
    return log.read_text().splitlines()


@pytest.mark.usefixtures("called")
def test_built_once(tree: Path, stage: Stage) -> None:
    assert make(tree, stage) == ["cmake --fresh", "ninja"]
    assert make(tree, stage) == []


@pytest.mark.usefixtures("called")
@pytest.mark.parametrize("name", ["CMakeLists.txt", "dialect/GIR.td", "dialect/new.cpp"])
def test_change_is_left_to_ninja(tree: Path, stage: Stage, name: str) -> None:
    """CMake, given a compiler a second time, starts over and forgets its options; ninja calls it as it should be."""
    make(tree, stage)
    (tree / name).write_text("changed")
    assert make(tree, stage) == ["ninja"]


@pytest.mark.usefixtures("called")
def test_lost_output_is_built_again(tree: Path, stage: Stage) -> None:
    make(tree, stage)
    (tree / "python" / "powerfusion" / "_native" / "libGIR.so").unlink()
    assert make(tree, stage) == ["ninja"]


@pytest.mark.usefixtures("called")
def test_changed_compiler_is_configured_anew(tree: Path, stage: Stage) -> None:
    make(tree, stage)
    compiler = tree / "llvm" / "bin" / "clang"
    compiler.write_text("#!/bin/sh\necho 22.1.9\n")
    assert make(tree, stage) == ["cmake --fresh", "ninja"]


@pytest.mark.parametrize(("tool", "then"), [("cmake", ["cmake --fresh", "ninja"]), ("ninja", ["ninja"])])
def test_failed_build_is_resumed(tree: Path, stage: Stage, called: Path, tool: str, then: list[str]) -> None:
    sound = (tree / "bin" / tool).read_text()
    program(tree / "bin", tool, "echo broken; exit 1")
    with pytest.raises(BootstrapError, match=f"{tool} exited with 1"):
        make(tree, stage)
    assert not called.read_text().endswith(f"{tool}\n")
    (tree / "bin" / tool).write_text(sound)
    assert make(tree, stage) == then
