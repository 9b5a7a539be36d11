"""Making linalg ops: a `linalg.generic` from maps and a function that writes its body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import create, element_of, i32_array, index_constant
from powerfusion.mlir import ir
from powerfusion.passes.raising.kernels import Size, size_of


@dataclass(frozen=True)
class Mapped:
    """An operand of a generic with its indexing map."""

    value: ir.Value
    map: ir.AffineMap


def projection(value: ir.Value, rank: int, dims: Sequence[int]) -> Mapped:
    """An operand that runs over some dimensions of a space, in that order."""
    return Mapped(value, ir.AffineMap.get(rank, 0, [ir.AffineExpr.get_dim(dim) for dim in dims]))


def generic(
    inputs: Sequence[Mapped],
    outputs: Sequence[Mapped],
    reduced: Sequence[bool],
    body: Callable[[list[ir.Value]], Sequence[ir.Value]],
    loc: ir.Location,
) -> list[ir.Value]:
    """Makes a `linalg.generic` at the insertion point; `body` gets its arguments and gives what is yielded."""
    operands = [*inputs, *outputs]
    kinds = ["reduction" if is_reduced else "parallel" for is_reduced in reduced]
    attributes = {
        "indexing_maps": ir.ArrayAttr.get([ir.AffineMapAttr.get(operand.map) for operand in operands]),
        "iterator_types": ir.ArrayAttr.get([ir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]),
        "operandSegmentSizes": i32_array([len(inputs), len(outputs)]),
    }
    values = [operand.value for operand in operands]
    types = [operand.value.type for operand in outputs]
    op = create("linalg.generic", values, types, attributes, regions=1, loc=loc)
    block = op.regions[0].blocks.append(*(element_of(v.type) for v in values), arg_locs=[loc] * len(values))
    with ir.InsertionPoint(block), loc:
        create("linalg.yield", body(list(block.arguments)), loc=loc)
    return list(op.results)


def empty(sizes: Sequence[Size], element: ir.Type, loc: ir.Location) -> ir.Value:
    """A `tensor.empty`."""
    shape = [size if isinstance(size, int) else ir.ShapedType.get_dynamic_size() for size in sizes]
    dynamic = [size for size in sizes if not isinstance(size, int)]
    return create("tensor.empty", dynamic, [ir.RankedTensorType.get(shape, element)], loc=loc).result


def sizes_of(value: ir.Value) -> list[Size]:
    """The sizes of a tensor of the function."""
    return [size_of(value, dim) for dim in range(value.type.rank)]


def fill(scalar: ir.Value, sizes: Sequence[Size], loc: ir.Location) -> ir.Value:
    """A tensor of one number."""
    rank = len(sizes)
    out = projection(empty(sizes, scalar.type, loc), rank, range(rank))
    (made,) = generic([], [out], [False] * rank, lambda _: [scalar], loc)
    return made


def index_value(size: Size) -> ir.Value:
    """A size as an index value."""
    return index_constant(size) if isinstance(size, int) else size
