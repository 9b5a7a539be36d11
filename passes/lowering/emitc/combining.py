"""Reductions and scans in C: elements are folded into arrays of accumulators, in row-major order.

A reduction of elements waits with the ops that make them, and folds in their loop. One whose elements have a payload,
and a scan, have a nest of loops of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from powerfusion.core._mlir import integers, operations, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code, scalars
from powerfusion.passes.lowering.emitc.arithmetic import combined
from powerfusion.passes.lowering.emitc.carries import Carry, accumulator, copy_into, is_argument, start
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.computation import there
from powerfusion.passes.lowering.emitc.lanes import LaneCarry, kind_of, lanes_of, start_lanes
from powerfusion.passes.lowering.emitc.lowering import TARGET
from powerfusion.passes.lowering.emitc.partials import LanesCarry
from powerfusion.passes.lowering.emitc.scalars import computed
from powerfusion.passes.lowering.emitc.tiles import Held, Index, Member, Tile, viewed
from powerfusion.passes.lowering.emitc.tree import Tree, folds_as_tree
from powerfusion.passes.lowering.registry import lowers

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.lowering import EmitcLowering


@lowers("gir.reduce", to=TARGET)
def lower_reduce(lowering: EmitcLowering, op: ir.Operation) -> None:
    """Each element is folded into its accumulator, in the loop that makes it."""
    inputs, inits, valid = segments(op)
    tiles, counts = [lowering.tile(value) for value in inputs], lowering.numbers(valid)
    dims = integers(op.attributes["dims"])
    if len({tile.shape for tile in tiles}) > 1 or len(inits[0].type.shape) + len(dims) > len(tiles[0].shape):
        Fold(lowering, op, dims, counts).reduce()
        return
    if len({len(tile.shape) for tile in tiles}) == 1 and counts and len(counts) < len(tiles[0].shape):
        Fold(lowering, op, dims, counts).reduce()
        return
    if lowering.keeps_lanes and lanes_of(op) and "kinds" in op.attributes:
        _fold_lanes(lowering, op, tiles, (dims, counts))
        return
    carries = [accumulator(lowering, op, init) for init in inits]
    if isinstance(carries[0], LanesCarry):
        carries[0].fold.fold(op, tiles, counts)
        lowering.bind(op.results, carries)
        return
    if folds_as_tree(op):
        Tree(lowering, op, tiles, counts, combine).fold(carries)
        lowering.bind(op.results, carries)
        return
    for carry in carries:
        carry.held.late = True
    shape = tiles[0].shape

    def compute(index: Index) -> Sequence[ir.Value]:
        kept = tuple(at for dim, at in enumerate(index) if dim not in dims)
        flag = there(counts, index, shape)
        places = [carry.place(kept) for carry in carries]
        elements = [tile.at(index) for tile in tiles]
        given = [code.load(place) for place in places]
        made = combine(lowering, op, elements, given)
        for value, before, place in zip(made, given, places, strict=True):
            code.assign(code.choose(flag, value, before), place)
        return []

    held = [carry.held for carry in carries]
    lowering.join(Member(op, shape, compute, held, folds=frozenset(dims)), tiles)
    lowering.bind(op.results, carries)


def _fold_lanes(
    lowering: EmitcLowering,
    op: ir.Operation,
    tiles: Sequence[Tile],
    extents: tuple[Sequence[int], Sequence[Number]],
) -> None:
    """Each lane has an accumulator of its own."""
    dims, counts = extents
    inits = segments(op)[1]
    shape = tiles[0].shape
    lane = max(dim for dim in dims if shape[dim] != 1)
    carries: list[LaneCarry] = []
    for at, init in enumerate(inits):
        given = lowering.values[init]
        if not isinstance(given, LaneCarry) or not is_argument(init):
            given = start_lanes(lowering, op, at, lowering.tile(init), None)
        carries.append(given)

    def compute(index: Index) -> Sequence[ir.Value]:
        kept = tuple(at for dim, at in enumerate(index) if dim not in dims)
        flag = there(counts, index, shape)
        for tile, carry in zip(tiles, carries, strict=True):
            carry.fold(tile.at(index), kept, index[lane], flag)
        return []

    held = [carry.held for carry in carries]
    lowering.join(Member(op, shape, compute, held, meets=frozenset(dims) - {lane}), tiles)
    lowering.bind(op.results, carries)


def combine(
    lowering: EmitcLowering, op: ir.Operation, elements: Sequence[ir.Value], given: Sequence[ir.Value]
) -> list[ir.Value]:
    """One element of each input with its accumulator."""
    if "kinds" in op.attributes:
        made: list[ir.Value] = []
        for at, (value, before) in enumerate(zip(elements, given, strict=True)):
            element = op.results[at].type.element_type
            wide = code.cast(value, before.type) if scalars.is_float(element) else value
            made.append(combined(kind_of(op, at), before, wide, element, lowering.helper))
        return made
    block = op.regions[0].blocks[0]
    lowering.bind(block.arguments, [*elements, *given])
    for inner in operations(block)[:-1]:
        lowering.emit(inner)
    return [lowering.scalar(value) for value in operations(block)[-1].operands]


# -- with a payload, and scans ---------------------------------------------------------------------


@dataclass
class Fold:
    """A reduction or scan in a nest of loops of its own.

    Attributes:
        lowering: What it is part of.
        op: The op.
        dims: The folded dimensions.
        counts: Valid extents, or none.
    """

    lowering: EmitcLowering
    op: ir.Operation
    dims: Sequence[int]
    counts: Sequence[Number]

    def __post_init__(self) -> None:
        self.inputs, self.inits, _ = segments(self.op)
        self.tiles = [self.lowering.tile(value) for value in self.inputs]
        self.lowering.group.flush()
        self.rank = min(len(tile.shape) for tile in self.tiles)
        self.common = self.tiles[0].shape[: self.rank]

    def reduce(self) -> None:
        """Folds everything away."""
        results = self.op.results
        carries = [accumulator(self.lowering, self.op, init) for init in self.inits]
        with ExitStack() as nest:
            index = self._loops(nest)
            with code.when(there(self.counts, index, self.common)):
                self._fold(index, carries)
        self.lowering.bind(results, carries)

    def scan(self) -> None:
        """Keeps what there is after, or before, each element."""
        lowering, op = self.lowering, self.op
        count = len(self.tiles)
        carries = [start(lowering, op, lowering.tile(i), computed(i.type.element_type)) for i in self.inits]
        scanned = [Held(tile.shape, tile.element) for tile in self.tiles]
        for held in scanned:
            lowering.declare(held, op)
        with ExitStack() as nest:
            index = self._loops(nest)
            with code.when(there(self.counts, index, self.common)):
                if "exclusive" in op.attributes:
                    self._keep(index, carries, scanned)
                self._fold(index, carries)
                if "exclusive" not in op.attributes:
                    self._keep(index, carries, scanned)
        lowering.bind(op.results[:count], [Tile.of(held) for held in scanned])
        lowering.bind(op.results[count:], [carry.finish() for carry in carries])

    def _loops(self, nest: ExitStack) -> Index:
        """A loop per dimension in common; the folded one of a scan may run backwards."""
        index: list[Number] = []
        for dim, size in enumerate(self.common):
            at: Number = 0 if size == 1 else nest.enter_context(code.loop(0, size))
            if "reverse" in self.op.attributes and dim in self.dims:
                at = code.minus(size - 1, at)
            index.append(at)
        return tuple(index)

    def _kept(self, index: Index) -> Index:
        return tuple(at for dim, at in enumerate(index) if dim not in self.dims)

    def _fold(self, index: Index, carries: Sequence[Carry]) -> None:
        """One element of each input, with its payload, into the accumulators."""
        lowering, op = self.lowering, self.op
        kept = self._kept(index)
        if all(len(tile.shape) == self.rank for tile in self.tiles):
            places = [carry.place(kept) for carry in carries]
            elements = [tile.at(index) for tile in self.tiles]
            made = combine(lowering, op, elements, [code.load(place) for place in places])
            for value, place in zip(made, places, strict=True):
                code.assign(value, place)
            return
        if "kinds" in op.attributes:
            for at, (tile, carry) in enumerate(zip(self.tiles, carries, strict=True)):
                self._fold_payload(at, (tile, carry), index, kept)
            return
        self._combine_payloads(index, kept, carries)

    def _fold_payload(self, at: int, pair: tuple[Tile, Carry], index: Index, kept: Index) -> None:
        tile, carry = pair
        element = self.op.results[at].type.element_type
        with ExitStack() as nest:
            rest = tuple(0 if s == 1 else nest.enter_context(code.loop(0, s)) for s in tile.shape[self.rank :])
            place = carry.place((*kept, *rest))
            value = tile.at((*index, *rest))
            value = code.cast(value, carry.type_) if scalars.is_float(element) else value
            code.assign(combined(kind_of(self.op, at), code.load(place), value, element, self.lowering.helper), place)

    def _combine_payloads(self, index: Index, kept: Index, carries: Sequence[Carry]) -> None:
        """The region, given single numbers and tiles of payload."""
        lowering = self.lowering
        block = self.op.regions[0].blocks[0]
        elements = [self._part(tile, index) for tile in self.tiles]
        given = [self._part(Tile.of(carry.held), kept) for carry in carries]
        lowering.bind(block.arguments, [*elements, *given])
        for inner in operations(block)[:-1]:
            lowering.emit(inner)
        lowering.group.flush()
        ends = list(operations(block)[-1].operands)
        made = [lowering.values[end] for end in ends]
        shadows: list[tuple[Held | ir.Value, Carry, tuple[int, ...]]] = []
        for end, value, carry in zip(ends, made, carries, strict=True):
            if not isinstance(value, Tile):
                shadows.append((lowering.scalar(end), carry, ()))
                continue
            held = Held(value.shape, value.element)
            lowering.declare(held, self.op)
            copy_into(held, value, computed(value.element))
            shadows.append((held, carry, value.shape))
        for value, carry, shape in shadows:
            with ExitStack() as nest:
                rest = tuple(0 if s == 1 else nest.enter_context(code.loop(0, s)) for s in shape)
                element = value.at(rest) if isinstance(value, Held) else value
                code.assign(code.cast(element, carry.type_), carry.place((*kept, *rest)))

    def _part(self, tile: Tile, index: Index) -> Tile | ir.Value:
        """One element, or the payload behind it."""
        rest = tile.shape[len(index) :]
        if not rest:
            return tile.at(index)
        return viewed([tile], rest, lambda payload: tile.at((*index, *payload)))

    def _keep(self, index: Index, carries: Sequence[Carry], scanned: Sequence[Held]) -> None:
        """Writes accumulators where a scan gives them."""
        kept = self._kept(index)
        for carry, held in zip(carries, scanned, strict=True):
            with ExitStack() as nest:
                rest = tuple(0 if s == 1 else nest.enter_context(code.loop(0, s)) for s in held.shape[self.rank :])
                value = carry.held.at((*kept, *rest))
                where = tuple(at for at, size in zip((*index, *rest), held.shape, strict=True) if size != 1)
                held.put(value, where)


@lowers("gir.scan", to=TARGET)
def lower_scan(lowering: EmitcLowering, op: ir.Operation) -> None:
    """Element after element, in order."""
    counts = lowering.numbers(segments(op)[2])
    Fold(lowering, op, [ir.IntegerAttr(op.attributes["dim"]).value], counts).scan()
