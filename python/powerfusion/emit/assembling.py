"""Assembly of kernels becomes what a device loads: cubin by ptxas, where there is one, hsaco by LLVM's own tools.

What each kernel takes of the device's registers and memory is read back: from what ptxas says of it, and from the
metadata that LLVM writes beside AMD's assembly.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from powerfusion import knobs
from powerfusion.core.toolchain import ptxas
from powerfusion.errors import CompileError, ToolError
from powerfusion.runtime.device_code import DeviceCode, Resources

TIMEOUT_S = 300
_ENTRY = re.compile(r"Compiling entry function '([^']+)'")
_SPILLED = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores")
_USED = re.compile(r"Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")
_FIELD = re.compile(r"^\s+(?:- )?\.(\w+):\s+(\S+)\s*$")
_WORD_BYTES = 4


def assemble(assembly: str, target: str) -> DeviceCode:
    """A module of kernels for a target, with its binary where the tools for it are there.

    Args:
        assembly: PTX, or AMD's.
        target: As `cuda:sm_90`.

    Raises:
        CompileError: The assembler refused it, which is an error of ours.
        ToolError: One of LLVM's tools isn't there, or didn't end.
    """
    vendor, _, chip = target.partition(":")
    if vendor == "rocm":
        return DeviceCode(target, assembly, _hsaco(assembly, chip), amd_resources(assembly))
    tool = ptxas()
    if tool is None:
        return DeviceCode(target, assembly)
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as folder:
        source, output = Path(folder) / "kernels.ptx", Path(folder) / "kernels.cubin"
        source.write_text(assembly)
        said = _run(tool, ["-v", f"-arch={chip}", str(source), "-o", str(output)])
        return DeviceCode(target, assembly, output.read_bytes(), nvidia_resources(said))


def nvidia_resources(said: str) -> tuple[Resources, ...]:
    """What kernels take, from what `ptxas -v` says."""
    found: list[Resources] = []
    for part in re.split(r"(?=ptxas info\s+: Compiling entry function)", said)[1:]:
        name, used, spilled, shared = (pattern.search(part) for pattern in (_ENTRY, _USED, _SPILLED, _SHARED))
        assert name is not None, "expected the name of a kernel"
        assert used is not None, "expected its registers"
        local, spill = (int(spilled[1]), int(spilled[2])) if spilled else (0, 0)
        found.append(Resources(name[1], int(used[1]), spill, local, int(shared[1]) if shared else 0))
    return tuple(found)


def amd_resources(assembly: str) -> tuple[Resources, ...]:
    """The same from the metadata behind AMD's assembly; scalar registers are spilled to lanes of vector registers."""
    _, _, metadata = assembly.partition("amdhsa.kernels:")
    kernels: list[dict[str, str]] = []
    for line in metadata.splitlines():
        if line.startswith("amdhsa."):
            break
        match = _FIELD.match(line)
        if line.startswith("  - "):
            kernels.append({})
        if match and kernels and len(line) - len(line.lstrip(" -")) == 4:
            kernels[-1][match[1]] = match[2]
    return tuple(
        Resources(
            kernel["name"],
            int(kernel["vgpr_count"]),
            _WORD_BYTES * int(kernel["vgpr_spill_count"]),
            int(kernel["private_segment_fixed_size"]),
            int(kernel["group_segment_fixed_size"]),
        )
        for kernel in kernels
    )


def _hsaco(assembly: str, chip: str) -> bytes:
    tools = knobs.llvm_prefix() / "bin"
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as folder:
        source, made, output = (Path(folder) / f"kernels.{ending}" for ending in ("s", "o", "hsaco"))
        source.write_text(assembly)
        triple = ["-triple=amdgcn-amd-amdhsa", f"-mcpu={chip}", "-filetype=obj"]
        _run(tools / "llvm-mc", [*triple, str(source), "-o", str(made)])
        _run(tools / "ld.lld", ["-shared", "--no-undefined", str(made), "-o", str(output)])
        return output.read_bytes()


def _run(tool: Path, arguments: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            [tool, *arguments], capture_output=True, text=True, check=False, timeout=TIMEOUT_S, errors="replace"
        )
    except OSError as error:
        raise ToolError(f"{tool} can't be run: {error.strerror}", help="install llvm-22 and lld-22") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{tool.name} didn't end within {TIMEOUT_S} s") from error
    said = done.stdout + done.stderr
    if done.returncode:
        raise CompileError(f"{tool.name} refused the kernels: {said.strip()[:2000]}")
    return said
