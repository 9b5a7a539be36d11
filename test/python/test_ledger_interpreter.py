"""The static ledger equals what the interpreter counts: useful and issued bytes and peaks, exactly.

The interpreter counts the elements that its indices touch and knows no byte formula; the ledger executes nothing. The
two have the machine and the instructions' numbers in common.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from gir_examples import Example, identified
from hypothesis import given, settings
from programs import MODULES, programs
from programs.check import FULL
from programs.program import Program
from programs.random_gir import GirProgram, random_kernels
from programs.random_nests import random_nests

import powerfusion as pf
from powerfusion.core._mlir import walk_numbered
from powerfusion.frontend.source import read_module
from powerfusion.machines.host import host
from powerfusion.machines.model import Machine, Space
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.passes.analysis.ledger_access import Access
from powerfusion.passes.analysis.ledger_bytes import EXPRESSIONS
from powerfusion.reference import interpret

PHASES = ("raise", "simplify", "tile")
EVERY = 17  # of the programs, in the short form
MOST_ELEMENTS = 1 << 18  # the interpreter takes them one by one

Counts = dict[tuple[int, str, str], tuple[int, int]]


def sample() -> list[Any]:
    """Every program in the long form, some of each category in the short one."""
    chosen: list[Program] = []
    for module in MODULES:
        found = [program for program in programs(module.__name__.rpartition(".")[2]) if program.fails is None]
        chosen += found if FULL else found[::EVERY]
    small = [program for program in chosen if sum(np.size(array) for array in program.inputs) <= MOST_ELEMENTS]
    return [pytest.param(program, id=program.name) for program in small]


def given_by(arrays: Sequence[Any]) -> dict[int, tuple[int, ...] | int]:
    """What the ledger is told of a call: shapes, and the numbers among its arguments."""
    given: dict[int, tuple[int, ...] | int] = {}
    for place, array in enumerate(map(np.asarray, arrays)):
        given[place] = int(array) if array.ndim == 0 and array.dtype.kind in "iu" else tuple(array.shape)
    return given


@dataclasses.dataclass(frozen=True)
class Figures:
    """What is compared: (useful, issued) by instruction, space and direction, and peaks by space; without zeros."""

    counts: Counts
    peaks: dict[str, int]


def static_figures(module: ir.Module, arrays: Sequence[Any], machine: Machine) -> Figures:
    """The ledger's figures; none of them is a bound or a formula."""
    ledger = ledger_of(module, machine, given_by(arrays))
    found: Counts = {}
    for entry in ledger.entries:
        assert not entry.bounds - {"arriving"}, f"{entry} is an upper bound"
        assert isinstance(entry.useful, int)
        assert isinstance(entry.issued, int)
        found[entry.instruction, entry.space, entry.direction] = (entry.useful, entry.issued)
    return Figures(
        _some(found), {space: peak for space, peak in ledger.peaks.items() if isinstance(peak, int) and peak}
    )


def interpreted_figures(module: ir.Module, arrays: Sequence[Any], machine: Machine) -> Figures:
    """The same, as the interpreter counts it."""
    run = interpret(module, [np.array(array, copy=True) for array in arrays], machine=machine)
    counts = {key: (each.useful, each.issued) for key, each in run.counts.items()}
    return Figures(_some(counts), {space: peak for space, peak in run.peaks.items() if peak})


def _some(counts: Counts) -> Counts:
    return {key: figures for key, figures in counts.items() if any(figures)}


def check(module: ir.Module, arrays: Sequence[Any], machine: Machine) -> None:
    """Compares the two."""
    assert static_figures(module, arrays, machine) == interpreted_figures(module, arrays, machine)


@pytest.mark.parametrize("program", sample())
def test_static_is_interpreted(program: Program) -> None:
    executable = pf.compile(program.text)
    for phase in PHASES:
        check(executable.module(phase), program.inputs, host())


def odd_machine() -> Machine:
    """Five spaces, no two with one granule but the registers; two of a level."""
    spaces = (
        Space("far", "dram", "device", "memory", granule_bytes=256, write_allocate=True),
        Space("scratch", "sram", "group", "scratchpad", 1 << 20, granule_bytes=16),
        Space("weights", "sram", "unit", "scratchpad", 1 << 16, granule_bytes=128),
        Space("vector", "reg", "unit", "registers", 1 << 16),
        Space("tensor", "reg", "unit", "registers", 1 << 16),
    )
    return Machine("odd", "a machine for tests", spaces)


