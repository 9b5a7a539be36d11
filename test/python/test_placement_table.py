"""The table's figures: tile form moves what its ledger says, and what the placed kernels promised.

Programs are those of the table at their small sizes. The ledger of tile form is held against what the interpreter
counts, per instruction, space and direction; the ledger of the placed graph form against it, per kernel.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs.check import FULL
from test_ledger_interpreter import static_figures
from test_workloads import check

from placement.machines import MACHINES, machine_of
from placement.measure import Cell, kernels_of, measure, nest_of
from placement.page import page
from placement.route import FIRST, placed, tiled
from powerfusion.executable import compile_phases
from powerfusion.frontend.source import read_module
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.reference import Run, interpret
from workloads import Workload, find, workloads

Totals = Counter[tuple[str, str, str, str]]
SHORT = (
    ("softmax_4096x1009", "f32", "sm_90"),
    ("softmax_128x65536", "bf16", "mlu372"),
    ("residual_layernorm_1000x1000", "bf16", "gfx942"),
    ("batchnorm_training", "f32", "mlu592"),
    ("rope", "f32", "gfx1100"),
    ("masked_softmax", "f32", "cpu"),
    ("attention_causal", "f32", "sm_80"),
    ("stencil5_2_steps", "bf16", "cpu"),
    ("moving_average", "f32", "mlu372"),
    ("involution", "bf16", "cpu"),
)


def cells() -> list[Any]:
    """Every program on every machine in the long form, a handful in the short one."""
    chosen = [(w.name, w.dtype, name) for w in workloads() for name in MACHINES] if FULL else SHORT
    return [pytest.param(find(name, dtype), machine, id=f"{name}-{dtype}-{machine}") for name, dtype, machine in chosen]


def by_kernel(module: ir.Module, machine: Machine, kernels: set[str]) -> Totals:
    """Useful and issued bytes of some kernels, by kernel, space and direction; without zeros."""
    found = Totals()
    for entry in ledger_of(module, machine).entries:
        if entry.kernel in kernels:
            assert isinstance(entry.useful, int)
            assert isinstance(entry.issued, int)
            found[entry.kernel, entry.space, entry.direction, "useful"] += entry.useful
            found[entry.kernel, entry.space, entry.direction, "issued"] += entry.issued
    return +found


def nested(module: ir.Module) -> set[str]:
    """The names of placed kernels; of those that share theirs with one that isn't, none."""
    kernels = [(ir.StringAttr(op.attributes["kernel_name"]).value, bool(nest_of(op))) for op in kernels_of(module)]
    return {name for name, is_placed in kernels if is_placed} - {name for name, is_placed in kernels if not is_placed}


def held(text: str, name: str, inputs: Sequence[np.ndarray]) -> Run:
    """Places a program and runs its tile form: what nests promise is what that moves; static is interpreted."""
    machine = machine_of(name)
    graph = compile_phases(text, FIRST, "cpu").module("simplify")
    placed(graph, name)
    promised = by_kernel(graph, machine, nested(graph))
    first, tile = read_module(str(graph)), read_module(str(graph))
    with first.context:
        PassManager.parse("builtin.module(gir-tile)").run(first.operation)
    assert by_kernel(first, machine, nested(graph)) == promised
    remarks = tiled(tile, name)
    assert not [remark for remark in remarks if "by its nest" in remark]
    assert not by_kernel(tile, machine, nested(graph)) - promised  # cleaning only takes away
    run = interpret(tile, [array.copy() for array in inputs], machine=machine)
    counted = {key: (each.useful, each.issued) for key, each in run.counts.items() if each.useful or each.issued}
    assert static_figures(tile, inputs, machine).counts == counted
    return run


@pytest.mark.parametrize(("workload", "name"), cells())
def test_cell(workload: Workload, name: str) -> None:
    """What nests promise is what tile form moves; static is interpreted; results are right."""
    inputs = workload.inputs("small")
    run = held(workload.text("small"), name, inputs)
    check(workload, run.results, inputs, f"placed for {name}")


@pytest.mark.parametrize("name", ["cpu", "sm_90", "mlu372"])
def test_a_constant_ties_nothing(name: str) -> None:
    """Two contractions start from one zero, over keys and the width of a head: of one size, not of one meaning."""
    workload = replace(find("gpt2_decode_attention", "f32"), small=(4, 12, 64, 64))
    inputs = workload.inputs("small")
    run = held(workload.text("small"), name, inputs)
    check(workload, run.results, inputs, f"placed for {name}")


def test_a_placed_program_is_among_the_cells() -> None:
    """Small sizes are placed, in more than one group: else the cells above would hold nothing."""
    graph = compile_phases(find("softmax_4096x1009").text("small"), FIRST, "cpu").module("simplify")
    placed(graph, "sm_90")
    assert nested(graph)
    assert re.search(r"(\d+) : (?!\1)\d+ : ", nest_of(kernels_of(graph)[0])), "expected several groups"


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, "f32") for name in ("batchnorm_relu", "depthwise_bn_relu6", "max_pool", "lstm_cell")),
    ],
)
def test_stores_read_nothing_first(name: str, dtype: str) -> None:
    """Rows of 56 floats, of windows or not, follow one another past the caches; small results are still in one.

    A square tile of narrow elements has rows of whole lines.
    """
    (cell,) = measure(find(name, dtype), ("cpu",))
    assert not cell.error
    assert (cell.form, cell.fills) == ("tile", 0)
    assert cell.ratio <= 1.02


def test_cells_are_the_same_each_time() -> None:
    """But for how long it took."""
    workload = find("residual_layernorm_1000x1000", "bf16")
    first, second = (list(measure(workload, ("sm_90", "cpu"), "small")) for _ in range(2))
    assert page(first) == page(second)
    assert not any(cell.error for cell in first)


def test_the_page_shows_what_is_wrong() -> None:
    """A cell beyond the least stands out and says what it moves; one that failed says why."""
    good = Cell("p", "f32", "sm_90", naive=400, placed=200, elements=200, compulsory=200, bound=150, kernels=1)
    bad = Cell("p", "f32", "cpu", naive=400, placed=300, elements=240, fills=40, compulsory=200, kernels=2)
    written = page([good, bad, Cell("p", "f32", "mlu372", error="CompileError: no")])
    assert "| p f32 |  | 1.00 |  |  |  |  | error |  | **1.50** |" in written
    assert "- **p f32** on cpu: again 0.20, rests 0.10, fills 0.20" in written
    assert "- **p f32** on mlu372: CompileError: no" in written
    assert "at most 1.02 of least: 1 of 3 (33.3 %)" in written


@pytest.mark.skipif(not FULL, reason="long form only: PF_TEST_FULL=1")
@pytest.mark.timeout(3600)
def test_the_page_is_current(root: Path) -> None:
    """Measured again, the page is the one that is kept."""
    command = [sys.executable, "tools/placement_page.py", "--check", "--again"]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
