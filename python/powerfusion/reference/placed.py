"""Runs a placed kernel: the loops of its nest, literally, each op on the window that it needs.

Windows are worked out backwards, op by op, for every step anew: from what a step stores, combines or keeps to what it
has to bring in. Nothing here knows how passes would tile the kernel.

The kernel is run without its nest first, and nothing of that is counted: it says how large values are, and by which
views results are put together. What values hold comes from the loops.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from powerfusion.errors import InterpretationError, OutOfBounds, Race, UninitialisedRead, UnsupportedError, WrongPass
from powerfusion.reference.buffers import ChipBuffer, buffer_of
from powerfusion.reference.nest import Dim, Index
from powerfusion.reference.plan import COMBINING, Plan, When, combined_names, on_chip, plan_of
from powerfusion.reference.program import Instruction
from powerfusion.reference.registry import MEANINGS
from powerfusion.reference.spaces import Place, Pool
from powerfusion.reference.stream import REPLICAS, Here, Moved, located
from powerfusion.reference.types import Array
from powerfusion.reference.values import Tile
from powerfusion.reference.windows import Box, Interval, Part, index_of, joined, makes, names_of, needs, whole

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
    """

    index: Index
    number: int
    shared: Pool
    buffers: dict[int, ChipBuffer] = field(default_factory=dict[int, ChipBuffer])
    accumulators: dict[tuple[int, Index], list[Tile]] = field(default_factory=dict[tuple[int, Index], "list[Tile]"])


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


def run_placed(here: Here, op: Instruction, arguments: Sequence[Any]) -> list[Tile]:
    """Runs a placed kernel; gives what it returns, and leaves what it moved to dram in `here.moved`.

    Raises:
        InterpretationError: Two instances store to one element, a window isn't where it is needed, ...
    """
    counted, here.state.spaces = here.spaces, here.spaces.uncounted()
    try:
        returned = here.run_region(op.blocks[0], arguments)
    finally:
        here.state.spaces = counted
    placed = _Placed(here, plan_of(op, here.values))
    placed.run()
    return [placed.put_together(value) for value in returned]


