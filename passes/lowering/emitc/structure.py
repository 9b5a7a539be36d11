"""Kernels, parallel scopes, loops and branches in C."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from powerfusion.core._mlir import create, entry_block, operations, segments
from powerfusion.errors import UnsupportedError
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.work import least_work
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.carries import Carry, carried_by, start, wide_type
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.combining import combine
from powerfusion.passes.lowering.emitc.lanes import lanes_of, start_lanes
from powerfusion.passes.lowering.emitc.lowering import TARGET
from powerfusion.passes.lowering.emitc.partials import start_folds
from powerfusion.passes.lowering.emitc.slots import Slot, fill
from powerfusion.passes.lowering.emitc.tiles import Tile
from powerfusion.passes.lowering.emitc.units import Units
from powerfusion.passes.lowering.lockstep import holds, is_needed, scope_of
from powerfusion.passes.lowering.registry import lowers

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.function import FunctionLowering

MACHINE = "c"


@lowers("gir.extern", to=TARGET)
@lowers("gir.kernel", to=TARGET)
def lower_kernel(lowering: FunctionLowering, op: ir.Operation) -> None:
    """A kernel's body, where the kernel stands."""
    if list(op.results):
        raise UnsupportedError(
            "a kernel in graph form can't be lowered", location=op.location, help="run gir-tile first"
        )
    block = entry_block(op)
    lowering.bind(block.arguments, [lowering.values[value] for value in segments(op)[0]])
    lowering.emit_block(block)


