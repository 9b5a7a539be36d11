"""Graph form with a nest, counted: the loops that a nest stands for, as axes.

Per dimension of the nest three axes: groups, units of a group, steps of a unit. A movement executes
in the loops that its window moves with and in those around them, once per unit; one between `dram`
and `sram` once per group, with its units in lock-step:

    r = 16 : 8 : 4 : 2    2 groups x 2 units x 2 steps
    c = 10 : 10 : 10 : 4  3 steps, the last of 2 elements
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from powerfusion.core._mlir import defining_op, entry_block, integers
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.extents import Extents
from powerfusion.passes.analysis.ledger_access import Access, Buffer, Scope
from powerfusion.passes.analysis.ledger_bytes import EXPRESSIONS, place_of
from powerfusion.passes.analysis.ledger_graph import GraphLook, body_of
from powerfusion.passes.analysis.ledger_numbers import (
    Axis,
    Number,
    UnknownIndex,
    add,
    counter,
    minimum,
    pointwise,
    scale,
    smallest,
    subtract,
)
from powerfusion.passes.analysis.ledger_record import Recorder
from powerfusion.passes.analysis.ledger_views import permuted, row_major
from powerfusion.passes.analysis.ledger_windows import Window, Windows, dimension_names
from powerfusion.passes.analysis.sizes import element_bytes


@dataclass(frozen=True, eq=False)
class NestDim:
    """One dimension of a nest, with its axes.

    Attributes:
        name: Its name.
        size: How long it is.
        per_group: Elements of a group.
        per_unit: Elements of a unit.
        per_step: Elements of a step.
        swept: Whether it is traversed once per pass.
        groups: Axis of the groups.
        units: Axis of the units of a group.
        steps: Axis of the steps of a unit.
    """

    name: str
    size: int
    per_group: int
    per_unit: int
    per_step: int
    swept: bool
    groups: Axis
    units: Axis
    steps: Axis

    def of_unit(self) -> tuple[Number, Number]:
        """First index and end of a unit's part."""
        group = scale(_index(self.groups), self.per_group)
        low = add(group, scale(_index(self.units), self.per_unit))
        return low, smallest([add(low, self.per_unit), add(group, self.per_group), self.size])

    def of_step(self) -> tuple[Number, Number]:
        """First index and end of a unit's step."""
        low, end = self.of_unit()
        low = add(low, scale(_index(self.steps), self.per_step))
        return low, minimum(add(low, self.per_step), end)

    def of_group(self) -> tuple[Number, Number]:
        """First index and end of a group's part."""
        low = scale(_index(self.groups), self.per_group)
        return low, minimum(add(low, self.per_group), self.size)

    def of_all_units(self) -> tuple[Number, Number]:
        """What a group's units need at a time: their steps together, or the group's part where it is swept."""
        first, end = self.of_group()
        if self.swept:
            return first, end
        low = add(first, scale(_index(self.steps), self.per_step))
        reach = (self.units.size - 1) * self.per_unit + min(self.per_step, self.per_unit)
        return low, smallest([add(low, reach), add(first, self.units.size * self.per_unit), end])


def _index(axis: Axis) -> Number:
    return counter(axis) if axis.size > 1 else 0


def _less(left: Number, right: Number) -> Number:
    return pointwise(lambda a, b: (a < b).astype(np.int64), left, right)


