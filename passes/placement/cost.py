"""What a placed group costs: pure functions of a schedule, its windows and a nest.

    useful(movement) = element x lengths of its window, summed over the steps that it moves with
                       x parts and steps of the dimensions around it that it doesn't move with

Of that arrives, of each tensor, no more than it has, where a cache in front of DRAM keeps for as long what the groups
that run at once touch; else all of it. Where there is no cache, whole granules arrive.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from powerfusion.machines.model import Machine
from powerfusion.passes.placement.granules import asked_bytes
from powerfusion.passes.placement.model import Cost, Kind, Layout, NestDim, Program, Step, Value, Where, extent
from powerfusion.passes.placement.windows import WAITING, Key, Span, Spans

WORK_BYTES = 4  # of sram, that take a core as long as an operation on an element
STORED = -1  # in place of a tensor: what is stored


def cores(machine: Machine) -> int:
    """How many groups run at once."""
    limits = machine.scope("group")
    return (limits.count if limits else None) or 1


def groups_of(dim: NestDim) -> int:
    """How many groups share a dimension."""
    return -(-extent(dim.size) // dim.per_group)


def _steps_in(length: int, dim: NestDim) -> int:
    """How many steps the units of a group make that has so much of a dimension."""
    whole, rest = divmod(length, dim.per_unit)
    return whole * dim.steps + -(-rest // dim.per_step)


@lru_cache(maxsize=4096)
def steps_of(dim: NestDim) -> int:
    """How many steps the units of all groups make."""
    whole, rest = divmod(extent(dim.size), dim.per_group)
    return whole * _steps_in(dim.per_group, dim) + _steps_in(rest, dim)


@lru_cache(maxsize=4096)
def units_of(dim: NestDim) -> int:
    """How many parts the units of all groups have of a dimension."""
    whole, rest = divmod(extent(dim.size), dim.per_group)
    return whole * dim.units + -(-rest // dim.per_unit)


@lru_cache(maxsize=4096)
def trips_of(dim: NestDim) -> int:
    """How many steps the first units of all groups make."""
    whole, rest = divmod(extent(dim.size), dim.per_group)
    return whole * dim.steps + -(-min(rest, dim.per_unit) // dim.per_step)


def _starts(dim: NestDim) -> Iterator[tuple[int, int]]:
    """Where steps begin and end, in order."""
    size = extent(dim.size)
    for group in range(0, size, dim.per_group):
        end = min(group + dim.per_group, size)
        for unit in range(group, end, dim.per_unit):
            last = min(unit + dim.per_unit, end)
            yield from ((at, min(at + dim.per_step, last)) for at in range(unit, last, dim.per_step))


def _starts_backwards(dim: NestDim) -> Iterator[tuple[int, int]]:
    """Where steps begin and end, the last first."""
    size = extent(dim.size)
    for group in range((size - 1) // dim.per_group * dim.per_group, -1, -dim.per_group):
        end = min(group + dim.per_group, size)
        for unit in range(group + (end - group - 1) // dim.per_unit * dim.per_unit, group - 1, -dim.per_unit):
            last = min(unit + dim.per_unit, end)
            first = unit + (last - unit - 1) // dim.per_step * dim.per_step
            yield from ((at, min(at + dim.per_step, last)) for at in range(first, unit - 1, -dim.per_step))


@lru_cache(maxsize=16384)
def moved_along(dim: NestDim, span: Span, size: int) -> int:
    """How many elements a span has over all steps, of a value that is so long there; what sticks out isn't there."""
    count = extent(dim.size)
    if span.is_plain:
        return count
    width, steps = span.high - span.low, steps_of(dim)
    total = span.scale * (count - steps) + (width + 1) * steps
    for begin, end in _starts(dim):
        out = -(span.scale * begin + span.low)
        if out <= 0:
            break
        total -= min(out, span.scale * (end - begin - 1) + width + 1)
    for begin, end in _starts_backwards(dim):
        out = span.scale * (end - 1) + span.high + 1 - size
        if out <= 0:
            break
        total -= min(out, span.scale * (end - begin - 1) + width + 1)
    return total


