"""Filling a group's buffers at sram: once for all its units, which go through the loops in lock-step.

A buffer holds what the units need of it in a step, halos too. What the group held in the step before, of the innermost
loop that the movement moves with, it keeps, and only the rest comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from powerfusion.errors import InterpretationError, UninitialisedRead, UnsupportedError
from powerfusion.reference.buffers import ChipBuffer, buffer_of
from powerfusion.reference.instances import NOBODY, Group, Unit, interval_of
from powerfusion.reference.nest import Index
from powerfusion.reference.plan import Plan
from powerfusion.reference.program import Instruction
from powerfusion.reference.spaces import Spaces
from powerfusion.reference.stream import located
from powerfusion.reference.types import Array
from powerfusion.reference.values import Tile
from powerfusion.reference.windows import Box, Interval

Wanted = Callable[[Group, Unit, Index, Instruction], "Box | None"]


class Filler:
    """Makes and fills the buffers of placed kernels.

    Args:
        spaces: Memories and counts.
        plan: The kernel.
        values: Its values as a run without the nest left them.
        wanted: Which window of what a movement brings from a buffer a unit needs in a step.
    """

    def __init__(self, spaces: Spaces, plan: Plan, values: Sequence[Any], wanted: Wanted) -> None:
        self.spaces = spaces
        self.plan = plan
        self.nest = plan.nest
        self.values = values
        self.wanted = wanted
        self.fetches: dict[int, list[Instruction]] = {}
        for op in plan.ops:
            if op.name == "gir.move" and op.operand_types[0].level == "sram" and op.type.level == "reg":
                self.fetches.setdefault(op.operands[0], []).append(op)

    def fill_all(self, group: Group, units: list[Unit], fixed: Index, number: int) -> None:
        """Makes the buffers of a pass, and fills those that are moved from dram or from another space at sram."""
        for op in self.plan.ops:
            when = self.plan.happens[op.number]
            if op.name != "gir.move" or op.type.level != "sram" or when is None or when.number != number:
                continue
            if self.spaces.same(op.operand_types[0], op.type):
                continue  # The same buffer in a later pass.
            names = self._names(op)
            key = fixed[: self.nest.depth(frozenset(n for n in names if n and not self.nest.dim(n).swept))]
            held = group.buffers.get(op.number)
            if held and held.key == key:
                continue
            try:
                self._fill(group, units, fixed, op, names, key)
            except InterpretationError as error:
                raise located(error, op) from None

    def _names(self, op: Instruction) -> list[str | None]:
        over = op.get("over")
        return [name or None for name in over] if over is not None else self.plan.names[op.results[0]]

    def _fill(
        self, group: Group, units: list[Unit], fixed: Index, op: Instruction, names: list[str | None], key: Index
    ) -> None:
        value, spaces, itemsize = self.values[op.results[0]], self.spaces, op.type.dtype.itemsize
        place = spaces.place(op.type)
        from_reg = op.operand_types[0].level == "reg"
        boxes = [] if from_reg else self._boxes(group, units, fixed, op)
        window = [
            self._held(group, units, fixed, name, [box[dim] for box in boxes]) if name else np.arange(size)
            for dim, (name, size) in enumerate(zip(names, value.shape, strict=True))
        ]
        before = group.buffers.get(op.number)
        if before is not None:
            group.shared.give(place, before.size_bytes)
        buffer = ChipBuffer(value, key, window)
        group.shared.take(place, buffer.size_bytes, "a value at sram")
        group.buffers[op.number] = buffer
        if from_reg:
            return  # Its units write it, step by step.
        positions = np.arange(value.data.size).reshape(value.shape)[np.ix_(*window)].ravel()
        if before is not None and _follows(key, before.key) and len(kept := positions[before.present[positions]]):
            buffer.write(kept, before.data[kept], NOBODY, group.time)
            positions = positions[~before.present[positions]]
        index = np.unravel_index(positions, value.shape) if value.shape else ()
        data, addresses = self._source(group, self.values[op.operands[0]], op.operand_types[0].level == "sram", index)
        spaces.read(op.number, spaces.place(op.operand_types[0]), addresses, itemsize)
        spaces.written(op.number, place, buffer.write(positions, data.ravel(), NOBODY, group.time), itemsize)

    def _boxes(self, group: Group, units: list[Unit], fixed: Index, op: Instruction) -> list[Box]:
        """The windows that units need of what a movement fills."""
        fetches = self.fetches.get(op.results[0], [])
        found = (self.wanted(group, unit, fixed, fetch) for fetch in fetches for unit in units)
        return [box for box in found if box is not None]

    def _source(self, group: Group, source: Tile, on_chip: bool, index: tuple[Array, ...]) -> tuple[Array, Array]:
        """What a buffer is filled with, and where that is."""
        assert source.addresses is not None, "a tensor at dram or sram has addresses"
        if on_chip:
            held = buffer_of(list(group.buffers.values()), source)
            return held.read(source.addresses[index], NOBODY, group.time)
        return from_dram(source, index), source.addresses[index]

    def _held(self, group: Group, units: list[Unit], fixed: Index, name: str, needed: Sequence[Interval]) -> Array:
        """The indices of a dimension that a group holds: all of its part if swept, else what its units' steps need."""
        dim = self.nest.dim(name)
        if dim.swept:
            return np.arange(*dim.of_group(group.index[self.nest.dims.index(dim)]))
        step = fixed[self.nest.fixed.index(dim)]
        intervals = [interval_of(self.nest, group, unit, dim, step) for unit in units]
        intervals += [each for each in needed if each.names == frozenset([name])]
        return np.unique(np.concatenate([np.arange(i.low, i.high) for i in intervals]))


def _follows(key: Index, before: Index) -> bool:
    """Whether a place in the loops is the next step of the innermost of them."""
    return bool(key) and key[:-1] == before[:-1] and key[-1] == before[-1] + 1


def from_dram(value: Tile, index: Any) -> Array:
    """Elements of a tensor at dram.

    Raises:
        UninitialisedRead: Nothing has written them.
        UnsupportedError: The kernel itself moved them there.
    """
    if value.stores:
        raise UnsupportedError("a placed kernel that reads what it moved to dram itself", help="split the kernel")
    if value.real is not None and not value.real[index].all():
        raise UninitialisedRead("reads elements of a tensor that nothing has written")
    return value.data[index]
