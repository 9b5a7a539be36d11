"""Loops: a kernel in graph form as nests over its iteration space.

Sinks (what a kernel stores or asserts) that share their outer dimensions share a nest. The nest
runs over the dimensions that all its sinks have; inside, whatever sweeps further dimensions
(reductions, and stores of larger values) shares a loop per sweep and pass:

    parallel over r:                     y = softmax's two reductions
      for c: m = max(m, x[r, c])         pass 0: depends on no reduction
      for c: s = s + exp(x[r, c] - m)    pass 1: depends on m
      store m[r], s[r]

One dimension is the tile's: it is stepped by the vector's width, all others by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import DYNAMIC, create, defining_op, i32_array, index_constant, integers, segments
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim, Spaces, ancestors, innermost_class, reduced_classes
from powerfusion.passes.tiling.windows import (
    Axis,
    TileEmitter,
    Window,
    affine_apply,
    affine_min,
    index_op,
    valid_extents,
)

DYNAMIC_GUESS = 1024  # what a dynamic size counts for when dimensions are compared
CHUNK = 64  # tiles that a group takes of a kernel's only dimension
PARALLEL_DIMS = 2


@dataclass(frozen=True)
class Sink:
    """What a kernel stores, or asserts where there is no memref."""

    value: ir.Value
    memref: ir.Value | None
    op: ir.Operation
    alone: bool = False


@dataclass(frozen=True)
class Sweep:
    """What shares one loop: reductions and stores over the same further dimensions, in one pass."""

    number: int
    extra: frozenset[Dim]
    reduces: list[ir.Operation] = field(default_factory=list)
    sinks: list[Sink] = field(default_factory=list)


def group_sinks(sinks: Sequence[Sink], spaces: Spaces) -> list[list[Sink]]:
    """Sinks that share a nest: those with common dimensions, neither of which repeats one."""
    groups: list[tuple[set[Dim], list[Sink]]] = []
    for sink in sinks:
        classes = spaces.classes(sink.value)
        plain = not sink.alone and len(set(classes)) == len(classes)
        for at, (common, group) in enumerate(groups):
            shared = common & set(classes)
            if plain and not group[0].alone and (shared or (not common and not classes)):
                groups[at] = (shared, [*group, sink])
                break
        else:
            groups.append((set(classes), [sink if plain else Sink(sink.value, sink.memref, sink.op, alone=True)]))
    return [group for _, group in groups]


@dataclass
class NestEmitter:
    """Emits the nest of one group of sinks at the insertion point."""

    emitter: TileEmitter
    spaces: Spaces
    width: int

    def emit(self, sinks: Sequence[Sink]) -> None:
        """Emits parallel loops, sweeps and stores."""
        first = max(sinks, key=lambda sink: sink.value.type.rank)
        own = [(first.value, dim) for dim in range(first.value.type.rank)]
        classes = self.spaces.classes(first.value)
        self.plain = len(set(classes)) == len(classes)
        if self.plain:
            common = set.intersection(*(set(self.spaces.classes(sink.value)) for sink in sinks))
            self.outer = [c for c in classes if c in common]
        else:
            self.outer = own
        self.sweeps = self._sweeps(sinks) if self.plain else []
        self.vector = self._choose_vector(sinks)
        self.axes: dict[Dim, Axis] = {}
        self._emit_parallel(sinks)

    # -- planning ----------------------------------------------------------------------------

    def _sweeps(self, sinks: Sequence[Sink]) -> list[Sweep]:
        sweeps: dict[tuple[int, frozenset[Dim]], Sweep] = {}
        numbers: dict[ir.Operation, int] = {}
        common = set(self.outer)
        for op in self._reduces(sinks):
            if not set(self.spaces.classes(op.results[0])) <= common:
                continue
            numbers[op] = self._pass_of(op.operands, numbers)
            extra = frozenset(reduced_classes(self.spaces, op))
            if len(set(self.spaces.classes(segments(op)[0][0]))) != segments(op)[0][0].type.rank or extra & common:
                continue
            sweeps.setdefault((numbers[op], extra), Sweep(numbers[op], extra)).reduces.append(op)
        for sink in sinks:
            extra = frozenset(set(self.spaces.classes(sink.value)) - common)
            if extra:
                number = self._pass_of([sink.value], numbers)
                sweeps.setdefault((number, extra), Sweep(number, extra)).sinks.append(sink)
        return [sweeps[key] for key in sorted(sweeps, key=lambda key: (key[0], len(key[1])))]

    def _reduces(self, sinks: Sequence[Sink]) -> list[ir.Operation]:
        """The reductions that sinks need without a shift between, in program order."""
        found = {op for op in ancestors([sink.value for sink in sinks], ("gir.pad",)) if op.name == "gir.reduce"}
        block = sinks[0].op.block
        return [op.operation for op in block.operations if op.operation in found]

    def _pass_of(self, values: Sequence[ir.Value], numbers: dict[ir.Operation, int]) -> int:
        needed = [numbers.get(op, 0) for op in ancestors(list(values)) if op.name == "gir.reduce"]
        return max(needed) + 1 if needed else 0

    def _choose_vector(self, sinks: Sequence[Sink]) -> Dim | None:
        """The dimension that the tile lies along: where most bytes are contiguous."""
        if not self.plain:
            last = self.outer[-1]
            return None if last[0].type.shape[last[1]] == 1 else last
        candidates = set(self.outer) | {c for sweep in self.sweeps for c in sweep.extra}
        candidates = {c for c in candidates if c[0].type.shape[c[1]] != 1}
        values = [value for sink in sinks for value in [sink.value]]
        found = list(ancestors(values, ("gir.pad",)))
        for op in found:
            if op.name == "gir.reduce" and "kinds" not in op.attributes:
                candidates -= set(reduced_classes(self.spaces, op))
        weights: dict[Dim, int] = dict.fromkeys(sorted(candidates, key=self._order), 0)
        places = [op.operands[0] for op in found if op.name == "gir.move" and gir.is_at(op.operands[0], "dram")]
        places += [sink.op.result for sink in sinks if sink.memref is not None]
        for place in places:
            c = innermost_class(self.spaces, place)
            if c in weights:
                weights[c] += _volume(place)
        return max(weights, key=lambda c: weights[c]) if weights else None

    def _order(self, c: Dim) -> int:
        """Innermost first, so that ties go to the later dimension."""
        swept = [d for sweep in self.sweeps for d in sweep.extra]
        return -self.outer.index(c) if c in self.outer else -len(self.outer) - swept.index(c)

    # -- loops -------------------------------------------------------------------------------

    def _size(self, c: Dim) -> ir.Value:
        return self.emitter.size(*c)

    def tile_size(self, c: Dim) -> int:
        """How far a loop over a dimension steps."""
        if c != self.vector:
            return 1
        static = c[0].type.shape[c[1]]
        if static == DYNAMIC or static >= self.width:
            return self.width
        return 1 << max(static - 1, 1).bit_length()

    def _emit_parallel(self, sinks: Sequence[Sink]) -> None:
        zero = index_constant(0)
        inner: list[Dim] = []
        for c in self.outer:
            if c[0].type.shape[c[1]] == 1:
                self.axes[c] = Axis(zero, 1)
            elif c != self.vector:
                inner.append(c)
        parallel, rest = inner[:PARALLEL_DIMS], inner[PARALLEL_DIMS:]
        vector = self.vector if self.vector in self.outer else None
        chunked = vector if not parallel else None
        chunk = self.tile_size(chunked) * (1 if self.sweeps else CHUNK) if chunked is not None else 0
        if chunked is not None:
            counts = [_ceil_div(self._size(chunked), chunk)]
        else:
            counts = [self._size(c) for c in parallel] or [index_constant(1)]
        op = create("gir.parallel", counts, attributes=self._parallel_attributes(), regions=1)
        block = op.regions[0].blocks.append(*[ir.IndexType.get()] * len(counts), arg_locs=[op.location] * len(counts))
        with ir.InsertionPoint(block):
            for c, index in zip(parallel, block.arguments, strict=False):
                self.axes[c] = Axis(index, 1)
            if chunked is not None:
                low = affine_apply(_map(1, lambda d: d * chunk), [block.arguments[0]])
                high = affine_min(_min_map(chunk), [low, self._size(chunked)])
                self._emit_loops([(chunked, low, high)], sinks)
            else:
                loops = [*rest, *([vector] if vector is not None else [])]
                self._emit_loops([(c, zero, self._size(c)) for c in loops], sinks)
            create("gir.yield")

    def _parallel_attributes(self) -> dict[str, ir.Attribute]:
        attributes: dict[str, ir.Attribute] = {"scope": ir.Attribute.parse("#gir.scope<group>")}
        classes = {*self.outer, *(c for sweep in self.sweeps for c in sweep.extra)}
        sizes = [c[0].type.shape[c[1]] for c in classes]
        if DYNAMIC not in sizes:
            work = 1
            for size in sizes:
                work *= size
            attributes["gir.work"] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), work)
        return attributes

    def _emit_loops(self, loops: Sequence[tuple[Dim, ir.Value, ir.Value]], sinks: Sequence[Sink]) -> None:
        """Emits serial loops over outer dimensions, then what is inside of them."""
        if not loops:
            self._emit_inside(sinks)
            return
        (c, low, high), *rest = loops
        with self._loop(c, low, high, []):
            self._emit_loops(rest, sinks)
            create("scf.yield")

    def _loop(self, c: Dim, low: ir.Value, high: ir.Value, inits: Sequence[ir.Value]) -> _Loop:
        return _Loop(self, c, low, high, list(inits))

    # -- inside ------------------------------------------------------------------------------

    def window(self, value: ir.Value) -> Window:
        """The window of a value for the loops that are open."""
        if not self.plain:
            return tuple(self.axes[c] for c in self.outer)
        return tuple(self.axes[c] for c in self.spaces.classes(value))

    def _emit_inside(self, sinks: Sequence[Sink]) -> None:
        self.emitter.scopes.append({})
        for sweep in self.sweeps:
            self._emit_sweep(sweep)
        swept = [sink for sweep in self.sweeps for sink in sweep.sinks]
        for sink in sinks:
            if sink not in swept:
                self._emit_sink(sink)
        self.emitter.scopes.pop()

    def _emit_sweep(self, sweep: Sweep) -> None:
        results = [result for op in sweep.reduces for result in op.results]
        inits = [self.emitter.tile(init, self.window(init)) for op in sweep.reduces for init in segments(op)[1]]
        tiles = self._sweep_loops(self._sweep_order(sweep), sweep, inits)
        for result, tile in zip(results, tiles, strict=True):
            self.emitter.remember(result, self.window(result), tile)

    def _sweep_order(self, sweep: Sweep) -> list[Dim]:
        """The loops of a sweep, in the order of the largest value's dimensions."""
        if sweep.reduces:
            order = self.spaces.classes(segments(sweep.reduces[0])[0][0])
        else:
            order = self.spaces.classes(sweep.sinks[0].value)
        return [c for c in order if c in sweep.extra]

    def _sweep_loops(self, loops: Sequence[Dim], sweep: Sweep, accumulators: Sequence[ir.Value]) -> list[ir.Value]:
        if not loops:
            return self._sweep_body(sweep, accumulators)
        c, *rest = loops
        if c[0].type.shape[c[1]] == 1:
            self.axes[c] = Axis(index_constant(0), 1)
            return self._sweep_loops(rest, sweep, accumulators)
        with self._loop(c, index_constant(0), self._size(c), accumulators) as loop:
            inner = self._sweep_loops(rest, sweep, loop.accumulators)
            create("scf.yield", inner)
        return list(loop.op.results)

    def _sweep_body(self, sweep: Sweep, accumulators: Sequence[ir.Value]) -> list[ir.Value]:
        self.emitter.scopes.append({})
        remaining = list(accumulators)
        results: list[ir.Value] = []
        for op in sweep.reduces:
            count = len(op.results)
            windows = [self.window(value) for value in segments(op)[0]]
            results += self._reduce_step(op, windows, remaining[:count])
            remaining = remaining[count:]
        for sink in sweep.sinks:
            self._emit_sink(sink)
        self.emitter.scopes.pop()
        return results

    def _reduce_step(
        self, op: ir.Operation, windows: Sequence[Window], accumulators: Sequence[ir.Value]
    ) -> list[ir.Value]:
        """One step of a reduction: a tile of each input into the accumulators."""
        inputs = [self.emitter.tile(v, window) for v, window in zip(segments(op)[0], windows, strict=True)]
        valid = valid_extents(windows[0])
        attributes: dict[str, ir.Attribute] = {
            "dims": op.attributes["dims"],
            "operandSegmentSizes": i32_array([len(inputs), len(accumulators), len(valid)]),
        }
        if "kinds" in op.attributes:
            attributes["kinds"] = op.attributes["kinds"]
        types = [accumulator.type for accumulator in accumulators]
        made = create("gir.reduce", [*inputs, *accumulators, *valid], types, attributes, regions=1, loc=op.location)
        if "kinds" not in op.attributes:
            self._clone_combiner(op, made)
        return list(made.results)

    def _clone_combiner(self, old: ir.Operation, new: ir.Operation) -> None:
        source = old.regions[0].blocks[0]
        types = [argument.type for argument in source.arguments]
        block = new.regions[0].blocks.append(*types, arg_locs=[old.location] * len(types))
        known = dict(zip(source.arguments, block.arguments, strict=True))
        outer = {
            operand: self.emitter.scalar(operand)
            for op in source.operations
            for operand in op.operation.operands
            if _is_outside(operand, source)
        }
        with ir.InsertionPoint(block):
            for op in source.operations:
                made = op.operation.clone().operation
                for at, operand in enumerate(op.operation.operands):
                    made.operands[at] = known[operand] if operand in known else outer[operand]
                known |= dict(zip(op.operation.results, made.results, strict=True))

    def reduce_alone(self, op: ir.Operation, window: Window) -> list[ir.Value]:
        """A reduction that shares no sweep: loops of its own, one element at a time."""
        dims = integers(op.attributes["dims"])
        first = segments(op)[0][0]
        accumulators = [self.emitter.tile(init, window) for init in segments(op)[1]]
        kept = iter(window)
        inner: list[Axis | None] = [None if dim in dims else next(kept) for dim in range(first.type.rank)]
        return self._alone_loops(op, list(dims), inner, accumulators)

    def _alone_loops(
        self, op: ir.Operation, dims: list[int], axes: list[Axis | None], accumulators: Sequence[ir.Value]
    ) -> list[ir.Value]:
        first = segments(op)[0][0]
        if not dims:
            self.emitter.scopes.append({})
            window = tuple(axis for axis in axes if axis is not None)
            results = self._reduce_step(op, [window] * len(segments(op)[0]), accumulators)
            self.emitter.scopes.pop()
            return results
        dim, *rest = dims
        operands = [index_constant(0), self.emitter.size(first, dim), index_constant(1), *accumulators]
        loop = create("scf.for", operands, [value.type for value in accumulators], regions=1)
        types = [ir.IndexType.get(), *(value.type for value in accumulators)]
        block = loop.regions[0].blocks.append(*types, arg_locs=[op.location] * len(types))
        with ir.InsertionPoint(block):
            axes = [Axis(block.arguments[0], 1) if at == dim else axis for at, axis in enumerate(axes)]
            create("scf.yield", self._alone_loops(op, rest, axes, list(block.arguments)[1:]))
        return list(loop.results)

    def _emit_sink(self, sink: Sink) -> None:
        window = self.window(sink.value)
        tile = self.emitter.tile(sink.value, window)
        valid = valid_extents(window)
        with sink.op.location:
            if sink.memref is None:
                create("gir.assert", [tile, *valid], attributes={"message": sink.op.attributes["message"]})
                return
            starts = [axis.start for axis in window]
            attributes = {"operandSegmentSizes": i32_array([1, 1, len(starts), len(valid)])}
            create("gir.store", [tile, sink.memref, *starts, *valid], attributes=attributes)


