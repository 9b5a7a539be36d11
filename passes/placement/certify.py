"""Writes the certificate of an exact answer: what the search saw, as records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from powerfusion.passes.placement.bounds import Bounds, members
from powerfusion.passes.placement.certificate import (
    Certificate,
    Component,
    Kept,
    Placed,
    Promised,
    Refused,
    digest_of,
    sealed,
)
from powerfusion.passes.placement.model import Cost, Program
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.search import Answer, Choice, Seen


def certify(answer: Answer, objective: Objective) -> Certificate | None:
    """The certificate of an answer; None where it isn't exact."""
    if not answer.exact:
        return None
    components = tuple(_component(Bounds(answer.program, objective), seen) for seen in answer.seen)
    digest = digest_of(objective.machine)
    return sealed(Certificate(objective.name, objective.machine.name, digest, _frozen(answer.program), components))


def _frozen(program: Program) -> Program:
    """A program that is equal to itself when it is read again."""
    return Program(*(tuple(getattr(program, each.name)) for each in fields(program)))


def _component(bounds: Bounds, seen: Seen) -> Component:
    looked = {bits: choice for bits, choice in sorted(seen.looked.items()) if isinstance(choice, Choice)}
    total = Cost()
    for choice in seen.choices:
        total += choice.cost
    return Component(
        seen.nodes,
        total,
        tuple(choice.nodes for choice in seen.choices),
        tuple(Placed(c.nodes, c.cost, c.form.nest, c.form.steps) for c in looked.values() if c.form is not None),
        tuple(Kept(choice.nodes, choice.cost) for choice in looked.values() if choice.form is None),
        tuple(Refused(tuple(members(bits)), why) for bits, why in sorted(seen.looked.items()) if isinstance(why, str)),
        tuple(Promised(tuple(members(bits)), bounds.least(bits)) for bits in _others(seen)),
    )


def _others(seen: Seen) -> Sequence[int]:
    return [bits for bits in sorted(seen.groups) if bits not in seen.looked]
