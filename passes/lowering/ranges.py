"""Between which numbers an index lies, whatever the program is given.

Indices of loops and parallels lie between their bounds; sums, multiples, minima and maxima follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import defining_op, entry_block, integer_of
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.contiguity import divisor


@dataclass(frozen=True)
class Range:
    """Integers from `low` to `high`, both of them included."""

    low: int
    high: int

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, other: Range) -> Range:
        ends = [left * right for left in (self.low, self.high) for right in (other.low, other.high)]
        return Range(min(ends), max(ends))


@dataclass(frozen=True)
class Line:
    """`factor * index + shift`, of the index of a loop."""

    factor: int
    shift: int

    def plus(self, other: Line, sign: int = 1) -> Line:
        """The sum of two lines over one index, or their difference."""
        return Line(self.factor + sign * other.factor, self.shift + sign * other.shift)


def range_of(value: ir.Value) -> Range | None:
    """What is known of an index; None where nothing is."""
    known = integer_of(value)
    if known is not None:
        return Range(known, known)
    op = defining_op(value)
    if op is None:
        return _argument(value)
    match op.name:
        case "affine.apply":
            map_: ir.AffineMap = ir.AffineMapAttr(op.attributes["map"]).value  # pyright: ignore[reportAttributeAccessIssue]
            return _expression(map_.results[0], list(op.operands), map_.n_dims)
        case "affine.min" | "affine.max":
            map_ = ir.AffineMapAttr(op.attributes["map"]).value  # pyright: ignore[reportAttributeAccessIssue]
            parts = [_expression(result, list(op.operands), map_.n_dims) for result in map_.results]
            return _extreme(parts, least=op.name == "affine.min")
        case "arith.minsi" | "arith.maxsi":
            return _extreme([range_of(operand) for operand in op.operands], least=op.name == "arith.minsi")
        case "arith.addi" | "arith.subi" | "arith.muli":
            left, right = map(range_of, op.operands)
            return None if left is None or right is None else _combined(op.name, left, right)
        case _:
            return None


def _combined(name: str, left: Range, right: Range) -> Range:
    if name == "arith.muli":
        return left * right
    return left + (right if name == "arith.addi" else Range(-right.high, -right.low))


def _extreme(parts: Sequence[Range | None], *, least: bool) -> Range | None:
    """The least, or greatest, of some numbers."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    best = min if least else max
    return Range(best(part.low for part in known), best(part.high for part in known))


def _argument(value: ir.Value) -> Range | None:
    around = value.owner.owner.operation
    if around.name == "gir.parallel":
        counts = range_of(around.operands[value.arg_number]) if value.arg_number < len(around.operands) else None
        return Range(0, max(counts.high - 1, 0)) if counts else None
    if around.name != "scf.for" or value != entry_block(around).arguments[0]:
        return None
    low, high, step = map(range_of, list(around.operands)[:3])
    if low is None or high is None or step is None or step.low != step.high:
        return None
    whole = divisor(around.operands[0]) % step.low == 0 and divisor(around.operands[1]) % step.low == 0
    return Range(low.low, max(high.high - (step.low if whole else 1), low.low))


def _expression(expression: ir.AffineExpr, operands: list[ir.Value], dims: int) -> Range | None:
    match expression:
        case ir.AffineConstantExpr():
            return Range(expression.value, expression.value)
        case ir.AffineDimExpr():
            return range_of(operands[expression.position])
        case ir.AffineSymbolExpr():
            return range_of(operands[dims + expression.position])
        case ir.AffineAddExpr() | ir.AffineMulExpr():
            left, right = (_expression(side, operands, dims) for side in (expression.lhs, expression.rhs))
            if left is None or right is None:
                return None
            return left + right if isinstance(expression, ir.AffineAddExpr) else left * right
        case _:
            return None


def line_of(value: ir.Value, index: ir.Value) -> Line | None:
    """An index as a line over another one; None where it isn't one."""
    if value == index:
        return Line(1, 0)
    known = integer_of(value)
    if known is not None:
        return Line(0, known)
    op = defining_op(value)
    if op is None:
        return None
    if op.name in ("arith.addi", "arith.subi"):
        left, right = (line_of(operand, index) for operand in op.operands)
        sign = 1 if op.name == "arith.addi" else -1
        return None if left is None or right is None else left.plus(right, sign)
    if op.name != "affine.apply":
        return None
    map_: ir.AffineMap = ir.AffineMapAttr(op.attributes["map"]).value  # pyright: ignore[reportAttributeAccessIssue]
    return _line(map_.results[0], list(op.operands), map_.n_dims, index)


def _line(expression: ir.AffineExpr, operands: list[ir.Value], dims: int, index: ir.Value) -> Line | None:
    match expression:
        case ir.AffineConstantExpr():
            return Line(0, expression.value)
        case ir.AffineDimExpr():
            return line_of(operands[expression.position], index)
        case ir.AffineSymbolExpr():
            return line_of(operands[dims + expression.position], index)
        case ir.AffineAddExpr() | ir.AffineMulExpr():
            left, right = (_line(side, operands, dims, index) for side in (expression.lhs, expression.rhs))
            if left is None or right is None:
                return None
            if isinstance(expression, ir.AffineAddExpr):
                return left.plus(right)
            if right.factor:
                left, right = right, left
            return None if right.factor else Line(left.factor * right.shift, left.shift * right.shift)
        case _:
            return None
