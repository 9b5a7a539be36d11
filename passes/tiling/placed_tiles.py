"""Tiles of a placed kernel: each made once per time that its window moves, in the loop that moves it.

The loops of a nest that are open are levels. A tile is made at the level of the innermost loop that
its window depends on, before whatever loop is open further in, so that a movement executes as often
as the nest says:

    for r:                  level 1
      w = load %b[r]        its window moves with r alone
      for c:                level 2
        x = load %a[r, c]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    defining_op,
    i32_array,
    i64_array,
    index_constant,
    integer_of,
    integers,
    producer,
    segments,
    split_mixed,
)
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_names import contracted, is_everywhere
from powerfusion.passes.tiling import memrefs
from powerfusion.passes.tiling.combiners import common_rank, reduce_step, scan_step
from powerfusion.passes.tiling.placed_plan import PlacedPlan
from powerfusion.passes.tiling.placed_resting import Resting, ended, extents_of, memref_at
from powerfusion.passes.tiling.placed_views import VIEW_RULES, box
from powerfusion.passes.tiling.placed_windows import Span, needs
from powerfusion.passes.tiling.tiles import TileEmitter, rule_of
from powerfusion.passes.tiling.windows import (
    SLT,
    Axis,
    Window,
    affine_apply,
    affine_map,
    compare,
    index_op,
    places,
    splat,
    tile_type,
    valid_extents,
)


@dataclass
class PlacedEmitter(TileEmitter):
    """Makes tiles of a placed kernel's values, in the loops that are open.

    Attributes:
        plan: What is known of the kernel.
        axes: The axis of each of the nest's dimensions in the loops that are open.
        loops: The loops that are open, outermost first.
        level: The level at which ops are made: how many loops are around them.
        resting: What is at sram.
        zero: The index 0.
        base: The level at which the units of a group begin, where they share what is at sram.
        units: Which unit this is, by the nest's dimension, where they do.
        number: The pass that is made.
    """

    plan: PlacedPlan = field(kw_only=True)
    axes: dict[str, Axis] = field(default_factory=dict)
    loops: list[ir.Operation] = field(default_factory=list)
    level: int = 0
    resting: dict[ir.Value, Resting] = field(default_factory=dict)
    zero: ir.Value | None = None
    base: int = 0
    units: dict[str, ir.Value] = field(default_factory=dict)
    number: int = 0
    depths: dict[ir.Value, int] = field(default_factory=dict)
    made: dict[tuple[Span, Axis | None], Axis] = field(default_factory=dict)
    spans: dict[Axis, Span] = field(default_factory=dict)
    splats: dict[tuple[ir.Value, tuple[int, ...]], ir.Value] = field(default_factory=dict)

    # -- windows -----------------------------------------------------------------------------

    def start(self) -> ir.Value:
        """The index 0, seen by every loop."""
        if self.zero is None:
            with self._at_kernel_top():
                self.zero = index_constant(0)
        zero = self.zero
        assert zero is not None, "made above"
        return zero

    def window(self, value: ir.Value) -> Window:
        """The window of a value in the step of the loops that are open."""
        return self.materialise(self.plan.window(value))

    def own(self, value: ir.Value) -> Window:
        """The nest's intervals of a value's dimensions."""
        return self.materialise(self.plan.own(value))

    def materialise(self, spans: Sequence[Span]) -> Window:
        """Spans as axes; the same ones for the same step."""
        return tuple(self._axis(span) for span in spans)

    def _axis(self, span: Span) -> Axis:
        base = None if span.name is None else self.axes[span.name]
        if (span, base) not in self.made:
            made = self._fixed_axis(span) if base is None else self._moving_axis(span, base)
            self.made[span, base] = made
            self.spans[made] = span
        return self.made[span, base]

    def _fixed_axis(self, span: Span) -> Axis:
        with self._at_kernel_top():
            start = self.start() if span.low == 0 else index_constant(span.low)
        return Axis(start, span.high - span.low + 1, clip=span.clip)

    def _moving_axis(self, span: Span, base: Axis) -> Axis:
        if (span.scale, span.low, span.high, span.clip) == (1, 0, 0, False):
            return base
        scale, low, more = span.scale, span.low, span.high - span.low + 1
        with self.at(self.depth((base,))):
            start = affine_apply(affine_map(1, lambda d: d * scale + low), [base.start])
            valid = None
            if base.valid is not None:
                valid = affine_apply(affine_map(1, lambda d: d * scale + (more - scale)), [base.valid])
        return Axis(start, scale * (base.size - 1) + more, valid, span.clip)

    def depth(self, window: Window) -> int:
        """How many of the open loops are around what a window moves with."""
        values = [value for axis in window for value in (axis.start, axis.valid, axis.step)]
        return max([self.base, *(self._depth(value) for value in values if isinstance(value, ir.Value))])

    def _depth(self, value: ir.Value) -> int:
        if value not in self.depths:
            op = defining_op(value)
            self.depths[value] = 0 if op is None else max(map(self._depth, op.operands), default=0)
        return self.depths[value]

    # -- levels ------------------------------------------------------------------------------

    @contextmanager
    def at(self, depth: int) -> Iterator[None]:
        """Makes ops at a level: before the loop that is open there, if one is."""
        if depth == self.level:
            yield
            return
        assert depth < self.level, "what a value is made of doesn't move more than the value"
        before, self.level = self.level, depth
        with ir.InsertionPoint(self.loops[depth]):
            yield
        self.level = before

    @contextmanager
    def inside(self, loop: ir.Operation) -> Iterator[ir.Block]:
        """Makes ops in the body of a loop, a level further in."""
        block = loop.regions[0].blocks[0]
        self.loops.append(loop)
        self.scopes.append({})
        self.level += 1
        self.depths[block.arguments[0]] = self.level
        with ir.InsertionPoint(block):
            yield block
        self.level -= 1
        self.scopes.pop()
        self.loops.pop()

    # -- tiles -------------------------------------------------------------------------------

    def tile(self, value: ir.Value, window: Window) -> ir.Value:
        """The tile at reg of a value for a window; made at the level of the window."""
        op = producer(value)
        if is_everywhere(value):
            return self._everywhere(value, window)
        known = self.known(value, window)
        if known is not None:
            return known
        depth = self.depth(window)
        whole = self.window(value)
        if window != whole:
            with self.at(depth), op.location:
                self.keep(value, window, self._cropped(value, whole, window), depth)
            return self.scopes[depth][value, window]
        with self.at(depth), op.location:
            tiles = self._make(op, window)
        for result, tile in zip(op.results, tiles, strict=True):
            if tile is not None:
                self.keep(result, window if result == value else self.window(result), tile, depth)
        return self.scopes[depth][value, window]

    def keep(self, value: ir.Value, window: Window, tile: ir.Value, depth: int) -> None:
        """Remembers a tile at a level."""
        self.scopes[depth][value, window] = tile

    def _cropped(self, value: ir.Value, whole: Window, window: Window) -> ir.Value:
        """A part of a value's tile."""
        tile = self.tile(value, whole)
        pairs = [(self.spans[inner], self.spans[outer]) for inner, outer in zip(window, whole, strict=True)]
        offsets = [inner.low - outer.low for inner, outer in pairs]
        return box(tile, offsets, [axis.size for axis in window], [1] * len(window), [])

    def _everywhere(self, value: ir.Value, window: Window) -> ir.Value:
        key = value, tuple(axis.size for axis in window)
        if key not in self.splats:
            op = producer(value)
            with self._at_kernel_top(), op.location:
                self.splats[key] = next(tile for tile in rule_of(op)(self, op, window) if tile is not None)
        return self.splats[key]

    def _make(self, op: ir.Operation, window: Window) -> Sequence[ir.Value | None]:
        match op.name:
            case "gir.move":
                return [self._moved(op.operands[0], window)]
            case "gir.reduce" | "gir.scan" | "gir.contract" if self.plan.names.combined(op):
                raise UnsupportedError(
                    "a value is used where the steps that it is combined from aren't over",
                    location=op.location,
                    help="bring it to a later pass by a move or a broadcast",
                )
            case "gir.reduce" | "gir.scan" | "gir.contract":
                inits = [op.operands[2]] if op.name == "gir.contract" else segments(op)[1]
                return self.combine(op, [self.tile(value, part) for value, part in self._operands(op, inits)])
            case "gir.gather" if any(axis.valid is not None for axis in window):
                return [self._gather_valid(op, window)]
            case name if name in VIEW_RULES:
                return [VIEW_RULES[name](self, op, self._operands(op, op.operands))]
            case _:
                return rule_of(op)(self, op, window)

    def _gather_valid(self, op: ir.Operation, window: Window) -> ir.Value:
        """A gather has no extents: beyond an edge its first index is one that accesses nothing."""
        table, first, *rest = op.operands
        index = self.tile(first, window)
        nowhere = splat(index_constant(-1), index.type)
        for dim, axis in enumerate(window):
            if (valid := axis.valid) is not None:
                steps = places(dim, tuple(replace(each, start=self.start(), step=1) for each in window))
                flags = compare(SLT, steps, splat(valid, steps.type))
                index = create("arith.select", [flags, index, nowhere], [index.type]).result
        tiles = [index, *(self.tile(value, window) for value in rest)]
        return create("gir.gather", [self.place(table), *tiles], [tile_type(op.result, window)]).result

    def _moved(self, source: ir.Value, window: Window) -> ir.Value:
        match gir.level_of(source.type):
            case "dram":
                return self._load(source, window)
            case "sram":
                return self._load_resting(source, window)
            case _:
                return self.tile(source, window)

    def _load(self, value: ir.Value, window: Window) -> ir.Value:
        """Loads a window; one that sticks out and has an end within a step from a view that ends there."""
        if not any(axis.clip for axis in window) or all(axis.valid is None for axis in window):
            return super()._load(value, window)
        memref = self.place(value)
        sizes = [self._end_of(value, dim, axis) for dim, axis in enumerate(window)]
        rank = len(window)
        dynamic, static = split_mixed(sizes)
        view = memrefs.subview(memref, dynamic, [0, len(dynamic), 0], [[0] * rank, static, [1] * rank], [])
        attributes: dict[str, ir.Attribute] = {
            "operandSegmentSizes": i32_array([1, rank, 0]),
            "clip": ir.UnitAttr.get(),
        }
        operands = [view, *(axis.start for axis in window)]
        return create("gir.load", operands, [tile_type(value, window)], attributes | self._pass_of(window)).result

    def _pass_of(self, window: Window) -> dict[str, ir.Attribute]:
        """Marks a load of a sweep with its pass: where few steps are left of a sweep, no pass takes another's tiles."""
        names = [self.spans[axis].name for axis in window if axis in self.spans]
        if self.number == 0 or not any(name is not None and self.plan.sweeps(name) for name in names):
            return {}
        return {"pass": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), self.number)}

    def _end_of(self, value: ir.Value, dim: int, axis: Axis) -> int | ir.Value:
        """Where what is there of a window ends, in a value."""
        size = value.type.shape[dim]
        if axis.valid is None:
            return self.size(value, dim) if size == DYNAMIC else size
        end = index_op("arith.addi", [axis.start, axis.valid])
        end = index_op("arith.maxsi", [end, self.start()])
        return index_op("arith.minsi", [end, self.size(value, dim)])

    def _operands(self, op: ir.Operation, wanted: Sequence[ir.Value]) -> list[tuple[ir.Value, Window]]:
        """The windows of some operands that the op needs."""
        spans = next(self.plan.windows[result] for result in op.results if result in self.plan.windows)
        found = needs(op, spans, self.plan.own)
        return [(value, self.materialise(part)) for value, part in found if value in wanted][-len(wanted) :]

    def combine(self, op: ir.Operation, accumulators: Sequence[ir.Value]) -> list[ir.Value]:
        """One step of a reduction, scan or contraction into its accumulators."""
        if op.name == "gir.contract":
            return [self._contract(op, accumulators[0])]
        inputs = segments(op)[0]
        spans = [self.plan.windows[result] for result in op.results if result in self.plan.windows]
        parts = dict(needs(op, spans[0], self.plan.own)) if spans else {}
        windows = [self.materialise(parts[value]) if value in parts else self.own(value) for value in inputs]
        tiles = [self.tile(value, window) for value, window in zip(inputs, windows, strict=True)]
        step = scan_step if op.name == "gir.scan" else reduce_step
        return step(op, tiles, accumulators, windows[0][: common_rank(op)], self.scalar)

    def _contract(self, op: ir.Operation, accumulator: ir.Value) -> ir.Value:
        spans = self.plan.window(op.results[0])
        parts = list(needs(op, spans, self.plan.own))[:2]
        windows = [self.materialise(part) for _, part in parts]
        along: dict[int, Axis] = {}
        for loops, window in zip(contracted(op), windows, strict=False):
            along |= dict(zip(loops, window, strict=True))
        valid = valid_extents(tuple(along[loop] for loop in sorted(along)))
        tiles = [self.tile(value, window) for (value, _), window in zip(parts, windows, strict=True)]
        return create("gir.contract", [*tiles, accumulator, *valid], [accumulator.type], attributes_of(op)).result

    # -- what rests at sram ------------------------------------------------------------------

    def _load_resting(self, value: ir.Value, window: Window) -> ir.Value:
        found = self.place_of(value)
        indices = self._indices(found, window)
        if any(axis.clip for axis in window):
            ends = [None if axis.valid is None else axis for axis in window]
            memref = found.memref if ends.count(None) == len(ends) else ended(found.memref, indices, ends)
            attributes = {"operandSegmentSizes": i32_array([1, len(indices), 0]), "clip": ir.UnitAttr.get()}
            attributes |= self._pass_of(window)
            return create("gir.load", [memref, *indices], [tile_type(value, window)], attributes).result
        valid = valid_extents(window)
        attributes = {"operandSegmentSizes": i32_array([1, len(indices), len(valid)])} | self._pass_of(window)
        return create("gir.load", [found.memref, *indices, *valid], [tile_type(value, window)], attributes).result

    def place_of(self, value: ir.Value) -> Resting:
        """Where a value at sram, or a view of one, is."""
        if value in self.resting:
            return self.resting[value]
        op = producer(value)
        assert op.name == "gir.permute", f"'{op.name}' at sram"
        source, perm = self.place_of(op.operands[0]), integers(op.attributes["perm"])
        starts, packed = tuple(source.starts[p] for p in perm), tuple(source.packed[p] for p in perm)
        return Resting(memrefs.transpose(source.memref, perm), starts, packed)

    def _indices(self, found: Resting, window: Window) -> list[ir.Value]:
        """Where a window is in what rests at sram."""
        return [
            self._within(axis.start, start) if name is None else self.units[name]
            for axis, start, name in zip(window, found.starts, found.packed, strict=True)
        ]

    def _within(self, start: ir.Value, first: ir.Value) -> ir.Value:
        """An index in a whole value as one in a part that begins at `first`."""
        if start == first:
            return self.start()
        if integer_of(first) == 0:
            return start
        return affine_apply(affine_map(2, lambda a, b: a - b), [start, first])

    def store_resting(self, op: ir.Operation, tile: ir.Value, window: Window) -> None:
        """Stores a tile into what it rests in."""
        found = self.place_of(op.result)
        indices = self._indices(found, window)
        valid = valid_extents(window)
        attributes = {"operandSegmentSizes": i32_array([1, 1, len(indices), len(valid)])}
        create("gir.store", [tile, found.memref, *indices, *valid], attributes=attributes)

    def stage(self, op: ir.Operation, window: Window, packed: Sequence[str | None] | None = None) -> None:
        """Brings a window to sram."""
        sizes, upto = extents_of(window)
        dynamic, static = split_mixed(sizes)
        memref, starts = self.place(op.operands[0]), [axis.start for axis in window]
        indices = starts
        if any(axis.step != 1 for axis in window):  # Elements that lie apart are those of a view.
            strides = [axis.step if isinstance(axis.step, int) else DYNAMIC for axis in window]
            counts = [len(starts), len(dynamic), 0]
            box = [[DYNAMIC] * len(starts), static, strides]
            memref = memrefs.subview(memref, [*starts, *dynamic], counts, box, [])
            indices = [self.start()] * len(starts)
        attributes = {
            "static_sizes": i64_array(static),
            "upto": i64_array(upto),
            "operandSegmentSizes": i32_array([1, len(indices), len(dynamic)]),
        }
        made = create("gir.stage", [memref, *indices, *dynamic], [memref_at(op.result, static)], attributes).result
        self.resting[op.result] = Resting(made, tuple(starts), tuple(packed or [None] * len(starts)))

    def allocate(self, op: ir.Operation, window: Window, packed: Sequence[str | None] | None = None) -> None:
        """Makes a buffer at sram for a window of what is moved there."""
        sizes, upto = extents_of(window)
        dynamic, static = split_mixed(sizes)
        made = create("gir.alloc", dynamic, [memref_at(op.result, static)], {"upto": i64_array(upto)}).result
        starts = tuple(axis.start for axis in window)
        self.resting[op.result] = Resting(made, starts, tuple(packed or [None] * len(starts)))
