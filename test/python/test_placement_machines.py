"""What is best differs between machines: the same programs placed for several, and for one with half of its sram."""

from __future__ import annotations

import dataclasses
import sys
from functools import cache
from pathlib import Path

import pytest
from programs.check import FULL

from powerfusion.core._mlir import functions
from powerfusion.executable import compile_phases
from powerfusion.machines.model import Machine
from powerfusion.machines.schema import to_toml
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.placement.place import place
from powerfusion.passes.placement.search import Answer
from powerfusion.pipelines import EXPAND, IMPORT, RAISE, SIMPLIFY

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from workloads import Workload, workloads  # pyright: ignore[reportMissingImports]
from workloads import find as find_program  # pyright: ignore[reportMissingImports]

MACHINES = ("sm_90", "gfx942", "mlu372", "gfx1100")
EVERY = 1 if FULL else 2
PROGRAMS = [work for work in workloads() if work.dtype == "f32"][::EVERY]
BUDGET = 4096
HALVED = "mlu592"
SENSITIVE = ("stencil5_2_steps", "stencil7_1_step", "stencil7_2_steps")
"""Programs that hold much at sram there: what slides; the short form looks at these alone."""


@cache
def expanded(name: str, dtype: str) -> str:
    """A program as placing gets it."""
    return compile_phases(find_program(name, dtype).text("full"), (IMPORT, RAISE, SIMPLIFY, EXPAND), "cpu").ir("expand")


def answer(work: Workload, machine: Machine) -> Answer:
    """How a program is placed for a machine."""
    with ir.Context():
        module = ir.Module.parse(expanded(work.name, work.dtype))
        (function,) = functions(module.operation)
        return place(function.regions[0].blocks[0], machine, BUDGET)


def shape(work: Workload, machine: Machine) -> list[tuple[int, bool, list[str]]]:
    """Of each kernel how many it was made of, whether it sweeps, and where values wait; step lengths are left out."""
    forms = [choice.form for choice in answer(work, machine).choices]
    placed = [form for form in forms if form is not None]
    return sorted(
        (len(f.nodes), any(dim.swept for dim in f.nest), sorted({step.where.value for step in f.steps})) for f in placed
    )


def nests(work: Workload, machine: Machine) -> list[object]:
    """What is placed, all of it: kernels, nests, and what waits where."""
    forms = [choice.form for choice in answer(work, machine).choices]
    return [None if form is None else (form.nodes, form.nest, form.steps) for form in forms]


@pytest.mark.timeout(1200)
def test_machines_differ() -> None:
    """At least ten programs of the table are placed otherwise on one machine than on another."""
    differing = [work.name for work in PROGRAMS if len({str(shape(work, find(name))) for name in MACHINES}) > 1]
    assert len(differing) * EVERY >= 10, differing


@pytest.mark.timeout(1200)
def test_less_sram_changes_answers(tmp_path: Path) -> None:
    """For a file that describes a machine with half of its sram, at least five programs are placed otherwise."""
    machine = find(HALVED)
    spaces = [
        dataclasses.replace(space, capacity_bytes=(space.capacity_bytes or 0) // 2) if space.level == "sram" else space
        for space in machine.spaces
    ]
    file = tmp_path / "half.toml"
    file.write_text(to_toml(dataclasses.replace(machine, spaces=tuple(spaces))))
    chosen = [work for work in workloads() if FULL or work.name in SENSITIVE]
    differing = [f"{work.name} {work.dtype}" for work in chosen if nests(work, machine) != nests(work, find(str(file)))]
    assert len(differing) >= 5, differing
