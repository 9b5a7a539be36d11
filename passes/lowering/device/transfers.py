"""Movement for a machine: loads, stores and copies are its copies, of rows where it has such.

What is moved is a box. Dimensions that lie side by side on both sides are one; the innermost is a piece, the next the
rows of a call, the others are loops. Elements that don't lie side by side are pieces of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from powerfusion.core._mlir import mixed, operations, segments
from powerfusion.errors import UnsupportedError
from powerfusion.machines.emission import Copy
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.calls import emit_call, emit_plain
from powerfusion.passes.lowering.device.layouts import Layout, layout_of
from powerfusion.passes.lowering.device.lowering import DEVICE, DeviceLowering
from powerfusion.passes.lowering.device.state import Flight, Region
from powerfusion.passes.lowering.device.structure import by_one, meet
from powerfusion.passes.lowering.emitc import code, scalars
from powerfusion.passes.lowering.emitc.buffers import Buffer, row_major
from powerfusion.passes.lowering.emitc.carries import copy_into
from powerfusion.passes.lowering.emitc.code import Number, minus, plus, times
from powerfusion.passes.lowering.emitc.movement import lower_stage as lower_stage_at_cache
from powerfusion.passes.lowering.emitc.movement import within
from powerfusion.passes.lowering.emitc.scalars import computed, stored_bytes
from powerfusion.passes.lowering.emitc.tiles import Held, Tile, spread_index, squeezed
from powerfusion.passes.lowering.registry import lowers


@dataclass(frozen=True)
class Side:
    """One side of a copy.

    Attributes:
        space: The name of its space.
        pointer: To elements.
        offset: Of the first, in elements.
        strides: Per dimension, in elements.
    """

    space: str
    pointer: ir.Value
    offset: Number
    strides: tuple[Number, ...]


@dataclass(frozen=True)
class Box:
    """What is moved.

    Attributes:
        sizes: Per dimension.
        element_bytes: Of an element.
        source: Where from.
        dest: Where to.
    """

    sizes: tuple[Number, ...]
    element_bytes: int
    source: Side
    dest: Side


@lowers("gir.load", to=DEVICE)
def lower_load(lowering: DeviceLowering, op: ir.Operation) -> None:
    """Copies into a tile of what is there; others may be under way at the same time."""
    tile = op.result.type
    held = Held(tuple(tile.shape), tile.element_type)
    lowering.group.flush()
    lowering.arrive_from(lowering.buffer(op.operands[0]).memory)
    load_into(lowering, op, held, lowering.place(held, op, copied=True))
    lowering.bind([op.result], [Tile.of(held)])


def load_into(lowering: DeviceLowering, op: ir.Operation, held: Held, region: Region) -> None:
    """Starts a load into a place."""
    (source,), indices, valid = segments(op)
    buffer, starts, counts = lowering.buffer(source), lowering.numbers(indices), lowering.numbers(valid)
    tile = op.result.type
    begins, sizes = window_of(op, buffer, starts, counts, tile.shape)
    strides = spread_strides(held)
    dest = Side(lowering.space.name, pointer_of(held), linear(begins, strides), strides)
    from_ = Side(
        space_of(lowering, source.type),
        buffer.pointer,
        buffer.at([plus(s, b) for s, b in zip(starts, begins, strict=True)]),
        buffer.strides,
    )
    copy = move(lowering, op, Box(tuple(sizes), stored_bytes(tile.element_type), from_, dest), region)
    if copy.wait:
        lowering.flights.append(Flight(region.span, copy.wait, None))


@lowers("gir.store", to=DEVICE)
def lower_store(lowering: DeviceLowering, op: ir.Operation) -> None:
    """Copies out of a tile, of what is there."""
    (old,), (dest,), indices, valid = segments(op)
    buffer, starts, counts = lowering.buffer(dest), lowering.numbers(indices), lowering.numbers(valid)
    tile = lowering.tile(old)
    layout = held_layout(lowering, tile, op)
    lowering.group.flush()
    begins, sizes = window_of(op, buffer, starts, counts, tile.shape)
    strides = _spread(layout.strides, tile.shape)
    held = layout.held
    assert held is not None
    source = Side(lowering.space.name, pointer_of(held), plus(layout.offset, linear(begins, strides)), strides)
    to = Side(
        space_of(lowering, dest.type),
        buffer.pointer,
        buffer.at([plus(s, b) for s, b in zip(starts, begins, strict=True)]),
        buffer.strides,
    )
    region = lowering.region_of(held)
    if any(flight.is_ahead for flight in lowering.flights):
        lowering.arrive()  # what the next step reads, and the last step's store; this one goes on while that computes
    copy = move(lowering, op, Box(tuple(sizes), stored_bytes(tile.element), source, to), region)
    if copy.wait and region is not None:
        lowering.flights.append(Flight(region.span, copy.wait, buffer.memory))


@lowers("gir.copy", to=DEVICE)
def lower_copy(lowering: DeviceLowering, op: ir.Operation) -> None:
    """A copy between levels that goes on until its token is waited for."""
    (source,), source_at, (dest,), dest_at, dynamic = segments(op)
    sizes = [v if isinstance(v, int) else lowering.number(v) for v in mixed(op, dynamic, "static_sizes")]
    lowering.group.flush()
    lowering.arrive()
    _wait_first(lowering, op)
    sides = [
        Side(space_of(lowering, old.type), buffer.pointer, buffer.at(lowering.numbers(at)), buffer.strides)
        for old, buffer, at in (
            (source, lowering.buffer(source), source_at),
            (dest, lowering.buffer(dest), dest_at),
        )
    ]
    with by_one(lowering):
        move(lowering, op, Box(tuple(sizes), stored_bytes(source.type.element_type), *sides))
    lowering.bind([op.result], [None])


@lowers("gir.stage", to=DEVICE)
def lower_stage(lowering: DeviceLowering, op: ir.Operation) -> None:
    """Memory of the group's, and a copy into it that is waited for; of a cache, the window itself."""
    (source,), indices, dynamic = segments(op)
    type_ = op.result.type
    if lowering.machine.space(space_of(lowering, type_)).kind == "cache":
        lower_stage_at_cache(lowering, op)
        return
    sizes = tuple(v if isinstance(v, int) else lowering.number(v) for v in mixed(op, dynamic, "static_sizes"))
    lowering.group.flush()
    lowering.arrive()
    pointer, name = lowering.scratch_at(op, sizes)
    made = Buffer(pointer, type_.element_type, sizes, row_major(sizes), 0, op, name)
    buffer = lowering.buffer(source)
    from_ = Side(space_of(lowering, source.type), buffer.pointer, buffer.at(lowering.numbers(indices)), buffer.strides)
    to = Side(space_of(lowering, type_), pointer, 0, made.strides)
    with by_one(lowering):
        copy = move(lowering, op, Box(sizes, stored_bytes(type_.element_type), from_, to))
        if copy.wait:
            emit_plain(copy.wait)
    meet(lowering)
    lowering.bind([op.result], [made])


