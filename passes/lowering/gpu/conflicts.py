"""What accesses of the group's memory lose to bank conflicts, by analysis of a scheduled program: see `banks`.

Where an access begins in memory moves all its lanes alike, so layouts and strides say all there is to say. What is
copied is thread after thread; units that combine what they have leave a word per thread, side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from powerfusion.core._mlir import DYNAMIC, integers, is_tensor, segments
from powerfusion.dialects.gir import is_at
from powerfusion.errors import UnsupportedError
from powerfusion.machines.model import Machine, Space
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.lowering.gpu.banks import BANK_BYTES, Numbers, factor, places_of, turned_back
from powerfusion.passes.lowering.gpu.lanes import LaneMap
from powerfusion.passes.lowering.gpu.turning import is_turned, rows_of
from powerfusion.passes.scheduling.kernels import ops_in, tiled_kernels


@dataclass(frozen=True)
class Conflict:
    """An access of the group's memory.

    Attributes:
        kernel: Of which.
        op: Its name.
        location: Where it stands.
        factor: By how much it takes longer than without conflicts: 1 where there are none; None where that isn't known.
    """

    kernel: str
    op: str
    location: str
    factor: float | None


def conflicts(module: ir.Operation, machine: Machine) -> list[Conflict]:
    """The accesses of the group's memory of a scheduled program; none for machines without lanes, or without banks.

    Args:
        module: The program, which is as scheduling left it; constants in it may be copied.
        machine: For which.
    """
    limits = machine.scope("lane")
    if limits is None or (limits.count or 1) < 2 or not any(map(_has_banks, machine.spaces_at("sram"))):
        return []
    with module.context:
        return [each for kernel in tiled_kernels(module) for each in _of_kernel(kernel, limits.count or 1)]


def _of_kernel(kernel: ir.Operation, count: int) -> Iterator[Conflict]:
    """The accesses of a kernel for units of so many lanes; none where its layouts don't go together."""
    name = ir.StringAttr(kernel.attributes["kernel_name"]).value
    try:
        lanes = LaneMap(kernel, count)
    except UnsupportedError:
        return
    for op in ops_in(kernel):
        yield from (Conflict(name, op.name, str(op.location), each) for each in _factors(lanes, op))


def _has_banks(space: Space) -> bool:
    return space.kind == "scratchpad" and space.granule_bytes == BANK_BYTES


def _factors(lanes: LaneMap, op: ir.Operation) -> Iterator[float | None]:
    """By how much an op's accesses of the group's memory take longer."""
    match op.name:
        case "gir.permute" if is_tensor(op.result) and is_at(op.result, "reg") and is_turned(lanes, op):
            yield from _turning(lanes, op)
        case "gir.load":
            yield from _of_tile(lanes, op, op.result, segments(op)[0][0])
        case "gir.store":
            yield from _of_tile(lanes, op, segments(op)[0][0], segments(op)[1][0])
        case "gir.stage":
            yield _copied(op.result, integers(op.attributes["static_sizes"]), lanes.lanes)
        case "gir.copy":
            sizes = integers(op.attributes["static_sizes"])
            places = [memref for memref in (segments(op)[0][0], segments(op)[2][0]) if is_at(memref, "sram")]
            yield from (_copied(memref, sizes, lanes.lanes) for memref in places)
        case "gir.all_reduce":
            yield 1.0
        case _:
            pass


def _turning(lanes: LaneMap, op: ir.Operation) -> Iterator[float]:
    """Of a tile that is turned, as it is left in memory and taken from there."""
    rows, size = rows_of(lanes, op), element_bytes(op.result)
    written, read = (places_of(lanes.layout(value), lanes.lanes) for value in (op.operands[0], op.result))
    yield factor(rows.offsets(written), size)
    yield factor(rows.offsets(turned_back(read, integers(op.attributes["perm"]))), size)


def _of_tile(lanes: LaneMap, op: ir.Operation, tile: ir.Value, memref: ir.Value) -> Iterator[float | None]:
    """Of a load or store, a row at a time."""
    if not is_at(memref, "sram"):
        return
    strides = _strides(memref)
    if strides is None or not strides:
        yield None if strides is None else 1.0
        return
    layout = lanes.layout(tile)
    width = ir.IntegerAttr(op.attributes["gir.vector_width"]).value if "gir.vector_width" in op.attributes else 1
    width = min(width, layout[-1].elements) if strides[-1] == 1 else 1
    places = places_of(layout, lanes.lanes)
    begins = places[places[:, 0, -1] % width == 0]
    yield factor(_offsets(begins, strides), element_bytes(tile), width)


def _copied(memref: ir.Value, sizes: Sequence[int], lanes: int) -> float | None:
    """Of a copy of a window, of one lane's after the other's elements, row-major."""
    strides = _strides(memref)
    if strides is None or any(size < 0 for size in sizes[1:]):
        return None
    count = min(lanes, prod(sizes)) if sizes[:1] and sizes[0] >= 0 else lanes
    places = np.stack(np.unravel_index(np.arange(max(count, 1)), (max(count, 1), *sizes[1:])), -1)
    return factor(_offsets(places[None], strides), element_bytes(memref))


def _strides(memref: ir.Value) -> list[int] | None:
    """A memref's strides; None where one is open."""
    strides, _ = memref.type.get_strides_and_offset()
    return None if {DYNAMIC, ir.ShapedType.get_dynamic_stride_or_offset()} & set(strides) else list(strides)


def _offsets(places: Numbers, strides: Sequence[int]) -> Numbers:
    return (places * np.array(strides, np.int64)).sum(-1)
