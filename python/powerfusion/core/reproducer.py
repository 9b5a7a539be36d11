"""The folder that a failing pass leaves behind: everything that it takes to see the failure again."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
import sys
import tempfile
import traceback
from pathlib import Path

from powerfusion import knobs

_README = """\
{error}

before.mlir    the IR before the pass
command.sh     repeats the failure
pipeline.txt   the pass with its options
traceback.txt  where it was raised
versions.txt   what it was raised with
"""


def write(pass_name: str, source: str, pipeline: str, error: BaseException, llvm_version: str) -> Path:
    """Writes a reproducer into a new folder.

    Args:
        pass_name: The pass that failed.
        source: The IR before the pass.
        pipeline: The textual pipeline that runs the pass on `source`.
        error: What it raised.
        llvm_version: The version of MLIR and LLVM in use.

    Returns:
        The folder, below PF_REPRODUCER_DIR or the folder for temporary files.

    Raises:
        OSError: It can't be written.
    """
    root = knobs.REPRODUCER_DIR.path()
    if root:
        root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{pass_name}-" if root else f"powerfusion-{pass_name}-", dir=root))
    before = folder / "before.mlir"
    before.write_text(source + "\n")
    (folder / "pipeline.txt").write_text(pipeline + "\n")
    (folder / "command.sh").write_text(f"#!/bin/sh\n{_command(before, pipeline)}\n")
    (folder / "traceback.txt").write_text("".join(traceback.format_exception(error)))
    (folder / "versions.txt").write_text(_versions(llvm_version))
    (folder / "README").write_text(_README.format(error=traceback.format_exception_only(error)[-1].strip()))
    return folder


def _command(before: Path, pipeline: str) -> str:
    # The anchor stands alone in the file, perhaps without the functions that it calls.
    flags = ["--mlir-very-unsafe-disable-verifier-on-parsing"] if "(func.func(" in pipeline else []
    words = [str(_pf_opt()), *flags, f"--pass-pipeline={pipeline}", str(before)]
    settings = [
        f"{knob.name}={value}" for knob in knobs.KNOBS if knob != knobs.REPRODUCER_DIR and (value := knob.text())
    ]
    return shlex.join([*(["env", *settings] if settings else []), *words])


def _pf_opt() -> Path:
    return Path(sys.prefix) / "bin" / "pf-opt"


def _versions(llvm_version: str) -> str:
    try:
        own = importlib.metadata.version("powerfusion")
    except importlib.metadata.PackageNotFoundError:
        own = "not installed"
    return "".join(
        f"{name}: {value}\n"
        for name, value in (
            ("powerfusion", own),
            ("MLIR and LLVM", llvm_version),
            ("Python", platform.python_version()),
            ("machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"),
        )
    )
