"""What a compiled program takes and gives, and how arrays are checked against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from powerfusion.errors import InputError

Array = npt.NDArray[Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f8E4M3FN": np.dtype(ml_dtypes.float8_e4m3fn),
    "f8E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "index": np.dtype(np.int64),
    "ui8": np.dtype(np.uint8),
    "ui16": np.dtype(np.uint16),
    "ui32": np.dtype(np.uint32),
    "ui64": np.dtype(np.uint64),
}
# What NumPy has no type for: as which integers its elements are stored and pass between libraries.
BITS = {"bf16": np.dtype(np.uint16), "f8E4M3FN": np.dtype(np.uint8), "f8E5M2": np.dtype(np.uint8)}
TORCH = {"bf16": "bfloat16", "f8E4M3FN": "float8_e4m3fn", "f8E5M2": "float8_e5m2"}
# What arguments of integers may be, too; only results are said to have no sign.
UNSIGNED = {name: DTYPES[f"u{name}"] for name in ("i8", "i16", "i32", "i64")}


@dataclass(frozen=True)
class ArraySpec:
    """One argument or result.

    Attributes:
        dtype: Element type as MLIR writes it: f32, bf16, i1, ...; ui8 and its like are only of results.
        shape: Sizes, None where any size goes.
        scalar: True for a number rather than an array.
        in_place: True for an array that the program itself reads and writes, a memref to it.
    """

    dtype: str
    shape: tuple[int | None, ...]
    scalar: bool = False
    in_place: bool = False

    def __str__(self) -> str:
        if self.scalar:
            return self.dtype
        return "x".join(["?" if size is None else str(size) for size in self.shape] + [self.dtype])


@dataclass(frozen=True)
class Signature:
    """Arguments and results of a program."""

    name: str
    arguments: tuple[ArraySpec, ...]
    results: tuple[ArraySpec, ...]

    def check(self, arrays: Sequence[Any]) -> list[Array]:
        """Gives the arguments of a call as contiguous arrays.

        Raises:
            InputError: Number, dtype, rank or a size doesn't fit.
        """
        if len(arrays) != len(self.arguments):
            raise InputError(
                f"expected {len(self.arguments)} arguments, got {len(arrays)}",
                help=f"'{self.name}' takes ({', '.join(map(str, self.arguments))})",
            )
        return [
            _check(position, spec, value)
            for position, (spec, value) in enumerate(zip(self.arguments, arrays, strict=True))
        ]


def _check(position: int, spec: ArraySpec, value: Any) -> Array:
    array = _scalar(position, spec, value) if spec.scalar else as_numpy(value, f"argument {position}")
    wanted = DTYPES[spec.dtype]
    if array.dtype not in (wanted, UNSIGNED.get(spec.dtype, wanted)):  # To NumPy, None is float64.
        raise InputError(
            f"expected argument {position} of dtype {wanted}, got {array.dtype}",
            help=f"convert it: x.astype({name_of(spec.dtype)})",
        )
    if array.ndim != len(spec.shape):
        raise InputError(f"expected argument {position} of rank {len(spec.shape)} ({spec}), got shape {array.shape}")
    for dim, (size, given) in enumerate(zip(spec.shape, array.shape, strict=True)):
        if size is not None and size != given:
            raise InputError(
                f"expected argument {position} of size {size} in dimension {dim} ({spec}), got shape {array.shape}"
            )
    if not spec.in_place:
        return np.require(array, requirements=["C", "A"])
    if not (array.flags.c_contiguous and array.flags.aligned and array.flags.writeable):
        raise InputError(
            f"expected argument {position} to be contiguous and writable: the program may write to it",
            help="pass a NumPy array of its own: x.copy()",
        )
    return array


def name_of(dtype: str) -> str:
    """How a dtype is written in Python."""
    return f"ml_dtypes.{TORCH[dtype]}" if dtype in TORCH else f"'{DTYPES[dtype]}'"


def _scalar(position: int, spec: ArraySpec, value: Any) -> Array:
    wanted = DTYPES[spec.dtype]
    try:
        array = np.asarray(value)
        if (
            array.dtype != wanted
            and array.dtype.kind not in _SCALAR_KINDS[wanted.kind if wanted.kind in "biu" else "f"]
        ):
            raise InputError(f"expected argument {position} to be a number of type {spec.dtype}, got {value!r}")
        return array.astype(wanted) if array.ndim == 0 else array
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"expected argument {position} to be a number of type {spec.dtype}, got {value!r}") from error


_SCALAR_KINDS = {"b": "b", "i": "iub", "u": "iub", "f": "fiubV"}


def as_numpy(value: Any, what: str) -> Array:
    """An array as NumPy's, without a copy where memory can be shared.

    Takes NumPy arrays and whatever speaks DLPack and is in the CPU's memory.

    Args:
        value: The array.
        what: What errors call it.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (np.generic, int, float, bool, list, tuple)):
        return np.asarray(value)
    if not hasattr(value, "__dlpack__"):
        raise InputError(
            f"expected {what} to be an array, got {type(value).__name__}",
            help="pass a NumPy array, or anything that speaks DLPack",
        )
    try:
        return np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        shared = torch_as_numpy(value)
        if shared is None:
            raise InputError(f"{what} can't be read through DLPack: {error}") from error
        return shared


def torch_as_numpy(value: Any) -> Array | None:
    """A tensor of torch over the same memory, also where DLPack refuses it: of a type NumPy lacks, or with a gradient.

    None for what is no such tensor, or not in the CPU's memory.
    """
    if type(value).__module__.partition(".")[0] != "torch" or value.device.type != "cpu":
        return None
    value = value.detach()
    name = next((name for name, kind in TORCH.items() if str(value.dtype) == f"torch.{kind}"), None)
    if name is None:
        return value.numpy()
    import torch  # pyright: ignore[reportMissingImports]  only where the caller has it

    bits = torch.int16 if BITS[name].itemsize == 2 else torch.uint8
    return value.view(bits).numpy().view(DTYPES[name])


def like_inputs(results: Sequence[Array], inputs: Sequence[Any]) -> list[Any]:
    """Gives results the kind of the inputs: torch tensors for torch tensors, else NumPy arrays."""
    foreign = [value for value in inputs if not isinstance(value, np.ndarray) and hasattr(value, "__dlpack__")]
    if not foreign or type(foreign[0]).__module__.partition(".")[0] == "numpy":
        return list(results)
    package = type(foreign[0]).__module__.partition(".")[0]
    if package == "torch":
        return [to_torch(result) for result in results]
    if package in ("jax", "jaxlib"):
        import jax.numpy as jnp  # pyright: ignore[reportMissingImports]  only where the caller has it

        return [jnp.asarray(result) for result in results]
    return list(results)


def to_torch(result: Array) -> Any:
    """A NumPy array as torch's tensor, over the same memory."""
    import torch  # pyright: ignore[reportMissingImports]  only where the caller has it

    name = next((name for name in TORCH if result.dtype == DTYPES[name]), None)
    if name is None:
        return torch.from_numpy(result)
    bits = np.int16 if BITS[name].itemsize == 2 else np.uint8
    return torch.from_numpy(result.view(bits)).view(getattr(torch, TORCH[name]))
