"""Whether some kernels can be one placed kernel, and the best way to be it.

Kernels hand tensors to one another, and so the dimensions of those are the same. What every store to the outside and
every reduction's result runs over are the rows: groups take parts of them. All else is swept, as often as reductions
wait for one another.

    k0: m[r] = max over c of x[r, c]         rows  {r}
    k1: y[r, c] = x[r, c] - m[r]             swept {c}, twice
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from powerfusion.machines.model import Machine
from powerfusion.passes.placement.cost import cost_of, extent, held, is_idle, nest_of
from powerfusion.passes.placement.model import Cost, Form, Kind, NestDim, Op, Outer, Program, Step, Ties, Where
from powerfusion.passes.placement.schedules import NoScheduleError, Scheduler, crossing

MOST_CHOICES = 6  # values of which each may rest or be computed again; beyond, all of them do one or the other
MOST_OPS = 300
Nest = tuple[NestDim, ...]


@dataclass(frozen=True)
class Blocked:
    """Why some kernels stay apart."""

    reason: str


def naive_cost(program: Program, node: int) -> Cost:
    """What a kernel costs as it is."""
    kernel = program.kernels[node]
    assert kernel is not None
    moved = 0
    for number in kernel.ops:
        op = program.ops[number]
        if op.kind in (Kind.LOAD, Kind.STORE):
            moved += _bytes(program, (op.results or op.operands)[0])
    return Cost(arriving=moved, launches=1, useful=moved)


def _bytes(program: Program, value: int) -> int:
    read = program.values[value]
    size = read.element_bytes
    for shape in read.shape:
        size *= extent(shape)
    return size


def form_of(program: Program, machine: Machine, nodes: Sequence[int]) -> Form | Blocked:
    """The best way in which some kernels are one."""
    try:
        return _Group(program, machine, tuple(nodes)).form()
    except NoScheduleError as reason:
        return Blocked(str(reason))


@dataclass
class _Group:
    program: Program
    machine: Machine
    nodes: tuple[int, ...]
    ties: Ties = field(default_factory=Ties)
    ops: list[int] = field(default_factory=list)
    handed: dict[int, int] = field(default_factory=dict)
    alias: dict[int, int] = field(default_factory=dict)

    def form(self) -> Form:
        self._check_kernels()
        self._check_convex()
        self._connect()
        sinks = [number for number in self.ops if self._is_sink(number)]
        needed = self._needed(sinks)
        classes, folds = self._space(needed)
        rows = self._rows(sinks, folds, classes)
        swept = [cls for cls in classes if cls not in rows]
        self._check_sweep(folds, rows, swept)
        self._check_named(needed, classes)
        sizes = {cls: self._size(cls, needed) for cls in classes}
        if any(sizes[cls] is None for cls in swept):
            raise NoScheduleError("a swept dimension is of open size")
        nest = nest_of(self.machine, rows, swept, sizes, self._lane(needed))
        if not nest:
            raise NoScheduleError("it runs over nothing")
        if is_idle(self.machine, nest):
            raise NoScheduleError("most cores would have nothing to do")
        return self._best(needed, sinks, nest)

    # -- what is one --------------------------------------------------------------------------------

    def _check_kernels(self) -> None:
        for node in self.nodes:
            kernel = self.program.kernels[node]
            if kernel is None or kernel.blocked:
                raise NoScheduleError(kernel.blocked or "" if kernel else "it isn't a kernel")
            self.ops += kernel.ops
        if len(self.ops) > MOST_OPS:
            raise NoScheduleError("it would be too large")

    def _check_convex(self) -> None:
        self.bits = sum(1 << node for node in self.nodes)
        between = 0
        for node in self.nodes:
            between |= self.program.needs[node]
        between &= ~self.bits
        while between:
            node = (between & -between).bit_length() - 1
            between &= between - 1
            if self.program.needs[node] & self.bits:
                raise NoScheduleError("another operator stands between")

    def _connect(self) -> None:
        """Ties what is handed on, and loads that are the same."""
        stores = {op.outer.tensor: op for op in map(self._op, self.ops) if op.kind is Kind.STORE and op.outer}
        loads: dict[tuple[int, str], int] = {}
        for number in self.ops:
            op = self._op(number)
            if op.kind is not Kind.LOAD or op.outer is None:
                continue
            store = stores.get(op.outer.tensor)
            if store is not None and store.outer is not None:
                if not op.outer.whole:
                    raise NoScheduleError("one loads a part of what another stores")
                self._hand(number, op, store, store.outer)
                continue
            same = loads.setdefault((op.outer.tensor, op.outer.view), number)
            if same != number:
                first, value = self._op(same).results[0], op.results[0]
                self._tie(first, value, range(len(self.program.values[value].classes)))
                self.alias[value] = first

    def _hand(self, number: int, op: Op, store: Op, outer: Outer) -> None:
        """A load of what the group stores is that value, or its dimensions in another order."""
        assert op.outer is not None
        perm = [outer.dims.index(dim) for dim in op.outer.dims]
        self._tie(store.operands[0], op.results[0], perm)
        if perm == sorted(perm):
            self.alias[op.results[0]] = store.operands[0]
        else:
            self.handed[number] = store.operands[0]

    def _tie(self, source: int, value: int, perm: Sequence[int]) -> None:
        sources = self.program.values[source].classes
        for cls, dim in zip(self.program.values[value].classes, perm, strict=True):
            self.ties.tie(cls, sources[dim])

    def _op(self, number: int) -> Op:
        return self.program.ops[number]

    def classes(self, value: int) -> tuple[int, ...]:
        """The classes of a value."""
        return tuple(map(self.ties.find, self.program.values[value].classes))

    # -- what it runs over --------------------------------------------------------------------------

    def _is_sink(self, number: int) -> bool:
        """Whether an op stores what something outside reads."""
        op = self._op(number)
        return (
            op.kind is Kind.STORE and op.outer is not None and bool(self.program.readers[op.outer.tensor] & ~self.bits)
        )

    def _needed(self, sinks: Sequence[int]) -> list[int]:
        """The ops that stores need, in order."""
        makers = {result: number for number in self.ops for result in self._op(number).results}
        self.scheduler = Scheduler(self.program, makers, self.handed, self.alias, frozenset())
        found: set[int] = set()
        stack = list(sinks)
        while stack:
            number = stack.pop()
            if number not in found:
                found.add(number)
                stack += [makers[value] for value in self.scheduler.operands(number)]
        return sorted(found)

    def _space(self, needed: Sequence[int]) -> tuple[list[int], list[int]]:
        """All classes, those of the widest value first, and the reductions."""
        values = dict.fromkeys(
            value for number in needed for value in (*self._op(number).operands, *self._op(number).results)
        )
        for value in values:
            if len(set(self.classes(value))) < len(self.classes(value)):
                raise NoScheduleError("a value would run over one dimension twice")
        widest = sorted(values, key=lambda value: -len(self.classes(value)))
        found = list(dict.fromkeys(cls for value in widest for cls in self.classes(value)))
        return found, [number for number in needed if self._op(number).kind is Kind.FOLD]

    def _rows(self, sinks: Sequence[int], folds: Sequence[int], classes: Sequence[int]) -> list[int]:
        rows = set(classes)
        for number in sinks:
            rows &= set(self.classes(self._op(number).operands[0]))
        for number in folds:
            rows &= set(self.classes(self._op(number).results[0]))
        return [cls for cls in classes if cls in rows]

    def _check_sweep(self, folds: Sequence[int], rows: Sequence[int], swept: Sequence[int]) -> None:
        """Reductions fold all that is swept: what is left streams by only once."""
        for number in folds:
            op = self._op(number)
            folded = {self.ties.find(cls) for cls in op.folded}
            if folded != set(swept) or set(self.classes(op.results[0])) != set(rows):
                raise NoScheduleError("its reductions run over different dimensions")

    def _check_named(self, needed: Sequence[int], classes: Sequence[int]) -> None:
        """Loops get their names from what is moved: a dimension that only spreading makes has none."""
        moved = [number for number in needed if self._op(number).outer is not None and number not in self.handed]
        named = {cls for number in moved for value in self._moved(number) for cls in self.classes(value)}
        if not named >= set(classes):
            raise NoScheduleError("a dimension is in no tensor that is loaded or stored")

    def _moved(self, number: int) -> tuple[int, ...]:
        """The value that a load or a store moves, unless it is one that the group has already."""
        op = self._op(number)
        return tuple(value for value in (*op.operands, *op.results) if value not in self.alias)

    def _size(self, cls: int, needed: Sequence[int]) -> int | None:
        """The size of a class, by all values that meet the outside."""
        sizes: set[int | None] = set()
        for number in needed:
            op = self._op(number)
            for value in (*op.operands, *op.results):
                read = self.program.values[value]
                sizes |= {size for own, size in zip(self.classes(value), read.shape, strict=True) if own == cls}
        if len(sizes) > 1:
            raise NoScheduleError("a dimension is of open size in one place and not in another")
        return sizes.pop()

    def _lane(self, needed: Sequence[int]) -> int | None:
        """The class that is contiguous for most bytes that are moved."""
        votes: dict[int, int] = {}
        for number in needed:
            op = self._op(number)
            if op.outer is not None and op.outer.contiguous is not None and number not in self.handed:
                cls = self.ties.find(op.outer.contiguous)
                votes[cls] = votes.get(cls, 0) + _bytes(self.program, (op.results or op.operands)[0])
        return max(votes, key=lambda cls: votes[cls], default=None)

    # -- where values wait --------------------------------------------------------------------------

    def _best(self, needed: Sequence[int], sinks: Sequence[int], nest: Nest) -> Form:
        """The cheapest choice of what rests at sram and what is loaded or computed again."""
        swept = {dim.cls for dim in nest if dim.swept}
        values = {value for number in needed for value in (*self._op(number).operands, *self._op(number).results)}
        streams = frozenset(value for value in values if swept & set(self.classes(value)))
        scheduler = Scheduler(self.program, self.scheduler.makers, self.handed, self.alias, streams)
        for number in needed:
            for result in self._op(number).results:
                scheduler.time(result)
        late = crossing(scheduler, needed)
        if len(late) <= MOST_CHOICES:
            options = [set(some) for count in range(len(late) + 1) for some in itertools.combinations(late, count)]
        else:
            options = [set[int](), set(late)]
        found: Form | None = None
        for rested in options:
            for form in self._staged(scheduler, sinks, nest, rested):
                if found is None or form.cost < found.cost:
                    found = form
        if found is None:
            raise NoScheduleError("what must rest doesn't fit at sram")
        return found

    def _staged(self, scheduler: Scheduler, sinks: Sequence[int], nest: Nest, rested: set[int]) -> Iterator[Form]:
        """Forms of a choice of what rests: with nothing staged, then more and more of what gains by it."""
        staged: set[int] = set()
        plain = scheduler.schedule(sinks, staged, rested)
        loads = list(dict.fromkeys(step.op for step in plain if step.where is Where.LOAD))
        best = self._made(nest, plain)
        if best is not None:
            yield best
        for load in loads:
            form = self._made(nest, scheduler.schedule(sinks, staged | {load}, rested))
            if form is not None and (best is None or form.cost < best.cost):
                staged.add(load)
                best = form
                yield form

    def _made(self, nest: Nest, steps: tuple[Step, ...]) -> Form | None:
        """A schedule with its cost; None where it doesn't fit."""
        moved = {
            at: (self.classes(step.value), self.program.values[step.value].element_bytes)
            for at, step in enumerate(steps)
        }
        peak = sum(held(nest, *moved[at]) for at, step in enumerate(steps) if step.where in (Where.STAGE, Where.REST))
        room = self.machine.space_of("sram").usable_bytes
        if peak and (room is None or peak > room):
            return None
        sources = {step.op: _source(self._op(step.op)) for step in steps if step.where in (Where.STAGE, Where.LOAD)}
        work = {step.op: self._op(step.op).work for step in steps}
        cost = cost_of(self.machine, nest, steps, moved, work, sources)
        return Form(self.nodes, nest, steps, self.ties, self.handed, self.alias, cost, peak)


def _source(op: Op) -> tuple[int, str]:
    assert op.outer is not None
    return op.outer.tensor, op.outer.view