@pytest.mark.parametrize("program", sample()[::3])
def test_static_is_interpreted_on_a_machine_with_odd_granules(program: Program) -> None:
    executable = pf.compile(program.text)
    for phase in PHASES:
        check(executable.module(phase), program.inputs, odd_machine())


@pytest.mark.parametrize("example", identified())
def test_static_is_interpreted_on_examples(example: Example) -> None:
    for machine in (host(), odd_machine()):
        check(read_module(example.text), example.inputs, machine)


CLEAN = "builtin.module(canonicalize,cse,loop-invariant-code-motion)"


def by_op(figures: Figures, module: ir.Module) -> tuple[Any, ...]:
    """Figures without the instructions' numbers, which change where a constant goes."""
    names = dict(walk_numbered(module.operation))
    counted = Counter(
        (names[number].name, space, direction, *counts) for (number, space, direction), counts in figures.counts.items()
    )
    return counted, figures.peaks


def check_cleaning(module: ir.Module, arrays: Sequence[Any]) -> None:
    """What upstream tidies up leaves every instruction's bytes, and the peaks, as they were."""
    before = by_op(static_figures(module, arrays, host()), module)
    with module.context:
        PassManager.parse(CLEAN).run(module.operation)
    assert by_op(static_figures(module, arrays, host()), module) == before


@pytest.mark.parametrize("example", identified())
def test_cleaning_keeps_ledger_and_peaks_of_examples(example: Example) -> None:
    check_cleaning(read_module(example.text), example.inputs)


@pytest.mark.parametrize("program", sample())
def test_cleaning_keeps_ledger_and_peaks_of_tiled_programs(program: Program) -> None:
    check_cleaning(pf.compile(program.text).module("tile"), program.inputs)


NESTS = 400 if FULL else 25


@settings(max_examples=NESTS, deadline=None, database=None, derandomize=not FULL)
@given(random_kernels())
def test_static_is_interpreted_on_random_kernels(program: GirProgram) -> None:
    module = read_module(program.text)
    for machine in (host(), odd_machine()):
        check(module, program.inputs, machine)


@settings(max_examples=NESTS, deadline=None, database=None, derandomize=not FULL)
@given(random_nests())
def test_static_is_interpreted_on_random_nests(program: GirProgram) -> None:
    module = read_module(program.text)
    for machine in (host(), odd_machine()):
        check(module, program.inputs, machine)


# -- a planted error in any op's byte expression is seen --------------------------------------------

MOVES = """
func.func @main(%x: tensor<9x10xf32>) -> tensor<4x3xf32> {
  %0 = gir.kernel "slice" (%a = %x : tensor<9x10xf32>) -> (tensor<4x3xf32>) {
    %1 = gir.slice %a [1, 0] [4, 3] [2, 4] : tensor<9x10xf32, #gir.at<dram>> -> tensor<4x3xf32, #gir.at<dram>>
    %2 = gir.move %1 : tensor<4x3xf32, #gir.at<dram>> -> tensor<4x3xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4x3xf32, #gir.at<reg>> -> tensor<4x3xf32, #gir.at<dram>>
    gir.return %3 : tensor<4x3xf32, #gir.at<dram>>
  }
  return %0 : tensor<4x3xf32>
}
"""
TILES = """
func.func @main(%x: memref<7x50xf32>, %y: memref<7x50xf32>) {
  gir.kernel "copy" (%a = %x : memref<7x50xf32>, %b = %y : memref<7x50xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c7 = arith.constant 7 : index
    %c16 = arith.constant 16 : index
    %c50 = arith.constant 50 : index
    gir.parallel <group> (%i) in (%c7) {
      %s = gir.stage %a[%i, %c0] [1, 50] : memref<7x50xf32, #gir.at<dram>> -> memref<1x50xf32, #gir.at<sram>>
      %w = gir.alloc : memref<1x50xf32, #gir.at<sram>>
      %t = gir.copy %a[%i, %c0], %w[%c0, %c0] [1, 50]
          : memref<7x50xf32, #gir.at<dram>> -> memref<1x50xf32, #gir.at<sram>>
      gir.wait %t
      scf.for %j = %c0 to %c50 step %c16 {
        %v = affine.min affine_map<(d0) -> (16, 50 - d0)>(%j)
        %0 = gir.load %s[%c0, %j] valid [%c1, %v]
            : memref<1x50xf32, #gir.at<sram>> -> tensor<1x16xf32, #gir.at<reg>>
        %1 = gir.load %w[%c0, %j] valid [%c1, %v]
            : memref<1x50xf32, #gir.at<sram>> -> tensor<1x16xf32, #gir.at<reg>>
        %2 = arith.addf %0, %1 : tensor<1x16xf32, #gir.at<reg>>
        gir.store %2, %b[%i, %j] valid [%c1, %v] nontemporal
            : tensor<1x16xf32, #gir.at<reg>>, memref<7x50xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}
"""
LOOKUPS = """
func.func @main(%t: memref<20xf32>, %i: memref<12xindex>, %y: memref<20xf32>) {
  gir.kernel "lookup" (%a = %t : memref<20xf32>, %b = %i : memref<12xindex>, %c = %y : memref<20xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c12 = arith.constant 12 : index
    gir.parallel <group> (%g) in (%c1) {
      scf.for %j = %c0 to %c12 step %c8 {
        %v = affine.min affine_map<(d0) -> (8, 12 - d0)>(%j)
        %0 = gir.load %b[%j] valid [%v] : memref<12xindex, #gir.at<dram>> -> tensor<8xindex, #gir.at<reg>>
        %1 = gir.gather %a[%0]
            : memref<20xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>] -> tensor<8xf32, #gir.at<reg>>
        gir.scatter %1 into %c[%0] kind <add> valid [%v]
            : tensor<8xf32, #gir.at<reg>> into memref<20xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>]
      }
    }
    gir.return
  }
  return
}
"""
LIBRARY = """
func.func @main(%x: tensor<5x7xf32>) -> tensor<5x7xf32> {
  %y = gir.extern "library.abs" (%a = %x : tensor<5x7xf32>) -> (tensor<5x7xf32>) {
    %0 = gir.move %a : tensor<5x7xf32, #gir.at<dram>> -> tensor<5x7xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<5x7xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<5x7xf32, #gir.at<reg>> -> tensor<5x7xf32, #gir.at<dram>>
    gir.return %2 : tensor<5x7xf32, #gir.at<dram>>
  }
  return %y : tensor<5x7xf32>
}
"""


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


