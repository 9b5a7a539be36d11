"""`gir-hoist-loads`: what each step of a loop loads from the same place is loaded once, before it.

Rewrite:
    scf.for %r                                      %v = gir.load %variance[%c]
      %t = gir.load %x[%c, %r]                ⇒     scf.for %r
      %v = gir.load %variance[%c]                     %t = gir.load %x[%c, %r]
      gir.store .., %y[%c, %r]                        gir.store .., %y[%c, %r]

What is computed from it then leaves the loop with upstream's `loop-invariant-code-motion`, which moves no load past a
store. A load leaves a loop that has a step for certain, in which nothing writes to its memory and units don't meet; a
register holds all of it, since it stays in one for as long as the loop runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from powerfusion.core._mlir import defining_op, entry_block, operations
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling import rows
from powerfusion.passes.scheduling.kernels import ops_in, tiled_kernels, walk
from powerfusion.passes.scheduling.lifetimes import VIEWS
from powerfusion.passes.scheduling.roots import may_share

MOST_BYTES = 64  # of a tile: a register
READERS = (*VIEWS, "memref.dim", "memref.load", "memref.prefetch", "gir.load", "gir.gather")
MEETINGS = ("gir.sync", "gir.all_reduce", "gir.wait")


@register_pass
@dataclass(frozen=True)
class HoistLoadsPass(Pass):
    """Loads once what every step of a loop would load."""

    name: ClassVar[str] = "gir-hoist-loads"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})

    def run(self, op: ir.Operation) -> None:
        """Does it in every kernel, from the innermost loops outwards."""
        for kernel in tiled_kernels(op):
            for loop in reversed(list(walk(kernel, "scf.for"))):
                if rows.trips(loop):
                    _hoist(loop)


def _hoist(loop: ir.Operation) -> None:
    loads = [op for op in operations(entry_block(loop)) if op.name == "gir.load" and _is_alike(op, loop)]
    inside = ops_in(loop) if loads else []
    if any(op.name in MEETINGS for op in inside):
        return
    written = list(dict.fromkeys(value for op in inside for value in _written(op)))
    for load in loads:
        if not any(may_share(load.operands[0], other) for other in written):
            load.move_before(loop)
            count("loads taken out of loops")


def _is_alike(load: ir.Operation, loop: ir.Operation) -> bool:
    """Whether a load is the same in each step of the loop that it is in, and small."""
    size = prod(load.result.type.shape) * element_bytes(load.result)
    return size <= MOST_BYTES and not any(_is_inside(operand, loop) for operand in load.operands)


def _is_inside(value: ir.Value, loop: ir.Operation) -> bool:
    """Whether a value is made in the block of a loop."""
    op = defining_op(value)
    return (value.owner if op is None else op.block) == entry_block(loop)


def _written(op: ir.Operation) -> Iterator[ir.Value]:
    """The memrefs that an op may write to."""
    if op.name not in READERS:
        yield from (value for value in op.operands if isinstance(value.type, ir.MemRefType))
