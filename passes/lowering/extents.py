"""Which elements of a tile are there: flags for its rows, masks for its lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import create, index_constant, integer_of
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import compare, constant
from powerfusion.passes.lowering.registers import Tile, lane_dim, lanes_of, row_indices, rows_of, tile_of

SGT = 4

Flag = ir.Value | bool


@dataclass(frozen=True)
class Extents:
    """The valid extents of a tile.

    Attributes:
        shape: The tile's.
        counts: Per dimension how many elements are there, None where all are.
    """

    shape: tuple[int, ...]
    counts: tuple[ir.Value | None, ...]

    @classmethod
    def of(cls, shape: Sequence[int], valid: Sequence[ir.Value], dims: Sequence[int] | None = None) -> Extents:
        """Extents as an op gives them, or none; only those of `dims` where they are all that matters."""
        counts: list[ir.Value | None] = [None] * len(shape)
        for dim, count in enumerate(valid):
            if (dims is None or dim in dims) and integer_of(count) != shape[dim]:
                counts[dim] = count
        return cls(tuple(shape), tuple(counts))

    @classmethod
    def left(cls, shape: Sequence[int], valid: Sequence[ir.Value], dims: Sequence[int]) -> Extents:
        """Extents of what is left of an op's operand once `dims` are folded away; beyond `valid` is payload."""
        kept = [count for dim, count in enumerate(valid) if dim not in dims]
        return cls.of(shape, kept)

    def merged(self, made: Tile, given: Tile) -> Tile:
        """A tile where it is there, another one elsewhere."""
        masks = [self.mask(place) for place in row_indices(self.shape)]
        rows = zip(masks, rows_of(made), rows_of(given), strict=True)
        return tile_of([choose(mask, row, other) for mask, row, other in rows])

    def flag(self, place: Sequence[int], skip: int | None = None) -> Flag:
        """Whether an element is there, as far as all dimensions but one say."""
        flag: Flag = True
        for dim, (index, count) in enumerate(zip(place, self.counts, strict=True)):
            if count is None or dim == skip:
                continue
            known = integer_of(count)
            flag = both(flag, index < known if known is not None else _more(count, index))
        return flag

    def lanes(self, place: Sequence[int]) -> int | None:
        """How many lanes of a row are there, the first ones; None where that isn't known."""
        dim = lane_dim(self.shape)
        flag = self.flag(place, dim)
        if flag is False:
            return 0
        count = None if dim is None else self.counts[dim]
        if flag is not True or count is None:
            return None if flag is not True else lanes_of(self.shape)
        known = integer_of(count)
        return None if known is None else max(min(known, lanes_of(self.shape)), 0)

    def count(self, place: Sequence[int]) -> ir.Value:
        """How many lanes of a row are there, the first ones, where that is known only when the program runs, too."""
        dim = lane_dim(self.shape)
        flag = self.flag(place, dim)
        given = None if dim is None else self.counts[dim]
        known = index_constant(lanes_of(self.shape)) if given is None else given
        return choose(flag, known, index_constant(0))

    def mask(self, place: Sequence[int]) -> Flag:
        """Which lanes of a row are there: all (True), none (False), a vector of flags, or one flag of a scalar."""
        dim = lane_dim(self.shape)
        flag = self.flag(place, dim)
        count = None if dim is None else self.counts[dim]
        if flag is False or dim is None:
            return flag
        if flag is True and count is None:
            return True
        known = index_constant(self.shape[dim]) if count is None else count
        if isinstance(flag, ir.Value):
            known = create("arith.select", [flag, known, index_constant(0)], [known.type]).result
        type_ = ir.VectorType.get([self.shape[dim]], ir.IntegerType.get_signless(1))
        return create("vector.create_mask", [known], [type_]).result


def _more(count: ir.Value, index: int) -> ir.Value:
    return compare("arith.cmpi", SGT, count, index_constant(index))


def both(left: Flag, right: Flag) -> Flag:
    """Whether two flags hold; those that are known when compiling cost nothing."""
    if isinstance(left, bool):
        return right if left else False
    if isinstance(right, bool):
        return left if right else False
    return create("arith.andi", [left, right], [left.type]).result


def flag_value(flag: Flag) -> ir.Value:
    """A flag as a value."""
    i1 = ir.IntegerType.get_signless(1)
    return constant(i1, ir.IntegerAttr.get(i1, int(flag))) if isinstance(flag, bool) else flag


def choose(flag: Flag, true: ir.Value, false: ir.Value) -> ir.Value:
    """One of two values, scalars or vectors, by a flag or by a flag per lane."""
    if isinstance(flag, bool):
        return true if flag else false
    return create("arith.select", [flag, true, false], [true.type]).result
