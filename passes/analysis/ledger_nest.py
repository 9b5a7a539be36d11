"""Graph form with a nest, counted: the loops that a nest stands for, as axes.

Per dimension of the nest three axes: groups, units of a group, steps of a unit. A movement executes
in the loops that its window moves with and in those around them, once per unit; one between `dram`
and `sram` once per group, with its units in lock-step:

    r = 16 : 8 : 4 : 2    2 groups x 2 units x 2 steps
    c = 10 : 10 : 10 : 4  3 steps, the last of 2 elements
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from powerfusion.core._mlir import entry_block
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.extents import Extents
from powerfusion.passes.analysis.ledger_access import Access, Box, Buffer, Cells, Scope, place_of
from powerfusion.passes.analysis.ledger_bytes import EXPRESSIONS
from powerfusion.passes.analysis.ledger_cells import addresses_of, box_cells
from powerfusion.passes.analysis.ledger_dims import NestDim
from powerfusion.passes.analysis.ledger_graph import GraphLook, anywhere, body_of
from powerfusion.passes.analysis.ledger_held import Hulls, hulls_of
from powerfusion.passes.analysis.ledger_names import Names, over
from powerfusion.passes.analysis.ledger_numbers import (
    MOST_CELLS,
    Axis,
    Number,
    UnknownIndex,
    add,
    closed,
    dense,
    multiply,
    pointwise,
    subtract,
)
from powerfusion.passes.analysis.ledger_record import Recorder
from powerfusion.passes.analysis.ledger_views import row_major
from powerfusion.passes.analysis.ledger_windows import Interval, Window, Windows
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.symbolic import Polynomial

WIDEST_GRANULE = 256  # bytes; granules of all machines divide it


def _over(number: Number, scope: Scope) -> np.ndarray:
    """A number in every trip of some loops."""
    if isinstance(number, Polynomial):
        raise UnknownIndex("an open size")
    return np.broadcast_to(dense(number, scope.axes)[1], [axis.size for axis in scope.axes])


def _less(left: Number, right: Number) -> Number:
    return pointwise(lambda a, b: (a < b).astype(np.int64), left, right)


@dataclass
class NestLook(GraphLook):
    """The look of a placed kernel.

    Attributes:
        dims: The nest's, outermost first.
        names: What values run over.
        windows: Of a unit's steps.
        own: The nest's intervals of a value's dimensions.
        grouped: True to look at `sram` as a group does that fills it, False as a unit.
        hulls: What is held at `sram` beyond units' steps.
    """

    dims: Sequence[NestDim] = ()
    names: Names = field(default_factory=lambda: Names((), frozenset()))
    windows: dict[ir.Value, Window] = field(default_factory=dict)
    own: Callable[[ir.Value], Window] = lambda _: ()
    grouped: bool = False
    hulls: Hulls = field(default_factory=dict)

    def part(self, value: ir.Value) -> tuple[Number, ...]:
        """The extents of a value's window."""
        return tuple(interval.length for interval in self.windows.get(value) or self.own(value))

    def begin(self, value: ir.Value) -> tuple[Number, ...]:
        """Where a value's window begins."""
        return tuple(interval.low for interval in self.windows.get(value) or self.own(value))

    def dim(self, name: str) -> NestDim:
        """A dimension of the nest."""
        return next(dim for dim in self.dims if dim.name == name)

    def depth(self, names: Iterable[str], *, grouped: bool) -> tuple[NestDim, ...]:
        """The serial loops around what moves with some dimensions."""
        order = [dim for dim in self.dims if not dim.swept]
        order += [] if grouped else [dim for dim in self.dims if dim.swept]
        wanted = set(names)
        inner = [at for at, dim in enumerate(order) if dim.name in wanted and dim.steps.size > 1]
        return tuple(order[: inner[-1] + 1]) if inner else ()

    # -- movements of a unit -----------------------------------------------------------------------

    def moved(self, op: ir.Operation) -> Window | None:
        """The window that a unit moves in one execution; None where nothing needs it."""
        if gir.is_at(op.result, "reg"):
            return self.windows.get(op.result)
        return self.own(op.result)

    def scope(self, scope: Scope, window: Window, *, out: bool) -> Scope:
        """The loops around a unit's movement; instances with an empty interval don't execute.

        What moves `out` of registers and is the same for several units is moved by the first of them.
        """
        names = {name for interval in window for name in interval.names}
        serial = {dim.name for dim in self.depth(names, grouped=False)}
        dims = [replace(dim, units=Axis(1)) if out and dim.name not in names else dim for dim in self.dims]
        masks = [_less(*(dim.of_step() if dim.name in serial else dim.of_unit())) for dim in dims if dim.size]
        axes = [axis for dim in dims for axis in (dim.groups, dim.units)]
        axes += [dim.steps for dim in dims if dim.name in serial]
        return scope.inside(*(axis for axis in axes if axis.size != 1), masks=masks)

    def accessed(self, value: ir.Value, op: ir.Operation, direction: str) -> Iterator[Access]:
        """What one execution of a movement accesses of one of its sides."""
        at, element = place_of(value), element_bytes(value)
        window = self.moved(op) or ()
        if at.level == "reg":
            yield Access(at, direction, tuple(interval.length for interval in window), element)
        elif at.level == "sram" or direction == "read":
            yield self._box(value, window, direction)
        else:
            yield from self._stores(value, op, window)

    def _box(self, value: ir.Value, window: Window, direction: str) -> Access:
        """A unit's window of a value in memory."""
        at, element = place_of(value), element_bytes(value)
        counts = tuple(interval.length for interval in window)
        try:
            return Access(at, direction, counts, element, self.buffer(value).box([each.low for each in window]))
        except UnknownIndex:
            cells = addresses_of(value, self)
        return self._cut(cells, window, anywhere(at, direction, counts, element))

    def _stores(self, value: ir.Value, op: ir.Operation, window: Window) -> Iterator[Access]:
        """A unit's window of a value that is moved to `dram`, to each of its places."""
        at, element = place_of(value), element_bytes(value)
        counts = tuple(interval.length for interval in window)
        try:
            places = self.places(value)
        except UnknownIndex:
            for cells in self.stored_cells(value, op):
                yield self._cut(cells, window, anywhere(at, "write", counts, element))
            return
        for place in places:
            yield Access(at, "write", counts, element, place.box([each.low for each in window]))

    def _cut(self, cells: np.ndarray | None, window: Window, unknown: Access) -> Access:
        """What a unit's executions access of elements at known addresses; `unknown` where those are too many."""
        scope = self.scope(Scope(), window, out=unknown.direction == "write")
        executions = math.prod(axis.size for axis in scope.axes)
        if cells is None or executions * max(cells.size, 1) > MOST_CELLS:
            return unknown
        bounds = [(_over(each.low, scope), _over(each.high, scope)) for each in window]
        made = np.ones([axis.size for axis in scope.axes], dtype=bool)
        for mask in scope.masks:
            made &= _over(mask, scope) != 0
        found: list[np.ndarray] = []
        for at in np.argwhere(made):
            place = tuple(at)
            part = cells[tuple(slice(low[place], max(high[place], low[place])) for low, high in bounds)]
            found.append(part[part >= 0])
        return replace(unknown, counts=(), box=None, scattered=False, exact=True, cells=Cells(tuple(found)))

    # -- what rests at sram ------------------------------------------------------------------------

    def held(self, value: ir.Value) -> list[tuple[Number, Number]]:
        """Per dimension of a value at `sram`, how much of it a group holds, and where a unit's part is there."""
        found: list[tuple[Number, Number]] = []
        for dim, size in enumerate(self.shape(value)):
            name, hull = self.names.of(value, dim), self.hulls.get(value, {}).get(dim)
            if hull is not None:
                found.append((hull.length, subtract(self.own(value)[dim].low, hull.low)))
            else:
                found.append((size, 0) if name is None else self.dim(name).held_by_group())
        return found

    def _own(self, value: ir.Value) -> Buffer:
        """A tensor of a value's own; of one at `sram`, its group's buffer, as if it held the whole value."""
        own = super()._own(value)
        if not gir.is_at(value, "sram"):
            return own
        strides = row_major([count for count, _ in self.held(value)])
        offset: Number = 0
        for dim, stride in enumerate(strides):
            offset = subtract(offset, multiply(self._begin(value, dim), stride))
        return replace(own, offset=offset, strides=strides)

    def _begin(self, value: ir.Value, dim: int) -> Number:
        """The index at which a group's buffer at `sram` begins along a dimension, as its units see it."""
        name = self.names.of(value, dim)
        if self.grouped or name is None or self.dim(name).swept or dim in self.hulls.get(value, {}):
            return self._first(value, dim)
        along = self.dim(name)
        return pointwise(np.subtract, along.of_step()[0], along.held_by_group()[1])

    def filled(self, op: ir.Operation, scope: Scope) -> Iterator[tuple[Access, Scope]]:
        """What a movement of a whole group accesses, and the loops around it."""
        value = op.result
        own = self.own(value)
        names = {name for interval in own for name in interval.names}
        serial = self.depth(names, grouped=True)
        masks = [_less(*(dim.of_first_step() if dim in serial else dim.of_group())) for dim in self.dims if dim.size]
        axes = [dim.groups for dim in self.dims] + [dim.steps for dim in serial]
        inside = scope.inside(*(axis for axis in axes if axis.size != 1), masks=masks)
        source = self._source(op)
        at = place_of(op.operands[0])
        gaps = at.level == "dram" and any(self.dim(name).has_holes for name in names)
        if value in self.hulls and (source is None or gaps):
            raise UnsupportedError("halos at sram of what doesn't lie in one piece", location=op.location)
        counts = tuple(count for count, _ in self.held(value))
        element, strides = element_bytes(value), row_major(counts)
        offset: Number = 0
        starts = [self._first(value, dim) for dim in range(len(own))]
        for dim, hull in self.hulls.get(value, {}).items():
            offset = add(offset, multiply(hull.kept, strides[dim]))
            counts = (*counts[:dim], subtract(counts[dim], hull.kept), *counts[dim + 1 :])
            starts[dim] = add(starts[dim], hull.kept)
        if source is None or gaps:
            yield self._with_gaps(op, source, serial, scope)
        else:
            yield Access(at, "read", counts, element, source.box(starts)), inside
        yield Access(place_of(value), "write", counts, element, Box(value, offset, strides)), inside

    def _source(self, op: ir.Operation) -> Buffer | None:
        """What a group's movement reads, as the group sees it; None where its addresses aren't regular."""
        try:
            return replace(self, known={}, grouped=True).buffer(op.operands[0])
        except UnknownIndex:
            return None

    def _with_gaps(
        self, op: ir.Operation, source: Buffer | None, serial: Sequence[NestDim], scope: Scope
    ) -> tuple[Access, Scope]:
        """What a group reads whose units' parts have gaps between them: element by element, or else unit by unit.

        The latter is exact where no two units' parts share a granule, as parts that begin at one don't.
        """
        at, element = place_of(op.operands[0]), element_bytes(op.result)
        boxes = self._by_units(op, source, serial, scope)
        try:
            cells = Cells(self._enumerated(op, source, serial))
        except UnknownIndex:
            return boxes
        return Access(at, "read", (), element, cells=cells, boxes=None if source is None else boxes), scope

    def _by_units(
        self, op: ir.Operation, source: Buffer | None, serial: Sequence[NestDim], scope: Scope
    ) -> tuple[Access, Scope]:
        """What a group's movement reads, unit by unit."""
        at, element = place_of(op.operands[0]), element_bytes(op.result)
        own = self.own(op.result)
        held = [count for count, _ in self.held(op.result)]
        counts = tuple(count if self._is_whole(i) else i.length for i, count in zip(own, held, strict=True))
        starts = [self._first(op.result, dim) if self._is_whole(i) else i.low for dim, i in enumerate(own)]
        names = {name for i in own if not self._is_whole(i) for name in i.names}
        parts = [dim.of_unit() if dim.name in names else dim.of_group() for dim in self.dims]
        parts = [dim.of_step() if dim in serial else part for dim, part in zip(self.dims, parts, strict=True)]
        masks = [_less(*part) for dim, part in zip(self.dims, parts, strict=True) if dim.size]
        axes = [dim.groups for dim in self.dims] + [dim.units for dim in self.dims if dim.name in names]
        axes += [dim.steps for dim in serial]
        inside = scope.inside(*(axis for axis in axes if axis.size != 1), masks=masks)
        if source is None:
            return anywhere(at, "read", counts, element), inside
        gaps = [s for i, s in zip(own, source.strides, strict=True) if any(self.dim(n).has_holes for n in i.names)]
        apart = all(isinstance(stride, int) and stride * element % WIDEST_GRANULE == 0 for stride in gaps)
        return Access(at, "read", counts, element, source.box(starts), exact=apart), inside

    def _is_whole(self, interval: Interval) -> bool:
        """True for a dimension of which a group holds all of its part."""
        return all(self.dim(name).swept for name in interval.names)

    def _first(self, value: ir.Value, dim: int) -> Number:
        """The first element that a group holds along a dimension."""
        name = self.names.of(value, dim)
        if dim in self.hulls.get(value, {}):
            return self.hulls[value][dim].low
        if name is None:
            return 0
        along = self.dim(name)
        return along.of_group()[0] if along.swept else along.of_first_step()[0]

    def _enumerated(self, op: ir.Operation, source: Buffer | None, serial: Sequence[NestDim]) -> tuple[np.ndarray, ...]:
        """The addresses that a group's movement reads, execution by execution: its units' parts have gaps between."""
        shape = closed(self.shape(op.result))
        ways = [range(dim.groups.size) for dim in self.dims] + [range(dim.steps.size) for dim in serial]
        if math.prod(map(len, ways)) * math.prod(shape) > MOST_CELLS:
            raise UnknownIndex("too many elements")
        cells = addresses_of(op.operands[0], self) if source is None else box_cells(source, shape)
        if cells is None:
            raise UnknownIndex("too many elements")
        found: list[np.ndarray] = []
        for instance in itertools.product(*ways):
            group = {dim.name: g for dim, g in zip(self.dims, instance, strict=False)}
            step = {dim.name: t for dim, t in zip(serial, instance[len(self.dims) :], strict=True)}
            indices: list[np.ndarray] = []
            for at, size in enumerate(shape):
                name = self.names.of(op.result, at)
                part = np.arange(size) if name is None else self.dim(name).indices(group[name], step.get(name, 0))
                indices.append(part)
            found.append(cells[np.ix_(*indices)].reshape(-1))
        return tuple(found)


