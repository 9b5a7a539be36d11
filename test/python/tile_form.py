"""Programs in tile form, written by hand and run through the lowering and the just-in-time compiler.

In a program's text `T<4x8xf32>` is a tile at `reg`, `D<..>` a memref at `dram`, `S<..>` one at `sram`,
and `%c3` the index 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
from programs.check import FULL
from programs.program import DTYPES as WIDE_DTYPES
from programs.program import integers, rng
from tolerance import Expected, check

import powerfusion as pf
from powerfusion.errors import UnspecifiedUse
from powerfusion.frontend.source import read_module
from powerfusion.reference import interpret

Array = npt.NDArray[Any]

DTYPES = {
    **WIDE_DTYPES,
    "f8E4M3FN": np.dtype(ml_dtypes.float8_e4m3fn),
    "f8E5M2": np.dtype(ml_dtypes.float8_e5m2),
}
F8 = ("f8E4M3FN", "f8E5M2")
FLOATS = ("f64", "f32", "f16", "bf16", *F8)
INTEGERS = ("i8", "i16", "i32", "i64", "index")
ALL = (*FLOATS, "i1", *INTEGERS)


def expand(text: str) -> str:
    """Writes short types out."""
    text = re.sub(r"\bT<([^<>]*)>", r"tensor<\1, #gir.at<reg>>", text)
    text = re.sub(r"\bD<([^<>]*)>", r"memref<\1, #gir.at<dram>>", text)
    return re.sub(r"\bS<([^<>]*)>", r"memref<\1, #gir.at<sram>>", text)


def constants(text: str) -> str:
    """Definitions of the index constants that a text uses."""
    numbers = sorted({int(number) for number in re.findall(r"%c(\d+)\b", text)})
    return "\n".join(f"    %c{number} = arith.constant {number} : index" for number in numbers)


def kernel(arguments: str, body: str) -> str:
    """A function that is one kernel.

    Args:
        arguments: As `x:4x?xf32 n:index`: memrefs, and scalars for what has no sizes.
        body: The kernel's, in short types.
    """
    pairs = [item.split(":") for item in arguments.split()]
    types = {name: f"memref<{kind}>" if "x" in kind.replace("index", "") else kind for name, kind in pairs}
    given = ", ".join(f"%{name}: {kind}" for name, kind in types.items())
    taken = ", ".join(f"%{name} = %{name}_ : {kind}" for name, kind in types.items())
    return (
        f"func.func @main({given.replace(':', '_:')}) {{\n"
        f'  gir.kernel "tile" ({taken}) -> () {{\n{constants(body)}\n{expand(body)}\n'
        "    gir.return\n  }\n  return\n}\n"
    )


def run(text: str, *arrays: Any) -> None:
    """Compiles a program and calls it on arrays, in place; in the long form the interpreter must say the same."""
    before = [np.array(array, copy=True) if isinstance(array, np.ndarray) else array for array in arrays]
    pf.compile(text)(*arrays)
    if FULL:
        _interpret(text, before, arrays)


def _interpret(text: str, before: Sequence[Any], after: Sequence[Any]) -> None:
    """Holds arrays against the reference interpreter's; narrow floats round at other times there."""
    module = read_module(text)
    try:
        with module.context:
            arguments = interpret(module, before).arguments
    except UnspecifiedUse:
        return  # Several tests store whole tiles, and look at what is there.
    for array, expected in zip(after, arguments, strict=True):
        if isinstance(array, np.ndarray) and not (name_of(array.dtype) in FLOATS and array.itemsize < 4):
            np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-4)


def name_of(dtype: np.dtype) -> str:
    """MLIR's name of a dtype."""
    return next(name for name, known in DTYPES.items() if known == dtype)


def typed(shape: Sequence[int], dtype: str) -> str:
    """A shape and element type, as in `4x8xf32`."""
    return "x".join([*map(str, shape), dtype])


def on_tiles(
    body: str,
    inputs: Mapping[str, tuple[Array, str]],
    results: Mapping[str, tuple[tuple[int, ...], str]],
    **scalars: int,
) -> list[Array]:
    """Loads each input whole into a tile of its name, runs a body, and gives what its results hold.

    Args:
        body: Computes tiles `%r`, ... from tiles `%x`, ... and index scalars.
        inputs: Arrays and their dtypes by name.
        results: Shape and dtype by name.
        scalars: Indices by name.
    """
    outputs = [np.full(shape, 1, DTYPES[dtype]) for shape, dtype in results.values()]
    types = {name: (array.shape, dtype) for name, (array, dtype) in inputs.items()} | dict(results)
    shown = {name: typed(*kind) for name, kind in types.items()}
    arguments = [f"{name}_m:{kind}" for name, kind in shown.items()] + [f"{name}:index" for name in scalars]
    places = {name: f"%{name}_m[{', '.join(['%c0'] * len(shape))}]" for name, (shape, _) in types.items()}
    lines = [f"%{name} = gir.load {places[name]} : D<{shown[name]}> -> T<{shown[name]}>" for name in inputs]
    lines.append(body)
    lines += [f"gir.store %{name}, {places[name]} : T<{shown[name]}>, D<{shown[name]}>" for name in results]
    arrays = [array for array, _ in inputs.values()]
    run(kernel(" ".join(arguments), "\n".join(lines)), *arrays, *outputs, *scalars.values())
    return outputs


def values(shape: tuple[int, ...], dtype: str, key: object = 0) -> Array:
    """Ordinary values: floats around 1, small integers, booleans."""
    if dtype in FLOATS:
        return rng(shape, dtype, key).uniform(-2, 2, shape).astype(DTYPES[dtype])
    return integers(shape, -5, 5, dtype, key=key)


def garbage(array: Array, valid: Sequence[int]) -> Array:
    """A copy that holds the most harmful elements beyond its valid extents."""
    made = np.full_like(array, True if array.dtype == np.bool_ else 1)
    worst = np.nan if array.dtype.kind in "fV" else np.iinfo(array.dtype).max if array.dtype.kind == "i" else True
    made[...] = np.asarray(worst).astype(array.dtype)
    window = tuple(slice(size) for size in valid)
    made[window] = array[window]
    return made


def wide(array: Array) -> Array:
    """Floats as float64, all else as it is."""
    return array.astype(np.float64) if name_of(array.dtype) in FLOATS else array


def close(actual: Array, expected: Any, *, scale: Any = 0.0, roundings: float = 1) -> None:
    """Raises AssertionError where an array is too far off its reference in float64."""
    check(actual, Expected(expected, scale), actual.dtype, roundings=roundings)
