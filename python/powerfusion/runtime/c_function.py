"""Calling a compiled program by its C interface: pointers and sizes in, results into memory of known size or its own.

    int64_t softmax(const float *arg0, int64_t arg0_size0, float **result0, int64_t *result0_sizes, constants ..);

Per argument a pointer and its open sizes, or a number; per result a pointer to memory of its size, or, where a size is
open, where memory for it is, null for the program to make it, and all sizes; per constant a pointer.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np

from powerfusion.errors import AssertionFailedError, InputError, ToolError
from powerfusion.runtime.libraries import Library
from powerfusion.runtime.outputs import Output, check_outputs
from powerfusion.runtime.signature import DTYPES, UNSIGNED, Array, ArraySpec, Signature, like_inputs
from powerfusion.runtime.threads import Threads

NO_MEMORY = -1
SIZES_DIFFER = -2
MOST_OWNERS = 256  # Making a type takes some 20 us, so those of sizes that came are kept.

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
    "ui8": ctypes.c_uint8,
    "ui16": ctypes.c_uint16,
    "ui32": ctypes.c_uint32,
    "ui64": ctypes.c_uint64,
}


@dataclass(frozen=True)
class Code:
    """A program in the memory of this process.

    Attributes:
        entry: The address of its entry.
        allocate: The address of what makes memory for results, `void *(size_t)`.
        free: The address of what gives such memory back, and what the program made itself, `void (void *)`.
        owner: Whatever must live as long as the code.
        threads: What its calls ask of libomp; None where no loop is parallel.
        blas: Whose routines it calls for products of matrices; None where it computes them itself.
    """

    entry: int
    allocate: int
    free: int
    owner: object
    threads: Threads | None = None
    blas: Library | None = None


class CFunction:
    """A compiled program; call it on arrays.

    Args:
        code: Where it is.
        signature: What callers pass and get.
        constants: Arrays passed behind everything else.
        messages: Of the program's assertions, in the order of their numbers.
    """

    def __init__(
        self, code: Code, signature: Signature, messages: Sequence[str], constants: Sequence[Array] = ()
    ) -> None:
        self.signature = signature
        self.last_shapes: tuple[tuple[int, ...], ...] = ()
        self._code = code
        self._messages = tuple(messages)
        self._constants = [np.require(constant, requirements=["C", "A"]) for constant in constants]
        self._constant_places = [constant.ctypes.data for constant in self._constants]
        self._arguments = [_Argument.of(spec) for spec in signature.arguments]
        memory = _Memory(code)
        self._results = [_Result.of(spec, memory) for spec in signature.results]
        types = [type_ for argument in self._arguments for type_ in argument.types]
        types += [ctypes.c_void_p for result in self._results for _ in range(2 if result.is_open else 1)]
        types += [ctypes.c_void_p for _ in self._constants]
        self._function: Callable[..., int] = ctypes.CFUNCTYPE(ctypes.c_int64, *types)(code.entry)
        self._status = self._function if code.threads is None else partial(self._shared, code.threads)

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """Runs the program; one result comes back as it is, several as a tuple, none as None.

        Args:
            arrays: One per argument.
            out: Where results go: an array, or of several results a tuple, None for those that are made.

        Raises:
            InputError: The arrays don't fit the signature.
            AssertionFailedError: An assertion of the program failed.
            ToolError: There was no memory.
        """
        passed = self._pass_as_they_are(arrays)
        inputs: Sequence[Array] = arrays
        if passed is None:
            inputs = self.signature.check(arrays)
            passed = []
            for argument, array in zip(self._arguments, inputs, strict=True):
                argument.add(array, passed)
        self.last_shapes = tuple([array.shape for array in inputs])
        if out is None:
            results = self._run(passed, [result.make(passed) for result in self._results])
            given = results if inputs is arrays else like_inputs(results, arrays)
        else:
            given = self._run_into(check_outputs(out, self.signature, inputs), passed, arrays)
        if not given:
            return None
        return given[0] if len(given) == 1 else tuple(given)

    @property
    def blas(self) -> str | None:
        """Whose routines it calls for products of matrices."""
        return None if self._code.blas is None else self._code.blas.name

    def _pass_as_they_are(self, arrays: Sequence[Any]) -> list[Any] | None:
        """What is passed for NumPy arrays that fit as they are; the usual case, which must be quick. Else None."""
        if len(arrays) != len(self._arguments):
            return None
        passed: list[Any] = []
        for argument, value in zip(self._arguments, arrays):  # noqa: B905  counted
            if not argument.takes(value):
                return None
            argument.add(value, passed)
        return passed

    def _run_into(self, outputs: Sequence[Output], passed: list[Any], arrays: Sequence[Any]) -> list[Any]:
        """Runs the program with memory of the caller's; gives that, and what had to be made."""
        results = [
            result.make(passed) if output.array is None else result.into(output.array, passed)
            for result, output in zip(self._results, outputs, strict=True)
        ]
        made = self._run(passed, results)
        return [
            output.given if output.array is not None else like_inputs([new], arrays)[0]
            for output, new in zip(outputs, made, strict=True)
        ]

    def _run(self, passed: Sequence[Any], results: Sequence[Array | _Open]) -> list[Array]:
        status = self._status(*passed, *self._constant_places)
        if status:
            raise self._failure(status, results)
        return [result.array() if isinstance(result, _Open) else result for result in results]

    def _shared(self, threads: Threads, *passed: Any) -> int:
        """Runs the program on its share of the threads."""
        before = threads.begin()
        library = self._code.blas
        held = None if library is None else library.hold(threads.most())
        try:
            return self._function(*passed)
        finally:
            if library is not None:
                library.release(held)
            threads.end(before)

    def _failure(self, status: int, results: Sequence[Array | _Open]) -> Exception:
        held = [result for result in results if not isinstance(result, np.ndarray)]
        for result in held:
            result.discard()
        if status == NO_MEMORY:
            return _no_memory()
        if status == SIZES_DIFFER:
            at = next(at for at, result in enumerate(results) if isinstance(result, _Open) and result.differs())
            result = results[at]
            assert isinstance(result, _Open)
            return InputError(f"expected 'out' of shape {tuple(result.sizes)} for result {at}, got {result.asked}")
        return AssertionFailedError(self._messages[status - 1])


