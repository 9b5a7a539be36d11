"""Loops that store tiles one behind the other: all that such a loop stores is one run of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from powerfusion.core._mlir import entry_block, integer_of, is_made_in, operations, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes

LONGEST_BYTES = 4096  # that are gathered at once


@dataclass(frozen=True)
class StoreRun:
    """What a loop stores.

    Attributes:
        store: What stores it, tile by tile.
        dim: The dimension of the memref that the loop goes along.
        low: Where in that it begins.
        length: How far it goes.
        step: How far each tile does.
        each: Elements for one index of that dimension.
        element: Bytes of an element.
    """

    store: ir.Operation
    dim: int
    low: int
    length: int
    step: int
    each: int
    element: int

    @property
    def strip(self) -> int:
        """How far a part goes that is gathered at once: all of it, or as many tiles as that is long at most."""
        most = LONGEST_BYTES // max(1, self.each * self.element)
        return self.length if self.length <= most else most // self.step * self.step


def store_run(loop: ir.Operation, stores: Sequence[ir.Operation]) -> StoreRun | None:
    """The run that a loop of known bounds stores with one op, of some that count; None where it is none."""
    bounds = [integer_of(value) for value in list(loop.operands)[:3]]
    body = entry_block(loop)
    inner = operations(body)
    if len(stores) != 1 or None in bounds or any(len(op.regions) for op in inner):
        return None
    low, high, step = (bound or 0 for bound in bounds)
    (tile,), (memref,), indices, valid = segments(stores[0])
    known = [integer_of(count) for count in valid] if valid else list(tile.type.shape)
    dim = _dim_along(list(memref.type.shape), [-1 if length is None else length for length in known], step)
    if dim is None or low >= high or (high - low) % step or indices[dim] != body.arguments[0]:
        return None
    if any(is_made_in(index, body) for at, index in enumerate(indices) if at != dim):
        return None
    each, element = prod(memref.type.shape[dim + 1 :]), element_bytes(tile)
    run = StoreRun(stores[0], dim, low, high - low, step, each, element)
    return run if run.strip == run.length or (run.strip and not loop.results) else None


def _dim_along(shape: Sequence[int], lengths: Sequence[int], step: int) -> int | None:
    """The dimension along which tiles of some lengths are one run of memory, and follow on one another by a step."""
    for dim in reversed(range(len(lengths))):
        if all(length == 1 for length in lengths[:dim]) and lengths[dim] == step:
            return dim
        if lengths[dim] != shape[dim]:
            return None
    return None
