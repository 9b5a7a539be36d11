"""Reductions along lanes in C: a partial result per lane, folded together at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.tiles import Tile

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.lowering import EmitcLowering


def has_lanes(lowering: EmitcLowering, op: ir.Operation, tiles: Sequence[Tile], dims: Sequence[int]) -> bool:
    """Whether partial results per lane pay."""
    return False


def fold_lanes(
    lowering: EmitcLowering,
    op: ir.Operation,
    tiles: Sequence[Tile],
    extents: tuple[Sequence[int], Sequence[Number]],
) -> None:
    """Folds."""
