"""Arrays of the command line: `.npy` files and random ones in, `.npy` files out, and what to say of them.

NumPy has no bf16: `ml_dtypes` gives it the type, and in a `.npy` file it is a bare two-byte element (`V2`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import ml_dtypes
import numpy as np

from powerfusion.cli.output import reason
from powerfusion.errors import InputError
from powerfusion.runtime.signature import DTYPES, UNSIGNED, Array, ArraySpec

RANDOM_DTYPES = {**DTYPES, **{f"u{name}": dtype for name, dtype in UNSIGNED.items()}}
"""What a random array may be made of: signless integers are NumPy's signed ones, `ui8` its unsigned."""
RANDOM_LIMIT = 100
"""Random integers are in [-RANDOM_LIMIT, RANDOM_LIMIT), from 0 on where they are unsigned."""
_RANDOM = re.compile(r"random(?::(?P<sizes>(?:\d+x)*)(?P<dtype>[a-z]+\d*))?(?::(?P<seed>\d+))?")


def dtype_name(dtype: np.dtype[Any]) -> str:
    """MLIR's name of a type: `f32`."""
    for name, known in RANDOM_DTYPES.items():
        if known == dtype:
            return name
    return str(dtype)


def make_inputs(words: Sequence[str], arguments: Sequence[ArraySpec]) -> list[Array]:
    """Makes the arrays that `--input` names, one per argument, in order.

    Raises:
        InputError: There are too few or too many, or one can't be read or made.
    """
    if len(words) != len(arguments):
        raise InputError(
            f"expected {len(arguments)} inputs ({', '.join(map(str, arguments)) or 'none'}), got {len(words)}",
            help="give one --input for each: a .npy file, `random`, or `random:4x8xf32`",
        )
    return [make_input(word, spec, place) for place, (word, spec) in enumerate(zip(words, arguments, strict=True))]


def make_input(word: str, spec: ArraySpec, place: int) -> Array:
    """Makes one input: the array in a file, or a random one whose seed is its place unless the word says it."""
    if word != "random" and not word.startswith("random:"):
        return load_array(Path(word), spec, place)
    match = _RANDOM.fullmatch(word)
    if match is None or (match["dtype"] and match["dtype"] not in RANDOM_DTYPES):
        raise InputError(
            f"'{word}' is no random input",
            help=f"write random:4x8xf32 or random:4x8xf32:SEED; types: {', '.join(RANDOM_DTYPES)}",
        )
    seed = int(match["seed"]) if match["seed"] else place
    if match["dtype"]:
        shape = tuple(int(size) for size in match["sizes"].split("x") if size)
        return random_array(shape, RANDOM_DTYPES[match["dtype"]], seed)
    shape = tuple(size for size in spec.shape if size is not None)
    if len(shape) < len(spec.shape):
        raise InputError(
            f"the sizes of argument {place} ({spec}) are open", help=f"say them: random:{str(spec).replace('?', '8')}"
        )
    return random_array(shape, DTYPES[spec.dtype], seed)


def random_array(shape: tuple[int, ...], dtype: np.dtype[Any], seed: int) -> Array:
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


def load_array(path: Path, spec: ArraySpec, place: int) -> Array:
    """Loads a `.npy` file in the machine's byte order; bare two-byte elements are bf16 where that is expected.

    Raises:
        InputError: It can't be read, or holds something else.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path} isn't there", help=f"it is input {place} ({spec})") from None
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
    if array.dtype == np.dtype("V2") and spec.dtype == "bf16":
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


def summarise(name: str, array: Array) -> Summary:
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


def save_array(path: Path, array: Array) -> None:
    """Writes a `.npy` file; bf16 becomes bare two-byte elements, which `load_array` takes back."""
    bare = array.view("V2") if array.dtype == DTYPES["bf16"] else array
    with path.open("wb") as file:
        np.save(_Stream(file), bare, allow_pickle=False)


@dataclass(frozen=True)
class _Stream:
    """Hides that a file is one: into those NumPy writes by itself, and doesn't say why that failed."""

    file: IO[bytes]

    def write(self, data: bytes) -> int:
        """Writes, and says why it can't."""
        return self.file.write(data)
