"""Groups and units while a placed kernel runs: where they are in the loops, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from powerfusion.errors import OutOfBounds, Race, UninitialisedRead
from powerfusion.reference.buffers import ChipBuffer
from powerfusion.reference.nest import Dim, Index, Nest
from powerfusion.reference.plan import When
from powerfusion.reference.program import REPEATING, Instruction
from powerfusion.reference.spaces import Place, Pool, Spaces
from powerfusion.reference.stream import located
from powerfusion.reference.types import Array
from powerfusion.reference.values import Tile
from powerfusion.reference.windows import Box, Interval, Part, index_of

NOBODY = -1


@dataclass(eq=False)
class Output:
    """A value on its way to dram: its elements, which instances have moved them, and in which executions."""

    data: Array
    writer: Array
    executions: list[Array] = field(default_factory=list[Array])


@dataclass(eq=False)
class Unit:
    """A unit while it runs.

    Attributes:
        index: Its index in its group, per dimension of the nest.
        number: Unlike that of any other unit of the kernel.
        parts: By value, the parts that it has from other times.
        executed: By movement, where in the loops it happened last.
        registers: What lives in its registers.
        kept: By value, what lives there from one time to another.
    """

    index: Index
    number: int
    registers: Pool
    parts: dict[int, list[Part]] = field(default_factory=dict[int, "list[Part]"])
    executed: dict[int, Index] = field(default_factory=dict[int, Index])
    kept: dict[int, list[tuple[Place, int]]] = field(default_factory=dict[int, "list[tuple[Place, int]]"])

    def keep(self, value: int, place: Place, size_bytes: int) -> None:
        """Notes that a value lives on."""
        self.registers.take(place, size_bytes, "a value that is kept")
        self.kept.setdefault(value, []).append((place, size_bytes))

    def drop(self, value: int) -> None:
        """Notes that a value has ended, parts and all."""
        for held in self.kept.pop(value, []):
            self.registers.give(*held)
        self.parts.pop(value, None)


@dataclass(eq=False)
class Group:
    """A group while it runs.

    Attributes:
        index: Its index, per dimension of the nest.
        number: Its place among the groups.
        shared: What it keeps at sram.
        buffers: By the movement that fills it, each buffer at sram.
        accumulators: By combining op and unit, what it has combined so far.
        time: Counts the stages of passes: its units meet between them.
    """

    index: Index
    number: int
    shared: Pool
    buffers: dict[int, ChipBuffer] = field(default_factory=dict[int, ChipBuffer])
    accumulators: dict[tuple[int, Index], list[Tile]] = field(default_factory=dict[tuple[int, Index], "list[Tile]"])
    time: int = 0


@dataclass(eq=False)
class Step:
    """Where a unit is: its place in the loops, and what it is in the middle of."""

    group: Group
    unit: Unit
    fixed: Index
    swept: Index
    when: When
    tiles: dict[int, Part] = field(default_factory=dict[int, Part])
    wanted: dict[int, Box] = field(default_factory=dict[int, Box])

    @property
    def place(self) -> Index:
        """The indices of all loops around, outermost first."""
        return (*self.fixed, *self.swept)


def executes(nest: Nest, step: Step, number: int, names: frozenset[str]) -> bool:
    """Whether a movement happens in this step: a loop that its window moves with went on, or one around it."""
    key = step.place[: nest.depth(names)]
    if step.unit.executed.get(number) == key:
        return False
    step.unit.executed[number] = key
    return True


def is_first(nest: Nest, step: Step, names: frozenset[str]) -> bool:
    """Whether no unit before this one has the same window: the first of several moves it out of its registers."""
    return all(dim.name in names or not at for dim, at in zip(nest.dims, step.unit.index, strict=True))


def wanted_of(step: Step, op: Instruction, shape: Sequence[int]) -> Box | None:
    """The window of the first of an op's results that is wanted; of a scan as one of what it scans, of that shape."""
    first = next((value for value in op.results if value in step.wanted), None)
    if first is None:
        return None
    box = step.wanted[first]
    if op.name != "gir.scan" or first in op.results[: len(op.results) // 2]:
        return box
    dim = op.attributes["dim"]
    return (*box[:dim], Interval(0, shape[dim]), *box[dim:])


def interval_of(nest: Nest, group: Group, unit: Unit, dim: Dim, step: int) -> Interval:
    """What a step of a unit takes of a dimension."""
    at = nest.dims.index(dim)
    low, high = dim.of_step(group.index[at], unit.index[at], step)
    return Interval(low, high, frozenset([dim.name]))


def check_alone(output: Output, positions: Array, data: Array, step: Step) -> None:
    """Rejects stores of two groups to one element, and of two units unless they agree."""
    group, unit = output.writer[0][positions], output.writer[1][positions]
    other_group = (group != NOBODY) & (group != step.group.number)
    if other_group.any():
        at = int(np.argmax(other_group))
        raise Race(f"groups {int(group[at])} and {step.group.number} store to element {int(positions[at])}")
    old = output.data[positions]
    differs = (old != data) & ~((old != old) & (data != data))
    other_unit = (unit != NOBODY) & (unit != step.unit.number) & differs
    if other_unit.any():
        at = int(np.argmax(other_unit))
        raise Race(f"two units of a group store different values to element {int(positions[at])}")


def assembled(parts: Sequence[Part], box: Box) -> Array:
    """A window put together from several parts.

    Raises:
        OutOfBounds: Some of it is in none of them.
    """
    data = np.zeros([len(interval) for interval in box], parts[0].data.dtype)
    there = np.zeros(data.shape, np.bool_)
    for part in parts:
        common = tuple(want.clipped(have.low, have.high) for want, have in zip(box, part.box, strict=True))
        if all(len(interval) for interval in common):
            inside = index_of(tuple(c.shifted(-want.low) for c, want in zip(common, box, strict=True)))
            data[inside], there[inside] = part.crop(common), True
    if not there.all():
        first = [int(i) + interval.low for i, interval in zip(np.argwhere(~there)[0], box, strict=True)]
        raise OutOfBounds(f"needs element {first} of a value that this unit hasn't kept")
    return data


def put_together(value: Tile, outputs: Mapping[int, Output], ops: Sequence[Instruction]) -> Tile:
    """What a kernel returns: its elements as the instances moved them, where views put them.

    Raises:
        UninitialisedRead: No instance moved one of them.
    """
    data = np.array(value.data)
    for store in value.stores:
        output = outputs[store.key]
        there = store.places >= 0
        missing = there & (output.writer[0] == NOBODY)
        if missing.any():
            op = next(op for op in ops if op.number == store.key)
            raise located(UninitialisedRead(f"no instance of the nest moves element {int(np.argmax(missing))}"), op)
        data.ravel()[store.places[there]] = output.data[there]
    return replace(value, data=data)


def is_keep(op: Instruction, spaces: Spaces) -> bool:
    """Whether an op only carries a tile on to a later pass."""
    return op.name == "gir.move" and op.type.level == "reg" and spaces.same(op.operand_types[0], op.type)


class Live:
    """What lives at reg in one step: tiles from their op to their last use, and what is kept over the loops."""

    def __init__(self, spaces: Spaces, step: Step, ops: Sequence[Instruction]) -> None:
        self.spaces, self.step = spaces, step
        self.repeats = {op.results[0]: op.operands[0] for op in ops if op.name in REPEATING}
        self.last = {value: op.number for op in ops for value in self._used(op)}
        self.held: dict[int, tuple[Place, int]] = {}

    def after(self, op: Instruction) -> None:
        """Notes what an op brings to life and what it ends."""
        step, spaces = self.step, self.spaces
        pool = step.unit.registers
        for value, type_ in zip(op.results, op.result_types, strict=True):
            part = step.tiles.get(value)
            if part is None or type_.level != "reg" or op.free or value in step.unit.kept:
                continue
            if is_keep(op, spaces):
                continue
            size = part.data.size * type_.dtype.itemsize
            if op.multiplied and size <= spaces.in_place_bytes:
                continue
            self._reuse(op, size)
            self.held[value] = (spaces.place(type_), size)
            pool.take(*self.held[value], f"a tile of '{op.name}'")
        for value in self._used(op):
            if self.last.get(value) == op.number and value in self.held:
                pool.give(*self.held.pop(value))

    def _used(self, op: Instruction) -> tuple[int, ...]:
        """What an op takes, what that repeats, and what it gives."""
        taken: list[int] = []
        for value in op.operands:
            at: int | None = value
            while at is not None:
                taken.append(at)
                at = self.repeats.get(at)
        return (*taken, *op.results)

    def _reuse(self, op: Instruction, size: int) -> None:
        if not op.name.startswith(("arith.", "math.")):
            return
        for value in op.operands:
            if self.last.get(value) == op.number and value in self.held and self.held[value][1] >= size:
                self.step.unit.registers.give(*self.held.pop(value))
                return
