"""The kernel of a cascade: what it loads, its one reduction, and each result of the program's reductions at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from powerfusion.core._mlir import constant_of, create, defining_op, element_of, is_tensor
from powerfusion.mlir import ir
from powerfusion.passes.expansion.algebra import Algebra, Atoms, Chain, Exponent, NotSeparableError, Term, ratio
from powerfusion.passes.expansion.bounds import Bounds
from powerfusion.passes.expansion.cascades import Cascade
from powerfusion.passes.expansion.folds import Fold, Names
from powerfusion.passes.expansion.joint import Joint, Reference, clamped, weight_of
from powerfusion.passes.expansion.tiles import Tile, aligned, binary, converted, number, unary, wide
from powerfusion.passes.expansion.values import FOLDING, Values, View
from powerfusion.passes.fusion.rebuild import copy_op

LOWEST, HIGHEST = "maximumf", "minimumf"  # what clamps from below, and from above


class NoWayError(NotSeparableError):
    """A cascade can't be made one reduction."""


class Maker:
    """Makes the body of a cascade's kernel at the insertion point.

    Args:
        cascade: The reductions.
        values: The graph that they are of.
        names: Of dimensions.
        inside: Per value of the function, the kernel's argument.
        inlined: Kernels whose values are computed here, not loaded.
    """

    def __init__(
        self,
        cascade: Cascade,
        values: Values,
        names: Names,
        inside: Mapping[ir.Value, ir.Value],
        inlined: Sequence[ir.Operation],
    ) -> None:
        self.cascade, self.values, self.sizes = cascade, values, names.sizes
        self.inside, self.inlined = inside, set(inlined)
        self.late = frozenset(fold.result for fold in cascade.folds)
        self.folded = frozenset(cascade.first.folded)
        self.algebra = Algebra(values, self.late, self.folded)
        self.bounds = Bounds(self.algebra, cascade)
        self.known: dict[ir.Value, ir.Value] = {}
        self.base: dict[ir.Value, int] = {}
        self.extra: dict[object, int] = {}
        first = cascade.first.factors[0]
        order = [*first.names, *cascade.first.rows, *cascade.first.folded]
        self.joint = Joint(tuple(dict.fromkeys(order)), cascade.first.folded, self.sizes)
        self.powers: dict[tuple[Fold, int], Atoms] = {}

    def make(self) -> dict[ir.Value, ir.Value]:
        """Makes the reduction; gives the new value of each result of the old ones."""
        plans = {fold: self._plan(fold) for fold in self.cascade.folds}
        self.results = self.joint.emit()
        for fold in self.cascade.folds:
            tile = self._final(fold, plans[fold])
            element = element_of(fold.result.type)
            value = aligned(tile, fold.rows, self.sizes)
            self.known[fold.result] = converted(value, element) if fold.is_float else value
        return {fold.result: self.known[fold.result] for fold in self.cascade.folds}

    # -- values of the old kernels -----------------------------------------------------------------

    def clone(self, value: ir.Value) -> ir.Value:
        """A value of the old kernels in the new one."""
        value = self.values.canonical(value)
        if value not in self.known:
            self.known[value] = self._cloned(value)
        return self.known[value]

    def _cloned(self, value: ir.Value) -> ir.Value:
        op = defining_op(value)
        if op is None:
            return self._argument(value)
        kernel = op.parent.operation
        if kernel not in self.inlined and value in self.values.holders:
            source = self._argument(self.values.holders[value])
            return create("gir.move", [source], [value.type], loc=op.location).result
        if op.name in FOLDING or any(len(region.blocks) for region in op.regions):
            raise NoWayError("what it needs is reduced elsewhere")
        operands = {operand: self.clone(operand) for operand in op.operands}
        return copy_op(op, operands).results[ir.OpResult(value).result_number]

    def _argument(self, value: ir.Value) -> ir.Value:
        outer = self.values.outer.get(value, value)
        if outer not in self.inside:
            raise NoWayError("what it needs isn't there yet")
        return self.inside[outer]

    def tile(self, view: View, element: ir.Type | None = None) -> Tile:
        """A view, of floats of a type."""
        if is_tensor(view.value) and not view.names and view.value.type.rank:
            return Tile(self._scalar(view.value, element), ())
        value = self.clone(view.value)
        return Tile(value if element is None else converted(value, element), view.names)

    def _scalar(self, value: ir.Value, element: ir.Type | None) -> ir.Value:
        """The one element of a tensor that is the same everywhere."""
        constant = constant_of(value)
        op = defining_op(value)
        assert op is not None, "what has no names is a constant or a splat"
        if constant is None:
            scalar = self.clone(op.operands[0])
        else:
            splat = ir.DenseElementsAttr(constant).get_splat_value()
            scalar = create("arith.constant", results=[splat.type], attributes={"value": splat}).result
        return scalar if element is None else converted(scalar, element)

    # -- accumulators ------------------------------------------------------------------------------

    def _plan(self, fold: Fold) -> list[int]:
        """The accumulators that a reduction needs."""
        payload = [name for name in fold.rows if name not in self.joint.rows]
        match fold.made_of:
            case None:
                return [self._base(fold)]
            case Chain(leaf=leaf):
                element = wide(element_of(leaf.value.type))
                return [self._extreme(kind, leaf, element, payload) for kind in (LOWEST, HIGHEST)]
            case terms:
                element = wide(element_of(fold.result.type))
                return [self._sum(fold, at, term, element, payload) for at, term in enumerate(terms)]

    def _base(self, fold: Fold) -> int:
        if self.values.reached(fold.init) & self.late:
            raise NoWayError("it starts from what it folds")
        if len(fold.factors) > 1:
            product = self._product(Term(parts=tuple((v, 1) for v in fold.factors)), wide(element_of(fold.result.type)))
            tile, init = product, Tile(self.clone(fold.init), fold.rows)
            init = Tile(converted(init.value, element_of(tile.value.type)), init.names)
        else:
            tile, init = self.tile(fold.factors[0]), Tile(self.clone(fold.init), fold.rows)
            if fold.is_float:
                element = wide(element_of(fold.result.type))
                tile, init = (Tile(converted(t.value, element), t.names) for t in (tile, init))
        payload = [name for name in fold.rows if name not in self.joint.rows]
        self.base[fold.result] = self.joint.add(fold.kind, tile, payload, init)
        return self.base[fold.result]

    def _extreme(self, kind: str, leaf: View, element: ir.Type, payload: Sequence[int]) -> int:
        key = (kind, leaf, str(element))
        if key not in self.extra:
            self.extra[key] = self.joint.add(kind, self.tile(leaf, element), payload)
        return self.extra[key]

    def _product(self, term: Term, element: ir.Type) -> Tile:
        """The parts of a term, multiplied."""
        product: Tile | None = None
        for view, exponent in term.parts:
            tile = self.tile(view, element)
            if product is None and exponent == 1:
                product = tile
                continue
            before = product or Tile(number(1.0, element), ())
            product = self._applied("mulf" if exponent == 1 else "divf", before, tile)
        return product or Tile(number(1.0, element), ())

    def _applied(self, name: str, left: Tile, right: Tile) -> Tile:
        """An op of two tiles, over the dimensions of both."""
        order = (*self.joint.names, *sorted({*left.names, *right.names} - {*self.joint.names}))
        names = tuple(n for n in order if n in left.names or n in right.names)
        return Tile(binary(name, aligned(left, names, self.sizes), aligned(right, names, self.sizes)), names)

    def _sum(self, fold: Fold, at: int, term: Term, element: ir.Type, payload: Sequence[int]) -> int:
        if not all(self.bounds.is_tame(view, exponent) for view, exponent in term.rows):
            raise NoWayError("a factor that may be infinite")
        guarded = self.bounds.parts(term)
        product = self._product(term, element)
        if term.exponent is None:
            return self.joint.add("add", product, payload)
        if any(set(view.names) - set(self.joint.names) for _, view in term.exponent.spread):
            raise NoWayError("an exponent that runs over more than rows")
        reference, weight = self._reference(fold, at, term, term.exponent, element)
        element_tile = self._applied("mulf", product, weight) if term.parts else weight
        return self.joint.add("add", element_tile, payload, reference=reference, guarded=guarded)

    # -- references --------------------------------------------------------------------------------

    def _reference(self, fold: Fold, at: int, term: Term, power: Exponent, element: ir.Type) -> tuple[Reference, Tile]:
        """What a power is relative to, and what each element weighs relative to itself."""
        found = self._shared(fold, at, power)
        if found is None:
            if term.parts:
                raise NoWayError("weights that may vanish beside their reference")
            found = self._own(fold, at, power, element)
        reference, tile, clamp = found
        value = converted(tile.value, element)
        own = value
        for kind in clamp:
            own = clamped(kind, own)
        return reference, Tile(weight_of(value, own, reference.slope), tile.names)

    def _shared(self, fold: Fold, at: int, power: Exponent) -> tuple[Reference, Tile, tuple[str, ...]] | None:
        """The maximum that the program itself subtracts, if it does."""
        wanted, offset = self.algebra.normal(power.spread)
        for other in self.cascade.folds:
            if other.result not in self.base or other.kind not in (LOWEST, HIGHEST) or len(other.factors) > 1:
                continue
            given, shift = self.algebra.normal(((1.0, other.factors[0]),))
            slope = ratio(wanted, given)
            if slope is None or (slope > 0) != (other.kind == LOWEST):
                continue
            rows = self._without(power.rows, View(other.result, other.rows), slope)
            if rows is None or not math.isclose(offset, slope * shift, abs_tol=1e-12):
                continue
            base = self.base[other.result]
            self.powers[fold, at] = rows
            return Reference(base, power.base, slope), self.tile(other.factors[0]), (other.kind,)
        return None

    def _without(self, rows: Atoms, maximum: View, slope: float) -> Atoms | None:
        """The late part of an exponent without the maximum that it subtracts; None where it doesn't."""
        for at, (coefficient, view) in enumerate(rows):
            if view == maximum and math.isclose(coefficient, -slope, rel_tol=1e-12):
                return ((coefficient, view), *rows[:at], *rows[at + 1 :])
        return None

    def _own(self, fold: Fold, at: int, power: Exponent, element: ir.Type) -> tuple[Reference, Tile, tuple[str, ...]]:
        """A maximum for this sum alone."""
        slope = power.spread[0][0]
        parts = [self._scaled(self.tile(view, element), factor / slope) for factor, view in power.spread]
        total = self._total(parts)
        kinds = (LOWEST, HIGHEST) if slope > 0 else (HIGHEST, LOWEST)
        key = (kinds, str(element), tuple(sorted((hash(v), c / slope) for c, v in power.spread)))
        if key not in self.extra:
            within = clamped(kinds[1], clamped(kinds[0], total.value))
            self.extra[key] = self.joint.add(kinds[0], Tile(within, total.names))
        self.powers[fold, at] = power.rows
        return Reference(self.extra[key], power.base, slope), total, kinds

    def _total(self, tiles: Sequence[Tile]) -> Tile:
        """The sum of some tiles."""
        total, *others = tiles
        for tile in others:
            total = self._applied("addf", total, tile)
        return total

    def _scaled(self, tile: Tile, factor: float) -> Tile:
        if factor == 1:
            return tile
        if factor == -1:
            return Tile(unary("arith.negf", tile.value), tile.names)
        return Tile(binary("mulf", tile.value, number(factor, tile.value.type)), tile.names)

    # -- at the end --------------------------------------------------------------------------------

    def _final(self, fold: Fold, plan: Sequence[int]) -> Tile:
        """The result of one of the program's reductions."""
        match fold.made_of:
            case None:
                return self.results[plan[0]]
            case Chain(steps=_) as chain:
                ends = [self._replayed(chain, self.results[at]) for at in plan]
                return self._with_init(fold, fold.kind, self._applied(fold.kind, *ends))
            case terms:
                ends = [self._end(fold, at, term, self.results[plan[at]]) for at, term in enumerate(terms)]
                return self._with_init(fold, "addf", self._total(ends))

    def _with_init(self, fold: Fold, name: str, tile: Tile) -> Tile:
        init = converted(self.clone(fold.init), element_of(tile.value.type))
        return self._applied(name, tile, Tile(init, fold.rows))

    def _replayed(self, chain: Chain, tile: Tile) -> Tile:
        """The function of a chain, of one of its ends."""
        for step in chain.steps:
            others = [tile if at == step.position else self.tile(operand) for at, operand in enumerate(step.operands)]
            tile = self._step(step.op, others)
        return tile

    def _step(self, op: ir.Operation, tiles: Sequence[Tile]) -> Tile:
        """An elementwise op on tiles, in a type as wide as they are."""
        if op.name in ("arith.extf", "arith.truncf"):
            return Tile(converted(tiles[0].value, wide(element_of(op.result.type))), tiles[0].names)
        element = wide(element_of(op.result.type))
        wider = [Tile(converted(tile.value, element), tile.names) for tile in tiles]
        if len(wider) == 1:
            return Tile(unary(op.name, wider[0].value), wider[0].names)
        return self._applied(op.name.removeprefix("arith."), wider[0], wider[1])

    def _end(self, fold: Fold, at: int, term: Term, tile: Tile) -> Tile:
        """A term of a sum, with what is late."""
        element = element_of(tile.value.type)
        if term.exponent is not None:
            power = self._power(term.exponent, self.powers[fold, at], self._referred(tile), element)
            tile = self._applied("mulf", tile, power)
        tile = self._scaled(tile, term.scale)
        for view, exponent in term.rows:
            tile = self._applied("mulf" if exponent == 1 else "divf", tile, self.tile(view, element))
        return tile

    def _referred(self, tile: Tile) -> tuple[Reference, Tile]:
        at = next(at for at, result in enumerate(self.results) if result.value == tile.value)
        reference = self.joint.accumulators[at].reference
        assert reference is not None, "a sum of powers has a reference"
        return reference, self.results[reference.at]

    def _power(self, power: Exponent, rows: Atoms, referred: tuple[Reference, Tile], element: ir.Type) -> Tile:
        """What a sum of powers relative to its reference is multiplied with: slope * reference + rows, to the power."""
        reference, tile = referred
        kind = self.joint.accumulators[reference.at].kind
        start = clamped(kind, converted(tile.value, element))
        groups: dict[float, Tile] = {abs(reference.slope): self._signed(Tile(start, tile.names), reference.slope)}
        for coefficient, view in rows:
            signed = self._signed(self.tile(view, element), coefficient)
            if abs(coefficient) in groups:
                signed = self._applied("addf", groups[abs(coefficient)], signed)
            groups[abs(coefficient)] = signed
        total = self._total([self._scaled(group, size) for size, group in groups.items()])
        return Tile(unary(power.base, total.value), total.names)

    def _signed(self, tile: Tile, sign: float) -> Tile:
        return tile if sign > 0 else Tile(unary("arith.negf", tile.value), tile.names)
