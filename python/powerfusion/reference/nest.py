"""The loops that a nest stands for, written out: groups, units, steps, passes.

```
  group g  ->  [g * per_group, + per_group)          all clipped to the dimension's size
    unit u ->  [.. + u * per_unit, + per_unit)
      step t -> [.. + t * per_step, + per_step)
```
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Index = tuple[int, ...]


@dataclass(frozen=True)
class Dim:
    """One dimension of a nest.

    Attributes:
        name: Its name.
        size: How many elements it has, None while that isn't known.
        per_group: How many a group takes.
        per_unit: How many of those a unit takes.
        per_step: How many of those a step takes.
        swept: Whether it is traversed once per pass.
    """

    name: str
    size: int | None
    per_group: int
    per_unit: int
    per_step: int
    swept: bool

    @property
    def groups(self) -> int:
        """How many groups share the dimension; what is swept is gone through by one, though nothing be there."""
        return max(-(-(self.size or 0) // self.per_group), int(self.swept))

    @property
    def units(self) -> int:
        """How many units share a group's part."""
        return -(-self.per_group // self.per_unit)

    @property
    def steps(self) -> int:
        """How many steps a unit takes through its part."""
        return -(-self.per_unit // self.per_step)

    @property
    def trips(self) -> int:
        """How many of them can have anything in them: a part may be as long as any dimension of open size."""
        return max(min(self.steps, -(-(self.size or 0) // self.per_step)), 1)

    def is_there(self, part: tuple[int, int]) -> bool:
        """Whether a part is gone through: an empty one is where it is the first of what is swept and all is empty."""
        low, high = part
        return low < high or (self.swept and not self.size and low == 0)

    def of_group(self, g: int) -> tuple[int, int]:
        """A group's part, [from, to)."""
        low = g * self.per_group
        return low, min(low + self.per_group, self.size or 0)

    def of_unit(self, g: int, u: int) -> tuple[int, int]:
        """A unit's part."""
        low, end = self.of_group(g)
        low += u * self.per_unit
        return low, max(min(low + self.per_unit, end), low)

    def of_step(self, g: int, u: int, t: int) -> tuple[int, int]:
        """A step's part; empty where from and to are equal."""
        low, end = self.of_unit(g, u)
        low += t * self.per_step
        return low, max(min(low + self.per_step, end), low)


@dataclass(frozen=True)
class Nest:
    """How a kernel is dealt out: its dimensions, outermost first."""

    dims: tuple[Dim, ...]

    def sized(self, sizes: Mapping[str, int]) -> Nest:
        """The nest with the sizes that tensors have."""
        return Nest(
            tuple(
                Dim(d.name, sizes.get(d.name, d.size), d.per_group, d.per_unit, d.per_step, d.swept) for d in self.dims
            )
        )

    @property
    def fixed(self) -> tuple[Dim, ...]:
        """The dimensions that aren't swept: loops around all passes."""
        return tuple(dim for dim in self.dims if not dim.swept)

    @property
    def swept(self) -> tuple[Dim, ...]:
        """The dimensions that are traversed once per pass."""
        return tuple(dim for dim in self.dims if dim.swept)

    @property
    def loops(self) -> tuple[Dim, ...]:
        """A unit's loops, outermost first: those that aren't swept, then those that are."""
        return (*self.fixed, *self.swept)

    def dim(self, name: str) -> Dim:
        """The dimension of that name."""
        return next(dim for dim in self.dims if dim.name == name)

    def groups(self) -> Iterator[Index]:
        """Every group, as an index per dimension."""
        return itertools.product(*(range(dim.groups) for dim in self.dims))

    def units(self, group: Index) -> Iterator[Index]:
        """The units of a group that have anything to do."""
        for unit in itertools.product(*(range(dim.units) for dim in self.dims)):
            if all(dim.is_there(dim.of_unit(g, u)) for dim, g, u in zip(self.dims, group, unit, strict=True)):
                yield unit

    def steps(self, dims: Sequence[Dim]) -> Iterator[Index]:
        """Every combination of steps of some dimensions, the last one fastest."""
        return itertools.product(*(range(dim.trips) for dim in dims))

    def depth(self, names: frozenset[str]) -> int:
        """How many loops enclose what depends on these dimensions: to the innermost of them with several trips."""
        inner = [i + 1 for i, dim in enumerate(self.loops) if dim.name in names and dim.steps > 1]
        return max(inner, default=0)


def read_nest(text: str) -> Nest:
    """A nest as `#gir.nest` prints it: `<[r = 4096 : 64 : 64 : 1, c = ? : 8 : 8 : 2 upto 64], sweep = [c]>`."""
    found = re.search(r"sweep\s*=\s*\[([^\]]*)\]", text)
    swept = {name.strip().strip('"') for name in found.group(1).split(",")} if found else set[str]()
    pattern = r'"?([\w.$-]+)"?\s*=\s*(\d+|\?)\s*:\s*(\d+)\s*:\s*(\d+)\s*:\s*(\d+)'
    dims = [
        Dim(name, None if size == "?" else int(size), int(group), int(unit), int(step), name in swept)
        for name, size, group, unit, step in re.findall(pattern, text)
    ]
    return Nest(tuple(dims))
