"""The least bytes of DRAM that a small graph moves on a machine without a cache, found by trying everything.

A graph is a list of operators on tensors over two dimensions, r and c: elementwise ones, which spread what lacks a
dimension, and reductions. It is written as linalg for placing, and cut into kernels and counted here, with nothing of
`powerfusion`: what follows is written from decisions 0011 and 0021 and the docstring of `passes/placement/nests.py`.

- **Partitions**: all, into connected kernels that can run in some order. A kernel of one operator moves each operand
  and its result once.
- **Dimensions** of a kernel are one where tensors or operators tie them. Those that all its results and all results of
  its reductions have are rows. Of the others all are swept, or what one of the reductions folds, or none, such that
  each reduction folds all that is swept or nothing of it; the rest is whole in a step.
- **Values** that a later pass needs, as they are or spread, rest at sram or are computed again; what is loaded is
  staged at sram or loaded again, each of them for itself: every choice is tried, in every nest of a family.
- **Nests**: rows in each order, those around what is swept. Everything is one group's and one unit's, as so little is.
  Steps have at most as many elements as the largest of `STEPS` with which something fits.
- **Room**: at sram whatever rests or is staged, a step of the rows and all of what is swept; at reg a tile from its
  making to its last use. An elementwise result takes the place of an operand that dies there and is as large, an
  accumulator is there from the beginning of its pass.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from row_programs import Body, RowProgram, Rows

ELEMENT_BYTES = 4
STEPS = (32, 16, 8, 4, 2, 1)
"""Elements of a step of f32: 128 B, and halves of it."""
TURNED = 32
"""Of a step along each of several dimensions that lie side by side in memory, at most."""

Dim = tuple[int, str]  # of a kernel: a number, and r or c
Cost = tuple[int, int]  # bytes of DRAM, kernels


@dataclass(frozen=True)
class Operator:
    """One operator of a graph.

    Attributes:
        name: Of the function: `add` or `exp`; of a reduction `addf`.
        operands: Values; inputs come first, then results of operators.
        dims: Of its result, as `rc`.
        folds: What a reduction folds; None for an elementwise one.
    """

    name: str
    operands: tuple[int, ...]
    dims: str
    folds: str | None = None


@dataclass(frozen=True)
class Graph:
    """A program.

    Attributes:
        sizes: Of r and c.
        inputs: Their dimensions.
        operators: In order.
        returned: Operators of which the result is returned, besides those that none uses.
    """

    sizes: Mapping[str, int]
    inputs: tuple[str, ...]
    operators: tuple[Operator, ...]
    returned: frozenset[int]

    def dims(self, value: int) -> str:
        """Of a value."""
        count = len(self.inputs)
        return self.inputs[value] if value < count else self.operators[value - count].dims

    def value(self, operator: int) -> int:
        """What an operator gives."""
        return len(self.inputs) + operator

    def maker(self, value: int) -> int | None:
        """The operator that makes a value."""
        return value - len(self.inputs) if value >= len(self.inputs) else None

    def users(self, operator: int) -> list[int]:
        """The operators that use a result."""
        return [at for at, other in enumerate(self.operators) if self.value(operator) in other.operands]

    def results(self) -> list[int]:
        """The operators of which the result is returned."""
        return [at for at in range(len(self.operators)) if at in self.returned or not self.users(at)]

    def text(self) -> str:
        """The program as linalg."""
        p = RowProgram(self.sizes)
        values: list[Rows] = [p.input(dims) for dims in self.inputs]
        for operator in self.operators:
            operands = [values[value] for value in operator.operands]
            values.append(_written(p, operator, operands))
        return p.text(*(values[self.value(at)] for at in self.results()))


def _written(p: RowProgram, operator: Operator, operands: Sequence[Rows]) -> Rows:
    if operator.folds is not None:
        return p.fold(operator.name, operands[0], operator.folds)

    def body(writer: Body, *arguments: str) -> str:
        return getattr(writer, operator.name)(*arguments)

    return p.each(operator.dims, body, *operands)


@dataclass(frozen=True)
class Room:
    """What a machine holds, in bytes."""

    sram: int
    reg: int


def optimum(graph: Graph, room: Room) -> Cost:
    """The least bytes of DRAM of a graph, and with these the fewest kernels."""

    @functools.cache
    def cost(group: frozenset[int]) -> Cost | None:
        return _Kernel(graph, group).least(room)

    best: Cost | None = None
    for parts in partitions(range(len(graph.operators))):
        if not _can_run(graph, parts):
            continue
        costs = [cost(part) for part in parts]
        if None in costs:
            continue
        total = (sum(each[0] for each in costs if each), sum(each[1] for each in costs if each))
        best = total if best is None else min(best, total)
    assert best is not None, "each operator alone is a partition"
    return best


def partitions(items: Sequence[int]) -> Iterator[list[frozenset[int]]]:
    """All partitions of some numbers."""
    if not items:
        yield []
        return
    first, *others = items
    for parts in partitions(others):
        yield [frozenset({first}), *parts]
        for at, part in enumerate(parts):
            yield [*parts[:at], part | {first}, *parts[at + 1 :]]


def _can_run(graph: Graph, parts: Sequence[frozenset[int]]) -> bool:
    """Whether kernels can run in some order: each next one has what it needs."""
    left = list(parts)
    done: set[int] = set()
    while left:
        ready = [part for part in left if _needed(graph, part) <= done | part]
        if not ready:
            return False
        done |= ready[0]
        left.remove(ready[0])
    return True


def _needed(graph: Graph, part: frozenset[int]) -> set[int]:
    makers = {graph.maker(value) for at in part for value in graph.operators[at].operands}
    return {maker for maker in makers if maker is not None}


@dataclass(frozen=True)
class Nest:
    """Rows and swept dimensions, outermost first, with the size of a step of each."""

    rows: tuple[Dim, ...]
    swept: tuple[Dim, ...]
    steps: Mapping[Dim, int]


@dataclass
class _Kernel:
    """Some operators as one kernel."""

    graph: Graph
    group: frozenset[int]
    parent: dict[Dim, Dim] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.graph
        self.operators = sorted(self.group)
        self.made = {graph.value(at) for at in self.operators}
        self.stored = [
            graph.value(at)
            for at in self.operators
            if at in graph.results() or any(user not in self.group for user in graph.users(at))
        ]
        self.loaded = list(
            dict.fromkeys(
                value for at in self.operators for value in graph.operators[at].operands if value not in self.made
            )
        )

    def least(self, room: Room) -> Cost | None:
        """What it costs; None where it can't be one."""
        if len(self.operators) == 1:
            return sum(map(self._bytes, (*self.loaded, *self.stored))), 1
        if not self._is_connected():
            return None
        self._tie()
        found = [bytes_ for swept in self._sweeps() if (bytes_ := _Form(self, swept).least(room)) is not None]
        return (min(found), 1) if found else None

    def _bytes(self, value: int) -> int:
        return ELEMENT_BYTES * math.prod(self.graph.sizes[letter] for letter in self.graph.dims(value))

    def _is_connected(self) -> bool:
        """Whether all of it stands together by tensors that are read or written."""
        tensors = {at: {*self.graph.operators[at].operands, self.graph.value(at)} for at in self.operators}
        met, left = {self.operators[0]}, set(self.operators[1:])
        while more := {at for at in left if any(tensors[at] & tensors[other] for other in met)}:
            met |= more
            left -= more
        return not left

    # -- dimensions ---------------------------------------------------------------------------------

    def _find(self, dim: Dim) -> Dim:
        while dim in self.parent:
            dim = self.parent[dim]
        return dim

    def _tie(self) -> None:
        """Dimensions of one letter that an operator has in several values are one."""
        for at in self.operators:
            operator = self.graph.operators[at]
            values = (*operator.operands, self.graph.value(at))
            for letter in "rc":
                having = [self._find((value, letter)) for value in values if letter in self.graph.dims(value)]
                for dim in set(having) - {min(having, default=None)}:
                    self.parent[dim] = min(having)

    def dims(self, value: int) -> tuple[Dim, ...]:
        """The dimensions of a value."""
        return tuple(self._find((value, letter)) for letter in self.graph.dims(value))

    def size(self, dim: Dim) -> int:
        """How long a dimension is."""
        return self.graph.sizes[dim[1]]

    def folded(self, at: int) -> frozenset[Dim]:
        """What an operator folds."""
        operator = self.graph.operators[at]
        return frozenset(self._find((operator.operands[0], letter)) for letter in operator.folds or "")

    @property
    def all(self) -> list[Dim]:
        """All dimensions, those of values that have most first."""
        values = [
            value for at in self.operators for value in (*self.graph.operators[at].operands, self.graph.value(at))
        ]
        ranked = sorted(dict.fromkeys(values), key=lambda value: -len(self.dims(value)))
        return list(dict.fromkeys(dim for value in ranked for dim in self.dims(value)))

    def rows(self) -> list[Dim]:
        """What all its stores and all results of its reductions have."""
        reduced = [self.graph.value(at) for at in self.operators if self.graph.operators[at].folds is not None]
        return [dim for dim in self.all if all(dim in self.dims(value) for value in (*self.stored, *reduced))]

    def _sweeps(self) -> Iterator[tuple[Dim, ...]]:
        """What may be swept: all that aren't rows, what one of the reductions folds, what none folds, or nothing."""
        others = [dim for dim in self.all if dim not in self.rows()]
        folds = [self.folded(at) for at in self.operators if self.folded(at)]
        unfolded = frozenset(others).difference(*folds)
        for some in dict.fromkeys((frozenset(others), *folds, unfolded, frozenset[Dim]())):
            if all(not fold & some or fold >= some for fold in folds):
                yield tuple(dim for dim in others if dim in some)


