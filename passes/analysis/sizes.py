"""How long a dimension of a kernel's value is, said in terms of what the kernel is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import (
    DYNAMIC,
    constant_index,
    defining_op,
    element_of,
    entry_block,
    integer_of,
    integers,
    is_tensor,
    mixed,
    operations,
    segments,
)
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import folded_input, spaces_of

BITS_PER_BYTE = 8
INDEX_BYTES = 8


def element_bytes(value: ir.Value) -> int:
    """Bytes of a tensor's element in memory: i1 takes one, index eight."""
    element = element_of(value.type)
    return INDEX_BYTES if isinstance(element, ir.IndexType) else max(element.width // BITS_PER_BYTE, 1)


@dataclass(frozen=True)
class InputDim:
    """Dimension `dim` of the kernel's block argument `argument`."""

    argument: ir.Value
    dim: int


@dataclass(frozen=True)
class ResultDim:
    """Dimension `dim` of the kernel's result `number`."""

    number: int
    dim: int


@dataclass(frozen=True)
class SumOf:
    """Several extents added up."""

    parts: tuple[Extent, ...]


@dataclass(frozen=True)
class QuotientOf:
    """An extent divided by a number, rounded down."""

    extent: Extent
    divisor: int


Extent = int | ir.Value | InputDim | ResultDim | SumOf | QuotientOf
"""A number, an index value of the kernel, a dimension of an input or of a result, a sum or a quotient."""


def extent(value: ir.Value, dim: int) -> Extent:
    """The extent of a dimension of a tensor in a kernel in graph form."""
    found = _extent(value, dim)
    return resolve(found) if isinstance(found, ir.Value) else found


def resolve(index: ir.Value) -> Extent:
    """An index value of a kernel: a number, what it asks the size of, or itself."""
    known = integer_of(index)
    if known is not None:
        return known
    op = defining_op(index)
    if op is not None and op.name == "tensor.dim":
        return extent(op.operands[0], constant_index(op.operands[1]))
    return index


def _extent(value: ir.Value, dim: int) -> Extent:
    static = value.type.shape[dim]
    if static != DYNAMIC:
        return static
    op = defining_op(value)
    if op is None:
        return InputDim(value, dim)
    match op.name:
        case "arith.constant":
            return _constant_extent(op, dim)
        case "gir.permute":
            return extent(op.operands[0], integers(op.attributes["perm"])[dim])
        case "gir.broadcast":
            new = integers(op.attributes["dims"])
            if dim in new:
                return list(op.operands)[1 + _dynamic_among(value, new, dim)]
            return extent(op.operands[0], dim - sum(d < dim for d in new))
        case "gir.iota":
            return segments(op)[1][_dynamic_among(value, range(value.type.rank), dim)]
        case "tensor.splat":
            return list(op.operands)[1 + _dynamic_among(value, range(value.type.rank), dim)]
        case "gir.slice":
            drop = integers(op.attributes["drop"])
            sizes = mixed(op, segments(op)[2], "static_sizes")
            return [size for d, size in enumerate(sizes) if d not in drop][dim]
        case "gir.pad":
            low, high = (mixed(op, segments(op)[at], name) for at, name in ((2, "static_low"), (3, "static_high")))
            return SumOf((low[dim], extent(op.operands[0], dim), high[dim]))
        case "gir.reduce":
            dims = integers(op.attributes["dims"])
            source = folded_input(segments(op)[0], ir.OpResult(value).result_number, value.type.rank + len(dims))
            return extent(source, [d for d in range(source.type.rank) if d not in dims][dim])
        case "gir.scan":
            inputs, inits, _ = segments(op)
            return extent([*inputs, *inits][ir.OpResult(value).result_number], dim)
        case "gir.contract":
            return extent(op.operands[2], dim)
        case "gir.window":
            return _window_extent(op, dim)
        case "gir.reshape":
            return list(op.operands)[1 + _dynamic_among(value, range(value.type.rank), dim)]
        case "gir.alternatives":
            ends = operations(op.regions[0].blocks[0])[-1]
            return extent(ends.operands[ir.OpResult(value).result_number], dim)
        case "gir.insert" | "gir.gather" | "gir.scatter":
            return extent(op.operands[1], dim)
        case "gir.concat" if dim == ir.IntegerAttr(op.attributes["dim"]).value:
            return SumOf(tuple(extent(operand, dim) for operand in op.operands))
        case _:
            tensors = [operand for operand in op.operands if isinstance(operand.type, ir.RankedTensorType)]
            return extent(tensors[0], dim)


def _window_extent(op: ir.Operation, dim: int) -> Extent:
    """How many neighbourhoods there are: (n - dilation * (k - 1) - 1) floordiv stride + 1."""
    dims = integers(op.attributes["dims"])
    whole = extent(op.operands[0], dim)
    if dim not in dims:
        return whole
    entry = dims.index(dim)
    size, stride, dilation = (integers(op.attributes[name])[entry] for name in ("sizes", "strides", "dilations"))
    reach = dilation * (size - 1) + 1
    if stride == 1:
        return SumOf((whole, 1 - reach))
    return SumOf((QuotientOf(SumOf((whole, -reach)), stride), 1))


def _constant_extent(op: ir.Operation, dim: int) -> Extent:
    """Upstream folds `x ^ x` to a constant of dynamic size: what is tied to it has the size."""
    kernel = op.parent.operation
    spaces, block = spaces_of(kernel), entry_block(kernel)
    wanted = spaces.find((op.result, dim))
    if (static := wanted[0].type.shape[wanted[1]]) != DYNAMIC:
        return static
    for argument in filter(is_tensor, block.arguments):
        if wanted in (classes := spaces.classes(argument)):
            return InputDim(argument, classes.index(wanted))
    for number, value in enumerate(operations(block)[-1].operands):
        if wanted in (classes := spaces.classes(value)):
            return ResultDim(number, classes.index(wanted))
    raise UnsupportedError(
        f"a constant of type {op.result.type} whose size nothing gives isn't supported",
        location=op.location,
        help="make the size static, or remove the computation that folds to a constant",
    )


def _dynamic_among(value: ir.Value, dims: Sequence[int], dim: int) -> int:
    """How many of `dims` before `dim` are dynamic in a value's type."""
    return sum(value.type.shape[d] == DYNAMIC for d in dims if d < dim)
