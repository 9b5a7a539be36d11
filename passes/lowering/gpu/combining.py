"""How reductions are lowered: what a lane holds first, then across lanes by shuffles, across units through memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod

import numpy as np

from powerfusion.core._mlir import create, index_constant, integers, segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.elementwise import constant, is_narrow, neutral
from powerfusion.passes.lowering.extents import Flag, both, choose
from powerfusion.passes.lowering.gpu.combiner import Combiner, Element
from powerfusion.passes.lowering.gpu.exchange import exchanged, whole_along
from powerfusion.passes.lowering.gpu.fragments import filled, fragment_of, held_shape
from powerfusion.passes.lowering.gpu.lanes import Dealt, Layout
from powerfusion.passes.lowering.gpu.lowering import TARGET, GpuLowering, plus
from powerfusion.passes.lowering.gpu.one_by_one import Walk
from powerfusion.passes.lowering.gpu.shuffles import from_lane, strides_along
from powerfusion.passes.lowering.gpu.valid import Valid
from powerfusion.passes.lowering.memory import storage, to_register, to_storage
from powerfusion.passes.lowering.reductions import kind_of
from powerfusion.passes.lowering.registers import element_bytes
from powerfusion.passes.lowering.registry import lowers


@lowers("gir.reduce", to=TARGET)
def lower_reduce(lowering: GpuLowering, op: ir.Operation) -> None:
    """What a lane holds is folded first, then lanes by a butterfly of shuffles; the initial value comes last."""
    inputs, inits, valid = segments(op)
    combiner = Combiner(lowering, op)
    if len({value.type.rank for value in inputs}) > 1 or len(inputs) != len(inits):
        _reduce_one_by_one(lowering, op, combiner)
        return
    fragments = [lowering.fragment(value) for value in inputs]
    layout, dims = fragments[0].layout, integers(op.attributes["dims"])
    along = [layout[dim] for dim in dims]
    if not combiner.commutes and not _lies_in_order(along, in_lanes=not combiner.is_ordered):
        layout = whole_along(layout, dims)
        fragments = [exchanged(lowering, fragment, layout, list) for fragment in fragments]
    there = Valid(lowering, layout, lowering.scalars(valid))
    fold = Fold(combiner, layout, dims, there)
    columns = [fragment.scalars() for fragment in fragments]
    starts = [lowering.fragment(value) for value in inits]
    made: list[list[ir.Value]] = []
    for at, kept in enumerate(fold.kept_places):
        start = [list(fragment.scalars().reshape(-1))[at] for fragment in starts]
        elements = [(there.is_there(place, dims), [column[place] for column in columns]) for place in fold.places(kept)]
        made.append(fold.run(elements, start))
    for result, start, values in zip(op.results, starts, zip(*made, strict=True), strict=True):
        element = result.type.element_type
        narrowed = [combiner.narrow(value, element) for value in values]
        lowering.bind([result], [fragment_of(start.layout, filled(start.shape, narrowed))])


def _reduce_one_by_one(lowering: GpuLowering, op: ir.Operation, combiner: Combiner) -> None:
    """Element after element, each with its payload."""
    walk = Walk(lowering, op, integers(op.attributes["dims"]), combiner)
    places = _places(held_shape(walk.kept))
    made = [walk.run(kept) for kept in places]
    for result, values in zip(op.results, zip(*made, strict=True), strict=True):
        lowering.bind([result], [walk.result(result, dict(zip(places, values, strict=True)))])


def _lies_in_order(along: Sequence[Dealt], *, in_lanes: bool) -> bool:
    """Whether what is folded is in order as lanes hold it: within them, or, if lanes may be combined, across them."""
    several = [dim for dim in along if dim.lanes > 1]
    return not several or (in_lanes and several == [along[-1]])


class Fold:
    """Folds the elements along some dimensions of a tile.

    Elements that a lane holds lie in chunks of neighbours, one chunk per round; between the chunks of a round lie
    those of the other lanes. A combiner that doesn't commute is applied within chunks, across lanes, then to rounds.

    Args:
        combiner: How.
        layout: The tile's.
        dims: Along which.
        there: Which elements are.
    """

    def __init__(self, combiner: Combiner, layout: Layout, dims: Sequence[int], there: Valid) -> None:
        self.combiner, self.layout, self.dims, self.there = combiner, layout, list(dims), there
        self.along = [layout[dim] for dim in dims]
        kept = [dim.held for at, dim in enumerate(layout) if at not in self.dims]
        self.kept_places = list(_places(kept))
        self.strides = strides_along(self.along)

    def places(self, kept: Sequence[int]) -> list[tuple[int, ...]]:
        """The places of a lane's elements that are folded into one, in order."""
        found: list[tuple[int, ...]] = []
        for folded in _places([dim.held for dim in self.along]):
            rest, gone = iter(kept), iter(folded)
            found.append(tuple(next(gone) if at in self.dims else next(rest) for at in range(len(self.layout))))
        return found

    def run(self, elements: Sequence[tuple[Flag, Element]], start: Element) -> list[ir.Value]:
        """Folds elements, and their like in other lanes, into what there was before.

        Args:
            elements: With a flag each, whether it is there; in order.
            start: One value per accumulator.
        """
        combiner = self.combiner
        wide = [(flag, [combiner.wide(value) for value in element]) for flag, element in elements]
        given = [combiner.wide(value) for value in start]
        if not self.strides:
            return reduce(lambda total, pair: combiner.if_there(pair[0], pair[1], total), wide, given)
        for chunk in self._chunks(wide):
            flag, total = self._across(*self._folded(chunk))
            given = combiner.if_there(flag, total, given)
        return given

    def _chunks(self, elements: Sequence[tuple[Flag, Element]]) -> list[list[tuple[Flag, Element]]]:
        if self.combiner.commutes:
            return [list(elements)]
        size = self.along[-1].elements
        return [list(elements[at : at + size]) for at in range(0, len(elements), size)]

    def _folded(self, elements: Sequence[tuple[Flag, Element]]) -> tuple[Flag, Element]:
        """What a lane holds, folded, and whether any of it is there; by kinds what isn't there changes nothing."""
        combiner = self.combiner
        (flag, total), *rest = elements
        if combiner.by_kinds:
            kinds = [constant(v.type, neutral(kind_of(combiner.op, at), v.type)) for at, v in enumerate(total)]
            total = [choose(flag, value, none) for value, none in zip(total, kinds, strict=True)]
            return True, _tree(
                [total, *(combiner.if_there(f, e, kinds) if f is not True else e for f, e in rest)], combiner
            )
        for there, element in rest:
            both_there = combiner(element, total)
            total = _merged(flag, there, both_there, total, element)
            flag = _either(flag, there)
        return flag, total

    def _across(self, flag: Flag, total: Element) -> tuple[Flag, Element]:
        """The same over all lanes along the folded dimensions; all of them then hold the same."""
        for stride in self.strides:
            others = [from_lane(value, stride) for value in total]
            sides = (others, total) if self.combiner.commutes else self._in_order(others, total, stride)
            made = self.combiner(*sides)
            if isinstance(flag, bool):
                total = made
                continue
            other = from_lane(flag, stride)
            total = _merged(flag, other, made, total, others)
            flag = _either(flag, other)
        return flag, total

    def _in_order(self, others: Element, own: Element, stride: int) -> tuple[Element, Element]:
        """The later side, then the earlier one."""
        lowering = self.combiner.lowering
        bit = create("arith.andi", [lowering.lane, index_constant(stride)], [lowering.lane.type]).result
        i1 = ir.IntegerType.get_signless(1)
        zero = {"predicate": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 0)}
        is_first = create("arith.cmpi", [bit, index_constant(0)], [i1], zero).result
        later = [choose(is_first, other, mine) for other, mine in zip(others, own, strict=True)]
        earlier = [choose(is_first, mine, other) for other, mine in zip(others, own, strict=True)]
        return later, earlier


