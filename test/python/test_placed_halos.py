"""Windows at sram: halos that a group brings once for its units, and keeps from step to step."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
from programs.program import Program
from test_placed_tiling import counted, tiled
from test_placement import check as check_placed
from tolerance import Expected

import powerfusion as pf
from placement.route import FIRST, placed
from placement.route import tiled as tiled_for
from powerfusion.executable import compile_phases
from powerfusion.frontend.source import read_module
from powerfusion.machines import find
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.reference import interpret
from workloads import find as workload

MACHINE = find("mlu372")

STENCIL = """
func.func @main(%x: tensor<20x16xf32>) -> tensor<20x16xf32> {{
  %zero = arith.constant 0.0 : f32
  %0 = gir.kernel "k" (%a = %x : tensor<20x16xf32>, %z = %zero : f32) nest <[{nest}]> -> (tensor<20x16xf32>) {{
    %1 = gir.move %a over [{over}] : tensor<20x16xf32, #gir.at<dram>> -> tensor<20x16xf32, #gir.at<sram>>
    %2 = gir.move %1 : tensor<20x16xf32, #gir.at<sram>> -> tensor<20x16xf32, #gir.at<reg>>
    %3 = gir.pad %2 low [{before}, 1] high [{behind}, 1] value %z : tensor<20x16xf32, #gir.at<reg>>
      -> tensor<{rows}x18xf32, #gir.at<reg>>
    %4 = gir.slice %3 [0, 1] [20, 16] [1, 1] : tensor<{rows}x18xf32, #gir.at<reg>> -> tensor<20x16xf32, #gir.at<reg>>
    %5 = gir.slice %3 [{last}, 0] [20, 16] [1, 1] : tensor<{rows}x18xf32, #gir.at<reg>>
      -> tensor<20x16xf32, #gir.at<reg>>
    %6 = gir.slice %3 [{before}, 2] [20, 16] [1, 1] : tensor<{rows}x18xf32, #gir.at<reg>>
      -> tensor<20x16xf32, #gir.at<reg>>
    %7 = arith.addf %4, %5 : tensor<20x16xf32, #gir.at<reg>>
    %8 = arith.addf %7, %6 : tensor<20x16xf32, #gir.at<reg>>
    %9 = arith.subf %8, %2 : tensor<20x16xf32, #gir.at<reg>>
    %10 = gir.move %9 over ["r", "c"] : tensor<20x16xf32, #gir.at<reg>> -> tensor<20x16xf32, #gir.at<dram>>
    gir.return %10 : tensor<20x16xf32, #gir.at<dram>>
  }}
  return %0 : tensor<20x16xf32>
}}
"""
ROWS = '"r", ""'
CASES = [  # nest, what the buffer moves with, rows needed before and behind, rows read
    ("r = 20 : 10 : 10 : 4, c = 16 : 16 : 4 : 2", ROWS, 1, 1, 22),  # two groups read each other's edge
    ("r = 20 : 20 : 20 : 1, c = 16 : 16 : 5 : 2", ROWS, 1, 1, 20),  # two rows go on through three steps
    ("r = 20 : 20 : 20 : 3, c = 16 : 16 : 4 : 4", ROWS, 2, 2, 20),  # four rows go on in pieces of three
    ("r = 20 : 20 : 20 : 6, c = 16 : 16 : 16 : 4", ROWS, 3, 0, 20),  # one unit
    ("r = 20 : 12 : 12 : 5, c = 16 : 16 : 6 : 6", ROWS, 0, 2, 22),  # units that don't divide, steps that don't
    ("r = 20 : 7 : 7 : 7, c = 16 : 16 : 4 : 2", ROWS, 1, 1, 24),  # one step: nothing slides
    ("r = 20 : 20 : 10 : 4, c = 16 : 16 : 16 : 16", '"", ""', 1, 1, 20),  # all of it is there, for steps anywhere
    ("r = 20 : 10 : 3 : 3, c = 16 : 16 : 16 : 4", ROWS, 1, 1, 22),  # units share the rows
]


def expected(x: np.ndarray, before: int, behind: int) -> np.ndarray:
    """Sums of neighbours, less the element itself."""
    around = np.pad(x, ((before, behind), (1, 1)))
    last = before + behind
    return around[:20, 1:17] + around[last : last + 20, :16] + around[before : before + 20, 2:] - x


def moved(module: ir.Module) -> Counter[tuple[str, str]]:
    """Useful bytes by space and direction."""
    found = Counter[tuple[str, str]]()
    for entry in ledger_of(module, MACHINE).entries:
        assert isinstance(entry.useful, int)
        found[entry.space, entry.direction] += entry.useful
    return found


@pytest.mark.parametrize(("nest", "over", "before", "behind", "rows"), CASES)
def test_halos_come_once(nest: str, over: str, before: int, behind: int, rows: int) -> None:
    """A group reads each row once; both forms mean the same and move the same, in the ledger and the interpreter."""
    padded = {"before": before, "behind": behind, "last": before + behind, "rows": 20 + before + behind}
    text = STENCIL.format(nest=nest, over=over, **padded)
    x = np.random.default_rng(0).standard_normal((20, 16)).astype(np.float32)
    graph, (tile, remarks) = read_module(text), tiled(text)
    assert not remarks
    runs = [interpret(module, [x], machine=MACHINE) for module in (graph, tile)]
    for run, module in zip(runs, (graph, tile), strict=True):
        np.testing.assert_array_equal(run.results[0], expected(x, before, behind))
        for key, figures in ledger_of(module, MACHINE).counts().items():
            assert figures == (run.counts[key].useful, run.counts[key].issued)
    assert moved(graph) == moved(tile)
    assert counted(runs[0]) == counted(runs[1])
    assert moved(graph)["gdram", "read"] == rows * 16 * 4
    np.testing.assert_array_equal(pf.compile(text)(x), expected(x, before, behind))


def test_parts_that_lie_apart_stay_out() -> None:
    """What units need isn't one piece where each goes through several steps of its own."""
    nest = "r = 20 : 20 : 10 : 1, c = 16 : 16 : 16 : 16"
    _, remarks = tiled(STENCIL.format(nest=nest, over=ROWS, before=1, behind=1, last=2, rows=22))
    assert remarks == ["the kernel isn't tiled by its nest: halos of units whose steps lie apart"]


