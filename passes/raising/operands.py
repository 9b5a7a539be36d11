"""Bringing an operand beside the arithmetic, as its indexing map says.

    x[d0, d1 * 2 + d3, 5]   ⇒   %0 = gir.slice %x [0, 0, 5] [n, span, 1] [1, 1, 1] drop [2]
                                %1 = gir.move %0
                                %2 = gir.window %1 dims [1] sizes [3] strides [2] dilations [1]

A slice is a view at `dram`, so that what isn't touched isn't moved. The window stands at `reg`,
behind the move: where windows overlap, elements are moved once. What slices and windows can't say
is gathered at indices that are computed from iotas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import DYNAMIC, create, i32_array, i64_array, index_constant, split_mixed
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.raising.accesses import Access, Linear, outer_first
from powerfusion.passes.raising.bodies import Body, Lifted
from powerfusion.passes.raising.kernels import KernelBuilder, Size, load

MOST_ELEMENTS = 1 << 60


@dataclass(frozen=True)
class Box:
    """The part of an operand that is touched; sizes as the function sees them.

    Attributes:
        offsets: Per dimension of the operand, where it begins.
        sizes: How many elements.
        strides: How far they are apart.
        drop: The dimensions that a constant picks one element of.
        whole: True if it is all of the operand.
    """

    offsets: tuple[int, ...]
    sizes: tuple[Size, ...]
    strides: tuple[int, ...]
    drop: tuple[int, ...]
    whole: bool


def index_op(name: str, lhs: Size, rhs: Size) -> ir.Value:
    """Index arithmetic at the insertion point."""
    operands = [index_constant(value) if isinstance(value, int) else value for value in (lhs, rhs)]
    return create(name, operands, [ir.IndexType.get()]).result


def box_of(operand: ir.Value, access: Access, extents: Sequence[Size]) -> Box:
    """The box of an operand that an access touches; makes index arithmetic at the insertion point."""
    ranges: list[tuple[int, Size, int]] = []
    whole = True
    for own, place in zip(operand.type.shape, access.places, strict=True):
        assert place is not None, "only linear places are boxed"
        offset, size, stride = _range(place, extents)
        last = offset + (size - 1) * stride if isinstance(size, int) and size > 0 else 0
        if last >= (MOST_ELEMENTS if own == DYNAMIC else max(own, 1)):
            known = "unknown size" if own == DYNAMIC else f"size {own}"
            raise UnsupportedError(
                f"an indexing map that reads element {last} of a dimension of {known} isn't supported",
                location=ir.Location.current,
                help="make the operand as large as the loops that read it",
            )
        ranges.append((offset, size, stride))
        whole &= place.dim is not None or (len(place.terms) > 1 and offset == 0 and size == own)
    drop = tuple(at for at, place in enumerate(access.places) if place is not None and not place.terms)
    offsets, sizes, strides = (tuple(part[column] for part in ranges) for column in range(3))
    return Box(offsets, () if whole else sizes, strides, drop, whole)


def _range(place: Linear, extents: Sequence[Size]) -> tuple[int, Size, int]:
    """Offset, size and stride of what is touched along one dimension."""
    if len(place.terms) > 1:
        return place.constant, _span(place, extents), 1
    for dim, stride in place.terms:
        return place.constant, extents[dim], stride
    return place.constant, 1, 1


def _span(place: Linear, extents: Sequence[Size]) -> Size:
    """How many elements lie between the first and the last that a sum of dimensions touches."""
    known = 1 + sum(c * (size - 1) for dim, c in place.terms if isinstance(size := extents[dim], int))
    for dim, coefficient in place.terms:
        size = extents[dim]
        if isinstance(size, int):
            continue
        scaled = index_op("arith.muli", size, coefficient) if coefficient != 1 else size
        touched = index_op("arith.addi", scaled, known - coefficient) if known != coefficient else scaled
        return index_op("arith.maxsi", touched, 0)
    return known


def bring(
    kernel: KernelBuilder, operand: ir.Value, access: Access, box: Box, extents: Sequence[Size], reduced: Sequence[bool]
) -> Lifted:
    """Slices, moves and windows an operand; the result's dimensions stand as they come.

    Args:
        kernel: The kernel being built.
        operand: The operand at function level, an input of the kernel.
        access: Its indexing map, boxed.
        box: What it touches.
        extents: The sizes of the space; only static ones are looked at.
        reduced: Per dimension of the space, whether it is a reduction.
    """
    source = kernel.inside(operand)
    if not box.whole:
        source = _sliced(kernel, source, box)
    value = load(source, kernel.loc)
    places = [outer_first(place, extents, reduced) for place in access.places if place is not None and place.terms]
    dims = [[*place] for place in places]
    while any(len(terms) > 1 for terms in dims):
        value = _window(value, dims, extents, kernel.loc)
    return Lifted(value, tuple(terms[0][0] for terms in dims))


def _sliced(kernel: KernelBuilder, source: ir.Value, box: Box) -> ir.Value:
    sizes = [kernel.size_inside(size) for size in box.sizes]
    kept = [size for at, size in enumerate(sizes) if at not in box.drop]
    shape = [size if isinstance(size, int) else DYNAMIC for size in kept]
    type_ = gir.tensor_at("dram", shape, source.type.element_type)
    return slice_view(source, box.offsets, sizes, box.strides, box.drop, type_, kernel.loc)


def _window(value: ir.Value, dims: list[list[tuple[int, int]]], extents: Sequence[Size], loc: ir.Location) -> ir.Value:
    """Splits one dimension off every sum that is left; `dims` are the sums, and are updated."""
    split = [at for at, terms in enumerate(dims) if len(terms) > 1]
    taken = [dims[at].pop() for at in split]
    sizes = [size for dim, _ in taken if isinstance(size := extents[dim], int)]
    strides = [dims[at][0][1] if len(dims[at]) == 1 else 1 for at in split]
    dilations = [coefficient for _, coefficient in taken]
    shape = list(value.type.shape)
    for at, size, stride, dilation in zip(split, sizes, strides, dilations, strict=True):
        if shape[at] != DYNAMIC:
            shape[at] = (shape[at] - dilation * (size - 1) - 1) // stride + 1
    attributes = {
        "dims": i64_array(split),
        "sizes": i64_array(sizes),
        "strides": i64_array(strides),
        "dilations": i64_array(dilations),
    }
    type_ = gir.tensor_at("reg", [*shape, *sizes], value.type.element_type)
    dims += [[(dim, 1)] for dim, _ in taken]
    return create("gir.window", [value], [type_], attributes, loc=loc).result


# -- gathers ---------------------------------------------------------------------------------


def gather(table: ir.Value, access: Access, body: Body, loc: ir.Location) -> Lifted:
    """The elements of a tensor at `dram` at the indices that a map computes."""
    indices = [_index(expr, body, loc) for expr in access.exprs]
    return body.gather(table, indices, table.type.element_type, loc)


def _index(expr: ir.AffineExpr, body: Body, loc: ir.Location) -> Lifted:
    match expr:
        case ir.AffineDimExpr():
            return body.iota(expr.position, loc)
        case ir.AffineConstantExpr():
            return Lifted(index_constant(expr.value, loc), None)
        case ir.AffineAddExpr():
            return body.elementwise("arith.addi", *_operands(expr, body, loc), loc)
        case ir.AffineMulExpr():
            return body.elementwise("arith.muli", *_operands(expr, body, loc), loc)
        case ir.AffineFloorDivExpr():
            return body.elementwise("arith.floordivsi", *_operands(expr, body, loc), loc)
        case ir.AffineCeilDivExpr():
            return body.elementwise("arith.ceildivsi", *_operands(expr, body, loc), loc)
        case ir.AffineModExpr():
            left, right = _operands(expr, body, loc)
            times = body.elementwise("arith.floordivsi", left, right, loc)
            return body.elementwise("arith.subi", left, body.elementwise("arith.muli", times, right, loc), loc)
        case _:
            raise AssertionError(f"indexing maps have no symbols, got {expr}")


def _operands(expr: ir.AffineBinaryExpr, body: Body, loc: ir.Location) -> tuple[Lifted, Lifted]:
    return _index(expr.lhs, body, loc), _index(expr.rhs, body, loc)


# -- views -----------------------------------------------------------------------------------


def slice_view(
    source: ir.Value,
    offsets: Sequence[Size],
    sizes: Sequence[Size],
    strides: Sequence[Size],
    drop: Sequence[int],
    type_: ir.Type,
    loc: ir.Location,
) -> ir.Value:
    """A `gir.slice` of a tensor at `dram`."""
    parts = [split_mixed(values) for values in (offsets, sizes, strides)]
    attributes = {
        "static_offsets": i64_array(parts[0][1]),
        "static_sizes": i64_array(parts[1][1]),
        "static_strides": i64_array(parts[2][1]),
        "drop": i64_array(drop),
        "operandSegmentSizes": i32_array([1, *(len(dynamic) for dynamic, _ in parts)]),
    }
    operands = [source, *(value for dynamic, _ in parts for value in dynamic)]
    return create("gir.slice", operands, [type_], attributes, loc=loc).result
