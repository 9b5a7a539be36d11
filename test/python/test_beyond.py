"""What tile form moves beyond once is named tensor by tensor, and adds up to what its ledger has beyond that."""

from __future__ import annotations

import re

import pytest

from placement.machines import machine_of
from placement.measure import Cell, arriving, measure
from placement.page import GOOD, reasons
from placement.route import FIRST, placed, tiled
from powerfusion.executable import compile_phases
from powerfusion.mlir import ir
from powerfusion.passes.analysis.beyond import Beyond, beyond_once
from workloads import find

CELLS = (
    ("shuffle_784x58x2", "bf16", "cpu"),
    ("max_pool", "f32", "cpu"),
    ("residual_layernorm_1000x1000", "bf16", "mlu372"),
    ("embedding_layernorm", "f32", "mlu592"),
    ("softmax_4096x1009", "f32", "sm_90"),
    ("stencil5_2_steps", "f32", "gfx90a"),
)
BEYOND = (  # more than the least at their small size, each for reasons of its own
    ("residual_layernorm_1000x1000", "bf16", "mlu372"),
    ("embedding_layernorm", "f32", "mlu592"),
    ("stencil7_2_steps", "bf16", "mlu372"),
    ("involution", "f32", "mlu592"),
    ("depthwise_bn_relu6", "f32", "gfx90a"),
    ("attention_causal", "bf16", "mlu592"),
)
WHY = re.compile(r"transactions of \d+ B|no cache stands before \w+|\w+, \d+ B, doesn't hold")


def scheduled(name: str, dtype: str, machine: str) -> ir.Module:
    """A program at its small size, as it is scheduled."""
    module = compile_phases(find(name, dtype).text("small"), FIRST, "cpu").module("simplify")
    placed(module, machine)
    tiled(module, machine)
    return module


def total(found: list[Beyond], kind: str) -> int:
    """Bytes of a kind."""
    return sum(each.bytes for each in found if each.kind == kind)


@pytest.mark.parametrize(("name", "dtype", "machine"), CELLS)
def test_parts_add_up(name: str, dtype: str, machine: str) -> None:
    """Rests and fills are those of the whole program; each says how many bytes, and why."""
    module = scheduled(name, dtype, machine)
    figures = arriving(module, machine_of(machine))
    assert figures is not None
    found = list(beyond_once(module, machine_of(machine)))
    assert total(found, "rests") == figures.arriving - figures.elements - figures.fills
    assert total(found, "fills") == figures.fills
    assert all(each.bytes > 0 and WHY.search(each.message) for each in found)


def test_what_is_whole_transactions_is_nothing_beyond() -> None:
    """A row of whole transactions that is read and written once: nothing to say."""
    text = """
    func.func @main(%x: tensor<64x256xf32>) -> tensor<64x256xf32> {
      %e = tensor.empty() : tensor<64x256xf32>
      %0 = linalg.generic {
        indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>],
        iterator_types = ["parallel", "parallel"]
      } ins(%x : tensor<64x256xf32>) outs(%e : tensor<64x256xf32>) {
      ^bb0(%a: f32, %o: f32):
        %1 = math.exp %a : f32
        linalg.yield %1 : f32
      } -> tensor<64x256xf32>
      return %0 : tensor<64x256xf32>
    }"""
    module = compile_phases(text, FIRST, "cpu").module("simplify")
    placed(module, "sm_90")
    tiled(module, "sm_90")
    assert not list(beyond_once(module, machine_of("sm_90")))


def test_each_cell_beyond_the_least_says_why() -> None:
    """Its line names bytes of a capacity or of transactions, of what rests or waits, or what was found dearer."""
    cells: list[Cell] = []
    for name, dtype, machine in BEYOND:
        cells += measure(find(name, dtype), (machine,), "small")
    over = [cell for cell in cells if cell.ratio > GOOD]
    assert len(over) >= 4
    assert all(any(re.search(r"\d+ B", said) for said in cell.blocked) for cell in over)
    assert sum(line.startswith("- **") for line in reasons(cells)) == len(over)
