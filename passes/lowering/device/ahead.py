"""Loops whose loads are a step ahead: while one step computes, what the next one reads is on its way.

    for (i = low; i < high; i += step) {         load(low, 0); wait();
      x = load(i); wait();                       for (i = low; i < high; i += step) {
      y = f(x);                             ⇒      if (i + step < high) load(i + step, (phase(i) + 1) % 3);
      store(y, i); wait();                         y = f(x[phase(i)]);
    }                                              wait(); store(y, i);
                                                 }
                                                 wait();

Loads are those right within a loop that depend on its index alone and read memory that nothing within writes. Each has
three places, which are its own as long as the loop goes on: one that is computed on, one that the next step's is on its
way to, and one that the last step's result is on its way from, where that is written over what it is made of. The wait
before a store is for the store before it and for the loads. A result in a place of its own is waited for at the end of
a step, as the next one writes there. Loops that store nothing by themselves have two places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from powerfusion.core._mlir import operations, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.lowering import DeviceLowering
from powerfusion.passes.lowering.device.state import Region
from powerfusion.passes.lowering.device.transfers import load_into, space_of
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.buffers import Buffer
from powerfusion.passes.lowering.emitc.code import Number, minus, plus, times
from powerfusion.passes.lowering.emitc.tiles import Held, Tile
from powerfusion.passes.lowering.lockstep import holds
from powerfusion.passes.scheduling.kernels import ops_in
from powerfusion.passes.scheduling.roots import root_of

INDICES = ("affine.", "arith.", "memref.subview", "memref.expand_shape", "memref.collapse_shape", "memref.cast")
WRITES = {"gir.store": 1, "gir.copy": 2}
"""Which group of operands of an op is the memory that it writes."""
TWO = 2  # places, of which a loop has as few that loads ahead
READS = ("gir.load", "gir.gather", "gir.copy", "gir.stage")
"""What reads the memory that its first operand is."""
BARS = ("gir.scatter", "gir.gather", "gir.stage", "gir.extern", "memref.store", "memref.copy", "gir.assert")
"""What a loop has not whose loads are ahead."""
Bounds = tuple[Number, Number, Number]


@contextmanager
def steps(
    lowering: DeviceLowering, block: ir.Block, bounds: Bounds, bind: Callable[[Number], None]
) -> Iterator[list[ir.Operation]]:
    """Writes a loop; gives what of a block is left to be written in it.

    Args:
        lowering: What it is part of.
        block: The loop's.
        bounds: From, to, and step.
        bind: Binds what stands for the index to a number.
    """
    early = early_of(lowering, block)
    if not any(op.name == "gir.load" for op in early):
        with code.loop(*bounds) as index:
            bind(index)
            yield operations(block)[:-1]
        return
    low, high, step = bounds
    lowering.group.flush()
    lowering.arrive()
    places = lowering.ahead if any(op.name == "gir.store" for op in operations(block)) else TWO
    turns = {op: _Turns(lowering, op, places) for op in early if op.name == "gir.load"}
    with code.when(code.below(low, high)):
        bind(low)
        _start(lowering, early, turns, 0)
    lowering.arrive()
    with code.loop(low, high, step) as index:
        phase = _phase(index, low, step, places)
        following = plus(index, step)
        with code.when(code.below(following, high)):
            bind(following)
            _start(lowering, early, turns, _next(phase, places))
        lowering.go_on()
        bind(index)
        for op in early:
            if op in turns:
                turns[op].take(phase, block)
            else:
                lowering.emit_index(op)
        yield [op for op in operations(block)[:-1] if op not in early]
        lowering.group.flush()
        if not _may_lag(lowering, block, list(turns.values())):
            lowering.arrive()
        lowering.before_copy(*lowering.copied)
    lowering.arrive()
    for turn in turns.values():
        turn.give_back()


def _phase(index: ir.Value, low: Number, step: Number, places: int) -> ir.Value:
    number = minus(index, low)
    if not isinstance(step, int) or step != 1:
        number = code.binary("div", code.value_of(number), code.value_of(step))
    return code.binary("rem", code.value_of(number), code.value_of(places))


def _next(phase: ir.Value, places: int) -> Number:
    if places == TWO:
        return minus(1, phase)
    return code.binary("rem", code.value_of(plus(phase, 1)), code.value_of(places))


def _may_lag(lowering: DeviceLowering, block: ir.Block, turns: Sequence[_Turns]) -> bool:
    """Whether what is under way is stores of places, and to memory, that the next step does nothing with."""
    spans = [turn.spans[0] for turn in turns if len(turn.spans) > TWO]
    read = {_memory(lowering, op.operands[0]) for op in ops_in(block.owner.operation) if op.name in READS}
    return all(
        flight.written is not None and flight.written not in read and flight.span in spans
        for flight in lowering.flights
    )


def _start(
    lowering: DeviceLowering, early: Sequence[ir.Operation], turns: dict[ir.Operation, _Turns], phase: Number
) -> None:
    """Starts the loads of a step, whose index is bound."""
    for op in early:
        if op in turns:
            turns[op].load(phase)
        else:
            lowering.emit_index(op)


class _Turns:
    """A load with a few places of one size, one behind the other."""

    def __init__(self, lowering: DeviceLowering, op: ir.Operation, places: int) -> None:
        self.lowering, self.op = lowering, op
        self.strides, size = lowering.extent_of(self._held())
        self.spans = lowering.take_places(size, places, op)
        lowering.copied.update(self.spans)

    def _held(self) -> Held:
        type_ = self.op.result.type
        held = Held(tuple(type_.shape), type_.element_type)
        self.lowering.set_form(held)
        return held

    def _placed(self, phase: Number) -> Held:
        held = self._held()
        first, second = self.spans[:2]
        begin = plus(first.begin, times(phase, second.begin - first.begin))
        self.lowering.point(held, begin, self.strides, self.op)
        return held

    def load(self, phase: Number) -> None:
        """Starts it."""
        lowering = self.lowering
        lowering.note_tile(self._held(), self.spans[0])
        held = self._placed(phase)
        load_into(lowering, self.op, held, Region(held, self.spans[0], self.op.block, is_kept=True))

    def take(self, phase: Number, block: ir.Block) -> None:
        """What has come is the load's tile."""
        held = self._placed(phase)
        self.lowering.regions.append(Region(held, self.spans[0], block, is_kept=True))
        self.lowering.bind([self.op.result], [Tile.of(held)])

    def give_back(self) -> None:
        """The places are free."""
        for span in self.spans:
            self.lowering.arena.give_back(span)


