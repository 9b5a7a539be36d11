"""Reductions and scans element by element: what a combiner takes at once, payload as well, is whole in every lane.

x[r, c], v[r, c, p] along c:   lanes hold all of c and p; those along r hold their own rows
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from powerfusion.core._mlir import element_of, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.elementwise import convert_float
from powerfusion.passes.lowering.extents import choose
from powerfusion.passes.lowering.gpu.combiner import Combiner, Item, mapped
from powerfusion.passes.lowering.gpu.exchange import exchanged, whole_along
from powerfusion.passes.lowering.gpu.fragments import Fragment, fragment_of, held_shape
from powerfusion.passes.lowering.gpu.lanes import Layout
from powerfusion.passes.lowering.gpu.lowering import GpuLowering, Lowered
from powerfusion.passes.lowering.gpu.valid import Valid

Place = tuple[int, ...]


class Items:
    """The elements of a tile, one by one, each a number or the tile of its payload.

    Args:
        lowering: The function.
        value: The tile.
        dims: Along which every lane must hold all elements.
        common: How many dimensions aren't payload.
    """

    def __init__(self, lowering: GpuLowering, value: ir.Value, dims: Sequence[int], common: int) -> None:
        source = lowering.fragment(value)
        self.common = common
        self.layout = whole_along(source.layout, [*dims, *range(common, value.type.rank)])
        self._scalars = exchanged(lowering, source, self.layout, list).scalars()

    def __getitem__(self, place: Place) -> Lowered:
        """The element at a place of those that a lane holds."""
        found = self._scalars[place]
        return fragment_of(self.layout[self.common :], found) if self.common < len(self.layout) else found


class Walk:
    """Goes over the elements of some tiles along some dimensions, with what came before.

    Args:
        lowering: The function.
        op: A reduction or scan.
        dims: Along which.
        combiner: How.
    """

    def __init__(self, lowering: GpuLowering, op: ir.Operation, dims: Sequence[int], combiner: Combiner) -> None:
        inputs, inits, valid = segments(op)
        self.lowering, self.dims, self.combiner = lowering, list(dims), combiner
        self.common = min(value.type.rank for value in inputs)
        self.inputs = [Items(lowering, value, dims, self.common) for value in inputs]
        self.inits = [Items(lowering, value, [], self.common - len(self.dims)) for value in inits]
        self.layout = self.inputs[0].layout[: self.common]
        self.there = Valid(lowering, self.layout, lowering.scalars(valid))

    @property
    def kept(self) -> Layout:
        """How what is left of the dimensions is dealt out."""
        return tuple(dim for at, dim in enumerate(self.layout) if at not in self.dims)

    def run(
        self, kept: Place, *, reverse: bool = False, seen: Callable[[Place, Item, Item], None] | None = None
    ) -> list[Lowered]:
        """What all elements at a kept place come to, as they are combined.

        Args:
            kept: Of those that a lane holds.
            reverse: Whether the last element comes first.
            seen: Told of each place, with what came before it, and with it.
        """
        given = [mapped(self.combiner.wide, items[kept]) for items in self.inits]
        steps = list(np.ndindex(*held_shape(tuple(self.layout[dim] for dim in self.dims))))
        for step in reversed(steps) if reverse else steps:
            rest, gone = iter(kept), iter(step)
            place = tuple(next(gone) if at in self.dims else next(rest) for at in range(self.common))
            made = self.combiner.items([mapped(self.combiner.wide, items[place]) for items in self.inputs], given)
            if seen is not None:
                seen(place, given, made)
            flag = self.there.is_there(place, self.dims)
            given = [
                mapped(lambda new, old, flag=flag: choose(flag, new, old), after, before)
                for after, before in zip(made, given, strict=True)
            ]
        return given

    def result(self, value: ir.Value, made: Mapping[Place, Lowered], common: int | None = None) -> Fragment:
        """A result.

        Args:
            value: Which.
            made: Its elements, by place, as they are combined.
            common: How many of its dimensions aren't payload; by default as many as are kept.
        """
        common = len(self.kept) if common is None else common
        own = self.lowering.lanes.layout(value)
        shared = self.kept if common == len(self.kept) else self.layout
        layout = (*shared, *whole_along(own, range(common, len(own)))[common:])
        array = np.empty(held_shape(layout), object)
        for place, item in made.items():
            rounded = mapped(lambda number: _rounded(number, value.type.element_type), item)
            array[place] = rounded.scalars() if isinstance(rounded, Fragment) else rounded
        return exchanged(self.lowering, fragment_of(layout, array), own, list)


def _rounded(value: ir.Value, element: ir.Type) -> ir.Value:
    return value if element_of(value.type) == element else convert_float(value, element)
