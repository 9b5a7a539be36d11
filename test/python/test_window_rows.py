"""What neighbourhoods are folded to on the CPU, for rows of every length, with borders, in steps that divide and don't."""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import itertools
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from tile_form import expand

import powerfusion as pf
from powerfusion.frontend.source import read_module
from powerfusion.mlir.passmanager import PassManager
from powerfusion.reference import interpret

Array = npt.NDArray[Any]
POOL = """
func.func @main(%x: tensor<{h}x{w}x{t}>) -> tensor<{oh}x{ow}x{t}> {{
  %v = arith.constant {border} : {t}
  %0 = gir.kernel "pool" (%a = %x : tensor<{h}x{w}x{t}>, %b = %v : {t}) nest <[r0 = {oh} : {oh} : {oh} : {rows}, r1 = {ow} : {ow} : {ow} : {columns}]> -> (tensor<{oh}x{ow}x{t}>) {{
    %init = arith.constant dense<{border}> : T<{oh}x{ow}x{t}>
    %1 = gir.move %a over ["", ""] : tensor<{h}x{w}x{t}, #gir.at<dram>> -> T<{h}x{w}x{t}>
    %2 = gir.pad %1 low [{pad}, {pad}] high [{pad}, {pad}] value %b : T<{h}x{w}x{t}> -> T<{ph}x{pw}x{t}>
    %3 = gir.slice %2 [0, 0] [{sh}, {sw}] [1, 1] : T<{ph}x{pw}x{t}> -> T<{sh}x{sw}x{t}>
    %4 = gir.window %3 dims [0, 1] sizes [{size}, {size}] strides [{stride}, {stride}] dilations [{dilation}, {dilation}] : T<{sh}x{sw}x{t}> -> T<{oh}x{ow}x{size}x{size}x{t}>
    %5 = gir.reduce %4 into %init dims [2, 3] kinds [#vector.kind<{kind}>] : T<{oh}x{ow}x{size}x{size}x{t}> into T<{oh}x{ow}x{t}>
    %6 = gir.move %5 over ["r0", "r1"] : T<{oh}x{ow}x{t}> -> tensor<{oh}x{ow}x{t}, #gir.at<dram>>
    gir.return %6 : tensor<{oh}x{ow}x{t}, #gir.at<dram>>
  }}
  return %0 : tensor<{oh}x{ow}x{t}>
}}
"""
KINDS = {
    "add": (np.add, "f32", "0.0"),
    "maximumf": (np.maximum, "f32", "0xFF800000"),
    "mul": (np.multiply, "f64", "1.0"),
    "minsi": (np.minimum, "i32", "2147483647"),
    "xor": (np.bitwise_xor, "i8", "0"),
}
DTYPES = {"f32": np.float32, "f64": np.float64, "bf16": ml_dtypes.bfloat16, "i32": np.int32, "i8": np.int8}
SHAPES = ((9, 20), (14, 58), (11, 130))


def _numbers(dtype: str, shape: tuple[int, ...]) -> Array:
    found = np.random.default_rng(len(dtype) + shape[-1]).integers(-4, 5, shape)
    return found.astype(DTYPES[dtype])


def _folded(x: Array, kind: str, border: float, size: int, stride: int, dilation: int) -> Array:
    """The neighbourhoods of a padded array, folded in f64, or as they are."""
    around = np.pad(x.astype(np.float64) if x.dtype.kind not in "iu" else x, size // 2, constant_values=border)
    span = dilation * (size - 1) + 1
    views = np.lib.stride_tricks.sliding_window_view(around, (span, span))[::stride, ::stride, ::dilation, ::dilation]
    return KINDS[kind][0].reduce(views.reshape(*views.shape[:2], -1), axis=-1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 2)])
