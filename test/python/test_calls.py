"""Calling programs: `out=`, no copy of what is contiguous, one of what isn't, and what a call costs."""

from __future__ import annotations

import gc
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import powerfusion as pf
from powerfusion.errors import AssertionFailedError, InputError, ToolError
from powerfusion.runtime.c_function import CFunction, address_of

Run = Callable[..., Any]
WAYS = ("cpu", "c", "artifact")


def program(text: str, way: str, folder: Path) -> Any:
    """A program as it is run: from the compiler, as C, or from an artifact."""
    if way != "artifact":
        return pf.compile(text, target=way)
    pf.compile(text).save(folder / "m.pfx")
    return pf.load(folder / "m.pfx")


def function_of(program: Any) -> CFunction:
    """What calls it."""
    return program._function


ADD = """
func.func @add(%x: tensor<{n}x4x{t}>, %y: tensor<{n}x4x{t}>) -> tensor<{n}x4x{t}> {{
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<{n}x4x{t}>
  %e = tensor.empty({size}) : tensor<{n}x4x{t}>
  %r = linalg.add ins(%x, %y : tensor<{n}x4x{t}>, tensor<{n}x4x{t}>) outs(%e : tensor<{n}x4x{t}>) -> tensor<{n}x4x{t}>
  return %r : tensor<{n}x4x{t}>
}}
"""


def add(rows: int | None, dtype: str = "f32") -> str:
    """A sum, of so many rows or of any number."""
    return ADD.format(n=rows if rows is not None else "?", t=dtype, size="%n" if rows is None else "")


# What isn't the same array: views, arguments that are results, one result twice, numbers.
SEVERAL = """
func.func @several(%x: tensor<?x4xf32>, %k: tensor<6xf32>, %n: i32)
    -> (tensor<?xf32>, tensor<2x3xf32>, tensor<6xf32>, tensor<?x4xf32>, tensor<?x4xf32>, i32, tensor<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %size = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%size) : tensor<?x4xf32>
  %y = linalg.add ins(%x, %x : tensor<?x4xf32>, tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %z = linalg.mul ins(%x, %x : tensor<?x4xf32>, tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %flat = tensor.collapse_shape %z [[0, 1]] : tensor<?x4xf32> into tensor<?xf32>
  %e6 = tensor.empty() : tensor<6xf32>
  %k2 = linalg.add ins(%k, %k : tensor<6xf32>, tensor<6xf32>) outs(%e6 : tensor<6xf32>) -> tensor<6xf32>
  %wide = tensor.expand_shape %k2 [[0, 1]] output_shape [2, 3] : tensor<6xf32> into tensor<2x3xf32>
  %twice = arith.addi %n, %n : i32
  return %flat, %wide, %k, %y, %y, %twice, %x
    : tensor<?xf32>, tensor<2x3xf32>, tensor<6xf32>, tensor<?x4xf32>, tensor<?x4xf32>, i32, tensor<?x4xf32>
}
"""


# -- out -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rows", [None, 3])
@pytest.mark.parametrize("dtype", ["f32", "bf16", "i64"])
def test_out_is_written_and_given_back(way: str, rows: int | None, dtype: str, tmp_path: Path) -> None:
    """The very array, of known and of open size, without another on the way."""
    run = program(add(rows, dtype), way, tmp_path)
    kind: Any = {"f32": np.float32, "bf16": ml_dtypes.bfloat16, "i64": np.int64}[dtype]
    x, y = np.arange(12).astype(kind).reshape(3, 4), np.ones((3, 4), kind)
    out = np.full((3, 4), 77, kind)
    assert run(x, y, out=out) is out
    np.testing.assert_array_equal(out, x + y)
    assert np.array_equal(run(x, y), out)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [1, 300, 70_000])
def test_out_is_only_that_array(way: str, count: int, tmp_path: Path) -> None:
    """Memory beside it stays, wherever in a line it begins."""
    run = program(add(None), way, tmp_path)
    for shift in (0, 1, 5):
        whole = np.full(4 * count + 32, -5, np.float32)
        out = whole[16 + shift : 16 + shift + 4 * count].reshape(count, 4)
        x = np.random.default_rng(count).standard_normal((count, 4)).astype(np.float32)
        assert run(x, x, out=out) is out
        np.testing.assert_array_equal(out, x + x)
        assert (whole[: 16 + shift] == -5).all()
        assert (whole[16 + shift + 4 * count :] == -5).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rows", [0, 2])
