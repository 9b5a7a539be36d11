"""Elements put in other places, taken apart: as comparisons where that does, else as torch-mlir takes it."""

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
    mask = indices[0] if indices else None
    if mask is not None and sets_one_number(indices, values, accumulate):
        return _masked(x, mask, values)
    counted = [
        None if each is None else torch.where(each < 0, each + x.shape[dim], each) for dim, each in enumerate(indices)
    ]
    return aten._unsafe_index_put.default(x, counted, values, accumulate)


def unsafe_index_put(
    x: torch.Tensor, indices: Sequence[torch.Tensor | None], values: torch.Tensor, accumulate: bool = False
) -> Any:
    """What is indexed goes ahead: torch-mlir's importer takes no list with holes."""
    given = [each for each in indices if each is not None]
    dims = [dim for dim, each in enumerate(indices) if each is not None]
    if dims == list(range(len(indices))):
        return NotImplemented
    shape = torch.broadcast_shapes(*(each.shape for each in given))
    rest = [dim for dim in range(x.dim()) if dim not in dims]
    kept = [x.shape[dim] for dim in rest]
    # Where indexed dimensions are neighbours, those of the indices are in their place, else in front.
    at = dims[0] if dims[-1] - dims[0] == len(dims) - 1 else 0
    wide = values.expand([*kept[:at], *shape, *kept[at:]])
    ahead = wide.movedim(list(range(at, at + len(shape))), list(range(len(shape))))
    order = [*dims, *rest]
    made = aten._unsafe_index_put.default(x.permute(order), given, ahead, accumulate)
    return made.permute([order.index(dim) for dim in range(x.dim())])


def sets_one_number(indices: Sequence[Any], values: Any, accumulate: bool = False) -> bool:
    """Whether `index_put` sets one number wherever a mask says."""
    is_mask = len(indices) == 1 and indices[0] is not None and indices[0].dtype == torch.bool
    return is_mask and values.numel() == 1 and not accumulate


def _masked(x: torch.Tensor, mask: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    wide = mask.reshape([*mask.shape, *[1] * (x.dim() - mask.dim())])
    return torch.where(wide, value.reshape(()), x)


def roll(x: torch.Tensor, shifts: Sequence[int], dims: Sequence[int] = ()) -> Any:
    """Two parts of known size in the other order; torch-mlir makes parts of open size."""
    if not dims or not all(isinstance(each, int) for each in (*shifts, *x.shape)):
        return NotImplemented
    made = x
    for shift, dim in zip(shifts, dims, strict=True):
        size = x.shape[dim]
        at = -shift % size if size else 0
        if at:
            made = torch.cat([made.narrow(dim, at, size - at), made.narrow(dim, 0, at)], dim)
    return made.clone() if made is x else made


TABLE = {
    aten.roll.default: roll,
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
}
FOR_IMPORT = {aten.index_put.default: index_put, aten._unsafe_index_put.default: unsafe_index_put}
"""Only where graphs are imported: PyTorch takes what it makes apart into what it was made of."""
