"""Movement: what is brought from one memory to another, checked and counted access by access.

Each of these counts what it reads and what it writes, from the addresses that its indices came to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from powerfusion.errors import UninitialisedRead
from powerfusion.reference.memory import Agent, Buffer, MemRef, Snapshot, dense
from powerfusion.reference.ops.combining import BITWISE, FLOAT_KINDS, INTEGER_KINDS, combined, crop, valid_extents
from powerfusion.reference.ops.views import shape_of
from powerfusion.reference.program import Instruction, integer
from powerfusion.reference.registry import meaning
from powerfusion.reference.spaces import Rows
from powerfusion.reference.stream import Event, Here, Moved, Running, Token
from powerfusion.reference.types import Array, Type
from powerfusion.reference.values import Store, Tile, demand_real


@meaning("gir.move")
def move(here: Here, op: Instruction, x: Tile) -> Tile:
    """The operand, elsewhere. What goes to dram is counted when the kernel's results show where it is put."""
    source, result = op.operand_types[0], op.type
    if here.spaces.same(source, result):
        return x
    itemsize = result.dtype.itemsize
    if source.level == result.level == "reg":
        here.spaces.tile(op.number, here.spaces.place(source), "read", x.data.size, itemsize)
        here.spaces.tile(op.number, here.spaces.place(result), "write", x.data.size, itemsize)
        return x
    read_tile(here, op, source, x)
    if result.level == "reg":
        here.spaces.tile(op.number, here.spaces.place(result), "write", x.data.size, itemsize)
        return Tile(x.data)
    addresses = here.spaces.addresses(x.shape, result.dtype)
    if result.level == "sram":
        here.spaces.written(op.number, here.spaces.place(result), addresses, itemsize)
        return Tile(x.data, addresses=addresses)
    here.moved[op.number] = Moved(here.spaces.place(result), addresses, itemsize)
    return Tile(x.data, addresses=addresses, stores=(Store(op.number, np.arange(x.data.size)),))


def read_tile(here: Here, op: Instruction, type_: Type, x: Tile) -> None:
    """Reads the whole of a tensor where it is, and counts that.

    Raises:
        UninitialisedRead: Something in it was never written.
        UnspecifiedUse: A tile at reg has elements that may hold anything.
    """
    place, itemsize = here.spaces.place(type_), type_.dtype.itemsize
    if type_.level == "reg":
        demand_real(x.real, "moves")
        here.spaces.tile(op.number, place, "read", x.data.size, itemsize)
        return
    if x.real is not None and not x.real.all():
        first = tuple(int(i) for i in np.argwhere(~x.real)[0])
        raise UninitialisedRead(f"reads element {list(first)} of a tensor, which nothing has written")
    assert x.addresses is not None, "a tensor at dram or sram has addresses"
    here.spaces.read(op.number, place, x.addresses, itemsize)


@meaning("gir.load")
def load(here: Here, op: Instruction, source: MemRef, *operands: Tile) -> Tile:
    """The window of a memref at some indices; what isn't valid, or clipped, is unspecified and isn't accessed."""
    _, indices, valid = op.groups([source, *operands])
    starts = [integer(index) for index in indices]
    shape = [size or 0 for size in op.type.shape]
    low, high = [0] * len(shape), valid_extents(valid, shape)
    if op.get("clip"):
        low = [min(max(-start, 0), size) for start, size in zip(starts, shape, strict=True)]
        high = [min(n, extent - start) for n, extent, start in zip(shape, source.shape, starts, strict=True)]
    sizes = [max(last - first, 0) for first, last in zip(low, high, strict=True)]
    flat = source.flat([start + first for start, first in zip(starts, low, strict=True)], sizes)
    read = source.buffer.read(flat, here.agents)
    here.spaces.read(op.number, source.buffer.place, source.buffer.addresses(flat), read.dtype.itemsize)
    here.spaces.tile(op.number, here.spaces.place(op.type), "write", read.size, read.dtype.itemsize)
    if sizes == shape:
        return Tile(read)
    box = tuple(slice(first, first + size) for first, size in zip(low, sizes, strict=True))
    data, real = here.state.garbage(shape, op.type), np.zeros(shape, np.bool_)
    data[box], real[box] = read, True
    return Tile(data, real)


