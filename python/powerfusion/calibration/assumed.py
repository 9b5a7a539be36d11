"""What the search takes for a figure of a CPU that nobody has measured."""

from __future__ import annotations

from powerfusion.machines.model import Machine
from powerfusion.passes.placement.objectives import LAUNCH_NS
from powerfusion.passes.placement.rates import (
    WORK_BYTES,
    cached_bytes_per_ns,
    far_bytes_per_ns,
    near_bytes_per_ns,
    product_bytes,
    sram_bytes_per_ns,
)


def assumed(machine: Machine, name: str) -> float | None:
    """The number in place of a figure; None where the search has no use for one.

    Args:
        machine: As detected.
        name: Of the figure, as `figures.Measured.name`.
    """
    near = near_bytes_per_ns(machine)
    kind, _, dtype = name.partition("_")
    match kind, dtype:
        case "memory", _:
            return far_bytes_per_ns(machine)
        case "last", _:
            return cached_bytes_per_ns(machine)
        case "cache", _:
            return sram_bytes_per_ns(machine)
        case "rate", _:
            return near / WORK_BYTES
        case "product", _:
            return 2 * near / product_bytes(machine, dtype)
        case "launch", _:
            return float(LAUNCH_NS)
        case _:
            return None
