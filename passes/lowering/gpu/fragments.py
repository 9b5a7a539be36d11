"""What one lane holds of a tile: rows of neighbours, each a scalar or a short vector.

    tensor<2x256xf32>, lanes [1, 32], elements [1, 4]   ->   a lane holds 2 x 8 elements, in 4 rows of vector<4xf32>

Rows are in row-major order of what the lane holds. Elementwise ops are ops per row, and a row is what one access of
memory takes; ops that move elements about take rows apart into scalars, which cost nothing in registers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from powerfusion.core._mlir import create, element_of, i64_array
from powerfusion.mlir import ir
from powerfusion.passes.lowering.gpu.lanes import Layout

Scalars = npt.NDArray[Any]
"""Values, one per element that a lane holds, in the fragment's shape."""


@dataclass(frozen=True)
class Fragment:
    """What a lane holds of a tile.

    Attributes:
        layout: How the tile is dealt out.
        rows: Scalars, or vectors of the layout's innermost elements.
    """

    layout: Layout
    rows: tuple[ir.Value, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many elements it has per dimension of the tile."""
        return held_shape(self.layout)

    def scalars(self) -> Scalars:
        """Its elements, one by one."""
        return filled(self.shape, [part for row in self.rows for part in elements_of(row)])


def held_shape(layout: Layout) -> tuple[int, ...]:
    """How many elements a lane holds per dimension."""
    return tuple(dim.held for dim in layout)


def width_of(layout: Layout) -> int:
    """How many elements a row has."""
    return layout[-1].elements if layout else 1


def row_places(layout: Layout) -> list[tuple[int, ...]]:
    """Per row the number of its first element along each dimension, of those that a lane holds."""
    shape = held_shape(layout)
    if not shape:
        return [()]
    width = width_of(layout)
    return [(*place[:-1], place[-1] * width) for place in np.ndindex(*shape[:-1], shape[-1] // width)]


def row_type(layout: Layout, element: ir.Type) -> ir.Type:
    """The type of a row."""
    width = width_of(layout)
    return element if width == 1 else ir.VectorType.get([width], element)


def filled(shape: tuple[int, ...], values: Iterable[Any]) -> Scalars:
    """An array of values, in row-major order."""
    array = np.empty(prod(shape), object)
    for at, value in enumerate(values):
        array[at] = value
    return array.reshape(shape)


def fragment_of(layout: Layout, scalars: Scalars) -> Fragment:
    """The fragment that has these elements."""
    width = width_of(layout)
    flat = list(scalars.reshape(-1))
    return Fragment(layout, tuple(joined(flat[at : at + width]) for at in range(0, len(flat), width)))


def elements_of(row: ir.Value) -> list[ir.Value]:
    """The elements of a row."""
    if not isinstance(row.type, ir.VectorType):
        return [row]
    return [extracted(row, at) for at in range(row.type.shape[0])]


def extracted(row: ir.Value, at: int) -> ir.Value:
    """One element of a vector."""
    return create("vector.extract", [row], [element_of(row.type)], {"static_position": i64_array([at])}).result


def joined(scalars: Sequence[ir.Value]) -> ir.Value:
    """Some elements as a row; the vector that they are the elements of, where they are just that."""
    first = scalars[0]
    if len(scalars) == 1:
        return first
    type_ = ir.VectorType.get([len(scalars)], first.type)
    whole = _taken_apart(scalars)
    if whole is not None and whole.type == type_:
        return whole
    if all(scalar == first for scalar in scalars):
        return create("vector.broadcast", [first], [type_]).result
    return create("vector.from_elements", list(scalars), [type_]).result


def _taken_apart(scalars: Sequence[ir.Value]) -> ir.Value | None:
    """The vector whose elements these are, all of them and in order."""
    source: ir.Value | None = None
    for at, scalar in enumerate(scalars):
        op = scalar.owner
        if isinstance(op, ir.Block) or op.name != "vector.extract" or len(op.operands) != 1:
            return None
        if list(op.attributes["static_position"]) != [at] or (source is not None and op.operands[0] != source):
            return None
        source = op.operands[0]
    return source
