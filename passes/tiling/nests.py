"""Nests: a plan as loops over windows, with sweeps and stores inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from powerfusion.core._mlir import DYNAMIC, create, i32_array, index_constant, segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim
from powerfusion.passes.tiling.combiners import (
    SpelledOut,
    folded_dims,
    needed_accumulators,
    payload_rank,
    reduce_step,
)
from powerfusion.passes.tiling.loops import (
    CHUNK,
    PARALLEL_DIMS,
    Range,
    ceil_div,
    chunk_range,
    groups,
    lanes_of,
    serial,
    whole_range,
)
from powerfusion.passes.tiling.plans import NestPlan, Sink, Sweep
from powerfusion.passes.tiling.rules import add_units, drop_units
from powerfusion.passes.tiling.tiles import TileEmitter
from powerfusion.passes.tiling.windows import Axis, Window, affine_apply, affine_map, shifted, valid_extents

SQUARES = 4  # beside one another: what a page or a line's neighbours hold is used while it is near
Step = Callable[[Window, list[ir.Value]], list[ir.Value]]


class NestEmitter:
    """Emits the nest of one plan at the insertion point."""

    def __init__(self, emitter: TileEmitter, plan: NestPlan) -> None:
        self.emitter, self.plan = emitter, plan
        self.axes: dict[Dim, Axis] = {}
        self.beside: list[Axis] = []

    # -- loops -------------------------------------------------------------------------------

    def _size(self, c: Dim) -> ir.Value:
        return self.emitter.size(*c)

    def _static(self, c: Dim) -> int:
        return c[0].type.shape[c[1]]

    def tile_size(self, c: Dim) -> int:
        """How far a loop over a dimension steps."""
        if self.plan.across is not None and c in (self.plan.vector, self.plan.across):
            along, across = self.plan.sides
            return lanes_of(self._static(c), along if c == self.plan.vector else across)
        if c == self.plan.vector:
            return lanes_of(self._static(c), self.plan.lanes)
        return lanes_of(self._static(c), self.plan.columns.rows) if c in self.plan.columns.first else 1

    def _range(self, c: Dim) -> Range:
        return whole_range(self._size(c), self._static(c), self.tile_size(c))

    def emit(self) -> None:
        """Emits parallel loops, sweeps and stores."""
        plan = self.plan
        inner: list[Dim] = []
        for c in plan.outer:
            if self._static(c) == 1:
                self.axes[c] = Axis(index_constant(0), 1)
            elif c not in (plan.vector, plan.across):
                inner.append(c)
        if plan.across in plan.outer:
            self._emit_squares(inner, plan.across)
            return
        if plan.columns.first:
            self._emit_columns(inner)
            return
        parallel, rest = inner[:PARALLEL_DIMS], inner[PARALLEL_DIMS:]
        vector = plan.vector if plan.vector in plan.outer else None
        if vector is not None and not parallel:
            self._emit_chunks(vector)
            return
        counts = [self._size(c) for c in parallel] or [index_constant(1)]

        def body(indices: list[ir.Value]) -> None:
            for c, index in zip(parallel, indices, strict=False):
                self.axes[c] = Axis(index, 1)
            self._emit_loops([(c, self._range(c)) for c in [*rest, *([vector] if vector is not None else [])]])

        groups(counts, body)

    def _emit_chunks(self, vector: Dim) -> None:
        """Deals the only dimension out to groups, some tiles each."""
        tiles = 1 if self.plan.sweeps else CHUNK
        step = self.tile_size(vector)

        def body(indices: list[ir.Value]) -> None:
            part = chunk_range(indices[0], self._size(vector), self._static(vector), step, tiles)
            self._emit_loops([(vector, part)])

        groups([ceil_div(self._size(vector), step * tiles)], body)

    def _emit_squares(self, others: Sequence[Dim], across: Dim) -> None:
        """Deals the other side of a square tile out to groups, some tiles each, which lie side by side in memory."""
        vector, step = self.plan.vector, self.tile_size(across)
        assert vector is not None, "expected a tile"
        parallel, rest = others[: PARALLEL_DIMS - 1], others[PARALLEL_DIMS - 1 :]
        if self._static(across) <= step and self._static(across) != DYNAMIC:
            self._emit_strip(parallel, rest, across)
            return

        def body(indices: list[ir.Value]) -> None:
            for c, index in zip(parallel, indices, strict=False):
                self.axes[c] = Axis(index, 1)
            part = chunk_range(indices[-1], self._size(across), self._static(across), step, SQUARES)
            self._emit_loops([*((c, self._range(c)) for c in [*rest, vector]), (across, part)])

        counts = [*map(self._size, parallel), ceil_div(self._size(across), step * SQUARES)]
        groups(counts, body)

    def _emit_strip(self, parallel: Sequence[Dim], rest: Sequence[Dim], across: Dim) -> None:
        """Deals the tile's dimension out to groups, some tiles each, where one of them has all of the other side."""
        vector, length = self.plan.vector, self._static(across)
        assert vector is not None, "expected a tile"
        size, step = self.tile_size(across), self.tile_size(vector)

        def body(indices: list[ir.Value]) -> None:
            for c, index in zip(parallel, indices, strict=False):
                self.axes[c] = Axis(index, 1)
            valid = index_constant(length) if length < size else None
            self.axes[across] = Axis(index_constant(0), size, valid)
            part = chunk_range(indices[-1], self._size(vector), self._static(vector), step, CHUNK)
            self._emit_loops([*((c, self._range(c)) for c in rest), (vector, part)])

        groups([*map(self._size, parallel), ceil_div(self._size(vector), step * CHUNK)], body)

    def _emit_columns(self, others: Sequence[Dim]) -> None:
        """Deals columns that are folded out to groups, some tiles beside one another each; then what is left."""
        vector, count = self.plan.vector, self.plan.columns.beside
        assert vector is not None, "expected a tile"
        size, static, step = self._size(vector), self._static(vector), self.tile_size(vector)
        by = step * count
        parallel, rest = others[: PARALLEL_DIMS - 1], others[PARALLEL_DIMS - 1 :]
        whole = affine_apply(affine_map(1, lambda n: ir.AffineExpr.get_floor_div(n, by)), [size])

        def body(indices: list[ir.Value]) -> None:
            first = affine_apply(affine_map(1, lambda n: n * by), [indices[-1]])
            self.beside = [Axis(shifted(first, at * step), step) for at in range(count)]
            over([*indices[:-1]], [])
            self.beside = []

        def left(indices: list[ir.Value]) -> None:
            low = affine_apply(affine_map(1, lambda n: ir.AffineExpr.get_floor_div(n, by) * by), [size])
            over(indices, [(vector, Range(low, size, step, static))])

        def over(indices: list[ir.Value], loops: list[tuple[Dim, Range]]) -> None:
            for c, index in zip(parallel, indices, strict=False):
                self.axes[c] = Axis(index, 1)
            self._emit_loops([*((c, self._range(c)) for c in rest), *loops])

        sizes = [*map(self._size, parallel)]
        if static == DYNAMIC or static >= by:
            groups([*sizes, whole], body)
        if static == DYNAMIC or static % by:
            groups(sizes or [index_constant(1)], left)

    def _emit_loops(self, loops: Sequence[tuple[Dim, Range]]) -> None:
        """Emits serial loops over outer dimensions, then what is inside of them."""
        if not loops:
            self._emit_inside()
            return
        (c, over), *rest = loops

        def body(axis: Axis, _: list[ir.Value]) -> Sequence[ir.Value]:
            self._step(c, axis)
            self._emit_loops(rest)
            self.emitter.scopes.pop()
            return []

        serial(over, [], body)

    def _each(self) -> Iterator[None]:
        """The tiles that lie beside one another, one after the other: the dimension's axis is each one's."""
        if not self.beside:
            yield
        for axis in self.beside:
            assert self.plan.vector is not None, "expected a tile"
            self.axes[self.plan.vector] = axis
            yield

    def _step(self, c: Dim, axis: Axis) -> None:
        """Enters a loop: its dimension has an axis, what is made is its own."""
        self.axes[c] = axis
        self.emitter.scopes.append({})

    # -- inside ------------------------------------------------------------------------------

    def window(self, value: ir.Value) -> Window:
        """The window of a value for the loops that are open."""
        if not self.plan.plain:
            return tuple(self.axes[c] for c in self.plan.outer)
        return tuple(self.axes[c] for c in self.plan.spaces.classes(value))

    def _emit_inside(self) -> None:
        self.emitter.scopes.append({})
        for sweep in self.plan.sweeps:
            self._emit_sweep(sweep)
        swept = [sink for sweep in self.plan.sweeps for sink in sweep.sinks]
        for _ in self._each():
            for sink in self.plan.sinks:
                if sink not in swept:
                    self._emit_sink(sink)
        self.emitter.scopes.pop()

    def _emit_sweep(self, sweep: Sweep) -> None:
        results = [result for op in sweep.reduces for result in op.results]
        starts = [init for op in sweep.reduces for init in segments(op)[1]]
        inits = [self.emitter.tile(init, self.window(init)) for _ in self._each() for init in starts]
        tiles = iter(self._sweep_loops(self.plan.order(sweep), sweep, inits))
        for _ in self._each():
            for result in results:
                self.emitter.remember(result, self.window(result), next(tiles))

    def _sweep_loops(self, loops: Sequence[Dim], sweep: Sweep, accumulators: Sequence[ir.Value]) -> list[ir.Value]:
        if not loops:
            return self._sweep_body(sweep, accumulators)
        c, *rest = loops
        if self._static(c) == 1:
            self.axes[c] = Axis(index_constant(0), 1)
            return self._sweep_loops(rest, sweep, accumulators)

        def body(axis: Axis, carried: list[ir.Value]) -> Sequence[ir.Value]:
            self._step(c, axis)
            results = self._sweep_loops(rest, sweep, carried)
            self.emitter.scopes.pop()
            return results

        return serial(self._range(c), accumulators, body)

    def _sweep_body(self, sweep: Sweep, accumulators: Sequence[ir.Value]) -> list[ir.Value]:
        remaining = list(accumulators)
        results: list[ir.Value] = []
        for _ in self._each():
            self.emitter.scopes.append({})
            for op in sweep.reduces:
                windows = [self.window(value) for value in segments(op)[0]]
                tiles = [self.emitter.tile(v, window) for v, window in zip(segments(op)[0], windows, strict=True)]
                count = len(op.results)
                results += reduce_step(op, tiles, remaining[:count], windows[0], self.emitter.scalar)
                remaining = remaining[count:]
            for sink in sweep.sinks:
                self._emit_sink(sink)
            self.emitter.scopes.pop()
        return results

    def _emit_sink(self, sink: Sink) -> None:
        window = self.window(sink.value)
        emit_sink(sink, self.emitter.tile(sink.value, window), window)