@dataclass(frozen=True)
class Instruction:
    """What a unit does in a step: `load`, `stage`, `rest`, `fetch`, `spread`, `do` or `store`, of a value in a pass."""

    what: str
    value: int
    number: int


@dataclass
class _Form:
    """A kernel with what it sweeps."""

    kernel: _Kernel
    swept: tuple[Dim, ...]

    def __post_init__(self) -> None:
        self.graph = self.kernel.graph
        self.times: dict[int, int] = {value: 0 for value in self.kernel.loaded}
        for at in self.kernel.operators:
            self.times[self.graph.value(at)] = self._time(at)

    def streams(self, value: int) -> bool:
        """Whether a value runs over what is swept."""
        return bool(set(self.swept) & set(self.kernel.dims(value)))

    def ends(self, value: int) -> bool:
        """Whether a value is there when its pass has ended."""
        at = self.graph.maker(value)
        return value in self.kernel.made and at is not None and bool(self.kernel.folded(at) & set(self.swept))

    def _time(self, at: int) -> int:
        """`2 k` while pass k sweeps, `2 k + 1` when it has ended; what is spread over what is swept begins a pass."""
        value = self.graph.value(at)
        before = max(self.times[operand] for operand in self.graph.operators[at].operands)
        if self.ends(value):
            return before + 1
        return before + before % 2 if self.streams(value) else before

    def _pass(self, value: int) -> int:
        return self.times[value] // 2

    def least(self, room: Room) -> int | None:
        """Its fewest bytes in the nests of the longest steps in which anything fits; None where nothing does."""
        if not (self.kernel.rows() or self.swept):
            return None
        schedules = list(self._schedules())
        for elements in STEPS:
            found = [
                bytes_
                for nest in self._nests(elements)
                for schedule in schedules
                if self._fits(schedule, nest, room)
                for bytes_ in [self._bytes(schedule, nest)]
            ]
            if found:
                return min(found)
        return None

    # -- schedules ----------------------------------------------------------------------------------

    def _schedules(self) -> Iterator[list[Instruction]]:
        """For all choices of what rests and what is staged."""
        late = [value for value in self.kernel.made if self.streams(value) and self._is_needed_later(value)]
        for rested in _subsets(late):
            for staged in _subsets(self.kernel.loaded):
                yield self._schedule(rested, staged)

    def _is_needed_later(self, value: int) -> bool:
        """Whether an operator of a later pass uses a value, as it is or spread."""
        users = [self.graph.value(user) for user in self.graph.users(value - len(self.graph.inputs))]
        return any(self._pass(user) > self._pass(value) for user in users if user in self.kernel.made)

    def _schedule(self, rested: frozenset[int], staged: frozenset[int]) -> list[Instruction]:
        """On demand of what is stored, what is there first first; what a sweep comes to is used when it has ended."""
        done: dict[Instruction, None] = {}

        def have(value: int, number: int) -> None:
            first = self._pass(value)
            number = number if self.streams(value) else first
            if any(Instruction(what, value, number) in done for what in ("load", "fetch", "do")):
                return
            if value in rested and number > first:
                have(value, first)
                done.setdefault(Instruction("rest", value, first))
                done.setdefault(Instruction("fetch", value, number))
            elif value not in self.kernel.made:
                if value in staged:
                    done.setdefault(Instruction("stage", value, 0))
                done.setdefault(Instruction("fetch" if value in staged else "load", value, number))
            else:
                operator = self.graph.operators[value - len(self.graph.inputs)]
                for operand in operator.operands:
                    have(operand, number)
                done.setdefault(Instruction("do", value, number))

        for value in sorted(self.kernel.stored, key=lambda value: self.times[value]):
            have(value, self._pass(value))
            done.setdefault(Instruction("store", value, self._pass(value)))
        return sorted(done, key=lambda each: 2 * each.number + self._is_after(each))

    def _is_after(self, each: Instruction) -> bool:
        """Whether something happens when its pass has ended, not while it sweeps."""
        sweeps = each.what == "do" and self.ends(each.value)
        return not sweeps and self.times[each.value] == 2 * each.number + 1

    # -- nests --------------------------------------------------------------------------------------

    def _nests(self, elements: int) -> Iterator[Nest]:
        """Rows in every order, with steps of at most so many elements, most of them along what lies side by side."""
        rows = tuple(self.kernel.rows())
        steps = self._steps(max(elements // self._inner(), 1))
        for order in itertools.permutations(rows):
            yield Nest(order, self.swept, steps)

    def _inner(self) -> int:
        """The most elements that a value has along dimensions that are whole in a step."""
        nested = {*self.kernel.rows(), *self.swept}
        values = (*self.kernel.loaded, *self.kernel.made)
        return max(math.prod(self.kernel.size(dim) for dim in self.kernel.dims(v) if dim not in nested) for v in values)

    def _steps(self, elements: int) -> dict[Dim, int]:
        rows, size = self.kernel.rows(), self.kernel.size
        steps = dict.fromkeys((*rows, *self.swept), 1)
        side = self._side_by_side(list(steps))
        if len(side) > 1:
            each = max(min(TURNED, math.isqrt(elements * TURNED)), 1)
            steps |= {dim: min(each, size(dim)) for dim in side}
        elif side:
            steps[side[0]] = min(elements, size(side[0]))
        left = elements // math.prod(steps.values())
        for dim in (*side, *reversed(self.swept), *reversed(rows)):
            more = min(left, -(-size(dim) // steps[dim]))
            if more > 1:
                steps[dim] = min(steps[dim] * more, size(dim))
                left //= more
        for dim in rows:
            if steps[dim] < size(dim):
                even = -(-size(dim) // -(-size(dim) // steps[dim]))
                steps[dim] = min(-(-even // TURNED) * TURNED if dim in side else even, steps[dim])
        return steps

    def _side_by_side(self, nested: Sequence[Dim]) -> list[Dim]:
        """The last dimensions of what is loaded and stored, unless that is little of it."""
        votes: dict[Dim, int] = {}
        for value in (*self.kernel.loaded, *self.kernel.stored):
            dims = self.kernel.dims(value)
            votes[dims[-1]] = votes.get(dims[-1], 0) + math.prod(map(self.kernel.size, dims))
        most = max(votes.values())
        return sorted((dim for dim in votes if dim in nested and 4 * votes[dim] >= most), key=lambda dim: -votes[dim])

    # -- what fits, and what is moved ---------------------------------------------------------------

    def _trips(self, dim: Dim, nest: Nest) -> int:
        return -(-self.kernel.size(dim) // nest.steps[dim])

    def _bytes(self, schedule: Sequence[Instruction], nest: Nest) -> int:
        """Each movement from and to DRAM, as often as the loops around the innermost that it moves with go round."""
        return sum(
            self._moved(each.value, (*nest.rows, *(() if each.what == "stage" else nest.swept)), nest)
            for each in schedule
            if each.what in ("load", "stage", "store")
        )

    def _moved(self, value: int, loops: Sequence[Dim], nest: Nest) -> int:
        dims = self.kernel.dims(value)
        inside = [at for at, dim in enumerate(loops) if dim in dims and self._trips(dim, nest) > 1]
        around = loops[: max(inside, default=-1) + 1]
        times = math.prod(self._trips(dim, nest) for dim in around if dim not in dims)
        return ELEMENT_BYTES * times * math.prod(map(self.kernel.size, dims))

    def _tile(self, value: int, nest: Nest) -> int:
        return ELEMENT_BYTES * math.prod(nest.steps.get(dim, self.kernel.size(dim)) for dim in self.kernel.dims(value))

    def _fits(self, schedule: Sequence[Instruction], nest: Nest, room: Room) -> bool:
        return self._at_sram(schedule, nest) <= room.sram and self._at_reg(schedule, nest) <= room.reg

    def _at_sram(self, schedule: Sequence[Instruction], nest: Nest) -> int:
        """A step of the rows of each value that waits, and all of the rest of it."""
        rows = {dim: nest.steps[dim] for dim in nest.rows}
        return ELEMENT_BYTES * sum(
            math.prod(rows.get(dim, self.kernel.size(dim)) for dim in self.kernel.dims(each.value))
            for each in schedule
            if each.what in ("stage", "rest")
        )

    def _at_reg(self, schedule: Sequence[Instruction], nest: Nest) -> int:
        """The most bytes that live at once."""
        uses = self._uses(schedule)
        last = {key: at for at, keys in enumerate(uses) for key in keys}
        live: dict[tuple[int, int], int] = {}
        begun: set[int] = set()
        most = 0
        for at, each in enumerate(schedule):
            if each.number not in begun:
                begun.add(each.number)
                live |= {
                    (other.value, other.number): self._tile(other.value, nest)
                    for other in schedule
                    if other.what == "do" and other.number == each.number and self.ends(other.value)
                }
            if each.what == "do" and self._is_elementwise(each.value):
                dims = self.graph.dims(each.value)
                dying = (key for key in uses[at] if last[key] == at and self.graph.dims(key[0]) == dims)
                live.pop(next(dying, (-1, -1)), None)
            if each.what in ("load", "fetch", "do"):
                live[each.value, each.number] = self._tile(each.value, nest)
            most = max(most, sum(live.values()))
            live = {key: size for key, size in live.items() if last.get(key, -1) > at}
        return most

    def _is_elementwise(self, value: int) -> bool:
        return self.graph.operators[value - len(self.graph.inputs)].folds is None

    def _uses(self, schedule: Sequence[Instruction]) -> list[list[tuple[int, int]]]:
        """By instruction, which tiles it uses: of each value the last that there was."""
        there: dict[int, tuple[int, int]] = {}
        found: list[list[tuple[int, int]]] = []
        for each in schedule:
            used: Sequence[int] = ()
            if each.what == "do":
                used = self.graph.operators[each.value - len(self.graph.inputs)].operands
            elif each.what in ("rest", "store"):
                used = (each.value,)
            found.append([there[value] for value in used])
            if each.what in ("load", "fetch", "do"):
                there[each.value] = (each.value, each.number)
        return found


def _subsets(items: Sequence[int]) -> Iterator[frozenset[int]]:
    for count in range(len(items) + 1):
        yield from map(frozenset, itertools.combinations(items, count))
