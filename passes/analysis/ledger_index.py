"""Index arithmetic: what each op on indices makes of numbers (`ledger_numbers`).

    %v = affine.min affine_map<(j)[n] -> (64, n - j)>(%j)[%n]     a Grid over the loop of %j,
                                                                  or min(64, n - j) where n is open

Ops that aren't here make what isn't known before the program runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from powerfusion.core._mlir import integer_of
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_numbers import (
    Number,
    UnknownIndex,
    add,
    ceildiv,
    floordiv,
    maximum,
    minimum,
    modulo,
    multiply,
    pointwise,
    subtract,
)

Evaluate = Callable[[ir.Operation, Sequence[Number]], Number]


def _first(_: ir.Operation, numbers: Sequence[Number]) -> Number:
    return numbers[0]


def _binary(function: Callable[[Number, Number], Number]) -> Evaluate:
    return lambda _, numbers: function(numbers[0], numbers[1])


def _truncated(left: Number, right: Number) -> Number:
    """Division towards zero, as arith.divsi does it; sizes that are open aren't negative."""
    if isinstance(left, int) and isinstance(right, int) and right:
        return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    return floordiv(left, right)


def _remainder(left: Number, right: Number) -> Number:
    return subtract(left, multiply(_truncated(left, right), right))


_COMPARE = (
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
)


def _compare(op: ir.Operation, numbers: Sequence[Number]) -> Number:
    compare = _COMPARE[ir.IntegerAttr(op.attributes["predicate"]).value]
    return pointwise(lambda a, b: compare(a, b).astype(np.int64), *numbers)


def _select(_: ir.Operation, numbers: Sequence[Number]) -> Number:
    condition, yes, no = numbers
    if isinstance(condition, int):
        return yes if condition else no
    if yes == no:
        return yes
    return pointwise(lambda c, a, b: np.where(c != 0, a, b), *numbers)


def _results(op: ir.Operation, numbers: Sequence[Number]) -> list[Number]:
    attribute = op.attributes["map"]
    map_: ir.AffineMap = ir.AffineMapAttr(attribute).value  # pyright: ignore[reportAttributeAccessIssue]
    return [affine(expression, numbers, map_.n_dims) for expression in map_.results]


def affine(expression: ir.AffineExpr, numbers: Sequence[Number], dims: int) -> Number:
    """An affine expression; `numbers` are its dimensions, then its symbols."""
    match expression:
        case ir.AffineConstantExpr():
            return expression.value
        case ir.AffineDimExpr():
            return numbers[expression.position]
        case ir.AffineSymbolExpr():
            return numbers[dims + expression.position]
        case ir.AffineBinaryExpr():
            left, right = (affine(side, numbers, dims) for side in (expression.lhs, expression.rhs))
            return _AFFINE[type(expression)](left, right)
        case _:
            raise UnknownIndex(f"an affine expression {expression}")


_AFFINE: dict[type, Callable[[Number, Number], Number]] = {
    ir.AffineAddExpr: add,
    ir.AffineMulExpr: multiply,
    ir.AffineModExpr: modulo,
    ir.AffineFloorDivExpr: floordiv,
    ir.AffineCeilDivExpr: ceildiv,
}

EVALUATED: dict[str, Evaluate] = {
    "arith.index_cast": _first,
    "arith.index_castui": _first,
    "arith.extsi": _first,
    "arith.extui": _first,
    "arith.trunci": _first,
    "arith.addi": _binary(add),
    "arith.subi": _binary(subtract),
    "arith.muli": _binary(multiply),
    "arith.divsi": _binary(_truncated),
    "arith.divui": _binary(floordiv),
    "arith.floordivsi": _binary(floordiv),
    "arith.ceildivsi": _binary(ceildiv),
    "arith.ceildivui": _binary(ceildiv),
    "arith.remsi": _binary(_remainder),
    "arith.remui": _binary(modulo),
    "arith.minsi": _binary(minimum),
    "arith.minui": _binary(minimum),
    "arith.maxsi": _binary(maximum),
    "arith.maxui": _binary(maximum),
    "arith.andi": lambda _, numbers: pointwise(np.bitwise_and, *numbers),
    "arith.ori": lambda _, numbers: pointwise(np.bitwise_or, *numbers),
    "arith.xori": lambda _, numbers: pointwise(np.bitwise_xor, *numbers),
    "arith.cmpi": _compare,
    "arith.select": _select,
    "affine.apply": lambda op, numbers: _results(op, numbers)[0],
    "affine.min": lambda op, numbers: reduce(minimum, _results(op, numbers)),
    "affine.max": lambda op, numbers: reduce(maximum, _results(op, numbers)),
}


def constant(op: ir.Operation) -> int | None:
    """The integer that an op is the constant of, if it is one; an i1 is 0 or 1."""
    if op.name != "arith.constant":
        return None
    value = integer_of(op.result)
    return abs(value) if value is not None and str(op.result.type) == "i1" else value
