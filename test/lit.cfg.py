"""How lit runs the `.mlir` and `.test` files below this folder.

Substitutions: `%pf-opt` and `%pf`, this project's commands; `%python`, the interpreter
of `.venv`; `%native`, the folder of our libraries and plug-ins; `%shared_ext`.
`FileCheck` is the one of `.venv`, `mlir-opt` and the like are the distribution's.

Features: `torch` where tools/bootstrap added what imports models to .venv; `full` in the long form.
"""

# ruff: noqa: F821 - lit defines `config`.
from __future__ import annotations

import os
from pathlib import Path

import lit.formats

root = Path(__file__).resolve().parents[1]
commands = root / ".venv" / "bin"
native = root / "python" / "powerfusion" / "_native"
llvm = Path(os.environ.get("PF_LLVM_PREFIX") or "/usr/lib/llvm-22")

config.name = "powerfusion"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "fixtures", "python"]
config.test_source_root = str(root / "test")
config.test_exec_root = str(root / "build" / "test" / "lit")

config.environment["PATH"] = os.pathsep.join(
    [str(commands), config.environment.get("PATH", os.defpath), str(llvm / "bin")]
)
config.environment["PF_CACHE"] = "off"
config.environment["PF_CALIBRATION"] = "off"
for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "PF_LLVM_PREFIX", "PF_TEST_FULL", "PYTHONPATH"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions += [
    ("%pf-opt", str(commands / "pf-opt")),
    ("%pf", str(commands / "pf")),
    ("%python", str(commands / "python")),
    ("%native", str(native)),
    ("%shared_ext", ".so"),
    (r"\bFileCheck\b", str(commands / "filecheck")),
    (r"(?<![\w/.-])mlir-opt\b", str(llvm / "bin" / "mlir-opt")),
]

if any((root / ".venv").glob("lib/python*/site-packages/torch_mlir")):
    config.available_features.add("torch")
if os.environ.get("PF_TEST_FULL"):
    config.available_features.add("full")
