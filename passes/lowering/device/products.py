"""Sums of products by a machine's intrinsics: a number times a run, added to a run, for each number.

    acc[i, j] += x[k, j] * s[i, k]     ⇒   for i, k:  t = mulf x[k, :], s[i, k];   acc[i, :] = addf acc[i, :], t

The run is along dimensions that the accumulator and one factor have, and the other hasn't; as many as lie alike in
both. Rows of the accumulator lie as the factor's do. A factor whose rows are columns is transposed first; one whose
runs begin between granules, as the window of a convolution a column further does, is copied once per such step, as a
whole. Others are loops over elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import loops_of
from powerfusion.passes.lowering.device.calls import emit_call
from powerfusion.passes.lowering.device.layouts import Layout, layout_of, row_strides, span_of
from powerfusion.passes.lowering.device.lowering import DEVICE, DeviceLowering
from powerfusion.passes.lowering.device.state import Flight
from powerfusion.passes.lowering.device.straight import can_copy
from powerfusion.passes.lowering.device.transfers import Box, Side, linear, move, pointer_of, typed, typed_number
from powerfusion.passes.lowering.device.turns import turned
from powerfusion.passes.lowering.device.ways import NUMBER, RUN, Step, way_of
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.carries import Carry, copy_into, is_argument
from powerfusion.passes.lowering.emitc.code import Number, plus
from powerfusion.passes.lowering.emitc.computation import lower_contract
from powerfusion.passes.lowering.emitc.scalars import computed
from powerfusion.passes.lowering.emitc.tiles import Held, Tile, renamed, squeezed
from powerfusion.passes.lowering.registry import lowers


@lowers("gir.contract", to=DEVICE)
def lower_products(lowering: DeviceLowering, op: ir.Operation) -> None:
    """Runs by intrinsics, where one factor and the accumulator have some; else loops over elements."""
    steps = _steps(lowering, op)
    product = None if steps is None else _product_of(lowering, op, *steps)
    if product is None:
        lower_contract(lowering, op)
        return
    lowering.bind([op.result], [product.emit()])


def _steps(lowering: DeviceLowering, op: ir.Operation) -> tuple[Step, Step] | None:
    """The calls for a product with a number and for a sum, where all elements are such as one computes with."""
    types = {value.type.element_type for value in list(op.operands)[:3]}
    (element, *others) = types
    if others or computed(element) != element or lowering.members:
        return None
    found = [
        way_of(lowering.emission, name, str(element), kinds)
        for name, kinds in (("arith.mulf", [RUN, NUMBER]), ("arith.addf", [RUN, RUN]))
    ]
    single = [way[0] for way in found if way is not None and len(way) == 1]
    return (single[0], single[1]) if len(single) == len(found) else None


@dataclass
class Product:
    """A contraction by runs.

    Attributes:
        lowering: What it is part of.
        op: The contraction.
        multiply: What multiplies a run by a number.
        add: What adds runs.
        sizes: Per loop of the contraction how often it is done.
        lines: Where the factor is that has the runs: how far apart its elements are along each loop.
        layout: Likewise, what it is a part of and where it begins.
        number: The other factor, and the loops that index it.
        order: The accumulator's loops, as its place has them; the run's last.
        run: How many of these a call does.
        init: What the accumulator begins with.
        dims: The accumulator's loops, as the program has them.
    """

    lowering: DeviceLowering
    op: ir.Operation
    multiply: Step
    add: Step
    sizes: list[Number]
    full: list[int]
    lines: dict[int, int]
    layout: Layout
    number: tuple[Tile, list[int]]
    order: list[int]
    run: int
    init: ir.Value
    dims: list[int]

    def emit(self) -> Tile | Carry:
        """Writes the loops and calls; gives the result."""
        lowering, element = self.lowering, self.init.type.element_type
        lowering.arrive_loads()
        given = lowering.values[self.init]
        shape = tuple(self.full[dim] for dim in self.order)
        if isinstance(given, Carry) and is_argument(self.init):
            held, result = given.held, given
        else:
            init = lowering.tile(self.init)
            lowering.settle(init)
            held = Held(shape, element)
            lowering.place(held, self.op)
            self._begin(held, renamed(init, shape, lambda index: tuple(index[self.order.index(d)] for d in self.dims)))
            result = renamed(
                Tile.of(held),
                [self.full[dim] for dim in self.dims],
                lambda index: tuple(index[self.dims.index(d)] for d in self.order),
            )
        assert self.layout.held is not None
        lowering.compute(held, self.layout.held, *self.number[0].reads)
        self._loops(held)
        return result

    def _begin(self, held: Held, init: Tile) -> None:
        """Writes what the sums begin with."""
        lowering, dtype = self.lowering, str(held.element)
        fill = way_of(lowering.emission, "fill", dtype, [NUMBER]) if init.uniform else None
        if fill is None or len(fill) != 1:
            copy_into(held, init, computed(held.element))
            return
        count = self._padded(squeezed(held.shape), row_strides(squeezed(held.shape), lowering.lanes))
        number = typed_number(lowering, init.at((0,) * len(init.shape)), dtype)
        given: dict[str, Number] = {"dst": typed(lowering, held, 0, dtype), "a": number, "count": count}
        emit_call(fill[0].intrinsic.parsed, fill[0].intrinsic.callee(dtype), given, self.op)

    def _padded(self, shape: Sequence[int], strides: Sequence[int]) -> int:
        return -(-span_of(shape, strides) // self.lowering.lanes) * self.lowering.lanes

    def _loops(self, held: Held) -> None:
        lowering, dtype = self.lowering, str(held.element)
        within = self.order[len(self.order) - self.run :]
        crooked = [dim for dim, step in self.lines.items() if dim not in within and step % lowering.lanes]
        outer = [dim for dim in self.order[: -self.run] if dim not in crooked]
        summed = [dim for dim in range(len(self.sizes)) if dim not in (*self.order, *crooked)]
        shape = [self.full[dim] for dim in self.order]
        strides = dict(
            zip([d for d, n in zip(self.order, shape, strict=True) if n != 1], held.strides or (), strict=True)
        )
        long = [dim for dim in within if self.full[dim] != 1]
        count = self._padded([self.full[dim] for dim in long], [strides[dim] for dim in long])
        work = lowering.temporary(count, held.element, self.op)
        place: dict[int, Number] = dict.fromkeys(within, 0)
        with ExitStack() as nest:
            for dim in crooked:
                place[dim] = nest.enter_context(code.loop(0, self.sizes[dim]))
            source, begin = self._straight(crooked, place)
            for dim in (*outer, *summed):
                place[dim] = 0 if self.sizes[dim] == 1 else nest.enter_context(code.loop(0, self.sizes[dim]))
            rest = [dim for dim in (*outer, *summed) if dim in self.lines]
            at = plus(begin, linear([place[dim] for dim in rest], [self.lines[dim] for dim in rest]))
            into = linear([place[dim] for dim in strides], [strides[dim] for dim in strides])
            tile, dims = self.number
            given: dict[str, Number] = {
                "dst": typed(lowering, work.held, 0, dtype),
                "a": typed(lowering, source, at, dtype),
                "b": typed_number(lowering, tile.at(tuple(place[dim] for dim in dims)), dtype),
                "count": count,
            }
            self._call(self.multiply, given)
            sum_ = typed(lowering, held, into, dtype)
            self._call(self.add, {"dst": sum_, "a": sum_, "b": typed(lowering, work.held, 0, dtype), "count": count})
        lowering.drop(work)

    def _call(self, step: Step, given: dict[str, Number]) -> None:
        emit_call(step.intrinsic.parsed, step.intrinsic.callee(step.dtype), given, self.op)

    def _straight(self, crooked: Sequence[int], place: dict[int, Number]) -> tuple[Held, Number]:
        """The factor with runs as far on as some loops are, and where in it their first element is."""
        lowering, old = self.lowering, self.layout.held
        assert old is not None
        if not crooked and self.layout.offset % lowering.lanes == 0:
            return old, self.layout.offset
        room = _room(lowering, old)
        furthest = self.layout.offset + sum((self.full[dim] - 1) * self.lines[dim] for dim in crooked)
        held = Held((room,), old.element)
        region = lowering.place(held, self.op, copied=True)
        shift = plus(self.layout.offset, linear([place[d] for d in crooked], [self.lines[d] for d in crooked]))
        name, lowered = lowering.space.name, lowering.region_of(old)
        assert lowered is not None
        lowering.computed |= {region.span, lowered.span}
        lowering.before_copy(region.span, lowered.span)
        source, dest = Side(name, pointer_of(old), shift, (1,)), Side(name, pointer_of(held), 0, (1,))
        copy = move(lowering, self.op, Box((room - furthest,), lowering.element_bytes(old), source, dest), region)
        if copy.wait:
            lowering.flights.append(Flight(region.span, copy.wait, None))
            lowering.arrive_loads()
        return held, 0


def _room(lowering: DeviceLowering, held: Held) -> int:
    """How many elements a tile's place has."""
    region = lowering.region_of(held)
    return 0 if region is None else (region.span.end - region.span.begin) // lowering.element_bytes(held)


