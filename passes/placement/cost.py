"""What a placed group costs: pure functions of a schedule, its windows and a nest.

    useful(movement) = element x lengths of its window, summed over the steps that it moves with
                       x parts and steps of the dimensions around it that it doesn't move with

Of that arrives, of each tensor, no more than it has, where a cache in front of DRAM keeps for as long what the groups
that run at once touch (`arrivals`); else all of it. Where there is no cache, whole granules arrive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from powerfusion.machines.model import Machine
from powerfusion.passes.analysis.work import WORK_BYTES
from powerfusion.passes.placement.arrivals import Arrivals
from powerfusion.passes.placement.granules import asked_bytes
from powerfusion.passes.placement.model import (
    Cost,
    Kernel,
    Kind,
    Layout,
    NestDim,
    Program,
    Reach,
    Step,
    Value,
    Where,
    extent,
)
from powerfusion.passes.placement.rates import cache_bytes, cores, granule_of, product_bytes, vector_bytes
from powerfusion.passes.placement.staging import Held, held
from powerfusion.passes.placement.windows import WAITING, Key, Span, Spans
from powerfusion.passes.tiling.placed_obstacles import MOST_KEPT_STEPS


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
    products: tuple[tuple[str, Spans, Shape], ...]


@dataclass(frozen=True)
class Place:
    """A nest on a machine, in which movements are counted.

    Attributes:
        machine: Whose caches and spaces.
        nest: The loops, outermost first.
        granular: By movement, the bytes of the granules that it asks for.
        at_sram: By window and shape, what a group holds.
        known: By what is the same in all nests, what it comes to in this one.
    """

    machine: Machine
    nest: tuple[NestDim, ...]
    by_class: dict[int, NestDim] = field(default_factory=dict, compare=False)
    counted: dict[tuple[Spans, bool, bool, tuple[int | None, ...]], int] = field(default_factory=dict, compare=False)
    granular: dict[object, int] = field(default_factory=dict, compare=False)
    at_sram: dict[tuple[Spans, Shape], Held] = field(default_factory=dict, compare=False)
    known: dict[object, int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self.by_class.update({dim.cls: dim for dim in self.nest})

    def moved(self, spans: Spans, shape: Sequence[int | None], *, grouped: bool = False, stored: bool = False) -> int:
        """Elements that a movement moves in all its executions.

        Args:
            spans: Its window.
            shape: Of the value.
            grouped: Whether it serves a whole group at once.
            stored: Whether the first of the units that have the same does it.
        """
        key = (spans, grouped, stored, tuple(shape))
        if key not in self.counted:
            self.counted[key] = self._moved(spans, shape, grouped=grouped, stored=stored)
        return self.counted[key]

    def _moved(self, spans: Spans, shape: Sequence[int | None], *, grouped: bool, stored: bool) -> int:
        dims: Mapping[int, NestDim] = self.by_class
        if grouped:
            there = self.there(spans, shape)
            spans, dims = there.spans, there.dims
        count = self._repeats(spans, grouped=grouped, stored=stored)
        for span, size in zip(spans, shape, strict=True):
            dim = None if span.cls is None else dims[span.cls]
            count *= span.high - span.low + 1 if dim is None else moved_along(dim, span, extent(size))
        return count

    def _repeats(self, spans: Spans, *, grouped: bool, stored: bool) -> int:
        """How often a movement moves the same."""
        order = [dim for dim in self.nest if not dim.swept]
        order += [] if grouped else [dim for dim in self.nest if dim.swept]
        names = {span.cls for span in spans if span.cls is not None}
        inner = max((at for at, dim in enumerate(order) if dim.cls in names and dim.steps > 1), default=-1)
        count = 1
        for at, dim in enumerate(order):
            if dim.cls in names:
                continue
            if grouped or stored:
                count *= trips_of(dim) if at <= inner else groups_of(dim)
            else:
                count *= steps_of(dim) if at <= inner else units_of(dim)
        return count

    def asked(
        self, spans: Spans, value: Value, layout: Layout | None, *, grouped: bool = False, stored: bool = False
    ) -> int:
        """Bytes that a movement asks DRAM for: its elements, or without a cache the granules that they are in."""
        if self.granule <= value.element_bytes or layout is None:
            return value.element_bytes * self.moved(spans, value.shape, grouped=grouped, stored=stored)
        key = (spans, value.element_bytes, value.shape, layout, grouped, stored)
        if key not in self.granular:
            self.granular[key] = self._granular(spans, value, layout, grouped=grouped, stored=stored)
        return self.granular[key]

    def _granular(self, spans: Spans, value: Value, layout: Layout, *, grouped: bool, stored: bool) -> int:
        slides: int | None = None
        if grouped:
            there = self.there(spans, value.shape)
            spans, slides = there.spans, there.slides
        asked = asked_bytes(
            self.nest, layout, spans, tuple(value.shape), value.element_bytes, self.granule, grouped, slides
        )
        return self._repeats(spans, grouped=grouped, stored=stored) * asked

    def tile(self, spans: Spans) -> int:
        """Elements of a window in a whole step."""
        count = 1
        for span in spans:
            step = 1 if span.cls is None else min(self.by_class[span.cls].per_step, self.by_class[span.cls].per_unit)
            count *= (
                span.high - span.low + 1 if span.cls is None else span.scale * (step - 1) + span.high - span.low + 1
            )
        return count

    def there(self, spans: Spans, shape: Sequence[int | None]) -> Held:
        """What a group holds at sram of a value of which units need some spans."""
        key = (spans, tuple(shape))
        if key not in self.at_sram:
            self.at_sram[key] = held(self.nest, spans, shape)
        return self.at_sram[key]

    def held(self, spans: Spans, shape: Sequence[int | None]) -> int:
        """Elements that rest at sram: all of a group's part of what is swept, the steps of its units of the rest."""
        count = 1
        for span in self.there(spans, shape).spans:
            if span.cls is None:
                count *= span.high - span.low + 1
                continue
            dim = self.by_class[span.cls]
            length = dim.per_group if dim.swept else min(dim.per_step * dim.units, dim.per_group)
            count *= span.scale * (length - 1) + span.high - span.low + 1
        return count

    def slid(self, spans: Spans, shape: Sequence[int | None]) -> int:
        """Elements that a group has at sram from the step before, in all steps."""
        there = self.there(spans, shape)
        if there.slides is None:
            return 0
        hull = math.prod(moved_along(there.dims[s.cls], s, 1 << 62) for s in there.spans if s.cls is not None)
        steps = math.prod(
            moved_along(self.by_class[s.cls] if self.by_class[s.cls].steps > 1 else there.dims[s.cls], s, 1 << 62)
            for s in there.spans
            if s.cls is not None
        )
        return self.moved(spans, shape, grouped=True) * max(steps - hull, 0) // hull

    def kept(self, spans: Spans) -> int:
        """Elements that a unit keeps at reg until a later pass: its part of what is swept, its step of the rest."""
        found = self.tile(spans)
        for dim in (self.by_class[span.cls] for span in spans if span.cls is not None):
            if dim.swept:
                found = found // min(dim.per_step, dim.per_unit) * dim.per_unit
        return found

    @cached_property
    def granule(self) -> int:
        """Bytes of what is asked of DRAM at once."""
        return granule_of(self.machine)

    @property
    def keeps(self) -> bool:
        """Whether tiling can write out its sweep, so that units keep what they have in each step of it.

        In a scratchpad what is kept is a step: as long as fits.
        """
        swept = [dim for dim in self.nest if dim.swept and dim.steps > 1]
        if len(swept) != 1 or swept[0].size is None or self.machine.space_of("reg").kind == "scratchpad":
            return False
        return swept[0].size % swept[0].per_unit == 0 and swept[0].steps <= MOST_KEPT_STEPS

    def groups(self) -> int:
        """How many groups there are."""
        return math.prod(groups_of(dim) for dim in self.nest)


