"""What a placed group costs: pure functions of a schedule, its windows and a nest.

    useful(movement) = element x lengths of its window, summed over the steps that it moves with
                       x parts and steps of the dimensions around it that it doesn't move with

Of that arrives, of each tensor, no more than it has, where a cache in front of DRAM keeps for as long what the groups
that run at once touch; else all of it, and where there is no cache all of the transactions that it takes (`granules`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from powerfusion.machines.model import Machine
from powerfusion.passes.placement.granules import issued
from powerfusion.passes.placement.model import Cost, Kind, NestDim, Op, Program, Step, Value, Where
from powerfusion.passes.placement.staging import Held, held
from powerfusion.passes.placement.trips import extent, groups_of, moved_along, steps_of, trips_of, units_of
from powerfusion.passes.placement.windows import WAITING, Key, Spans

WORK_BYTES = 4  # of sram, that take a core as long as an operation on an element
STORED = -1  # in place of a tensor: what is stored


def cores(machine: Machine) -> int:
    """How many groups run at once."""
    limits = machine.scope("group")
    return (limits.count if limits else None) or 1


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
        dims: Mapping[int, NestDim] = self.by_class
        if grouped:
            there = held(self.nest, spans, shape)
            spans, dims = there.spans, there.dims
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
        for span, size in zip(spans, shape, strict=True):
            dim = None if span.cls is None else dims[span.cls]
            count *= span.high - span.low + 1 if dim is None else moved_along(dim, span, extent(size))
        return count

    def kept(self, spans: Spans, shape: Sequence[int | None]) -> int:
        """Elements that a group has at sram from the step before, in all steps."""
        there = held(self.nest, spans, shape)
        if not there.slides:
            return 0
        hull = math.prod(moved_along(there.dims[s.cls], s, 1 << 62) for s in there.spans if s.cls is not None)
        steps = math.prod(
            moved_along(self.by_class[s.cls] if self.by_class[s.cls].steps > 1 else there.dims[s.cls], s, 1 << 62)
            for s in there.spans
            if s.cls is not None
        )
        return self.moved(spans, shape, grouped=True) * max(steps - hull, 0) // hull

    def rests(self, spans: Spans, value: Value, op: Op, *, grouped: bool) -> float:
        """What a movement's transactions have over what it moves, where no cache keeps what they bring besides."""
        if op.outer is None or len(op.outer.dims) != len(spans) or cache_bytes(self.machine):
            return 1.0
        order = sorted(range(len(spans)), key=op.outer.dims.__getitem__)
        granule = self.machine.space_of("dram").granule_bytes
        there = held(self.nest, spans, value.shape) if grouped else Held(spans, self.by_class)
        return issued(there.dims, there.spans, value.shape, order, value.element_bytes, granule)

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
    useful = near = sram = 0
    for step in steps:
        op = program.ops[step.op]
        if step.where is Where.DO and op.kind is not Kind.GATHER:
            near += WORK_BYTES * op.work * _volume(place, program, step, windows)
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
        moved = math.ceil(moved * place.rests(spans, value, op, grouped=grouped))
        if op.outer is None or step.where is Where.STORE:
            arriving.store(moved, touched)
        else:
            whole = value.element_bytes * math.prod(map(extent, value.shape))
            arriving.read(op.outer.tensor, op.outer.view, moved, touched, whole)
    total, cached = arriving.total(program)
    return Cost(total, 1, useful, near, sram, cached)


def _volume(place: Place, program: Program, step: Step, windows: Mapping[Key, Spans]) -> int:
    """Elements that an op computes on, in all steps."""
    op = program.ops[step.op]
    found = 1
    for number in (*op.results, *op.operands):
        if (number, step.number) in windows:
            value = program.values[number]
            found = max(found, place.moved(windows[number, step.number], value.shape))
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


def is_handed(program: Program, tensor: int, capacity: int) -> bool:
    """Whether what a kernel reads is still in a cache, since another one has just made it."""
    volume = program.volumes[tensor]
    return program.made[tensor] and volume is not None and 2 * volume <= capacity
