"""How what a load or a store moves lies in a tensor of the function: strides through views, in elements."""

from __future__ import annotations

import math
from collections.abc import Sequence

from powerfusion.core._mlir import DYNAMIC, defining_op, integers
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_runs import further, running
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.placement.model import Layout
from powerfusion.passes.placement.reaches import Blocked, meaning_of


def loaded_layout(value: ir.Value) -> Layout | None:
    """How a view of a kernel's input lies in it, through permutations, slices and a reshape of all; None where open."""
    op = defining_op(value)
    if op is None or op.name == "gir.reshape":
        strides = row_major(value.type.shape)
        is_plain = op is None or defining_op(op.operands[0]) is None
        return Layout(0, strides) if strides is not None and is_plain else None
    below = loaded_layout(op.operands[0])
    if below is None:
        return None
    if op.name == "gir.permute":
        return Layout(below.offset, tuple(below.strides[dim] for dim in integers(op.attributes["perm"])))
    return _sliced(op, below)


def gathered_layout(op: ir.Operation) -> Layout | None:
    """How the rows that a gather takes lie, each further from the others than it is long; None where sizes are open."""
    table, *indices = op.operands
    strides, shape = row_major(table.type.shape), op.result.type.shape
    if strides is None or DYNAMIC in list(table.type.shape):
        return None
    if DYNAMIC in list(shape):
        return None
    found: dict[int, int] = {}
    steps: list[int] = []
    span = 1
    for counter, stride, size in zip(running(indices).counters, strides, table.type.shape, strict=True):
        if counter is None:
            steps += [stride] if size != 1 else []
        else:
            found[counter[0]] = found.get(counter[0], 0) + stride
            span += stride * size
    apart = further(span, element_bytes(table))
    for dim, size in enumerate(shape):
        if dim not in found:
            found[dim] = apart
            apart *= size
    return Layout(0, tuple(found[dim] for dim in range(len(found))), tuple(steps))


def stored_layout(shape: Sequence[int], dims: Sequence[int]) -> Layout | None:
    """How a value lies in a result of some shape; `dims` are the dimensions of that, by dimension of the value."""
    strides = row_major(shape)
    return None if strides is None else Layout(0, tuple(strides[dim] for dim in dims))


def row_major(shape: Sequence[int]) -> tuple[int, ...] | None:
    """How far elements are apart along each dimension; None where that is open."""
    inner = list(shape)[1:]
    return None if DYNAMIC in inner else tuple(math.prod(inner[at:]) for at in range(len(list(shape))))


def _sliced(op: ir.Operation, below: Layout) -> Layout | None:
    try:
        (reaches,) = meaning_of(op).reaches
    except Blocked:
        return None
    offset, strides = below.offset, [0] * op.result.type.rank
    for reach, stride in zip(reaches, below.strides, strict=True):
        offset += reach.low * stride
        if reach.dim is not None:
            strides[reach.dim] = reach.scale * stride
    return Layout(offset, tuple(strides))
