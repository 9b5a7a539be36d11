"""Programs that look at windows: convolution, pooling, involution, a moving average."""

from __future__ import annotations

import numpy as np

from workloads.filling import Array
from workloads.normalisations import batch_norm, batch_norm_meaning
from workloads.pointwise import select
from workloads.workload import Workload, both
from workloads.writer import Body, Scalar, Value, Writer

AVERAGED = 64


def _steps(stride: int, count: int) -> str:
    kind = f"vector<{count}xi64>"
    return f"{{dilations = dense<1> : {kind}, strides = dense<{stride}> : {kind}}}"


def _windows(x: Array, size: int) -> Array:
    """Windows of the last two dimensions, behind them."""
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(-2, -1))


def _relu6(b: Body, x: Scalar) -> Scalar:
    zero, six = b.number(0.0), b.number(6.0)
    raised = select(b, b("cmpf ult", x, zero), zero, x)
    return select(b, b("cmpf ugt", raised, six), six, raised)


def _depthwise(w: Writer, dtype: str, *shape: int) -> Value:
    x, taps = w.argument(shape, dtype), w.argument((shape[1], 3, 3), dtype)
    around = w.padded(x, [0, 0, 1, 1], [0, 0, 1, 1], 0.0)
    out = w.filled(shape, "f32", 0.0)
    y = w.cast(w.named("depthwise_conv_2d_nchw_chw", [around, taps], out, _steps(1, 2)), dtype)
    return w.pointwise(_relu6, batch_norm(w, y))


def _depthwise_meaning(x: Array, taps: Array, *statistics: Array) -> Array:
    around = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = np.einsum("nchwij,cij->nchw", _windows(around, 3), taps)
    return np.clip(batch_norm_meaning(y, *statistics), 0, 6)


def _max_pool(w: Writer, dtype: str, *shape: int) -> Value:
    lowest = -np.inf
    around = w.padded(w.argument(shape, dtype), [0, 0, 1, 1], [0, 0, 1, 1], lowest)
    half = [(n - 1) // 2 + 1 for n in shape[2:]]
    out, window = w.filled([*shape[:2], *half], dtype, lowest), w.empty([3, 3], dtype)
    return w.named("pooling_nchw_max", [around, window], out, _steps(2, 2))


def _max_pool_meaning(x: Array) -> Array:
    around = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    return _windows(around, 3)[:, :, ::2, ::2].max((-2, -1))


def _average_pool(w: Writer, dtype: str, *shape: int) -> Value:
    return w.cast(w.mean(w.cast(w.argument(shape, dtype), "f32"), [2, 3]), dtype)


def _involution(w: Writer, dtype: str, batch: int, groups: int, each: int, size: int, taps: int) -> Value:
    x = w.argument((batch, groups * each, size, size), dtype)
    weight = w.argument((batch, groups, taps * taps, size, size), dtype)
    half = taps // 2
    around = w.padded(x, [0, 0, half, half], [0, 0, half, half], 0.0)
    shape = [batch, groups * each, taps, taps, size, size]
    unfolded = w.mapped(lambda b, v: v, shape, [(around, "d0, d1, d2 + d4, d3 + d5")], dtype)
    unfolded = w.collapsed(unfolded, [[0], [1], [2, 3], [4], [5]])
    unfolded = w.expanded(unfolded, [[batch], [groups, each], [taps * taps], [size], [size]])
    weighed = w.binary("mulf", unfolded, w.expanded(weight, [[batch], [groups, 1], [taps * taps], [size], [size]]))
    y = w.cast(w.total(w.cast(weighed, "f32"), [3], keep=False), dtype)
    return w.collapsed(y, [[0], [1, 2], [3], [4]])


def _involution_meaning(x: Array, weight: Array) -> Array:
    batch, groups, taps, size, _ = weight.shape
    side = round(taps**0.5)
    around = np.pad(x, ((0, 0), (0, 0), (side // 2, side // 2), (side // 2, side // 2)))
    windows = _windows(around, side).reshape(batch, groups, -1, size, size, taps)
    return np.einsum("bgehwt,bgthw->bgehw", windows, weight).reshape(x.shape)


def _moving_average(w: Writer, dtype: str, length: int) -> tuple[Value, Value]:
    """A chunk of a stream and the end of the one before; gives the averages and the end for the next."""
    chunk, end = w.argument((1, 1, length), dtype), w.argument((1, 1, AVERAGED - 1), dtype)
    joined = w.concatenated(2, end, chunk)
    window, out = w.empty([AVERAGED], dtype), w.filled([1, 1, length], "f32", 0.0)
    total = w.named("pooling_ncw_sum", [joined, window], out, _steps(1, 1))
    mean = w.pointwise(lambda b, x: b("divf", x, b.number(AVERAGED)), total)
    return w.cast(mean, dtype), w.sliced(joined, [0, 0, length], end.shape)


def _moving_average_meaning(chunk: Array, end: Array) -> tuple[Array, Array]:
    joined = np.concatenate([end, chunk], -1)
    means = np.lib.stride_tricks.sliding_window_view(joined, AVERAGED, axis=-1).mean(-1)
    return means, joined[..., -(AVERAGED - 1) :]


def workloads() -> list[Workload]:
    """All programs of this module."""
    return [
        *both(
            "depthwise_bn_relu6",
            _depthwise,
            ((32, 96, 56, 56), (2, 5, 9, 13)),
            _depthwise_meaning,
            roundings=4,
            scale=8,
        ),
        *both("max_pool", _max_pool, ((32, 64, 112, 112), (2, 5, 9, 13)), _max_pool_meaning),
        *both(
            "global_average_pool",
            _average_pool,
            ((32, 1280, 7, 7), (3, 37, 7, 7)),
            lambda x: x.mean((2, 3), keepdims=True),
            scale=1,
        ),
        *both(
            "involution", _involution, ((8, 4, 16, 56, 7), (1, 2, 3, 9, 7)), _involution_meaning, roundings=2, scale=40
        ),
        *both("moving_average", _moving_average, ((1 << 24,), (257,)), _moving_average_meaning, scale=1),
    ]