def asked_whole(machine: Machine, value: Value, layout: Layout | None) -> int:
    """Bytes that a movement of all of a value asks DRAM for, of a kernel without a nest."""
    spans = tuple(Span(None, 0, 0, extent(size) - 1) for size in value.shape)
    return Place(machine, ()).asked(spans, value, layout)


def work_in(program: Program, steps: Sequence[Step], windows: Mapping[Key, Spans]) -> Work:
    """What a schedule computes, in whatever nest."""
    found: dict[frozenset[tuple[Spans, Shape]], int] = {}
    products: list[tuple[str, Spans, Shape]] = []
    for step in steps:
        op = program.ops[step.op]
        if step.where is not Where.DO or op.kind is Kind.GATHER or not op.work:
            continue
        values = (*op.results, *op.operands)
        there = ((_window(windows, value, step.number), tuple(program.values[value].shape)) for value in values)
        seen = [(spans, shape) for spans, shape in there if spans is not None]
        if op.contracts is None:
            found[frozenset(seen)] = found.get(frozenset(seen), 0) + WORK_BYTES * op.work
        else:
            (result, sizes), (left, shape) = seen[:2]
            folded = [at for at, reach in enumerate(op.reaches[0]) if reach.own]
            spans = (*result, *(left[at] for at in folded))
            products.append((op.contracts, spans, (*sizes, *(shape[at] for at in folded))))
    return Work(tuple(found.items()), tuple(products))


