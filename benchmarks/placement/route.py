"""The way of a program from simplified graph form to tile form, for a machine that isn't the one at hand.

Phases are those of the CPU's pipeline up to tile form; passes that ask for a machine are given the cell's.
"""

from __future__ import annotations

import re

from placement.machines import machine_of, option_of
from powerfusion.core._mlir import functions
from powerfusion.core.passes import registered_passes
from powerfusion.executable import run_phase
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager
from powerfusion.passes.placement.place import place
from powerfusion.pipelines import CPU, Phase

NAMES = tuple(phase.name for phase in CPU)
FIRST = CPU[: NAMES.index("simplify") + 1]
"""What is the same for all machines."""
EXPANDING = CPU[len(FIRST) : NAMES.index("place")]
TILING = CPU[NAMES.index("place") + 1 : NAMES.index("lower")]
BUDGET = 4096


def placed(module: ir.Module, name: str) -> bool:
    """Places a simplified module in place; gives whether the search was exact. The one place that calls the pass."""
    _run(module, EXPANDING, name)
    exact = True
    with module.context:
        for function in functions(module.operation):
            for block in function.regions[0].blocks:
                exact &= place(block, machine_of(name), BUDGET, remarks=True).exact
        PassManager.parse("builtin.module(canonicalize,cse)").run(module.operation)
    return exact


def tiled(module: ir.Module, name: str) -> None:
    """Takes a placed module to tile form, in place."""
    _run(module, TILING, name)


def _run(module: ir.Module, phases: tuple[Phase, ...], name: str) -> None:
    for phase in phases:
        run_phase(module, Phase(phase.name, phase.summary, tuple(_for(name, each) for each in phase.passes)))


def _for(name: str, written: str) -> str:
    """A pass in a pipeline, with its option `machine` where it has one."""
    found = re.fullmatch(r"([a-z0-9-]+)(?:\{(.*)\})?", written)
    pass_ = registered_passes().get(found[1]) if found else None
    if found is None or pass_ is None or "machine" not in (option.name for option in pass_.options()):
        return written
    return f"{found[1]}{{{f'{found[2]} ' if found[2] else ''}machine={option_of(name)}}}"
