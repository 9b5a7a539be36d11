"""Which part of each value a step needs: windows, backwards from what a kernel stores, step by step of its schedule.

    y[r, c] = x[r, c - 1] + x[r, c + 1]        y over r, c        x over r, and c - 1 to c + 1

The rules are those of tiling and of the ledger; here they work on numbers. A value that waits (at sram, for the next
pass, for a sweep to end) is had as the nest cuts it, no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from powerfusion.passes.placement.model import Kind, Program, Reach, Step, Ties, Where
from powerfusion.passes.placement.schedules import NoScheduleError, Scheduler


@dataclass(frozen=True)
class Span:
    """What a window has of a dimension: of a step from `s` to `e`, `scale * s + low` to `scale * e + high`.

    Attributes:
        cls: The class that it moves with; None where it stays, from `low` to `high`.
        scale: How much further it is than the step.
        low: From the step's first element to its first.
        high: From the step's last element to its last.
        clip: Whether it may stick out of the value.
    """

    cls: int | None
    scale: int = 1
    low: int = 0
    high: int = 0
    clip: bool = False
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Spans are looked up more often than they are made."""
        object.__setattr__(self, "_hash", hash((self.cls, self.scale, self.low, self.high, self.clip)))

    def __hash__(self) -> int:
        """Worked out once."""
        return self._hash

    @property
    def is_plain(self) -> bool:
        """Whether it is a step, or what never moves."""
        return self.cls is None or (self.scale, self.low, self.high, self.clip) == (1, 0, 0, False)


Spans = tuple[Span, ...]
Key = tuple[int, int]  # a value, and the pass that it is made in
WAITING = -1  # in place of a pass: what is stored, or rests at sram


@dataclass
class Windows:
    """The windows of a schedule's values.

    Attributes:
        program: What is read.
        ties: Of classes.
        nested: The classes that a nest cuts.
        swept: Those of them that it goes through once per pass.
        scheduler: When values are there.
        of: By value and pass, its window.
        beyond: By value and pass, the window of its tile, where that is more: what stays where it is may stick out of
            the value, of which no more than there is moves.
        staged: Values that are brought to sram.
        owned: By value, what a step has of it; the same for all schedules of a group.
    """

    program: Program
    ties: Ties
    nested: frozenset[int]
    swept: frozenset[int]
    scheduler: Scheduler
    of: dict[Key, Spans] = field(default_factory=dict)
    beyond: dict[Key, Spans] = field(default_factory=dict)
    staged: set[int] = field(default_factory=set)
    owned: dict[int, Spans] = field(default_factory=dict)

    def own(self, value: int) -> Spans:
        """What a step has of a value: its part of what the nest cuts, all of the rest."""
        if value not in self.owned:
            self.owned[value] = self._own(value)
        return self.owned[value]

    def _own(self, value: int) -> Spans:
        read = self.program.values[value]
        spans: list[Span] = []
        for cls, size in zip(map(self.ties.find, read.classes), read.shape, strict=True):
            if cls in self.nested:
                spans.append(_whole(cls))
            elif size is None:
                raise NoScheduleError("a dimension of open size isn't cut")
            else:
                spans.append(_whole(None, size - 1))
        return tuple(spans)

    def read(self, steps: Sequence[Step]) -> dict[Key, Spans]:
        """Follows the windows of a schedule backwards."""
        made: dict[int, list[int]] = {}
        self.staged = {step.value for step in steps if step.where is Where.STAGE}
        for step in steps:
            if step.where in (Where.LOAD, Where.FETCH, Where.KEEP, Where.DO):
                for value in self._results(step):
                    made.setdefault(value, []).append(step.number)
        for step in reversed(steps):
            self._step(step, made)
        for value in self.scheduler.alias:  # Other names of values have their windows.
            source = self.scheduler.same(value)
            for found in (self.of, self.beyond):
                found |= {(value, number): spans for (of, number), spans in found.items() if of == source}
        return self.of

    @property
    def tiles(self) -> Mapping[Key, Spans]:
        """By value and pass, the window of its tile."""
        return self.of | self.beyond if self.beyond else self.of

    def _results(self, step: Step) -> Sequence[int]:
        return self.program.ops[step.op].results if step.where is Where.DO else (step.value,)

    def _step(self, step: Step, made: Mapping[int, Sequence[int]]) -> None:
        match step.where:
            case Where.STAGE:
                self.of[step.value, WAITING] = self._staged(step.value, made)
            case Where.STORE | Where.REST:
                own = self.of[step.value, WAITING] = self.own(step.value)
                self._need(step.value, step.number, own, made)
            case Where.DO:
                self._do(step, made)
            case Where.FETCH | Where.KEEP if step.value not in self.staged and (
                self.of.get((step.value, step.number)) != self.own(step.value)
            ):
                raise NoScheduleError("what rests is needed beyond a step")
            case Where.KEEP:
                self._need(step.value, step.number - 1, self.own(step.value), made)
            case _:
                pass

    def _do(self, step: Step, made: Mapping[int, Sequence[int]]) -> None:
        op = self.program.ops[step.op]
        operands = self.scheduler.operands(step.op)
        if step.op in self.scheduler.handed:
            spans = self.of.get((step.value, step.number)) or self.own(step.value)
            reaches = self.scheduler.handed[step.op].reaches
            self._reach(step, operands[0], reaches, spans, self.beyond.get((step.value, step.number)), made)
            return
        found = [self.of[value, step.number] for value in op.results if (value, step.number) in self.of]
        for value in op.results:  # What nothing uses is made all the same.
            self.of.setdefault((value, step.number), self.own(value))
        if step.op in self.scheduler.ends:
            if any(not span.is_plain for spans in found for span in spans):
                raise NoScheduleError("what a sweep comes to is needed beyond a step")
            for value in operands:
                self._need(value, step.number, self.own(value), made)
            return
        spans = found[0] if found else self.own(op.results[0])
        if op.kind in (Kind.FOLD, Kind.SCAN, Kind.GATHER) and any(span.clip for span in spans):
            raise NoScheduleError("what is folded or looked up would be needed beyond an edge")
        beyond = next(
            (self.beyond[value, step.number] for value in op.results if (value, step.number) in self.beyond), None
        )
        for value, reaches in zip(operands, op.reaches, strict=True):
            self._reach(step, value, reaches, spans, beyond, made)

    def _staged(self, value: int, made: Mapping[int, Sequence[int]]) -> Spans:
        """What is brought to sram of a value: a step's own, and what it needs beyond that."""
        held = list(self.own(value))
        for spans in [self.of[value, number] for number in made.get(value, ()) if (value, number) in self.of]:
            for at, (own, span) in enumerate(zip(held, spans, strict=True)):
                if own.cls is not None and own.cls == span.cls and own.cls not in self.swept:
                    held[at] = _joined(own, span)
        return tuple(held)

    def _reach(
        self,
        step: Step,
        value: int,
        reaches: Sequence[Reach],
        spans: Spans,
        beyond: Spans | None,
        made: Mapping[int, Sequence[int]],
    ) -> None:
        """Needs of an operand what windows of what is made of it do: of what there is, and of its tile."""
        needed = self._reached(value, reaches, spans)
        self._need(
            value, step.number, needed, made, needed if beyond is None else self._reached(value, reaches, beyond)
        )

    def _reached(self, value: int, reaches: Sequence[Reach], spans: Spans) -> Spans:
        own = self.own(value)
        return tuple(_reach(reach, spans, mine) for reach, mine in zip(reaches, own, strict=True))

    def _need(
        self, value: int, number: int, spans: Spans, made: Mapping[int, Sequence[int]], tile: Spans | None = None
    ) -> None:
        value = self.scheduler.same(value)
        at = max((at for at in made.get(value, ()) if at <= number), default=number)
        tile = tile or spans
        if spans != self.own(value):
            spans = self._checked(value, spans, later=at != number)
        key = value, at
        known = self.of.get(key)
        if tile != spans or key in self.beyond:
            before = self.beyond.get(key, known)
            self.beyond[key] = tile if before is None else tuple(map(_joined, before, tile))
        self.of[key] = spans if known is None or known == spans else tuple(map(_joined, known, spans))

    def _checked(self, value: int, spans: Spans, *, later: bool) -> Spans:
        """What there is of a window that isn't a step's own, if it can be had, in a later pass or the same."""
        spans = tuple(map(_clipped, spans, self.program.values[value].shape))
        if any(own.cls in self.swept and span.cls != own.cls for own, span in zip(self.own(value), spans, strict=True)):
            raise NoScheduleError("what one step of a sweep has is needed in another")
        plain = all(span.is_plain for span in spans)
        if later and not plain:
            raise NoScheduleError("a value is needed beyond a step in a later pass")
        if self.scheduler.time(value) % 2 and not plain:
            raise NoScheduleError("what a sweep comes to is needed beyond a step")
        return spans


