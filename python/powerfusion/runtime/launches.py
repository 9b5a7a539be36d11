"""The host's side of a program for a device: memory, views and numbers, and launches of kernels, as a list.

The list is data: a step has a name, the values that it takes and gives, by number, and what else it says. Whoever has
a device (`Device`) runs it: the simulator of PTX, or a driver. It needs neither MLIR nor this compiler.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Protocol

import numpy as np

from powerfusion.errors import AssertionFailedError, InputError
from powerfusion.runtime.signature import DTYPES, Array, ArraySpec


@dataclass(frozen=True)
class Step:
    """One thing that the host does.

    Attributes:
        name: What: a key of `NUMBERS` or of `STEPS`.
        operands: Numbers of the values that it takes.
        results: Numbers of those that it gives.
        data: What else it says, in the form of JSON.
    """

    name: str
    operands: tuple[int, ...]
    results: tuple[int, ...]
    data: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class View:
    """Memory of the device, seen as an array.

    Attributes:
        memory: What the device knows it by.
        offset: Where its first element lies, elements.
        shape: Sizes.
        strides: Elements between neighbours, per dimension.
        dtype: Of its elements, as MLIR writes it.
    """

    memory: Any
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str

    @property
    def offset_bytes(self) -> int:
        """Where its first element lies, bytes."""
        return self.offset * DTYPES[self.dtype].itemsize


@dataclass(frozen=True)
class KernelLaunch:
    """A launch, as a device gets it.

    Attributes:
        kernel: The function's name.
        grid: Groups.
        block: Threads of a group.
        shared_bytes: Memory of a group.
        arguments: Views, and numbers with their dtype.
    """

    kernel: str
    grid: int
    block: int
    shared_bytes: int
    arguments: tuple[View | tuple[str, Any], ...]


class Device(Protocol):
    """What runs kernels."""

    def allocate(self, size_bytes: int) -> Any:
        """Memory that nobody has written to yet."""
        ...

    def upload(self, array: Array) -> Any:
        """Memory with an array's elements."""
        ...

    def download(self, view: View) -> Array:
        """A view's elements, row-major."""
        ...

    def launch(self, launch: KernelLaunch) -> None:
        """Runs a kernel."""
        ...


@dataclass(frozen=True)
class Launches:
    """A program's host side.

    Attributes:
        arguments: Numbers of the values that it takes.
        steps: In order.
        results: Numbers of the values that it gives.
        dtypes: Of the arguments, as MLIR writes them; of a number with its dtype alone, of an array in brackets.
    """

    arguments: tuple[int, ...]
    dtypes: tuple[str, ...]
    steps: tuple[Step, ...]
    results: tuple[int, ...]

    def run(self, arrays: Sequence[Array], specs: Sequence[ArraySpec], device: Device) -> list[Array]:
        """Runs the program; what it writes in place is in the arrays then.

        Args:
            arrays: One per argument, row-major.
            specs: What the signature says of them; constants follow those of the signature.
            device: Where.

        Raises:
            AssertionFailedError: An assertion of the program failed.
        """
        values = self.begin(arrays, specs, device)
        for step in self.steps:
            run_step(step, values, device)
        return self.end(values, arrays, specs, device)

    def begin(self, arrays: Sequence[Array], specs: Sequence[ArraySpec], device: Device) -> dict[int, Any]:
        """The arguments as values: numbers, and views of memory of the device."""
        return {
            number: array[()] if spec.scalar else view_of(device.upload(array), array.shape, dtype)
            for number, dtype, array, spec in zip(self.arguments, self.dtypes, arrays, specs, strict=True)
        }

    def end(
        self, values: Mapping[int, Any], arrays: Sequence[Array], specs: Sequence[ArraySpec], device: Device
    ) -> list[Array]:
        """The results; what is written in place goes to the arrays."""
        for number, array, spec in zip(self.arguments, arrays, specs, strict=True):
            if spec.in_place:
                array[...] = device.download(values[number])
        return [device.download(values[number]) for number in self.results]

    @property
    def behind(self) -> int:
        """Where the steps behind the last launch begin; all of them where nothing is launched."""
        return max((at + 1 for at, step in enumerate(self.steps) if step.name == "launch"), default=0)

    @property
    def repeats(self) -> bool:
        """Whether calls of the same sizes and numbers launch the same: none of that is loaded from memory."""
        before, behind = self.steps[: self.behind], self.steps[self.behind :]
        return all(step.name != "load" for step in before) and all(step.name != "allocate" for step in behind)


