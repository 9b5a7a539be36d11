"""Values of the old kernels in the kernel of a cascade, and arithmetic on them over whatever dimensions they have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import constant_of, create, defining_op, is_tensor, producer
from powerfusion.mlir import ir
from powerfusion.passes.expansion.algebra import NotSeparableError
from powerfusion.passes.expansion.tiles import Shapes, Tile, binary, converted, select, unary
from powerfusion.passes.expansion.values import FOLDING, Values, View
from powerfusion.passes.fusion.rebuild import copy_op


@dataclass
class Cloner:
    """Makes values at the insertion point, each once.

    Attributes:
        values: The graph that they are of.
        shapes: How long named dimensions are.
        order: The names in the order that dimensions are to have; others come behind.
        inside: Per value of the function, the kernel's argument.
        inlined: Kernels whose values are computed again, not loaded.
        known: What was made, and what is known otherwise: the results of reductions, in the end.
    """

    values: Values
    shapes: Shapes
    order: tuple[int, ...]
    inside: Mapping[ir.Value, ir.Value]
    inlined: Collection[ir.Operation]
    known: dict[ir.Value, ir.Value] = field(default_factory=dict[ir.Value, ir.Value])

    def clone(self, value: ir.Value) -> ir.Value:
        """A value of the old kernels in the new one; raises NotSeparableError where it isn't to be had."""
        value = self.values.canonical(value)
        if value not in self.known:
            self.known[value] = self._cloned(value)
        return self.known[value]

    def _cloned(self, value: ir.Value) -> ir.Value:
        op = defining_op(value)
        if op is None:
            return self._argument(value)
        if op.parent.operation not in self.inlined and value in self.values.holders:
            source = self._argument(self.values.holders[value])
            return create("gir.move", [source], [value.type], loc=op.location).result
        if op.name in FOLDING or any(len(region.blocks) for region in op.regions):
            raise NotSeparableError("what it needs is reduced elsewhere")
        operands = {operand: self.clone(operand) for operand in op.operands}
        return copy_op(op, operands).results[ir.OpResult(value).result_number]

    def _argument(self, value: ir.Value) -> ir.Value:
        outer = self.values.outer.get(value, value)
        if outer not in self.inside:
            raise NotSeparableError("what it needs isn't there yet")
        return self.inside[outer]

    def tile(self, view: View, element: ir.Type | None = None) -> Tile:
        """A view, as floats of a type if one is given."""
        if is_tensor(view.value) and not view.names and view.value.type.rank:
            value = self._scalar(view.value)
        else:
            value = self.clone(view.value)
        return Tile(value if element is None else converted(value, element), view.names)

    def _scalar(self, value: ir.Value) -> ir.Value:
        """The one element of a tensor that is the same everywhere."""
        constant = constant_of(value)
        if constant is None:
            return self.clone(producer(value).operands[0])
        splat = ir.DenseElementsAttr(constant).get_splat_value()
        return create("arith.constant", results=[splat.type], attributes={"value": splat}).result

    # -- arithmetic --------------------------------------------------------------------------------

    def apply(self, name: str, left: Tile, right: Tile) -> Tile:
        """An op of two tiles, over the dimensions of both."""
        names = tuple(n for n in self._ordered(left, right) if n in left.names or n in right.names)
        return Tile(binary(name, self.shapes.aligned(left, names), self.shapes.aligned(right, names)), names)

    def masked(self, tile: Tile, masks: Sequence[tuple[View, bool]], otherwise: float = 0.0) -> Tile:
        """A tile where some flags are what they must be, a number elsewhere."""
        for view, wanted in masks:
            flags = self.tile(view)
            names = tuple(n for n in self._ordered(tile, flags) if n in tile.names or n in flags.names)
            value = Tile(self.shapes.aligned(tile, names), names)
            other = self.shapes.number(otherwise, value)
            sides = (value.value, other) if wanted else (other, value.value)
            tile = Tile(select(self.shapes.aligned(flags, names), *sides), names)
        return tile

    def _ordered(self, left: Tile, right: Tile) -> tuple[int, ...]:
        return (*self.order, *sorted({*left.names, *right.names} - {*self.order}))

    def total(self, tiles: Sequence[Tile]) -> Tile:
        """The sum of some tiles."""
        total, *others = tiles
        for tile in others:
            total = self.apply("addf", total, tile)
        return total

    def scale(self, tile: Tile, factor: float) -> Tile:
        """A tile times a number."""
        if factor == 1:
            return tile
        if factor == -1:
            return Tile(unary("arith.negf", tile.value), tile.names)
        return Tile(binary("mulf", tile.value, self.shapes.number(factor, tile)), tile.names)
