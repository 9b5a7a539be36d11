"""Placed kernels: their nests as loops, exactly.

Groups become a `gir.parallel <group>`, units one of units where a group has several, the steps of what isn't
swept serial loops, and inside of them each pass has loops of its own over what is swept:

    nest <[r = 10 : 4 : 4 : 1, c = 50 : 50 : 50 : 16], sweep = [c]>
  ⇒ gir.parallel <group> (%g) in (3)
      scf.for %i = g * 4 to min(g * 4 + 4, 10) step 1
        %s = gir.stage %a[%i, 0] [1, 50]                what pass 0 moves to sram for the group
        %m = scf.for %j = 0 to 50 step 16 iter_args     pass 0: a reduction over what is swept
        scf.for %j = 0 to 50 step 16                    pass 1: stores

What moves executes where and as often as the nest says (see `placed_tiles`), so the tile form has the ledger of
the graph form. A kernel that isn't covered yet is tiled without its nest, and a remark says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod

from powerfusion.core._mlir import (
    create,
    defining_op,
    entry_block,
    index_constant,
)
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_names import When, pass_of
from powerfusion.passes.tiling.kernels import KernelTiler
from powerfusion.passes.tiling.loops import ceil_div, groups
from powerfusion.passes.tiling.nests import emit_sink
from powerfusion.passes.tiling.placed_dims import PlacedDim
from powerfusion.passes.tiling.placed_extents import (
    Extent,
    count_steps,
    counted_back,
    group_axis,
    group_extent,
    plus,
    step_axis,
    unit_extent,
)
from powerfusion.passes.tiling.placed_halos import bring
from powerfusion.passes.tiling.placed_plan import PlacedPlan, is_fill, is_rest
from powerfusion.passes.tiling.placed_tiles import PlacedEmitter
from powerfusion.passes.tiling.placed_units import Place, all_reduced, inits_of, starts
from powerfusion.passes.tiling.plans import Room, Sink
from powerfusion.passes.tiling.windows import (
    Axis,
    Window,
    affine_apply,
    affine_map,
    affine_max,
    index_op,
    scaled,
)


class PlacedTiler(KernelTiler):
    """Fills the tile form of a placed kernel."""

    emitter: PlacedEmitter

    def __init__(self, old: ir.Operation, new: ir.Operation, room: Room) -> None:
        super().__init__(old, new, room)
        self.plan = PlacedPlan(old)
        self.dims, self.names = self.plan.dims, self.plan.names
        self.emitter = PlacedEmitter(self.emitter.values, self._reduce, self.outputs, plan=self.plan)
        self.sinks: dict[ir.Operation, list[Sink]] = {}
        self.of_group: dict[str, Extent] = {}
        self.of_unit: dict[str, Extent] = {}
        self.written_out: dict[str, list[Axis]] = {}
        self.which: Mapping[str, ir.Value] = {}
        self.waits = self.plan.meets

    def run(self) -> None:
        """Emits the nest."""
        with ir.InsertionPoint(entry_block(self.new)), self.old.location:
            anchor = index_constant(0)
            self.emitter.top = ir.InsertionPoint(defining_op(anchor))
            for sink in [sink for part in self._parts() for sink in part.sinks]:
                self.sinks.setdefault(sink.op, []).append(sink)
            sizes = {dim.name: self._size(dim) for dim in self.dims}
            split = [dim for dim in self.dims if dim.groups != 1]
            counts = [self._groups(dim, sizes[dim.name]) for dim in split] or [index_constant(1)]

            def body(indices: list[ir.Value]) -> None:
                which = dict(zip((dim.name for dim in split), indices, strict=False))
                for dim in self.dims:
                    self.of_group[dim.name] = group_extent(dim, which.get(dim.name), sizes[dim.name])
                self._emit_units()

            groups(counts, body)
            create("gir.return")

    def _size(self, dim: PlacedDim) -> ir.Value:
        """A dimension's size; 1 where nothing has it any more, as what was along it has been folded since placing."""
        known = dim.size if dim.size is not None or dim.name in self.plan.measured else 1
        if known is not None:
            return index_constant(known)
        return self.emitter.size(*self.plan.measured[dim.name])

    def _groups(self, dim: PlacedDim, size: ir.Value) -> ir.Value:
        return ceil_div(size, dim.per_group) if dim.groups is None else index_constant(dim.groups)

    # -- units -------------------------------------------------------------------------------

    def _emit_units(self) -> None:
        split = [dim for dim in self.dims if dim.units > 1]
        if not split:
            self.of_unit = self.of_group
            self._emit_unit()
            return

        def body(_: Mapping[str, ir.Value]) -> None:
            idle = [] if self.waits else [dim for dim in split if dim.idle_units]
            guarded = [(self.of_unit[dim.name], dim.per_unit) for dim in idle]
            self._guard(guarded, self._emit_unit)

        self._parallel_units(split, body)

    def _parallel_units(self, split: Sequence[PlacedDim], body: Callable[[Mapping[str, ir.Value]], None]) -> None:
        """The units of a group in parallel, each with its parts; `body` gets their indices by dimension."""
        counts = [index_constant(dim.units) for dim in split]
        op = create("gir.parallel", counts, attributes={"scope": ir.Attribute.parse("#gir.scope<unit>")}, regions=1)
        types = [ir.IndexType.get()] * len(split)
        block = op.regions[0].blocks.append(*types, arg_locs=[op.location] * len(split))
        with ir.InsertionPoint(block):
            which = dict(zip((dim.name for dim in split), block.arguments, strict=True))
            self.which = which
            extents = [unit_extent(dim, which.get(dim.name), self.of_group[dim.name]) for dim in self.dims]
            self.of_unit = dict(zip((dim.name for dim in self.dims), extents, strict=True))
            body(which)
            create("gir.yield")

    def _guard(self, parts: Sequence[tuple[Extent, int]], body: Callable[[], None]) -> None:
        """Loops that are gone through once, or not at all where there is nothing in a part, each at most so long."""
        if not parts:
            body()
            return
        (part, most), *rest = parts
        count = count_steps(part, most)  # Peeling would take an end before the beginning for one more step.
        loop = create("scf.for", [self.emitter.start(), count, index_constant(1)], regions=1)
        with ir.InsertionPoint(loop.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[loop.location])):
            self._guard(rest, body)
            create("scf.yield")

    def _emit_unit(self) -> None:
        for dim in self.dims:
            if dim.steps == 1:
                empty = self.waits and dim.idle_units
                self.emitter.axes[dim.name] = step_axis(dim, self.of_unit[dim.name], may_be_empty=empty)
        self._emit_steps([dim for dim in self.dims if dim.steps > 1 and not dim.swept])

    def _emit_steps(self, dims: Sequence[PlacedDim]) -> None:
        """Serial loops over the steps of what isn't swept, then the passes."""
        if not dims:
            self._emit_passes()
            return

        def body(_: Sequence[ir.Value]) -> list[ir.Value]:
            self._emit_steps(dims[1:])
            return []

        self._serial(dims[0], [], body)

    def _serial(
        self,
        dim: PlacedDim,
        inits: Sequence[ir.Value],
        body: Callable[[Sequence[ir.Value]], list[ir.Value]],
        *,
        backwards: bool = False,
    ) -> list[ir.Value]:
        part, step = self.of_unit[dim.name], index_constant(dim.per_step)
        low, end = part.low, part.end
        if backwards:  # The loop counts steps.
            low, end, step = self.emitter.start(), count_steps(part, dim.per_step), index_constant(1)
        alike = self.waits and dim.units > 1 and not dim.swept  # All units go through one loop.
        if alike:
            low, end = self.emitter.start(), index_constant(max(dim.unit_lengths or {dim.per_unit}))
        loop = create("scf.for", [low, end, step, *inits], [init.type for init in inits], regions=1)
        types = [ir.IndexType.get(), *(init.type for init in inits)]
        loop.regions[0].blocks.append(*types, arg_locs=[loop.location] * len(types))
        with self.emitter.inside(loop) as block:
            index, *carried = block.arguments
            if backwards:
                index = affine_apply(counted_back(dim.per_step), [part.low, end, index])
            elif alike:
                index = index_op("arith.addi", [part.low, index])
            uneven = dim.idle_units or dim.unit_lengths is None or len(dim.unit_lengths) > 1
            self.emitter.axes[dim.name] = step_axis(dim, Extent(index, part.end), may_be_empty=alike and uneven)
            create("scf.yield", body(carried))
        return list(loop.results)

    # -- passes ------------------------------------------------------------------------------

    def _emit_passes(self) -> None:
        self._write_out()
        for number in range(self.plan.last + 1):
            for op in self.plan.ops:
                if is_fill(op) and pass_of(op) == number and op.result not in self.emitter.resting:
                    self._fill(op)
            self._emit_pass(number)

    def _write_out(self) -> None:
        """Gives each step of a sweep that is written out its axis."""
        for dim in self.plan.written_out:
            assert dim.unit_lengths is not None
            (length,) = dim.unit_lengths
            low = self.of_unit[dim.name].low
            axes: list[Axis] = []
            for first in range(0, length, dim.per_step):
                start = plus(low, first) if first else affine_apply(affine_map(1, lambda d: d), [low])
                self.emitter.depths[start] = self.emitter.level
                axes.append(Axis(start, min(dim.per_step, length - first)))
            self.written_out[dim.name] = axes

    def _fill(self, op: ir.Operation) -> None:
        """A movement to sram for the whole group."""
        window = self._held(op.result)
        if self.plan.has_halos(op.result):
            self._bring(op, window)
            return
        with self.emitter.at(self.emitter.depth(window)), op.location:
            self.emitter.stage(op, window)

    def _bring(self, op: ir.Operation, window: Window) -> None:
        """A movement to sram of what units need beyond their steps, too."""
        value = op.result
        bring(self.emitter, op, window, self.plan.held(value), self.plan.own(value), self.plan.rolls(value))

    def _held(self, value: ir.Value) -> Window:
        """What a group has of a value at sram: its part of what is swept, its step of the rest."""
        own: list[Axis] = []
        for at, span in enumerate(self.plan.own(value)):
            dim = self.plan.dim_of(value, at)
            if dim is not None and dim.swept:
                own.append(group_axis(dim, self.of_group[dim.name]))
            else:
                own += self.emitter.materialise([span])
        return tuple(own)

    def _emit_pass(self, number: int) -> None:
        self.emitter.number = number
        ops = [op for op in self.plan.steps if (when := self.names.happens[op]) is not None and when.number == number]
        for op in ops:
            if is_rest(op) and op.result not in self.emitter.resting:
                window = self._held(op.result)
                with self.emitter.at(self.emitter.depth(window)), op.location:
                    self.emitter.allocate(op, window)
        swept = [dim for dim in self.dims if dim.swept and dim.steps > 1]
        steps = [op for op in ops if self.names.happens[op] == When(number)]
        streaming = [op for op in steps if not swept or self.plan.streams(op)]
        for op in steps:  # What rests must be there before it is read, and nothing of these comes from a sweep's end.
            if op not in streaming:
                self._sink(op)
        combining = [op for op in streaming if self.names.combined(op)]
        inits = [tile for op in combining for tile in self._starts(op)]
        found = self._sweep(swept, streaming, inits) if streaming else []
        for op in combining:
            count = len(inits_of(op))
            self._end_combination(op, found[:count])
            found = found[count:]
        for op in ops:
            if op in steps:
                continue
            if self.names.combined(op):
                with op.location:
                    self._end_combination(op, self.emitter.combine(op, self._starts(op)))
            else:
                self._sink(op)

    def _starts(self, op: ir.Operation) -> list[ir.Value]:
        """What a combination starts from."""
        ends = zip(inits_of(op), finals(op), strict=True)
        tiles = [self.emitter.tile(init, self.emitter.window(result)) for init, result in ends]
        if not self.plan.joins(op):
            return tiles
        return starts(op, tiles, [self.which[name] for name in sorted(self.names.combined(op) & self.plan.split)])

    def _end_combination(self, op: ir.Operation, tiles: Sequence[ir.Value]) -> None:
        """Keeps what the steps of a unit, or of all units together, have come to."""
        made = tiles
        if self.plan.joins(op):
            made = all_reduced(op, tiles, self._place_among(op), self.emitter.scalar)
        for result, tile in zip(finals(op), made, strict=True):
            self.emitter.keep(result, self.emitter.window(result), tile, self.emitter.level)

    def _place_among(self, op: ir.Operation) -> Place | None:
        """Which part of what isn't combined a unit has; None where all units combine."""
        apart = [dim for dim in self.dims if dim.units > 1 and dim.name not in self.names.combined(op)]
        if not apart:
            return None
        number = self.which[apart[0].name]
        for dim in apart[1:]:
            number = index_op("arith.addi", [scaled(number, dim.units), self.which[dim.name]])
        return Place(number, prod(dim.units for dim in apart))

    def _sweep(
        self, dims: Sequence[PlacedDim], ops: Sequence[ir.Operation], carried: Sequence[ir.Value]
    ) -> list[ir.Value]:
        """The loops of a pass; gives what its combining ops come to."""
        if not dims:
            return self._step(ops, carried)
        dim, *rest = dims
        backwards = any(op.name == "gir.scan" and "reverse" in op.attributes for op in ops)
        if dim.name not in self.written_out:
            return self._serial(dim, carried, lambda inside: self._sweep(rest, ops, inside), backwards=backwards)
        for axis in self.written_out[dim.name][:: -1 if backwards else 1]:
            self.emitter.axes[dim.name] = axis
            carried = self._sweep(rest, ops, carried)
        return list(carried)

    def _step(self, ops: Sequence[ir.Operation], carried: Sequence[ir.Value]) -> list[ir.Value]:
        remaining, found = list(carried), list[ir.Value]()
        for op in ops:
            if not self.names.combined(op):
                self._sink(op)
                continue
            count = len(inits_of(op))
            with op.location:
                made = self.emitter.combine(op, remaining[:count])
            for result, tile in zip(list(op.results)[:-count], made, strict=False):  # What a scan gives step by step.
                self.emitter.keep(result, self.emitter.window(result), tile, self.emitter.level)
            found += made[-count:]
            remaining = remaining[count:]
        return found

    def _sink(self, op: ir.Operation) -> None:
        """Stores a tile to dram or sram, asserts it or keeps it, in the loop that it moves with."""
        emitter = self.emitter
        if is_rest(op):
            window = emitter.own(op.result)
            with emitter.at(emitter.depth(window)), op.location:
                emitter.store_resting(op, emitter.tile(op.operands[0], window), window)
            return
        for value in self.plan.keeps(op):
            emitter.tile(value, emitter.own(value))
        for sink in self.sinks.get(op, []):
            window = emitter.own(op.result if op.results else sink.value)
            with emitter.at(emitter.depth(window)):
                tile = emitter.tile(sink.value, window)
                with self._once(None if sink.memref is None else sink.op.result):
                    emit_sink(sink, tile, window)

    @contextmanager
    def _once(self, value: ir.Value | None) -> Iterator[None]:
        """What several units have alike is moved by the first of them."""
        alike = [] if value is None else sorted(self.plan.split - self.plan.runs_over(value))
        if not alike:
            yield
            return
        others = self.which[alike[0]]
        for name in alike[1:]:
            others = index_op("arith.addi", [others, self.which[name]])
        count = affine_max(
            ir.AffineMap.get(1, 0, [1 - ir.AffineDimExpr.get(0), ir.AffineConstantExpr.get(0)]), [others]
        )
        loop = create("scf.for", [self.emitter.start(), count, index_constant(1)], regions=1)
        with ir.InsertionPoint(loop.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[loop.location])):
            yield
            create("scf.yield")


def finals(op: ir.Operation) -> list[ir.Value]:
    """What a combining op has come to at the end."""
    return list(op.results)[-len(inits_of(op)) :]
