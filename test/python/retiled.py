"""Placed programs with other tile sizes: nests that mean the same and deal the work out otherwise."""

from __future__ import annotations

from random import Random

from powerfusion.core._mlir import functions, operations
from powerfusion.dialects import gir
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.placement.nests import most_units
from powerfusion.passes.tiling.placed_plan import PlacedPlan

STEPS = (1, 2, 3, 5, 8, 13, 16, 32, 48, 128)
MOST_PARTS = 24
"""Of a dimension of known size, steps at most, so that they can be gone through one by one."""
ASSUMED = 40
"""What open sizes of random programs aren't much longer than."""


def retile(module: ir.Module, machine: Machine, rng: Random) -> int:
    """Draws other sizes for every nest of a placed module, in place; says how many nests are others now."""
    changed = 0
    with module.context:
        for function in functions(module.operation):
            for kernel in [op for op in operations(function.regions[0].blocks[0]) if "nest" in op.attributes]:
                nest = gir.NestAttr(kernel.attributes["nest"])
                kernel.attributes["nest"] = made = gir.nest(_Drawing(kernel, machine, rng).dims(), list(nest.sweep))
                changed += made != nest
    return changed


class _Drawing:
    """Another nest for a kernel: steps with no more elements than before, as many units as the machine has at most."""

    def __init__(self, kernel: ir.Operation, machine: Machine, rng: Random) -> None:
        plan, nest = PlacedPlan(kernel), gir.NestAttr(kernel.attributes["nest"])
        self.rng, self.before = rng, gir.nest_dims(nest)
        self.swept = set(nest.sweep)
        self.folded = {name for op in plan.ops for name in plan.names.combined(op)} - self.swept
        self.units = most_units(machine)
        self.elements = 1
        for dim in self.before:
            self.elements *= 1 if dim.name in self.folded else dim.per_step

    def dims(self) -> list[gir.NestDim]:
        """The dimensions, in the order of before; those drawn first get most."""
        drawn: dict[str, gir.NestDim] = {}
        for dim in self.before:
            if dim.name in self.swept | self.folded:
                self.units //= -(-dim.per_group // dim.per_unit)
        for dim in self.rng.sample(self.before, len(self.before)):
            drawn[dim.name] = self._shared(dim) if dim.name in self.swept | self.folded else self._row(dim)
        return [drawn[dim.name] for dim in self.before]

    def _step(self, size: int | None) -> int:
        size = ASSUMED if size is None else size
        steps = [step for step in {*STEPS, size} if step <= min(size, self.elements) and -(-size // step) <= MOST_PARTS]
        step = self.rng.choice(sorted(steps)) if steps else min(size, self.elements)
        self.elements = max(self.elements // step, 1)
        return step

    def _row(self, dim: gir.NestDim) -> gir.NestDim:
        """Groups, units and steps of any size."""
        step = self._step(dim.size)
        unit = step * self.rng.randint(1, 3)
        units = self.rng.randint(1, max(self.units, 1))
        group = unit * units
        if dim.size is not None:
            step, unit, group = (min(part, dim.size) for part in (step, unit, group))
        self.units //= -(-group // unit)
        return dim._replace(per_group=group, per_unit=unit, per_step=step)

    def _shared(self, dim: gir.NestDim) -> gir.NestDim:
        """What is swept, or folded by units together, stays one group's."""
        units = -(-dim.per_group // dim.per_unit)
        unit = dim.per_unit if units == 1 else -(-dim.per_group // self.rng.randint(1, units))
        step = unit if dim.name in self.folded else min(self._step(dim.size), unit)
        return dim._replace(per_unit=unit, per_step=step)
