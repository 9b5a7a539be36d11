"""Largest relative error and time per element of f32 functions on the CPU, as the pipeline compiles them.

    .venv/bin/python benchmarks/math_functions.py [exp log tanh ...]

Samples: random bit patterns (all exponents, NaN, subnormals), a dense grid, and special values.
`docs/decisions/0010-math-functions.md` holds what it printed.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import powerfusion as pf

COUNT = 1 << 20
SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-45, -1e-45, 1e-38, 3.4e38, -3.4e38, 88.72, -87.4, 1.0, -1.0]
REPETITIONS = 15

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "erf": np.vectorize(math.erf),
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sin": np.sin,
    "cos": np.cos,
    "atan": np.arctan,
    "cbrt": np.cbrt,
}


def program(name: str) -> str:
    """One elementwise function over `COUNT` elements."""
    return f"""
#map = affine_map<(d0) -> (d0)>
func.func @main(%x: tensor<{COUNT}xf32>) -> tensor<{COUNT}xf32> {{
  %e = tensor.empty() : tensor<{COUNT}xf32>
  %r = linalg.generic {{indexing_maps = [#map, #map], iterator_types = ["parallel"]}}
      ins(%x : tensor<{COUNT}xf32>) outs(%e : tensor<{COUNT}xf32>) {{
  ^bb0(%a: f32, %u: f32):
    %0 = math.{name} %a : f32
    linalg.yield %0 : f32
  }} -> tensor<{COUNT}xf32>
  return %r : tensor<{COUNT}xf32>
}}
"""


def samples() -> np.ndarray:
    """Bit patterns, a grid of [-20, 20] and special values; (COUNT,) f32."""
    half = COUNT // 2
    bits = np.random.default_rng(0).integers(0, 1 << 32, half, dtype=np.uint64).astype(np.uint32)
    grid = np.linspace(-20, 20, half - len(SPECIAL), dtype=np.float32)
    return np.concatenate([bits.view(np.float32), grid, np.array(SPECIAL, np.float32)])


def measure(name: str) -> str:
    """One line about a function."""
    compiled = pf.compile(program(name), cache=False)
    x = samples()
    got = np.asarray(compiled(x))
    with np.errstate(all="ignore"):
        want = np.asarray(FUNCTIONS[name](x.astype(np.float64)), np.float64)
        rounded = want.astype(np.float32)
        normal = np.isfinite(rounded) & (np.abs(want) >= np.finfo(np.float32).smallest_normal)
        error = np.abs(got[normal] - want[normal]) / np.abs(want[normal])
    wrong = (np.isnan(got) != np.isnan(want)) | (~np.isfinite(rounded) & ~np.isnan(want) & (got != rounded))
    wrong |= (rounded == 0) & (np.signbit(got) != np.signbit(want))
    worst = x[normal][error.argmax()]
    usual = np.random.default_rng(1).uniform(0.01, 4, COUNT).astype(np.float32)
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        compiled(usual)
        times.append(time.perf_counter() - start)
    nanoseconds = min(times) / COUNT * 1e9
    return (
        f"{name:6} error {error.max():.2e} at {worst!r:28} wrong specials {wrong.sum():3} {nanoseconds:6.2f} ns/element"
    )


if __name__ == "__main__":
    for chosen in sys.argv[1:] or FUNCTIONS:
        print(measure(chosen), flush=True)