def _product_of(lowering: DeviceLowering, op: ir.Operation, multiply: Step, add: Step) -> Product | None:
    """How runs do a contraction; None where they can't."""
    lhs, rhs, init, *valid = op.operands
    maps = [loops_of(attribute) for attribute in ir.ArrayAttr(op.attributes["maps"])]
    full = [1] * ir.AffineMapAttr(op.attributes["maps"][0]).value.n_dims
    for value, dims in zip((lhs, rhs, init), maps, strict=True):
        for dim, size in zip(dims, value.type.shape, strict=True):
            full[dim] = size
    counts: list[Number] = lowering.numbers(valid) or list(full)
    sizes = [code.least(count, size) for count, size in zip(counts, full, strict=True)]
    tiles = [lowering.tile(lhs), lowering.tile(rhs)]
    lowering.settle(*tiles)
    lowering.group.flush()
    carried = isinstance(lowering.values[init], Carry) and is_argument(init)
    for lines, number in ((0, 1), (1, 0)):
        only = [d for d in maps[2] if full[d] != 1 and d in maps[lines] and d not in maps[number]]
        found = _lines(lowering, op, tiles[lines], (maps[lines], full), only)
        if found is None or tiles[number].uniform:
            continue
        layout, steps = found
        only.sort(key=lambda dim: -steps[dim])
        order = [*(d for d in maps[2] if d not in only), *only]
        if carried and order != list(maps[2]):
            continue
        run = _run(lowering, (order, only, full), steps, layout)
        if run:
            return Product(
                lowering, op, multiply, add, sizes, full, steps, layout,
                (tiles[number], list(maps[number])), order, run, init, list(maps[2]),
            )  # fmt: skip
    return None


