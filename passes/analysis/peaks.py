"""Peaks of tile form: the most bytes that live at once, at `reg` per unit and at `sram` per group.

A tile lives from its op to the last use of it in its block. An elementwise op or a reduction takes
the place of an operand that dies there and is large enough. What only repeats a value (a broadcast,
neighbourhoods, a splat, a constant, an iota) takes none, and keeps what it repeats alive; nor does what
contractions multiply where it lies, on machines that do so, and flags of places, which are worked out again where they
are used. What a loop carries takes the place of what it started
from, if that dies there. A buffer at `sram` lives to the end of its block:

    %0 = load          64 B
    %1 = exp %0        64 B, in the place of %0
    %2 = load          128 B    peak
    %3 = addf %1, %2   64 B
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import defining_op, is_tensor, operations
from powerfusion.dialects import gir
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_access import Buffer, place_of
from powerfusion.passes.analysis.ledger_numbers import Number, UnknownIndex, add, dense, multiply, scale
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.symbolic import Count, Polynomial

REPEATING = ("gir.broadcast", "gir.window")
REPLICAS = (*REPEATING, "gir.iota", "tensor.splat", "arith.constant")
IN_PLACE = ("arith.", "math.", "gir.reduce", "gir.scan", "gir.contract", "gir.all_reduce")
Place = str
"""The name of a space."""


@dataclass
class Peaks:
    """The most that lived in an instance of each of a machine's spaces.

    Attributes:
        machine: Whose spaces.
        most: By space.
        of_kernel: The same for each kernel, by its number.
        kernel: The number of the one that is looked at.
    """

    machine: Machine
    most: dict[Place, Count] = field(default_factory=dict)
    of_kernel: dict[int, dict[Place, Count]] = field(default_factory=dict)
    kernel: int | None = None

    def place(self, value: ir.Value) -> Place:
        """Where a tensor or memref is: the space's own name, however the program calls it."""
        at = place_of(value)
        return self.machine.space_of(at.level, at.space or None).name

    def see(self, place: Place, live: Number) -> None:
        """Notes what lives in a place at some time."""
        now = most_of(live)
        _raise(self.most, place, now)
        if self.kernel is not None:
            _raise(self.of_kernel.setdefault(self.kernel, {}), place, now)


def _raise(most: dict[Place, Count], place: Place, now: Count) -> None:
    known = most.get(place, 0)
    if isinstance(known, int):
        most[place] = max(known, now) if isinstance(now, int) else now


def most_of(live: Number) -> Count:
    """The most that an amount comes to; where that is too much to work out, each part at its most."""
    if isinstance(live, (int, Polynomial)):
        return live
    try:
        return int(dense(live)[1].max(initial=0))
    except UnknownIndex:
        return live.constant + sum(int(array.max(initial=0)) for _, array in live.terms)


@dataclass
class Pool:
    """What lives in the instances of a scope, by place."""

    peaks: Peaks
    live: dict[Place, Number] = field(default_factory=dict)

    def take(self, place: Place, size: Number) -> None:
        """Something begins to live."""
        self.live[place] = add(self.live.get(place, 0), size)
        self.peaks.see(place, self.live[place])

    def give(self, place: Place, size: Number) -> None:
        """Something has ended."""
        self.live[place] = add(self.live[place], scale(size, -1))


