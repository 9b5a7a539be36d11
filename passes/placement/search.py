"""Which kernels become one: the cheapest partition into groups that can run one after the other.

Exact: a shortest path (A*) over sets of kernels that have run, each step running one more connected group that nothing
else stands between. What remains costs at least the loads of what it doesn't make itself and the stores of what is
asked for; so does a group until it is looked at, which happens only once that promise is the best one left. Where there
are too many groups or sets, a beam: a few of the sets that promise most are kept, and groups are grown from what can
run.

    {} --[0 1]--> {0 1} --[2]--> {0 1 2}        f = what has run, as placed, + the least of what hasn't
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from powerfusion.core.statistics import STOPPED, count
from powerfusion.passes.placement.alike import Forms, least_apart
from powerfusion.passes.placement.bounds import Bounds, members
from powerfusion.passes.placement.groups import Blocked, naive_cost
from powerfusion.passes.placement.model import Cost, Form, Program
from powerfusion.passes.placement.objectives import Key, Objective

BEAM = 4  # sets of kernels that are kept
LONGEST = 16  # kernels that a group of the beam grows to
SAFETY_S = 60.0  # after which the search is stopped, whatever it has


@dataclass(frozen=True)
class Choice:
    """A group of the answer; without a form it is one kernel that stays as it is."""

    nodes: tuple[int, ...]
    cost: Cost
    form: Form | None


@dataclass(frozen=True)
class Seen:
    """What an exact search of a component saw.

    Attributes:
        nodes: The component.
        choices: What it takes, in an order in which these can run.
        groups: All connected groups that nothing else stands between, as bits.
        looked: By group that it looked at, its best form; or why it can't be one.
    """

    nodes: tuple[int, ...]
    choices: tuple[Choice, ...]
    groups: tuple[int, ...]
    looked: Mapping[int, Choice | str]


@dataclass(frozen=True)
class Answer:
    """A partition.

    Attributes:
        program: Of which kernels.
        choices: Its groups.
        exact: Whether no other partition into such groups costs less.
        expanded: How many groups and sets were looked at.
        stopped: Whether time ran out, and the rest of the kernels stayed as they were.
        seen: By component, what an exact answer rests on.
    """

    program: Program
    choices: tuple[Choice, ...]
    exact: bool
    expanded: int
    stopped: bool = False
    seen: tuple[Seen, ...] = ()

    @property
    def cost(self) -> Cost:
        """What it costs."""
        total = Cost()
        for choice in self.choices:
            total += choice.cost
        return total


class _OutOfBudgetError(Exception):
    """More was to be looked at than the budget allows."""


def search(
    program: Program,
    objective: Objective,
    budget: int,
    safety_s: float = SAFETY_S,
    forms: Forms | None = None,
    without: frozenset[tuple[int, ...]] = frozenset(),
) -> Answer:
    """The cheapest partition of the kernels of a program.

    Args:
        program: What is read.
        objective: What is made small.
        budget: How many groups and sets may be looked at before the search is a beam.
        safety_s: Seconds after which it stops.
        forms: What other searches for this objective found; what this one finds is added.
        without: Groups of several kernels that the answer mustn't have.
    """
    run = _Search(program, objective, budget, time.monotonic() + safety_s, forms or Forms(objective))
    run.known |= {sum(1 << node for node in nodes): None for nodes in without}
    choices: list[Choice] = []
    seen: list[Seen] = []
    exact = True
    for nodes in run.components():
        try:
            seen.append(run.exact(nodes))
            choices += reversed(seen[-1].choices)
        except _OutOfBudgetError:
            exact = False
            choices += run.beam(nodes)
    exact &= not run.stopped
    count(STOPPED, int(run.stopped))
    return Answer(program, tuple(choices), exact, run.expanded, run.stopped, tuple(seen) if exact else ())


@dataclass
class _Search:
    program: Program
    objective: Objective
    budget: int
    deadline: float
    forms: Forms
    expanded: int = 0
    stopped: bool = False
    known: dict[int, Choice | None] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nodes = [node for node, kernel in enumerate(self.program.kernels) if kernel and not kernel.blocked]
        self.bounds = Bounds(self.program, self.objective)
        self.near = self.bounds.near(self.nodes)

    def components(self) -> Iterator[list[int]]:
        """Kernels that are connected by what they read and write; others never gain by being one."""
        left = set(self.nodes)
        while left:
            stack = [min(left)]
            found = set(stack)
            while stack:
                near = [node for node in members(self.near[stack.pop()]) if node not in found]
                found.update(near)
                stack += near
            left -= found
            yield sorted(found)

    # -- groups ------------------------------------------------------------------------------------

    def group(self, bits: int) -> Choice | None:
        """The best form of a group, None where it can't be one."""
        if bits not in self.known:
            self.expanded += 1
            self.known[bits] = self._group(members(bits))
        return self.known[bits]

    def _group(self, nodes: list[int]) -> Choice | None:
        self.stopped |= time.monotonic() > self.deadline
        if len(nodes) == 1:
            own = None if self.stopped else self.forms.alone(self.program, nodes[0])
            cost = naive_cost(self.program, nodes[0], self.objective) if own is None else own.cost
            return Choice(tuple(nodes), cost, own)
        if self.stopped:
            return None
        form = self.forms.form_of(self.program, nodes)
        if isinstance(form, Blocked):
            self.refused[sum(1 << node for node in nodes)] = form.reason
            return None
        if form.cost.arriving > least_apart(self.program, nodes, self.objective):
            apart = [choice for node in nodes if (choice := self.group(1 << node)) is not None]
            if form.cost.arriving > sum(choice.cost.arriving for choice in apart):
                self.refused[sum(1 << node for node in nodes)] = "more bytes of DRAM would arrive than for them apart"
                return None
        return Choice(tuple(nodes), form.cost, form)

    def _connected(self, nodes: Sequence[int]) -> list[int]:
        """All connected groups of some kernels that nothing else stands between, as bits."""
        allowed = sum(1 << node for node in nodes)
        seen: dict[int, None] = {}
        stack = [1 << node for node in reversed(nodes)]
        while stack:
            bits = stack.pop()
            if bits in seen:
                continue
            seen[bits] = None
            if len(seen) > self.budget:
                raise _OutOfBudgetError
            around = 0
            for node in members(bits):
                around |= self.near[node]
            # What stands between a group and another kernel joins with it: smaller groups of both can't run.
            larger = (bits | 1 << node for node in members(around & allowed & ~bits))
            stack += [some for group in larger if not (some := group | self.bounds.between(group)) & ~allowed]
        return sorted(seen)

    # -- exact -------------------------------------------------------------------------------------

    def exact(self, nodes: Sequence[int]) -> Seen:
        """The cheapest partition, by A* over what has run; groups are looked at when their promise is the best left."""
        everything = sum(1 << node for node in nodes)
        groups = [(bits, self.bounds.needs(bits) & everything & ~bits) for bits in self._connected(nodes)]
        path = _Path(self.objective)
        path.reach(0, Cost(), self.bounds.least(everything))
        while True:
            done, bits = path.pop()
            if bits:
                choice = self.group(bits)
                if choice is not None:
                    after = done | bits
                    path.reach(after, path.best[done] + choice.cost, self.bounds.least(everything & ~after), choice)
                continue
            if done == everything:
                return self._seen(nodes, path.choices(done), groups)
            self.expanded += 1
            if self.expanded > self.budget:
                raise _OutOfBudgetError
            for some, needs in groups:
                if not (some & done or needs & ~done):
                    path.promise(done, some, self.bounds.least(some) + self.bounds.least(everything & ~(done | some)))

    def _seen(self, nodes: Sequence[int], choices: Sequence[Choice], groups: Sequence[tuple[int, int]]) -> Seen:
        """What an answer rests on."""
        bits = tuple(bits for bits, _ in groups)
        looked = {some: self.known[some] or self.refused.get(some, "") for some in bits if some in self.known}
        return Seen(tuple(nodes), tuple(reversed(choices)), bits, looked)

    # -- beam --------------------------------------------------------------------------------------

    def beam(self, nodes: Sequence[int]) -> list[Choice]:
        """A cheap partition: of the sets that have run the few that promise most, until all has run."""
        everything = sum(1 << node for node in nodes)
        states: dict[int, tuple[Cost, tuple[Choice, ...]]] = {0: (Cost(), ())}
        finished: list[tuple[Cost, tuple[Choice, ...]]] = []
        key = self.objective.key
        while states:
            after: dict[int, tuple[Cost, tuple[Choice, ...]]] = {}
            for done, (cost, path) in states.items():
                for choice in self._grown(done, everything):
                    reached = done | sum(1 << node for node in choice.nodes)
                    found = (cost + choice.cost, (*path, choice))
                    if reached == everything:
                        finished.append(found)
                    elif reached not in after or key(found[0]) < key(after[reached][0]):
                        after[reached] = found
            ranked = sorted(after, key=lambda done: key(after[done][0] + self.bounds.least(everything & ~done)))
            states = {done: after[done] for done in ranked[:BEAM]}
        return list(min(finished, key=lambda pair: key(pair[0]))[1])

    def _grown(self, done: int, everything: int) -> Iterator[Choice]:
        """Groups that can run next, each grown by what goes with it best from one that can."""
        left = everything & ~done
        ready = [node for node in members(left) if not self.bounds.needs(1 << node) & left]
        for node in ready[:BEAM]:
            bits = 1 << node
            choice = self.group(bits)
            while choice is not None:
                yield choice
                if len(choice.nodes) == LONGEST:
                    break
                around = 0
                for member in choice.nodes:
                    around |= self.near[member]
                more = (bits | 1 << other for other in members(around & left & ~bits))
                able = [some for some in more if not self.bounds.needs(some) & left & ~some]
                found = [(grown, some) for some in able if (grown := self.group(some)) is not None]
                if not found:
                    break
                choice, bits = min(found, key=lambda pair: self._saved(pair[0]))

    def _saved(self, choice: Choice) -> Key:
        """What a group costs more than the least of it: the less, the better it goes together."""
        bits = sum(1 << node for node in choice.nodes)
        return self.objective.key(choice.cost - self.bounds.least(bits))


