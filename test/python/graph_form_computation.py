"""Programs of computation in graph form: contractions, reductions, scans, scatters, gathers."""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import numpy as np
from graph_form import RNG, Array, Case, floats, kernel, whole, windows


def outer_of_sums(a: Array, i: Array) -> Array:
    """The product of every two row sums."""
    sums = a.sum(1) + i
    return np.outer(sums, sums)


def matrix_products(a: Array, i: Array) -> Array:
    """All running products of matrices along axis 1, each from the right."""
    made = np.empty_like(a)
    for at in range(a.shape[1]):
        i = i @ a[:, at]
        made[:, at] = i
    return made


def online_softmax(m: Array, o: Array) -> tuple[Array, Array]:
    """Maximum along axis 1, and the sum of `o` weighted by the exponential of `m` less that."""
    top = np.maximum(m.max(1), -50.0)
    return top, (np.exp(m - top[:, None])[..., None] * o).sum(1)


def scattered(d: Array, v: Array) -> Array:
    """`d` with rows 1 to 3 written at columns 1, 3 and 5; those at -1 and 7 are dropped."""
    made = d.copy()
    made[1:4, [1, 3, 5]] = v[:, 1:4]
    return made


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
    Case(
        "products_of_matrices_reduced_and_scanned",
        kernel(
            "a: T[3x6x2x2xf32], i: T[3x2x2xf32]",
            """
    %0 = gir.move %a : D[3x6x2x2xf32] -> R[3x6x2x2xf32]
    %n = arith.negf %0 : R[3x6x2x2xf32]
    %m = gir.reshape %0 : R[3x6x2x2xf32] -> R[3x6x4xf32]
    %s = gir.slice %m [0, 0, 0] [3, 6, 1] [1, 1, 1] drop [2] : R[3x6x4xf32] -> R[3x6xf32]
    %1 = gir.move %i : D[3x2x2xf32] -> R[3x2x2xf32]
    %zero = arith.constant dense<0.0> : R[3xf32]
    %2:2 = gir.reduce %s, %n into %zero, %1 dims [1] combiner {
    ^bb0(%e: f32, %x: R[2x2xf32], %top: f32, %acc: R[2x2xf32]):
      %3 = arith.constant dense<0.0> : R[2x2xf32]
      %4 = gir.contract %acc, %x into %3 maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : R[2x2xf32], R[2x2xf32] into R[2x2xf32]
      %5 = arith.addf %e, %top : f32
      gir.yield %5, %4 : f32, R[2x2xf32]
    } : R[3x6xf32], R[3x6x2x2xf32] into R[3xf32], R[3x2x2xf32]
    %6:4 = gir.scan %s, %0 into %zero, %1 dim 1 reverse combiner {
    ^bb0(%e: f32, %x: R[2x2xf32], %top: f32, %acc: R[2x2xf32]):
      %3 = arith.constant dense<0.0> : R[2x2xf32]
      %4 = gir.contract %acc, %x into %3 maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : R[2x2xf32], R[2x2xf32] into R[2x2xf32]
      gir.yield %e, %4 : f32, R[2x2xf32]
    } : R[3x6xf32], R[3x6x2x2xf32] into R[3xf32], R[3x2x2xf32]
    %7 = math.absf %2#1 : R[3x2x2xf32]
    %r0 = gir.move %7 : R[3x2x2xf32] -> D[3x2x2xf32]
    %r1 = gir.move %2#0 : R[3xf32] -> D[3xf32]
    %r2 = gir.move %6#1 : R[3x6x2x2xf32] -> D[3x6x2x2xf32]""",
            "D[3x2x2xf32]; D[3xf32]; D[3x6x2x2xf32]",
        ),
        [[floats(3, 6, 2, 2), floats(3, 2, 2)]],
        lambda a, i: (
            np.abs(matrix_products(-a, i)[:, -1]),
            a[:, :, 0, 0].sum(1),
            matrix_products(a[:, ::-1], i)[:, ::-1],
        ),
        roundings=40,
        scale=50.0,
    ),
    Case(
        "scan_along_rows",
        kernel(
            "a: T[5x70xf32], i: T[5xf32]",
            """
    %0 = gir.move %a : D[5x70xf32] -> R[5x70xf32]
    %1 = gir.move %i : D[5xf32] -> R[5xf32]
    %2, %3 = gir.scan %0 into %1 dim 1 kinds [#vector.kind<add>] : R[5x70xf32] into R[5xf32]
    %r0 = gir.move %2 : R[5x70xf32] -> D[5x70xf32]
    %r1 = gir.move %3 : R[5xf32] -> D[5xf32]""",
            "D[5x70xf32]; D[5xf32]",
        ),
        [[floats(5, 70), floats(5)]],
        lambda a, i: (np.cumsum(a, 1) + i[:, None], a.sum(1) + i),
        roundings=70,
        scale=10.0,
    ),
    Case(
        "scan_along_columns_exclusive_reverse_and_used_again",
        kernel(
            "a: T[?x70xi32], i: T[70xi32], n: index",
            """
    %0 = gir.move %a : D[?x70xi32] -> R[?x70xi32]
    %1 = gir.move %i : D[70xi32] -> R[70xi32]
    %2, %3 = gir.scan %0 into %1 dim 0 exclusive reverse kinds [#vector.kind<add>] : R[?x70xi32] into R[70xi32]
    %4 = arith.muli %2, %0 : R[?x70xi32]
    %5 = gir.permute %4 [1, 0] : R[?x70xi32] -> R[70x?xi32]
    %r0 = gir.move %5 : R[70x?xi32] -> D[70x?xi32]
    %6 = arith.muli %3, %1 : R[70xi32]
    %r1 = gir.move %6 : R[70xi32] -> D[70xi32]""",
            "D[70x?xi32]; D[70xi32]",
            sizes="%n",
        ),
        [[whole(9, 70), whole(70), np.int64(9)], [whole(0, 70), whole(70), np.int64(0)]],
        lambda a, i, n: (
            ((np.cumsum(a[::-1], 0)[::-1] - a + i) * a).T.astype(np.int32),
            ((a.sum(0) + i) * i).astype(np.int32),
        ),
    ),
    Case(
        "scan_with_a_combiner_of_two",
        kernel(
            "a: T[4x40xf32], v: T[4x40xi64], i: T[4xf32], j: T[4xi64]",
            """
    %0 = gir.move %a : D[4x40xf32] -> R[4x40xf32]
    %1 = gir.move %v : D[4x40xi64] -> R[4x40xi64]
    %2 = gir.move %i : D[4xf32] -> R[4xf32]
    %3 = gir.move %j : D[4xi64] -> R[4xi64]
    %4, %5, %6, %7 = gir.scan %0, %1 into %2, %3 dim 1 combiner {
    ^bb0(%x: f32, %at: i64, %top: f32, %place: i64):
      %8 = arith.cmpf ogt, %x, %top : f32
      %9 = arith.select %8, %x, %top : f32
      %10 = arith.select %8, %at, %place : i64
      gir.yield %9, %10 : f32, i64
    } : R[4x40xf32], R[4x40xi64] into R[4xf32], R[4xi64]
    %r0 = gir.move %5 : R[4x40xi64] -> D[4x40xi64]
    %r1 = gir.move %6 : R[4xf32] -> D[4xf32]""",
            "D[4x40xi64]; D[4xf32]",
        ),
        [[floats(4, 40), np.tile(np.arange(40), (4, 1)), np.full(4, -9, np.float32), np.zeros(4, np.int64)]],
        lambda a, v, i, j: (np.array([[int(np.argmax(row[: k + 1])) for k in range(40)] for row in a]), a.max(1)),
    ),
    Case(
        "scan_of_normalised_rows",
        kernel(
            "a: T[4x40xf32], i: T[4xf32]",
            """
    %0 = gir.move %a : D[4x40xf32] -> R[4x40xf32]
    %1 = gir.move %i : D[4xf32] -> R[4xf32]
    %2 = gir.reduce %0 into %1 dims [1] kinds [#vector.kind<maximumf>] : R[4x40xf32] into R[4xf32]
    %3 = gir.broadcast %2 dims [1] : R[4xf32] -> R[4x40xf32]
    %4 = arith.subf %0, %3 : R[4x40xf32]
    %5, %6 = gir.scan %4 into %2 dim 1 kinds [#vector.kind<add>] : R[4x40xf32] into R[4xf32]
    %7 = gir.broadcast %6 dims [1] : R[4xf32] -> R[4x40xf32]
    %8 = arith.subf %5, %7 : R[4x40xf32]
    %r = gir.move %8 : R[4x40xf32] -> D[4x40xf32]""",
            "D[4x40xf32]",
        ),
        [[floats(4, 40), floats(4)]],
        lambda a, i: (
            np.cumsum(a - np.maximum(a.max(1), i)[:, None], 1)
            - (a - np.maximum(a.max(1), i)[:, None]).sum(1, keepdims=True)
        ),
        roundings=80,
        scale=100.0,
    ),
    Case(
        "scatter_adds_and_is_read_again",
        kernel(
            "v: T[90xi32], i: T[90xindex], d: T[10xi32]",
            """
    %0 = gir.move %v : D[90xi32] -> R[90xi32]
    %1 = gir.move %i : D[90xindex] -> R[90xindex]
    %2 = gir.scatter %0 into %d[%1] kind <add> : R[90xi32] into D[10xi32][R[90xindex]] -> D[10xi32]
    %3 = gir.move %2 : D[10xi32] -> R[10xi32]
    %4 = arith.addi %3, %3 : R[10xi32]
    %r = gir.move %4 : R[10xi32] -> D[10xi32]""",
            "D[10xi32]",
        ),
        [[whole(90), whole(90, high=10, dtype="int64"), whole(10)]],
        lambda v, i, d: (2 * (d + np.bincount(i, v, 10))).astype(np.int32),
    ),
    Case(
        "scatter_in_two_dimensions_drops_what_is_outside",
        kernel(
            "v: T[3x5xf32], i: T[3x5xindex], j: T[3x5xindex], d: T[4x6xf32]",
            """
    %0 = gir.move %v : D[3x5xf32] -> R[3x5xf32]
    %1 = gir.move %i : D[3x5xindex] -> R[3x5xindex]
    %2 = gir.move %j : D[3x5xindex] -> R[3x5xindex]
    %3 = gir.move %d : D[4x6xf32] -> R[4x6xf32]
    %4 = math.absf %3 : R[4x6xf32]
    %5 = gir.move %4 : R[4x6xf32] -> D[4x6xf32]
    %r = gir.scatter %0 into %5[%1, %2] : R[3x5xf32] into D[4x6xf32][R[3x5xindex], R[3x5xindex]] -> D[4x6xf32]""",
            "D[4x6xf32]",
        ),
        [
            [
                floats(3, 5),
                np.repeat(np.arange(1, 4), 5).reshape(3, 5),
                np.tile(np.arange(-1, 9, 2), (3, 1)),
                floats(4, 6),
            ]
        ],
        lambda v, i, j, d: np.block([[np.abs(d[:1])], [scattered(np.abs(d), v)[1:]]]),
    ),
    Case(
        "gather_from_what_was_computed",
        kernel(
            "a: T[6x40xf32], i: T[9xindex]",
            """
    %0 = gir.move %a : D[6x40xf32] -> R[6x40xf32]
    %1 = math.absf %0 : R[6x40xf32]
    %2 = gir.move %1 : R[6x40xf32] -> D[6x40xf32]
    %3 = gir.move %i : D[9xindex] -> R[9xindex]
    %4 = gir.gather %2[%3, %3] : D[6x40xf32][R[9xindex], R[9xindex]] -> R[9xf32]
    %r = gir.move %4 : R[9xf32] -> D[9xf32]""",
            "D[9xf32]",
        ),
        [[floats(6, 40), whole(9, high=6, dtype="int64")]],
        lambda a, i: np.abs(a)[i, i],
    ),
    Case(
        "gather_from_a_window",
        kernel(
            "a: T[20xf32], i: T[9xindex], j: T[9xindex]",
            """
    %0 = gir.window %a dims [0] sizes [3] strides [2] dilations [1] : D[20xf32] -> D[9x3xf32]
    %1 = gir.move %i : D[9xindex] -> R[9xindex]
    %2 = gir.move %j : D[9xindex] -> R[9xindex]
    %3 = gir.gather %0[%1, %2] : D[9x3xf32][R[9xindex], R[9xindex]] -> R[9xf32]
    %r = gir.move %3 : R[9xf32] -> D[9xf32]""",
            "D[9xf32]",
        ),
        [[floats(20), whole(9, high=9, dtype="int64"), whole(9, high=3, dtype="int64")]],
        lambda a, i, j: a[2 * i + j],
    ),
]
