"""The dimensions of a nest as tiling sees them: how many groups, units and steps, and how long their parts are.

size 10, per group 4, per unit 2, per step 2:   groups of 4, 4, 2   units of 2   steps of 2
size 10, per group 10, per unit 10, per step 4: one group and unit, steps of 4, 4, 2
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from powerfusion.dialects import gir


def _ceil(size: int, by: int) -> int:
    return -(-size // by)


def _cut(lengths: frozenset[int], by: int) -> frozenset[int]:
    """How long the parts are that lengths are cut into; empty ones left out."""
    whole = frozenset([by]) if any(length >= by for length in lengths) else frozenset[int]()
    return whole | frozenset(length % by for length in lengths if length % by)


@dataclass(frozen=True)
class PlacedDim:
    """One dimension of a nest.

    Attributes:
        name: Its name.
        size: How many elements it has, None where that is dynamic.
        bound: How many it has at most, None where that isn't known.
        per_group: How many a group takes.
        per_unit: How many of those a unit takes.
        per_step: How many of those a step takes.
        swept: Whether it is traversed once per pass.
    """

    name: str
    size: int | None
    bound: int | None
    per_group: int
    per_unit: int
    per_step: int
    swept: bool

    @property
    def groups(self) -> int | None:
        """How many groups share it, None where that is dynamic."""
        if self.size is not None:
            return _ceil(self.size, self.per_group)
        return 1 if self.bound is not None and self.bound <= self.per_group else None

    @property
    def units(self) -> int:
        """How many units share a group's part."""
        return _ceil(self.per_group, self.per_unit)

    @property
    def steps(self) -> int:
        """How many steps a unit takes at most."""
        return _ceil(self.per_unit, self.per_step)

    @cached_property
    def group_lengths(self) -> frozenset[int] | None:
        """How long groups' parts are; None where a size is dynamic."""
        return None if self.size is None else _cut(frozenset([self.size]), self.per_group)

    @cached_property
    def unit_lengths(self) -> frozenset[int] | None:
        """How long units' parts are, of those that have one."""
        return None if self.group_lengths is None else _cut(self.group_lengths, self.per_unit)

    @cached_property
    def step_lengths(self) -> frozenset[int] | None:
        """How long steps are."""
        return None if self.unit_lengths is None else _cut(self.unit_lengths, self.per_step)

    @property
    def tile(self) -> int:
        """How long a tile is: as the longest step."""
        if self.step_lengths is not None:
            return max(self.step_lengths, default=1)
        return min(self.per_step, self.bound or self.per_step)

    @property
    def whole_steps(self) -> bool:
        """Whether each step is a whole tile: one of a single element always is."""
        return self.per_step == 1 or (self.step_lengths is not None and len(self.step_lengths) <= 1)

    @property
    def is_one_step(self) -> bool:
        """Whether one step of one unit takes all of it."""
        return self.size is not None and self.groups == self.units == self.steps == 1

    @property
    def idle_units(self) -> bool:
        """Whether a unit of a group may have nothing to do."""
        if self.units == 1:
            return False
        return self.group_lengths is None or any(_ceil(n, self.per_unit) < self.units for n in self.group_lengths)

    @property
    def idle_steps(self) -> bool:
        """Whether a unit may have nothing to do in a step of another: it has no part, or one of fewer steps."""
        if self.units == 1 or self.idle_units:
            return self.idle_units
        if self.swept or self.steps == 1:
            return False
        return self.unit_lengths is None or len({_ceil(n, self.per_step) for n in self.unit_lengths}) > 1


def dims_of(nest: gir.NestAttr) -> list[PlacedDim]:
    """The dimensions of a nest, outermost first."""
    swept = set(nest.sweep)
    return [
        PlacedDim(dim.name, dim.size, dim.bound, dim.per_group, dim.per_unit, dim.per_step, dim.name in swept)
        for dim in gir.nest_dims(nest)
    ]
