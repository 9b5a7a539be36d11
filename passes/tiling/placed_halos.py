"""What a group brings to sram with halos: into a buffer that slides along the steps of a loop.

    nest <[r = 20 : 20 : 20 : 4]>, %x over ["r", ""] at sram, of which a step needs rows r - 1 to r + 1
  ⇒ %b = gir.alloc                                   six rows; the first is row r - 1
    scf.for %r = 0 to 20 step 4
      in the first step:  gir.copy %x, %b            all rows that there are
      in the others:      memref.copy %b[4], %b[0]   the two last ones go to the front
                          gir.copy %x, %b[2]         what is new
      gir.load %b                                    from a view of the rows that there are

What goes to the front does so in pieces that don't overlap. Along dimensions that no step moves with a buffer has what
all units of the group need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from powerfusion.core._mlir import DYNAMIC, create, i32_array, i64_array, index_constant, integer_of, split_mixed
from powerfusion.mlir import ir
from powerfusion.passes.tiling import memrefs
from powerfusion.passes.tiling.placed_resting import Resting, memref_at
from powerfusion.passes.tiling.placed_tiles import PlacedEmitter
from powerfusion.passes.tiling.placed_windows import Span, Spans
from powerfusion.passes.tiling.windows import Window, affine_apply, affine_map, affine_max, affine_min, index_op


@dataclass(frozen=True)
class _Part:
    """A part of a dimension that is copied.

    Attributes:
        source: Where it begins in what it comes from.
        dest: Where it begins in the buffer.
        size: How long it is.
    """

    source: ir.Value
    dest: ir.Value
    size: int | ir.Value


@dataclass(frozen=True)
class _Along:
    """A dimension of a buffer.

    Attributes:
        start: The index in the whole value of the buffer's first element; may lie before the value.
        size: How long it is.
        low: The index of the first element that there is.
        high: Behind the last; None where all of it is there.
    """

    start: ir.Value
    size: int
    low: ir.Value
    high: ir.Value | None

    def between(self, first: int, behind: int | None = None) -> _Part:
        """What is there of a part of the buffer; to its end where that isn't said."""
        start = self.start if first == 0 else _plus(self.start, first)
        if self.high is None:
            return _Part(start, index_constant(first), (self.size if behind is None else behind) - first)
        low = index_op("arith.maxsi", [self.low, start])
        high = self.high
        if behind is not None:
            high = index_op("arith.minsi", [high, _plus(self.start, behind)])
        length = _most(affine_map(2, lambda a, b: b - a), [low, high])
        low = index_op("arith.minsi", [low, self.high])  # Beyond the end there is nothing, and no place for it.
        return _Part(low, _minus(low, self.start), length)

    def moved(self, by: int, first: int, behind: int) -> _Part:
        """A part of the buffer, and where it was in the step before."""
        part = self.between(first, behind)
        return replace(part, source=_plus(part.dest, by))


def bring(emitter: PlacedEmitter, op: ir.Operation, window: Window, held: Spans, own: Spans, rolls: int | None) -> None:
    """Brings to sram what the units of a group need in a step.

    Args:
        emitter: In the loops that are open.
        op: The movement.
        window: What the group has in a step, without halos.
        held: What of it is needed.
        own: What a step has.
        rolls: The dimension along which the buffer slides, that of the innermost loop that it moves with; None where
            there is none.
    """
    depth = emitter.depth(window)
    with emitter.at(depth), op.location:
        dims = [
            _plain(axis.start, axis.size, axis.valid) if span == mine else _with_halo(emitter, op, at, window, span)
            for at, (axis, span, mine) in enumerate(zip(window, held, own, strict=True))
        ]
    with emitter.at(depth if rolls is None else depth - 1), op.location:
        shape = [dim.size for dim in dims]
        buffer = create("gir.alloc", [], [memref_at(op.result, shape)], {"upto": i64_array([])}).result
    with emitter.at(depth), op.location:
        source, whole = emitter.place(op.operands[0]), [dim.between(0) for dim in dims]
        if rolls is None:
            _copy(source, buffer, whole)
        else:
            _slide(emitter, source, buffer, dims, whole, rolls, window, held[rolls])
        _keep(emitter, op, buffer, dims)


def _slide(
    emitter: PlacedEmitter,
    source: ir.Value,
    buffer: ir.Value,
    dims: Sequence[_Along],
    whole: Sequence[_Part],
    rolls: int,
    window: Window,
    span: Span,
) -> None:
    """Fills the buffer: in the first step of the loop all of it, in the others what is new."""
    axis, along = window[rolls], dims[rolls]
    (loop,) = (each for each in emitter.loops if each.regions[0].blocks[0] == axis.start.owner)
    step = _minus(axis.start, loop.operands[0])
    length, kept = span.scale * axis.size, span.high - span.low + 1 - span.scale

    def first() -> None:
        _copy(source, buffer, whole)

    def others() -> None:
        for begin in range(0, kept, length):
            part = along.moved(length, begin, min(begin + length, kept))
            parts = [replace(each, source=each.dest) for each in whole]
            _shift(buffer, [*parts[:rolls], part, *parts[rolls + 1 :]])
        _copy(source, buffer, [*whole[:rolls], along.between(kept), *whole[rolls + 1 :]])

    _times(emitter, affine_max, affine_map(1, lambda d: 1 - d), [step], first)
    _times(emitter, affine_min, affine_map(1, lambda d: d), [step], others)


