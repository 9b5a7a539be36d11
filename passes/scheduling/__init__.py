"""Schedule: takes tile form and gives tile form in which it is settled when data moves and where buffers lie.

Asynchronous copies, barriers, lanes, offsets of buffers at `sram`, kernels as functions, memory between kernels.
"""

SCHEDULE = (
    "gir-buffer-copies{{machine={machine}}}",
    "gir-place-syncs",
    "gir-lane-layouts{{machine={machine}}}",
    "canonicalize",
    "cse",
    "gir-plan-scratch{{machine={machine}}}",
    "gir-outline",
    "gir-plan-memory{{machine={machine}}}",
    "canonicalize",
    "cse",
)
"""The passes of the phase, in order; `{machine}` is what they are for."""


def schedule(machine: str) -> tuple[str, ...]:
    """The passes of the phase for a machine: its name, or the path of a .toml."""
    return tuple(each.format(machine=machine) for each in SCHEDULE)
