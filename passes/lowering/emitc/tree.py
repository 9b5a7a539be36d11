"""A combiner's reduction along lanes in C: the upper half folded into the lower one, until one element is left.

    for (i = 0; i < 16; ..) part[i] = combine(x[i + 16], x[i]);      neighbours instead, where the order counts
    for (i = 0; i < 8; ..) part[i] = combine(part[i + 8], part[i]);
    ...
    total = combine(part[0], total);

Where the later one isn't there the earlier one stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from powerfusion.core._mlir import integers, operations, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.combiners import is_associative
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.carries import Carry
from powerfusion.passes.lowering.emitc.code import Flag, Number
from powerfusion.passes.lowering.emitc.lanes import lanes_of
from powerfusion.passes.lowering.emitc.tiles import Held, Index, Tile

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.lowering import EmitcLowering

Elements = Callable[[Number], list[ir.Value]]
Combine = Callable[["EmitcLowering", ir.Operation, Sequence[ir.Value], Sequence[ir.Value]], list[ir.Value]]
ARITHMETIC = ("arith.", "math.")


def folds_as_tree(op: ir.Operation) -> bool:
    """Whether a reduction's lanes may be folded pair by pair: by a combiner of arithmetic alone that says so."""
    if "kinds" in op.attributes or not is_associative(op) or not lanes_of(op):
        return False
    dims = integers(op.attributes["dims"])
    shape = segments(op)[0][0].type.shape
    alone = all(shape[dim] == 1 for dim in dims[:-1]) or is_commutative(op)
    return alone and all(inner.name.startswith(ARITHMETIC) for inner in operations(op.regions[0].blocks[0])[:-1])


def is_commutative(op: ir.Operation) -> bool:
    """Whether a combiner declares that the order doesn't count."""
    return "commutative" in str(op.attributes["algebra"])


@dataclass
class Tree:
    """One such reduction.

    Attributes:
        lowering: What it is part of.
        op: The reduction.
        tiles: Its inputs.
        counts: Valid extents, or none.
        combine: Combines elements, given first, with accumulators.
    """

    lowering: EmitcLowering
    op: ir.Operation
    tiles: Sequence[Tile]
    counts: Sequence[Number]
    combine: Combine

    def __post_init__(self) -> None:
        self.shape = self.tiles[0].shape
        self.dims = integers(self.op.attributes["dims"])
        self.lane = max(dim for dim in self.dims if self.shape[dim] != 1)
        self.lanes = self.shape[self.lane]
        self.width = -(-self.lanes // 2)
        self.by_halves = is_commutative(self.op)

    def fold(self, carries: Sequence[Carry]) -> None:
        """Folds each row of the tiles into its accumulators."""
        lowering = self.lowering
        lowering.settle(*self.tiles)
        self.parts = [Held((self.width,), tile.element) for tile in self.tiles]
        for part in self.parts:
            lowering.declare(part, self.op)
        with ExitStack() as nest:
            index: list[Number] = []
            there: Flag = True
            for dim, size in enumerate(self.shape):
                at: Number = 0 if size == 1 or dim == self.lane else nest.enter_context(code.loop(0, size))
                index.append(at)
                if self.counts:
                    there = code.both(there, code.below(at, self.counts[dim]))
            self._first_level(tuple(index))
            count, apart = self.width, 2
            while count > 1:
                half = -(-count // 2)
                self._level(count, half, apart)
                count, apart = half, 2 * apart
            kept = tuple(at for dim, at in enumerate(index) if dim not in self.dims)
            places = [carry.place(kept) for carry in carries]
            given = [code.load(place) for place in places]
            made = self.combine(lowering, self.op, [part.at((0,)) for part in self.parts], given)
            for value, before, place in zip(made, given, places, strict=True):
                code.assign(code.choose(there, value, before), place)

    def _first_level(self, index: Index) -> None:
        """From the tiles themselves to arrays of half their lanes."""

        def at(lane: Number) -> list[ir.Value]:
            where = (*index[: self.lane], lane, *index[self.lane + 1 :])
            return [tile.at(where) for tile in self.tiles]

        self._pairs(at, self.width, self.lanes, 1)

    def _level(self, count: int, half: int, apart: int) -> None:
        self._pairs(lambda lane: [part.at((lane,)) for part in self.parts], half, count, apart)

    def _pairs(self, at: Elements, half: int, count: int, apart: int) -> None:
        """Folds `count` elements into `half` of them; each stands for `apart` lanes."""
        with code.loop(0, count - half, apart=self.by_halves) as lane:
            sooner = lane if self.by_halves else code.times(lane, 2)
            later = code.plus(lane, half) if self.by_halves else code.plus(sooner, 1)
            before = at(sooner)
            made = self.combine(self.lowering, self.op, at(later), before)
            there = self._there(later, apart)
            for part, value, other in zip(self.parts, made, before, strict=True):
                code.assign(code.choose(there, value, other), part.place(self._place(lane)))
        if count % 2 and (count > half > 0):
            last = half - 1 if self.by_halves else count - 1
            for part, value in zip(self.parts, at(last), strict=True):
                code.assign(value, part.place(self._place(half - 1)))

    def _place(self, lane: Number) -> Index:
        return (lane,) if self.width > 1 else ()

    def _there(self, lane: Number, apart: int) -> Flag:
        """Whether an element stands for a lane that is there."""
        if not self.counts:
            return True
        count = self.counts[self.lane]
        if isinstance(count, int) and count >= self.lanes:
            return True
        return code.below(lane if self.by_halves else code.times(lane, apart), count)
