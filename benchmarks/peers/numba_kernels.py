"""Kernels by hand in Numba: what an engineer writes who knows what a pass over memory costs.

Each is compiled for the inputs' types with fast math where that changes no special value that the suites have, and
writes into arrays that stay. Rows are shared among threads.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from numba import njit, prange

from suites.case import Case

FAST = {"reassoc", "contract", "arcp", "nsz"}
EPSILON = np.float32(1e-5)
jit = njit(parallel=True, fastmath=FAST, error_model="numpy", nogil=True)


@jit
def add_relu_mul(x, y, z, out):
    for i in prange(x.size):
        out[i] = max(x[i] + y[i], np.float32(0)) * z[i]


@jit
def gelu_tanh(x, out):
    for r in prange(x.shape[0]):
        for c in range(x.shape[1]):
            v = x[r, c]
            inner = np.float32(0.7978845608) * (v + np.float32(0.044715) * v * v * v)
            out[r, c] = np.float32(0.5) * v * (np.float32(1) + math.tanh(inner))


@jit
def gelu_erf(x, out):
    for r in prange(x.shape[0]):
        for c in range(x.shape[1]):
            v = x[r, c]
            out[r, c] = np.float32(0.5) * v * (np.float32(1) + math.erf(v * np.float32(0.70710678)))


@jit
def bias_gelu(x, bias, out):
    for r in prange(x.shape[0]):
        for c in range(x.shape[1]):
            v = x[r, c] + bias[c]
            out[r, c] = np.float32(0.5) * v * (np.float32(1) + math.erf(v * np.float32(0.70710678)))


@jit
def swiglu(gate, up, out):
    for r in prange(gate.shape[0]):
        for c in range(gate.shape[1]):
            v = gate[r, c]
            out[r, c] = v / (np.float32(1) + math.exp(-v)) * up[r, c]


@jit
def squeeze_excite(x, gate, out):
    for r in prange(x.shape[0]):
        for c in range(x.shape[1]):
            share = np.float32(1) / (np.float32(1) + math.exp(-gate[r, c]))
            for h in range(x.shape[2]):
                for w in range(x.shape[3]):
                    out[r, c, h, w] = x[r, c, h, w] * share


@jit
def batchnorm_relu(x, mean, variance, gain, bias, out):
    for r in prange(x.shape[0]):
        for c in range(x.shape[1]):
            scale = gain[c] / math.sqrt(variance[c] + EPSILON)
            shift = bias[c] - mean[c] * scale
            for h in range(x.shape[2]):
                for w in range(x.shape[3]):
                    out[r, c, h, w] = max(x[r, c, h, w] * scale + shift, np.float32(0))


@jit
def softmax(x, out):
    for r in prange(x.shape[0]):
        most = np.float32(-np.inf)
        for c in range(x.shape[1]):
            most = max(most, x[r, c])
        total = np.float32(0)
        for c in range(x.shape[1]):
            e = math.exp(x[r, c] - most)
            out[r, c] = e
            total += e
        share = np.float32(1) / total
        for c in range(x.shape[1]):
            out[r, c] *= share


@jit
def masked_softmax(x, keep, out):
    for r in prange(x.shape[0] * x.shape[1]):
        h, q = r // x.shape[1], r % x.shape[1]
        most = np.float32(-np.inf)
        for c in range(x.shape[2]):
            v = x[h, q, c] * np.float32(0.125) if keep[q, c] else np.float32(-np.inf)
            out[h, q, c] = v
            most = max(most, v)
        total = np.float32(0)
        for c in range(x.shape[2]):
            e = math.exp(out[h, q, c] - most)
            out[h, q, c] = e
            total += e
        share = np.float32(1) / total
        for c in range(x.shape[2]):
            out[h, q, c] *= share


@jit
def cross_entropy(x, target, out):
    losses = np.empty(x.shape[0], np.float32)
    for r in prange(x.shape[0]):
        most = np.float32(-np.inf)
        for c in range(x.shape[1]):
            most = max(most, x[r, c])
        total = np.float32(0)
        for c in range(x.shape[1]):
            total += math.exp(x[r, c] - most)
        losses[r] = math.log(total) + most - x[r, target[r]]
    out[()] = losses.mean()


@jit
def layernorm(x, gain, bias, out):
    n = np.float32(x.shape[1])
    for r in prange(x.shape[0]):
        total = np.float32(0)
        for c in range(x.shape[1]):
            total += x[r, c]
        mean = total / n
        square = np.float32(0)
        for c in range(x.shape[1]):
            square += (x[r, c] - mean) ** 2
        scale = np.float32(1) / math.sqrt(square / n + EPSILON)
        for c in range(x.shape[1]):
            out[r, c] = (x[r, c] - mean) * scale * gain[c] + bias[c]


@jit
def rmsnorm(x, gain, out):
    n = np.float32(x.shape[1])
    for r in prange(x.shape[0]):
        square = np.float32(0)
        for c in range(x.shape[1]):
            square += x[r, c] * x[r, c]
        scale = np.float32(1) / math.sqrt(square / n + EPSILON)
        for c in range(x.shape[1]):
            out[r, c] = x[r, c] * scale * gain[c]


@jit
def residual_layernorm(x, y, gain, bias, out):
    n = np.float32(x.shape[1])
    for r in prange(x.shape[0]):
        total = np.float32(0)
        for c in range(x.shape[1]):
            v = x[r, c] + y[r, c]
            out[r, c] = v
            total += v
        mean = total / n
        square = np.float32(0)
        for c in range(x.shape[1]):
            square += (out[r, c] - mean) ** 2
        scale = np.float32(1) / math.sqrt(square / n + EPSILON)
        for c in range(x.shape[1]):
            out[r, c] = (out[r, c] - mean) * scale * gain[c] + bias[c]


@jit
def batchnorm_statistics(x, mean, variance):
    n = np.float32(x.shape[0] * x.shape[2] * x.shape[3])
    for c in prange(x.shape[1]):
        total, square = np.float32(0), np.float32(0)
        shift = x[0, c, 0, 0]
        for r in range(x.shape[0]):
            for h in range(x.shape[2]):
                for w in range(x.shape[3]):
                    v = x[r, c, h, w] - shift
                    total += v
                    square += v * v
        mean[c] = total / n + shift
        variance[c] = (square - total * total / n) / n


@jit
def sum_of_rows(x, out):
    for r in prange(x.shape[0]):
        total = np.float32(0)
        for c in range(x.shape[1]):
            total += x[r, c]
        out[r] = total


@jit
def sum_of_columns(x, out):
    panel = 1024
    for p in prange(-(-x.shape[1] // panel)):
        first, end = p * panel, min(p * panel + panel, x.shape[1])
        out[first:end] = 0
        for r in range(x.shape[0]):
            for c in range(first, end):
                out[c] += x[r, c]


@jit
def sum_of_all(x, out):
    parts = np.zeros(x.shape[0], np.float32)
    for r in prange(x.shape[0]):
        total = np.float32(0)
        for c in range(x.shape[1]):
            total += x[r, c]
        parts[r] = total
    out[()] = parts.sum()


@jit
def global_average_pool(x, out):
    count = x.shape[2] * x.shape[3]
    for r in prange(x.shape[0]):
        for c in range(x.shape[1]):
            total = np.float32(0)
            for h in range(x.shape[2]):
                for w in range(x.shape[3]):
                    total += x[r, c, h, w]
            out[r, c, 0, 0] = total / np.float32(count)


@jit
def argmax(x, out):
    for r in prange(x.shape[0]):
        most = x[r, 0]
        for c in range(x.shape[1]):
            most = max(most, x[r, c])
        for c in range(x.shape[1]):
            if x[r, c] == most:
                out[r] = c
                break


@jit
def cumulative_sum(x, out):
    for r in prange(x.shape[0]):
        total = np.float32(0)
        for c in range(x.shape[1]):
            total += x[r, c]
            out[r, c] = total


@jit
def quantise(x, out, scales):
    for r in prange(x.shape[0]):
        most = np.float32(0)
        for c in range(x.shape[1]):
            most = max(most, abs(x[r, c]))
        scale = most / np.float32(127)
        scales[r, 0] = scale
        for c in range(x.shape[1]):
            v = np.rint(x[r, c] / scale)
            out[r, c] = np.int8(min(max(v, np.float32(-128)), np.float32(127)))


@jit
def dequantise(codes, scale, out):
    for r in prange(codes.shape[0]):
        s = scale[r, 0]
        for c in range(codes.shape[1]):
            out[r, c] = np.float32(codes[r, c]) * s


@jit
def transpose(x, out):
    tile = 32
    for p in prange(-(-x.shape[1] // tile)):
        for q in range(-(-x.shape[0] // tile)):
            for i in range(p * tile, min(p * tile + tile, x.shape[1])):
                for j in range(q * tile, min(q * tile + tile, x.shape[0])):
                    out[i, j] = x[j, i]


@jit
def transpose_add(x, y, out):
    tile = 32
    for p in prange(-(-x.shape[1] // tile)):
        for q in range(-(-x.shape[0] // tile)):
            for i in range(p * tile, min(p * tile + tile, x.shape[1])):
                for j in range(q * tile, min(q * tile + tile, x.shape[0])):
                    out[i, j] = x[j, i] + y[i, j]


@jit
def permute(x, out):
    for b in prange(x.shape[0]):
        for h in range(x.shape[2]):
            for s in range(x.shape[1]):
                out[b, h, s, :] = x[b, s, h, :]


@jit
def shuffle(x, out):
    each = x.shape[1] // 3
    for b in prange(x.shape[0]):
        for c in range(x.shape[1]):
            out[b, c] = x[b, (c % 3) * each + c // 3]


@jit
def embedding(ids, table, out):
    for r in prange(ids.size):
        out[r, :] = table[ids[r], :]


@jit
def rope(x, cosine, sine, out):
    half = x.shape[3] // 2
    for b in prange(x.shape[0] * x.shape[1]):
        i, h = b // x.shape[1], b % x.shape[1]
        for s in range(x.shape[2]):
            for d in range(half):
                left, right = x[i, h, s, d], x[i, h, s, d + half]
                out[i, h, s, d] = left * cosine[s, d] - right * sine[s, d]
                out[i, h, s, d + half] = right * cosine[s, d + half] + left * sine[s, d + half]


@jit
def max_pool(x, out):
    height, width = x.shape[2], x.shape[3]
    for b in prange(x.shape[0] * x.shape[1]):
        i, c = b // x.shape[1], b % x.shape[1]
        for h in range(out.shape[2]):
            for w in range(out.shape[3]):
                most = np.float32(-np.inf)
                for y in range(max(0, 2 * h - 1), min(height, 2 * h + 2)):
                    for z in range(max(0, 2 * w - 1), min(width, 2 * w + 2)):
                        most = max(most, x[i, c, y, z])
                out[i, c, h, w] = most


@jit
def average_pool(x, out):
    for b in prange(x.shape[0] * x.shape[1]):
        i, c = b // x.shape[1], b % x.shape[1]
        for h in range(out.shape[2]):
            for w in range(out.shape[3]):
                top = x[i, c, 2 * h, 2 * w] + x[i, c, 2 * h, 2 * w + 1]
                out[i, c, h, w] = (top + x[i, c, 2 * h + 1, 2 * w] + x[i, c, 2 * h + 1, 2 * w + 1]) * np.float32(0.25)


KERNELS: dict[str, Callable[..., None]] = {
    "add_relu_mul": add_relu_mul,
    "gelu_tanh": gelu_tanh,
    "gelu_erf": gelu_erf,
    "bias_gelu": bias_gelu,
    "swiglu": swiglu,
    "squeeze_excite_scale": squeeze_excite,
    "batchnorm_relu": batchnorm_relu,
    "softmax": softmax,
    "masked_softmax": masked_softmax,
    "log_softmax_nll": cross_entropy,
    "layernorm": layernorm,
    "rmsnorm": rmsnorm,
    "residual_layernorm": residual_layernorm,
    "batchnorm_statistics": batchnorm_statistics,
    "sum_of_rows": sum_of_rows,
    "sum_of_columns": sum_of_columns,
    "sum_of_all": sum_of_all,
    "global_average_pool": global_average_pool,
    "argmax": argmax,
    "cumulative_sum": cumulative_sum,
    "int8_quantisation": quantise,
    "int8_dequantise": dequantise,
    "transpose": transpose,
    "transpose_add": transpose_add,
    "permute": permute,
    "shuffle": shuffle,
    "embedding": embedding,
    "rope": rope,
    "max_pool": max_pool,
    "average_pool": average_pool,
}
"""By operation: takes the inputs, then the arrays of the results."""
OF_ROWS = ("gelu_tanh", "gelu_erf", "bias_gelu", "swiglu", "softmax", "layernorm", "rmsnorm", "residual_layernorm")
"""What knows two dimensions, the last one and all others."""


def as_known(operation: str, array: Any) -> Any:
    """A view of an array of any rank with as many dimensions as an operation's kernel has."""
    if operation == "add_relu_mul":
        return array.reshape(-1)
    return array.reshape(-1, array.shape[-1]) if operation in OF_ROWS and array.ndim > 2 else array


class Numba:
    """Kernels by hand, of f32."""

    def __init__(self) -> None:
        numba.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

    def versions(self) -> dict[str, str]:
        """Numba's."""
        return {"numba": numba.__version__}

    def prepare(self, case: Case) -> Callable[[Sequence[Any]], Callable[[], Any]]:
        """Calls write into arrays that stay."""
        if case.workload.dtype != "f32":
            raise NotImplementedError("Numba has no bf16")
        if case.operation not in KERNELS:
            raise NotImplementedError(f"nobody has written {case.operation} by hand")
        kernel = KERNELS[case.operation]
        wanted = case.wanted(case.workload.inputs())
        results = [np.zeros(a.shape, np.float32 if a.dtype.kind == "f" else a.dtype) for a in wanted]

        def bind(inputs: Sequence[Any]) -> Callable[[], Any]:
            arrays = [as_known(case.operation, array) for array in (*inputs, *results)]

            def call() -> Any:
                kernel(*arrays)
                return results

            return call

        return bind

    def arrays(self, result: Any) -> list[np.ndarray]:
        """As they are."""
        return list(result)


make = Numba
