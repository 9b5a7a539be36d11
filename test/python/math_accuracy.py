"""How far functions of f32 are from the truth, in units of the last place.

An ulp is the distance between neighbouring f32 numbers where the true result lies, down to the subnormal numbers.
Infinity counts as the number after the largest, so that an overflow just at the border is an error of a few ulps.
NaN, infinite truths and the sign of zeros must be met exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import powerfusion as pf

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Truth = Callable[..., F64]

LEAST_EXPONENT, MOST_EXPONENT = -126, 127
AFTER_LARGEST = 2.0**128
CHUNK = 1 << 18
NEAR = 2.0**-24  # relative to the truth, at most one ulp
ALL_INPUTS = 1 << 32


@dataclass(frozen=True)
class Worst:
    """The largest error found.

    Args:
        ulps: What it is; infinite where NaN, an infinity or the sign of a zero is wrong.
        inputs: Where.
        got: The result there.
        want: The truth there.
    """

    ulps: float = 0.0
    inputs: tuple[float, ...] = ()
    got: float = 0.0
    want: float = 0.0


def program(body: str, arity: int, count: int, dtype: str = "f32") -> str:
    """One function over `count` elements each of `arity` arguments; `body` has %a, %b and gives %r."""
    names = ["%a", "%b"][:arity]
    type_ = f"tensor<{count}x{dtype}>"
    arguments = ", ".join(f"{name}s: {type_}" for name in names)
    inputs = f"{', '.join(f'{name}s' for name in names)} : {', '.join([type_] * arity)}"
    scalars = ", ".join(f"{name}: {dtype}" for name in [*names, "%old"])
    maps = ", ".join(["affine_map<(d0) -> (d0)>"] * (arity + 1))
    return f"""
func.func @main({arguments}) -> {type_} {{
  %e = tensor.empty() : {type_}
  %y = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel"]}}
      ins({inputs}) outs(%e : {type_}) {{
  ^bb0({scalars}):
    {body}
    linalg.yield %r : {dtype}
  }} -> {type_}
  return %y : {type_}
}}
"""


def compiled(body: str, arity: int = 1, count: int = CHUNK) -> pf.Executable:
    """`program`, compiled."""
    return pf.compile(program(body, arity, count))


def ulp(want: F64) -> F64:
    """The distance between f32 numbers at each of some numbers."""
    exponents = np.clip((want.view(np.int64) >> 52 & 0x7FF) - 1023, LEAST_EXPONENT, MOST_EXPONENT)
    return ((exponents - 23 + 1023) << 52).view(np.float64)


def errors(got: F32, want: F64) -> F64:
    """Per element the error in ulps; infinite where something is wrong that has no distance."""
    with np.errstate(all="ignore"):
        rounded = want.astype(np.float32)
        result = np.clip(got.astype(np.float64), -AFTER_LARGEST, AFTER_LARGEST)
        found = np.abs(result - np.clip(want, -AFTER_LARGEST, AFTER_LARGEST)) / ulp(want)
        wrong = np.isnan(got) != np.isnan(want)
        wrong |= np.isinf(want) & (got != rounded)
        wrong |= ((got == 0) | (rounded == 0)) & (np.signbit(got) != np.signbit(rounded)) & ~np.isnan(want)
    return np.where(wrong, math.inf, np.where(np.isnan(want), 0.0, found))


def worst_of(
    executable: Callable[..., F32], truth: Truth, chunks: Iterator[Sequence[F32]], start: Worst | None = None
) -> Worst:
    """The largest error over chunks of inputs; one below 2^-24 of the truth is none."""
    worst = start or Worst()
    for inputs in chunks:
        got = executable(*inputs)
        with np.errstate(all="ignore"):
            want = truth(*(x.astype(np.float64) for x in inputs))
            near = np.abs(got - want) <= NEAR * np.abs(want)
            near &= got != 0
        at = np.flatnonzero(~near)
        if not at.size:
            continue
        found = errors(got[at], want[at])
        most = int(found.argmax())
        if found[most] > worst.ulps:
            where = at[most]
            worst = Worst(float(found[most]), tuple(float(x[where]) for x in inputs), float(got[where]), want[where])
    return worst


# -- inputs ------------------------------------------------------------------------------------


def every_input(step: int = 1) -> Iterator[tuple[F32]]:
    """Every f32, or every so many, `CHUNK` at a time."""
    for first in range(0, ALL_INPUTS, CHUNK * step):
        bits = np.arange(first, first + CHUNK * step, step, dtype=np.int64)
        yield (np.minimum(bits, ALL_INPUTS - 1).astype(np.uint32).view(np.float32),)


def in_chunks(*inputs: F32) -> Iterator[tuple[F32, ...]]:
    """Arrays of one length, `CHUNK` at a time; the last chunk is filled up with its last elements."""
    for first in range(0, len(inputs[0]), CHUNK):
        parts = [x[first : first + CHUNK] for x in inputs]
        yield tuple(np.concatenate([part, np.repeat(part[-1:], CHUNK - len(part))]) for part in parts)


def random_bits(count: int, seed: int) -> F32:
    """Numbers of all exponents alike, NaN and infinities among them."""
    return np.random.default_rng(seed).integers(0, 1 << 32, count, dtype=np.uint32).view(np.float32)


def neighbours(points: Sequence[float], reach: int = 64) -> F32:
    """The f32 numbers around some points, of either sign."""
    bits = np.array(points, np.float32).view(np.int32).astype(np.int64)
    near = np.clip(bits[:, None] + np.arange(-reach, reach + 1), 0, 0x7FFFFFFF).astype(np.int32).reshape(-1)
    found = near.view(np.float32)
    return np.concatenate([found, -found])


SPECIAL = (0.0, 1e-45, 1.1754944e-38, 1.0, 2.0**-24, 2.0**24, 3.4028235e38, math.inf, math.nan)
"""Points that any function may have trouble at."""
