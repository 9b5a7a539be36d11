"""Layouts: no tile has more lanes than a unit, programs mean and move the same, and wide accesses are aligned."""

from __future__ import annotations

import datetime
import os
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, seed, settings
from programs.check import FULL
from programs.random_gir import GirProgram
from programs.random_nests import random_nests
from scheduled import Tiled, cases, check_unchanged, execute, run_passes, tiled

from powerfusion.core._mlir import walk_numbered
from powerfusion.dialects import gir
from powerfusion.machines import find
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.kernels import tiled_kernels
from powerfusion.passes.scheduling.lane_dims import tiles
from powerfusion.reference.spaces import Spaces

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
MACHINES = ("sm_90", "gfx942", "gfx1100")


def widths(module: ir.Module) -> dict[int, int]:
    """By instruction, how many elements an access of a lane takes."""
    found = [(number, op) for number, op in walk_numbered(module.operation) if "gir.vector_width" in op.attributes]
    return {number: ir.IntegerAttr(op.attributes["gir.vector_width"]).value for number, op in found}


def check_lanes(module: ir.Module, lanes: int) -> None:
    """Every tile has a layout, of no more lanes than there are."""
    for kernel in tiled_kernels(module.operation):
        for tile in tiles(kernel):
            layout = gir.AtAttr(tile.type.encoding).layout
            assert (layout is None) == (tile.type.rank == 0)
            if layout is not None:
                assert prod(gir.LanesAttr(layout).lanes) <= lanes


def check_aligned(module: ir.Module, inputs: tuple[Any, ...], machine: str, patch: pytest.MonkeyPatch) -> None:
    """Runs a program and looks at the addresses of what it loads and stores: rows begin where lanes access."""
    wide = widths(module)

    def look(number: int, addresses: Any, itemsize: int) -> None:
        if wide.get(number, 1) == 1 or addresses.size == 0:
            return
        steps = [np.diff(addresses, axis=dim) for dim in range(addresses.ndim)]
        along = [dim for dim, step in enumerate(steps) if step.size and (step == itemsize).all()]
        starts = np.take(addresses, 0, axis=along[-1]) if along else addresses.ravel()[:1]
        assert (starts % (wide[number] * itemsize) == 0).all()

    with patch.context() as context:
        for name in ("read", "written"):
            plain = getattr(Spaces, name)

            def noting(
                self: Spaces, number: int, place: Any, addresses: Any, size: int, *, plain: Any = plain, **more: Any
            ) -> None:
                look(number, addresses, size)
                plain(self, number, place, addresses, size, **more)

            context.setattr(Spaces, name, noting)
        execute(module, inputs, find(machine))


@pytest.mark.parametrize(("program", "machine"), cases(*MACHINES))
def test_programs(program: Tiled, machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Placed programs have layouts, are as they were otherwise, and access memory where they say."""
    passes = (f"gir-lane-layouts{{machine={machine}}}", "canonicalize", "cse")
    after = check_unchanged(tiled(program.text), program.inputs, machine, *passes)
    limits = find(machine).scope("lane")
    assert limits is not None
    check_lanes(after, limits.count or 0)
    check_aligned(after, program.inputs, machine, monkeypatch)


@pytest.mark.parametrize("machine", ["cpu", "mlu372"])
def test_no_lanes(machine: str) -> None:
    """Machines without lanes have no layouts."""
    text = tiled(cases("cpu")[0].values[0].text)
    assert str(run_passes(text, f"gir-lane-layouts{{machine={machine}}}")) == str(run_passes(text))


@seed(SEED)
@settings(max_examples=100 if FULL else 15, deadline=None, database=None)
@given(program=random_nests())
def test_random_nests(program: GirProgram) -> None:
    """Random placed kernels mean and move the same, with as many lanes as there are."""
    after = check_unchanged(
        tiled(program.text), program.inputs, "sm_90", "gir-lane-layouts{machine=sm_90}", "canonicalize", "cse"
    )
    check_lanes(after, 32)
    with pytest.MonkeyPatch.context() as patch:
        check_aligned(after, program.inputs, "sm_90", patch)


def test_wide_accesses_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A width that addresses don't allow is found out: it is what the tests above rest on."""
    text = """func.func @main(%x: memref<66xf32>, %y: memref<64xf32>) {
  gir.kernel "k" (%a = %x : memref<66xf32>, %b = %y : memref<64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) {
      %0 = gir.load %a[%c1] WIDTH : memref<66xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
      gir.store %0, %b[%c0] : tensor<64xf32, #gir.at<reg>>, memref<64xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}"""
    inputs = (np.zeros(66, np.float32), np.zeros(64, np.float32))
    found = run_passes(text.replace("WIDTH", ""), "gir-lane-layouts{machine=sm_90}")
    assert sorted(widths(found).values()) == [1, 2]
    with pytest.raises(AssertionError):
        check_aligned(run_passes(text.replace("WIDTH", "{gir.vector_width = 2 : i64}")), inputs, "sm_90", monkeypatch)
