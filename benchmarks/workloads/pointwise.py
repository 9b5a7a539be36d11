"""Programs without a reduction: activations, gates, chains of them."""

from __future__ import annotations

from math import erf as erf_of
from math import sqrt

import numpy as np

from workloads.filling import Array
from workloads.workload import Workload, both
from workloads.writer import Body, Scalar, Value, Writer

erf = np.frompyfunc(erf_of, 1, 1)


def relu(w: Writer, x: Value) -> Value:
    """Greater than 0, or 0."""
    return w.pointwise(relu_of, x)


def relu_of(b: Body, x: Scalar) -> Scalar:
    """In a body: greater than 0, or 0."""
    zero = b.number(0.0, x.dtype)
    return select(b, b("cmpf ugt", x, zero), x, zero)


def select(b: Body, flag: Scalar, yes: Scalar, no: Scalar) -> Scalar:
    """In a body: one of two."""
    return b.line(f"arith.select {flag.name}, {yes.name}, {no.name} : {yes.dtype}", yes.dtype)


def sigmoid_of(b: Body, x: Scalar) -> Scalar:
    """In a body: 1 / (1 + exp(-x))."""
    one = b.number(1.0)
    return b("divf", one, b("addf", b("math.exp", b("negf", x)), one))


def sigmoid(x: Array) -> Array:
    """In NumPy."""
    return 1 / (1 + np.exp(-x))


def _relu_add(w: Writer, dtype: str, *shape: int) -> Value:
    x, y = w.argument(shape, dtype), w.argument(shape, dtype)
    return w.binary("addf", relu(w, x), y)


def gelu_of(b: Body, x: Scalar) -> Scalar:
    """In a body: x times the share of a normal distribution below it, by erf."""
    share = b("math.erf", b("mulf", x, b.number(1 / sqrt(2))))
    return b("mulf", b("mulf", x, b.number(0.5)), b("addf", share, b.number(1.0)))


def _bias_gelu(w: Writer, dtype: str, *shape: int) -> Value:
    x, bias = w.argument(shape, dtype), w.argument(shape[-1:], dtype)
    return w.pointwise(gelu_of, w.binary("addf", x, bias))


def _bias_gelu_meaning(x: Array, bias: Array) -> Array:
    z = x + bias
    return z * 0.5 * (1 + np.asarray(erf(z / sqrt(2)), np.float64))


def _swiglu(w: Writer, dtype: str, *shape: int) -> Value:
    gate, up = w.argument(shape, dtype), w.argument(shape, dtype)
    share = w.pointwise(sigmoid_of, gate)
    return w.binary("mulf", w.binary("mulf", gate, share), up)


def _excite(w: Writer, dtype: str, *shape: int) -> Value:
    x, gate = w.argument(shape, dtype), w.argument(shape[:2], dtype)
    share = w.pointwise(sigmoid_of, gate)
    return w.binary("mulf", x, w.expanded(share, [[shape[0]], [shape[1], 1, 1]]))


def _lstm(w: Writer, dtype: str, batch: int, hidden: int) -> tuple[Value, Value]:
    gates, cell = w.argument((batch, 4 * hidden), dtype), w.argument((batch, hidden), dtype)
    parts = [w.sliced(gates, [0, k * hidden], [batch, hidden]) for k in range(4)]
    take, forget, give = (w.pointwise(sigmoid_of, parts[k]) for k in (0, 1, 3))
    fresh = w.pointwise(lambda b, x: b("math.tanh", x), parts[2])
    state = w.binary("addf", w.binary("mulf", forget, cell), w.binary("mulf", take, fresh))
    return w.binary("mulf", give, w.pointwise(lambda b, x: b("math.tanh", x), state)), state


def _lstm_meaning(gates: Array, cell: Array) -> tuple[Array, Array]:
    take, forget, fresh, give = np.split(gates, 4, 1)
    state = sigmoid(forget) * cell + sigmoid(take) * np.tanh(fresh)
    return sigmoid(give) * np.tanh(state), state


LAYERS = 7


def _denoise(w: Writer, dtype: str, channels: int, height: int, width: int) -> Value:
    noisy, y = (w.argument((channels, height, width), dtype) for _ in range(2))
    for layer in range(LAYERS):
        bias = w.argument((channels,), dtype)
        y = w.binary("addf", y, w.expanded(bias, [[channels, 1, 1]]))
        y = relu(w, y) if layer < LAYERS - 1 else y
    return w.binary("subf", noisy, y)


def _denoise_meaning(noisy: Array, y: Array, *biases: Array) -> Array:
    for bias in biases[:-1]:
        y = np.maximum(y + bias[:, None, None], 0)
    return noisy - (y + biases[-1][:, None, None])


def workloads() -> list[Workload]:
    """All programs of this module."""
    return [
        *both(
            "relu_add",
            _relu_add,
            ((1, 64, 512, 512), (1, 3, 37, 41)),
            lambda x, y: np.maximum(x, 0) + y,
            scale=1,
        ),
        *both("bias_gelu", _bias_gelu, ((4096, 3072), (37, 65)), _bias_gelu_meaning, roundings=2, scale=1),
        *both(
            "swiglu",
            _swiglu,
            ((4096, 11008), (37, 65)),
            lambda gate, up: gate * sigmoid(gate) * up,
            roundings=4,
        ),
        *both(
            "squeeze_excite_scale",
            _excite,
            ((32, 96, 56, 56), (3, 5, 9, 13)),
            lambda x, gate: x * sigmoid(gate)[:, :, None, None],
            roundings=2,
        ),
        *both("lstm_cell", _lstm, ((64, 1024), (9, 65)), _lstm_meaning, roundings=4, scale=1),
        *both("sar_drn_relu_chain", _denoise, ((64, 512, 512), (3, 17, 37)), _denoise_meaning, roundings=8, scale=1),
    ]
