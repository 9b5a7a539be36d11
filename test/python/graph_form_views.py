"""Programs of views in graph form: slices, concatenations, windows, reshapes, insertions."""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import math

import numpy as np
from graph_form import Array, Case, floats, kernel, windows


def inserted(a: Array, b: Array) -> Array:
    """`a` with rows 3 and 5 replaced."""
    made = a.copy()
    made[3:7:2] = b
    return made


VIEWS = [
    Case(
        "slice_at_reg",
        kernel(
            "a: T[5x70xf32]",
            """
    %0 = gir.move %a : D[5x70xf32] -> R[5x70xf32]
    %1 = math.absf %0 : R[5x70xf32]
    %2 = gir.slice %1 [1, 3] [3, 33] [1, 2] : R[5x70xf32] -> R[3x33xf32]
    %r = gir.move %2 : R[3x33xf32] -> D[3x33xf32]""",
            "D[3x33xf32]",
        ),
        [[floats(5, 70)]],
        lambda a: np.abs(a)[1:4, 3:69:2],
    ),
    Case(
        "slice_at_reg_dropping_dimensions",
        kernel(
            "a: T[5x70xf32], o: index",
            """
    %0 = gir.move %a : D[5x70xf32] -> R[5x70xf32]
    %1 = math.absf %0 : R[5x70xf32]
    %2 = gir.slice %1 [%o, 3] [1, 66] [1, 1] drop [0] : R[5x70xf32] -> R[66xf32]
    %r = gir.move %2 : R[66xf32] -> D[66xf32]""",
            "D[66xf32]",
        ),
        [[floats(5, 70), np.int64(2)]],
        lambda a, o: np.abs(a)[int(o), 3:69],
    ),
    Case(
        "slice_at_reg_with_dynamic_strides",
        kernel(
            "a: T[?xf32], o: index, n: index, s: index",
            """
    %0 = gir.move %a : D[?xf32] -> R[?xf32]
    %1 = math.absf %0 : R[?xf32]
    %2 = gir.slice %1 [%o] [%n] [%s] : R[?xf32] -> R[?xf32]
    %r = gir.move %2 : R[?xf32] -> D[?xf32]""",
            "D[?xf32]",
            sizes="%n",
        ),
        [[floats(100), np.int64(3), np.int64(40), np.int64(2)], [floats(10), np.int64(0), np.int64(4), np.int64(3)]],
        lambda a, o, n, s: np.abs(a)[int(o) :: int(s)][: int(n)],
    ),
    Case(
        "rotation_of_halves",
        kernel(
            "a: T[6x64xf32], c: T[6x32xf32]",
            """
    %0 = gir.move %a : D[6x64xf32] -> R[6x64xf32]
    %1 = gir.slice %0 [0, 0] [6, 32] [1, 1] : R[6x64xf32] -> R[6x32xf32]
    %2 = gir.slice %0 [0, 32] [6, 32] [1, 1] : R[6x64xf32] -> R[6x32xf32]
    %3 = gir.move %c : D[6x32xf32] -> R[6x32xf32]
    %4 = arith.mulf %1, %3 : R[6x32xf32]
    %5 = arith.subf %2, %3 : R[6x32xf32]
    %6 = gir.concat %4, %5 dim 1 : (R[6x32xf32], R[6x32xf32]) -> R[6x64xf32]
    %7 = math.absf %6 : R[6x64xf32]
    %r = gir.move %7 : R[6x64xf32] -> D[6x64xf32]""",
            "D[6x64xf32]",
        ),
        [[floats(6, 64), floats(6, 32)]],
        lambda a, c: np.abs(np.concatenate([a[:, :32] * c, a[:, 32:] - c], 1)),
    ),
    Case(
        "concat_of_three_along_rows_and_reduced",
        kernel(
            "a: T[2x37xf32], b: T[3x37xf32], c: T[1x37xf32], i: T[37xf32]",
            """
    %0 = gir.move %a : D[2x37xf32] -> R[2x37xf32]
    %1 = gir.move %b : D[3x37xf32] -> R[3x37xf32]
    %2 = gir.move %c : D[1x37xf32] -> R[1x37xf32]
    %3 = gir.concat %0, %1, %2 dim 0 : (R[2x37xf32], R[3x37xf32], R[1x37xf32]) -> R[6x37xf32]
    %4 = gir.move %i : D[37xf32] -> R[37xf32]
    %5 = gir.reduce %3 into %4 dims [0] kinds [#vector.kind<maximumf>] : R[6x37xf32] into R[37xf32]
    %r = gir.move %5 : R[37xf32] -> D[37xf32]""",
            "D[37xf32]",
        ),
        [[floats(2, 37), floats(3, 37), floats(1, 37), floats(37)]],
        lambda a, b, c, i: np.maximum(np.concatenate([a, b, c]).max(0), i),
    ),
    Case(
        "concat_at_dram_of_inputs",
        kernel(
            "a: T[2x5xf32], b: T[?x5xf32]",
            """
    %0 = gir.concat %a, %b dim 0 : (D[2x5xf32], D[?x5xf32]) -> D[?x5xf32]
    %1 = gir.move %0 : D[?x5xf32] -> R[?x5xf32]
    %2 = math.absf %1 : R[?x5xf32]
    %r = gir.move %2 : R[?x5xf32] -> D[?x5xf32]""",
            "D[?x5xf32]",
            sizes="%n",
        ).replace(
            "%out = ",
            "%zero = arith.constant 0 : index\n %two = arith.constant 2 : index\n %m = tensor.dim %b, %zero : tensor<?x5xf32>\n %n = arith.addi %m, %two : index\n %out = ",
        ),
        [[floats(2, 5), floats(4, 5)], [floats(2, 5), floats(0, 5)]],
        lambda a, b: np.abs(np.concatenate([a, b])),
    ),
    Case(
        "broadcast_at_dram",
        kernel(
            "a: T[40xf32]",
            """
    %0 = gir.broadcast %a dims [0] : D[40xf32] -> D[3x40xf32]
    %1 = gir.move %0 : D[3x40xf32] -> R[3x40xf32]
    %r = gir.move %1 : R[3x40xf32] -> D[3x40xf32]""",
            "D[3x40xf32]",
        ),
        [[floats(40)]],
        lambda a: np.broadcast_to(a, (3, 40)),
    ),
    Case(
        "returned_views_of_inputs",
        kernel(
            "a: T[4x6xf32]",
            """
    %r0 = gir.permute %a [1, 0] : D[4x6xf32] -> D[6x4xf32]
    %1 = gir.slice %a [1, 2] [2, 3] [1, 1] : D[4x6xf32] -> D[2x3xf32]
    %r1 = gir.reshape %1 : D[2x3xf32] -> D[6xf32]""",
            "D[6x4xf32]; D[6xf32]",
        ),
        [[floats(4, 6)]],
        lambda a: (a.T, a[1:3, 2:5].reshape(-1)),
    ),
    Case(
        "window_at_reg",
        kernel(
            "a: T[3x50xf32]",
            """
    %0 = gir.move %a : D[3x50xf32] -> R[3x50xf32]
    %1 = gir.window %0 dims [1] sizes [3] strides [1] dilations [2] : R[3x50xf32] -> R[3x46x3xf32]
    %r = gir.move %1 : R[3x46x3xf32] -> D[3x46x3xf32]""",
            "D[3x46x3xf32]",
        ),
        [[floats(3, 50)]],
        lambda a: windows(a, [1], [3], [1], [2]),
    ),
    Case(
        "window_of_nine_at_reg",
        kernel(
            "a: T[3x50xf32]",
            """
    %0 = gir.move %a : D[3x50xf32] -> R[3x50xf32]
    %1 = gir.window %0 dims [1] sizes [9] strides [1] dilations [2] : R[3x50xf32] -> R[3x34x9xf32]
    %r = gir.move %1 : R[3x34x9xf32] -> D[3x34x9xf32]""",
            "D[3x34x9xf32]",
        ),
        [[floats(3, 50)]],
        lambda a: windows(a, [1], [9], [1], [2]),
    ),
    Case(
        "window_at_dram_strided",
        kernel(
            "a: T[3x?xf32], n: index",
            """
    %0 = gir.window %a dims [0, 1] sizes [2, 3] strides [1, 2] dilations [1, 1] : D[3x?xf32] -> D[2x?x2x3xf32]
    %1 = gir.move %0 : D[2x?x2x3xf32] -> R[2x?x2x3xf32]
    %r = gir.move %1 : R[2x?x2x3xf32] -> D[2x?x2x3xf32]""",
            "D[2x?x2x3xf32]",
            sizes="%n",
        ),
        [[floats(3, 50), np.int64(24)], [floats(3, 3), np.int64(1)], [floats(3, 140), np.int64(69)]],
        lambda a, n: windows(a, [0, 1], [2, 3], [1, 2], [1, 1]),
    ),
    Case(
        "max_pool_of_padded",
        kernel(
            "a: T[2x3x9x37xf32], i: T[2x3x5x19xf32]",
            """
    %low = arith.constant 0xFF800000 : f32
    %0 = gir.move %a : D[2x3x9x37xf32] -> R[2x3x9x37xf32]
    %1 = gir.pad %0 low [0, 0, 1, 1] high [0, 0, 1, 1] value %low : R[2x3x9x37xf32] -> R[2x3x11x39xf32]
    %2 = gir.window %1 dims [2, 3] sizes [3, 3] strides [2, 2] dilations [1, 1] : R[2x3x11x39xf32] -> R[2x3x5x19x3x3xf32]
    %3 = gir.move %i : D[2x3x5x19xf32] -> R[2x3x5x19xf32]
    %4 = gir.reduce %2 into %3 dims [4, 5] kinds [#vector.kind<maximumf>] : R[2x3x5x19x3x3xf32] into R[2x3x5x19xf32]
    %r = gir.move %4 : R[2x3x5x19xf32] -> D[2x3x5x19xf32]""",
            "D[2x3x5x19xf32]",
        ),
        [[floats(2, 3, 9, 37), floats(2, 3, 5, 19)]],
        lambda a, i: np.maximum(
            i,
            windows(
                np.pad(a, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf), [2, 3], [3, 3], [2, 2], [1, 1]
            ).max((4, 5)),
        ),
    ),
    Case(
        "window_of_a_reduction",
        kernel(
            "a: T[40x33xf32], i: T[40xf32], j: T[38xf32]",
            """
    %0 = gir.move %a : D[40x33xf32] -> R[40x33xf32]
    %1 = gir.move %i : D[40xf32] -> R[40xf32]
    %2 = gir.reduce %0 into %1 dims [1] kinds [#vector.kind<add>] : R[40x33xf32] into R[40xf32]
    %3 = gir.window %2 dims [0] sizes [3] strides [1] dilations [1] : R[40xf32] -> R[38x3xf32]
    %4 = gir.move %j : D[38xf32] -> R[38xf32]
    %5 = gir.reduce %3 into %4 dims [1] kinds [#vector.kind<maximumf>] : R[38x3xf32] into R[38xf32]
    %r = gir.move %5 : R[38xf32] -> D[38xf32]""",
            "D[38xf32]",
        ),
        [[floats(40, 33), floats(40), floats(38)]],
        lambda a, i, j: np.maximum(j, windows(a.sum(1) + i, [0], [3], [1], [1]).max(1)),
        scale=30.0,
    ),
    Case(
        "reshape_at_dram",
        kernel(
            "a: T[12x784xf32]",
            """
    %0 = gir.reshape %a : D[12x784xf32] -> D[3x4x784xf32]
    %1 = gir.permute %0 [1, 0, 2] : D[3x4x784xf32] -> D[4x3x784xf32]
    %2 = gir.move %1 : D[4x3x784xf32] -> R[4x3x784xf32]
    %3 = gir.move %2 : R[4x3x784xf32] -> D[4x3x784xf32]
    %r = gir.reshape %3 : D[4x3x784xf32] -> D[12x784xf32]""",
            "D[12x784xf32]",
        ),
        [[floats(12, 784)]],
        lambda a: a.reshape(3, 4, 784).transpose(1, 0, 2).reshape(12, 784),
    ),
    Case(
        "reshape_at_reg_in_the_middle",
        kernel(
            "a: T[6x35xf32], b: T[14x15xf32]",
            """
    %0 = gir.move %a : D[6x35xf32] -> R[6x35xf32]
    %1 = math.absf %0 : R[6x35xf32]
    %2 = gir.reshape %1 : R[6x35xf32] -> R[14x15xf32]
    %3 = gir.move %b : D[14x15xf32] -> R[14x15xf32]
    %4 = arith.addf %2, %3 : R[14x15xf32]
    %r = gir.move %4 : R[14x15xf32] -> D[14x15xf32]""",
            "D[14x15xf32]",
        ),
        [[floats(6, 35), floats(14, 15)]],
        lambda a, b: np.abs(a).reshape(14, 15) + b,
    ),
    Case(
        "reshapes_at_reg_at_both_ends",
        kernel(
            "a: T[?x6xf32], n: index, m: index",
            """
    %0 = gir.move %a : D[?x6xf32] -> R[?x6xf32]
    %1 = gir.reshape %0 sizes(%m) : R[?x6xf32] -> R[2x?xf32]
    %2 = math.absf %1 : R[2x?xf32]
    %3 = gir.reshape %2 sizes(%n) : R[2x?xf32] -> R[?x2x3xf32]
    %r = gir.move %3 : R[?x2x3xf32] -> D[?x2x3xf32]""",
            "D[?x2x3xf32]",
            sizes="%n",
        ),
        [[floats(7, 6), np.int64(7), np.int64(21)], [floats(32, 6), np.int64(32), np.int64(96)]],
        lambda a, n, m: np.abs(a).reshape(int(n), 2, 3),
    ),
    Case(
        "reshape_to_and_from_scalars",
        kernel(
            "a: T[1x1xf32], b: T[f32]",
            """
    %0 = gir.move %a : D[1x1xf32] -> R[1x1xf32]
    %1 = gir.reshape %0 : R[1x1xf32] -> R[f32]
    %2 = math.absf %1 : R[f32]
    %r0 = gir.move %2 : R[f32] -> D[f32]
    %3 = gir.reshape %b : D[f32] -> D[1x1xf32]
    %4 = gir.move %3 : D[1x1xf32] -> R[1x1xf32]
    %r1 = gir.move %4 : R[1x1xf32] -> D[1x1xf32]""",
            "D[f32]; D[1x1xf32]",
        ),
        [[floats(1, 1), floats()]],
        lambda a, b: (np.abs(a).reshape(()), b.reshape(1, 1)),
    ),
    Case(
        "stored_and_read_again_after_an_insertion",
        kernel(
            "a: T[8x40xf32], b: T[2x40xf32]",
            """
    %0 = gir.move %a : D[8x40xf32] -> R[8x40xf32]
    %1 = gir.move %0 : R[8x40xf32] -> D[8x40xf32]
    %2 = gir.move %b : D[2x40xf32] -> R[2x40xf32]
    %3 = gir.move %2 : R[2x40xf32] -> D[2x40xf32]
    %4 = gir.insert %3 into %1 [3, 0] [2, 40] [2, 1] : D[2x40xf32] into D[8x40xf32]
    %5 = gir.move %4 : D[8x40xf32] -> R[8x40xf32]
    %6 = math.absf %5 : R[8x40xf32]
    %7 = gir.permute %6 [1, 0] : R[8x40xf32] -> R[40x8xf32]
    %r0 = gir.move %7 : R[40x8xf32] -> D[40x8xf32]
    %r1 = gir.reshape %4 : D[8x40xf32] -> D[320xf32]""",
            "D[40x8xf32]; D[320xf32]",
        ),
        [[floats(8, 40), floats(2, 40)]],
        lambda a, b: (np.abs(inserted(a, b)).T, inserted(a, b).reshape(-1)),
    ),
    Case(
        "sums_of_neighbours_again_and_again",
        kernel(
            "a: T[200xf32]",
            "    %v0 = gir.move %a : D[200xf32] -> R[200xf32]\n"
            + "\n".join(
                f"""    %l{k} = gir.slice %v{k} [0] [{199 - k}] [1] : R[{200 - k}xf32] -> R[{199 - k}xf32]
    %h{k} = gir.slice %v{k} [1] [{199 - k}] [1] : R[{200 - k}xf32] -> R[{199 - k}xf32]
    %v{k + 1} = arith.addf %l{k}, %h{k} : R[{199 - k}xf32]"""
                for k in range(20)
            )
            + "\n    %r = gir.move %v20 : R[180xf32] -> D[180xf32]",
            "D[180xf32]",
        ),
        [[floats(200)]],
        lambda a: sum(math.comb(20, k) * a[k : k + 180] for k in range(21)),
        scale=1e6,
        roundings=20,
    ),
]
