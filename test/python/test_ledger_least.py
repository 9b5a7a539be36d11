"""The least bytes: library operators cut a program, contractions are held to the pebbling bound."""

from __future__ import annotations

import math

import pytest

import powerfusion as pf
from powerfusion.frontend.source import read_module
from powerfusion.passes.analysis.least_bytes import least_dram_bytes

F32 = 4
PRODUCT = """
func.func @product(%a: tensor<512x2048xf32>, %b: tensor<2048x256xf32>) -> tensor<512x256xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<512x256xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<512x256xf32>) -> tensor<512x256xf32>
  %y = linalg.matmul ins(%a, %b : tensor<512x2048xf32>, tensor<2048x256xf32>)
      outs(%i : tensor<512x256xf32>) -> tensor<512x256xf32>
  return %y : tensor<512x256xf32>
}
"""
M, N, K = 512, 256, 2048
ONCE = (M * K + K * N + M * N) * F32


def test_a_product_that_fits_on_chip_moves_once() -> None:
    assert least_dram_bytes(pf.compile(PRODUCT).module("simplify"), {}, 1 << 26) == ONCE


def test_a_product_that_does_not_fit_is_held_to_the_pebbling_bound() -> None:
    on_chip = 4096
    capacity = on_chip // F32
    bound = math.floor(2 * M * N * K / math.sqrt(capacity) - 2 * capacity) * F32
    assert bound > ONCE
    assert least_dram_bytes(pf.compile(PRODUCT).module("simplify"), {}, on_chip) == bound


def kernel(name: str, value: str, given: str) -> str:
    return f"""
  {name} = gir.kernel "abs" (%a = {value} : tensor<64xf32>) -> (tensor<64xf32>) {{
    %0 = gir.move %a : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<64xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<64xf32, #gir.at<reg>> -> tensor<64xf32, #gir.at<dram>>
    gir.return %2 : tensor<64xf32, #gir.at<dram>>
  }}""".replace("gir.kernel", given)


@pytest.mark.parametrize(
    ("middle", "times"),
    [
        pytest.param("gir.kernel", 2, id="three kernels: in once, out once"),
        pytest.param("gir.extern", 6, id="a library between two kernels: each of the three moves in and out"),
    ],
)
def test_a_library_operator_cuts_a_program(middle: str, times: int) -> None:
    body = kernel("%x", "%v", "gir.kernel") + kernel("%y", "%x", middle) + kernel("%z", "%y", "gir.kernel")
    text = f"func.func @f(%v: tensor<64xf32>) -> tensor<64xf32> {{{body}\n  return %z : tensor<64xf32>\n}}\n"
    assert least_dram_bytes(read_module(text), {}, 1 << 20) == times * 64 * F32


WINDOWS = """
func.func @f(%v: tensor<{n}xf32>) -> tensor<4x{k}xf32> {{
  %y = gir.kernel "windows" (%a = %v : tensor<{n}xf32>) -> (tensor<4x{k}xf32>) {{
    %w = gir.window %a dims [0] sizes [{k}] strides [{s}] dilations [1]
        : tensor<{n}xf32, #gir.at<dram>> -> tensor<4x{k}xf32, #gir.at<dram>>
    %0 = gir.move %w : tensor<4x{k}xf32, #gir.at<dram>> -> tensor<4x{k}xf32, #gir.at<reg>>
    %1 = gir.move %0 : tensor<4x{k}xf32, #gir.at<reg>> -> tensor<4x{k}xf32, #gir.at<dram>>
    gir.return %1 : tensor<4x{k}xf32, #gir.at<dram>>
  }}
  return %y : tensor<4x{k}xf32>
}}
"""


@pytest.mark.parametrize(("k", "s", "touched"), [(3, 1, 6), (1, 3, 4), (2, 2, 8)])
def test_windows_touch_each_element_once(k: int, s: int, touched: int) -> None:
    text = WINDOWS.format(n=3 * s + k, k=k, s=s)
    assert least_dram_bytes(read_module(text), {}, 1 << 20) == (touched + 4 * k) * F32


LOOKED_UP = """
func.func @f(%v: tensor<8xf32>) -> ({results}) {{
  %y = gir.kernel "look_up" (%a = %v : tensor<8xf32>) -> (tensor<8xf32>) {{
    %seven = arith.constant dense<7> : tensor<8xindex, #gir.at<reg>>
    %i = gir.iota dim 0 : tensor<8xindex, #gir.at<reg>>
    %j = arith.subi %seven, %i : tensor<8xindex, #gir.at<reg>>
    %0 = gir.gather %a[%j] : tensor<8xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>] -> tensor<8xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<8xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %2 : tensor<8xf32, #gir.at<dram>>
  }}
  %z = gir.kernel "slice" (%a = %y : tensor<8xf32>) -> (tensor<2xf32>) {{
    %0 = gir.slice %a [0] [2] [2] : tensor<8xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<dram>>
    %1 = gir.move %0 : tensor<2xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<2xf32, #gir.at<reg>> -> tensor<2xf32, #gir.at<dram>>
    gir.return %2 : tensor<2xf32, #gir.at<dram>>
  }}
  return {values} : {results}
}}
"""


@pytest.mark.parametrize(
    ("values", "results", "elements"),
    [
        pytest.param("%z", "tensor<2xf32>", 2 + 2, id="a part of what is looked up"),
        pytest.param("%z, %y", "tensor<2xf32>, tensor<8xf32>", 8 + 2 + 8, id="all of it, too"),
    ],
)
def test_what_is_looked_up_and_not_needed_need_not_come_in(values: str, results: str, elements: int) -> None:
    """Placing reads only the rows of a slice: a bound that counted all of them was above what is moved."""
    module = read_module(LOOKED_UP.format(values=values, results=results))
    assert least_dram_bytes(module, {}, 1 << 20) == elements * F32