def _times(
    emitter: PlacedEmitter,
    bound: Callable[[ir.AffineMap, Sequence[ir.Value]], ir.Value],
    map_: ir.AffineMap,
    operands: Sequence[ir.Value],
    body: Callable[[], None],
) -> None:
    """A loop that is gone through once or not at all: at least never, at most once."""
    limit = 0 if bound is affine_max else 1
    count = bound(ir.AffineMap.get(map_.n_dims, 0, [*map_.results, ir.AffineConstantExpr.get(limit)]), operands)
    loop = create("scf.for", [emitter.start(), count, index_constant(1)], regions=1)
    with ir.InsertionPoint(loop.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[loop.location])):
        body()
        create("scf.yield")


def _plain(start: ir.Value, size: int, valid: ir.Value | None) -> _Along:
    high = None if valid is None else index_op("arith.addi", [start, valid])
    return _Along(start, size, start, high)


def _with_halo(emitter: PlacedEmitter, op: ir.Operation, at: int, window: Window, span: Span) -> _Along:
    """A dimension of a buffer that has halos, of which what sticks out of the value isn't there."""
    axis = window[at]
    scale, low, more = span.scale, span.low, span.high - span.low + 1
    start = affine_apply(affine_map(1, lambda d: d * scale + low), [axis.start])
    size = scale * (axis.size - 1) + more
    if not span.clip and axis.valid is None:
        return _Along(start, size, start, None)
    count = index_constant(axis.size) if axis.valid is None else axis.valid
    high = affine_apply(affine_map(2, lambda a, n: a + n * scale + (more - scale)), [start, count])
    end = op.result.type.shape[at]
    high = index_op("arith.minsi", [high, emitter.size(op.result, at) if end == DYNAMIC else index_constant(end)])
    return _Along(start, size, index_op("arith.maxsi", [start, emitter.start()]), high)


def _keep(emitter: PlacedEmitter, op: ir.Operation, buffer: ir.Value, dims: Sequence[_Along]) -> None:
    """Notes what units load from: a view of what is there."""
    parts = [dim.between(0) for dim in dims]
    view = buffer
    if any(dim.high is not None for dim in dims):
        view = _view(buffer, [part.dest for part in parts], [part.size for part in parts])
    emitter.resting[op.result] = Resting(view, tuple(part.source for part in parts), (None,) * len(parts))


def _shift(buffer: ir.Value, parts: Sequence[_Part]) -> None:
    """Moves a part of a buffer to where it is in the next step."""
    sizes = [part.size for part in parts]
    views = [_view(buffer, starts, sizes) for starts in ([p.source for p in parts], [p.dest for p in parts])]
    create("memref.copy", views)


def _view(buffer: ir.Value, starts: Sequence[ir.Value], sizes: Sequence[int | ir.Value]) -> ir.Value:
    dynamic, static = split_mixed(sizes)
    box = [[DYNAMIC] * len(starts), static, [1] * len(starts)]
    return memrefs.subview(buffer, [*starts, *dynamic], [len(starts), len(dynamic), 0], box, [])


def _copy(source: ir.Value, dest: ir.Value, parts: Sequence[_Part]) -> None:
    dynamic, static = split_mixed([part.size for part in parts])
    attributes = {
        "static_sizes": i64_array(static),
        "operandSegmentSizes": i32_array([1, len(parts), 1, len(parts), len(dynamic)]),
    }
    operands = [source, *(part.source for part in parts), dest, *(part.dest for part in parts), *dynamic]
    token = create("gir.copy", operands, [ir.Type.parse("!gir.token")], attributes).result
    create("gir.wait", [token])


def _plus(value: ir.Value, by: int) -> ir.Value:
    known = integer_of(value)
    return affine_apply(affine_map(1, lambda d: d + by), [value]) if known is None else index_constant(known + by)


def _minus(left: ir.Value, right: ir.Value) -> ir.Value:
    if left == right:
        return index_constant(0)
    return left if integer_of(right) == 0 else affine_apply(affine_map(2, lambda a, b: a - b), [left, right])


def _most(map_: ir.AffineMap, operands: Sequence[ir.Value]) -> ir.Value:
    """A difference, or nothing where it is less."""
    return affine_max(ir.AffineMap.get(2, 0, [*map_.results, ir.AffineConstantExpr.get(0)]), operands)