def _no_memory() -> ToolError:
    return ToolError("there was no memory for results, or for what the program keeps while it runs")


def address_of(array: Any) -> int:
    """Where the elements of an array in row-major order begin."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # a third of the time of the other way
    except (TypeError, ValueError, BufferError):  # read-only, empty, or of a type that buffers don't know
        return array.ctypes.data


# -- arguments -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Argument:
    """How one argument is passed."""

    spec: ArraySpec
    dtypes: tuple[np.dtype[Any], ...]
    shape: tuple[int | None, ...]
    open_dims: tuple[int, ...]
    known_dims: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, spec: ArraySpec) -> _Argument:
        dtype = DTYPES[spec.dtype]
        dims = list(enumerate(spec.shape))
        return cls(
            spec,
            tuple(dict.fromkeys((dtype, UNSIGNED.get(spec.dtype, dtype)))),
            spec.shape,
            tuple(dim for dim, size in dims if size is None),
            tuple((dim, size) for dim, size in dims if size is not None),
        )

    @property
    def types(self) -> list[Any]:
        """What is passed, as ctypes has it."""
        if self.spec.scalar:
            return [NUMBERS[self.spec.dtype]]
        return [ctypes.c_void_p, *[ctypes.c_int64] * len(self.open_dims)]

    def takes(self, value: Any) -> bool:
        """Whether a value is passed just as it is; the signature says whether others are, or what is wrong."""
        if type(value) is not np.ndarray or value.dtype not in self.dtypes or not value.flags.carray:
            return False
        shape = value.shape
        if not self.open_dims:
            return shape == self.shape and not self.spec.scalar
        return len(shape) == len(self.shape) and all([shape[dim] == size for dim, size in self.known_dims])

    def add(self, array: Array, passed: list[Any]) -> None:
        """Adds what is passed for a checked array."""
        if self.spec.scalar:
            passed.append(_number(self.spec, array))
            return
        passed.append(address_of(array))
        if self.open_dims:
            passed += [array.shape[dim] for dim in self.open_dims]


def _number(spec: ArraySpec, array: Array) -> Any:
    bits = array.view(np.uint16) if spec.dtype in ("f16", "bf16") else array
    bits = array.view(np.uint8) if spec.dtype.startswith("f8") else bits
    return bits[()].item()


# -- results ---------------------------------------------------------------------------------------


class _Memory:
    """Memory of results."""

    def __init__(self, code: Code) -> None:
        self.allocate = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(code.allocate)
        self.free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.free)
        self._owners: dict[int, Any] = {}

    def owner(self, size: int) -> Any:
        """The type of so many bytes that are given back when nobody has them any more."""
        found = self._owners.get(size)
        if found is None:
            if len(self._owners) >= MOST_OWNERS:
                self._owners.clear()
            found = self._owners[size] = _owner(self.free, size)
        return found

    def adopt(self, address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """An array over memory, which goes when the array does."""
        owner = self.owner(max(prod(shape) * dtype.itemsize, 1))
        return np.ndarray(shape, dtype, owner.from_address(address))


def _owner(free: Callable[[int], None], size: int) -> Any:
    def give_back(self: Any) -> None:
        free(ctypes.addressof(self))

    return type("Owned", (ctypes.c_char * size,), {"__del__": give_back, "__slots__": ()})


@dataclass(frozen=True)
class _Result:
    """How one result is got."""

    shape: tuple[int | None, ...]
    known_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    size_bytes: int
    is_open: bool
    memory: _Memory
    owner: Any

    @classmethod
    def of(cls, spec: ArraySpec, memory: _Memory) -> _Result:
        known = tuple(size or 0 for size in spec.shape)
        dtype = DTYPES[spec.dtype]
        size = max(prod(known) * dtype.itemsize, 1)
        return cls(spec.shape, known, dtype, size, None in spec.shape, memory, memory.owner(size))

    def make(self, passed: list[Any]) -> Array | _Open:
        """Adds what is passed for a result in memory of its own."""
        if self.is_open:
            return _Open(self, None, passed)
        address = self.memory.allocate(self.size_bytes)
        if not address:
            raise _no_memory()
        passed.append(address)
        return np.ndarray(self.known_shape, self.dtype, self.owner.from_address(address))

    def into(self, output: Array, passed: list[Any]) -> Array | _Open:
        """Adds what is passed for a result that goes to the caller's memory."""
        if self.is_open:
            return _Open(self, output, passed)
        passed.append(address_of(output))
        return output


class _Open:
    """A result of open size on its way.

    Attributes:
        sizes: Its sizes, once the program ran.
        asked: Those of the caller's memory.
    """

    def __init__(self, result: _Result, output: Array | None, passed: list[Any]) -> None:
        self.asked = () if output is None else output.shape
        self.place = ctypes.c_void_p(None if output is None else address_of(output) or None)
        self.sizes = (ctypes.c_int64 * len(result.shape))(*self.asked)
        self._result, self._output = result, output
        passed += [ctypes.addressof(self.place), ctypes.addressof(self.sizes)]

    def array(self) -> Array:
        """What came out."""
        if self._output is not None:
            return self._output
        return self._result.memory.adopt(self.place.value or 0, tuple(self.sizes), self._result.dtype)

    def differs(self) -> bool:
        """Whether the caller's memory is of other sizes than the result."""
        return self._output is not None and tuple(self.sizes) != self.asked

    def discard(self) -> None:
        """Gives memory back that the program made before it failed."""
        if self._output is None and self.place.value:
            self._result.memory.free(self.place.value)
