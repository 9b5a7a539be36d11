"""Programs that subtract or divide by a statistic of what they normalise."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, prod

import numpy as np

from workloads.filling import Array, below, mask, positive
from workloads.pointwise import relu, select, sigmoid, sigmoid_of
from workloads.workload import Workload, both
from workloads.writer import Body, Scalar, Value, Writer

EPSILON = 1e-5
MOMENTUM = 0.1
GROUPS = 32


# -- softmax -----------------------------------------------------------------------------------


def places(w: Writer, x: Value, dim: int) -> list[Value]:
    """The maximum over a dimension, and where it first stands; of f32."""
    rank, at = len(x.shape), dim % len(x.shape)
    shape = [n for d, n in enumerate(x.shape) if d != at]
    outs = [w.filled(shape, "f32", -inf), w.filled(shape, "i64", 0)]
    kept, whole = (", ".join(f"d{d}" for d in range(rank) if d != skipped) for skipped in (at, None))
    body = Body(w)
    value, most, place = Scalar("%in0", "f32"), Scalar("%out0", "f32"), Scalar("%out1", "i64")
    here = body("index_cast", body.index(at), to="i64")
    larger = select(body, body("cmpf ogt", value, most), here, place)
    kinds = "".join("r" if d == at else "p" for d in range(rank))
    return w.generic([(x, whole)], [(out, kept) for out in outs], kinds, body, [body("maximumf", value, most), larger])


def shifted(w: Writer, x: Value) -> Value:
    """Each row less its maximum; of f32."""
    most, _ = places(w, x, -1)
    groups = [[n] for n in most.shape[:-1]] + [[most.shape[-1], 1]]
    return w.binary("subf", x, w.expanded(most, groups))


def softmax_of(w: Writer, x: Value) -> Value:
    """Softmax over the last dimension; narrow floats compute in f32."""
    e = w.pointwise(lambda b, v: b("math.exp", v), shifted(w, w.cast(x, "f32")))
    return w.cast(w.binary("divf", e, w.total(e, [-1])), x.dtype)


def softmax(x: Array) -> Array:
    """In NumPy."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _softmax(w: Writer, dtype: str, *shape: int) -> Value:
    return softmax_of(w, w.argument(shape, dtype))


def _masked(w: Writer, dtype: str, heads: int, rows: int, columns: int) -> Value:
    x, keep = w.argument((heads, rows, columns), dtype), w.argument((rows, columns), "i1", mask)
    scaled = w.pointwise(lambda b, v: b("mulf", v, b.number(0.125)), x)
    filled = w.pointwise(lambda b, v, k: select(b, k, v, b.number(-inf)), scaled, keep)
    return softmax_of(w, filled)


def _masked_meaning(x: Array, keep: Array) -> Array:
    return softmax(np.where(keep, x * 0.125, -inf))


def _nll(w: Writer, dtype: str, rows: int, classes: int) -> Value:
    x, target = w.argument((rows, classes), dtype), w.argument((rows,), "i64", below(classes))
    z = shifted(w, w.cast(x, "f32"))
    total = w.total(w.pointwise(lambda b, v: b("math.exp", v), z), [-1])
    logarithm = w.cast(w.binary("subf", z, w.pointwise(lambda b, v: b("math.log", v), total)), dtype)
    picked = w.mapped(
        lambda b, t: b("negf", b.cast(b.extract(logarithm, b.index(0), t), "f32")), [rows], [(target, "d0")], "f32"
    )
    return w.cast(w.mean(picked, [0], keep=False), dtype)


def _nll_meaning(x: Array, target: Array) -> Array:
    return -np.log(softmax(x))[np.arange(len(target)), target].mean()


# -- mean and variance -------------------------------------------------------------------------


def moments(w: Writer, x: Value, dims: Sequence[int]) -> tuple[Value, Value]:
    """Mean and variance of f32, of which the variance goes through f64."""
    wide = w.cast(x, "f64")
    centred = w.binary("subf", wide, w.mean(wide, dims))
    variance = w.cast(w.mean(w.binary("mulf", centred, centred), dims), "f32")
    return w.mean(x, dims), variance


def normalised(w: Writer, x: Value, mean: Value, variance: Value) -> Value:
    """(x - mean) / sqrt(variance + epsilon)."""
    roomy = w.pointwise(lambda b, v: b("addf", v, b.number(EPSILON)), variance)
    scale = w.pointwise(lambda b, v: b("math.rsqrt", v), roomy)
    return w.binary("mulf", w.binary("subf", x, mean), scale)


