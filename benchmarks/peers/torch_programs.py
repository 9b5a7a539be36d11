"""The suites' programs in PyTorch, as a model would have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from suites.whole_models import known

Tensor = torch.Tensor
GROUPS = 3
EPSILON = 1e-5


def masked_softmax(x: Tensor, keep: Tensor) -> Tensor:
    return torch.softmax((x * 0.125).masked_fill(~keep, float("-inf")), -1)


def layer_norm(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], gain, bias, EPSILON)


def batch_norm(x: Tensor, mean: Tensor, variance: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    return F.batch_norm(x, mean, variance, gain, bias, False, 0.1, EPSILON)


def quantise(x: Tensor) -> tuple[Tensor, Tensor]:
    wide = x.float()
    scale = wide.abs().amax(-1, keepdim=True) / 127
    return torch.clamp(torch.round(wide / scale), -128, 127).to(torch.int8), scale


def rope(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    left, right = x.chunk(2, -1)
    return x * cosine + torch.cat((-right, left), -1) * sine


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
    return mean, variance


def depthwise(x: Tensor, taps: Tensor, *statistics_: Tensor) -> Tensor:
    y = F.conv2d(x, taps[:, None], padding=1, groups=x.shape[1])
    return F.relu6(batch_norm(y, *statistics_))


PROGRAMS: dict[str, Callable[..., Any]] = {
    "add_relu_mul": lambda x, y, z: torch.relu(x + y) * z,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_erf": F.gelu,
    "bias_gelu": lambda x, bias: F.gelu(x + bias),
    "swiglu": lambda gate, up: F.silu(gate) * up,
    "squeeze_excite_scale": lambda x, gate: x * torch.sigmoid(gate)[:, :, None, None],
    "batchnorm_relu": lambda x, *statistics_: torch.relu(batch_norm(x, *statistics_)),
    "softmax": lambda x: torch.softmax(x, -1),
    "masked_softmax": masked_softmax,
    "log_softmax_nll": F.cross_entropy,
    "attention": lambda q, k, v: F.scaled_dot_product_attention(q[None], k[None], v[None])[0],
    "layernorm": layer_norm,
    "rmsnorm": lambda x, gain: F.rms_norm(x, x.shape[-1:], gain, EPSILON),
    "residual_layernorm": lambda x, y, gain, bias: layer_norm(x + y, gain, bias),
    "batchnorm_statistics": statistics,
    "sum_of_rows": lambda x: x.sum(1),
    "sum_of_columns": lambda x: x.sum(0),
    "sum_of_all": lambda x: x.sum(),
    "global_average_pool": lambda x: x.mean((2, 3), keepdim=True),
    "argmax": lambda x: x.argmax(1),
    "cumulative_sum": lambda x: x.cumsum(1),
    "int8_quantisation": quantise,
    "int8_dequantise": lambda codes, scale: codes.float() * scale,
    "transpose": lambda x: x.t().contiguous(),
    "permute": lambda x: x.transpose(1, 2).contiguous(),
    "transpose_add": lambda x, y: x.t() + y,
    "shuffle": lambda x: x.view(x.shape[0], GROUPS, -1, *x.shape[2:]).transpose(1, 2).reshape(x.shape),
    "embedding": lambda ids, table: F.embedding(ids, table),
    "rope": rope,
    "depthwise_bn_relu6": depthwise,
    "max_pool": lambda x: F.max_pool2d(x, 3, 2, 1),
    "average_pool": lambda x: F.avg_pool2d(x, 2),
}
"""By operation; arguments and results in the order of the workload's."""
NARROW: dict[str, Callable[..., Any]] = {
    "int8_dequantise": lambda codes, scale: (codes.float() * scale).bfloat16(),
}
"""Where bf16 is written otherwise."""


def program(operation: str, dtype: str) -> Callable[..., Any]:
    """The program of a case, or the module of a model."""
    if operation not in PROGRAMS:
        return known()[operation].make()
    return NARROW[operation] if dtype == "bf16" and operation in NARROW else PROGRAMS[operation]


def tensor(array: Any) -> Tensor:
    """A tensor over an array, also where PyTorch doesn't know its dtype."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view("int16")).view(torch.bfloat16)
    return torch.from_numpy(array)


def array(value: Tensor) -> Any:
    """A tensor's elements; bf16 as f32."""
    return (value.float() if value.dtype == torch.bfloat16 else value).detach().numpy()