def test_several_results(way: str, rows: int, tmp_path: Path) -> None:
    """Views, arguments, one value twice and a number; any of them may be left to be made."""
    run = program(SEVERAL, way, tmp_path)
    x = np.arange(4 * rows, dtype=np.float32).reshape(rows, 4)
    k = np.arange(6, dtype=np.float32)
    expected = [(x * x).ravel(), (k + k).reshape(2, 3), k, x + x, x + x, np.int32(42), x]
    for got, wanted in zip(run(x, k, 21), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
    shapes = [np.shape(wanted) for wanted in expected]
    for left_out in [None, *range(7)]:
        outs = [np.full(shape, -9, np.int32 if at == 5 else np.float32) for at, shape in enumerate(shapes)]
        given = [None if at == left_out else out for at, out in enumerate(outs)]
        results = run(x, k, 21, out=tuple(given))
        for result, out, wanted in zip(results, given, expected, strict=True):
            assert out is None or result is out
            np.testing.assert_array_equal(result, wanted)


class Foreign:
    """An array of another library's, which speaks DLPack."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


def test_out_of_another_library() -> None:
    """Memory that can be shared and written is; what was given comes back."""
    run = pf.compile(add(3))
    x, memory = np.ones((3, 4), np.float32), np.zeros((3, 4), np.float32)
    out = Foreign(memory)
    assert run(Foreign(x), x, out=out) is out
    assert (memory == 2).all()
    memory.flags.writeable = False
    with pytest.raises(InputError, match=r"'out' for result 0 to be writable|read through DLPack"):
        run(x, x, out=Foreign(memory))


X = np.ones((3, 4), np.float32)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rows", [None, 3])
@pytest.mark.parametrize(
    ("out", "said"),
    [
        (np.zeros((3, 4)), "expected 'out' for result 0 of dtype float32, got float64"),
        (np.zeros((3, 4, 1), np.float32), "to fit .x4xf32, got shape"),
        (np.zeros((3, 5), np.float32), "to fit .x4xf32, got shape"),
        (np.zeros((2, 4), np.float32), "to fit 3x4xf32, got shape|of shape .3, 4. for result 0, got .2, 4."),
        (np.zeros((3, 8), np.float32)[:, ::2], "to be contiguous"),
        (np.zeros((4, 3), np.float32).T, "to be contiguous"),
        (np.broadcast_to(np.float32(0), (3, 4)), "to be (contiguous|writable)"),
        (np.frombuffer(bytes(48), np.float32).reshape(3, 4), "to be writable"),
        ([[0.0] * 4] * 3, "for 1 results, got 3"),
        ([[0.0] * 4], "to be an array, got list"),
        ((np.zeros((3, 4), np.float32), np.zeros((3, 4), np.float32)), "expected 'out' for 1 results, got 2"),
        (X, "to be memory of its own, it overlaps argument 0"),
    ],
)
def test_out_that_does_not_fit(way: str, rows: int | None, out: Any, said: str, tmp_path: Path) -> None:
    """It says what, and nothing is written."""
    run = program(add(rows), way, tmp_path)
    with pytest.raises(InputError, match=said):
        run(X, X, out=out)
    assert (X == 1).all()
    if isinstance(out, np.ndarray) and out is not X:
        assert not out.any()


def test_out_that_overlaps_another() -> None:
    """Half of it is enough."""
    run = pf.compile(SEVERAL)
    x, k = np.zeros((2, 4), np.float32), np.zeros(6, np.float32)
    memory = np.zeros(20, np.float32)
    out: list[Any] = [None] * 7
    out[0], out[4] = memory[:8], memory[4:12].reshape(2, 4)
    with pytest.raises(InputError, match="'out' for result 4 to be memory of its own, it overlaps 'out' for result 0"):
        run(x, k, 1, out=out)


@pytest.mark.parametrize("way", WAYS)
def test_a_failure_gives_memory_back(way: str, tmp_path: Path) -> None:
    """Of results of open size, whether an assertion leaves the program at once or lets it go on."""
    text = """
    func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
      %c0 = arith.constant 0 : index
      %zero = arith.constant 0.0 : f32
      %n = tensor.dim %x, %c0 : tensor<?xf32>
      %e = tensor.empty(%n) : tensor<?xf32>
      %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
          iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
      ^bb0(%a: f32, %b: f32):
        %fine = arith.cmpf oge, %a, %zero : f32
        cf.assert %fine, "negative"
        linalg.yield %a : f32
      } -> tensor<?xf32>
      return %r : tensor<?xf32>
    }"""
    run = program(text, way, tmp_path)
    function, freed = function_of(run), []
    memory = function._results[0].memory
    free = memory.free
    memory.free = lambda address: (freed.append(address), free(address))
    bad = np.float32([1, -1, 2])
    with pytest.raises(AssertionFailedError, match="negative"):
        run(bad)
    assert len(freed) == 1
    out = np.empty(3, np.float32)
    with pytest.raises(AssertionFailedError, match="negative"):
        run(bad, out=out)
    assert len(freed) == 1
    assert run(abs(bad), out=out).tolist() == [1, 1, 2]


TOO_LARGE = {
    "a result": """
        func.func @f(%y: tensor<4xf64>, %n: index) -> tensor<?xf64> {
          %one = arith.constant 1.0 : f64
          %e = tensor.empty(%n) : tensor<?xf64>
          %t = linalg.fill ins(%one : f64) outs(%e : tensor<?xf64>) -> tensor<?xf64>
          return %t : tensor<?xf64>
        }""",
    "between kernels": """
        func.func @f(%y: memref<4xf64>, %n: index) {
          %t = memref.alloc(%n) : memref<?xf64>
          gir.kernel "k" (%a = %t : memref<?xf64>, %b = %y : memref<4xf64>) -> () {
            %c0 = arith.constant 0 : index
            %0 = arith.constant dense<1.0> : tensor<4xf64, #gir.at<reg>>
            gir.store %0, %a[%c0] : tensor<4xf64, #gir.at<reg>>, memref<?xf64, #gir.at<dram>>
            %1 = gir.load %a[%c0] : memref<?xf64, #gir.at<dram>> -> tensor<4xf64, #gir.at<reg>>
            gir.store %1, %b[%c0] : tensor<4xf64, #gir.at<reg>>, memref<4xf64, #gir.at<dram>>
            gir.return
          }
          return
        }""",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", TOO_LARGE)
def test_no_memory_is_an_error(way: str, what: str, tmp_path: Path) -> None:
    """Where a result of open size, or what one kernel leaves for another, is larger than any machine."""
    run, y = program(TOO_LARGE[what], way, tmp_path), np.zeros(4)
    result = run(y, 4)
    assert (y if result is None else result).tolist() == [1] * 4
    with pytest.raises(ToolError, match="there was no memory"):
        run(y, 1 << 47)


# -- copies ----------------------------------------------------------------------------------------


def passed_to(program: Any, *arrays: Any) -> tuple[list[Any], Any]:
    """What a program's code is called with, and what it gives."""
    function = function_of(program)
    inner, seen = function._status, list[Any]()

    def record(*passed: Any) -> int:
        seen.extend(passed)
        return inner(*passed)

    function._status = record
    try:
        return seen, program(*arrays)
    finally:
        function._status = inner


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rows", [None, 3])
def test_contiguous_arrays_are_passed_where_they_are(way: str, rows: int | None, tmp_path: Path) -> None:
    """Writable or not, NumPy's or another library's, wherever in memory they begin."""
    run = program(add(rows), way, tmp_path)
    y = np.ones((3, 4), np.float32)
    odd = np.arange(20, dtype=np.float32)[3:15].reshape(3, 4)
    fixed = odd.copy()
    fixed.flags.writeable = False
    for given, array in ((y, y), (odd, odd), (fixed, fixed), (Foreign(odd), odd)):
        seen, result = passed_to(run, given, y)
        assert seen[0] == array.ctypes.data
        assert y.ctypes.data in seen
        np.testing.assert_array_equal(result, array + y)


