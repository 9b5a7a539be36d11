"""What was loops over elements is calls on runs: each structure by itself, right, and with few elements left over."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from simulated import DSP, compiled, moved
from test_workloads import check as check_workload

from workloads import find

MLU = "mlu:mlu372"
TARGETS = (MLU, f"file:{DSP}")
LOOP = 0.4
"""The part of the longest pipe's time that loops over elements may take."""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rope", ["NRAM2NRAM"]),  # parts of a concatenation
        ("stencil5_1_step", ["NRAM2NRAM"]),  # neighbours, and a border
        ("gpt2_decode_attention", ["__bang_mul_scalar"]),  # sums of products
        ("depthwise_bn_relu6", ["__bang_add_scalar"]),  # windows
    ],
)
def test_structures(name: str, words: list[str]) -> None:
    """By intrinsics of the machine's, with the bytes that the ledger has."""
    workload = find(name)
    program = compiled(workload.text("small"), MLU)
    inputs = workload.inputs("small")
    check_workload(workload, program(*inputs), inputs, name)
    counted, ledger = moved(program)
    assert counted == ledger
    for word in words:
        assert word in program.c_source.code


@pytest.mark.parametrize("name", ["rope", "gpt2_decode_attention"])
def test_few_elements(name: str) -> None:
    """Loops over elements aren't what a program takes any more."""
    time = compiled(find(name).text("full"), MLU).timeline()
    assert time.busy_ns.get("elements", 0) < LOOP * time.longest_ns


ERF = """
func.func @erf(%x: tensor<7x90xf32>) -> tensor<7x90xf32> {
  %e = tensor.empty() : tensor<7x90xf32>
  %0 = linalg.erf ins(%x : tensor<7x90xf32>) outs(%e : tensor<7x90xf32>) -> tensor<7x90xf32>
  return %0 : tensor<7x90xf32>
}
"""


@pytest.mark.parametrize("target", TARGETS)
def test_functions_without_an_intrinsic(target: str) -> None:
    """A polynomial of runs, right at the edges."""
    x = np.linspace(-6, 6, 7 * 90, dtype=np.float32).reshape(7, 90)
    x[0, :5] = [0.0, -0.0, math.inf, -math.inf, math.nan]
    program = compiled(ERF, target)
    (y,) = [program(x)]
    wanted = np.vectorize(math.erf)(x.astype(np.float64))
    np.testing.assert_allclose(y, wanted, rtol=2e-6, atol=1e-7)
    assert np.signbit(y[0, :2]).tolist() == [False, True]
    assert target != MLU or "pf_erf_f32" not in program.c_source.code


MATMUL = """
func.func @product(%x: tensor<{m}x{k}xf32>, %y: tensor<{k}x{n}xf32>, %z: tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32> {{
  %0 = linalg.matmul ins(%x, %y : tensor<{m}x{k}xf32>, tensor<{k}x{n}xf32>) outs(%z : tensor<{m}x{n}xf32>)
      -> tensor<{m}x{n}xf32>
  return %0 : tensor<{m}x{n}xf32>
}}
"""


SIZES = [(5, 7, 64), (3, 33, 50), (4, 64, 1), (1, 8, 96)]
ALL = [(target, *sizes) for sizes in SIZES for target in TARGETS]


@pytest.mark.parametrize(
    ("target", "m", "k", "n"), ALL if os.environ.get("PF_TEST_FULL") else [ALL[at] for at in (0, 3, 4, 7)]
)
def test_products(target: str, m: int, k: int, n: int) -> None:
    """Whatever the sizes, and what sums begin with."""
    rng = np.random.default_rng(0)
    x, y, z = (rng.standard_normal(shape, np.float32) for shape in ((m, k), (k, n), (m, n)))
    made = compiled(MATMUL.format(m=m, k=k, n=n), target)(x, y, z)
    np.testing.assert_allclose(made, x @ y + z, rtol=1e-4, atol=1e-4)


BY_ROWS = """
#x = affine_map<(m, n, k) -> (m, k)>
#y = affine_map<(m, n, k) -> (n, k)>
#z = affine_map<(m, n, k) -> (m, n)>
func.func @product(%x: tensor<4x64xf32>, %y: tensor<96x64xf32>) -> tensor<4x96xf32> {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x96xf32>
  %f = linalg.fill ins(%c : f32) outs(%e : tensor<4x96xf32>) -> tensor<4x96xf32>
  %0 = linalg.generic {indexing_maps = [#x, #y, #z], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %y : tensor<4x64xf32>, tensor<96x64xf32>) outs(%f : tensor<4x96xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %1 = arith.mulf %a, %b : f32
    %2 = arith.addf %s, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<4x96xf32>
  return %0 : tensor<4x96xf32>
}
"""


def test_products_of_rows() -> None:
    """A factor whose rows are folded is transposed first."""
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(shape, np.float32) for shape in ((4, 64), (96, 64)))
    program = compiled(BY_ROWS, MLU)
    np.testing.assert_allclose(program(x, y), x @ y.T, rtol=1e-4, atol=1e-4)
    assert "__bang_transpose" in program.c_source.code


PADDED = """
#map = affine_map<(a, b) -> (a, b)>
func.func @padded(%x: tensor<9x40xf32>) -> tensor<12x43xf32> {
  %c = arith.constant -1.5 : f32
  %p = tensor.pad %x low[1, 2] high[2, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %c : f32
  } : tensor<9x40xf32> to tensor<12x43xf32>
  %e = tensor.empty() : tensor<12x43xf32>
  %0 = linalg.exp ins(%p : tensor<12x43xf32>) outs(%e : tensor<12x43xf32>) -> tensor<12x43xf32>
  return %0 : tensor<12x43xf32>
}
"""


@pytest.mark.parametrize("target", TARGETS)
def test_borders(target: str) -> None:
    """The number outside, each element within, infinities and NaNs too."""
    x = np.random.default_rng(0).standard_normal((9, 40), np.float32)
    x[0, 0], x[-1, -1], x[4, 4] = math.nan, math.inf, -math.inf
    made = compiled(PADDED, target)(x)
    np.testing.assert_allclose(made, np.exp(np.pad(x, ((1, 2), (2, 1)), constant_values=-1.5)), rtol=1e-5)


def test_stores_lag_a_step() -> None:
    """A result is on its way while the next step computes; what is waited for is waited for before the next store."""
    program = compiled(find("softmax_4096x1024").text("full"), MLU)
    loop = program.c_source.code.split("% 3", 1)[1]
    order = [loop.index(word) for word in ("GDRAM2NRAM", "__bang_active_exphp", "__sync_io", "NRAM2GDRAM")]
    assert order == sorted(order)
    time = program.timeline()
    assert time.ns < 1.2 * time.longest_ns