class _Placed:
    def __init__(self, here: Here, plan: Plan) -> None:
        self.here = here
        self.plan = plan
        self.nest = plan.nest
        self.rng = here.state.rng
        self.outputs: dict[int, Output] = {}
        self.scattered: dict[int, Tile] = {}
        for op in plan.ops:
            if op.name == "gir.move" and op.type.level == "dram":
                value = here.values[op.results[0]]
                size = value.data.size
                self.outputs[op.number] = Output(np.zeros(size, op.type.dtype), np.full((2, size), NOBODY))
        in_order = any(op.name == "gir.scan" or (op.get("algebra") == "ordered" and op.blocks) for op in plan.ops)
        self.in_order = in_order or any(op.name in COMBINING and op.blocks and not op.get("algebra") for op in plan.ops)
        self.backwards = any(op.name == "gir.scan" and op.get("reverse") for op in plan.ops)

    # The loops

    def run(self) -> None:
        """Runs all groups."""
        groups = list(self.nest.groups())
        for number in self.rng.permutation(len(groups)):
            self._run_group(Group(groups[number], int(number), Pool(self.here.spaces)))
        for number, output in self.outputs.items():
            before = self.here.moved[number]
            self.here.moved[number] = Moved(before.place, before.addresses, before.itemsize, output.executions)

    def _run_group(self, group: Group) -> None:
        first = self.here.state.agents(1_000_000)
        units = [Unit(index, first + i, Pool(self.here.spaces)) for i, index in enumerate(self.nest.units(group.index))]
        for fixed in self._ordered(self.nest.steps(self.nest.fixed)):
            active = [unit for unit in units if self._there(group, unit, self.nest.fixed, fixed)]
            if not active:
                continue
            group.accumulators.clear()
            for number in range(self.plan.last + 1):
                self._run_pass(group, active, fixed, number)
            for unit in active:
                for value in {*unit.parts, *unit.kept}:
                    unit.drop(value)

    def _run_pass(self, group: Group, units: list[Unit], fixed: Index, number: int) -> None:
        self._fill_buffers(group, units, fixed, number)
        for unit in units:
            self._begin_combinations(group, unit, fixed, number)
        for unit in self._order(units):
            for swept in self._ordered(self.nest.steps(self.nest.swept)):
                if self._there(group, unit, self.nest.swept, swept):
                    self._run_step(Step(group, unit, fixed, swept, When(number)))
        for stage in range(self.plan.stages + 1):
            for unit in units:
                self._end_combinations(group, unit, fixed, When(number, stage))
            for unit in self._order(units):
                self._run_step(Step(group, unit, fixed, (), When(number, stage + 1)))
        for unit in units:
            for value in [value for value in unit.kept if self.plan.needed_until(value) <= number]:
                unit.drop(value)

    def _order(self, units: list[Unit]) -> list[Unit]:
        if self.in_order:
            return units[::-1] if self.backwards else units
        return [units[i] for i in self.rng.permutation(len(units))]

    def _ordered(self, steps: Iterator[Index]) -> list[Index]:
        found = list(steps)
        return found[::-1] if self.backwards else found

    def _there(self, group: Group, unit: Unit, dims: Sequence[Dim], steps: Index) -> bool:
        return all(len(self._interval(group, unit, dim, step)) for dim, step in zip(dims, steps, strict=True))

    def _interval(self, group: Group, unit: Unit, dim: Dim, step: int) -> Interval:
        at = self.nest.dims.index(dim)
        low, high = dim.of_step(group.index[at], unit.index[at], step)
        return Interval(low, high, frozenset([dim.name]))

    # One step: what it needs, then what it does

    def _run_step(self, step: Step) -> None:
        ops = [op for op in self.plan.ops if self.plan.happens[op.number] in (step.when, None)]
        for op in reversed(ops):
            try:
                self._want(step, op)
            except InterpretationError as error:
                raise located(error, op) from None
        live = _Live(self, step, ops)
        for op in ops:
            try:
                self._do(step, op)
                live.after(op)
            except InterpretationError as error:
                raise located(error, op) from None

    def _want(self, step: Step, op: Instruction) -> None:
        """Notes which windows of its operands an op needs in this step."""
        for value in op.results:
            if value in self.plan.recorded and self.plan.when[value] == step.when:
                step.wanted[value] = joined(step.wanted.get(value), self._window(step, value))
        shapes = self.plan.shapes[op.number]
        if self._is_sink(op):
            boxes = self._sink_needs(step, op)
        elif op.results and op.results[0] in step.wanted:
            boxes = needs(op, shapes, step.wanted[op.results[0]])
        else:
            return
        for value, type_, box in zip(op.operands, op.operand_types, boxes, strict=False):
            if type_.level == "reg" and box is not None:
                step.wanted[value] = joined(step.wanted.get(value), box)

    def _is_sink(self, op: Instruction) -> bool:
        if self.plan.happens[op.number] is None:
            return False
        stores = op.name == "gir.move" and op.type.level != "reg"
        return stores or op.name in ("gir.assert", "gir.scatter") or bool(self.plan.combined[op.number])

    def _sink_needs(self, step: Step, op: Instruction) -> list[Box | None]:
        """What a store, an assertion or a combination takes in this step: the nest's intervals."""
        if not self.plan.combined[op.number]:
            window = self._window(step, op.operands[0], op.get("over"))
            return [window if on_chip(type_) and type_.level == "reg" else None for type_ in op.operand_types]
        return [self._window(step, value) for value in op.operands]

    def _window(self, step: Step, value: int, over: Sequence[str] | None = None) -> Box:
        """The nest's intervals of this step, for the dimensions of a value."""
        shape = self.here.values[value].shape
        names = list(over) if over is not None else self.plan.names[value]
        return tuple(
            self._step_interval(step, name) if name else interval
            for name, interval in zip(names, whole(shape), strict=True)
        )

    def _step_interval(self, step: Step, name: str) -> Interval:
        dim = self.nest.dim(name)
        if not dim.swept:
            return self._interval(step.group, step.unit, dim, step.fixed[self.nest.fixed.index(dim)])
        if not step.swept:
            raise WrongPass(
                f"needs a part of '{name}' at the end of pass {step.when.number}, when its traversal is over",
                help="a result of that pass is brought to the next traversal by a move or broadcast of that pass",
            )
        return self._interval(step.group, step.unit, dim, step.swept[self.nest.swept.index(dim)])

    def _do(self, step: Step, op: Instruction) -> None:
        """Does one op on the windows that are needed."""
        if self.plan.combined[op.number]:
            self._combine(step, op)
        elif op.name == "gir.move" and op.type.level == "reg":
            self._bring(step, op)
        elif op.name == "gir.move":
            self._put(step, op)
        elif op.name == "gir.gather":
            self._gather(step, op)
        elif op.name == "gir.scatter":
            self._scatter(step, op)
        elif op.name == "gir.assert":
            self._call(op, [self._fetch(step, op.operands[0], self._window(step, op.operands[0]))])
        elif op.results and op.results[0] in step.wanted:
            self._compute(step, op)
        for value in op.results:
            if value in self.plan.recorded and value in step.tiles:
                step.unit.parts.setdefault(value, []).append(step.tiles[value])
                if op.name not in REPLICAS and not _is_keep(op):
                    step.unit.keep(value, self.here.spaces.place(op.type), step.tiles[value].data.nbytes)

    def _compute(self, step: Step, op: Instruction) -> None:
        box = step.wanted[op.results[0]]
        shapes = self.plan.shapes[op.number]
        sizes = [len(interval) for interval in box]
        if op.name in ("arith.constant", "tensor.splat"):
            element = self.here.values[op.results[0]].data[index_of(box)]
            step.tiles[op.results[0]] = Part(box, element)
            return
        boxes = needs(op, shapes, box)
        parts = [Part(b, self._fetch(step, v, b)) for v, b in zip(op.operands, boxes, strict=False) if b is not None]
        made = makes(op, shapes, box, parts)
        if made is not None:
            step.tiles[op.results[0]] = Part(box, made)
            return
        rest = iter(parts)
        operands = [
            Tile(next(rest).data) if b is not None else value
            for b, value in zip([*boxes, *[None] * (len(op.operands) - len(boxes))], shapes.values, strict=True)
        ]
        for value, tile in zip(op.results, self._call(op, operands), strict=True):
            sized = box if tile.data.ndim == len(box) else whole(tile.shape)
            step.tiles[value] = Part(self._result_box(step, op, value, sized), tile.data)
        assert list(step.tiles[op.results[0]].data.shape) == sizes, f"'{op.name}' made another window than was wanted"

    def _result_box(self, step: Step, op: Instruction, value: int, box: Box) -> Box:
        """The window of a further result: that of the first, or for a scan's end less the scanned dimension."""
        if op.name == "gir.scan" and value in op.results[len(op.results) // 2 :]:
            first = step.wanted[op.results[0]]
            return tuple(interval for d, interval in enumerate(first) if d != op.attributes["dim"])
        return box

    def _call(self, op: Instruction, operands: Sequence[Any]) -> tuple[Tile, ...]:
        """What an op means, applied to windows."""
        operands = [o if isinstance(o, Tile) else Tile(o) for o in operands]
        known = MEANINGS[op.name]
        made = known.function(self.here, op, *operands) if known.takes_here else known.function(op, *operands)
        return made if isinstance(made, tuple) else () if made is None else (made,)

    def _fetch(self, step: Step, value: int, box: Box) -> Array:
        """A window of a value, from this step or from another time."""
        if value in step.tiles:
            return step.tiles[value].crop(box)
        found = step.unit.parts.get(value)
        if not found:
            raise WrongPass(f"uses a value in pass {step.when.number}, where it isn't there")
        for part in found:
            if all(have.low <= want.low and want.high <= have.high for want, have in zip(box, part.box, strict=True)):
                return part.crop(box)
        return _assembled(found, box)

    # Combinations over swept dimensions

    def _combine(self, step: Step, op: Instruction) -> None:
        boxes = self._sink_needs(step, op)
        data = [
            self._fetch(step, value, box) for value, box in zip(op.operands, boxes, strict=False) if box is not None
        ]
        inits = 1 if op.name == "gir.contract" else len(op.groups(op.operands)[1])
        key = (op.number, self._share(step, op))
        tiles = [Tile(array) for array in data]
        started = step.group.accumulators.get(key) or tiles[-inits:]
        made = self._call(op, [*tiles[:-inits], *started])
        step.group.accumulators[key] = list(made[-inits:])
        for value, tile in zip(op.results[:-inits], made[:-inits], strict=True):
            step.tiles[value] = Part(self._window(step, value), tile.data)

    def _share(self, step: Step, op: Instruction) -> Index:
        """Which units combine into one accumulator: those that differ in the combined dimensions alone."""
        gone = combined_names(self.plan, op)
        return tuple(0 if dim.name in gone else u for dim, u in zip(self.nest.dims, step.unit.index, strict=True))

    def _begin_combinations(self, group: Group, unit: Unit, fixed: Index, number: int) -> None:
        """Notes the accumulators, which live over the whole pass."""
        step = Step(group, unit, fixed, (), When(number, 1))
        for op in self.plan.ops:
            when = self.plan.happens[op.number]
            if not self.plan.combined[op.number] or when is None or when.number != number:
                continue
            for value, type_ in zip(op.results, op.result_types, strict=True):
                if self.plan.when[value] != when:
                    elements = math.prod(len(interval) for interval in self._window(step, value))
                    unit.keep(value, self.here.spaces.place(type_), elements * type_.dtype.itemsize)

    def _end_combinations(self, group: Group, unit: Unit, fixed: Index, when: When) -> None:
        """Gives each unit the results of the stage that has ended."""
        step = Step(group, unit, fixed, (), When(when.number, when.stage + 1))
        for op in self.plan.ops:
            if not self.plan.combined[op.number] or self.plan.happens[op.number] != when:
                continue
            made = group.accumulators[(op.number, self._share(step, op))]
            for value, tile in zip(op.results[-len(made) :], made, strict=True):
                unit.parts[value] = [Part(self._window(step, value), tile.data)]

    # Movement

    def _executes(self, step: Step, op: Instruction, box: Box) -> bool:
        """Whether a movement happens in this step: a loop that its window moves with went on, or one around it."""
        key = step.place[: self.nest.depth(names_of(box))]
        if step.unit.executed.get(op.number) == key:
            return False
        step.unit.executed[op.number] = key
        return True

    def _bring(self, step: Step, op: Instruction) -> None:
        """A move to reg, from wherever."""
        value = op.results[0]
        if value not in step.wanted:
            return
        box, source = step.wanted[value], op.operand_types[0]
        if source.level == "reg":
            step.tiles[value] = Part(box, self._fetch(step, op.operands[0], box))
            return
        spaces, itemsize = self.here.spaces, op.type.dtype.itemsize
        whole_value = self.here.values[op.operands[0]]
        addresses = whole_value.addresses[index_of(box)]
        if source.level == "sram":
            data, addresses = self._buffer(step.group, whole_value).read(addresses)
        else:
            data = self._from_dram(whole_value, box)
        step.tiles[value] = Part(box, data)
        if self._executes(step, op, box):
            spaces.read(op.number, spaces.place(source), addresses, itemsize)
            spaces.tile(op.number, spaces.place(op.type), "write", data.size, itemsize)

    def _from_dram(self, value: Tile, box: Box) -> Array:
        if value.stores:
            raise UnsupportedError("a placed kernel that reads what it moved to dram itself", help="split the kernel")
        if value.real is not None and not value.real[index_of(box)].all():
            raise UninitialisedRead("reads elements of a tensor that nothing has written")
        return value.data[index_of(box)]

    def _put(self, step: Step, op: Instruction) -> None:
        """A move from reg to dram or to sram."""
        if op.operand_types[0].level != "reg":
            return  # Whole groups do that, before their units go on.
        box = self._sink_needs(step, op)[0]
        assert box is not None
        data = self._fetch(step, op.operands[0], box)
        if not self._executes(step, op, box):
            return
        spaces, itemsize = self.here.spaces, op.type.dtype.itemsize
        spaces.tile(op.number, spaces.place(op.operand_types[0]), "read", data.size, itemsize)
        shape = self.here.values[op.results[0]].shape
        positions = np.arange(int(np.prod(shape))).reshape(shape)[index_of(box)].ravel()
        if op.type.level == "sram":
            addresses = step.group.buffers[op.number].write(positions, data.ravel(), step.unit.number)
            spaces.written(op.number, spaces.place(op.type), addresses, itemsize)
            return
        output = self.outputs[op.number]
        _check_alone(output, positions, data.ravel(), step)
        output.data[positions] = data.ravel()
        output.writer[0][positions], output.writer[1][positions] = step.group.number, step.unit.number
        output.executions.append(positions)

    def _gather(self, step: Step, op: Instruction) -> None:
        value = op.results[0]
        if value not in step.wanted:
            return
        box = step.wanted[value]
        indices = [Tile(self._fetch(step, number, box)) for number in op.operands[1:]]
        counted = self.here.spaces
        if not self._executes(step, op, box):
            self.here.state.spaces = counted.uncounted()
        made = self._call(op, [self.here.values[op.operands[0]], *indices])
        self.here.state.spaces = counted
        step.tiles[value] = Part(box, made[0].data)

    def _scatter(self, step: Step, op: Instruction) -> None:
        groups = op.groups(op.operands)
        box = self._window(step, groups[0][0])
        if not self._executes(step, op, box):
            return
        value, *indices = (Tile(self._fetch(step, number, box)) for number in (*groups[0], *groups[2]))
        dest = self.scattered.get(op.number) or self.here.values[groups[1][0]]
        self.scattered[op.number] = self._call(op, [value, dest, *indices])[0]

    # Buffers at sram

    def _buffer(self, group: Group, value: Tile) -> ChipBuffer:
        return buffer_of(list(group.buffers.values()), value)

    def _fill_buffers(self, group: Group, units: list[Unit], fixed: Index, number: int) -> None:
        """Makes the buffers of a pass, and fills those that are moved from dram: once for all units, in lock-step."""
        for op in self.plan.ops:
            when = self.plan.happens[op.number]
            if op.name != "gir.move" or op.type.level != "sram" or when is None or when.number != number:
                continue
            names = self._buffer_names(op)
            key = fixed[: self.nest.depth(frozenset(n for n in names if n and not self.nest.dim(n).swept))]
            held = group.buffers.get(op.number)
            if held and held.key == key:
                continue
            try:
                self._fill(group, units, fixed, op, names, key)
            except InterpretationError as error:
                raise located(error, op) from None

    def _buffer_names(self, op: Instruction) -> list[str | None]:
        over = op.get("over")
        return [name or None for name in over] if over is not None else self.plan.names[op.results[0]]

    def _fill(
        self, group: Group, units: list[Unit], fixed: Index, op: Instruction, names: list[str | None], key: Index
    ) -> None:
        value, spaces = self.here.values[op.results[0]], self.here.spaces
        place = spaces.place(op.type)
        window = [
            self._held(group, units, fixed, name) if name else np.arange(size)
            for name, size in zip(names, value.shape, strict=True)
        ]
        if op.number in group.buffers:
            group.shared.give(place, group.buffers[op.number].size_bytes)
        buffer = ChipBuffer(value, key, window)
        group.shared.take(place, buffer.size_bytes, "a value at sram")
        group.buffers[op.number] = buffer
        if op.operand_types[0].level != "dram":
            return
        source = self.here.values[op.operands[0]]
        index = np.ix_(*window)
        there = Tile(source.data[index], None if source.real is None else source.real[index], stores=source.stores)
        data = self._from_dram(there, whole(there.shape))
        assert source.addresses is not None, "a tensor at dram has addresses"
        spaces.read(op.number, spaces.place(op.operand_types[0]), source.addresses[index], op.type.dtype.itemsize)
        positions = np.arange(value.data.size).reshape(value.shape)[index].ravel()
        addresses = buffer.write(positions, np.asarray(data).ravel(), NOBODY)
        spaces.written(op.number, place, addresses, op.type.dtype.itemsize)

    def _held(self, group: Group, units: list[Unit], fixed: Index, name: str) -> Array:
        """The indices of a dimension that a group holds: all of its part if swept, else its units' steps together."""
        dim = self.nest.dim(name)
        if dim.swept:
            return np.arange(*dim.of_group(group.index[self.nest.dims.index(dim)]))
        step = fixed[self.nest.fixed.index(dim)]
        intervals = [self._interval(group, unit, dim, step) for unit in units]
        return np.unique(np.concatenate([np.arange(i.low, i.high) for i in intervals]))

    # Results

    def put_together(self, value: Tile) -> Tile:
        """What a kernel returns: its elements as the instances moved them, where views put them."""
        data = np.array(value.data)
        for store in value.stores:
            output = self.outputs[store.key]
            there = store.places >= 0
            missing = there & (output.writer[0] == NOBODY)
            if missing.any():
                op = next(op for op in self.plan.ops if op.number == store.key)
                element = int(np.argmax(missing))
                raise located(UninitialisedRead(f"no instance of the nest moves element {element}"), op)
            data.ravel()[store.places[there]] = output.data[there]
        return replace(value, data=data)


def _check_alone(output: Output, positions: Array, data: Array, step: Step) -> None:
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


def _is_keep(op: Instruction) -> bool:
    """Whether an op only carries a tile on to a later pass."""
    return op.name == "gir.move" and op.operand_types[0].level == op.type.level == "reg"


def _assembled(parts: Sequence[Part], box: Box) -> Array:
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


class _Live:
    """What lives at reg in one step: tiles from their op to their last use, and what is kept over the loops."""

    def __init__(self, placed: _Placed, step: Step, ops: Sequence[Instruction]) -> None:
        self.placed, self.step = placed, step
        self.last = {value: op.number for op in ops for value in (*op.operands, *op.results)}
        self.held: dict[int, tuple[Place, int]] = {}

    def after(self, op: Instruction) -> None:
        """Notes what an op brings to life and what it ends."""
        step, spaces = self.step, self.placed.here.spaces
        pool = step.unit.registers
        for value, type_ in zip(op.results, op.result_types, strict=True):
            part = step.tiles.get(value)
            if part is None or type_.level != "reg" or op.name in REPLICAS or _is_keep(op) or value in step.unit.kept:
                continue
            size = part.data.size * type_.dtype.itemsize
            self._reuse(op, size)
            self.held[value] = (spaces.place(type_), size)
            pool.take(*self.held[value], f"a tile of '{op.name}'")
        for value in (*op.operands, *op.results):
            if self.last.get(value) == op.number and value in self.held:
                pool.give(*self.held.pop(value))

    def _reuse(self, op: Instruction, size: int) -> None:
        if not op.name.startswith(("arith.", "math.")):
            return
        for value in op.operands:
            if self.last.get(value) == op.number and value in self.held and self.held[value][1] >= size:
                self.step.unit.registers.give(*self.held.pop(value))
                return
