"""Whether a certificate holds: its groups are all there are, their figures are right, and nothing is cheaper.

The program is read again; what the certificate has of it must be equal. Then each component by itself:

1. All connected groups that nothing stands between are enumerated. Each stands in the certificate once: placed, kept,
   refused or promised.
2. Costs of placed and kept groups are counted again, from the nest and the steps; the promises' bounds, too. No more
   bytes of DRAM arrive for a group than for its kernels apart.
3. What is claimed is a partition that can run, of placed and kept groups, and costs what is claimed.
4. The least way through sets of kernels that have run is found, where a promised group costs only its bound, and a
   refused one is no way. It costs what is claimed; with fewer groups looked at it could cost less, never more.

Why a group is refused is believed where a look at its kernels doesn't show it, and that a placed group has no cheaper
form is believed, too; `Checked` says how many these are. The seal guards both against mishaps, not against liars.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from powerfusion.errors import CertificateError
from powerfusion.passes.placement.certificate import Certificate, Component, digest_of, seal_of
from powerfusion.passes.placement.model import Cost, Program
from powerfusion.passes.placement.objectives import Key, Objective
from powerfusion.passes.placement.records import encode
from powerfusion.passes.placement.recount import Counter, Group, Kernels, Nodes, as_bits
from powerfusion.passes.placement.schedules import NoScheduleError

ANOTHER_SHAPE = "one loads what another stores in another shape"


@dataclass(frozen=True)
class Checked:
    """What was checked, and what is only believed.

    Attributes:
        groups: How many groups there are.
        counted: How many of them have a cost that was counted again.
        bounded: How many have a bound that was worked out again.
        shown: How many can't be one, as their kernels show.
        believed: How many can't be one, as the certificate says.
    """

    groups: int = 0
    counted: int = 0
    bounded: int = 0
    shown: int = 0
    believed: int = 0

    def __add__(self, other: Checked) -> Checked:
        """Both."""
        return Checked(
            self.groups + other.groups,
            self.counted + other.counted,
            self.bounded + other.bounded,
            self.shown + other.shown,
            self.believed + other.believed,
        )


def check(certificate: Certificate, program: Program, objective: Objective) -> Checked:
    """Refuses a certificate that doesn't show that its partition of a program is the cheapest.

    Raises:
        CertificateError: It doesn't; says why.
    """
    _check_subject(certificate, program, objective)
    kernels = Kernels(program)
    own = kernels.components()
    claimed = [component.nodes for component in certificate.components]
    if sorted(claimed) != own:
        raise CertificateError(f"expected the components {_listed(own)}, got {_listed(claimed)}")
    checker = _Checker(Counter(kernels, objective))
    checked = Checked()
    for component in certificate.components:
        checked += checker.check(component)
    if certificate.seal != seal_of(certificate):
        raise CertificateError("the seal is broken: something was altered that the program alone doesn't show")
    return checked


def _check_subject(certificate: Certificate, program: Program, objective: Objective) -> None:
    """It is of this program, objective and machine."""
    if certificate.objective != objective.name:
        raise CertificateError(f"it is of the objective '{certificate.objective}', not of '{objective.name}'")
    if certificate.machine_digest != digest_of(objective.machine) or certificate.machine != objective.machine.name:
        raise CertificateError(f"it is of another machine than '{objective.machine.name}', or of other figures of it")
    mine, its = encode(program), encode(certificate.program)
    other = [name for name in mine if mine[name] != its[name]]
    if other:
        raise CertificateError(f"it is of another program: its {' and '.join(other)} differ")


def _listed(groups: Iterable[Nodes]) -> str:
    return ", ".join(str(list(group)) for group in groups) or "none"


@dataclass
class _Checker:
    counter: Counter

    def check(self, component: Component) -> Checked:
        """One component."""
        self._check_entries(component)
        for entry in component.placed:
            self._same("cost", entry.nodes, self.counter.placed(entry.nodes, entry.nest, entry.steps), entry.cost)
        for entry in component.kept:
            self._same("cost", entry.nodes, self.counter.kept(entry.nodes), entry.cost)
        for entry in component.promised:
            self._same("bound", entry.nodes, self.counter.bound(entry.nodes), entry.bound)
        shown = sum(self._is_shown(entry.nodes, entry.reason) for entry in component.refused)
        costs = {entry.nodes: entry.cost for entry in (*component.placed, *component.kept)}
        self._check_bounds(costs)
        self._check_apart(costs)
        self._check_claim(component, costs)
        self._check_least(component, costs | {entry.nodes: entry.bound for entry in component.promised})
        refused, promised = len(component.refused), len(component.promised)
        return Checked(len(costs) + promised + refused, len(costs), promised, shown, refused - shown)

    def _check_entries(self, component: Component) -> None:
        """Every connected group that nothing stands between is there, once."""
        entries = (*component.placed, *component.kept, *component.refused, *component.promised)
        listed = [entry.nodes for entry in entries]
        there = self.counter.kernels.connected(component.nodes)
        twice = (
            {nodes for nodes in listed if listed.count(nodes) > 1} if len(set(listed)) < len(listed) else set[Nodes]()
        )
        for what, groups in (
            ("stand there twice", twice),
            ("are missing", there - set(listed)),
            ("are no connected groups", set(listed) - there),
        ):
            if groups:
                raise CertificateError(f"groups of kernels {what}: {_listed(sorted(groups)[:4])}")

    def _same(self, what: str, nodes: Nodes, expected: Cost, got: Cost) -> None:
        if expected != got:
            raise CertificateError(f"expected the {what} of the kernels {list(nodes)} to be {expected}, got {got}")

    def _is_shown(self, nodes: Nodes, reason: str) -> bool:
        """Whether the kernels of a group themselves show why they can't be one.

        Raises:
            CertificateError: They show otherwise.
        """
        if not reason or len(nodes) < 2:
            raise CertificateError(f"there is no reason why the kernels {list(nodes)} can't be placed")
        try:
            Group(self.counter.program, nodes)
        except NoScheduleError as found:
            own = str(found)
        else:
            own = None
        if own != reason and (own is not None or reason == ANOTHER_SHAPE):
            raise CertificateError(f"the kernels {list(nodes)} can't be one since {own}, not since {reason}")
        return own is not None

    def _check_bounds(self, costs: Mapping[Nodes, Cost]) -> None:
        """No group costs less than it must: else the bounds of others are worth nothing."""
        key = self.counter.objective.key
        for nodes, cost in costs.items():
            bound = self.counter.bound(nodes)
            if key(cost) < key(bound):
                raise CertificateError(f"the kernels {list(nodes)} cost {cost}, less than their bound {bound}")

    def _check_apart(self, costs: Mapping[Nodes, Cost]) -> None:
        """For kernels that are one no more bytes of DRAM arrive than for them apart, as placed, kept or promised."""
        for nodes, cost in costs.items():
            own = ((node,) for node in nodes)
            apart = sum((costs[each] if each in costs else self.counter.bound(each)).arriving for each in own)
            if cost.arriving > apart:
                raise CertificateError(f"{cost.arriving} B arrive for the kernels {list(nodes)}, apart {apart} B")

    def _check_claim(self, component: Component, costs: Mapping[Nodes, Cost]) -> None:
        """The claimed groups are all kernels once, can run in this order and cost what is claimed."""
        done, total = 0, Cost()
        inside = as_bits(component.nodes)
        for nodes in component.claimed:
            if nodes not in costs:
                raise CertificateError(f"the claimed group {list(nodes)} was neither placed nor kept")
            if done & as_bits(nodes) or self.counter.kernels.needs(nodes) & inside & ~done:
                raise CertificateError(f"the claimed group {list(nodes)} can't run when it is its turn")
            done |= as_bits(nodes)
            total += costs[nodes]
        if done != inside:
            raise CertificateError("the claimed groups aren't all of the kernels")
        if total != component.cost:
            raise CertificateError(f"the claimed groups cost {total}, not {component.cost}")

    def _check_least(self, component: Component, weights: Mapping[Nodes, Cost]) -> None:
        """No way through all kernels costs less than what is claimed."""
        inside = as_bits(component.nodes)
        kernels = self.counter.kernels
        groups = [(as_bits(nodes), kernels.needs(nodes) & inside, cost) for nodes, cost in weights.items()]
        key = self.counter.objective.key
        least = _Way(groups, inside, lambda left: self.counter.bound(_members(left, component.nodes)), key).least()
        if key(least) != key(component.cost):
            raise CertificateError(f"a partition may cost {least}, which isn't the claimed {component.cost}")


def _members(bits: int, nodes: Sequence[int]) -> Nodes:
    return tuple(node for node in nodes if bits >> node & 1)


@dataclass
class _Way:
    """The shortest way through sets of kernels that have run, from none to all of them.

    Attributes:
        groups: Kernels, as bits, what they need besides, and what they cost.
        goal: All kernels.
        rest: What some kernels cost at least.
        key: The order of costs.
    """

    groups: Sequence[tuple[int, int, Cost]]
    goal: int
    rest: Callable[[int], Cost]
    key: Callable[[Cost], Key]
    best: dict[int, Cost] = field(default_factory=dict)

    def least(self) -> Cost:
        """What the shortest way costs; a set that is reached again for less is continued again."""
        self.best[0] = Cost()
        queue = [(self.key(self.rest(self.goal)), 0, self.key(Cost()))]
        while queue:
            _, done, reached = heapq.heappop(queue)
            if done == self.goal:
                return self.best[done]
            if reached != self.key(self.best[done]):
                continue
            for bits, needs, cost in self.groups:
                after = self.best[done] + cost
                if bits & done or needs & ~done or not self._is_better(done | bits, after):
                    continue
                self.best[done | bits] = after
                heapq.heappush(
                    queue, (self.key(after + self.rest(self.goal & ~(done | bits))), done | bits, self.key(after))
                )
        raise CertificateError("no way leads through all kernels")

    def _is_better(self, done: int, cost: Cost) -> bool:
        return done not in self.best or self.key(cost) < self.key(self.best[done])
