"""Reductions and scans whose combiner takes its payload as a whole: products of matrices, sums of a row.

Their payload can't be cut into tiles, so that each step has all of it, and results are stored as
the loops end:

    parallel over r:
      for k: acc = reduce tile[r, k, whole payload] into acc      with the combiner's region
      store acc[r, whole payload]
"""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import DYNAMIC, attributes_of, create, i32_array, index_constant, segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.tiling.combiners import clone_combiner, folded_dims
from powerfusion.passes.tiling.loops import PARALLEL_DIMS, Range, groups, serial, whole_range
from powerfusion.passes.tiling.nests import emit_sink
from powerfusion.passes.tiling.plans import Sink
from powerfusion.passes.tiling.tiles import TileEmitter
from powerfusion.passes.tiling.windows import Axis


class PayloadEmitter:
    """The nest of one reduction or scan, for all of its results that are stored."""

    def __init__(self, emitter: TileEmitter, op: ir.Operation, sinks: Sequence[Sink]) -> None:
        self.emitter, self.op, self.sinks = emitter, op, sinks
        self.inputs, self.inits, _ = segments(op)
        self.dims = folded_dims(op)
        self.common = min(value.type.rank for value in self.inputs)
        self.source = self.inputs[0]
        if any(DYNAMIC in list(value.type.shape)[self.common :] for value in self.inputs):
            raise UnsupportedError(
                "a combiner that takes payloads of dynamic size as a whole can't be tiled",
                location=op.location,
                help="make the payload's sizes static, or combine it element by element",
            )

    def emit(self) -> None:
        """Emits groups over the dimensions that are kept."""
        kept = [dim for dim in range(self.common) if dim not in self.dims]
        parallel, rest = kept[:PARALLEL_DIMS], kept[PARALLEL_DIMS:]
        counts = [self.emitter.size(self.source, dim) for dim in parallel] or [index_constant(1)]

        def body(indices: list[ir.Value]) -> None:
            self._outer(rest, {dim: Axis(index, 1) for dim, index in zip(parallel, indices, strict=False)})

        groups(counts, body)

    def _loop_over(self, dim: int) -> Range:
        size = self.emitter.size(self.source, dim)
        reverse = "reverse" in self.op.attributes
        return whole_range(size, self.source.type.shape[dim], reverse=reverse and dim in self.dims)

    def _outer(self, loops: Sequence[int], axes: dict[int, Axis]) -> None:
        self.emitter.scopes.append({})
        if loops:
            dim, *rest = loops

            def body(axis: Axis, _: list[ir.Value]) -> Sequence[ir.Value]:
                self._outer(rest, {**axes, dim: axis})
                return []

            serial(self._loop_over(dim), [], body)
        else:
            self._folded(axes)
        self.emitter.scopes.pop()

    def _window(self, value: ir.Value, axes: dict[int, Axis], *, rank: int) -> tuple[Axis, ...]:
        """The window of a value that begins with these axes; the rest is whole."""
        payload = [Axis(index_constant(0), size) for size in list(value.type.shape)[rank:]]
        return (*(axes[dim] for dim in sorted(axes)), *payload)

    def _folded(self, axes: dict[int, Axis]) -> None:
        rank = self.common - len(self.dims)
        inits = [self.emitter.tile(init, self._window(init, axes, rank=rank)) for init in self.inits]
        ends = self._along(self.dims, axes, inits)
        first = len(self.inits) if self.op.name == "gir.scan" else 0
        for sink in self.sinks:
            number = ir.OpResult(sink.value).result_number - first
            if number >= 0:
                emit_sink(sink, ends[number], self._window(sink.value, axes, rank=rank))

    def _along(self, dims: Sequence[int], axes: dict[int, Axis], carried: Sequence[ir.Value]) -> list[ir.Value]:
        if not dims:
            return self._step(axes, carried)
        dim, *rest = dims

        def body(axis: Axis, inside: list[ir.Value]) -> Sequence[ir.Value]:
            self.emitter.scopes.append({})
            results = self._along(rest, {**axes, dim: axis}, inside)
            self.emitter.scopes.pop()
            return results

        return serial(self._loop_over(dim), carried, body)

    def _step(self, axes: dict[int, Axis], carried: Sequence[ir.Value]) -> list[ir.Value]:
        """One element of each input into the accumulators; what a scan has scanned is stored."""
        windows = [self._window(value, axes, rank=self.common) for value in self.inputs]
        tiles = [self.emitter.tile(value, window) for value, window in zip(self.inputs, windows, strict=True)]
        attributes = attributes_of(self.op)
        attributes["operandSegmentSizes"] = i32_array([len(tiles), len(carried), 0])
        types = [value.type for value in carried]
        if self.op.name == "gir.scan":
            shapes = [tile.type.shape for tile in tiles]
            scanned = [
                ir.RankedTensorType.get(shape, type_.element_type, type_.encoding)
                for shape, type_ in zip(shapes, types, strict=True)
            ]
            types = [*scanned, *types]
        made = create(self.op.name, [*tiles, *carried], types, attributes, regions=1, loc=self.op.location)
        clone_combiner(self.op, made, self.emitter.scalar)
        results = list(made.results)
        if self.op.name != "gir.scan":
            return results
        for sink in self.sinks:
            number = ir.OpResult(sink.value).result_number
            if number < len(self.inits):
                emit_sink(sink, results[number], windows[number])
        return results[len(self.inits) :]
