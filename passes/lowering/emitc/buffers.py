"""Memory in C: a pointer, and sizes and strides that are numbers or variables of the program.

Views of memory cost nothing: they are other sizes, strides and an offset beside the same pointer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from powerfusion.core._mlir import DYNAMIC
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.code import Number, minus, plus, product, times
from powerfusion.passes.lowering.emitc.scalars import stored, stored_bytes


@dataclass(frozen=True)
class Buffer:
    """A memref.

    Attributes:
        pointer: To elements as memory holds them.
        element: GIR's element type.
        sizes: Per dimension.
        strides: Per dimension, in elements.
        offset: Of the first element, in elements.
        memory: What it is a part of; two buffers overlap only where that is equal.
        name: What people call it.
    """

    pointer: ir.Value
    element: ir.Type
    sizes: tuple[Number, ...]
    strides: tuple[Number, ...]
    offset: Number
    memory: object
    name: str

    def at(self, index: Sequence[Number]) -> Number:
        """How far an element is from the pointer."""
        where = self.offset
        for place, stride in zip(index, self.strides, strict=True):
            where = plus(where, times(place, stride))
        return where

    def place(self, index: Sequence[Number]) -> ir.Value:
        """Where an element is."""
        return code.element(self.pointer, [self.at(index)], stored(self.element))

    def begin(self) -> ir.Value:
        """A pointer to the first element."""
        if self.offset == 0:
            return self.pointer
        return code.binary("add", self.pointer, code.value_of(self.offset))

    @property
    def count(self) -> Number:
        """How many elements it has."""
        return product(self.sizes)

    @property
    def is_dense(self) -> bool:
        """Whether its elements are known to lie side by side, in row-major order."""
        wanted: Number = 1
        for size, stride in zip(reversed(self.sizes), reversed(self.strides), strict=True):
            if size != 1 and not (stride is wanted or stride == wanted):
                return False
            wanted = size * wanted if isinstance(size, int) and isinstance(wanted, int) else object()  # pyright: ignore
        return True

    # -- views -------------------------------------------------------------------------------------

    def boxed(
        self, offsets: Sequence[Number], sizes: Sequence[Number], strides: Sequence[Number], dropped: set[int]
    ) -> Buffer:
        """A strided box of it, without some dimensions."""
        kept = [dim for dim in range(len(sizes)) if dim not in dropped]
        return replace(
            self,
            sizes=tuple(sizes[dim] for dim in kept),
            strides=tuple(times(self.strides[dim], strides[dim]) for dim in kept),
            offset=self.at(offsets),
        )

    def permuted(self, perm: Sequence[int]) -> Buffer:
        """Its dimensions in another order."""
        return replace(self, sizes=tuple(self.sizes[d] for d in perm), strides=tuple(self.strides[d] for d in perm))

    def collapsed(self, groups: Sequence[Sequence[int]]) -> Buffer:
        """Neighbouring dimensions as one; the last that isn't 1 of each says how far its elements are apart."""
        sizes: list[Number] = []
        strides: list[Number] = []
        for group in groups:
            sizes.append(product([self.sizes[dim] for dim in group]))
            long = [dim for dim in group if self.sizes[dim] != 1]
            strides.append(self.strides[long[-1]] if long else 1)
        return replace(self, sizes=tuple(sizes), strides=tuple(strides))

    def expanded(self, groups: Sequence[Sequence[int]], sizes: Sequence[Number]) -> Buffer:
        """The reverse, given all sizes."""
        strides: list[Number] = [1] * len(sizes)
        for group, stride in zip(groups, self.strides, strict=False):
            step = stride
            for dim in reversed(group):
                strides[dim] = step
                step = times(step, sizes[dim])
        return replace(self, sizes=tuple(sizes), strides=tuple(strides))


def row_major(sizes: Sequence[Number]) -> tuple[Number, ...]:
    """The strides of elements that lie side by side."""
    strides: list[Number] = []
    step: Number = 1
    for size in reversed(sizes):
        strides.append(step)
        step = times(step, size)
    return tuple(reversed(strides))


@dataclass(frozen=True)
class Shape:
    """What a memref's type leaves open: which sizes and strides a function must be told."""

    type_: ir.MemRefType

    @property
    def strides(self) -> list[int]:
        """As the type has them."""
        return list(self.type_.get_strides_and_offset()[0])

    @property
    def is_plain(self) -> bool:
        """Whether elements lie side by side, so that sizes say all."""
        return self.type_.layout == ir.MemRefType.get(self.type_.shape, self.type_.element_type).layout

    def open(self) -> list[str]:
        """Names of what is left open, in the order in which functions take it."""
        sizes = [f"size{dim}" for dim, size in enumerate(self.type_.shape) if size == DYNAMIC]
        if self.is_plain:
            return sizes
        return sizes + [f"stride{dim}" for dim, stride in enumerate(self.strides) if stride == DYNAMIC]

    def given(self, buffer: Buffer) -> Iterator[Number]:
        """A buffer's numbers for what is left open."""
        yield from (n for n, size in zip(buffer.sizes, self.type_.shape, strict=True) if size == DYNAMIC)
        if not self.is_plain:
            yield from (n for n, stride in zip(buffer.strides, self.strides, strict=True) if stride == DYNAMIC)

    def taken(self, pointer: ir.Value, numbers: Sequence[Number], memory: object, name: str) -> Buffer:
        """The reverse: the buffer that a function was given."""
        rest = iter(numbers)
        sizes = tuple(next(rest) if size == DYNAMIC else size for size in self.type_.shape)
        if self.is_plain:
            strides = row_major(sizes)
        else:
            strides = tuple(next(rest) if stride == DYNAMIC else stride for stride in self.strides)
        return Buffer(pointer, self.type_.element_type, sizes, strides, 0, memory, name)


def same_memory(left: Buffer, right: Buffer) -> bool:
    """Whether two buffers are known to be the same elements in the same order."""
    return left.pointer == right.pointer and left.offset == 0 == right.offset


def bytes_of(sizes: Sequence[int], element: ir.Type) -> int:
    """Bytes of so many elements in memory."""
    total = stored_bytes(element)
    for size in sizes:
        total *= size
    return total


__all__ = ["Buffer", "Shape", "bytes_of", "minus", "row_major", "same_memory"]