def computed(place: Place, work: Work) -> int:
    """What that takes in the cores, as `Cost.near` counts it."""
    if work not in place.known:
        each = sum(bytes_ * max(1, *(place.moved(*seen) for seen in some)) for some, bytes_ in work.parts)
        products = (
            math.ceil(product_bytes(place.machine, dtype) * place.moved(spans, shape))
            for dtype, spans, shape in work.products
        )
        place.known[work] = each + sum(products)
    return place.known[work]


def scattered(place: Place, spans: Spans, value: Value, layout: Layout | None) -> int:
    """What moving a value piece by piece takes in the cores, where what lies side by side is less than a vector.

    Each piece is an instruction that moves it and another that puts it in its place, each as long as one on a vector.
    """
    vector = vector_bytes(place.machine) // value.element_bytes
    if layout is None or vector <= 1:
        return 0
    run = whole = 1
    for at in sorted(range(len(spans)), key=lambda at: layout.strides[at]):
        length, size = place.tile(spans[at : at + 1]), extent(value.shape[at])
        if size == 1:
            continue
        if layout.strides[at] != whole:
            break
        run, whole = run * length, whole * size
        if length < size:
            break
    if run >= vector:
        return 0
    return 2 * WORK_BYTES * vector * place.moved(spans, value.shape) // run


def moves_in(program: Program, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of a schedule that move something from a level to another."""
    return tuple(
        step
        for step in steps
        if step.where is not Where.KEEP and (step.where is not Where.DO or program.ops[step.op].kind is Kind.GATHER)
    )


def cost_of(place: Place, program: Program, moves: Sequence[Step], windows: Mapping[Key, Spans], work: Work) -> Cost:
    """What a schedule costs, of which some steps move something, and that computes some work."""
    capacity = cache_bytes(place.machine)
    arrivals = Arrivals(place.nest, cores(place.machine), capacity)
    useful = sram = 0
    near = computed(place, work)
    for step in moves:
        op = program.ops[step.op]
        value = program.values[step.value]
        waits = step.where in (Where.STAGE, Where.REST, Where.STORE)
        spans = windows[step.value, WAITING if waits else step.number]
        grouped = step.where is Where.STAGE
        stored = step.where is Where.STORE
        moved = value.element_bytes * place.moved(spans, value.shape, grouped=grouped, stored=stored)
        if step.where in (Where.REST, Where.FETCH):
            near += moved
            sram += moved
            continue
        useful += moved
        near += scattered(place, spans, value, op.outer.layout if op.outer else None)
        if grouped:
            near += moved + 2 * value.element_bytes * place.slid(spans, value.shape)
            sram += moved
        asked = place.asked(spans, value, op.outer.layout if op.outer else None, grouped=grouped, stored=stored)
        if op.outer is None or step.where is Where.STORE:
            arrivals.store(asked, spans, value.element_bytes)
        else:
            whole = value.element_bytes * math.prod(map(extent, value.shape))
            arrivals.read(op.outer.tensor, op.outer.view, asked, spans, value.element_bytes, whole)
    arriving = arrivals.arriving(program)
    cached = sum(some for tensor, some in arriving.items() if is_handed(program, tensor, capacity))
    return Cost(arrivals.stored + sum(arriving.values()), 1, useful, near, sram, cached)


def _window(windows: Mapping[Key, Spans], value: int, number: int) -> Spans | None:
    """The window of a value in a pass: what isn't made again has that of an earlier one."""
    return next((windows[value, at] for at in range(number, -1, -1) if (value, at) in windows), None)


def work_of(program: Program, ops: Sequence[int], machine: Machine) -> int:
    """What some ops compute where each runs over all of its values once, in the same bytes."""
    work = 0
    for op in (program.ops[number] for number in ops):
        if op.kind in (Kind.LOAD, Kind.STORE, Kind.GATHER):
            continue
        shapes = [program.values[value].shape for value in (*op.results, *op.operands)]
        if op.contracts is None:
            work += WORK_BYTES * op.work * max((math.prod(map(extent, shape)) for shape in shapes), default=0)
        else:
            folded = [shapes[1][at] for at, reach in enumerate(op.reaches[0]) if reach.own]
            work += math.ceil(product_bytes(machine, op.contracts) * math.prod(map(extent, (*shapes[0], *folded))))
    return work


def least_work(program: Program, kernel: Kernel, machine: Machine) -> int:
    """What a kernel computes at least, whatever it is one with: all, where all of what it has and gives is needed."""
    plain = all(
        reach.own or reach == Reach(reach.dim)
        for number in kernel.ops
        for each in program.ops[number].reaches
        for reach in each
    )
    if plain and all(map(program.is_read_whole, kernel.writes)):
        return work_of(program, kernel.ops, machine)
    return 0


def is_handed(program: Program, tensor: int, capacity: int) -> bool:
    """Whether what a kernel reads is still in a cache, since another one has just made it."""
    volume = program.volumes[tensor]
    return program.made[tensor] and volume is not None and 2 * volume <= capacity
