"""What GIR ops compute and what a window of a result needs, for passes that keep no lists of ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from powerfusion._native import _gir
from powerfusion.mlir import ir

Amounts = tuple[int | None, ...]


class Computation(NamedTuple):
    """How an op goes over its iteration dimensions.

    Attributes:
        iterators: Per iteration dimension "parallel", "reduction" or "scan".
        operand_dims: Per operand the iteration dimensions of its leading dimensions; what follows is payload.
        result_dims: The same per result.
        algebra: What may be assumed of the combination: "ordered", "associative" or "commutative".
        neutral: Per accumulator the value that changes nothing, where one is known.
    """

    iterators: tuple[str, ...]
    operand_dims: tuple[tuple[int, ...], ...]
    result_dims: tuple[tuple[int, ...], ...]
    algebra: str
    neutral: tuple[ir.Attribute, ...]


class OperandWindow(NamedTuple):
    """The least box of an operand that holds all that is read; None is an amount that only the program knows.

    Attributes:
        offsets: Per dimension its first element.
        sizes: Per dimension its number of elements.
        before: Per dimension how many elements the result's window asks for before the operand: a pad's border.
        behind: The same behind it.
    """

    offsets: Amounts
    sizes: Amounts
    before: Amounts
    behind: Amounts


def computation(op: ir.Operation | ir.OpView) -> Computation | None:
    """What ComputationOpInterface says of an op; None for ops without it, elementwise ones among them."""
    found = _gir.computation(op)
    if found is None:
        return None
    iterators, operands, results, algebra, neutral = found
    return Computation(
        tuple(iterators),
        tuple(tuple(dims) for dims in operands),
        tuple(tuple(dims) for dims in results),
        algebra,
        tuple(ir.ArrayAttr(neutral)),
    )


def operand_windows(
    op: ir.Operation | ir.OpView, offsets: Sequence[int | None], sizes: Sequence[int | None], *, result: int = 0
) -> tuple[OperandWindow | None, ...] | None:
    """The windows of an op's operands that a window of one of its results needs.

    Reduced and scanned dimensions are needed whole, and so is payload. A pad's window is clipped to its operand.

    Args:
        op: A view, a computation, a move, a gather or an elementwise op.
        offsets: Where the window of the result starts, per dimension.
        sizes: How many elements it has, per dimension.
        result: Which result it is a window of.

    Returns:
        One window per operand, None for operands that aren't tensors; None if the op doesn't say.

    Raises:
        ValueError: There is no such result, or it has another number of dimensions.
    """
    found = _gir.operand_windows(op, list(offsets), list(sizes), result)
    if found is None:
        return None
    return tuple(None if window is None else OperandWindow(*map(tuple, window)) for window in found)
