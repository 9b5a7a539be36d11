"""Every elementwise op on every dtype against Python's own arithmetic, element by element; GIR's ops against NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

from powerfusion.core.context import make_context
from powerfusion.mlir import ir
from powerfusion.reference import interpret

Array = npt.NDArray[Any]
FLOATS: dict[str, Any] = {
    "f64": np.float64,
    "f32": np.float32,
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "f8E4M3FN": ml_dtypes.float8_e4m3fn,
    "f8E5M2": ml_dtypes.float8_e5m2,
}
INTS: dict[str, Any] = {"i1": np.bool_, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64}
WIDTH = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64}
SIZE = 64


def run(text: str, *arrays: Any, **options: Any) -> tuple[Array, ...]:
    """What a function gives."""
    return interpret(ir.Module.parse(text, make_context()), arrays, **options).results


def elementwise(op: str, kinds: Sequence[str], result: str, *arrays: Array, suffix: str = "") -> Array:
    """An op of plain tensors, one per kind of element."""
    names = [f"%x{i}" for i in range(len(kinds))]
    args = ", ".join(f"{n}: tensor<{SIZE}x{k}>" for n, k in zip(names, kinds, strict=True))
    types = suffix or f"tensor<{SIZE}x{kinds[0]}>"
    made = f"tensor<{SIZE}x{result}>"
    body = f"%r = {op} {', '.join(names)} : {types}\nreturn %r : {made}"
    text = f"func.func @f({args}) -> {made} {{\n{body}\n}}"
    return run(text, *arrays)[0]


def floats(kind: str, *, key: int = 0, scale: float = 2.0) -> Array:
    """Ordinary numbers, zeros of both signs, infinities where there are any, and NaN."""
    values = np.random.default_rng(key).standard_normal(SIZE) * scale
    values[:4] = [0.0, -0.0, np.nan, 1.0]
    values = np.roll(values, 3 * key)
    return values.astype(FLOATS[kind])


def ints(kind: str, *, key: int = 0) -> Array:
    """Integers over the whole range, with its ends."""
    rng = np.random.default_rng(key)
    if kind == "i1":
        return rng.integers(0, 2, SIZE).astype(np.bool_)
    info = np.iinfo(INTS[kind])
    values = rng.integers(info.min, info.max, SIZE, dtype=np.int64, endpoint=True).astype(INTS[kind])
    values[:4] = [0, 1, info.min, info.max]
    return np.roll(values, 5 * key)


def signed(value: Any, kind: str) -> int:
    """An element as a signed number of Python's."""
    return -int(value) if kind == "i1" else int(value)


def unsigned(value: Any, kind: str) -> int:
    """An element as an unsigned number."""
    return int(value) % 2 ** WIDTH[kind]


def wrapped(values: Sequence[int], kind: str) -> Array:
    """Python's numbers in a type, wrapped around."""
    if kind == "i1":
        return np.array([value % 2 for value in values]).astype(np.bool_)
    width = WIDTH[kind]
    return np.array([(value + 2 ** (width - 1)) % 2**width - 2 ** (width - 1) for value in values], INTS[kind])


def quotient(x: int, y: int) -> int:
    """Rounded to zero."""
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def maximum(x: float, y: float) -> float:
    """NaN if either is; +0 above -0."""
    if math.isnan(x) or math.isnan(y):
        return math.nan
    return max((x, math.copysign(1, x)), (y, math.copysign(1, y)))[0]


