"""How many instructions an op takes for each element: what searches and predicted times count alike."""

from __future__ import annotations

from powerfusion.mlir import ir

WEIGHTS = {"math": 16, "arith.divf": 8, "math.sqrt": 8, "math.rsqrt": 8, "math.absf": 1, "math.fma": 1}
"""By op or dialect: functions are polynomials, and a core divides in steps. Any other op is one."""


def instructions(op: ir.Operation) -> int:
    """What an element takes: of an op with a body, as a combiner is, what is in it."""
    inside = [inner.operation for region in op.regions for block in region.blocks for inner in block.operations]
    return sum(map(_weight, inside)) or _weight(op)


def _weight(op: ir.Operation) -> int:
    if op.name in ("gir.yield", "arith.constant"):
        return 0
    return WEIGHTS.get(op.name, WEIGHTS.get(op.name.partition(".")[0], 1))
