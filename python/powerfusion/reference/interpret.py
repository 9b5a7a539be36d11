"""`interpret`: runs a program with NumPy, checks every access, counts every movement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import powerfusion.reference.ops  # noqa: F401  # pyright: ignore[reportUnusedImport]  fills the registry
from powerfusion.errors import AssertionFailedError, InputError, UninitialisedRead
from powerfusion.machines.model import Machine
from powerfusion.reference.memory import MemRef, dense
from powerfusion.reference.program import Function, Program, read_program
from powerfusion.reference.spaces import Counted
from powerfusion.reference.stream import Here, State, Token
from powerfusion.reference.types import Array, Type
from powerfusion.reference.values import Tile


@dataclass(frozen=True)
class Run:
    """What came of running a program.

    Attributes:
        results: What the function returned.
        counts: By instruction, space and direction ("read", "write"), the bytes that it moved.
        peaks: By space, the most bytes that lived in one instance of it at once.
        arguments: The arrays of the call as the program left them: memrefs are written to.
    """

    results: tuple[Array, ...]
    counts: Mapping[tuple[int, str, str], Counted]
    peaks: Mapping[str, int]
    arguments: tuple[Array, ...]


def interpret(
    module: Any, arrays: Sequence[Any], *, machine: Machine | None = None, seed: int = 0, function: str | None = None
) -> Run:
    """Runs one function of a module.

    Args:
        module: Any form of GIR, as an `ir.Module` or its operation; what it was before, linalg, isn't understood.
        arrays: One per argument; those of tensors and memrefs in the type's dtype, numbers as Python's or NumPy's.
        machine: Whose spaces, granules and capacities count; without one bytes are moved singly and all fits.
        seed: Of everything that is left open: the order of groups and units, when copies are done, what unspecified
            elements hold.
        function: Which function; by default the only public one.

    Returns:
        Results, counts and peaks.

    Raises:
        InterpretationError: The program has no meaning: a race, an access out of bounds, ... (see its subclasses).
        AssertionFailedError: An assertion of the program failed.
        InputError: The arrays don't fit the function.
        UnsupportedError: The program has an op without a meaning.
    """
    program = read_program(module.operation)
    entry = program.entry(function)
    state = State(program, machine, seed)
    given = [*arrays, *entry.constants.values()] if len(arrays) < len(entry.body.arguments) else list(arrays)
    arguments = _arguments(state, entry, given)
    with np.errstate(all="ignore"):
        returned = _run(state, program, entry, arguments)
    if state.failed is not None:
        raise AssertionFailedError(state.failed)
    return Run(
        results=tuple(_result(value, entry) for value in returned),
        counts=state.spaces.counts,
        peaks=dict(state.spaces.peaks),
        arguments=tuple(_seen(value)[0] for value in arguments if not isinstance(value, Token)),
    )


def _run(state: State, program: Program, entry: Function, arguments: Sequence[Any]) -> Sequence[Any]:
    here = Here(state, [None] * program.values)
    returned = here.run_region(entry.body, arguments)
    state.check_tokens()
    return returned


def _arguments(state: State, entry: Function, arrays: Sequence[Any]) -> list[Any]:
    types = entry.body.argument_types
    if len(arrays) != len(types):
        raise InputError(f"expected {len(types)} arguments, got {len(arrays)}")
    return [_argument(state, position, *pair) for position, pair in enumerate(zip(types, arrays, strict=True))]


def _argument(state: State, position: int, type_: Type, value: Any) -> Any:
    if type_.kind == "token":
        return Token.done()
    array = np.asarray(value)
    if type_.kind == "scalar":
        return Tile(array.astype(type_.dtype))
    if array.dtype != type_.dtype and array.dtype.str[1:] != f"u{type_.dtype.itemsize}":
        raise InputError(f"expected argument {position} of dtype {type_.dtype}, got {array.dtype}")
    fits = array.ndim == len(type_.shape) and all(
        known in (None, size) for known, size in zip(type_.shape, array.shape, strict=True)
    )
    if not fits:
        raise InputError(f"expected argument {position} of shape {type_.shape}, got {array.shape}")
    array = array.view(type_.dtype)
    if type_.kind == "tensor":
        return Tile(array, addresses=state.spaces.addresses(array.shape, type_.dtype) if type_.level else None)
    buffer = state.buffer(f"argument {position}", type_, array.size)
    buffer.put(np.arange(array.size), array.ravel())
    return dense(buffer, array.shape)


def _result(value: Any, entry: Function) -> Array:
    array, written = _seen(value)
    if not np.all(written):
        first = tuple(int(i) for i in np.argwhere(~np.asarray(written))[0])
        raise UninitialisedRead(f"'{entry.name}' returns element {list(first)} of a result, which nothing has written")
    return array


def _seen(value: Any) -> tuple[Array, Any]:
    if isinstance(value, MemRef):
        return np.asarray(value.buffer.data[value.whole]), np.asarray(value.buffer.written[value.whole])
    return np.array(value.data), np.True_ if value.real is None else value.real
