"""A turned neighbourhood holds the elements that it held, for every stride, dilation and rest."""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import itertools

import numpy as np
import pytest

from powerfusion.frontend.source import read_module
from powerfusion.mlir.passmanager import PassManager
from powerfusion.reference import interpret

KERNEL = """
func.func @main(%x: tensor<{n}x6xf32>) -> tensor<{o}x{p}x{w}x{q}xf32> {{
  %0 = gir.kernel "windows" (%a = %x : tensor<{n}x6xf32>) -> (tensor<{o}x{p}x{w}x{q}xf32>) {{
    %1 = gir.move %a : tensor<{n}x6xf32, #gir.at<dram>> -> tensor<{n}x6xf32, #gir.at<reg>>
    %2 = gir.window %1 dims [0, 1] sizes [{w}, {q}] strides [{s}, 1] dilations [{d}, 1] : tensor<{n}x6xf32, #gir.at<reg>> -> tensor<{o}x{p}x{w}x{q}xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<{o}x{p}x{w}x{q}xf32, #gir.at<reg>> -> tensor<{o}x{p}x{w}x{q}xf32, #gir.at<dram>>
    gir.return %3 : tensor<{o}x{p}x{w}x{q}xf32, #gir.at<dram>>
  }}
  return %0 : tensor<{o}x{p}x{w}x{q}xf32>
}}
"""
CASES = [
    (count, size, stride, dilation, rest, inner)
    for count, size, stride, dilation in itertools.product((1, 3), (1, 3, 7), (1, 2), (1, 3))
    for rest in {0, stride - 1}
    for inner in (2, 5)
]


@pytest.mark.parametrize(("count", "size", "stride", "dilation", "rest", "inner"), CASES)
def test_turned(count: int, size: int, stride: int, dilation: int, rest: int, inner: int) -> None:
    """`y[o, .., w, ..] = x[o * stride + w * dilation, ..]`, and it is turned where it is long and nothing is left."""
    extent = (count - 1) * stride + (size - 1) * dilation + 1 + rest
    text = KERNEL.format(n=extent, o=count, p=7 - inner, w=size, q=inner, s=stride, d=dilation)
    module = read_module(text)
    with module.context:
        PassManager.parse("builtin.module(gir-turn-windows)").run(module.operation)
    x = np.arange(extent * 6, dtype=np.float32).reshape(extent, 6)
    rows = np.arange(count)[:, None] * stride + np.arange(size) * dilation
    columns = np.arange(7 - inner)[:, None] + np.arange(inner)
    (found,) = interpret(module, [x]).results
    np.testing.assert_array_equal(found, x[rows[:, None, :, None], columns[None, :, None, :]])
    turned = (size > count and rest == 0) or inner > 7 - inner
    assert ("gir.permute" in str(module)) == turned
