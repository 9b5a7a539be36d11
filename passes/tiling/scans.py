"""Scans and scatters: nests whose order matters.

A scan goes along its dimension step by step and carries what it accumulates; other dimensions run
in parallel. Its results are stored as they come:

    parallel over r:
      for c: acc = combine(x[r, c], acc); store acc as y[r, c]
      store acc[r]

A scatter's elements may meet, so one group takes them one tile after another.
"""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import attributes_of, create, i32_array, index_constant, segments
from powerfusion.mlir import ir
from powerfusion.passes.tiling.combiners import SpelledOut, needed_accumulators
from powerfusion.passes.tiling.loops import (
    PARALLEL_DIMS,
    Range,
    ceil_div,
    chunk_range,
    groups,
    lanes_of,
    serial,
    whole_range,
)
from powerfusion.passes.tiling.nests import emit_sink
from powerfusion.passes.tiling.plans import Sink
from powerfusion.passes.tiling.rules import add_units, drop_units
from powerfusion.passes.tiling.tiles import TileEmitter
from powerfusion.passes.tiling.windows import Axis, Window, valid_extents


class ScanEmitter:
    """The nest of a scan, for those of its results that have the same dimensions beside the scan's.

    Attributes:
        stored: The sinks of each result, by the result's number.
    """

    def __init__(self, emitter: TileEmitter, op: ir.Operation, sinks: Sequence[Sink], width: int) -> None:
        self.emitter, self.op, self.width = emitter, op, width
        self.inputs, self.inits, _ = segments(op)
        self.dim = ir.IntegerAttr(op.attributes["dim"]).value
        self.common = min(value.type.rank for value in self.inputs)
        self.stored: dict[int, list[Sink]] = {}
        for sink in sinks:
            self.stored.setdefault(ir.OpResult(sink.value).result_number, []).append(sink)
        count = len(self.inits)
        wanted = sorted({number % count for number in self.stored})
        self.needed = needed_accumulators(op, wanted)
        self.source = max((self.inputs[n] for n in wanted), key=lambda value: value.type.rank)

    def emit(self) -> None:
        """Emits groups over all dimensions but the scan's."""
        shape = self.source.type.shape
        others = [dim for dim in range(len(shape)) if dim != self.dim]
        lanes = others[-1] if others and others[-1] == len(shape) - 1 and shape[-1] != 1 else None
        parallel = [dim for dim in others if dim != lanes][:PARALLEL_DIMS]
        rest = [dim for dim in others if dim != lanes and dim not in parallel]
        if lanes is not None and not parallel:
            self._emit_chunks(lanes)
            return
        counts = [self.emitter.size(self.source, dim) for dim in parallel] or [index_constant(1)]

        def body(indices: list[ir.Value]) -> None:
            axes = {dim: Axis(index, 1) for dim, index in zip(parallel, indices, strict=False)}
            loops = [(dim, self._range(dim, 1)) for dim in rest]
            if lanes is not None:
                loops.append((lanes, self._range(lanes, lanes_of(shape[lanes], self.width))))
            self._loops(loops, axes)

        groups(counts, body)

    def _emit_chunks(self, lanes: int) -> None:
        """Deals the only other dimension out to groups, a tile each."""
        static = self.source.type.shape[lanes]
        size, step = self.emitter.size(self.source, lanes), lanes_of(static, self.width)

        def body(indices: list[ir.Value]) -> None:
            self._loops([(lanes, chunk_range(indices[0], size, static, step, 1))], {})

        groups([ceil_div(size, step)], body)

    def _range(self, dim: int, step: int, *, reverse: bool = False) -> Range:
        return whole_range(self.emitter.size(self.source, dim), self.source.type.shape[dim], step, reverse=reverse)

    def _loops(self, loops: Sequence[tuple[int, Range]], axes: dict[int, Axis]) -> None:
        self.emitter.scopes.append({})
        if not loops:
            self._along(axes)
        else:
            (dim, over), *rest = loops

            def body(axis: Axis, _: list[ir.Value]) -> Sequence[ir.Value]:
                self._loops(rest, {**axes, dim: axis})
                return []

            serial(over, [], body)
        self.emitter.scopes.pop()

    def _along(self, axes: dict[int, Axis]) -> None:
        """The loop along the scan's dimension, and the stores of what is left behind it."""
        kept = tuple(axes[dim] for dim in sorted(axes))
        inits = [self.emitter.tile(self.inits[n], kept[: self.inits[n].type.rank]) for n in self.needed]
        carried = [add_units(tile, [self.dim]) for tile in inits]

        step = self._lanes_along()
        if step > 1:
            self._along_lanes(kept, inits, step)
            return

        def body(axis: Axis, before: list[ir.Value]) -> Sequence[ir.Value]:
            self.emitter.scopes.append({})
            window = (*kept[: self.dim], axis, *kept[self.dim :])
            after = self._step(window, before)
            self._store(window, before if "exclusive" in self.op.attributes else after)
            self.emitter.scopes.pop()
            return after

        ends = serial(self._range(self.dim, 1, reverse="reverse" in self.op.attributes), carried, body)
        self._store_finals(kept, [drop_units(end, [self.dim]) for end in ends])

    def _lanes_along(self) -> int:
        """How long a tile along the scan's dimension is: more than 1 for named kinds of contiguous elements."""
        last = self.dim == self.source.type.rank - 1
        plain = "kinds" in self.op.attributes and all(self.inputs[n].type.rank == self.common for n in self.needed)
        return lanes_of(self.source.type.shape[self.dim], self.width) if last and plain else 1

    def _along_lanes(self, kept: Window, inits: Sequence[ir.Value], step: int) -> None:
        """The same a tile at a time, by scans of tiles."""

        def body(axis: Axis, before: list[ir.Value]) -> Sequence[ir.Value]:
            self.emitter.scopes.append({})
            window = (*kept, axis)
            tiles = [self.emitter.tile(self.inputs[number], window) for number in self.needed]
            valid = valid_extents(window)
            attributes = attributes_of(self.op)
            attributes["kinds"] = ir.ArrayAttr.get([self.op.attributes["kinds"][number] for number in self.needed])
            attributes["operandSegmentSizes"] = i32_array([len(tiles), len(before), len(valid)])
            types = [*(tile.type for tile in tiles), *(value.type for value in before)]
            made = create("gir.scan", [*tiles, *before, *valid], types, attributes, regions=1, loc=self.op.location)
            scanned, after = list(made.results)[: len(tiles)], list(made.results)[len(tiles) :]
            self._store(window, scanned)
            self.emitter.scopes.pop()
            return after

        over = self._range(self.dim, step, reverse="reverse" in self.op.attributes)
        self._store_finals(kept, serial(over, inits, body))

    def _store_finals(self, kept: Window, ends: Sequence[ir.Value]) -> None:
        for number, end in zip(self.needed, ends, strict=True):
            for sink in self.stored.get(len(self.inits) + number, []):
                emit_sink(sink, end, kept[: sink.value.type.rank])

    def _step(self, window: Window, carried: Sequence[ir.Value]) -> list[ir.Value]:
        tiles = {
            number: self.emitter.tile(value, window[: value.type.rank])
            for number, value in enumerate(self.inputs)
            if value.type.rank <= len(window)
        }
        shape = [axis.size for axis in window[: self.common]]
        payload = [axis.size for axis in window[self.common :]]
        spelled = SpelledOut(self.op, shape, payload, self.emitter.scalar)
        return spelled.combine(tiles, dict(zip(self.needed, carried, strict=True)), self.needed)

    def _store(self, window: Window, tiles: Sequence[ir.Value]) -> None:
        for number, tile in zip(self.needed, tiles, strict=True):
            for sink in self.stored.get(number, []):
                emit_sink(sink, tile, window[: sink.value.type.rank])


