"""A program of the table with its meaning, at the size that counts and at one that an interpreter runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import ml_dtypes
import numpy as np

from workloads.filling import Array, draw
from workloads.writer import Value, Writer

Size = Literal["full", "small"]
Sizes = tuple[int, ...]
DTYPES = ("f32", "bf16")
_NARROW = (np.dtype(np.float32), np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))


@dataclass(frozen=True)
class Workload:
    """One public function and what it must compute.

    Attributes:
        name: Unique but for the dtype, as `softmax_4096x1024`.
        family: What several sizes have in common, as `softmax`.
        dtype: Of its floats: f32 or bf16; f16 can be asked for by `in_dtype`.
        write: Writes it: takes a writer, the dtype and sizes, gives the results.
        full: The sizes that count.
        small: Sizes that keep every loop and leave rests.
        meaning: Takes the inputs, floats as float64, gives the result or a tuple of them.
        roundings: How often a result is rounded to its dtype on the way.
        scale: Added to a result's magnitude when its error is judged: what it was subtracted from.
    """

    name: str
    family: str
    dtype: str
    write: Callable[..., Value | tuple[Value, ...]]
    full: Sizes
    small: Sizes
    meaning: Callable[..., Any]
    roundings: float = 1
    scale: float = 0

    def in_dtype(self, dtype: str) -> Workload:
        """The same on floats of another type."""
        return replace(self, dtype=dtype)

    def text(self, size: Size = "full") -> str:
        """Its MLIR: linalg on tensors."""
        return self._written(size)[0]

    def inputs(self, size: Size = "full", seed: int = 0) -> tuple[Array, ...]:
        """Arrays for a call; others for each seed."""
        arguments = [(a.fill, a.value) for a in self._written(size)[1].arguments]
        return tuple(draw(fill, value.name, value.shape, value.dtype, seed) for fill, value in arguments)

    def reference(self, *inputs: Array) -> tuple[Array, ...]:
        """What NumPy says in float64 about some inputs."""
        wide = [array.astype(np.float64) if array.dtype in _NARROW else array for array in inputs]
        results = self.meaning(*wide)
        return results if isinstance(results, tuple) else (results,)

    def _written(self, size: Size) -> tuple[str, Writer]:
        writer = Writer()
        results = self.write(writer, self.dtype, *(self.full if size == "full" else self.small))
        return writer.text(*(results if isinstance(results, tuple) else (results,))), writer


def both(
    family: str,
    write: Callable[..., Value | tuple[Value, ...]],
    sizes: tuple[Sizes, Sizes],
    meaning: Callable[..., Any],
    *,
    name: str | None = None,
    roundings: float = 1,
    scale: float = 0,
) -> list[Workload]:
    """A workload in f32 and in bf16; `sizes` are the full ones and the small ones."""
    full, small = sizes
    return [Workload(name or family, family, dtype, write, full, small, meaning, roundings, scale) for dtype in DTYPES]
