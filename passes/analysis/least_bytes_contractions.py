"""The pebbling bound of contractions: what a matrix product must move however it is tiled.

For `C += A B` with m x k and k x n operands in slow memory, and S elements of fast memory, any
schedule of the m n k multiplications and additions moves at least

    2 m n k / sqrt(S) - 2 S   elements

between the two: the red-blue pebble game of J.-W. Hong and H. T. Kung, "I/O complexity: the red-blue
pebble game" (STOC 1981), with the constant of T. M. Smith, B. Lowery, J. Langou and R. A. van de
Geijn, "A tight I/O lower bound for matrix multiplication" (arXiv:1702.02017, 2019). Used in exactly
this form, never below 0, once per entry of what the operands have in common (a batch).

It holds where the operands really come from memory and the result really goes there: a product of
what is computed on the way, or one that is summed up at once, may move less. For windows (a
convolution) only what is touched once counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from powerfusion.core._mlir import defining_op, entry_block, operations
from powerfusion.mlir import ir
from powerfusion.passes.analysis.extents import Extents
from powerfusion.passes.analysis.ledger_names import contracted
from powerfusion.passes.analysis.sizes import element_bytes

CARRIED = ("gir.move", "gir.permute", "arith.extf", "arith.extsi", "arith.extui", "arith.truncf", "arith.trunci")
"""Ops whose result has the elements of their operand, each once."""


@dataclass(frozen=True)
class Product:
    """A contraction as matrix products.

    Attributes:
        batch: How many.
        rows: m of each.
        columns: n of each.
        summed: k of each.
        element_bytes: The least that an element takes.
    """

    batch: int
    rows: int
    columns: int
    summed: int
    element_bytes: int

    def least_bytes(self, on_chip_bytes: int) -> int:
        """The pebbling bound, bytes."""
        capacity = max(on_chip_bytes // self.element_bytes, 1)
        moved = 2 * self.rows * self.columns * self.summed / math.sqrt(capacity) - 2 * capacity
        return self.batch * max(0, math.floor(moved)) * self.element_bytes


def products_of(kernel: ir.Operation, extents: Extents) -> list[Product]:
    """The contractions of a kernel from its inputs to its results; those of open sizes are left out."""
    ops = operations(entry_block(kernel))
    found = [_product(op, kernel, extents) for op in ops if op.name == "gir.contract"]
    return [product for product in found if product is not None]


def inputs_of(op: ir.Operation) -> list[ir.Value | None]:
    """The values at `dram` that the operands of a contraction are, each element once; None where they aren't."""
    return [_carried_from(value) for value in list(op.operands)[:2]]


def _carried_from(value: ir.Value) -> ir.Value | None:
    op = defining_op(value)
    while op is not None and op.name in CARRIED:
        value = op.operands[0]
        op = defining_op(value)
    return value if op is None else None


def _is_returned(value: ir.Value) -> bool:
    """True if a kernel gives a value as a result, each element once."""
    uses = list(value.uses)
    if len(uses) != 1:
        return False
    op = uses[0].owner.operation
    return op.name == "gir.return" or (op.name in CARRIED and _is_returned(op.results[0]))


def _product(op: ir.Operation, kernel: ir.Operation, extents: Extents) -> Product | None:
    if any(value is None for value in inputs_of(op)) or not _is_returned(op.results[0]):
        return None
    lhs, rhs, result = contracted(op)
    sizes: dict[int, int] = {}
    for value, dims in zip(op.operands, (lhs, rhs), strict=False):
        for dim, size in zip(dims, extents.shape_inside(kernel, value), strict=True):
            if not isinstance(size, int):
                return None
            sizes[dim] = size
    left, right, kept = set(lhs), set(rhs), set(result)
    groups = (left & right & kept, (left - right) & kept, (right - left) & kept, (left & right) - kept)
    if set(sizes) != set().union(*groups):
        return None
    batch, rows, columns, summed = (math.prod(sizes[dim] for dim in group) for group in groups)
    smallest = min(
        element_bytes(value) for value in (*op.operands, op.results[0]) if isinstance(value.type, ir.ShapedType)
    )
    return Product(batch, rows, columns, summed, smallest)
