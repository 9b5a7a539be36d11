"""What a placed group costs: pure functions of a schedule, its windows and a nest.

    useful(movement) = element x lengths of its window, summed over the steps that it moves with
                       x parts and steps of the dimensions around it that it doesn't move with

Of that arrives, of each tensor, no more than it has, where a cache in front of DRAM keeps for as long what the groups
that run at once touch; else all of it. Where there is no cache, whole granules arrive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from powerfusion.machines.model import Machine
from powerfusion.passes.placement.granules import asked_bytes
from powerfusion.passes.placement.model import Cost, Kind, Layout, NestDim, Program, Step, Value, Where, extent
from powerfusion.passes.placement.staging import held
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


def _passed(dim: NestDim, at: int) -> tuple[int, int]:
    """How many steps end at an element or before, and where the next one begins."""
    if at >= extent(dim.size):
        return steps_of(dim), extent(dim.size)
    groups, rest = divmod(max(at, 0), dim.per_group)
    units, rest = divmod(rest, dim.per_unit)
    steps = rest // dim.per_step
    begin = groups * dim.per_group + units * dim.per_unit + steps * dim.per_step
    return groups * _steps_in(dim.per_group, dim) + units * dim.steps + steps, begin


def _ends(dim: NestDim, begin: int) -> int:
    """Where a step ends that begins at an element."""
    group = begin - begin % dim.per_group
    unit = begin - (begin - group) % dim.per_unit
    return min(begin + dim.per_step, unit + dim.per_unit, group + dim.per_group, extent(dim.size))


@lru_cache(maxsize=16384)
def moved_along(dim: NestDim, span: Span, size: int) -> int:
    """How many elements a span has over all steps, of a value that is so long there; what sticks out isn't there."""
    count = extent(dim.size)
    if span.is_plain:
        return count
    width, steps = span.high - span.low + 1, steps_of(dim)

    def length(elements: int, steps: int) -> int:
        return span.scale * (elements - steps) + width * steps

    total = length(count, steps)
    # Steps of which nothing is there are the first and the last: `0 > scale * (end - 1) + high`, and beyond `size`.
    before, begin = _passed(dim, (-span.high - 1) // span.scale + 1)
    total -= length(begin, before)
    while begin < count and (out := -(span.scale * begin + span.low)) > 0:
        end = _ends(dim, begin)
        total -= min(out, length(end - begin, 1))
        begin = end
    last = -(-(size - span.low) // span.scale)  # the first element of whose step nothing is there
    _, begin = _passed(dim, (size - span.high - 1) // span.scale + 1)
    while begin < min(last, count):
        end = _ends(dim, begin)
        total -= min(span.scale * (end - 1) + span.high + 1 - size, length(end - begin, 1))
        begin = end
    passed, _ = _passed(dim, begin)
    return total - length(count - begin, steps - passed)


Shape = tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Work:
    """What a schedule computes, in whatever nest.

    Attributes:
        parts: By windows that an op computes on, and their values' shapes, what an element of the largest costs.
    """

    parts: tuple[tuple[frozenset[tuple[Spans, Shape]], int], ...]


@dataclass(frozen=True)
class Place:
    """A nest on a machine, in which movements are counted.

    Attributes:
        machine: Whose caches and spaces.
        nest: The loops, outermost first.
        known: By what is the same in all nests, what it comes to in this one.
    """

    machine: Machine
    nest: tuple[NestDim, ...]
    by_class: dict[int, NestDim] = field(default_factory=dict, compare=False)
    counted: dict[tuple[Spans, bool, tuple[int | None, ...]], int] = field(default_factory=dict, compare=False)
    known: dict[object, int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self.by_class.update({dim.cls: dim for dim in self.nest})

    def moved(self, spans: Spans, shape: Sequence[int | None], *, grouped: bool = False) -> int:
        """Elements that a movement moves in all its executions; `grouped` ones serve a whole group."""
        key = (spans, grouped, tuple(shape))
        if key not in self.counted:
            self.counted[key] = self._moved(spans, shape, grouped=grouped)
        return self.counted[key]

    def _moved(self, spans: Spans, shape: Sequence[int | None], *, grouped: bool) -> int:
        dims: Mapping[int, NestDim] = self.by_class
        if grouped:
            there = held(self.nest, spans, shape)
            spans, dims = there.spans, there.dims
        count = self._repeats(spans, grouped=grouped)
        for span, size in zip(spans, shape, strict=True):
            dim = None if span.cls is None else dims[span.cls]
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
        slides: int | None = None
        if grouped:
            there = held(self.nest, spans, value.shape)
            spans, slides = there.spans, there.slides
        asked = asked_bytes(self.nest, layout, spans, tuple(value.shape), value.element_bytes, granule, grouped, slides)
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

    def held(self, spans: Spans, shape: Sequence[int | None]) -> int:
        """Elements that rest at sram: all of a group's part of what is swept, the steps of its units of the rest."""
        count = 1
        for span in held(self.nest, spans, shape).spans:
            if span.cls is None:
                count *= span.high - span.low + 1
                continue
            dim = self.by_class[span.cls]
            length = dim.per_group if dim.swept else min(dim.per_step * dim.units, dim.per_group)
            count *= span.scale * (length - 1) + span.high - span.low + 1
        return count

    def kept(self, spans: Spans, shape: Sequence[int | None]) -> int:
        """Elements that a group has at sram from the step before, in all steps."""
        there = held(self.nest, spans, shape)
        if there.slides is None:
            return 0
        hull = math.prod(moved_along(there.dims[s.cls], s, 1 << 62) for s in there.spans if s.cls is not None)
        steps = math.prod(
            moved_along(self.by_class[s.cls] if self.by_class[s.cls].steps > 1 else there.dims[s.cls], s, 1 << 62)
            for s in there.spans
            if s.cls is not None
        )
        return self.moved(spans, shape, grouped=True) * max(steps - hull, 0) // hull

    def touched(self, spans: Spans) -> int:
        """Elements that a group touches."""
        dims = (self.by_class[span.cls] if span.cls is not None else None for span in spans)
        parts = (None if dim is None else min(dim.per_group, extent(dim.size)) for dim in dims)
        return math.prod(
            span.high - span.low + 1 if part is None else part for span, part in zip(spans, parts, strict=True)
        )

    def groups(self) -> int:
        """How many groups there are."""
        return math.prod(groups_of(dim) for dim in self.nest)


def work_in(program: Program, steps: Sequence[Step], windows: Mapping[Key, Spans]) -> Work:
    """What a schedule computes, in whatever nest."""
    found: dict[frozenset[tuple[Spans, Shape]], int] = {}
    for step in steps:
        op = program.ops[step.op]
        if step.where is not Where.DO or op.kind is Kind.GATHER or not op.work:
            continue
        keys = ((value, step.number) for value in (*op.results, *op.operands))
        seen = frozenset((windows[key], tuple(program.values[key[0]].shape)) for key in keys if key in windows)
        found[seen] = found.get(seen, 0) + WORK_BYTES * op.work
    return Work(tuple(found.items()))


def computed(place: Place, work: Work) -> int:
    """What that takes in the cores, as `Cost.near` counts it."""
    if work not in place.known:
        place.known[work] = sum(each * max(1, *(place.moved(*seen) for seen in some)) for some, each in work.parts)
    return place.known[work]


def cost_of(place: Place, program: Program, steps: Sequence[Step], windows: Mapping[Key, Spans], work: Work) -> Cost:
    """What a schedule costs that computes some work."""
    arriving = Arriving(place)
    useful = sram = 0
    near = computed(place, work)
    for step in steps:
        op = program.ops[step.op]
        if step.where is Where.DO and op.kind is not Kind.GATHER:
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
            near += moved + 2 * value.element_bytes * place.kept(spans, value.shape)
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


def work_of(program: Program, ops: Sequence[int]) -> int:
    """What some ops do in the cores where each runs over all of its values once, as `Cost.near` counts it."""
    near = 0
    for number in ops:
        op = program.ops[number]
        if op.kind not in (Kind.LOAD, Kind.STORE, Kind.GATHER):
            shapes = (program.values[value].shape for value in (*op.results, *op.operands))
            near += WORK_BYTES * op.work * max((math.prod(map(extent, shape)) for shape in shapes), default=0)
    return near


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
