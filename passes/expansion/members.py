"""Which kernels a cascade takes the place of."""

from __future__ import annotations

from collections.abc import Iterable

from powerfusion.core._mlir import defining_op, operations, producer
from powerfusion.mlir import ir
from powerfusion.passes.expansion.cascades import Cascade
from powerfusion.passes.expansion.values import Values
from powerfusion.passes.fusion.rebuild import is_naive, used_values


class Order:
    """What needs what among the ops of a block, as sets of bits."""

    def __init__(self, block: ir.Block) -> None:
        self.ops = operations(block)
        self.number = {op: at for at, op in enumerate(self.ops)}
        self.needs: list[int] = []
        for op in self.ops:
            needs = 0
            for value in used_values(op):
                source = defining_op(value)
                if source in self.number:
                    at = self.number[source]
                    needs |= 1 << at | self.needs[at]
            self.needs.append(needs)

    def bits(self, ops: Iterable[ir.Operation]) -> int:
        """A set of ops."""
        return sum(1 << self.number[op] for op in set(ops))

    def among(self, bits: int) -> list[ir.Operation]:
        """The ops of a set, in order."""
        return [op for at, op in enumerate(self.ops) if bits >> at & 1]

    def closed(self, bits: int) -> int:
        """A set of ops and all that stand between them."""
        below = sum(1 << at for at in range(len(self.ops)) if self.needs[at] & bits)
        above = 0
        for at in range(len(self.ops)):
            if bits >> at & 1:
                above |= self.needs[at]
        return bits | (below & above)


def holding(cascade: Cascade) -> set[ir.Operation]:
    """The kernels that hold a cascade's reductions."""
    return {producer(fold.result).parent.operation for fold in cascade.folds}


def members_of(cascade: Cascade, values: Values, order: Order, others: set[ir.Operation]) -> list[ir.Operation] | None:
    """The kernels that a cascade takes the place of.

    They hold it, stand between those that do, or read what these hand on whole, if they don't hold another.
    """
    bits = order.closed(order.bits(holding(cascade)))
    if not all(map(is_naive, order.among(bits))):
        return None
    folded = {fold.result for fold in cascade.folds}
    handed_on = {
        result
        for op in order.among(bits)
        for result in op.results
        if result in values.stored and values.stored[result] not in folded
    }
    for op in order.ops:
        if is_naive(op) and op not in others and any(value in handed_on for value in op.operands):
            wider = order.closed(bits | order.bits([op]))
            added = order.among(wider & ~bits)
            if all(map(is_naive, added)) and not others & set(added):
                bits = wider
    return order.among(bits)
