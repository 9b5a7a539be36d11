"""Placing keeps what a program means, moves what it promises to move, and never more than before.

Each program is interpreted before and after `gir-place`; what the search promised is held against the ledger of the
placed program, and the ledger against what the interpreter counts.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import dataclasses
import datetime
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from programs.check import FULL, check_call, parameters
from programs.program import Program
from programs.randomised import random_programs
from programs.upstream import result_dtypes
from test_fusion_random import Drawn, merging_programs

from powerfusion.core._mlir import functions, operations
from powerfusion.executable import compile_phases
from powerfusion.frontend.source import read_module
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.least_bytes import least_dram_bytes
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.place import place
from powerfusion.passes.placement.rates import cache_bytes
from powerfusion.passes.placement.read import read
from powerfusion.passes.placement.search import Answer, search
from powerfusion.pipelines import IMPORT, RAISE, SIMPLIFY
from powerfusion.reference import interpret
from powerfusion.symbolic import Count, total

EXAMPLES = Path(__file__).parents[2] / "examples"
SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
BUDGET = 4096
SHAPES = {"causal_softmax": (2, 12, 64, 64), "vit_embedding": (2, 768, 8, 8)}


@dataclasses.dataclass(frozen=True)
class Placed:
    """A program before and after placing, and what the search said."""

    before: ir.Module
    after: ir.Module
    answer: Answer

    @property
    def kernels(self) -> list[ir.Operation]:
        """The kernels afterwards."""
        (function,) = functions(self.after.operation)
        return [op for op in operations(function.regions[0].blocks[0]) if op.name == "gir.kernel"]

    @property
    def nests(self) -> list[str]:
        """The nests of those that are placed."""
        return [str(op.attributes["nest"]) for op in self.kernels if "nest" in op.attributes]


def machine_with(sram_bytes: int | None = None, *, cache_bytes: int = 0, cores: int = 2) -> Machine:
    """A CPU of fixed figures: so many cores, so much sram for each, and a last cache."""
    cpu = find("cpu")
    spaces = [
        dataclasses.replace(space, capacity_bytes=sram_bytes, reserve_bytes=0)
        if space.level == "sram" and sram_bytes is not None
        else space
        for space in cpu.spaces
    ]
    caches = [
        dataclasses.replace(cache, capacity_bytes=cache_bytes) if cache.caches == cpu.space_of("dram").name else cache
        for cache in cpu.caches
    ]
    scopes = [dataclasses.replace(limits, count=cores) if limits.scope == "group" else limits for limits in cpu.scopes]
    return dataclasses.replace(cpu, spaces=tuple(spaces), caches=tuple(caches), scopes=tuple(scopes))


MACHINE = machine_with(1 << 20, cache_bytes=1 << 25)


def placed(text: str, machine: Machine = MACHINE, budget: int = BUDGET) -> Placed:
    """A program of one function, placed."""
    executable = compile_phases(text, (IMPORT, RAISE, SIMPLIFY), "cpu")
    before, after = executable.module("simplify"), executable.module("simplify")
    with after.context:
        (function,) = functions(after.operation)
        answer = place(function.regions[0].blocks[0], machine, budget)
        assert after.operation.verify()
    return Placed(before, after, answer)


def dram_bytes(module: ir.Module, machine: Machine, shapes: dict[int, tuple[int, ...]]) -> Count:
    """Useful bytes of DRAM."""
    return total(entry.useful for entry in ledger_of(module, machine, shapes).entries if entry.level == "dram")


def check(program: Program, machine: Machine = MACHINE, budget: int = BUDGET) -> Placed:
    """Results as before, figures as promised."""
    found = placed(program.text, machine, budget)
    shapes = {at: np.shape(array) for at, array in enumerate(program.inputs)}
    if not found.nests:
        return found
    dtypes = result_dtypes(program.text)

    def call(*arrays: np.ndarray) -> object:
        results = interpret(found.after, arrays, machine=machine).results
        return results[0] if len(results) == 1 else results

    for number, inputs in enumerate((program.inputs, *program.more)):
        check_call(program, call, inputs, dtypes, f"{program.name}, placed (call {number})")
    check_figures(program, found, machine, shapes)
    return found


def check_figures(program: Program, found: Placed, machine: Machine, shapes: dict[int, tuple[int, ...]]) -> None:
    """Promised bytes are the ledger's, the ledger's are the interpreter's, and none of them rose."""
    ledger = ledger_of(found.after, machine, shapes)
    counted = interpret(found.after, program.inputs, machine=machine).counts
    for key, (useful, issued) in ledger.counts().items():
        if key in counted:
            assert (useful, issued) == (counted[key].useful, counted[key].issued), f"{key} in\n{found.after}"
    peak = max((choice.form.peak for choice in found.answer.choices if choice.form), default=0)
    held = ledger.peaks.get(machine.space_of("sram").name, 0)
    assert isinstance(held, int)
    assert held <= peak <= (machine.space_of("sram").usable_bytes or 0)
    kernels = sum(len(choice.nodes) for choice in found.answer.choices)
    if "?" in program.text or kernels != str(found.before).count("gir.kernel "):
        return
    for level, name in (("dram", "useful"), ("sram", "sram")):
        promised = sum(getattr(choice.cost, name) for choice in found.answer.choices)
        assert promised == total(entry.useful for entry in ledger.entries if entry.level == level), str(found.after)
    arriving = sum(choice.cost.arriving for choice in found.answer.choices)
    if cache_bytes(machine):
        assert arriving <= dram_bytes(found.before, machine, shapes)
        return
    assert promised_useful(found) <= dram_bytes(found.before, machine, shapes)
    moved = [
        entry for entry in ledger.entries if entry.level == "dram" and entry.useful
    ]  # Not what a store reads first.
    assert arriving == total(entry.issued for entry in moved), str(found.after)


