"""How movement between memory and registers is lowered, and from memory to memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from powerfusion.core._mlir import DYNAMIC, create, defining_op, i32_array, index_constant, integers, mixed, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.elementwise import combine
from powerfusion.passes.lowering.expansions import with_element
from powerfusion.passes.lowering.extents import Extents, Flag, both, flag_value
from powerfusion.passes.lowering.line_buffers import is_gathered
from powerfusion.passes.lowering.memory import (
    ATOMIC,
    Lanes,
    add_offset,
    clip_flag,
    clip_mask,
    flat_of,
    gather,
    gather_run,
    has_atomic,
    host_memref,
    places_in,
    sizes_of,
    storage,
    store_if,
    subview,
    subview_type,
    to_register,
    to_storage,
)
from powerfusion.passes.lowering.ranges import range_of
from powerfusion.passes.lowering.registers import (
    Rows,
    extract,
    lane_dim,
    lanes_of,
    row_indices,
    row_type,
    rows_of,
    tile_of,
)
from powerfusion.passes.lowering.registry import lowers
from powerfusion.passes.scheduling.stream_stores import ALIGNED
from powerfusion.passes.tiling import memrefs
from powerfusion.passes.tiling.tile import ALIGNMENT
from powerfusion.passes.tiling.windows import index_op

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering


@lowers("gir.load", to="vector")
def lower_load(lowering: VectorLowering, op: ir.Operation) -> None:
    """A window of memory, row by row; what isn't there isn't accessed."""
    (source,), indices, valid = ([lowering.scalar(value) for value in part] for part in segments(op))
    tile = op.result.type
    dim, lanes = lane_dim(tile.shape), lanes_of(tile.shape)
    stored = with_element(row_type(tile), storage(tile.element_type))
    sizes = _clipped(source, op) if "clip" in op.attributes else None
    extents = Extents.of(tile.shape, valid)
    rows: list[ir.Value] = []
    for place in row_indices(tile.shape):
        at = [add_offset(index, offset) for index, offset in zip(indices, place, strict=True)]
        mask: Flag = extents.mask(place)
        if sizes is not None:
            mask = clip_flag(at, sizes, None) if dim is None else clip_mask(at, sizes, dim, lanes)
        rows.append(to_register(Lanes(source, at, dim, lanes).load(stored, mask), tile.element_type))
    lowering.bind([op.result], [tile_of(rows)])


def _clipped(source: ir.Value, op: ir.Operation) -> list[ir.Value | None] | None:
    """A memref's sizes, None where a window is known to be within; None where it is within them all."""
    indices = segments(op)[1]
    found = [
        None if (at := range_of(index)) is not None and at.low >= 0 and at.high + length <= size else known
        for index, length, size, known in zip(
            indices, op.result.type.shape, source.type.shape, sizes_of(source), strict=True
        )
    ]
    return None if all(size is None for size in found) else found


@lowers("gir.store", to="vector")
def lower_store(lowering: VectorLowering, op: ir.Operation) -> None:
    """A tile to memory, row by row."""
    (old,), (memref,), *rest = segments(op)
    indices, valid = ([lowering.scalar(value) for value in part] for part in rest)
    tile, dest = old.type, lowering.scalar(memref)
    dim, lanes = lane_dim(tile.shape), lanes_of(tile.shape)
    extents = Extents.of(tile.shape, valid)
    for row, place in zip(rows_of(lowering.value(old)), row_indices(tile.shape), strict=True):
        at = [add_offset(index, offset) for index, offset in zip(indices, place, strict=True)]
        value, count = to_storage(row, tile.element_type), extents.lanes(place)
        if is_gathered(op):
            lowering.lines_of(dest).put(value, dest, at, extents.count(place))
        elif "nontemporal" in op.attributes and count is not None:
            Lanes(dest, at, dim, count).store_past(value, _aligned_bytes(op))
        else:
            Lanes(dest, at, dim, lanes).store(value, extents.mask(place))


def _aligned_bytes(op: ir.Operation) -> int | None:
    """A number of bytes of which each row's address is a multiple, where a pass has said so."""
    return ir.IntegerAttr(op.attributes[ALIGNED]).value if ALIGNED in op.attributes else None


# -- computed places -----------------------------------------------------------------------------


@lowers("gir.gather", to="vector")
def lower_gather(lowering: VectorLowering, op: ir.Operation) -> None:
    """Elements at computed indices; where those are outside of the table, zero, and no access."""
    table, *indices = op.operands
    memref, tile = lowering.scalar(table), op.result.type
    stored = with_element(row_type(tile), memref.type.element_type)
    sizes = sizes_of(memref)
    columns = [rows_of(lowering.value(index)) for index in indices]
    if _is_run(indices, memref.type):
        columns = [[extract(row, 0) for row in column] for column in columns]
        rows = [gather_run(memref, row, sizes, stored) for row in zip(*columns, strict=True)]
    else:
        rows = [gather(memref, row, sizes, stored) for row in zip(*columns, strict=True)]
    lowering.bind([op.result], [tile_of([to_register(row, tile.element_type) for row in rows])])


