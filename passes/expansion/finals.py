"""The kernel of a cascade: what it loads, its one reduction, and each result of the program's reductions at the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from powerfusion.core._mlir import element_of
from powerfusion.mlir import ir
from powerfusion.passes.expansion.algebra import CASTS, Algebra
from powerfusion.passes.expansion.cascades import Cascade
from powerfusion.passes.expansion.cloning import Cloner
from powerfusion.passes.expansion.folds import Fold
from powerfusion.passes.expansion.functions import Chain
from powerfusion.passes.expansion.joint import Joint
from powerfusion.passes.expansion.plans import Ends, Plan, Planner, Squares, Summand, Whole
from powerfusion.passes.expansion.tiles import Shapes, Tile, compared, converted, select, unary, wide
from powerfusion.passes.expansion.values import Values


class Maker:
    """Makes the body of a cascade's kernel at the insertion point.

    Args:
        cascade: The reductions.
        values: The graph that they are of.
        shapes: How long dimensions are.
        inside: Per value of the function, the kernel's argument.
        inlined: Kernels whose values are computed here, not loaded.
    """

    def __init__(
        self,
        cascade: Cascade,
        values: Values,
        shapes: Shapes,
        inside: Mapping[ir.Value, ir.Value],
        inlined: Collection[ir.Operation],
    ) -> None:
        self.cascade, self.shapes = cascade, shapes
        first = cascade.first
        order = tuple(dict.fromkeys([*first.factors[0].names, *first.rows, *first.folded]))
        late = frozenset(fold.result for fold in cascade.folds)
        self.algebra = Algebra(values, late, frozenset(first.folded))
        self.cloner = Cloner(values, shapes, order, inside, set(inlined))
        self.joint = Joint(order, first.folded, shapes)
        self.results: list[Tile] = []
        self.empty = shapes.are_empty(first.folded)

    def make(self) -> dict[ir.Value, ir.Value]:
        """Makes the reduction; gives the new value of each result of the old ones. Raises NotSeparableError."""
        planner = Planner(self.cascade, self.algebra, self.cloner, self.joint)
        plans = [planner.plan(fold) for fold in self.cascade.folds]
        self.results = self.joint.emit()
        known = self.cloner.known
        for fold, plan in zip(self.cascade.folds, plans, strict=True):
            value = self.shapes.aligned(self._final(fold, plan), fold.rows)
            known[fold.result] = converted(value, element_of(fold.result.type)) if fold.is_float else value
        return {fold.result: known[fold.result] for fold in self.cascade.folds}

    def clone(self, value: ir.Value) -> ir.Value:
        """A value of the old kernels in the new one."""
        return self.cloner.clone(value)

    def _final(self, fold: Fold, plan: Plan) -> Tile:
        """The result of one of the program's reductions."""
        match plan:
            case Whole(at=at):
                return self.results[at]
            case Ends(chain=chain, at=ends):
                both = [self._replayed(chain, self.results[at]) for at in ends]
                found = self.cloner.apply(fold.kind, *both)
                if plan.zero is not None:
                    found = self._with_zero(fold.kind, chain, found, self.results[plan.zero])
                return self._with_init(fold, fold.kind, found)
            case Squares() as squares:
                return self._with_init(fold, "addf", self._about_center(squares))
            case summands:
                total = self.cloner.total([self._summand(summand) for summand in summands])
                return self._with_init(fold, "addf", total)

    def _with_init(self, fold: Fold, name: str, tile: Tile) -> Tile:
        """A result with what the reduction starts from, which is all where nothing is folded."""
        init = Tile(converted(self.cloner.clone(fold.init), element_of(tile.value.type)), fold.rows)
        made = self.cloner.apply(name, tile, init)
        if self.empty is None:
            return made
        flags = self.shapes.splat(self.empty, made.names)
        return Tile(select(flags.value, self.shapes.aligned(init, made.names), made.value), made.names)

    # -- monotone functions ------------------------------------------------------------------------

    def _with_zero(self, kind: str, chain: Chain, found: Tile, size: Tile) -> Tile:
        """The largest or smallest, with the function of zero if there is a zero among the elements."""
        zero = self._replayed(chain, Tile(self.shapes.number(0.0, size), size.names))
        other = self.cloner.apply(kind, found, zero)
        sizes = self.shapes.aligned(size, other.names)
        flags = compared("oeq", sizes, self.shapes.number(0.0, Tile(sizes, other.names)))
        return Tile(select(flags, other.value, self.shapes.aligned(found, other.names)), other.names)

    def _replayed(self, chain: Chain, tile: Tile) -> Tile:
        """The function of a chain, of one of its ends."""
        for step in chain.steps:
            operands = [
                self.cloner.tile(view) if at not in step.positions else tile for at, view in enumerate(step.operands)
            ]
            tile = self._step(step.op, operands)
        return tile

    def _step(self, op: ir.Operation, tiles: Sequence[Tile]) -> Tile:
        """An elementwise op on tiles, in a type as wide as they are."""
        element = wide(element_of(op.result.type))
        wider = [Tile(converted(tile.value, element), tile.names) for tile in tiles]
        if op.name in CASTS:
            return wider[0]
        if len(wider) == 1:
            return Tile(unary(op.name, wider[0].value), wider[0].names)
        return self.cloner.apply(op.name.removeprefix("arith."), wider[0], wider[1])

    # -- squares about a mean ----------------------------------------------------------------------

    def _about_center(self, squares: Squares) -> Tile:
        """Squares about the mean of what was folded, moved to what the program takes for it: a rounding apart."""
        spread = squares.spread
        count, high, low, sums = (self.results[at] for at in (spread.count, spread.high, spread.low, spread.squares))
        center = self.cloner.tile(squares.moment.center, element_of(sums.value.type))
        off = self.cloner.apply("addf", self.cloner.apply("subf", high, center), low)
        moved = self.cloner.apply("mulf", self.cloner.apply("mulf", off, off), count)
        return self.cloner.scale(self.cloner.apply("addf", sums, moved), squares.moment.scale)

    # -- sums --------------------------------------------------------------------------------------

    def _summand(self, summand: Summand) -> Tile:
        """A term of a sum, with what is late."""
        tile = self.results[summand.at]
        element = element_of(tile.value.type)
        if summand.reference is not None:
            tile = self._with_power(summand, tile, element)
        tile = self.cloner.scale(tile, summand.term.scale)
        for view, exponent in summand.term.rows:
            tile = self.cloner.apply("mulf" if exponent == 1 else "divf", tile, self.cloner.tile(view, element))
        return tile if summand.some is None else self._if_some(tile, self.results[summand.some])

    def _if_some(self, tile: Tile, some: Tile) -> Tile:
        """A sum, but zero where no term of it was taken."""
        zero = Tile(self.shapes.number(0.0, tile), tile.names)
        flags = compared("ogt", self.shapes.aligned(some, tile.names), zero.value)
        return Tile(select(flags, tile.value, zero.value), tile.names)

    def _with_power(self, summand: Summand, tile: Tile, element: ir.Type) -> Tile:
        """A sum of powers as it is without its reference; undefined where that of the smallest exponent is."""
        assert summand.reference is not None, "it is a sum of powers"
        assert summand.term.exponent is not None, "it is a sum of powers"
        start = self.results[summand.reference.at]
        near = self.shapes.clamped(summand.reference.clamps, Tile(converted(start.value, element), start.names))
        exponent = self._exponent(summand, near, element)
        tile = self.cloner.apply("mulf", tile, Tile(unary(summand.term.exponent.base, exponent.value), exponent.names))
        if summand.far is None:
            return tile
        end = self.results[summand.far]
        far = self._exponent(summand, Tile(converted(end.value, element), end.names), element)
        other = self.shapes.aligned(far, tile.names)
        return Tile(select(compared("uno", other, other), other, tile.value), tile.names)

    def _exponent(self, summand: Summand, start: Tile, element: ir.Type) -> Tile:
        """A reference's multiple and the late part of an exponent, what has one factor first added up."""
        assert summand.reference is not None, "it is a sum of powers"
        slope = summand.reference.slope
        groups = {abs(slope): self._signed(start, slope)}
        for coefficient, view in summand.rows:
            signed = self._signed(self.cloner.tile(view, element), coefficient)
            before = groups.get(abs(coefficient))
            groups[abs(coefficient)] = signed if before is None else self.cloner.apply("addf", before, signed)
        return self.cloner.total([self.cloner.scale(group, size) for size, group in groups.items()])

    def _signed(self, tile: Tile, sign: float) -> Tile:
        return self.cloner.scale(tile, 1.0 if sign > 0 else -1.0)
