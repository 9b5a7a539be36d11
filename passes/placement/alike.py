"""Groups of kernels that are alike are looked at once: the projections of attention, the layers of a network.

Two groups are alike if their ops are the same but for numbers: of nodes, ops, values, classes and tensors, each counted
in the order in which it comes up. What else a form depends on is part of that: sizes, how much there is of a tensor,
whether another kernel made it, and whether somebody outside reads it.

    {k3: y = x w + b}      {k6: z = x v + c}      alike: k3 -> 0, k6 -> 0;  y -> 0, z -> 0; ...

A form that was found for one is then the other's, in its numbers. One that costs less than its kernels apart isn't paid
for with bytes of DRAM, whatever the objective.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from powerfusion.passes.placement.bounds import Bounds
from powerfusion.passes.placement.groups import Blocked, form_of, naive_cost
from powerfusion.passes.placement.model import Cost, Form, Handed, Op, Outer, Program, Ties
from powerfusion.passes.placement.nests import most_units
from powerfusion.passes.placement.objectives import Objective

Item = TypeVar("Item", bound=Hashable)


class _Numbers(Generic[Item]):
    """Numbers in the order in which they come up."""

    def __init__(self) -> None:
        self.of: dict[Item, int] = {}

    def __call__(self, item: Item) -> int:
        """The number of something."""
        return self.of.setdefault(item, len(self.of))

    def onto(self, other: _Numbers[Item]) -> dict[Item, Item]:
        """By what one counts, what the other counts in its place."""
        return dict(zip(self.of, other.of, strict=True))


@dataclass
class _Group:
    """A group of kernels, as it is to be told from others.

    Attributes:
        nodes: The kernels, in order.
        key: Equal for groups that are alike.
    """

    program: Program
    objective: Objective
    nodes: tuple[int, ...]
    ops: _Numbers[int] = field(default_factory=_Numbers[int])
    values: _Numbers[int] = field(default_factory=_Numbers[int])
    classes: _Numbers[int] = field(default_factory=_Numbers[int])
    tensors: _Numbers[int] = field(default_factory=_Numbers[int])
    views: _Numbers[tuple[int, str]] = field(default_factory=_Numbers[tuple[int, str]])
    key: Hashable = None

    def __post_init__(self) -> None:
        self.bits = sum(1 << node for node in self.nodes)
        kernels = tuple(self._kernel(node) for node in self.nodes)
        values = tuple(self._value(value) for value in list(self.values.of))
        self.key = (kernels, values, bool(Bounds(self.program, self.objective).between(self.bits)))

    def _kernel(self, node: int) -> Hashable:
        kernel = self.program.kernels[node]
        if kernel is None:
            return None
        return kernel.blocked, tuple(self._op(number) for number in kernel.ops)

    def _op(self, number: int) -> Hashable:
        """The op in the group's own numbers."""
        op: Op = self.program.ops[number]
        self.ops(number)
        return replace(
            op,
            operands=tuple(map(self.values, op.operands)),
            results=tuple(map(self.values, op.results)),
            folded=tuple(map(self.classes, op.folded)),
            whole=tuple(map(self.classes, op.whole)),
            outer=None,
        ), None if op.outer is None else self._outer(op.outer)

    def _outer(self, outer: Outer) -> Hashable:
        program, tensor = self.program, outer.tensor
        own = replace(
            outer,
            tensor=self.tensors(tensor),
            view=str(self.views((tensor, outer.view))),
            contiguous=None if outer.contiguous is None else self.classes(outer.contiguous),
        )
        return own, program.volumes[tensor], program.made[tensor], bool(program.readers[tensor] & ~self.bits)

    def _value(self, number: int) -> Hashable:
        value = self.program.values[number]
        return replace(value, classes=tuple(map(self.classes, value.classes)))


@dataclass
class Forms:
    """Forms of groups, on one machine, for one objective; of any program.

    Attributes:
        objective: What is made small.
    """

    objective: Objective
    known: dict[Hashable, tuple[_Group, Form | Blocked]] = field(default_factory=dict)

    def form_of(self, program: Program, nodes: Sequence[int]) -> Form | Blocked:
        """The best way in which some kernels are one."""
        group = _Group(program, self.objective, tuple(nodes))
        if group.key not in self.known:
            self.known[group.key] = group, self._form_of(program, nodes)
        other, form = self.known[group.key]
        return form if isinstance(form, Blocked) else _as(form, other, group)

    def alone(self, program: Program, node: int) -> Form | None:
        """The form of a single kernel; None where it stays as it is."""
        if most_units(self.objective.machine) == 1:
            return None
        form = self.form_of(program, [node])
        return None if isinstance(form, Blocked) else form

    def _form_of(self, program: Program, nodes: Sequence[int]) -> Form | Blocked:
        """The best form; if it costs less than the kernels apart, for no more bytes of DRAM that arrive."""
        machine, objective = self.objective.machine, self.objective
        form = form_of(program, machine, nodes, objective)
        if isinstance(form, Blocked) or len(nodes) == 1 or form.cost.arriving <= least_apart(program, nodes, objective):
            return form
        apart = Cost()
        for node in nodes:
            own = self.alone(program, node)
            apart += naive_cost(program, node, objective) if own is None else own.cost
        if form.cost.arriving <= apart.arriving or objective.key(apart) <= objective.key(form.cost):
            return form
        return form_of(program, machine, nodes, objective, apart.arriving)


def least_apart(program: Program, nodes: Sequence[int], objective: Objective) -> int:
    """Bytes of DRAM that arrive at least for some kernels that aren't one."""
    bounds = Bounds(program, objective)
    return sum(bounds.least(1 << node).arriving for node in nodes)


def _as(form: Form, other: _Group, group: _Group) -> Form:
    """A form of one group as that of another that is alike."""
    ops, values, classes = other.ops.onto(group.ops), other.values.onto(group.values), other.classes.onto(group.classes)
    ties = Ties()
    for one, its in form.ties.parent.items():
        ties.tie(classes[one], classes[its])
    return replace(
        form,
        nodes=group.nodes,
        nest=tuple(replace(dim, cls=ties.find(classes[dim.cls])) for dim in form.nest),
        steps=tuple(replace(step, op=ops[step.op], value=values.get(step.value, step.value)) for step in form.steps),
        ties=ties,
        handed={ops[load]: Handed(values[handed.value], handed.reaches) for load, handed in form.handed.items()},
        alias={values[value]: values[same] for value, same in form.alias.items()},
    )
