"""Arrays of the command line: `.npy` files and random ones in, `.npy` files out, and what to say of them.

NumPy has no bf16: `ml_dtypes` gives it the type, and in a `.npy` file it is a bare two-byte element (`V2`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from powerfusion.cli.output import reason
from powerfusion.errors import InputError

DTYPES: dict[str, np.dtype[Any]] = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "ui8": np.dtype(np.uint8),
    "ui16": np.dtype(np.uint16),
    "ui32": np.dtype(np.uint32),
    "ui64": np.dtype(np.uint64),
    "index": np.dtype(np.int64),
}
"""NumPy's type for each of MLIR's that an argument may have."""
RANDOM_LIMIT = 100
"""Random integers are in [-RANDOM_LIMIT, RANDOM_LIMIT), from 0 on where they are unsigned."""
_RANDOM = re.compile(r"random(?::(?P<sizes>(?:\d+x)*)(?P<dtype>[a-z]+\d*))?(?::(?P<seed>\d+))?")


@dataclass(frozen=True)
class Argument:
    """An argument of a program, as its signature has it.

    Attributes:
        name: What the program calls it.
        dtype: Its element type.
        shape: Its sizes; `None` where a size is dynamic.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return (
            "x".join(("?" if size is None else str(size)) for size in self.shape)
            + ("x" if self.shape else "")
            + dtype_name(self.dtype)
        )


def dtype_name(dtype: np.dtype[Any]) -> str:
    """MLIR's name of a type: `f32`."""
    for name, known in DTYPES.items():
        if known == dtype:
            return name
    return str(dtype)


def shape_text(array: np.ndarray[Any, Any]) -> str:
    """Shape and type as MLIR writes them: `4x8xf32`."""
    return "x".join([*map(str, array.shape), dtype_name(array.dtype)])


def make_inputs(specs: Sequence[str], arguments: Sequence[Argument]) -> list[np.ndarray[Any, Any]]:
    """Makes the arrays that `--input` names, one per argument, in order.

    Raises:
        InputError: There are too few or too many, or one can't be read or made.
    """
    if len(specs) != len(arguments):
        given = ", ".join(f"{each.name}: {each}" for each in arguments) or "none"
        raise InputError(
            f"expected {len(arguments)} inputs ({given}), got {len(specs)}",
            help="give one --input for each: a .npy file, `random`, or `random:4x8xf32`",
        )
    return [
        make_input(spec, argument, position)
        for position, (spec, argument) in enumerate(zip(specs, arguments, strict=True))
    ]


def make_input(spec: str, argument: Argument, position: int) -> np.ndarray[Any, Any]:
    """Makes one input: the array in a file, or a random one whose seed is its position unless the spec says it."""
    if spec != "random" and not spec.startswith("random:"):
        return load_array(Path(spec), argument)
    match = _RANDOM.fullmatch(spec)
    if match is None or (match["dtype"] and match["dtype"] not in DTYPES):
        raise InputError(
            f"'{spec}' is no random input",
            help=f"write random:4x8xf32 or random:4x8xf32:SEED; types: {', '.join(DTYPES)}",
        )
    seed = int(match["seed"]) if match["seed"] else position
    if match["dtype"]:
        shape = tuple(int(size) for size in match["sizes"].split("x") if size)
        return random_array(shape, DTYPES[match["dtype"]], seed)
    if None in argument.shape:
        raise InputError(
            f"the sizes of {argument.name} ({argument}) are open",
            help=f"say them: random:{str(argument).replace('?', '8')}",
        )
    return random_array(tuple(size for size in argument.shape if size is not None), argument.dtype, seed)


def random_array(shape: tuple[int, ...], dtype: np.dtype[Any], seed: int) -> np.ndarray[Any, Any]:
    """A random array: floats from the normal distribution, small integers, booleans; the same for the same seed."""
    generator = np.random.default_rng(seed)
    try:
        if dtype == np.bool_:
            return generator.integers(0, 2, shape).astype(np.bool_)
        if dtype.kind in "iu":
            low = -RANDOM_LIMIT if dtype.kind == "i" else 0
            return generator.integers(low, RANDOM_LIMIT, shape, dtype=dtype)
        if dtype == np.float64:
            return np.asarray(generator.standard_normal(shape))
        return np.asarray(generator.standard_normal(shape, dtype=np.float32)).astype(dtype)
    except (MemoryError, ValueError) as error:
        need = math.prod(shape) * dtype.itemsize
        raise InputError(f"a random array of {need} bytes can't be made: {error}", help="use smaller sizes") from error


def load_array(path: Path, argument: Argument) -> np.ndarray[Any, Any]:
    """Loads a `.npy` file in the machine's byte order; bare two-byte elements are bf16 where that is expected.

    Raises:
        InputError: It can't be read, or holds something else.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path} isn't there", help=f"it is the input {argument.name} ({argument})") from None
    except OSError as error:
        raise InputError(f"{path} can't be read: {reason(error)}") from error
    except (ValueError, EOFError) as error:
        why = "it holds Python objects" if "allow_pickle" in str(error) else "it is cut off or something else"
        raise InputError(
            f"{path} is no array in NumPy's .npy format: {why}", help="write it with numpy.save"
        ) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise InputError(f"{path} holds several arrays", help="save each as a .npy file of its own")
    if array.dtype == np.dtype("V2") and argument.dtype == DTYPES["bf16"]:
        return array.view(ml_dtypes.bfloat16)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


@dataclass(frozen=True)
class Summary:
    """What an array holds.

    Attributes:
        name: What the program calls it.
        shape: Its sizes.
        dtype: MLIR's name of its type.
        least: The least of its finite elements; `None` if there is none.
        greatest: The greatest.
        nan: How many elements are NaN.
        infinite: How many are infinite.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    least: float | int | bool | None
    greatest: float | int | bool | None
    nan: int
    infinite: int

    @property
    def range(self) -> str:
        """From least to greatest, and what isn't finite."""
        finite = "" if self.least is None else f"{_figure(self.least)} to {_figure(self.greatest)}"
        others = [f"{count} {what}" for count, what in ((self.nan, "NaN"), (self.infinite, "infinite")) if count]
        return ", ".join(filter(None, [finite, *others])) or "empty"


def _figure(value: float | int | bool | None) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).lower()


def summarise(name: str, array: np.ndarray[Any, Any]) -> Summary:
    """Looks through an array."""
    dtype = dtype_name(array.dtype)
    if array.dtype.kind in "biu":
        ends = (array.min().item(), array.max().item()) if array.size else (None, None)
        return Summary(name, array.shape, dtype, *ends, nan=0, infinite=0)
    values = array if array.dtype.itemsize == 8 else array.astype(np.float32, copy=False)
    nan, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    finite = values[np.isfinite(values)] if nan or infinite else values
    ends = (finite.min().item(), finite.max().item()) if finite.size else (None, None)
    return Summary(name, array.shape, dtype, *ends, nan=nan, infinite=infinite)


def save_array(path: Path, array: np.ndarray[Any, Any]) -> None:
    """Writes a `.npy` file; bf16 becomes bare two-byte elements, which `load_array` takes back."""
    bare = array.view("V2") if array.dtype == DTYPES["bf16"] else array
    with path.open("wb") as file:
        np.save(file, bare, allow_pickle=False)
