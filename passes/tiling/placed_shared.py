"""Placed kernels whose units share what is at sram: a group steps, and in each step its units are parallel.

    nest <[r = 10 : 4 : 2 : 1, c = 50 : 50 : 50 : 16], sweep = [c]>
  ⇒ gir.parallel <group> (%g)
      scf.for %t = 0 to 2                                    the step that all units are at
        %s = gir.stage %rows[0, 0] [2, 50]                   rows t and t + 2 of the group, one of each unit
        gir.parallel <unit> (%u) in (2)
          scf.for %j = 0 to 50 step 16
            gir.load %s[%u, %j]

Each unit uses what it brought there itself, so that none has to wait for another. Steps that what is at sram doesn't
move with are each unit's own, in loops further in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from powerfusion.core._mlir import create, index_constant
from powerfusion.mlir import ir
from powerfusion.passes.tiling.placed import PlacedTiler
from powerfusion.passes.tiling.placed_dims import PlacedDim
from powerfusion.passes.tiling.placed_extents import Extent, group_axis, step_axis
from powerfusion.passes.tiling.placed_plan import is_fill, is_rest
from powerfusion.passes.tiling.windows import Axis, Window, affine_apply, affine_min, index_op, scaled


class SharedTiler(PlacedTiler):
    """Fills the tile form of a placed kernel whose units share what is at sram."""

    def _emit_units(self) -> None:
        self.of_unit = self.of_group
        self.steps: dict[str, ir.Value] = {}
        self._emit_group_steps(self.plan.together)

    def _emit_group_steps(self, dims: Sequence[PlacedDim]) -> None:
        """Serial loops over the steps that all units of a group are at."""
        if not dims:
            self._share()
            return
        dim, *rest = dims

        def body(_: Sequence[ir.Value]) -> list[ir.Value]:
            self._emit_group_steps(rest)
            return []

        if dim.units == 1:
            self._serial(dim, [], body)
            return
        loop = create("scf.for", [self.emitter.start(), self._count(dim), index_constant(1)], regions=1)
        loop.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[loop.location])
        with self.emitter.inside(loop) as block:
            self.steps[dim.name] = block.arguments[0]
            body([])
            create("scf.yield")

    def _count(self, dim: PlacedDim) -> ir.Value:
        """How many steps the first unit of a group takes, which takes the most."""
        if dim.group_lengths is not None and min(dim.group_lengths, default=0) >= dim.per_unit:
            return index_constant(dim.steps)
        low, end = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
        steps = ir.AffineExpr.get_ceil_div(end - low, dim.per_step)
        part = self.of_group[dim.name]
        return affine_min(ir.AffineMap.get(2, 0, [steps, ir.AffineConstantExpr.get(dim.steps)]), [part.low, part.end])

    # -- what is shared ----------------------------------------------------------------------

    def _share(self) -> None:
        """Brings to sram what the group holds in a step, then lets its units go on."""
        for op in self.plan.ops:
            if is_fill(op) or is_rest(op):
                window, packed = self._shared(op.result)
                if is_fill(op) and self.plan.has_halos(op.result):
                    self._bring(op, window)
                    continue
                make = self.emitter.stage if is_fill(op) else self.emitter.allocate
                with self.emitter.at(self.emitter.depth(window)), op.location:
                    make(op, window, packed)
        self.emitter.base = self.emitter.level
        self._parallel_units([dim for dim in self.dims if dim.units > 1], self._emit_unit_step)
        self.emitter.base = 0

    def _shared(self, value: ir.Value) -> tuple[Window, list[str | None]]:
        """What a group holds of a value at sram, and along which dimensions its units' elements are packed."""
        own: list[Axis] = []
        packed: list[str | None] = []
        for at, span in enumerate(self.plan.own(value)):
            dim = self.plan.dim_of(value, at)
            apart = dim is not None and not dim.swept and dim.units > 1 and dim.steps > 1
            packed.append(dim.name if dim is not None and apart else None)
            if dim is None or dim.is_one_step:
                own += self.emitter.materialise([span])
            elif apart:
                own.append(self._units_axis(dim))
            elif dim.swept or dim.steps == 1:
                own.append(group_axis(dim, self.of_group[dim.name]))
            else:
                own += self.emitter.materialise([span])
        return tuple(own), packed

    def _units_axis(self, dim: PlacedDim) -> Axis:
        """An element of each unit that isn't through yet."""
        part, step = self.of_group[dim.name], self.steps[dim.name]
        start = index_op("arith.addi", [part.low, step])
        if dim.group_lengths == frozenset([dim.per_group]) and dim.per_group % dim.per_unit == 0:
            return Axis(start, dim.units, None, step=dim.per_unit)
        low, end = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
        there = ir.AffineMap.get(2, 0, [ir.AffineExpr.get_ceil_div(end - low, dim.per_unit)])
        return Axis(start, dim.units, affine_apply(there, [start, part.end]), step=dim.per_unit)

    # -- units -------------------------------------------------------------------------------

    def _emit_unit_step(self, which: Mapping[str, ir.Value]) -> None:
        """What a unit does in a step."""
        self.emitter.units = dict(which)
        self.which = which
        guarded: list[tuple[Extent, int]] = []
        for dim in self.dims:
            part = self.of_unit[dim.name]
            if dim.units == 1 and dim in self.plan.together:
                continue
            if dim in self.plan.together:
                low = index_op("arith.addi", [part.low, scaled(self.steps[dim.name], dim.per_step)])
                uneven = dim.idle_units or dim.unit_lengths is None or len(dim.unit_lengths) > 1
                part = Extent(low, index_op("arith.maxsi", [low, part.end]) if uneven else part.end)
            else:
                uneven = dim.idle_units
            if dim.steps == 1 or dim in self.plan.together:
                empty = self.plan.meets and uneven
                self.emitter.axes[dim.name] = step_axis(dim, part, may_be_empty=empty)
            guarded += [(part, dim.per_unit)] if uneven else []
        inner = [dim for dim in self.dims if dim.steps > 1 and not dim.swept and dim not in self.plan.together]
        self._guard([] if self.plan.meets else guarded, lambda: self._emit_steps(inner))
