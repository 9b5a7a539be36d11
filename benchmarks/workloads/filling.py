"""How the elements of arguments are drawn: from the argument's name and shape alone, so each run has the same."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Fill = Callable[[np.random.Generator, tuple[int, ...]], Array]
"""Draws elements of a shape; they are then rounded to the argument's dtype."""

DTYPES: dict[str, np.dtype[Any]] = {
    "f32": np.dtype(np.float32),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f16": np.dtype(np.float16),
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i64": np.dtype(np.int64),
}


def draw(fill: Fill, name: str, shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    """The array of an argument; another one for each seed."""
    key = (name, shape, seed) if seed else (name, shape)
    generator = np.random.default_rng(zlib.crc32(repr(key).encode()))
    return np.asarray(fill(generator, shape)).astype(DTYPES[dtype])


def normal(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normally distributed numbers."""
    return generator.standard_normal(shape, np.float32)


def positive(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers from 0.5 to 2: variances."""
    return generator.uniform(0.5, 2, shape)


def below(limit: int) -> Fill:
    """Whole numbers below a limit: indices."""
    return lambda generator, shape: generator.integers(0, limit, shape)


def mask(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Flags, the first of each row set."""
    flags = generator.integers(0, 2, shape).astype(np.bool_)
    flags[..., 0] = True
    return flags


def angles(function: Callable[[Array], Array]) -> Fill:
    """Sine or cosine of the angles of a rotary embedding: (positions, features)."""

    def fill(_: np.random.Generator, shape: tuple[int, ...]) -> Array:
        half = shape[-1] // 2
        turn = np.outer(np.arange(shape[-2]), 1 / 10_000 ** (np.arange(half) / half))
        return function(np.concatenate([turn, turn], -1))

    return fill
