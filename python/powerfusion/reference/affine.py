"""Affine maps as Python functions of integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from powerfusion.mlir import ir

Expression = Callable[[Sequence[int]], int]


@dataclass(frozen=True)
class Affine:
    """An affine map.

    Attributes:
        results: One function per result, of the dimensions and then the symbols.
        positions: For each result the dimension that it is, None where it is more than that.
    """

    results: tuple[Expression, ...]
    positions: tuple[int | None, ...]

    def __call__(self, values: Sequence[int]) -> list[int]:
        """The map's results for dimensions and then symbols."""
        return [result(values) for result in self.results]


def affine_of(map_: Any) -> Affine:
    """Reads an `ir.AffineMap`."""
    expressions = list(map_.results)
    positions = [e.position if isinstance(e, ir.AffineDimExpr) else None for e in expressions]
    return Affine(tuple(_expression(e, map_.n_dims) for e in expressions), tuple(positions))


def _expression(expression: Any, dims: int) -> Expression:
    if isinstance(expression, ir.AffineConstantExpr):
        value = expression.value
        return lambda _: value
    if isinstance(expression, ir.AffineDimExpr):
        position = expression.position
        return lambda values: values[position]
    if isinstance(expression, ir.AffineSymbolExpr):
        symbol = dims + expression.position
        return lambda values: values[symbol]
    binary = expression
    lhs, rhs = _expression(binary.lhs, dims), _expression(binary.rhs, dims)
    if isinstance(expression, ir.AffineAddExpr):
        return lambda values: lhs(values) + rhs(values)
    if isinstance(expression, ir.AffineMulExpr):
        return lambda values: lhs(values) * rhs(values)
    if isinstance(expression, ir.AffineModExpr):
        return lambda values: lhs(values) % rhs(values)
    if isinstance(expression, ir.AffineFloorDivExpr):
        return lambda values: lhs(values) // rhs(values)
    return lambda values: -(-lhs(values) // rhs(values))