@lowers("gir.wait", to=DEVICE)
def lower_wait(lowering: DeviceLowering, op: ir.Operation) -> None:
    """The machine's wait for copies of that kind, and a barrier, where one task waits for its group."""
    found = itertools.takewhile(lambda other: other.name == "gir.wait", _from(op))
    _wait_for(lowering, list(found))


def _wait_for(lowering: DeviceLowering, ops: Sequence[ir.Operation]) -> None:
    """One wait for what several ops wait for, and one barrier."""
    new = [op for op in ops if lowering.clock.first[op] not in lowering.waited]
    if not new:
        return
    lowering.waited.update(lowering.clock.first[op] for op in new)
    lowering.group.flush()
    lowering.arrive()
    for wait in dict.fromkeys(filter(None, (_wait_of(lowering, token) for op in new for token in op.operands))):
        emit_plain(wait)
    meet(lowering)


def _from(op: ir.Operation) -> list[ir.Operation]:
    """An op and those behind it in its block."""
    ops = operations(op.block)
    return ops[ops.index(op) :]


def _wait_first(lowering: DeviceLowering, op: ir.Operation) -> None:
    """What a loop's last step has started is waited for before the next is: a wait is for all that is under way."""
    later = [other for other in _from(op) if other.name == "gir.wait"]
    carried = [other for other in later if all(isinstance(token.owner, ir.Block) for token in other.operands)]
    _wait_for(lowering, carried)