def tight(nram_bytes: int, sram_bytes: int) -> Machine:
    """An MLU of less memory."""
    sizes = {"nram": nram_bytes, "sram": sram_bytes}
    spaces = [
        dataclasses.replace(space, capacity_bytes=sizes[space.name], reserve_bytes=0) if space.name in sizes else space
        for space in MACHINE.spaces
    ]
    return dataclasses.replace(MACHINE, spaces=tuple(spaces))


@pytest.mark.parametrize(
    ("name", "nram", "sram"),
    [
        ("stencil5_1_step", 2048, 4096),
        ("stencil5_2_steps", 4096, 4096),
        ("stencil7_1_step", 4096, 3072),
        ("stencil7_2_steps", 4096, 6144),
    ],
)
def test_stencils_slide(name: str, nram: int, sram: int) -> None:
    """Groups slide along rows that don't fit where units compute: each group reads each row that it needs once."""
    program = workload(name, "f32")
    inputs = program.inputs("small")
    machine = tight(nram, sram)

    def meaning(*arrays: np.ndarray) -> Expected:
        return Expected(program.meaning(*arrays), scale=program.scale)

    found = check_placed(Program(name, program.text("small"), inputs, meaning, roundings=program.roundings), machine)
    (choice,) = found.answer.choices
    assert choice.form is not None
    assert choice.form.peak, "halos are at sram"
    tile, remarks = tiled(str(found.after))
    assert not remarks
    assert moved(tile) == moved(found.after)
    run = interpret(tile, inputs, machine=machine)
    before = interpret(found.after, inputs, machine=machine)
    assert counted(run) == counted(before)
    np.testing.assert_array_equal(run.results[0], before.results[0])
    halo = int(name[-7] if name.endswith("steps") else name[-6])
    (x,) = inputs
    groups = -(-x.shape[0] // choice.form.nest[0].per_group)
    rows = x.shape[0] + 2 * halo * (groups - 1)
    assert moved(tile)["gdram", "read"] == rows * x.nbytes // x.shape[0]


def test_only_what_tiling_covers_is_shared() -> None:
    """Units whose steps of several elements lie apart can't share what is at sram, and don't: the nest is kept."""
    module = compile_phases(workload("involution", "bf16").text("full"), FIRST, "cpu").module("simplify")
    placed(module, "gfx90a", "time")
    assert not [remark for remark in tiled_for(module, "gfx90a") if "isn't tiled by its nest" in remark]
