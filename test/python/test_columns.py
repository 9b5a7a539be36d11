"""Columns that are folded: pieces of some rows at a time, neighbours together, on any threads; and long sums."""

from __future__ import annotations

import ctypes
import re

import ml_dtypes
import numpy as np
import pytest
from graph_form import kernel

from powerfusion.core.toolchain import openmp_library
from powerfusion.executable import compile_phases
from powerfusion.machines import find
from powerfusion.passes.lowering.together import THREADS
from powerfusion.pipelines import CPU
from powerfusion.reference import interpret

PHASES = tuple(phase for phase in CPU if phase.name != "import")
DTYPES = {"f32": np.float32, "f64": np.float64, "bf16": ml_dtypes.bfloat16, "i32": np.int32}
SHAPES = [(8, 512), (40, 1000), (3, 2056), (700, 300), (5, 16), (9000, 256)]

SUM_AND_MOST = """
    %v = gir.move %x : D[{shape}x{dtype}] -> R[{shape}x{dtype}]
    %a = gir.move %y : D[{kept}x{dtype}] -> R[{kept}x{dtype}]
    %f:2 = gir.reduce %v, %v into %a, %a dims [{dim}] kinds [#vector.kind<add>, #vector.kind<{most}>]
        : R[{shape}x{dtype}], R[{shape}x{dtype}] into R[{kept}x{dtype}], R[{kept}x{dtype}]
    %r0 = gir.move %f#0 : R[{kept}x{dtype}] -> D[{kept}x{dtype}]
    %r1 = gir.move %f#1 : R[{kept}x{dtype}] -> D[{kept}x{dtype}]"""


def program(shape: tuple[int, ...], dtype: str, *, dynamic: bool) -> str:
    """The sum and the maximum of each column of the last dimensions."""
    dim = len(shape) - 2
    sizes = ["?" if dynamic else str(size) for size in shape]
    kept = [size for at, size in enumerate(sizes) if at != dim]
    shown = {"shape": "x".join(sizes), "kept": "x".join(kept), "dtype": dtype}
    most = "maxsi" if dtype == "i32" else "maximumf"
    signature = f"x: T[{shown['shape']}x{dtype}], y: T[{shown['kept']}x{dtype}], m: index, n: index"
    given = (["%m", "%n"] if len(kept) == 2 else ["%n"]) * 2 if dynamic else []
    results = "; ".join([f"D[{shown['kept']}x{dtype}]"] * 2)
    return kernel(signature, SUM_AND_MOST.format(dim=dim, most=most, **shown), results, sizes=", ".join(given))


def inputs_of(shape: tuple[int, ...], dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """What is folded and what it starts from."""
    random = np.random.default_rng(5)
    kept = (*shape[:-2], shape[-1])
    if dtype == "i32":
        return random.integers(-9, 9, shape, np.int32), random.integers(-9, 9, kept, np.int32)
    return random.standard_normal(shape).astype(DTYPES[dtype]), random.standard_normal(kept).astype(DTYPES[dtype])


def check(results: tuple[np.ndarray, ...], x: np.ndarray, y: np.ndarray, dtype: str, steps: int = 1) -> None:
    """Holds them against float64; in steps, what is folded so far is rounded after each."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    tolerance = {"f32": 1e-6, "f64": 1e-13, "bf16": 2**-8, "i32": 0}[dtype]
    scale = np.abs(y) + np.abs(x).sum(-2)
    assert (np.abs(results[0].astype(np.float64) - (y + x.sum(-2))) <= steps * tolerance * scale).all()
    np.testing.assert_array_equal(results[1].astype(np.float64), np.maximum(y, x.max(-2)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_columns_are_folded(shape: tuple[int, ...], dtype: str, *, dynamic: bool) -> None:
    """Whole tiles, what is left of rows and of columns, and accumulators in a wider type where rows are many."""
    x, y = inputs_of(shape, dtype)
    executable = compile_phases(program(shape, dtype, dynamic=dynamic), PHASES, "cpu")
    sizes = np.int64(shape[0]), np.int64(shape[-1])
    check(executable(x, y, *sizes), x, y, dtype)


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_registers_hold_what_is_folded(dtype: str) -> None:
    """The interpreter rejects more than a core's registers."""
    shape = (24, 600)
    x, y = inputs_of(shape, dtype)
    executable = compile_phases(program(shape, dtype, dynamic=False), PHASES, "cpu")
    module = executable.module("tile")
    pieces = re.search(r"tensor<([248])x\d+x", str(module))
    assert pieces, "expected pieces of several rows"
    results = interpret(module, (x, y, np.int64(24), np.int64(600)), machine=find("cpu")).results
    check(results, x, y, dtype, steps=24 // int(pieces[1]))


@pytest.mark.parametrize("shape", [(300, 4096), (3, 200, 2000)])
def test_groups_go_together_on_any_number_of_threads(shape: tuple[int, ...]) -> None:
    """Blocks of groups are as many as threads; each column's elements are added up in one order all the same."""
    x, y = inputs_of(shape, "f32")
    executable = compile_phases(program(shape, "f32", dynamic=False), PHASES, "cpu")
    assert THREADS in executable.ir("lower")
    openmp, made = ctypes.CDLL(str(openmp_library())), []
    before = openmp.omp_get_max_threads()
    for threads in (1, 2, 7):
        openmp.omp_set_num_threads(threads)
        made.append(executable(x, y, np.int64(shape[0]), np.int64(shape[-1])))
    openmp.omp_set_num_threads(before)
    check(made[0], x, y, "f32")
    for other in made[1:]:
        for result, expected in zip(other, made[0], strict=True):
            np.testing.assert_array_equal(result, expected)


def test_short_rows_stay_apart() -> None:
    """What is folded along memory's lines has no neighbours to go with."""
    text = kernel(
        "x: T[512x512xf32]",
        """
    %v = gir.move %x : D[512x512xf32] -> R[512x512xf32]
    %a = arith.constant dense<0.0> : R[512xf32]
    %f = gir.reduce %v into %a dims [1] kinds [#vector.kind<add>] : R[512x512xf32] into R[512xf32]
    %r = gir.move %f : R[512xf32] -> D[512xf32]""",
        "D[512xf32]",
    )
    assert THREADS not in compile_phases(text, PHASES, "cpu").ir("lower")


@pytest.mark.parametrize("shape", [(70, 3, 5000), (5000, 2, 40), (9, 2, 33)])
def test_long_sums_are_of_shorter_ones(shape: tuple[int, ...]) -> None:
    """Loops inside a long sum add up in f32, and what they come to in f64."""
    kept = (shape[1],)
    text = kernel(
        f"x: T[{'x'.join(map(str, shape))}xf32], y: T[{kept[0]}xf32]",
        f"""
    %v = gir.move %x : D[{"x".join(map(str, shape))}xf32] -> R[{"x".join(map(str, shape))}xf32]
    %a = gir.move %y : D[{kept[0]}xf32] -> R[{kept[0]}xf32]
    %f = gir.reduce %v into %a dims [0, 2] kinds [#vector.kind<add>]
        : R[{"x".join(map(str, shape))}xf32] into R[{kept[0]}xf32]
    %r = gir.move %f : R[{kept[0]}xf32] -> D[{kept[0]}xf32]""",
        f"D[{kept[0]}xf32]",
    )
    random = np.random.default_rng(5)
    x, y = random.random(shape).astype(np.float32), random.random(kept).astype(np.float32)
    result = compile_phases(text, PHASES, "cpu")(x, y)
    np.testing.assert_allclose(result, y.astype(np.float64) + x.astype(np.float64).sum((0, 2)), rtol=2e-6)