def _wait_of(lowering: DeviceLowering, token: ir.Value) -> str | None:
    """The call that waits for the copy that a token is of."""
    owner = token.owner
    if isinstance(owner, ir.Block):
        loop = owner.owner.operation
        return _wait_of(lowering, loop.operands[2 + list(owner.arguments).index(token)])
    maker = owner.operation
    if maker.name == "scf.for":
        return _wait_of(lowering, maker.operands[3 + list(maker.results).index(token)])
    if maker.name != "gir.copy":
        raise UnsupportedError("expected a token of a copy, or one that a loop carries", location=maker.location)
    (source,), _, (dest,), *_ = segments(maker)
    copies = lowering.emission.copies_along(space_of(lowering, source.type), space_of(lowering, dest.type))
    return copies[0].wait if copies else None


@lowers("gir.gather", to=DEVICE)
def lower_gather(lowering: DeviceLowering, op: ir.Operation) -> None:
    """A copy per run at a computed place; zero, without an access, where one is outside of the table."""
    table, *olds = op.operands
    buffer, indices = lowering.buffer(table), [lowering.tile(old) for old in olds]
    type_ = op.result.type
    lowering.settle(*indices)
    lowering.group.flush()
    lowering.arrive()
    held = Held(tuple(type_.shape), type_.element_type)
    region = lowering.place(held, op, copied=True)
    assert held.strides is not None
    run = _run_of(buffer, indices)
    with ExitStack() as nest:
        outer = squeezed(held.shape)[: -1 if run > 1 else None]
        index: list[Number] = [nest.enter_context(code.loop(0, size)) for size in outer]
        first = [*index, 0] if run > 1 else index
        spread = spread_index(first, held.shape)
        at: list[Number] = [place.at(spread) for place in indices[: -1 if run > 1 else None]]
        if run > 1 and (iota := indices[-1].iota):
            at.append(iota.start)
        there = within(at, buffer)
        with code.when(code.negated(there)):
            _put_zeros(held, index)
        with code.when(there):
            to = Side(lowering.space.name, pointer_of(held), linear(first, held.strides), (1,))
            from_ = Side(space_of(lowering, table.type), buffer.pointer, buffer.at(at), (1,))
            copy = move(lowering, op, Box((run,), stored_bytes(type_.element_type), from_, to), region)
    if copy.wait:
        lowering.flights.append(Flight(region.span, copy.wait, None))
    lowering.bind([op.result], [Tile.of(held)])


def _put_zeros(held: Held, index: Sequence[Number]) -> None:
    """Zero for all elements of a tile at an index into its first dimensions."""
    with ExitStack() as nest:
        rest = [nest.enter_context(code.loop(0, size)) for size in squeezed(held.shape)[len(index) :]]
        held.put(scalars.zero_of(held.element), [*index, *rest])


def _run_of(buffer: Buffer, indices: Sequence[Tile]) -> int:
    """How many elements of a gather's rows lie side by side in its table, all of them within; 1 where none need to."""
    *others, last = indices
    shape = last.shape
    if last.iota is None or not shape or last.iota.along(shape) != len(shape) - 1:
        return 1
    start, size, room = last.iota.start, shape[-1], buffer.sizes[-1]
    if not (
        isinstance(start, int) and isinstance(room, int) and 0 <= start <= room - size and _is_one(buffer.strides[-1])
    ):
        return 1
    found = [layout_of(tile) for tile in others]
    return (
        size if all(layout is not None and (not layout.strides or layout.strides[-1] == 0) for layout in found) else 1
    )


