"""Tensor ops that move data, as naive kernels: slices, insertions, concatenation, padding, splats.

Reshapes, casts, `tensor.empty` and `tensor.dim` move nothing; they stay in the function.
"""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    entry_block,
    i32_array,
    i64_array,
    mixed,
    operations,
    producer,
    segments,
    split_mixed,
)
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.raising.bodies import Body, Lifted
from powerfusion.passes.raising.kernels import (
    KernelBuilder,
    Size,
    dropped_dims,
    load,
    mixed_box,
    simplify_size,
    size_of,
    splat,
    store,
    zero_of,
)
from powerfusion.passes.raising.operands import slice_view
from powerfusion.passes.raising.registry import raises


def _dynamic(sizes: Sequence[Size]) -> list[ir.Value]:
    return [size for size in sizes if not isinstance(size, int)]


def _as_values(sizes: Sequence[Size], type_: ir.RankedTensorType) -> list[ir.Value]:
    """The dynamic sizes of a result as index values, made where a number is known instead."""
    made: list[ir.Value] = []
    for size, static in zip(sizes, type_.shape, strict=True):
        if static != DYNAMIC:
            continue
        if isinstance(size, int):
            index = ir.IndexType.get()
            size = create(
                "arith.constant", results=[index], attributes={"value": ir.IntegerAttr.get(index, size)}
            ).result
        made.append(size)
    return made


def _replace(op: ir.Operation, values: Sequence[ir.Value]) -> None:
    for old, new in zip(op.results, values, strict=True):
        old.replace_all_uses_with(new)


def _static_box(sizes: Sequence[Size]) -> list[int]:
    return [size if isinstance(size, int) else DYNAMIC for size in sizes]


@raises("tensor.extract_slice")
def raise_extract_slice(op: ir.Operation) -> None:
    """A strided box: a view at dram, moved in and out."""
    offsets, sizes, strides = mixed_box(op, 1)
    result = op.result.type
    drop = dropped_dims(mixed_static(op, "static_sizes"), result.shape)
    kept = [size for dim, size in enumerate(sizes) if dim not in drop]
    source = op.operands[0]
    kernel = KernelBuilder("slice", op.location)
    kernel.add(source)
    for group in (offsets, sizes, strides):
        kernel.add_sizes(group)
    refined = ir.RankedTensorType.get(_static_box(kept), result.element_type)
    with kernel.open([refined], _dynamic(kept)):
        view_type = gir.tensor_at("dram", refined.shape, result.element_type)
        starts, extents, steps = ([kernel.size_inside(s) for s in group] for group in (offsets, sizes, strides))
        view = slice_view(kernel.inside(source), starts, extents, steps, drop, view_type, op.location)
        values = kernel.close([load(view, op.location)])
    _replace(op, [_cast(values[0], result)])


def mixed_static(op: ir.Operation, name: str) -> list[int]:
    """The static side of a mixed list, dynamic entries as `DYNAMIC`."""
    return list(op.attributes[name])


def _cast(value: ir.Value, type_: ir.Type) -> ir.Value:
    return value if value.type == type_ else create("tensor.cast", [value], [type_]).result


@raises("tensor.insert_slice")
def raise_insert_slice(op: ir.Operation) -> None:
    """A box of one tensor replaced by another; what nothing wrote yet isn't copied."""
    offsets, sizes, strides = mixed_box(op, 2)
    source, dest = op.operands[0], op.operands[1]
    type_ = dest.type
    drop = dropped_dims(mixed_static(op, "static_sizes"), source.type.shape)
    kept = _static_box([size for dim, size in enumerate(sizes) if dim not in drop])
    source = _cast(source, ir.RankedTensorType.get(kept, type_.element_type))
    kernel = KernelBuilder("insert", op.location)
    kernel.add(source)
    kernel.add(dest)
    for group in (offsets, sizes, strides):
        kernel.add_sizes(group)
    with kernel.open([type_], _as_values([size_of(dest, dim) for dim in range(type_.rank)], type_)):
        inner = [[kernel.size_inside(size) for size in group] for group in (offsets, sizes, strides)]
        parts = [split_mixed(group) for group in inner]
        stored = [store(load(kernel.inside(value), op.location), op.location) for value in (source, dest)]
        attributes = {
            "static_offsets": i64_array(parts[0][1]),
            "static_sizes": i64_array(parts[1][1]),
            "static_strides": i64_array(parts[2][1]),
            "drop": i64_array(drop),
            "operandSegmentSizes": i32_array([1, 1, *(len(dynamic) for dynamic, _ in parts)]),
        }
        operands = [*stored, *(value for dynamic, _ in parts for value in dynamic)]
        made = create("gir.insert", operands, [stored[1].type], attributes, loc=op.location).result
        values = kernel.close([made])
    _replace(op, values)


