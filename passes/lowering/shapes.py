"""How a memref is seen in another shape.

Upstream's `expand-strided-metadata` takes `memref.expand_shape` apart, but crashes where one
dimension becomes several of unknown sizes (22.1.8). Those are written as sizes and strides here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    i32_array,
    i64_array,
    index_constant,
    integers,
    mixed,
    split_mixed,
)
from powerfusion.mlir import ir
from powerfusion.passes.lowering.memory import storage
from powerfusion.passes.lowering.registry import lowers

if TYPE_CHECKING:
    from powerfusion.passes.lowering.convert_gir_to_vector import VectorLowering


@lowers("memref.expand_shape", to="vector")
def lower_expand_shape(lowering: VectorLowering, op: ir.Operation) -> None:
    """As it is; sizes and strides of a contiguous memref where several sizes of one dimension are unknown."""
    tiled = op.result.type
    element = storage(tiled.element_type)
    type_ = ir.MemRefType.get(tiled.shape, element, tiled.layout)
    source, *dynamic = (lowering.scalar(operand) for operand in op.operands)
    if not _several_unknown(op) or type_.layout != ir.MemRefType.get(tiled.shape, element).layout:
        made = create(op.name, [source, *dynamic], [type_], attributes_of(op))
    else:
        made = _reinterpreted(source, mixed(op, dynamic, "static_output_shape"), type_)
    lowering.bind(op.results, [made.result])


def _several_unknown(op: ir.Operation) -> bool:
    shape = op.result.type.shape
    groups = [integers(group) for group in op.attributes["reassociation"]]
    return any(sum(shape[dim] == DYNAMIC for dim in group) > 1 for group in groups)


def _reinterpreted(source: ir.Value, sizes: list[int | ir.Value], type_: ir.MemRefType) -> ir.Operation:
    strides: list[int | ir.Value] = [1]
    for size in reversed(sizes[1:]):
        strides.insert(0, _product(size, strides[0]))
    dynamic_sizes, static_sizes = split_mixed(sizes)
    dynamic_strides, static_strides = split_mixed(strides)
    layout = ir.StridedLayoutAttr.get(0, static_strides)
    attributes = {
        "static_offsets": i64_array([0]),
        "static_sizes": i64_array(static_sizes),
        "static_strides": i64_array(static_strides),
        "operandSegmentSizes": i32_array([1, 0, len(dynamic_sizes), len(dynamic_strides)]),
    }
    strided = ir.MemRefType.get(type_.shape, type_.element_type, layout)
    made = create("memref.reinterpret_cast", [source, *dynamic_sizes, *dynamic_strides], [strided], attributes)
    return create("memref.cast", [made.result], [type_])


def _product(a: int | ir.Value, b: int | ir.Value) -> int | ir.Value:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    operands = [index_constant(value) if isinstance(value, int) else value for value in (a, b)]
    return create("arith.muli", operands, [ir.IndexType.get()]).result
