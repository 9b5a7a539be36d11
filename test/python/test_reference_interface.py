"""How `interpret` is called, and what it says where it can't be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from powerfusion.core._mlir import walk_numbered
from powerfusion.core.context import make_context
from powerfusion.errors import AssertionFailedError, InputError, SourceError, UninitialisedRead, UnsupportedError
from powerfusion.mlir import ir
from powerfusion.reference import Run, interpret

TWO = """
func.func @double(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.addf %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func private @square(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.mulf %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}"""


def run(text: str, *arrays: Any, **options: Any) -> Run:
    """Parses and interprets."""
    return interpret(ir.Module.parse(text, make_context()), arrays, **options)


def test_public_function_is_run_unless_another_is_named() -> None:
    """By default the only public one."""
    x = np.arange(4, dtype=np.float32)
    assert run(TWO, x).results[0].tolist() == [0, 2, 4, 6]
    assert run(TWO, x, function="square").results[0].tolist() == [0, 1, 4, 9]
    with pytest.raises(SourceError, match="expected a function 'cube', got double, square"):
        run(TWO, x, function="cube")
    with pytest.raises(SourceError, match="expected one public function"):
        run(TWO.replace("private ", ""), x)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ((), "expected 1 arguments, got 0"),
        ((np.zeros(4),), "expected argument 0 of dtype float32, got float64"),
        ((np.zeros(5, np.float32),), r"expected argument 0 of shape \(4,\), got \(5,\)"),
        ((np.zeros((4, 1), np.float32),), "expected argument 0 of shape"),
    ],
)
def test_arrays_that_do_not_fit(arrays: tuple[Any, ...], says: str) -> None:
    """Number, dtype and shape are checked."""
    with pytest.raises(InputError, match=says):
        run(TWO, *arrays)


def test_arguments_of_a_call_are_not_written_to() -> None:
    """A memref's array is left alone; what the program made of it is in the run."""
    text = """func.func @main(%x: memref<2xf32>, %v: f32) {
      %c1 = arith.constant 1 : index
      memref.store %v, %x[%c1] : memref<2xf32>
      return
    }"""
    x = np.zeros(2, np.float32)
    made = run(text, x, 3.0)
    assert x.tolist() == [0, 0]
    assert made.arguments[0].tolist() == [0, 3]
    assert made.results == ()


def test_op_without_meaning_is_named() -> None:
    """An op of another dialect, with its place."""
    text = """func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = linalg.exp ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }"""
    with pytest.raises(UnsupportedError, match=r"no meaning for 'linalg.exp'") as caught:
        run(text, np.zeros(4, np.float32))
    assert caught.value.location is not None


def test_type_without_numpy_type_is_named() -> None:
    """Complex numbers aren't GIR's."""
    with pytest.raises(UnsupportedError, match="got complex<f32>"):
        run("func.func @main(%x: tensor<4xcomplex<f32>>) {\nreturn\n}", np.zeros(4, np.complex64))


def test_assertion_between_kernels() -> None:
    """`cf.assert` ends the program with its own message."""
    text = 'func.func @main(%x: i1) {\ncf.assert %x, "sizes must agree"\nreturn\n}'
    run(text, True)
    with pytest.raises(AssertionFailedError, match="sizes must agree"):
        run(text, False)


def test_result_that_nothing_has_written() -> None:
    """What `tensor.empty` gives may not be returned."""
    with pytest.raises(UninitialisedRead, match=r"'main' returns element \[0\]"):
        run("func.func @main() -> tensor<4xf32> {\n%0 = tensor.empty() : tensor<4xf32>\nreturn %0 : tensor<4xf32>\n}")


def test_numbers_are_positions_in_a_walk() -> None:
    """The module is 0, and an op comes before what is in it."""
    module = ir.Module.parse(TWO, make_context())
    names = [op.name for _, op in walk_numbered(module.operation)]
    one, other = (["func.func", op, "func.return"] for op in ("arith.addf", "arith.mulf"))
    assert names == ["builtin.module", *one, *other]
    assert [number for number, _ in walk_numbered(module.operation)] == list(range(7))


def test_loops_and_branches() -> None:
    """Functions around kernels may have control flow of numbers."""
    text = """func.func @main(%n: index) -> index {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %sum = scf.for %i = %c0 to %n step %c1 iter_args(%s = %c0) -> (index) {
        %odd = arith.andi %i, %c1 : index
        %is = arith.cmpi eq, %odd, %c1 : index
        %next = scf.if %is -> (index) {
          %t = arith.addi %s, %i : index
          scf.yield %t : index
        } else {
          scf.yield %s : index
        }
        scf.yield %next : index
      }
      %r = scf.while (%w = %sum) : (index) -> index {
        %more = arith.cmpi slt, %w, %n : index
        scf.condition(%more) %w : index
      } do {
      ^bb0(%w: index):
        %t = arith.addi %w, %n : index
        scf.yield %t : index
      }
      return %r : index
    }"""
    assert int(run(text, 7).results[0]) == 9
    assert int(run(text, 2).results[0]) == 3
