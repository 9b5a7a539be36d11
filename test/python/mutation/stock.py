"""Whether the distribution's own `mlir-opt`, which knows nothing of this project, crashes on a mutant as well.

A crash of the worker isn't ours where it does: on the mutant's text, or, where that has GIR's own
syntax, on its generic form, in which GIR's ops are ones of a dialect that isn't registered. Nothing of
ours runs in that process. A mutant on which it doesn't crash is a fault, whatever the reason.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from powerfusion import knobs

TIDY = ("--canonicalize", "--cse", "--loop-invariant-code-motion")
SECONDS = 30.0
# The worker loads every dialect, and with each its patterns; mlir-opt those that a program names.
EVERY_DIALECT = "\ngpu.module @names_the_dialect {\n}\n"
SPACE = re.compile(r", #gir\.at<[^<>]*>")  # memref takes no attribute of a dialect that isn't registered


def stock_crashes(text: str) -> bool:
    """Whether `mlir-opt` dies of a signal while it reads or tidies a mutant, in text or in generic form."""
    if _died(text):
        return True
    generic = _run([str(Path(sys.executable).parent / "pf-opt"), "--mlir-print-op-generic"], text)
    return generic.returncode == 0 and _died(SPACE.sub("", generic.stdout))


def _died(text: str) -> bool:
    stock = str(knobs.llvm_prefix() / "bin" / "mlir-opt")
    return _run([stock, "--allow-unregistered-dialect", *TIDY], text + EVERY_DIALECT).returncode < 0


def _run(command: list[str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=SECONDS, check=False)
