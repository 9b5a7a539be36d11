"""The best few placements by the model, for somebody who measures them: the first is the search's answer.

best answer, and of each of its groups of several kernels the best answer without it
  x  for each group: its forms, the best first; for a kernel that stays as it is, forms of it alone as well
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import replace

from powerfusion.passes.placement.alike import Forms
from powerfusion.passes.placement.groups import forms_of
from powerfusion.passes.placement.model import Cost, Program
from powerfusion.passes.placement.objectives import Key, Objective
from powerfusion.passes.placement.search import Answer, Choice, search

Options = Sequence[Choice]
"""What a group may be, the cheapest first."""


def ranked(program: Program, objective: Objective, budget: int, forms: Forms, best: Answer, count: int) -> list[Answer]:
    """Placements of a program that differ, the cheapest first.

    Args:
        program: What is read.
        objective: What is made small.
        budget: Of each search.
        forms: What searches found; what these find is added.
        best: What the search has found.
        count: How many at most, with that; of a small program there may be fewer.
    """
    several = [choice.nodes for choice in best.choices if len(choice.nodes) > 1][: count - 1]
    answers = [best, *(search(program, objective, budget, forms=forms, without=frozenset({one})) for one in several)]
    known: dict[tuple[int, ...], Options] = {}
    found: dict[object, Answer] = {_identity(best): best}
    for answer in answers:
        for choice in answer.choices:
            if choice.nodes not in known:
                known[choice.nodes] = _options(program, objective, choice)
        for choices in _combined([known[choice.nodes] for choice in answer.choices], objective, count):
            made = replace(answer, choices=choices, exact=False, seen=())
            found.setdefault(_identity(made), made)
    others = sorted(list(found.values())[1:], key=lambda answer: objective.key(answer.cost))
    return [best, *others][:count]


def _identity(answer: Answer) -> object:
    """Equal for placements that are the same program."""
    return frozenset(
        (choice.nodes, (choice.form.nest, choice.form.steps) if choice.form else None) for choice in answer.choices
    )


def _options(program: Program, objective: Objective, choice: Choice) -> Options:
    """What the kernels of a choice may be as one, as they were chosen first."""
    forms = forms_of(program, objective.machine, choice.nodes, objective)
    others = (Choice(choice.nodes, form.cost, form) for form in forms)
    same = None if choice.form is None else (choice.form.nest, choice.form.steps)
    return [choice, *(other for other in others if other.form and (other.form.nest, other.form.steps) != same)]


def _combined(options: Sequence[Options], objective: Objective, count: int) -> Iterator[tuple[Choice, ...]]:
    """The cheapest ways to take one of each, the cheapest first: so many, or all."""
    first = (0,) * len(options)
    queue: list[tuple[Key, tuple[int, ...]]] = [(objective.key(_cost(options, first)), first)]
    seen: set[tuple[int, ...]] = {first}
    for _ in range(count):
        if not queue:
            return
        _, taken = heapq.heappop(queue)
        yield tuple(some[at] for some, at in zip(options, taken, strict=True))
        for place, at in enumerate(taken):
            after = (*taken[:place], at + 1, *taken[place + 1 :])
            if at + 1 < len(options[place]) and after not in seen:
                seen.add(after)
                heapq.heappush(queue, (objective.key(_cost(options, after)), after))


def _cost(options: Sequence[Options], taken: Sequence[int]) -> Cost:
    total = Cost()
    for some, at in zip(options, taken, strict=True):
        total += some[at].cost
    return total
