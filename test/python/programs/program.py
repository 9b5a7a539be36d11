"""A program with its meaning: MLIR text, inputs, and what NumPy says about them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Inputs = tuple[Any, ...]

DTYPES: dict[str, np.dtype] = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "index": np.dtype(np.int64),
}
FLOATS = ("f64", "f32", "f16", "bf16")
INTS = ("i8", "i16", "i32", "i64")
BITS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "index": 64, "f64": 64, "f32": 32, "f16": 16, "bf16": 16}


@dataclass(frozen=True)
class Program:
    """One public function and what it must compute.

    Args:
        name: Unique over the suite; the test's id.
        text: MLIR text of a module.
        inputs: The arrays of the first call.
        reference: Takes the inputs, floats widened to float64, and gives one array (or
            `tolerance.Expected`), a tuple of them, or None.
        more: Inputs of further calls of the same compiled program.
        roundings: How often the chain rounds to its own dtype, see `tolerance`.
        full: Runs in the long form only.
        fails: The message of the `cf.assert` that these inputs violate.
    """

    name: str
    text: str
    inputs: Inputs
    reference: Callable[..., Any]
    more: tuple[Inputs, ...] = ()
    roundings: float = 1
    full: bool = False
    fails: str | None = None


def rng(*key: object) -> np.random.Generator:
    """A generator that depends on `key` alone, so that a failing program can be run by itself."""
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def normal(shape: int | tuple[int, ...], dtype: str = "f32", *, key: object = 0, scale: float = 1.0) -> Array:
    """Normally distributed floats, rounded to `dtype`."""
    return np.asarray(rng(shape, dtype, key).standard_normal(shape) * scale).astype(DTYPES[dtype])


def uniform(shape: int | tuple[int, ...], low: float, high: float, dtype: str = "f32", *, key: object = 0) -> Array:
    """Uniformly distributed floats in [low, high), rounded to `dtype`."""
    return np.asarray(rng(shape, dtype, key, low, high).uniform(low, high, shape)).astype(DTYPES[dtype])


def integers(
    shape: int | tuple[int, ...],
    low: int | None = None,
    high: int | None = None,
    dtype: str = "i32",
    *,
    key: object = 0,
) -> Array:
    """Integers in [low, high], by default over the whole range of `dtype`."""
    if dtype == "i1":
        return rng(shape, dtype, key).integers(0, 2, shape).astype(np.bool_)
    info = np.iinfo(DTYPES[dtype])
    low = int(info.min) if low is None else low
    high = int(info.max) if high is None else high
    return np.asarray(rng(shape, dtype, key).integers(low, high, shape, dtype=np.int64, endpoint=True)).astype(
        DTYPES[dtype]
    )


def values(shape: int | tuple[int, ...], dtype: str, *, key: object = 0) -> Array:
    """Ordinary values of any dtype: normal floats, small integers, booleans."""
    if dtype in FLOATS:
        return normal(shape, dtype, key=key)
    return integers(shape, -50, 50, dtype, key=key)


def widened(array: Any) -> Any:
    """The array as references see it: floats as float64, all else as it is."""
    array = np.asarray(array)
    return array.astype(np.float64) if array.dtype in {DTYPES[name] for name in FLOATS} else array
