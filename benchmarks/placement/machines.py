"""The machines of the table."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from powerfusion.machines.model import Machine
from powerfusion.machines.schema import loads, to_toml
from powerfusion.machines.table import find

FIXED_CPU = Path(__file__).parents[1] / "machines" / "cpu.toml"
MACHINES = ("sm_80", "sm_90", "sm_100", "gfx90a", "gfx942", "gfx1100", "mlu372", "mlu592", "cpu")


@cache
def machine_of(name: str) -> Machine:
    """A machine of the table; `cpu` is one of fixed figures, not the one at hand."""
    return find(option_of(name))


def halved(machine: Machine) -> Machine:
    """A machine with half of each space at sram, as a file describes it."""
    spaces = tuple(
        replace(space, capacity_bytes=space.capacity_bytes // 2)
        if space.level == "sram" and space.capacity_bytes
        else space
        for space in machine.spaces
    )
    return loads(to_toml(replace(machine, spaces=spaces)))


def option_of(name: str) -> str:
    """What passes are told as their option `machine`."""
    return str(FIXED_CPU) if name == "cpu" else name
