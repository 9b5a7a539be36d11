"""What says how long a dimension is, to tell that two are equally long."""

from __future__ import annotations

from powerfusion.core._mlir import DYNAMIC, defining_op, integer_of, segments, shape_of
from powerfusion.mlir import ir

Source = ir.Value | tuple[ir.Value, int]  # an index value of the function, or a tensor of it and a dimension


def size_source(tensor: ir.Value, dim: int) -> Source:
    """What says how long a dimension of a tensor of the function is."""
    op = defining_op(tensor)
    if op is not None and op.name == "gir.kernel":
        before = sum(
            size == DYNAMIC for r in op.results for d, size in enumerate(shape_of(r)) if _is_before(r, d, tensor, dim)
        )
        return index_source(segments(op)[1][before])
    return (tensor, dim)


def _is_before(result: ir.OpResult, dim: int, other: ir.Value, other_dim: int) -> bool:
    return (result.result_number, dim) < (ir.OpResult(other).result_number, other_dim)


def index_source(value: ir.Value) -> Source:
    """What an index value of the function asks the size of, or itself."""
    op = defining_op(value)
    dim = integer_of(op.operands[1]) if op is not None and op.name == "tensor.dim" else None
    return value if op is None or dim is None else size_source(op.operands[0], dim)
