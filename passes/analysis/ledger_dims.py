"""The dimensions of a nest as the ledger counts them: with axes for groups, units and steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from powerfusion.passes.analysis.ledger_numbers import (
    Axis,
    Number,
    add,
    counter,
    maximum,
    minimum,
    scale,
    smallest,
    subtract,
    summed_along,
    summed_before,
)


@dataclass(frozen=True, eq=False)
class NestDim:
    """One dimension of a nest, with its axes.

    Attributes:
        name: Its name.
        size: How long it is.
        per_group: Elements of a group.
        per_unit: Elements of a unit.
        per_step: Elements of a step.
        swept: Whether it is traversed once per pass.
        groups: Axis of the groups.
        units: Axis of the units of a group.
        steps: Axis of the steps of a unit.
    """

    name: str
    size: int
    per_group: int
    per_unit: int
    per_step: int
    swept: bool
    groups: Axis
    units: Axis
    steps: Axis

    def of_unit(self) -> tuple[Number, Number]:
        """First index and end of a unit's part."""
        group = scale(_index(self.groups), self.per_group)
        low = add(group, scale(_index(self.units), self.per_unit))
        return low, smallest([add(low, self.per_unit), add(group, self.per_group), self.size])

    def of_step(self) -> tuple[Number, Number]:
        """First index and end of a unit's step."""
        low, end = self.of_unit()
        low = add(low, scale(_index(self.steps), self.per_step))
        return low, minimum(add(low, self.per_step), end)

    def of_group(self) -> tuple[Number, Number]:
        """First index and end of a group's part."""
        low = scale(_index(self.groups), self.per_group)
        return low, minimum(add(low, self.per_group), self.size)

    def of_first_step(self) -> tuple[Number, Number]:
        """First index and end of the step of a group's first unit."""
        low, end = self.of_group()
        end = minimum(end, add(low, self.per_unit))
        low = add(low, scale(_index(self.steps), self.per_step))
        return low, minimum(add(low, self.per_step), end)

    def held_by_group(self) -> tuple[Number, Number]:
        """How many elements a group's units hold at a time, and where a unit's step is among them."""
        if self.swept:
            first, end = self.of_group()
            return subtract(end, first), subtract(self.of_step()[0], first)
        low, high = self.of_step()
        length = maximum(subtract(high, low), 0)
        return summed_along(length, self.units), summed_before(length, self.units)

    def indices(self, group: int, step: int) -> np.ndarray:
        """The elements that a group's units hold in a step, or all of the group's part where it is swept."""
        first = group * self.per_group
        end = min(first + self.per_group, self.size)
        place = np.arange(first, end) - first
        return place[self.swept | (place % self.per_unit // self.per_step == step)] + first

    @property
    def has_holes(self) -> bool:
        """True if what the units of a group hold at a time isn't in one piece."""
        return not self.swept and self.units.size > 1 and self.steps.size > 1


def _index(axis: Axis) -> Number:
    return counter(axis) if axis.size > 1 else 0