def emit_sink(sink: Sink, tile: ir.Value, window: Window) -> None:
    """Stores a tile, or asserts it."""
    valid = valid_extents(window)
    with sink.op.location:
        if sink.memref is None:
            create("gir.assert", [tile, *valid], attributes={"message": sink.op.attributes["message"]})
            return
        starts = [axis.start for axis in window]
        attributes = {"operandSegmentSizes": i32_array([1, 1, len(starts), len(valid)])}
        create("gir.store", [tile, sink.memref, *starts, *valid], attributes=attributes)


def reduce_alone(emitter: TileEmitter, op: ir.Operation, window: Window) -> Sequence[ir.Value | None]:
    """A reduction that shares no sweep: loops of its own, one element at a time.

    Where it has payloads, `window` is that of one of its results; a result with fewer dimensions
    has the first of them, one with more isn't made and is None.
    """
    return _Alone(emitter, op, window).run()


class _Alone:
    """The loops of one reduction for one window of its results."""

    def __init__(self, emitter: TileEmitter, op: ir.Operation, window: Window) -> None:
        self.emitter, self.op, self.window = emitter, op, window
        self.dims = folded_dims(op)
        self.inputs, self.inits, _ = segments(op)
        self.common = min(value.type.rank for value in self.inputs)

    def run(self) -> Sequence[ir.Value | None]:
        """Emits the loops; gives a tile per result."""
        if payload_rank(self.op):
            return self._run_payload()
        accumulators = [self.emitter.tile(init, self.window) for init in self.inits]
        return self._loops(self.dims, self._inner(self.window), accumulators, self._step)

    def _inner(self, window: Window) -> list[Axis | None]:
        """The window of an input, folded dimensions left open."""
        kept = iter(window)
        rank = len(window) + len(self.dims)
        return [None if dim in self.dims else next(kept) for dim in range(rank)]

    def _loops(
        self, dims: Sequence[int], axes: list[Axis | None], carried: Sequence[ir.Value], step: Step
    ) -> list[ir.Value]:
        if not dims:
            self.emitter.scopes.append({})
            results = step(tuple(axis for axis in axes if axis is not None), list(carried))
            self.emitter.scopes.pop()
            return results
        dim, *rest = dims
        size = self.emitter.size(self.inputs[0], dim)

        def body(axis: Axis, inside: list[ir.Value]) -> Sequence[ir.Value]:
            found = [axis if at == dim else other for at, other in enumerate(axes)]
            return self._loops(rest, found, inside, step)

        return serial(whole_range(size, self.inputs[0].type.shape[dim]), carried, body)

    def _step(self, window: Window, accumulators: list[ir.Value]) -> list[ir.Value]:
        tiles = [self.emitter.tile(value, window) for value in self.inputs]
        return reduce_step(self.op, tiles, accumulators, window, self.emitter.scalar)

    # -- payloads ----------------------------------------------------------------------------

    def _run_payload(self) -> list[ir.Value | None]:
        """The results that have the window's rank, and what they need of the others."""
        rank = len(self.window)
        needed = needed_accumulators(self.op, [n for n, init in enumerate(self.inits) if init.type.rank == rank])
        if any(self.inits[number].type.rank > rank for number in needed):
            raise UnsupportedError(
                "a combiner whose scalars depend on its payload can't be tiled",
                location=self.op.location,
                help="expected a combiner that works element by element of the payload",
            )
        accumulators = [self.emitter.tile(self.inits[n], self.window[: self.inits[n].type.rank]) for n in needed]
        accumulators = [add_units(tile, self.dims) for tile in accumulators]

        def step(window: Window, carried: list[ir.Value]) -> list[ir.Value]:
            shape = [axis.size for axis in window[: self.common]]
            spelled = SpelledOut(self.op, shape, [axis.size for axis in window[self.common :]], self.emitter.scalar)
            return spelled.combine(self._tiles(window), dict(zip(needed, carried, strict=True)), needed)

        made = dict(zip(needed, self._loops(self.dims, self._inner(self.window), accumulators, step), strict=True))
        return [drop_units(made[at], self.dims) if at in made else None for at in range(len(self.inits))]

    def _tiles(self, window: Window) -> dict[int, ir.Value]:
        """The tiles of the inputs that have no more dimensions than a window."""
        return {
            number: self.emitter.tile(value, window[: value.type.rank])
            for number, value in enumerate(self.inputs)
            if value.type.rank <= len(window)
        }
