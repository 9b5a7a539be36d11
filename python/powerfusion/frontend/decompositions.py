"""How ATen's operators are taken apart before torch-mlir sees them: its own table, and what is written better here."""

# PyTorch isn't there in every environment that is checked.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch._decomp import core_aten_decompositions
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves, tree_map_only

from powerfusion.errors import UnsupportedError
from powerfusion.frontend import indexed, padding, pooling
from powerfusion.frontend.torch_mlir import require

NARROW = (torch.bfloat16, torch.float16)
IN_F32 = """
    _log_softmax _softmax celu elu gelu hardsigmoid hardswish log_sigmoid_forward logsumexp mean mish prod selu silu
    softplus std std_mean sum var var_mean
"""
WITH_NUMBERS = ("add", "div", "mul", "rsub", "sub")
"""Likewise where one operand is a Python number, which ATen doesn't round to 16 bits."""

Table = dict[OpOverload, Any]
aten = torch.ops.aten
WHOLE = (aten.embedding_dense_backward.default, aten._scaled_dot_product_flash_attention_for_cpu.default)
"""What ATen has one kernel for, and PyTorch would take apart."""


@functools.cache
def for_import() -> Table:
    """For graphs that are imported."""
    theirs = require("torch_mlir.extras.fx_decomp_util", "importing from PyTorch").get_decomposition_table()
    known = {**theirs, **_OURS, **indexed.FOR_IMPORT, aten.gelu.default: gelu}
    known |= {aten.logcumsumexp.default: logcumsumexp, aten.sort.stable: sort}
    return {**known, **{operator: _in_f32(operator, known.get(operator)) for operator in _computed_in_f32()}}


@functools.cache
def for_training() -> Table:
    """For graphs that are still to be cut in pieces: what both PyTorch and torch-mlir take apart.

    What stays with ATen stays whole: its kernels are written for whole operators, and a backward one may want of its
    forward one what only that gives.
    """
    theirs: Any = core_aten_decompositions()
    both = {operator: how for operator, how in theirs.items() if operator in for_import() and operator not in WHOLE}
    return {**both, **_OURS}


def logcumsumexp(x: torch.Tensor, dim: int) -> Any:
    """Is refused: what torch-mlir makes of it overflows where the result doesn't."""
    raise UnsupportedError(
        "a running logarithm of a sum of exponentials isn't supported",
        help="torch.compile(model, backend='powerfusion') leaves it to PyTorch",
    )


def sort(x: torch.Tensor, *, stable: bool | None, dim: int = -1, descending: bool = False) -> Any:
    """Sorts as torch-mlir knows it, and is stable as each of ours."""
    return torch.sort(x, dim, descending)


def gelu(x: torch.Tensor, *, approximate: str = "none") -> Any:
    """The approximation by tanh, for which torch-mlir has the constant with four digits."""
    if approximate != "tanh":
        return NotImplemented
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + torch.tanh(inner))


def _in_f32(operator: OpOverload, how: Any) -> Any:
    """An operator that widens floats of 16 bits, computes, and rounds once, as ATen's kernels do."""
    name = operator.overloadpacket.__name__

    def run(*arguments: Any, **named: Any) -> Any:
        tensors = [each for each in tree_leaves(arguments) if isinstance(each, torch.Tensor)]
        narrow = [each.dtype for each in tensors if each.dtype in NARROW]
        numbers = [each for each in (*arguments, *named.values()) if isinstance(each, float)]
        kept = named.get("dtype") is not None or (name in WITH_NUMBERS and not numbers)
        if not narrow or kept:
            return NotImplemented if how is None else how(*arguments, **named)
        wide = tree_map_only(torch.Tensor, lambda each: each.float() if each.dtype in NARROW else each, arguments)
        results = operator(*wide, **named)
        return tree_map_only(
            torch.Tensor, lambda each: each.to(narrow[0]) if each.dtype == torch.float32 else each, results
        )

    return run


def _computed_in_f32() -> list[OpOverload]:
    """Operators that are several steps or a sum in linalg, and one step in ATen."""
    packets = [getattr(aten, name) for name in (*IN_F32.split(), *WITH_NUMBERS)]
    return [getattr(packet, overload) for packet in packets for overload in packet.overloads() if "out" not in overload]


_OURS: Table = {
    **indexed.TABLE,
    **padding.TABLE,
    **pooling.TABLE,
}
