"""Tensor ops that only say a shape, or set one element: written as ops that are raised or kept.

tensor.reshape %x(%s)                     ⇒   collapse to one dimension, expand to the sizes that %s holds
tensor.from_elements : tensor<2x3xf32>    ⇒   tensor.from_elements : tensor<6xf32>, expanded
tensor.insert %v into %x[%i, %j]          ⇒   tensor.insert_slice of one element
"""

from __future__ import annotations

from powerfusion.core._mlir import create, defining_op, element_of, i32_array, i64_array, index_constant
from powerfusion.mlir import ir
from powerfusion.passes.raising.linalg_ops import expanded, flattened


def expand_reshape(op: ir.Operation) -> None:
    """A shape that a tensor holds becomes sizes."""
    source, shape = op.operands
    type_, loc = op.result.type, op.location
    flat = flattened(source, loc)
    total = 1
    for size in type_.shape:
        total = ir.ShapedType.get_dynamic_size() if size < 0 or total < 0 else total * size
    if type_.rank > 0 and list(flat.type.shape) != [total]:
        flat = create("tensor.cast", [flat], [ir.RankedTensorType.get([total], element_of(type_))], loc=loc).result
    sizes = [_held(shape, at, loc) for at in range(type_.rank) if type_.is_dynamic_dim(at)]
    op.result.replace_all_uses_with(expanded(flat, type_, sizes, loc))


def _held(shape: ir.Value, at: int, loc: ir.Location) -> ir.Value:
    """One of the sizes that a tensor holds, as an index value."""
    op, index = defining_op(shape), ir.IndexType.get()
    if op is not None and op.name == "tensor.from_elements":
        size = op.operands[at]
    else:
        size = create("tensor.extract", [shape, index_constant(at, loc)], [element_of(shape.type)], loc=loc).result
    return size if size.type == index else create("arith.index_cast", [size], [index], loc=loc).result


def expand_elements(op: ir.Operation) -> None:
    """Elements of a tensor of higher rank stand in one dimension first."""
    type_ = op.result.type
    if type_.rank < 2:
        return
    flat = ir.RankedTensorType.get([len(op.operands)], element_of(type_))
    made = create("tensor.from_elements", list(op.operands), [flat], loc=op.location).result
    op.result.replace_all_uses_with(expanded(made, type_, [], op.location))


def expand_insert(op: ir.Operation) -> None:
    """One element is a box of one element."""
    scalar, dest, *places = op.operands
    rank = dest.type.rank
    source = ir.RankedTensorType.get([1] * rank, scalar.type)
    value = create("tensor.splat", [scalar], [source], loc=op.location).result
    attributes = {
        "static_offsets": i64_array([ir.ShapedType.get_dynamic_size()] * rank),
        "static_sizes": i64_array([1] * rank),
        "static_strides": i64_array([1] * rank),
        "operandSegmentSizes": i32_array([1, 1, rank, 0, 0]),
    }
    made = create("tensor.insert_slice", [value, dest, *places], [dest.type], attributes, loc=op.location)
    op.result.replace_all_uses_with(made.result)
