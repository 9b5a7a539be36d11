"""Reductions along lanes in C: a partial result per lane, folded together at the end.

    total += x[0] + x[1] + ...      ⇒      for (i..) part[i] = part[i] + x[i];        in every step of a loop
                                           for (i..) part[i] = part[i] + part[i + 16];  once, behind it; then 8, 4 ...

Named kinds keep their lanes for as long as a loop carries them. What a combiner folds has no neutral element that can
be trusted with itself (an infinity less an infinity), so that its lanes are folded tile by tile, as far as they are
there: neighbours if it is associative alone.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from powerfusion.core._mlir import integer_of, integers, kind_name, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code, scalars
from powerfusion.passes.lowering.emitc.carries import Carry, copy_into
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.scalars import computed, is_float
from powerfusion.passes.lowering.emitc.tiles import Held, Index, Tile, spread_index, squeezed, squeezed_index
from powerfusion.passes.lowering.reductions import LONG

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.lowering import EmitcLowering

LEAST_LANES = 8
SERIAL_LANES = 4  # so many are folded one after the other at the end


def kind_of(op: ir.Operation, at: int) -> str:
    """The name of a kind: add, maximumf, ..."""
    return kind_name(op.attributes["kinds"][at])


def lanes_of(op: ir.Operation) -> int:
    """How many lanes a reduction folds: its tiles' last long dimension, if that is folded; else none."""
    inputs = segments(op)[0]
    shape = list(inputs[0].type.shape)
    if any(list(value.type.shape) != shape for value in inputs):
        return 0
    dims = integers(op.attributes["dims"])
    lane = next((dim for dim in reversed(range(len(shape))) if shape[dim] != 1), None)
    if lane is None or lane not in dims or shape[lane] < LEAST_LANES:
        return 0
    return shape[lane]


def steps_of(op: ir.Operation, outermost: ir.Operation | None) -> int | None:
    """How often a reduction is done until what it folds into is finished; None where that isn't known."""
    steps = 1
    while outermost is not None and op != outermost:
        op = op.parent
        if op.name == "scf.for":
            low, high, step = (integer_of(value) for value in list(op.operands)[:3])
            if low is None or high is None or step is None:
                return None
            steps *= max(-(-(high - low) // step), 1)
    return steps


@dataclass(eq=False)
class LaneCarry(Carry):
    """An accumulator with a partial result per lane.

    Attributes:
        parts: Their array: the result's shape, then the lanes.
        init: What the result begins with.
        op: The reduction.
        at: Which of its results.
    """

    parts: Held
    init: Tile
    op: ir.Operation
    at: int

    @property
    def type_(self) -> ir.Type:
        """The C type that it accumulates in."""
        assert self.parts.wide is not None
        return self.parts.wide

    def lane(self, kept: Index, lane: Number) -> ir.Value:
        """Where a partial result is."""
        return self.parts.place(squeezed_index((*kept, lane), self.parts.shape))

    def finish(self) -> Tile:
        """The lanes folded together, and with the init."""
        lowering, element = self.lowering, self.element
        lowering.group.flush()
        lowering.declare(self.held, self.op)
        shape = self.init.shape
        wide = self.type_
        with ExitStack() as nest:
            index = tuple(nest.enter_context(code.loop(0, size)) for size in squeezed(shape))
            kept = spread_index(index, shape)
            count = self.parts.shape[-1]
            while count > SERIAL_LANES:
                half = -(-count // 2)
                with code.loop(0, count - half, apart=True) as lane:
                    place = self.lane(kept, lane)
                    upper = code.load(self.lane(kept, code.plus(lane, half)))
                    code.assign(self._combined(code.load(place), upper), place)
                count = half
            total = _cast(self.init.at(kept), wide, element)
            for lane in range(count):
                total = self._combined(total, code.load(self.lane(kept, lane)))
            total = _cast(total, computed(element), element)
            total = scalars.rounded(total, element, lowering.helper) if is_float(element) else total
            self.held.put(total, index)
        return Tile.of(self.held)

    def _combined(self, left: ir.Value, right: ir.Value) -> ir.Value:
        from powerfusion.passes.lowering.emitc.arithmetic import combined

        return combined(kind_of(self.op, self.at), left, right, self.element, self.lowering.helper)

    def fold(self, value: ir.Value, kept: Index, lane: Number, there: code.Flag) -> None:
        """Takes an element into its lane, where it is there."""
        place = self.lane(kept, lane)
        before = code.load(place)
        made = self._combined(before, _cast(value, self.type_, self.element))
        code.assign(code.choose(there, made, before), place)


def _cast(value: ir.Value, type_: ir.Type, element: ir.Type) -> ir.Value:
    return code.cast(value, type_) if is_float(element) else value


def start_lanes(
    lowering: EmitcLowering, op: ir.Operation, at: int, init: Tile, outermost: ir.Operation | None
) -> LaneCarry:
    """Partial results that don't change anything yet.

    Args:
        lowering: What it is part of.
        op: The reduction, of named kinds.
        at: Which of its results.
        init: What that begins with.
        outermost: The loop behind which it is wanted; None where no loop carries it.
    """
    lowering.settle(init)
    element, kind = init.element, kind_of(op, at)
    wide = computed(element)
    if element == ir.F32Type.get() and kind == "add":
        steps = steps_of(op, outermost)
        wide = ir.F64Type.get() if steps is None or steps > LONG else wide
    shape = (*init.shape, lanes_of(op))
    parts = Held(shape, element, wide=wide)
    lowering.declare(parts, op)
    neutral = Tile(shape, element, lambda _: neutral_of(kind, element, wide))
    copy_into(parts, neutral, wide)
    return LaneCarry(Held(init.shape, element, late=True), element, lowering, parts, init, op, at)


def neutral_of(kind: str, element: ir.Type, wide: ir.Type) -> ir.Value:
    """The element that changes nothing when it is combined by a kind."""
    if is_float(element):
        values = {"add": -0.0, "mul": 1.0, "maximumf": -math.inf, "minimumf": math.inf}
        return scalars.float_literal(values.get(kind, math.nan), wide)
    width = scalars.width_of(element)
    top = 1 << (width - 1)
    numbers = {"mul": 1, "maxsi": -top, "minsi": top - 1, "minui": -1, "and": -1}
    number = numbers.get(kind, 0)
    if width == 1:
        return code.flag_of(bool(number & 1))
    return scalars.integer(number, wide)
