"""Writing to computed places, taken apart: as comparisons where that does, else as torch-mlir takes it."""

# PyTorch isn't there in every environment that is checked.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

aten = torch.ops.aten


def scatter_value(x: torch.Tensor, dim: int, index: torch.Tensor, value: Any) -> Any:
    """One element of each row set to a number: the gradients of cross entropy and of a maximum."""
    if _is_one_of_each_row(x, dim, index):
        return torch.where(_places(x, dim) == index, torch.full((), value, dtype=x.dtype, device=x.device), x)
    return _counted(aten.scatter.value, x, dim, index, value)


def scatter_tensor(x: torch.Tensor, dim: int, index: torch.Tensor, source: torch.Tensor) -> Any:
    """One element of each row set to one of another tensor."""
    if _is_one_of_each_row(x, dim, index) and source.shape == index.shape:
        return torch.where(_places(x, dim) == index, source, x)
    return _counted(aten.scatter.src, x, dim, index, source)


def _counted(operator: Any, x: torch.Tensor, dim: int, *rest: Any, **named: Any) -> Any:
    """An operator whose dimension is counted from the front: torch-mlir crashes on the other way."""
    return operator(x, dim % x.dim(), *rest, **named) if dim < 0 < x.dim() else NotImplemented


def _from_the_front(operator: Any) -> Callable[..., Any]:
    def run(x: torch.Tensor, dim: int, *rest: Any, **named: Any) -> Any:
        return _counted(operator, x, dim, *rest, **named)

    return run


def _is_one_of_each_row(x: torch.Tensor, dim: int, index: torch.Tensor) -> bool:
    """Whether an index has one place in each row of a tensor along a dimension."""
    if x.dim() == 0 or x.dim() != index.dim():
        return False
    rows = [1 if at == dim % x.dim() else size for at, size in enumerate(x.shape)]
    return list(index.shape) == rows


def _places(x: torch.Tensor, dim: int) -> torch.Tensor:
    """The numbers of the elements along a dimension, as wide as the tensor's rank."""
    shape = [1] * x.dim()
    shape[dim] = x.shape[dim]
    return torch.arange(x.shape[dim], device=x.device).reshape(shape)


def index_put(
    x: torch.Tensor, indices: Sequence[torch.Tensor | None], values: torch.Tensor, accumulate: bool = False
) -> Any:
    """Elements set at indices, of which negative ones count from the end; at a mask, if one number is set."""
    given = [each for each in indices if each is not None]
    if any(each.dtype in (torch.bool, torch.uint8) for each in given):
        is_one = len(indices) == 1 and values.numel() == 1 and not accumulate and indices[0] is not None
        return _masked(x, indices[0], values) if is_one else NotImplemented
    counted = [
        None if each is None else torch.where(each < 0, each + x.shape[dim], each) for dim, each in enumerate(indices)
    ]
    return aten._unsafe_index_put.default(x, counted, values, accumulate)


def _masked(x: torch.Tensor, mask: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    wide = mask.reshape([*mask.shape, *[1] * (x.dim() - mask.dim())])
    return torch.where(wide, value.reshape(()), x)


TABLE = {
    aten.scatter.value: scatter_value,
    aten.scatter.src: scatter_tensor,
    **{
        operator: _from_the_front(operator)
        for operator in (
            aten.scatter_add.default,
            aten.scatter_reduce.two,
            aten.scatter.reduce,
            aten.scatter.value_reduce,
        )
    },
    aten.index_put.default: index_put,
}