def _lines(
    lowering: DeviceLowering,
    op: ir.Operation,
    tile: Tile,
    loops: tuple[Sequence[int], Sequence[int]],
    only: Sequence[int],
) -> tuple[Layout, dict[int, int]] | None:
    """Where a factor is, and how far it goes along each loop, its runs' elements side by side; it may be transposed."""
    dims, full = loops
    if not only:
        return None
    layout = layout_of(tile)
    if layout is None or layout.held is None or layout.held.element != tile.element:
        return None
    long = [dim for dim in dims if full[dim] != 1]
    steps = dict(zip(long, layout.strides, strict=True))
    if any(steps[dim] == 1 for dim in only):
        return layout, steps
    last = min(only, key=lambda dim: steps[dim])
    if len(long) < 2 or steps[long[-1]] != 1 or long[-2] != last:
        return None
    order = [*(d for d in dims if d not in (last, long[-1])), long[-1], last]
    shape = tuple(full[dim] for dim in order)
    permuted = renamed(tile, shape, lambda index: tuple(index[order.index(dim)] for dim in dims))
    found = layout_of(permuted)
    if found is None:
        return None
    _, (turned_layout,) = turned(lowering, op, [permuted], [found])
    if turned_layout.held is layout.held:
        return None
    return turned_layout, dict(zip([dim for dim in order if full[dim] != 1], turned_layout.strides, strict=True))


def _run(
    lowering: DeviceLowering,
    loops: tuple[Sequence[int], Sequence[int], Sequence[int]],
    steps: dict[int, int],
    layout: Layout,
) -> int:
    """How many of the accumulator's last loops a call does; 0 where none can."""
    order, only, full = loops
    held = layout.held
    if held is None or steps[order[-1]] != 1:
        return 0
    shape = [full[dim] for dim in order]
    long = [dim for dim in order if full[dim] != 1]
    strides = dict(zip(long, row_strides(squeezed(shape), lowering.lanes), strict=True))
    room = _room(lowering, held)
    for run in range(len(only), 0, -1):
        within = order[len(order) - run :]
        outer = [dim for dim in long if dim not in within]
        if any(strides[dim] != steps[dim] for dim in within) or any(strides[dim] % lowering.lanes for dim in outer):
            continue
        crooked = [dim for dim, step in steps.items() if dim not in within and step % lowering.lanes]
        if (crooked or layout.offset % lowering.lanes) and not can_copy(lowering):
            continue
        if any(dim in order for dim in crooked):
            continue
        span = span_of([full[dim] for dim in within], [strides[dim] for dim in within])
        rest = sum((full[dim] - 1) * step for dim, step in steps.items() if dim not in (*within, *crooked))
        begin = 0 if crooked or layout.offset % lowering.lanes else layout.offset
        if begin + rest + -(-span // lowering.lanes) * lowering.lanes <= room:
            return run
    return 0
