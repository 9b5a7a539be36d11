"""Runs: what a gather or scatter asks for at once, as the indices of the lookup say.

    %r = gir.load %ids[%t]         another row for each element of %ids
    %c = gir.iota dim 1            counts along a row
    gir.gather %table[%r, %c]      an element of %ids runs through a row: the granules of that, each once

An index counts if it is an iota, repeated or turned; dimensions along which nothing but that moves run through memory.
What differs along other dimensions is in different rows, and each row is asked for alone. Where a row begins within a
granule is known if all that picks it moves it by whole granules; else it counts as where it lies worst.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from powerfusion.core._mlir import defining_op, integers, is_tensor, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_access import Access, Box, Buffer, Look, place_of
from powerfusion.passes.analysis.ledger_numbers import (
    Axis,
    Grid,
    Number,
    UnknownIndex,
    add,
    dense,
    multiply,
    of_array,
    pointwise,
    union_of,
)
from powerfusion.passes.analysis.ledger_tiles import Elements

WIDEST_GRANULE = 256  # bytes; granules of all machines divide it
ONE_VALUE = ("arith.constant", "tensor.splat")


@dataclass(frozen=True, eq=False)
class Running:
    """How a lookup runs through memory.

    Attributes:
        counters: By dimension of the table, the dimension of the lookup along which its index runs, and the iota; None
            where the index picks a row.
    """

    counters: tuple[tuple[int, ir.Operation] | None, ...]

    @property
    def dims(self) -> frozenset[int]:
        """The dimensions of the lookup along which elements of one row are."""
        return frozenset(counter[0] for counter in self.counters if counter is not None)


def running(indices: Sequence[ir.Value]) -> Running:
    """How a lookup runs through memory, by what its indices are computed from."""
    dims = tuple(range(indices[0].type.rank))
    found = [_counter(index, dims) for index in indices]
    others = (_moved(index, dims) for index, counter in zip(indices, found, strict=True) if counter is None)
    rows = set[int]().union(*others)
    return Running(tuple(None if counter is None or counter[0] in rows else counter for counter in found))


def runs_of(indices: Sequence[ir.Value], table: ir.Value, found: Elements, look: Look) -> Access | None:
    """What a lookup asks for at once; None where that is one element.

    Args:
        indices: One for each dimension of the table.
        table: A memref or tensor.
        found: The elements that are accessed in an execution.
        look: The form's look.

    Raises:
        UnknownIndex: Rows are of open size, or elements are left out in more than the beginning and end of a row.
    """
    runs = running(indices)
    if not runs.dims:
        return None
    lookup = _Lookup(look.buffer(table), indices[0], runs, look)
    return lookup.masked(found) if found.axes else lookup.box(found.counts)


def _counter(value: ir.Value, dims: Sequence[int]) -> tuple[int, ir.Operation] | None:
    """The dimension that an index counts along, if it does no more; `dims` are what its own are in the lookup."""
    op = defining_op(value)
    if op is None:
        return None
    if op.name == "gir.iota":
        return dims[ir.IntegerAttr(op.attributes["dim"]).value], op
    if op.name == "arith.select" and _is_one_value(op.operands[2]):
        return _counter(op.operands[1], dims)
    return _counter(op.operands[0], _below(op, dims)) if op.name in ("gir.broadcast", "gir.permute") else None


def _moved(value: ir.Value, dims: Sequence[int]) -> set[int]:
    """The dimensions of the lookup along which an index may differ."""
    op = defining_op(value)
    if op is None:
        return set(dims)
    if op.name in ("gir.broadcast", "gir.permute"):
        return _moved(op.operands[0], _below(op, dims))
    if op.name == "gir.iota":
        return {dims[ir.IntegerAttr(op.attributes["dim"]).value]}
    if op.name in ONE_VALUE:
        return set()
    if op.name == "arith.select" and _is_one_value(op.operands[2]):
        return _moved(op.operands[1], dims)
    if op.name.startswith(("arith.", "math.")):
        return set[int]().union(*(_moved(operand, dims) for operand in op.operands if is_tensor(operand)))
    return set(dims)


def _below(op: ir.Operation, dims: Sequence[int]) -> list[int]:
    """What the dimensions of the operand of a broadcast or permutation are in the lookup."""
    if op.name == "gir.permute":
        perm = integers(op.attributes["perm"])
        return [dims[perm.index(dim)] for dim in range(len(perm))]
    new = integers(op.attributes["dims"])
    return [dim for at, dim in enumerate(dims) if at not in new]


def _is_one_value(value: ir.Value) -> bool:
    op = defining_op(value)
    return op is not None and op.name in ONE_VALUE


@dataclass(frozen=True, eq=False)
class _Lookup:
    """A lookup, of which it is known what runs.

    Attributes:
        buffer: The table.
        result: What has the shape of the lookup.
        runs: How it runs.
        look: The form's look.
    """

    buffer: Buffer
    result: ir.Value
    runs: Running
    look: Look

    def box(self, counts: Sequence[Number]) -> Access:
        """The runs where all elements of a box are accessed: rows are further apart than they are long."""
        strides, offset, steps = self._strides()
        begin = self.look.begin(self.result)
        for dim, low in enumerate(begin or ()):
            offset = add(offset, multiply(low, strides.get(dim, 0)))
        apart = self._apart()
        for dim in range(len(counts)):
            if dim not in self.runs.dims:
                strides[dim] = apart
                apart *= self._most(dim)
        box = Box(("runs", self.buffer.root), offset, tuple(strides[dim] for dim in range(len(counts))))
        return self._access(tuple(counts), box, steps)

    def masked(self, found: Elements) -> Access:
        """The runs where some elements aren't accessed: each row by itself, of each run what is there."""
        strides, offset, steps = self._strides()
        axes = dict(enumerate(found.axes))
        counts: list[Number] = []
        masks = list(found.masks)
        for dim in sorted(self.runs.dims):
            own = [mask for mask in masks if isinstance(mask, Grid) and axes[dim] in mask.axes]
            masks = [mask for mask in masks if mask not in own]
            if any(other in mask.axes for mask in own for at, other in axes.items() if at != dim):
                raise UnknownIndex("elements that are left out of a row differ from row to row")
            low, count = _interval(axes[dim], own)
            counts.append(count)
            offset = add(offset, multiply(low, strides[dim]))
        box = Box(("runs", self.buffer.root), offset, tuple(strides[dim] for dim in sorted(self.runs.dims)))
        rows = tuple(axis for dim, axis in axes.items() if dim not in self.runs.dims)
        return replace(self._access(tuple(counts), box, steps), axes=rows, masks=tuple(masks))

    def _access(self, counts: tuple[Number, ...], box: Box, steps: tuple[Number, ...]) -> Access:
        return Access(place_of(self.result), "read", counts, self.buffer.element, box, steps=steps)

    def _strides(self) -> tuple[dict[int, Number], Number, tuple[Number, ...]]:
        """How far elements of a run are apart, where it begins, and in which steps what picks a row moves that."""
        strides: dict[int, Number] = {}
        offset = self.buffer.offset
        steps: list[Number] = []
        for counter, stride, size in zip(self.runs.counters, self.buffer.strides, self.buffer.sizes, strict=True):
            if counter is None:
                steps += [stride] if size != 1 else []
                continue
            dim, iota = counter
            strides[dim] = add(strides.get(dim, 0), stride)
            for begin in segments(iota)[0]:
                offset = add(offset, multiply(self.look.number(begin), stride))
        return strides, offset, tuple(steps)

    def _apart(self) -> int:
        """More elements than a run spans, in whole granules."""
        span = 1
        for counter, stride, size in zip(self.runs.counters, self.buffer.strides, self.buffer.sizes, strict=True):
            if counter is not None:
                if not isinstance(stride, int) or not isinstance(size, int):
                    raise UnknownIndex("rows of open size")
                span += abs(stride) * size
        return further(span, self.buffer.element)

    def _most(self, dim: int) -> int:
        size = self.look.shape(self.result)[dim]
        return size if isinstance(size, int) else 1  # Sizes that are open are counted one by one.


def further(span: int, element: int) -> int:
    """A distance in whole granules, in elements, that is more than a span of elements."""
    return (-(-span * element // WIDEST_GRANULE) + 1) * WIDEST_GRANULE // element


def _interval(axis: Axis, masks: Sequence[Number]) -> tuple[Number, Number]:
    """Where along an axis elements are accessed: from where, and how many.

    Raises:
        UnknownIndex: Not from one element to another.
    """
    if not masks:
        return 0, axis.size
    mask = pointwise(lambda *each: np.logical_and.reduce(np.broadcast_arrays(*each)).astype(np.int64), *masks)
    axes = union_of([mask.axes if isinstance(mask, Grid) else (), (axis,)])
    array = np.broadcast_to(dense(mask, axes)[1], [each.size for each in axes])
    place = axes.index(axis)
    low = (array.cumsum(axis=place) == 0).sum(axis=place)
    end = axis.size - (np.flip(array, place).cumsum(axis=place) == 0).sum(axis=place)
    count = array.sum(axis=place)
    if (count != np.maximum(end - low, 0)).any():
        raise UnknownIndex("elements that are left out in the middle of a row")
    left = tuple(each for each in axes if each is not axis)
    return of_array(left, np.where(count > 0, low, 0)), of_array(left, count)
