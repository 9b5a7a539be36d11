"""How long the memory of a function lives: from where it is made to the last op that uses it, or a view of it."""

from __future__ import annotations

from powerfusion.core._mlir import defining_op, operations
from powerfusion.mlir import ir


class Lifetimes:
    """Which allocations of a function are alive where; views belong to what they view."""

    def __init__(self, block: ir.Block) -> None:
        body = operations(block)
        self.order = {op: at for at, op in enumerate(body)}
        self.allocs = [op.result for op in body if op.name == "memref.alloc"]
        self._roots: dict[ir.Value, ir.Value] = {value: value for value in [*self.allocs, *block.arguments]}
        last: dict[ir.Value, int] = {}
        for at, op in enumerate(body):
            for operand in op.operands:
                if isinstance(operand.type, ir.MemRefType):
                    last[self.root(operand)] = at
            for result in op.results:
                if isinstance(result.type, ir.MemRefType) and op.name != "memref.alloc":
                    self._roots[result] = self.root(op.operands[0])
        self.last = last
        self.returned = {self.root(v) for v in body[-1].operands if isinstance(v.type, ir.MemRefType)} & set(
            self.allocs
        )

    def root(self, value: ir.Value) -> ir.Value:
        """The allocation or argument that a memref is part of."""
        return self._roots.get(value, value)

    def ending_at(self, op: ir.Operation) -> list[ir.Value]:
        """Allocations that nothing uses after an op, but those that are returned."""
        at = self.order[op]
        return [a for a in self.allocs if a not in self.returned and self._end(a) == at]

    def live_at(self, op: ir.Operation) -> list[ir.Value]:
        """Allocations made before an op and not yet freed there."""
        at = self.order[op]
        made = [a for a in self.allocs if self.order[defining_op(a)] < at]
        return [a for a in made if a in self.returned or self._end(a) > at]

    def _end(self, alloc: ir.Value) -> int:
        return self.last.get(alloc, self.order[defining_op(alloc)])