def window_of(
    op: ir.Operation, buffer: Buffer, starts: Sequence[Number], counts: Sequence[Number], shape: Sequence[int]
) -> tuple[list[Number], list[Number]]:
    """Where in a tile what there is of a window begins, and how much of it there is."""
    begins: list[Number] = []
    sizes: list[Number] = []
    for dim, size in enumerate(shape):
        end: Number = code.least(counts[dim], size) if dim < len(counts) else size
        begin: Number = 0
        if "clip" in op.attributes:
            end = code.least(end, minus(buffer.sizes[dim], starts[dim]))
            begin = code.most(minus(0, starts[dim]), 0)
        begins.append(begin)
        sizes.append(minus(end, begin))
    return begins, sizes


def pointer_of(held: Held) -> ir.Value:
    """A pointer to a tile."""
    assert held.array is not None, "expected a tile with a place"
    return held.array


def typed(lowering: DeviceLowering, held: Held, at: Number, dtype: str) -> ir.Value:
    """A pointer to an element, as intrinsics take it."""
    pointer = pointer_of(held)
    if at != 0:
        pointer = code.binary("add", pointer, code.value_of(at))
    name = dict(lowering.emission.types).get(dtype)
    return pointer if name is None else code.cast(pointer, ir.Type.parse(f'!emitc.ptr<!emitc.opaque<"{name}">>'))


def typed_number(lowering: DeviceLowering, number: ir.Value, dtype: str) -> ir.Value:
    """A number, as intrinsics take it."""
    name = dict(lowering.emission.types).get(dtype)
    return number if name is None else code.cast(number, ir.Type.parse(f'!emitc.opaque<"{name}">'))


def spread_strides(held: Held) -> tuple[int, ...]:
    """The strides of a tile along all of its dimensions."""
    assert held.strides is not None
    return _spread(held.strides, held.shape)


