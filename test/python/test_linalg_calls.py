"""How a program is given and called: sources, and arrays of every memory layout.

Sources: text, a path, a path as text, bytes of text, bytecode, a Module. Arrays: contiguous,
Fortran order, strided, negative strides, broadcast (stride 0), offset views, read-only, unaligned,
size-1 dimensions with odd strides, and objects that only speak DLPack. Results own their memory, are writable,
never share memory with inputs, and survive the executable and later calls.
"""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs.build import empty, function, generic, mapped
from programs.program import normal

import powerfusion as pf
from powerfusion.errors import AssertionFailedError
from powerfusion.mlir import ir

_SUM = "%0 = arith.addf %a, %b : f32\n    linalg.yield %0 : f32"
TEXT = mapped("x:6x8xf32 y:6x8xf32", "6x8xf32", _SUM)
_D = "?x?xf32"
DYNAMIC = function(
    f"x:{_D} y:{_D}",
    f"r:{_D}",
    "  %c0 = arith.constant 0 : index\n  %c1 = arith.constant 1 : index\n"
    f"  %n = tensor.dim %x, %c0 : tensor<{_D}>\n  %m = tensor.dim %x, %c1 : tensor<{_D}>\n"
    + empty("e", _D, "%n", "%m")
    + generic("r", "ij", [("%x", _D, "ij"), ("%y", _D, "ij")], [("%e", _D, "ij")], _SUM),
)


class OnlyDLPack:
    """An array of another library: it has DLPack's two methods and nothing else."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __dlpack__(self, **arguments: Any) -> Any:
        return self._array.__dlpack__(**arguments)

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()


def _unaligned(x: np.ndarray) -> np.ndarray:
    """The same values one byte off any alignment."""
    raw = np.empty(x.nbytes + 1, np.uint8)
    out = raw[1:].view(x.dtype).reshape(x.shape)
    out[...] = x
    return out


def _read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


def _strided(x: np.ndarray) -> np.ndarray:
    big = np.full((3 * x.shape[0], 2 * x.shape[1]), np.nan, x.dtype)
    big[1::3, 1::2] = x
    return big[1::3, 1::2]


def _offset(x: np.ndarray) -> np.ndarray:
    big = np.full((x.shape[0] + 3, x.shape[1] + 5), np.nan, x.dtype)
    big[2:-1, 1:-4] = x
    return big[2:-1, 1:-4]


LAYOUTS: dict[str, Callable[[np.ndarray], Any]] = {
    "contiguous": np.ascontiguousarray,
    "fortran": np.asfortranarray,
    "strided": _strided,
    "negative_rows": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "negative_both": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "transposed_view": lambda x: np.ascontiguousarray(x.T).T,
    "offset_view": _offset,
    "read_only": _read_only,
    "unaligned": _unaligned,
    "dlpack": OnlyDLPack,
    "dlpack_strided": lambda x: OnlyDLPack(_strided(x)),
}


@pytest.fixture(scope="module")
def static() -> Any:
    """A sum of two static matrices."""
    return pf.compile(TEXT)


@pytest.fixture(scope="module")
def dynamic() -> Any:
    """A sum of two matrices of any size."""
    return pf.compile(DYNAMIC)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sizes", ["static", "dynamic"])
def test_layout(layout: str, sizes: str, request: pytest.FixtureRequest) -> None:
    """However the input lies in memory, the values are the same and stay as they were."""
    x, y = normal((6, 8), key="x"), normal((6, 8), key="y")
    given = LAYOUTS[layout](x)
    executable = request.getfixturevalue(sizes)
    np.testing.assert_array_equal(executable(given, y), x + y)
    np.testing.assert_array_equal(executable(y, given), x + y)
    np.testing.assert_array_equal(np.from_dlpack(given) if layout.startswith("dlpack") else given, x)


def test_broadcast_view(dynamic: Any) -> None:
    """Strides of 0 are an array like any other."""
    x, row = normal((6, 8), key="x"), normal(8, key="r")
    np.testing.assert_array_equal(dynamic(x, np.broadcast_to(row, (6, 8))), x + row)


def test_size_one_dimensions_with_odd_strides(dynamic: Any) -> None:
    """NumPy leaves the stride of a size-1 dimension at anything."""
    x = normal((6, 8), key="x")
    np.testing.assert_array_equal(dynamic(x[::7], x[1:2]), x[:1] + x[1:2])
    np.testing.assert_array_equal(dynamic(x[:, 5:6], x[:, :1]), x[:, 5:6] + x[:, :1])


def test_empty_view(dynamic: Any) -> None:
    """No elements, no access."""
    x = normal((6, 8), key="x")
    assert dynamic(x[3:3], x[:0]).shape == (0, 8)


def test_same_array_twice(static: Any) -> None:
    """Two parameters may be one array."""
    x = normal((6, 8), key="x")
    np.testing.assert_array_equal(static(x, x), x + x)


def test_results_are_new(static: Any) -> None:
    """A result is writable, contiguous, and a later call doesn't touch it."""
    x, y = normal((6, 8), key="x"), normal((6, 8), key="y")
    first = static(x, y)
    assert first.flags.writeable
    assert first.flags.c_contiguous
    second = static(y, y)
    np.testing.assert_array_equal(first, x + y)
    assert not np.shares_memory(first, second)
    first[...] = 0
    np.testing.assert_array_equal(second, y + y)