def promised_useful(found: Placed) -> int:
    """Elements of DRAM that an answer promises to move, in bytes."""
    return sum(choice.cost.useful for choice in found.answer.choices)


@pytest.mark.parametrize("program", parameters("chains"))
def test_chains_mean_the_same(program: Program) -> None:
    """Softmax, layer norm and the like, each as the suite writes it."""
    check(program)


@pytest.mark.parametrize(
    "name", ["softmax", "masked_softmax", "log_softmax", "layernorm", "residual_layernorm", "rmsnorm"]
)
def test_normalisations_are_one_kernel(name: str) -> None:
    """What normalises rows is one kernel that reads each input once, and writes its result."""
    matching = [p.values[0] for p in parameters("chains") if p.values[0].name == name]
    if not matching:
        pytest.skip(f"the suite has no chain of the name {name}")
    found = check(matching[0])
    assert len(found.kernels) == 1, str(found.after)


SOFTMAX = """
#rc = affine_map<(d0, d1) -> (d0, d1)>
#r = affine_map<(d0, d1) -> (d0)>
func.func @main(%x: tensor<{r}x{c}xf32>) -> tensor<{r}x{c}xf32> {{
  %lowest = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %er = tensor.empty() : tensor<{r}xf32>
  %e = tensor.empty() : tensor<{r}x{c}xf32>
  %fl = linalg.fill ins(%lowest : f32) outs(%er : tensor<{r}xf32>) -> tensor<{r}xf32>
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<{r}xf32>) -> tensor<{r}xf32>
  %m = linalg.generic {{indexing_maps = [#rc, #r], iterator_types = ["parallel", "reduction"]}} ins(%x : tensor<{r}x{c}xf32>) outs(%fl : tensor<{r}xf32>) {{
  ^bb0(%a: f32, %u: f32):
    %b = arith.maximumf %a, %u : f32
    linalg.yield %b : f32
  }} -> tensor<{r}xf32>
  %p = linalg.generic {{indexing_maps = [#rc, #r, #rc], iterator_types = ["parallel", "parallel"]}} ins(%x, %m : tensor<{r}x{c}xf32>, tensor<{r}xf32>) outs(%e : tensor<{r}x{c}xf32>) {{
  ^bb0(%a: f32, %v: f32, %o: f32):
    %b = arith.subf %a, %v : f32
    %d = math.exp %b : f32
    linalg.yield %d : f32
  }} -> tensor<{r}x{c}xf32>
  %s = linalg.generic {{indexing_maps = [#rc, #r], iterator_types = ["parallel", "reduction"]}} ins(%p : tensor<{r}x{c}xf32>) outs(%fz : tensor<{r}xf32>) {{
  ^bb0(%a: f32, %u: f32):
    %b = arith.addf %a, %u : f32
    linalg.yield %b : f32
  }} -> tensor<{r}xf32>
  %y = linalg.generic {{indexing_maps = [#rc, #r, #rc], iterator_types = ["parallel", "parallel"]}} ins(%p, %s : tensor<{r}x{c}xf32>, tensor<{r}xf32>) outs(%e : tensor<{r}x{c}xf32>) {{
  ^bb0(%a: f32, %v: f32, %o: f32):
    %b = arith.divf %a, %v : f32
    linalg.yield %b : f32
  }} -> tensor<{r}x{c}xf32>
  return %y : tensor<{r}x{c}xf32>
}}
"""


