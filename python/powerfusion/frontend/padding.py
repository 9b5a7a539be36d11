"""Padding, taken apart: by negative amounts, and gradients of padding with what is at the edges."""

# PyTorch isn't there in every environment that is checked.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

aten = torch.ops.aten


def pad(x: torch.Tensor, amounts: Sequence[int], value: Any = 0) -> Any:
    """Padding by a negative amount is cutting, then padding by what is left."""
    if all(isinstance(amount, int) and amount >= 0 for amount in amounts):
        return NotImplemented
    for at, (low, high) in enumerate(zip(amounts[::2], amounts[1::2], strict=True)):
        dim = x.dim() - 1 - at
        start, length = max(-low, 0), x.shape[dim] + min(low, 0) + min(high, 0)
        x = x.narrow(dim, start, length)
    rest = [max(amount, 0) for amount in amounts]
    return aten.constant_pad_nd.default(x, rest, value) if any(rest) else x.clone()


def replication_pad_backward(grad: torch.Tensor, x: torch.Tensor, amounts: Sequence[int]) -> Any:
    """An element at an edge has the gradients of its copies, too."""
    if not all(isinstance(amount, int) and amount >= 0 for amount in (*amounts, *x.shape)):
        return NotImplemented
    for at, (low, high) in enumerate(zip(amounts[::2], amounts[1::2], strict=True)):
        dim, length = x.dim() - 1 - at, x.shape[x.dim() - 1 - at]
        if length == 1:
            grad = grad.sum(dim, keepdim=True)
            continue
        first = grad.narrow(dim, 0, low + 1).sum(dim, keepdim=True)
        last = grad.narrow(dim, low + length - 1, high + 1).sum(dim, keepdim=True)
        grad = torch.cat([first, grad.narrow(dim, low + 1, length - 2), last], dim)
    return grad


def reflection_pad_backward(grad: torch.Tensor, x: torch.Tensor, amounts: Sequence[int]) -> Any:
    """An element near an edge has the gradient of its mirror image, too."""
    if not all(isinstance(amount, int) and amount >= 0 for amount in (*amounts, *x.shape)):
        return NotImplemented
    for at, (low, high) in enumerate(zip(amounts[::2], amounts[1::2], strict=True)):
        dim, length = x.dim() - 1 - at, x.shape[x.dim() - 1 - at]
        made = grad.narrow(dim, low, length)
        for start, count, before in ((0, low, 1), (low + length, high, length - 1 - high)):
            if count:
                mirrored = grad.narrow(dim, start, count).flip(dim)
                around = [0, 0] * at + [before, length - before - count]
                made = made + aten.constant_pad_nd.default(mirrored, around)
        grad = made
    return grad


TABLE = {
    aten.reflection_pad1d_backward.default: reflection_pad_backward,
    aten.reflection_pad2d_backward.default: reflection_pad_backward,
    aten.reflection_pad3d_backward.default: reflection_pad_backward,
    aten.constant_pad_nd.default: pad,
    aten.replication_pad1d_backward.default: replication_pad_backward,
    aten.replication_pad2d_backward.default: replication_pad_backward,
    aten.replication_pad3d_backward.default: replication_pad_backward,
}