@dataclass
class Pressure:
    """Follows a kernel in tile form op by op.

    Attributes:
        peaks: What it finds.
        registers: Of the unit; None outside of parallels, where nothing is kept.
        shared: Of the group, as one of its units sees it.
        copies: How many units allocate there what this one does.
        held: By value, where and how much it takes at `reg`.
        dying: By op, the values of its block that it is the last to use.
        owned: Buffers of the blocks that are open, innermost last.
    """

    peaks: Peaks
    registers: Pool | None = None
    shared: Pool | None = None
    copies: Number = 1
    held: dict[ir.Value, tuple[Place, int]] = field(default_factory=dict)
    dying: dict[ir.Operation, list[ir.Value]] = field(default_factory=dict)
    owned: list[list[tuple[Place, Number]]] = field(default_factory=list)

    def inside(self, scope: str, instances: Number) -> Pressure:
        """The same for an instance of a parallel: registers of its own, and for a group what its units share."""
        if scope != "unit":
            return Pressure(self.peaks, Pool(self.peaks), Pool(self.peaks))
        shared = Pool(self.peaks, dict(self.shared.live) if self.shared is not None else {})
        return Pressure(self.peaks, Pool(self.peaks), shared, instances)

    def enter(self, block: ir.Block) -> None:
        """A block begins."""
        self.owned.append([])
        if self.registers is not None:
            self.dying |= last_uses(block)

    def leave(self) -> None:
        """A block has ended, and its buffers with it."""
        for place, size in self.owned.pop():
            if self.shared is not None:
                self.shared.give(place, size)

    def own(self, value: ir.Value, buffer: Buffer) -> None:
        """A buffer of the innermost block."""
        size: Number = multiply(self.copies, buffer.element)
        for extent in buffer.sizes:
            size = multiply(size, extent)
        place = self.peaks.place(value)
        if self.shared is not None:
            self.shared.take(place, size)
        self.owned[-1].append((place, size))

    def after(self, op: ir.Operation) -> None:
        """An op has been executed."""
        if self.registers is None:
            return
        dying = self.dying.get(op, [])
        reuse = op.name.startswith(IN_PLACE)
        for result in op.results:
            if is_free(op) or not is_tensor(result) or not gir.is_at(result, "reg"):
                continue
            size = tile_bytes(result)
            if size <= self.peaks.machine.in_place_bytes and gir.is_only_multiplied(result):
                continue
            if reuse:
                self._end_one([value for value in dying if value in op.operands], size)
            self.hold(result)
        self.release(dying)

    def _end_one(self, dying: Sequence[ir.Value], size: int) -> None:
        """Ends an operand that dies here and is at least so large: the result takes its place."""
        for value in dying:
            if value in self.held and self.held[value][1] >= size:
                self.release([value])
                return

    def begin_loop(self, op: ir.Operation, inits: Sequence[ir.Value]) -> None:
        """A loop takes the place of what it starts from, where nothing else needs that."""
        dying = self.dying.get(op, [])
        self.release([value for value in inits if value in dying])

    def hold(self, value: ir.Value) -> None:
        """A tile begins to live."""
        if self.registers is None or not is_tensor(value) or not gir.is_at(value, "reg"):
            return
        self.held[value] = (self.peaks.place(value), tile_bytes(value))
        self.registers.take(*self.held[value])

    def release(self, values: Iterable[ir.Value]) -> None:
        """Tiles have ended, where they took any room."""
        for value in values:
            found = self.held.pop(value, None)
            if found is not None and self.registers is not None:
                self.registers.give(*found)


def is_free(op: ir.Operation) -> bool:
    """Whether what an op makes takes no room: a replica, or flags of places."""
    return op.name in REPLICAS or gir.is_flag_of_places(op)


def repeated(value: ir.Value) -> Iterator[ir.Value]:
    """A value, and what it repeats."""
    yield value
    source = defining_op(value)
    while source is not None and source.name in REPEATING:
        yield source.operands[0]
        source = defining_op(source.operands[0])


def tile_bytes(value: ir.Value) -> int:
    """Bytes of a tile."""
    size = element_bytes(value)
    for extent in value.type.shape:
        size *= extent
    return size


def last_uses(block: ir.Block) -> dict[ir.Operation, list[ir.Value]]:
    """By op, the values of the block itself that nothing in it uses later."""
    local = set(block.arguments)
    ops = operations(block)
    for op in ops:
        local.update(op.results)
    seen: set[ir.Value] = set()
    found: dict[ir.Operation, list[ir.Value]] = {}
    for op in reversed(ops):
        used = [*op.results, *_used(op)]
        fresh = [value for value in dict.fromkeys(used) if value in local and value not in seen]
        if fresh:
            found[op] = fresh
            seen.update(fresh)
    return found


def _used(op: ir.Operation) -> Iterable[ir.Value]:
    """What an op or anything in it takes; what only repeats takes no room, so what it repeats lives on."""
    for value in op.operands:
        yield from repeated(value)
    for region in op.regions:
        for block in region:
            for inner in block:
                yield from _used(inner.operation)
