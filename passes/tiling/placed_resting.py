"""What a placed kernel has at sram: where it is, and how large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import DYNAMIC, create, index_constant, split_mixed
from powerfusion.mlir import ir
from powerfusion.passes.tiling import memrefs
from powerfusion.passes.tiling.windows import Axis, Window, index_op


@dataclass(frozen=True)
class Resting:
    """A value at sram.

    Attributes:
        memref: Where it is.
        starts: Per dimension, the index in the whole value of its first element.
        packed: Per dimension, whether it has one element for each unit, one behind the other.
    """

    memref: ir.Value
    starts: tuple[ir.Value, ...]
    packed: tuple[str | None, ...]


def memref_at(value: ir.Value, shape: Sequence[int]) -> ir.MemRefType:
    """The type of a buffer of that shape where a value is."""
    type_ = value.type
    return ir.MemRefType.get(list(shape), type_.element_type, None, type_.encoding)


def extents_of(window: Window) -> tuple[list[int | ir.Value], list[int]]:
    """The sizes of a window, and what those that aren't static are at most."""
    sizes: list[int | ir.Value] = [axis.size if axis.valid is None else axis.valid for axis in window]
    return sizes, [axis.size for axis in window if axis.valid is not None]


def ended(memref: ir.Value, indices: Sequence[ir.Value], axes: Sequence[Axis | None]) -> ir.Value:
    """A buffer up to the end of a window that begins at some indices, along the axes that have less than their size."""
    sizes: list[int | ir.Value] = []
    for at, (index, axis) in enumerate(zip(indices, axes, strict=True)):
        size: int | ir.Value = memref.type.shape[at]
        if size == DYNAMIC:
            size = create("memref.dim", [memref, index_constant(at)], [ir.IndexType.get()]).result
        if axis is not None and axis.valid is not None:
            end = index_op("arith.maxsi", [index_op("arith.addi", [index, axis.valid]), index_constant(0)])
            size = index_op("arith.minsi", [end, index_constant(size) if isinstance(size, int) else size])
        sizes.append(size)
    dynamic, static = split_mixed(sizes)
    rank = len(sizes)
    return memrefs.subview(memref, dynamic, [0, len(dynamic), 0], [[0] * rank, static, [1] * rank], [])