def layer_norm(w: Writer, x: Value, gain: Value, bias: Value) -> Value:
    """LayerNorm over the last dimension; narrow floats compute in f32, without the detour through f64."""
    if x.dtype == "f32":
        mean, variance = moments(w, x, [-1])
        return w.binary("addf", w.binary("mulf", normalised(w, x, mean, variance), gain), bias)
    wide = w.cast(x, "f32")
    mean = w.mean(wide, [-1])
    centred = w.binary("subf", wide, mean)
    variance = w.mean(w.binary("mulf", centred, centred), [-1])
    y = normalised(w, wide, mean, variance)
    return w.cast(w.binary("addf", w.binary("mulf", y, w.cast(gain, "f32")), w.cast(bias, "f32")), x.dtype)


def layer_norm_meaning(x: Array, gain: Array, bias: Array) -> Array:
    """In NumPy."""
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + EPSILON) * gain + bias


def _residual(w: Writer, dtype: str, *shape: int) -> Value:
    x, y = (w.argument(shape, dtype) for _ in range(2))
    gain, bias = (w.argument(shape[-1:], dtype) for _ in range(2))
    return layer_norm(w, w.binary("addf", x, y), gain, bias)


def _rms(w: Writer, dtype: str, *shape: int) -> Value:
    x, gain = w.argument(shape, dtype), w.argument(shape[-1:], dtype)
    wide = w.cast(x, "f32")
    square = w.mean(w.binary("mulf", wide, wide), [-1])
    roomy = w.pointwise(lambda b, v: b("addf", v, b.number(EPSILON)), square)
    scale = w.pointwise(lambda b, v: b("math.rsqrt", v), roomy)
    return w.binary("mulf", w.cast(w.binary("mulf", wide, scale), dtype), gain)


def _rms_meaning(x: Array, gain: Array) -> Array:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * gain


def _embed(w: Writer, dtype: str, words: int, length: int, features: int) -> Value:
    batch, kinds = 1, 2
    ids = w.argument((batch, length), "i64", below(words))
    types = w.argument((batch, length), "i64", below(kinds))
    tables = [w.argument((n, features), dtype) for n in (words, kinds, length)]
    gain, bias = (w.argument((features,), dtype) for _ in range(2))
    word, kind = (
        w.mapped(
            lambda b, at, table=table: b.extract(table, at, b.index(2)),
            [batch, length, features],
            [(index, "d0, d1")],
            dtype,
        )
        for index, table in ((ids, tables[0]), (types, tables[1]))
    )
    place = w.expanded(tables[2], [[1, length], [features]])
    return layer_norm(w, w.binary("addf", w.binary("addf", word, kind), place), gain, bias)


def _embed_meaning(
    ids: Array, types: Array, words: Array, kinds: Array, place: Array, gain: Array, bias: Array
) -> Array:
    return layer_norm_meaning(words[ids] + kinds[types] + place, gain, bias)


# -- over channels -----------------------------------------------------------------------------


def batch_norm(w: Writer, x: Value) -> Value:
    """BatchNorm at inference: one operator; its statistics are arguments of f32."""
    channels = x.shape[1]
    mean, variance = w.argument((channels,), "f32"), w.argument((channels,), "f32", positive)
    gain, bias = (w.argument((channels,), "f32") for _ in range(2))

    def body(b: Body, x: Scalar, mean: Scalar, variance: Scalar, gain: Scalar, bias: Scalar) -> Scalar:
        scale = b("math.rsqrt", b("addf", variance, b.number(EPSILON)))
        return b("addf", b("mulf", b("mulf", b("subf", x, mean), scale), gain), bias)

    whole = ", ".join(f"d{d}" for d in range(len(x.shape)))
    operands = [(x, whole), *((v, "d1") for v in (mean, variance, gain, bias))]
    return w.mapped(body, x.shape, operands, x.dtype)


def batch_norm_meaning(x: Array, mean: Array, variance: Array, gain: Array, bias: Array) -> Array:
    """In NumPy."""
    column = [v[:, None, None] for v in (mean, variance, gain, bias)]
    return (x - column[0]) / np.sqrt(column[1] + EPSILON) * column[2] + column[3]


def _inference(w: Writer, dtype: str, *shape: int) -> Value:
    return relu(w, batch_norm(w, w.argument(shape, dtype)))


def _training(w: Writer, dtype: str, *shape: int) -> tuple[Value, Value, Value]:
    x = w.argument(shape, dtype)
    gain, bias, running_mean, running_variance = (w.argument((shape[1],), "f32") for _ in range(4))
    wide, dims = w.cast(x, "f32"), [0, 2, 3]
    mean, variance = moments(w, wide, dims)
    column = [[shape[1], 1, 1]]
    y = w.binary("mulf", normalised(w, wide, mean, variance), w.expanded(gain, column))
    y = w.binary("addf", y, w.expanded(bias, column))
    count = prod(shape[d] for d in dims)
    unbiased = w.pointwise(lambda b, v: b("mulf", v, b.number(count / (count - 1))), variance)
    later = [
        w.pointwise(_blend, old, w.collapsed(new, [[0, 1, 2, 3]]))
        for old, new in ((running_mean, mean), (running_variance, unbiased))
    ]
    return w.cast(y, dtype), later[0], later[1]


