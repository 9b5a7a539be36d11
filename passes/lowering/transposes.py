"""Transposition of tiles in registers: rows are exchanged with lanes in a butterfly of shuffles.

An n x n block takes log2(n) rounds; each exchanges, between rows that are d apart, pieces of d lanes:

    a b | c d          a b | e f
    e f | g h   d=2    c d | g h       (and so on with d = 1)

Of a tile that is longer one way, squares lie side by side in vectors as long as its longer side.
"""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import create, element_of, i64_array
from powerfusion.mlir import ir
from powerfusion.passes.lowering.registers import Tile, rows_of, tile_of


def can_transpose(shape: Sequence[int], perm: Sequence[int]) -> bool:
    """Whether a permutation exchanges the two long dimensions of a tile, both powers of two."""
    long = [dim for dim, size in enumerate(shape) if size != 1]
    moved = [dim for dim in perm if shape[dim] != 1]
    return len(long) == 2 and moved == long[::-1] and all(shape[dim] & (shape[dim] - 1) == 0 for dim in long)


def transpose(tile: Tile) -> Tile:
    """A tile of rows x lanes as one of lanes x rows; squares of either's length lie side by side in a vector."""
    rows = rows_of(tile)
    count, lanes = len(rows), rows[0].type.shape[0]
    side = min(count, lanes)
    stacked = [_joined(rows[at::side]) for at in range(side)]
    made = _transpose_squares(stacked)
    places = range(0, lanes, side)
    return tile_of([_shuffle(row, row, range(left, left + count)) for left in places for row in made])


def _transpose_squares(rows: list[ir.Value]) -> list[ir.Value]:
    """Squares beside one another, each transposed where it is."""
    side, lanes = len(rows), rows[0].type.shape[0]
    distance = side // 2
    while distance:
        made = list(rows)
        for at in (at for at in range(side) if not at & distance):
            upper, lower = rows[at], rows[at + distance]
            made[at] = _shuffle(
                upper, lower, [lane if not lane & distance else lanes + lane - distance for lane in range(lanes)]
            )
            made[at + distance] = _shuffle(
                upper, lower, [lane + distance if not lane & distance else lanes + lane for lane in range(lanes)]
            )
        rows, distance = made, distance // 2
    return rows


def _joined(parts: list[ir.Value]) -> ir.Value:
    """Vectors of one length, a power of two of them, side by side."""
    while len(parts) > 1:
        width = parts[0].type.shape[0]
        parts = [_shuffle(left, right, range(2 * width)) for left, right in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _shuffle(left: ir.Value, right: ir.Value, lanes: Sequence[int]) -> ir.Value:
    if left == right and list(lanes) == list(range(left.type.shape[0])):
        return left
    type_ = ir.VectorType.get([len(lanes)], element_of(left.type))
    return create("vector.shuffle", [left, right], [type_], {"mask": i64_array(list(lanes))}).result
