"""Forms of a group whose roles of dimensions are settled: which nest, what rests at sram, what goes through it.

    nests x what rests x what is staged

All of it is tried where that is little; else what rests and is staged is chosen in the first nest that fits, and of the
nests the few that are best with that are tried with all of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from powerfusion.passes.placement.cost import Place, cost_of
from powerfusion.passes.placement.model import Form, Handed, Program, Step, Ties, Where
from powerfusion.passes.placement.nests import Nest
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.schedules import NoScheduleError, Scheduler
from powerfusion.passes.placement.tiles import Moment, moments_of, peak_at_reg, peak_at_sram
from powerfusion.passes.placement.windows import Key, Spans, Windows

MOST_CHOICES = 6  # values of which each may rest or be computed again; beyond, all of them do one or the other
MOST_TRIED = 64  # nests times what may rest, beyond which only a few nests are tried
SIZES_TRIED = 4  # sizes of steps that fit, where registers are a scratchpad and long steps leave few of them
FEW = 3  # of the nests
Choice = frozenset[int]


@dataclass(frozen=True)
class _Plan:
    """A schedule with its windows, and when its tiles live."""

    steps: tuple[Step, ...]
    windows: Mapping[Key, Spans]
    moments: tuple[Moment, ...]


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
    plans: dict[tuple[Choice, Choice], _Plan | None] = field(default_factory=dict)

    def windows(self, steps: Sequence[Step]) -> Windows:
        """The windows of a schedule.

        Raises:
            NoScheduleError: There are none.
        """
        windows = Windows(self.program, self.ties, self.nested, self.swept, self.scheduler)
        windows.read(steps)
        return windows

    def best(self, nests: Iterable[Sequence[Nest]], late: Sequence[int]) -> Form | None:
        """The cheapest form in the first of some lists of nests that holds any; None where nothing fits.

        Args:
            nests: Lists, those that suit the machine best first.
            late: Values that a later pass needs.
        """
        choices = _choices(late)
        left = SIZES_TRIED if self.objective.machine.space_of("reg").kind == "scratchpad" else 1
        best: Form | None = None
        for some in nests:
            found = self._best_of(some, choices)
            if found is None:
                continue
            if best is None or self._is_better(found, best):
                best = found
            left -= 1
            if left == 0:  # Smaller steps only where larger ones don't fit.
                break
        return best

    def _best_of(self, nests: Sequence[Nest], choices: Sequence[Choice]) -> Form | None:
        """The cheapest form in some nests."""
        if len(nests) * len(choices) > MOST_TRIED:
            nests = self._promising(nests, choices)
        forms = (form for nest in nests for rested in choices for form in self._staged(nest, rested))
        return min(forms, key=lambda form: self.objective.key(form.cost), default=None)

    def _promising(self, nests: Sequence[Nest], choices: Sequence[Choice]) -> Sequence[Nest]:
        """The few nests that are best with what is best in the first of them that something fits in."""
        for nest in nests:
            forms = [form for rested in choices for form in self._staged(nest, rested)]
            if forms:
                best = min(forms, key=lambda form: self.objective.key(form.cost))
                break
        else:
            return nests[:FEW]
        (staged, rested) = next(key for key, plan in self.plans.items() if plan and plan.steps == best.steps)
        made = [(self._made(Place(self.objective.machine, nest), staged, rested), nest) for nest in nests]
        ranked = sorted(
            ((form, nest) for form, nest in made if form is not None), key=lambda pair: self.objective.key(pair[0].cost)
        )
        return [nest for _, nest in ranked[:FEW]]

    def _is_better(self, one: Form, other: Form) -> bool:
        return self.objective.key(one.cost) < self.objective.key(other.cost)

    def _staged(self, nest: Nest, rested: Choice) -> Iterator[Form]:
        """Forms of a choice of what rests, each better: with nothing staged, then more and more of what gains by it."""
        place = Place(self.objective.machine, nest)
        staged: Choice = frozenset()
        plain = self.scheduler.schedule(self.sinks, staged, rested)
        best = self._made(place, staged, rested)
        if best is not None:
            yield best
        for load in dict.fromkeys(step.op for step in plain if step.where is Where.LOAD):
            form = self._made(place, staged | {load}, rested, best)
            if form is not None:
                staged |= {load}
                best = form
                yield form

    def _plan(self, staged: Choice, rested: Choice) -> _Plan | None:
        """The schedule of some choices; None where it needs of what waits more than there is."""
        key = (staged, rested)
        if key not in self.plans:
            steps = self.scheduler.schedule(self.sinks, staged, rested)
            try:
                moments = moments_of(self.scheduler, steps, self.combining)
                self.plans[key] = _Plan(steps, self.windows(steps).of, moments)
            except NoScheduleError:
                self.plans[key] = None
        return self.plans[key]

    def _made(self, place: Place, staged: Choice, rested: Choice, best: Form | None = None) -> Form | None:
        """A schedule in a nest with its cost; None where it doesn't fit, or isn't better than another form."""
        plan = self._plan(staged, rested)
        if plan is None:
            return None
        machine = self.objective.machine
        peak = peak_at_sram(place, self.program, plan.steps, plan.windows)
        room = machine.space_of("sram").usable_bytes
        if peak and (room is None or peak > room):
            return None
        cost = self.objective.timed(place, cost_of(place, self.program, plan.steps, plan.windows))
        if best is not None and not self.objective.key(cost) < self.objective.key(best.cost):
            return None
        peak_reg = peak_at_reg(place, self.program, plan.moments, plan.windows)
        if self.objective.overflows(place, peak_reg):
            return None
        return Form(self.nodes, place.nest, plan.steps, self.ties, self.handed, self.alias, cost, peak, peak_reg)


def inner_elements(spans: Spans) -> int:
    """How many elements a step has of a value along dimensions that aren't cut."""
    return math.prod(span.high - span.low + 1 for span in spans if span.cls is None)


def _choices(late: Sequence[int]) -> list[Choice]:
    """Which of the values that a later pass needs rest."""
    if len(late) > MOST_CHOICES:
        return [frozenset(), frozenset(late)]
    return [frozenset(some) for count in range(len(late) + 1) for some in itertools.combinations(late, count)]
