"""What tests of the schedule phase share: programs in tile form, passes over them, and what must stay as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from gir_examples import examples
from programs.placed_kernels import placed_kernels

from powerfusion.frontend.source import form_of, read_module
from powerfusion.machines import find
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.pipelines import TILE
from powerfusion.reference import Run, interpret

MACHINES = ("sm_90", "gfx942", "mlu372", "cpu")
Bytes = dict[tuple[str, str], tuple[int, int]]


@dataclass(frozen=True)
class Tiled:
    """A program in tile form, with inputs."""

    name: str
    text: str
    inputs: tuple[Any, ...]
    is_example: bool = False


def run_passes(text: str, *passes: str) -> ir.Module:
    """A program after some passes."""
    module = read_module(text)
    with module.context as context, context.attach_diagnostic_handler(lambda _: True):
        PassManager.parse(f"builtin.module({','.join(passes)})").run(module.operation)
    return module


def tiled(text: str) -> str:
    """The tile form of a program, cleaned as the pipeline does it; one in tile form as it is."""
    if form_of(read_module(text)) == "tile":
        return text
    return str(run_passes(text, *TILE.passes))


def programs() -> list[Tiled]:
    """The placed examples and kernels, and the examples in tile form."""
    found = [Tiled(f"{at}-{e.name}", e.text, e.inputs, is_example=True) for at, e in enumerate(examples())]
    found += [Tiled(f"{at}-{name}", p.text, p.inputs) for at, (name, p) in enumerate(placed_kernels())]
    return [program for program in found if "nest <" in program.text or program.name.endswith("_tile")]


def cases(*machines: str) -> list[Any]:
    """pytest parameters: examples with each machine, each of the many kernels with one of them in turn."""
    found: list[Any] = []
    for at, program in enumerate(programs()):
        several = machines if program.is_example else machines[at % len(machines) :][:1]
        found += [pytest.param(program, machine, id=f"{program.name}-{machine}") for machine in several]
    return found


def execute(module: ir.Module, inputs: Sequence[Any], machine: Machine, seed: int = 0) -> tuple[list[Any], Run]:
    """What comes out of a program, arguments that it wrote to included."""
    arrays = [np.array(array, copy=True) for array in inputs]
    run = interpret(module, arrays, machine=machine, seed=seed)
    return [*run.results, *arrays], run


def counted(run: Run) -> Bytes:
    """Useful and issued bytes that a run counted, by space and direction, but those of registers."""
    useful, issued = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for (_, space, direction), each in run.counts.items():
        useful[space, direction] += each.useful
        issued[space, direction] += each.issued
    return {key: (useful[key], issued[key]) for key in issued if issued[key]}


def static_bytes(module: ir.Module, inputs: Sequence[Any], machine: Machine) -> Bytes:
    """The same, as the ledger finds them."""
    arrays = [np.asarray(array) for array in inputs]
    shapes = {at: int(array) if array.ndim == 0 else tuple(array.shape) for at, array in enumerate(arrays)}
    useful, issued = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for entry in ledger_of(module, machine, shapes).entries:
        assert isinstance(entry.useful, int)
        assert isinstance(entry.issued, int)
        useful[entry.space, entry.direction] += entry.useful
        issued[entry.space, entry.direction] += entry.issued
    return {key: (useful[key], issued[key]) for key in issued if issued[key]}


def check_unchanged(text: str, inputs: Sequence[Any], machine_name: str, *passes: str) -> ir.Module:
    """Runs passes on a program in tile form: results and bytes are as before, found and executed ones are equal.

    The interpreter holds offsets, copies, barriers and capacities against the machine as it goes.
    """
    machine = find(machine_name)
    before, after = read_module(text), run_passes(text, *passes)
    wanted, first = execute(before, inputs, machine)
    for seed in range(2):
        found, second = execute(after, inputs, machine, seed)
        for got, want in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(got, want)
        assert counted(second) == counted(first)
    assert static_bytes(after, inputs, machine) == counted(first)
    return after
