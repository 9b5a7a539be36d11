"""How many threads a call gets: all that this process may use, or its share of them while others run.

libomp starts as many threads as the process has processors, for each thread that calls a program. So four callers at
once, as a server's or another library's threads are, would have four times too many; here each that comes while others
run takes its share. And a container's quota of processor time, which libomp doesn't look at, counts as processors.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from threading import Lock

from powerfusion import knobs

QUOTA = Path("/sys/fs/cgroup/cpu.max")
_lock = Lock()
_running = 0
"""Calls of programs with parallel loops that run in this process."""


class Threads:
    """What a program's calls ask of libomp.

    Args:
        library: libomp, as it is loaded.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._most, self._set = library.omp_get_max_threads, library.omp_set_num_threads
        quota = quota_of(QUOTA)
        if quota is not None and quota < len(os.sched_getaffinity(0)) and not knobs.OPENMP_THREADS.text():
            library.kmp_set_defaults(f"OMP_NUM_THREADS={quota}".encode())  # heard before its first parallel loop

    def most(self) -> int:
        """How many threads a call of the thread that asks gets."""
        return self._most()

    def begin(self) -> int | None:
        """A call begins; gives what `end` is to be told."""
        global _running
        with _lock:
            _running += 1
            others = _running - 1
        if not others:
            return None
        most = self._most()
        self._set(max(most // (others + 1), 1))
        return most

    def end(self, before: int | None) -> None:
        """It has ended: the thread that it ran in has what it had before."""
        global _running
        with _lock:
            _running -= 1
        if before is not None:
            self._set(before)


def quota_of(file: Path) -> int | None:
    """How many processors' time a control group may use, rounded up; None where that isn't limited, or nobody says."""
    try:
        quota, period = file.read_text(encoding="ascii").split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError):  # "max" is no number.
        return None


def _forked() -> None:
    global _lock, _running
    _lock, _running = Lock(), 0


os.register_at_fork(after_in_child=_forked)
