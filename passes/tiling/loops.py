"""Loops of tile form: groups, serial loops over a dimension, and the axes that they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import DYNAMIC, create, index_constant
from powerfusion.mlir import ir
from powerfusion.passes.tiling.windows import Axis, affine_apply, affine_map, affine_min, index_op

CHUNK = 64  # tiles that a group takes of a kernel's only dimension
PARALLEL_DIMS = 2


@dataclass(frozen=True)
class Range:
    """What a loop runs over: from `low` to `high`, an SSA value each, a tile of `step` elements at a time.

    Attributes:
        low: The first index.
        high: The index behind the last.
        step: Elements of a tile.
        static: The size of the dimension, `DYNAMIC` where it isn't known.
        reverse: Whether the last tile comes first; then `low` is 0.
    """

    low: ir.Value
    high: ir.Value
    step: int
    static: int
    reverse: bool = False

    def axis(self, index: ir.Value) -> Axis:
        """The axis of a step, at the insertion point in the loop."""
        if self.reverse:
            step = self.step
            last = affine_map(2, lambda size, at: ir.AffineExpr.get_ceil_div(size, step) * step - at - step)
            index = affine_apply(last, [self.high, index])
        whole = self.step == 1 or (self.static != DYNAMIC and self.static % self.step == 0)
        return Axis(index, self.step, None if whole else affine_min(_step_map(self.step), [index, self.high]))


def whole_range(size: ir.Value, static: int, step: int = 1, *, reverse: bool = False) -> Range:
    """A loop over all of a dimension."""
    return Range(index_constant(0), size, step, static, reverse)


def serial(
    over: Range, inits: Sequence[ir.Value], body: Callable[[Axis, list[ir.Value]], Sequence[ir.Value]]
) -> list[ir.Value]:
    """An `scf.for`: `body` gets the step's axis and what the loop carries, and gives what it goes on with."""
    operands = [over.low, over.high, index_constant(over.step), *inits]
    loop = create("scf.for", operands, [init.type for init in inits], regions=1)
    types = [ir.IndexType.get(), *(init.type for init in inits)]
    block = loop.regions[0].blocks.append(*types, arg_locs=[loop.location] * len(types))
    index, *carried = block.arguments
    with ir.InsertionPoint(block):
        create("scf.yield", list(body(over.axis(index), carried)))
    return list(loop.results)


def groups(counts: Sequence[ir.Value], body: Callable[[list[ir.Value]], None]) -> None:
    """A `gir.parallel` over groups."""
    attributes = {"scope": ir.Attribute.parse("#gir.scope<group>")}
    op = create("gir.parallel", counts, attributes=attributes, regions=1)
    block = op.regions[0].blocks.append(*[ir.IndexType.get()] * len(counts), arg_locs=[op.location] * len(counts))
    with ir.InsertionPoint(block):
        body(list(block.arguments))
        create("gir.yield")


def chunk_range(index: ir.Value, size: ir.Value, static: int, step: int, tiles: int) -> Range:
    """The part of a dimension that one group takes: `tiles` tiles from `index` on."""
    chunk = step * tiles
    low = affine_apply(affine_map(1, lambda d: d * chunk), [index])
    return Range(low, affine_min(_chunk_map(chunk), [low, size]), step, static)


def ceil_div(size: ir.Value, by: int) -> ir.Value:
    """How many parts of a size there are."""
    return index_op("arith.ceildivui", [size, index_constant(by)])


def lanes_of(static: int, width: int) -> int:
    """How long a tile along a dimension is: the width, or less where the dimension is short."""
    if static == DYNAMIC or static >= width:
        return width
    return 1 << max(static - 1, 1).bit_length()


def _chunk_map(chunk: int) -> ir.AffineMap:
    """(low, size) -> (low + chunk, size): where a chunk ends."""
    low, size = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
    return ir.AffineMap.get(2, 0, [low + chunk, size])


def _step_map(step: int) -> ir.AffineMap:
    """(index, end) -> (step, end - index): how much of a step is there."""
    index, end = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
    return ir.AffineMap.get(2, 0, [ir.AffineConstantExpr.get(step), end - index])
