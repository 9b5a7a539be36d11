"""Programs in files, counted on several machines: views at each level, and several spaces of one level."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_ledger_interpreter import check, check_cleaning

from powerfusion.errors import UnsupportedError
from powerfusion.frontend.source import read_module
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import ledger_of

COUNTED = sorted((Path(__file__).parent / "fixtures" / "counted").glob("*.mlir"))
FIVE_SPACES = Path(__file__).parents[2] / "examples" / "machines" / "five_spaces.toml"
MACHINES = ("cpu", "sm_90", "gfx942", "mlu372", FIVE_SPACES)


def inputs_of(module: ir.Module) -> list[Any]:
    """Arrays for a program of f32."""
    rng = np.random.default_rng(0)
    types = next(iter(module.body)).type.inputs  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    return [rng.standard_normal(ir.ShapedType(type_).shape).astype(np.float32) for type_ in types]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


@pytest.mark.parametrize("path", COUNTED, ids=lambda path: path.stem)
def test_static_is_interpreted(path: Path) -> None:
    module = read_module(path.read_text())
    needs_spaces = "space =" in path.read_text()
    for name in MACHINES[-1:] if needs_spaces else MACHINES:
        check(module, inputs_of(module), find(name))


@pytest.mark.parametrize("path", COUNTED, ids=lambda path: path.stem)
def test_cleaning_keeps_ledger_and_peaks(path: Path) -> None:
    module = read_module(path.read_text())
    if "space =" not in path.read_text():
        check_cleaning(module, inputs_of(module))


def test_moves_between_spaces_at_reg_count() -> None:
    """240 elements go from nram to acc and back, and the adder's space takes them twice."""
    module = read_module(next(path for path in COUNTED if path.stem == "accumulator_placed").read_text())
    entries = ledger_of(module, find(FIVE_SPACES)).entries
    acc = {(entry.op, entry.direction): entry.useful for entry in entries if entry.space == "acc"}
    assert acc == {("gir.move", "read"): 960, ("gir.move", "write"): 960}


REPEATED = """
func.func @main(%x: memref<3x8xf32>, %y: memref<3x8xf32>) {
  gir.kernel "k" (%a = %x : memref<3x8xf32>, %b = %y : memref<3x8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    gir.parallel <group> (%g) in (%c1) {
      %end = scf.while (%i = %c0) : (index) -> index {
        %more = arith.cmpi slt, %i, %c3 : index
        scf.condition(%more) %i : index
      } do {
      ^bb0(%i: index):
        %0 = gir.load %a[%i, %c0] : memref<3x8xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
        gir.store %0, %b[%i, %c0] : tensor<1x8xf32, #gir.at<reg>>, memref<3x8xf32, #gir.at<dram>>
        %next = arith.addi %i, %c1 : index
        scf.yield %next : index
      }
    }
  }
  return
}"""


def test_what_cannot_be_counted_is_refused() -> None:
    """A loop of unknown trips isn't passed over as if it moved nothing."""
    with pytest.raises(UnsupportedError, match=r"'scf.while' repeats") as raised:
        ledger_of(read_module(REPEATED), find("cpu"))
    assert raised.value.location is not None


def test_what_is_not_known_is_said_with_its_place() -> None:
    """A reshape of an open size in a placed kernel: an error of ours at a location, not one of the ledger's own."""
    text = """
func.func @main(%x: tensor<?x4xf32>, %n: index) -> tensor<?xf32> {
  %y = gir.kernel "k" (%a = %x : tensor<?x4xf32>, %w = %n : index) sizes(%n)
      nest <[f = ? : 64 : 64 : 8]> -> (tensor<?xf32>) {
    %0 = gir.move %a over ["", ""] : tensor<?x4xf32, #gir.at<dram>> -> tensor<?x4xf32, #gir.at<reg>>
    %1 = gir.reshape %0 sizes(%w) : tensor<?x4xf32, #gir.at<reg>> -> tensor<?xf32, #gir.at<reg>>
    %2 = gir.move %1 over ["f"] : tensor<?xf32, #gir.at<reg>> -> tensor<?xf32, #gir.at<dram>>
    gir.return %2 : tensor<?xf32, #gir.at<dram>>
  }
  return %y : tensor<?xf32>
}"""
    with pytest.raises(UnsupportedError) as raised:
        ledger_of(read_module(text), find("cpu"), {1: 32})
    assert raised.value.location is not None
