"""Calling a program of target c: pointers and sizes in, the caller's memory or the program's own out.

    int64_t softmax(const float *arg0, int64_t arg0_size0, float **result0, int64_t *result0_sizes);

Per argument a pointer and its open sizes, or a number; per result a pointer to memory of its size, or, where a size is
open, where to put the memory that the program makes, and all sizes.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from powerfusion.errors import AssertionFailedError, ToolError
from powerfusion.runtime.signature import DTYPES, Array, ArraySpec, Signature, like_inputs

NO_MEMORY = -1
_libc = ctypes.CDLL(None)
_libc.free.argtypes = [ctypes.c_void_p]
_libc.free.restype = None

# How numbers pass by value; narrow floats as their bits.
NUMBERS: dict[str, Any] = {
    "f64": ctypes.c_double,
    "f32": ctypes.c_float,
    "f16": ctypes.c_uint16,
    "bf16": ctypes.c_uint16,
    "f8E4M3FN": ctypes.c_uint8,
    "f8E5M2": ctypes.c_uint8,
    "i1": ctypes.c_uint8,
    "i8": ctypes.c_int8,
    "i16": ctypes.c_int16,
    "i32": ctypes.c_int32,
    "i64": ctypes.c_int64,
    "index": ctypes.c_int64,
}


class CFunction:
    """A compiled program.

    Args:
        address: Of its entry.
        signature: What callers pass and get.
        messages: Of the program's assertions, in the order of their numbers.
        owner: Whatever must live as long as the code.
    """

    def __init__(self, address: int, signature: Signature, messages: Sequence[str], owner: object) -> None:
        self.signature = signature
        self._function: Callable[..., int] = ctypes.CFUNCTYPE(ctypes.c_int64)(address)
        self._messages = tuple(messages)
        self._owner = owner
        self.last_shapes: tuple[tuple[int, ...], ...] = ()

    def __call__(self, *arrays: Any) -> Any:
        """Runs the program; one result comes back as it is, several as a tuple, none as None.

        Raises:
            InputError: The arrays don't fit the signature.
            AssertionFailedError: An assertion of the program failed.
            ToolError: There was no memory.
        """
        inputs = self.signature.check(arrays)
        given = like_inputs(self.run(inputs), arrays)
        if not given:
            return None
        return given[0] if len(given) == 1 else tuple(given)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Runs the program on arrays that were checked before."""
        self.last_shapes = tuple(array.shape for array in inputs)
        passed: list[Any] = []
        for spec, array in zip(self.signature.arguments, inputs, strict=True):
            passed += _number(spec, array) if spec.scalar else _pointer(spec, array)
        results = [_Result(spec) for spec in self.signature.results]
        for result in results:
            passed += result.passed
        status = self._function(*passed)
        arrays = [result.array(made=status == 0) for result in results]
        if status == NO_MEMORY:
            raise ToolError("there was no memory for what the program keeps while it runs")
        if status:
            raise AssertionFailedError(self._messages[status - 1])
        return arrays


def _number(spec: ArraySpec, array: Array) -> list[Any]:
    bits = array.view(np.uint16) if spec.dtype in ("f16", "bf16") else array
    bits = array.view(np.uint8) if spec.dtype.startswith("f8") else bits
    return [NUMBERS[spec.dtype](bits[()].item())]


def _pointer(spec: ArraySpec, array: Array) -> list[Any]:
    open_sizes = [ctypes.c_int64(n) for n, size in zip(array.shape, spec.shape, strict=True) if size is None]
    return [ctypes.c_void_p(array.ctypes.data), *open_sizes]


class _Result:
    """Where one result goes."""

    def __init__(self, spec: ArraySpec) -> None:
        self.spec = spec
        self.dtype = DTYPES[spec.dtype]
        if None in spec.shape:
            self.place = ctypes.c_void_p()
            self.sizes = (ctypes.c_int64 * len(spec.shape))()
            self.passed: list[Any] = [ctypes.byref(self.place), self.sizes]
            return
        self.held = np.empty(tuple(size or 0 for size in spec.shape), self.dtype)
        self.passed = [ctypes.c_void_p(self.held.ctypes.data)]

    def array(self, *, made: bool) -> Array:
        """What came out; memory that the program made goes when the array does."""
        if None not in self.spec.shape:
            return self.held
        address = self.place.value
        if not made or not address:
            _libc.free(address)
            return np.empty(0, self.dtype)
        shape = tuple(self.sizes)
        count = int(np.prod(shape, dtype=np.int64))
        buffer = (ctypes.c_char * max(count * self.dtype.itemsize, 1)).from_address(address)
        weakref.finalize(buffer, _libc.free, address)
        return np.frombuffer(cast(Any, buffer), dtype=self.dtype, count=count).reshape(shape)
