"""Programs of structure in graph form, and of sizes that only a call knows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from graph_form import Array, Case, expand, floats, kernel, whole, windows


def largest_at(d: Array, i: Array, v: Array) -> Array:
    """`d` with the largest of what is there and the elements of `v` with that index."""
    made = d.copy()
    np.maximum.at(made, i, v.astype(d.dtype))
    return made


def twice(step: Callable[..., tuple[Array, ...]], *arrays: Array) -> tuple[Array, ...]:
    """A step on its own results."""
    return step(*step(*arrays))


DYNAMIC = [
    Case(
        "average_of_padded_windows",
        kernel(
            "a: T[3x?xf32], i: T[3x?xf32], p: index, n: index",
            """
    %zero = arith.constant 0.0 : f32
    %0 = gir.move %a : D[3x?xf32] -> R[3x?xf32]
    %1 = gir.pad %0 low [0, 2] high [0, %p] value %zero : R[3x?xf32] -> R[3x?xf32]
    %2 = gir.window %1 dims [1] sizes [4] strides [3] dilations [1] : R[3x?xf32] -> R[3x?x4xf32]
    %3 = gir.move %i : D[3x?xf32] -> R[3x?xf32]
    %4 = gir.reduce %2 into %3 dims [2] kinds [#vector.kind<add>] : R[3x?x4xf32] into R[3x?xf32]
    %r = gir.move %4 : R[3x?xf32] -> D[3x?xf32]""",
            "D[3x?xf32]",
            sizes="%n",
        ),
        [
            [floats(3, size), floats(3, count), np.int64(pad), np.int64(count)]
            for size, pad, count in ((100, 1, 34), (2, 0, 1), (300, 5, 102))
        ],
        lambda a, i, p, n: i + windows(np.pad(a, ((0, 0), (2, int(p)))), [1], [4], [3], [1]).sum(2),
    ),
    Case(
        "gather_from_windows",
        kernel(
            "a: T[?xf32], i: T[?xindex], j: T[?xindex], m: index",
            """
    %0 = gir.window %a dims [0] sizes [3] strides [2] dilations [2] : D[?xf32] -> D[?x3xf32]
    %1 = gir.move %i : D[?xindex] -> R[?xindex]
    %2 = gir.move %j : D[?xindex] -> R[?xindex]
    %3 = gir.gather %0[%1, %2] : D[?x3xf32][R[?xindex], R[?xindex]] -> R[?xf32]
    %r = gir.move %3 : R[?xf32] -> D[?xf32]""",
            "D[?xf32]",
            sizes="%m",
        ),
        [
            [
                floats(size),
                whole(count, high=(size - 5) // 2 + 1, dtype="int64"),
                whole(count, high=3, dtype="int64"),
                np.int64(count),
            ]
            for size, count in ((100, 70), (5, 3), (8, 33))
        ],
        lambda a, i, j, m: a[2 * i + 2 * j],
    ),
    Case(
        "concat_and_slice_at_reg",
        kernel(
            "a: T[?x?xf32], b: T[?x?xf32], n: index, m: index, o: index",
            """
    %0 = gir.move %a : D[?x?xf32] -> R[?x?xf32]
    %1 = gir.move %b : D[?x?xf32] -> R[?x?xf32]
    %2 = math.absf %1 : R[?x?xf32]
    %3 = gir.concat %0, %2, %0 dim 1 : (R[?x?xf32], R[?x?xf32], R[?x?xf32]) -> R[?x?xf32]
    %4 = gir.slice %3 [0, %o] [%n, %m] [1, 1] : R[?x?xf32] -> R[?x?xf32]
    %5 = gir.permute %4 [1, 0] : R[?x?xf32] -> R[?x?xf32]
    %r = gir.move %5 : R[?x?xf32] -> D[?x?xf32]""",
            "D[?x?xf32]",
            sizes="%m, %n",
        ),
        [
            [floats(n, p), floats(n, q), np.int64(n), np.int64(m), np.int64(o)]
            for n, p, q, m, o in ((5, 40, 33, 70, 20), (1, 1, 1, 3, 0), (33, 4, 70, 12, 66))
        ],
        lambda a, b, n, m, o: np.concatenate([a, np.abs(b), a], 1)[:, int(o) :][:, : int(m)].T,
    ),
    Case(
        "scatter_of_a_scan_into_a_concatenation",
        kernel(
            "a: T[?xi32], i: T[?xindex], d: T[?xi32], n: index, m: index",
            """
    %0 = gir.move %a : D[?xi32] -> R[?xi32]
    %zero = arith.constant dense<0> : R[i32]
    %1, %2 = gir.scan %0 into %zero dim 0 reverse kinds [#vector.kind<add>] : R[?xi32] into R[i32]
    %3 = gir.concat %d, %a dim 0 : (D[?xi32], D[?xi32]) -> D[?xi32]
    %4 = gir.move %i : D[?xindex] -> R[?xindex]
    %r = gir.scatter %1 into %3[%4] kind <maxsi> : R[?xi32] into D[?xi32][R[?xindex]] -> D[?xi32]""",
            "D[?xi32]",
            sizes="%m",
        ),
        [
            [whole(n), whole(n, high=n + k, dtype="int64"), whole(k, high=200), np.int64(n), np.int64(n + k)]
            for n, k in ((70, 40), (1, 1), (5, 0))
        ],
        lambda a, i, d, n, m: largest_at(np.concatenate([d, a]), i, np.cumsum(a[::-1])[::-1]),
    ),
]


STRUCTURE = [
    Case(
        "alternatives_in_a_kernel",
        kernel(
            "a: T[4x40xf32]",
            """
    %0 = gir.move %a : D[4x40xf32] -> R[4x40xf32]
    %1, %2 = gir.alternatives -> (R[4x40xf32], R[4x40xf32]) {
      %3 = arith.addf %0, %0 : R[4x40xf32]
      %4 = gir.alternatives -> (R[4x40xf32]) {
        %5 = math.absf %3 : R[4x40xf32]
        gir.yield %5 : R[4x40xf32]
      } or {
        gir.yield %3 : R[4x40xf32]
      }
      gir.yield %3, %4 : R[4x40xf32], R[4x40xf32]
    } or {
      gir.yield %0, %0 : R[4x40xf32], R[4x40xf32]
    }
    %r0 = gir.move %1 : R[4x40xf32] -> D[4x40xf32]
    %r1 = gir.move %2 : R[4x40xf32] -> D[4x40xf32]""",
            "D[4x40xf32]; D[4x40xf32]",
        ),
        [[floats(4, 40)]],
        lambda a: (a + a, np.abs(a + a)),
    ),
    Case(
        "alternatives_around_kernels_and_an_extern",
        expand("""
func.func @main(%x: T[?x8xf32], %n: index) -> T[?x8xf32] {
  %y = gir.alternatives -> (T[?x8xf32]) {
    %0 = gir.extern "some.fabs" (%a = %x : T[?x8xf32]) sizes(%n) -> (T[?x8xf32]) {
      %1 = gir.move %a : D[?x8xf32] -> R[?x8xf32]
      %2 = math.absf %1 : R[?x8xf32]
      %3 = gir.move %2 : R[?x8xf32] -> D[?x8xf32]
      gir.return %3 : D[?x8xf32]
    }
    %4 = gir.kernel "double" (%a = %0 : T[?x8xf32]) sizes(%n) -> (T[?x8xf32]) {
      %5 = gir.move %a : D[?x8xf32] -> R[?x8xf32]
      %6 = arith.addf %5, %5 : R[?x8xf32]
      %7 = gir.move %6 : R[?x8xf32] -> D[?x8xf32]
      gir.return %7 : D[?x8xf32]
    }
    gir.yield %4 : T[?x8xf32]
  } or {
    %0 = gir.kernel "both" (%a = %x : T[?x8xf32]) sizes(%n) -> (T[?x8xf32]) {
      %1 = gir.move %a : D[?x8xf32] -> R[?x8xf32]
      %2 = math.absf %1 : R[?x8xf32]
      %3 = arith.addf %2, %2 : R[?x8xf32]
      %4 = gir.move %3 : R[?x8xf32] -> D[?x8xf32]
      gir.return %4 : D[?x8xf32]
    }
    gir.yield %0 : T[?x8xf32]
  }
  %z = gir.kernel "add" (%a = %x : T[?x8xf32], %b = %y : T[?x8xf32]) sizes(%n) -> (T[?x8xf32]) {
    %0 = gir.move %a : D[?x8xf32] -> R[?x8xf32]
    %1 = gir.move %b : D[?x8xf32] -> R[?x8xf32]
    %2 = arith.addf %0, %1 : R[?x8xf32]
    %3 = gir.move %2 : R[?x8xf32] -> D[?x8xf32]
    gir.return %3 : D[?x8xf32]
  }
  return %z : T[?x8xf32]
}
"""),
        [[floats(5, 8), np.int64(5)]],
        lambda x, n: x + 2 * np.abs(x),
    ),
    Case(
        "launches_of_one_outlined_kernel",
        expand("""
func.func private @scan(%x: T[?x40xf32], %i: T[40xf32], %n: index) -> (T[?x40xf32], T[40xf32]) {
  %y:2 = gir.kernel "scan" (%a = %x : T[?x40xf32], %b = %i : T[40xf32]) sizes(%n) -> (T[?x40xf32], T[40xf32]) {
    %0 = gir.move %a : D[?x40xf32] -> R[?x40xf32]
    %1 = gir.move %b : D[40xf32] -> R[40xf32]
    %2, %3 = gir.scan %0 into %1 dim 0 kinds [#vector.kind<add>] : R[?x40xf32] into R[40xf32]
    %4 = math.absf %2 : R[?x40xf32]
    %5 = gir.move %4 : R[?x40xf32] -> D[?x40xf32]
    %6 = gir.move %3 : R[40xf32] -> D[40xf32]
    gir.return %5, %6 : D[?x40xf32], D[40xf32]
  }
  return %y#0, %y#1 : T[?x40xf32], T[40xf32]
}
func.func @main(%x: T[?x40xf32], %i: T[40xf32], %n: index) -> (T[?x40xf32], T[40xf32]) {
  %0:2 = gir.launch @scan(%x, %i, %n) : (T[?x40xf32], T[40xf32], index) -> (T[?x40xf32], T[40xf32])
  %1:2 = gir.launch @scan(%0#0, %0#1, %n) : (T[?x40xf32], T[40xf32], index) -> (T[?x40xf32], T[40xf32])
  return %1#0, %1#1 : T[?x40xf32], T[40xf32]
}
"""),
        [[floats(7, 40), floats(40), np.int64(7)]],
        lambda x, i, n: twice(lambda x, i: (np.abs(np.cumsum(x, 0) + i), x.sum(0) + i), x, i),
        roundings=30,
        scale=50.0,
    ),
    Case(
        "placed_softmax_through_sram",
        kernel(
            "a: T[40x256xf32], i: T[40xf32], j: T[40xf32]",
            """
    %xs = gir.move %a over ["r", "c"] : D[40x256xf32] -> S[40x256xf32]
    %0 = gir.move %xs : S[40x256xf32] -> R[40x256xf32]
    %1 = gir.move %i over ["r"] : D[40xf32] -> R[40xf32]
    %2 = gir.reduce %0 into %1 dims [1] kinds [#vector.kind<maximumf>] : R[40x256xf32] into R[40xf32]
    %3 = gir.move %xs pass 1 : S[40x256xf32] -> R[40x256xf32]
    %4 = gir.broadcast %2 dims [1] pass 1 : R[40xf32] -> R[40x256xf32]
    %5 = arith.subf %3, %4 : R[40x256xf32]
    %6 = math.exp %5 : R[40x256xf32]
    %7 = gir.move %j over ["r"] : D[40xf32] -> R[40xf32]
    %8 = gir.reduce %6 into %7 dims [1] kinds [#vector.kind<add>] : R[40x256xf32] into R[40xf32]
    %es = gir.move %6 pass 1 : R[40x256xf32] -> S[40x256xf32]
    %9 = gir.move %es pass 2 : S[40x256xf32] -> R[40x256xf32]
    %10 = gir.broadcast %8 dims [1] pass 2 : R[40xf32] -> R[40x256xf32]
    %11 = arith.divf %9, %10 : R[40x256xf32]
    %r = gir.move %11 pass 2 over ["r", "c"] : R[40x256xf32] -> D[40x256xf32]""",
            "D[40x256xf32]",
        ).replace(
            "-> (tensor<40x256xf32>) {\n\n",
            "nest <[r = 40 : 8 : 4 : 1, c = 256 : 256 : 256 : 64], sweep = [c]> -> (tensor<40x256xf32>) {\n",
        ),
        [[floats(40, 256), np.full(40, -9, np.float32), np.zeros(40, np.float32)]],
        lambda a, i, j: np.exp(a - a.max(1, keepdims=True)) / np.exp(a - a.max(1, keepdims=True)).sum(1, keepdims=True),
        roundings=20,
    ),
    Case(
        "views_at_sram_of_inputs_and_of_what_was_computed",
        kernel(
            "a: T[6x40xf32], b: T[6x40xf32]",
            """
    %0 = gir.move %a : D[6x40xf32] -> S[6x40xf32]
    %1 = gir.permute %0 [1, 0] : S[6x40xf32] -> S[40x6xf32]
    %2 = gir.move %1 : S[40x6xf32] -> R[40x6xf32]
    %r0 = gir.move %2 : R[40x6xf32] -> D[40x6xf32]
    %3 = gir.move %b : D[6x40xf32] -> R[6x40xf32]
    %4 = math.absf %3 : R[6x40xf32]
    %5 = gir.move %4 : R[6x40xf32] -> S[6x40xf32]
    %6 = gir.concat %5, %0 dim 0 : (S[6x40xf32], S[6x40xf32]) -> S[12x40xf32]
    %7 = gir.reshape %6 : S[12x40xf32] -> S[480xf32]
    %8 = gir.move %7 : S[480xf32] -> R[480xf32]
    %r1 = gir.move %8 : R[480xf32] -> D[480xf32]
    %r2 = gir.move %5 : S[6x40xf32] -> D[6x40xf32]
    %r3 = gir.move %0 : S[6x40xf32] -> D[6x40xf32]""",
            "D[40x6xf32]; D[480xf32]; D[6x40xf32]; D[6x40xf32]",
        ),
        [[floats(6, 40), floats(6, 40)]],
        lambda a, b: (a.T, np.concatenate([np.abs(b), a]).reshape(-1), np.abs(b), a),
    ),
]
