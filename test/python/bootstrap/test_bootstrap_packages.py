"""The distribution's packages, LLVM's version, the cache and the disk: what is said when something is missing."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest
from small_tree import error_line, program, run, settings_of

from _bootstrap import cache, debian, environment
from _bootstrap.console import BootstrapError, Console, NoNetworkError, Stage, explain

# --- Packages and LLVM ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["21.1.0", "22.2.0", "22.10.1", "23.0.0git"])
def test_wrong_llvm_is_one_line(tree: Path, version: str) -> None:
    program(tree / "llvm" / "bin", "llvm-config", f"echo {version}")
    line = error_line(run(tree))
    assert f"LLVM {version}" in line
    assert "22.1 is needed" in line
    assert "PF_LLVM_PREFIX" in line


def test_no_llvm_is_one_line(tree: Path) -> None:
    shutil.rmtree(tree / "llvm")
    assert "no LLVM under" in error_line(run(tree))


def test_no_debian_is_one_line(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tree / "llvm"))
    with pytest.raises(BootstrapError, match="dpkg-query is not there"):
        debian.missing_packages(["cmake"])


def test_missing_packages_without_root_name_the_command(
    tree: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "bin" / "sudo").unlink()
    program(tree / "bin", "dpkg-query", "echo cmake installed; echo ninja-build config-files; exit 1")
    monkeypatch.setenv("PATH", str(tree / "bin"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(BootstrapError) as caught:
        debian.install(settings_of(tree), stage)
    message = str(caught.value)
    assert "\n" not in message
    wanted = [name for name in (*debian.LIBRARY_PACKAGES, *debian.TOOL_PACKAGES) if name != "cmake"]
    assert message.endswith(f"run: sudo apt-get install --no-install-recommends {' '.join(wanted)}")
    assert not (tree / "called").exists()


def test_missing_packages_are_installed_through_sudo(tree: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tree / "bin", "dpkg-query", 'shift 3; for name; do test "$name" = cmake || echo "$name installed"; done')
    monkeypatch.setenv("PATH", f"{tree / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    debian.install(settings_of(tree), stage)
    called = (tree / "called").read_text()
    assert "sudo -n true" in called
    assert " update\n" in called
    assert called.rstrip().endswith("install --no-install-recommends cmake")


def test_apt_is_left_alone_where_nothing_is_missing(tree: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tree / 'bin'}:/usr/bin:/bin")
    debian.install(settings_of(tree), stage)
    assert not (tree / "called").exists()
    assert stage.outcome == "ready, LLVM 22.1.8"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo 'E: Unable to locate package cmake'; exit 100", "this distribution offers no cmake"),
        ("echo 'Temporary failure resolving'; echo 'E: Unable to locate package cmake'; exit 100", "no network while"),
        ("echo 'dpkg: error: No space left on device'; exit 100", "no space left on device while"),
        ("echo 'E: something else'; exit 100", "apt-get exited with 100"),
    ],
)
def test_failed_installation_is_explained(
    tree: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch, script: str, expected: str
) -> None:
    program(tree / "bin", "dpkg-query", "exit 1")
    program(tree / "bin", "apt-get", script)
    monkeypatch.setenv("PATH", f"{tree / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(BootstrapError, match=expected) as caught:
        debian.install(settings_of(tree), stage)
    assert "\n" not in str(caught.value)


# --- The cache and the disk -------------------------------------------------------------------------------------------


def test_unwritable_cache_is_one_line(tree: Path, stage: Stage) -> None:
    (tree / "file").write_text("")
    settings = settings_of(tree, XDG_CACHE_HOME=str(tree / "file" / "cache"))
    with pytest.raises(BootstrapError, match=r"cannot be written .*: set XDG_CACHE_HOME"):
        cache.writable(settings, stage, settings.cache).__enter__()


def test_small_disk_is_one_line(tree: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tree)._replace(free=3 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    settings = settings_of(tree)
    with pytest.raises(BootstrapError, match="has 3 MB left and 400 MB are needed"):
        cache.writable(settings, stage, settings.cache).__enter__()
    with pytest.raises(BootstrapError, match="has 3 MB left and 500 MB are needed"):
        environment.make(settings, stage)


def test_operating_system_errors_are_explained() -> None:
    full = explain(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/there"), "copying")
    assert str(full) == "no space left on device while copying (/there): free some and run this again"
    refused = explain(PermissionError(errno.EACCES, "Permission denied", "/there"), "copying")
    assert str(refused) == "copying failed: Permission denied (/there)"


def test_lock_makes_the_second_wait(tree: Path, console: Console) -> None:
    path = tree / "lock"
    holder = os.open(path, os.O_CREAT | os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    threading.Timer(0.3, os.close, (holder,)).start()
    begin = time.monotonic()
    with cache.locked(console, path, "waiting"):
        assert time.monotonic() - begin >= 0.2
        # Commands inherit the lock, so that one that outlives a killed bootstrap is waited for.
        [held] = console.held
        console.run([sys.executable, "-c", f"import os; os.fstat({held})"], "looking at the lock")
    assert "waiting" in console.out.getvalue()  # pyright: ignore
    assert not console.held


# --- Commands ---------------------------------------------------------------------------------------------------------


def test_failed_command_shows_the_end_of_its_output(console: Console) -> None:
    with pytest.raises(BootstrapError, match=r"counting failed: sh exited with 3") as caught:
        console.run(["sh", "-c", "for n in $(seq 40); do echo line $n; done; exit 3"], "counting")
    assert caught.value.tail[-1] == "line 40"
    assert len(caught.value.tail) == 15
    assert caught.value.log is not None
    assert "line 1\n" in caught.value.log.read_text()


@pytest.mark.parametrize(
    "words",
    [
        "Could not resolve 'a.host'",
        "Temporary failure in name resolution",
        "Failed to establish a new connection: [Errno -3]",
        "Network is unreachable",
    ],
)
def test_missing_network_is_recognised(console: Console, words: str) -> None:
    with pytest.raises(NoNetworkError, match="no network while fetching: connect"):
        console.run(["sh", "-c", 'echo "$0"; exit 1', words], "fetching")


def test_missing_program_is_one_line(console: Console) -> None:
    with pytest.raises(BootstrapError, match=r"cannot run /nowhere/ninja .* while building"):
        console.run(["/nowhere/ninja"], "building")