def _is_run(indices: Sequence[ir.Value], table: ir.Type) -> bool:
    """Whether the lanes of each row of some indices name neighbours: the last one counts up, the others stay."""
    lane = lane_dim(indices[0].type.shape)
    if lane is None or ir.MemRefType(table).get_strides_and_offset()[0][-1] != 1:
        return False
    *others, last = map(defining_op, indices)
    counts_up = last is not None and last.name == "gir.iota" and ir.IntegerAttr(last.attributes["dim"]).value == lane
    return counts_up and all(
        op is not None and op.name == "gir.broadcast" and lane in integers(op.attributes["dims"]) for op in others
    )


@lowers("gir.scatter", to="vector")
def lower_scatter(lowering: VectorLowering, op: ir.Operation) -> None:
    """Elements to computed places; with a kind one by one, atomic where several threads may meet."""
    (old,), (table,), indices, valid = segments(op)
    tile, memref = old.type, lowering.scalar(table)
    extents = Extents.of(tile.shape, [lowering.scalar(value) for value in valid])
    sizes = sizes_of(memref)
    columns = [rows_of(lowering.value(value)) for value in [old, *indices]]
    for place, (row, *at) in zip(row_indices(tile.shape), zip(*columns, strict=True), strict=True):
        mask = extents.mask(place)
        if mask is False:
            continue
        if "kind" in op.attributes:
            _update_row(lowering, op, row, memref, at, sizes, mask)
        elif isinstance(row.type, ir.VectorType):
            flat, start, distances, inside = places_in(memref, at, sizes)
            value = to_storage(row, tile.element_type)
            create("vector.scatter", [flat, start, distances, flag_value(both(inside, mask)), value])
        else:
            value = to_storage(row, tile.element_type)
            store_if(both(clip_flag(at, sizes, None), mask), value, memref, at)


def _update_row(
    lowering: VectorLowering,
    op: ir.Operation,
    row: ir.Value,
    memref: ir.Value,
    indices: Sequence[ir.Value],
    sizes: Sequence[ir.Value],
    mask: Flag,
) -> None:
    """Combines each lane with what is in its place."""
    count = row.type.shape[0] if isinstance(row.type, ir.VectorType) else 1
    for lane in range(count):
        at = [extract(index, lane) for index in indices]
        there = extract(mask, lane) if isinstance(mask, ir.Value) else mask
        branch = create("scf.if", [flag_value(both(clip_flag(at, sizes, None), there))], regions=2)
        with ir.InsertionPoint(branch.regions[0].blocks.append()):
            _update(lowering, op, extract(row, lane), memref, at)
            create("scf.yield")


def _update(
    lowering: VectorLowering, op: ir.Operation, value: ir.Value, memref: ir.Value, at: Sequence[ir.Value]
) -> None:
    """Combines one element with what is in its place."""
    kind, loc = str(op.attributes["kind"]), op.location
    name = kind.removeprefix("#vector.kind<").removesuffix(">")
    element = value.type
    if lowering.threads and has_atomic(kind, element):
        floats, integers = ATOMIC[name]
        number = floats if isinstance(element, ir.FloatType) else integers
        assert number is not None, "expected an atomic op"
        attributes = {"kind": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)}
        create("memref.atomic_rmw", [value, memref, *at], [element], attributes)
        return
    there = to_register(create("memref.load", [memref, *at], [memref.type.element_type]).result, element)
    made = combine(name, there, value, loc)
    create("memref.store", [to_storage(made, element), memref, *at])


# -- memory on the chip --------------------------------------------------------------------------


@lowers("gir.alloc", to="vector")
def lower_alloc(lowering: VectorLowering, op: ir.Operation) -> None:
    """A buffer on the heap: of known size one that a thread has throughout, else one that ends with its block."""
    type_ = op.result.type
    new = ir.MemRefType.get(type_.shape, storage(type_.element_type))
    if not op.operands and lowering.scopes:
        lowering.bind([op.result], [lowering.scratch(new)])
        return
    attributes = {
        "alignment": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), ALIGNMENT),
        "operandSegmentSizes": i32_array([len(op.operands), 0]),
    }
    buffer = create("memref.alloc", [lowering.scalar(v) for v in op.operands], [new], attributes).result
    lowering.buffers[-1].append(buffer)
    lowering.bind([op.result], [buffer])


