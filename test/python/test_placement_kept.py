"""Rows that don't fit at sram stay in the registers of a group's units: each has its part, over all passes.

The machine is a gfx90a with next to no LDS, so that whatever rests rests in registers, or is loaded again; and with two
compute units, so that few rows keep it busy.
"""

from __future__ import annotations

import dataclasses
import datetime
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from programs.check import FULL
from programs.program import Program
from test_fusion_random import Drawn, merging_programs
from test_placed_tiling import tiled
from test_placement import Placed, check, softmax

from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.passes.placement.model import Where
from powerfusion.symbolic import Count, total

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
GFX90A = find("gfx90a")
NO_LDS = dataclasses.replace(
    GFX90A,
    spaces=tuple(
        dataclasses.replace(space, capacity_bytes=64) if space.level == "sram" else space for space in GFX90A.spaces
    ),
    scopes=tuple(
        dataclasses.replace(limits, count=2) if limits.scope == "group" else limits for limits in GFX90A.scopes
    ),
)


TIGHT = dataclasses.replace(
    NO_LDS,
    spaces=tuple(
        dataclasses.replace(space, capacity_bytes=20 << 10, pool_bytes=160 << 10) if space.level == "reg" else space
        for space in NO_LDS.spaces
    ),
)
"""Its units hold a row's part, but not as much again of what is computed from it."""
ONE_LANE = dataclasses.replace(
    NO_LDS,
    scopes=tuple(
        dataclasses.replace(limits, count=1) if limits.scope == "lane" else limits for limits in NO_LDS.scopes
    ),
)
"""Its steps are so short that small rows have several."""


def keeps(found: Placed) -> bool:
    """Whether something is kept over passes."""
    forms = [choice.form for choice in found.answer.choices if choice.form is not None]
    return any(step.where is Where.KEEP for form in forms for step in form.steps)


def dram_bytes(module: ir.Module, found: Placed, shapes: dict[int, tuple[int, ...]] | None = None) -> Count:
    """Useful bytes of DRAM, of the kernels that have a nest."""
    names = {ir.StringAttr(op.attributes["kernel_name"]).value for op in found.kernels if "nest" in op.attributes}
    entries = ledger_of(module, NO_LDS, shapes or {}).entries
    return total(entry.useful for entry in entries if entry.level == "dram" and entry.kernel in names)


def check_kept(program: Program, machine: Machine = NO_LDS) -> tuple[Placed, ir.Module]:
    """Results and bytes as promised; where something is kept, as many of DRAM in tile form, which is given too."""
    found = check(program, machine)
    module, remarks = tiled(str(found.after))
    if keeps(found):
        assert not remarks
        shapes = {at: np.shape(array) for at, array in enumerate(program.inputs)}
        assert dram_bytes(module, found, shapes) == dram_bytes(found.after, found, shapes)
    return found, module


def check_one_kernel(program: Program, least: int, machine: Machine = NO_LDS) -> Placed:
    """A program is one kernel that moves the least, in as many registers as it promised."""
    found, module = check_kept(program, machine)
    (form,) = [choice.form for choice in found.answer.choices]
    assert form is not None
    assert dram_bytes(found.after, found) == least
    held = ledger_of(module, machine).peaks["vgpr"]
    assert isinstance(held, int)
    assert held <= form.peak_reg
    return found


@pytest.mark.parametrize(("rows", "columns"), [(3, 32768), (2, 4096), (5, 1009)])
def test_a_long_row_is_read_once(rows: int, columns: int) -> None:
    """Read and written once: by units that each have a part of it, or by one that has all of it."""
    check_one_kernel(softmax(rows, columns), 2 * rows * columns * 4)


