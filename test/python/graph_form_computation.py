"""Programs of computation in graph form: contractions and reductions."""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import numpy as np
from graph_form import RNG, Array, Case, floats, kernel, whole, windows


def outer_of_sums(a: Array, i: Array) -> Array:
    """The product of every two row sums."""
    sums = a.sum(1) + i
    return np.outer(sums, sums)


def online_softmax(m: Array, o: Array) -> tuple[Array, Array]:
    """Maximum along axis 1, and the sum of `o` weighted by the exponential of `m` less that."""
    top = np.maximum(m.max(1), -50.0)
    return top, (np.exp(m - top[:, None])[..., None] * o).sum(1)


COMPUTATION = [
    Case(
        "matmul",
        kernel(
            "a: T[37x50xf32], b: T[50x45xf32], c: T[37x45xf32]",
            """
    %0 = gir.move %a : D[37x50xf32] -> R[37x50xf32]
    %1 = gir.move %b : D[50x45xf32] -> R[50x45xf32]
    %2 = gir.move %c : D[37x45xf32] -> R[37x45xf32]
    %3 = gir.contract %0, %1 into %2 maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : R[37x50xf32], R[50x45xf32] into R[37x45xf32]
    %r = gir.move %3 : R[37x45xf32] -> D[37x45xf32]""",
            "D[37x45xf32]",
        ),
        [[floats(37, 50), floats(50, 45), floats(37, 45)]],
        lambda a, b, c: a @ b + c,
        scale=50.0,
    ),
    Case(
        "matmul_of_dynamic_sizes_transposed",
        kernel(
            "a: T[?x?xf32], b: T[?x?xf32], c: T[?x?xf32], m: index, n: index",
            """
    %0 = gir.move %a : D[?x?xf32] -> R[?x?xf32]
    %1 = gir.move %b : D[?x?xf32] -> R[?x?xf32]
    %2 = gir.move %c : D[?x?xf32] -> R[?x?xf32]
    %3 = gir.contract %0, %1 into %2 maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (n, m)>] : R[?x?xf32], R[?x?xf32] into R[?x?xf32]
    %r = gir.move %3 : R[?x?xf32] -> D[?x?xf32]""",
            "D[?x?xf32]",
            sizes="%n, %m",
        ),
        [
            [floats(5, 40), floats(7, 40), floats(7, 5), np.int64(5), np.int64(7)],
            [floats(3, 1), floats(33, 1), floats(33, 3), np.int64(3), np.int64(33)],
        ],
        lambda a, b, c, m, n: (a @ b.T).T + c,
        scale=50.0,
    ),
    Case(
        "contract_widens_integers",
        kernel(
            "a: T[9x20xi8], b: T[20x9xi8], c: T[9xi32], d: T[9xi32]",
            """
    %0 = gir.move %a : D[9x20xi8] -> R[9x20xi8]
    %1 = gir.move %b : D[20x9xi8] -> R[20x9xi8]
    %2 = gir.move %c : D[9xi32] -> R[9xi32]
    %3 = gir.move %d : D[9xi32] -> R[9xi32]
    %4 = gir.contract %0, %1 into %2 maps [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (k, m)>, affine_map<(m, k) -> (m)>] : R[9x20xi8], R[20x9xi8] into R[9xi32]
    %5 = gir.contract %0, %1 into %3 maps [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (k, m)>, affine_map<(m, k) -> (m)>] unsigned : R[9x20xi8], R[20x9xi8] into R[9xi32]
    %r0 = gir.move %4 : R[9xi32] -> D[9xi32]
    %r1 = gir.move %5 : R[9xi32] -> D[9xi32]""",
            "D[9xi32]; D[9xi32]",
        ),
        [
            [
                RNG.integers(-128, 128, (9, 20)).astype(np.int8),
                RNG.integers(-128, 128, (20, 9)).astype(np.int8),
                whole(9),
                whole(9),
            ]
        ],
        lambda a, b, c, d: (
            ((a.astype(np.int32) * b.T.astype(np.int32)).sum(1) + c).astype(np.int32),
            ((a.view(np.uint8).astype(np.int32) * b.T.copy().view(np.uint8).astype(np.int32)).sum(1) + d).astype(
                np.int32
            ),
        ),
    ),
    Case(
        "convolution",
        kernel(
            "x: T[2x3x10x40xf32], w: T[4x3x3x3xf32], c: T[2x4x8x38xf32]",
            """
    %0 = gir.move %x : D[2x3x10x40xf32] -> R[2x3x10x40xf32]
    %1 = gir.window %0 dims [2, 3] sizes [3, 3] strides [1, 1] dilations [1, 1] : R[2x3x10x40xf32] -> R[2x3x8x38x3x3xf32]
    %2 = gir.move %w : D[4x3x3x3xf32] -> R[4x3x3x3xf32]
    %3 = gir.move %c : D[2x4x8x38xf32] -> R[2x4x8x38xf32]
    %4 = gir.contract %1, %2 into %3 maps [affine_map<(n, f, h, w, c, p, q) -> (n, c, h, w, p, q)>, affine_map<(n, f, h, w, c, p, q) -> (f, c, p, q)>, affine_map<(n, f, h, w, c, p, q) -> (n, f, h, w)>] : R[2x3x8x38x3x3xf32], R[4x3x3x3xf32] into R[2x4x8x38xf32]
    %r = gir.move %4 : R[2x4x8x38xf32] -> D[2x4x8x38xf32]""",
            "D[2x4x8x38xf32]",
        ),
        [[floats(2, 3, 10, 40), floats(4, 3, 3, 3), floats(2, 4, 8, 38)]],
        lambda x, w, c: np.einsum("nchwpq,fcpq->nfhw", windows(x, [2, 3], [3, 3], [1, 1], [1, 1]), w) + c,
        scale=30.0,
    ),
    Case(
        "contract_of_a_softmax_and_a_product_of_a_contract",
        kernel(
            "a: T[6x40xf32], b: T[40x20xf32], i: T[6xf32], c: T[6x20xf32], d: T[6xf32]",
            """
    %0 = gir.move %a : D[6x40xf32] -> R[6x40xf32]
    %1 = gir.move %i : D[6xf32] -> R[6xf32]
    %2 = gir.reduce %0 into %1 dims [1] kinds [#vector.kind<maximumf>] : R[6x40xf32] into R[6xf32]
    %3 = gir.broadcast %2 dims [1] : R[6xf32] -> R[6x40xf32]
    %4 = arith.subf %0, %3 : R[6x40xf32]
    %5 = math.exp %4 : R[6x40xf32]
    %6 = gir.move %b : D[40x20xf32] -> R[40x20xf32]
    %7 = gir.move %c : D[6x20xf32] -> R[6x20xf32]
    %8 = gir.contract %5, %6 into %7 maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : R[6x40xf32], R[40x20xf32] into R[6x20xf32]
    %9 = gir.move %d : D[6xf32] -> R[6xf32]
    %10 = gir.reduce %8 into %9 dims [1] kinds [#vector.kind<add>] : R[6x20xf32] into R[6xf32]
    %r0 = gir.move %8 : R[6x20xf32] -> D[6x20xf32]
    %r1 = gir.move %10 : R[6xf32] -> D[6xf32]""",
            "D[6x20xf32]; D[6xf32]",
        ),
        [[floats(6, 40), floats(40, 20), floats(6), floats(6, 20), floats(6)]],
        lambda a, b, i, c, d: (
            np.exp(a - np.maximum(a.max(1), i)[:, None]) @ b + c,
            (np.exp(a - np.maximum(a.max(1), i)[:, None]) @ b + c).sum(1) + d,
        ),
        scale=100.0,
    ),
    Case(
        "outer_product_of_reductions",
        kernel(
            "a: T[33x20xf32], i: T[33xf32]",
            """
    %0 = gir.move %a : D[33x20xf32] -> R[33x20xf32]
    %1 = gir.move %i : D[33xf32] -> R[33xf32]
    %2 = gir.reduce %0 into %1 dims [1] kinds [#vector.kind<add>] : R[33x20xf32] into R[33xf32]
    %3 = gir.broadcast %2 dims [1] : R[33xf32] -> R[33x33xf32]
    %4 = gir.broadcast %2 dims [0] : R[33xf32] -> R[33x33xf32]
    %5 = arith.mulf %3, %4 : R[33x33xf32]
    %r = gir.move %5 : R[33x33xf32] -> D[33x33xf32]""",
            "D[33x33xf32]",
        ),
        [[floats(33, 20), floats(33)]],
        outer_of_sums,
        scale=100.0,
    ),
    Case(
        "reduce_with_payload",
        kernel(
            "m: T[5x8xf32], o: T[5x8x40xf32], i: T[5xf32], j: T[5x40xf32]",
            """
    %0 = gir.move %m : D[5x8xf32] -> R[5x8xf32]
    %1 = gir.move %o : D[5x8x40xf32] -> R[5x8x40xf32]
    %2 = gir.move %i : D[5xf32] -> R[5xf32]
    %3 = gir.move %j : D[5x40xf32] -> R[5x40xf32]
    %4:2 = gir.reduce %0, %1 into %2, %3 dims [1] combiner {
    ^bb0(%e: f32, %v: R[40xf32], %top: f32, %sum: R[40xf32]):
      %5 = arith.maximumf %e, %top : f32
      %6 = arith.subf %e, %5 : f32
      %7 = arith.subf %top, %5 : f32
      %8 = math.exp %6 : f32
      %9 = math.exp %7 : f32
      %10 = tensor.splat %8 : R[40xf32]
      %11 = tensor.splat %9 : R[40xf32]
      %12 = arith.mulf %v, %10 : R[40xf32]
      %13 = arith.mulf %sum, %11 : R[40xf32]
      %14 = arith.addf %12, %13 : R[40xf32]
      gir.yield %5, %14 : f32, R[40xf32]
    } : R[5x8xf32], R[5x8x40xf32] into R[5xf32], R[5x40xf32]
    %r0 = gir.move %4#0 : R[5xf32] -> D[5xf32]
    %r1 = gir.move %4#1 : R[5x40xf32] -> D[5x40xf32]""",
            "D[5xf32]; D[5x40xf32]",
        ),
        [[floats(5, 8), floats(5, 8, 40), np.full((5,), -50.0, np.float32), np.zeros((5, 40), np.float32)]],
        lambda m, o, i, j: online_softmax(m, o),
        roundings=40,
    ),
    Case(
        "reduce_with_an_associative_combiner",
        kernel(
            "a: T[5x70xf32], b: T[5x70xf32], i: T[5xf32], j: T[5xf32]",
            """
    %0 = gir.move %a : D[5x70xf32] -> R[5x70xf32]
    %1 = gir.move %b : D[5x70xf32] -> R[5x70xf32]
    %2 = gir.move %i : D[5xf32] -> R[5xf32]
    %3 = gir.move %j : D[5xf32] -> R[5xf32]
    %4:2 = gir.reduce %0, %1 into %2, %3 dims [1] combiner <commutative> identity [-1.0e30 : f32, 0.0 : f32] {
    ^bb0(%m: f32, %s: f32, %n: f32, %t: f32):
      %5 = arith.maximumf %m, %n : f32
      %6 = arith.subf %m, %5 : f32
      %7 = arith.subf %n, %5 : f32
      %8 = math.exp %6 : f32
      %9 = math.exp %7 : f32
      %10 = arith.mulf %s, %8 : f32
      %11 = arith.mulf %t, %9 : f32
      %12 = arith.addf %10, %11 : f32
      gir.yield %5, %12 : f32, f32
    } : R[5x70xf32], R[5x70xf32] into R[5xf32], R[5xf32]
    %r0 = gir.move %4#0 : R[5xf32] -> D[5xf32]
    %r1 = gir.move %4#1 : R[5xf32] -> D[5xf32]""",
            "D[5xf32]; D[5xf32]",
        ),
        [[floats(5, 70), np.abs(floats(5, 70)), np.full(5, -1e30, np.float32), np.zeros(5, np.float32)]],
        lambda a, b, i, j: (a.max(1), (b * np.exp(a - a.max(1, keepdims=True))).sum(1)),
        roundings=40,
        scale=10.0,
    ),
]
