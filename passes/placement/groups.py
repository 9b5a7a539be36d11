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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from powerfusion.machines.model import Machine
from powerfusion.passes.placement.bounds import Bounds
from powerfusion.passes.placement.cost import asked_whole, is_handed, work_of
from powerfusion.passes.placement.fills import is_filled, piece_of, reads_first
from powerfusion.passes.placement.model import Cost, Form, Handed, Kind, Op, Outer, Program, Ties, extent
from powerfusion.passes.placement.nests import Wanted, most_units, nests_of
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.rates import cache_bytes
from powerfusion.passes.placement.schedules import NoScheduleError, Scheduler, crossing
from powerfusion.passes.placement.sketches import Sketch, inner_elements
from powerfusion.passes.placement.sliding import sliding_nests
from powerfusion.passes.placement.windows import Spans, Windows, folded_sizes

MOST_OPS = 300
TURNING = (Kind.LOAD, Kind.STORE, Kind.COMPUTE, Kind.SPREAD, Kind.FOLD, Kind.CONSTANT)
MOST_INNER = 1 << 16  # elements that a step has of a value along dimensions that aren't cut


@dataclass(frozen=True)
class Blocked:
    """Why some kernels stay apart."""

    reason: str


def naive_cost(program: Program, node: int, objective: Objective) -> Cost:
    """What a kernel costs as it is."""
    kernel = program.kernels[node]
    assert kernel is not None
    moved = asked = cached = fills = 0
    capacity = cache_bytes(objective.machine)
    first = reads_first(objective.machine, program)
    for number in kernel.ops:
        op = program.ops[number]
        if op.outer is None:
            continue
        value = (op.results or op.operands)[0]
        size = _bytes(program, value)
        moved += size
        asked += asked_whole(objective.machine, program.values[value], op.outer.layout)
        if op.kind is Kind.LOAD and is_handed(program, op.outer.tensor, capacity):
            cached += size
        if op.kind is Kind.STORE and first and is_filled(objective.machine, program, op.outer):
            fills += size
    work = work_of(program, kernel.ops, objective.machine)
    return objective.alone(Cost(arriving=asked + fills, launches=1, useful=moved, near=work, cached=cached))


def _bytes(program: Program, value: int) -> int:
    read = program.values[value]
    size = read.element_bytes
    for shape in read.shape:
        size *= extent(shape)
    return size


def form_of(
    program: Program, machine: Machine, nodes: Sequence[int], objective: Objective, most_bytes: int | None = None
) -> Form | Blocked:
    """The best way in which some kernels are one, of those for which no more than some bytes of DRAM arrive."""
    try:
        return _Group(program, machine, tuple(nodes), objective, most_bytes).form()
    except NoScheduleError as reason:
        return Blocked(str(reason))


def forms_of(program: Program, machine: Machine, nodes: Sequence[int], objective: Objective) -> list[Form]:
    """Ways in which some kernels are one, each another nest or schedule, the best first; none where they can't be."""
    group = _Group(program, machine, tuple(nodes), objective, every=True)
    try:
        group.form()
    except NoScheduleError:
        return []
    found = [form for sketch in group.sketches.values() for form in sketch.every or ()]
    distinct = {(form.nest, form.steps): form for form in reversed(sorted(found, key=group.rank))}
    return list(reversed(distinct.values()))


