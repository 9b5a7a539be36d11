"""Counts of programs whose sizes are open: formulas that give what the known sizes give, or bounds that hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from programs import MODULES, programs
from programs.check import FULL
from programs.program import Program
from test_ledger_interpreter import PHASES, given_by

import powerfusion as pf
from powerfusion.errors import UnsupportedError
from powerfusion.frontend.source import read_module
from powerfusion.machines.host import host
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.symbolic import Count, Polynomial, ceildiv, floordiv, maximum, minimum, modulo

EVERY = 6  # of the programs with open sizes, in the short form
N = Polynomial.symbol("n")


def open_programs() -> list[Any]:
    found = [p for module in MODULES for p in programs(module.__name__.rpartition(".")[2])]
    found = [p for p in found if "?" in p.text and p.fails is None]
    return [pytest.param(p, id=p.name) for p in (found if FULL else found[::EVERY])]


def sizes_of(arrays: Sequence[Any]) -> dict[str, int]:
    """What the symbols of a program are in a call."""
    sizes: dict[str, int] = {}
    for place, array in enumerate(map(np.asarray, arrays)):
        sizes |= {f"arg{place}[{dim}]": size for dim, size in enumerate(array.shape)}
        if array.ndim == 0 and array.dtype.kind in "iu":
            sizes[f"arg{place}"] = int(array)
    return sizes


def number(count: Count, sizes: dict[str, int]) -> int:
    return count if isinstance(count, int) else count.evaluate(sizes)


@pytest.mark.parametrize("program", open_programs())
def test_formulas_give_what_known_sizes_give(program: Program) -> None:
    executable, sizes = pf.compile(program.text), sizes_of(program.inputs)
    for phase in PHASES:
        module = executable.module(phase)
        known = ledger_of(module, host(), given_by(program.inputs)).counts()
        for entry in ledger_of(module, host()).entries:
            useful, issued = known.get((entry.instruction, entry.space, entry.direction), (0, 0))
            for name, want in (("useful", useful), ("issued", issued)):
                found = number(getattr(entry, name), sizes)
                assert found >= want if name in entry.bounds else found == want


CLIPPED = """
func.func @main(%x: memref<?xf32>) {
  gir.kernel "read" (%a = %x : memref<?xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %n = memref.dim %a, %c0 : memref<?xf32, #gir.at<dram>>
    gir.parallel <group> (%g) in (%c1) {
      scf.for %j = %c0 to %n step %c32 {
        %v = affine.min affine_map<(j)[n] -> (32, n - j)>(%j)[%n]
        %0 = gir.load %a[%j] valid [%v] : memref<?xf32, #gir.at<dram>> -> tensor<32xf32, #gir.at<reg>>
      }
    }
    gir.return
  }
  return
}
"""


def test_a_sum_of_clipped_extents_is_the_extent() -> None:
    (read, write) = ledger_of(read_module(CLIPPED), host()).entries
    assert (read.space, read.useful) == ("memory", Polynomial.symbol("arg0[0]") * 4)
    assert "useful" not in read.bounds
    assert write.useful == read.useful


def test_what_is_divisible_leaves_an_atom() -> None:
    assert floordiv(N * 64 + 40, 32) == N * 2 + 1
    assert ceildiv(N * 64 + 40, 32) == N * 2 + 2
    assert modulo(N * 64 + 40, 32) == 8
    assert str(ceildiv(N, 32) * 128) == "128*ceildiv(n, 32)"


def test_atoms_are_evaluated_and_replaced() -> None:
    count = ceildiv(minimum(N, 100) + maximum(N, 7), 8) * N
    assert isinstance(count, Polynomial)
    assert count.evaluate({"n": 5}) == 2 * 5
    assert count.substitute("n", 120) == -(-220 // 8) * 120
    assert count.symbols == {"n"}


PLACED = """
func.func @main(%x: tensor<4x?xf32>, %n: index) -> tensor<4x?xf32> {
  %y = gir.kernel "abs" (%a = %x : tensor<4x?xf32>) sizes(%n)
      nest <[r = 4 : 2 : 1 : 1, c = ? : 64 : 64 : 16UPTO]> -> (tensor<4x?xf32>) {
    %0 = gir.move %a over ["r", "c"] : tensor<4x?xf32, #gir.at<dram>> -> tensor<4x?xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<4x?xf32, #gir.at<reg>>
    %2 = gir.move %1 over ["r", "c"] : tensor<4x?xf32, #gir.at<reg>> -> tensor<4x?xf32, #gir.at<dram>>
    gir.return %2 : tensor<4x?xf32, #gir.at<dram>>
  }
  return %y : tensor<4x?xf32>
}
"""


def test_an_open_size_of_a_nest_counts_at_its_bound() -> None:
    module = read_module(PLACED.replace("UPTO", " upto 640"))
    read, *_ = ledger_of(module, host()).entries
    assert (read.useful, read.bounds) == (4 * 640 * 4, {"useful", "issued", "arriving"})
    read, *_ = ledger_of(module, host(), {0: (4, 50), 1: 50}).entries
    assert (read.useful, read.bounds) == (4 * 50 * 4, frozenset())


def test_an_open_size_of_a_nest_without_a_bound_is_asked_for() -> None:
    with pytest.raises(UnsupportedError, match="the size of 'c' is open"):
        ledger_of(read_module(PLACED.replace("UPTO", "")), host())
