"""Views of memory: how slices, transpositions and reshapes of a buffer change its address map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from powerfusion.core._mlir import DYNAMIC, integers, mixed, segments
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_access import Buffer
from powerfusion.passes.analysis.ledger_numbers import Number, UnknownIndex, add, floordiv, multiply
from powerfusion.passes.analysis.sizes import element_bytes

NumberOf = Callable[[ir.Value], Number]


@dataclass(frozen=True, eq=False)
class Root:
    """An allocation: what two views of it have in common.

    Attributes:
        name: For people.
        is_given: The program's caller allocated it.
    """

    name: str = ""
    is_given: bool = False


def row_major(sizes: Sequence[Number]) -> tuple[Number, ...]:
    """The strides of a tensor without holes."""
    strides: list[Number] = []
    step: Number = 1
    for size in reversed(sizes):
        strides.insert(0, step)
        step = multiply(step, size)
    return tuple(strides)


def new_buffer(value: ir.Value, sizes: Sequence[Number], root: Root | None = None) -> Buffer:
    """An allocation of a shape, elements in row-major order."""
    return Buffer(
        root or Root(), _at(value.type), element_bytes(value), 0, tuple(sizes), _strides(value.type, tuple(sizes))
    )


def _strides(type_: ir.Type, sizes: tuple[Number, ...]) -> tuple[Number, ...]:
    """The strides that a type states, or those of row-major order."""
    if not isinstance(type_, ir.MemRefType) or not isinstance(type_.layout, ir.StridedLayoutAttr):
        return row_major(sizes)
    strides, _ = type_.get_strides_and_offset()
    if ir.ShapedType.get_dynamic_stride_or_offset() in strides:
        raise UnknownIndex("a memref whose strides its type doesn't say")
    return tuple(strides)


def _at(type_: ir.Type) -> gir.AtAttr | None:
    place = type_.memory_space if isinstance(type_, ir.MemRefType) else None
    return gir.AtAttr(place) if place is not None and gir.AtAttr.isinstance(place) else None


def dynamic_shape(type_: ir.ShapedType, sizes: Sequence[Number]) -> tuple[Number, ...]:
    """A shape whose dynamic sizes are given."""
    left = iter(sizes)
    return tuple(next(left) if size == DYNAMIC else size for size in type_.shape)


def _subview(op: ir.Operation, source: Buffer, number: NumberOf) -> Buffer:
    _, *cut = segments(op)
    offsets, sizes, steps = (
        [value if isinstance(value, int) else number(value) for value in mixed(op, dynamic, name)]
        for dynamic, name in zip(cut, ("static_offsets", "static_sizes", "static_strides"), strict=True)
    )
    kept = _kept(op, sizes)
    return sliced(source, offsets, sizes, steps, [dim for dim in range(len(sizes)) if dim not in kept])


def sliced(
    source: Buffer,
    offsets: Sequence[Number],
    sizes: Sequence[Number],
    steps: Sequence[Number],
    drop: Sequence[int],
) -> Buffer:
    """A strided box of a buffer, less some dimensions of size 1."""
    strides = [multiply(stride, step) for stride, step in zip(source.strides, steps, strict=True)]
    kept = [dim for dim in range(len(sizes)) if dim not in drop]
    return replace(
        source,
        offset=source.box(offsets).offset,
        sizes=tuple(sizes[dim] for dim in kept),
        strides=tuple(strides[dim] for dim in kept),
    )


def permuted(source: Buffer, perm: Sequence[int]) -> Buffer:
    """A buffer whose dimension `i` is `perm[i]` of another."""
    return replace(source, sizes=tuple(source.sizes[p] for p in perm), strides=tuple(source.strides[p] for p in perm))


def windowed(
    source: Buffer,
    dims: Sequence[int],
    widths: Sequence[int],
    steps: Sequence[int],
    dilations: Sequence[int],
    shape: Sequence[Number],
) -> Buffer:
    """Windows of a buffer: where they begin, then the places in them. They overlap."""
    strides = list(source.strides)
    inner = [multiply(strides[dim], dilation) for dim, dilation in zip(dims, dilations, strict=True)]
    for dim, step in zip(dims, steps, strict=True):
        strides[dim] = multiply(strides[dim], step)
    assert len(shape) == len(strides) + len(widths), "a trailing dimension for each window"
    return replace(source, sizes=tuple(shape), strides=(*strides, *inner))


def reshaped(source: Buffer, shape: Sequence[Number]) -> Buffer:
    """A buffer's elements in row-major order, in another shape.

    Raises:
        UnknownIndex: They don't lie in strides then.
    """
    if source.strides == row_major(source.sizes):
        return replace(source, sizes=tuple(shape), strides=row_major(shape))
    old = [(size, stride) for size, stride in zip(source.sizes, source.strides, strict=True) if size != 1]
    strides: list[Number] = []
    for size in reversed(shape):
        strides.insert(0, _split_off(old, size))
    if any(size != 1 for size, _ in old):
        raise UnknownIndex("a reshape of what isn't regular")
    return replace(source, sizes=tuple(shape), strides=tuple(strides))


def _split_off(old: list[tuple[Number, Number]], size: Number) -> Number:
    """Takes a dimension of that size off the end of others; gives its stride."""
    if size == 1:
        return 1
    if not old:
        raise UnknownIndex("a reshape of what isn't regular")
    last, stride = old.pop()
    while last != size and old and isinstance(last, int) and isinstance(size, int) and last < size:
        before, outer = old.pop()
        if outer != multiply(last, stride):
            raise UnknownIndex("a reshape of what isn't regular")
        last = multiply(before, last)
    if last == size:
        return stride
    if not isinstance(last, int) or not isinstance(size, int) or last % size:
        raise UnknownIndex("a reshape of what isn't regular")
    old.append((last // size, multiply(stride, size)))
    return stride


def _kept(op: ir.Operation, sizes: Sequence[Number]) -> list[int]:
    """The dimensions of a subview's box that its result has: those that its type doesn't leave out."""
    shape = list(op.result.type.shape)
    kept: list[int] = []
    for dim, size in enumerate(integers(op.attributes["static_sizes"])):
        if len(kept) < len(shape) and size == shape[len(kept)]:
            kept.append(dim)
    assert len(kept) == len(shape) <= len(sizes), f"expected a part of a box, got {op}"
    return kept


def _transpose(op: ir.Operation, source: Buffer, _: NumberOf) -> Buffer:
    map_: ir.AffineMap = ir.AffineMapAttr(op.attributes["permutation"]).value  # pyright: ignore[reportAttributeAccessIssue]
    perm = [ir.AffineDimExpr(each).position for each in map_.results]
    return permuted(source, perm)


def _expand(op: ir.Operation, source: Buffer, number: NumberOf) -> Buffer:
    shape = [
        value if isinstance(value, int) else number(value)
        for value in mixed(op, list(op.operands)[1:], "static_output_shape")
    ]
    return expanded(source, shape, [integers(group) for group in op.attributes["reassociation"]])


def expanded(source: Buffer, shape: Sequence[Number], groups: Sequence[Sequence[int]]) -> Buffer:
    """A buffer whose dimensions are each split into a group."""
    strides: list[Number] = [1] * len(shape)
    for stride, group in zip(source.strides, groups, strict=True):
        step = stride
        for dim in reversed(group):
            strides[dim] = step
            step = multiply(step, shape[dim])
    return replace(source, sizes=tuple(shape), strides=tuple(strides))


def _collapse(op: ir.Operation, source: Buffer, _: NumberOf) -> Buffer:
    return collapsed(source, [integers(group) for group in op.attributes["reassociation"]])


def collapsed(source: Buffer, groups: Sequence[Sequence[int]]) -> Buffer:
    """A buffer with groups of dimensions joined; each group lies in one piece."""
    sizes: list[Number] = []
    strides: list[Number] = []
    for group in groups:
        size: Number = 1
        for dim in group:
            size = multiply(size, source.sizes[dim])
        long = [dim for dim in group if source.sizes[dim] != 1] or list(group)[-1:]
        sizes.append(size)
        strides.append(source.strides[long[-1]])
    return replace(source, sizes=tuple(sizes), strides=tuple(strides))


def _reinterpret(op: ir.Operation, source: Buffer, number: NumberOf) -> Buffer:
    _, *cut = segments(op)
    offsets, sizes, strides = (
        [value if isinstance(value, int) else number(value) for value in mixed(op, dynamic, name)]
        for dynamic, name in zip(cut, ("static_offsets", "static_sizes", "static_strides"), strict=True)
    )
    return replace(source, offset=offsets[0], sizes=tuple(sizes), strides=tuple(strides))


def _same(_: ir.Operation, source: Buffer, __: NumberOf) -> Buffer:
    return source


def _view(op: ir.Operation, source: Buffer, number: NumberOf) -> Buffer:
    """Elements in the bytes of a memory, in row-major order."""
    shift, element = number(op.operands[1]), element_bytes(op.result)
    shape = dynamic_shape(op.result.type, [number(size) for size in list(op.operands)[2:]])
    offset = add(source.offset, floordiv(shift, element))
    return replace(source, element=element, offset=offset, sizes=shape, strides=row_major(shape))


MEMREF_VIEWS: dict[str, Callable[[ir.Operation, Buffer, NumberOf], Buffer]] = {
    "memref.subview": _subview,
    "memref.transpose": _transpose,
    "memref.expand_shape": _expand,
    "memref.collapse_shape": _collapse,
    "memref.reinterpret_cast": _reinterpret,
    "memref.view": _view,
    "memref.cast": _same,
    "memref.memory_space_cast": _same,
    "memref.assume_alignment": _same,
}