def folded_sizes(program: Program, ties: Ties, combining: Iterable[int], cls: int) -> set[int | None]:
    """How long what some ops fold is along a class: a nest that goes through less would leave elements out."""
    found: set[int | None] = set()
    for op in (program.ops[number] for number in combining):
        if cls in map(ties.find, op.folded):
            values = [program.values[value] for value in op.operands]
            sides = (side for value in values for side in zip(value.classes, value.shape, strict=True))
            found |= {size for own, size in sides if ties.find(own) == cls}
    return found


@lru_cache(maxsize=4096)
def _whole(cls: int | None, high: int = 0) -> Span:
    """A step of a class, or all of what isn't cut; the same one each time, so that windows compare in no time."""
    return Span(None, 0, 0, high) if cls is None else Span(cls)


def _reach(reach: Reach, spans: Spans, own: Span) -> Span:
    if reach.own:
        return own
    if reach.dim is None:
        return Span(None, 0, reach.low, reach.high)
    span = spans[reach.dim]
    if (reach.scale, reach.low, reach.high, reach.clip) == (1, 0, 0, False):
        return span
    return replace(
        span,
        scale=span.scale * reach.scale,
        low=span.low * reach.scale + reach.low,
        high=span.high * reach.scale + reach.high,
        clip=span.clip or reach.clip,
    )


def _clipped(span: Span, size: int | None) -> Span:
    """What stays where it is has no more than there is."""
    if span.cls is not None or size is None or (span.low >= 0 and span.high < size):
        return span
    return Span(None, 0, max(span.low, 0), min(span.high, size - 1))


def _joined(one: Span, other: Span) -> Span:
    """The least span that holds both."""
    if (one.cls, one.scale) != (other.cls, other.scale):
        raise NoScheduleError("a value of which windows are needed that move differently")
    low, high = min(one.low, other.low), max(one.high, other.high)
    return Span(one.cls, one.scale, low, high, one.clip or other.clip)
