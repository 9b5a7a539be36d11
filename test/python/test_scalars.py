"""Single elements taken out of tensors, and how errors name a line of a stack of calls."""

from __future__ import annotations

import numpy as np
import pytest

import powerfusion as pf
from powerfusion.errors import location_text

CHOOSE = """
func.func @choose(%x: tensor<4xf32>, %limit: tensor<f32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %flags = tensor.empty() : tensor<i1>
  %flag = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
      ins(%limit : tensor<f32>) outs(%flags : tensor<i1>) {
  ^bb0(%a: f32, %unused: i1):
    %r = arith.cmpf ogt, %a, %zero : f32
    linalg.yield %r : i1
  } -> tensor<i1>
  %one = tensor.extract %flag[] : tensor<i1>
  %init = tensor.empty() : tensor<4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%a: f32, %unused: f32):
    %r = arith.select %one, %a, %zero : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}
"""


@pytest.mark.parametrize("limit", [1.0, -1.0])
def test_a_flag_that_was_computed_is_taken_out(limit):
    """In memory it is a byte; JAX's variance has one."""
    x = np.arange(4, dtype=np.float32)
    np.testing.assert_array_equal(pf.compile(CHOOSE)(x, np.float32(limit)), x if limit > 0 else np.zeros(4))


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ('loc("in.mlir":3:10)', "in.mlir:3:10"),
        ('loc("-":3:10)', "<text>:3:10"),
        ('loc(callsite("/lib/site-packages/torch/f.py":3:0 at "model.py":8:0))', "model.py:8:0"),
        ('loc(callsite("own.py":3:0 at "model.py":8:0))', "own.py:3:0"),
        (
            'loc(callsite("/lib/site-packages/a.py":3:0 at "/lib/site-packages/b.py":8:0))',
            "/lib/site-packages/a.py:3:0",
        ),
        ("loc(unknown)", "unknown"),
    ],
)
def test_a_location_is_the_users_line(location, text):
    assert location_text(location) == text