def softmax(rows: int, columns: int) -> Program:
    """Softmax over rows of some length."""

    def reference(x: np.ndarray) -> np.ndarray:
        exponent = np.exp(x - x.max(-1, keepdims=True))
        return exponent / exponent.sum(-1, keepdims=True)

    x = np.random.default_rng(rows * columns).standard_normal((rows, columns)).astype(np.float32)
    return Program("softmax", SOFTMAX.format(r=rows, c=columns), (x,), reference, roundings=64)


@pytest.mark.parametrize(("rows", "columns"), [(64, 128), (37, 101), (128, 33), (300, 5)])
def test_softmax_reads_its_input_once(rows: int, columns: int) -> None:
    """One kernel, one read, one write, also where neither size divides anything."""
    program = softmax(rows, columns)
    found = check(program)
    assert len(found.kernels) == 1
    assert found.answer.exact
    assert dram_bytes(found.after, MACHINE, {}) == 2 * rows * columns * 4


def test_a_row_that_does_not_fit_is_loaded_again() -> None:
    """With sram for less than a row each of the three passes loads it: still fewer bytes than three kernels move."""
    program = softmax(64, 1024)
    small = machine_with(256)
    found = check(program, small)
    assert len(found.kernels) == 1
    assert "#gir.at<sram>" not in str(found.after)
    assert dram_bytes(found.after, small, {}) == 4 * 64 * 1024 * 4
    assert dram_bytes(found.before, small, {}) > 4 * 64 * 1024 * 4


@pytest.mark.parametrize("machine", ["sm_90", "gfx942", "mlu372", "cpu"])
@pytest.mark.parametrize("program", [p for p in parameters("chains") if not p.marks])
def test_machines_hold_what_they_are_promised(machine: str, program: Program) -> None:
    """Results and figures on machines whose cores, caches and sram differ."""
    check(program, find(machine))


def test_the_answer_is_the_same_each_time() -> None:
    """Same input, machine and budget: same text."""
    texts = {str(placed(softmax(64, 128).text).after) for _ in range(3)}
    assert len(texts) == 1


def test_without_a_budget_the_search_is_a_beam_and_says_so() -> None:
    """A beam finds one kernel too, and doesn't claim to be exact."""
    found = check(softmax(64, 128), budget=3)
    assert not found.answer.exact
    assert len(found.kernels) == 1


def test_a_stopped_search_leaves_a_valid_program_and_says_so() -> None:
    """Without time nothing is placed: the kernels stay as they were, and the answer doesn't claim to be exact."""
    executable = compile_phases(softmax(64, 128).text, (IMPORT, RAISE, SIMPLIFY), "cpu")
    module = executable.module("simplify")
    with module.context:
        (function,) = functions(module.operation)
        program, _ = read(function.regions[0].blocks[0])
    for machine in (MACHINE, find("sm_90")):
        answer = search(program, Objective("time", machine), BUDGET, safety_s=-1)
        assert answer.stopped
        assert not answer.exact
        assert sorted(node for choice in answer.choices for node in choice.nodes) == [
            node for node, kernel in enumerate(program.kernels) if kernel
        ]
        assert all(choice.form is None for choice in answer.choices)


def test_one_row_alone_is_not_given_to_one_core() -> None:
    """A single long row has no parts for groups; of many cores all but one would wait, and the kernels stay as they are."""
    found = placed(softmax(1, 1 << 20).text, find("sm_90"))
    assert len(found.kernels) > 1


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.mlir")), ids=lambda path: path.stem)
def test_examples_move_less(path: Path) -> None:
    """No example moves more than before, none less than it must, and masked softmax and layer norm are one kernel."""
    found = placed(path.read_text())
    shapes = {0: SHAPES[path.stem]} if path.stem in SHAPES else {}
    before, after = (dram_bytes(module, MACHINE, shapes) for module in (found.before, found.after))
    least = least_dram_bytes(found.before, shapes, 1 << 30)
    if isinstance(before, int) and isinstance(after, int) and isinstance(least, int):
        assert least <= after <= before
    if path.stem in ("bert_masked_softmax", "bert_residual_layernorm", "causal_softmax"):
        assert len(found.kernels) == 1
        assert isinstance(least, int)
        assert isinstance(after, int)
        assert after <= math.ceil(1.15 * least)  # each group loads the mask


