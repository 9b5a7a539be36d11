"""The meaning of `arith` on tiles and numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from powerfusion.reference.ops.elementwise import elementwise, rounded, signed, unsigned, widened
from powerfusion.reference.program import Instruction
from powerfusion.reference.registry import meaning
from powerfusion.reference.types import Array
from powerfusion.reference.values import Tile, all_real

# Floats


@elementwise("arith.addf")
def addf(x: Array, y: Array) -> Array:
    """The sum."""
    return x + y


@elementwise("arith.subf")
def subf(x: Array, y: Array) -> Array:
    """The difference."""
    return x - y


@elementwise("arith.mulf")
def mulf(x: Array, y: Array) -> Array:
    """The product."""
    return x * y


@elementwise("arith.divf")
def divf(x: Array, y: Array) -> Array:
    """The quotient."""
    return x / y


@elementwise("arith.remf")
def remf(x: Array, y: Array) -> Array:
    """What division leaves, with the sign of the dividend."""
    return np.fmod(x, y)


@elementwise("arith.negf")
def negf(x: Array) -> Array:
    """The other sign, of zero and NaN too."""
    return -x


@elementwise("arith.maximumf")
def maximumf(x: Array, y: Array) -> Array:
    """The larger; NaN if either is, and +0 is larger than -0."""
    return np.where((x == y) & np.signbit(x), y, np.maximum(x, y))


@elementwise("arith.minimumf")
def minimumf(x: Array, y: Array) -> Array:
    """The smaller; NaN if either is, and -0 is smaller than +0."""
    return np.where((x == y) & np.signbit(x), x, np.minimum(x, y))


@elementwise("arith.maxnumf")
def maxnumf(x: Array, y: Array) -> Array:
    """The larger, or the one that is a number."""
    return np.fmax(x, y)


@elementwise("arith.minnumf")
def minnumf(x: Array, y: Array) -> Array:
    """The smaller, or the one that is a number."""
    return np.fmin(x, y)


# Integers: all wrap around. An i1 is a byte of 0 or 1.


@elementwise("arith.addi")
def addi(x: Array, y: Array) -> Array:
    """The sum."""
    return unsigned(x) + unsigned(y)


@elementwise("arith.subi")
def subi(x: Array, y: Array) -> Array:
    """The difference."""
    return unsigned(x) - unsigned(y)


@elementwise("arith.muli")
def muli(x: Array, y: Array) -> Array:
    """The product."""
    return unsigned(x) * unsigned(y)


@elementwise("arith.floordivsi")
def floordivsi(x: Array, y: Array) -> Array:
    """The quotient, rounded down."""
    return signed(x) // signed(y)


@elementwise("arith.ceildivsi")
def ceildivsi(x: Array, y: Array) -> Array:
    """The quotient, rounded up."""
    x, y = signed(x), signed(y)
    return x // y + ((x % y) != 0)


@elementwise("arith.divsi")
def divsi(x: Array, y: Array) -> Array:
    """The quotient, rounded to zero."""
    x, y = signed(x), signed(y)
    return x // y + (((x % y) != 0) & ((x < 0) != (y < 0)))


@elementwise("arith.remsi")
def remsi(x: Array, y: Array) -> Array:
    """What `divsi` leaves, with the sign of the dividend."""
    return np.fmod(signed(x), signed(y))


@elementwise("arith.divui")
def divui(x: Array, y: Array) -> Array:
    """The quotient of unsigned integers."""
    return unsigned(x) // unsigned(y)


@elementwise("arith.ceildivui")
def ceildivui(x: Array, y: Array) -> Array:
    """The quotient of unsigned integers, rounded up."""
    x, y = unsigned(x), unsigned(y)
    return x // y + ((x % y) != 0)


@elementwise("arith.remui")
def remui(x: Array, y: Array) -> Array:
    """What `divui` leaves."""
    return unsigned(x) % unsigned(y)


@elementwise("arith.xori")
def xori(x: Array, y: Array) -> Array:
    """Bits that differ."""
    return x ^ y


@elementwise("arith.shli")
def shli(x: Array, y: Array) -> Array:
    """Bits moved up."""
    return unsigned(x) << unsigned(y)


@elementwise("arith.shrui")
def shrui(x: Array, y: Array) -> Array:
    """Bits moved down, zeros after them."""
    return unsigned(x) >> unsigned(y)


@elementwise("arith.shrsi")
def shrsi(x: Array, y: Array) -> Array:
    """Bits moved down, copies of the sign after them."""
    return signed(x) >> signed(np.abs(y)) if x.dtype != np.bool_ else x


@elementwise("arith.maxsi")
def maxsi(x: Array, y: Array) -> Array:
    """The larger of signed integers."""
    return np.maximum(signed(x), signed(y))


@elementwise("arith.minsi")
def minsi(x: Array, y: Array) -> Array:
    """The smaller of signed integers."""
    return np.minimum(signed(x), signed(y))


@elementwise("arith.maxui")
def maxui(x: Array, y: Array) -> Array:
    """The larger of unsigned integers."""
    return np.maximum(unsigned(x), unsigned(y))


@elementwise("arith.minui")
def minui(x: Array, y: Array) -> Array:
    """The smaller of unsigned integers."""
    return np.minimum(unsigned(x), unsigned(y))


@meaning("arith.andi")
def andi(op: Instruction, x: Tile, y: Tile) -> Tile:
    """Bits set in both; a real zero settles it, whatever the other operand is."""
    return _settled(x, y, np.bitwise_and(x.data, y.data), x.data == 0, y.data == 0)


@meaning("arith.ori")
def ori(op: Instruction, x: Tile, y: Tile) -> Tile:
    """Bits set in either; real ones settle it, whatever the other operand is."""
    return _settled(x, y, np.bitwise_or(x.data, y.data), x.data == ~(x.data & 0), y.data == ~(y.data & 0))


def _settled(x: Tile, y: Tile, data: Array, by_x: Array, by_y: Array) -> Tile:
    if x.real is None and y.real is None:
        return Tile(data)
    x_real = np.True_ if x.real is None else x.real
    y_real = np.True_ if y.real is None else y.real
    return Tile(data, np.broadcast_to((x_real & y_real) | (x_real & by_x) | (y_real & by_y), data.shape))


@meaning("arith.mulsi_extended")
def mulsi_extended(op: Instruction, x: Tile, y: Tile) -> tuple[Tile, Tile]:
    """The low and the high half of the product of signed integers."""
    return _extended(signed(x.data), signed(y.data), op, all_real(x, y))


@meaning("arith.mului_extended")
def mului_extended(op: Instruction, x: Tile, y: Tile) -> tuple[Tile, Tile]:
    """The low and the high half of the product of unsigned integers."""
    return _extended(unsigned(x.data), unsigned(y.data), op, all_real(x, y))


def _extended(x: Array, y: Array, op: Instruction, real: Array | None) -> tuple[Tile, Tile]:
    width = 1 if op.type.element == "i1" else 8 * op.type.dtype.itemsize
    product = np.asarray(x, object) * np.asarray(y, object)
    low, high = (np.asarray(part & (2**width - 1), np.uint64) for part in (product, product >> width))
    return Tile(rounded(low, op.type.dtype), real), Tile(rounded(high, op.type.dtype), real)


@meaning("arith.addui_extended")
def addui_extended(op: Instruction, x: Tile, y: Tile) -> tuple[Tile, Tile]:
    """The sum of unsigned integers, and whether it overflowed."""
    total = addi(x.data, y.data)
    total = total & 1 if x.data.dtype == np.bool_ else total
    real = all_real(x, y)
    return Tile(rounded(total, op.type.dtype), real), Tile(total < unsigned(x.data), real)


# Comparison and choice

INTEGER_PREDICATES: tuple[tuple[Callable[..., Any], Callable[[Array], Array]], ...] = (
    (np.equal, signed),
    (np.not_equal, signed),
    (np.less, signed),
    (np.less_equal, signed),
    (np.greater, signed),
    (np.greater_equal, signed),
    (np.less, unsigned),
    (np.less_equal, unsigned),
    (np.greater, unsigned),
    (np.greater_equal, unsigned),
)
"""eq ne slt sle sgt sge ult ule ugt uge."""

FLOAT_PREDICATES: tuple[Callable[[Array, Array], Any], ...] = (
    lambda x, y: np.zeros(np.broadcast_shapes(x.shape, y.shape), np.bool_),
    lambda x, y: x == y,
    lambda x, y: x > y,
    lambda x, y: x >= y,
    lambda x, y: x < y,
    lambda x, y: x <= y,
    lambda x, y: (x < y) | (x > y),
    lambda x, y: ~(np.isnan(x) | np.isnan(y)),
    lambda x, y: ~((x < y) | (x > y)),
    lambda x, y: ~(x <= y),
    lambda x, y: ~(x < y),
    lambda x, y: ~(x >= y),
    lambda x, y: ~(x > y),
    lambda x, y: x != y,
    lambda x, y: np.isnan(x) | np.isnan(y),
    lambda x, y: np.ones(np.broadcast_shapes(x.shape, y.shape), np.bool_),
)
"""false oeq ogt oge olt ole one ord ueq ugt uge ult ule une uno true."""


@meaning("arith.cmpi")
def cmpi(op: Instruction, x: Tile, y: Tile) -> Tile:
    """Whether a predicate holds between two integers."""
    compare, read = INTEGER_PREDICATES[op.attributes["predicate"]]
    return Tile(np.asarray(compare(read(x.data), read(y.data))), all_real(x, y))


@meaning("arith.cmpf")
def cmpf(op: Instruction, x: Tile, y: Tile) -> Tile:
    """Whether a predicate holds between two floats; the ordered ones don't where either is NaN."""
    compare = FLOAT_PREDICATES[op.attributes["predicate"]]
    return Tile(np.asarray(compare(widened(x.data), widened(y.data))), all_real(x, y))


