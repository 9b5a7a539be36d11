"""A program that frameworks are timed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workloads import Workload
from workloads.filling import Array

Touched = Callable[[Array], int]
"""Bytes of an input that a call must read."""


@dataclass(frozen=True)
class Case:
    """A workload and what it must move.

    Attributes:
        workload: The program, its inputs and its meaning.
        operation: What peers know it by: a key of `peers.torch_programs` and the like.
        reads: Bytes that must be read of the inputs; by default all of them.
        products: Multiply-adds that must be done, where they may take longer than the bytes.
        like: Name of the case of another suite whose share of the roofline its own is compared with.
    """

    workload: Workload
    operation: str
    reads: Callable[[tuple[Array, ...]], int] | None = None
    products: int = 0
    like: str = ""

    @property
    def name(self) -> str:
        """Its own, with the dtype."""
        return f"{self.workload.name} {self.workload.dtype}"

    def traffic(self, inputs: tuple[Array, ...], results: tuple[Array, ...]) -> tuple[int, int]:
        """Bytes that must be read and written."""
        read = self.reads(inputs) if self.reads else sum(a.nbytes for a in inputs)
        return read, sum(a.nbytes for a in results)

    def wanted(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """What float64 says, in the dtype of the results' floats where that is f32 or wider."""
        return tuple(np.asarray(value) for value in self.workload.reference(*inputs))


def rows_of(table: int, index: int) -> Callable[[tuple[Array, ...]], int]:
    """For a lookup: the rows that an index names, each once, and everything else but the table."""

    def reads(inputs: tuple[Array, ...]) -> int:
        rows = len(np.unique(inputs[index])) * (inputs[table].nbytes // inputs[table].shape[0])
        return rows + sum(a.nbytes for k, a in enumerate(inputs) if k != table)

    return reads


def error_of(got: Any, wanted: Array, scale: float) -> float:
    """The largest difference, in parts of the wanted magnitude (and `scale`); infinite where NaNs or shapes differ."""
    array = np.asarray(got)
    if array.shape != wanted.shape:
        return float("inf")
    if array.dtype.kind in "biu":
        # A code of int8 is rounded from a float, whose last bit decides between two neighbours; places are exact.
        allowed = 1 if array.dtype == np.int8 else 0
        far = np.abs(array.astype(np.float64) - wanted.astype(np.float64)).max(initial=0) > allowed
        return float("inf") if far else 0.0
    wide, expected = array.astype(np.float64), wanted.astype(np.float64)
    strange = ~np.isfinite(expected)
    if not np.array_equal(wide[strange], expected[strange], equal_nan=True):
        return float("inf")
    with np.errstate(invalid="ignore"):
        differences = np.abs(wide - expected)[~strange] / (np.abs(expected[~strange]) + scale + 1e-30)
    worst = float(np.max(differences, initial=0))
    return worst if worst == worst else float("inf")