def scan_ranks(sinks: Sequence[Sink]) -> list[list[Sink]]:
    """Sinks of one scan by the dimensions that they run over, the scan's own counted or not."""
    op = sinks[0].value.owner
    count = len(segments(op.operation)[1])
    found: dict[int, list[Sink]] = {}
    for sink in sinks:
        number = ir.OpResult(sink.value).result_number
        found.setdefault(sink.value.type.rank + (number >= count), []).append(sink)
    return list(found.values())


def emit_scatter(emitter: TileEmitter, op: ir.Operation, memref: ir.Value, width: int) -> None:
    """Scatters all elements into a memref that has the destination's elements already."""
    (value,), _, indices, _ = segments(op)
    shape = value.type.shape
    lanes = value.type.rank - 1 if value.type.rank and shape[-1] != 1 else None

    def loops(dim: int, axes: list[Axis]) -> None:
        emitter.scopes.append({})
        if dim == len(shape):
            _scatter_tile(emitter, op, memref, tuple(axes))
        else:
            step = lanes_of(shape[dim], width) if dim == lanes else 1
            over = whole_range(emitter.size(value, dim), shape[dim], step)

            def body(axis: Axis, _: list[ir.Value]) -> Sequence[ir.Value]:
                loops(dim + 1, [*axes, axis])
                return []

            serial(over, [], body)
        emitter.scopes.pop()

    def _scatter_tile(emitter: TileEmitter, op: ir.Operation, memref: ir.Value, window: Window) -> None:
        tiles = [emitter.tile(index, window) for index in indices]
        tile = emitter.tile(value, window)
        valid = valid_extents(window)
        attributes: dict[str, ir.Attribute] = {
            "operandSegmentSizes": i32_array([1, 1, len(tiles), len(valid)]),
        }
        if "kind" in op.attributes:
            attributes["kind"] = op.attributes["kind"]
        create("gir.scatter", [tile, memref, *tiles, *valid], attributes=attributes, loc=op.location)

    groups([index_constant(1)], lambda _: loops(0, []))
