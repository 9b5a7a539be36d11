"""Whether results of two programs that compute the same agree: sums in another order, not other sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from powerfusion.runtime.signature import Array, Signature

TOLERANCE = 1e-2
"""How far results of two placements may be apart, in parts of the largest."""


def is_close(one: Array, other: Array) -> bool:
    """Whether two arrays are the same but for rounding."""
    if one.shape != other.shape:
        return False
    if one.dtype.kind in "biu":
        return bool(np.mean(one != other) <= TOLERANCE)
    wide, also = (array.astype(np.float64) for array in (one, other))
    largest = np.max(np.abs(wide), initial=0, where=np.isfinite(wide))
    return bool(np.allclose(wide, also, rtol=TOLERANCE, atol=TOLERANCE * largest, equal_nan=True))


def is_same(one: Any, other: Any) -> bool:
    """Whether results, one or several, are the same but for rounding."""
    return all(is_close(a, b) for a, b in zip(several(one), several(other), strict=True))


def several(results: Any) -> tuple[Array, ...]:
    """What a call gave, as a tuple."""
    return results if isinstance(results, tuple) else () if results is None else (results,)


def results_of(program: Callable[..., Any], signature: Signature, inputs: Sequence[Array]) -> list[Array]:
    """What a program gives, and what it leaves in arrays that it writes in place; the inputs stay as they are."""
    pairs = list(zip(signature.arguments, inputs, strict=True))
    given = [array.copy() if spec.in_place else array for spec, array in pairs]
    made = several(program(*given))
    return [*made, *(array for spec, array in zip(signature.arguments, given, strict=True) if spec.in_place)]