@pytest.mark.parametrize("name", ["sm_90", "gfx942", "mlu372", "cpu"])
@pytest.mark.timeout(3600 if FULL else 240)
def test_random_programs_mean_the_same(name: str) -> None:
    """Whatever was drawn computes what NumPy computes, placed for machines that differ."""
    machine = MACHINE if name == "cpu" else find(name)

    @seed(SEED)
    @settings(max_examples=300 if FULL else 20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(program=random_programs())
    def check_drawn(program: Program) -> None:
        note(f"PF_TEST_SEED={SEED}\n{program.text}")
        check(program, machine)

    check_drawn()


@pytest.mark.parametrize("name", ["sm_90", "gfx942", "mlu372", "cpu"])
@pytest.mark.timeout(3600 if FULL else 240)
def test_random_normalisations_mean_the_same(name: str) -> None:
    """Programs full of reductions that are spread again."""
    machine = MACHINE if name == "cpu" else find(name)

    @seed(SEED)
    @settings(max_examples=300 if FULL else 20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(drawn=merging_programs())
    def check_drawn(drawn: Drawn) -> None:
        note(f"PF_TEST_SEED={SEED}\n{drawn.program.text}")
        if not drawn.program.fails:
            check(drawn.program, machine)

    check_drawn()


IN_ORDER = """
func.func @main(%x: tensor<128x65536xbf16>) -> tensor<128x65536xbf16> {
  %s = gir.kernel "sum" (%a = %x : tensor<128x65536xbf16>) -> (tensor<128xf32>) {
    %c = arith.constant dense<0.0> : tensor<128xf32, #gir.at<reg>>
    %0 = gir.move %a : tensor<128x65536xbf16, #gir.at<dram>> -> tensor<128x65536xbf16, #gir.at<reg>>
    %1 = arith.extf %0 : tensor<128x65536xbf16, #gir.at<reg>> to tensor<128x65536xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %c dims [1] combiner {
    ^bb0(%e: f32, %t: f32):
      %4 = arith.addf %t, %e : f32
      gir.yield %4 : f32
    } : tensor<128x65536xf32, #gir.at<reg>> into tensor<128xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<128xf32, #gir.at<reg>> -> tensor<128xf32, #gir.at<dram>>
    gir.return %3 : tensor<128xf32, #gir.at<dram>>
  }
  %y = gir.kernel "scale" (%a = %x : tensor<128x65536xbf16>, %b = %s : tensor<128xf32>) -> (tensor<128x65536xbf16>) {
    %0 = gir.move %a : tensor<128x65536xbf16, #gir.at<dram>> -> tensor<128x65536xbf16, #gir.at<reg>>
    %1 = arith.extf %0 : tensor<128x65536xbf16, #gir.at<reg>> to tensor<128x65536xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<128xf32, #gir.at<dram>> -> tensor<128xf32, #gir.at<reg>>
    %3 = gir.broadcast %2 dims [1] : tensor<128xf32, #gir.at<reg>> -> tensor<128x65536xf32, #gir.at<reg>>
    %4 = arith.divf %1, %3 : tensor<128x65536xf32, #gir.at<reg>>
    %5 = arith.truncf %4 : tensor<128x65536xf32, #gir.at<reg>> to tensor<128x65536xbf16, #gir.at<reg>>
    %6 = gir.move %5 : tensor<128x65536xbf16, #gir.at<reg>> -> tensor<128x65536xbf16, #gir.at<dram>>
    gir.return %6 : tensor<128x65536xbf16, #gir.at<dram>>
  }
  return %y : tensor<128x65536xbf16>
}
"""


@pytest.mark.parametrize("ordered", [True, False])
def test_units_share_no_combination_in_order(ordered: bool) -> None:
    """A row that a unit can't hold is shared by units, which combine; but not if that must be in an order."""
    combiner = "combiner {" if ordered else "combiner <commutative> identity [-0.0 : f32] {"
    module = read_module(IN_ORDER.replace("combiner {", combiner))
    with module.context:
        (function,) = functions(module.operation)
        answer = place(function.regions[0].blocks[0], find("mlu592"), BUDGET)
    dims = [dim for choice in answer.choices if choice.form is not None for dim in choice.form.nest]
    assert any(dim.size == 65536 and dim.units > 1 for dim in dims) is not ordered