def moments(images: int, channels: int, size: int) -> Program:
    """Each channel of some images less its mean, over the root of its variance; and both of these."""
    text = MOMENTS.format(n=images, c=channels, s=size, count=float(images * size))

    def reference(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = x.mean((0, 2))
        spread = ((x - mean[:, None]) ** 2).mean((0, 2))
        return (x - mean[:, None]) * spread[:, None], mean

    x = np.random.default_rng(images).standard_normal((images, channels, size)).astype(np.float32)
    return Program("moments", text, (x,), reference, roundings=256)


MOMENTS = """
#x = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#c = affine_map<(d0, d1, d2) -> (d1)>
#m = affine_map<(d0) -> (d0)>
func.func @main(%x: tensor<{n}x{c}x{s}xf32>) -> (tensor<{n}x{c}x{s}xf32>, tensor<{c}xf32>) {{
  %zero = arith.constant 0.0 : f32
  %count = arith.constant {count} : f32
  %ec = tensor.empty() : tensor<{c}xf32>
  %e = tensor.empty() : tensor<{n}x{c}x{s}xf32>
  %z = linalg.fill ins(%zero : f32) outs(%ec : tensor<{c}xf32>) -> tensor<{c}xf32>
  %sum = linalg.generic {{indexing_maps = [#x, #c], iterator_types = ["reduction", "parallel", "reduction"]}}
    ins(%x : tensor<{n}x{c}x{s}xf32>) outs(%z : tensor<{c}xf32>) {{
  ^bb0(%a: f32, %u: f32):
    %b = arith.addf %a, %u : f32
    linalg.yield %b : f32
  }} -> tensor<{c}xf32>
  %mean = linalg.generic {{indexing_maps = [#m, #m], iterator_types = ["parallel"]}}
    ins(%sum : tensor<{c}xf32>) outs(%ec : tensor<{c}xf32>) {{
  ^bb0(%a: f32, %u: f32):
    %b = arith.divf %a, %count : f32
    linalg.yield %b : f32
  }} -> tensor<{c}xf32>
  %squares = linalg.generic {{indexing_maps = [#x, #c, #c], iterator_types = ["reduction", "parallel", "reduction"]}}
    ins(%x, %mean : tensor<{n}x{c}x{s}xf32>, tensor<{c}xf32>) outs(%z : tensor<{c}xf32>) {{
  ^bb0(%a: f32, %v: f32, %u: f32):
    %b = arith.subf %a, %v : f32
    %d = arith.mulf %b, %b : f32
    %f = arith.addf %d, %u : f32
    linalg.yield %f : f32
  }} -> tensor<{c}xf32>
  %y = linalg.generic {{indexing_maps = [#x, #c, #c, #x], iterator_types = ["parallel", "parallel", "parallel"]}}
    ins(%x, %mean, %squares : tensor<{n}x{c}x{s}xf32>, tensor<{c}xf32>, tensor<{c}xf32>)
    outs(%e : tensor<{n}x{c}x{s}xf32>) {{
  ^bb0(%a: f32, %v: f32, %q: f32, %o: f32):
    %b = arith.subf %a, %v : f32
    %d = arith.divf %q, %count : f32
    %f = arith.mulf %b, %d : f32
    linalg.yield %f : f32
  }} -> tensor<{n}x{c}x{s}xf32>
  return %y, %mean : tensor<{n}x{c}x{s}xf32>, tensor<{c}xf32>
}}
"""


@pytest.mark.parametrize("machine", [NO_LDS, TIGHT], ids=["roomy", "tight"])
def test_units_share_what_only_one_of_the_results_runs_over(machine: Machine) -> None:
    """The mean of a channel runs over rows alone: units have parts of its images all the same, and one stores it.

    They keep what they read, and go through it step by step.
    """
    images, channels, size = 32, 4, 784
    least = 2 * images * channels * size * 4 + channels * 4
    assert keeps(check_one_kernel(moments(images, channels, size), least, machine))


@pytest.mark.timeout(3600 if FULL else 240)
def test_random_normalisations_mean_the_same() -> None:
    """Programs full of reductions that are spread again."""

    @seed(SEED)
    @settings(max_examples=300 if FULL else 6, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(drawn=merging_programs())
    def check_drawn(drawn: Drawn) -> None:
        note(f"PF_TEST_SEED={SEED}\n{drawn.program.text}")
        if not drawn.program.fails:
            check_kept(drawn.program, ONE_LANE)

    check_drawn()
