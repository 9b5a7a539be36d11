"""Forms of a group whose roles of dimensions are settled: which nest, what rests at sram, what goes through it.

    nests x what rests, or is kept x what is staged

What later passes need may rest at sram, or be kept by the units at reg, each its part, if the nest's sweep can be
written out. All of it is tried where that is little; else what waits where is chosen in the first nest that fits, and
of the nests the few that are best with that are tried with all of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from powerfusion.passes.placement.cost import Place, Work, cost_of, moves_in, work_in
from powerfusion.passes.placement.fills import fills_of
from powerfusion.passes.placement.model import Form, Handed, Program, Step, Ties, Where
from powerfusion.passes.placement.nests import Nest
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.rates import cache_bytes
from powerfusion.passes.placement.schedules import NoScheduleError, Scheduler
from powerfusion.passes.placement.sharing import is_covered
from powerfusion.passes.placement.tiles import Life, life_of, peak_at_reg, peak_at_sram
from powerfusion.passes.placement.windows import WAITING, Key, Span, Spans, Windows

MOST_CHOICES = 6  # values of which each may rest or be computed again; beyond, all of them do one or the other
MOST_TRIED = 64  # nests times what may rest, beyond which only a few nests are tried
SIZES_TRIED = 3  # sizes of steps in a row, none better, where registers are a scratchpad and long steps leave few
FEW = 3  # of the nests
Choice = frozenset[int]


@dataclass(frozen=True)
class Waiting:
    """What waits where.

    Attributes:
        staged: Loads that go through sram.
        rested: Values that rest at sram until later passes.
        kept: Values that units keep at reg until then.
    """

    staged: Choice = frozenset()
    rested: Choice = frozenset()
    kept: Choice = frozenset()


@dataclass(frozen=True)
class _Plan:
    """A schedule with its windows, and what is the same of it in all nests.

    Attributes:
        steps: The schedule.
        windows: By value and pass.
        tiles: Those of their tiles.
        moves: Of the steps, those that move something.
        work: What it computes.
    """

    steps: tuple[Step, ...]
    windows: Mapping[Key, Spans]
    tiles: Mapping[Key, Spans]
    moves: tuple[Step, ...]
    work: Work


@dataclass
class Sketch:
    """A group whose roles of dimensions are settled.

    Attributes:
        program: What is read.
        objective: What is made small, on which machine.
        nodes: The kernels, in order.
        ties: Their classes.
        handed: By load inside the group, what it takes of a value that the group has.
        alias: By value that a load inside the group gives, the value that it is.
        scheduler: The passes.
        nested: The classes that are cut.
        swept: Those of them that are swept.
        sinks: The stores to the outside.
        combining: Ops that combine what steps or units have.
        most_bytes: Of DRAM that may arrive; None where as many as it takes.
        plans: By what is staged and what rests, the schedule.
        places: By nest, what is counted in it.
        owned: By value, what a step has of it.
        refused: By level, the least bytes that didn't fit, and how many would.
        every: All forms that fit, where somebody wants more than the best; None where nobody does.
    """

    program: Program
    objective: Objective
    nodes: tuple[int, ...]
    ties: Ties
    handed: Mapping[int, Handed]
    alias: Mapping[int, int]
    scheduler: Scheduler
    nested: frozenset[int]
    swept: frozenset[int]
    sinks: Sequence[int]
    combining: frozenset[int]
    most_bytes: int | None = None
    plans: dict[Waiting, _Plan | None] = field(default_factory=dict)
    schedules: dict[Waiting, tuple[Step, ...]] = field(default_factory=dict)
    places: dict[Nest, Place] = field(default_factory=dict)
    owned: dict[int, Spans] = field(default_factory=dict)
    lives: dict[Waiting, Life] = field(default_factory=dict)
    alike: dict[object, Life] = field(default_factory=dict)
    works: dict[object, Work] = field(default_factory=dict)
    refused: dict[str, tuple[int, int]] = field(default_factory=dict)
    every: list[Form] | None = None

    def windows(self, steps: Sequence[Step]) -> Windows:
        """The windows of a schedule.

        Raises:
            NoScheduleError: There are none.
        """
        windows = Windows(self.program, self.ties, self.nested, self.swept, self.scheduler, owned=self.owned)
        windows.read(steps)
        return windows

    def best(self, nests: Iterable[Sequence[Nest]], late: Sequence[int]) -> Form | None:
        """The cheapest form in the first of some lists of nests that holds any; None where nothing fits.

        Args:
            nests: Lists, those that suit the machine best first.
            late: Values that a later pass needs.
        """
        self.refused.clear()
        choices = _choices(late)
        most = SIZES_TRIED if self.objective.machine.space_of("reg").kind == "scratchpad" else 1
        left = most
        best: Form | None = None
        for some in nests:
            found = self._best_of(some, choices)
            if found is None:
                continue
            left -= 1
            if best is None or self._is_better(found, best):
                best, left = found, most - 1
            if left == 0:  # Smaller steps only where larger ones don't fit.
                break
        return best

    def _best_of(self, nests: Sequence[Nest], choices: Sequence[Choice]) -> Form | None:
        """The cheapest form in some nests."""
        if len(nests) * len(choices) > MOST_TRIED:
            nests = self._promising(nests, choices)
        forms = (form for nest in nests for _, form in self._forms(nest, choices))
        return min(forms, key=lambda form: self.objective.key(form.cost), default=None)

    def _promising(self, nests: Sequence[Nest], choices: Sequence[Choice]) -> Sequence[Nest]:
        """The few nests that are best with what is best in the first of them that something fits in."""
        for nest in nests:
            forms = list(self._forms(nest, choices))
            if forms:
                best, _ = min(forms, key=lambda pair: self.objective.key(pair[1].cost))
                break
        else:
            return nests[:FEW]
        made = [(self._made(self._place(nest), best), nest) for nest in nests]
        ranked = sorted(
            ((form, nest) for form, nest in made if form is not None), key=lambda pair: self.objective.key(pair[0].cost)
        )
        return [nest for _, nest in ranked[:FEW]]

    def _is_better(self, one: Form, other: Form) -> bool:
        return self.objective.key(one.cost) < self.objective.key(other.cost)

    def _forms(self, nest: Nest, choices: Sequence[Choice]) -> Iterator[tuple[Waiting, Form]]:
        """Forms in a nest: with each choice of what rests, and where units can keep it with that kept instead."""
        place = self._place(nest)
        for choice in choices:
            yield from self._grown(place, Waiting(rested=choice))
            if choice and place.keeps:
                yield from self._grown(place, Waiting(kept=choice))

    def _grown(self, place: Place, waiting: Waiting) -> Iterator[tuple[Waiting, Form]]:
        """Forms, each better: with no more that waits, then with more and more loads that gain by it."""
        plain = [step for step in self._steps(waiting) if step.where is Where.LOAD]
        best = self._made(place, waiting)
        if best is not None:
            yield waiting, best
        for load, value in dict.fromkeys((step.op, step.value) for step in plain):
            again = sum(step.op == load for step in plain) > 1
            kept = [replace(waiting, kept=waiting.kept | {value})] if again and place.keeps else []
            for more in (*kept, replace(waiting, staged=waiting.staged | {load})):
                form = self._made(place, more, best)
                if form is not None:
                    waiting, best = more, form
                    yield waiting, best
                    break

    def _place(self, nest: Nest) -> Place:
        if nest not in self.places:
            self.places[nest] = Place(self.objective.machine, nest)
        return self.places[nest]

    def _steps(self, waiting: Waiting) -> tuple[Step, ...]:
        if waiting not in self.schedules:
            found = self.scheduler.schedule(self.sinks, waiting.staged, waiting.rested, waiting.kept)
            self.schedules[waiting] = found
        return self.schedules[waiting]

    def _plan(self, waiting: Waiting) -> _Plan | None:
        """The schedule of some choices; None where it needs of what waits more than there is."""
        if waiting not in self.plans:
            steps = self._steps(waiting)
            try:
                read = self.windows(steps)
            except NoScheduleError:
                self.plans[waiting] = None
            else:
                moves = moves_in(self.program, steps)
                work = work_in(self.program, steps, read.of)
                work = self.works.setdefault((work.parts, work.products), work)
                self.plans[waiting] = _Plan(steps, read.of, read.tiles, moves, work)
        return self.plans[waiting]

    def _made(self, place: Place, waiting: Waiting, best: Form | None = None) -> Form | None:
        """A schedule in a nest with its cost; None where it doesn't fit, or isn't better than another form."""
        plan = self._plan(waiting)
        if plan is None or not self._holds_halos(place, plan):
            return None
        schedule = (place, self.program, plan.moves, plan.windows)
        if not is_covered(*schedule):
            return None
        machine = self.objective.machine
        peak = peak_at_sram(*schedule)
        room = machine.space_of("sram").usable_bytes
        if peak and (room is None or peak > room):
            self._refuse("sram", peak, room or 0)
            return None
        cost = self.objective.timed(place, cost_of(*schedule, plan.work) + fills_of(*schedule))
        if self.most_bytes is not None and cost.arriving > self.most_bytes:
            self._refuse("dram", cost.arriving, self.most_bytes)
            return None
        if best is not None and not self.objective.key(cost) < self.objective.key(best.cost):
            return None  # Most aren't: what lives when takes longer to find out.
        peak_reg = peak_at_reg(place, self._life(waiting, plan))
        room = self.objective.room(place)
        if room is not None and peak_reg > room:
            self._refuse("reg", peak_reg, room)
            return None
        whole = {value: dims for value, dims in self._whole(place, plan).items() if dims}
        ways = self.ties, self.handed, self.alias
        form = Form(self.nodes, place.nest, plan.steps, *ways, cost, peak, peak_reg, whole)
        if self.every is not None:
            self.every.append(form)
        return form

    def _life(self, waiting: Waiting, plan: _Plan) -> Life:
        """What lives when in a schedule; schedules in which it is the same have one."""
        if waiting not in self.lives:
            life = life_of(self.scheduler, plan.steps, plan.tiles, self.combining)
            self.lives[waiting] = self.alike.setdefault((life.tiles, life.moments), life)
        return self.lives[waiting]

    def _holds_halos(self, place: Place, plan: _Plan) -> bool:
        """Whether halos at sram, where there are some, suit the machine, and move with dimensions that the nest names.

        Where a cache serves halos, units load them. A dimension is named where a value is as long as the nest.
        """
        machine = self.objective.machine
        suits = not cache_bytes(machine) and machine.space_of("sram").kind == "scratchpad"
        for step in plan.moves:
            if step.where is not Where.STAGE:
                continue
            needed, shape = plan.windows[step.value, WAITING], self.program.values[step.value].shape
            if not suits and any(_has_halo(span) for span in needed):
                return False
            for span, size in zip(place.there(needed, shape).spans, shape, strict=True):
                if span.cls is not None and _has_halo(span) and place.by_class[span.cls].size != size:
                    return False
        return True

    def _whole(self, place: Place, plan: _Plan) -> dict[int, frozenset[int]]:
        """By value that goes through sram, its dimensions with halos of which the group holds all."""
        found: dict[int, frozenset[int]] = {}
        for step in plan.moves:
            if step.where is Where.STAGE:
                spans = plan.windows[step.value, WAITING]
                there = place.there(spans, self.program.values[step.value].shape).spans
                found[step.value] = frozenset(at for at, (a, b) in enumerate(zip(spans, there, strict=True)) if a != b)
        return found

    def _refuse(self, level: str, needed: int, room: int) -> None:
        """Notes what was too large, the least of it."""
        if level not in self.refused or needed < self.refused[level][0]:
            self.refused[level] = needed, room

    def lacking(self) -> str:
        """Why nothing fits: the least that was needed."""
        words = {"sram": "what a group needs at", "reg": "a step of a unit at", "dram": "what all moves at"}
        parts = [
            f"{words[level]} {self.objective.machine.space_of(level).name} takes {needed} B or more, of {room} B"
            for level, (needed, room) in sorted(self.refused.items(), reverse=True)
        ]
        return " and ".join(parts) or "what rests would be needed beyond a step"


def _has_halo(span: Span) -> bool:
    """Whether a span is more than a step."""
    return span.cls is not None and not span.is_plain


def inner_elements(spans: Spans) -> int:
    """How many elements a step has of a value along dimensions that aren't cut."""
    return math.prod(span.high - span.low + 1 for span in spans if span.cls is None)


def _choices(late: Sequence[int]) -> list[Choice]:
    """Which of the values that a later pass needs rest."""
    if len(late) > MOST_CHOICES:
        return [frozenset(), frozenset(late)]
    return [frozenset(some) for count in range(len(late) + 1) for some in itertools.combinations(late, count)]
