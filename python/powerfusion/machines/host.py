"""The host's CPU, read from what the kernel says of its caches."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
DEFAULT_L2_BYTES = 1 << 20


@cache
def l2_bytes() -> int:
    """A core's second-level cache, bytes; 1 MiB where the kernel doesn't say."""
    for index in sorted((_CPUS / "cpu0" / "cache").glob("index*")):
        if _read(index / "level") == "2":
            text = _read(index / "size") or ""
            if text[:-1].isdigit() and text[-1] in _UNITS:
                return int(text[:-1]) * _UNITS[text[-1]]
    return DEFAULT_L2_BYTES


def on_chip_bytes() -> int:
    """What the cores' own caches hold together, bytes: `sram` of all groups."""
    return l2_bytes() * len(os.sched_getaffinity(0))


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
