"""What `pf doctor` finds to compute on: the CPU, and accelerators whose driver library is there."""

from __future__ import annotations

import ctypes
import os
import platform
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from powerfusion.cli.checks import Check

CPUINFO = Path("/proc/cpuinfo")
VECTOR_BITS = (("avx512f", 512), ("avx", 256), ("sse2", 128), ("asimd", 128))
"""The widest vectors that a flag of /proc/cpuinfo promises, widest first."""
_NAME_BYTES = 256
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76


def devices() -> Iterator[Check]:
    """Looks for every kind of device."""
    yield cpu()
    yield accelerator("NVIDIA GPU", "libcuda.so.1", nvidia_names)
    yield accelerator("AMD GPU", "libamdhip64.so", amd_names)
    yield accelerator("Cambricon MLU", "libcndrv.so", None)


def cpu() -> Check:
    """The CPU: model, width of its vectors, cores that we may use."""
    try:
        text = CPUINFO.read_text(errors="replace")
    except OSError:
        text = ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    known = set(flags[1].split()) if flags else set[str]()
    width = next((bits for flag, bits in VECTOR_BITS if flag in known), None)
    cores = len(os.sched_getaffinity(0))
    vectors = f"vectors of {width} bits" if width else "vectors of unknown width"
    name = model[1] if model else platform.machine()
    return Check("devices", "CPU", ok=True, detail=f"{name}, {vectors}, {cores} core{'s' if cores != 1 else ''}")


def accelerator(kind: str, library: str, names: Callable[[ctypes.CDLL], list[str]] | None) -> Check:
    """An accelerator, by its driver's library; none is needed."""
    try:
        loaded = ctypes.CDLL(library)
    except OSError:
        detail = f"no {library}"
        return Check("devices", kind, ok=False, detail=detail, needed=False)
    found = names(loaded) if names else []
    if names and not found:
        detail = f"{library} is there, but the driver reports no device"
        return Check("devices", kind, ok=False, detail=detail, help="check the device's driver", needed=False)
    return Check("devices", kind, ok=True, detail=", ".join(found) or f"{library} is there", needed=False)


def nvidia_names(cuda: ctypes.CDLL) -> list[str]:
    """Name and architecture of each NVIDIA GPU, from the driver's interface."""
    count = ctypes.c_int()
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return []
    return [_nvidia_name(cuda, ordinal) for ordinal in range(count.value)]


def _nvidia_name(cuda: ctypes.CDLL, ordinal: int) -> str:
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(_NAME_BYTES)
    cuda.cuDeviceGet(ctypes.byref(device), ordinal)
    cuda.cuDeviceGetName(name, _NAME_BYTES, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(major), _CAPABILITY_MAJOR, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(minor), _CAPABILITY_MINOR, device)
    return f"{name.value.decode(errors='replace')} (sm_{major.value}{minor.value})"


def amd_names(hip: ctypes.CDLL) -> list[str]:
    """Name of each AMD GPU, from HIP."""
    count = ctypes.c_int()
    if hip.hipGetDeviceCount(ctypes.byref(count)) != 0:
        return []
    return [_amd_name(hip, ordinal) for ordinal in range(count.value)]


def _amd_name(hip: ctypes.CDLL, ordinal: int) -> str:
    name = ctypes.create_string_buffer(_NAME_BYTES)
    if hip.hipDeviceGetName(name, _NAME_BYTES, ordinal) != 0:
        return f"device {ordinal}"
    return name.value.decode(errors="replace")
