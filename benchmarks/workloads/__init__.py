"""The programs of the table: what passes are measured on, as torch-mlir hands them over.

- pointwise: relu+add, bias+GELU, SwiGLU, squeeze-and-excite, LSTM cell, SAR-DRN's chain
- normalisations: softmax, LayerNorm, RMSNorm, BatchNorm, GroupNorm, losses, embeddings
- layouts: shuffles, permutations, transposes, RoPE, stencils
- windows: depthwise convolution, pooling, involution, moving average
- sequences: running sums, argmax, quantisation, attention

The folder that holds this package is to be on the path: pytest and the tools put it there.
"""

from __future__ import annotations

from functools import cache

from workloads import layouts, normalisations, pointwise, sequences, windows
from workloads.workload import DTYPES, Size, Workload

__all__ = ["DTYPES", "Size", "Workload", "find", "workloads"]


@cache
def workloads() -> tuple[Workload, ...]:
    """Every workload, by family; raises where two share name and dtype."""
    modules = (pointwise, normalisations, layouts, windows, sequences)
    found = [workload for module in modules for workload in module.workloads()]
    keys = [(w.name, w.dtype) for w in found]
    repeated = {key for key in keys if keys.count(key) > 1}
    if repeated:
        raise ValueError(f"workloads share names: {sorted(repeated)}")
    return tuple(found)


def find(name: str, dtype: str = "f32") -> Workload:
    """The workload of a name."""
    return next(w for w in workloads() if (w.name, w.dtype) == (name, dtype))
