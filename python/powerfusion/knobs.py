"""Every environment variable that PowerFusion reads, in one place.

Each is read when it is asked for, so that a test can set it. `PF_PYTHON` is read by C++ as well: a C++ host looks for
the interpreter before there is one. `tools/bootstrap` runs before this package can be imported and reads those that it
needs by itself: `PF_PYTHON`, `PF_LLVM_PREFIX`, `PF_MLIR_SOURCE`, `XDG_CACHE_HOME`, with the same meanings and defaults.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Knob:
    """An environment variable and what it does."""

    name: str
    help: str

    def text(self) -> str | None:
        """The value, or `None` where it is unset or empty."""
        return os.environ.get(self.name) or None

    def path(self) -> Path | None:
        """The value as a path."""
        text = self.text()
        return Path(text).expanduser() if text else None

    def flag(self) -> bool:
        """Whether it is switched on: anything but unset, empty, 0, no, false, off."""
        return (self.text() or "0").lower() not in {"0", "no", "false", "off"}


C_COMPILER = Knob("PF_CC", "The C compiler that programs of target c are run through; by default cc")
CACHE_HOME = Knob("XDG_CACHE_HOME", "The cache is in powerfusion/ under it; by default ~/.cache")
LLVM_PREFIX = Knob("PF_LLVM_PREFIX", "Where LLVM 22.1 is installed; by default /usr/lib/llvm-22")
MLIR_SOURCE = Knob("PF_MLIR_SOURCE", "Sources of MLIR's Python bindings, a folder or a tarball, for tools/bootstrap")
PYTHON = Knob("PF_PYTHON", "The interpreter that a C++ host of the passes starts; by default that of the build")
REPRODUCER_DIR = Knob("PF_REPRODUCER_DIR", "Folder for reproducers of failing passes; by default a fresh one in TMPDIR")
TEST_PASSES = Knob("PF_TEST_PASSES", "Registers the passes that only tests use")

KNOBS = (C_COMPILER, CACHE_HOME, LLVM_PREFIX, MLIR_SOURCE, PYTHON, REPRODUCER_DIR, TEST_PASSES)


def cache_folder() -> Path:
    """The cache of this user; a relative XDG_CACHE_HOME is ignored, as its standard demands."""
    chosen = CACHE_HOME.text()
    home = Path(chosen) if chosen and Path(chosen).is_absolute() else Path("~/.cache").expanduser()
    return home / "powerfusion"


def llvm_prefix() -> Path:
    """Where LLVM and MLIR are installed."""
    return LLVM_PREFIX.path() or Path("/usr/lib/llvm-22")


def c_compiler() -> str:
    """The host's C compiler."""
    return C_COMPILER.text() or "cc"
