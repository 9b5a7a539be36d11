"""Programs of computation in graph form: what goes in an order, or to computed places: scans, scatters, gathers."""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import numpy as np
from graph_form import Array, Case, floats, kernel, whole


def matrix_products(a: Array, i: Array) -> Array:
    """All running products of matrices along axis 1, each from the right."""
    made = np.empty_like(a)
    for at in range(a.shape[1]):
        i = i @ a[:, at]
        made[:, at] = i
    return made


def scattered(d: Array, v: Array) -> Array:
    """`d` with rows 1 to 3 written at columns 1, 3 and 5; those at -1 and 7 are dropped."""
    made = d.copy()
    made[1:4, [1, 3, 5]] = v[:, 1:4]
    return made


ORDER = [
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
