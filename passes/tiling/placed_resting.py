"""What a placed kernel has at sram: where it is, and how large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.mlir import ir
from powerfusion.passes.tiling.windows import Window


@dataclass(frozen=True)
class Resting:
    """A value at sram.

    Attributes:
        memref: Where it is.
        starts: Per dimension, the index in the whole value of its first element.
        packed: Per dimension, whether it has one element for each unit, one behind the other.
    """

    memref: ir.Value
    starts: tuple[ir.Value, ...]
    packed: tuple[str | None, ...]


def memref_at(value: ir.Value, shape: Sequence[int]) -> ir.MemRefType:
    """The type of a buffer of that shape where a value is."""
    type_ = value.type
    return ir.MemRefType.get(list(shape), type_.element_type, None, type_.encoding)


def extents_of(window: Window) -> tuple[list[int | ir.Value], list[int]]:
    """The sizes of a window, and what those that aren't static are at most."""
    sizes: list[int | ir.Value] = [axis.size if axis.valid is None else axis.valid for axis in window]
    return sizes, [axis.size for axis in window if axis.valid is not None]
