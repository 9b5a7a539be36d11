"""`gir-fold-windows`: what neighbourhoods are folded to becomes a few operations on whole rows.

Rewrite:
    %w = gir.window %x dims [0] sizes [3] strides [2]       ⇒  %e = gir.slice %x [0] [33] [2]       every second element
         : 65 -> 32x3                                           %a = gir.slice %e [0] [32] [1]
    %r = gir.reduce %w into %i dims [1] kinds [maximumf]        %b = gir.slice %x [1] [32] [2]
                                                                %c = gir.slice %e [1] [32] [1]
                                                                %r = max(%i, max(max(%a, %b), %c))

A tile's lanes lie along its last dimension, and places in a neighbourhood are behind all others: they would be the
lanes, 3 of them. Here the lanes stay those of the row. Neighbourhoods of several dimensions are folded along one after
the other, that of the lanes last: of 3 x 3 elements four are combined, not eight, and lanes are moved in one row
instead of three. Along one dimension, where neighbourhoods begin at each element, sums of two are added to sums of four
and so on, if that is less than adding up the places: 64 take six steps. Narrow floats are folded in f32 and rounded
once. Order among a neighbourhood's elements is free, as for any reduction by a kind.

Left alone are neighbourhoods of which there are so few in a tile that their places make the better lanes, folds that
aren't of whole neighbourhoods, and those into what a loop carries, as that is accumulated in a type of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    constant_of,
    create,
    defining_op,
    integer_of,
    integers,
    segments,
    walk_numbered,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir
from powerfusion.passes.lowering.elementwise import COMBINE, is_narrow, neutral
from powerfusion.passes.lowering.reductions import LONG, kind_of
from powerfusion.passes.lowering.registers import lane_dim, lanes_of
from powerfusion.passes.lowering.vector_parts import LANES
from powerfusion.passes.tiling.placed_views import box

SAME = ("maximumf", "minimumf", "maxnumf", "minnumf", "maxsi", "minsi", "maxui", "minui", "and", "or")
"""Kinds that elements may be folded by more than once."""
ADDING_UP = 5  # steps in which a register's lanes are folded together, and are put beside others


@register_pass
@dataclass(frozen=True)
class FoldWindowsPass(Pass):
    """Folds neighbourhoods row by row."""

    name: ClassVar[str] = "gir-fold-windows"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites reductions of windows in every function."""
        for reduce in [each for _, each in walk_numbered(op) if each.name == "gir.reduce"]:
            window = defining_op(reduce.operands[0])
            if window is not None and window.name == "gir.window" and _is_foldable(reduce, window):
                _fold(reduce, window)


def _is_foldable(op: ir.Operation, window: ir.Operation) -> bool:
    """Whether a reduction folds whole neighbourhoods, and nothing else, into what is there."""
    inputs, inits, valid = segments(op)
    if "kinds" not in op.attributes or len(inputs) != 1 or isinstance(inits[0].owner, ir.Block):
        return False
    dims, rank = integers(op.attributes["dims"]), window.operands[0].type.rank
    shape, element = list(window.result.type.shape), inputs[0].type.element_type
    if dims != list(range(rank, len(shape))) or kind_of(op, 0) not in COMBINE:
        return False
    if isinstance(element, ir.FloatType) and element.width < 16:
        return False
    if valid and any(integer_of(valid[dim]) != shape[dim] for dim in dims):
        return False
    taps = math.prod(shape[rank:])
    return 1 < taps <= LONG and _is_better(shape[:rank], shape[rank:])


