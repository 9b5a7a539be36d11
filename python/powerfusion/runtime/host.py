"""Calling a compiled function of the host: memref descriptors in, owned buffers out.

A function is MLIR's packed C interface, `void f(void **arguments)`: pointers to the result
descriptors (one struct for all of them), to each argument's descriptor, and to the status word.

    memref descriptor: | allocated | aligned | offset | size x rank | stride x rank |
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from powerfusion.errors import AssertionFailedError
from powerfusion.runtime.signature import DTYPES, Array, ArraySpec, Signature, like_inputs

WORD = 8
RESULTS_MADE = 1 << 32  # in the status word: an assertion failed, and results were made all the same


class HostFunction:
    """A compiled function and what its hidden trailing arguments are.

    Args:
        address: Of the packed C interface.
        free: The address of what gives a result's memory back.
        signature: What callers pass and get.
        constants: Arrays passed behind the callers' own arguments.
        assertions: Messages of the program's assertions, in the order of their numbers.
        owner: Whatever must live as long as the code.
    """

    def __init__(
        self,
        address: int,
        free: int,
        signature: Signature,
        constants: Sequence[Array],
        assertions: Sequence[str],
        owner: object,
    ) -> None:
        self.signature = signature
        self._function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
        self._free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(free)
        self._constants = [np.require(c, requirements=["C", "A"]) for c in constants]
        self._constant_descriptors = [_descriptor(c) for c in self._constants]
        self._assertions = tuple(assertions)
        self._owner = owner
        self.last_shapes: tuple[tuple[int, ...], ...] = ()
        self._result_words = sum(3 + 2 * len(spec.shape) for spec in signature.results)

    def __call__(self, *arrays: Any) -> Any:
        """Runs the function; one result comes back as it is, several as a tuple, none as None."""
        inputs = self.signature.check(arrays)
        results = self.run(inputs)
        given = like_inputs(results, arrays)
        if not given:
            return None
        return given[0] if len(given) == 1 else tuple(given)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Runs the function on arrays that were checked before."""
        self.last_shapes = tuple(array.shape for array in inputs)
        descriptors = [_descriptor(array) for array in inputs] + self._constant_descriptors
        status = (ctypes.c_int64 * 1)(0)
        results = (ctypes.c_int64 * max(self._result_words, 1))()
        address = ctypes.addressof(status)
        status_descriptor = (ctypes.c_int64 * 5)(address, address, 0, 1, 1)
        pointed = [*([results] if self.signature.results else []), *descriptors, status_descriptor]
        cells = (ctypes.c_void_p * len(pointed))(*(ctypes.addressof(cell) for cell in pointed))
        packed = (ctypes.c_void_p * len(pointed))(*(ctypes.addressof(cells) + WORD * at for at in range(len(pointed))))
        self._function(ctypes.addressof(packed))
        failed, made = status[0] % RESULTS_MADE, not status[0] or status[0] > RESULTS_MADE
        arrays = self._collect(results) if made else []
        if failed:
            raise AssertionFailedError(self._assertions[failed - 1])
        return arrays

    def _collect(self, words: ctypes.Array[ctypes.c_int64]) -> list[Array]:
        arrays: list[Array] = []
        at = 0
        for spec in self.signature.results:
            rank = len(spec.shape)
            allocated, aligned, offset = words[at], words[at + 1], words[at + 2]
            shape = tuple(words[at + 3 : at + 3 + rank])
            at += 3 + 2 * rank
            arrays.append(_adopt(self._free, allocated, aligned, offset, shape, spec))
        return arrays


def _descriptor(array: Array) -> ctypes.Array[ctypes.c_int64]:
    """A memref descriptor of a contiguous array."""
    rank = array.ndim
    words = (ctypes.c_int64 * (3 + 2 * rank))()
    words[0] = words[1] = array.ctypes.data
    stride = 1
    for dim in reversed(range(rank)):
        words[3 + dim] = array.shape[dim]
        words[3 + rank + dim] = stride
        stride *= array.shape[dim]
    return words


def _adopt(
    free: Callable[[int], None], allocated: int, aligned: int, offset: int, shape: tuple[int, ...], spec: ArraySpec
) -> Array:
    """An array over a buffer that the function allocated; the buffer goes when the array does."""
    dtype = DTYPES[spec.dtype]
    count = int(np.prod(shape, dtype=np.int64))
    size = max(count * dtype.itemsize, 1)
    buffer = (ctypes.c_char * size).from_address(aligned + offset * dtype.itemsize)
    weakref.finalize(buffer, free, allocated)
    return np.frombuffer(cast(Any, buffer), dtype=dtype, count=count).reshape(shape)
