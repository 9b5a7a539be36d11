"""Operators that memory binds, at the sizes of networks that people run: each of at least 8 MB, most of 64 MB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import erf as erf_of
from math import pi, sqrt
from typing import Any

import numpy as np

from suites.case import Case, rows_of
from workloads import Workload, find, normalisations, pointwise
from workloads.filling import Array, below, positive
from workloads.workload import DTYPES
from workloads.writer import Body, Scalar, Value, Writer

erf = np.frompyfunc(erf_of, 1, 1)
Sizes = tuple[int, ...]


def memory_bound() -> tuple[Case, ...]:
    """The cases, each in f32 and in bf16."""
    return tuple(case for dtype in DTYPES for case in (*_pointwise(dtype), *_rows(dtype), *_layouts(dtype)))


def _pointwise(dtype: str) -> list[Case]:
    new = partial(_new, dtype=dtype)
    known = partial(_known, dtype=dtype)
    return [
        new("add_relu_mul", _add_relu_mul, (1 << 24,), lambda x, y, z: np.maximum(x + y, 0) * z, scale=1),
        new("gelu_tanh", _gelu_tanh, (4096, 3072), _gelu_tanh_meaning, scale=1),
        new("gelu_erf", _gelu_erf, (4096, 3072), _gelu_erf_meaning, scale=1),
        known("bias_gelu", "bias_gelu", (4096, 3072)),
        known("swiglu", "swiglu", (4096, 11008)),
        known("squeeze_excite_scale", "squeeze_excite_scale", (32, 144, 56, 56)),
        known("batchnorm_relu", "batchnorm_relu", (32, 64, 56, 56)),
    ]


def _rows(dtype: str) -> list[Case]:
    new = partial(_new, dtype=dtype)
    known = partial(_known, dtype=dtype)
    return [
        *(
            known("softmax_4096x1024", f"softmax_{rows}x{columns}", (rows, columns))
            for rows, columns in ((4096, 1024), (4096, 4096), (128, 65536))
        ),
        known("masked_softmax", "masked_softmax", (12, 512, 512)),
        known("log_softmax_nll", "cross_entropy_2048x32000", (2048, 32000)),
        known("attention", "attention", (48, 512, 64), products=2 * 48 * 512 * 512 * 64),
        *(
            new(f"layernorm_{columns}", _layer_norm, (4096, columns), normalisations.layer_norm_meaning, scale=2)
            for columns in (768, 4096)
        ),
        known("rmsnorm", "rmsnorm", (4096, 4096)),
        known("residual_layernorm_4096x768", "add_layernorm", (4096, 768)),
        new("batchnorm_statistics", _statistics, (32, 64, 56, 56), _statistics_meaning, scale=1),
        new("sum_of_rows", partial(_total, dims=(1,)), (4096, 4096), lambda x: x.sum(1), scale=64),
        new("sum_of_columns", partial(_total, dims=(0,)), (4096, 4096), lambda x: x.sum(0), scale=64),
        new("sum_of_all", partial(_total, dims=(0, 1)), (4096, 4096), lambda x: x.sum(), scale=4096),
        known("global_average_pool", "global_average_pool", (32, 2048, 7, 7)),
        known("argmax", "argmax", (2048, 32000)),
        known("cumulative_sum", "cumulative_sum", (4096, 4096)),
        known("int8_quantisation", "int8_quantise", (4096, 4096)),
        new("int8_dequantise", _dequantised, (4096, 4096), lambda q, s: q.astype(np.float64) * s),
    ]


def _layouts(dtype: str) -> list[Case]:
    new = partial(_new, dtype=dtype)
    known = partial(_known, dtype=dtype)
    return [
        new("transpose", partial(_transposed, order=(1, 0)), (4096, 4096), lambda x: x.T),
        known("permute_0213", "permute_0213", (32, 128, 12, 64)),
        known("transpose_add", "transpose_add", (4096, 4096)),
        known("shuffle_nchw", "channel_shuffle", (32, 240, 28, 28)),
        new("embedding", _embedded, (32000, 768, 4096), lambda ids, table: table[ids], reads=rows_of(1, 0)),
        known("rope", "rope", (8, 32, 1024, 128)),
        known("depthwise_bn_relu6", "depthwise_conv", (32, 96, 56, 56)),
        known("max_pool", "max_pool", (32, 64, 112, 112)),
        new("average_pool", _average_pool, (32, 256, 56, 56), _average_pool_meaning, scale=1),
    ]


def _known(source: str, name: str, full: Sizes, *, dtype: str, products: int = 0) -> Case:
    """A workload of the table at another size."""
    workload = find(source, dtype)
    return Case(replace(workload, name=name, full=full), workload.family, products=products)


def _new(
    name: str,
    write: Callable[..., Value | tuple[Value, ...]],
    full: Sizes,
    meaning: Callable[..., Any],
    *,
    dtype: str,
    scale: float = 0,
    reads: Callable[[tuple[Array, ...]], int] | None = None,
) -> Case:
    operation = "layernorm" if name.startswith("layernorm") else name
    small = tuple(min(size, 24) for size in full)
    return Case(Workload(name, operation, dtype, write, full, small, meaning, 4, scale), operation, reads)


# -- programs that the table doesn't have ------------------------------------------------------


def _add_relu_mul(w: Writer, dtype: str, *shape: int) -> Value:
    x, y, z = (w.argument(shape, dtype) for _ in range(3))
    return w.binary("mulf", pointwise.relu(w, w.binary("addf", x, y)), z)


def _gelu_tanh(w: Writer, dtype: str, *shape: int) -> Value:
    def body(b: Body, x: Scalar) -> Scalar:
        cube = b("mulf", b("mulf", x, x), x)
        inner = b("mulf", b("addf", x, b("mulf", cube, b.number(0.044715))), b.number(sqrt(2 / pi)))
        return b("mulf", b("mulf", x, b.number(0.5)), b("addf", b("math.tanh", inner), b.number(1.0)))

    return w.pointwise(body, w.argument(shape, dtype))


def _gelu_tanh_meaning(x: Array) -> Array:
    return x * 0.5 * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))


def _gelu_erf(w: Writer, dtype: str, *shape: int) -> Value:
    return w.pointwise(pointwise.gelu_of, w.argument(shape, dtype))


def _gelu_erf_meaning(x: Array) -> Array:
    return x * 0.5 * (1 + np.asarray(erf(x / sqrt(2)), np.float64))


def _layer_norm(w: Writer, dtype: str, *shape: int) -> Value:
    x = w.argument(shape, dtype)
    gain, bias = (w.argument(shape[-1:], dtype) for _ in range(2))
    return normalisations.layer_norm(w, x, gain, bias)


def _statistics(w: Writer, dtype: str, *shape: int) -> tuple[Value, Value]:
    x = w.cast(w.argument(shape, dtype), "f32")
    mean, variance = normalisations.moments(w, x, [0, 2, 3])
    return w.collapsed(mean, [[0, 1, 2, 3]]), w.collapsed(variance, [[0, 1, 2, 3]])


def _statistics_meaning(x: Array) -> tuple[Array, Array]:
    return x.mean((0, 2, 3)), x.var((0, 2, 3))


def _total(w: Writer, dtype: str, rows: int, columns: int, *, dims: tuple[int, ...]) -> Value:
    return w.cast(w.total(w.cast(w.argument((rows, columns), dtype), "f32"), dims, keep=False), dtype)


def _dequantised(w: Writer, dtype: str, rows: int, columns: int) -> Value:
    codes, scale = w.argument((rows, columns), "i8", _codes), w.argument((rows, 1), "f32", positive)

    def body(b: Body, code: Scalar, scale: Scalar) -> Scalar:
        return b("mulf", b("sitofp", code, to="f32"), scale)

    return w.pointwise(body, codes, scale, dtype=dtype)


def _codes(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return below(256)(generator, shape) - 128


def _transposed(w: Writer, dtype: str, rows: int, columns: int, *, order: tuple[int, ...]) -> Value:
    return w.transposed(w.argument((rows, columns), dtype), order)


def _embedded(w: Writer, dtype: str, words: int, features: int, count: int) -> Value:
    ids, table = w.argument((count,), "i64", below(words)), w.argument((words, features), dtype)
    return w.mapped(lambda b, at: b.extract(table, at, b.index(1)), [count, features], [(ids, "d0")], dtype)


def _average_pool(w: Writer, dtype: str, *shape: int) -> Value:
    n, c, height, width = shape
    x = w.cast(w.argument(shape, dtype), "f32")
    out, window = w.filled([n, c, height // 2, width // 2], "f32", 0.0), w.empty([2, 2], "f32")
    attributes = "{dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}"
    total = w.named("pooling_nchw_sum", [x, window], out, attributes)
    return w.cast(w.pointwise(lambda b, v: b("divf", v, b.number(4.0)), total), dtype)


def _average_pool_meaning(x: Array) -> Array:
    n, c, height, width = x.shape
    whole = x[:, :, : height // 2 * 2, : width // 2 * 2]  # an odd last row or column is in no window
    return whole.reshape(n, c, height // 2, 2, width // 2, 2).mean((3, 5))