@dataclass(frozen=True)
class Place:
    """A nest on a machine, in which movements are counted.

    Attributes:
        machine: Whose caches and spaces.
        nest: The loops, outermost first.
    """

    machine: Machine
    nest: tuple[NestDim, ...]
    by_class: dict[int, NestDim] = field(default_factory=dict, compare=False)
    counted: dict[tuple[Spans, bool, tuple[int | None, ...]], int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self.by_class.update({dim.cls: dim for dim in self.nest})

    def moved(self, spans: Spans, shape: Sequence[int | None], *, grouped: bool = False) -> int:
        """Elements that a movement moves in all its executions; `grouped` ones serve a whole group."""
        key = (spans, grouped, tuple(shape))
        if key not in self.counted:
            self.counted[key] = self._moved(spans, shape, grouped=grouped)
        return self.counted[key]

    def _moved(self, spans: Spans, shape: Sequence[int | None], *, grouped: bool) -> int:
        count = self._repeats(spans, grouped=grouped)
        for span, size in zip(spans, shape, strict=True):
            dim = None if span.cls is None else self.by_class[span.cls]
            count *= span.high - span.low + 1 if dim is None else moved_along(dim, span, extent(size))
        return count

    def _repeats(self, spans: Spans, *, grouped: bool) -> int:
        """How often a movement moves the same."""
        order = [dim for dim in self.nest if not dim.swept]
        order += [] if grouped else [dim for dim in self.nest if dim.swept]
        names = {span.cls for span in spans if span.cls is not None}
        inner = max((at for at, dim in enumerate(order) if dim.cls in names and dim.steps > 1), default=-1)
        count = 1
        for at, dim in enumerate(order):
            if dim.cls in names:
                continue
            if grouped:
                count *= trips_of(dim) if at <= inner else groups_of(dim)
            else:
                count *= steps_of(dim) if at <= inner else units_of(dim)
        return count

    def asked(self, spans: Spans, value: Value, layout: Layout | None, *, grouped: bool = False) -> int:
        """Bytes that a movement asks DRAM for: its elements, or without a cache the granules that they are in."""
        granule = granule_of(self.machine)
        if granule <= value.element_bytes or layout is None:
            return value.element_bytes * self.moved(spans, value.shape, grouped=grouped)
        asked = asked_bytes(self.nest, layout, spans, tuple(value.shape), value.element_bytes, granule, grouped)
        return self._repeats(spans, grouped=grouped) * asked

    def tile(self, spans: Spans) -> int:
        """Elements of a window in a whole step."""
        count = 1
        for span in spans:
            step = 1 if span.cls is None else min(self.by_class[span.cls].per_step, self.by_class[span.cls].per_unit)
            count *= (
                span.high - span.low + 1 if span.cls is None else span.scale * (step - 1) + span.high - span.low + 1
            )
        return count

    def held(self, spans: Spans) -> int:
        """Elements that rest at sram: all of a group's part of what is swept, the steps of its units of the rest."""
        count = 1
        for span in spans:
            if span.cls is None:
                count *= span.high - span.low + 1
                continue
            dim = self.by_class[span.cls]
            count *= dim.per_group if dim.swept else min(dim.per_step * dim.units, dim.per_group)
        return count

    def touched(self, spans: Spans) -> int:
        """Elements that a group touches."""
        parts = (self.by_class[span.cls].per_group if span.cls is not None else None for span in spans)
        return math.prod(
            span.high - span.low + 1 if part is None else part for span, part in zip(spans, parts, strict=True)
        )

    def groups(self) -> int:
        """How many groups there are."""
        return math.prod(groups_of(dim) for dim in self.nest)


def cost_of(place: Place, program: Program, steps: Sequence[Step], windows: Mapping[Key, Spans]) -> Cost:
    """What a schedule costs."""
    arriving = Arriving(place)
    volumes: dict[Key, int] = {}
    useful = near = sram = 0
    for step in steps:
        op = program.ops[step.op]
        if step.where is Where.DO and op.kind is not Kind.GATHER:
            if op.work:
                near += WORK_BYTES * op.work * _volume(place, program, step, windows, volumes)
            continue
        value = program.values[step.value]
        waits = step.where in (Where.STAGE, Where.REST, Where.STORE)
        spans = windows[step.value, WAITING if waits else step.number]
        grouped = step.where is Where.STAGE
        moved = value.element_bytes * place.moved(spans, value.shape, grouped=grouped)
        if step.where in (Where.REST, Where.FETCH):
            near += moved
            sram += moved
            continue
        useful += moved
        if grouped:
            near += moved
            sram += moved
        touched = value.element_bytes * place.touched(spans)
        asked = place.asked(spans, value, op.outer.layout if op.outer else None, grouped=grouped)
        if op.outer is None or step.where is Where.STORE:
            arriving.store(asked, touched)
        else:
            whole = value.element_bytes * math.prod(map(extent, value.shape))
            arriving.read(op.outer.tensor, op.outer.view, asked, touched, whole)
    total, cached = arriving.total(program)
    return Cost(total, 1, useful, near, sram, cached)


def _volume(place: Place, program: Program, step: Step, windows: Mapping[Key, Spans], volumes: dict[Key, int]) -> int:
    """Elements that an op computes on, in all steps; `volumes` are those of values that are known already."""
    op = program.ops[step.op]
    found = 1
    for number in (*op.results, *op.operands):
        key = (number, step.number)
        if key in windows:
            if key not in volumes:
                volumes[key] = place.moved(windows[key], program.values[number].shape)
            found = max(found, volumes[key])
    return found


@dataclass
class Arriving:
    """What arrives of the tensors that a kernel reads, and of what it stores."""

    place: Place
    reads: dict[int, int] = field(default_factory=dict)
    views: dict[tuple[int, str], int] = field(default_factory=dict)
    touched: dict[int, int] = field(default_factory=dict)
    stored: int = 0

    def store(self, moved: int, touched: int) -> None:
        """Notes a store."""
        self.stored += moved
        self.touched[STORED] = self.touched.get(STORED, 0) + touched

    def read(self, tensor: int, view: str, moved: int, touched: int, whole: int) -> None:
        """Notes a read of what a view shows of a tensor; `whole` are the bytes of that."""
        self.reads[tensor] = self.reads.get(tensor, 0) + moved
        self.views[tensor, view] = whole
        self.touched[tensor] = max(self.touched.get(tensor, 0), touched)

    def total(self, program: Program) -> tuple[int, int]:
        """All that arrives, and how much of it one kernel hands to another through a cache."""
        capacity = cache_bytes(self.place.machine)
        at_once = min(self.place.groups(), cores(self.place.machine))
        kept = sum(self.touched.values()) * at_once <= capacity
        arriving, cached = self.stored, 0
        for tensor, moved in self.reads.items():
            volume = program.volumes[tensor]
            shown = sum(whole for (of, _), whole in self.views.items() if of == tensor)
            some = min(moved, shown, shown if volume is None else volume) if kept else moved
            arriving += some
            if is_handed(program, tensor, capacity):
                cached += some
        return arriving, cached


def cache_bytes(machine: Machine) -> int:
    """What the largest cache in front of DRAM holds."""
    caches = machine.caches_of(machine.space_of("dram").name)
    return max((cache.capacity_bytes or 0 for cache in caches), default=0)


def granule_of(machine: Machine) -> int:
    """Bytes of what is asked of DRAM at once; 1 where a cache in front of it keeps what isn't used yet."""
    return 1 if cache_bytes(machine) else machine.space_of("dram").granule_bytes


def is_handed(program: Program, tensor: int, capacity: int) -> bool:
    """Whether what a kernel reads is still in a cache, since another one has just made it."""
    volume = program.volumes[tensor]
    return program.made[tensor] and volume is not None and 2 * volume <= capacity
