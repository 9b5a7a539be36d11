"""Rows that a thread gathers in lines, to go past the caches: in any order, from anywhere, by several threads."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tile_form import DTYPES, kernel, run, values

import powerfusion as pf

GATHERED = "nontemporal {gir.gathered}"


def _rows(loop: str, columns: int, dtype: str, *, of: int = 37) -> str:
    """A copy of rows, each of which a loop or a parallel gives as %r."""
    whole, rest = columns // 32 * 32, columns % 32
    big = f"D<{of}x{columns}x{dtype}>"
    tail = f"""
      %rest = arith.constant {rest} : index
      %w = arith.constant {whole} : index
      %u = gir.load %x[%r, %w] valid [%c1, %rest] : {big} -> T<1x32x{dtype}>
      gir.store %u, %y[%r, %w] valid [%c1, %rest] {GATHERED} : T<1x32x{dtype}>, {big}"""
    return f"""
    %last = arith.constant {of - 1} : index
    %rows = arith.constant {of} : index
    %whole = arith.constant {whole} : index
    {loop}
      scf.for %j = %c0 to %whole step %c32 {{
        %t = gir.load %x[%r, %j] : {big} -> T<1x32x{dtype}>
        gir.store %t, %y[%r, %j] {GATHERED} : T<1x32x{dtype}>, {big}
      }}{tail if rest else ""}
    }}
    """


FORWARDS = "scf.for %r = %c0 to %rows step %c1 {"
BACKWARDS = "scf.for %i = %c0 to %rows step %c1 {\n %r = arith.subi %last, %i : index"
THREADS = "gir.parallel <group> (%r) in (%rows) attributes {gir.work = 100000000 : i64} {"


@pytest.mark.parametrize("dtype", ["f32", "f64", "f16", "bf16", "i8", "i1"])
@pytest.mark.parametrize("columns", [5, 32, 67, 129, 1500])
@pytest.mark.parametrize("loop", [FORWARDS, BACKWARDS, THREADS], ids=["forwards", "backwards", "threads"])
def test_rows(dtype: str, columns: int, loop: str) -> None:
    """Each row, and nothing beside them, whatever comes first: lines' parts are written where they don't follow."""
    x, y = values((37, columns), dtype), np.zeros((37, columns), DTYPES[dtype])
    run(kernel(f"x:37x{columns}x{dtype} y:37x{columns}x{dtype}", _rows(loop, columns, dtype)), x, y)
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("dtype", ["f32", "bf16", "i8"])
@pytest.mark.parametrize("shift", [0, 1, 3, 16, 33])
def test_places(dtype: str, shift: int) -> None:
    """A buffer may begin anywhere; what lies before and behind it stays."""
    around = np.full(37 * 67 + 200, 7, np.float32).astype(DTYPES[dtype])
    x, y = values((37, 67), dtype), around[shift + 50 : shift + 50 + 37 * 67].reshape(37, 67)
    run(kernel(f"x:37x67x{dtype} y:37x67x{dtype}", _rows(FORWARDS, 67, dtype)), x, y)
    np.testing.assert_array_equal(y, x)
    outside = np.delete(around, np.s_[shift + 50 : shift + 50 + 37 * 67])
    np.testing.assert_array_equal(outside, np.full(200, 7, np.float32).astype(DTYPES[dtype]))


@pytest.mark.parametrize("there", [0, 1, 3, 4])
def test_several_rows_of_a_tile(there: int) -> None:
    """Rows of a tile follow one another; how many are there, and how much of each, may be known only at the end."""
    body = f"""
    scf.for %r = %c0 to %n step %c4 {{
      %t = gir.load %x[%r, %c0] : D<12x5xf32> -> T<4x5xf32>
      gir.store %t, %y[%r, %c0] {GATHERED} : T<4x5xf32>, D<12x5xf32>
    }}
    %t = gir.load %x[%n, %c0] valid [%m, %k] : D<12x5xf32> -> T<4x5xf32>
    gir.store %t, %y[%n, %c0] valid [%m, %k] {GATHERED} : T<4x5xf32>, D<12x5xf32>
    """
    for columns in (5, 3):
        x, y = values((12, 5), "f32"), np.zeros((12, 5), np.float32)
        arguments = "x:12x5xf32 y:12x5xf32 n:index m:index k:index"
        run(kernel(arguments, body), x, y, 8, there, columns)
        wanted = np.zeros_like(y)
        wanted[:8] = x[:8]
        wanted[8 : 8 + there, :columns] = x[8 : 8 + there, :columns]
        np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
@pytest.mark.parametrize(("rows", "columns"), [(7, 3), (175, 7), (400, 3), (9, 700)])
@pytest.mark.parametrize("loop", [FORWARDS, BACKWARDS, THREADS], ids=["forwards", "backwards", "threads"])
def test_short_rows_that_follow_on(loop: str, rows: int, columns: int, dtype: str) -> None:
    """A loop's rows are looked after together, a few KiB at a time, however short they are."""
    lanes = 1 << (columns - 1).bit_length()
    x_type, y_type = f"{rows}x13x{columns}x{dtype}", f"13x{rows}x{columns}x{dtype}"
    body = f"""
    %last = arith.constant 12 : index
    %rows = arith.constant 13 : index
    %k = arith.constant {columns} : index
    %n = arith.constant {rows} : index
    {loop}
      scf.for %j = %c0 to %n step %c1 {{
        %t = gir.load %x[%j, %r, %c0] valid [%c1, %c1, %k] : D<{x_type}> -> T<1x1x{lanes}x{dtype}>
        gir.store %t, %y[%r, %j, %c0] valid [%c1, %c1, %k] {GATHERED} : T<1x1x{lanes}x{dtype}>, D<{y_type}>
      }}
    }}
    """
    x, y = values((rows, 13, columns), dtype), np.zeros((13, rows, columns), DTYPES[dtype])
    run(kernel(f"x:{x_type} y:{y_type}", body), x, y)
    np.testing.assert_array_equal(y, x.transpose(1, 0, 2))


def test_lines_leave_past_the_caches() -> None:
    """A large result of odd rows is gathered by the pipeline, and lines are stored whole."""
    text = """
    func.func @f(%x: tensor<40000x211xf32>, %s: tensor<40000xf32>) -> tensor<40000x211xf32> {
      %e = tensor.empty() : tensor<40000x211xf32>
      %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>,
                                            affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%x, %s : tensor<40000x211xf32>, tensor<40000xf32>) outs(%e : tensor<40000x211xf32>) {
      ^bb0(%a: f32, %b: f32, %c: f32):
        %1 = arith.mulf %a, %b : f32
        linalg.yield %1 : f32
      } -> tensor<40000x211xf32>
      return %0 : tensor<40000x211xf32>
    }"""
    executable = pf.compile(text, cache=False)
    assert executable.ir("tile").count("gir.gathered") == len(re.findall("gir.store", executable.ir("tile")))
    assert re.search(r"llvm.store .*nontemporal", executable.ir("lower"))
    x, s = values((40000, 211), "f32"), values((40000,), "f32")
    np.testing.assert_array_equal(executable(x, s), x * s[:, None])