PLACES = np.random.default_rng(1).permutation(20)[:12]
USES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "gir.move": (MOVES, (numbers(9, 10),)),
    "gir.load": (TILES, (numbers(7, 50), numbers(7, 50))),
    "gir.store": (TILES, (numbers(7, 50), numbers(7, 50))),
    "gir.copy": (TILES, (numbers(7, 50), numbers(7, 50))),
    "gir.stage": (TILES, (numbers(7, 50), numbers(7, 50))),
    "gir.gather": (LOOKUPS, (numbers(20), PLACES, numbers(20))),
    "gir.scatter": (LOOKUPS, (numbers(20), PLACES, numbers(20))),
    "gir.extern": (LIBRARY, (numbers(5, 7),)),
}


def test_every_op_that_moves_has_a_use() -> None:
    assert set(USES) == set(EXPRESSIONS)


@pytest.mark.parametrize("name", USES)
def test_each_op_is_counted_right(name: str) -> None:
    text, arrays = USES[name]
    for machine in (host(), odd_machine()):
        check(read_module(text), arrays, machine)


def wrong_element(access: Access) -> Access:
    return dataclasses.replace(access, element=2 * access.element)


def wrong_extent(access: Access) -> Access:
    """One element more along the last dimension of a box, or one less of those that are looked up."""
    if access.counts and isinstance(access.counts[-1], int):
        return dataclasses.replace(access, counts=(*access.counts[:-1], access.counts[-1] + 1))
    return dataclasses.replace(access, masks=(), counts=(*access.counts[:-1], 3))


def wrong_direction(access: Access) -> Access:
    return dataclasses.replace(access, direction={"read": "write", "write": "read"}[access.direction])


@pytest.mark.parametrize("mistake", [wrong_element, wrong_extent, wrong_direction])
@pytest.mark.parametrize("side", ["read", "write"])
@pytest.mark.parametrize("name", USES)
def test_a_planted_error_is_seen(
    name: str, side: str, mistake: Callable[[Access], Access], monkeypatch: pytest.MonkeyPatch
) -> None:
    expression = EXPRESSIONS[name]

    def planted(op: ir.Operation, look: Any) -> list[Access]:
        accesses = list(expression(op, look))
        return [mistake(access) if access.direction == side else access for access in accesses]

    monkeypatch.setitem(EXPRESSIONS, name, planted)
    text, arrays = USES[name]
    with pytest.raises(AssertionError):
        check(read_module(text), arrays, odd_machine())
