"""Programs along a row: running sums, places, quantisation; attention."""

from __future__ import annotations

from functools import partial
from math import inf

import numpy as np

from workloads.filling import Array
from workloads.normalisations import places, select, softmax, softmax_of
from workloads.workload import Workload, both
from workloads.writer import Body, Scalar, Value, Writer

LARGEST = 127


def _running_sum(w: Writer, dtype: str, rows: int, columns: int) -> Value:
    x = w.cast(w.argument((rows, columns), dtype), "f32")
    outs = [(w.empty([rows, columns], "f32"), "d0, d1"), (w.filled([rows], "f32", 0.0), "d0")]
    body = Body(w)
    total = body("addf", Scalar("%out1", "f32"), Scalar("%in0", "f32"))
    return w.cast(w.generic([(x, "d0, d1")], outs, "pr", body, [total, total])[0], dtype)


def _place(w: Writer, dtype: str, rows: int, columns: int) -> Value:
    return places(w, w.cast(w.argument((rows, columns), dtype), "f32"), -1)[1]


def _quantised(w: Writer, dtype: str, rows: int, columns: int) -> tuple[Value, Value]:
    x = w.cast(w.argument((rows, columns), dtype), "f32")
    most = w.largest(w.pointwise(lambda b, v: b("math.absf", v), x), -1)
    scale = w.pointwise(lambda b, v: b("divf", v, b.number(LARGEST)), most)
    even = w.pointwise(lambda b, v: b("math.roundeven", v), w.binary("divf", x, scale))
    return w.pointwise(_narrow, even, dtype="i8"), scale


def _narrow(b: Body, x: Scalar) -> Scalar:
    low, high = b.number(-LARGEST - 1), b.number(LARGEST)
    raised = select(b, b("cmpf ult", x, low), low, x)
    return b("fptosi", select(b, b("cmpf ugt", raised, high), high, raised), to="i8")


def _quantised_meaning(x: Array) -> tuple[Array, Array]:
    scale = np.abs(x).max(-1, keepdims=True) / LARGEST
    return np.clip(np.rint(x / scale), -LARGEST - 1, LARGEST).astype(np.int8), scale


def attend(w: Writer, query: Value, key: Value, value: Value, *, causal: bool = False) -> Value:
    """Softmax of scaled products, times the values: (heads, rows, features) each."""
    share = query.shape[2] ** -0.5
    scores = w.matmul(query, w.transposed(key, [0, 2, 1]))
    scores = w.pointwise(lambda b, s: b("mulf", s, b.number(share)), scores)
    if causal:
        later = w.mapped(_is_later, scores.shape[1:], [], "i1")
        scores = w.pointwise(lambda b, s, hide: select(b, hide, b.number(-inf), s), scores, later)
    return w.matmul(softmax_of(w, scores), value)


def _is_later(b: Body) -> Scalar:
    return b("cmpi sgt", b.index(1), b.index(0))


def _attention(w: Writer, dtype: str, heads: int, rows: int, features: int, *, causal: bool) -> Value:
    query, key, value = (w.argument((heads, rows, features), dtype) for _ in range(3))
    return attend(w, query, key, value, causal=causal)


def _attention_meaning(query: Array, key: Array, value: Array, *, causal: bool = False) -> Array:
    scores = query @ key.swapaxes(-1, -2) * query.shape[-1] ** -0.5
    hidden = np.triu(np.ones(scores.shape[-2:], np.bool_), 1) & causal
    return softmax(np.where(hidden, -inf, scores)) @ value


def _decode(w: Writer, dtype: str, batch: int, heads: int, length: int, features: int) -> Value:
    query = w.argument((batch, heads, 1, features), dtype)
    key, value = (w.argument((batch, heads, length, features), dtype) for _ in range(2))
    together = [w.collapsed(v, [[0, 1], [2], [3]]) for v in (query, key, value)]
    return w.expanded(attend(w, *together), [[batch, heads], [1], [features]])


def workloads() -> list[Workload]:
    """All programs of this module."""
    found = [
        *both("cumulative_sum", _running_sum, ((4096, 4096), (9, 65)), lambda x: x.cumsum(1), roundings=2, scale=8),
        *both("argmax", _place, ((2048, 32000), (17, 129)), lambda x: x.argmax(1)),
        *both("int8_quantisation", _quantised, ((4096, 4096), (17, 129)), _quantised_meaning, roundings=2),
        *both(
            "gpt2_decode_attention",
            _decode,
            ((128, 12, 64, 64), (2, 3, 17, 10)),
            _attention_meaning,
            roundings=4,
            scale=1,
        ),
    ]
    for causal in (False, True):
        found += both(
            "attention",
            partial(_attention, causal=causal),
            ((48, 512, 64), (3, 17, 10)),
            partial(_attention_meaning, causal=causal),
            name="attention_causal" if causal else "attention",
            roundings=4,
            scale=1,
        )
    return found
