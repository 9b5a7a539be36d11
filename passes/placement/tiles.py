"""How much room a schedule needs: the most bytes that live at once, at reg of a unit and at sram of a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from powerfusion.passes.placement.cost import Place
from powerfusion.passes.placement.model import Op, Program, Step, Where
from powerfusion.passes.placement.schedules import Scheduler, ended
from powerfusion.passes.placement.windows import WAITING, Key, Spans


def peak_at_sram(place: Place, program: Program, steps: Sequence[Step], windows: Mapping[Key, Spans]) -> int:
    """Bytes of a group: what rests there does so until the kernel's step is over."""
    return sum(
        program.values[step.value].element_bytes
        * place.held(windows[step.value, WAITING], program.values[step.value].shape)
        for step in steps
        if step.where in (Where.STAGE, Where.REST)
    )


@dataclass(frozen=True)
class Moment:
    """What lives at reg in a step; tiles are numbers of those of a `Life`.

    Attributes:
        live: Tiles, and how many of each.
        dying: Of these, those that the step's result may take the place of, in order.
        made: What it makes.
    """

    live: tuple[tuple[int, int], ...]
    dying: tuple[int, ...]
    made: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Life:
    """What lives at reg in the steps of a schedule, whatever the nest.

    Attributes:
        tiles: Bytes of an element, a window, and whether all steps of a unit's sweep are kept; bytes below 0 of what
            contractions alone use.
        moments: Of the steps, each way once.
    """

    tiles: tuple[tuple[int, Spans, bool], ...]
    moments: tuple[Moment, ...]


def peak_at_reg(place: Place, life: Life) -> int:
    """Bytes of a unit: a tile lives from its step to its last use, and an op may write over what dies with it."""
    if life not in place.known:
        place.known[life] = _peak(place, life)
    return place.known[life]


def _peak(place: Place, life: Life) -> int:
    sizes = [_size(place, *tile) for tile in life.tiles]
    most = 0
    for moment in life.moments:
        total = 0
        for tile, count in moment.live:
            total += count * sizes[tile]
        if total > most and moment.dying and moment.made:
            size = max(sizes[tile] for tile in moment.made)
            total -= next((sizes[tile] for tile in moment.dying if sizes[tile] >= size), 0)
        most = max(most, total)
    return most


def _size(place: Place, element_bytes: int, spans: Spans, kept: bool) -> int:
    size = element_bytes * (place.kept if kept else place.tile)(spans)
    return size if size >= 0 else -size if -size > place.machine.in_place_bytes else 0


def life_of(scheduler: Scheduler, steps: Sequence[Step], windows: Mapping[Key, Spans], combining: Set[int]) -> Life:
    """What lives in the steps of a schedule.

    What steps or units are combined into, by the ops of `combining`, lives from the beginning of its pass; what is kept
    over passes counts with all steps of its unit, to the end.

    Args:
        scheduler: The passes.
        steps: The schedule.
        windows: Those of tiles.
        combining: Ops that combine what steps or units have.
    """
    program = scheduler.program
    steps = sorted(steps, key=lambda step: _when(scheduler, step))
    kept = {step.value for step in steps if step.where is Where.KEEP}
    last = {key: len(steps) if key[0] in kept else at for key, at in _last_uses(scheduler, steps).items()}
    combined: dict[int, dict[Key, None]] = {}
    for step in steps:
        if step.where is Where.DO and step.op in combining:
            keys = ((value, step.number) for value in ended(program.ops[step.op]))
            combined.setdefault(step.number, {}).update(dict.fromkeys(keys))

    numbers: dict[tuple[int, Spans, bool], int] = {}
    number_of: dict[Key, int] = {}

    def number(key: Key) -> int:
        if key not in number_of:
            size = program.values[key[0]].element_bytes
            in_place = key[0] in program.multiplied and key[0] not in kept
            tile = -size if in_place else size, windows[key], key[0] in kept
            number_of[key] = numbers.setdefault(tile, len(numbers))
        return number_of[key]

    ending: dict[int, list[Key]] = {}
    for key, at in last.items():
        ending.setdefault(at, []).append(key)
    live: dict[Key, int] = {}
    found: dict[Moment, None] = {}
    for at, step in enumerate(steps):
        op = program.ops[step.op]
        begun = list(combined.pop(step.number, ()))
        live |= {key: number(key) for key in begun if key in windows}
        dying: tuple[int, ...] = ()
        if step.where is Where.DO and not op.apart:
            operands = scheduler.operands(step.op)  # Not what these only repeat: that isn't laid out as they are.
            ends = {key for key in ending.get(at, ()) if key[0] in operands}
            dying = tuple(tile for key, tile in live.items() if key in ends) if ends else ()
        keys = [] if step.where is Where.DO and op.free else _made(op, step)
        made = {key: number(key) for key in keys if key in windows}
        live |= made
        found[Moment(tuple(Counter(live.values()).items()), dying, tuple(made.values()))] = None
        for key in (*ending.get(at, ()), *(key for key in (*begun, *made) if last.get(key, -1) < at)):
            live.pop(key, None)
    return Life(tuple(numbers), tuple(found))


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
        elif step.where is not Where.KEEP:  # What is kept is what it was.
            last[made.get(step.value, (step.value, step.number))] = at
    return last
