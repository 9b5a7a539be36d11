"""Entries of torch's own module and operator databases: which ones, their inputs, and what is computed of them.

Activations, norms, losses, poolings, shuffles, attention, padding and indexing, by the names that torch has for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only

MODULES = """
    CELU ELU GELU GLU Hardswish LeakyReLU LogSigmoid LogSoftmax Mish PReLU ReLU6 SELU SiLU Sigmoid Softmax Softplus
    Softsign Tanhshrink
    BatchNorm2d GroupNorm InstanceNorm2d LayerNorm LocalResponseNorm RMSNorm
    BCEWithLogitsLoss CosineEmbeddingLoss CrossEntropyLoss HuberLoss KLDivLoss L1Loss MSELoss MarginRankingLoss
    MultiMarginLoss NLLLoss SmoothL1Loss
    AdaptiveAvgPool2d AvgPool1d AvgPool2d LPPool2d MaxPool2d
    ConstantPad2d ReflectionPad2d ReplicationPad2d
    TransformerEncoderLayer
"""
OPERATORS = """
    __getitem__ cumprod cumsum gather index_add index_copy index_put index_select masked_fill
    nn.functional.channel_shuffle nn.functional.embedding nn.functional.interpolate.bilinear nn.functional.normalize
    nn.functional.pixel_shuffle nn.functional.pixel_unshuffle nn.functional.scaled_dot_product_attention roll
    scatter_add take_along_dim topk tril where
"""
ENTRIES = [*(f"nn.{name}" for name in MODULES.split()), *OPERATORS.split()]
_modules = {each.name: each for each in module_db}
_operators = {each.full_name: each for each in op_db}


@dataclass(frozen=True)
class Sample:
    """A function with arguments for it.

    Attributes:
        function: Of the arguments; a module's own weights are part of it.
        arguments: Positional ones, then named ones.
        weights: The module's, of which gradients are wanted as well.
    """

    function: Callable[..., Any]
    arguments: tuple[tuple[Any, ...], dict[str, Any]]
    weights: tuple[torch.Tensor, ...] = ()

    def mapped(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Sample:
        """The same with other tensors."""
        return Sample(self.function, tree_map_only(torch.Tensor, change, self.arguments), self.weights)


def samples(name: str) -> Iterator[Sample]:
    """What torch's database has for an entry, of f32."""
    torch.manual_seed(0)
    if name in _modules:
        entry = _modules[name]
        for each in entry.module_inputs_func(
            entry, device="cpu", dtype=torch.float32, requires_grad=True, training=True
        ):
            made = each.constructor_input
            module = entry.module_cls(*made.args, **made.kwargs)
            given = each.forward_input
            yield Sample(module, (given.args, given.kwargs), tuple(module.parameters()))
        return
    entry = _operators[name]
    for each in entry.sample_inputs("cpu", torch.float32, requires_grad=entry.supports_autograd):
        yield Sample(entry.op, ((each.input, *each.args), each.kwargs))


def outcome(sample: Sample, function: Callable[..., Any]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Results, and gradients of all that has some, of a weighted sum of the results."""
    positional, named = tree_map(_copy, sample.arguments)
    torch.manual_seed(1)
    results = [each for each in tree_leaves(function(*positional, **named)) if isinstance(each, torch.Tensor)]
    roots = [each for each in results if each.requires_grad]
    leaves = [each for each in tree_leaves((positional, named)) if isinstance(each, torch.Tensor)]
    leaves = [each for each in (*leaves, *sample.weights) if each.requires_grad]
    if not roots or not leaves:
        return [each.detach() for each in results], []
    loss = torch.stack([(each * _weights(each)).sum().float() for each in roots]).sum()
    gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
    return [each.detach() for each in results], [each for each in gradients if each is not None]


def _weights(result: torch.Tensor) -> torch.Tensor:
    return torch.arange(result.numel()).reshape(result.shape).sin()


def _copy(value: Any) -> Any:
    """A tensor of its own that lies as the given one does."""
    if not isinstance(value, torch.Tensor):
        return value
    with torch.no_grad():
        made = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype).copy_(value)
    return made.requires_grad_(value.requires_grad)
