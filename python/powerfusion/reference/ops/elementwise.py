"""How an elementwise op is registered and applied: rounding to the element type, and which elements are real.

    @elementwise("arith.addf")
    def addf(x: Array, y: Array) -> Array: return x + y

The function computes in the operands' own type; f16, bf16 and both f8 come widened to f32 (mathematical functions: all
but f64 to f64) and the result is rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from powerfusion.reference.program import Instruction
from powerfusion.reference.registry import meaning
from powerfusion.reference.types import Array
from powerfusion.reference.values import Tile, all_real

F = TypeVar("F", bound=Callable[..., Any])
Function = Callable[..., Any]

FUNCTIONS: dict[str, tuple[Function, bool]] = {}
"""By name: the function, and whether its operands are widened as far as they go."""


def elementwise(*names: str, wide: bool = False) -> Callable[[F], F]:
    """Registers an op that computes each element of its result from those of its operands in the same place."""

    def register(function: F) -> F:
        for name in names:
            FUNCTIONS[name] = (function, wide)
            meaning(name)(_applied(name, function))
        return function

    return register


def _applied(name: str, function: Function) -> Callable[[Instruction, Tile], Tile]:
    def apply_to_tiles(op: Instruction, *tiles: Tile) -> Tile:
        data = compute(name, op.type.dtype, *(tile.data for tile in tiles))
        return Tile(data, all_real(*tiles))

    apply_to_tiles.__doc__ = function.__doc__
    apply_to_tiles.__wrapped__ = function  # pyright: ignore[reportFunctionMemberAccess]  what pages show
    return apply_to_tiles


def compute(name: str, dtype: np.dtype[Any], *arrays: Array) -> Array:
    """The result of an elementwise op on arrays, rounded to `dtype`."""
    function, wide = FUNCTIONS[name]
    return rounded(function(*(widened(array, wide) for array in arrays)), dtype)


def widened(array: Array, wide: bool = False) -> Array:
    """Operands as functions take them: narrow floats as f32, or every float as f64."""
    if array.dtype.kind in "biu" or array.dtype == np.float64:
        return array
    if wide:
        return array.astype(np.float64)
    return array if array.dtype == np.float32 else array.astype(np.float32)


def rounded(array: Any, dtype: np.dtype[Any]) -> Array:
    """An array in the result's type: floats rounded, integers wrapped around."""
    array = np.asarray(array)
    if array.dtype == dtype:
        return array
    if dtype == np.bool_ and array.dtype.kind in "iu":
        return (array & 1).astype(np.bool_)
    return array.astype(dtype)


def signed(x: Array) -> Array:
    """Integers as signed ones; an i1 that is set is -1."""
    return -(x.astype(np.int8)) if x.dtype == np.bool_ else x


def unsigned(x: Array) -> Array:
    """Integers as unsigned ones of the same bits."""
    return x.astype(np.uint8) if x.dtype == np.bool_ else x.view(f"u{x.dtype.itemsize}")


def bits(x: Array) -> int:
    """How many bits an element has."""
    return 1 if x.dtype == np.bool_ else 8 * x.dtype.itemsize
