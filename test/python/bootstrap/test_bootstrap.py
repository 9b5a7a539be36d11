"""tools/bootstrap as a whole: wrong usage, interruptions, and a second run that is quick."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from small_tree import error_line, program, run, surroundings

from _bootstrap import native
from _bootstrap.console import BootstrapError
from _bootstrap.settings import cache_home, parse

# --- Usage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--bogus"], ["--with", "nothing"], ["--with"], ["extra"], ["--off"]])
def test_wrong_usage_exits_with_2(tree: Path, words: list[str]) -> None:
    done = run(tree, *words)
    assert done.returncode == 2
    assert "usage: tools/bootstrap" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_interpreter_is_one_line(tree: Path) -> None:
    assert "PF_PYTHON names /nowhere/python" in error_line(run(tree, PF_PYTHON="/nowhere/python"))


def test_cache_folder_follows_xdg() -> None:
    assert cache_home({"XDG_CACHE_HOME": "/elsewhere", "HOME": "/home/me"}) == Path("/elsewhere")
    assert cache_home({"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}) == Path("/home/me/.cache")


def test_user_without_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    with pytest.raises(BootstrapError, match="set XDG_CACHE_HOME"):
        cache_home({})


# --- Whole runs -------------------------------------------------------------------------------------------------------


def start(tree: Path) -> subprocess.Popen[str]:
    """Start a bootstrap whose apt-get takes two seconds, and wait until it is at it."""
    program(tree / "bin", "dpkg-query", f'test -e {tree}/installed && shift 3 && for n; do echo "$n installed"; done')
    program(tree / "bin", "apt-get", f"touch {tree}/begun; sleep 2; touch {tree}/installed")
    shutil.rmtree(tree / "llvm")
    child = subprocess.Popen(
        [tree / "tools" / "bootstrap"], env=surroundings(tree), text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while not (tree / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return child


def test_interruption_is_one_line(tree: Path) -> None:
    child = start(tree)
    os.killpg(child.pid, signal.SIGINT)
    output, _ = child.communicate(timeout=20)
    assert child.returncode == 130
    assert output.endswith("bootstrap: interrupted; run it again to continue\n")
    assert "Traceback" not in output


def test_killed_run_is_waited_out_and_resumed(tree: Path) -> None:
    """The command that a killed bootstrap left behind is not run a second time beside itself."""
    child = start(tree)
    child.kill()
    child.communicate(timeout=20)
    done = run(tree)
    assert "is at work in this clone; waiting for it" in done.stdout
    assert (tree / "installed").exists()
    assert "no LLVM under" in error_line(done)


def test_second_run_is_quick(root: Path) -> None:
    settings = parse(root, [], os.environ)
    if not native.is_current(settings):
        pytest.skip("the dialect changed since tools/bootstrap ran")
    begin = time.monotonic()
    done = subprocess.run(
        [root / "tools" / "bootstrap", "--offline"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert " ..." not in done.stdout
    assert time.monotonic() - begin < 5