@lowers("gir.return", to=TARGET)
@lowers("gir.yield", to=TARGET)
@lowers("scf.yield", to=TARGET)
def lower_end(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Nothing: what ends is written by what holds it."""


@lowers("gir.alternatives", to=TARGET)
def lower_alternatives(lowering: FunctionLowering, op: ir.Operation) -> None:
    """The first way."""
    block = entry_block(op)
    for inner in operations(block)[:-1]:
        lowering.emit(inner)
    lowering.bind(op.results, [lowering.values[value] for value in operations(block)[-1].operands])


@lowers("gir.sync", to=TARGET)
def lower_sync(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Nothing: units in step have all come here."""


@lowers("gir.all_reduce", to=TARGET)
def lower_all_reduce(lowering: FunctionLowering, op: ir.Operation) -> None:
    """In step with the other units: what each has is combined, in order, and given to all."""
    raise UnsupportedError(
        "'gir.all_reduce' outside of units that run in step can't be lowered",
        location=op.location,
        help="put it into a gir.parallel <unit>, reached by all units",
    )


# -- scopes ----------------------------------------------------------------------------------------


@lowers("gir.parallel", to=TARGET)
def lower_parallel(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Outermost, loops that OpenMP may deal out to threads; further in, and for little, serial ones, or in step."""
    counts = lowering.numbers(op.operands)
    if is_needed(op):
        Units.run(lowering, op)
        return
    lowering.group.flush()
    scatters = holds(op, lambda inner: inner.name == "gir.scatter")
    little = "gir.work" in op.attributes and ir.IntegerAttr(op.attributes["gir.work"]).value < least_work(find(MACHINE))
    threaded = bool(counts) and not lowering.threads and not scatters and not little
    with ExitStack() as nest:
        nest.enter_context(lowering.scratch_of(op, threaded=threaded))
        if threaded:
            code.verbatim(pragma(len(counts)))
        index = [nest.enter_context(code.loop(0, count)) for count in counts]
        lowering.bind(entry_block(op).arguments, index)
        if scope_of(op) == "unit":
            lowering.unit = _linear(index, counts)
        lowering.threads += threaded
        nest.enter_context(lowering.scratch_of_one(op))
        lowering.emit_block(entry_block(op))
        lowering.threads -= threaded


def _linear(index: Sequence[Number], counts: Sequence[Number]) -> Number:
    """Which of a parallel's instances one is."""
    number: Number = 0
    for at, count in zip(index, counts, strict=True):
        number = code.plus(code.times(number, count), at)
    return number


def pragma(loops: int) -> str:
    """What deals loops out to threads."""
    return f"PF_OMP(omp parallel for schedule(static){f' collapse({loops})' if loops > 1 else ''})"


# -- control flow ----------------------------------------------------------------------------------


@lowers("scf.for", to=TARGET)
def lower_for(lowering: FunctionLowering, op: ir.Operation) -> None:
    """A loop; what it carries is in variables and arrays before it."""
    body = entry_block(op)
    old_index, *arguments = body.arguments
    low, high, step, *inits = op.operands
    carried: list[Slot | Carry] = []
    inherited: list[bool] = []
    lowering.group.flush()
    bounds = (lowering.number(low), lowering.number(high), lowering.number(step))
    folds = start_folds(lowering, op, inits, code.below(*bounds[:2]), combine) if lowering.keeps_lanes else {}
    slots: list[tuple[Slot, ir.Value]] = []
    for at, (argument, init) in enumerate(zip(arguments, inits, strict=True)):
        given = lowering.values[init]
        found = carried_by(argument, at, op)
        inherited.append(isinstance(given, Carry) and isinstance(init.owner, ir.Block) and found is not None)
        if inherited[-1]:
            carried.append(given)  # pyright: ignore[reportArgumentType]
        elif at in folds:
            carried.append(folds[at])
        elif found is not None:
            carried.append(_begin(lowering, argument, lowering.tile(init), found, op))
        else:
            slot = Slot.of(lowering, argument.type, op)
            carried.append(slot)
            slots.append((slot, init))
    fill(lowering, slots, op)
    with lowering.steps(body, bounds, lambda index: lowering.bind([old_index], [index])) as ops:
        for argument, slot in zip(arguments, carried, strict=True):
            lowering.values[argument] = slot if isinstance(slot, Carry) else slot.value()
        for inner in ops:
            lowering.emit(inner)
        ends = operations(body)[-1].operands
        fill(lowering, [(s, v) for s, v in zip(carried, ends, strict=True) if isinstance(s, Slot)], op)
    for result, slot, outer in zip(op.results, carried, inherited, strict=True):
        if isinstance(slot, Slot):
            lowering.values[result] = slot.value()
        else:
            lowering.values[result] = slot if outer else slot.finish()


def _begin(
    lowering: FunctionLowering, argument: ir.Value, init: Tile, found: ir.Operation, loop: ir.Operation
) -> Carry:
    """The accumulator of a loop, for the op that folds into it."""
    if lowering.keeps_lanes and found.name == "gir.reduce" and "kinds" in found.attributes and lanes_of(found):
        return start_lanes(lowering, found, _which(argument, loop), init, loop)
    return start(lowering, found, init, wide_type(found, init.element))


def _which(argument: ir.Value, loop: ir.Operation) -> int:
    """Which of its results a reduction folds into what a loop carries."""
    use = next(iter(argument.uses))
    user, at = use.owner.operation, use.operand_number
    if user.name == "scf.for":
        return _which(entry_block(user).arguments[at - 2], user)
    return at - len(segments(user)[0])


@lowers("scf.if", to=TARGET)
def lower_if(lowering: FunctionLowering, op: ir.Operation) -> None:
    """A branch, as peeling leaves for the rest of a loop."""
    lowering.group.flush()
    slots = [Slot.of(lowering, result.type, op) for result in op.results]
    made = create("emitc.if", [lowering.scalar(op.operands[0])], regions=2)
    for old, new in zip(op.regions, made.regions, strict=True):
        if len(old.blocks) == 0:
            continue
        with ir.InsertionPoint(new.blocks.append()):
            for inner in operations(old.blocks[0])[:-1]:
                lowering.emit(inner)
            fill(lowering, list(zip(slots, operations(old.blocks[0])[-1].operands, strict=True)), op)
            create("emitc.yield")
    lowering.bind(op.results, [slot.value() for slot in slots])
