"""How much of a tile is there, for gathers and scatters: their indices say how many elements move.

Elements of a tile past an edge are unspecified; an index there is no access. What is there is said
by the loads that a tile is computed from, and by the table's own size where an index is an `iota`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from powerfusion.core._mlir import defining_op, integers, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_numbers import Number, UnknownIndex, add, minimum, positive, scale, subtract

if TYPE_CHECKING:
    from powerfusion.passes.analysis.ledger_bytes import Look

Extents = tuple[Number, ...]


@dataclass(frozen=True, eq=False)
class Counted:
    """An index tile that counts along one dimension: `offset + i`."""

    dim: int
    offset: Number


def tile_extents(value: ir.Value, look: Look) -> tuple[Extents, bool]:
    """The extents of a tile that are there, from its place on."""
    try:
        return _there(value, look), True
    except UnknownIndex:
        return tuple(value.type.shape), False


def _there(value: ir.Value, look: Look) -> Extents:
    op = defining_op(value)
    shape = tuple(value.type.shape)
    if op is None:
        return shape
    match op.name:
        case "gir.load":
            valid = list(op.operands)[1 + len(shape) :]
            return tuple(look.number(size) for size in valid) if valid else shape
        case "gir.gather":
            return gathered(op, look)
        case "gir.permute":
            inner = _there(op.operands[0], look)
            return tuple(inner[source] for source in integers(op.attributes["perm"]))
        case "gir.broadcast":
            new = integers(op.attributes["dims"])
            inner = iter(_there(op.operands[0], look))
            return tuple(size if dim in new else next(inner) for dim, size in enumerate(shape))
        case "gir.reduce":
            dims = integers(op.attributes["dims"])
            inner = _there(segments(op)[0][0], look)
            return tuple(size for dim, size in enumerate(inner) if dim not in dims)
        case name if name.startswith(("arith.", "math.")):
            tiles = [operand for operand in op.operands if isinstance(operand.type, ir.RankedTensorType)]
            return _least([_there(tile, look) for tile in tiles], shape)
        case _:
            return shape


def _least(tiles: Sequence[Extents], shape: Sequence[int]) -> Extents:
    result: list[Number] = list(shape)
    for tile in tiles:
        result = [_smaller(left, right) for left, right in zip(result, tile, strict=True)]
    return tuple(result)


def _smaller(left: Number, right: Number) -> Number:
    """The smaller of two extents; of a tile's size and what is there of it, that."""
    if isinstance(left, int) and not isinstance(right, int):
        return right
    if isinstance(right, int) and not isinstance(left, int):
        return left
    return minimum(left, right)


def gathered(op: ir.Operation, look: Look) -> Extents:
    """What a gather reads: where all indices are there and in the table."""
    table, *indices = op.operands
    extents = _least([_there(index, look) for index in indices], op.result.type.shape)
    try:
        sizes: Sequence[Number] = look.buffer(table).sizes
    except UnknownIndex:
        sizes = table.type.shape
    for index, size in zip(indices, sizes, strict=True):
        found = counted(index, look)
        if found is not None:
            left = positive(subtract(size, found.offset))
            extents = (*extents[: found.dim], minimum(extents[found.dim], left), *extents[found.dim + 1 :])
    return extents


def counted(value: ir.Value, look: Look) -> Counted | None:
    """What an index tile counts along, if it is an iota."""
    op = defining_op(value)
    if op is None:
        return None
    match op.name:
        case "gir.iota":
            offset = segments(op)[0]
            return Counted(ir.IntegerAttr(op.attributes["dim"]).value, look.number(offset[0]) if offset else 0)
        case "gir.permute" if (inner := counted(op.operands[0], look)) is not None:
            return Counted(integers(op.attributes["perm"]).index(inner.dim), inner.offset)
        case "gir.broadcast" if (inner := counted(op.operands[0], look)) is not None:
            new = integers(op.attributes["dims"])
            kept = [dim for dim in range(op.result.type.rank) if dim not in new]
            return Counted(kept[inner.dim], inner.offset)
        case "arith.addi" | "arith.subi":
            return _shifted(op, look)
        case _:
            return None


def _shifted(op: ir.Operation, look: Look) -> Counted | None:
    """An iota plus or less something that is the same everywhere."""
    base = counted(op.operands[0], look)
    splat = defining_op(op.operands[1])
    if base is None or splat is None or splat.name != "tensor.splat":
        return None
    shift = look.number(splat.operands[0])
    return Counted(base.dim, add(base.offset, shift if op.name == "arith.addi" else scale(shift, -1)))
