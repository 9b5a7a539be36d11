"""Along which dimensions a gather or scatter runs through memory: where its indices only count.

    %r = gir.load %ids[%t]                   another place for each token
    %c = gir.iota dim 1                      counts along a row
    gir.gather %table[%r, %c]                runs along dimension 1: a token's elements are asked for at once

An index counts if it is a `gir.iota`, repeated or turned. What is computed or loaded may point anywhere, and elements
for which such an index differs are asked for one by one. A row counts as where it may lie worst in its granules: counts
don't depend on what was loaded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from powerfusion.core._mlir import defining_op, integers, is_tensor, segments
from powerfusion.mlir import ir
from powerfusion.reference.types import Array

LOOKUPS = ("gir.gather", "gir.scatter")


@dataclass(frozen=True)
class Runs:
    """How a gather or scatter runs through memory.

    Attributes:
        dims: The dimensions of what is looked up along which indices count, and nothing else moves.
        picked: The dimensions of the table whose index picks a row.
    """

    dims: frozenset[int]
    picked: tuple[int, ...]

    def rows(self, shape: Sequence[int]) -> Array:
        """For each element of a lookup the number of its row: elements of one differ only along `dims`."""
        kept = [1 if dim in self.dims else size for dim, size in enumerate(shape)]
        return np.broadcast_to(np.arange(int(np.prod(kept))).reshape(kept), shape)

    def apart(self, table: Array) -> int:
        """A number of bytes of which the places where rows begin are multiples; `table` has addresses."""
        found = 0
        for dim in self.picked:
            if table.shape[dim] > 1 and table.size:
                first, second = (table.take(at, axis=dim).flat[0] for at in (0, 1))
                found = math.gcd(found, int(second - first))
        return found


def runs_of(op: ir.Operation) -> Runs | None:
    """How an op runs through memory, if it is a gather or scatter."""
    if op.name not in LOOKUPS:
        return None
    indices = list(op.operands)[1:] if op.name == "gir.gather" else segments(op)[2]
    dims = tuple(range(indices[0].type.rank))
    along = [_counts(index, dims) for index in indices]
    others = (_moves(index, dims) for index, count in zip(indices, along, strict=True) if count is None)
    running = frozenset(count for count in along if count is not None) - set[int]().union(*others)
    return Runs(running, tuple(at for at, count in enumerate(along) if count not in running))


def _counts(value: ir.Value, dims: Sequence[int]) -> int | None:
    """The dimension along which an index counts, if it does no more; `dims` are what its own are in the lookup."""
    op = defining_op(value)
    if op is None:
        return None
    if op.name == "gir.iota":
        return dims[ir.IntegerAttr(op.attributes["dim"]).value]
    if op.name == "arith.select" and _is_one_value(op.operands[2]):  # Some elements point nowhere.
        return _counts(op.operands[1], dims)
    return _counts(op.operands[0], _below(op, dims)) if op.name in ("gir.broadcast", "gir.permute") else None


def _moves(value: ir.Value, dims: Sequence[int]) -> set[int]:
    """The dimensions along which an index may differ."""
    op = defining_op(value)
    match op.name if op is not None else "":
        case "gir.broadcast" | "gir.permute" if op is not None:
            return _moves(op.operands[0], _below(op, dims))
        case "gir.iota" if op is not None:
            return {dims[ir.IntegerAttr(op.attributes["dim"]).value]}
        case "arith.constant" | "tensor.splat":
            return set()
        case "arith.select" if op is not None and _is_one_value(op.operands[2]):
            return _moves(op.operands[1], dims)
        case name if op is not None and name.startswith(("arith.", "math.")):
            return set[int]().union(*(_moves(operand, dims) for operand in op.operands if is_tensor(operand)))
        case _:
            return set(dims)


def _is_one_value(value: ir.Value) -> bool:
    op = defining_op(value)
    return op is not None and op.name in ("arith.constant", "tensor.splat")


def _below(op: ir.Operation, dims: Sequence[int]) -> list[int]:
    """What the dimensions of the operand of a broadcast or permutation are."""
    if op.name == "gir.permute":
        perm = integers(op.attributes["perm"])
        return [dims[perm.index(dim)] for dim in range(len(perm))]
    new = integers(op.attributes["dims"])
    return [dim for at, dim in enumerate(dims) if at not in new]