@meaning("gir.store")
def store(here: Here, op: Instruction, value: Tile, dest: MemRef, *operands: Tile) -> None:
    """Writes the valid elements of a tile to a window of a memref."""
    _, _, indices, valid = op.groups([value, dest, *operands])
    extents = valid_extents(valid, value.shape)
    flat = dest.flat([integer(index) for index in indices], extents)
    data = crop(value, extents, "stores")
    dest.buffer.write(flat, data, here.agents)
    here.spaces.tile(op.number, here.spaces.place(op.operand_types[0]), "read", data.size, data.dtype.itemsize)
    addresses, past = dest.buffer.addresses(flat), bool(op.get("nontemporal"))
    here.spaces.written(op.number, dest.buffer.place, addresses, data.dtype.itemsize, past=past)


@meaning("gir.gather")
def gather(here: Here, op: Instruction, source: Tile | MemRef, *indices: Tile) -> Tile:
    """Elements of a table at computed indices; those outside are unspecified, and access nothing."""
    at = _lookup(source.shape, indices)
    data, real = here.state.garbage(indices[0].shape, op.type), np.array(at.there)
    if isinstance(source, MemRef):
        flat = source.whole[at.index]
        data[at.there] = source.buffer.read(flat, here.agents)
        table = source.buffer.addresses(source.whole)
    else:
        assert source.addresses is not None, "a table at dram has addresses"
        data[at.there] = source.data[at.index]
        real[at.there] = True if source.real is None else source.real[at.index]
        table = source.addresses
    itemsize, addresses = data.dtype.itemsize, table[at.index]
    rows = _rows(op, at, table)
    here.spaces.read(op.number, here.spaces.place(op.operand_types[0]), addresses, itemsize, rows=rows)
    here.spaces.tile(op.number, here.spaces.place(op.type), "write", addresses.size, itemsize)
    return Tile(data, None if real.all() else real)


@meaning("gir.scatter")
def scatter(here: Here, op: Instruction, value: Tile, dest: Tile | MemRef, *operands: Tile) -> Tile | None:
    """Writes elements to computed places of a table, combining them with what is there where there is a kind."""
    _, _, indices, valid = op.groups([value, dest, *operands])
    extents = valid_extents(valid, value.shape)
    values = crop(value, extents, "scatters")
    cropped = [Tile(crop(index, extents, "scatters to")) for index in indices]
    at = _lookup(dest.shape, cropped)
    order = here.state.rng.permutation(int(at.there.sum()))
    index, values = tuple(i[order] for i in at.index), values[at.there][order]
    table = _Table(here, dest, scatter_of(op))
    table.combine(index, values, op.get("kind"))
    place, itemsize = here.spaces.place(op.operand_types[1]), values.dtype.itemsize
    addresses, rows = table.addresses[index], _rows(op, at, table.addresses, order)
    here.spaces.tile(op.number, here.spaces.place(op.operand_types[0]), "read", values.size, itemsize)
    here.spaces.written(op.number, place, addresses, itemsize, rows=rows)
    if op.get("kind"):
        here.spaces.read(op.number, place, addresses, itemsize, rows=rows)
    return table.result()


def _rows(op: Instruction, at: _Lookup, table: Array, order: Array | None = None) -> Rows:
    """The rows of the elements that are looked up; `table` has the addresses of all that there is."""
    assert op.runs is not None, "it is a gather or scatter"
    numbers = op.runs.rows(at.there.shape)[at.there]
    return Rows(numbers if order is None else numbers[order], op.runs.apart(table))


def scatter_of(op: Instruction) -> int:
    """What scatters have in common that may write to one place: they combine alike, or are one op."""
    kind = op.get("kind")
    return -2 - [*BITWISE, *INTEGER_KINDS, *FLOAT_KINDS].index(kind) if kind else op.number


@dataclass(frozen=True, eq=False)
class _Lookup:
    """Where index tensors point: which elements point inside, and to where those do."""

    there: Array
    index: tuple[Array, ...]


def _lookup(shape: Sequence[int], indices: Sequence[Tile]) -> _Lookup:
    there = np.ones(indices[0].shape, np.bool_)
    for size, tile in zip(shape, indices, strict=True):
        there &= (tile.data >= 0) & (tile.data < size)
        there &= True if tile.real is None else tile.real
    return _Lookup(there, tuple(tile.data[there] for tile in indices))