@pytest.mark.parametrize(
    "text",
    [
        function("x:6x8xf32", "x:6x8xf32", ""),
        function(
            "x:6x8xf32", "r:48xf32", "  %r = tensor.collapse_shape %x [[0, 1]] : tensor<6x8xf32> into tensor<48xf32>"
        ),
        function(
            "x:6x8xf32",
            "r:2x8xf32",
            "  %r = tensor.extract_slice %x[1, 0] [2, 8] [1, 1] : tensor<6x8xf32> to tensor<2x8xf32>",
        ),
    ],
    ids=["argument", "reshape", "slice"],
)
def test_results_share_nothing_with_inputs(text: str) -> None:
    """A function that returns an argument, or a view of one, returns a copy."""
    x = normal((6, 8), key="x")
    result = pf.compile(text)(x)
    assert not np.shares_memory(result, x)
    result[...] = 0
    assert x.any()


def test_constant_results_are_copies() -> None:
    """Writing into a returned constant doesn't change the program."""
    executable = pf.compile(function("", "r:3xf32", "  %r = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>"))
    executable()[...] = 0
    np.testing.assert_array_equal(executable(), np.array([1, 2, 3], np.float32))


def test_results_outlive_the_executable() -> None:
    """The result's memory doesn't depend on the executable."""
    x, y = normal((6, 8), key="x"), normal((6, 8), key="y")
    executable = pf.compile(TEXT)
    result = executable(x, y)
    del executable
    gc.collect()
    np.testing.assert_array_equal(result, x + y)


def test_calls_from_threads(dynamic: Any) -> None:
    """An executable has no state that two calls at once could spoil."""
    arrays = [(normal((n, 64), key="x"), normal((n, 64), key="y")) for n in range(1, 65)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda pair: dynamic(*pair), arrays))
    for (x, y), result in zip(arrays, results, strict=True):
        np.testing.assert_array_equal(result, x + y)


def _bytecode(text: str) -> bytes:
    buffer = io.BytesIO()
    with ir.Context(), ir.Location.unknown():
        ir.Module.parse(text).operation.write_bytecode(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["text", "path", "path_as_text", "bytes", "bytecode", "bytecode_file", "module"])
def test_source(kind: str, tmp_path: Path) -> None:
    """The same program, however it is handed over."""
    path = tmp_path / "program.mlir"
    path.write_bytes(_bytecode(TEXT) if kind == "bytecode_file" else TEXT.encode())
    sources: dict[str, Callable[[], Any]] = {
        "text": lambda: TEXT,
        "path": lambda: path,
        "path_as_text": lambda: str(path),
        "bytes": TEXT.encode,
        "bytecode": lambda: _bytecode(TEXT),
        "bytecode_file": lambda: path,
        "module": lambda: ir.Module.parse(TEXT, ir.Context()),
    }
    x, y = normal((6, 8), key="x"), normal((6, 8), key="y")
    np.testing.assert_array_equal(pf.compile(sources[kind]())(x, y), x + y)


def test_module_is_left_alone() -> None:
    """Compiling a Module doesn't change it."""
    with ir.Context():
        module = ir.Module.parse(TEXT)
        before = str(module)
        pf.compile(module)
        assert str(module) == before


def test_negative_size() -> None:
    """A size that a program works out to be negative is an error of the call, not a crash."""
    text = """
    func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
      %c0 = arith.constant 0 : index
      %c9 = arith.constant 9 : index
      %one = arith.constant 1.0 : f32
      %d = tensor.dim %x, %c0 : tensor<?xf32>
      %n = arith.subi %d, %c9 : index
      %e = tensor.empty(%n) : tensor<?xf32>
      %r = linalg.fill ins(%one : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
      return %r : tensor<?xf32>
    }
    """
    exe = pf.compile(text)
    np.testing.assert_array_equal(exe(np.zeros(12, np.float32)), np.ones(3, np.float32))
    with pytest.raises(AssertionFailedError, match="sizes that aren't negative"):
        exe(np.zeros(5, np.float32))
