"""Which bits of a lane's number say where it lies along which dimensions.

A layout says how many lanes lie along each dimension of a tile. For lanes to hold the same element of every tile that
ops tie together, they must lie alike along a class of dimensions (`scheduling/lane_dims.py`) wherever it appears, also
where dimensions change places or some are folded away. So a class gets its own bits of the lane's number:

    lane  4 3 | 2 1 0        a tile of (r, c) with 4 lanes along r and 8 along c; one of (c, r) has the same bits
          r r   c c c        one of (r) alone is held by 8 lanes each: those that differ in c's bits are copies

Bits that no dimension of a tile has don't matter: lanes that differ in them hold the same elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from powerfusion.dialects.gir import AtAttr, LanesAttr
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim
from powerfusion.passes.scheduling.lane_dims import copy_fills, tile_dims, tiles


@dataclass(frozen=True)
class Dealt:
    """One dimension of a tile.

    Attributes:
        size: How long it is.
        lanes: How many lanes lie along it.
        elements: How many neighbours a lane holds at a time.
        stride: How far lanes that follow one another along it are apart in number.
    """

    size: int
    lanes: int
    elements: int
    stride: int

    @property
    def held(self) -> int:
        """How many of its elements each lane holds."""
        return self.size // self.lanes

    def place(self, held: int) -> int:
        """Where the first lane's element of that number lies; other lanes' lie `elements` further on each."""
        return held // self.elements * self.lanes * self.elements + held % self.elements

    @property
    def bits(self) -> int:
        """The bits of the lane's number that count along it, as a mask."""
        return (self.lanes - 1) * self.stride


Layout = tuple[Dealt, ...]


def bits_of_layout(layout: Layout) -> int:
    """The bits of the lane's number that choose between elements of a tile, as a mask."""
    bits = 0
    for dim in layout:
        bits |= dim.bits
    return bits


class LaneMap:
    """The layouts of a kernel's tiles, with the bits of each class.

    Args:
        kernel: In tile form, with layouts.
        lanes: How many a unit has, a power of two.

    Raises:
        UnsupportedError: The layouts don't go together.
    """

    def __init__(self, kernel: ir.Operation, lanes: int) -> None:
        copy_fills(kernel)
        self.kernel, self.lanes = kernel, lanes
        self.spaces = tile_dims(kernel)
        self.counts: dict[Dim, int] = {}
        self.together: list[tuple[Dim, ...]] = []
        for tile in tiles(kernel):
            self._read(tile)
        self.strides = self._strides()

    def layout(self, tile: ir.Value) -> Layout:
        """How a tile at reg is dealt out."""
        lanes, elements = _counts(tile)
        classes = self.spaces.classes(tile)
        strides = [self.strides.get(dim, 1) for dim in classes]
        return tuple(map(Dealt, tile.type.shape, lanes, elements, strides))

    def _read(self, tile: ir.Value) -> None:
        classes = [self.spaces.find((tile, dim)) for dim in range(tile.type.rank)]
        lanes, _ = _counts(tile)
        several = [(dim, count) for dim, count in zip(classes, lanes, strict=True) if count > 1]
        if prod(count for _, count in several) > self.lanes or any(count & (count - 1) for _, count in several):
            raise self._refused(f"a layout of {lanes} lanes for units of {self.lanes}", tile)
        for dim, count in several:
            if self.counts.setdefault(dim, count) != count:
                raise self._refused("tiles that are used together but dealt out differently", tile)
        dims = tuple(dim for dim, _ in several)
        if len(set(dims)) < len(dims):
            raise self._refused("a tile with lanes along two dimensions that must be dealt out alike", tile)
        if dims and dims not in self.together:
            self.together.append(dims)

    def _strides(self) -> dict[Dim, int]:
        """Strides such that no two classes of one tile share a bit, found by trying; there are few bits."""
        classes = sorted(self.counts, key=lambda dim: -self.counts[dim])
        strides: dict[Dim, int] = {}

        def fits(dim: Dim, stride: int) -> bool:
            own = (self.counts[dim] - 1) * stride
            others = {other for group in self.together if dim in group for other in group if other in strides}
            return all(not own & (self.counts[other] - 1) * strides[other] for other in others)

        def place(at: int) -> bool:
            if at == len(classes):
                return True
            dim = classes[at]
            stride = 1
            while stride * self.counts[dim] <= self.lanes:
                if fits(dim, stride):
                    strides[dim] = stride
                    if place(at + 1):
                        return True
                    del strides[dim]
                stride *= 2
            return False

        if not place(0):
            raise self._refused("layouts whose lanes can't lie along all tiles at once")
        return strides

    def _refused(self, what: str, tile: ir.Value | None = None) -> UnsupportedError:
        location = self.kernel.location if tile is None else tile.location
        return UnsupportedError(f"{what} can't be lowered to gpu", location=location, help="run gir-lane-layouts first")


def _counts(tile: ir.Value) -> tuple[list[int], list[int]]:
    """Lanes and elements per dimension; a tile without a layout is whole in every lane."""
    at = AtAttr(tile.type.encoding)
    if at.layout is None:
        return [1] * tile.type.rank, [1] * tile.type.rank
    layout = LanesAttr(at.layout)
    return list(layout.lanes), list(layout.elements)
