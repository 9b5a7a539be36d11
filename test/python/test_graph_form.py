"""Hand-written programs in graph form: tiled, lowered and run against NumPy, with and without simplifying.

In a program `D[4x8xf32]` stands for `tensor<4x8xf32, #gir.at<dram>>`, `S[..]` and `R[..]` for the
same at sram and reg, and `T[..]` for a tensor of the function.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import tolerance

from powerfusion.executable import compile_phases
from powerfusion.pipelines import CPU

Array = np.ndarray
LEVELS = {"D": "dram", "S": "sram", "R": "reg"}
GRAPH = tuple(phase for phase in CPU if phase.name != "import")  # which would raise arith within kernels
ROUTES = {"simplified": GRAPH, "as written": tuple(phase for phase in GRAPH if phase.name != "simplify")}


@dataclass(frozen=True)
class Case:
    """A program, its inputs and what it computes.

    Attributes:
        name: Of the test.
        text: The module, with the short types of this file.
        inputs: Arrays to call it with, several calls where the sizes are dynamic.
        reference: Its meaning in NumPy, on the same arrays.
        roundings: How often a result is rounded on the way.
        scale: What errors are relative to, beside the result.
    """

    name: str
    text: str
    inputs: Sequence[Sequence[Array]]
    reference: Callable[..., Array | tuple[Array, ...]]
    roundings: int = 4
    scale: float = 1.0


def expand(text: str) -> str:
    """The module with its types written out."""

    def written(match: re.Match[str]) -> str:
        level, shape = match.groups()
        return f"tensor<{shape}>" if level == "T" else f"tensor<{shape}, #gir.at<{LEVELS[level]}>>"

    return re.sub(r"\b([DSRT])\[([^\[\]]*)\]", written, text)


def kernel(signature: str, body: str, result: str, *, sizes: str = "", maps: str = "") -> str:
    """A function that is one kernel; `signature` is `a: T[..], b: T[..]`, `result` types what %r is."""
    names = [part.split(":", 1) for part in signature.split(", ") if part]
    arguments = ", ".join(f"%{name}: {type_.strip()}" for name, type_ in names)
    given = ", ".join(f"%{name}_ = %{name} : {type_.strip()}" for name, type_ in names)
    body = re.sub(r"%(" + "|".join(name for name, _ in names) + r")\b", r"%\1_", body) if names else body
    results = result.split("; ")
    plain = ", ".join(r.replace("D[", "T[") for r in results)
    returned = "%r" if len(results) == 1 else ", ".join(f"%r{at}" for at in range(len(results)))
    given_sizes = f" sizes({sizes})" if sizes else ""
    count = "" if len(results) == 1 else f":{len(results)}"
    outer = "%out" if len(results) == 1 else ", ".join(f"%out#{at}" for at in range(len(results)))
    return expand(f"""{maps}
func.func @main({arguments}) -> ({plain}) {{
  %out{count} = gir.kernel "k" ({given}){given_sizes} -> ({plain}) {{
{body}
    gir.return {returned} : {", ".join(results)}
  }}
  return {outer} : {plain}
}}
""")


RNG = np.random.default_rng(7)


def floats(*shape: int, dtype: str = "float32") -> Array:
    """Random floats of magnitude 1."""
    return RNG.standard_normal(shape).astype(dtype)


def whole(*shape: int, high: int = 9, dtype: str = "int32") -> Array:
    """Random integers below `high`."""
    return RNG.integers(0, high, shape).astype(dtype)


def windows(
    x: Array, dims: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Array:
    """What `gir.window` says, element by element."""
    rank, shape = x.ndim, list(x.shape)
    for dim, size, stride, dilation in zip(dims, sizes, strides, dilations, strict=True):
        shape[dim] = (shape[dim] - dilation * (size - 1) - 1) // stride + 1
    result = np.empty((*shape, *sizes), x.dtype)
    for place in np.ndindex(*result.shape):
        source = list(place[:rank])
        for entry, dim in enumerate(dims):
            source[dim] = place[dim] * strides[entry] + place[rank + entry] * dilations[entry]
        result[place] = x[tuple(source)]
    return result


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
]


def inserted(a: Array, b: Array) -> Array:
    """`a` with rows 3 and 5 replaced."""
    made = a.copy()
    made[3:7:2] = b
    return made


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


def scattered(d: Array, v: Array) -> Array:
    """`d` with rows 1 to 3 written at columns 1, 3 and 5; those at -1 and 7 are dropped."""
    made = d.copy()
    made[1:4, [1, 3, 5]] = v[:, 1:4]
    return made


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
    gir.yield %x : T[?x8xf32]
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


def twice(step: Callable[..., tuple[Array, ...]], *arrays: Array) -> tuple[Array, ...]:
    """A step on its own results."""
    return step(*step(*arrays))


def run(case: Case, route: str) -> None:
    """Compiles a case and compares each of its calls."""
    executable = compile_phases(case.text, ROUTES[route], "cpu")
    for inputs in case.inputs:
        got = executable(*inputs)
        expected = case.reference(
            *[np.asarray(a, np.float64) if np.asarray(a).dtype.kind == "f" else a for a in inputs]
        )
        pairs = zip(
            got if isinstance(got, tuple) else (got,),
            expected if isinstance(expected, tuple) else (expected,),
            strict=True,
        )
        for at, (array, value) in enumerate(pairs):
            dtype = np.asarray(array).dtype
            wanted = tolerance.Expected(value, case.scale) if dtype.kind == "f" else value
            tolerance.check(array, wanted, dtype, roundings=case.roundings, what=f"{case.name}, result {at}")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("case", [*VIEWS, *COMPUTATION, *STRUCTURE], ids=lambda case: case.name)
def test_case(case: Case, route: str) -> None:
    """One kernel, as written and simplified."""
    run(case, route)
