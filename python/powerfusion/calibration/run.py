"""A whole calibration: what `pf calibrate` calls."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from powerfusion import __version__
from powerfusion.calibration.figures import Measured, figures_of, machine_of
from powerfusion.calibration.measure import Clock, clock_for, rounds_of
from powerfusion.calibration.probes import Compile, Sizes, probes_of
from powerfusion.errors import UnsupportedError
from powerfusion.machines.host import detect
from powerfusion.machines.model import Machine

Told = Callable[[str, int, int], None]
"""Is told what happens: words, how many steps are done, of how many."""


@dataclass(frozen=True)
class Calibration:
    """What was measured.

    Attributes:
        before: The machine as detected.
        machine: With what was measured.
        figures: That, one by one.
        said: What its sources begin with.
    """

    before: Machine
    machine: Machine
    figures: tuple[Measured, ...]
    said: str


def use_cores(threads: int) -> None:
    """Leaves this process so many cores: the last ones, since systems prefer the first for their own work.

    Raises:
        UnsupportedError: There are fewer, or the system doesn't let us choose.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise UnsupportedError("this system doesn't let a process choose its cores", help="leave out --threads")
    here = sorted(os.sched_getaffinity(0))
    if threads > len(here):
        raise UnsupportedError(f"expected at most {len(here)} threads, as many cores may be used, got {threads}")
    os.sched_setaffinity(0, here[-threads:])


def calibrate(
    rounds: int,
    compile_: Compile,
    told: Told = lambda _words, _done, _of: None,
    clock: Clock | None = None,
) -> Calibration:
    """Measures the machine, on the cores that this process may use.

    Args:
        rounds: How often each probe has its turn.
        compile_: Compiles the programs.
        told: Is told what happens.
        clock: Gives seconds; by default the one that suits the number of cores.

    Raises:
        UnsupportedError: Its registers or caches aren't known.
    """
    before = detect()
    sizes = Sizes.of(before)
    told("compiling", 0, rounds)
    probes = list(probes_of(sizes, compile_))
    by = clock or clock_for(sizes.cores)
    timed = rounds_of(probes, rounds, by, lambda number, probe: told(probe.what, number, rounds))
    figures = figures_of(probes, timed, before)
    threads = "1 core" if sizes.cores == 1 else f"{sizes.cores} cores"
    said = f"measured: pf calibrate {__version__}, {datetime.now(UTC):%Y-%m-%d}, {threads}"
    return Calibration(before, machine_of(before, figures, said), tuple(figures), said)
