"""How a memref is seen in another shape.

Upstream's `expand-strided-metadata` takes `memref.expand_shape` apart, but crashes where one
dimension becomes several of unknown sizes (22.1.8). Those are reshaped to sizes that memory holds; a
reinterpreting cast would have strides in its type, which copies of it then take element by element.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    i32_array,
    index_constant,
    integers,
    mixed,
)
from powerfusion.mlir import ir
from powerfusion.passes.lowering.memory import storage
from powerfusion.passes.lowering.registry import lowers

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering


@lowers("memref.expand_shape", to="vector")
def lower_expand_shape(lowering: VectorLowering, op: ir.Operation) -> None:
    """As it is; a reshape of a contiguous memref where one dimension becomes several of unknown sizes."""
    tiled = op.result.type
    element = storage(tiled.element_type)
    type_ = ir.MemRefType.get(tiled.shape, element, tiled.layout)
    source, *dynamic = (lowering.scalar(operand) for operand in op.operands)
    if not _several_unknown(op) or type_.layout != ir.MemRefType.get(tiled.shape, element).layout:
        made = create(op.name, [source, *dynamic], [type_], attributes_of(op))
    else:
        made = _reshaped(source, mixed(op, dynamic, "static_output_shape"), type_)
    lowering.bind(op.results, [made.result])


def _several_unknown(op: ir.Operation) -> bool:
    shape = op.result.type.shape
    groups = [integers(group) for group in op.attributes["reassociation"]]
    return any(sum(shape[dim] == DYNAMIC for dim in group) > 1 for group in groups)


def _reshaped(source: ir.Value, sizes: list[int | ir.Value], type_: ir.MemRefType) -> ir.Operation:
    index = ir.IndexType.get()
    held = {"operandSegmentSizes": i32_array([0, 0])}
    shape = create("memref.alloca", [], [ir.MemRefType.get([len(sizes)], index)], held).result
    for at, size in enumerate(sizes):
        value = index_constant(size) if isinstance(size, int) else size
        create("memref.store", [value, shape, index_constant(at)])
    return create("memref.reshape", [source, shape], [type_])
