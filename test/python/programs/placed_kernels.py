"""Placed kernels of every kind that tiling by a nest has to get right: borders, strides, scans, several sweeps, open sizes.

Each comes with nests whose parts don't divide. Values are whole numbers, so results are exact.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from programs.random_gir import GirProgram

Array = np.ndarray[Any, np.dtype[Any]]


def numbers(*shape: int) -> Array:
    """Small whole numbers, the same ones for a shape."""
    return np.random.default_rng(sum(shape)).integers(-4, 5, shape).astype(np.float32)


def places(text: str) -> str:
    """Types with their levels spelled out: `R<4xf32>` is at reg, `S` at sram, `D` at dram."""
    for letter, level in (("R", "reg"), ("S", "sram"), ("D", "dram")):
        parts = text.split(f"{letter}<")
        text = parts[0] + "".join(f"tensor<{part.replace('>', f', #gir.at<{level}>>', 1)}" for part in parts[1:])
    return text


def bordered() -> Iterator[tuple[str, GirProgram]]:
    """Sums of four neighbours, with a border of two before and one behind."""
    x = numbers(23)
    padded = np.pad(x, (2, 1))
    y = padded[:-3] + padded[1:-2] + padded[2:-1] + padded[3:]
    for nest in ("c = 23 : 23 : 23 : 4", "c = 23 : 8 : 8 : 3", "c = 23 : 10 : 5 : 2", "c = 23 : 4 : 1 : 1"):
        text = places(f"""func.func @main(%x: tensor<23xf32>) -> tensor<23xf32> {{
  %y = gir.kernel "bordered" (%a = %x : tensor<23xf32>) nest <[{nest}]> -> (tensor<23xf32>) {{
    %none = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : R<23xf32>
    %0 = gir.move %a over ["c"] : D<23xf32> -> R<23xf32>
    %p = gir.pad %0 low [2] high [1] value %none : R<23xf32> -> R<26xf32>
    %q = gir.window %p dims [0] sizes [4] strides [1] dilations [1] : R<26xf32> -> R<23x4xf32>
    %s = gir.reduce %q into %zero dims [1] kinds [#vector.kind<add>] : R<23x4xf32> into R<23xf32>
    %2 = gir.move %s over ["c"] : R<23xf32> -> D<23xf32>
    gir.return %2 : D<23xf32>
  }}
  return %y : tensor<23xf32>
}}""")
        yield f"bordered {nest}", GirProgram(text, (x,), (y,))


def strided() -> Iterator[tuple[str, GirProgram]]:
    """The largest of two elements that lie two apart, at every second place."""
    x = numbers(24)
    y = np.maximum(x[0:22:2], x[2:24:2])
    for nest in ("o = 11 : 11 : 11 : 3", "o = 11 : 4 : 4 : 4", "o = 11 : 6 : 2 : 1"):
        text = places(f"""func.func @main(%x: tensor<24xf32>) -> tensor<11xf32> {{
  %y = gir.kernel "strided" (%a = %x : tensor<24xf32>) nest <[{nest}]> -> (tensor<11xf32>) {{
    %low = arith.constant dense<0xFF800000> : R<11xf32>
    %0 = gir.move %a over [""] : D<24xf32> -> R<24xf32>
    %q = gir.window %0 dims [0] sizes [2] strides [2] dilations [2] : R<24xf32> -> R<11x2xf32>
    %s = gir.reduce %q into %low dims [1] kinds [#vector.kind<maximumf>] : R<11x2xf32> into R<11xf32>
    %2 = gir.move %s over ["o"] : R<11xf32> -> D<11xf32>
    gir.return %2 : D<11xf32>
  }}
  return %y : tensor<11xf32>
}}""")
        yield f"strided {nest}", GirProgram(text, (x,), (y,))


def scanned() -> Iterator[tuple[str, GirProgram]]:
    """Running sums, from either end, in one step or carried from step to step."""
    nests = (
        "r = 6 : 2 : 2 : 1, c = 50 : 50 : 50 : 16], sweep = [c",
        "r = 6 : 4 : 4 : 2, c = 50 : 50 : 50 : 7], sweep = [c",
        "r = 6 : 4 : 2 : 2, c = 50 : 50 : 50 : 50",
        "c = 50 : 50 : 50 : 16, r = 6 : 6 : 6 : 6], sweep = [c",
    )
    x = numbers(6, 50)
    for nest in nests:
        for mode in ("", "reverse", "exclusive reverse"):
            way = slice(None, None, -1 if "reverse" in mode else 1)
            y = np.cumsum(x[:, way], 1)
            y = (y - x[:, way] if "exclusive" in mode else y)[:, way]
            text = places(f"""func.func @main(%x: tensor<6x50xf32>) -> (tensor<6x50xf32>, tensor<6xf32>) {{
  %y:2 = gir.kernel "scanned" (%a = %x : tensor<6x50xf32>) nest <[{nest}]> -> (tensor<6x50xf32>, tensor<6xf32>) {{
    %zero = arith.constant dense<0.0> : R<6xf32>
    %0 = gir.move %a over ["r", "c"] : D<6x50xf32> -> R<6x50xf32>
    %s, %t = gir.scan %0 into %zero dim 1 {mode} kinds [#vector.kind<add>] : R<6x50xf32> into R<6xf32>
    %1 = gir.move %s over ["r", "c"] : R<6x50xf32> -> D<6x50xf32>
    %2 = gir.move %t over ["r"] : R<6xf32> -> D<6xf32>
    gir.return %1, %2 : D<6x50xf32>, D<6xf32>
  }}
  return %y#0, %y#1 : tensor<6x50xf32>, tensor<6xf32>
}}""")
            yield f"scanned {mode} {nest}", GirProgram(text, (x,), (y, x.sum(1)))


def swept_twice() -> Iterator[tuple[str, GirProgram]]:
    """Weighted sums over two swept dimensions, then what is left of the elements without them."""
    nests = (
        "b = 3 : 1 : 1 : 1, r = 5 : 5 : 5 : 2, c = 7 : 7 : 7 : 4], sweep = [r, c",
        "b = 3 : 2 : 2 : 2, c = 7 : 7 : 7 : 4, r = 5 : 5 : 5 : 2], sweep = [r, c",
        "r = 5 : 5 : 5 : 1, b = 3 : 2 : 1 : 1, c = 7 : 7 : 7 : 7], sweep = [c, r",
    )
    x, w = numbers(3, 5, 7), numbers(7)
    y = (x * w).sum((1, 2))
    for nest in nests:
        text = places(f"""func.func @main(%x: tensor<3x5x7xf32>, %w: tensor<7xf32>) -> (tensor<3xf32>, tensor<3x5x7xf32>) {{
  %y:2 = gir.kernel "swept" (%a = %x : tensor<3x5x7xf32>, %v = %w : tensor<7xf32>) nest <[{nest}]> -> (tensor<3xf32>, tensor<3x5x7xf32>) {{
    %zero = arith.constant dense<0.0> : R<3xf32>
    %0 = gir.move %a over ["b", "r", "c"] : D<3x5x7xf32> -> R<3x5x7xf32>
    %u = gir.move %v over ["c"] : D<7xf32> -> R<7xf32>
    %ub = gir.broadcast %u dims [0, 1] : R<7xf32> -> R<3x5x7xf32>
    %m = arith.mulf %0, %ub : R<3x5x7xf32>
    %s = gir.reduce %m into %zero dims [1, 2] kinds [#vector.kind<add>] : R<3x5x7xf32> into R<3xf32>
    %1 = gir.move %s over ["b"] : R<3xf32> -> D<3xf32>
    %x2 = gir.move %a pass 1 over ["b", "r", "c"] : D<3x5x7xf32> -> R<3x5x7xf32>
    %sb = gir.broadcast %s dims [1, 2] pass 1 : R<3xf32> -> R<3x5x7xf32>
    %d = arith.subf %x2, %sb : R<3x5x7xf32>
    %2 = gir.move %d pass 1 over ["b", "r", "c"] : R<3x5x7xf32> -> D<3x5x7xf32>
    gir.return %1, %2 : D<3xf32>, D<3x5x7xf32>
  }}
  return %y#0, %y#1 : tensor<3xf32>, tensor<3x5x7xf32>
}}""")
        yield f"swept twice {nest}", GirProgram(text, (x, w), (y, x - y[:, None, None]))


def transposed() -> Iterator[tuple[str, GirProgram]]:
    """Rows of open length, read through a view that turns them."""
    nests = (
        ("c = ? : 64 : 64 : 8 upto 64, r = 9 : 4 : 4 : 2", 50),
        ("c = ? : 16 : 16 : 8, r = 9 : 4 : 2 : 2", 50),
        ("c = ? : 16 : 8 : 8, r = 9 : 4 : 4 : 2", 3),
    )
    for nest, size in nests:
        x = numbers(9, size)
        text = places(f"""func.func @main(%x: tensor<9x?xf32>, %n: index) -> tensor<?x9xf32> {{
  %y = gir.kernel "transposed" (%a = %x : tensor<9x?xf32>, %w = %n : index) sizes(%n) nest <[{nest}]> -> (tensor<?x9xf32>) {{
    %p = gir.permute %a [1, 0] : D<9x?xf32> -> D<?x9xf32>
    %0 = gir.move %p over ["c", "r"] : D<?x9xf32> -> R<?x9xf32>
    %1 = arith.addf %0, %0 : R<?x9xf32>
    %2 = gir.move %1 over ["c", "r"] : R<?x9xf32> -> D<?x9xf32>
    gir.return %2 : D<?x9xf32>
  }}
  return %y : tensor<?x9xf32>
}}""")
        yield f"transposed {size} {nest}", GirProgram(text, (x, np.asarray(size)), (x.T * 2,))


def rotated() -> Iterator[tuple[str, GirProgram]]:
    """Elements, and those half a row away, put together along what is cut: a step may have some of one half only."""
    x = numbers(5, 8)
    y = x + np.concatenate([-x[:, 4:], x[:, :4]], 1)
    nests = (
        "r = 5 : 1 : 1 : 1, c = 8 : 2 : 1 : 1",
        "r = 5 : 2 : 2 : 1, c = 8 : 8 : 8 : 3",
        "c = 8 : 6 : 3 : 2, r = 5 : 5 : 5 : 2",
    )
    for nest in nests:
        text = places(f"""func.func @main(%x: tensor<5x8xf32>) -> tensor<5x8xf32> {{
  %y = gir.kernel "rotated" (%a = %x : tensor<5x8xf32>) nest <[{nest}]> -> (tensor<5x8xf32>) {{
    %0 = gir.move %a over ["r", "c"] : D<5x8xf32> -> R<5x8xf32>
    %p = gir.slice %0 [0, 0] [5, 4] [1, 1] : R<5x8xf32> -> R<5x4xf32>
    %q = gir.slice %0 [0, 4] [5, 4] [1, 1] : R<5x8xf32> -> R<5x4xf32>
    %n = arith.negf %q : R<5x4xf32>
    %k = gir.concat %n, %p dim 1 : (R<5x4xf32>, R<5x4xf32>) -> R<5x8xf32>
    %s = arith.addf %0, %k : R<5x8xf32>
    %1 = gir.move %s over ["r", "c"] : R<5x8xf32> -> D<5x8xf32>
    gir.return %1 : D<5x8xf32>
  }}
  return %y : tensor<5x8xf32>
}}""")
        yield f"rotated {nest}", GirProgram(text, (x,), (y,))


def placed_kernels() -> Iterator[tuple[str, GirProgram]]:
    """All of them, by name."""
    for family in (bordered, strided, scanned, swept_twice, transposed, rotated):
        yield from family()