@pytest.mark.parametrize("way", WAYS)
def test_other_arrays_are_copied_once(way: str, tmp_path: Path) -> None:
    """Strided, turned, reversed, spread and misaligned ones, row by row in their own order; what they view stays."""
    run = program(add(None), way, tmp_path)
    base = np.arange(48, dtype=np.float32)
    packed = np.zeros(12, [("tag", "u1"), ("value", "<f4")])
    packed["value"] = base[:12]
    arrays = [
        base.reshape(6, 8)[::2, ::2],
        base[:12].reshape(4, 3).T,
        base[:12].reshape(3, 4)[::-1, ::-1],
        np.broadcast_to(base[:4], (3, 4)),
        packed["value"].reshape(3, 4),
    ]
    for array in arrays:
        before = array.copy()
        seen, result = passed_to(run, array, array)
        assert array.ctypes.data not in seen
        np.testing.assert_array_equal(result, before + before)
        np.testing.assert_array_equal(array, before)


def test_results_are_nobody_elses() -> None:
    """A result that is an argument is a copy, and memory of a result lives as long as a view of it."""
    run = pf.compile("func.func @same(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }")
    x = np.arange(4, dtype=np.float32)
    view = run(x)[1:3]
    x[:] = 9
    gc.collect()
    others = [run(x) for _ in range(100)]
    assert view.tolist() == [1, 2]
    assert all(other.tolist() == [9] * 4 for other in others)


def test_address_of_any_array() -> None:
    """Also of those that the quick way doesn't take."""
    empty, fixed = np.empty((0, 3), np.float32), np.frombuffer(b"abcd", np.uint8)
    for array in (np.ones(3), fixed, np.ones(3, ml_dtypes.bfloat16), empty):
        assert address_of(array) == array.ctypes.data


# -- what a call costs -----------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["cpu", "artifact"])
def test_a_call_is_quick(way: str, tmp_path: Path) -> None:
    """4 us on an idle core (decision 0047); more here, as tests run beside one another."""
    run, x = program(add(3), way, tmp_path), np.ones((3, 4), np.float32)
    run(x, x)
    best = min(timeit.repeat(lambda: run(x, x), number=200, repeat=50)) / 200
    assert best < 20e-6
