"""A stand-in for the compiler, for tests of the command line alone: it adds its two arguments.

Tests of the command line's own business (files, usage, signals, layout of what is printed) don't wait for compiling.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import powerfusion as pf
from powerfusion.cli import programs
from powerfusion.cli.main import main
from powerfusion.report import KernelReport, MovementReport, PhaseReport, Report
from powerfusion.runtime.signature import ArraySpec, Signature
from powerfusion.symbolic import Count

COMMAND = [sys.executable, "-m", "powerfusion.cli.main"]
WITH_FAKE = """
import sys, cli_fakes
from powerfusion.cli import programs
from powerfusion.cli.main import main
cli_fakes.install(cli_fakes.{fake})
sys.exit(main())
"""


def kernel(name: str, read: Count, written: Count, location: str | None = None) -> KernelReport:
    """A kernel that reads once and writes once."""
    load = MovementReport("gir.move", "dram", "reg", read, "4x8xf32", location)
    store = MovementReport("gir.move", "reg", "dram", written, "4x8xf32", location)
    return KernelReport(name, location, (load, store))


def report(kernels: int = 1, *, megabytes: int = 6, least: int = 6, naive: int = 10) -> Report:
    """A report whose kernels share the bytes evenly: two thirds are read."""
    mega, each = 1_000_000, megabytes * 1_000_000 // kernels
    made = (kernel(f"k{place}", each * 2 // 3, each // 3, f"in.mlir:{place + 1}:3") for place in range(kernels))
    return Report(tuple(made), least * mega, naive * mega)


@dataclass
class Executable:
    """What the fake compiler gives."""

    signature: Signature
    figures: Report
    call: Callable[..., Any]
    bound: list[Any] = field(default_factory=list)
    phases: tuple[str, ...] = ("import", "llvm")

    def __call__(self, *arrays: Any) -> Any:
        return self.call(*arrays)

    def ir(self, phase: str) -> str:
        return f"module {{}} // after {phase}"

    def report(self, sizes: Any = None) -> Report:
        self.bound.append(sizes)
        return self.figures

    def phase_reports(self, sizes: Any = None) -> tuple[PhaseReport, ...]:
        return ()

    def save(self, path: Path) -> None:
        Path(path).write_text(json.dumps({"fake": True}))


def adder(dtype: str = "f32", shape: tuple[int | None, ...] = (4, 8), figures: Report | None = None) -> Executable:
    """A program of two arguments and one result."""
    spec = ArraySpec(dtype, shape)
    signature = Signature("add", (spec, spec), (spec,))

    def call(x: Any, y: Any) -> Any:
        x, y = signature.check([x, y])
        return x + y

    return Executable(signature, figures or report(), call)


def install(executable: Executable, set_attribute: Callable[..., object] = setattr) -> None:
    """Puts the fake in the place of the compiler."""
    set_attribute(programs, "compile_until", lambda source, target, until, *_: executable)
    set_attribute(pf, "load", lambda path: executable)


def sleeper(where: str) -> Executable:
    """A program that prints that it has come to `where`, and stays there: `save` in Python, `call` in native code."""
    made = adder()

    def save(path: Path) -> None:
        Path(path).write_text("half")
        print("there", flush=True)
        time.sleep(60)

    def call(*_: Any) -> Any:
        libc, lock = ctypes.CDLL(None), ctypes.create_string_buffer(64)
        print("there", flush=True)
        # Locked twice, a mutex waits for good, and no signal wakes it: native code that knows nothing of Python.
        libc.pthread_mutex_lock(lock)
        libc.pthread_mutex_lock(lock)

    made.save, made.call = (save, made.call) if where == "save" else (made.save, call)  # type: ignore[method-assign]
    return made


def use(monkeypatch: pytest.MonkeyPatch, executable: Executable) -> Executable:
    install(executable, lambda owner, name, value: monkeypatch.setattr(owner, name, value, raising=False))
    return executable


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Runs a command that must fail with one message; gives that."""
    assert main([*map(str, arguments)]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("pf: error: ")
    assert "Traceback" not in captured.err
    return captured.err


def misused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Runs a command that is used wrongly; gives what it says."""
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments)])
    assert left.value.code == 2
    return capsys.readouterr().err


def start(fake: str, *arguments: object, **settings: object) -> subprocess.Popen[str]:
    """Starts `pf` with a fake in a process of its own."""
    code = WITH_FAKE.format(fake=fake)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings},
    )
