"""Movement in C: between memory and tiles, at known and at computed places, and from memory to memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from powerfusion.core._mlir import kind_name, mixed, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code, scalars
from powerfusion.passes.lowering.emitc.arithmetic import combined
from powerfusion.passes.lowering.emitc.buffers import Buffer, row_major
from powerfusion.passes.lowering.emitc.code import Flag, Number
from powerfusion.passes.lowering.emitc.computation import there
from powerfusion.passes.lowering.emitc.lowering import TARGET
from powerfusion.passes.lowering.emitc.scalars import stored
from powerfusion.passes.lowering.emitc.tiles import Access, Held, Index, Member, Tile
from powerfusion.passes.lowering.registry import lowers

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.function import FunctionLowering


def window(buffer: Buffer, starts: Sequence[Number]) -> Access:
    """What a load or store touches."""
    return Access(buffer.memory, (buffer.pointer, buffer.offset, buffer.strides, tuple(starts)))


def places(starts: Sequence[Number], index: Index) -> list[Number]:
    """Where in memory an element of a window is."""
    return [code.plus(start, at) for start, at in zip(starts, index, strict=True)]


@lowers("gir.load", to=TARGET)
def lower_load(lowering: FunctionLowering, op: ir.Operation) -> None:
    """An element of memory, wherever one of the tile is wanted; what isn't there isn't accessed."""
    (source,), indices, valid = segments(op)
    buffer, starts, counts = lowering.buffer(source), lowering.numbers(indices), lowering.numbers(valid)
    tile = op.result.type
    shape = tuple(tile.shape)

    def compute(index: Index) -> Sequence[ir.Value]:
        at = places(starts, index)
        flag = there(counts, index, shape)
        if "clip" in op.attributes:
            for place, size in zip(at, buffer.sizes, strict=True):
                flag = code.both(flag, code.inside(place, size))
        return [read(lowering, buffer, at, flag)]

    held = Held(shape, tile.element_type)
    lowering.join(Member(op, shape, compute, [held], reads=[window(buffer, starts)]), [])
    lowering.bind([op.result], [Tile.of(held)])


def read(lowering: FunctionLowering, buffer: Buffer, at: Sequence[Number], flag: Flag) -> ir.Value:
    """An element of memory; zero, without an access, where a condition doesn't hold."""
    type_ = stored(buffer.element)
    zero = scalars.float_literal(0.0, type_) if scalars.is_float(type_) else scalars.integer(0, type_)
    value = zero if flag is False else code.load_if(flag, buffer.place(at), zero)
    return scalars.decoded(value, buffer.element, lowering.helper)


def write(lowering: FunctionLowering, value: ir.Value, buffer: Buffer, at: Sequence[Number]) -> None:
    """Writes an element to memory."""
    code.assign(scalars.encoded(value, buffer.element, lowering.helper), buffer.place(at))


@lowers("gir.store", to=TARGET)
def lower_store(lowering: FunctionLowering, op: ir.Operation) -> None:
    """An element to memory, for each of the tile that is there."""
    (old,), (dest,), indices, valid = segments(op)
    tile, buffer = lowering.tile(old), lowering.buffer(dest)
    starts, counts = lowering.numbers(indices), lowering.numbers(valid)

    def compute(index: Index) -> Sequence[ir.Value]:
        with code.when(there(counts, index, tile.shape)):
            write(lowering, tile.at(index), buffer, places(starts, index))
        return []

    lowering.join(Member(op, tile.shape, compute, writes=[window(buffer, starts)]), [tile])


# -- computed places -------------------------------------------------------------------------------


def within(at: Sequence[Number], buffer: Buffer) -> Flag:
    """Whether a place is one of a buffer's."""
    flag: Flag = True
    for place, size in zip(at, buffer.sizes, strict=True):
        flag = code.both(flag, code.inside(place, size))
    return flag


