"""Whether some kernels can be one placed kernel, and the best way to be it.

Kernels hand tensors to one another, and so the dimensions of those are the same. Each dimension is one of three:

- **rows**, of which groups and units take parts: all stores to the outside and all results of reductions run over them;
- **swept**, once per pass, as often as reductions wait for one another; each reduction folds all of these or none;
- **inner**, all the rest: whole in each step.

    k0: m[r] = max over c of x[r, c]         rows {r}      swept {c}, twice; or c inner, once
    k1: y[r, c] = x[r, c] - m[r]

Which are swept, which values rest at sram and in which nest is tried out; the cheapest of what fits is taken.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from powerfusion.machines.model import Machine
from powerfusion.passes.placement.cost import Place, cache_bytes, cost_of, extent, is_handed
from powerfusion.passes.placement.model import Cost, Form, Kind, NestDim, Op, Outer, Program, Step, Ties, Where
from powerfusion.passes.placement.nests import Wanted, most_units, nests_of
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.schedules import NoScheduleError, Scheduler, crossing
from powerfusion.passes.placement.tiles import peak_at_reg, peak_at_sram
from powerfusion.passes.placement.windows import Spans, Windows

MOST_CHOICES = 6  # values of which each may rest or be computed again; beyond, all of them do one or the other
MOST_OPS = 300
MOST_INNER = 1 << 16  # elements that a step has of a value along dimensions that aren't cut
Nest = tuple[NestDim, ...]


@dataclass(frozen=True)
class Blocked:
    """Why some kernels stay apart."""

    reason: str


def naive_cost(program: Program, node: int, objective: Objective) -> Cost:
    """What a kernel costs as it is."""
    kernel = program.kernels[node]
    assert kernel is not None
    moved = cached = 0
    capacity = cache_bytes(objective.machine)
    for number in kernel.ops:
        op = program.ops[number]
        if op.outer is None:
            continue
        size = _bytes(program, (op.results or op.operands)[0])
        moved += size
        if op.kind is Kind.LOAD and is_handed(program, op.outer.tensor, capacity):
            cached += size
    return objective.bound(moved, 1, cached)


def _bytes(program: Program, value: int) -> int:
    read = program.values[value]
    size = read.element_bytes
    for shape in read.shape:
        size *= extent(shape)
    return size


def form_of(program: Program, machine: Machine, nodes: Sequence[int], objective: Objective) -> Form | Blocked:
    """The best way in which some kernels are one."""
    try:
        return _Group(program, machine, tuple(nodes), objective).form()
    except NoScheduleError as reason:
        return Blocked(str(reason))


@dataclass
class _Group:
    program: Program
    machine: Machine
    nodes: tuple[int, ...]
    objective: Objective
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
        classes = self._space(needed)
        combining = [number for number in needed if self._op(number).kind in (Kind.FOLD, Kind.SCAN)]
        whole = self._whole(needed, classes)
        rows = [cls for cls in self._rows(sinks, combining, classes) if cls not in whole]
        others = [cls for cls in classes if cls not in rows]
        reasons: list[str] = []
        best: Form | None = None
        for swept in self._sweeps(combining, others, whole):
            for split in (None, *self._splits(sinks, combining, swept, others, whole)):
                try:
                    form = self._swept(needed, sinks, rows, swept, split, classes)
                except NoScheduleError as reason:
                    reasons.append(str(reason))
                    continue
                if best is None or self.objective.key(form.cost) < self.objective.key(best.cost):
                    best = form
        if best is None:
            raise NoScheduleError(next(iter(reasons), "its reductions run over different dimensions"))
        return best

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

    def _space(self, needed: Sequence[int]) -> list[int]:
        """All classes, those of the widest value first."""
        values = dict.fromkeys(
            value for number in needed for value in (*self._op(number).operands, *self._op(number).results)
        )
        for value in values:
            if len(set(self.classes(value))) < len(self.classes(value)):
                raise NoScheduleError("a value would run over one dimension twice")
        widest = sorted(values, key=lambda value: -len(self.classes(value)))
        return list(dict.fromkeys(cls for value in widest for cls in self.classes(value)))

    def _whole(self, needed: Sequence[int], classes: Sequence[int]) -> set[int]:
        """Classes that can't be cut: what ops say so of, what no moved tensor runs over, what has several sizes."""
        found = {self.ties.find(cls) for number in needed for cls in self._op(number).whole}
        moved = [number for number in needed if self._op(number).outer is not None and number not in self.handed]
        named = {cls for number in moved for value in self._moved(number) for cls in self.classes(value)}
        return found | (set(classes) - named)

    def _rows(self, sinks: Sequence[int], combining: Sequence[int], classes: Sequence[int]) -> list[int]:
        rows = set(classes)
        for number in sinks:
            rows &= set(self.classes(self._op(number).operands[0]))
        for number in combining:
            op = self._op(number)
            rows &= set(self.classes(op.results[0])) - {self.ties.find(cls) for cls in op.folded}
        return [cls for cls in classes if cls in rows]

    def _sweeps(self, combining: Sequence[int], others: Sequence[int], whole: set[int]) -> Iterator[list[int]]:
        """What may be swept: nothing, or what some of the reductions fold, such that each folds all of it or none."""
        free = [cls for cls in others if cls not in whole]
        folded = [frozenset(self.ties.find(cls) for cls in self._op(number).folded) for number in combining]
        tried: set[frozenset[int]] = set()
        for some in (frozenset(free), *folded, frozenset[int]()):
            swept = some & frozenset(free)
            if swept in tried or (some and not swept):
                continue
            tried.add(swept)
            scans = [fold for fold, at in zip(folded, combining, strict=True) if self._op(at).kind is Kind.SCAN]
            if any(fold & swept and not fold >= swept for fold in folded) or any(
                scan & swept and scan != swept for scan in scans
            ):
                continue
            yield [cls for cls in free if cls in swept]

    def _moved(self, number: int) -> tuple[int, ...]:
        """The value that a load or a store moves, unless it is one that the group has already."""
        op = self._op(number)
        return tuple(value for value in (*op.operands, *op.results) if value not in self.alias)

    def _splits(
        self,
        sinks: Sequence[int],
        combining: Sequence[int],
        swept: Sequence[int],
        others: Sequence[int],
        whole: set[int],
    ) -> list[int]:
        """What the units of a group may each have a part of in every row, combining what they fold: it is in all stores."""
        if most_units(self.machine) == 1:
            return []
        folded = {self.ties.find(cls) for number in combining for cls in self._op(number).folded}
        stored = [set(self.classes(self._op(number).operands[0])) for number in sinks]
        scanned = {self.ties.find(c) for n in combining if self._op(n).kind is Kind.SCAN for c in self._op(n).folded}
        found = [cls for cls in others if cls in folded - whole - scanned and all(cls in some for some in stored)]
        return [cls for cls in found if not swept or cls in swept]

    def _size(self, cls: int, windows: Windows) -> int | None:
        """The size of a class, by all values that are cut along it just as the nest is."""
        sizes: set[int | None] = set()
        for (value, _), spans in windows.of.items():
            read = self.program.values[value]
            sizes |= {size for span, size in zip(spans, read.shape, strict=True) if span.cls == cls and span.is_plain}
        if len(sizes) > 1:
            raise NoScheduleError("a dimension has several sizes")
        if not sizes:
            raise NoScheduleError("a dimension is in no value as a step has it")
        return sizes.pop()

    def _check_measured(self, needed: Sequence[int], sizes: Mapping[int, int | None]) -> None:
        """An open size is that of a tensor that is loaded."""
        loads = (op.results[0] for number in needed if (op := self._op(number)).kind is Kind.LOAD)
        measured = {cls for value in loads if value not in self.alias for cls in self.classes(value)}
        if any(size is None and cls not in measured for cls, size in sizes.items()):
            raise NoScheduleError("a dimension of open size is in no tensor that is loaded")

    def _lanes(self, needed: Sequence[int], nested: Sequence[int]) -> list[int]:
        """The classes that are contiguous for some of what is moved, that of most bytes first."""
        votes: dict[int, int] = {}
        for number in needed:
            op = self._op(number)
            if op.outer is not None and op.outer.contiguous is not None and number not in self.handed:
                cls = self.ties.find(op.outer.contiguous)
                votes[cls] = votes.get(cls, 0) + _bytes(self.program, (op.results or op.operands)[0])
        most = max(votes.values(), default=0)
        return sorted((cls for cls in votes if cls in nested and votes[cls] * 4 >= most), key=lambda cls: -votes[cls])

    def _lacking(self, needed: Sequence[int], nested: Sequence[int]) -> dict[int, int]:
        """By class, how many loads don't run over it: each of its steps outside of theirs would load them again."""
        loads = [number for number in needed if self._op(number).kind is Kind.LOAD and number not in self.handed]
        values = [self._op(number).results[0] for number in loads]
        return {cls: sum(cls not in self.classes(value) for value in values) for cls in nested}

    def _reuses(self, needed: Sequence[int]) -> bool:
        """Whether an element that is loaded meets many others: there is a contraction."""
        return any((op := self._op(number)).kind is Kind.FOLD and op.apart for number in needed)

    def _element_bytes(self, needed: Sequence[int]) -> int:
        """What an element has of what is moved most."""
        moved = [value for number in needed if self._op(number).outer is not None for value in self._moved(number)]
        return self.program.values[max(moved, key=lambda value: _bytes(self.program, value))].element_bytes

    # -- where values wait --------------------------------------------------------------------------

    def _swept(
        self,
        needed: Sequence[int],
        sinks: Sequence[int],
        rows: Sequence[int],
        swept: Sequence[int],
        split: int | None,
        classes: Sequence[int],
    ) -> Form:
        """The cheapest choice of a nest, of what rests at sram and of what is loaded or computed again."""
        values = {value for number in needed for value in (*self._op(number).operands, *self._op(number).results)}
        streams = frozenset(value for value in values if set(swept) & set(self.classes(value)))
        ends = frozenset(
            number
            for number in needed
            if self._op(number).kind in (Kind.FOLD, Kind.SCAN)
            and {self.ties.find(cls) for cls in self._op(number).folded} & set(swept)
        )
        scheduler = Scheduler(self.program, self.scheduler.makers, self.handed, self.alias, streams, ends)
        for number in needed:
            for result in self._op(number).results:
                scheduler.time(result)
        nested = frozenset((*rows, *swept)) | (frozenset() if split is None else {split})
        sketch = _Sketch(self, scheduler, nested, sinks)
        plain = scheduler.schedule(sinks, set(), set())
        windows = sketch.windows(plain)
        sizes = {cls: self._size(cls, windows) for cls in nested}
        self._check_measured(needed, sizes)
        if any(sizes[cls] is None for cls in swept):
            raise NoScheduleError("a swept dimension is of open size")
        inner = max((sketch.inner(spans) for spans in windows.of.values()), default=1)
        if inner > MOST_INNER:
            raise NoScheduleError("a step would have too much of a value")
        if not nested:
            raise NoScheduleError("it runs over nothing")
        order = [cls for cls in classes if cls in nested]
        wanted = Wanted(
            [cls for cls in order if cls in rows],
            [cls for cls in order if cls in swept],
            sizes,
            self._lanes(needed, order),
            self._element_bytes(needed),
            inner,
            self._lacking(needed, order),
            self._reuses(needed),
            split,
        )
        choices = _choices(crossing(scheduler, needed))
        found: Form | None = None
        for nests in nests_of(self.machine, wanted):
            forms = (form for nest in nests for rested in choices for form in sketch.staged(nest, rested))
            found = min(forms, key=lambda form: self.objective.key(form.cost), default=None)
            if found is not None:  # Smaller steps only where larger ones don't fit.
                break
        if found is None:
            raise NoScheduleError("what must rest doesn't fit at sram, or a step at reg")
        return found


