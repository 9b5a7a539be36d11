"""Dimensions of size 1: types without them, and which sizes are known to be the same without them."""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import DYNAMIC, defining_op, integer_of, segments, shape_of
from powerfusion.mlir import ir

VIEWS = ("tensor.expand_shape", "tensor.collapse_shape")


def has_units(type_: ir.RankedTensorType) -> bool:
    """Whether a tensor type has dimensions of size 1."""
    return 1 in type_.shape


def squeezed(type_: ir.Type) -> ir.Type:
    """A type without its dimensions of size 1."""
    if not isinstance(type_, ir.RankedTensorType) or not has_units(type_):
        return type_
    return ir.RankedTensorType.get([n for n in type_.shape if n != 1], type_.element_type, type_.encoding)


def renumbered(dims: Sequence[int], shape: Sequence[int]) -> list[int]:
    """Those of `dims` that aren't of size 1, counted among such."""
    return [sum(n != 1 for n in shape[:dim]) for dim in dims if shape[dim] != 1]


def is_extent(size: ir.Value, tensor: ir.Value, dim: int) -> bool:
    """Whether a value of the function is known to be the size of a dimension of a tensor of it."""
    source = _source_dim(tensor, dim)
    if source is None:
        return False
    asked = defining_op(size)
    if asked is not None and asked.name == "tensor.dim":
        return _source_dim(asked.operands[0], integer_of(asked.operands[1])) == source
    stated = _stated_size(*source)
    return stated is not None and stated == size


def _source_dim(tensor: ir.Value, dim: int | None) -> tuple[ir.Value, int] | None:
    """The tensor that views with other dimensions of size 1 are of, and which dimension is which."""
    op = defining_op(tensor)
    while dim is not None and op is not None and op.name in VIEWS:
        source = op.operands[0]
        shapes = shape_of(source), shape_of(tensor)
        if len(renumbered(range(len(shapes[0])), shapes[0])) != len(renumbered(range(len(shapes[1])), shapes[1])):
            return tensor, dim
        if shapes[1][dim] == 1:
            return None
        place = sum(n != 1 for n in shapes[1][:dim])
        dim = [at for at, n in enumerate(shapes[0]) if n != 1][place]
        tensor = source
        op = defining_op(tensor)
    return None if dim is None else (tensor, dim)


def _stated_size(tensor: ir.Value, dim: int) -> ir.Value | None:
    """The size that a kernel states for a dimension of its result."""
    op = defining_op(tensor)
    if op is None or op.name != "gir.kernel" or tensor.type.shape[dim] != DYNAMIC:
        return None
    sizes = iter(segments(op)[1])
    for result in op.results:
        for at, n in enumerate(result.type.shape):
            size = next(sizes) if n == DYNAMIC else None
            if result == tensor and at == dim:
                return size
    return None
