"""Programs of open sizes are placed and tiled by their nests on machines that differ, and right for every size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from programs import programs
from programs.check import FULL, check_call
from programs.program import Inputs, Program
from programs.upstream import result_dtypes

import powerfusion as pf
from powerfusion.executable import compile_for
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.reference import interpret

MACHINES = ("sm_90", "gfx942", "mlu372", "cpu")
SWEPT = ("softmax_dynamic", "softmax_named_dynamic", "layernorm_dynamic", "sizes_reduce_and_subtract")
"""Programs that go through an open dimension several times."""
FOLDED = (
    "sum_vector_dynamic",
    "sum_rows_dynamic",
    "sum_columns_dynamic",
    "maximum_rows_dynamic",
    "matmul_dynamic",
    "scan_dynamic",
    "sizes_middle_reduction",
)
"""Programs that fold one, which machines with units place, too."""
SIZES = ((3, 1000), (1, 300), (70, 1), (2, 0))
"""Of softmax: several steps and a tail, one row, one column, none."""


def found(name: str) -> Program:
    """The program of a name."""
    return next(program for program in programs() if program.name == name)


def calls(program: Program) -> list[Inputs]:
    """The inputs that a program is called with; in the short form the first, the smallest and the largest."""
    if program.name == "softmax_dynamic":
        return [(np.random.default_rng(0).standard_normal(size).astype(np.float32),) for size in SIZES]
    own = sorted((program.inputs, *program.more), key=lambda inputs: sum(np.size(array) for array in inputs))
    return own if FULL else [program.inputs, own[0], own[-1]]


def cases() -> list[Any]:
    """Programs with the machines that place them; in the short form softmax with all, the others with one in turn."""
    found: list[Any] = []
    for at, name in enumerate((*SWEPT, *FOLDED)):
        placing = MACHINES if name in SWEPT else MACHINES[:-1]
        some = placing if FULL or name == "softmax_dynamic" else [placing[at % len(placing)]]
        found += [pytest.param(name, machine, id=f"{name}-{machine}") for machine in some]
    return found


def check_counts(module: ir.Module, inputs: Inputs, machine: str) -> None:
    """The ledger, told the sizes, is what the interpreter counts."""
    shapes = {at: np.shape(array) for at, array in enumerate(inputs)}
    counted = interpret(module, [np.array(array) for array in inputs], machine=find(machine)).counts
    static = ledger_of(module, find(machine), shapes).counts()
    moved = {key: (each.useful, each.issued) for key, each in counted.items() if each.useful or each.issued}
    assert {key: figures for key, figures in static.items() if any(figures)} == moved


@pytest.mark.parametrize(("name", "machine"), cases())
def test_open_sizes_are_swept(name: str, machine: str) -> None:
    """A nest with a sweep of open size is kept by tiling; each phase computes the same, and counts what it moves."""
    program = found(name)
    executable = compile_for(program.text, machine, until="schedule", remarks=True)
    assert "sweep = [" in executable.ir("place")
    assert not [each.message for each in executable.remarks if "isn't tiled by its nest" in each.message]
    dtypes = result_dtypes(program.text)
    for phase in ("place", "tile", "schedule"):
        module = executable.module(phase)

        def call(*arrays: Any, module: ir.Module = module) -> object:
            results = interpret(module, arrays, machine=find(machine)).results
            return results[0] if len(results) == 1 else results

        for inputs in calls(program):
            check_call(program, call, inputs, dtypes, f"{name}, {phase}, {[np.shape(array) for array in inputs]}")
    for inputs in calls(program)[:2]:
        check_counts(executable.module("place"), inputs, machine)


@pytest.mark.parametrize("name", SWEPT)
def test_the_host_runs_them(name: str) -> None:
    """Compiled once, one kernel serves all sizes."""
    program = found(name)
    executable = pf.compile(program.text)
    assert executable.ir("place").count("gir.kernel ") == 1
    for inputs in calls(program):
        check_call(program, executable, inputs, result_dtypes(program.text), f"{[np.shape(array) for array in inputs]}")


def test_the_remark_names_the_open_size() -> None:
    """What a later pass loads again because nothing is known to hold it says so."""
    remarks = compile_for(found("softmax_dynamic").text, "sm_90", until="place", remarks=True).remarks
    notes = [note for each in remarks for note in each.notes]
    assert any("the size of c is open" in note for note in notes), notes


def test_bytes_of_open_sizes() -> None:
    """Given the sizes, the bytes of a kernel that sweeps an open dimension are counted: two passes and a store."""
    executable = compile_for(found("softmax_dynamic").text, "sm_90", until="place")
    assert executable.report({0: (64, 1000)}).dram_bytes == 3 * 64 * 1000 * 4


def test_results_in_the_same_memory() -> None:
    """A result is another one in another shape; of the sizes one is known only where the program was compiled."""
    text = """
    func.func @main(%x: tensor<3x?x?xf32>, %z: tensor<3x3x?xf32>) -> (tensor<?x?x3xf32>, tensor<?x?x3x1xf32>) {
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %d1 = tensor.dim %x, %c1 : tensor<3x?x?xf32>
      %d2 = tensor.dim %x, %c2 : tensor<3x?x?xf32>
      %e = tensor.empty(%d2, %d1) : tensor<?x?x3xf32>
      %y = linalg.generic {
          indexing_maps = [affine_map<(i, j, k) -> (k, j, i)>, affine_map<(i, j, k) -> (k, j, i)>,
                           affine_map<(i, j, k) -> (i, j, k)>],
          iterator_types = ["parallel", "parallel", "parallel"]}
          ins(%x, %z : tensor<3x?x?xf32>, tensor<3x3x?xf32>) outs(%e : tensor<?x?x3xf32>) {
      ^bb0(%a: f32, %b: f32, %o: f32):
        %r = arith.addf %a, %b : f32
        linalg.yield %r : f32
      } -> tensor<?x?x3xf32>
      %s = tensor.expand_shape %y [[0], [1], [2, 3]] output_shape [%d2, %d1, 3, 1]
          : tensor<?x?x3xf32> into tensor<?x?x3x1xf32>
      return %y, %s : tensor<?x?x3xf32>, tensor<?x?x3x1xf32>
    }"""
    x, z = np.random.default_rng(0).standard_normal((2, 3, 3, 7)).astype(np.float32)
    first, second = pf.compile(text, cache=False)(x, z)
    expected = (x + z).transpose(2, 1, 0)
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(second, expected[..., None])
    assert not np.shares_memory(first, second)
