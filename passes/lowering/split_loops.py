"""`gir-split-loops`: where most steps of a loop have no border, those that have one are loops of their own.

Rewrite:
    for %i = 0 to 56 step 4                      ⇒  for %i = 0 to 4 step 4      rows -1 .. 4, the first is none
      %t = gir.load %x[%i - 1] clip : 6 rows         ...
      %k = (gir.iota offset(%i - 1) >= 0)        for %i = 4 to 52 step 4     all rows are there
      %y = arith.select %k, %t, %border              %y = gir.load %x[%i - 1] clip
                                                 for %i = 52 to 56 step 4    the last is none

A tile's places are compared with a border by their numbers: a comparison that comes out the same for all of a tile's
places, in all steps that are left, is a constant. A loop is cut where that changes, once before most of its steps and
once behind; inner loops first, as long as a kernel doesn't get too long. What a load with `clip` needn't look at its
lowering sees from the loop's bounds. Nothing is done in another order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from powerfusion.core._mlir import (
    constant_of,
    create,
    defining_op,
    entry_block,
    index_constant,
    integer_of,
    operations,
    segments,
    walk_numbered,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir
from powerfusion.passes.lowering.ranges import Range, line_of, range_of
from powerfusion.passes.scheduling.contiguity import divisor

FLIPS = {2: 0, 3: 1, 4: 1, 5: 0, 6: 0, 7: 1, 8: 1, 9: 0}
"""By predicate of `arith.cmpi`, of those that order: by how much it changes behind the number on its right."""
LESS = {2: True, 3: True, 4: False, 5: False, 6: True, 7: True, 8: False, 9: False}
"""By predicate, what it is for numbers before that."""
UNSIGNED = 6  # the first predicate that takes numbers as such


@dataclass(frozen=True)
class Places:
    """Numbers that are compared: a tile's, along one dimension.

    Attributes:
        start: The first one.
        count: How many there are.
        border: From which on a comparison comes out otherwise.
    """

    start: ir.Value
    count: int
    border: int


@register_pass
@dataclass(frozen=True)
class SplitLoopsPass(Pass):
    """Splits loops of which most steps have no border."""

    name: ClassVar[str] = "gir-split-loops"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    most_ops: int = option(1024, help="Ops of a kernel beyond which no loop in it is split")

    def run(self, op: ir.Operation) -> None:
        """Splits loops in every kernel, and folds what is then known."""
        for kernel in [each for _, each in walk_numbered(op) if each.name == "gir.kernel"]:
            for loop in [each for each in _inner_first(kernel) if each.name == "scf.for"]:
                if len(list(walk_numbered(kernel))) + 2 * len(list(walk_numbered(loop))) <= self.most_ops:
                    _split(loop)
            for compare in [each for _, each in walk_numbered(kernel) if each.name == "arith.cmpi"]:
                _fold(compare)


def _inner_first(op: ir.Operation) -> Iterator[ir.Operation]:
    """The ops within one, those inside of another before it."""
    for region in op.regions:
        for block in region.blocks:
            for inner in operations(block):
                yield from _inner_first(inner)
                yield inner


# -- what changes ------------------------------------------------------------------------------


def _places_in(loop: ir.Operation) -> Iterator[Places]:
    """All that is compared within a loop."""
    for _, op in walk_numbered(loop):
        if op.name == "arith.cmpi":
            found = _compared(op)
            if found is not None:
                yield found
        elif op.name == "gir.load" and "clip" in op.attributes:
            (source,), indices, _ = segments(op)
            for index, length, size in zip(indices, op.result.type.shape, source.type.shape, strict=True):
                yield Places(index, length, 0)
                if size != ir.ShapedType.get_dynamic_size():
                    yield Places(index, length, size)


def _compared(op: ir.Operation) -> Places | None:
    """The places of a tile that a comparison with one number is of."""
    places, number = defining_op(op.operands[0]), constant_of(op.operands[1])
    predicate = ir.IntegerAttr(op.attributes["predicate"]).value
    if places is None or places.name != "gir.iota" or predicate not in FLIPS:
        return None
    if not isinstance(number, ir.DenseElementsAttr) or not number.is_splat:
        return None
    border = ir.IntegerAttr(number.get_splat_value()).value + FLIPS[predicate]
    offsets, dynamic = segments(places)
    if dynamic:
        return None
    start = offsets[0] if offsets else None
    low = Range(0, 0) if start is None else range_of(start)
    if predicate >= UNSIGNED and (low is None or low.low < 0 or border < 0):
        return None
    if start is None:
        with ir.InsertionPoint(op):
            start = index_constant(0)
    return Places(start, op.result.type.shape[ir.IntegerAttr(places.attributes["dim"]).value], border)


def _fold(op: ir.Operation) -> None:
    """Replaces a comparison that comes out the same everywhere."""
    places = _compared(op)
    around = None if places is None else range_of(places.start)
    if places is None or around is None:
        return
    less = LESS[ir.IntegerAttr(op.attributes["predicate"]).value]
    if around.high + places.count - 1 < places.border:
        found = less
    elif around.low >= places.border:
        found = not less
    else:
        return
    with ir.InsertionPoint(op), op.location:
        number = ir.IntegerAttr.get(ir.IntegerType.get_signless(1), int(found))
        value = ir.DenseElementsAttr.get_splat(op.result.type, number)
        made = create("arith.constant", [], [op.result.type], {"value": value}).result
    op.result.replace_all_uses_with(made)
    op.erase()
    count("comparisons known")


# -- loops ---------------------------------------------------------------------------------------


def _split(loop: ir.Operation) -> None:
    """Cuts a loop where what it compares changes, if most of its steps lie between two of these places."""
    index, step = entry_block(loop).arguments[0], integer_of(loop.operands[2])
    around = range_of(index)
    begin = integer_of(loop.operands[0])
    if around is None or step is None:
        return
    if begin is None:
        if divisor(loop.operands[0]) % step:
            return
        begin = 0  # steps are at multiples, wherever the loop begins
    free = _longest_free(loop, index, around)
    if free is None:
        return
    first = begin + -(-(free.low - begin) // step) * step
    end = begin + (free.high - begin) // step * step + step
    before, behind = free.low > around.low, free.high < around.high
    if not (before or behind) or 2 * (end - first) <= around.high - around.low + step:
        return
    with ir.InsertionPoint(loop), loop.location:
        low, high = list(loop.operands)[:2]
        cuts = [low]
        for wanted, at in ((before, first), (behind, end)):
            if wanted:
                cuts.append(_between(cuts[-1], index_constant(at), high))
        cuts.append(high)
        carried = list(loop.operands)[3:]
        for start, stop in pairwise(cuts[:-1]):
            part = loop.clone()
            for at, value in enumerate([start, stop, loop.operands[2], *carried]):
                part.operands[at] = value
            carried = list(part.results)
    loop.operands[0] = cuts[-2]
    for at, value in enumerate(carried):
        loop.operands[3 + at] = value
    count("loops split")


def _longest_free(loop: ir.Operation, index: ir.Value, around: Range) -> Range | None:
    """Most of a loop's steps, one after the other, in which each comparison comes out one way for a whole tile."""
    mixed: list[Range] = []
    cuts: set[int] = set()
    for places in _places_in(loop):
        line = line_of(places.start, index)
        if line is None or line.factor <= 0:
            continue
        low = -(-(places.border - places.count + 1 - line.shift) // line.factor)  # some are at the border, or behind it
        high = -(-(places.border - line.shift) // line.factor) - 1  # the last of which some are before it
        cuts.update((low, high + 1))
        if low <= high:
            mixed.append(Range(low, high))
    ends = sorted({around.low, *(cut for cut in cuts if around.low < cut <= around.high), around.high + 1})
    parts = [Range(low, high - 1) for low, high in pairwise(ends)]
    free = [part for part in parts if not any(r.low <= part.high and part.low <= r.high for r in mixed)]
    return max(free, key=lambda part: part.high - part.low, default=None)


def _between(low: ir.Value, at: ir.Value, high: ir.Value) -> ir.Value:
    """A place, no earlier than one and no later than another."""
    known = [integer_of(value) for value in (low, at, high)]
    if None not in known:
        return index_constant(min(max(known[0] or 0, known[1] or 0), known[2] or 0))
    later = create("arith.maxsi", [low, at], [at.type]).result
    return create("arith.minsi", [later, high], [at.type]).result
