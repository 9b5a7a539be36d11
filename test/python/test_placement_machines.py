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
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.placement.place import place
from powerfusion.passes.placement.search import Answer
from powerfusion.pipelines import EXPAND, IMPORT, RAISE, SIMPLIFY

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from workloads import Workload, workloads  # pyright: ignore[reportMissingImports]

MACHINES = ("sm_90", "gfx942", "mlu372", "gfx1100")
EVERY = 1 if FULL else 2
PROGRAMS = [work for work in workloads() if work.dtype == "f32"][::EVERY]
BUDGET = 4096


@cache
def expanded(name: str) -> str:
    """A program as placing gets it."""
    (work,) = (work for work in PROGRAMS if work.name == name)
    return compile_phases(work.text("full"), (IMPORT, RAISE, SIMPLIFY, EXPAND), "cpu").ir("expand")


def answer(work: Workload, machine: Machine) -> Answer:
    """How a program is placed for a machine."""
    with ir.Context():
        module = ir.Module.parse(expanded(work.name))
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


def halved(machine: Machine) -> Machine:
    """The machine with half of each space at sram."""
    spaces = [
        dataclasses.replace(space, capacity_bytes=(space.capacity_bytes or 0) // 2) if space.level == "sram" else space
        for space in machine.spaces
    ]
    return dataclasses.replace(machine, spaces=tuple(spaces))


@pytest.mark.timeout(1200)
def test_machines_differ() -> None:
    """At least ten programs of the table are placed otherwise on one machine than on another."""
    differing = [work.name for work in PROGRAMS if len({str(shape(work, find(name))) for name in MACHINES}) > 1]
    assert len(differing) * EVERY >= 10, differing


@pytest.mark.skipif(not FULL, reason="long form only: PF_TEST_FULL=1")
@pytest.mark.timeout(1200)
def test_less_sram_changes_answers() -> None:
    """With half of the sram at least five programs are placed otherwise, where no cache takes its place."""
    machine = dataclasses.replace(find("sm_80"), caches=())
    differing = [work.name for work in PROGRAMS if nests(work, machine) != nests(work, halved(machine))]
    assert len(differing) >= 5, differing
