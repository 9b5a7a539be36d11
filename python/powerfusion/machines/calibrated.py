"""What `pf calibrate` measured of this machine: where it is kept, and whether it is of this machine at all.

A file is a machine as TOML, under a name of the processor's title, the cores that were used, and how it was measured.
It is taken for `cpu` if what is detected is the same; one that a user names (`PF_CALIBRATION`) must be right.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from dataclasses import replace
from pathlib import Path

from powerfusion import knobs
from powerfusion.errors import MachineError
from powerfusion.machines.model import Machine

LONGEST_NAME = 48
VERSION = 1
"""Of what is measured and how: a file of another one isn't found."""


class CalibrationWarning(UserWarning):
    """What was measured of this machine can't be used; it is as detected."""


def place_of(machine: Machine) -> Path:
    """Where the file of a machine is kept."""
    limits = machine.scope("group")
    cores = (limits.count if limits else None) or 1
    words = re.sub(r"[^a-z0-9]+", "-", machine.title.lower()).strip("-")[:LONGEST_NAME]
    digest = hashlib.sha256(machine.title.encode()).hexdigest()[:8]
    return knobs.cache_folder() / "machines" / f"{words}-{digest}-{cores}-cores-v{VERSION}.toml"


def with_measured(machine: Machine) -> Machine:
    """A machine as detected, with what was measured of it.

    Raises:
        MachineError: A file that the user names isn't right.
    """
    chosen = knobs.calibration()
    if chosen is None:
        return machine
    named = isinstance(chosen, Path)
    path = chosen if isinstance(chosen, Path) else place_of(machine)
    if not named and not path.is_file():
        return machine
    try:
        return _taken(machine, path)
    except MachineError as error:
        if named:
            raise
        warnings.warn(
            f"{path} isn't used: {error.message.partition(chr(10))[0]}; `pf calibrate` measures anew",
            CalibrationWarning,
            stacklevel=2,
        )
        return machine


def _taken(machine: Machine, path: Path) -> Machine:
    from powerfusion.machines.schema import load

    measured = load(path)
    for what, here, there in zip(_WHAT, _described(machine), _described(measured), strict=True):
        if here != there:
            raise MachineError(
                f"it is of another machine, with other {what} than this one",
                location=str(path),
                help="`pf calibrate` measures this one",
            )
    names = ("links", "engines", "caches", "launch_ns", "sources")
    return replace(machine, **{name: getattr(measured, name) for name in names})


_WHAT = ("names of the processor", "numbers of cores", "caches", "registers", "links")


def _described(machine: Machine) -> tuple[object, ...]:
    """What two descriptions of one machine have in common; how much memory there is may change."""
    caches = [(cache.name, cache.caches, cache.capacity_bytes, cache.scope) for cache in machine.caches]
    spaces = [(space.name, space.capacity_bytes, space.alignment_bytes) for space in machine.spaces]
    limits = machine.scope("group")
    return (
        machine.title,
        limits.count if limits else None,
        [*caches, *spaces[1:2]],
        spaces[2:],
        [(link.source, link.result) for link in machine.links],
    )
