"""How elements change lanes: each lane takes those of its result from the lanes that hold them, by shuffles.

Where an element of the result comes from is a function of its place in the tile. It is asked twice: with numbers, for
each lane in turn, which tells what registers the element may be in; and with values, which tells the program, for the
lane that runs, which lane and which of those registers it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from powerfusion.core._mlir import create, index_constant
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.extents import choose
from powerfusion.passes.lowering.gpu.fragments import Fragment, elements_of, filled, fragment_of, held_shape
from powerfusion.passes.lowering.gpu.lanes import Dealt, Layout, bits_of_layout
from powerfusion.passes.lowering.gpu.lowering import GpuLowering
from powerfusion.passes.lowering.gpu.shuffles import from_any_lane
from powerfusion.passes.lowering.memory import EQ

Place = int | ir.Value
"""An index: a number, or one that the program computes."""
Map = Callable[[list[Place]], list[Place]]
"""Where an element of a result comes from."""


def added(left: Place, right: Place) -> Place:
    """A sum of places."""
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    return left if right == 0 else right if left == 0 else _computed("arith.addi", left, right)


def times(left: Place, right: int) -> Place:
    """A multiple of a place."""
    if isinstance(left, int) or right == 0:
        return left * right if isinstance(left, int) else 0
    return left if right == 1 else _computed("arith.muli", left, right)


def quotient(left: Place, right: int) -> Place:
    """How often a number goes into a place that isn't negative."""
    if isinstance(left, int):
        return left // right
    return left if right == 1 else _computed("arith.divui", left, right)


def remainder(left: Place, right: int) -> Place:
    """What is left of it."""
    if isinstance(left, int) or right == 1:
        return left % right if isinstance(left, int) else 0
    return _computed("arith.remui", left, right)


def within(place: Place, size: int) -> Place:
    """A place, or the nearest one that is inside."""
    if isinstance(place, int):
        return min(max(place, 0), size - 1)
    return _computed("arith.maxsi", _computed("arith.minsi", place, size - 1), 0)


def _computed(name: str, left: Place, right: Place) -> ir.Value:
    sides = [index_constant(side) if isinstance(side, int) else side for side in (left, right)]
    return create(name, sides, [sides[0].type]).result


def whole_along(layout: Layout, dims: Sequence[int]) -> Layout:
    """A layout in which some dimensions are all in every lane."""
    return tuple(Dealt(dim.size, 1, 1, 1) if at in dims else dim for at, dim in enumerate(layout))


def exchanged(lowering: GpuLowering, source: Fragment, layout: Layout, comes_from: Map) -> Fragment:
    """A tile whose elements are those of another in other places.

    Args:
        lowering: The function.
        source: What a lane holds of the other.
        layout: How the result is dealt out.
        comes_from: Takes a place in the result, gives one in the source; what is outside gives any element.
    """
    elements = [part for row in source.rows for part in elements_of(row)]
    shape = held_shape(layout)
    made: list[ir.Value] = []
    for held in np.ndindex(*shape):
        found = [
            _origin(source.layout, _numbered(layout, held, lane), comes_from) for lane in range(lowering.block.lanes)
        ]
        stays = bits_of_layout(source.layout)
        moves = any(lane_bits != lane & stays for lane, (lane_bits, _) in enumerate(found))
        registers = sorted({register for _, register in found if isinstance(register, int)})
        if not moves and len(registers) == 1:
            made.append(elements[registers[0]])
            continue
        lane_bits, register = _origin(source.layout, _placed(lowering, layout, held), comes_from)
        made.append(
            _taken(
                lowering, [elements[at] for at in registers], registers, register, lane_bits if moves else None, stays
            )
        )
    return fragment_of(layout, filled(shape, made))


def _numbered(layout: Layout, held: Sequence[int], lane: int) -> list[Place]:
    """Where a lane's element lies in a tile."""
    return [dim.place(at) + lane // dim.stride % dim.lanes * dim.elements for dim, at in zip(layout, held, strict=True)]


def _placed(lowering: GpuLowering, layout: Layout, held: Sequence[int]) -> list[Place]:
    """The same of the lane that runs."""
    starts = lowering.starts(layout)
    return [
        dim.place(at) if start is None else added(start, dim.place(at))
        for dim, at, start in zip(layout, held, starts, strict=True)
    ]


def _origin(source: Layout, place: list[Place], comes_from: Map) -> tuple[Place, Place]:
    """The bits of the lane that has an element, and in which of its registers."""
    bits: Place = 0
    register: Place = 0
    for dim, at in zip(source, comes_from(place), strict=True):
        inside = within(at, dim.size)
        lane = remainder(quotient(inside, dim.elements), dim.lanes)
        bits = added(bits, times(lane, dim.stride))
        turn = times(quotient(inside, dim.lanes * dim.elements), dim.elements)
        register = added(times(register, dim.held), added(turn, remainder(inside, dim.elements)))
    return bits, register


def _taken(
    lowering: GpuLowering,
    elements: Sequence[ir.Value],
    registers: Sequence[int],
    register: Place,
    lane_bits: Place | None,
    stays: int,
) -> ir.Value:
    """One of some registers, of another lane if bits of its number are given."""
    values = list(elements)
    if lane_bits is not None:
        others = create(
            "arith.andi", [lowering.lane, index_constant((lowering.block.lanes - 1) & ~stays)], [lowering.lane.type]
        )
        lane = added(others.result, lane_bits)
        assert isinstance(lane, ir.Value), "expected a sum with the lane's own number"
        values = [from_any_lane(value, lane, lowering.block.lanes) for value in values]
    chosen = values[-1]
    for value, number in zip(reversed(values[:-1]), reversed(registers[:-1]), strict=True):
        assert isinstance(register, ir.Value), "expected several registers only where lanes differ"
        chosen = choose(compare("arith.cmpi", EQ, register, index_constant(number)), value, chosen)
    return chosen


def reshaped(source: Layout, result: Layout) -> Map:
    """Where elements of a reshape come from: their order stays, in sizes that both have."""

    def comes_from(place: list[Place]) -> list[Place]:
        linear: Place = 0
        for at, dim in zip(place, result, strict=True):
            linear = added(times(linear, dim.size), at)
        found: list[Place] = []
        for number in range(len(source)):
            inner = prod(dim.size for dim in source[number + 1 :])
            found.append(remainder(quotient(linear, inner), source[number].size))
        return found

    return comes_from
