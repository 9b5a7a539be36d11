"""`pf doctor`: what it finds, on machines where something is missing too."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from powerfusion.cli import devices, health
from powerfusion.cli.checks import tool
from powerfusion.cli.devices import accelerator, amd_names, nvidia_names
from powerfusion.cli.main import main


def test_doctor_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "native_library", lambda: iter(()))
    code = main(["doctor", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert code == (0 if said["ok"] else 1)
    groups = {check["group"] for check in said["checks"]}
    assert groups == {"tools", "Python", "caches", "devices"}
    assert all(check["help"] for check in said["checks"] if check["needed"] and not check["ok"])


def test_doctor_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(health, "native_library", lambda: iter(()))
    monkeypatch.setenv("PF_LLVM_PREFIX", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nowhere"))
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "missing: mlir-opt: install mlir-22-tools (run tools/bootstrap), or set PF_LLVM_PREFIX" in printed
    assert "optional: cache folder: run tools/bootstrap fills it" in printed


def test_doctor_refuses_another_llvm(tmp_path: Path) -> None:
    other = tmp_path / "mlir-opt"
    other.write_text("#!/bin/sh\necho LLVM version 19.1.7\n")
    other.chmod(0o755)
    check = tool("mlir-opt", (other,), "mlir-22-tools")
    assert not check.ok
    assert "expected 22.1, got 19.1.7" in check.detail


@pytest.mark.parametrize(
    ("ending", "said"),
    [("import os; os.kill(os.getpid(), 11)", "crashed with signal 11"), ("raise SystemExit('no way')", "no way")],
)
def test_doctor_survives_a_crash(ending: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A native library that kills its process is a finding; what comes after it couldn't be tried."""
    first, *others = health.STEPS
    code = f'print(\'{{"step": "{first}", "ok": true, "detail": "fine"}}\', flush=True)\n{ending}'
    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!{sys.executable}\n{code}\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    checks = list(health.native_library())
    assert [check.ok for check in checks] == [True, *(False for _ in others)]
    assert said in checks[1].detail
    assert checks[2].detail == "couldn't be tried"


def test_doctor_without_rich(tmp_path: Path) -> None:
    """Where packages are missing, doctor is who says so."""
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text("raise ImportError('no rich')")
    code = (
        "import sys, powerfusion.cli.health as h; h.native_library = lambda: ();"
        "from powerfusion.cli.main import main; sys.exit(main())"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-c", code, "doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "interpreter" in done.stdout, done.stderr


class Driver:
    """An accelerator's driver with two devices; arguments by reference are ctypes' own."""

    def __init__(self, code: int = 0) -> None:
        self.code = code

    def __getattr__(self, name: str) -> Callable[..., int]:
        return lambda *arguments: self.answer(name, arguments)

    def answer(self, name: str, arguments: tuple[Any, ...]) -> int:
        match name:
            case "cuDeviceGetCount" | "hipGetDeviceCount":
                arguments[0]._obj.value = 2
            case "cuDeviceGet":
                arguments[0]._obj.value = arguments[1]
            case "cuDeviceGetName" | "hipDeviceGetName":
                arguments[0].value = b"Device"
            case "cuDeviceGetAttribute":
                arguments[0]._obj.value = {75: 9, 76: 0}[arguments[1]]
            case _:
                assert name == "cuInit"
        return self.code


@pytest.mark.parametrize(("names", "text"), [(nvidia_names, "Device (sm_90)"), (amd_names, "Device")])
def test_accelerators(names: Callable[..., list[str]], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices by name; a driver that reports none, and no driver, are found out and nothing that is needed."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Driver())
    assert accelerator("GPU", "libgpu.so", names).detail == f"{text}, {text}"
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Driver(code=100))
    check = accelerator("GPU", "libgpu.so", names)
    assert "reports no device" in check.detail
    monkeypatch.undo()
    check = accelerator("GPU", "libnowhere.so", names)
    assert (check.ok, check.status, check.needed) == (False, "not found", False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model name\t: A CPU\nflags\t\t: fpu sse2 avx avx512f\n", "A CPU, vectors of 512 bits"),
        ("model name\t: A CPU\nflags\t\t: fpu sse2 avx avx2\n", "A CPU, vectors of 256 bits"),
        ("Features\t: fp asimd\n", "vectors of 128 bits"),
        ("", "vectors of unknown width"),
    ],
)
def test_cpu(text: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(devices, "CPUINFO", tmp_path / "cpuinfo")
    if text:
        (tmp_path / "cpuinfo").write_text(text)
    assert said in devices.cpu().detail
