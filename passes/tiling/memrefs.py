"""Views of memrefs: a box, reordered dimensions, another shape of the same elements."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from powerfusion.core._mlir import DYNAMIC, create, i32_array, i64_array, index_constant, split_mixed
from powerfusion.mlir import ir


def transpose(memref: ir.Value, perm: Sequence[int]) -> ir.Value:
    """A memref with its dimensions reordered, as a view."""
    type_ = memref.type
    strides, offset = type_.get_strides_and_offset()
    layout = ir.StridedLayoutAttr.get(offset, [strides[p] for p in perm])
    shape = [type_.shape[p] for p in perm]
    result = ir.MemRefType.get(shape, type_.element_type, layout, type_.memory_space)
    map_ = ir.AffineMap.get_permutation(list(perm))
    return create("memref.transpose", [memref], [result], {"permutation": ir.AffineMapAttr.get(map_)}).result


def subview(
    memref: ir.Value,
    operands: Sequence[ir.Value],
    counts: Sequence[int],
    static: Sequence[Sequence[int]],
    drop: Sequence[int],
) -> ir.Value:
    """A `memref.subview`; its layout follows from the memref's and from what is static.

    Along a static size of 0 or 1 the stride means nothing, and neither does the offset of an
    empty box. They are made plain, as upstream's verifiers and expansions take nothing else; of a dimension
    that has nothing no number is an offset to them, so that it is a value there.
    """
    type_ = memref.type
    strides, offset = type_.get_strides_and_offset()
    (offsets, sizes, steps), operands, counts = _plain_box(static, operands, counts, type_.shape)
    dynamic = ir.ShapedType.get_dynamic_stride_or_offset()
    new_strides = [_product(s, step, dynamic) for s, step in zip(strides, steps, strict=True)]
    new_offset = offset
    for start, stride in zip(offsets, strides, strict=True):
        new_offset = _sum(new_offset, _product(stride, start, dynamic), dynamic)
    kept = [dim for dim in range(len(sizes)) if dim not in drop]
    layout = ir.StridedLayoutAttr.get(new_offset, [new_strides[dim] for dim in kept])
    result = ir.MemRefType.get([sizes[dim] for dim in kept], type_.element_type, layout, type_.memory_space)
    attributes = {
        "static_offsets": i64_array(offsets),
        "static_sizes": i64_array(sizes),
        "static_strides": i64_array(steps),
        "operandSegmentSizes": i32_array([1, *counts]),
    }
    return create("memref.subview", [memref, *operands], [result], attributes).result


def _plain_box(
    static: Sequence[Sequence[int]], operands: Sequence[ir.Value], counts: Sequence[int], shape: Sequence[int]
) -> tuple[list[list[int]], list[ir.Value], list[int]]:
    """Offsets, sizes and strides, with offset 0 where the size is 0, and stride 1 where it is 0 or 1."""
    given = iter(operands)
    offsets, sizes, steps = ([next(given) if n == DYNAMIC else n for n in group] for group in static)
    offsets = [0 if size == 0 else start for start, size in zip(offsets, sizes, strict=True)]
    offsets = [index_constant(0) if all_ == 0 else start for start, all_ in zip(offsets, shape, strict=True)]
    steps = [1 if size in (0, 1) else step for step, size in zip(steps, sizes, strict=True)]
    parts = [split_mixed(group) for group in (offsets, sizes, steps)]
    dynamic = [value for values, _ in parts for value in values]
    return [numbers for _, numbers in parts], dynamic, [len(values) for values, _ in parts]


def _product(a: int, b: int, dynamic: int) -> int:
    if 0 in (a, b):
        return 0
    return dynamic if DYNAMIC in (a, b) or dynamic in (a, b) else a * b


def _sum(a: int, b: int, dynamic: int) -> int:
    return dynamic if dynamic in (a, b) else a + b


def is_contiguous(memref: ir.Value) -> bool:
    """True where a memref's elements lie one after another in row-major order, as far as its type says."""
    return isinstance(memref.type.layout, ir.AffineMapAttr) and memref.type.layout.value == ir.AffineMap.get_identity(
        memref.type.rank
    )


def reshape(memref: ir.Value, shape: Sequence[int], sizes: Sequence[ir.Value]) -> ir.Value:
    """A contiguous memref in another shape; `sizes` are all of its sizes as index values."""
    type_ = memref.type
    element, space = type_.element_type, type_.memory_space
    if type_.rank == 0:
        memref = create(
            "memref.expand_shape", [memref], [ir.MemRefType.get([1], element, None, space)], _expansion([], [1])
        ).result
    elif type_.rank > 1:
        total = _total(type_.shape)
        flat = ir.MemRefType.get([total], element, None, space)
        memref = create(
            "memref.collapse_shape", [memref], [flat], {"reassociation": _groups([range(type_.rank)])}
        ).result
    if not shape:
        one = _cast(memref, [1])
        return create(
            "memref.collapse_shape",
            [one],
            [ir.MemRefType.get([], element, None, space)],
            {"reassociation": _groups([])},
        ).result
    memref = _cast(memref, [_total(shape)])
    if len(shape) == 1:
        return memref
    result = ir.MemRefType.get(list(shape), element, None, space)
    dynamic = [size for size, static in zip(sizes, shape, strict=True) if static == DYNAMIC]
    attributes = _expansion([range(len(shape))], shape)
    return create("memref.expand_shape", [memref, *dynamic], [result], attributes).result


def _cast(memref: ir.Value, shape: Sequence[int]) -> ir.Value:
    """A memref whose type knows other sizes."""
    type_ = memref.type
    if list(type_.shape) == list(shape):
        return memref
    result = ir.MemRefType.get(list(shape), type_.element_type, None, type_.memory_space)
    return create("memref.cast", [memref], [result]).result


def _total(shape: Sequence[int]) -> int:
    return DYNAMIC if DYNAMIC in list(shape) else prod(shape)


def _groups(groups: Sequence[Sequence[int]]) -> ir.Attribute:
    i64 = ir.IntegerType.get_signless(64)
    return ir.ArrayAttr.get([ir.ArrayAttr.get([ir.IntegerAttr.get(i64, dim) for dim in group]) for group in groups])


def _expansion(groups: Sequence[Sequence[int]], shape: Sequence[int]) -> dict[str, ir.Attribute]:
    return {"reassociation": _groups(groups), "static_output_shape": i64_array(shape)}