@lowers("gir.stage", to="vector")
def lower_stage(lowering: VectorLowering, op: ir.Operation) -> None:
    """The window itself: the CPU's caches bring it near."""
    (source,), indices, dynamic = segments(op)
    sizes = [v if isinstance(v, int) else lowering.scalar(v) for v in mixed(op, dynamic, "static_sizes")]
    at = [lowering.scalar(index) for index in indices]
    lowering.bind([op.result], [subview(lowering.scalar(source), at, sizes)])


@lowers("memref.prefetch", to="vector")
def lower_prefetch(lowering: VectorLowering, op: ir.Operation) -> None:
    """As it is: a hint to the caches."""
    attributes = {name: op.attributes[name] for name in op.attributes}
    create("memref.prefetch", [lowering.scalar(operand) for operand in op.operands], attributes=attributes)


@lowers("gir.copy", to="vector")
def lower_copy(lowering: VectorLowering, op: ir.Operation) -> None:
    """A copy that is done at once, as loops."""
    (source,), source_at, (dest,), dest_at, dynamic = segments(op)
    sizes = [v if isinstance(v, int) else lowering.scalar(v) for v in mixed(op, dynamic, "static_sizes")]
    places = ([lowering.scalar(v) for v in source_at], [lowering.scalar(v) for v in dest_at])
    copy_elements(lowering.scalar(source), lowering.scalar(dest), places, sizes)
    lowering.bind([op.result], [Rows(())])


@lowers("memref.copy", to="vector")
def lower_memref_copy(lowering: VectorLowering, op: ir.Operation) -> None:
    """All of a memref to another."""
    source, dest = (lowering.scalar(operand) for operand in op.operands)
    copy_memref(source, dest)


def copy_memref(source: ir.Value, dest: ir.Value) -> None:
    """All of a memref to another one of its shape: as bytes where that is known to be one run, else as loops.

    Upstream calls a function of its runtime for what isn't, which programs don't have; where sizes are open it no
    longer sees that there are no holes.
    """
    has_holes = not (memrefs.is_contiguous(source) and memrefs.is_contiguous(dest))
    if source.type.has_static_shape and not has_holes:
        create("memref.copy", [source, dest])
        return
    sides = (source, dest) if has_holes else (flat_of(source, [])[0], flat_of(dest, [])[0])
    index = ir.IndexType.get()
    shape = list(source.type.shape)
    sizes: list[int | ir.Value] = [
        create("memref.dim", [source, index_constant(at)], [index]).result if size == DYNAMIC else size
        for at, size in enumerate(shape)
    ]
    if not has_holes:
        given = [index_constant(size) if isinstance(size, int) else size for size in sizes]
        sizes = [reduce(lambda left, right: index_op("arith.muli", [left, right]), given)]
    first = [index_constant(0)] * len(sizes)
    copy_elements(*sides, (first, first), sizes)


def copy_elements(
    source: ir.Value,
    dest: ir.Value,
    places: tuple[list[ir.Value], list[ir.Value]],
    sizes: Sequence[int | ir.Value],
    done: int = 0,
) -> None:
    """A nest of loops over the dimensions that are left, one element at the bottom."""
    if done == len(sizes):
        value = create("memref.load", [source, *places[0]], [source.type.element_type]).result
        create("memref.store", [value, dest, *places[1]])
        return
    size = sizes[done]
    bounds = [index_constant(0), index_constant(size) if isinstance(size, int) else size, index_constant(1)]
    loop = create("scf.for", bounds, regions=1)
    block = loop.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[loop.location])
    with ir.InsertionPoint(block):
        step = block.arguments[0]
        moved = tuple(
            [
                create("arith.addi", [index, step], [step.type]).result if dim == done else index
                for dim, index in enumerate(side)
            ]
            for side in places
        )
        copy_elements(source, dest, (moved[0], moved[1]), sizes, done + 1)
        create("scf.yield")


@lowers("gir.wait", to="vector")
def lower_wait(lowering: VectorLowering, op: ir.Operation) -> None:
    """Nothing: copies are done where they start."""


@lowers("memref.transpose", to="vector")
def lower_transpose(lowering: VectorLowering, op: ir.Operation) -> None:
    """As it is, with the layout that follows from what it views."""
    map_ = ir.AffineMapAttr(op.attributes["permutation"]).value
    perm = [ir.AffineDimExpr(result).position for result in map_.results]
    lowering.bind([op.result], [memrefs.transpose(lowering.scalar(op.operands[0]), perm)])


@lowers("memref.subview", to="vector")
def lower_subview(lowering: VectorLowering, op: ir.Operation) -> None:
    """As it is, with the layout that follows from what it views."""
    source, *rest = (lowering.scalar(operand) for operand in op.operands)
    attributes = {name: op.attributes[name] for name in op.attributes}
    wanted = host_memref(op.result.type)
    if source.type != host_memref(op.operands[0].type):
        wanted = subview_type(source, attributes, op.result.type.shape)
    lowering.bind([op.result], [create("memref.subview", [source, *rest], [wanted], attributes).result])
