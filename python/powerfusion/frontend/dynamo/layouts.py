"""How tensors lie in memory: programs read and write them in row-major order, permuted to how they are meant to lie.

A tensor of channels last is a row-major one with its dimensions in another order. The program's argument is that
row-major tensor, and permuting it is the program's first instruction, which costs nothing; likewise of results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Order = tuple[int, ...]


def order_of(shape: Sequence[int], strides: Sequence[int]) -> Order:
    """The dimensions from the outermost to the innermost in memory; as they are if there is no such order.

    Args:
        shape: Sizes.
        strides: In elements.
    """
    as_it_is = tuple(range(len(shape)))
    # What has one element only can stand anywhere: it keeps its place behind its neighbour.
    ranks = [strides[dim] if shape[dim] > 1 else _above(shape, strides, dim) for dim in as_it_is]
    order = tuple(sorted(as_it_is, key=lambda dim: (-ranks[dim], dim)))
    expected = 1
    for dim in reversed(order):
        if shape[dim] > 1 and strides[dim] != expected:
            return as_it_is
        expected *= shape[dim]
    return order


def _above(shape: Sequence[int], strides: Sequence[int], dim: int) -> int:
    """The stride of the nearest dimension outside of one that has one element; where there is none, the largest."""
    before = [strides[at] for at in range(dim) if shape[at] > 1]
    return before[-1] if before else max([*strides, 0])


def inverse_of(order: Order) -> Order:
    """The order that undoes one."""
    return tuple(order.index(dim) for dim in range(len(order)))


def is_plain(order: Order) -> bool:
    """Whether an order leaves everything as it is."""
    return order == tuple(range(len(order)))


def permuted(tensor: Any, order: Order) -> Any:
    """A view of a tensor with its dimensions in another order."""
    return tensor if is_plain(order) else tensor.permute(order)