@dataclass
class _Group:
    program: Program
    machine: Machine
    nodes: tuple[int, ...]
    objective: Objective
    most_bytes: int | None = None
    every: bool = False
    ties: Ties = field(default_factory=Ties)
    ops: list[int] = field(default_factory=list)
    handed: dict[int, Handed] = field(default_factory=dict)
    alias: dict[int, int] = field(default_factory=dict)
    sketches: dict[tuple[frozenset[int], frozenset[int]], Sketch] = field(default_factory=dict)

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
        if others and not rows and combining and not self._folds(combining, whole):
            raise NoScheduleError("its results run over nothing in common")
        reasons: list[str] = []
        best: Form | None = None
        for swept in self._sweeps(combining, others, whole):
            for split in (None, *self._splits(combining, swept, others, whole)):
                try:
                    form = self._swept(needed, sinks, rows, swept, split, classes)
                except NoScheduleError as reason:
                    reasons.append(str(reason))
                    continue
                if best is None or self.rank(form) < self.rank(best):
                    best = form
        if best is None:
            raise NoScheduleError(next(iter(reasons), "its reductions run over different dimensions"))
        return best

    def rank(self, form: Form) -> tuple[int, ...]:
        """Of forms that cost the same the one of fewer instructions: no sweep, rather than one written out."""
        return *self.objective.key(form.cost), len(form.steps)

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
        if Bounds(self.program, self.objective).between(self.bits):
            raise NoScheduleError("another operator stands between")

    def _connect(self) -> None:
        """Ties what is handed on, and loads that are the same."""
        stores = {op.outer.tensor: op for op in map(self._op, self.ops) if op.kind is Kind.STORE and op.outer}
        loads: dict[tuple[int, str], int] = {}
        for number in self.ops:
            op = self._op(number)
            if op.kind is Kind.GATHER and op.outer is not None and op.outer.tensor in stores:
                raise NoScheduleError("one gathers from what another stores")
            if op.kind is not Kind.LOAD or op.outer is None:
                continue
            store = stores.get(op.outer.tensor)
            if store is not None and store.outer is not None:
                self._hand(number, op, store, store.outer)
                continue
            same = loads.setdefault((op.outer.tensor, op.outer.view), number)
            if same != number:
                first, value = self._op(same).results[0], op.results[0]
                self._tie(first, value, range(len(self.program.values[value].classes)))
                self.alias[value] = first

    def _hand(self, number: int, op: Op, store: Op, outer: Outer) -> None:
        """A load of what the group stores is that value, a part of it, or its dimensions in another order."""
        assert op.outer is not None
        source, value = store.operands[0], op.results[0]
        if op.outer.reach is None:
            raise NoScheduleError("one loads what another stores in another shape")
        reaches = tuple(op.outer.reach[dim] for dim in outer.dims)
        classes, before = (self.program.values[each].classes for each in (value, source))
        if op.outer.whole:
            for reach, cls in zip(reaches, before, strict=True):
                assert reach.dim is not None
                self.ties.tie(classes[reach.dim], cls)
        if op.outer.whole and [reach.dim for reach in reaches] == list(range(len(reaches))):
            self.alias[value] = source
        else:
            self.handed[number] = Handed(source, reaches)

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
        """Classes that can't be cut: what ops say so of, and what no moved tensor runs over."""
        found = {self.ties.find(cls) for number in needed for cls in self._op(number).whole}
        named = {cls for number in self._moves(needed) for value in self._moved(number) for cls in self.classes(value)}
        return found | (set(classes) - named)

    def _rows(self, sinks: Sequence[int], combining: Sequence[int], classes: Sequence[int]) -> list[int]:
        rows = set(classes)
        for number in sinks:
            rows &= set(self.classes(self._op(number).operands[0]))
        for number in combining:
            op = self._op(number)
            rows &= set(self.classes(op.results[0])) - {self.ties.find(cls) for cls in op.folded}
        return [cls for cls in classes if cls in rows]

    def _folds(self, combining: Sequence[int], whole: set[int]) -> bool:
        """Whether some op folds what steps can have parts of: not only what is whole in each, as a neighbourhood is."""
        return any({self.ties.find(cls) for cls in self._op(number).folded} - whole for number in combining)

    def _sweeps(self, combining: Sequence[int], others: Sequence[int], whole: set[int]) -> Iterator[list[int]]:
        """What may be swept: all, what one of the reductions folds, what none folds, or nothing.

        Each reduction folds all of it or none.
        """
        free = [cls for cls in others if cls not in whole]
        folded = [frozenset(self.ties.find(cls) for cls in self._op(number).folded) for number in combining]
        tried: set[frozenset[int]] = set()
        for some in (frozenset(free), *folded, frozenset(free).difference(*folded), frozenset[int]()):
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

    def _moves(self, needed: Sequence[int]) -> list[int]:
        """The loads and stores of a group; what it hands on inside isn't moved."""
        kinds = (Kind.LOAD, Kind.STORE)
        return [number for number in needed if self._op(number).kind in kinds and number not in self.handed]

    def _moved(self, number: int) -> tuple[int, ...]:
        """The value that a load or a store moves, unless it is one that the group has already."""
        op = self._op(number)
        return tuple(value for value in (*op.operands, *op.results) if value not in self.alias)

    def _splits(
        self, combining: Sequence[int], swept: Sequence[int], others: Sequence[int], whole: set[int]
    ) -> list[int]:
        """What units of a group may each have a part of in every row, combining what they fold."""
        if most_units(self.machine) == 1:
            return []
        folded = {self.ties.find(cls) for number in combining for cls in self._op(number).folded}
        ordered = {
            self.ties.find(cls) for number in combining if self._op(number).ordered for cls in self._op(number).folded
        }
        found = [cls for cls in others if cls in folded - whole - ordered]
        return [cls for cls in found if not swept or cls in swept]

    def _size(self, cls: int, windows: Windows, combining: Iterable[int]) -> int | None:
        """The size of a class, by all values that are cut along it just as the nest is, and by what is folded."""
        sizes = folded_sizes(self.program, self.ties, combining, cls)
        for (value, _), spans in windows.of.items():
            read = self.program.values[value]
            sizes |= {size for span, size in zip(spans, read.shape, strict=True) if span.cls == cls and span.is_plain}
        if len(sizes) > 1:
            raise NoScheduleError("a dimension has several sizes")
        if not sizes:
            raise NoScheduleError("a dimension is in no value as a step has it")
        return sizes.pop()

    def _check_measured(self, needed: Sequence[int], sizes: Mapping[int, int | None]) -> None:
        """What is cut is as long as a value that is moved, which names it; an open size is that of a tensor loaded."""
        moved = [self.program.values[value] for number in self._moves(needed) for value in self._moved(number)]
        named = {
            (self.ties.find(cls), size) for read in moved for cls, size in zip(read.classes, read.shape, strict=True)
        }
        if not sizes.items() <= named:
            raise NoScheduleError("a dimension is longer than in all that is moved")
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
        """Whether an element that is loaded meets many others: a reduction gives more dimensions than it reads."""
        folds = [op for number in needed if (op := self._op(number)).kind is Kind.FOLD]
        return any(set(self.classes(op.results[-1])) - set(self.classes(op.operands[0])) for op in folds)

    def _multiplies(self, needed: Sequence[int], halos: Mapping[int, int]) -> bool:
        """Whether a contraction multiplies what steps need both."""
        products = [op for number in needed if (op := self._op(number)).contracts is not None]
        return any(halos.keys() & set(self.classes(value)) for op in products for value in op.operands[:2])

    def _element_bytes(self, needed: Sequence[int]) -> int:
        """What an element has of what is moved most."""
        moved = [value for number in needed if self._op(number).outer is not None for value in self._moved(number)]
        return self.program.values[max(moved, key=lambda value: _bytes(self.program, value))].element_bytes

    def _moved_bytes(self, needed: Sequence[int]) -> int:
        """All that is loaded and stored, once."""
        return sum(_bytes(self.program, value) for number in self._moves(needed) for value in self._moved(number))

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
        nested = frozenset((*rows, *swept)) | (frozenset() if split is None else {split})
        roles = frozenset(swept), nested
        if roles not in self.sketches:  # What units share changes nests, and neither passes nor windows.
            self.sketches[roles] = self._sketch(needed, sinks, *roles)
        sketch = self.sketches[roles]
        scheduler, combining = sketch.scheduler, sketch.combining
        windows = sketch.windows(scheduler.schedule(sinks, set(), set()))
        sizes = {cls: self._size(cls, windows, combining) for cls in nested}
        self._check_measured(needed, sizes)
        if split is not None and sizes[split] is None:
            raise NoScheduleError("units would share a dimension of open size")
        stored = (spans for (value, _), spans in windows.of.items() if not self._op(scheduler.makers[value]).view)
        inner = max(map(inner_elements, stored), default=1)
        if inner > MOST_INNER:
            raise NoScheduleError(f"a step would have {inner} elements along what isn't cut, of {MOST_INNER} at most")
        if not nested:
            raise NoScheduleError("it runs over nothing")
        order = [cls for cls in classes if cls in nested]
        halos = {cls: halo for cls in order if (halo := _halo(windows.of.values(), cls))}
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
            halos,
            self._moved_bytes(needed),
            piece_of(self.machine, self.program, sinks),
            inner if halos and self._multiplies(needed, halos) else 0,
            not halos and all(self._turns(number) for number in needed),
        )
        for narrow in (False, True) if self.machine.space_of("sram").kind == "cache" else (True,):
            nests = itertools.chain(sliding_nests(self.machine, wanted), nests_of(self.machine, wanted))
            found = sketch.best(nests, crossing(scheduler, needed, narrow))
            if found is not None:
                return found
        raise NoScheduleError(sketch.lacking())

    def _turns(self, number: int) -> bool:
        """Whether what an op does with rows can be done with columns as well."""
        op = self._op(number)
        return op.kind in TURNING and op.contracts is None

    def _sketch(
        self, needed: Sequence[int], sinks: Sequence[int], swept: frozenset[int], nested: frozenset[int]
    ) -> Sketch:
        """Where some classes are swept, and these and others are cut."""
        values = {value for number in needed for value in (*self._op(number).operands, *self._op(number).results)}
        streams = frozenset(value for value in values if swept & set(self.classes(value)))
        ends = frozenset(
            number
            for number in needed
            if self._op(number).kind in (Kind.FOLD, Kind.SCAN)
            and {self.ties.find(cls) for cls in self._op(number).folded} & swept
        )
        scheduler = Scheduler(self.program, self.scheduler.makers, self.handed, self.alias, streams, ends)
        for number in needed:
            for result in self._op(number).results:
                scheduler.time(result)
        combining = frozenset(
            number
            for number in needed
            if self._op(number).kind in (Kind.FOLD, Kind.SCAN)
            and {self.ties.find(cls) for cls in self._op(number).folded} & nested
        )
        return Sketch(
            self.program,
            self.objective,
            self.nodes,
            self.ties,
            self.handed,
            self.alias,
            scheduler,
            nested,
            swept,
            sinks,
            combining,
            self.most_bytes,
            every=[] if self.every else None,
        )


def _halo(windows: Iterable[Spans], cls: int) -> int:
    """How many elements neighbouring steps along a class need both."""
    return max((span.high - span.low for spans in windows for span in spans if span.cls == cls), default=0)