def _choices(late: Sequence[int]) -> list[set[int]]:
    """Which of the values that a later pass needs rest."""
    if len(late) > MOST_CHOICES:
        return [set(), set(late)]
    return [set(some) for count in range(len(late) + 1) for some in itertools.combinations(late, count)]


@dataclass
class _Sketch:
    """Forms of a group whose roles of dimensions are settled.

    Attributes:
        group: What is placed.
        scheduler: Its passes.
        nested: The classes that are cut.
        sinks: The stores to the outside.
    """

    group: _Group
    scheduler: Scheduler
    nested: frozenset[int]
    sinks: Sequence[int]

    def windows(self, steps: Sequence[Step]) -> Windows:
        """The windows of a schedule."""
        windows = Windows(self.group.program, self.group.ties, self.nested, self.scheduler)
        windows.read(steps)
        return windows

    def inner(self, spans: Spans) -> int:
        """How many elements a step has along dimensions that aren't cut."""
        return math.prod(span.high - span.low + 1 for span in spans if span.cls is None)

    def staged(self, nest: Nest, rested: set[int]) -> Iterator[Form]:
        """Forms of a choice of what rests: with nothing staged, then more and more of what gains by it."""
        staged: set[int] = set()
        key = self.group.objective.key
        plain = self.scheduler.schedule(self.sinks, staged, rested)
        loads = list(dict.fromkeys(step.op for step in plain if step.where is Where.LOAD))
        best = self._made(nest, plain)
        if best is not None:
            yield best
        for load in loads:
            form = self._made(nest, self.scheduler.schedule(self.sinks, staged | {load}, rested))
            if form is not None and (best is None or key(form.cost) < key(best.cost)):
                staged.add(load)
                best = form
                yield form

    def _made(self, nest: Nest, steps: tuple[Step, ...]) -> Form | None:
        """A schedule with its cost; None where it doesn't fit, or needs of what waits more than there is."""
        group = self.group
        try:
            windows = self.windows(steps).of
        except NoScheduleError:
            return None
        place = Place(group.machine, nest)
        peak = peak_at_sram(place, group.program, steps, windows)
        room = group.machine.space_of("sram").usable_bytes
        if peak and (room is None or peak > room):
            return None
        peak_reg = peak_at_reg(place, group.program, steps, windows, self.scheduler.ends)
        if group.objective.overflows(place, peak_reg):
            return None
        cost = cost_of(place, group.program, steps, windows)
        cost = group.objective.timed(place, cost)
        return Form(group.nodes, nest, steps, group.ties, group.handed, group.alias, cost, peak, peak_reg)
