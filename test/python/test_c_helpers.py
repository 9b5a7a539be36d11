"""The functions that generated C takes along: against NumPy, at every edge, with and without fused multiply-adds."""

from __future__ import annotations

import ctypes
import math
import subprocess
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from powerfusion.passes.lowering.emitc import helpers

HEAD = "".join(f"#include <{name}.h>\n" for name in ("math", "stdbool", "stdint", "stdlib", "string"))
NARROW: dict[str, tuple[Any, Any]] = {
    "f16": (np.float16, np.uint16),
    "bf16": (ml_dtypes.bfloat16, np.uint16),
    "f8e4m3": (ml_dtypes.float8_e4m3fn, np.uint8),
    "f8e5m2": (ml_dtypes.float8_e5m2, np.uint8),
}
C_TYPES = {np.float32: "float", np.uint16: "uint16_t", np.uint8: "uint8_t"}
FUNCTIONS: dict[str, Callable[[float], float]] = {
    "exp": math.exp,
    "log": math.log,
    "log1p": math.log1p,
    "expm1": math.expm1,
    "tanh": math.tanh,
    "erf": math.erf,
}
ERROR = 1e-6  # docs/decisions/0010
LEAST_NORMAL = 2.0**-126


@pytest.fixture(scope="module", params=["-march=native", "-ffp-contract=off"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """A loop around each function, compiled for this machine and for any."""
    loops = [_loop(f"pf_{name}_f32", np.float32, np.float32) for name in FUNCTIONS]
    for name, (_, bits) in NARROW.items():
        loops += [_loop(f"pf_{name}_to_f32", bits, np.float32), _loop(f"pf_f32_to_{name}", np.float32, bits)]
    called = [loop.split("(")[0].rpartition("each_")[2] for loop in loops]
    place = tmp_path_factory.mktemp("helpers")
    (place / "h.c").write_text(HEAD + "\n".join(helpers.needed(called)) + "\n".join(loops))
    flags = ["-std=c99", "-Wall", "-Werror", "-O2", "-fPIC", "-shared", request.param]
    subprocess.run(["cc", *flags, "h.c", "-o", "h.so", "-lm"], cwd=place, check=True)
    return ctypes.CDLL(str(place / "h.so"))


def _loop(name: str, source: Any, result: Any) -> str:
    types = C_TYPES[source], C_TYPES[result]
    return (
        f"void each_{name}(const {types[0]} *x, {types[1]} *y, int64_t n) {{\n"
        f"  for (int64_t i = 0; i < n; ++i) y[i] = {name}(x[i]);\n}}\n"
    )


def each(library: ctypes.CDLL, name: str, x: np.ndarray, dtype: Any) -> np.ndarray:
    """A function of every element."""
    y = np.empty(x.shape, dtype)
    getattr(library, f"each_{name}")(
        ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data), ctypes.c_int64(x.size)
    )
    return y


def samples() -> np.ndarray:
    """All exponents and signs, the neighbourhood of 0 densely, and the edges."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 20_000, dtype=np.uint64).astype(np.uint32).view(np.float32)
    edges = [
        0.0,
        -0.0,
        math.inf,
        -math.inf,
        math.nan,
        1.0,
        -1.0,
        1e-45,
        -1e-45,
        1e-38,
        88.72,
        88.73,
        -87.4,
        -103.9,
        89.0,
    ]
    parts = [np.linspace(-20, 20, 20_001), rng.uniform(-1, 1, 10_000), edges]
    with np.errstate(all="ignore"):
        return np.concatenate([bits, *(np.asarray(part, np.float32) for part in parts)])


def exactly(function: Callable[[float], float], x: float) -> float:
    """A function as C's library has it at the edges, where Python raises."""
    try:
        return function(x)
    except OverflowError:
        return math.inf
    except ValueError:
        at_pole = x == 0 if function is math.log else x == -1
        return -math.inf if at_pole else math.nan


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(library: ctypes.CDLL, name: str) -> None:
    """Within 1e-6 of every normal result; NaN, infinities and signed zeros as the C library has them."""
    x = samples()
    got = each(library, f"pf_{name}_f32", x, np.float32)
    want = np.array([exactly(FUNCTIONS[name], float(value)) for value in x])
    with np.errstate(all="ignore"):
        single = want.astype(np.float32)
    normal = np.isfinite(single) & (np.abs(single) >= LEAST_NORMAL)
    assert np.all(np.abs(got[normal].astype(np.float64) - want[normal]) <= ERROR * np.abs(want[normal]))
    special = ~np.isfinite(single)
    np.testing.assert_array_equal(got[special], single[special])
    tiny = ~normal & ~special
    assert np.all(np.abs(got[tiny].astype(np.float64) - single[tiny]) <= LEAST_NORMAL)
    zeros = x == 0
    np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(single[zeros]))


@pytest.mark.parametrize("name", NARROW)
def test_narrow_floats(library: ctypes.CDLL, name: str) -> None:
    """Each of them is read exactly, and what is between two of them rounds as `ml_dtypes` rounds it."""
    dtype, bits = NARROW[name]
    patterns = np.arange(1 << (8 * np.dtype(bits).itemsize)).astype(bits)
    wide = patterns.view(dtype).astype(np.float32)
    np.testing.assert_array_equal(each(library, f"pf_{name}_to_f32", patterns, np.float32), wide)
    finite = np.sort(wide[np.isfinite(wide)])
    middle = finite[:-1] / 2 + finite[1:] / 2
    with np.errstate(all="ignore"):
        near = [np.nextafter(part, np.float32(side)) for part in (finite, middle) for side in (-np.inf, np.inf)]
        x = np.concatenate([samples(), finite, middle, *near])
        want = x.astype(dtype)
    got = each(library, f"pf_f32_to_{name}", x, bits).view(dtype)
    is_nan = np.isnan(want.astype(np.float32))
    np.testing.assert_array_equal(np.isnan(got.astype(np.float32)), is_nan)
    np.testing.assert_array_equal(got.view(bits)[~is_nan], want.view(bits)[~is_nan])
