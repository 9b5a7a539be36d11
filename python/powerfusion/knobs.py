"""Every environment variable that PowerFusion reads, in one place.

Each is read when it is asked for, so that a test can set it. `PF_PYTHON` is read by C++ as well: a C++ host looks for
the interpreter before there is one. `tools/bootstrap` runs before this package can be imported and reads those that it
needs by itself: `PF_PYTHON`, `PF_LLVM_PREFIX`, `PF_MLIR_SOURCE`, `XDG_CACHE_HOME`, with the same meanings and defaults.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from powerfusion.errors import MachineError, PowerFusionError


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
        return (self.text() or "0").lower() not in OFF


CACHE = Knob("PF_CACHE", "Folder of compiled programs, or off; by default programs/ in the cache")
CACHE_LIMIT = Knob("PF_CACHE_LIMIT", "How much of them is kept, as 500M or 2G (powers of 1024); by default 1G")
CALIBRATION = Knob("PF_CALIBRATION", "What `pf calibrate` wrote, or off; by default what is in the cache")
C_COMPILER = Knob("PF_CC", "The C compiler that programs of target c are run through; by default cc")
CUDA_HOME = Knob("CUDA_HOME", "A CUDA toolkit, where PF_CUDA_TOOLKIT names none and PyPI's packages aren't there")
CUDA_TOOLKIT = Knob(
    "PF_CUDA_TOOLKIT",
    "The CUDA toolkit whose ptxas assembles kernels, or off; by default PyPI's nvidia-cuda-nvcc, CUDA_HOME, or PATH",
)
CXX_COMPILER = Knob("PF_CXX", "The C++ compiler that simulators of devices use; by default LLVM's clang++, or c++")
CACHE_HOME = Knob("XDG_CACHE_HOME", "The cache is in powerfusion/ under it; by default ~/.cache")
LLVM_PREFIX = Knob("PF_LLVM_PREFIX", "Where LLVM 22.1 is installed; by default /usr/lib/llvm-22")
MLIR_SOURCE = Knob("PF_MLIR_SOURCE", "Sources of MLIR's Python bindings, a folder or a tarball, for tools/bootstrap")
OPENMP_THREADS = Knob(
    "OMP_NUM_THREADS", "Threads of a program's parallel loops; by default all that the process may use"
)
PYTHON = Knob("PF_PYTHON", "The interpreter that a C++ host of the passes starts; by default that of the build")
REGISTERS = Knob(
    "PF_REGISTERS",
    "Vector registers that programs are placed for, as 16x32: how many of how many bytes; by default the CPU's",
)
REPRODUCER_DIR = Knob("PF_REPRODUCER_DIR", "Folder for reproducers of failing passes; by default a fresh one in TMPDIR")
TEST_PASSES = Knob("PF_TEST_PASSES", "Registers the passes that only tests use")

BUILDING = (C_COMPILER, CUDA_HOME, CUDA_TOOLKIT, CXX_COMPILER, LLVM_PREFIX, MLIR_SOURCE, PYTHON)
RUNNING = (CACHE, CACHE_HOME, CACHE_LIMIT, CALIBRATION, OPENMP_THREADS, REGISTERS, REPRODUCER_DIR, TEST_PASSES)
KNOBS = (*BUILDING, *RUNNING)
OFF = ("0", "no", "false", "off")
_SIZE = re.compile(r"(\d+)([KMGT]?)(i?B)?", re.IGNORECASE)


def cache_folder() -> Path:
    """The cache of this user; a relative XDG_CACHE_HOME is ignored, as its standard demands."""
    chosen = CACHE_HOME.text()
    home = Path(chosen) if chosen and Path(chosen).is_absolute() else Path("~/.cache").expanduser()
    return home / "powerfusion"


def program_cache() -> Path | None:
    """Where compiled programs are kept; None where they aren't."""
    chosen = CACHE.text()
    if chosen is None:
        return cache_folder() / "programs"
    return None if chosen.lower() in OFF else Path(chosen).expanduser().absolute()


def calibration() -> Path | bool | None:
    """The file of what was measured of this machine; True for the one in the cache, None where it isn't wanted."""
    chosen = CALIBRATION.text()
    if chosen is None:
        return True
    return None if chosen.lower() in OFF else Path(chosen).expanduser().absolute()


def ignore_calibration() -> None:
    """Leaves what was measured of this machine out of this process, and of those that it starts."""
    os.environ[CALIBRATION.name] = OFF[-1]


def program_cache_limit() -> int:
    """How much of them is kept, bytes.

    Raises:
        PowerFusionError: It isn't a size.
    """
    chosen = CACHE_LIMIT.text() or "1G"
    match = _SIZE.fullmatch(chosen.strip())
    if match is None:
        raise PowerFusionError(
            f"expected {CACHE_LIMIT.name} to be a size, got '{chosen}'", help="write it as 500M or 2G, or in bytes"
        )
    return int(match[1]) << 10 * " KMGT".index(match[2].upper() or " ")


def llvm_prefix() -> Path:
    """Where LLVM and MLIR are installed."""
    return LLVM_PREFIX.path() or Path("/usr/lib/llvm-22")


def c_compiler() -> str:
    """The host's C compiler."""
    return C_COMPILER.text() or "cc"


def cxx_compiler() -> str:
    """The host's C++ compiler."""
    own = llvm_prefix() / "bin" / "clang++"
    return CXX_COMPILER.text() or (str(own) if own.exists() else "c++")


def cuda_toolkit() -> Path | bool | None:
    """The CUDA toolkit that is named; True where it is to be looked for, None where none is wanted."""
    chosen = CUDA_TOOLKIT.text()
    if chosen is None:
        return True
    return None if chosen.lower() in OFF else Path(chosen).expanduser().absolute()


def registers() -> tuple[int, int] | None:
    """How many vector registers of how many bytes programs are placed for; None where that isn't said.

    Raises:
        MachineError: The knob's value is something else.
    """
    text = REGISTERS.text()
    if text is None:
        return None
    count, _, width = text.partition("x")
    if not (count.isdecimal() and width.isdecimal() and int(count) and int(width)):
        raise MachineError(f"expected {REGISTERS.name} like 16x32, got '{text}'", help="unset it for the CPU's own")
    return int(count), int(width)