# -- which -----------------------------------------------------------------------------------------


def early_of(lowering: DeviceLowering, block: ir.Block) -> list[ir.Operation]:
    """The loads of a loop's body that may be ahead, and what their indices are made of, in order."""
    around = block.owner.operation
    barred = holds(around, lambda op: op.name in BARS)
    if barred or lowering.members or not lowering.ahead:
        return []
    written = {_memory(lowering, segments(op)[WRITES[op.name]][0]) for op in ops_in(around) if op.name in WRITES}
    within = set(operations(block))
    early: list[ir.Operation] = []
    for op in operations(block)[:-1]:
        known = all(isinstance(v.owner, ir.Block) or v.owner not in within or v.owner in early for v in op.operands)
        arguments = list(block.arguments)[1:] if around.name == "scf.for" else []
        carried = any(operand in arguments for operand in op.operands)
        if not known or carried:
            continue
        is_index = op.name.startswith(INDICES) and not any(
            isinstance(value.type, ir.RankedTensorType) for value in (*op.operands, *op.results)
        )
        if is_index or (
            op.name == "gir.load" and _is_far(lowering, op) and _memory(lowering, op.operands[0]) not in written
        ):
            early.append(op)
    return early


def _is_far(lowering: DeviceLowering, op: ir.Operation) -> bool:
    """Whether a load reads the machine's memory by copies that one may wait for later."""
    source = space_of(lowering, op.operands[0].type)
    copies = lowering.emission.copies_along(source, lowering.space.name)
    return lowering.machine.space(source).level == "dram" and bool(copies) and all(copy.wait for copy in copies)


def _memory(lowering: DeviceLowering, value: ir.Value) -> object:
    """What a memref is part of; kernels may be given one memory twice."""
    root = root_of(value)
    known = lowering.values.get(root)
    return known.memory if isinstance(known, Buffer) else root
