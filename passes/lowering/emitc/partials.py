"""What a loop folds by a combiner whose order is free, in C: each lane has accumulators of its own until the loop ends.

    for (..) m, s = combine(x[0], combine(x[1], .. (m, s)))   ⇒   for (..)
                                                                    for (i..) m[i], s[i] = combine(x[i], (m[i], s[i]))
                                                                  m, s = combine(all m[i], s[i], (m, s))

Which loops these are is told by `lowering/partials.py`, as for the CPU: lanes begin with the combiner's identity, and
some step fills each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from powerfusion.core._mlir import integers, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code, scalars
from powerfusion.passes.lowering.emitc.carries import Carry, carried_by, copy_into
from powerfusion.passes.lowering.emitc.code import Flag, Number
from powerfusion.passes.lowering.emitc.computation import there
from powerfusion.passes.lowering.emitc.lanes import lanes_of
from powerfusion.passes.lowering.emitc.scalars import computed
from powerfusion.passes.lowering.emitc.tiles import (
    Held,
    Index,
    Member,
    Tile,
    spread_index,
    squeezed,
    squeezed_index,
)
from powerfusion.passes.lowering.emitc.tree import Combine
from powerfusion.passes.lowering.partials import folds_of

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.lowering import EmitcLowering


@dataclass
class LaneFold:
    """The accumulators of a combiner, each with a partial result per lane.

    Attributes:
        lowering: What it is part of.
        op: The reduction.
        inits: What the results begin with.
        ran: Whether the loop takes a step; else lanes hold nothing.
        combine: Combines elements, given first, with accumulators.
    """

    lowering: EmitcLowering
    op: ir.Operation
    inits: Sequence[Tile]
    ran: Flag
    combine: Combine

    def __post_init__(self) -> None:
        self.lanes = lanes_of(self.op)
        self.results: list[Held] = []
        self.parts: list[Held] = []
        for init, identity in zip(self.inits, self.op.attributes["identity"], strict=True):
            wide, shape = computed(init.element), (*init.shape, self.lanes)
            self.lowering.settle(init)
            part = Held(shape, init.element, wide=wide)
            self.lowering.declare(part, self.op)
            copy_into(part, _splat(shape, init.element, identity), wide)
            self.parts.append(part)
            self.results.append(Held(init.shape, init.element, wide=wide, late=True))

    def carries(self) -> list[Carry]:
        """What a loop carries, per accumulator."""
        return [LanesCarry(held, held.element, self.lowering, self) for held in self.results]

    def places(self, kept: Index, lane: Number) -> list[ir.Value]:
        """Where a lane's partial results are."""
        return [part.place(squeezed_index((*kept, lane), part.shape)) for part in self.parts]

    def fold(self, op: ir.Operation, tiles: Sequence[Tile], counts: Sequence[Number]) -> None:
        """Lets a reduction of tiles wait, in which each element goes into its lane."""
        dims, shape = integers(op.attributes["dims"]), tiles[0].shape
        lane = max(dim for dim in dims if shape[dim] != 1)

        def compute(index: Index) -> Sequence[ir.Value]:
            kept = tuple(at for dim, at in enumerate(index) if dim not in dims)
            places = self.places(kept, index[lane])
            given = [code.load(place) for place in places]
            made = self.combine(self.lowering, op, [tile.at(index) for tile in tiles], given)
            flag = there(counts, index, shape)
            for value, before, place in zip(made, given, places, strict=True):
                code.assign(code.choose(flag, value, before), place)
            return []

        self.lowering.join(Member(op, shape, compute, self.results, meets=frozenset(dims) - {lane}), tiles)

    def finish(self) -> None:
        """Folds the lanes together, and with the inits; once."""
        if any(held.array is not None for held in self.results):
            return
        self.lowering.group.flush()
        for held in self.results:
            self.lowering.declare(held, self.op)
        shape = self.inits[0].shape
        with ExitStack() as nest:
            index = tuple(nest.enter_context(code.loop(0, size)) for size in squeezed(shape))
            kept = spread_index(index, shape)
            count = self.lanes
            while count > 1:
                half = -(-count // 2)
                with code.loop(0, count - half, apart=True) as lane:
                    self._combine(self.places(kept, code.plus(lane, half)), self.places(kept, lane))
                count = half
            inits = [code.cast(init.at(kept), computed(init.element)) for init in self.inits]
            lanes = [code.load(place) for place in self.places(kept, 0)]
            made = self.combine(self.lowering, self.op, lanes, inits)
            for held, value, init in zip(self.results, made, inits, strict=True):
                held.put(code.choose(self.ran, value, init), index)

    def _combine(self, later: Sequence[ir.Value], sooner: Sequence[ir.Value]) -> None:
        given = [code.load(place) for place in sooner]
        made = self.combine(self.lowering, self.op, [code.load(place) for place in later], given)
        for value, place in zip(made, sooner, strict=True):
            code.assign(value, place)


@dataclass(eq=False)
class LanesCarry(Carry):
    """One of such accumulators.

    Attributes:
        fold: All of them.
    """

    fold: LaneFold

    def finish(self) -> Tile:
        """The result."""
        self.fold.finish()
        return Tile.of(self.held)


def _keeps_lanes(op: ir.Operation) -> bool:
    """Whether each element of a reduction's tiles has a lane, and an accumulator."""
    inputs, inits, valid = segments(op)
    rank = len(inputs[0].type.shape)
    kept = rank - len(integers(op.attributes["dims"]))
    return lanes_of(op) > 0 and len(inits[0].type.shape) == kept and len(valid) in (0, rank)


def _splat(shape: tuple[int, ...], element: ir.Type, value: ir.Attribute) -> Tile:
    return Tile(shape, element, lambda _: scalars.constant(value, element))


def start_folds(
    lowering: EmitcLowering, loop: ir.Operation, inits: Sequence[ir.Value], ran: Flag, combine: Combine
) -> dict[int, Carry]:
    """The accumulators that a loop begins anew with lanes, by which of its arguments they are."""
    arguments = list(loop.regions[0].blocks[0].arguments)[1:]
    found: dict[int, Carry] = {}
    for fold in folds_of(loop):
        alone = all(carried_by(arguments[at], at, loop) == fold.op for at in fold.positions)
        anew = not any(isinstance(lowering.values[inits[at]], Carry) for at in fold.positions)
        if not (alone and anew and _keeps_lanes(fold.op)):
            continue
        made = LaneFold(lowering, fold.op, [lowering.tile(inits[at]) for at in fold.positions], ran, combine)
        found.update(zip(fold.positions, made.carries(), strict=True))
    return found
