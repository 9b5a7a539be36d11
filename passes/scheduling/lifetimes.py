"""When buffers of tile form live: from the first op that touches one to the last, as its own block sees them.

Time is the order of ops in the program, those in a region within the time of the op around:

    %a = gir.alloc           3          what a loop or a parallel around does touches its buffers all the while, so
    scf.for                  4..7       %a lives from 4 to 9
      gir.store %t, %a       5
    %u = gir.load %a         9

A buffer is touched through its views, through what loops and branches make of them, and by a copy until
somebody has waited for its token.
"""

from __future__ import annotations

from collections.abc import Iterator

from powerfusion.core._mlir import defining_op, segments
from powerfusion.mlir import ir

VIEWS = (
    "memref.cast",
    "memref.collapse_shape",
    "memref.expand_shape",
    "memref.memory_space_cast",
    "memref.reinterpret_cast",
    "memref.subview",
    "memref.transpose",
    "memref.view",
)
TOKEN = "!gir.token"


class Clock:
    """The times of ops, each from its beginning to the end of its regions."""

    def __init__(self, root: ir.Operation) -> None:
        self.first: dict[ir.Operation, int] = {}
        self.last: dict[ir.Operation, int] = {}
        self._now = 0
        self._tick(root)

    def _tick(self, op: ir.Operation) -> None:
        self.first[op] = self._now
        for region in op.regions:
            for block in region:
                for inner in block:
                    self._now += 1
                    self._tick(inner.operation)
        self.last[op] = self._now

    def life(self, value: ir.Value) -> tuple[int, int] | None:
        """From when to when a buffer lives, as the block that makes it sees it; None where nothing touches it."""
        maker = defining_op(value)
        touching = [ancestor_in(op, maker.block if maker else value.owner) for op in touches(value)]
        if not touching:
            return None
        return min(self.first[op] for op in touching), max(self.last[op] for op in touching)


def touches(buffer: ir.Value) -> Iterator[ir.Operation]:
    """The ops that use a buffer or a part of it, but for those that only name it."""
    seen = {buffer}
    pending = [buffer]
    while pending:
        for use in pending.pop().uses:
            op = use.owner.operation
            fresh = [value for value in _handed_on(op, use.operand_number) if value not in seen]
            seen.update(fresh)
            pending += fresh
            if op.name not in VIEWS and op.name != "memref.dim":
                yield op


def _handed_on(op: ir.Operation, operand: int) -> list[ir.Value]:
    """The memrefs and tokens by which an op hands on what it takes as that operand, or more."""
    handed = [result for result in op.results if _is_handed(result)]
    if op.name == "gir.kernel":
        return [op.regions[0].blocks[0].arguments[operand]] if operand < len(segments(op)[0]) else []
    if op.name == "scf.yield":
        around = op.parent.operation
        handed += [result for result in around.results if _is_handed(result)]
        op = around
    for region in op.regions:
        for block in region:
            handed += [argument for argument in block.arguments if _is_handed(argument)]
    return handed


def _is_handed(value: ir.Value) -> bool:
    return isinstance(value.type, ir.MemRefType) or str(value.type) == TOKEN


def ancestor_in(op: ir.Operation, block: ir.Block) -> ir.Operation:
    """The op of a block that is an op or has it somewhere inside."""
    while op.block != block:
        op = op.parent.operation
    return op
