"""XLA, through `jax.jit`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from suites.case import Case

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)  # indices of i64 stay so; every float has its dtype from the inputs
EPSILON = 1e-5


def layer_norm(x: Any, gain: Any, bias: Any) -> Any:
    wide = x.astype(jnp.float32)
    mean, variance = wide.mean(-1, keepdims=True), wide.var(-1, keepdims=True)
    return ((wide - mean) * jax.lax.rsqrt(variance + EPSILON) * gain + bias).astype(x.dtype)


def rms_norm(x: Any, gain: Any) -> Any:
    wide = x.astype(jnp.float32)
    return (wide * jax.lax.rsqrt((wide * wide).mean(-1, keepdims=True) + EPSILON)).astype(x.dtype) * gain


def batch_norm(x: Any, mean: Any, variance: Any, gain: Any, bias: Any) -> Any:
    scale = jax.lax.rsqrt(variance + EPSILON) * gain
    column = (slice(None), None, None)
    return ((x - mean[column]) * scale[column] + bias[column]).astype(x.dtype)


def cross_entropy(x: Any, target: Any) -> Any:
    logarithms = jax.nn.log_softmax(x.astype(jnp.float32))
    return -jnp.take_along_axis(logarithms, target[:, None], 1).mean().astype(x.dtype)


def quantise(x: Any) -> Any:
    wide = x.astype(jnp.float32)
    scale = jnp.abs(wide).max(-1, keepdims=True) / 127
    return jnp.clip(jnp.round(wide / scale), -128, 127).astype(jnp.int8), scale


def rope(x: Any, cosine: Any, sine: Any) -> Any:
    left, right = jnp.split(x, 2, -1)
    return x * cosine + jnp.concatenate([-right, left], -1) * sine


def depthwise(x: Any, taps: Any, *statistics: Any) -> Any:
    y = jax.lax.conv_general_dilated(
        x,
        taps[:, None],
        (1, 1),
        "SAME",
        feature_group_count=x.shape[1],
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
    )
    return jnp.clip(batch_norm(y, *statistics), 0, 6)


def attention(q: Any, k: Any, v: Any) -> Any:
    scores = jnp.einsum("hqd,hkd->hqk", q, k) * q.shape[-1] ** -0.5
    return jnp.einsum("hqk,hkd->hqd", jax.nn.softmax(scores.astype(jnp.float32), -1).astype(v.dtype), v)


def max_pool(x: Any) -> Any:
    lowest = jnp.array(-jnp.inf, x.dtype)
    around = ((0, 0), (0, 0), (1, 1), (1, 1))
    return jax.lax.reduce_window(x, lowest, jax.lax.max, (1, 1, 3, 3), (1, 1, 2, 2), around)


def average_pool(x: Any) -> Any:
    total = jax.lax.reduce_window(
        x.astype(jnp.float32), jnp.float32(0), jax.lax.add, (1, 1, 2, 2), (1, 1, 2, 2), "VALID"
    )
    return (total / 4).astype(x.dtype)


def _wide(x: Any) -> Any:
    return x.astype(jnp.float32)


PROGRAMS: dict[str, Callable[..., Any]] = {
    "add_relu_mul": lambda x, y, z: jnp.maximum(x + y, 0) * z,
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "gelu_erf": lambda x: jax.nn.gelu(x, approximate=False),
    "bias_gelu": lambda x, bias: jax.nn.gelu(x + bias, approximate=False),
    "swiglu": lambda gate, up: jax.nn.silu(gate) * up,
    "squeeze_excite_scale": lambda x, gate: x * jax.nn.sigmoid(gate)[:, :, None, None],
    "batchnorm_relu": lambda x, *statistics: jnp.maximum(batch_norm(x, *statistics), 0),
    "softmax": lambda x: jax.nn.softmax(_wide(x), -1).astype(x.dtype),
    "masked_softmax": lambda x, keep: jax.nn.softmax(_wide(jnp.where(keep, x * 0.125, -jnp.inf)), -1).astype(x.dtype),
    "log_softmax_nll": cross_entropy,
    "attention": attention,
    "layernorm": layer_norm,
    "rmsnorm": rms_norm,
    "residual_layernorm": lambda x, y, gain, bias: layer_norm(x + y, gain, bias),
    "batchnorm_statistics": lambda x: (_wide(x).mean((0, 2, 3)), _wide(x).var((0, 2, 3))),
    "sum_of_rows": lambda x: _wide(x).sum(1).astype(x.dtype),
    "sum_of_columns": lambda x: _wide(x).sum(0).astype(x.dtype),
    "sum_of_all": lambda x: _wide(x).sum().astype(x.dtype),
    "global_average_pool": lambda x: _wide(x).mean((2, 3), keepdims=True).astype(x.dtype),
    "argmax": lambda x: x.argmax(1),
    "cumulative_sum": lambda x: _wide(x).cumsum(1).astype(x.dtype),
    "int8_quantisation": quantise,
    "int8_dequantise": lambda codes, scale: codes.astype(jnp.float32) * scale,
    "transpose": lambda x: x.T + 0,
    "permute": lambda x: x.transpose(0, 2, 1, 3) + 0,
    "transpose_add": lambda x, y: x.T + y,
    "shuffle": lambda x: x.reshape(x.shape[0], 3, -1, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape) + 0,
    "embedding": lambda ids, table: table[ids],
    "rope": rope,
    "depthwise_bn_relu6": depthwise,
    "max_pool": max_pool,
    "average_pool": average_pool,
}


class Jax:
    """Programs compiled by XLA; arrays lie where XLA put them before the clock starts."""

    def versions(self) -> dict[str, str]:
        """JAX's."""
        return {"jax": jax.__version__, "threads": os.environ["OMP_NUM_THREADS"]}

    def prepare(self, case: Case) -> Callable[[Sequence[Any]], Callable[[], Any]]:
        """Calls wait for the result."""
        narrow = case.workload.dtype == "bf16" and case.operation == "int8_dequantise"
        function = PROGRAMS[case.operation]
        jitted = jax.jit((lambda *a: function(*a).astype(jnp.bfloat16)) if narrow else function)

        def bind(inputs: Sequence[Any]) -> Callable[[], Any]:
            arrays = [jax.device_put(a) for a in inputs]
            return lambda: jax.block_until_ready(jitted(*arrays))

        return bind

    def arrays(self, result: Any) -> list[np.ndarray]:
        """Their elements."""
        return [np.asarray(r) for r in (result if isinstance(result, tuple) else (result,))]


make = Jax
