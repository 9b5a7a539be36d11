"""How far a result may lie from its reference in float64.

The bound on an element is  rtol(dtype) * roundings * (|expected| + scale) + tiny(dtype):

- `rtol` is what one operation of that dtype may lose, with room for the approximations of
  elementary functions: 1e-5 for f32, one rounding for narrower types, 1e-12 for f64.
- `roundings` counts how often a chain rounds to its own dtype; 1 for a single operator.
- `scale` is what conditioning adds: sum |terms| for a sum, |x f'(x)| for a function.
- `tiny` lets subnormal results be flushed to zero.

Integers and booleans are exact. NaN equals NaN, an infinity equals itself, and so does a finite
reference that the dtype rounds to infinity.
"""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]

RTOL: dict[str, float] = {
    "float64": 1e-12,
    "float32": 1e-5,
    "float16": 1e-3,
    "bfloat16": 8e-3,
    "float8_e4m3fn": 0.0625,
    "float8_e5m2": 0.125,
}


@dataclass(frozen=True)
class Expected:
    """A reference value with the magnitude that its error is relative to.

    Args:
        value: The reference, float64 or exact.
        scale: Broadcastable to `value`; added to |value| before the relative tolerance applies.
        signed_zeros: Whether the sign of a zero counts.
    """

    value: npt.ArrayLike
    scale: npt.ArrayLike = 0.0
    signed_zeros: bool = False


def is_float(dtype: np.dtype) -> bool:
    """Whether `dtype` is a floating-point type (bfloat16 is of kind V to NumPy)."""
    return dtype.name in RTOL


def check(
    actual: Array, expected: Expected | npt.ArrayLike, dtype: np.dtype, *, roundings: float = 1, what: str = "result"
) -> None:
    """Raises AssertionError where `actual` isn't of `dtype`, of the expected shape, or too far off."""
    if not isinstance(expected, Expected):
        expected = Expected(expected)
    value = np.asarray(expected.value)
    assert isinstance(actual, np.ndarray), f"{what}: expected a NumPy array, got {type(actual).__name__}"
    assert actual.dtype == dtype, f"{what}: expected dtype {dtype}, got {actual.dtype}"
    assert actual.shape == value.shape, f"{what}: expected shape {value.shape}, got {actual.shape}"
    if not is_float(dtype):
        wrong = actual != value.astype(dtype)
        assert not wrong.any(), _difference(what, wrong, actual, value)
        return
    got = actual.astype(np.float64)
    want = value.astype(np.float64)
    with np.errstate(all="ignore"):
        rounded = want.astype(dtype).astype(np.float64)
        room = RTOL[dtype.name] * roundings * (np.abs(want) + np.asarray(expected.scale, np.float64)) + _tiny(dtype)
        near = np.abs(got - want) <= room
        # At the edge of the range an approximation may round the other way.
        edge = np.isinf(got) & (np.sign(got) == np.sign(want)) & (np.abs(want) >= _max(dtype) * (1 - RTOL[dtype.name]))
    good = near | (got == rounded) | (np.isnan(got) & np.isnan(want)) | (edge & np.isfinite(want))
    good &= np.isnan(got) == np.isnan(want)
    good &= ~np.isinf(want) | (got == want)
    if expected.signed_zeros:
        good &= np.signbit(got) == np.signbit(want)
    assert good.all(), _difference(what, ~good, got, want)


def _tiny(dtype: np.dtype) -> float:
    """Smallest normal number, or the smallest subnormal for f16, whose normals end early."""
    info = ml_dtypes.finfo(dtype)
    return float(info.smallest_subnormal if dtype.itemsize < 4 and dtype.name != "bfloat16" else info.smallest_normal)


def _max(dtype: np.dtype) -> float:
    return float(ml_dtypes.finfo(dtype).max)


def _difference(what: str, wrong: Array, actual: Array, want: Array) -> str:
    where = np.argwhere(wrong)
    first = tuple(int(i) for i in where[0])
    shown = ", ".join(str(tuple(int(i) for i in index)) for index in where[:4])
    count = f"{len(where)} of {wrong.size} elements differ"
    return f"{what}: {count}, at {shown}: expected {want[first]!r}, got {actual[first]!r}"