def view_of(memory: Any, shape: Sequence[int], dtype: str) -> View:
    """Memory as a row-major array."""
    strides = tuple(prod(shape[dim + 1 :]) for dim in range(len(shape)))
    return View(memory, 0, tuple(shape), strides, dtype)


# -- numbers ---------------------------------------------------------------------------------------


def _wrapped(value: int) -> int:
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _quotient(left: int, right: int) -> int:
    """Towards zero."""
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


def _remainder(left: int, right: int) -> int:
    return left - right * _quotient(left, right)


NUMBERS: Mapping[str, Callable[..., Any]] = {
    "addi": lambda left, right: _wrapped(left + right),
    "subi": lambda left, right: _wrapped(left - right),
    "muli": lambda left, right: _wrapped(left * right),
    "divsi": _quotient,
    "remsi": _remainder,
    "divui": _quotient,
    "remui": _remainder,
    "ceildivsi": lambda left, right: -(-left // right),
    "ceildivui": lambda left, right: -(-left // right),
    "floordivsi": operator.floordiv,
    "minsi": min,
    "maxsi": max,
    "andi": operator.and_,
    "ori": operator.or_,
    "xori": operator.xor,
    "select": lambda flag, true, false: true if flag else false,
    "index_cast": lambda value: value,
    "addf": operator.add,
    "subf": operator.sub,
    "mulf": operator.mul,
    "negf": operator.neg,
    "eq": operator.eq,
    "ne": operator.ne,
    "slt": operator.lt,
    "sle": operator.le,
    "sgt": operator.gt,
    "sge": operator.ge,
    "ult": operator.lt,
    "ule": operator.le,
    "ugt": operator.gt,
    "uge": operator.ge,
}
"""Ops on numbers that the host computes: sizes and counts, which aren't negative where they are read as unsigned."""


# -- steps -----------------------------------------------------------------------------------------


def run_step(step: Step, values: dict[int, Any], device: Device) -> None:
    """Does one step: reads and writes `values`."""
    operands = [values[number] for number in step.operands]
    how = NUMBERS.get(step.name)
    made = [how(*operands)] if how is not None else STEPS[step.name](step, operands, device)
    values.update(zip(step.results, made, strict=True))


def _filled(sizes: Sequence[int | None], rest: list[Any]) -> list[int]:
    """A list of sizes; where one is None, it is the next of some operands, which are taken from the front."""
    return [int(rest.pop(0)) if size is None else size for size in sizes]


def _constant(step: Step, _: list[Any], __: Device) -> list[Any]:
    """A number; of floats as Python's `float.hex` writes them, which JSON keeps exactly."""
    value = step.data["value"]
    return [DTYPES[step.data["dtype"]].type(float.fromhex(value)) if isinstance(value, str) else value]


def _float(step: Step, operands: list[Any], _: Device) -> list[Any]:
    """A number as a float of some type, rounded once."""
    return [np.asarray(operands[0]).astype(DTYPES[step.data["dtype"]])[()]]


def _allocate(step: Step, operands: list[Any], device: Device) -> list[Any]:
    shape = _filled(step.data["shape"], list(operands))
    if any(size < 0 for size in shape):
        raise InputError("expected sizes that aren't negative")
    dtype = step.data["dtype"]
    if step.data["zeroed"]:
        return [view_of(device.upload(np.zeros(shape, DTYPES[dtype])), shape, dtype)]
    memory = device.allocate(prod(shape) * DTYPES[dtype].itemsize)
    return [view_of(memory, shape, dtype)]


def _load(_: Step, operands: list[Any], device: Device) -> list[Any]:
    """An element, once all kernels before have run."""
    view, *place = operands
    at = view.offset + sum(map(operator.mul, place, view.strides))
    return [device.download(replace(view, offset=at, shape=(), strides=())).item()]


def _same(_: Step, operands: list[Any], __: Device) -> list[Any]:
    return [operands[0]]


def _bytes_as(step: Step, operands: list[Any], _: Device) -> list[Any]:
    """Some bytes of a memory, seen as an array."""
    whole, shift, *sizes = operands
    dtype = step.data["dtype"]
    at = whole.offset_bytes + shift
    size = DTYPES[dtype].itemsize
    assert at % size == 0, f"expected memory for {dtype} at a multiple of {size} bytes, got {at}"
    made = view_of(whole.memory, _filled(step.data["shape"], list(sizes)), dtype)
    return [replace(made, offset=at // size)]


def _subview(step: Step, operands: list[Any], _: Device) -> list[Any]:
    view, *rest = operands
    offsets, sizes, steps = (_filled(step.data[name], rest) for name in ("offsets", "sizes", "strides"))
    first = view.offset + sum(map(operator.mul, offsets, view.strides))
    strides = list(map(operator.mul, steps, view.strides))
    kept = step.data["kept"]
    return [replace(view, offset=first, shape=tuple(sizes[d] for d in kept), strides=tuple(strides[d] for d in kept))]


def _expand(step: Step, operands: list[Any], _: Device) -> list[Any]:
    view, *rest = operands
    sizes = _filled(step.data["shape"], rest)
    strides = [0] * len(sizes)
    for source, group in enumerate(step.data["groups"]):
        stride = view.strides[source]
        for dim in reversed(group):
            strides[dim] = stride
            stride *= sizes[dim]
    return [replace(view, shape=tuple(sizes), strides=tuple(strides))]


def _collapse(step: Step, operands: list[Any], _: Device) -> list[Any]:
    (view,) = operands
    groups = step.data["groups"]
    sizes = tuple(prod(view.shape[dim] for dim in group) for group in groups)
    strides = tuple(_stride_of(view, group) for group in groups)
    return [replace(view, shape=sizes, strides=strides)]


def _stride_of(view: View, group: Sequence[int]) -> int:
    long = [dim for dim in group if view.shape[dim] != 1]
    return view.strides[long[-1]] if long else view.strides[group[-1]] if group else 1


def _parts(_: Step, operands: list[Any], __: Device) -> list[Any]:
    """A view's first element, its offset, sizes and strides."""
    (view,) = operands
    base = replace(view, offset=0, shape=(), strides=())
    return [base, view.offset, *view.shape, *view.strides]


def _dim(_: Step, operands: list[Any], __: Device) -> list[Any]:
    view, dim = operands
    return [view.shape[dim]]


def _assert(step: Step, operands: list[Any], _: Device) -> list[Any]:
    if not operands[0]:
        raise AssertionFailedError(step.data["message"])
    return []


def _compare_floats(step: Step, operands: list[Any], _: Device) -> list[Any]:
    """Numbers as MLIR compares them: `o` holds only where none is NaN, `u` also where one is."""
    left, right = operands
    how = step.data["how"]
    if how in ("true", "false"):
        return [how == "true"]
    unordered = bool(left != left or right != right)
    if how in ("ord", "uno"):
        return [unordered == (how == "uno")]
    return [how[0] == "u" if unordered else bool(_ORDERED[how[1:]](left, right))]


FLOAT_COMPARISONS = (
    *("false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord"),
    *("ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true"),
)
"""What MLIR calls the predicates of arith.cmpf."""
_ORDERED: Mapping[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
}


def _launch(step: Step, operands: list[Any], device: Device) -> list[Any]:
    grid, block, *given = operands
    if grid == 0:
        return []
    pairs = zip(step.data["dtypes"], given, strict=True)
    arguments = tuple(value if isinstance(value, View) else (dtype, value) for dtype, value in pairs)
    device.launch(KernelLaunch(step.data["kernel"], int(grid), int(block), step.data["shared_bytes"], arguments))
    return []


STEPS: Mapping[str, Callable[[Step, list[Any], Device], list[Any]]] = {
    "allocate": _allocate,
    "assert": _assert,
    "bytes_as": _bytes_as,
    "cmpf": _compare_floats,
    "collapse": _collapse,
    "constant": _constant,
    "dim": _dim,
    "float": _float,
    "expand": _expand,
    "launch": _launch,
    "load": _load,
    "parts": _parts,
    "same": _same,
    "subview": _subview,
}
