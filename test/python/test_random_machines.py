"""Random programs on machines that differ: the same results in tile form and when scheduled, whatever the tile sizes.

The long form takes 300 programs per machine, in parts that a run which was interrupted goes on with.
"""

from __future__ import annotations

import datetime
import os
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st
from programs.check import FULL, check_call
from programs.program import Program
from programs.randomised import random_programs
from programs.upstream import result_dtypes
from retiled import retile
from test_fusion_random import Drawn, merging_programs

from powerfusion.executable import compile_for, compile_module
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.pipelines import phases_for
from powerfusion.reference import interpret

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
MACHINES = ("sm_90", "gfx942", "mlu372", "cpu")
PARTS = 10 if FULL else 1
PROGRAMS = 30 if FULL else 4


def drawn_programs() -> st.SearchStrategy[Program]:
    """Programs of any operators, and programs full of reductions that are spread again."""
    merging = merging_programs().map(lambda drawn: drawn.program if isinstance(drawn, Drawn) else drawn)
    return st.one_of(random_programs(), merging).filter(lambda program: not program.fails)


def roomy(name: str) -> Machine:
    """A machine whose registers hold anything: a kernel without a nest has tiles of one width, whatever else lives."""
    machine = find(name)
    spaces = (replace(space, capacity_bytes=None) if space.level == "reg" else space for space in machine.spaces)
    return replace(machine, spaces=tuple(spaces))


def check(program: Program, module: ir.Module, machine: str, what: str) -> None:
    """A module gives what NumPy does for every call of the program that it was made of."""

    def call(*arrays: Any) -> object:
        results = interpret(module, arrays, machine=roomy(machine)).results
        return results[0] if len(results) == 1 else results

    dtypes = result_dtypes(program.text)
    for inputs in (program.inputs, *program.more):
        check_call(program, call, inputs, dtypes, f"{what} for {machine}")


@pytest.mark.timeout(3600 if FULL else 240)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("machine", MACHINES)
def test_phases_and_tile_sizes(machine: str, part: int) -> None:
    """After tiling and scheduling, and tiled anew with sizes drawn by chance, a program computes what it did."""

    @seed(SEED * PARTS + part)
    @settings(
        max_examples=PROGRAMS, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    @given(program=drawn_programs(), sizes=st.integers(0, 1 << 16))
    def check_drawn(program: Program, sizes: int) -> None:
        note(f"PF_TEST_SEED={SEED}, part {part}, sizes {sizes}\n{program.text}")
        executable = compile_for(program.text, machine, until="schedule")
        for phase in ("tile", "schedule"):
            check(program, executable.module(phase), machine, phase)
        placed = executable.module("place")
        if retile(placed, find(machine), Random(sizes)):
            assert placed.operation.verify()
            note(str(placed))
            tile = next(phase for phase in phases_for(machine) if phase.name == "tile")
            again = compile_module(placed, [tile], machine, before=("place",), machine=find(machine))
            check(program, again.module("tile"), machine, "tiled with other sizes")

    check_drawn()


def test_tile_sizes_are_others() -> None:
    """Drawing changes nests of every kind: else the test above would hold nothing."""
    text = """
#map = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @main(%x: tensor<64x96xf32>) -> tensor<64x96xf32> {
  %low = arith.constant -30.0 : f32
  %e = tensor.empty() : tensor<64xf32>
  %w = tensor.empty() : tensor<64x96xf32>
  %f = linalg.fill ins(%low : f32) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %0 = linalg.generic {indexing_maps = [#map, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<64x96xf32>) outs(%f : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.maximumf %a, %o : f32
    linalg.yield %r : f32 } -> tensor<64xf32>
  %1 = linalg.generic {indexing_maps = [#map, #row, #map], iterator_types = ["parallel", "parallel"]}
      ins(%x, %0 : tensor<64x96xf32>, tensor<64xf32>) outs(%w : tensor<64x96xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %r = arith.subf %a, %m : f32
    linalg.yield %r : f32 } -> tensor<64x96xf32>
  return %1 : tensor<64x96xf32>
}"""
    x = np.random.default_rng(0).standard_normal((64, 96)).astype(np.float32)
    for machine in MACHINES:
        executable = compile_for(text, machine, until="place")
        nests: set[str] = set()
        for chance in range(6):
            placed = executable.module("place")
            assert retile(placed, find(machine), Random(chance))
            (before, after) = str(executable.module("place")), str(placed)
            assert before != after
            nests.add(after)
            tile = next(phase for phase in phases_for(machine) if phase.name == "tile").with_option("remarks", "true")
            tiled = compile_module(placed, [tile], machine, before=("place",), machine=find(machine))
            (result,) = interpret(tiled.module("tile"), [x.copy()], machine=find(machine)).results
            np.testing.assert_array_equal(result, x - x.max(1, keepdims=True))
        assert len(nests) >= 3
