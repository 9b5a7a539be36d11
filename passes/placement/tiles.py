"""How much room a schedule needs: the most bytes that live at once, at reg of a unit and at sram of a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from powerfusion.passes.placement.cost import Place
from powerfusion.passes.placement.model import Op, Program, Step, Where
from powerfusion.passes.placement.schedules import Scheduler, ended
from powerfusion.passes.placement.windows import WAITING, Key, Spans


def peak_at_sram(place: Place, program: Program, steps: Sequence[Step], windows: Mapping[Key, Spans]) -> int:
    """Bytes of a group: what rests there does so until the kernel's step is over."""
    return sum(
        program.values[step.value].element_bytes * place.held(windows[step.value, WAITING])
        for step in steps
        if step.where in (Where.STAGE, Where.REST)
    )


def peak_at_reg(
    place: Place, scheduler: Scheduler, steps: Sequence[Step], windows: Mapping[Key, Spans], combining: Set[int]
) -> int:
    """Bytes of a unit: a tile lives from its step to its last use, and an op may write over what dies with it.

    What steps or units are combined into, by the ops of `combining`, lives from the beginning of its pass; what is kept
    over passes counts with all steps of its unit, to the end.
    """
    program = scheduler.program
    steps = sorted(steps, key=lambda step: _when(scheduler, step))
    kept = {step.value for step in steps if step.where is Where.KEEP}

    def size(key: Key) -> int:
        if key not in windows:
            return 0
        held = place.kept if key[0] in kept else place.tile
        return program.values[key[0]].element_bytes * held(windows[key])

    last = {key: len(steps) if key[0] in kept else at for key, at in _last_uses(scheduler, steps).items()}
    combined: dict[int, dict[Key, int]] = {}
    for step in steps:
        if step.where is Where.DO and step.op in combining:
            keys = ((value, step.number) for value in ended(program.ops[step.op]))
            combined.setdefault(step.number, {}).update((key, size(key)) for key in keys)
    live: dict[Key, int] = {}
    most = 0
    for at, step in enumerate(steps):
        op = program.ops[step.op]
        live |= combined.pop(step.number, {})
        made = {} if step.where is Where.DO and op.free else {key: size(key) for key in _made(op, step)}
        if step.where is Where.DO and not op.apart:
            operands = scheduler.operands(step.op)  # Not what these only repeat: that isn't laid out as they are.
            dying = [key for key in live if key[0] in operands and last.get(key, -1) == at]
            live = _reused(live, dying, max(made.values(), default=0))
        live |= made
        most = max(most, sum(live.values()))
        live = {key: held for key, held in live.items() if last.get(key, -1) > at}
    return most


def _when(scheduler: Scheduler, step: Step) -> int:
    """When a step happens: while its pass sweeps, or when it has ended."""
    sweeps = step.where is not Where.STORE and step.op in scheduler.ends
    late = not sweeps and scheduler.time(step.value) == 2 * step.number + 1
    return 2 * step.number + late


def _made(op: Op, step: Step) -> list[Key]:
    """The tiles that a step makes."""
    if step.where is Where.DO:
        return [(value, step.number) for value in op.results]
    return [(step.value, step.number)] if step.where in (Where.LOAD, Where.FETCH) else []


def _reused(live: Mapping[Key, int], dying: Sequence[Key], size: int) -> dict[Key, int]:
    """What is live without one tile that dies with a step and is at least so large: the result takes its place."""
    reused = next((key for key in dying if live[key] >= size), None)
    return {key: held for key, held in live.items() if key != reused or not size}


def _last_uses(scheduler: Scheduler, steps: Sequence[Step]) -> dict[Key, int]:
    """By value and pass, the last step that uses it; what only repeats a value keeps that alive."""
    last: dict[Key, int] = {}
    made: dict[int, Key] = {}
    for at, step in enumerate(steps):
        op = scheduler.program.ops[step.op]
        if step.where is Where.DO:
            operands = scheduler.operands(step.op)
            for value in operands:
                last[made.get(value, (value, step.number))] = at
            repeats = made.get(operands[0]) if op.free and operands else None
            made |= {value: repeats or (value, step.number) for value in op.results}
        elif step.where in (Where.LOAD, Where.FETCH):
            made[step.value] = (step.value, step.number)
        elif step.where is not Where.KEEP:  # What is kept is what it was.
            last[made.get(step.value, (step.value, step.number))] = at
    return last
