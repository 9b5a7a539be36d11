"""What simplify promises beyond what merging does: statistics in f32, views inside of kernels, time."""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import numpy as np
import pytest

import powerfusion as pf
from powerfusion.reference import interpret

VARIANCE = """
#id = affine_map<(d0,d1)->(d0,d1)>
#row = affine_map<(d0,d1)->(d0)>
#r = affine_map<(d0)->(d0)>
func.func @main(%x: tensor<64xNxf32>) -> tensor<64xf32> {
  %z = arith.constant 0.0 : f64
  %n = arith.constant N.0 : f64
  %e = tensor.empty() : tensor<64xf64>
  %w = tensor.empty() : tensor<64xNxf64>
  %f = linalg.fill ins(%z : f64) outs(%e : tensor<64xf64>) -> tensor<64xf64>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel","parallel"]} ins(%x : tensor<64xNxf32>) outs(%w : tensor<64xNxf64>) {
  ^bb0(%a: f32, %o: f64):
    %c = arith.extf %a : f32 to f64
    linalg.yield %c : f64 } -> tensor<64xNxf64>
  %1 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel","reduction"]} ins(%0 : tensor<64xNxf64>) outs(%f : tensor<64xf64>) {
  ^bb0(%a: f64, %o: f64):
    %c = arith.addf %a, %o : f64
    linalg.yield %c : f64 } -> tensor<64xf64>
  %2 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel","parallel"]} ins(%0, %1 : tensor<64xNxf64>, tensor<64xf64>) outs(%w : tensor<64xNxf64>) {
  ^bb0(%a: f64, %m: f64, %o: f64):
    %q = arith.divf %m, %n : f64
    %c = arith.subf %a, %q : f64
    %d = arith.mulf %c, %c : f64
    linalg.yield %d : f64 } -> tensor<64xNxf64>
  %3 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel","reduction"]} ins(%2 : tensor<64xNxf64>) outs(%f : tensor<64xf64>) {
  ^bb0(%a: f64, %o: f64):
    %c = arith.addf %a, %o : f64
    linalg.yield %c : f64 } -> tensor<64xf64>
  %g = tensor.empty() : tensor<64xf32>
  %4 = linalg.generic {indexing_maps = [#r, #r], iterator_types = ["parallel"]} ins(%3 : tensor<64xf64>) outs(%g : tensor<64xf32>) {
  ^bb0(%a: f64, %o: f32):
    %q = arith.divf %a, %n : f64
    %c = arith.truncf %q : f64 to f32
    linalg.yield %c : f32 } -> tensor<64xf32>
  return %4 : tensor<64xf32>
}
"""


@pytest.mark.parametrize("mean", [0, 1, 1000, 10000])
def test_variance_without_its_detour_is_within_the_tolerance(mean: int) -> None:
    """Decision 0020: computed in f32, a variance is as right as the project promises, also far from zero."""
    count = 4096
    executable = pf.compile(VARIANCE.replace("N", str(count)))
    assert "f64" not in executable.ir("simplify")
    rows = (np.random.default_rng(0).standard_normal((64, count)) + mean).astype(np.float32)
    np.testing.assert_allclose(executable(rows), rows.astype(float).var(1), rtol=1e-5)


NOTHING = """
#map = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @main(%x: tensor<3x?xi32>, %y: tensor<3x?xi32>) -> (tensor<3x?xi32>, tensor<3xi32>) {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i32
  %n = tensor.dim %x, %c1 : tensor<3x?xi32>
  %e = tensor.empty(%n) : tensor<3x?xi32>
  %s = tensor.empty() : tensor<3xi32>
  %f = linalg.fill ins(%zero : i32) outs(%s : tensor<3xi32>) -> tensor<3xi32>
  %0 = linalg.copy ins(%x : tensor<3x?xi32>) outs(%e : tensor<3x?xi32>) -> tensor<3x?xi32>
  %1 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%0, %x : tensor<3x?xi32>, tensor<3x?xi32>) outs(%e : tensor<3x?xi32>) {
  ^bb0(%a: i32, %b: i32, %o: i32):
    %r = arith.xori %a, %b : i32
    linalg.yield %r : i32 } -> tensor<3x?xi32>
  %2 = linalg.generic {indexing_maps = [#map, #map, #row], iterator_types = ["parallel", "reduction"]} ins(%1, %y : tensor<3x?xi32>, tensor<3x?xi32>) outs(%f : tensor<3xi32>) {
  ^bb0(%a: i32, %b: i32, %o: i32):
    %m = arith.maxsi %a, %b : i32
    %r = arith.addi %m, %o : i32
    linalg.yield %r : i32 } -> tensor<3xi32>
  return %1, %2 : tensor<3x?xi32>, tensor<3xi32>
}
"""


@pytest.mark.parametrize("count", [5, 1, 0, 40])
def test_what_folds_to_nothing_keeps_its_size(count: int) -> None:
    """`x ^ x` of a dynamic shape is as many zeros as before, interpreted and compiled."""
    executable = pf.compile(NOTHING)
    text = executable.ir("simplify")
    assert "arith.xori" not in text
    assert "arith.constant dense<0> : tensor<3x?" not in text
    x, y = (np.random.default_rng(s).integers(-9, 9, (3, count)).astype(np.int32) for s in (0, 1))
    found = [executable(x, y), interpret(executable.module("simplify"), [x, y]).results]
    for zeros, sums in found:
        np.testing.assert_array_equal(zeros, np.zeros_like(x))
        np.testing.assert_array_equal(sums, np.maximum(y, 0).sum(1, dtype=np.int32))
