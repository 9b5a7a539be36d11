"""`gir-join-loads`: parts of a tensor that overlap are loaded as one, and cut at reg.

Rewrite:
    %1 = gir.move %x                                 ⇒   %1 = gir.move %x
    %2 = gir.move (gir.slice %x [0, 8] [4, 8])           %2 = gir.slice %1 [0, 8] [4, 8]

    %1 = gir.move (gir.slice %x [0] [6])             ⇒   %0 = gir.move (gir.slice %x [0] [8])
    %2 = gir.move (gir.slice %x [2] [6])                 %1 = gir.slice %0 [0] [6]   %2 = gir.slice %0 [2] [6]

The halves of a row beside the row, the neighbours of a point: what several loads of a kernel take of one input comes in
once, where the least box that holds it all has fewer elements than they take together. Bytes of DRAM only fall.
Places that aren't constants are left alone, and so are parts that don't overlap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    defining_op,
    entry_block,
    has_uses,
    i32_array,
    i64_array,
    integers,
    operations,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import naive_kernels


@register_pass
@dataclass(frozen=True)
class JoinLoadsPass(Pass):
    """Loads parts of one input that overlap together."""

    name: ClassVar[str] = "gir-join-loads"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites every kernel of a module that nobody has placed."""
        for kernel in naive_kernels(op):
            join_loads(kernel)


@dataclass(frozen=True)
class _Part:
    """A load of a part of an input.

    Attributes:
        move: The load.
        begins: Where it begins, per dimension of the input.
        sizes: How many elements it takes there.
        steps: How far these are apart.
        drop: Dimensions that it leaves out of the result.
    """

    move: ir.Operation
    begins: tuple[int, ...]
    sizes: tuple[int, ...]
    steps: tuple[int, ...]
    drop: tuple[int, ...]

    def ends(self) -> tuple[int, ...]:
        """Behind the last element, per dimension."""
        extents = zip(self.begins, self.sizes, self.steps, strict=True)
        return tuple(begin + (size - 1) * step + 1 for begin, size, step in extents)


def join_loads(kernel: ir.Operation) -> None:
    """Rewrites one kernel."""
    parts: dict[ir.Value, list[_Part]] = {}
    arguments = set(entry_block(kernel).arguments)
    for op in operations(entry_block(kernel)):
        if op.name == "gir.move" and gir.is_at(op.operands[0], "dram") and gir.is_at(op.result, "reg"):
            source, part = _part(op)
            if part is not None and source in arguments:
                parts.setdefault(source, []).append(part)
    for source, some in parts.items():
        _join(source, some)


def _part(move: ir.Operation) -> tuple[ir.Value, _Part | None]:
    """What a load takes of which value; None where that isn't a box at a constant place."""
    source = move.operands[0]
    shape = tuple(source.type.shape)
    if DYNAMIC in shape or 0 in shape:
        return source, None
    view = defining_op(source)
    if view is None:
        rank = len(shape)
        return source, _Part(move, (0,) * rank, shape, (1,) * rank, ())
    if view.name != "gir.slice" or len(list(view.operands)) > 1:
        return source, None
    names = ("static_offsets", "static_sizes", "static_strides", "drop")
    begins, sizes, steps, drop = (tuple(integers(view.attributes[name])) for name in names)
    return view.operands[0], _Part(move, begins, sizes, steps, drop)


def _join(source: ir.Value, parts: Sequence[_Part]) -> None:
    """Makes one load of several, in the first one's place, if that is less."""
    low = [min(begins) for begins in zip(*(part.begins for part in parts), strict=True)]
    high = [max(ends) for ends in zip(*(part.ends() for part in parts), strict=True)]
    sizes = [end - begin for begin, end in zip(low, high, strict=True)]
    if len(parts) == 1 or math.prod(sizes) >= sum(math.prod(part.sizes) for part in parts):
        return
    count("loads joined", len(parts) - 1)
    first = parts[0].move
    with ir.InsertionPoint(first), first.location:
        box = source
        if sizes != list(source.type.shape):
            box = _slice(source, low, sizes, [1] * len(sizes), ())
        whole = create("gir.move", [box], [gir.tensor_at("reg", sizes, source.type.element_type)]).result
        for part in parts:
            begins = [begin - first for begin, first in zip(part.begins, low, strict=True)]
            made = _slice(whole, begins, part.sizes, part.steps, part.drop)
            part.move.result.replace_all_uses_with(made)
    for part in parts:
        view = defining_op(part.move.operands[0])
        part.move.erase()
        if view is not None and not has_uses(view.result):
            view.erase()


def _slice(
    value: ir.Value, begins: Sequence[int], sizes: Sequence[int], steps: Sequence[int], drop: Sequence[int]
) -> ir.Value:
    """A part of a value; the value itself where that is all of it."""
    if list(sizes) == list(value.type.shape) and not drop:
        return value
    kept = [size for dim, size in enumerate(sizes) if dim not in drop]
    level = gir.level_of(value.type)
    assert level is not None, "a value in a kernel is somewhere"
    type_ = gir.tensor_at(level, kept, value.type.element_type)
    attributes = {
        "static_offsets": i64_array(begins),
        "static_sizes": i64_array(sizes),
        "static_strides": i64_array(steps),
        "drop": i64_array(drop),
        "operandSegmentSizes": i32_array([1, 0, 0, 0]),
    }
    return create("gir.slice", [value], [type_], attributes).result
