"""Figures that placing works out in closed form are what counting step by step gives."""

from __future__ import annotations

import datetime
import os
import time

import numpy as np
import pytest
from test_placement import placed

from powerfusion.core._mlir import functions
from powerfusion.executable import compile_phases
from powerfusion.machines.table import find
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.passes.analysis.work import WORK_BYTES
from powerfusion.passes.placement.cost import moved_along
from powerfusion.passes.placement.groups import naive_cost
from powerfusion.passes.placement.model import NestDim
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.place import place
from powerfusion.passes.placement.read import read
from powerfusion.passes.placement.windows import Span
from powerfusion.phases import run_phase
from powerfusion.pipelines import IMPORT, RAISE, SIMPLIFY, TILE, phases_for
from workloads.writer import Writer

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())


def steps(dim: NestDim) -> list[range]:
    """The elements of each step, as the loops of a nest go through them."""
    assert dim.size is not None
    return [
        range(at, min(at + dim.per_step, unit + dim.per_unit, group + dim.per_group, dim.size))
        for group in range(0, dim.size, dim.per_group)
        for unit in range(group, min(group + dim.per_group, dim.size), dim.per_unit)
        for at in range(unit, min(unit + dim.per_unit, group + dim.per_group, dim.size), dim.per_step)
    ]


@pytest.mark.parametrize("number", range(8))
def test_what_sticks_out_is_not_moved(number: int) -> None:
    """Windows before, in, across and behind a value, in steps of any size."""
    rng = np.random.default_rng((SEED, number))
    for _ in range(200):
        size = int(rng.integers(1, 50))
        per_group = int(rng.integers(1, size + 1))
        per_unit = int(rng.integers(1, per_group + 1))
        dim = NestDim(0, size, per_group, per_unit, int(rng.integers(1, per_unit + 1)), swept=False)
        low = int(rng.integers(-70, 70))
        span = Span(0, int(rng.integers(1, 4)), low, low + int(rng.integers(0, 40)), clip=True)
        long = int(rng.integers(1, 160))
        there = range(long)
        windows = (range(span.scale * step[0] + span.low, span.scale * step[-1] + span.high + 1) for step in steps(dim))
        expected = sum(len(set(window) & set(there)) for window in windows) if not span.is_plain else size
        assert moved_along(dim, span, long) == expected, (dim, span, long)


def test_steps_far_outside_take_no_time() -> None:
    """Of a hundred million steps all but a few are beyond a short part."""
    begun = time.process_time()
    dim = NestDim(0, 100_000_000, 4000, 500, 1, swept=False)
    assert moved_along(dim, Span(0, 1, 0, 3, clip=True), 63) == 4 * 60 + 3 + 2 + 1
    assert moved_along(dim, Span(0, 1, -99_999_990, -99_999_990, clip=True), 63) == 10
    assert time.process_time() - begun < 1


def test_a_kernel_that_stays_computes_what_it_would_elsewhere() -> None:
    """Sixty-four additions per element cost as much in a kernel that stays as in one that is placed."""
    w = Writer()
    windows = w.mapped(lambda b, x: x, (4096, 64), [(w.argument((4159,), "f32"), "d0 + d1")], "f32")
    text = w.text(w.total(windows, [1], keep=False))
    module = compile_phases(text, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    with module.context:
        (function,) = functions(module.operation)
        program, _ = read(function.regions[0].blocks[0])
    nodes = [node for node, kernel in enumerate(program.kernels) if kernel is not None]
    costs = [naive_cost(program, node, Objective("time", find("cpu"))) for node in nodes]
    assert [cost.near for cost in costs] == [0, WORK_BYTES * 4096 * 64]


def test_a_kernel_that_stays_asks_for_granules() -> None:
    """A number that is stored is a granule where no cache keeps the rest; what is promised is what the ledger has."""
    w = Writer()
    text = w.text(w.total(w.filled((3,), "f32", 1.5), [0], keep=False))
    machine = find("mlu372")
    found = placed(text, machine)
    assert [choice.form for choice in found.answer.choices] == [None]
    arriving = sum(entry.arriving for entry in ledger_of(found.after, machine, {}).entries if entry.level == "dram")
    assert found.answer.cost.arriving == arriving == machine.space_of("dram").granule_bytes
    assert found.answer.cost.useful == 4


@pytest.mark.parametrize("machine", ["cpu", "sm_90", "mlu372"])
def test_tiles_take_no_more_than_was_promised(machine: str) -> None:
    """Rows of two concatenations, of which tiles have more than there is, chosen by where elements are."""
    w = Writer()
    thin, wide, short = (w.argument(shape, "f32") for shape in ((33, 3), (3, 9), (3, 15)))
    rows = w.concatenated(0, w.transposed(thin, [1, 0]), w.concatenated(1, wide, short, wide))
    pairs = w.mapped(lambda b, x: b("mulf", x, x), (4, 33, 2), [(rows, "d0 + d2 * 2, d1")], "f32")
    phases = (IMPORT, RAISE, SIMPLIFY.with_option("longest", "4"))
    module = compile_phases(w.text(w.total(pairs, [2], keep=False)), phases, "cpu").module("simplify")
    with module.context:
        (function,) = functions(module.operation)
        (choice,) = place(function.regions[0].blocks[0], find(machine), 4096).choices
    assert choice.form is not None
    (tile,) = (phase for phase in phases_for(machine) if phase.name == TILE.name)
    run_phase(module, tile)
    peak = ledger_of(module, find(machine)).peaks[find(machine).space_of("reg").name]
    assert isinstance(peak, int)
    assert peak <= choice.form.peak_reg
