"""Loading a program's shared library, and the OpenMP runtime that its parallel loops call.

    a folder of our own, 0700:   host.so    libomp.so.5 ──► wherever it is
                                    └── needs ──┘            (found beside it, whatever its file is called)

The folder is gone as soon as the library is mapped: nothing stays behind, however the process ends.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from powerfusion import knobs
from powerfusion.errors import ArtifactError, ToolError
from powerfusion.runtime.c_function import Code
from powerfusion.runtime.libraries import fill, slots_in
from powerfusion.runtime.threads import Threads

ENTRY = "pf_main"
ALLOCATE = "_mlir_memref_to_llvm_alloc"
FREE = "_mlir_memref_to_llvm_free"
OPENMP = "libomp"
OPENMP_SONAME = "libomp.so.5"
OPENMP_PREFIX = b"__kmpc_"
_libc = ctypes.CDLL(None)


def load_library(code: bytes, needs: tuple[str, ...]) -> Code:
    """Maps a shared library into this process.

    Args:
        code: An ELF shared library.
        needs: Runtimes that it calls; `libomp` is the only one there is.

    Returns:
        The program; the library stays mapped for as long as the process.

    Raises:
        ToolError: A runtime isn't there, or no temporary folder lets code run.
        ArtifactError: It is no library of this system, or has no entry.
    """
    runtime = load_openmp() if OPENMP in needs else None
    try:
        with tempfile.TemporaryDirectory(prefix="powerfusion-") as name:
            folder = Path(name)
            if runtime is not None:
                (folder / OPENMP_SONAME).symlink_to(runtime)
            place = folder / "host.so"
            place.write_bytes(code)
            library = open_library(place, folder)
    except OSError as error:
        raise ToolError(
            f"the program's code can't be put into {tempfile.gettempdir()}: {error.strerror or error}",
            help="set TMPDIR to a folder with room",
        ) from error
    entry, allocate, free = (_address(library, name) for name in (ENTRY, ALLOCATE, FREE))
    threads = Threads(ctypes.CDLL(str(runtime or OPENMP_SONAME))) if OPENMP in needs else None
    called = fill(slots_in(code), lambda name: _address(library, name))
    return Code(entry, allocate, free, library, threads, called)


def _address(library: ctypes.CDLL, name: str) -> int:
    if not hasattr(library, name):
        raise ArtifactError(f"the program's code has no entry '{name}'", help="compile it again")
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0


def load_c_program(code: bytes, name: str) -> Code:
    """Maps a shared library that finds what it needs by itself, and whose memory is the C library's.

    Args:
        code: An ELF shared library.
        name: Of its entry.

    Returns:
        The program; the library stays mapped for as long as the process.

    Raises:
        ToolError: No temporary folder lets code run.
        ArtifactError: It is no library of this system.
    """
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as folder:
        place = Path(folder) / "program.so"
        place.write_bytes(code)
        library = open_library(place, Path(folder))
    return Code(_address(library, name), _address(_libc, "malloc"), _address(_libc, "free"), library)


def open_library(place: Path, folder: Path) -> ctypes.CDLL:
    """Maps a file of a private folder, which errors leave out of what they say."""
    try:
        return ctypes.CDLL(str(place), mode=os.RTLD_NOW | os.RTLD_LOCAL)
    except OSError as error:
        reason = str(error).replace(f"{folder}{os.sep}", "")
        if "failed to map segment" in reason:
            raise ToolError(
                f"the program's code can't be run from {folder.parent}: {reason}",
                help="set TMPDIR to a folder of a file system that isn't mounted noexec",
            ) from error
        raise ArtifactError(
            f"the program's code can't be loaded: {reason}", help="compile it again on this machine"
        ) from error


def load_openmp() -> Path | None:
    """Loads LLVM's OpenMP runtime.

    Returns:
        Its file, or `None` if the system's loader found it by its name.

    Raises:
        ToolError: It isn't there.
    """
    for candidate in _openmp_files():
        with suppress(OSError):
            ctypes.CDLL(str(candidate))
            return candidate
    with suppress(OSError):
        ctypes.CDLL(OPENMP_SONAME)
        return None
    raise ToolError(
        "this program has parallel loops, which need LLVM's OpenMP runtime, and libomp isn't there",
        help=f"install libomp (on Debian the package libomp-22-dev), or set {knobs.LLVM_PREFIX.name}",
    )


def _openmp_files() -> Iterator[Path]:
    """Where libomp may be, the LLVM that compiles programs first, so that a process has one of them."""
    system = Path("/usr/lib")
    multiarch = (system / f"{name}-linux-gnu" for name in ("x86_64", "aarch64"))
    for folder in (knobs.llvm_prefix() / "lib", *multiarch, system, Path("/usr/lib64")):
        for name in ("libomp.so", OPENMP_SONAME):  # as the compiler looks for it
            if (folder / name).exists():
                yield (folder / name).resolve()
    with suppress(OSError):
        yield from sorted(system.glob("llvm-*/lib/libomp.so*"), reverse=True)