def _tree(elements: Sequence[Element], combiner: Combiner) -> Element:
    """Combines neighbours first: short chains of dependent operations, and rounding errors that grow slowly."""
    level = list(elements)
    while len(level) > 1:
        pairs = [combiner(level[at + 1], level[at]) for at in range(0, len(level) - 1, 2)]
        level = pairs + level[2 * len(pairs) :]
    return level[0]


def _merged(flag: Flag, other: Flag, combined: Element, own: Element, others: Element) -> Element:
    """What two elements come to of which one or none may be there."""
    alone = [choose(flag, mine, theirs) for mine, theirs in zip(own, others, strict=True)]
    return [choose(both(flag, other), all_, one) for all_, one in zip(combined, alone, strict=True)]


def _either(left: Flag, right: Flag) -> Flag:
    if isinstance(left, bool) or isinstance(right, bool):
        known, rest = (left, right) if isinstance(left, bool) else (right, left)
        return True if known else rest
    return create("arith.ori", [left, right], [left.type]).result


def _places(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    return list(np.ndindex(*sizes))


# -- across units ----------------------------------------------------------------------------------


def scratch_bytes(op: ir.Operation, layouts: Sequence[Layout], threads: int) -> int:
    """What a collective needs in the group's memory, bytes."""
    return sum(
        _aligned(prod(held_shape(layout)) * threads * element_bytes(storage(_wide(op, value))))
        for layout, value in zip(layouts, op.operands, strict=True)
    )


def _aligned(size: int) -> int:
    return -(-size // 16) * 16


def _wide(op: ir.Operation, value: ir.Value) -> ir.Type:
    element = value.type.element_type
    return ir.F32Type.get() if "kinds" in op.attributes and is_narrow(element) else element


@lowers("gir.all_reduce", to=TARGET)
def lower_all_reduce(lowering: GpuLowering, op: ir.Operation) -> None:
    """Each unit leaves what it holds in the group's memory; between two barriers each folds those of all, in order."""
    if "<group>" not in str(op.attributes["scope"]):
        raise UnsupportedError("units of a cluster can't be combined on gpu yet", location=op.location)
    combiner = Combiner(lowering, op)
    fragments = [lowering.fragment(value) for value in op.operands]
    if len({fragment.shape for fragment in fragments}) > 1:
        raise UnsupportedError("a collective with payload can't be lowered to gpu", location=op.location)
    if lowering.block.units == 1:
        lowering.bind(op.results, fragments)
        return
    columns = [[combiner.wide(value) for value in fragment.scalars().reshape(-1)] for fragment in fragments]
    buffers = _buffers(lowering, op, columns)
    for buffer, column in zip(buffers, columns, strict=True):
        for at, value in enumerate(column):
            create("memref.store", [to_storage(value, value.type), buffer, index_constant(at), lowering.thread])
    lowering.waiting.barrier()
    made: list[list[ir.Value]] = []
    for at in range(len(columns[0])):
        element: list[ir.Value] | None = None
        for unit in range(lowering.block.units):
            place = [index_constant(at), plus(lowering.lane, index_constant(unit * lowering.block.lanes))]
            found = [_loaded(buffer, place, column[0].type) for buffer, column in zip(buffers, columns, strict=True)]
            element = found if element is None else combiner(found, element)
        assert element is not None, "expected a unit"
        made.append(element)
    lowering.waiting.barrier()
    for result, fragment, values in zip(op.results, fragments, zip(*made, strict=True), strict=True):
        narrowed = [combiner.narrow(value, result.type.element_type) for value in values]
        lowering.bind([result], [fragment_of(fragment.layout, filled(fragment.shape, narrowed))])


def _loaded(buffer: ir.Value, place: Sequence[ir.Value], element: ir.Type) -> ir.Value:
    stored = buffer.type.element_type
    return to_register(create("memref.load", [buffer, *place], [stored]).result, element)


def _buffers(lowering: GpuLowering, op: ir.Operation, columns: Sequence[Sequence[ir.Value]]) -> list[ir.Value]:
    """Per operand a buffer of the group: per element that a lane holds, one of each thread."""
    offset = lowering.own_scratch
    found: list[ir.Value] = []
    space = ir.Attribute.parse("#gpu.address_space<workgroup>")
    for column in columns:
        element = storage(column[0].type)
        type_ = ir.MemRefType.get([len(column), lowering.block.threads], element, None, space)
        found.append(lowering.view_of_scratch(index_constant(offset), type_))
        offset += _aligned(prod(type_.shape) * element_bytes(element))
    return found