def test_pools(shape: tuple[int, int], size: int, stride: int, dilation: int) -> None:
    """Each kind gives what NumPy gives, whatever a step's rows and columns are; a NaN is the maximum of what has it."""
    for number, (kind, (_, dtype, border)) in enumerate(KINDS.items()):
        x = _numbers(dtype, shape)
        if kind == "maximumf":
            x[shape[0] // 2, shape[1] // 3] = np.nan
        fill = -np.inf if kind == "maximumf" else float(border)
        wanted = _folded(x, kind, fill if x.dtype.kind == "f" else int(border), size, stride, dilation)
        oh, ow = wanted.shape
        rows, columns = ((1, ow), (2, 16), (4, ow), (1, 7), (3, 33))[(number + size + stride) % 5]
        span = dilation * (size - 1) + 1
        ph, pw = (n + 2 * (size // 2) for n in shape)
        text = POOL.format(
            h=shape[0], w=shape[1], ph=ph, pw=pw, oh=oh, ow=ow, t=dtype, border=border, kind=kind, pad=size // 2,
            sh=(oh - 1) * stride + span, sw=(ow - 1) * stride + span, size=size, stride=stride, dilation=dilation,
            rows=min(rows, oh), columns=min(columns, ow),
        )  # fmt: skip
        np.testing.assert_array_equal(pf.compile(expand(text))(x), wanted.astype(x.dtype), err_msg=kind)


def test_narrow_sums_are_rounded_once() -> None:
    """A sum of 25 in bf16 is that in f32, rounded: not one rounded at each step."""
    x = (np.random.default_rng(3).random((24, 70)) + 1).astype(ml_dtypes.bfloat16)
    wanted = _folded(x, "add", 0, 5, 1, 1)
    text = POOL.format(
        h=24, w=70, ph=28, pw=74, sh=28, sw=74, oh=24, ow=70, t="bf16", border="0.0", kind="add", pad=2,
        size=5, stride=1, dilation=1, rows=2, columns=70,
    )  # fmt: skip
    found = pf.compile(expand(text))(x)
    exact = wanted.astype(np.float32).astype(ml_dtypes.bfloat16)
    assert np.mean(found == exact) > 0.99
    np.testing.assert_allclose(found.astype(np.float64), wanted, rtol=2**-8)


@pytest.mark.parametrize(("count", "size", "stride"), list(itertools.product((9, 32, 50), (2, 3, 7, 24, 64), (1, 2))))
@pytest.mark.parametrize("kind", ["add", "maximumf"])
def test_folding_means_the_same(count: int, size: int, stride: int, kind: str) -> None:
    """To the interpreter a program is the same before and after its windows are folded and its loops split."""
    length = (count - 1) * stride + size
    text = expand(f"""
func.func @main(%x: memref<4x{length}xf32>, %y: memref<4x{count}xf32>) {{
  gir.kernel "fold" (%a = %x : memref<4x{length}xf32>, %b = %y : memref<4x{count}xf32>) -> () {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %init = arith.constant dense<2.0> : T<1x{count}xf32>
    scf.for %i = %c0 to %c4 step %c1 {{
      %t = gir.load %a[%i, %c0] : D<4x{length}xf32> -> T<1x{length}xf32>
      %w = gir.window %t dims [1] sizes [{size}] strides [{stride}] dilations [1] : T<1x{length}xf32> -> T<1x{count}x{size}xf32>
      %r = gir.reduce %w into %init dims [2] kinds [#vector.kind<{kind}>] : T<1x{count}x{size}xf32> into T<1x{count}xf32>
      gir.store %r, %b[%i, %c0] : T<1x{count}xf32>, D<4x{count}xf32>
    }}
    gir.return
  }}
  return
}}
""")
    x = _numbers("f32", (4, length))
    given = np.zeros((4, count), np.float32)
    module = read_module(text)
    with module.context:
        _, before = interpret(module, [x, given]).arguments
        PassManager.parse("builtin.module(gir-split-loops,gir-fold-windows)").run(module.operation)
        _, after = interpret(module, [x, given]).arguments
    np.testing.assert_array_equal(after, before)
    pf.compile(text)(x, given)
    np.testing.assert_array_equal(given, before)