def _blend(b: Body, old: Scalar, new: Scalar) -> Scalar:
    return b("addf", b("mulf", old, b.number(1 - MOMENTUM)), b("mulf", new, b.number(MOMENTUM)))


def _training_meaning(
    x: Array, gain: Array, bias: Array, running_mean: Array, running_variance: Array
) -> tuple[Array, Array, Array]:
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
    count = x.size / x.shape[1]
    return (
        batch_norm_meaning(x, mean, variance, gain, bias),
        (1 - MOMENTUM) * running_mean + MOMENTUM * mean,
        (1 - MOMENTUM) * running_variance + MOMENTUM * variance * count / (count - 1),
    )


def _group_norm(w: Writer, dtype: str, batch: int, channels: int, height: int, width: int) -> Value:
    x = w.argument((batch, channels, height, width), dtype)
    gain, bias = (w.argument((channels,), dtype) for _ in range(2))
    each = channels // GROUPS
    split = w.expanded(w.cast(x, "f32"), [[batch], [GROUPS, each], [height], [width]])
    rows = w.collapsed(split, [[0], [1], [2, 3, 4]])
    y = normalised(w, rows, *moments(w, rows, [-1]))
    y = w.expanded(y, [[batch], [GROUPS], [each, height, width]])
    y = w.collapsed(y, [[0], [1, 2], [3], [4]])
    column = [[channels, 1, 1]]
    y = w.binary("mulf", y, w.expanded(w.cast(gain, "f32"), column))
    y = w.cast(w.binary("addf", y, w.expanded(w.cast(bias, "f32"), column)), dtype)
    return w.binary("mulf", y, w.pointwise(sigmoid_of, y))


def _group_norm_meaning(x: Array, gain: Array, bias: Array) -> Array:
    rows = x.reshape(x.shape[0], GROUPS, -1)
    y = (rows - rows.mean(-1, keepdims=True)) / np.sqrt(rows.var(-1, keepdims=True) + EPSILON)
    y = y.reshape(x.shape) * gain[:, None, None] + bias[:, None, None]
    return y * sigmoid(y)


def workloads() -> list[Workload]:
    """All programs of this module."""
    found = [
        *both("masked_softmax", _masked, ((12, 512, 512), (3, 17, 65)), _masked_meaning, roundings=8),
        *both("log_softmax_nll", _nll, ((2048, 32000), (17, 65)), _nll_meaning, roundings=4),
        *both("rmsnorm", _rms, ((4096, 4096), (37, 65)), _rms_meaning, roundings=4),
        *both(
            "batchnorm_relu", _inference, ((32, 64, 56, 56), (3, 5, 9, 13)), _inference_meaning, roundings=4, scale=4
        ),
        *both(
            "batchnorm_training", _training, ((32, 64, 56, 56), (3, 5, 9, 13)), _training_meaning, roundings=4, scale=1
        ),
        *both(
            "groupnorm_silu", _group_norm, ((2, 320, 64, 64), (2, 96, 5, 3)), _group_norm_meaning, roundings=4, scale=1
        ),
        *both("embedding_layernorm", _embed, ((30522, 128, 512), (41, 17, 65)), _embed_meaning, roundings=8, scale=2),
    ]
    for rows, columns, small in (
        (4096, 1024, (37, 65)),
        (4096, 4096, (9, 257)),
        (4096, 1009, (37, 61)),
        (128, 65536, (5, 1031)),
    ):
        name = f"softmax_{rows}x{columns}"
        found += both("softmax", _softmax, ((rows, columns), small), softmax, name=name, roundings=8)
    for rows, columns, small in ((4096, 768, (37, 64)), (1000, 1000, (25, 50))):
        name = f"residual_layernorm_{rows}x{columns}"
        found += both(
            "residual_layernorm",
            _residual,
            ((rows, columns), small),
            _residual_meaning,
            name=name,
            roundings=4,
            scale=2,
        )
    return found


def _inference_meaning(x: Array, *statistics: Array) -> Array:
    return np.maximum(batch_norm_meaning(x, *statistics), 0)


def _residual_meaning(x: Array, y: Array, gain: Array, bias: Array) -> Array:
    return layer_norm_meaning(x + y, gain, bias)
