"""Which of ATen's operators are taken, and why others aren't.

An operator is taken if it is bound by memory and torch-mlir makes linalg of it. Products and convolutions are bound by
arithmetic, and ATen has the best library at hand; attention in one operator is a library's as well.
"""

# PyTorch isn't there in every environment that is checked.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import operator
from enum import Enum
from typing import Any

import torch
from torch.fx import Graph, Node

from powerfusion.frontend.indexed import sets_one_number


class Kind(Enum):
    """What an operator is to us."""

    COMPUTE = "compute"
    """Is taken: reads, computes or rearranges, and writes."""
    VIEW = "view"
    """Is taken between others; at the end of a piece it stays with ATen, where it costs nothing."""
    MADE = "made"
    """Is taken with others: makes a tensor from numbers."""
    LEFT = "left"
    """Stays with ATen."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


VIEWS = _names("""
    _reshape_alias _unsafe_view alias detach diagonal expand getitem lift_fresh lift_fresh_copy movedim permute
    reshape select slice split split_with_sizes squeeze t transpose unbind unsqueeze view view_as
""")
MADE = _names("""
    arange empty empty_like empty_strided full full_like new_empty new_empty_strided new_full new_ones new_zeros ones
    ones_like scalar_tensor zeros zeros_like
""")
COMPUTE = _names("""
    _adaptive_avg_pool2d _adaptive_avg_pool2d_backward _adaptive_avg_pool3d _adaptive_avg_pool3d_backward
    _fused_rms_norm _log_softmax _log_softmax_backward_data _native_batch_norm_legit
    _native_batch_norm_legit_functional _native_batch_norm_legit_no_training _softmax _softmax_backward_data _to_copy
    _unsafe_index _unsafe_index_put all amax amin any argmax argmin avg_pool1d avg_pool2d avg_pool2d_backward
    avg_pool3d avg_pool3d_backward cat channel_shuffle clone constant_pad_nd copy cumprod cumsum embedding
    embedding_dense_backward flip gather group_norm hardtanh_backward index index_add index_copy index_put
    index_select layer_norm linalg_vector_norm logsumexp max max_pool2d max_pool2d_with_indices
    max_pool2d_with_indices_backward max_pool3d_with_indices max_pool3d_with_indices_backward mean min
    native_group_norm native_layer_norm norm pad pixel_shuffle pixel_unshuffle prod reflection_pad1d
    reflection_pad1d_backward reflection_pad2d reflection_pad2d_backward reflection_pad3d reflection_pad3d_backward
    repeat replication_pad1d replication_pad1d_backward replication_pad2d replication_pad2d_backward replication_pad3d
    replication_pad3d_backward roll scatter scatter_add scatter_reduce select_backward select_scatter slice_backward
    slice_scatter stack std std_mean sum tril triu upsample_nearest2d var var_mean where
""")
"""Taken beside those that PyTorch itself tags as pointwise."""
REASONS = {
    "a size, or Python": "sym_numel sym_size sym_storage_offset sym_stride",
    "products and convolutions stay with ATen's library": """
        _convolution _convolution_pointwise addbmm addmm addmv baddbmm bmm conv1d conv2d conv3d convolution
        convolution_backward dot linear matmul mm mv
    """,
    "attention in one operator is a library's": """
        _scaled_dot_product_attention_math _scaled_dot_product_flash_attention
        _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention_for_cpu_backward
        _scaled_dot_product_flash_attention_backward
    """,
}
_WHY = {name: why for why, names in REASONS.items() for name in _names(names)}
DTYPES = frozenset(
    (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.int8, torch.int16, torch.int32,
     torch.int64)
)  # fmt: skip


def calls(graph: Graph) -> list[Node]:
    """The operators of a graph, in order."""
    return [node for node in graph.nodes if node.op == "call_function"]


def name_of(node: Node) -> str:
    """An operator's name, without its namespace and overload."""
    target: Any = node.target
    if isinstance(target, torch._ops.OpOverload):
        return target.overloadpacket.__name__
    return getattr(target, "__name__", str(target))


def kind_of(node: Node) -> tuple[Kind, str]:
    """What a node is to us; where it is left, with the reason."""
    if node.op != "call_function":
        return Kind.LEFT, "no operator"
    if node.target is operator.getitem:
        source = node.args[0]
        kind, why = kind_of(source) if isinstance(source, Node) else (Kind.LEFT, "no operator")
        return (Kind.LEFT, why) if kind is Kind.LEFT else (Kind.VIEW, "")
    if not isinstance(node.target, torch._ops.OpOverload):
        return Kind.LEFT, "a size, or Python"
    why = _why_left(node, node.target)
    if why:
        return Kind.LEFT, why
    name = name_of(node)
    if name in VIEWS:
        return Kind.VIEW, ""
    return (Kind.MADE if name in MADE else Kind.COMPUTE), ""


def _why_left(node: Node, target: Any) -> str:
    name = name_of(node)
    if name in _WHY:
        return _WHY[name]
    if target.namespace not in ("aten", "prims"):
        return "an operator of another library"
    if torch.Tag.nondeterministic_seeded in target.tags:
        return "random"
    if torch.Tag.data_dependent_output in target.tags:
        return "its result decides what is run"
    if torch.Tag.dynamic_output_shape in target.tags and not (name == "index" and not _has_mask(node)):
        return "its size depends on data"
    if name == "index_put" and _has_mask(node) and not _sets_one_number(node):
        return "its size depends on data"
    if target._schema.is_mutable:
        return "writes to its argument"
    if not (name in VIEWS or name in MADE or name in COMPUTE or torch.Tag.pointwise in target.tags):
        return "not known to be bound by memory"
    return _why_values(node)


def _has_mask(node: Node) -> bool:
    """Whether one of a node's operands is of booleans, or of the bytes that stood for them once."""
    return any(each.meta["val"].dtype in (torch.bool, torch.uint8) for each in node.all_input_nodes)


def _sets_one_number(node: Node) -> bool:
    given: Any = node.args[1:]
    indices, values, *accumulate = given
    return sets_one_number([each and each.meta["val"] for each in indices], values.meta["val"], *accumulate)


def _why_values(node: Node) -> str:
    """Why a node's operands or results can't be passed."""
    values = [each.meta.get("val") for each in [node, *node.all_input_nodes]]
    flat = [inner for value in values for inner in (value if isinstance(value, tuple | list) else [value])]
    tensors = [value for value in flat if isinstance(value, torch.Tensor)]
    if not isinstance(flat[0], torch.Tensor) and not isinstance(node.meta.get("val"), tuple | list):
        return "a number"
    for tensor in tensors:
        if tensor.device.type != "cpu":
            return f"on {tensor.device.type}"
        if tensor.layout != torch.strided:
            return "sparse"
        if tensor.dtype not in DTYPES:
            return f"of {str(tensor.dtype).removeprefix('torch.')}"
    return ""