class _Table:
    """What is scattered into: a memref in place, or a tensor by way of a copy."""

    def __init__(self, here: Here, dest: Tile | MemRef, scatter: int) -> None:
        self.here = here
        self.dest = dest
        self.scatter = scatter
        if isinstance(dest, MemRef):
            self.positions = dest.whole
            self.data = dest.buffer.data[self.positions]
            self.real = dest.buffer.written[self.positions]
            self.addresses = dest.buffer.addresses(self.positions)
            return
        assert dest.addresses is not None, "a table at dram has addresses"
        self.data = np.array(dest.data)
        self.real = np.ones(dest.shape, np.bool_) if dest.real is None else np.array(dest.real)
        self.addresses = dest.addresses

    def combine(self, index: tuple[Array, ...], values: Array, kind: str | None) -> None:
        """Takes the elements in, one after the other."""
        if kind:
            demand_real(self.real[index], "combines with")
        for place, value in zip(zip(*index, strict=True), values, strict=True):
            self.data[place] = combined(kind, self.data[place], value) if kind else value
        self.real[index] = True
        if isinstance(self.dest, MemRef):
            self.dest.buffer.write(self.positions[index], self.data[index], self.here.agents, scatter=self.scatter)

    def result(self) -> Tile | None:
        """The new tensor; none for a memref."""
        if isinstance(self.dest, MemRef):
            return None
        return Tile(self.data, None if self.real.all() else self.real, self.addresses, self.dest.stores)


@meaning("gir.copy")
def copy(here: Here, op: Instruction, source: MemRef, *operands: Tile | MemRef) -> Token:
    """Starts to copy a window to another; it is done at once, or only when somebody waits for it."""
    _, source_indices, (dest,), dest_indices, sizes = op.groups([source, *operands])
    extents = op.mixed("static_sizes", sizes)
    read = source.flat([integer(i) for i in source_indices], extents).ravel()
    write = dest.flat([integer(i) for i in dest_indices], extents).ravel()
    _count_copy(here, op, source.buffer, read, dest.buffer, write)
    data = source.buffer.read(read, here.agents)
    dest.buffer.write(write, here.state.garbage((len(write),), op.operand_types[0]), here.agents)
    if here.state.rng.random() < 0.5:
        dest.buffer.put(write, data)
    _mark(source.buffer, "leaving", read, 1)
    _mark(dest.buffer, "arriving", write, 1)

    def finish(agents: Sequence[Agent]) -> None:
        _mark(source.buffer, "leaving", read, -1)
        _mark(dest.buffer, "arriving", write, -1)
        dest.buffer.write(write, source.buffer.read(read, agents), agents)

    token = Token(op, finish)
    here.state.tokens.append(token)
    return token


def _mark(buffer: Buffer, which: str, flat: Array, change: int) -> None:
    copies = getattr(buffer, which)
    if copies is None:
        copies = np.zeros(len(buffer.data), np.int32)
        setattr(buffer, which, copies)
    copies[flat] += change
    buffer.pending += change


def _count_copy(here: Here, op: Instruction, source: Buffer, read: Array, dest: Buffer, write: Array) -> None:
    itemsize = source.data.dtype.itemsize
    here.spaces.read(op.number, source.place, source.addresses(read), itemsize)
    here.spaces.written(op.number, dest.place, dest.addresses(write), itemsize)


@meaning("gir.wait")
def wait(here: Here, op: Instruction, *tokens: Token) -> Running:
    """Goes on when copies are done; others may run before that."""
    yield Event(op)
    for token in tokens:
        if not token.waited:
            token.waited = True
            token.finish(here.agents)
            here.state.tokens.remove(token)


@meaning("gir.stage")
def stage(here: Here, op: Instruction, source: MemRef, *operands: Tile) -> MemRef:
    """A window of a memref, near: a snapshot, so the window must not change while it is used."""
    _, indices, sizes = op.groups([source, *operands])
    extents = op.mixed("static_sizes", sizes)
    flat = source.flat([integer(i) for i in indices], extents).ravel()
    buffer = here.state.buffer(f"the stage of {source.buffer.name}", op.type, len(flat))
    here.own(buffer, op)
    buffer.put(np.arange(len(flat)), source.buffer.read(flat, here.agents))
    _count_copy(here, op, source.buffer, flat, buffer, np.arange(len(flat)))
    buffer.snapshot = Snapshot(source.buffer, flat, source.buffer.watch())
    return dense(buffer, extents)


@meaning("gir.alloc")
def alloc(here: Here, op: Instruction, *sizes: Tile) -> MemRef:
    """Memory of the group, not written yet; it lives to the end of the block."""
    shape = shape_of(op.type, sizes)
    buffer = here.state.buffer(f"the buffer of instruction {op.number}", op.type, int(np.prod(shape)))
    here.own(buffer, op)
    return dense(buffer, shape)


@meaning("gir.sync")
def sync(here: Here, op: Instruction) -> Running:
    """Goes on when every unit of the scope has come here."""
    yield Event(op, op.attributes["scope"])
