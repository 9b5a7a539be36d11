"""What simplify promises beyond what merging does: statistics in f32, views inside of kernels, time."""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import numpy as np
import pytest

import powerfusion as pf

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
