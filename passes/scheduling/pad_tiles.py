"""`gir-pad-tiles`: tiles grow until lanes share them out evenly; what is added isn't there.

Rewrite, for 32 lanes:
    %0 = gir.load %x[%i, %c0] : .. -> tensor<1x200xf32, #gir.at<reg>>
    %1 = gir.reduce %0 into %m dims [1] kinds [..]
  ⇒ %0 = gir.load %x[%i, %c0] valid [%c1, %c200] : .. -> tensor<1x256xf32, #gir.at<reg>>
    %1 = gir.reduce %0 into %m dims [1] valid [%c1, %c200] kinds [..]

For machines with lanes. A layout deals out a dimension in whole rounds, so one of odd size would be all in every lane.
Here it grows to the next multiple of a round: of as many lanes as are left for it, inner and much moved dimensions
first, as in `gir-lane-layouts`, times the elements of the widest access. A lane then holds at most as much as before.

Elements past an edge are unspecified anyway: loads, stores, reductions and the like say how many are there, and nothing
is accessed that wasn't: memory ends for clipped loads where their windows did. A gather accesses nothing outside of its
table, so its rows grow where they are whole. What windows and slices shift along grows together (`shifts`). A dimension
stays as it is where an op needs its very size: concatenations and reshapes along it, other dimensions of gathers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    i32_array,
    i64_array,
    index_constant,
    integers,
    is_tensor,
    segments,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim, Spaces, loops_of
from powerfusion.passes.scheduling.contiguity import ACCESS_BYTES, counted_along, reaches
from powerfusion.passes.scheduling.kernels import tiled_kernels
from powerfusion.passes.scheduling.lane_dims import COMBINERS, LaneBits, copy_fills, dealt_ops, tile_dims, tiles
from powerfusion.passes.scheduling.shifts import Shifts

COUNTED = ("gir.load", "gir.store", "gir.reduce", "gir.scan", "gir.contract")
"""Ops that can say how many elements are there, behind their other operands."""


@register_pass
@dataclass(frozen=True)
class PadTilesPass(Pass):
    """Makes tiles multiples of what lanes share out."""

    name: ClassVar[str] = "gir-pad-tiles"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    machine: str = option("cpu", help="For which: a machine's name, or a .toml that describes one")

    def run(self, op: ir.Operation) -> None:
        """Grows the tiles of every kernel."""
        machine = find(self.machine)
        limits = machine.scope("lane")
        lanes = None if limits is None else limits.count
        if not lanes or lanes == 1:
            return
        for kernel in tiled_kernels(op):
            copy_fills(kernel)
            spaces, whole = tile_dims(kernel, machine), tile_dims(kernel)
            grown = _grown(kernel, spaces, whole, _moved(kernel, spaces, machine), lanes)
            if grown:
                count("padded", len(grown))
                _rewrite(kernel, whole, grown)


@dataclass
class Moved:
    """What loads and stores move along a class of dimensions.

    Attributes:
        bytes: How much.
        width: Elements of the widest access along it.
    """

    bytes: int = 0
    width: int = 1


def _moved(kernel: ir.Operation, spaces: Spaces, machine: Machine) -> dict[Dim, Moved]:
    found: dict[Dim, Moved] = {}
    for reach in reaches(kernel, machine):
        if reach.dim is None:
            continue
        one = found.setdefault(spaces.find((reach.tile, reach.dim)), Moved())
        one.bytes += prod(reach.tile.type.shape) * reach.element_bytes
        width = max(ACCESS_BYTES // reach.element_bytes, 1)
        while width > 1 and reach.aligned % width:
            width //= 2
        one.width = max(one.width, width)
    return found


def _grown(kernel: ir.Operation, spaces: Spaces, whole: Spaces, moved: dict[Dim, Moved], lanes: int) -> dict[Dim, int]:
    """The new size of each class that grows.

    Args:
        kernel: Which.
        spaces: Classes that are dealt out alike.
        whole: Classes that are of one size; these are what grows.
        moved: What moves along a class.
        lanes: Of a unit.
    """
    held: dict[Dim, list[tuple[Dim, ...]]] = {}
    inner: dict[Dim, int] = {}
    sizes: dict[Dim, int] = {}
    for tile in tiles(kernel):
        classes = tuple(spaces.classes(tile))
        for at, (dim, size) in enumerate(zip(classes, tile.type.shape, strict=True)):
            sizes[dim] = size
            inner[dim] = max(inner.get(dim, -1 << 30), at - len(classes))
            groups = held.setdefault(dim, [])
            if classes not in groups:
                groups.append(classes)
    shifts = Shifts(kernel, whole)
    shifts.pin(_fixed(kernel, spaces))
    before = {whole.find(dim): size for dim, size in sizes.items()}
    order = sorted(sizes, key=lambda dim: (shifts.depth(whole.find(dim)), -moved.get(dim, Moved()).bytes, -inner[dim]))
    bits = LaneBits(lanes)
    grown: dict[Dim, int] = {}
    for dim in order:
        one = whole.find(dim)
        size = shifts.needed(one, sizes[dim], grown, before)
        repeated = any(len(set(group)) < len(group) for group in held[dim])
        left = 1 if repeated else bits.left(held[dim])
        wanted = min(left, 1 << (size - 1).bit_length())
        width = 1
        if one in shifts.pinned or shifts.is_exact(one):
            while size % wanted:
                wanted //= 2
        else:
            width = moved.get(dim, Moved()).width
            while width > 1 and wanted * width > size:
                width //= 2
        bits.take(dim, held[dim], wanted)
        size = -(-size // (wanted * width)) * wanted * width
        if size > before[one]:
            grown[one] = max(grown.get(one, 0), size)
    return grown


def _fixed(kernel: ir.Operation, spaces: Spaces) -> Iterator[Dim]:
    """The classes whose size an op needs."""
    for op in dealt_ops(kernel):
        match op.name:
            case "gir.gather":
                whole = _whole_rows(op)
                yield from (spaces.find((op.result, dim)) for dim in range(op.result.type.rank) if dim not in whole)
            case "gir.reshape" | "gir.pad" | "gir.scatter" | "gir.assert":
                values = [value for value in (*op.operands, *op.results) if is_tensor(value)]
                yield from (spaces.find((value, dim)) for value in values for dim in range(value.type.rank))
            case name if name in COMBINERS:  # what a combiner takes at once is of just that size
                inputs = list(op.operands) if name == "gir.all_reduce" else segments(op)[0]
                common = min(value.type.rank for value in inputs)
                yield from (spaces.find((value, dim)) for value in inputs for dim in range(common, value.type.rank))
            case _:
                pass


def _whole_rows(op: ir.Operation) -> set[int]:
    """The dimensions of a gather along which an index counts up to its table's edge: what is added lies beyond."""
    table, *indices = op.operands
    pairs = [(counted_along(index), size) for index, size in zip(indices, table.type.shape, strict=True)]
    return {dim for dim, size in pairs if dim is not None and size == op.result.type.shape[dim]}