class _Loop:
    """A serial loop over a dimension as a context: inside, the dimension has its axis."""

    def __init__(self, nest: NestEmitter, c: Dim, low: ir.Value, high: ir.Value, inits: list[ir.Value]) -> None:
        self.nest, self.c, self.high = nest, c, high
        self.step = nest.tile_size(c)
        operands = [low, high, index_constant(self.step), *inits]
        self.op = create("scf.for", operands, [init.type for init in inits], regions=1)
        types = [ir.IndexType.get(), *(init.type for init in inits)]
        self.block = self.op.regions[0].blocks.append(*types, arg_locs=[self.op.location] * len(types))
        self.accumulators = list(self.block.arguments)[1:]

    def __enter__(self) -> _Loop:
        self.point = ir.InsertionPoint(self.block)
        self.point.__enter__()
        index = self.block.arguments[0]
        static = self.c[0].type.shape[self.c[1]]
        whole = self.step == 1 or (static != DYNAMIC and static % self.step == 0)
        valid = None if whole else affine_min(_step_map(self.step), [index, self.high])
        self.nest.axes[self.c] = Axis(index, self.step, valid)
        self.nest.emitter.scopes.append({})
        return self

    def __exit__(self, *error: object) -> None:
        self.nest.emitter.scopes.pop()
        self.point.__exit__(*error)


def _volume(value: ir.Value) -> int:
    volume = 1
    for size in value.type.shape:
        volume *= DYNAMIC_GUESS if size == DYNAMIC else size
    return volume


def _is_outside(value: ir.Value, block: ir.Block) -> bool:
    op = defining_op(value)
    return value.owner != block if op is None else op.block != block


def _map(dims: int, expression: Callable[..., ir.AffineExpr]) -> ir.AffineMap:
    return ir.AffineMap.get(dims, 0, [expression(*(ir.AffineDimExpr.get(d) for d in range(dims)))])


def _min_map(chunk: int) -> ir.AffineMap:
    """(low, size) -> (low + chunk, size): where a chunk ends."""
    low, size = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
    return ir.AffineMap.get(2, 0, [low + chunk, size])


def _step_map(step: int) -> ir.AffineMap:
    """(index, end) -> (step, end - index): how much of a step is there."""
    index, end = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
    return ir.AffineMap.get(2, 0, [ir.AffineConstantExpr.get(step), end - index])


def _ceil_div(size: ir.Value, by: int) -> ir.Value:
    return index_op("arith.ceildivui", [size, index_constant(by)])