def _spread(strides: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    rest = iter(strides)
    return tuple(0 if size == 1 else next(rest) for size in shape)


def linear(index: Sequence[Number], strides: Sequence[Number]) -> Number:
    """How far an element is from the first."""
    where: Number = 0
    for at, stride in zip(index, strides, strict=True):
        where = plus(where, times(at, stride))
    return where


def space_of(lowering: DeviceLowering, type_: ir.MemRefType) -> str:
    """The name of the space that a memref is in."""
    text = str(type_.memory_space)
    level = next((level for level in ("sram", "reg") if f"<{level}" in text), "dram")
    name = text.partition('space = "')[2].partition('"')[0] or None
    return lowering.machine.space_of(level, name).name


def held_layout(lowering: DeviceLowering, tile: Tile, op: ir.Operation) -> Layout:
    """Where a tile is; it is written to a place where it has none."""
    lowering.settle(tile)
    layout = layout_of(tile)
    if layout is not None and layout.held is not None:
        return layout
    lowering.group.flush()
    lowering.arrive_loads()
    held = Held(tile.shape, tile.element)
    lowering.place(held, op)
    lowering.compute(*tile.reads)
    copy_into(held, tile, computed(tile.element))
    assert held.strides is not None
    return Layout(held, 0, held.strides)


# -- calls -----------------------------------------------------------------------------------------


def move(lowering: DeviceLowering, op: ir.Operation, box: Box, tile: Region | None = None) -> Copy:
    """Writes the calls that move a box, from or to a tile or not; gives what they are.

    Raises:
        UnsupportedError: The machine has none that takes it.
    """
    merged = _merged(box)
    copy = _chosen(lowering, op, merged)
    if any(isinstance(size, int) and size <= 0 for size in merged.sizes):
        return copy  # a window that has nothing of the memory
    lowering.before_copy(*([tile.span] if tile else []))
    rank = len(merged.sizes)
    outer = rank - (2 if copy.is_strided and rank > 1 else 1)
    with ExitStack() as nest:
        for size in merged.sizes[outer:]:
            if not isinstance(size, int):
                nest.enter_context(code.when(code.below(0, size)))
        index = [nest.enter_context(code.loop(0, size)) for size in merged.sizes[:outer]]
        dst, src = (
            code.binary("add", side.pointer, code.value_of(at)) if (at := _offset(side, index)) != 0 else side.pointer
            for side in (merged.dest, merged.source)
        )
        rows: Number = merged.sizes[-2] if outer == rank - 2 else 1
        piece = times(merged.sizes[-1], box.element_bytes)
        steps = [
            times(side.strides[-2], box.element_bytes) if outer == rank - 2 else piece
            for side in (merged.dest, merged.source)
        ]
        given = {"dst": dst, "src": src, "bytes": piece, "rows": rows, "dst_stride": steps[0], "src_stride": steps[1]}
        emit_call(copy.parsed, copy.parsed.callee, given, op)
    return copy


def _offset(side: Side, index: Sequence[Number]) -> Number:
    return plus(side.offset, linear(index, side.strides[: len(index)]))


def _merged(box: Box) -> Box:
    """A box with as few dimensions as say the same; the last one's elements lie side by side."""
    kept: list[tuple[Number, Number, Number]] = []
    for size, from_, to in zip(box.sizes, box.source.strides, box.dest.strides, strict=True):
        if size == 1 and isinstance(size, int):
            continue
        if kept:
            _, outer_from, outer_to = kept[-1]
            if _same(outer_from, from_, size) and _same(outer_to, to, size):
                kept[-1] = (times(kept[-1][0], size), from_, to)
                continue
        kept.append((size, from_, to))
    if not kept or not (_is_one(kept[-1][1]) and _is_one(kept[-1][2])):
        kept.append((1, 1, 1))
    sizes, froms, tos = zip(*kept, strict=True)
    source = Side(box.source.space, box.source.pointer, box.source.offset, froms)
    dest = Side(box.dest.space, box.dest.pointer, box.dest.offset, tos)
    return Box(sizes, box.element_bytes, source, dest)


def _same(outer: Number, inner: Number, size: Number) -> bool:
    """Whether a dimension lies right behind the next one."""
    return isinstance(outer, int) and isinstance(inner, int) and isinstance(size, int) and outer == inner * size


def _is_one(stride: Number) -> bool:
    return isinstance(stride, int) and stride == 1


def _chosen(lowering: DeviceLowering, op: ir.Operation, box: Box) -> Copy:
    """The first of a machine's copies that takes a box."""
    source, dest = box.source.space, box.dest.space
    copies = lowering.emission.copies_along(source, dest)
    for copy in copies:
        if _takes(copy, box):
            return copy
    if not copies:
        links = sorted({f"{one.source} to {one.result}" for one in lowering.emission.copies})
        raise UnsupportedError(
            f"{lowering.machine.name} says no copy from '{source}' to '{dest}'",
            location=op.location,
            help=f"add an [[emit.copy]]; there are those from {', '.join(links) or 'nowhere'}",
        )
    raise UnsupportedError(
        f"no copy from '{source}' to '{dest}' takes pieces of {_said(box)}",
        location=op.location,
        help=f"they ask for multiples of {min(copy.granule_bytes for copy in copies)} bytes that begin at "
        f"multiples of {min(copy.alignment_bytes for copy in copies)}",
    )


def _said(box: Box) -> str:
    size = box.sizes[-1]
    return f"{size * box.element_bytes} bytes" if isinstance(size, int) else "a size that isn't known"


def _takes(copy: Copy, box: Box) -> bool:
    """Whether a copy's demands are known to be met."""
    pieces = times(box.sizes[-1], box.element_bytes)
    granular = copy.granule_bytes <= box.element_bytes or (isinstance(pieces, int) and pieces % copy.granule_bytes == 0)
    if copy.alignment_bytes <= box.element_bytes or not granular:
        return granular
    for side in (box.source, box.dest):
        for number in (side.offset, *side.strides[:-1]):
            if not isinstance(number, int) or number * box.element_bytes % copy.alignment_bytes:
                return False
    return True
