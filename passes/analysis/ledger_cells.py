"""Cells: addresses one by one, for values whose places aren't a strided box.

What is put together of several tensors, or reshaped after it was cut, is enumerated: an array of
addresses takes the same views as the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from powerfusion.core._mlir import defining_op, integers
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_access import Buffer
from powerfusion.passes.analysis.ledger_numbers import Number, UnknownIndex, closed

MOST_CELLS = 1 << 24
ROOT_BITS = 40


class Places(Protocol):
    """Where values at `dram` are."""

    def shape(self, value: ir.Value) -> tuple[Number, ...]:
        """The shape of one."""
        ...

    def buffer(self, value: ir.Value) -> Buffer:
        """The buffer that one is, where it is one."""
        ...

    def cut(self, op: ir.Operation, first: int) -> list[list[Number]]:
        """Offsets, sizes and strides of a box."""
        ...


def addresses_of(value: ir.Value, look: Places) -> np.ndarray | None:
    """The addresses of a value at `dram`; None where sizes are open or there are too many."""
    try:
        return _Enumeration(look).of(value)
    except UnknownIndex:
        return None


def box_cells(buffer: Buffer, shape: Sequence[int]) -> np.ndarray:
    """The addresses of a buffer's elements.

    Raises:
        UnknownIndex: Its place isn't known.
    """
    offset, *strides = closed((buffer.offset, *buffer.strides))
    address = np.full(shape, offset, dtype=np.int64)
    for dim, stride in enumerate(strides):
        index = np.arange(shape[dim], dtype=np.int64) * stride
        address += index.reshape([-1 if d == dim else 1 for d in range(len(shape))])
    return address


def stored_at(value: ir.Value, returned: Sequence[ir.Value], look: Places) -> list[np.ndarray] | None:
    """Where a kernel's results put the elements of a stored value: an array of its shape per place.

    An element that a result leaves out is nowhere: -1. None where sizes are open or there are too many.
    """
    try:
        shape = closed(look.shape(value))
        ways = [_Stored(look, value, shape) for _ in returned]
        return [place for way, result in zip(ways, returned, strict=True) for place in way.places(result)]
    except UnknownIndex:
        return None


class _Enumeration:
    def __init__(self, look: Places) -> None:
        self.look = look
        self.roots: dict[object, int] = {}

    def of(self, value: ir.Value) -> np.ndarray:
        op = defining_op(value)
        shape = closed(self.look.shape(value))
        if int(np.prod(shape, dtype=np.int64)) > MOST_CELLS:
            raise UnknownIndex("too many elements")
        match op.name if op is not None else "":
            case "gir.permute" if op is not None:
                return self.of(op.operands[0]).transpose(integers(op.attributes["perm"]))
            case "gir.reshape" if op is not None:
                return self.of(op.operands[0]).reshape(shape)
            case "gir.concat" if op is not None:
                dim = ir.IntegerAttr(op.attributes["dim"]).value
                return np.concatenate([self.of(operand) for operand in op.operands], axis=dim)
            case "gir.slice" if op is not None:
                box = self._box(op, 1)
                return self.of(op.operands[0])[box].reshape(shape)
            case "gir.insert" if op is not None:
                result, box = self.of(op.operands[1]).copy(), self._box(op, 2)
                result[box] = self.of(op.operands[0]).reshape(result[box].shape)
                return result
            case "gir.broadcast" if op is not None:
                inner = np.expand_dims(self.of(op.operands[0]), tuple(integers(op.attributes["dims"])))
                return np.broadcast_to(inner, shape)
            case "gir.window" if op is not None:
                return self._window(op, shape)
            case _:
                return self._leaf(value, shape)

    def _leaf(self, value: ir.Value, shape: list[int]) -> np.ndarray:
        buffer = self.look.buffer(value)
        return box_cells(buffer, shape) + (self.roots.setdefault(buffer.root, len(self.roots)) << ROOT_BITS)

    def _window(self, op: ir.Operation, shape: list[int]) -> np.ndarray:
        names = ("dims", "sizes", "strides", "dilations")
        dims, sizes, strides, dilations = (integers(op.attributes[name]) for name in names)
        result = self.of(op.operands[0])
        for dim, size, stride, dilation in zip(dims, sizes, strides, dilations, strict=True):
            places = np.arange(shape[dim])[:, None] * stride + np.arange(size) * dilation
            result = np.moveaxis(result.take(places, axis=dim), dim + 1, -1)
        return result

    def _box(self, op: ir.Operation, first: int) -> tuple[slice, ...]:
        offsets, sizes, steps = (closed(part) for part in self.look.cut(op, first))
        return tuple(
            slice(start, start + (size - 1) * step + 1 if size else start, step)
            for start, size, step in zip(offsets, sizes, steps, strict=True)
        )


class _Stored(_Enumeration):
    """The same, where each way by which a value gets into a result is a place of its own."""

    def __init__(self, look: Places, value: ir.Value, shape: Sequence[int]) -> None:
        super().__init__(look)
        self.value = value
        self.shape = shape
        self.ways: list[int] = []

    def places(self, result: ir.Value) -> Iterator[np.ndarray]:
        """Where in a result each way leads to."""
        found = self.of(result).reshape(-1)
        for way in self.ways:
            there = np.flatnonzero(found >> ROOT_BITS == way)
            place = np.full(self.shape, -1, dtype=np.int64)
            place.reshape(-1)[found[there] & ((1 << ROOT_BITS) - 1)] = there
            yield place

    def _leaf(self, value: ir.Value, shape: list[int]) -> np.ndarray:
        if value != self.value:
            return super()._leaf(value, shape)
        way = self.roots.setdefault(object(), len(self.roots))
        self.ways.append(way)
        return (way << ROOT_BITS) + np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