FLOAT_BINARY: dict[str, Callable[[float, float], float]] = {
    "arith.addf": lambda x, y: x + y,
    "arith.subf": lambda x, y: x - y,
    "arith.mulf": lambda x, y: x * y,
    "arith.divf": lambda x, y: float(np.divide(x, y)),
    "arith.remf": lambda x, y: float(np.fmod(x, y)),
    "arith.maximumf": maximum,
    "arith.minimumf": lambda x, y: -maximum(-x, -y),
    "arith.maxnumf": lambda x, y: y if math.isnan(x) else x if math.isnan(y) else max(x, y),
    "arith.minnumf": lambda x, y: y if math.isnan(x) else x if math.isnan(y) else min(x, y),
    "math.copysign": math.copysign,
    "math.atan2": math.atan2,
    "math.powf": lambda x, y: float(np.power(x, y)),
}


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("op", FLOAT_BINARY)
def test_float_binary(op: str, kind: str) -> None:
    """Rounded once from the result in f64, which for f32 and narrower is the nearest."""
    x, y = floats(kind), floats(kind, key=1)
    got = elementwise(op, (kind, kind), kind, x, y)
    with np.errstate(all="ignore"):
        want = np.array([FLOAT_BINARY[op](float(a), float(b)) for a, b in zip(x, y, strict=True)]).astype(FLOATS[kind])
    same_floats(got, want, exact=op.startswith("arith."))


def same_floats(got: Array, want: Array, *, exact: bool) -> None:
    """Equal, NaN and signs of zeros too; or where a function's last bit is open, next to it."""
    got64, want64 = got.astype(np.float64), want.astype(np.float64)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(np.isnan(got64), np.isnan(want64))
    if exact:
        np.testing.assert_array_equal(got64, want64)
        there = ~np.isnan(want64)
        np.testing.assert_array_equal(np.signbit(got64[there]), np.signbit(want64[there]))
        return
    step = float(ml_dtypes.finfo(want.dtype).eps)
    np.testing.assert_allclose(got64, want64, rtol=2 * step, atol=1e-300)


UNARY: dict[str, Callable[[float], float]] = {
    "arith.negf": lambda x: -x,
    "math.absf": abs,
    "math.ceil": lambda x: math.copysign(float(np.ceil(x)), x),
    "math.floor": lambda x: float(np.floor(x)),
    "math.trunc": lambda x: float(np.trunc(x)),
    "math.roundeven": lambda x: x if math.isnan(x) else math.copysign(float(round(x)), x),
    "math.round": lambda x: x if math.isnan(x) else math.copysign(math.floor(abs(x) + 0.5), x),
    "math.exp": math.exp,
    "math.exp2": lambda x: 2.0**x,
    "math.expm1": math.expm1,
    "math.sin": math.sin,
    "math.cos": math.cos,
    "math.tan": math.tan,
    "math.sinh": math.sinh,
    "math.cosh": math.cosh,
    "math.tanh": math.tanh,
    "math.asinh": math.asinh,
    "math.atan": math.atan,
    "math.erf": math.erf,
    "math.erfc": math.erfc,
    "math.cbrt": math.cbrt,
}
POSITIVE: dict[str, Callable[[float], float]] = {
    "math.sqrt": math.sqrt,
    "math.rsqrt": lambda x: 1 / math.sqrt(x),
    "math.log": math.log,
    "math.log2": math.log2,
    "math.log10": math.log10,
    "math.log1p": math.log1p,
    "math.acosh": lambda x: math.acosh(x) if x >= 1 else math.nan,
    "math.asin": lambda x: math.asin(x) if x <= 1 else math.nan,
    "math.acos": lambda x: math.acos(x) if x <= 1 else math.nan,
    "math.atanh": lambda x: math.atanh(x) if x < 1 else math.inf if x == 1 else math.nan,
}


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("op", [*UNARY, *POSITIVE])
def test_float_unary(op: str, kind: str) -> None:
    """Computed in f64 and rounded once."""
    x = floats(kind) if op in UNARY else (np.abs(floats(kind, key=2).astype(np.float64)) + 0.25).astype(FLOATS[kind])
    function = UNARY.get(op) or POSITIVE[op]
    want = np.array([math.nan if math.isnan(float(v)) else function(float(v)) for v in x]).astype(FLOATS[kind])
    same_floats(elementwise(op, (kind,), kind, x), want, exact=op == "arith.negf" or op == "math.absf")


