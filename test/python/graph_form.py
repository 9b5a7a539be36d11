"""What hand-written programs in graph form are made of.

In a program `D[4x8xf32]` stands for `tensor<4x8xf32, #gir.at<dram>>`, `S[..]` and `R[..]` for the
same at sram and reg, and `T[..]` for a tensor of the function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
LEVELS = {"D": "dram", "S": "sram", "R": "reg"}


@dataclass(frozen=True)
class Case:
    """A program, its inputs and what it computes.

    Attributes:
        name: Of the test.
        text: The module, with the short types of this file.
        inputs: Arrays to call it with, several calls where the sizes are dynamic.
        reference: Its meaning in NumPy, on the same arrays.
        roundings: How often a result is rounded on the way.
        scale: What errors are relative to, beside the result.
    """

    name: str
    text: str
    inputs: Sequence[Sequence[Any]]
    reference: Callable[..., Array | tuple[Array, ...]]
    roundings: int = 4
    scale: float = 1.0


def expand(text: str) -> str:
    """The module with its types written out."""

    def written(match: re.Match[str]) -> str:
        level, shape = match.groups()
        return f"tensor<{shape}>" if level == "T" else f"tensor<{shape}, #gir.at<{LEVELS[level]}>>"

    return re.sub(r"\b([DSRT])\[([^\[\]]*)\]", written, text)


def kernel(signature: str, body: str, result: str, *, sizes: str = "", maps: str = "") -> str:
    """A function that is one kernel; `signature` is `a: T[..], b: T[..]`, `result` types what %r is."""
    names = [part.split(":", 1) for part in signature.split(", ") if part]
    arguments = ", ".join(f"%{name}: {type_.strip()}" for name, type_ in names)
    given = ", ".join(f"%{name}_ = %{name} : {type_.strip()}" for name, type_ in names)
    body = re.sub(r"%(" + "|".join(name for name, _ in names) + r")\b", r"%\1_", body) if names else body
    results = result.split("; ")
    plain = ", ".join(r.replace("D[", "T[") for r in results)
    returned = "%r" if len(results) == 1 else ", ".join(f"%r{at}" for at in range(len(results)))
    given_sizes = f" sizes({sizes})" if sizes else ""
    count = "" if len(results) == 1 else f":{len(results)}"
    outer = "%out" if len(results) == 1 else ", ".join(f"%out#{at}" for at in range(len(results)))
    return expand(f"""{maps}
func.func @main({arguments}) -> ({plain}) {{
  %out{count} = gir.kernel "k" ({given}){given_sizes} -> ({plain}) {{
{body}
    gir.return {returned} : {", ".join(results)}
  }}
  return {outer} : {plain}
}}
""")


RNG = np.random.default_rng(7)


def floats(*shape: int, dtype: str = "float32") -> Array:
    """Random floats of magnitude 1."""
    return RNG.standard_normal(shape).astype(dtype)


def whole(*shape: int, high: int = 9, dtype: str = "int32") -> Array:
    """Random integers below `high`."""
    return RNG.integers(0, high, shape).astype(dtype)


def windows(
    x: Array, dims: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Array:
    """What `gir.window` says, element by element."""
    rank, shape = x.ndim, list(x.shape)
    for dim, size, stride, dilation in zip(dims, sizes, strides, dilations, strict=True):
        shape[dim] = (shape[dim] - dilation * (size - 1) - 1) // stride + 1
    result = np.empty((*shape, *sizes), x.dtype)
    for place in np.ndindex(*result.shape):
        source = list(place[:rank])
        for entry, dim in enumerate(dims):
            source[dim] = place[dim] * strides[entry] + place[rank + entry] * dilations[entry]
        result[place] = x[tuple(source)]
    return result