# -- rewriting -------------------------------------------------------------------------------------


def _rewrite(kernel: ir.Operation, spaces: Spaces, grown: dict[Dim, int]) -> None:
    """Gives tiles their new types, and says how many elements are there."""
    wanted = {tile: _type(spaces, tile, grown) for tile in tiles(kernel)}
    counted = [op for op in dealt_ops(kernel) if op.name in COUNTED]
    changes = [
        (op, _extents(op)) for op in counted if any(_grows(value, wanted) for value in (*op.operands, *op.results))
    ]
    made = {result for op, extents in changes if extents for result in op.results}
    for op, _ in changes:
        if "clip" in op.attributes:
            _end_memory(op, wanted[op.result].shape)
    for op in (op for op in dealt_ops(kernel) if op.name == "gir.slice"):
        _widen_slice(op, wanted)
    for tile, type_ in wanted.items():
        if tile not in made:
            _retype(tile, type_)
    for op, extents in changes:
        if extents:
            _say_extents(op, extents, [wanted.get(result) or result.type for result in op.results])


def _type(spaces: Spaces, tile: ir.Value, grown: dict[Dim, int]) -> ir.RankedTensorType:
    pairs = zip(spaces.classes(tile), tile.type.shape, strict=True)
    shape = [grown.get(dim) or size for dim, size in pairs]
    return ir.RankedTensorType.get(shape, tile.type.element_type, tile.type.encoding)


def _grows(value: ir.Value, wanted: dict[ir.Value, ir.RankedTensorType]) -> bool:
    return value in wanted and wanted[value] != value.type


def _retype(tile: ir.Value, type_: ir.RankedTensorType) -> None:
    """Gives a tile a type; a constant's own follows."""
    op = tile.owner
    if not isinstance(op, ir.Block) and op.name == "arith.constant":
        value = ir.DenseElementsAttr(op.attributes["value"])
        op.attributes["value"] = ir.DenseElementsAttr.get_splat(type_, value.get_splat_value())
    tile.set_type(type_)


