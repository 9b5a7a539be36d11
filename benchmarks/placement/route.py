"""The way of a program from linalg to tile form, for any machine, with what the search said on it."""

from __future__ import annotations

from dataclasses import dataclass

from placement.machines import machine_of, option_of
from powerfusion.core._mlir import functions
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager
from powerfusion.passes.placement.place import place
from powerfusion.phases import run_phase
from powerfusion.pipelines import GENERAL, Phase, phases_for

NAMES = tuple(phase.name for phase in GENERAL)
SIMPLE, PLACE = NAMES.index("simplify"), NAMES.index("place")
FIRST = GENERAL[: SIMPLE + 1]
"""What is the same for all machines."""
BUDGET = 4096


@dataclass(frozen=True)
class Said:
    """What the search said: whether nothing better exists, and how long the program takes by its model."""

    exact: bool
    time_ps: int


def placed(module: ir.Module, name: str, objective: str = "time", machine: Machine | None = None) -> Said:
    """Places a simplified module in place. The one place that calls the pass.

    Args:
        module: After `FIRST`.
        name: A machine of the table.
        objective: What is made small.
        machine: Another one that the search is asked for in its place, without remarks.
    """
    phases = phases_for(option_of(name))
    for phase in phases[SIMPLE + 1 : PLACE]:
        run_phase(module, phase)
    exact, time_ps = True, 0
    with module.context:
        for function in functions(module.operation):
            for block in function.regions[0].blocks:
                answer = place(block, machine or machine_of(name), BUDGET, objective, remarks=machine is None)
                exact &= answer.exact
                time_ps += sum(choice.cost.time_ps for choice in answer.choices)
        PassManager.parse(_without_placing(phases[PLACE]).pipeline).run(module.operation)
    return Said(exact, time_ps)


def _without_placing(phase: Phase) -> Phase:
    return Phase(phase.name, phase.summary, tuple(each for each in phase.passes if not each.startswith("gir-place")))


def tiled(module: ir.Module, name: str) -> tuple[str, ...]:
    """Takes a placed module to tile form, in place; gives what was remarked."""
    remarks: list[str] = []
    for phase in phases_for(option_of(name))[PLACE + 1 :]:
        _, said = run_phase(module, phase.with_option("remarks", "true"))
        remarks += [remark.message for remark in said]
    return tuple(remarks)