def nest_dims(kernel: ir.Operation, look: GraphLook) -> list[NestDim]:
    """The dimensions of a kernel's nest; an open size is that of a value that runs over it, at most its bound.

    Raises:
        UnsupportedError: An open size has no bound.
    """
    nest = gir.NestAttr(kernel.attributes["nest"])
    bounds: dict[str, int] = {name: bound for name, *_, bound in nest.dims if bound not in (None, gir.ALL)}
    for name, size in _sizes(kernel, look):
        if isinstance(size, Polynomial) and len(size.symbols) == 1 and name in bounds:
            look.assumed.update(dict.fromkeys(size.symbols, bounds[name]))
    sizes = dict(_sizes(kernel, look))
    dims: list[NestDim] = []
    for name, static, group, unit, step, _ in nest.dims:
        size = sizes.get(name) if static is None else static
        if not isinstance(size, int):
            raise UnsupportedError(
                f"the bytes of a placed kernel can't be counted while the size of '{name}' is open",
                location=kernel.location,
                help="give the shapes of the arguments, or the nest a bound (upto)",
            )
        steps = "sweep" if name in nest.sweep else ""
        parts = ((size, group, "group"), (group, unit, "unit"), (_reached(unit, step, size), step, steps))
        axes = [Axis(-(-left // right), runs) for left, right, runs in parts]
        if name in nest.sweep and not size:  # A group goes through it, though nothing be there.
            axes[0] = Axis(1, "group")
        dims.append(NestDim(name, size, group, unit, step, name in nest.sweep, *axes))
    return dims


def _reached(unit: int, step: int, size: int) -> int:
    """How much of a part there can be: several steps stay several, for they are a loop, but not all of `gir.ALL`."""
    return min(unit, max(size, 2 * step))


def _sizes(kernel: ir.Operation, look: GraphLook) -> Iterator[tuple[str, Number]]:
    """Sizes of what moves from and to `dram`, by the names that the move gives them."""
    for op in body_of(entry_block(kernel)):
        if op.name == "gir.move" and over(op):
            yield from zip(over(op), look.shape(op.result), strict=True)
            for place in _regular_places(op.result, look):
                yield from zip(over(op), place.sizes, strict=True)


def _regular_places(value: ir.Value, look: GraphLook) -> list[Buffer]:
    """Where a value at `dram` is put; nowhere that isn't regular."""
    try:
        return look.places(value) if gir.is_at(value, "dram") else []
    except UnknownIndex:
        return []


def nest_look(kernel: ir.Operation, sizes: Extents) -> NestLook:
    """The look of a placed kernel.

    Raises:
        UnsupportedError: One of its dimensions has an open size and no bound.
    """
    look = NestLook(kernel, sizes)
    look.dims = nest_dims(kernel, look)
    shared = frozenset(dim.name for dim in look.dims if dim.swept or dim.units.size > 1)
    look.names = Names(list(body_of(entry_block(kernel))), shared)
    windows = Windows(look, look.names, lambda name: look.dim(name).of_step())
    look.windows, look.own = windows.of, windows.own
    look.hulls = hulls_of(look, windows, look.dims)
    return look


def count_nest(kernel: ir.Operation, sizes: Extents, recorder: Recorder, scope: Scope) -> None:
    """Records what a placed kernel moves."""
    look = nest_look(kernel, sizes)
    scope = replace(scope, unsure=scope.unsure or bool(look.assumed))
    for op in look.names.ops:
        recorder.compute(op, kernel, scope, look.shape)
        if op.name not in EXPRESSIONS or recorder.stays(op):
            continue
        when = look.names.happens[op]
        scope = replace(scope, sweep=when.number if when else 0)
        if op.name == "gir.move" and not any(gir.is_at(value, "reg") for value in (op.operands[0], op.result)):
            for access, inside in look.filled(op, scope):
                recorder.record(op, kernel, [access], inside)
            continue
        window = look.moved(op)
        around = look.scope(scope, window or (), out=not gir.is_at(op.result, "reg"))
        for access in () if window is None else EXPRESSIONS[op.name](op, look):
            recorder.record(op, kernel, [access], around if access.cells is None else scope)