INT_BINARY: dict[str, Callable[[int, int], int]] = {
    "arith.addi": lambda x, y: x + y,
    "arith.subi": lambda x, y: x - y,
    "arith.muli": lambda x, y: x * y,
    "arith.andi": lambda x, y: x & y,
    "arith.ori": lambda x, y: x | y,
    "arith.xori": lambda x, y: x ^ y,
    "arith.maxsi": max,
    "arith.minsi": min,
    "arith.divsi": quotient,
    "arith.floordivsi": lambda x, y: x // y,
    "arith.ceildivsi": lambda x, y: -(-x // y),
    "arith.remsi": lambda x, y: x - quotient(x, y) * y,
}
UNSIGNED_BINARY: dict[str, Callable[[int, int], int]] = {
    "arith.maxui": max,
    "arith.minui": min,
    "arith.divui": lambda x, y: x // y,
    "arith.ceildivui": lambda x, y: -(-x // y),
    "arith.remui": lambda x, y: x % y,
}
DIVIDES = ("div", "rem")


@pytest.mark.parametrize("kind", INTS)
@pytest.mark.parametrize("op", [*INT_BINARY, *UNSIGNED_BINARY])
def test_int_binary(op: str, kind: str) -> None:
    """Python's numbers, wrapped around."""
    x, y = ints(kind), ints(kind, key=1)
    if any(word in op for word in DIVIDES):
        y = np.where((y == 0) | (y == -1 if kind != "i1" else False), 1, y).astype(INTS[kind])
    read = signed if op in INT_BINARY else unsigned
    function = INT_BINARY.get(op) or UNSIGNED_BINARY[op]
    want = wrapped([function(read(a, kind), read(b, kind)) for a, b in zip(x, y, strict=True)], kind)
    np.testing.assert_array_equal(elementwise(op, (kind, kind), kind, x, y), want)


@pytest.mark.parametrize("kind", ["i8", "i16", "i32", "i64"])
@pytest.mark.parametrize("op", ["arith.shli", "arith.shrsi", "arith.shrui"])
def test_shifts(op: str, kind: str) -> None:
    """By less than the width."""
    x = ints(kind)
    y = np.random.default_rng(3).integers(0, WIDTH[kind], SIZE).astype(INTS[kind])
    pairs = list(zip(x, y, strict=True))
    want = {
        "arith.shli": [int(a) << int(b) for a, b in pairs],
        "arith.shrsi": [int(a) >> int(b) for a, b in pairs],
        "arith.shrui": [unsigned(a, kind) >> int(b) for a, b in pairs],
    }[op]
    np.testing.assert_array_equal(elementwise(op, (kind, kind), kind, x, y), wrapped(want, kind))


@pytest.mark.parametrize("kind", ["i8", "i16", "i32", "i64"])
def test_bit_counts(kind: str) -> None:
    """Bits set, leading and trailing zeros."""
    x = ints(kind)
    texts = [f"{unsigned(v, kind):0{WIDTH[kind]}b}" for v in x]
    want = {
        "math.ctpop": [text.count("1") for text in texts],
        "math.ctlz": [len(text) - len(text.lstrip("0")) for text in texts],
        "math.cttz": [len(text) - len(text.rstrip("0")) for text in texts],
        "math.absi": [abs(int(v)) for v in x],
    }
    for op, counts in want.items():
        np.testing.assert_array_equal(elementwise(op, (kind,), kind, x), wrapped(counts, kind))


PREDICATES: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
}


@pytest.mark.parametrize("kind", INTS)
def test_integer_comparisons(kind: str) -> None:
    """All predicates; a set i1 is -1 to the signed ones."""
    x, y = ints(kind), ints(kind, key=1)
    y[:20] = x[:20]
    for name, holds in PREDICATES.items():
        for prefix, read in (("s", signed), ("u", unsigned)) if name not in ("eq", "ne") else (("", signed),):
            got = elementwise(f"arith.cmpi {prefix}{name},", (kind, kind), "i1", x, y)
            want = [holds(read(a, kind), read(b, kind)) for a, b in zip(x, y, strict=True)]
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("kind", FLOATS)
def test_float_comparisons(kind: str) -> None:
    """All predicates; the ordered ones fail where there is a NaN, the others hold."""
    x, y = floats(kind), floats(kind, key=1)
    y[5:20] = x[5:20]
    pairs = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    nan = np.array([math.isnan(a) or math.isnan(b) for a, b in pairs])
    for name, holds in PREDICATES.items():
        held = np.array([holds(a, b) for a, b in pairs])
        np.testing.assert_array_equal(elementwise(f"arith.cmpf o{name},", (kind, kind), "i1", x, y), held & ~nan)
        np.testing.assert_array_equal(elementwise(f"arith.cmpf u{name},", (kind, kind), "i1", x, y), held | nan)
    np.testing.assert_array_equal(elementwise("arith.cmpf uno,", (kind, kind), "i1", x, y), nan)
    np.testing.assert_array_equal(elementwise("arith.cmpf ord,", (kind, kind), "i1", x, y), ~nan)


def cast(op: str, source: str, result: str, x: Array) -> Array:
    """A cast of a tensor."""
    return elementwise(op, (source,), result, x, suffix=f"tensor<{SIZE}x{source}> to tensor<{SIZE}x{result}>")


@pytest.mark.parametrize("kind", list(FLOATS))
def test_float_casts(kind: str) -> None:
    """To wider types exactly, to narrower ones to the nearest; to integers towards zero."""
    x = floats(kind)
    if kind != "f64":
        same_floats(cast("arith.extf", kind, "f64", x), x.astype(np.float64), exact=True)
        wide = floats("f64", key=4)
        same_floats(cast("arith.truncf", "f64", kind, wide), wide.astype(FLOATS[kind]), exact=True)
    ordinary = np.where(np.isnan(x.astype(np.float64)), 1, x.astype(np.float64)).astype(FLOATS[kind])
    want = [int(float(v)) for v in ordinary]
    np.testing.assert_array_equal(cast("arith.fptosi", kind, "i32", ordinary), np.array(want, np.int32))
    numbers = ints("i8")
    same_floats(cast("arith.sitofp", "i8", kind, numbers), numbers.astype(np.float64).astype(FLOATS[kind]), exact=True)
    positive = numbers.view(np.uint8).astype(np.float64).astype(FLOATS[kind])
    same_floats(cast("arith.uitofp", "i8", kind, numbers), positive, exact=True)


def test_integer_casts() -> None:
    """Signs are kept or zeros added; narrower types keep the low bits."""
    x = ints("i16")
    np.testing.assert_array_equal(cast("arith.extsi", "i16", "i64", x), x.astype(np.int64))
    np.testing.assert_array_equal(cast("arith.extui", "i16", "i64", x), x.view(np.uint16).astype(np.int64))
    np.testing.assert_array_equal(cast("arith.trunci", "i16", "i8", x), wrapped([int(v) for v in x], "i8"))
    flags = ints("i1")
    np.testing.assert_array_equal(cast("arith.extsi", "i1", "i32", flags), -flags.astype(np.int32))
    np.testing.assert_array_equal(cast("arith.extui", "i1", "i32", flags), flags.astype(np.int32))
    same_floats(cast("arith.bitcast", "i16", "f16", x), x.view(np.float16), exact=False)


def test_integer_that_does_not_fit_is_unspecified() -> None:
    """A float beyond an integer's range has no integer: nothing may depend on what comes out."""
    from powerfusion.errors import UninitialisedRead

    with pytest.raises(UninitialisedRead):
        cast("arith.fptosi", "f32", "i8", np.full(SIZE, 1e6, np.float32))
