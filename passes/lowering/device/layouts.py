"""How tiles lie in a scratchpad, and how views of them do.

A tile is row-major. Its rows begin where intrinsics can, so that there may be elements behind a row that belong to
nobody; short rows lie side by side. A view of a tile, where it is one that strides can tell, is so many elements away
per step along each dimension; 0 along what is broadcast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.passes.lowering.emitc.tiles import Held, Tile, spread_index, squeezed, squeezed_index
from powerfusion.passes.scheduling.packing import aligned


@dataclass(frozen=True)
class Layout:
    """Where the elements of a tile are.

    Attributes:
        held: What they are a part of; none of a tile whose elements are one number.
        offset: Of the first, in elements.
        strides: Along each dimension that isn't 1.
    """

    held: Held | None
    offset: int
    strides: tuple[int, ...]


def row_strides(shape: Sequence[int], lanes: int) -> tuple[int, ...]:
    """The strides of a squeezed tile, of which `lanes` elements are a granule."""
    if not shape:
        return ()
    step = shape[-1]
    if len(shape) > 1 and 2 * shape[-1] >= lanes:
        step = aligned(step, lanes)
    strides = [1]
    for size in reversed(shape[1:-1]):
        strides.append(step)
        step *= size
    if len(shape) > 1:
        strides.append(step)
    return tuple(reversed(strides))


def span_of(shape: Sequence[int], strides: Sequence[int]) -> int:
    """How many elements a squeezed tile takes from the first on, with what is behind its rows."""
    return shape[0] * strides[0] if shape else 1


def layout_of(tile: Tile) -> Layout | None:
    """Where a tile's elements are, as memory would have them; None where strides can't tell, or nowhere."""
    shape = squeezed(tile.shape)
    if tile.uniform:
        return Layout(None, 0, (0,) * len(shape))
    held = tile.origin
    if held is None or held.array is None or held.strides is None or not held.is_as_in_memory:
        return None
    linear = _Linear(tile, held, shape)
    offset = linear.at((0,) * len(shape))
    if offset is None:
        return None
    strides: list[int] = []
    for dim in range(len(shape)):
        step = linear.at(tuple(int(at == dim) for at in range(len(shape))))
        if step is None:
            return None
        strides.append(step - offset)
    layout = Layout(held, offset, tuple(strides))
    return layout if linear.agrees(layout) else None


@dataclass(frozen=True)
class _Linear:
    """How far elements of a tile are from the first of what it is a view of."""

    tile: Tile
    held: Held
    shape: tuple[int, ...]

    def at(self, index: Sequence[int]) -> int | None:
        source = squeezed_index(self.tile.source(spread_index(index, self.tile.shape)), self.held.shape)
        if not all(isinstance(at, int) for at in source):
            return None
        assert self.held.strides is not None
        return sum(at * stride for at, stride in zip(source, self.held.strides, strict=True))  # pyright: ignore

    def agrees(self, layout: Layout) -> bool:
        """Whether strides tell where elements are, along each dimension from the first and from the last element."""
        last = tuple(size - 1 for size in self.shape)
        for dim, size in enumerate(self.shape):
            for base in ((0,) * len(self.shape), last):
                for place in range(size):
                    index = (*base[:dim], place, *base[dim + 1 :])
                    told = layout.offset + sum(a * s for a, s in zip(index, layout.strides, strict=True))
                    if self.at(index) != told:
                        return False
        return True
