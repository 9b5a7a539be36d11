"""`math` on every float dtype, and on integers.

Programs: absf cbrt ceil cos sin tan acos asin atan sinh cosh tanh asinh acosh atanh exp exp2 expm1
log log2 log10 log1p sqrt rsqrt erf erfc floor round roundeven trunc copysign atan2 powf fma fpowi
sincos isnan isinf isfinite isnormal clampf on f64 f32 f16 bf16; absi ipowi ctpop ctlz cttz on
integers; the limits of each function at NaN, the infinities, the zeros and large arguments.
"""

# ruff: noqa: E731 - what builds a text is a small lambda
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tolerance import Expected

from .arithmetic import N, _special_pair, _whole, per_dtype, unsigned
from .program import BITS, DTYPES, FLOATS, INTS, Array, Program, integers, normal, uniform

erf = np.vectorize(math.erf, otypes=[float])
erfc = np.vectorize(math.erfc, otypes=[float])


def rounded(x: Array) -> Array:
    """Halves away from zero."""
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


# name: (low, high, meaning, |x f'(x)| or 0): the interval on which the function is checked.
_UNARY: dict[str, tuple[float, float, Callable[[Array], Array], Callable[[Array], Any]]] = {
    "absf": (-5, 5, np.abs, lambda x: 0),
    "cbrt": (-9, 9, np.cbrt, lambda x: 0),
    "ceil": (-9, 9, np.ceil, lambda x: 0),
    "floor": (-9, 9, np.floor, lambda x: 0),
    "round": (-9, 9, rounded, lambda x: 0),
    "roundeven": (-9, 9, np.rint, lambda x: 0),
    "trunc": (-9, 9, np.trunc, lambda x: 0),
    "sin": (-9, 9, np.sin, lambda x: x * np.cos(x)),
    "cos": (-9, 9, np.cos, lambda x: x * np.sin(x)),
    "tan": (-1.4, 1.4, np.tan, lambda x: x / np.cos(x) ** 2),
    "asin": (-0.99, 0.99, np.arcsin, lambda x: x / np.sqrt(1 - x * x)),
    "acos": (-0.99, 0.99, np.arccos, lambda x: x / np.sqrt(1 - x * x)),
    "atan": (-9, 9, np.arctan, lambda x: 0),
    "sinh": (-5, 5, np.sinh, lambda x: x * np.cosh(x)),
    "cosh": (-5, 5, np.cosh, lambda x: x * np.sinh(x)),
    "tanh": (-5, 5, np.tanh, lambda x: 0),
    "asinh": (-9, 9, np.arcsinh, lambda x: 0),
    "acosh": (1.1, 9, np.arccosh, lambda x: x / np.sqrt(x * x - 1)),
    "atanh": (-0.95, 0.95, np.arctanh, lambda x: x / (1 - x * x)),
    "exp": (-9, 9, np.exp, lambda x: x * np.exp(x)),
    "exp2": (-9, 9, np.exp2, lambda x: x * np.exp2(x)),
    "expm1": (-5, 5, np.expm1, lambda x: x * np.exp(x)),
    "log": (0.01, 50, np.log, lambda x: 1),
    "log2": (0.01, 50, np.log2, lambda x: 1.5),
    "log10": (0.01, 50, np.log10, lambda x: 0.5),
    "log1p": (-0.9, 9, np.log1p, lambda x: x / (1 + x)),
    "sqrt": (0, 50, np.sqrt, lambda x: 0),
    "rsqrt": (0.01, 50, lambda x: 1 / np.sqrt(x), lambda x: 0),
    "erf": (-3, 3, erf, lambda x: 0),
    "erfc": (-2, 2, erfc, lambda x: x * np.exp(-x * x)),
}
_RARE = {"asinh", "acosh", "atanh", "cbrt", "erfc", "sinh", "cosh"}


def _unary() -> list[Program]:
    programs = []
    for name, (low, high, meaning, scale) in _UNARY.items():

        def data(dtype: str, low: float = low, high: float = high) -> tuple[Array, ...]:
            x = uniform(N, low, high, dtype)
            if low < -2:
                x[:6] = [0.5, 1.5, 2.5, -0.5, -1.5, 0.0]
            return (x,)

        programs.append(
            per_dtype(
                f"math_{name}",
                FLOATS,
                lambda d, n=name: f"%0 = math.{n} %a : {d}",
                data,
                lambda x, f=meaning, s=scale: Expected(f(x), np.abs(s(x))),
            )
        )
    return programs


