"""Making linalg and tensor ops: a generic from maps and a function that writes its body, reshapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import create, element_of, i32_array, i64_array, index_constant
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


def _groups(dims: Sequence[int]) -> ir.Attribute:
    """A reassociation of all dimensions into one, or into none."""
    i64 = ir.IntegerType.get_signless(64)
    inner = [ir.ArrayAttr.get([ir.IntegerAttr.get(i64, dim) for dim in dims])] if dims else []
    return ir.ArrayAttr.get(inner)


def flattened(value: ir.Value, loc: ir.Location) -> ir.Value:
    """A tensor's elements along one dimension."""
    rank, shape = value.type.rank, list(value.type.shape)
    if rank == 1:
        return value
    element = element_of(value.type)
    if rank == 0:
        return expanded(value, ir.RankedTensorType.get([1], element), [], loc)
    dynamic = ir.ShapedType.get_dynamic_size()
    total = 1
    for size in shape:
        total = dynamic if dynamic in (size, total) else total * size
    attributes = {"reassociation": _groups(range(rank))}
    return create(
        "tensor.collapse_shape", [value], [ir.RankedTensorType.get([total], element)], attributes, loc=loc
    ).result


def expanded(value: ir.Value, type_: ir.RankedTensorType, sizes: Sequence[ir.Value], loc: ir.Location) -> ir.Value:
    """A tensor of rank at most 1 in another shape; `sizes` are the dynamic ones."""
    if value.type.rank == type_.rank:
        return value
    if type_.rank == 0:
        return create("tensor.collapse_shape", [value], [type_], {"reassociation": _groups([])}, loc=loc).result
    groups = _groups(range(type_.rank)) if value.type.rank else _groups([])
    attributes = {"reassociation": groups, "static_output_shape": i64_array(list(type_.shape))}
    return create("tensor.expand_shape", [value, *sizes], [type_], attributes, loc=loc).result