def _widen_slice(op: ir.Operation, wanted: dict[ir.Value, ir.RankedTensorType]) -> None:
    """A slice takes as much as its result becomes."""
    if op.result not in wanted:
        return
    sizes, dropped = integers(op.attributes["static_sizes"]), integers(op.attributes["drop"])
    kept = [dim for dim in range(len(sizes)) if dim not in dropped]
    for dim, size in zip(kept, wanted[op.result].shape, strict=True):
        sizes[dim] = size
    op.attributes["static_sizes"] = i64_array(sizes)


def _end_memory(op: ir.Operation, shape: Sequence[int]) -> None:
    """Ends the memory of a clipped load where its window does, along dimensions in which that is to grow."""
    (memref,), indices, _ = segments(op)
    old = op.result.type.shape
    strides, offset = memref.type.get_strides_and_offset()
    with ir.InsertionPoint(op), op.location:
        ends = [
            _end(memref, dim, index, old[dim]) if old[dim] != shape[dim] else None for dim, index in enumerate(indices)
        ]
        sizes = [
            (DYNAMIC, end) if end is not None else (size, _open_size(memref, dim))
            for dim, (end, size) in enumerate(zip(ends, memref.type.shape, strict=True))
        ]
        layout = ir.StridedLayoutAttr.get(offset, strides)
        type_ = ir.MemRefType.get(
            [size for size, _ in sizes], memref.type.element_type, layout, memref.type.memory_space
        )
        dynamic = [value for size, value in sizes if size == DYNAMIC and value is not None]
        attributes: dict[str, ir.Attribute] = {
            "static_offsets": i64_array([0] * len(sizes)),
            "static_sizes": i64_array([size for size, _ in sizes]),
            "static_strides": i64_array([1] * len(sizes)),
            "operandSegmentSizes": i32_array([1, 0, len(dynamic), 0]),
        }
        op.operands[0] = create("memref.subview", [memref, *dynamic], [type_], attributes).result


def _end(memref: ir.Value, dim: int, index: ir.Value, length: int) -> ir.Value:
    """Where a window ends in memory, or where that itself does."""
    size = memref.type.shape[dim]
    there = index_constant(size) if size != DYNAMIC else _dim_of(memref, dim)
    end = create("arith.addi", [index, index_constant(length)], [index.type]).result
    nearest = create("arith.minsi", [end, there], [index.type]).result
    return create("arith.maxsi", [nearest, index_constant(0)], [index.type]).result


def _open_size(memref: ir.Value, dim: int) -> ir.Value | None:
    return _dim_of(memref, dim) if memref.type.shape[dim] == DYNAMIC else None


def _dim_of(memref: ir.Value, dim: int) -> ir.Value:
    return create("memref.dim", [memref, index_constant(dim)], [ir.IndexType.get()]).result


def _extents(op: ir.Operation) -> list[int]:
    """How many elements an op takes along each dimension that it counts; none where it says so itself."""
    if op.name == "gir.contract":
        if len(op.operands) > 3:
            return []
        along: dict[int, int] = {}
        for side, map_ in zip(op.operands, op.attributes["maps"], strict=False):
            along.update(zip(loops_of(map_), side.type.shape, strict=True))
        return [along[loop] for loop in sorted(along)]
    parts = segments(op)
    if parts[-1] or "clip" in op.attributes:
        return []
    if op.name == "gir.load":
        return list(op.result.type.shape)
    return min((list(value.type.shape) for value in parts[0]), key=len)


def _say_extents(op: ir.Operation, extents: Sequence[int], types: Sequence[ir.Type]) -> None:
    """Makes an op anew that says how many elements are there: its last operands."""
    attributes = attributes_of(op)
    if "operandSegmentSizes" in attributes:
        sizes = integers(attributes["operandSegmentSizes"])
        attributes["operandSegmentSizes"] = i32_array([*sizes[:-1], len(extents)])
    with ir.InsertionPoint(op), op.location:
        counts = [index_constant(size) for size in extents]
        new = create(op.name, [*op.operands, *counts], types, attributes, regions=len(op.regions))
    for old, region in zip(op.regions, new.regions, strict=True):
        for block in list(old.blocks):
            block.append_to(region)
    for result, other in zip(op.results, new.results, strict=True):
        result.replace_all_uses_with(other)
    op.erase()
