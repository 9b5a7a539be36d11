"""Runs a placed kernel: the loops of its nest, literally, each op on the window that it needs.

Windows are worked out backwards, op by op, for every step anew: from what a step stores, combines or keeps to what it
has to bring in. Nothing here knows how passes would tile the kernel.

The kernel is run without its nest first, and nothing of that is counted: it says how large values are, and by which
views results are put together. What values hold comes from the loops.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from powerfusion.errors import InterpretationError, WrongPass
from powerfusion.reference.buffers import buffer_of
from powerfusion.reference.filling import Filler, from_dram
from powerfusion.reference.instances import (
    NOBODY,
    Group,
    Live,
    Output,
    Step,
    Unit,
    assembled,
    check_alone,
    executes,
    interval_of,
    is_first,
    is_keep,
    put_together,
    wanted_of,
)
from powerfusion.reference.nest import Dim, Index
from powerfusion.reference.plan import Plan, When, combined_names, on_chip, plan_of
from powerfusion.reference.program import Instruction
from powerfusion.reference.registry import MEANINGS
from powerfusion.reference.spaces import Pool
from powerfusion.reference.stream import Here, Moved, located
from powerfusion.reference.types import Array
from powerfusion.reference.values import Tile
from powerfusion.reference.windows import (
    Box,
    Interval,
    Part,
    index_of,
    joined,
    makes,
    names_of,
    needs,
    result_box,
    whole,
)


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
    if placed.scattered:  # Their elements were put where the indices said, not where an instance is.
        return list(returned)
    return [put_together(value, placed.outputs, placed.plan.ops) for value in returned]


class _Placed:
    def __init__(self, here: Here, plan: Plan) -> None:
        self.here = here
        self.plan = plan
        self.nest = plan.nest
        self.filler = Filler(here.spaces, plan, here.values, self._wanted)
        self.rng = here.state.rng
        self.outputs: dict[int, Output] = {}
        self.scattered: dict[int, Tile] = {}
        for op in plan.ops:
            if op.name == "gir.move" and op.type.level == "dram":
                value = here.values[op.results[0]]
                size = value.data.size
                self.outputs[op.number] = Output(np.zeros(size, op.type.dtype), np.full((2, size), NOBODY))
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
        group.time += 1
        self.filler.fill_all(group, units, fixed, number)
        for unit in units:
            self._begin_combinations(group, unit, fixed, number)
        for unit in self._order(units):
            for swept in self._ordered(self.nest.steps(self.nest.swept)):
                if self._there(group, unit, self.nest.swept, swept):
                    self._run_step(Step(group, unit, fixed, swept, When(number)))
        for stage in range(self.plan.stages + 1):
            group.time += 1
            for unit in units:
                self._end_combinations(group, unit, fixed, When(number, stage))
            for unit in self._order(units):
                self._run_step(Step(group, unit, fixed, (), When(number, stage + 1)))
        for unit in units:
            for value in [value for value in unit.kept if self.plan.needed_until(value) <= number]:
                unit.drop(value)

    def _order(self, units: list[Unit]) -> list[Unit]:
        if self.plan.in_order:
            return units[::-1] if self.backwards else units
        return [units[i] for i in self.rng.permutation(len(units))]

    def _ordered(self, steps: Iterator[Index]) -> list[Index]:
        found = list(steps)
        return found[::-1] if self.backwards else found

    def _there(self, group: Group, unit: Unit, dims: Sequence[Dim], steps: Index) -> bool:
        parts = (interval_of(self.nest, group, unit, dim, step) for dim, step in zip(dims, steps, strict=True))
        return all(dim.is_there((part.low, part.high)) for dim, part in zip(dims, parts, strict=True))

    # One step: what it needs, then what it does

    def _run_step(self, step: Step) -> None:
        ops = [op for op in self.plan.ops if self.plan.happens[op.number] in (step.when, None)]
        for op in reversed(ops):
            try:
                self._want(step, op)
            except InterpretationError as error:
                raise located(error, op) from None
        live = Live(self.here.spaces, step, ops)
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
        if self._is_sink(op):
            boxes = self._sink_needs(step, op)
        elif (first := wanted_of(step, op, self.plan.shapes[op.number].result)) is not None:
            boxes = needs(op, self.plan.shapes[op.number], first)
        else:
            return
        for value, type_, box in zip(op.operands, op.operand_types, boxes, strict=False):
            if type_.level == "reg" and box is not None:
                step.wanted[value] = joined(step.wanted.get(value), box)

    def _wanted(self, group: Group, unit: Unit, fixed: Index, op: Instruction) -> Box | None:
        """The window of what an op gives that a unit needs in a step, before it gets there."""
        when = self.plan.happens[op.number] or When(0)
        step = Step(group, unit, fixed, () if when.stage else (0,) * len(self.nest.swept), when)
        for each in reversed(self.plan.ops):
            if self.plan.happens[each.number] in (when, None):
                self._want(step, each)
        return step.wanted.get(op.results[0])

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
            return interval_of(self.nest, step.group, step.unit, dim, step.fixed[self.nest.fixed.index(dim)])
        if not step.swept:
            raise WrongPass(
                f"needs a part of '{name}' at the end of pass {step.when.number}, when its traversal is over",
                help="a result of that pass is brought to the next traversal by a move or broadcast of that pass",
            )
        return interval_of(self.nest, step.group, step.unit, dim, step.swept[self.nest.swept.index(dim)])

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
        elif (box := wanted_of(step, op, self.plan.shapes[op.number].result)) is not None:
            self._compute(step, op, box)
        for value in op.results:
            if value in self.plan.recorded and value in step.tiles:
                parts = step.unit.parts.setdefault(value, [])
                if any(part.box == step.tiles[value].box for part in parts):
                    continue  # What a sweep doesn't move with is there once, from its first step on.
                parts.append(step.tiles[value])
                if not op.free and not is_keep(op, self.here.spaces):
                    step.unit.keep(value, self.here.spaces.place(op.type), step.tiles[value].data.nbytes)

    def _compute(self, step: Step, op: Instruction, box: Box) -> None:
        shapes = self.plan.shapes[op.number]
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
            step.tiles[value] = Part(result_box(op, value, box, tile.shape), tile.data)
            sizes = [len(interval) for interval in step.tiles[value].box]
            assert list(tile.shape) == sizes, f"'{op.name}' made another window than was wanted"

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
        return assembled(found, box)

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

    def _bring(self, step: Step, op: Instruction) -> None:
        """A move to reg, from wherever."""
        value = op.results[0]
        if value not in step.wanted:
            return
        box, source = step.wanted[value], op.operand_types[0]
        if source.level == "reg":
            step.tiles[value] = Part(box, self._fetch(step, op.operands[0], box))
            self._count_between_registers(step, op, box)
            return
        spaces, itemsize = self.here.spaces, op.type.dtype.itemsize
        whole_value = self.here.values[op.operands[0]]
        addresses = whole_value.addresses[index_of(box)]
        if source.level == "sram":
            held = buffer_of(list(step.group.buffers.values()), whole_value)
            data, addresses = held.read(addresses, step.unit.number, step.group.time)
        else:
            data = from_dram(whole_value, index_of(box))
        step.tiles[value] = Part(box, data)
        if executes(self.nest, step, op.number, names_of(box)):
            spaces.read(op.number, spaces.place(source), addresses, itemsize)
            spaces.tile(op.number, spaces.place(op.type), "write", data.size, itemsize)

    def _count_between_registers(self, step: Step, op: Instruction, box: Box) -> None:
        """A move from one space at reg to another; within one nothing moves."""
        spaces, source = self.here.spaces, op.operand_types[0]
        if spaces.same(source, op.type) or not executes(self.nest, step, op.number, names_of(box)):
            return
        elements, itemsize = math.prod(len(interval) for interval in box), op.type.dtype.itemsize
        spaces.tile(op.number, spaces.place(source), "read", elements, itemsize)
        spaces.tile(op.number, spaces.place(op.type), "write", elements, itemsize)

    def _put(self, step: Step, op: Instruction) -> None:
        """A move from reg to dram or to sram."""
        if op.operand_types[0].level != "reg":
            return  # Whole groups do that, before their units go on.
        box = self._sink_needs(step, op)[0]
        assert box is not None
        data = self._fetch(step, op.operands[0], box)
        if not is_first(self.nest, step, names_of(box)) or not executes(self.nest, step, op.number, names_of(box)):
            return
        spaces, itemsize = self.here.spaces, op.type.dtype.itemsize
        spaces.tile(op.number, spaces.place(op.operand_types[0]), "read", data.size, itemsize)
        shape = self.here.values[op.results[0]].shape
        positions = np.arange(int(np.prod(shape))).reshape(shape)[index_of(box)].ravel()
        if op.type.level == "sram":
            held, unit = step.group.buffers[op.number], step.unit.number
            addresses = held.write(positions, data.ravel(), unit, step.group.time)
            spaces.written(op.number, spaces.place(op.type), addresses, itemsize)
            return
        output = self.outputs[op.number]
        check_alone(output, positions, data.ravel(), step)
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
        if not executes(self.nest, step, op.number, names_of(box)):
            self.here.state.spaces = counted.uncounted()
        made = self._call(op, [self.here.values[op.operands[0]], *indices])
        self.here.state.spaces = counted
        step.tiles[value] = Part(box, made[0].data)

    def _scatter(self, step: Step, op: Instruction) -> None:
        groups = op.groups(op.operands)
        box = self._window(step, groups[0][0])
        if not executes(self.nest, step, op.number, names_of(box)):
            return
        value, *indices = (Tile(self._fetch(step, number, box)) for number in (*groups[0], *groups[2]))
        dest = self.scattered.get(op.number) or self.here.values[groups[1][0]]
        self.scattered[op.number] = self._call(op, [value, dest, *indices])[0]
