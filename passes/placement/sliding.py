"""Nests of groups that go along a row with halos step by step: what they hold at sram slides with them.

rows r0, r1, r2, all with halos     r0 = 256 : 64 : 64 : 4          the group's steps
                                    r1 = 256 : 256 : 64 : 16        the units' parts, side by side
                                    r2 = 256 : 256 : 256 : 256      whole

They are for machines without a cache, on which each step would otherwise load its halos again. Fewer groups load fewer
halos twice, so two numbers of groups are tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from powerfusion.machines.model import Machine
from powerfusion.passes.placement.model import NestDim, extent
from powerfusion.passes.placement.nests import (
    GRANULE_ELEMENTS,
    GROUPS_PER_CORE,
    Nest,
    Wanted,
    most_units,
    step_sizes,
)
from powerfusion.passes.placement.rates import cache_bytes, cores

LENGTHS = (1, 2, 4, 8, 16, 32)  # of a group's step


def sliding_nests(machine: Machine, wanted: Wanted) -> Iterator[list[Nest]]:
    """A list of them; none where nothing slides, or a cache keeps halos."""
    sizes = {cls: size for cls in wanted.rows if (size := wanted.sizes[cls]) is not None}
    halos = [cls for cls in wanted.rows if cls in wanted.haloed]
    others = [cls for cls in wanted.rows if cls not in halos]
    if cache_bytes(machine) or not halos or wanted.swept or wanted.split is not None or len(sizes) < len(wanted.rows):
        return
    if machine.space_of("sram").kind != "scratchpad" or len(wanted.rows) < 2:
        return
    across = halos[1] if len(halos) > 1 else others.pop()
    rows = _Rows(machine, wanted, others, halos[0], across, halos[2:])
    total = math.prod(map(extent, sizes.values())) * wanted.inner
    groups = GROUPS_PER_CORE * cores(machine)
    found = [
        rows.nest(elements // wanted.inner, length, count)
        for elements in step_sizes(machine, wanted.element_bytes, total)
        for length in LENGTHS
        if length <= sizes[halos[0]]
        for count in dict.fromkeys((groups, max(groups // 2, 1)))
    ]
    yield list(dict.fromkeys(found))


@dataclass(frozen=True)
class _Rows:
    """How rows are gone through.

    Attributes:
        machine: On which machine.
        wanted: What the nest is for.
        outer: Those without halos: loops around.
        along: That along which the group goes.
        across: That of which units have parts.
        whole: Those that each step has all of.
    """

    machine: Machine
    wanted: Wanted
    outer: Sequence[int]
    along: int
    across: int
    whole: Sequence[int]

    def nest(self, elements: int, length: int, groups: int) -> Nest:
        """A nest of steps of about so many elements, of which the group's are so long, and about so many groups."""
        made: list[NestDim] = []
        step_elements = length
        for cls in self.outer:
            size = self._size(cls)
            step = size if cls in self.wanted.lanes else 1
            parts = min(size // step, groups)
            group = -(-size // step // parts) * step
            groups = -(-groups // parts)
            made.append(NestDim(cls, size, group, group, step, swept=False))
            step_elements *= step
        size = self._size(self.along)
        group = min(-(-size // groups), size)
        made.append(NestDim(self.along, size, group, group, min(length, group), swept=False))
        step_elements *= math.prod(map(self._size, self.whole))
        size = self._size(self.across)
        unit = self._rounded(-(-size // most_units(self.machine)), size)
        steps = -(-unit // self._rounded(max(elements // step_elements, 1), unit))
        made.append(NestDim(self.across, size, size, unit, self._rounded(-(-unit // steps), unit), swept=False))
        made += [
            NestDim(cls, self._size(cls), self._size(cls), self._size(cls), self._size(cls), swept=False)
            for cls in self.whole
        ]
        return tuple(made)

    def _size(self, cls: int) -> int:
        return extent(self.wanted.sizes[cls])

    def _rounded(self, length: int, most: int) -> int:
        """A length of what units have, whole granules of it where it is contiguous."""
        if self.across in self.wanted.lanes:
            length = -(-length // GRANULE_ELEMENTS) * GRANULE_ELEMENTS
        return min(length, most)