@meaning("arith.select")
def select(op: Instruction, condition: Tile, x: Tile, y: Tile) -> Tile:
    """The first where the condition holds, else the second; the other one has no influence."""
    mask = np.reshape(condition.data, condition.data.shape + (1,) * (x.data.ndim - condition.data.ndim))
    data = np.where(mask, x.data, y.data)
    if condition.real is None and x.real is None and y.real is None:
        return Tile(data)
    chosen = np.where(mask, True if x.real is None else x.real, True if y.real is None else y.real)
    decided = True if condition.real is None else np.reshape(condition.real, mask.shape)
    return Tile(data, np.broadcast_to(chosen & decided, data.shape))


# Casts


@elementwise("arith.extf", "arith.truncf")
def truncf(x: Array) -> Array:
    """The same number, rounded to the nearest of the result's type, ties to even."""
    return x


@elementwise("arith.sitofp", "arith.extsi", "arith.trunci", "arith.index_cast")
def extsi(x: Array) -> Array:
    """The same signed integer; a narrower result keeps the low bits."""
    return signed(x)


@elementwise("arith.uitofp", "arith.extui", "arith.index_castui")
def extui(x: Array) -> Array:
    """The same unsigned integer."""
    return unsigned(x)


@meaning("arith.fptosi", "arith.fptoui")
def fptosi(op: Instruction, x: Tile) -> Tile:
    """The integer towards zero; unspecified where the result's type has no such number."""
    dtype = op.type.dtype
    width = 1 if dtype == np.bool_ else 8 * dtype.itemsize
    low, high = (-(2 ** (width - 1)), 2 ** (width - 1)) if op.name == "arith.fptosi" else (0, 2**width)
    whole = np.trunc(widened(x.data, wide=True))
    fits = (whole >= low) & (whole < high)
    kept = np.where(fits, whole, 0)
    data = kept.astype(np.uint64 if op.name == "arith.fptoui" else np.int64)
    return Tile(rounded(data, dtype), all_real(x, Tile(whole, fits)) if not fits.all() else x.real)


@meaning("arith.bitcast")
def bitcast(op: Instruction, x: Tile) -> Tile:
    """The same bits as another type."""
    return Tile(np.ascontiguousarray(x.data).view(op.type.dtype).reshape(x.data.shape), x.real)


@meaning("arith.constant")
def constant(op: Instruction) -> Tile:
    """Elements that the program holds."""
    return Tile(np.asarray(op.attributes["value"]).astype(op.type.dtype))
