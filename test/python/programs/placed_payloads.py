"""Placed kernels whose reductions and scans have payload: rows that go with the elements that are combined.

Values are whole numbers, so results are exact.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from programs.placed_kernels import numbers, places
from programs.random_gir import GirProgram


def best_rows() -> Iterator[tuple[str, GirProgram]]:
    """The largest element of each row, and the row of payload that it came with, each at last twice."""
    x, v = numbers(6, 50), numbers(6, 50, 3)
    x += np.arange(50, dtype=np.float32) / 64  # None is there twice.
    best = x.argmax(1)
    expected = (x.max(1) * 2, v[np.arange(6), best] * 2)
    nests = (
        "r = 6 : 2 : 2 : 1, c = 50 : 50 : 50 : 16], sweep = [c",
        "r = 6 : 4 : 2 : 2, c = 50 : 50 : 50 : 7], sweep = [c",
        "r = 6 : 4 : 2 : 2, c = 50 : 50 : 50 : 50",
        "c = 50 : 50 : 50 : 11, r = 6 : 6 : 6 : 6, p = 3 : 3 : 3 : 3], sweep = [c",
    )
    for nest in nests:
        over = "p" if ", p =" in nest else ""
        text = places(f"""func.func @main(%x: tensor<6x50xf32>, %v: tensor<6x50x3xf32>) -> (tensor<6xf32>, tensor<6x3xf32>) {{
  %y:2 = gir.kernel "best" (%a = %x : tensor<6x50xf32>, %b = %v : tensor<6x50x3xf32>) nest <[{nest}]> -> (tensor<6xf32>, tensor<6x3xf32>) {{
    %low = arith.constant dense<-100.0> : R<6xf32>
    %none = arith.constant dense<0.0> : R<6x3xf32>
    %0 = gir.move %a over ["r", "c"] : D<6x50xf32> -> R<6x50xf32>
    %1 = gir.move %b over ["r", "c", "{over}"] : D<6x50x3xf32> -> R<6x50x3xf32>
    %m:2 = gir.reduce %0, %1 into %low, %none dims [1] combiner {{
    ^bb0(%x0: f32, %v0: R<3xf32>, %x1: f32, %v1: R<3xf32>):
      %c = arith.cmpf ogt, %x0, %x1 : f32
      %t = arith.select %c, %x0, %x1 : f32
      %u = arith.select %c, %v0, %v1 : R<3xf32>
      gir.yield %t, %u : f32, R<3xf32>
    }} : R<6x50xf32>, R<6x50x3xf32> into R<6xf32>, R<6x3xf32>
    %s = arith.addf %m#0, %m#0 : R<6xf32>
    %t = arith.addf %m#1, %m#1 : R<6x3xf32>
    %2 = gir.move %s over ["r"] : R<6xf32> -> D<6xf32>
    %3 = gir.move %t over ["r", "{over}"] : R<6x3xf32> -> D<6x3xf32>
    gir.return %2, %3 : D<6xf32>, D<6x3xf32>
  }}
  return %y#0, %y#1 : tensor<6xf32>, tensor<6x3xf32>
}}""")
        yield f"best rows {nest}", GirProgram(text, (x, v), expected)


def running_rows() -> Iterator[tuple[str, GirProgram]]:
    """Sums so far of rows of payload, from either end, beside how many there were."""
    x = numbers(4, 20, 3)
    nests = (
        "r = 4 : 2 : 2 : 1, c = 20 : 20 : 20 : 8], sweep = [c",
        "r = 4 : 3 : 2 : 2, c = 20 : 20 : 20 : 20",
    )
    for nest in nests:
        for mode in ("", "exclusive reverse"):
            way = slice(None, None, -1 if "reverse" in mode else 1)
            count = np.broadcast_to(np.arange(1, 21, dtype=np.float32), (4, 20)) - (1 if "exclusive" in mode else 0)
            y = np.cumsum(x[:, way], 1)
            y = (y - x[:, way] if "exclusive" in mode else y)[:, way]
            text = places(f"""func.func @main(%x: tensor<4x20x3xf32>) -> (tensor<4x20xf32>, tensor<4x20x3xf32>, tensor<4x3xf32>) {{
  %y:3 = gir.kernel "running" (%a = %x : tensor<4x20x3xf32>) nest <[{nest}]> -> (tensor<4x20xf32>, tensor<4x20x3xf32>, tensor<4x3xf32>) {{
    %one = arith.constant dense<1.0> : R<4x20xf32>
    %zero = arith.constant dense<0.0> : R<4xf32>
    %zeros = arith.constant dense<0.0> : R<4x3xf32>
    %0 = gir.move %a over ["r", "c", ""] : D<4x20x3xf32> -> R<4x20x3xf32>
    %s:4 = gir.scan %one, %0 into %zero, %zeros dim 1 {mode} combiner {{
    ^bb0(%x0: f32, %v0: R<3xf32>, %x1: f32, %v1: R<3xf32>):
      %t = arith.addf %x0, %x1 : f32
      %u = arith.addf %v0, %v1 : R<3xf32>
      gir.yield %t, %u : f32, R<3xf32>
    }} : R<4x20xf32>, R<4x20x3xf32> into R<4xf32>, R<4x3xf32>
    %1 = gir.move %s#0 over ["r", "c"] : R<4x20xf32> -> D<4x20xf32>
    %2 = gir.move %s#1 over ["r", "c", ""] : R<4x20x3xf32> -> D<4x20x3xf32>
    %3 = gir.move %s#3 over ["r", ""] : R<4x3xf32> -> D<4x3xf32>
    gir.return %1, %2, %3 : D<4x20xf32>, D<4x20x3xf32>, D<4x3xf32>
  }}
  return %y#0, %y#1, %y#2 : tensor<4x20xf32>, tensor<4x20x3xf32>, tensor<4x3xf32>
}}""")
            yield f"running rows {mode} {nest}", GirProgram(text, (x,), (count[:, way], y, x.sum(1)))


def placed_payloads() -> Iterator[tuple[str, GirProgram]]:
    """All of them, by name."""
    for family in (best_rows, running_rows):
        yield from family()
