"""Vectors of chosen lanes of others, by shuffles of two vectors at a time."""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import create, element_of, i64_array
from powerfusion.mlir import ir

ANY = -1  # a lane that may hold anything

Lane = tuple[ir.Value, int]
"""A vector, and which of its lanes; `ANY` of them where it may hold anything."""


def shuffle(left: ir.Value, right: ir.Value, mask: Sequence[int]) -> ir.Value:
    """Lanes of two vectors of a length, those of the second numbered behind those of the first; `ANY` is none."""
    if len(mask) == left.type.shape[0] and all(lane in (at, ANY) for at, lane in enumerate(mask)):
        return left
    type_ = ir.VectorType.get([len(mask)], element_of(left.type))
    return create("vector.shuffle", [left, right], [type_], {"mask": i64_array(list(mask))}).result


def blended(lanes: Sequence[Lane]) -> ir.Value:
    """A vector of some lanes of vectors: of two of a length at once, of each further one on top of these."""
    first, *others = dict.fromkeys(vector for vector, _ in lanes)
    length = first.type.shape[0]
    second = next((vector for vector in others if vector.type == first.type), first)
    offsets = {first: 0} if second == first else {first: 0, second: length}
    there = [(vector, lane) if lane != ANY else (None, ANY) for vector, lane in lanes]
    made = shuffle(first, second, [offsets[vector] + lane if vector in offsets else ANY for vector, lane in there])
    for vector in others:
        if vector == second:
            continue
        moved = shuffle(vector, vector, [lane if of == vector else ANY for of, lane in there])
        own = [of == vector for of, _ in there]
        made = shuffle(made, moved, [len(lanes) + at if mine else at for at, mine in enumerate(own)])
    return made


def side_by_side(parts: Sequence[ir.Value]) -> ir.Value:
    """Vectors of one length as one, two by two; where their number isn't a power of two, anything is behind them."""
    made = list(parts)
    while len(made) > 1:
        width = made[0].type.shape[0]
        pairs = [(made[at], made[at + 1] if at + 1 < len(made) else None) for at in range(0, len(made), 2)]
        made = [
            shuffle(left, left, [*range(width), *[ANY] * width])
            if right is None
            else shuffle(left, right, list(range(2 * width)))
            for left, right in pairs
        ]
    return made[0]
