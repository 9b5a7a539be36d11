"""Memrefs: allocation, views, and single elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from powerfusion.errors import OutOfBounds
from powerfusion.reference.memory import MemRef, dense, row_major
from powerfusion.reference.ops.views import shape_of
from powerfusion.reference.overlay import Overlay
from powerfusion.reference.program import Instruction, integer
from powerfusion.reference.registry import meaning
from powerfusion.reference.stream import Here
from powerfusion.reference.values import Tile, demand_real, scalar


@meaning("memref.alloc", "memref.alloca")
def alloc(here: Here, op: Instruction, *operands: Tile) -> MemRef:
    """Memory in which nothing was written."""
    sizes, _ = op.groups(operands)
    shape = shape_of(op.type, sizes)
    return dense(here.state.buffer(f"the memory of instruction {op.number}", op.type, math.prod(shape)), shape)


@meaning("memref.dealloc")
def dealloc(op: Instruction, x: MemRef) -> None:
    """The end of an allocation."""
    x.buffer.alive = False


@meaning("memref.dim")
def dim(op: Instruction, x: MemRef, position: Tile) -> Tile:
    """The size of a dimension."""
    return scalar(x.shape[integer(position)])


@meaning("memref.cast", "memref.memory_space_cast")
def cast(op: Instruction, x: MemRef) -> MemRef:
    """The same view, more or less of it known."""
    return x


@meaning("memref.view")
def view(here: Here, op: Instruction, x: MemRef, shift: Tile, *sizes: Tile) -> MemRef:
    """Elements of a type in the bytes of a memory; they hold what was written through such a view.

    Raises:
        OutOfBounds: It leaves the memory.
    """
    shape, offset = shape_of(op.type, sizes), integer(shift)
    buffer = here.state.buffer(f"a view of {x.buffer.name}", op.type, math.prod(shape))
    if offset < 0 or offset + buffer.data.nbytes > len(x.buffer.data):
        raise OutOfBounds(f"views bytes {offset} to {offset + buffer.data.nbytes - 1} of {len(x.buffer.data)}")
    if x.buffer.overlay is None:
        Overlay().place(x.buffer, 0)
    memory = x.buffer.overlay
    assert memory is not None, "made above"
    buffer = memory.find(offset, buffer.data) or replace(buffer, base=x.buffer.base + offset)
    memory.place(buffer, offset)
    return dense(buffer, shape)


@meaning("memref.transpose")
def transpose(op: Instruction, x: MemRef) -> MemRef:
    """Dimensions in another order."""
    order = [position or 0 for position in op.attributes["permutation"].positions]
    return MemRef(x.buffer, x.offset, tuple(x.shape[d] for d in order), tuple(x.strides[d] for d in order))


@meaning("memref.subview")
def subview(op: Instruction, x: MemRef, *operands: Tile) -> MemRef:
    """A strided box.

    Raises:
        OutOfBounds: It leaves the memref.
    """
    _, dynamic_offsets, dynamic_sizes, dynamic_strides = op.groups([x, *operands])
    offsets = op.mixed("static_offsets", dynamic_offsets)
    sizes = op.mixed("static_sizes", dynamic_sizes)
    steps = op.mixed("static_strides", dynamic_strides)
    for position, (offset, size, step) in enumerate(zip(offsets, sizes, steps, strict=True)):
        last = offset + (size - 1) * step
        if size > 0 and not (0 <= offset < x.shape[position] and 0 <= last < x.shape[position]):
            raise OutOfBounds(
                f"takes elements {offset} to {last} of dimension {position}, which has {x.shape[position]}"
            )
    start = x.offset + sum(offset * stride for offset, stride in zip(offsets, x.strides, strict=True))
    strides = [step * stride for step, stride in zip(steps, x.strides, strict=True)]
    kept = _kept(sizes, op.type.shape)
    return MemRef(x.buffer, start, tuple(sizes[d] for d in kept), tuple(strides[d] for d in kept))


def _kept(sizes: Sequence[int], shape: Sequence[int | None]) -> list[int]:
    """Which dimensions of a box the result has: the others are of size 1."""
    dropped = len(sizes) - len(shape)
    kept: list[int] = []
    for position, size in enumerate(sizes):
        wanted = shape[len(kept)] if len(kept) < len(shape) else -1
        if dropped > 0 and size == 1 and wanted != 1:
            dropped -= 1
            continue
        kept.append(position)
    return kept[: len(shape)]


@meaning("memref.collapse_shape")
def collapse_shape(op: Instruction, x: MemRef) -> MemRef:
    """Neighbouring dimensions as one."""
    groups = op.attributes["reassociation"]
    shape = tuple(math.prod(x.shape[d] for d in group) for group in groups)
    strides = tuple(min((x.strides[d] for d in group if x.shape[d] != 1), default=1) for group in groups)
    return MemRef(x.buffer, x.offset, shape, strides)


@meaning("memref.expand_shape")
def expand_shape(op: Instruction, x: MemRef, *sizes: Tile) -> MemRef:
    """One dimension as several."""
    shape = op.mixed("static_output_shape", sizes)
    groups = op.attributes["reassociation"]
    strides: list[int] = [] if groups else [1] * len(shape)
    for position, group in enumerate(groups):
        strides += [x.strides[position] * stride for stride in row_major([shape[d] for d in group])]
    return MemRef(x.buffer, x.offset, tuple(shape), tuple(strides))


@meaning("memref.load")
def load(here: Here, op: Instruction, x: MemRef, *indices: Tile) -> Tile:
    """One element, as a number."""
    flat = x.flat([integer(i) for i in indices], [1] * len(indices))
    return Tile(np.asarray(x.buffer.read(flat, here.agents).reshape(())))


@meaning("memref.store")
def store(here: Here, op: Instruction, value: Tile, x: MemRef, *indices: Tile) -> None:
    """Writes one element."""
    demand_real(value.real, "stores")
    flat = x.flat([integer(i) for i in indices], [1] * len(indices))
    x.buffer.write(flat, value.data, here.agents)


@meaning("memref.copy")
def copy(here: Here, op: Instruction, x: MemRef, y: MemRef) -> None:
    """All elements, to another memref."""
    y.buffer.write(y.whole, x.buffer.read(x.whole, here.agents), here.agents)
