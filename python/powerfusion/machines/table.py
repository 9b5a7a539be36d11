"""The machines that are known by name, and how one is found: by name, by target, or in a user's file."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

from powerfusion.errors import MachineError
from powerfusion.machines import amd, cambricon, nvidia, portable
from powerfusion.machines.chips import CHIPS, machine_of
from powerfusion.machines.host import host
from powerfusion.machines.model import Machine

HOST = "cpu"


@cache
def table() -> dict[str, Machine]:
    """The machines that were described by hand, by name."""
    return {machine.name: machine for family in (nvidia, amd, cambricon, portable) for machine in family.machines()}


def names() -> tuple[str, ...]:
    """Every name that `find` knows."""
    return (HOST, *table())


def find(name: str | Path) -> Machine:
    """Finds a machine.

    Args:
        name: A name as in `pf machines`, a target as in `cuda:sm_90`, or the path of a file that ends in `.toml`
            (`file:PATH` too).

    Raises:
        MachineError: No machine has that name, or the file is wrong.
    """
    text = str(name)
    if isinstance(name, Path) or text.startswith("file:") or text.endswith(".toml"):
        from powerfusion.machines.schema import load

        return load(Path(text.removeprefix("file:")))
    short = text.rpartition(":")[2].lower()
    if short == HOST:
        return host()
    if short in table():
        return table()[short]
    if short in CHIPS:
        return machine_of(short, table())
    close = difflib.get_close_matches(short, names(), n=1)
    known = f"the known ones are {', '.join(names())}; a machine of your own is a file that ends in .toml"
    raise MachineError(f"no machine is called '{text}'", help=f"did you mean {close[0]}? {known}" if close else known)
