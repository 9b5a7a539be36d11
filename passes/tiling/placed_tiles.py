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
from dataclasses import dataclass, field

from powerfusion.core._mlir import (
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
from powerfusion.passes.analysis.ledger_names import Names
from powerfusion.passes.tiling import memrefs
from powerfusion.passes.tiling.combiners import reduce_step
from powerfusion.passes.tiling.tiles import TileEmitter, rule_of
from powerfusion.passes.tiling.windows import (
    Axis,
    Window,
    affine_apply,
    affine_map,
    tile_type,
    valid_extents,
)

EVERYWHERE = ("arith.constant", "tensor.splat")


@dataclass(frozen=True)
class Resting:
    """A value at sram: its memref, and the index in the whole value of its first element, per dimension."""

    memref: ir.Value
    starts: tuple[ir.Value, ...]


@dataclass
class PlacedEmitter(TileEmitter):
    """Makes tiles of a placed kernel's values, in the loops that are open.

    Attributes:
        names: What values run over, and when ops happen.
        axes: The axis of each of the nest's dimensions in the loops that are open.
        loops: The loops that are open, outermost first.
        level: The level at which ops are made: how many loops are around them.
        resting: What is at sram.
        zero: The index 0.
    """

    names: Names = field(default_factory=lambda: Names((), frozenset()))
    axes: dict[str, Axis] = field(default_factory=dict)
    loops: list[ir.Operation] = field(default_factory=list)
    level: int = 0
    resting: dict[ir.Value, Resting] = field(default_factory=dict)
    zero: ir.Value | None = None
    depths: dict[ir.Value, int] = field(default_factory=dict)
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
        """The nest's intervals of a value's dimensions; all of it where it runs over none."""
        return tuple(self.axis(value, dim) for dim in range(value.type.rank))

    def axis(self, value: ir.Value, dim: int) -> Axis:
        """The interval of one dimension."""
        name = self.names.of(value, dim)
        return Axis(self.start(), value.type.shape[dim]) if name is None else self.axes[name]

    def depth(self, window: Window) -> int:
        """How many of the open loops are around what a window moves with."""
        found = [
            value for axis in window for value in (axis.start, axis.valid, axis.step) if isinstance(value, ir.Value)
        ]
        return max(map(self._depth, found), default=0)

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
        if op.name in EVERYWHERE:
            return self._everywhere(value, window)
        known = self.known(value, window)
        if known is not None:
            return known
        depth = self.depth(window)
        with self.at(depth), op.location:
            tiles = self._make(op, window)
        for result, tile in zip(op.results, tiles, strict=True):
            if tile is not None:
                self.keep(result, window[: result.type.rank], tile, depth)
        return self.scopes[depth][value, window]

    def keep(self, value: ir.Value, window: Window, tile: ir.Value, depth: int) -> None:
        """Remembers a tile at a level."""
        self.scopes[depth][value, window] = tile

    def _everywhere(self, value: ir.Value, window: Window) -> ir.Value:
        key = value, tuple(axis.size for axis in window)
        if key not in self.splats:
            op = producer(value)
            with self._at_kernel_top(), op.location:
                self.splats[key] = next(tile for tile in rule_of(op)(self, op, window) if tile is not None)
        return self.splats[key]

    def _make(self, op: ir.Operation, window: Window) -> Sequence[ir.Value | None]:
        if op.name == "gir.reduce":
            return self._reduce(op, window)
        if op.name != "gir.move":
            return rule_of(op)(self, op, window)
        source = op.operands[0]
        match gir.level_of(source.type):
            case "dram":
                return [self._load(source, window)]
            case "sram":
                return [self._load_resting(source, window)]
            case _:
                return [self.tile(source, window)]

    def _reduce(self, op: ir.Operation, window: Window) -> Sequence[ir.Value | None]:
        """A reduction within a step."""
        if self.names.combined(op):
            raise UnsupportedError(
                "a value is used where the steps that it is combined from aren't over",
                location=op.location,
                help="bring it to a later pass by a move or a broadcast",
            )
        inputs, inits, _ = segments(op)
        gone, rest = integers(op.attributes["dims"]), iter(window)
        own = self.window(inputs[0])
        wanted = tuple(axis if dim in gone else next(rest) for dim, axis in enumerate(own))
        tiles = [self.tile(value, wanted) for value in inputs]
        return reduce_step(op, tiles, [self.tile(init, window) for init in inits], wanted, self.scalar)

    # -- what rests at sram ------------------------------------------------------------------

    def _load_resting(self, value: ir.Value, window: Window) -> ir.Value:
        found = self.place_of(value)
        indices = [self._within(axis.start, start) for axis, start in zip(window, found.starts, strict=True)]
        valid = valid_extents(window)
        attributes = {"operandSegmentSizes": i32_array([1, len(indices), len(valid)])}
        return create("gir.load", [found.memref, *indices, *valid], [tile_type(value, window)], attributes).result

    def place_of(self, value: ir.Value) -> Resting:
        """Where a value at sram, or a view of one, is."""
        if value in self.resting:
            return self.resting[value]
        op = producer(value)
        assert op.name == "gir.permute", f"'{op.name}' at sram"
        source, perm = self.place_of(op.operands[0]), integers(op.attributes["perm"])
        return Resting(memrefs.transpose(source.memref, perm), tuple(source.starts[p] for p in perm))

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
        indices = [self._within(axis.start, start) for axis, start in zip(window, found.starts, strict=True)]
        valid = valid_extents(window)
        attributes = {"operandSegmentSizes": i32_array([1, 1, len(indices), len(valid)])}
        create("gir.store", [tile, found.memref, *indices, *valid], attributes=attributes)

    def stage(self, op: ir.Operation, window: Window) -> None:
        """Brings a window to sram."""
        sizes, upto = _extents(window)
        dynamic, static = split_mixed(sizes)
        memref = self.place(op.operands[0])
        starts = [axis.start for axis in window]
        attributes = {
            "static_sizes": i64_array(static),
            "upto": i64_array(upto),
            "operandSegmentSizes": i32_array([1, len(starts), len(dynamic)]),
        }
        type_ = _memref_at(op.result, static)
        made = create("gir.stage", [memref, *starts, *dynamic], [type_], attributes).result
        self.resting[op.result] = Resting(made, tuple(starts))

    def allocate(self, op: ir.Operation, window: Window) -> None:
        """Makes a buffer at sram for a window of what is moved there."""
        sizes, upto = _extents(window)
        dynamic, static = split_mixed(sizes)
        made = create("gir.alloc", dynamic, [_memref_at(op.result, static)], {"upto": i64_array(upto)}).result
        self.resting[op.result] = Resting(made, tuple(axis.start for axis in window))


def _memref_at(value: ir.Value, shape: Sequence[int]) -> ir.MemRefType:
    type_ = value.type
    return ir.MemRefType.get(list(shape), type_.element_type, None, type_.encoding)


def _extents(window: Window) -> tuple[list[int | ir.Value], list[int]]:
    """The sizes of a window, and what those that aren't static are at most."""
    sizes: list[int | ir.Value] = [axis.size if axis.valid is None else axis.valid for axis in window]
    return sizes, [axis.size for axis in window if axis.valid is not None]
