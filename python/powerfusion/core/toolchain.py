"""Finding what isn't LLVM itself: LLVM's OpenMP runtime, NVIDIA's assembler."""

from __future__ import annotations

import importlib.util
import shutil
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


def ptxas() -> Path | None:
    """NVIDIA's assembler; None where there is none, or none is wanted.

    In this order: of the toolkit that is named, of PyPI's packages beside this one, of `CUDA_HOME`, what is in PATH.

    Raises:
        ToolError: The toolkit that is named has none.
    """
    named = knobs.cuda_toolkit()
    if named is None:
        return None
    if isinstance(named, Path):
        tool = named / "bin" / "ptxas"
        if not tool.exists():
            raise ToolError(f"there is no {tool}", help=f"name a CUDA toolkit in {knobs.CUDA_TOOLKIT.name}, or off")
        return tool
    home = knobs.CUDA_HOME.path()
    places = [*_packaged(), *([home] if home else [])]
    found = next((folder / "bin" / "ptxas" for folder in places if (folder / "bin" / "ptxas").exists()), None)
    in_path = shutil.which("ptxas")
    return found or (Path(in_path) if in_path else None)


def _packaged() -> list[Path]:
    """Folders of PyPI's packages of NVIDIA's, newest first: nvidia/cu13, nvidia/cuda_nvcc."""
    spec = importlib.util.find_spec("nvidia")
    folders = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    return sorted((folder for place in folders for folder in place.glob("cu*")), reverse=True)
