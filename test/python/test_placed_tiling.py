"""Placed kernels in tile form: bytes, space by space, and results are those of the graph form."""

from __future__ import annotations

import dataclasses
import datetime
import os
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from gir_examples import Example, examples
from hypothesis import given, seed, settings
from programs import programs
from programs.check import FULL
from programs.dealt import deal_out, kernels_of
from programs.placed_kernels import numbers, placed_kernels, places
from programs.placed_payloads import placed_payloads
from programs.placed_units import placed_units
from programs.program import Program
from programs.random_gir import GirProgram
from programs.random_nests import random_nests

import powerfusion as pf
from powerfusion.errors import WrongPass
from powerfusion.executable import compile_phases
from powerfusion.frontend.source import read_module
from powerfusion.machines import find
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.pipelines import IMPORT, RAISE, SIMPLIFY
from powerfusion.reference import Run, interpret

Totals = dict[tuple[str, str, str], tuple[int, int]]
SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
PLACED = [example for example in examples() if "nest <" in example.text]

CPU = find("cpu")
ROOMY = dataclasses.replace(CPU, spaces=tuple(dataclasses.replace(s, capacity_bytes=None) for s in CPU.spaces))
KERNELS = (placed_kernels, placed_payloads, placed_units)
PROGRAMS = [pytest.param(program, id=name) for family in KERNELS for name, program in family()]


def tiled(text: str) -> tuple[ir.Module, list[str]]:
    """A program's tile form, and what was remarked on the way."""
    module = read_module(text)
    remarks: list[str] = []

    def note(diagnostic: ir.Diagnostic) -> bool:
        remarks.append(diagnostic.message)
        return True

    with module.context as context, context.attach_diagnostic_handler(note):
        PassManager.parse("builtin.module(gir-tile)").run(module.operation)
    return module, remarks


def totals(module: ir.Module, arrays: Sequence[Any]) -> Totals:
    """Useful and issued bytes by kernel, space and direction."""
    arrays = [np.asarray(array) for array in arrays]
    shapes = {at: int(array) if array.ndim == 0 else tuple(array.shape) for at, array in enumerate(arrays)}
    useful, issued = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for entry in ledger_of(module, CPU, shapes).entries:
        assert isinstance(entry.useful, int)
        assert isinstance(entry.issued, int)
        useful[entry.kernel or "", entry.space, entry.direction] += entry.useful
        issued[entry.kernel or "", entry.space, entry.direction] += entry.issued
    return {key: (useful[key], issued[key]) for key in issued if issued[key]}


def check(
    text: str,
    inputs: Sequence[Any],
    expected: Sequence[Any],
    tolerance: float = 0,
    machine: Machine = CPU,
    *,
    compiled: bool = True,
) -> bool:
    """Runs a program's tile form in the interpreter, and compiled; gives whether its nests were kept, bytes and all."""
    module, remarks = tiled(text)
    run = interpret(module, [np.array(array, copy=True) for array in inputs], machine=machine)
    made = pf.compile(text)(*inputs) if compiled else run.results
    for found in (run.results, made if isinstance(made, tuple) else (made,)):
        assert len(found) == len(expected)
        for got, want in zip(found, expected, strict=True):
            np.testing.assert_allclose(_wide(got), _wide(want), rtol=tolerance, atol=tolerance)
    if remarks:
        return False
    assert totals(module, inputs) == totals(read_module(text), inputs)
    before = interpret(read_module(text), [np.array(array, copy=True) for array in inputs], machine=machine)
    assert counted(run) == counted(before)
    return True


def _wide(array: Any) -> Any:
    """Narrow floats as doubles."""
    array = np.asarray(array)
    return array.astype(np.float64) if array.dtype.kind in "Vf" else array


def counted(run: Run) -> Counter[tuple[str, str, str]]:
    """What a run counted, by space and direction."""
    found = Counter[tuple[str, str, str]]()
    for (_, space, direction), each in run.counts.items():
        found.update({(space, direction, "useful"): each.useful, (space, direction, "issued"): each.issued})
    return found


@pytest.mark.parametrize("example", [pytest.param(e, id=f"{e.name}-{at}") for at, e in enumerate(PLACED)])
def test_examples(example: Example) -> None:
    """Every placed example moves what its nest says."""
    assert check(example.text, example.inputs, example.expected, example.tolerance)


@pytest.mark.parametrize("program", PROGRAMS)
def test_kernels(program: GirProgram) -> None:
    """Borders, strides, payloads, several sweeps, open sizes: parts that don't divide move what the nest says."""
    assert check(program.text, program.inputs, program.expected)


