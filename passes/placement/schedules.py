"""The order in which a group of kernels does its ops, pass by pass, and where each value waits.

Time is a number: even, `2 k`, while pass k sweeps; odd, `2 k + 1`, when it has ended. A reduction over what is swept
is there when its pass has ended, and what spreads it again begins the next one. A value that streams is gone when its
pass is; a later pass loads or computes it anew, or it has rested at sram, or units have kept all their steps of it.

    pass 0   %0 = load x    max over %0               time 0, 1
    pass 1   %1 = load x    exp(%1 - max)   sum of it  time 2, 3
    pass 2   %2 = load x    exp(%2 - max) / sum        time 4
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from powerfusion.passes.placement.model import Handed, Kind, Op, Program, Step, Where


class NoScheduleError(Exception):
    """The group can't be put into passes; says why."""


@dataclass
class Scheduler:
    """Schedules of one group; classes are those of the program, as the group's kernels know them.

    Attributes:
        program: What is read.
        makers: By value, the op of the group that makes it.
        handed: By load inside the group, what it takes of a value that the group has.
        alias: By value that a load inside the group gives, the value that it is.
        streams: Values that run over a swept dimension.
        ends: Ops that combine what the steps of a sweep have: their results are there when the pass has ended.
        times: By value, when it is there.
    """

    program: Program
    makers: Mapping[int, int]
    handed: Mapping[int, Handed]
    alias: Mapping[int, int]
    streams: Set[int]
    ends: Set[int] = frozenset()
    times: dict[int, int] = field(default_factory=dict)

    def time(self, value: int) -> int:
        """When a value is there first."""
        if value not in self.times:
            self.times[value] = self._time(value)
        return self.times[value]

    def _time(self, value: int) -> int:
        number = self.makers[value]
        op = self.program.ops[number]
        before = max((self.time(operand) for operand in self.operands(number)), default=0)
        match op.kind:
            case _ if number in self.ends and before % 2:
                raise NoScheduleError("a reduction starts from what another gives")
            case _ if number in self.ends and value in ended(op):
                return before + 1
            case Kind.SPREAD if value in self.streams:
                return before + before % 2
            case _ if value in self.streams and before % 2:
                raise NoScheduleError("what a reduction gives is used without being spread")
            case _:
                return before

    def operands(self, number: int) -> tuple[int, ...]:
        """The values that an op uses; of a load inside the group, what was stored."""
        own = (self.handed[number].value,) if number in self.handed else self.program.ops[number].operands
        return tuple(map(self.same, own))

    def same(self, value: int) -> int:
        """The value that a value is."""
        while value in self.alias:
            value = self.alias[value]
        return value

    def before_growing(self, value: int, narrow: bool) -> int:
        """What a value was spread or widened from; the value itself where it wasn't, or from nothing, as indices are.

        What was computed and then widened counts as widened only where `narrow` says so.
        """
        maker = self.makers[value]
        operands = self.operands(maker)
        if operands and (self.program.ops[maker].kind is Kind.SPREAD or self._widens(maker, narrow)):
            return self.before_growing(operands[0], narrow)
        return value

    def _widens(self, number: int, narrow: bool) -> bool:
        """Whether an op says in more bytes what its one operand says, element by element."""
        op = self.program.ops[number]
        if op.kind is not Kind.COMPUTE or len(op.operands) != 1 or len(op.results) != 1:
            return False
        operand, result = (self.program.values[value] for value in (*op.operands, *op.results))
        if operand.element_bytes >= result.element_bytes or operand.shape != result.shape:
            return False
        return narrow or self.program.ops[self.makers[self.operands(number)[0]]].kind is Kind.LOAD

    def schedule(
        self, sinks: Sequence[int], staged: Set[int], rested: Set[int], kept: Set[int] = frozenset()
    ) -> tuple[Step, ...]:
        """The steps that stores need.

        Args:
            sinks: The stores.
            staged: Loads that go through sram.
            rested: Values that rest at sram until later passes.
            kept: Values that stay at reg until then.
        """
        run = _Run(self, staged, rested, kept)
        for sink in sorted(sinks, key=lambda sink: self.time(self.operands(sink)[0])):
            run.store(sink)
        return tuple(run.steps)