@dataclass
class _Path:
    """The open ends of A*: sets that have been reached, and groups that are promised from there."""

    objective: Objective
    best: dict[int, Cost] = field(default_factory=dict)
    came: dict[int, tuple[int, Choice]] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)
    queue: list[tuple[Key, int, int, int]] = field(default_factory=list)

    def reach(self, done: int, cost: Cost, rest: Cost, choice: Choice | None = None) -> None:
        """Notes a way to a set of kernels, if it is the cheapest so far."""
        if done in self.best and self.objective.key(self.best[done]) <= self.objective.key(cost):
            return
        self.best[done] = cost
        if choice is not None:
            self.came[done] = (done & ~sum(1 << node for node in choice.nodes), choice)
        self._push(cost + rest, done, 0)

    def promise(self, done: int, bits: int, least: Cost) -> None:
        """Notes that a group could run next."""
        self._push(self.best[done] + least, done, bits)

    def _push(self, cost: Cost, done: int, bits: int) -> None:
        # Of equal promises the one that has run most comes first, and of these the largest group.
        heapq.heappush(self.queue, (self.objective.key(cost), -(done | bits).bit_count(), done, bits))

    def pop(self) -> tuple[int, int]:
        """The best promise: a set that hasn't been continued yet, or a group to run after one."""
        while True:
            _, _, done, bits = heapq.heappop(self.queue)
            if bits:
                return done, bits
            if done not in self.closed:
                self.closed.add(done)
                return done, 0

    def choices(self, done: int) -> list[Choice]:
        """The groups on the way to a set."""
        found: list[Choice] = []
        while done:
            done, choice = self.came[done]
            found.append(choice)
        return found
