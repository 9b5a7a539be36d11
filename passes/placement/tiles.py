"""How much room a schedule needs: the most bytes that live at once, at reg of a unit and at sram of a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from powerfusion.passes.placement.cost import Place
from powerfusion.passes.placement.model import Program, Step, Where
from powerfusion.passes.placement.schedules import ended
from powerfusion.passes.placement.windows import WAITING, Key, Spans


def peak_at_sram(place: Place, program: Program, steps: Sequence[Step], windows: Mapping[Key, Spans]) -> int:
    """Bytes of a group: what rests there does so until the kernel's step is over."""
    return sum(
        program.values[step.value].element_bytes * place.held(windows[step.value, WAITING])
        for step in steps
        if step.where in (Where.STAGE, Where.REST)
    )


def peak_at_reg(
    place: Place, program: Program, steps: Sequence[Step], windows: Mapping[Key, Spans], ends: Set[int]
) -> int:
    """Bytes of a unit: a tile lives from its step to its last use, and an op may write over what dies with it.

    What the steps of a sweep are combined into, by the ops of `ends`, lives from the beginning of its pass.
    """

    def size(key: Key) -> int:
        return program.values[key[0]].element_bytes * place.tile(windows[key]) if key in windows else 0

    last = _last_uses(program, steps)
    combined: dict[int, dict[Key, int]] = {}
    for step in steps:
        if step.where is Where.DO and step.op in ends:
            keys = ((value, step.number) for value in ended(program.ops[step.op]))
            combined.setdefault(step.number, {}).update((key, size(key)) for key in keys)
    live: dict[Key, int] = {}
    most = 0
    for at, step in enumerate(steps):
        op = program.ops[step.op]
        live |= combined.pop(step.number, {})
        results = op.results if step.where is Where.DO else (step.value,)
        computes = step.where is Where.DO and not op.apart
        if computes and not op.free:  # Otherwise what it reads dies only after it.
            live = _alive(live, last, at)
        if step.where in (Where.LOAD, Where.FETCH, Where.DO) and not (step.where is Where.DO and op.free):
            for value in results:
                live[value, step.number] = size((value, step.number))
        most = max(most, sum(live.values()))
        live = _alive(live, last, at)
    return most


def _alive(live: Mapping[Key, int], last: Mapping[Key, int], at: int) -> dict[Key, int]:
    """What something after a step uses."""
    return {key: size for key, size in live.items() if last.get(key, -1) > at}


def _last_uses(program: Program, steps: Sequence[Step]) -> dict[Key, int]:
    """By value and pass, the last step that uses it; what only repeats a value keeps that alive."""
    last: dict[Key, int] = {}
    made: dict[int, Key] = {}
    for at, step in enumerate(steps):
        op = program.ops[step.op]
        if step.where is Where.DO:
            for value in op.operands:
                last[made.get(value, (value, step.number))] = at
            repeats = made.get(op.operands[0]) if op.free and op.operands else None
            made |= {value: repeats or (value, step.number) for value in op.results}
        elif step.where in (Where.LOAD, Where.FETCH):
            made[step.value] = (step.value, step.number)
        else:
            last[made.get(step.value, (step.value, step.number))] = at
    return last
