"""The meaning of `math` on tiles and numbers: computed in f64 and rounded once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from powerfusion.reference.ops.elementwise import bits, compute, elementwise, unsigned
from powerfusion.reference.program import Instruction
from powerfusion.reference.registry import meaning
from powerfusion.reference.types import Array
from powerfusion.reference.values import Tile, all_real

NUMPY: dict[str, Callable[..., Any]] = {
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "absf": np.abs,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "copysign": np.copysign,
    "cos": np.cos,
    "cosh": np.cosh,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "floor": np.floor,
    "isfinite": np.isfinite,
    "isinf": np.isinf,
    "isnan": np.isnan,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "powf": np.power,
    "roundeven": np.rint,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
    "trunc": np.trunc,
}
"""Functions that NumPy has under another name or the same."""


def _take_numpys() -> None:
    for name, function in NUMPY.items():
        elementwise(f"math.{name}", wide=True)(function)


_take_numpys()


@elementwise("math.erf", wide=True)
def erf(x: Array) -> Array:
    """The error function."""
    return np.vectorize(math.erf, otypes=[np.float64])(x)


@elementwise("math.erfc", wide=True)
def erfc(x: Array) -> Array:
    """One less the error function."""
    return np.vectorize(math.erfc, otypes=[np.float64])(x)


@elementwise("math.rsqrt", wide=True)
def rsqrt(x: Array) -> Array:
    """One over the square root."""
    return 1.0 / np.sqrt(x)


@elementwise("math.round", wide=True)
def round_away(x: Array) -> Array:
    """The nearest integer, halves away from zero."""
    return np.copysign(np.trunc(x) + (np.abs(x - np.trunc(x)) >= 0.5) * np.sign(x), x)


@elementwise("math.fma", wide=True)
def fma(x: Array, y: Array, z: Array) -> Array:
    """The product plus a third, rounded once."""
    product = x.astype(np.longdouble) * y.astype(np.longdouble)
    return (product + z).astype(np.float64)


@elementwise("math.fpowi", wide=True)
def fpowi(x: Array, y: Array) -> Array:
    """A float to the power of an integer."""
    return np.power(x, y.astype(np.float64))


@elementwise("math.clampf", wide=True)
def clampf(x: Array, low: Array, high: Array) -> Array:
    """The value, or the bound that it is beyond."""
    return np.minimum(np.maximum(x, low), high)


@meaning("math.isnormal")
def isnormal(op: Instruction, x: Tile) -> Tile:
    """Whether a number is neither zero, subnormal, infinite nor NaN."""
    smallest = float(ml_dtypes.finfo(x.data.dtype).smallest_normal)
    wide = np.abs(x.data.astype(np.float64))
    return Tile((wide >= smallest) & np.isfinite(wide), x.real)


@meaning("math.sincos")
def sincos(op: Instruction, x: Tile) -> tuple[Tile, Tile]:
    """Sine and cosine."""
    dtype = op.type.dtype
    return Tile(compute("math.sin", dtype, x.data), x.real), Tile(compute("math.cos", dtype, x.data), x.real)


@elementwise("math.absi")
def absi(x: Array) -> Array:
    """The magnitude; the least integer stays as it is."""
    return x if x.dtype == np.bool_ else np.abs(x)


@elementwise("math.ctpop")
def ctpop(x: Array) -> Array:
    """How many bits are set."""
    return np.bitwise_count(unsigned(x))


@elementwise("math.ctlz")
def ctlz(x: Array) -> Array:
    """How many zeros lead."""
    count = np.zeros(x.shape, np.int64)
    for bit in range(bits(x)):
        count = np.where((unsigned(x) >> np.uint8(bit)) & 1, bits(x) - 1 - bit, np.where(bit == 0, bits(x), count))
    return count


@elementwise("math.cttz")
def cttz(x: Array) -> Array:
    """How many zeros trail."""
    count = np.full(x.shape, bits(x))
    for bit in reversed(range(bits(x))):
        count = np.where((unsigned(x) >> np.uint8(bit)) & 1, bit, count)
    return count


@meaning("math.ipowi")
def ipowi(op: Instruction, x: Tile, y: Tile) -> Tile:
    """An integer to the power of an integer; a negative power of anything but 1 and -1 is 0."""
    base = x.data.astype(object)
    power = y.data.astype(object)
    whole = np.vectorize(_integer_power, otypes=[object])(base, power, 8 * op.type.dtype.itemsize)
    return Tile(np.asarray(whole, np.uint64).astype(op.type.dtype).reshape(x.data.shape), all_real(x, y))


def _integer_power(base: int, power: int, width: int) -> int:
    if power >= 0:
        return pow(base, power, 2**width)
    return {1: 1, -1: 1 if power % 2 == 0 else 2**width - 1}.get(base, 0)
