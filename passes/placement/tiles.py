"""How much room a schedule needs: the most bytes that live at once, at reg of a unit and at sram of a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Moment:
    """What happens to tiles at a step, in any nest.

    Attributes:
        step: Which.
        begins: Tiles of what steps or units are combined into, which live from here on.
        made: Tiles that it makes.
        dying: Tiles that it uses last and may write over.
        ends: Tiles that nothing uses any more.
    """

    step: Step
    begins: tuple[Key, ...]
    made: tuple[Key, ...]
    dying: frozenset[Key]
    ends: tuple[Key, ...]


def moments_of(scheduler: Scheduler, steps: Sequence[Step], combining: Set[int]) -> tuple[Moment, ...]:
    """The steps as they happen: a tile lives from its step to its last use.

    What steps or units are combined into, by the ops of `combining`, lives from the beginning of its pass.
    """
    program = scheduler.program
    steps = sorted(steps, key=lambda step: _when(scheduler, step))
    last = _last_uses(scheduler, steps)
    combined: dict[int, dict[Key, None]] = {}
    for step in steps:
        if step.where is Where.DO and step.op in combining:
            keys = ((value, step.number) for value in ended(program.ops[step.op]))
            combined.setdefault(step.number, {}).update(dict.fromkeys(keys))
    alive: dict[Key, None] = {}
    found: list[Moment] = []
    for at, step in enumerate(steps):
        op = program.ops[step.op]
        begins = tuple(combined.pop(step.number, ()))
        made = () if step.where is Where.DO and op.free else tuple(_made(op, step))
        # Operands may die, not what these only repeat: that isn't laid out as they are.
        used = scheduler.operands(step.op) if step.where is Where.DO and not op.apart else ()
        alive |= dict.fromkeys(begins)
        dying = frozenset(key for key in alive if key[0] in used and last.get(key, -1) == at)
        alive |= dict.fromkeys(made)
        ends = tuple(key for key in alive if last.get(key, -1) <= at)
        found.append(Moment(step, begins, made, dying, ends))
        alive = {key: None for key in alive if key not in ends}
    return tuple(found)


def peak_at_reg(place: Place, program: Program, moments: Sequence[Moment], windows: Mapping[Key, Spans]) -> int:
    """Bytes of a unit: an op may write over a tile that dies with it and is at least as large."""
    sizes: dict[Key, int] = {}

    def size(key: Key) -> int:
        if key not in sizes:
            sizes[key] = program.values[key[0]].element_bytes * place.tile(windows[key]) if key in windows else 0
        return sizes[key]

    live: dict[Key, int] = {}
    most = 0
    for moment in moments:
        live |= {key: size(key) for key in moment.begins}
        made = {key: size(key) for key in moment.made}
        largest = max(made.values(), default=0)
        if largest and moment.dying:
            reused = next((key for key in live if key in moment.dying and live[key] >= largest), None)
            if reused is not None:
                del live[reused]
        live |= made
        most = max(most, sum(live.values()))
        for key in moment.ends:
            live.pop(key, None)
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
        else:
            last[made.get(step.value, (step.value, step.number))] = at
    return last
