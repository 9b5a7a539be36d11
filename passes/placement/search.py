"""Which kernels become one: the cheapest partition into groups that can run one after the other.

Exact: a shortest path (A*) over sets of kernels that have run, each step running one more group; what remains costs at
least the loads of what it doesn't make itself and the stores of what is asked for. Where there are too many groups or
sets, greedy: pairs that gain most become one, again and again.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from powerfusion.passes.placement.cost import cache_bytes, is_handed
from powerfusion.passes.placement.groups import Blocked, form_of, naive_cost
from powerfusion.passes.placement.model import Cost, Form, Program
from powerfusion.passes.placement.nests import most_units
from powerfusion.passes.placement.objectives import Key, Objective


@dataclass(frozen=True)
class Choice:
    """A group of the answer; without a form it is one kernel that stays as it is."""

    nodes: tuple[int, ...]
    cost: Cost
    form: Form | None


@dataclass(frozen=True)
class Answer:
    """A partition.

    Attributes:
        choices: Its groups.
        exact: Whether no other partition into such groups costs less.
        expanded: How many groups and sets were looked at.
    """

    choices: tuple[Choice, ...]
    exact: bool
    expanded: int


class _OutOfBudgetError(Exception):
    """More was to be looked at than the budget allows."""


def search(program: Program, objective: Objective, budget: int) -> Answer:
    """The cheapest partition of the kernels of a program."""
    run = _Search(program, objective, budget)
    choices: list[Choice] = []
    exact = True
    for nodes in run.components():
        try:
            choices += run.exact(nodes)
        except _OutOfBudgetError:
            exact = False
            choices += run.greedy(nodes)
    return Answer(tuple(choices), exact, run.expanded)


@dataclass
class _Search:
    program: Program
    objective: Objective
    budget: int
    expanded: int = 0
    known: dict[int, Choice | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nodes = [node for node, kernel in enumerate(self.program.kernels) if kernel and not kernel.blocked]
        self.near = {node: 0 for node in self.nodes}
        touched: dict[int, int] = {}
        for node in self.nodes:
            for tensor in self._tensors(node):
                touched[tensor] = touched.get(tensor, 0) | 1 << node
        for node in self.nodes:
            for tensor in self._tensors(node):
                self.near[node] |= touched[tensor] & ~(1 << node)

    def _tensors(self, node: int) -> tuple[int, ...]:
        kernel = self.program.kernels[node]
        assert kernel is not None
        return (*kernel.reads, *kernel.writes)

    def components(self) -> Iterator[list[int]]:
        """Kernels that are connected by what they read and write; others never gain by being one."""
        left = set(self.nodes)
        while left:
            stack = [min(left)]
            found = set(stack)
            while stack:
                near = [node for node in _members(self.near[stack.pop()]) if node not in found]
                found.update(near)
                stack += near
            left -= found
            yield sorted(found)

    # -- groups ------------------------------------------------------------------------------------

    def group(self, bits: int) -> Choice | None:
        """The best form of a group, None where it can't be one."""
        if bits not in self.known:
            self.expanded += 1
            self.known[bits] = self._group(_members(bits))
        return self.known[bits]

    def _group(self, nodes: list[int]) -> Choice | None:
        alone = len(nodes) == 1
        if alone and most_units(self.objective.machine) == 1:
            return Choice(tuple(nodes), naive_cost(self.program, nodes[0], self.objective), None)
        form = form_of(self.program, self.objective.machine, nodes, self.objective)
        if isinstance(form, Blocked):
            return Choice(tuple(nodes), naive_cost(self.program, nodes[0], self.objective), None) if alone else None
        return Choice(tuple(nodes), form.cost, form)

    def _candidates(self, nodes: Sequence[int]) -> list[Choice]:
        """All connected groups that can be one and cost less than their kernels alone."""
        allowed = sum(1 << node for node in nodes)
        seen: set[int] = set()
        found: list[Choice] = []
        stack = [1 << node for node in nodes]
        while stack:
            bits = stack.pop()
            if bits in seen:
                continue
            seen.add(bits)
            if len(seen) > self.budget:
                raise _OutOfBudgetError
            choice = self.group(bits)
            if choice is not None:
                found.append(choice)
            around = 0
            for node in _members(bits):
                around |= self.near[node]
            stack += [bits | 1 << node for node in _members(around & allowed & ~bits)]
        return sorted(found, key=lambda choice: choice.nodes)

    # -- exact -------------------------------------------------------------------------------------

    def exact(self, nodes: Sequence[int]) -> list[Choice]:
        """The cheapest partition, by A* over what has run."""
        choices = [(sum(1 << node for node in choice.nodes), choice) for choice in self._candidates(nodes)]
        everything = sum(1 << node for node in nodes)
        needs = {bits: self._needs(bits) & everything & ~bits for bits, _ in choices}
        best: dict[int, Cost] = {0: Cost()}
        came: dict[int, tuple[int, Choice]] = {}
        key = self.objective.key
        queue: list[tuple[Key, int, int]] = [(key(self._least(everything)), 0, 0)]
        closed: set[int] = set()
        tick = 0
        while queue:
            _, _, done = heapq.heappop(queue)
            if done in closed:
                continue
            if done == everything:
                return list(_path(came, done))
            closed.add(done)
            self.expanded += 1
            if self.expanded > self.budget:
                raise _OutOfBudgetError
            for bits, choice in choices:
                after = done | bits
                if bits & done or needs[bits] & ~done:
                    continue
                cost = best[done] + choice.cost
                if after not in best or key(cost) < key(best[after]):
                    best[after] = cost
                    came[after] = (done, choice)
                    tick += 1
                    heapq.heappush(queue, (key(cost + self._least(everything & ~after)), tick, after))
        raise AssertionError("kernels one by one are a partition")

    def _needs(self, bits: int) -> int:
        needs = 0
        for node in _members(bits):
            needs |= self.program.needs[node]
        return needs

    def _least(self, bits: int) -> Cost:
        """What some kernels move at least: whatever they don't make comes in once, what others read goes out."""
        program = self.program
        written: dict[int, int] = {}
        read: set[int] = set()
        moved = cached = 0
        capacity = cache_bytes(self.objective.machine)
        for node in _members(bits):
            kernel = program.kernels[node]
            assert kernel is not None
            written |= dict.fromkeys(kernel.writes, node)
            read |= {tensor for tensor in kernel.reads if self._is_needed(node, tensor)}
        for tensor in read - written.keys():
            moved += program.volumes[tensor] or 0
            cached += (program.volumes[tensor] or 0) if is_handed(program, tensor, capacity) else 0
        for tensor in written:
            if program.readers[tensor] & ~bits:
                moved += program.volumes[tensor] or 0
        return self.objective.bound(moved, int(bool(bits)), cached)

    def _is_needed(self, node: int, tensor: int) -> bool:
        """Whether all of a tensor must come in for a kernel."""
        kernel = self.program.kernels[node]
        assert kernel is not None
        outers = (self.program.ops[op].outer for op in kernel.ops)
        return any(outer is not None and outer.tensor == tensor and outer.needed for outer in outers)

    # -- greedy ------------------------------------------------------------------------------------

    def greedy(self, nodes: Sequence[int]) -> list[Choice]:
        """Groups that gain most by being one become one, until none gains."""
        groups = [1 << node for node in nodes]
        while True:
            pairs = ((one, other) for at, one in enumerate(groups) for other in groups[at + 1 :])
            gains = [(gain, one, other) for one, other in pairs if (gain := self._gain(one, other, groups)) is not None]
            if not gains:
                break
            _, one, other = min(gains)
            groups = [bits for bits in groups if bits not in (one, other)] + [one | other]
        found = [self.group(bits) for bits in groups]
        return [choice for choice in found if choice is not None]

    def _gain(self, one: int, other: int, groups: Sequence[int]) -> Key | None:
        if not any(self.near[node] & other for node in _members(one)):
            return None
        apart, together = (self.group(one), self.group(other)), self.group(one | other)
        if together is None or apart[0] is None or apart[1] is None:
            return None
        before = apart[0].cost + apart[1].cost
        key = self.objective.key
        if not key(together.cost) < key(before) or self._is_cyclic(one | other, groups):
            return None
        return key(together.cost - before)

    def _is_cyclic(self, bits: int, groups: Sequence[int]) -> bool:
        """Whether a group would both need and be needed by the others, through any of them."""
        reached, grown = self._needs(bits) & ~bits, True
        while grown:
            grown = False
            for other in groups:
                if other & reached and not other & bits:
                    more = (reached | other | self._needs(other)) & ~0
                    grown |= more != reached
                    reached = more
        return bool(reached & bits)


def _path(came: dict[int, tuple[int, Choice]], done: int) -> Iterator[Choice]:
    while done:
        done, choice = came[done]
        yield choice


def _members(bits: int) -> list[int]:
    found: list[int] = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return found
