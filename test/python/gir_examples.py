"""The programs of `examples/gir` with inputs and their NumPy meaning, for every test that wants GIR in all its forms.

Those on memrefs write to their last arguments, which come in filled with what must not stay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
FOLDER = Path(__file__).parents[2] / "examples" / "gir"


@dataclass(frozen=True)
class Example:
    """A program of `examples/gir`.

    Args:
        name: The file, without suffix.
        inputs: Arguments of the call; of a program on memrefs, the outputs too.
        expected: What comes out: results, or the outputs' last state.
        outputs: How many of the last arguments are outputs.
        tolerance: Relative and absolute.
    """

    name: str
    inputs: tuple[Any, ...]
    expected: tuple[Array, ...]
    outputs: int = 0
    tolerance: float = 1e-5

    @property
    def text(self) -> str:
        """The program."""
        return (FOLDER / f"{self.name}.mlir").read_text()

    def check(self, results: tuple[Array, ...], arguments: tuple[Array, ...]) -> None:
        """Holds what came out against NumPy."""
        got = arguments[len(arguments) - self.outputs :] if self.outputs else results
        assert len(got) == len(self.expected)
        for array, want in zip(got, self.expected, strict=True):
            assert array.dtype == want.dtype
            np.testing.assert_allclose(array, want, rtol=self.tolerance, atol=self.tolerance)


def examples() -> list[Example]:
    """All of them."""
    return [*_softmax(), *_normalisation(), *_transposition(), *_sums(), *_neighbourhoods(), *_indices()]


def _normal(*shape: int, key: int = 0) -> Array:
    return np.random.default_rng(key).standard_normal(shape).astype(np.float32)


def _output(*shape: int) -> Array:
    return np.full(shape, np.nan, np.float32)


def _softmaxed(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _softmax() -> list[Example]:
    x, long = _normal(10, 50), _normal(3, 256)
    dynamic = [Example("softmax_placed", (v, v.shape[1]), (_softmaxed(v),)) for v in (x, _normal(10, 64))]
    return [
        *dynamic,
        Example("softmax_kept", (x,), (_softmaxed(x),)),
        Example("softmax_tile", (x, _output(10, 50)), (_softmaxed(x),), outputs=1),
        Example("softmax_long_row_placed", (long,), (_softmaxed(long),)),
        Example("softmax_long_row_tile", (long, _output(3, 256)), (_softmaxed(long),), outputs=1),
    ]


def _normalisation() -> list[Example]:
    x, r, w = _normal(9, 64), _normal(9, 64, key=1), _normal(64, key=2)
    h = x + r
    centred = h - h.mean(1, keepdims=True)
    normed = centred / np.sqrt(h.var(1, keepdims=True) + np.float32(1e-5)) * w
    return [Example("residual_layernorm_placed", (x, r, w), (h, normed), tolerance=1e-4)]


def _transposition() -> list[Example]:
    x = _normal(40, 24)
    return [
        Example("transpose_placed", (x,), (x.T,)),
        Example("transpose_tile", (x, _output(24, 40)), (x.T,), outputs=1),
    ]


def _sums() -> list[Example]:
    x, y, z = _normal(64, 48), _normal(6, 50), _normal(20, 30).astype(ml_dtypes.bfloat16)
    w = _normal(30, 24, key=1).astype(ml_dtypes.bfloat16)
    running = np.cumsum(y, 1)
    product = z.astype(np.float32) @ w.astype(np.float32)
    return [
        Example("column_sum_placed", (x,), (x.sum(0),)),
        Example("column_sum_tile", (x, _output(48)), (x.sum(0),), outputs=1),
        Example("cumsum_placed", (y,), (running, running[:, -1])),
        Example("cumsum_tile", (y, _output(6, 50)), (running,), outputs=1),
        Example("matmul_placed", (z, w), (product,)),
        _attention(),
        _attention_placed(),
    ]


def _attention() -> Example:
    m, weight, o = _normal(6, 4), np.abs(_normal(6, 4, key=1)), _normal(6, 4, 8, key=2)
    top = m.max(1)
    scale = np.exp(m - top[:, None])
    expected = (top, (weight * scale).sum(1), (o * scale[..., None]).sum(1))
    return Example("attention", (m, weight, o), expected, tolerance=1e-4)


def _attention_placed() -> Example:
    q, k, v = _normal(2, 10, 8), _normal(2, 50, 8, key=1), _normal(2, 50, 6, key=2)
    return Example("attention_placed", (q, k, v), (_softmaxed(q @ k.transpose(0, 2, 1)) @ v,))


def _neighbourhoods() -> list[Example]:
    x, w = _normal(2, 3, 10, 12), _normal(3, 3, 3, key=1)
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = [wide[:, :, i : i + 10, j : j + 12] * w[None, :, i, j, None, None] for i in range(3) for j in range(3)]
    v, cos, sin = _normal(2, 6, 4, 16), _normal(6, 8, key=1), _normal(6, 8, key=2)
    a, b, c, s = v[..., :8], v[..., 8:], cos[None, :, None], sin[None, :, None]
    return [
        Example("depthwise_placed", (x, w), (sum(taps, np.zeros_like(x)),), tolerance=1e-4),
        Example("rope_placed", (v, cos, sin), (np.concatenate([a * c - b * s, a * s + b * c], -1),)),
        Example("double_buffer_tile", (_normal(12, 64), _output(12, 64)), (_normal(12, 64) ** 2,), outputs=1),
    ]


def _indices() -> list[Example]:
    rng = np.random.default_rng(7)
    table, ids = _normal(50, 32), rng.integers(0, 50, 9)
    values, start = rng.integers(0, 10, 40).astype(np.int32), rng.integers(0, 9, 10).astype(np.int32)
    vector, places = _normal(100), rng.integers(0, 100, 37)
    added, spots, base = _normal(40), rng.integers(0, 100, 40), _normal(100, key=3)
    total = base.copy()
    np.add.at(total, spots, added)
    counts = (np.bincount(values, minlength=10) + start).astype(np.int32)
    return [
        Example("embedding_placed", (table, ids), (table[ids] * np.float32(2),)),
        Example("histogram", (values, start), (counts,)),
        Example("gather_tile", (vector, places, _output(37)), (vector[places],), outputs=1),
        Example("scatter_tile", (added, spots, base), (total,), outputs=1),
    ]


def find(name: str) -> Example:
    """The first example of that name."""
    return next(example for example in examples() if example.name == name)


def identified(select: Callable[[Example], bool] = lambda _: True) -> list[Any]:
    """pytest parameters, one per example."""
    import pytest

    return [pytest.param(example, id=f"{example.name}-{i}") for i, example in enumerate(examples()) if select(example)]
