"""The host's code as a shared library: object code, linked by LLVM's own tools.

    LLVM dialect ── LLVM, position-independent ──► object ── clang, lld ──► shared library

The library exports its entry, by the C interface, and results' memory (memory.c); it needs the C library, its
mathematics, and, where loops are parallel, libomp.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from powerfusion import knobs
from powerfusion._native._host import compile
from powerfusion.core.toolchain import openmp_library
from powerfusion.errors import CompileError, ToolError
from powerfusion.mlir import ir
from powerfusion.runtime.libraries import slot_of, slots_in
from powerfusion.runtime.shared_library import ALLOCATE, ENTRY, FREE, OPENMP_PREFIX

HALF_SOURCE = Path(__file__).with_name("half.c")
HALF_SYMBOLS = (b"__truncsfhf2", b"__truncdfhf2", b"__extendhfsf2", b"__truncsfbf2", b"__truncdfbf2")
MEMORY_SOURCE = Path(__file__).with_name("memory.c")
EXPORTS = (ENTRY, ALLOCATE, FREE)
C_FLAGS = ("-O2", "-fPIC", "-ffunction-sections")
LINK_FLAGS = (
    "-shared",
    "-fuse-ld=lld",
    "-nostdlib",  # nothing of the compiler's own: the library must not differ between machines
    "-Wl,--no-undefined",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-Wl,-z,now,-z,noexecstack",
    "-Wl,--as-needed",
    "-Wl,-rpath,$ORIGIN",  # where the runtime puts libomp
)
TIMEOUT_S = 300


def object_code(module: ir.Module, opt_level: int) -> bytes:
    """The module as position-independent object code for this host's processor.

    Args:
        module: Of the LLVM dialect; holds `pf_main`.
        opt_level: LLVM's, 0 to 3.

    Raises:
        CompileError: LLVM refused it.
    """
    try:
        return compile(module, opt_level)
    except RuntimeError as error:
        raise CompileError(f"LLVM made no object code: {error}") from error


def link(code: bytes) -> bytes:
    """Links object code to a shared library that exports its entry, results' memory and slots for libraries.

    Raises:
        CompileError: The linker refused it.
        ToolError: clang, lld or libomp isn't there.
    """
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as name:
        folder = Path(name)
        return link_shared(folder, gather(folder, code), [*EXPORTS, *map(slot_of, slots_in(code))])


@dataclass
class Parts:
    """What a library is linked from.

    Attributes:
        objects: Files of the folder.
        libraries: Of the system, as the linker takes them.
    """

    objects: list[str]
    libraries: list[str]


def gather(folder: Path, code: bytes) -> Parts:
    """Puts object code and what it calls of ours into a folder."""
    (folder / "host.o").write_bytes(code)
    run_clang(folder, *C_FLAGS, "-c", str(MEMORY_SOURCE), "-o", "memory.o")
    parts = Parts(["host.o", "memory.o"], ["-lm", "-lc"])
    if any(b"\0" + symbol + b"\0" in code for symbol in HALF_SYMBOLS):
        run_clang(folder, *C_FLAGS, "-ffreestanding", "-c", str(HALF_SOURCE), "-o", "half.o")
        parts.objects.append("half.o")
    if OPENMP_PREFIX in code:
        parts.libraries.insert(0, str(openmp_library()))
    return parts


def link_shared(folder: Path, parts: Parts, exports: Sequence[str], *flags: str) -> bytes:
    """Links a shared library that exports some symbols."""
    (folder / "exports").write_text(f"{{ global: {'; '.join(exports)}; local: *; }};\n")
    script = "-Wl,--version-script=exports"
    run_clang(folder, *LINK_FLAGS, *flags, script, *parts.objects, *parts.libraries, "-o", "host.so")
    return (folder / "host.so").read_bytes()


def run_clang(folder: Path, *arguments: str) -> None:
    """Runs LLVM's clang in a folder; see `run_tool`."""
    run_tool(folder, "clang", *arguments)


def run_tool(folder: Path, tool: str, *arguments: str) -> None:
    """Runs one of LLVM's tools in a folder.

    Raises:
        ToolError: It isn't there, or doesn't end.
        CompileError: It failed.
    """
    binary = knobs.llvm_prefix() / "bin" / tool
    try:
        done = subprocess.run(
            [binary, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except OSError as error:
        raise ToolError(f"{binary} can't be run: {error.strerror}", help="run tools/bootstrap") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{binary} didn't end within {TIMEOUT_S} s") from error
    if done.returncode:
        raise CompileError(f"the program's code can't be linked: {done.stderr.strip() or done.stdout.strip()}")