@lowers("gir.gather", to=TARGET)
def lower_gather(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Elements at computed places; zero, without an access, where one is outside of the table."""
    table, *olds = op.operands
    buffer, indices = lowering.buffer(table), [lowering.tile(old) for old in olds]
    tile = op.result.type

    def compute(index: Index) -> Sequence[ir.Value]:
        at = [place.at(index) for place in indices]
        return [read(lowering, buffer, at, within(at, buffer))]

    held = Held(tuple(tile.shape), tile.element_type)
    access = Access(buffer.memory, object())
    lowering.join(Member(op, held.shape, compute, [held], reads=[access]), indices)
    lowering.bind([op.result], [Tile.of(held)])


@lowers("gir.scatter", to=TARGET)
def lower_scatter(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Elements to computed places, combined with what is there where there is a kind; loops around are serial."""
    (old,), (table,), olds, valid = segments(op)
    tile, buffer = lowering.tile(old), lowering.buffer(table)
    indices, counts = [lowering.tile(value) for value in olds], lowering.numbers(valid)
    kind = kind_name(op.attributes["kind"]) if "kind" in op.attributes else ""

    def compute(index: Index) -> Sequence[ir.Value]:
        at = [place.at(index) for place in indices]
        with code.when(code.both(there(counts, index, tile.shape), within(at, buffer))):
            value = tile.at(index)
            if kind:
                before = read(lowering, buffer, at, flag=True)
                made = combined(kind, before, value, tile.element, lowering.helper)
                value = scalars.rounded(made, tile.element, lowering.helper) if scalars.is_float(tile.element) else made
            write(lowering, value, buffer, at)
        return []

    access = [Access(buffer.memory, object())]
    lowering.join(Member(op, tile.shape, compute, reads=access, writes=access, meets=None), [tile, *indices])


# -- memory on the chip ----------------------------------------------------------------------------


@lowers("gir.alloc", to=TARGET)
def lower_alloc(lowering: FunctionLowering, op: ir.Operation) -> None:
    """A part of the group's scratch memory, where the plan has put it."""
    type_ = op.result.type
    dynamic = iter(lowering.numbers(op.operands))
    sizes = tuple(next(dynamic) if size < 0 else size for size in type_.shape)
    lowering.group.flush()
    pointer, name = lowering.scratch_at(op, sizes)
    lowering.bind([op.result], [Buffer(pointer, type_.element_type, sizes, row_major(sizes), 0, op, name)])


@lowers("gir.stage", to=TARGET)
def lower_stage(lowering: FunctionLowering, op: ir.Operation) -> None:
    """The window itself: caches bring it near."""
    (source,), indices, dynamic = segments(op)
    sizes = [v if isinstance(v, int) else lowering.number(v) for v in mixed(op, dynamic, "static_sizes")]
    buffer = lowering.buffer(source)
    lowering.bind([op.result], [buffer.boxed(lowering.numbers(indices), sizes, [1] * len(sizes), set())])


@lowers("memref.prefetch", to=TARGET)
def lower_prefetch(lowering: FunctionLowering, op: ir.Operation) -> None:
    """A hint, where compilers have one."""
    memref, *indices = op.operands
    buffer = lowering.buffer(memref)
    hints = [int(ir.BoolAttr(op.attributes["isWrite"]).value), ir.IntegerAttr(op.attributes["localityHint"]).value]
    at = buffer.at(lowering.numbers(indices))
    code.call(code.PREFETCH, [buffer.pointer, *map(code.value_of, (at, *hints))])


@lowers("gir.copy", to=TARGET)
def lower_copy(lowering: FunctionLowering, op: ir.Operation) -> None:
    """A copy that is done at once, as loops."""
    (source,), source_at, (dest,), dest_at, dynamic = segments(op)
    sizes = [v if isinstance(v, int) else lowering.number(v) for v in mixed(op, dynamic, "static_sizes")]
    lowering.group.flush()
    ones = [1] * len(sizes)
    copy(
        lowering.buffer(source).boxed(lowering.numbers(source_at), sizes, ones, set()),
        lowering.buffer(dest).boxed(lowering.numbers(dest_at), sizes, ones, set()),
    )
    lowering.bind([op.result], [None])


def copy(source: Buffer, dest: Buffer) -> None:
    """Elements as they lie in memory, from one buffer to another of its sizes."""
    with ExitStack() as nest:
        index = [0 if size == 1 else nest.enter_context(code.loop(0, size)) for size in source.sizes]
        code.assign(code.load(source.place(index)), dest.place(index))


@lowers("gir.wait", to=TARGET)
def lower_wait(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Nothing: copies are done where they start."""
