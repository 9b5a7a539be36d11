"""How the ops of tile form are lowered to vectors, one function each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerfusion.core._mlir import (
    attributes_of,
    create,
    element_of,
    entry_block,
    i32_array,
    index_constant,
    integers,
    operations,
    segments,
)
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering import reductions
from powerfusion.passes.lowering.elementwise import constant, elementwise, with_element, zero
from powerfusion.passes.lowering.memory import (
    Lanes,
    clip_flag,
    clip_mask,
    gather,
    index_vector,
    lane_dim,
    register_type,
    spread,
    storage,
    tail_mask,
    to_register,
    to_storage,
)
from powerfusion.passes.lowering.reductions import Accumulator
from powerfusion.passes.lowering.registry import lowers

if TYPE_CHECKING:
    from powerfusion.passes.lowering.convert_gir_to_vector import VectorLowering


ELEMENTWISE = "arith and math on tiles"  # one entry of the table for all of them

# -- structure -------------------------------------------------------------------------------


@lowers("gir.kernel", to="vector")
def lower_kernel(lowering: VectorLowering, op: ir.Operation) -> None:
    """A kernel dissolves into the function."""
    if list(op.results):
        raise UnsupportedError(
            "a kernel in graph form can't be lowered", location=op.location, help="run gir-tile first"
        )
    block = entry_block(op)
    lowering.bind(block.arguments, [lowering.value(value) for value in segments(op)[0]])
    lowering.emit_block(block)


@lowers("gir.parallel", to="vector")
def lower_parallel(lowering: VectorLowering, op: ir.Operation) -> None:
    """Groups become a parallel loop, or serial loops where there is little to do."""
    counts = [lowering.value(count) for count in op.operands]
    if "gir.work" in op.attributes and ir.IntegerAttr(op.attributes["gir.work"]).value < lowering.serial_below:
        _serial(lowering, op, counts, [])
        return
    zero_index, one = index_constant(0), index_constant(1)
    bounds = [*[zero_index] * len(counts), *counts, *[one] * len(counts)]
    sizes = i32_array([len(counts)] * 3 + [0])
    loop = create("scf.parallel", bounds, attributes={"operandSegmentSizes": sizes}, regions=1)
    types = [ir.IndexType.get()] * len(counts)
    block = loop.regions[0].blocks.append(*types, arg_locs=[op.location] * len(counts))
    lowering.bind(entry_block(op).arguments, list(block.arguments))
    with ir.InsertionPoint(block):
        lowering.emit_block(entry_block(op))
        create("scf.reduce")


def _serial(lowering: VectorLowering, op: ir.Operation, counts: list[ir.Value], indices: list[ir.Value]) -> None:
    if len(indices) == len(counts):
        lowering.bind(entry_block(op).arguments, indices)
        lowering.emit_block(entry_block(op))
        return
    loop = create("scf.for", [index_constant(0), counts[len(indices)], index_constant(1)], regions=1)
    block = loop.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[op.location])
    with ir.InsertionPoint(block):
        _serial(lowering, op, counts, [*indices, block.arguments[0]])
        create("scf.yield")


@lowers("scf.for", to="vector")
def lower_for(lowering: VectorLowering, op: ir.Operation) -> None:
    """A loop carries values, and accumulators lane by lane."""
    body = entry_block(op)
    index, *arguments = body.arguments
    inits: list[ir.Value | Accumulator] = []
    inherited: list[bool] = []
    for at, (argument, operand) in enumerate(zip(arguments, list(op.operands)[3:], strict=True)):
        given = lowering.values[operand]
        found = reductions.plan(argument, at, op)
        inherited.append(isinstance(given, Accumulator))
        if found is None or isinstance(given, Accumulator):
            inits.append(given)
        else:
            inits.append(reductions.start(found, given))
    carried = [init.carry if isinstance(init, Accumulator) else init for init in inits]
    bounds = [lowering.value(value) for value in list(op.operands)[:3]]
    loop = create("scf.for", [*bounds, *carried], [value.type for value in carried], regions=1)
    types = [ir.IndexType.get(), *(value.type for value in carried)]
    block = loop.regions[0].blocks.append(*types, arg_locs=[op.location] * len(types))
    new_index, *new_arguments = block.arguments
    lowering.bind([index], [new_index])
    for argument, init, new in zip(arguments, inits, new_arguments, strict=True):
        lowering.values[argument] = _with_carry(init, new)
    with ir.InsertionPoint(block):
        lowering.emit_block(body)
        yielded = [lowering.values[value] for value in operations(body)[-1].operands]
        create("scf.yield", [v.carry if isinstance(v, Accumulator) else v for v in yielded])
    for result, init, outer, new in zip(op.results, inits, inherited, loop.results, strict=True):
        value = _with_carry(init, new)
        lowering.values[result] = value.finish(op.location) if isinstance(value, Accumulator) and not outer else value


def _with_carry(init: ir.Value | Accumulator, carry: ir.Value) -> ir.Value | Accumulator:
    if not isinstance(init, Accumulator):
        return carry
    return Accumulator(init.kind, carry, init.init, init.type, init.lanes)


@lowers("scf.if", to="vector")
def lower_if(lowering: VectorLowering, op: ir.Operation) -> None:
    """A branch, as peeling leaves for the rest of a loop."""
    types = [register_type(r.type) if isinstance(r.type, ir.RankedTensorType) else r.type for r in op.results]
    branch = create("scf.if", [lowering.value(op.operands[0])], types, regions=2)
    for old, new in zip(op.regions, branch.regions, strict=True):
        if len(old.blocks) == 0:
            continue
        with ir.InsertionPoint(new.blocks.append()):
            lowering.emit_block(old.blocks[0])
            create("scf.yield", [lowering.value(value) for value in operations(old.blocks[0])[-1].operands])
    lowering.bind(op.results, list(branch.results))


# -- movement --------------------------------------------------------------------------------


@lowers("gir.load", to="vector")
def lower_load(lowering: VectorLowering, op: ir.Operation) -> None:
    """A window of memory as lanes, or as one element."""
    source, indices, valid = ([lowering.value(value) for value in part] for part in segments(op))
    tile = op.result.type
    dim = lane_dim(tile.shape)
    stored = with_element(register_type(tile), storage(tile.element_type))
    clip = "clip" in op.attributes
    sizes = _sizes(source[0]) if clip else []
    if dim is None or not isinstance(stored, ir.VectorType):
        value = _load_clipped(source[0], indices, sizes, stored) if clip else _load_one(source[0], indices)
    else:
        lanes = tile.shape[dim]
        mask = clip_mask(indices, sizes, dim, lanes) if clip else tail_mask(valid[dim] if valid else None, lanes)
        value = Lanes(source[0], indices, dim, lanes).load(stored, mask)
    lowering.bind([op.result], [to_register(value, tile.element_type)])


def _sizes(memref: ir.Value) -> list[ir.Value]:
    index = ir.IndexType.get()
    return [create("memref.dim", [memref, index_constant(dim)], [index]).result for dim in range(memref.type.rank)]


def _load_one(memref: ir.Value, indices: list[ir.Value]) -> ir.Value:
    return create("memref.load", [memref, *indices], [memref.type.element_type]).result


def _load_clipped(memref: ir.Value, indices: list[ir.Value], sizes: list[ir.Value], type_: ir.Type) -> ir.Value:
    branch = create("scf.if", [clip_flag(indices, sizes, None)], [type_], regions=2)
    with ir.InsertionPoint(branch.regions[0].blocks.append()):
        create("scf.yield", [_load_one(memref, indices)])
    with ir.InsertionPoint(branch.regions[1].blocks.append()):
        create("scf.yield", [zero(type_)])
    return branch.result


@lowers("gir.gather", to="vector")
def lower_gather(lowering: VectorLowering, op: ir.Operation) -> None:
    """Elements at computed indices; where those are outside of the table, zero, and no access."""
    table, *indices = (lowering.value(operand) for operand in op.operands)
    stored = with_element(register_type(op.result.type), table.type.element_type)
    sizes = _sizes(table)
    if isinstance(stored, ir.VectorType):
        value = gather(table, indices, sizes, stored)
    else:
        value = _load_clipped(table, indices, sizes, stored)
    lowering.bind([op.result], [to_register(value, op.result.type.element_type)])


@lowers("gir.store", to="vector")
def lower_store(lowering: VectorLowering, op: ir.Operation) -> None:
    """Lanes, or one element, to memory."""
    (old,), (memref,), *rest = segments(op)
    indices, valid = ([lowering.value(value) for value in part] for part in rest)
    tile = old.type
    value = to_storage(lowering.value(old), tile.element_type)
    dim = lane_dim(tile.shape)
    if dim is None:
        create("memref.store", [value, lowering.value(memref), *indices])
        return
    lanes = tile.shape[dim]
    mask = tail_mask(valid[dim] if valid else None, lanes)
    Lanes(lowering.value(memref), indices, dim, lanes).store(value, mask)


# -- computation -----------------------------------------------------------------------------


@lowers("gir.permute", to="vector")
def lower_permute(lowering: VectorLowering, op: ir.Operation) -> None:
    """Lanes stay lanes: a tile has only one dimension of them."""
    lowering.bind([op.result], [lowering.value(op.operands[0])])


@lowers("gir.broadcast", to="vector")
def lower_broadcast(lowering: VectorLowering, op: ir.Operation) -> None:
    """A scalar to all lanes, or lanes as they are."""
    lowering.bind([op.result], [spread(lowering.value(op.operands[0]), register_type(op.result.type))])


@lowers("tensor.splat", to="vector")
def lower_splat(lowering: VectorLowering, op: ir.Operation) -> None:
    """A scalar to all lanes."""
    lowering.bind([op.result], [spread(lowering.value(op.operands[0]), register_type(op.result.type))])


@lowers("gir.iota", to="vector")
def lower_iota(lowering: VectorLowering, op: ir.Operation) -> None:
    """Indices along the lanes, or the same index in all of them."""
    type_ = register_type(op.result.type)
    offsets = segments(op)[0]
    start = lowering.value(offsets[0]) if offsets else index_constant(0)
    dim = lane_dim(op.result.type.shape)
    if dim is not None and dim == ir.IntegerAttr(op.attributes["dim"]).value:
        value = index_vector(op.result.type.shape[dim], start)
    else:
        value = spread(start, type_)
    lowering.bind([op.result], [value])


@lowers("gir.assert", to="vector")
def lower_assert(lowering: VectorLowering, op: ir.Operation) -> None:
    """Every lane that is there must hold."""
    tile = op.operands[0].type
    dim = lane_dim(tile.shape)
    condition = lowering.value(op.operands[0])
    if dim is not None:
        valid = list(op.operands)[1:]
        mask = tail_mask(lowering.value(valid[dim]) if valid else None, tile.shape[dim])
        if mask is not None:
            condition = create("arith.select", [mask, condition, _ones(condition.type)], [condition.type]).result
        condition = reductions.horizontal("and", condition)
    lowering.fail_unless(condition, ir.StringAttr(op.attributes["message"]).value)


def _ones(type_: ir.Type) -> ir.Value:
    return constant(type_, ir.IntegerAttr.get(element_of(type_), 1))


@lowers("gir.reduce", to="vector")
def lower_reduce(lowering: VectorLowering, op: ir.Operation) -> None:
    """Folds tiles into accumulators, or into values at once."""
    inputs, inits, valid = segments(op)
    shape = inputs[0].type.shape
    dim = lane_dim(shape)
    folded = dim is not None and dim in integers(op.attributes["dims"])
    if "kinds" not in op.attributes:
        _lower_combiner(lowering, op, folded=folded)
        return
    mask = tail_mask(lowering.value(valid[dim]) if valid and folded else None, shape[dim]) if dim is not None else None
    for at, (tile, init) in enumerate(zip(inputs, inits, strict=True)):
        value, given = lowering.value(tile), lowering.values[init]
        if isinstance(given, Accumulator):
            lowering.values[op.results[at]] = given.fold(value, mask, op.location)
        else:
            lowering.values[op.results[at]] = reductions.fold_once(op, at, value, given, mask, op.location)


def _lower_combiner(lowering: VectorLowering, op: ir.Operation, *, folded: bool) -> None:
    if folded:
        raise UnsupportedError(
            "a combiner along a tile's lanes can't be lowered", location=op.location, help="tile another dimension"
        )
    inputs, inits, _ = segments(op)
    block = op.regions[0].blocks[0]
    lanes = register_type(inputs[0].type)
    values = [lowering.value(value) for value in [*inputs, *inits]]
    known = {argument: spread_like(value, lanes) for argument, value in zip(block.arguments, values, strict=True)}

    def inside(value: ir.Value) -> ir.Value:
        return known[value] if value in known else spread_like(lowering.value(value), lanes)

    for inner in operations(block)[:-1]:
        types = [with_element(lanes, result.type) for result in inner.results]
        if inner.name == "arith.constant":
            made = [constant(types[0], inner.attributes["value"])]
        else:
            operands = [inside(value) for value in inner.operands]
            made = elementwise(inner.name, operands, types, attributes_of(inner), inner.location)
        known |= dict(zip(inner.results, made, strict=True))
    lowering.bind(op.results, [inside(value) for value in operations(block)[-1].operands])


def spread_like(value: ir.Value, lanes: ir.Type) -> ir.Value:
    """A scalar in as many lanes as a vector type has; a vector as it is."""
    return spread(value, with_element(lanes, element_of(value.type)))


@lowers(ELEMENTWISE, to="vector")
def lower_elementwise(lowering: VectorLowering, op: ir.Operation) -> None:
    """An `arith` or `math` op on tiles."""
    types = [register_type(result.type) for result in op.results]
    if op.name == "arith.constant":
        splat = ir.DenseElementsAttr(op.attributes["value"]).get_splat_value()
        lowering.bind([op.result], [constant(types[0], splat)])
        return
    operands = [lowering.value(operand) for operand in op.operands]
    lowering.bind(op.results, elementwise(op.name, operands, types, attributes_of(op), op.location))
