"""Tile form, counted without executing it: loops become axes, indices arrays over them.

    gir.parallel (%i) in (4096)          axis i of 4096
      scf.for %j = 0 to 1000 step 64     axis j of 16
        %v = affine.min (64, 1000 - %j)  an array over j: 64, 64, ..., 40
        gir.load %x[%i, %j] valid [1, %v]

Where a bound is open the kernel's loops are kept as they are, and sums over them are worked out in
closed form where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from powerfusion.core._mlir import constant_index, entry_block, operations, segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.gemm import ATTRIBUTE
from powerfusion.passes.analysis.ledger_access import Access, Buffer, Loop, Scope, place_of
from powerfusion.passes.analysis.ledger_bytes import EXPRESSIONS
from powerfusion.passes.analysis.ledger_index import EVALUATED, constant
from powerfusion.passes.analysis.ledger_numbers import (
    Axis,
    Grid,
    Number,
    UnknownIndex,
    add,
    ceildiv,
    counter,
    largest_value,
    multiply,
    pointwise,
    scale,
    subtract,
)
from powerfusion.passes.analysis.ledger_record import Recorder
from powerfusion.passes.analysis.ledger_views import MEMREF_VIEWS, dynamic_shape, new_buffer
from powerfusion.passes.analysis.peaks import Pressure
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.symbolic import Polynomial

ALLOCATIONS = ("memref.alloc", "memref.alloca", "memref.get_global")


@dataclass
class TileWalk:
    """Goes through a function or kernel in tile form and records what its instructions access.

    Attributes:
        recorder: Takes what is found.
        call: What a call or launch does.
        pressure: What lives.
        known: Index values and memrefs.
        open: True where trips of loops are open.
        kernel: The kernel around, for the entries.
    """

    recorder: Recorder
    call: Callable[[ir.Operation, TileWalk, Scope], None]
    pressure: Pressure
    known: dict[ir.Value, Number | Buffer] = field(default_factory=dict)
    open: bool = False
    kernel: ir.Operation | None = None

    # -- what expressions ask ------------------------------------------------------------------

    def number(self, value: ir.Value) -> Number:
        """An index value.

        Raises:
            UnknownIndex: It isn't known before the program runs.
        """
        found = self.known.get(value)
        if found is not None and not isinstance(found, Buffer):
            return found
        if self.open:
            fresh = Polynomial.symbol(f"unknown{len(self.known)}")
            self.known[value] = fresh
            return fresh
        raise UnknownIndex(str(value))

    def buffer(self, value: ir.Value) -> Buffer:
        """A memref.

        Raises:
            UnknownIndex: It isn't known where it is from.
        """
        found = self.known.get(value)
        if isinstance(found, Buffer):
            return found
        raise UnknownIndex(str(value))

    def shape(self, value: ir.Value) -> tuple[Number, ...]:
        """The shape of a tile or memref."""
        found = self.known.get(value)
        return found.sizes if isinstance(found, Buffer) else tuple(value.type.shape)

    def part(self, value: ir.Value) -> tuple[Number, ...] | None:
        """All of a value."""
        del value
        return None

    def begin(self, value: ir.Value) -> None:
        """A tile is all there is."""
        del value

    def accessed(self, value: ir.Value, op: ir.Operation, direction: str) -> Sequence[Access]:
        """Graph form's movement between tiles: whole ones."""
        del op
        return (Access(place_of(value), direction, tuple(value.type.shape), element_bytes(value)),)

    # -- ops -----------------------------------------------------------------------------------

    def block(self, block: ir.Block, scope: Scope) -> None:
        """The ops of a block, in order."""
        self.pressure.enter(block)
        for op in operations(block):
            self.visit(op, scope)
            self.pressure.after(op)
        self.pressure.leave()

    def visit(self, op: ir.Operation, scope: Scope) -> None:
        """One op: what it accesses, and what its results are."""
        name = op.name
        if len(op.results):
            self.recorder.compute(op, self.kernel, scope, self.shape)
        if name in REGIONS:
            REGIONS[name](self, op, scope)
        elif name in EVALUATED:
            if len(op.results) == 1 and not isinstance(op.result.type, ir.ShapedType):
                self._evaluate(op)
        elif name in MEMREF_VIEWS:
            self._define(op, lambda: MEMREF_VIEWS[name](op, self.buffer(op.operands[0]), self.number))
        elif name == "arith.constant":
            value = constant(op)
            if value is not None:
                self.known[op.result] = value
        elif name == "memref.dim":
            self._define(op, lambda: self.buffer(op.operands[0]).sizes[constant_index(op.operands[1])])
        elif name in ALLOCATIONS or name == "gir.alloc":
            self._allocate(op, list(op.operands))
        elif name == "gir.stage":
            self._allocate(op, segments(op)[2])
            self.record(op, scope)
        elif name in EXPRESSIONS and not self.recorder.stays(op):
            self.record(op, scope)
        elif name in ("func.call", "gir.launch"):
            self.call(op, self, scope)
        elif any(moves(block) for region in op.regions for block in region):
            raise UnsupportedError(f"the bytes of what '{name}' repeats can't be counted", location=op.location)

    def record(self, op: ir.Operation, scope: Scope) -> None:
        """Records what an instruction accesses."""
        self.recorder.record(op, self.kernel, EXPRESSIONS[op.name](op, self), scope)

    def _define(self, op: ir.Operation, make: Callable[[], Number | Buffer]) -> None:
        try:
            self.known[op.result] = make()
        except UnknownIndex:
            self.known.pop(op.result, None)

    def _evaluate(self, op: ir.Operation) -> None:
        def make() -> Number:
            return EVALUATED[op.name](op, [self.number(operand) for operand in op.operands])

        self._define(op, make)

    def _allocate(self, op: ir.Operation, sizes: Sequence[ir.Value]) -> None:
        given = [self.number(size) for size in sizes]
        buffer = new_buffer(op.result, dynamic_shape(op.result.type, given))
        self.known[op.result] = buffer
        if op.name.startswith("gir."):
            self.pressure.own(op.result, buffer)

    # -- regions -------------------------------------------------------------------------------

    def tile_kernel(self, op: ir.Operation, scope: Scope) -> None:
        """A kernel in tile form; where a bound is open, once more with open loops."""
        if ATTRIBUTE in op.attributes:
            self.recorder.record(op, op, self._product(op), scope)
            return
        peaks = self.pressure.peaks
        inside = replace(self, kernel=op, known=dict(self.known), open=False, pressure=Pressure(peaks))
        mark = self.recorder.mark()
        try:
            inside._enter_kernel(op, scope)
        except UnknownIndex:
            self.recorder.back_to(mark)
            again = replace(self, kernel=op, known=dict(self.known), open=True, pressure=Pressure(peaks))
            again._enter_kernel(op, scope)

    def _product(self, op: ir.Operation) -> Iterator[Access]:
        """What a library that does a product accesses: both factors and the result, once."""
        given, arguments = segments(op)[0], list(entry_block(op).arguments)
        for at, (value, argument) in enumerate(zip(given, arguments, strict=True)):
            buffer = self.buffer(value)
            direction = "write" if at == len(given) - 1 else "read"
            box = buffer.box([0] * len(buffer.sizes))
            yield Access(place_of(argument), direction, buffer.sizes, element_bytes(argument), box)

    def _enter_kernel(self, op: ir.Operation, scope: Scope) -> None:
        block = entry_block(op)
        for value, argument in zip(segments(op)[0], block.arguments, strict=True):
            if value in self.known:
                self.known[argument] = self.known[value]
        self.block(block, scope)

    def parallel(self, op: ir.Operation, scope: Scope) -> None:
        """A `gir.parallel`: an axis per count."""
        block = entry_block(op)
        level = str(op.attributes["scope"]).partition("<")[2].rstrip(">")
        for count, index in zip(op.operands, block.arguments, strict=True):
            scope = self.loop(index, 0, self.number(count), 1, scope, level)
        instances: Number = 1
        for count in op.operands:
            instances = multiply(instances, self.number(count))
        replace(self, pressure=self.pressure.inside(level, instances)).block(block, scope)

    def serial(self, op: ir.Operation, scope: Scope) -> None:
        """An `scf.for`."""
        low, high, step, *inits = op.operands
        block = entry_block(op)
        index, *carried = block.arguments
        for init, argument, result in zip(inits, carried, op.results, strict=True):
            if isinstance(known := self.known.get(init), Buffer):
                self.known[argument] = self.known[result] = known
        width = self.number(step)
        if not isinstance(width, int):
            raise UnknownIndex("a loop whose step isn't known")
        runs = "launch" if self.kernel is None else ""
        inside = self.loop(index, self.number(low), self.number(high), width, scope, runs)
        if any(axis.size == 0 for axis in inside.axes):
            return
        self.pressure.begin_loop(op, inits)
        for argument in carried:
            self.pressure.hold(argument)
        self.block(block, inside)
        self.pressure.release(carried)

    def loop(self, index: ir.Value, low: Number, high: Number, step: int, scope: Scope, runs: str) -> Scope:
        """Binds a loop's index; gives the scope inside of it. `runs` says what its trips are, as an axis does."""
        if self.open and not (isinstance(low, Grid) or isinstance(high, Grid)):
            return self._open_loop(index, low, high, step, scope)
        length = subtract(high, low)
        trips = ceildiv(length, step)
        axis = Axis(max(largest_value(trips), 0), runs)
        if axis.size <= 1:
            self.known[index] = low
            axes: tuple[Axis, ...] = () if axis.size else (axis,)
        else:
            self.known[index] = add(low, scale(counter(axis), step))
            axes = (axis,)
        masks = () if isinstance(trips, int) or not axis.size else (_less(counter(axis) if axes else 0, trips),)
        return scope.inside(*axes, masks=masks)

    def _open_loop(self, index: ir.Value, low: Number, high: Number, step: int, scope: Scope) -> Scope:
        if isinstance(low, Grid) or isinstance(high, Grid):
            raise UnknownIndex("a loop and an open size in one bound")
        if isinstance(low, int) and isinstance(high, int) and high - low <= step:
            self.known[index] = low
            return scope if high > low else scope.inside(Axis(0))
        loop = Loop(f"%{len(scope.loops)}", low, high, step)
        self.known[index] = loop.index
        return replace(scope, loops=(*scope.loops, loop))

    def condition(self, op: ir.Operation, scope: Scope) -> None:
        """An `scf.if`: a mask where its condition is known in every trip."""
        found = self.known.get(op.operands[0])
        for number, region in enumerate(op.regions):
            inside = _branch(found, scope, taken=number == 0)
            for block in () if any(axis.size == 0 for axis in inside.axes) else region.blocks:
                self.block(block, inside)
        self._choose(op, found)

    def _choose(self, op: ir.Operation, found: Number | Buffer | None) -> None:
        """The results of an if that are indices or memrefs."""
        for place, result in enumerate(op.results):
            sides = [operations(region.blocks[0])[-1].operands[place] for region in op.regions]
            values = [self.known.get(side) for side in sides]
            if isinstance(values[0], Buffer):
                self.known[result] = values[0]
            elif all(value is not None and not isinstance(value, Buffer) for value in values):
                yes, no = (value for value in values if value is not None and not isinstance(value, Buffer))
                if isinstance(found, int):
                    self.known[result] = yes if found else no
                elif isinstance(found, Grid):
                    self.known[result] = pointwise(lambda c, a, b: np.where(c != 0, a, b), found, yes, no)

    def first_region(self, op: ir.Operation, scope: Scope) -> None:
        """`gir.alternatives`, of which the first region counts, and `scf.execute_region`, which has one."""
        block = entry_block(op)
        self.block(block, scope)
        for result, value in zip(op.results, operations(block)[-1].operands, strict=True):
            if value in self.known:
                self.known[result] = self.known[value]


def moves(block: ir.Block) -> bool:
    """True if something in a block moves data."""
    for op in operations(block):
        if op.name in EXPRESSIONS or any(moves(inner) for region in op.regions for inner in region):
            return True
    return False


def _less(left: Number, right: Number) -> Number:
    return pointwise(lambda a, b: (a < b).astype(np.int64), left, right)


def _branch(found: Number | Buffer | None, scope: Scope, *, taken: bool) -> Scope:
    """The scope in a branch of an if."""
    if isinstance(found, int):
        return scope if bool(found) == taken else scope.inside(Axis(0))
    if isinstance(found, Grid):
        return scope.inside(masks=(pointwise(lambda c: ((c != 0) == taken).astype(np.int64), found),))
    return replace(scope, unsure=True)


REGIONS: Mapping[str, Callable[[TileWalk, ir.Operation, Scope], None]] = {
    "gir.kernel": TileWalk.tile_kernel,
    "gir.parallel": TileWalk.parallel,
    "gir.alternatives": TileWalk.first_region,
    "scf.execute_region": TileWalk.first_region,
    "scf.for": TileWalk.serial,
    "scf.if": TileWalk.condition,
}