@dataclass
class NestLook(GraphLook):
    """The look of a placed kernel.

    Attributes:
        dims: The nest's, outermost first.
        of_unit: Windows of a unit's steps.
        of_group: Windows of what a group's units need at a time.
        grouped: Whether the current movement is one of the group.
    """

    dims: Sequence[NestDim] = ()
    of_unit: Windows | None = None
    of_group: Windows | None = None
    grouped: bool = False

    def window(self, value: ir.Value, *, grouped: bool) -> Window:
        """A value's window."""
        windows = self.of_group if grouped else self.of_unit
        assert windows is not None, "a placed kernel has windows"
        return windows.window(value)

    def depth(self, window: Window) -> tuple[NestDim, ...]:
        """The serial loops that the current movement stands in, if that is its window."""
        order = [dim for dim in self.dims if not dim.swept]
        order += [] if self.grouped else [dim for dim in self.dims if dim.swept]
        needed = frozenset[str]().union(*(interval.names for interval in window))
        inner = [at for at, dim in enumerate(order) if dim.name in needed and dim.steps.size > 1]
        return tuple(order[: inner[-1] + 1]) if inner else ()

    def scope(self, scope: Scope, op: ir.Operation) -> Scope:
        """The loops around the current movement; instances with an empty interval don't execute."""
        serial = self.depth(self.window(op.result, grouped=self.grouped))
        masks: list[Number] = []
        axes: list[Axis] = []
        for dim in self.dims:
            axes += [dim.groups] if self.grouped else [dim.groups, dim.units]
            if self.grouped:
                low, high = dim.of_all_units() if dim in serial else dim.of_group()
            else:
                low, high = dim.of_step() if dim in serial else dim.of_unit()
            masks.append(_less(low, high))
        axes += [dim.steps for dim in serial]
        return scope.inside(*(axis for axis in axes if axis.size != 1), masks=masks)

    def accessed(self, value: ir.Value, op: ir.Operation, direction: str) -> Iterator[Access]:
        """What one execution of a movement accesses of one of its sides."""
        at, element = place_of(value), element_bytes(value)
        window = self.window(op.result, grouped=self.grouped)
        counts = tuple(interval.length for interval in window)
        starts = [interval.low for interval in window]
        if at.level == "reg":
            yield Access(at, direction, counts, element)
        elif at.level == "sram":
            buffer, low = self.rest(value)
            inside = [subtract(start, first) for start, first in zip(starts, low, strict=True)]
            yield Access(at, direction, counts, element, buffer.box(inside))
        elif direction == "read":
            yield Access(at, direction, counts, element, self.buffer(value).box(starts))
        else:
            for place in self.places(value):
                yield Access(at, direction, counts, element, place.box(starts))

    def rest(self, value: ir.Value) -> tuple[Buffer, list[Number]]:
        """The buffer of a value at `sram`, as its views show it, and the indices of its first element."""
        views: list[ir.Operation] = []
        op = defining_op(value)
        while op is not None and op.name == "gir.permute":
            views.insert(0, op)
            value = op.operands[0]
            op = defining_op(value)
        if op is None or op.name != "gir.move":
            raise UnknownIndex(f"a view at sram of {value}")
        window = self.window(value, grouped=True)
        counts = tuple(interval.length for interval in window)
        low = [interval.low for interval in window]
        buffer = Buffer(value, place_of(value), element_bytes(value), 0, counts, row_major(counts))
        for view in views:
            perm = integers(view.attributes["perm"])
            buffer, low = permuted(buffer, perm), [low[p] for p in perm]
        return buffer, low


def nest_dims(kernel: ir.Operation, look: GraphLook) -> list[NestDim]:
    """The dimensions of a kernel's nest; an open size is that of a value that runs over it.

    Raises:
        UnknownIndex: It isn't known.
    """
    nest = gir.NestAttr(kernel.attributes["nest"])
    sizes = dict(_dynamic_sizes(kernel, look))
    dims: list[NestDim] = []
    for name, static, group, unit, step, _ in nest.dims:
        size = sizes.get(name) if static is None else static
        if not isinstance(size, int):
            raise UnknownIndex(f"the size of '{name}'")
        axes = [Axis(-(-left // right)) for left, right in ((size, group), (group, unit), (unit, step))]
        dims.append(NestDim(name, size, group, unit, step, name in nest.sweep, *axes))
    return dims


def _dynamic_sizes(kernel: ir.Operation, look: GraphLook) -> Iterator[tuple[str, Number]]:
    """Sizes of what moves from and to `dram`, by the names that the move gives them."""
    for op in body_of(entry_block(kernel)):
        if op.name == "gir.move" and "over" in op.attributes:
            for name, size in zip(op.attributes["over"], look.shape(op.result), strict=True):
                yield ir.StringAttr(name).value, size


def nest_look(kernel: ir.Operation, sizes: Extents) -> NestLook:
    """The look of a placed kernel.

    Raises:
        UnknownIndex: The size of one of its dimensions isn't known.
    """
    look = NestLook(kernel, sizes)
    look.dims = nest_dims(kernel, look)
    by_name = {dim.name: dim for dim in look.dims}
    swept = frozenset(dim.name for dim in look.dims if dim.swept)
    names = dimension_names(kernel)
    look.of_unit = Windows(look, names, swept, lambda name: by_name[name].of_step())
    look.of_group = Windows(look, names, swept, lambda name: by_name[name].of_all_units())
    return look


def count_nest(kernel: ir.Operation, sizes: Extents, recorder: Recorder, scope: Scope) -> None:
    """Records what a placed kernel moves."""
    look = nest_look(kernel, sizes)
    for op in body_of(entry_block(kernel)):
        if op.name in EXPRESSIONS and op.results:
            look.grouped = op.name == "gir.move" and not _is_units(op)
            recorder.record(op, kernel, EXPRESSIONS[op.name](op, look), look.scope(scope, op))


def _is_units(op: ir.Operation) -> bool:
    """True for a movement that each unit makes: from or to its registers."""
    return any(gir.is_at(value, "reg") for value in (op.operands[0], op.result))
