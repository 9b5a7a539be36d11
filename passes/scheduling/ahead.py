"""How a loop's windows are copied ahead: see `gir-buffer-copies`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import (
    create,
    entry_block,
    i32_array,
    i64_array,
    index_constant,
    integer_of,
    mixed,
    operations,
    segments,
    split_mixed,
)
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling import rows
from powerfusion.passes.scheduling.packing import aligned
from powerfusion.passes.scheduling.scratch import alignment_of, buffer_bytes, space_of
from powerfusion.passes.scheduling.staged import clone_slice, slice_of
from powerfusion.passes.tiling import memrefs


@dataclass(frozen=True)
class Place:
    """Where a stage's windows lie in turn.

    Attributes:
        stage: The op.
        slice: What says where its window is.
        buffer: One row of elements.
        slot: Elements from one window's place to the next.
    """

    stage: ir.Operation
    slice: Sequence[ir.Operation]
    buffer: ir.Value
    slot: int


class Ahead:
    """Rewrites a loop so that its windows are copied ahead."""

    def __init__(self, loop: ir.Operation, stages: Sequence[ir.Operation], buffers: int, machine: Machine) -> None:
        self.loop, self.stages, self.buffers, self.machine = loop, stages, buffers, machine
        self.low, self.high, step, *self.inits = loop.operands
        self.step = integer_of(step) or 1
        self.places: list[Place] = []

    def run(self) -> None:
        """Does it."""
        with ir.InsertionPoint(self.loop), self.loop.location:
            if self._has_a_step():
                self._replace_loop()
                return
            once = rows.at_most_one_step(self.low, self.high, self.step)
            types = [init.type for init in self.inits]
            guard = create("scf.for", [index_constant(0), once, index_constant(1), *self.inits], types, regions=1)
            block = guard.regions[0].blocks.append(
                ir.IndexType.get(), *types, arg_locs=[self.loop.location] * (1 + len(types))
            )
            with ir.InsertionPoint(block):
                end = create("scf.yield")
            for old, new in zip(self.loop.results, guard.results, strict=True):
                old.replace_all_uses_with(new)
            self.loop.move_before(end)
        with ir.InsertionPoint(self.loop), self.loop.location:
            results = self._replace_loop()
        with ir.InsertionPoint(end), end.location:
            create("scf.yield", results)
        end.erase()

    def _has_a_step(self) -> bool:
        low, high = integer_of(self.low), integer_of(self.high)
        return low is not None and high is not None and low < high

    def _replace_loop(self) -> list[ir.Value]:
        """Puts the new loop before the old one and erases that; gives the new results."""
        for stage in self.stages:
            self.places.append(self._place(stage))
        self.last = rows.last_index(self.low, self.high, self.step)
        firsts = [rows.later(self.low, at * self.step) for at in range(self.buffers - 1)]
        tokens = [self._copy(place, index, at) for at, index in enumerate(firsts) for place in self.places]
        types = [value.type for value in (*self.inits, *tokens)]
        bounds = list(self.loop.operands)[:3]
        new = create("scf.for", [*bounds, *self.inits, *tokens], types, regions=1)
        for name in self.loop.attributes:
            new.attributes[name] = self.loop.attributes[name]
        block = new.regions[0].blocks.append(
            ir.IndexType.get(), *types, arg_locs=[self.loop.location] * (1 + len(types))
        )
        self._fill(block)
        results = list(new.results)
        create("gir.wait", results[len(self.inits) :])
        for old, made in zip(self.loop.results, results, strict=False):
            old.replace_all_uses_with(made)
        self.loop.erase()
        return results[: len(self.inits)]

    def _place(self, stage: ir.Operation) -> Place:
        found = slice_of(stage)
        assert found is not None, "only windows that move by index arithmetic are copied ahead"
        element, size = element_bytes(stage.result), buffer_bytes(stage)
        assert size is not None, "only windows of bounded size are copied ahead"
        slot = aligned(size, alignment_of(space_of(stage.result, self.machine))) // element
        type_ = stage.result.type
        row = ir.MemRefType.get([slot * self.buffers], type_.element_type, None, type_.memory_space)
        with stage.location:
            buffer = create("gir.alloc", [], [row], {"upto": i64_array([])}).result
        return Place(stage, found, buffer, slot)

    def _copy(self, place: Place, index: ir.Value, slot: int | ir.Value) -> ir.Value:
        """Starts to copy the window of a step; of nothing where there is no such step."""
        with place.stage.location:
            known = {self.loop.regions[0].blocks[0].arguments[0]: rows.smaller(index, self.last)}
            clone_slice(place.slice, known)
            (source,), indices, dynamic = segments(place.stage)
            given = [known.get(value, value) for value in dynamic]
            sizes = mixed(place.stage, given, "static_sizes")
            dest = self._window(place, sizes, slot)
            moved = [rows.only_below(sizes[0], index, self.high), *sizes[1:]]
            values, static = split_mixed(moved)
            zeros = [index_constant(0)] * len(sizes)
            operands = [
                known.get(source, source),
                *(known.get(value, value) for value in indices),
                dest,
                *zeros,
                *values,
            ]
            attributes = {
                "static_sizes": i64_array(static),
                "operandSegmentSizes": i32_array([1, len(sizes), 1, len(sizes), len(values)]),
            }
            return create("gir.copy", operands, [ir.Type.parse("!gir.token")], attributes).result

    def _window(self, place: Place, sizes: Sequence[int | ir.Value], slot: int | ir.Value) -> ir.Value:
        """The window of some sizes in a place of the buffer."""
        start = index_constant(slot * place.slot) if isinstance(slot, int) else rows.times(slot, place.slot)
        return rows.window_at(place.buffer, start, sizes)

    # -- the body ----------------------------------------------------------------------------

    def _fill(self, block: ir.Block) -> None:
        """Moves the old body into the new one, copies ahead in front, waits where it staged."""
        old = entry_block(self.loop)
        index = block.arguments[0]
        count = len(self.inits)
        carried = list(block.arguments)[1 + count :]
        tokens, rest = carried[: len(self.places)], carried[len(self.places) :]
        with ir.InsertionPoint(block):
            behind = self.buffers - 1
            slot = rows.turn(index, self.low, self.step, behind, self.buffers)
            later = rows.later(index, behind * self.step)
            ahead = [self._copy(place, later, slot) for place in self.places]
            this = rows.turn(index, self.low, self.step, 0, self.buffers)
        for before, after in zip(old.arguments, block.arguments, strict=False):
            before.replace_all_uses_with(after)
        for op in operations(old):
            block.append(op)
        for place, token in zip(self.places, tokens, strict=True):
            self._replace_stage(place, token, this)
        end = operations(block)[-1]
        with ir.InsertionPoint(end), end.location:
            create("scf.yield", [*end.operands, *rest, *ahead])
        end.erase()

    def _replace_stage(self, place: Place, token: ir.Value, slot: ir.Value) -> None:
        stage = place.stage
        with ir.InsertionPoint(stage), stage.location:
            create("gir.wait", [token])
            window = self._window(place, mixed(stage, segments(stage)[2], "static_sizes"), slot)
        _use_instead(stage.result, window)
        stage.erase()


def _use_instead(old: ir.Value, new: ir.Value) -> None:
    """Uses a memref in another's place, whose layout is another."""
    for use in list(old.uses):
        op = use.owner.operation
        if op.name != "memref.transpose":
            op.operands[use.operand_number] = new
            continue
        map_ = ir.AffineMapAttr(op.attributes["permutation"]).value
        with ir.InsertionPoint(op), op.location:
            turned = memrefs.transpose(new, [ir.AffineDimExpr(result).position for result in map_.results])
        _use_instead(op.result, turned)
        op.erase()