def _is_better(kept: Sequence[int], folded: Sequence[int]) -> bool:
    """Whether combining rows takes fewer registers than folding lanes together."""
    lanes = lanes_of(kept)
    rows = math.prod(folded) * -(-lanes // LANES)
    along = lanes_of(folded)
    return rows < lanes * math.prod(folded) // along * (-(-along // LANES) + ADDING_UP)


@dataclass(frozen=True)
class _Folding:
    """How elements are combined."""

    kind: str

    def __call__(self, left: ir.Value, right: ir.Value) -> ir.Value:
        """Two tiles of a shape as one, element by element."""
        name = COMBINE[self.kind][0 if isinstance(left.type.element_type, ir.FloatType) else 1]
        return create(name, [left, right], [left.type]).result

    def fold(self, tile: ir.Value, along: _Along) -> ir.Value:
        """Neighbourhoods along one dimension, folded."""
        if along.stride == 1:
            doubled = _doubled(self.kind, along)
            if doubled is not None:
                return self._doubled(tile, along, doubled)
        phases: dict[int, ir.Value] = {}
        made: ir.Value | None = None
        for place in range(along.size):
            distance = place * along.dilation
            phase = distance % along.stride
            if phase not in phases:
                last = max(d for d in (at * along.dilation for at in range(along.size)) if d % along.stride == phase)
                length = (last - phase) // along.stride + along.count
                phases[phase] = _part(tile, along.dim, phase, length, along.stride)
            taken = _part(phases[phase], along.dim, distance // along.stride, along.count)
            made = taken if made is None else self(made, taken)
        assert made is not None, "as neighbourhoods have elements"
        return made

    def _doubled(self, tile: ir.Value, along: _Along, plan: Sequence[tuple[int, int]]) -> ir.Value:
        """Folds of 1, 2, 4 ... elements, of which a few make up a neighbourhood."""
        by_size = {1: tile}
        size = 1
        while size < max(size for size, _ in plan):
            before = by_size[size]
            distance = size * along.dilation
            length = before.type.shape[along.dim] - distance
            by_size[2 * size] = self(_part(before, along.dim, 0, length), _part(before, along.dim, distance, length))
            size *= 2
        parts = [_part(by_size[size], along.dim, at * along.dilation, along.count) for size, at in plan]
        made = parts[0]
        for part in parts[1:]:
            made = self(made, part)
        return made


@dataclass(frozen=True)
class _Along:
    """Neighbourhoods along a dimension: how many, of how many elements, how far apart each."""

    dim: int
    count: int
    size: int
    stride: int
    dilation: int


def _doubled(kind: str, along: _Along) -> list[tuple[int, int]] | None:
    """Sizes, powers of two, and places whose folds make up a neighbourhood, where that is less than one by one."""
    largest = 1 << (along.size.bit_length() - 1)
    if kind in SAME:
        plan = [(largest, 0)] + ([(largest, along.size - largest)] if along.size > largest else [])
    else:
        plan, at = [], 0
        while at < along.size:
            size = 1 << ((along.size - at).bit_length() - 1)
            plan.append((size, at))
            at += size
    length = along.count + (along.size - 1) * along.dilation
    work = (len(plan) - 1) * along.count
    size = 1
    while size < largest:
        length -= size * along.dilation
        work += length
        size *= 2
    return plan if work < (along.size - 1) * along.count else None


def _part(tile: ir.Value, dim: int, first: int, count: int, stride: int = 1) -> ir.Value:
    """A tile's elements from one on, along one dimension."""
    sizes = list(tile.type.shape)
    places, steps = [0] * len(sizes), [1] * len(sizes)
    places[dim], sizes[dim], steps[dim] = first, count, stride
    return box(tile, places, sizes, steps, ())


def _fold(op: ir.Operation, window: ir.Operation) -> None:
    """Folds along one dimension after the other, the lanes' last."""
    (_,), (init,), _ = segments(op)
    source, kind, result = window.operands[0], kind_of(op, 0), op.results[0]
    names = ("dims", "sizes", "strides", "dilations")
    listed = zip(*(integers(window.attributes[name]) for name in names), strict=True)
    shape = window.result.type.shape
    lane = lane_dim(source.type.shape)
    every = [_Along(dim, shape[dim], size, stride, dilation) for dim, size, stride, dilation in listed]
    folding = _Folding(kind)
    with ir.InsertionPoint(op), op.location:
        made = _wide(source)
        for along in sorted(every, key=lambda along: along.dim == lane):
            made = folding.fold(made, along)
        number = constant_of(init)
        none = neutral(kind, init.type.element_type)
        is_neutral = isinstance(number, ir.DenseElementsAttr) and number.is_splat and number.get_splat_value() == none
        made = made if is_neutral else folding(_wide(init), made)
        if made.type != result.type:
            made = create("arith.truncf", [made], [result.type]).result
    result.replace_all_uses_with(made)
    op.erase()
    if not list(window.result.uses):
        window.erase()
    count("windows folded")


def _wide(tile: ir.Value) -> ir.Value:
    """A tile of narrow floats in f32; others as they are."""
    type_ = tile.type
    if not is_narrow(type_.element_type):
        return tile
    wide = ir.RankedTensorType.get(type_.shape, ir.F32Type.get(), type_.encoding)
    return create("arith.extf", [tile], [wide]).result
