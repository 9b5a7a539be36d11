"""Chips that aren't described, but that code is made for: as for one that is, with their own limits.

What a chip refuses is its own here: memory of a group, registers of a unit. What says how quick something is, and the
sizes of memory and caches, are the described machine's; so placements fit, and are the best of that machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from powerfusion.machines.model import Machine, Space

_GUIDE = "CUDA C++ Programming Guide, Technical Specifications per Compute Capability: shared memory per thread block"
_USAGE = "LLVM, User Guide for AMDGPU Backend: LDS of a work-group, registers of a wavefront"
_ISA = "AMD CDNA 4 ISA reference guide, Local Data Share: 160 KB"


@dataclass(frozen=True)
class Chip:
    """How a chip differs from a machine that is described.

    Attributes:
        like: That machine.
        group_bytes: Memory of a group.
        source: Where that is from.
        unit_register_bytes: Registers of a unit; None for as many.
    """

    like: str
    group_bytes: int
    source: str
    unit_register_bytes: int | None = None


CHIPS: Mapping[str, Chip] = {
    "sm_75": Chip("sm_80", 64 << 10, _GUIDE),
    "sm_86": Chip("sm_80", 99 << 10, _GUIDE),
    "sm_87": Chip("sm_80", 163 << 10, _GUIDE),
    "sm_89": Chip("sm_80", 99 << 10, _GUIDE),
    "sm_103": Chip("sm_100", 227 << 10, _GUIDE),
    "sm_110": Chip("sm_100", 227 << 10, _GUIDE),
    "sm_120": Chip("sm_80", 99 << 10, _GUIDE),
    "sm_121": Chip("sm_80", 99 << 10, _GUIDE),
    "gfx906": Chip("gfx90a", 64 << 10, _USAGE, 256 * 64 * 4),
    "gfx908": Chip("gfx90a", 64 << 10, _USAGE, 256 * 64 * 4),
    "gfx950": Chip("gfx942", 160 << 10, _ISA),
    "gfx1030": Chip("gfx1100", 64 << 10, _USAGE),
    "gfx1101": Chip("gfx1100", 64 << 10, _USAGE),
    "gfx1102": Chip("gfx1100", 64 << 10, _USAGE),
    "gfx1151": Chip("gfx1100", 64 << 10, _USAGE),
    "gfx1200": Chip("gfx1100", 64 << 10, _USAGE),
    "gfx1201": Chip("gfx1100", 64 << 10, _USAGE),
}


def machine_of(name: str, described: Mapping[str, Machine]) -> Machine:
    """The machine that programs for a chip are placed for.

    Args:
        name: A key of `CHIPS`.
        described: Machines by name.
    """
    chip = CHIPS[name]
    machine = described[chip.like]
    spaces = tuple(_limited(space, chip) for space in machine.spaces)
    return replace(machine, name=name, title=f"{name}, as {chip.like} with limits of its own", spaces=spaces)


def _limited(space: Space, chip: Chip) -> Space:
    if space.level == "sram":
        limit = chip.group_bytes
    elif space.level == "reg" and space.scope == "unit" and chip.unit_register_bytes is not None:
        limit = chip.unit_register_bytes
    else:
        return space
    rest = tuple(pair for pair in space.sources if pair[0] != "capacity_bytes")
    return replace(space, capacity_bytes=limit, sources=(("capacity_bytes", chip.source), *rest))
