"""`out=`: arrays of the caller's that results are written to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powerfusion.errors import InputError
from powerfusion.runtime.signature import DTYPES, UNSIGNED, Array, ArraySpec, Signature, as_numpy, name_of


@dataclass(frozen=True)
class Output:
    """Where one result goes.

    Attributes:
        given: What the caller gave.
        array: Its memory, None where it gave nothing.
    """

    given: Any
    array: Array | None


def check_outputs(out: Any, signature: Signature, inputs: Sequence[Array]) -> list[Output]:
    """The caller's arrays as memory for results.

    Args:
        out: An array, or a tuple or list with one per result, None for a result that is to be made.
        signature: What the program gives.
        inputs: What is passed for its arguments.

    Raises:
        InputError: The number of them, or dtype, shape, layout, or kind of one doesn't fit, or its memory is in use.
    """
    given = list(out) if isinstance(out, tuple | list) else [out]
    specs = signature.results
    if len(given) != len(specs):
        raise InputError(
            f"expected 'out' for {len(specs)} results, got {len(given)}",
            help=f"'{signature.name}' gives ({', '.join(map(str, specs))})",
        )
    outputs = [
        Output(value, None if value is None else _check(spec, value, at))
        for at, (spec, value) in enumerate(zip(specs, given, strict=True))
    ]
    _check_apart([output.array for output in outputs], inputs)
    return outputs


def _check_apart(arrays: Sequence[Array | None], inputs: Sequence[Array]) -> None:
    """Makes sure that what is written overlaps nothing else."""
    for at, array in enumerate(arrays):
        if array is None:
            continue
        for number, other in enumerate([*inputs, *arrays[:at]]):
            if other is not None and np.may_share_memory(array, other):
                earlier = number - len(inputs)
                what = f"argument {number}" if earlier < 0 else f"{_named(earlier)}"
                raise InputError(
                    f"expected {_named(at)} to be memory of its own, it overlaps {what}",
                    help="the program may read one while it writes the other: give another array",
                )


def _named(at: int) -> str:
    """What errors call it."""
    return f"'out' for result {at}"


def _check(spec: ArraySpec, value: Any, at: int) -> Array:
    """One array as memory for one result."""
    wanted = DTYPES[spec.dtype]
    if type(value) is np.ndarray and value.dtype == wanted and value.shape == spec.shape and value.flags.carray:
        return value
    what = _named(at)
    if not isinstance(value, np.ndarray) and not hasattr(value, "__dlpack__"):
        raise InputError(f"expected {what} to be an array, got {type(value).__name__}")
    if getattr(value, "requires_grad", False):
        raise InputError(f"expected {what} to need no gradient", help="pass value.detach()")
    array = as_numpy(value, what)
    if array.dtype not in (wanted, UNSIGNED.get(spec.dtype, wanted)):
        raise InputError(
            f"expected {what} of dtype {wanted}, got {array.dtype}",
            help=f"make it by np.empty(.., {name_of(spec.dtype)})",
        )
    fits = array.ndim == len(spec.shape) and all(
        size in (None, got) for size, got in zip(spec.shape, array.shape, strict=True)
    )
    if not fits:
        raise InputError(f"expected {what} to fit {spec}, got shape {array.shape}")
    if not (array.flags.c_contiguous and array.flags.aligned):
        raise InputError(f"expected {what} to be contiguous", help="give an array of its own, as np.empty makes it")
    if not array.flags.writeable:
        raise InputError(f"expected {what} to be writable", help="JAX's arrays aren't: give NumPy's, or torch's")
    return array
