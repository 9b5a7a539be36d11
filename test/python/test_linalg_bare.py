"""`arith` and `math` straight on tensors of the function, without linalg around them."""

from __future__ import annotations

import numpy as np
import pytest

import powerfusion as pf

CHAIN = """
func.func @main(%x: tensor<3x?xf32>, %y: tensor<3x?xf32>) -> (tensor<3x?xf32>, tensor<3x?xi1>) {
  %0 = arith.addf %x, %y : tensor<3x?xf32>
  %1 = math.exp %0 : tensor<3x?xf32>
  %2 = arith.cmpf ogt, %1, %x : tensor<3x?xf32>
  %3 = arith.select %2, %1, %y : tensor<3x?xi1>, tensor<3x?xf32>
  return %3, %2 : tensor<3x?xf32>, tensor<3x?xi1>
}
"""

SPLAT = """
func.func @main(%x: tensor<8xi32>) -> tensor<8xf64> {
  %c = arith.constant dense<3> : tensor<8xi32>
  %0 = arith.muli %x, %c : tensor<8xi32>
  %1 = arith.sitofp %0 : tensor<8xi32> to tensor<8xf64>
  return %1 : tensor<8xf64>
}
"""


@pytest.mark.parametrize("columns", [0, 1, 17, 64])
def test_chain_is_one_kernel(columns: int) -> None:
    executable = pf.compile(CHAIN)
    x, y = np.random.default_rng(columns).standard_normal((2, 3, columns)).astype(np.float32)
    chosen, flags = executable(x, y)
    e = np.exp(x.astype(np.float64) + y)
    np.testing.assert_array_equal(flags, e > x)
    np.testing.assert_allclose(chosen, np.where(e > x, e, y), rtol=1e-5)
    assert len(executable.report().kernels) == 1


def test_constant_of_one_value_takes_no_memory() -> None:
    executable = pf.compile(SPLAT)
    x = np.arange(-4, 4, dtype=np.int32)
    np.testing.assert_array_equal(executable(x), 3.0 * x)
    assert executable.report().dram_bytes == 8 * 4 + 8 * 8
