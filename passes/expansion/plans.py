"""The accumulators that a cascade needs: what each reduction of the program is made of, once they are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import element_of
from powerfusion.mlir import ir
from powerfusion.passes.expansion.algebra import Algebra, Atoms, Exponent, NotSeparableError, Term, ratio
from powerfusion.passes.expansion.bounds import Bounds
from powerfusion.passes.expansion.cascades import EXTREMES, Cascade
from powerfusion.passes.expansion.cloning import Cloner
from powerfusion.passes.expansion.folds import Fold
from powerfusion.passes.expansion.functions import Chain, Moment
from powerfusion.passes.expansion.joint import Joint, Reference, Spread
from powerfusion.passes.expansion.tiles import Tile, binary, converted, scalar, unary, wide
from powerfusion.passes.expansion.values import View

LARGEST, SMALLEST = EXTREMES


@dataclass(frozen=True)
class Whole:
    """A reduction that is an accumulator."""

    at: int


@dataclass(frozen=True)
class Ends:
    """The largest or smallest of a function: of the largest and the smallest element.

    Attributes:
        chain: The function.
        at: The accumulators of these two.
        zero: That of the smallest magnitude, where it matters whether that is zero.
    """

    chain: Chain
    at: tuple[int, int]
    zero: int | None


@dataclass(frozen=True)
class Summand:
    """A term of a sum.

    Attributes:
        term: What it is.
        at: The accumulator of what runs.
        reference: What a sum of powers is relative to.
        rows: The late part of the exponent, the maximum that it subtracts first.
        far: An accumulator of the smallest exponent, where the late part may be infinite: infinity less infinity.
        some: An accumulator that is positive if the term isn't masked everywhere.
    """

    term: Term
    at: int
    reference: Reference | None = None
    rows: Atoms = ()
    far: int | None = None
    some: int | None = None


@dataclass(frozen=True)
class Squares:
    """Squares about a mean: about that of what was folded, until the end."""

    moment: Moment
    spread: Spread


@dataclass(frozen=True)
class _Origin:
    """Where powers are measured from: a reference, what it folds, how that is clamped, and the late part."""

    reference: Reference
    tile: Tile
    clamps: tuple[str, ...]
    rows: Atoms
    rest: Atoms


Plan = Whole | Ends | Squares | list[Summand]


class Planner:
    """Adds a cascade's accumulators to a joint reduction; raises NotSeparableError where that loses something."""

    def __init__(self, cascade: Cascade, algebra: Algebra, cloner: Cloner, joint: Joint) -> None:
        self.cascade, self.algebra, self.cloner, self.joint = cascade, algebra, cloner, joint
        self.bounds = Bounds(algebra, cascade)
        self.whole: dict[ir.Value, int] = {}
        self.extra: dict[object, int] = {}
        self.weights: dict[Reference, Tile] = {}

    def plan(self, fold: Fold) -> Plan:
        """The accumulators of one reduction; of those that it needs, they are there."""
        payload = [name for name in fold.rows if name not in self.joint.rows]
        match fold.made_of:
            case None:
                self.whole[fold.result] = self._whole(fold, payload)
                return Whole(self.whole[fold.result])
            case Chain() as chain:
                element = wide(element_of(chain.leaf.value.type))
                tile = self.cloner.tile(chain.leaf, element)
                high, low = (self._extreme((chain.leaf, str(element)), k, tile, payload) for k in EXTREMES)
                zero = None
                if chain.scaled:
                    sizes = Tile(unary("math.absf", tile.value), tile.names)
                    zero = self._extreme(("size", chain.leaf, str(element)), SMALLEST, sizes, payload)
                return Ends(chain, (high, low), zero)
            case Moment() as moment:
                element = wide(element_of(fold.result.type))
                return Squares(moment, self._spread(self.cloner.tile(moment.running, element), element))
            case terms:
                element = wide(element_of(fold.result.type))
                return [self._summand(term, element, payload) for term in terms]

    def _whole(self, fold: Fold, payload: Sequence[int]) -> int:
        late = frozenset(other.result for other in self.cascade.folds)
        if self.algebra.values.reached(fold.init) & late:
            raise NotSeparableError("it starts from what it folds")
        init = Tile(self.cloner.clone(fold.init), fold.rows)
        if not fold.is_float:
            return self.joint.add(fold.kind, self.cloner.tile(fold.factors[0]), payload, init)
        element = wide(element_of(fold.result.type))
        product = self._product(Term(parts=tuple((view, 1) for view in fold.factors)), element)
        return self.joint.add(fold.kind, product, payload, Tile(converted(init.value, element), init.names))

    def _spread(self, tile: Tile, element: ir.Type) -> Spread:
        """The accumulators of squares about the mean of a tile."""
        one, none = (Tile(scalar(value, element), ()) for value in (1.0, -0.0))
        spread = Spread(*(self.joint.add("add", start) for start in (one, tile, none, none)))
        self.joint.spreads.append(spread)
        return spread

    def _extreme(self, key: object, kind: str, tile: Tile, payload: Sequence[int] = ()) -> int:
        """A maximum or minimum that the program doesn't ask for."""
        if (key, kind) not in self.extra:
            self.extra[key, kind] = self.joint.add(kind, tile, payload)
        return self.extra[key, kind]

    def _product(self, term: Term, element: ir.Type) -> Tile:
        """The parts of a term, multiplied."""
        product: Tile | None = None
        for view, exponent in term.parts:
            tile = self.cloner.tile(view, element)
            if product is None and exponent == 1:
                product = tile
                continue
            before = product or Tile(scalar(1.0, element), ())
            product = self.cloner.apply("mulf" if exponent == 1 else "divf", before, tile)
        return product or Tile(scalar(1.0, element), ())

    # -- terms of sums -----------------------------------------------------------------------------

    def _summand(self, term: Term, element: ir.Type, payload: Sequence[int]) -> Summand:
        if not all(self.bounds.is_tame(view, exponent) for view, exponent in term.rows):
            raise NotSeparableError("a factor that may be infinite")
        guarded = self.bounds.parts(term)
        product = self._product(term, element)
        some = self._some(term, element, payload) if term.masks else None
        if term.exponent is None:
            tile = self.cloner.masked(product, term.masks)
            return Summand(term, self.joint.add("add", tile, payload), some=some)
        if any(set(view.names) - set(self.joint.names) for _, view in term.exponent.spread):
            raise NotSeparableError("an exponent that runs over more than rows")
        origin = self._shared(term, term.exponent) or self._own(term, term.exponent, element)
        far = None
        if not self.bounds.stay_low(origin.rest):
            if term.parts:
                raise NotSeparableError("a power that may be infinite where its factor is zero")
            kind = SMALLEST if origin.reference.slope > 0 else LARGEST
            ends = self.cloner.masked(origin.tile, term.masks, math.inf if kind == SMALLEST else -math.inf)
            far = self._extreme(("far", origin.reference, term.masks), kind, ends)
        weight = self._weight(origin, element)
        tile = self.cloner.apply("mulf", product, weight) if term.parts else weight
        tile = self.cloner.masked(tile, term.masks)
        at = self.joint.add("add", tile, payload, reference=origin.reference, guarded=guarded)
        return Summand(term, at, origin.reference, origin.rows, far, some)

    def _some(self, term: Term, element: ir.Type, payload: Sequence[int]) -> int:
        """Whether a term is taken anywhere."""
        one = Tile(scalar(1.0, element), ())
        run = [name for view, _ in term.masks for name in view.names if name not in self.joint.names]
        return self._extreme(term.masks, LARGEST, self.cloner.masked(one, term.masks), payload if run else ())

    def _weight(self, origin: _Origin, element: ir.Type) -> Tile:
        """What each element weighs relative to its own, clamped reference: 1, or what infinities and NaN make of it."""
        if origin.reference not in self.weights:
            shapes = self.joint.shapes
            tile = Tile(converted(origin.tile.value, element), origin.tile.names)
            own = shapes.clamped(origin.clamps, tile)
            left, right = (tile, own) if origin.reference.slope > 0 else (own, tile)
            off = binary("subf", left.value, right.value)
            one = binary("addf", off, shapes.number(1.0, tile))
            self.weights[origin.reference] = Tile(binary("maximumf", one, shapes.number(0.0, tile)), tile.names)
        return self.weights[origin.reference]

    def _shared(self, term: Term, power: Exponent) -> _Origin | None:
        """The maximum that the program itself subtracts, if it does.

        If that is infinite, so is an element, and its power is NaN; unless that one is masked: then the
        maximum is clamped on both sides.
        """
        wanted, offset = self.algebra.normal(power.spread)
        for other in self.cascade.folds:
            factor, *more = other.factors
            if other.result not in self.whole or other.kind not in EXTREMES or more:
                continue
            given, shift = self.algebra.normal(((1.0, factor),))
            slope = ratio(wanted, given)
            if slope is None or (slope > 0) != (other.kind == LARGEST):
                continue
            if not math.isclose(offset, slope * shift, abs_tol=1e-12):
                continue
            maximum = View(other.result, other.rows)
            first = [(c, v) for c, v in power.rows if v == maximum and math.isclose(c, -slope, rel_tol=1e-12)]
            if not first:
                continue
            rest = list(power.rows)
            rest.remove(first[0])
            clamps = _ends(slope) if term.masks else (other.kind,)
            reference = Reference(self.whole[other.result], power.base, slope, clamps)
            return _Origin(reference, self.cloner.tile(factor), clamps, (first[0], *rest), tuple(rest))
        return None

    def _own(self, term: Term, power: Exponent, element: ir.Type) -> _Origin:
        """A maximum for this sum alone."""
        if term.parts:
            raise NotSeparableError("weights that may vanish beside their reference")
        slope = power.spread[0][0]
        key = (str(element), tuple((c / slope, v) for c, v in power.spread), term.masks)
        parts = [self.cloner.scale(self.cloner.tile(v, element), c / slope) for c, v in power.spread]
        total = self.cloner.total(parts)
        clamps = _ends(slope)
        within = self.joint.shapes.clamped(clamps, total)
        if any(set(view.names) - set(self.joint.names) for view, _ in term.masks):
            raise NotSeparableError("a maximum of its own for each of a payload")
        lowest = -math.inf if slope > 0 else math.inf
        within = self.cloner.masked(within, term.masks, lowest)
        within = self.joint.shapes.clamped(clamps, within) if term.masks else within
        at = self._extreme(key, clamps[0], within)
        return _Origin(Reference(at, power.base, slope), total, clamps, power.rows, power.rows)


def _ends(slope: float) -> tuple[str, str]:
    """The bounds of an exponent's multiple, the one that an empty part is clamped to first."""
    return (LARGEST, SMALLEST) if slope > 0 else (SMALLEST, LARGEST)
