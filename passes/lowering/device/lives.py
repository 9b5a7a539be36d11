"""How long tiles of the scratchpad live: what values they are, and where blocks end."""

from __future__ import annotations

from collections.abc import Iterator

from powerfusion.core._mlir import operations
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.carries import Carry
from powerfusion.passes.lowering.emitc.lanes import LaneCarry
from powerfusion.passes.lowering.emitc.scalars import stored_bytes
from powerfusion.passes.lowering.emitc.tiles import Held, Tile
from powerfusion.passes.lowering.lockstep import holds
from powerfusion.passes.scheduling.kernels import ops_in

COPYING = ("gir.load", "gir.store", "gir.copy", "gir.stage", "gir.gather")


def helds_of(lowered: object) -> Iterator[Held]:
    """What of the scratchpad a value is."""
    if isinstance(lowered, Tile):
        yield from lowered.reads
        if lowered.origin is not None:
            yield lowered.origin
    elif isinstance(lowered, LaneCarry):
        yield from (lowered.held, lowered.parts, *lowered.init.reads)
    elif isinstance(lowered, Carry):
        yield lowered.held


def is_within(block: ir.Block, op: ir.Operation) -> bool:
    """Whether a block is an op's, or one of what is within."""
    around = block.owner.operation
    while around != op:
        if around.name == "func.func":
            return False
        around = around.parent.operation
    return True


def is_last(op: ir.Operation) -> bool:
    """Whether nothing but the terminator is behind an op."""
    ops = operations(op.block)
    return len(ops) > 1 and ops[-2] == op


def is_repeated(op: ir.Operation) -> bool:
    """Whether an op's block is a loop's, in which something is copied."""
    around = op.block.owner.operation
    return around.name in ("scf.for", "gir.parallel") and holds(around, lambda inner: inner.name in COPYING)


def least_bytes(function: ir.Operation) -> int:
    """Bytes of the narrowest number that is computed with in a function."""
    found = [4]
    for op in ops_in(function):
        for result in op.results:
            type_ = result.type
            if isinstance(type_, ir.RankedTensorType) and type_.element_type != code.bool_type():
                found.append(stored_bytes(type_.element_type))
    return min(found)
