"""Placed kernels whose units combine what each of them has: over a sweep and without, by kinds and by combiners.

Values are whole numbers, so results are exact.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from programs.placed_kernels import numbers, places
from programs.random_gir import GirProgram

NESTS = (
    "r = 6 : 2 : 2 : 1, c = 50 : 50 : 16 : 4], sweep = [c",
    "r = 6 : 4 : 4 : 2, c = 50 : 50 : 10 : 7], sweep = [c",
    "r = 6 : 6 : 6 : 1, c = 50 : 50 : 18 : 18",
    "c = 50 : 50 : 7 : 7, r = 6 : 5 : 5 : 5",
)


def joined() -> Iterator[tuple[str, GirProgram]]:
    """Sums that start from what is given, largest elements beside them, and what is left of each element of both."""
    x, s = numbers(6, 50), numbers(6)
    total, top = x.sum(1) + s, np.maximum(x.max(1), s)
    for nest in NESTS:
        again = " pass 1" if "sweep" in nest else ""
        text = places(f"""func.func @main(%x: tensor<6x50xf32>, %s: tensor<6xf32>) -> (tensor<6xf32>, tensor<6x50xf32>) {{
  %y:2 = gir.kernel "joined" (%a = %x : tensor<6x50xf32>, %b = %s : tensor<6xf32>) nest <[{nest}]> -> (tensor<6xf32>, tensor<6x50xf32>) {{
    %0 = gir.move %a over ["r", "c"] : D<6x50xf32> -> R<6x50xf32>
    %i = gir.move %b over ["r"] : D<6xf32> -> R<6xf32>
    %m:2 = gir.reduce %0, %0 into %i, %i dims [1] kinds [#vector.kind<add>, #vector.kind<maximumf>] : R<6x50xf32>, R<6x50xf32> into R<6xf32>, R<6xf32>
    %1 = gir.move %m#0 over ["r"] : R<6xf32> -> D<6xf32>
    %x2 = gir.move %a{again} over ["r", "c"] : D<6x50xf32> -> R<6x50xf32>
    %tb = gir.broadcast %m#1 dims [1]{again} : R<6xf32> -> R<6x50xf32>
    %d = arith.subf %x2, %tb : R<6x50xf32>
    %2 = gir.move %d{again} over ["r", "c"] : R<6x50xf32> -> D<6x50xf32>
    gir.return %1, %2 : D<6xf32>, D<6x50xf32>
  }}
  return %y#0, %y#1 : tensor<6xf32>, tensor<6x50xf32>
}}""")
        yield f"joined {nest}", GirProgram(text, (x, s), (total, x - top[:, None]))


def shortest() -> Iterator[tuple[str, GirProgram]]:
    """The smallest element and a row of payload that goes with it, by a combiner; sums of rows of payload by another."""
    x, v, w = numbers(6, 50), numbers(6, 50, 3), numbers(6, 3)
    x -= np.arange(50, dtype=np.float32) / 64
    expected = (x.min(1), v[np.arange(6), x.argmin(1)] + w)
    for nest in NESTS:
        text = places(f"""func.func @main(%x: tensor<6x50xf32>, %v: tensor<6x50x3xf32>, %w: tensor<6x3xf32>) -> (tensor<6xf32>, tensor<6x3xf32>) {{
  %y:2 = gir.kernel "shortest" (%a = %x : tensor<6x50xf32>, %b = %v : tensor<6x50x3xf32>, %c = %w : tensor<6x3xf32>) nest <[{nest}]> -> (tensor<6xf32>, tensor<6x3xf32>) {{
    %high = arith.constant dense<0x7F800000> : R<6xf32>
    %none = arith.constant dense<0.0> : R<6x3xf32>
    %0 = gir.move %a over ["r", "c"] : D<6x50xf32> -> R<6x50xf32>
    %1 = gir.move %b over ["r", "c", ""] : D<6x50x3xf32> -> R<6x50x3xf32>
    %i = gir.move %c over ["r", ""] : D<6x3xf32> -> R<6x3xf32>
    %m:2 = gir.reduce %0, %1 into %high, %none dims [1] combiner <commutative> identity [0x7F800000 : f32, 0.0 : f32] {{
    ^bb0(%x0: f32, %v0: R<3xf32>, %x1: f32, %v1: R<3xf32>):
      %c0 = arith.cmpf olt, %x0, %x1 : f32
      %t = arith.select %c0, %x0, %x1 : f32
      %u = arith.select %c0, %v0, %v1 : R<3xf32>
      gir.yield %t, %u : f32, R<3xf32>
    }} : R<6x50xf32>, R<6x50x3xf32> into R<6xf32>, R<6x3xf32>
    %n = gir.reduce %i into %none dims [] kinds [#vector.kind<add>] : R<6x3xf32> into R<6x3xf32>
    %s = arith.addf %m#1, %n : R<6x3xf32>
    %2 = gir.move %m#0 over ["r"] : R<6xf32> -> D<6xf32>
    %3 = gir.move %s over ["r", ""] : R<6x3xf32> -> D<6x3xf32>
    gir.return %2, %3 : D<6xf32>, D<6x3xf32>
  }}
  return %y#0, %y#1 : tensor<6xf32>, tensor<6x3xf32>
}}""")
        yield f"shortest {nest}", GirProgram(text, (x, v, w), expected)


def multiplied() -> Iterator[tuple[str, GirProgram]]:
    """A matrix product whose summed dimension units share, added to what is there."""
    x, y, z = numbers(10, 30), numbers(30, 12), numbers(10, 12)
    nests = (
        "m = 10 : 4 : 4 : 2, n = 12 : 12 : 12 : 12, k = 30 : 30 : 8 : 3], sweep = [k",
        "m = 10 : 4 : 4 : 4, n = 12 : 8 : 8 : 8, k = 30 : 30 : 7 : 7",
    )
    for nest in nests:
        text = places(f"""#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @main(%x: tensor<10x30xf32>, %y: tensor<30x12xf32>, %z: tensor<10x12xf32>) -> tensor<10x12xf32> {{
  %w = gir.kernel "multiplied" (%p = %x : tensor<10x30xf32>, %q = %y : tensor<30x12xf32>, %r = %z : tensor<10x12xf32>) nest <[{nest}]> -> (tensor<10x12xf32>) {{
    %0 = gir.move %p over ["m", "k"] : D<10x30xf32> -> R<10x30xf32>
    %1 = gir.move %q over ["k", "n"] : D<30x12xf32> -> R<30x12xf32>
    %2 = gir.move %r over ["m", "n"] : D<10x12xf32> -> R<10x12xf32>
    %3 = gir.contract %0, %1 into %2 maps [#a, #b, #c] : R<10x30xf32>, R<30x12xf32> into R<10x12xf32>
    %4 = gir.move %3 over ["m", "n"] : R<10x12xf32> -> D<10x12xf32>
    gir.return %4 : D<10x12xf32>
  }}
  return %w : tensor<10x12xf32>
}}""")
        yield f"multiplied {nest}", GirProgram(text, (x, y, z), (x @ y + z,))


def brought() -> Iterator[tuple[str, GirProgram]]:
    """Products of a value that units keep and one that comes to sram step by step, for all of them or in their parts."""
    nests = (
        (8, 64, "r = 8 : 8 : 2 : 2, k = 64 : 64 : 64 : 16"),
        (6, 512, "r = 6 : 3 : 1 : 1, k = 512 : 512 : 256 : 128"),
        (8, 70, "r = 8 : 4 : 2 : 1, k = 70 : 70 : 70 : 16"),
        (6, 50, "k = 50 : 20 : 20 : 8, r = 6 : 6 : 2 : 2"),
    )
    for rows, columns, nest in nests:
        x, w = numbers(rows), numbers(columns)
        text = places(f"""func.func @main(%x: tensor<{rows}xf32>, %w: tensor<{columns}xf32>) -> tensor<{rows}x{columns}xf32> {{
  %y = gir.kernel "brought" (%a = %x : tensor<{rows}xf32>, %b = %w : tensor<{columns}xf32>) nest <[{nest}]> -> (tensor<{rows}x{columns}xf32>) {{
    %0 = gir.move %a over ["r"] : D<{rows}xf32> -> R<{rows}xf32>
    %s = gir.move %b over ["k"] : D<{columns}xf32> -> S<{columns}xf32>
    %1 = gir.move %s : S<{columns}xf32> -> R<{columns}xf32>
    %xb = gir.broadcast %0 dims [1] : R<{rows}xf32> -> R<{rows}x{columns}xf32>
    %wb = gir.broadcast %1 dims [0] : R<{columns}xf32> -> R<{rows}x{columns}xf32>
    %p = arith.mulf %xb, %wb : R<{rows}x{columns}xf32>
    %2 = gir.move %p over ["r", "k"] : R<{rows}x{columns}xf32> -> D<{rows}x{columns}xf32>
    gir.return %2 : D<{rows}x{columns}xf32>
  }}
  return %y : tensor<{rows}x{columns}xf32>
}}""")
        yield f"brought {nest}", GirProgram(text, (x, w), (x[:, None] * w,))


def placed_units() -> Iterator[tuple[str, GirProgram]]:
    """All of them, by name."""
    for family in (joined, shortest, multiplied, brought):
        yield from family()