@raises("tensor.concat")
def raise_concat(op: ir.Operation) -> None:
    """Tensors side by side: each is stored in its place."""
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    type_ = op.result.type
    kernel = KernelBuilder("concat", op.location)
    for operand in op.operands:
        kernel.add(operand)
    sizes = [_concat_size(op, dim, at) for at in range(type_.rank)]
    with kernel.open([type_], _as_values(sizes, type_)):
        stored = [store(load(kernel.inside(operand), op.location), op.location) for operand in op.operands]
        attributes = {"dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), dim)}
        dram = gir.tensor_at("dram", type_.shape, type_.element_type)
        values = kernel.close([create("gir.concat", stored, [dram], attributes, loc=op.location).result])
    _replace(op, values)


def _concat_size(op: ir.Operation, dim: int, at: int) -> Size:
    if op.result.type.is_static_dim(at):
        return op.result.type.shape[at]
    if at != dim:
        return size_of(op.operands[0], at)
    total: Size = 0
    for operand in op.operands:
        total = add_sizes(total, size_of(operand, at))
    return total


def add_sizes(a: Size, b: Size) -> Size:
    """The sum of two sizes at the insertion point."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    index = ir.IndexType.get()
    values = [
        create("arith.constant", results=[index], attributes={"value": ir.IntegerAttr.get(index, v)}).result
        if isinstance(v, int)
        else v
        for v in (a, b)
    ]
    return create("arith.addi", values, [index]).result


@raises("tensor.splat")
def raise_splat(op: ir.Operation) -> None:
    """One scalar everywhere."""
    type_ = op.result.type
    scalar, *sizes = op.operands
    kernel = KernelBuilder("splat", op.location)
    for value in (scalar, *sizes):
        kernel.add(value)
    with kernel.open([type_], sizes):
        inner = [kernel.inside(size) for size in sizes]
        values = kernel.close([splat(kernel.inside(scalar), type_.shape, inner, op.location)])
    _replace(op, values)


@raises("tensor.from_elements")
def raise_from_elements(op: ir.Operation) -> None:
    """A tensor of a few scalars, of rank 0 or 1: splats of one element side by side."""
    type_ = op.result.type
    kernel = KernelBuilder("elements", op.location)
    for operand in op.operands:
        kernel.add(operand)
    with kernel.open([type_], []):
        shape = [1] * type_.rank
        stored = [store(splat(kernel.inside(value), shape, [], op.location), op.location) for value in op.operands]
        if type_.rank == 1:
            attributes = {"dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 0)}
            dram = gir.tensor_at("dram", type_.shape, type_.element_type)
            stored = [create("gir.concat", stored, [dram], attributes, loc=op.location).result]
        values = kernel.close(stored)
    _replace(op, values)


@raises("tensor.pad")
def raise_pad(op: ir.Operation) -> None:
    """A border around a tensor; a border that isn't one value is computed from the indices."""
    low, high = _pad_amounts(op)
    source, type_ = op.operands[0], op.result.type
    extents = [size_of(source, dim) for dim in range(source.type.rank)]
    results = [
        type_.shape[dim] if type_.is_static_dim(dim) else add_sizes(add_sizes(low[dim], extents[dim]), high[dim])
        for dim in range(type_.rank)
    ]
    refined = ir.RankedTensorType.get(_static_box(results), type_.element_type)
    block = entry_block(op)
    outer = _outer_values(op)
    kernel = KernelBuilder("pad", op.location)
    kernel.add(source)
    for value in outer:
        kernel.add(value)
    for group in (low, high, extents, results):
        kernel.add_sizes(group)
    with kernel.open([refined], _dynamic(results)):
        body = Body([kernel.size_inside(size) for size in results])
        body.values |= {value: Lifted(kernel.inside(value), None) for value in outer}
        border = _border(op, block, body)
        inner = load(kernel.inside(source), op.location)
        amounts = [[kernel.size_inside(size) for size in group] for group in (low, high)]
        padded = _padded(op, inner, border, body, amounts, refined)
        values = kernel.close([padded])
    _replace(op, [_cast(values[0], type_)])


@raises("tensor.generate")
def raise_generate(op: ir.Operation) -> None:
    """Elements computed from their indices."""
    type_ = op.result.type
    given = [simplify_size(size) for size in op.operands]
    extents = [given.pop(0) if size == DYNAMIC else size for size in type_.shape]
    refined = ir.RankedTensorType.get(_static_box(extents), type_.element_type)
    outer = _outer_values(op)
    kernel = KernelBuilder("generate", op.location)
    for value in outer:
        kernel.add(value)
    kernel.add_sizes(extents)
    with kernel.open([refined], _dynamic(extents)):
        body = Body([kernel.size_inside(size) for size in extents])
        body.values |= {value: Lifted(kernel.inside(value), None) for value in outer}
        values = body.spread(_border(op, entry_block(op), body), tuple(range(type_.rank)), op.location)
        results = kernel.close([values])
    _replace(op, [_cast(results[0], type_)])


def _pad_amounts(op: ir.Operation) -> tuple[list[Size], list[Size]]:
    cut = segments(op)
    low, high = (
        [simplify_size(size) for size in mixed(op, cut[at], name)]
        for at, name in ((1, "static_low"), (2, "static_high"))
    )
    if any(isinstance(amount, int) and amount < 0 for amount in [*low, *high]):
        raise UnsupportedError(
            "'tensor.pad' by a negative amount isn't supported",
            location=op.location,
            help="cut the tensor by tensor.extract_slice instead",
        )
    return low, high


def _outer_values(op: ir.Operation) -> list[ir.Value]:
    """Scalars from around a pad that its body reads, constants included."""
    block = entry_block(op)
    inner = {result for inner_op in operations(block) for result in inner_op.results} | set(block.arguments)
    found: list[ir.Value] = []
    for inner_op in operations(block):
        found += [value for value in inner_op.operands if value not in inner and value not in found]
    return found


def _border(op: ir.Operation, block: ir.Block, body: Body) -> Lifted:
    """What stands in the border: the body of the pad, its indices as iotas."""
    for dim, argument in enumerate(block.arguments):
        if next(iter(argument.uses), None) is None:
            continue
        shape, sizes = body.shape([dim]), body.sizes([dim])
        attributes = {
            "dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 0),
            "operandSegmentSizes": i32_array([0, len(sizes)]),
        }
        type_ = gir.tensor_at("reg", shape, ir.IndexType.get())
        body.values[argument] = Lifted(create("gir.iota", sizes, [type_], attributes, loc=op.location).result, (dim,))
    *inner, end = operations(block)
    for inner_op in inner:
        body.lift(inner_op)
    return body.value(end.operands[0])


def _padded(
    op: ir.Operation,
    inner: ir.Value,
    border: Lifted,
    body: Body,
    amounts: Sequence[Sequence[Size]],
    type_: ir.RankedTensorType,
) -> ir.Value:
    """The padded tensor: by one value, or chosen from the border where that varies."""
    if border.dims is None:
        return pad(inner, border.value, amounts, type_, op.location)
    full = tuple(range(type_.rank))
    zero = _zero(type_.element_type, op.location)
    values = pad(inner, zero, amounts, type_, op.location)
    one = create("arith.constant", results=[_i1()], attributes={"value": ir.IntegerAttr.get(_i1(), 1)}).result
    nothing = create("arith.constant", results=[_i1()], attributes={"value": ir.IntegerAttr.get(_i1(), 0)}).result
    extents = [size for size in (inner.type.shape)]
    sizes = [kernel_size(inner, dim) for dim, size in enumerate(extents) if size == DYNAMIC]
    everywhere = splat(one, extents, sizes, op.location)
    mask_type = ir.RankedTensorType.get(list(type_.shape), _i1())
    mask = pad(everywhere, nothing, amounts, mask_type, op.location)
    spread = body.spread(border, full, op.location)
    return create("arith.select", [mask, values, spread], [values.type], loc=op.location).result


def kernel_size(moved: ir.Value, dim: int) -> ir.Value:
    """The dynamic size of a value that was moved straight from a kernel's input."""
    index = ir.IndexType.get()
    place = create("arith.constant", results=[index], attributes={"value": ir.IntegerAttr.get(index, dim)}).result
    return create("tensor.dim", [producer(moved).operands[0], place], [index]).result


def _i1() -> ir.Type:
    return ir.IntegerType.get_signless(1)


def _zero(type_: ir.Type, loc: ir.Location) -> ir.Value:
    return create("arith.constant", results=[type_], attributes={"value": zero_of(type_)}, loc=loc).result


def pad(
    source: ir.Value, value: ir.Value, amounts: Sequence[Sequence[Size]], type_: ir.RankedTensorType, loc: ir.Location
) -> ir.Value:
    """A `gir.pad`; `amounts` are the lows and the highs."""
    (low, static_low), (high, static_high) = (split_mixed(group) for group in amounts)
    attributes = {
        "static_low": i64_array(static_low),
        "static_high": i64_array(static_high),
        "operandSegmentSizes": i32_array([1, 1, len(low), len(high)]),
    }
    result = gir.tensor_at("reg", type_.shape, type_.element_type)
    return create("gir.pad", [source, value, *low, *high], [result], attributes, loc=loc).result
