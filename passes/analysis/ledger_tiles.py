"""What index tiles hold, for gathers and scatters: their elements say what is accessed.

The elements of a tile are axes like the loops around it. An index that is computed from `iota`,
scalars and constants is then known everywhere, one that was loaded only where it is there; elements
past an edge are unspecified, and an index outside of the table is no access:

    %r = gir.load %i[%j] valid [%v]              there where k < v
    %c = gir.iota dim 1 offset(%j)               j + l, so there where j + l < columns
    gir.gather %t[%r, %c]                        v x min(32, columns - j) elements
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from powerfusion.core._mlir import constant_of, defining_op, integers, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_access import Look
from powerfusion.passes.analysis.ledger_index import EVALUATED
from powerfusion.passes.analysis.ledger_numbers import (
    Axis,
    Number,
    UnknownIndex,
    add,
    counter,
    pointwise,
    positive,
)


@dataclass(frozen=True, eq=False)
class Elements:
    """The elements that a gather or scatter accesses in one execution.

    Attributes:
        counts: Extents, where they are a box.
        axes: Else the dimensions of the tile,
        masks: and where in them an element is accessed.
        exact: False where there may be fewer.
    """

    counts: tuple[Number, ...] = ()
    axes: tuple[Axis, ...] = ()
    masks: tuple[Number, ...] = ()
    exact: bool = True


def accessed_elements(indices: Sequence[ir.Value], table: ir.Value, valid: Sequence[ir.Value], look: Look) -> Elements:
    """The elements for which all indices are there and in the table."""
    part = look.part(indices[0])
    if part is not None:
        return Elements(counts=part)
    shape = look.shape(indices[0])
    if not all(isinstance(size, int) for size in shape):
        return Elements(counts=shape)
    axes = tuple(Axis(size, "lane") for size in shape if isinstance(size, int))
    try:
        extents = [look.number(extent) for extent in valid]
        masks = [_below(_counter(axis), extent) for axis, extent in zip(axes, extents, strict=False)]
        tiles = _Tiles(look)
        for index, size in zip(indices, look.shape(table), strict=True):
            value = tiles.of(index, axes)
            if value is not None:
                masks.append(_inside(value, size))
        kept = tuple(mask for mask in [*masks, *tiles.masks] if mask != 1)
        return Elements(axes=axes, masks=kept) if kept else Elements(counts=shape)
    except UnknownIndex:
        most = [positive(look.number(extent)) for extent in valid]
        return Elements(counts=tuple(most) or shape, exact=False)


def _below(index: Number, end: Number) -> Number:
    return pointwise(lambda a, b: (a < b).astype(np.int64), index, end)


def _inside(value: Number, size: Number) -> Number:
    """Where an index is one of a table."""
    return pointwise(lambda a, b: ((a >= 0) & (a < b)).astype(np.int64), value, size)


@dataclass
class _Tiles:
    """Evaluates index tiles; gathers where their elements are there."""

    look: Look
    masks: list[Number] = field(default_factory=list)

    def of(self, value: ir.Value, axes: Sequence[Axis]) -> Number | None:
        """The elements of a tile whose dimensions are axes; None where they aren't known."""
        op = defining_op(value)
        if op is None:
            return None
        match op.name:
            case "gir.iota":
                offset = segments(op)[0]
                along = _counter(axes[ir.IntegerAttr(op.attributes["dim"]).value])
                return add(along, self.look.number(offset[0])) if offset else along
            case "tensor.splat":
                return self._scalar(op.operands[0])
            case "arith.constant":
                return self._constant(op)
            case "gir.load":
                self._loaded(op, axes)
                return None
            case "gir.move":
                return None
            case "gir.permute":
                perm = integers(op.attributes["perm"])
                return self.of(op.operands[0], [axes[perm.index(dim)] for dim in range(len(perm))])
            case "gir.broadcast":
                new = integers(op.attributes["dims"])
                return self.of(op.operands[0], [axis for dim, axis in enumerate(axes) if dim not in new])
            case "arith.select" if (chosen := self._chosen(op, axes)) is not None:
                self.masks.append(chosen)
                return self.of(op.operands[1], axes)
            case name if name in EVALUATED or name.startswith(("arith.", "math.")):
                return self._computed(op, axes)
            case _:
                return None

    def _scalar(self, value: ir.Value) -> Number | None:
        try:
            return self.look.number(value)
        except UnknownIndex:
            return None

    def _constant(self, op: ir.Operation) -> Number | None:
        value = constant_of(op.result)
        if isinstance(value, ir.DenseElementsAttr) and value.is_splat:
            splat = value.get_splat_value()
            return ir.IntegerAttr(splat).value if isinstance(splat, ir.IntegerAttr) else None
        return None

    def _loaded(self, op: ir.Operation, axes: Sequence[Axis]) -> None:
        """A tile that was loaded is there as far as it is valid."""
        valid = list(op.operands)[1 + len(axes) :]
        for axis, extent in zip(axes, valid, strict=False):
            self.masks.append(_below(_counter(axis), self.look.number(extent)))

    def _chosen(self, op: ir.Operation, axes: Sequence[Axis]) -> Number | None:
        """Where a tile isn't chosen to point out of every table; None where that can't be told."""
        elsewhere = self.of(op.operands[2], axes)
        if not isinstance(elsewhere, int) or elsewhere >= 0:
            return None
        return self.of(op.operands[0], axes)

    def _computed(self, op: ir.Operation, axes: Sequence[Axis]) -> Number | None:
        tiles = [operand for operand in op.operands if isinstance(operand.type, ir.ShapedType)]
        found = [self.of(operand, axes) if operand in tiles else self._scalar(operand) for operand in op.operands]
        known = [number for number in found if number is not None]
        if len(known) < len(found) or op.name not in EVALUATED:
            return None
        return EVALUATED[op.name](op, known)


def _counter(axis: Axis) -> Number:
    """The index along a dimension; where there is only one, 0."""
    return counter(axis) if axis.size > 1 else 0
