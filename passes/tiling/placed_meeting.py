"""Placed kernels whose units go through loops of their own and meet where they bring something to sram.

    nest <[r = 8 : 8 : 2 : 2, k = 64 : 64 : 64 : 16]>, %w over [k] at sram, %x over [r] at reg
  ⇒ %b = gir.alloc                                     what a group holds at a time
    gir.parallel <unit> (%u) in (4)
      %x = gir.load                                    once, though k has steps
      scf.for %k = 0 to 64 step 16
        gir.sync <group>                               nobody needs the last one any more
        gir.copy %w[%k], %b[0] [16]                    by the first unit; each unit its part, where units have parts
        gir.sync <group>
        gir.load %b

Here what a unit has outlives the steps that units share, which it doesn't where the group steps (see `placed_shared`).
"""

from __future__ import annotations

from powerfusion.core._mlir import create, i32_array, i64_array, split_mixed
from powerfusion.mlir import ir
from powerfusion.passes.tiling.placed import PlacedTiler
from powerfusion.passes.tiling.placed_dims import PlacedDim
from powerfusion.passes.tiling.placed_extents import group_axis
from powerfusion.passes.tiling.placed_plan import is_fill
from powerfusion.passes.tiling.placed_resting import Resting, memref_at
from powerfusion.passes.tiling.windows import Axis, index_op, scaled

GROUP = "#gir.scope<group>"


class MeetingTiler(PlacedTiler):
    """Fills the tile form of a placed kernel whose units fill sram in loops of their own."""

    def _emit_units(self) -> None:
        self.waits = True
        self.buffers: dict[ir.Value, ir.Value] = {}
        for op in filter(is_fill, self.plan.ops):
            shape = [self._held_at_most(op.result, at) for at in range(op.result.type.rank)]
            attributes = {"upto": i64_array([])}
            with op.location:
                self.buffers[op.result] = create("gir.alloc", [], [memref_at(op.result, shape)], attributes).result
        super()._emit_units()

    def _held_at_most(self, value: ir.Value, at: int) -> int:
        """How much of a dimension a group holds at a time."""
        dim = self.plan.dim_of(value, at)
        if dim is None or dim.is_one_step:
            return value.type.shape[at]
        return group_axis(dim, self.of_group[dim.name]).size if dim.swept else dim.units * dim.tile

    def _fill(self, op: ir.Operation) -> None:
        """A movement to sram: each unit's part of it, by the first of those that have it alike."""
        window = self._held(op.result)
        dims = [self.plan.dim_of(op.result, at) for at in range(len(window))]
        depth = self.emitter.depth(window)
        with self.emitter.at(depth), op.location:
            if depth:
                self._sync()
            places = [self._before(dim) for dim in dims]
            with self._once(op.result):
                self._copy(op, window, places)
            self._sync()
            starts = [
                axis.start if place is None else index_op("arith.subi", [axis.start, place])
                for axis, place in zip(window, places, strict=True)
            ]
        self.emitter.resting[op.result] = Resting(self.buffers[op.result], tuple(starts), (None,) * len(starts))

    def _before(self, dim: PlacedDim | None) -> ir.Value | None:
        """Where a unit's part of a dimension begins in what the group holds; None where that is at the beginning."""
        if dim is None or dim.units == 1 or dim.swept:
            return None
        return scaled(self.which[dim.name], dim.tile)

    def _copy(self, op: ir.Operation, window: tuple[Axis, ...], places: list[ir.Value | None]) -> None:
        dynamic, static = split_mixed([axis.size if axis.valid is None else axis.valid for axis in window])
        source, starts = self.emitter.place(op.operands[0]), [axis.start for axis in window]
        inside = [self.emitter.start() if place is None else place for place in places]
        attributes = {
            "static_sizes": i64_array(static),
            "operandSegmentSizes": i32_array([1, len(starts), 1, len(inside), len(dynamic)]),
        }
        operands = [source, *starts, self.buffers[op.result], *inside, *dynamic]
        token = create("gir.copy", operands, [ir.Type.parse("!gir.token")], attributes).result
        create("gir.wait", [token])

    def _sync(self) -> None:
        create("gir.sync", attributes={"scope": ir.Attribute.parse(GROUP)})
