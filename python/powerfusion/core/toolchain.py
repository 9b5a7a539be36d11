"""Finding what the host needs beside LLVM itself: LLVM's OpenMP runtime."""

from __future__ import annotations

from pathlib import Path

from powerfusion import knobs
from powerfusion.errors import ToolError


def openmp_library() -> Path:
    """LLVM's OpenMP runtime, which parallel loops call.

    Raises:
        ToolError: It isn't installed.
    """
    for folder in (knobs.llvm_prefix() / "lib", Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib/aarch64-linux-gnu")):
        for name in ("libomp.so", "libomp.so.5"):
            if (folder / name).exists():
                return folder / name
    raise ToolError("libomp isn't there", help="install libomp-22-dev, or run tools/bootstrap")
