"""Rows that are shorter than a register, and matrices with a short side: turned in registers, right to the last row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tile_form import kernel, run, values

import powerfusion as pf
from suites.case import Case, error_of
from suites.memory_bound import memory_bound

CASES = {case.name: case for case in memory_bound()}
TOLERANCES = {"f32": 1e-5, "bf16": 2**-6}
NORMALISED = ("softmax_4096x1024", "layernorm_768", "rmsnorm", "sum_of_rows", "bias_gelu", "int8_quantise")


def _check(case: Case, *sizes: int) -> pf.Executable:
    """Compiles a case of the suite at some sizes, and holds it against NumPy."""
    workload = replace(case.workload, full=sizes)
    resized = replace(case, workload=workload)
    executable = pf.compile(workload.text(), cache=False)
    inputs = workload.inputs()
    results = executable(*inputs)
    for got, wanted in zip(results if isinstance(results, tuple) else (results,), resized.wanted(inputs), strict=True):
        assert error_of(np.asarray(got), wanted, workload.scale) <= TOLERANCES[workload.dtype]
    return executable


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("columns", [2, 3, 4, 5, 6, 7, 11, 15])
@pytest.mark.parametrize("name", NORMALISED)
def test_rows(name: str, columns: int, dtype: str) -> None:
    """Of any length, and so many that the last step has a part of its rows."""
    _check(CASES[f"{name} {dtype}"], 1013, columns)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("sizes", [(3, 7, 5), (61, 4, 3), (2, 3, 61, 7)])
def test_images(sizes: tuple[int, ...], dtype: str) -> None:
    """Rows of images are one matrix of short rows."""
    executable = _check(CASES[f"rmsnorm {dtype}"], *sizes)
    assert f"tensor<{np.prod(sizes[:-1])}x{sizes[-1]}x{dtype}" in executable.ir("simplify")


def test_turned_once() -> None:
    """The pipeline turns a kernel of short rows: sums of five columns are additions of whole registers."""
    executable = _check(CASES["layernorm_768 f32"], 8000, 5)
    assert "gir.reduce" in executable.ir("tile")
    assert "vector.reduction" not in executable.ir("lower")


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", ["transpose", "transpose_add"])
@pytest.mark.parametrize("sizes", [(3, 1009), (7, 523), (1009, 3), (517, 5), (2, 99), (31, 9)])
def test_short_sides(sizes: tuple[int, int], name: str, dtype: str) -> None:
    """A matrix with a short side is turned, all of that side at once."""
    _check(CASES[f"{name} {dtype}"], *sizes)


@pytest.mark.parametrize("rows", [8, 16])
@pytest.mark.parametrize("columns", [2, 3, 4, 5, 7, 12, 13, 15])
def test_interleaving(rows: int, columns: int) -> None:
    """Rows in a vector become a vector for each column, and back."""
    flat = f"{rows * columns}xf32"
    body = f"""
    %t = gir.load %x[%c0] : D<{flat}> -> T<{flat}>
    %r = gir.reshape %t : T<{flat}> -> T<{rows}x{columns}xf32>
    %p = gir.permute %r [1, 0] : T<{rows}x{columns}xf32> -> T<{columns}x{rows}xf32>
    gir.store %p, %y[%c0, %c0] : T<{columns}x{rows}xf32>, D<{columns}x{rows}xf32>
    %q = gir.permute %p [1, 0] : T<{columns}x{rows}xf32> -> T<{rows}x{columns}xf32>
    %u = gir.reshape %q : T<{rows}x{columns}xf32> -> T<{flat}>
    gir.store %u, %z[%c0] : T<{flat}>, D<{flat}>
    """
    x, y, z = (
        values((rows * columns,), "f32"),
        np.zeros((columns, rows), np.float32),
        np.zeros(rows * columns, np.float32),
    )
    run(kernel(f"x:{flat} y:{columns}x{rows}xf32 z:{flat}", body), x, y, z)
    np.testing.assert_array_equal(y, x.reshape(rows, columns).T)
    np.testing.assert_array_equal(z, x)
