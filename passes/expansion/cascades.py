"""Groups of reductions over the same elements that can be one pass, though some need the results of others.

A reduction joins the group of those that it needs if they fold dimensions of the same sizes (which then have one name),
if it needs their results row by row, and if what it folds can be taken apart (`algebra`): into accumulators that need
nothing late, and what is done with them at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from powerfusion.mlir import ir
from powerfusion.passes.expansion.algebra import Algebra, NotSeparableError, Term, number_of
from powerfusion.passes.expansion.folds import Fold, Names, folds_of
from powerfusion.passes.expansion.functions import Moment, about_mean, chain_of, moment_of
from powerfusion.passes.expansion.values import Values

EXTREMES = ("maximumf", "minimumf")


@dataclass(eq=False)
class Cascade:
    """Reductions over the same elements, in order, under common names."""

    folds: list[Fold] = field(default_factory=list[Fold])

    @property
    def first(self) -> Fold:
        """One that needs no other; its dimensions are all's, but for payload."""
        return self.folds[0]

    @property
    def is_one(self) -> bool:
        """Whether one reduction needs another."""
        return any(fold.made_of is not None for fold in self.folds)


def cascades_of(values: Values) -> tuple[list[Cascade], Names]:
    """The cascades of a graph, in order of what they begin with."""
    of: dict[ir.Value, Cascade] = {}
    names = Names(values)
    for fold in folds_of(values, names):
        reached = frozenset[ir.Value]().union(*(values.reached(view.value) for view in fold.factors))
        needed = [value for value in of if value in reached]  # in order: that of a set changes from run to run
        cascade = _joined(fold, list(dict.fromkeys(of[value] for value in needed)), values, names)
        of[fold.result] = cascade
        of.update((member.result, cascade) for member in cascade.folds)
    return [cascade for cascade in dict.fromkeys(of.values()) if cascade.is_one], names


def _joined(fold: Fold, needed: Sequence[Cascade], values: Values, names: Names) -> Cascade:
    """The cascade that a reduction becomes part of: of all that it needs, of the last of them, or one of its own."""
    alike = [other for other in needed if _sizes(other.first, names) == _sizes(fold, names)]
    for chosen in (alike, alike[-1:]) if len(alike) > 1 else (alike,):
        if not chosen or not fold.is_float or 0 in _sizes(fold, names):
            continue
        late = frozenset(member.result for other in chosen for member in other.folds)
        found = _match(fold, chosen, late, values)
        if found is None:
            continue
        own, others = found
        before = fold.factors, fold.rows, fold.folded
        fold.rename(own)
        try:
            _take_apart(fold, Algebra(values, late, frozenset(chosen[0].first.folded)), chosen)
        except NotSeparableError:
            fold.factors, fold.rows, fold.folded = before
            continue
        for other, renaming in zip(chosen[1:], others, strict=True):
            for member in other.folds:
                member.rename(renaming)
            chosen[0].folds += other.folds
        chosen[0].folds.append(fold)
        return chosen[0]
    return Cascade([fold])


def _sizes(fold: Fold, names: Names) -> list[object]:
    return [names.length(name) for name in fold.folded]


def _match(
    fold: Fold, chosen: Sequence[Cascade], late: frozenset[ir.Value], values: Values
) -> tuple[dict[int, int], list[dict[int, int]]] | None:
    """New names for a reduction's dimensions, and for those of all cascades but the first, such that they agree."""
    own = dict(zip(fold.folded, chosen[0].first.folded, strict=True))
    uses = dict.fromkeys(use for view in fold.factors for use in values.uses(view, late))
    renamings: list[dict[int, int]] = []
    for other in chosen:
        renaming: dict[int, int] = {}
        rows = {member.result: member.rows for member in other.folds}
        for use in sorted(uses, key=lambda use: use.names):
            for name, theirs in zip(use.names, rows.get(use.value, ()), strict=False):
                if name in fold.folded:
                    return None
                if other is chosen[0]:
                    if own.setdefault(name, theirs) != theirs:
                        return None
                elif renaming.setdefault(theirs, own.get(name, name)) != own.get(name, name):
                    return None
        if other is not chosen[0]:
            if any(member.made_of is not None for member in other.folds):
                return None
            renaming.update(zip(other.first.folded, chosen[0].first.folded, strict=True))
            if {renaming.get(name) for name in other.first.rows} != set(chosen[0].first.rows):
                return None
            renamings.append(renaming)
    distinct = len(set(own.values())) == len(own)
    return (own, renamings) if distinct and set(chosen[0].first.rows) <= set(own.values()) else None


def _take_apart(fold: Fold, algebra: Algebra, chosen: Sequence[Cascade]) -> None:
    """Says how a reduction is made of accumulators; raises NotSeparableError."""
    if fold.kind in EXTREMES and len(fold.factors) == 1:
        fold.made_of = chain_of(algebra, fold.factors[0], largest=fold.kind == "maximumf")
    elif fold.kind != "add":
        raise NotSeparableError(f"nothing distributes over '{fold.kind}'")
    elif (moment := _moment(fold, algebra, chosen)) is not None:
        fold.made_of = moment
    else:
        products = [Term()]
        for view in fold.factors:
            products = [one.times(other) for one in products for other in algebra.terms(view)]
        fold.made_of = products


def _moment(fold: Fold, algebra: Algebra, chosen: Sequence[Cascade]) -> Moment | None:
    """The squares about the mean that a reduction sums up, if it does, and if the mean is of the same rows."""
    try:
        factor, *others = fold.factors
        if others and others != [factor]:
            return None
        found = moment_of(algebra, factor) if not others else about_mean(algebra, 1.0, factor)
    except NotSeparableError:
        return None
    total = next(member for other in chosen for member in other.folds if member.result == found.total)
    whole = total.kind == "add" and total.made_of is None and total.factors == (found.running,)
    start = number_of(algebra.values.view(total.init, total.rows))
    return found if whole and start == 0 and set(fold.rows) == set(total.rows) else None
