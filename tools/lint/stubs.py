"""Writes type stubs of MLIR's bindings beside them, once, so that pyright checks every use of `ir`.

The distribution's sources ship stubs for a few dialects only. nanobind's stubgen imports the built extension and writes
the rest: `_mlir/{__init__,ir,passmanager,rewrite}.pyi`, into the same cached package (0.2 s).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

DOWNCAST = "# What the bindings give here is downcast to the concrete class as it is read."
_PRECISE = (
    (re.compile(r"(class Value\b.*?def type\(self\) -> )Type:", re.DOTALL), r"\1Any:"),
    (re.compile(r"(class Value\b.*?def type\(self\) -> )Type\b", re.DOTALL), r"\1Any"),
    (re.compile(r"(class OpAttributeMap\b.*?def __getitem__\(self, name: str\) -> )Attribute\b", re.DOTALL), r"\1Any"),
)
MODULE = "powerfusion.mlir._mlir_libs._mlir"


def missing(root: Path) -> bool:
    """True where the bindings are built and have no stubs yet."""
    package = root / "python/powerfusion/mlir/_mlir_libs"
    return package.is_dir() and not (package / "_mlir/ir.pyi").is_file()


def write(root: Path) -> str | None:
    """Runs stubgen over the bindings of the tree at `root`; returns why it failed, or `None`."""
    output = root / "python/powerfusion/mlir/_mlir_libs"
    command = [sys.executable, "-m", "nanobind.stubgen", "-q", "-r", "-i", str(root / "python")]
    done = subprocess.run(
        [*command, "-m", MODULE, "-O", str(output)], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        return done.stderr.strip()
    loosen(output / "_mlir/ir.pyi")
    return None


def loosen(stub: Path) -> None:
    """Types what the bindings downcast at run time as `Any`: the declared base classes know no shapes or values."""
    text = stub.read_text()
    if DOWNCAST in text:
        return
    for pattern, replacement in _PRECISE:
        text = pattern.sub(replacement, text, count=1)
    stub.write_text(f"{DOWNCAST}\nfrom typing import Any\n{text}")


def main() -> int:
    """Writes the stubs where they are missing; never fails, since pyright then says what it can't resolve."""
    root = Path(__file__).resolve().parents[2]
    if missing(root) and (why := write(root)):
        print(f"tools/lint/stubs.py: no stubs for MLIR's bindings: {why}", file=sys.stderr)
    elif (stub := root / "python/powerfusion/mlir/_mlir_libs/_mlir/ir.pyi").is_file():
        loosen(stub)
    return 0


if __name__ == "__main__":
    sys.exit(main())
