"""`gir-lane-layouts`: how each tile is dealt out to the lanes of its unit.

Rewrite:
    %0 = gir.load %x[%i, %j] : ... -> tensor<1x256xf32, #gir.at<reg>>
    %1 = math.exp %0 : tensor<1x256xf32, #gir.at<reg>>
  ⇒ %0 = gir.load %x[%i, %j] {gir.vector_width = 4} : ... -> tensor<1x256xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>>
    %1 = math.exp %0 : tensor<1x256xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>>

For machines with lanes. Dimensions that ops tie together are dealt out alike (see `lane_dims`), so no tile is ever
shuffled but by ops that do so anyway. Lanes go first to the classes of dimensions along which most bytes of loads and
stores lie side by side in memory, then to inner dimensions before outer ones, as long as a tile has elements for them
and no tile more lanes than the unit. A lane holds as many neighbours as one access of 16 bytes takes, if addresses
are aligned for it and every lane of the unit still has something.

`gir.vector_width` on a load or store is how many elements one access of a lane takes: fewer than it might where lanes
lie along another dimension than memory does, which a remark says on demand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import ClassVar

from powerfusion.core.diagnostics import emit_remark
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.dialects import gir
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim
from powerfusion.passes.scheduling.contiguity import ACCESS_BYTES, Reach, reaches
from powerfusion.passes.scheduling.kernels import tiled_kernels
from powerfusion.passes.scheduling.lane_dims import LaneBits, copy_fills, tile_dims, tiles


@register_pass
@dataclass(frozen=True)
class LaneLayoutsPass(Pass):
    """Deals tiles out to lanes."""

    name: ClassVar[str] = "gir-lane-layouts"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    machine: str = option("cpu", help="For which: a machine's name, or a .toml that describes one")
    remarks: bool = option(False, help="Say where lanes don't lie as memory does")

    def run(self, op: ir.Operation) -> None:
        """Gives the tiles of every kernel their layouts."""
        machine = find(self.machine)
        limits = machine.scope("lane")
        lanes = None if limits is None else limits.count
        if not lanes or lanes == 1:
            return
        for kernel in tiled_kernels(op):
            Layouts(kernel, machine, lanes).run(remarks=self.remarks)


@dataclass
class Dealt:
    """How the dimensions of a class are dealt out.

    Attributes:
        size: How long they are.
        bytes: What loads and stores move along them.
        width: Neighbours that a lane would hold by the widest access.
        inner: How far in they lie in tiles: -1 for the last dimension.
        tiles: The classes of the tiles that have them.
        lanes: How many lanes lie along them.
        elements: How many neighbours each holds.
    """

    size: int
    bytes: int = 0
    width: int = 1
    inner: int = -1
    tiles: list[tuple[Dim, ...]] = field(default_factory=list[tuple[Dim, ...]])
    lanes: int = 1
    elements: int = 1


class Layouts:
    """Deals the tiles of a kernel out.

    Args:
        kernel: In tile form.
        machine: For which.
        lanes: How many a unit has.
    """

    def __init__(self, kernel: ir.Operation, machine: Machine, lanes: int) -> None:
        self.kernel, self.lanes = kernel, lanes
        copy_fills(kernel)
        self.spaces = tile_dims(kernel, machine)
        self.reaches = reaches(kernel, machine)
        self.dealt: dict[Dim, Dealt] = {}
        self.bits = LaneBits(lanes)

    def run(self, *, remarks: bool) -> None:
        """Does it."""
        self._collect()
        for dim, one in sorted(self.dealt.items(), key=lambda pair: (-pair[1].bytes, -pair[1].inner)):
            self._deal(dim, one)
        widths = [self._width(reach) for reach in self.reaches]
        for tile in list(tiles(self.kernel)):
            if tile.type.rank:
                _retype(tile, self._layout(tile))
        i64 = ir.IntegerType.get_signless(64)
        for reach, width in zip(self.reaches, widths, strict=True):
            reach.op.attributes["gir.vector_width"] = ir.IntegerAttr.get(i64, width)
            if remarks and width < reach.widest(ACCESS_BYTES):
                emit_remark(
                    reach.op.location,
                    f"{width} elements at a time, where {reach.widest(ACCESS_BYTES)} lie side by side",
                )

    def _collect(self) -> None:
        seen: set[tuple[Dim, ...]] = set()
        for tile in tiles(self.kernel):
            classes = tuple(self.spaces.classes(tile))
            for at, (dim, size) in enumerate(zip(classes, tile.type.shape, strict=True)):
                one = self.dealt.setdefault(dim, Dealt(size, inner=at - len(classes)))
                one.inner = max(one.inner, at - len(classes))
                if classes not in seen:
                    one.tiles.append(classes)
            seen.add(classes)
        for reach in self.reaches:
            if reach.dim is not None:
                one = self.dealt[self.spaces.find((reach.tile, reach.dim))]
                one.bytes += prod(reach.tile.type.shape) * reach.element_bytes
                one.width = max(one.width, reach.widest(ACCESS_BYTES))

    def _deal(self, dim: Dim, one: Dealt) -> None:
        """Gives a class its lanes, of those that are left in all its tiles; a tile that has it twice leaves none."""
        repeated = any(len(set(classes)) < len(classes) for classes in one.tiles)
        left = 1 if repeated or not one.tiles else self.bits.left(one.tiles)
        most = min((prod(self.dealt[dim].size for dim in classes) for classes in one.tiles), default=1)
        while (
            one.elements < one.width and most // (2 * one.elements) >= self.lanes and one.size % (2 * one.elements) == 0
        ):
            one.elements *= 2
        while 2 * one.lanes <= left and one.size % (2 * one.lanes * one.elements) == 0:
            one.lanes *= 2
        self.bits.take(dim, one.tiles, one.lanes)

    def _layout(self, tile: ir.Value) -> ir.Attribute:
        found = [self.dealt[dim] for dim in self.spaces.classes(tile)]
        return gir.LanesAttr.get([one.lanes for one in found], [one.elements for one in found])

    def _width(self, reach: Reach) -> int:
        """How many elements one access of a lane takes."""
        if reach.dim is None:
            return 1
        one = self.dealt[self.spaces.find((reach.tile, reach.dim))]
        return min(one.elements, reach.widest(ACCESS_BYTES))


def _retype(tile: ir.Value, layout: ir.Attribute) -> None:
    """Gives a tile a layout; a constant's own type follows."""
    old = tile.type
    at = gir.AtAttr(old.encoding)
    new = ir.RankedTensorType.get(list(old.shape), old.element_type, gir.AtAttr.get("reg", at.space, layout))
    op = tile.owner
    if not isinstance(op, ir.Block) and op.name == "arith.constant":
        value = ir.DenseElementsAttr(op.attributes["value"])
        op.attributes["value"] = ir.DenseElementsAttr.get_splat(new, value.get_splat_value())
    tile.set_type(new)