@dataclass
class _Run:
    scheduler: Scheduler
    staged: Set[int]
    rested: Set[int]
    kept: Set[int]
    steps: list[Step] = field(default_factory=list)
    done: set[tuple[Where, int, int]] = field(default_factory=set)
    there: set[tuple[int, int]] = field(default_factory=set)  # values, and the passes that have them

    def store(self, sink: int) -> None:
        value = self.scheduler.operands(sink)[0]
        number = self.scheduler.time(value) // 2
        self._have(value, number)
        self.steps.append(Step(Where.STORE, sink, value, number))

    def _add(self, where: Where, op: int, value: int, number: int) -> bool:
        """Notes a step, unless it has been done."""
        key = (where, value if value >= 0 else op, number)
        if key in self.done:
            return False
        self.done.add(key)
        self.steps.append(Step(where, op, value, number))
        if where in (Where.LOAD, Where.DO, Where.FETCH, Where.KEEP):
            self.there.add((value, number))
        return True

    def _have(self, value: int, number: int) -> None:
        """Makes sure that a value is there in a pass; what doesn't stream is there once for all."""
        scheduler = self.scheduler
        made = scheduler.makers[value]
        op: Op = scheduler.program.ops[made]
        if op.kind is Kind.CONSTANT:
            self._add(Where.DO, made, value, 0)
            return
        first = scheduler.time(value) // 2
        if value not in scheduler.streams:
            number = first
        if (value, number) in self.there:
            return
        if value in self.kept and number > first:
            self._have(value, first)
            self._add(Where.KEEP, made, value, number)
        elif value in self.rested and number > first:
            self._have(value, first)
            self._add(Where.REST, made, value, first)
            self._add(Where.FETCH, made, value, number)
        elif op.kind is Kind.LOAD and made not in scheduler.handed:
            if made in self.staged:
                self._add(Where.STAGE, made, value, 0)
            self._add(Where.FETCH if made in self.staged else Where.LOAD, made, value, number)
        else:
            for operand in scheduler.operands(made):
                self._have(operand, number)
            self._do(made, op, number)

    def _do(self, made: int, op: Op, number: int) -> None:
        if all((result, number) in self.there for result in op.results):
            return
        self._add(Where.DO, made, op.results[0], number)
        self.there.update((result, number) for result in op.results)


def crossing(scheduler: Scheduler, needed: Sequence[int], narrow: bool) -> list[int]:
    """Computed values that stream by in an earlier pass than the first of something that uses them, in order.

    Of what is spread or widened, what it was before: that is less, and is spread or widened again.

    Args:
        scheduler: The passes.
        needed: Ops of the group.
        narrow: Whether that is so of what is computed and then widened, too: in a cache that has room for both,
            narrowing and widening it takes a core longer than its bytes do.
    """
    found: dict[int, None] = {}
    for number in needed:
        op = scheduler.program.ops[number]
        late = max((scheduler.time(value) // 2 for value in op.results), default=0)
        for operand in (scheduler.before_growing(each, narrow) for each in scheduler.operands(number)):
            made = scheduler.program.ops[scheduler.makers[operand]]
            early = operand in scheduler.streams and scheduler.time(operand) // 2 < late
            if early and made.kind not in (Kind.LOAD, Kind.SPREAD, Kind.CONSTANT) and not made.view:
                found.setdefault(operand)
    return list(found)


def ended(op: Op) -> tuple[int, ...]:
    """What an op that combines the steps of a sweep comes to: of a scan the second half of its results."""
    return op.results[len(op.results) // 2 :] if op.kind is Kind.SCAN else op.results
