"""Poolings and their gradients, taken apart: what torch-mlir hasn't, or has for batches only.

The gradient of an average is spread over the window that the average was of. Where windows don't meet, each element
takes that of its window; else gradients are set apart by the stride, and each element sums those in reach:

    grad  [ a   b   c ]  stride 2, kernel 3   ⇒   sums of 3 of  [ . . a . b . c . . ]
"""

# PyTorch isn't there in every environment that is checked.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import torch
from torch.utils._pytree import tree_map_only

aten = torch.ops.aten


def _as_batch(operator: Any, rank: int) -> Callable[..., Any]:
    """A pooling over `rank` dimensions that takes what has no batch as a batch of one: without, torch-mlir crashes."""

    def run(x: torch.Tensor, *arguments: Any, **named: Any) -> Any:
        if x.dim() != rank + 1:
            return NotImplemented
        results = operator(x.unsqueeze(0), *arguments, **named)
        return tree_map_only(torch.Tensor, lambda each: each.squeeze(0), results)

    return run


def average_backward(
    rank: int,
    grad: torch.Tensor,
    x: torch.Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Any:
    """The gradient of an average pooling over `rank` dimensions; the other arguments are ATen's."""
    sizes = x.shape[-rank:]
    if not all(isinstance(size, int) for size in (*sizes, *grad.shape[-rank:])):
        return NotImplemented
    kernel, padding = _each(kernel, rank), _each(padding, rank)
    stride = _each(stride, rank) if stride else kernel
    made = grad if divisor is None else grad / divisor
    for at, (size, length, step, before) in enumerate(zip(sizes, kernel, stride, padding, strict=True)):
        dim = at - rank
        if divisor is None:
            made = made / _counts(made.shape[dim], size, length, step, before, count_include_pad, grad).reshape(
                -1, *[1] * (-1 - dim)
            )
        made = _reached(made, dim, size, length, step, before)
    return made.clone(memory_format=_format(x)) if rank == 2 and x.dim() == 4 else made


def _format(x: torch.Tensor) -> torch.memory_format:
    is_last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if is_last else torch.contiguous_format


def _each(given: Sequence[int], rank: int) -> list[int]:
    """A number per dimension; one is meant for all."""
    return list(given) * rank if len(given) == 1 else list(given)


def _counts(
    windows: int, size: int, length: int, step: int, before: int, count_include_pad: bool, like: torch.Tensor
) -> torch.Tensor:
    """Of how many elements along a dimension the average of each window is, (windows,) of the dtype of `like`."""
    start = torch.arange(windows, device=like.device) * step - before
    end = (start + length).clamp(max=size + before)
    if not count_include_pad:
        start, end = start.clamp(min=0), end.clamp(max=size)
    return (end - start).to(like.dtype)


def _reached(x: torch.Tensor, dim: int, size: int, length: int, step: int, before: int) -> torch.Tensor:
    """Each of `size` elements' sum over the windows along a dimension that it lies in."""
    if length == step:
        spread = _spread(x, dim, length)
        return _fitted(spread, dim, before, size)
    apart = _apart(x, dim, step)
    padded = aten.constant_pad_nd(apart, _amounts(dim, length - 1, length - 1))
    windows = padded.shape[dim] - length + 1
    total = reduce(torch.add, (padded.narrow(dim, at, windows) for at in range(length)))
    return _fitted(total, dim, before, size)


def _amounts(dim: int, low: int, high: int) -> list[int]:
    """Padding of one dimension, counted from the last, which is -1."""
    return [0, 0] * (-1 - dim) + [low, high]


def _fitted(x: torch.Tensor, dim: int, before: int, size: int) -> torch.Tensor:
    """Cuts or fills a dimension, so that it begins after `before` elements and has a size."""
    there = x.shape[dim]
    if before == 0 and there == size:
        return x
    x = x.narrow(dim, before, min(size, there - before))
    missing = size - x.shape[dim]
    return aten.constant_pad_nd(x, _amounts(dim, 0, missing)) if missing else x


def _spread(x: torch.Tensor, dim: int, count: int) -> torch.Tensor:
    """Each element of a dimension `count` times."""
    axis = x.dim() + dim
    shape = list(x.shape)
    wide = x.unsqueeze(axis + 1).expand([*shape[: axis + 1], count, *shape[axis + 1 :]])
    shape[axis] *= count
    return wide.reshape(shape)


def _apart(x: torch.Tensor, dim: int, step: int) -> torch.Tensor:
    """The elements of a dimension with `step - 1` zeros between them."""
    if step == 1:
        return x
    shape = list(x.shape)
    axis = x.dim() + dim
    padded = aten.constant_pad_nd(x.unsqueeze(axis + 1), [0, 0] * (-1 - dim) + [0, step - 1])
    shape[axis] *= step
    return padded.reshape(shape).narrow(axis, 0, shape[axis] - step + 1)


def adaptive(rank: int, x: torch.Tensor, sizes: Sequence[int]) -> Any:
    """Averages over windows that split each of `rank` dimensions as evenly as they can.

    Windows of one length are rows of a dimension; others are sums over the whole of it, weighted.
    """
    if not all(isinstance(size, int) for size in (*x.shape[-rank:], *sizes)):
        return NotImplemented
    made = x
    for dim, windows in zip(range(-rank, 0), sizes, strict=True):
        size = x.shape[dim]
        if size % windows == 0:
            made = made.unflatten(dim, (windows, size // windows)).mean(dim)
            continue
        made = (made.movedim(dim, -1).unsqueeze(-2) * _shares(windows, size, x)).sum(-1).movedim(-1, dim)
    return made.clone(memory_format=_format(x)) if rank == 2 and x.dim() == 4 else made


def adaptive_backward(rank: int, grad: torch.Tensor, x: torch.Tensor) -> Any:
    """The gradient of `adaptive`."""
    if not all(isinstance(size, int) for size in (*x.shape[-rank:], *grad.shape[-rank:])):
        return NotImplemented
    made = grad
    for dim in range(-rank, 0):
        size, windows = x.shape[dim], grad.shape[dim]
        if size % windows == 0:
            made = _spread(made / (size // windows), dim, size // windows)
            continue
        made = (made.movedim(dim, -1).unsqueeze(-1) * _shares(windows, size, x)).sum(-2).movedim(-1, dim)
    return made.clone(memory_format=_format(x)) if rank == 2 and x.dim() == 4 else made


def _shares(windows: int, size: int, like: torch.Tensor) -> torch.Tensor:
    """How much of each element is in the average of each window, (windows, size) of the dtype of `like`."""
    at, places = torch.arange(windows, device=like.device), torch.arange(size, device=like.device)
    start, end = at * size // windows, ((at + 1) * size + windows - 1) // windows
    lies = (places >= start[:, None]) & (places < end[:, None])
    return torch.where(lies, 1.0 / (end - start)[:, None], 0.0).to(like.dtype)


def adaptive_max_pool2d(x: torch.Tensor, sizes: Sequence[int]) -> Any:
    """Maxima over windows of one length, with their places; ATen has those of windows that overlap."""
    given = x.shape[-2:]
    if not all(isinstance(size, int) for size in (*given, *sizes)) or any(
        size % windows for size, windows in zip(given, sizes, strict=True)
    ):
        return NotImplemented
    kernel = [size // windows for size, windows in zip(given, sizes, strict=True)]
    return aten.max_pool2d_with_indices(x, kernel)


def max_backward(rank: int, grad: torch.Tensor, x: torch.Tensor, *how: Any) -> Any:
    """The gradient of a maximum pooling over `rank` dimensions: each element's goes where its maximum was.

    How was pooled doesn't matter; last come the maxima's places.
    """
    *_, indices = how
    if not all(isinstance(size, int) for size in (*x.shape, *grad.shape)):
        return NotImplemented
    rows, plane = list(x.shape[:-rank]), math.prod(x.shape[-rank:])
    made = torch.zeros([*rows, plane], dtype=x.dtype, device=x.device)
    made = made.scatter_add(-1, indices.flatten(-rank), grad.flatten(-rank)).reshape(x.shape)
    return made.clone(memory_format=_format(x)) if rank == 2 and x.dim() == 4 else made


TABLE = {
    aten._adaptive_avg_pool2d.default: partial(adaptive, 2),
    aten._adaptive_avg_pool3d.default: partial(adaptive, 3),
    aten._adaptive_avg_pool2d_backward.default: partial(adaptive_backward, 2),
    aten._adaptive_avg_pool3d_backward.default: partial(adaptive_backward, 3),
    aten.adaptive_max_pool2d.default: adaptive_max_pool2d,
    aten.adaptive_max_pool2d_backward.default: partial(max_backward, 2),
    aten.avg_pool2d.default: _as_batch(aten.avg_pool2d.default, 2),
    aten.avg_pool3d.default: _as_batch(aten.avg_pool3d.default, 3),
    aten.avg_pool2d_backward.default: partial(average_backward, 2),
    aten.avg_pool3d_backward.default: partial(average_backward, 3),
    aten.max_pool2d_with_indices.default: _as_batch(aten.max_pool2d_with_indices.default, 2),
    aten.max_pool3d_with_indices.default: _as_batch(aten.max_pool3d_with_indices.default, 3),
    aten.max_pool2d_with_indices_backward.default: partial(max_backward, 2),
    aten.max_pool3d_with_indices_backward.default: partial(max_backward, 3),
}