def _limits() -> list[Program]:
    """NaN, infinities, zeros and arguments that leave the range, as PyTorch has them."""
    points = np.array(
        [
            1e-6,
            -3e-8,
            np.nan,
            np.inf,
            -np.inf,
            0.0,
            -0.0,
            1.0,
            -1.0,
            100.0,
            -100.0,
            1000.0,
            -1000.0,
            88.5,
            89.0,
            -87.5,
            -104.0,
        ]
    )
    programs = []
    for name in (
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log1p",
        "sqrt",
        "rsqrt",
        "tanh",
        "erf",
        "sin",
        "atan",
        "absf",
        "floor",
        "roundeven",
        "cbrt",
    ):
        meaning, scale = _UNARY[name][2:]

        def data(dtype: str) -> tuple[Array, ...]:
            return (np.resize(points, N).astype(DTYPES[dtype]),)

        def reference(x: Array, f: Callable[[Array], Array] = meaning, s: Callable[[Array], Any] = scale) -> Expected:
            y, spread = f(x), np.abs(s(x)) * np.ones_like(x)
            return Expected(y, np.where(np.isfinite(spread), spread, 0))

        programs.append(
            per_dtype(f"limits_{name}", ("f64", "f32"), lambda d, n=name: f"%0 = math.{n} %a : {d}", data, reference)
        )
    return programs


def _others() -> list[Program]:
    pair = lambda d: (normal(N, d, key="x"), normal(N, d, key="y"))
    triple = lambda d: tuple(normal(N, d, key=k) for k in "xyz")
    power = lambda d: (uniform(N, 0.2, 4, d, key="x"), uniform(N, -2, 2, d, key="y"))
    special = lambda d: (_special_pair(d)[0],)
    test = lambda name, f, full=False: per_dtype(
        f"math_{name}", FLOATS, lambda d: f"%0 = math.{name} %a : {d}", special, f, result=lambda _: "i1", full=full
    )
    integer = lambda name, f, data=lambda d: _whole(d)[:1]: per_dtype(
        f"math_{name}", INTS, lambda d: f"%0 = math.{name} %a : {d}", data, f
    )
    return [
        per_dtype("math_copysign", FLOATS, lambda d: f"%0 = math.copysign %a, %b : {d}", pair, np.copysign),
        per_dtype("math_atan2", FLOATS, lambda d: f"%0 = math.atan2 %a, %b : {d}", pair, np.arctan2),
        per_dtype(
            "math_atan2_special", ("f64", "f32"), lambda d: f"%0 = math.atan2 %a, %b : {d}", _special_pair, np.arctan2
        ),
        per_dtype(
            "math_powf",
            FLOATS,
            lambda d: f"%0 = math.powf %a, %b : {d}",
            power,
            lambda x, y: Expected(x**y, np.abs(x**y) * (1 + np.abs(y * np.log(x)))),
        ),
        per_dtype(
            "math_powf_special", ("f64", "f32"), lambda d: f"%0 = math.powf %a, %b : {d}", _special_pair, np.power
        ),
        per_dtype(
            "math_fma",
            FLOATS,
            lambda d: f"%0 = math.fma %a, %b, %c : {d}",
            triple,
            lambda x, y, z: Expected(x * y + z, np.abs(x * y) + np.abs(z)),
        ),
        per_dtype(
            "math_fpowi",
            ("f64", "f32"),
            lambda d: f"%0 = math.fpowi %a, %b : {d}, i32",
            lambda d: (uniform(N, 0.5, 2, d), integers(N, -4, 6)),
            lambda x, n: Expected(x ** n.astype(float), np.abs(5 * x ** n.astype(float))),
        ),
        test("isnan", np.isnan),
        test("isinf", np.isinf),
        test("isfinite", np.isfinite),
        test("isnormal", lambda x: np.isfinite(x) & (x != 0), full=True),
        integer("absi", np.abs),
        integer("ctpop", lambda x: np.bitwise_count(unsigned(x)).astype(x.dtype)),
        integer("ctlz", _leading_zeros, _bits),
        integer("cttz", _trailing_zeros, _bits),
        per_dtype(
            "math_ipowi",
            ("i32", "i64"),
            lambda d: f"%0 = math.ipowi %a, %b : {d}",
            lambda d: (integers(N, -7, 7, d, key="x"), integers(N, 0, 9, d, key="y")),
            lambda x, y: x**y,
        ),
    ]


def _bits(dtype: str) -> tuple[Array, ...]:
    x = integers(N, dtype=dtype, key="x")
    x[: BITS[dtype] - 1] = (1 << np.arange(BITS[dtype] - 1))[:N]
    x[-2:] = 0, -1
    return (x,)


def _leading_zeros(x: Array) -> Array:
    bits = 8 * x.dtype.itemsize
    return np.array([bits - int(v).bit_length() for v in unsigned(x)], x.dtype)


def _trailing_zeros(x: Array) -> Array:
    bits = 8 * x.dtype.itemsize
    return np.array([(int(v) & -int(v)).bit_length() - 1 if v else bits for v in x], x.dtype)


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_unary(), *_limits(), *_others()]