@seed(SEED)
@settings(max_examples=300 if FULL else 16, deadline=None, database=None)
@given(program=random_nests())
def test_random_nests(program: GirProgram) -> None:
    """Random nests mean and move the same in tile form, those that are left out mean the same."""
    check(program.text, program.inputs, program.expected)


LEFT_OUT = {
    "'gir.reduce' along 4 elements of 'c', which has 8": """
    func.func @main(%x: tensor<5x8xf32>) -> tensor<5xf32> {
      %y = gir.kernel "k" (%a = %x : tensor<5x8xf32>)
          nest <[r = 5 : 5 : 5 : 1, c = 8 : 8 : 8 : 2], sweep = [c]> -> (tensor<5xf32>) {
        %z = arith.constant dense<0.0> : R<5xf32>
        %0 = gir.move %a over ["r", "c"] : D<5x8xf32> -> R<5x8xf32>
        %q = gir.window %0 dims [1] sizes [2] strides [2] dilations [1] : R<5x8xf32> -> R<5x4x2xf32>
        %s = gir.reduce %q into %z dims [1, 2] kinds [#vector.kind<add>] : R<5x4x2xf32> into R<5xf32>
        %1 = gir.move %s over ["r"] : R<5xf32> -> D<5xf32>
        gir.return %1 : D<5xf32>
      }
      return %y : tensor<5xf32>
    }""",
    "units that wait with nothing to do, and would move what they have no use for": """
    func.func @main(%x: tensor<5x8xf32>, %w: tensor<8xf32>) -> tensor<5xf32> {
      %y = gir.kernel "k" (%a = %x : tensor<5x8xf32>, %b = %w : tensor<8xf32>)
          nest <[r = 5 : 5 : 4 : 1, c = 8 : 8 : 4 : 2], sweep = [c]> -> (tensor<5xf32>) {
        %z = arith.constant dense<0.0> : R<5xf32>
        %0 = gir.move %a over ["r", "c"] : D<5x8xf32> -> R<5x8xf32>
        %1 = gir.move %b over ["c"] : D<8xf32> -> R<8xf32>
        %2 = gir.broadcast %1 dims [0] : R<8xf32> -> R<5x8xf32>
        %m = arith.mulf %0, %2 : R<5x8xf32>
        %s = gir.reduce %m into %z dims [1] kinds [#vector.kind<add>] : R<5x8xf32> into R<5xf32>
        %3 = gir.move %s over ["r"] : R<5xf32> -> D<5xf32>
        gir.return %3 : D<5xf32>
      }
      return %y : tensor<5xf32>
    }""",
}


@pytest.mark.parametrize("reason", LEFT_OUT)
def test_left_out(reason: str) -> None:
    """Where more than the nest says would be folded or moved, the kernel is tiled without it, and a remark says why."""
    x, w = numbers(5, 8), numbers(8)
    inputs = [x, w] if "%w" in LEFT_OUT[reason] else [x]
    module, remarks = tiled(places(LEFT_OUT[reason]))
    assert remarks == [f"the kernel isn't tiled by its nest: {reason}"]
    (found,) = interpret(module, inputs).results
    np.testing.assert_array_equal(found, (x * w if len(inputs) > 1 else x).sum(1))


CATEGORIES = ("chains", "reductions", "windows", "gathers", "shapes", "scans", "contractions")
MOST_ELEMENTS = 20_000


def small_programs() -> list[Any]:
    """Programs of the suite that are interpreted in no time; in the short form a few, others every day."""
    found = [p for p in programs(*CATEGORIES) if not p.full and not p.fails and _elements(p) < MOST_ELEMENTS]
    chosen = found if FULL else random.Random(SEED).sample(found, 12)
    return [pytest.param(program, id=program.name) for program in chosen]


def _elements(program: Program) -> int:
    return sum(np.asarray(array).size for array in program.inputs)


@pytest.mark.parametrize("program", small_programs())
def test_dealt_out(program: Program) -> None:
    """Whatever a program does, under any nest that it permits its tile form means and moves the same."""
    executable = compile_phases(program.text, (IMPORT, RAISE, SIMPLIFY), "cpu")
    for number in range(3):
        module = executable.module("simplify")
        with module.context:
            drawn = np.random.default_rng([SEED, number])
            dealt = [deal_out(kernel, drawn) for kernel in kernels_of(module)]
        try:
            before = interpret(module, program.inputs, machine=ROOMY).results if any(dealt) else None
        except WrongPass:
            continue
        if before is not None:
            check(str(module), program.inputs, before, 1e-3, ROOMY, compiled=number == 0)
