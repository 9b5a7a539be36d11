"""Tiles that are turned: lanes leave their elements in the group's memory, and take others from there.

A load whose rows are contiguous along one dimension, and a store of the turned tile along another, are both of whole
rows if lanes lie along either (`scheduling/lane_dims.py`). In between each unit has a place of its own, in which rows
are apart by as much as keeps lanes from wanting one bank (`banks.py`); only its lanes wait for one another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from powerfusion.core._mlir import create, index_constant, integers
from powerfusion.mlir import ir
from powerfusion.passes.lowering.gpu.banks import Rows, rows_for
from powerfusion.passes.lowering.gpu.exchange import Place, added, quotient, times
from powerfusion.passes.lowering.gpu.fragments import Fragment, filled, fragment_of, held_shape
from powerfusion.passes.lowering.gpu.lanes import LaneMap, Layout
from powerfusion.passes.lowering.gpu.lowering import GpuLowering, plus
from powerfusion.passes.lowering.gpu.memory import do_when
from powerfusion.passes.lowering.gpu.structure import counts_of
from powerfusion.passes.lowering.memory import storage, to_register, to_storage
from powerfusion.passes.lowering.registers import element_bytes
from powerfusion.passes.scheduling.kernels import is_group_parallel, is_unit_parallel

ALIGNED_BYTES = 16
LOOPS = ("scf.for", "scf.while")


def is_turned(lanes: LaneMap, op: ir.Operation) -> bool:
    """Whether elements of a permutation change lanes."""
    if op.name != "gir.permute":
        return False
    source, result = (lanes.layout(value) for value in (op.operands[0], op.result))
    return result != tuple(source[dim] for dim in integers(op.attributes["perm"]))


def turned_bytes(lanes: LaneMap, op: ir.Operation) -> int:
    """What a unit needs in the group's memory for a permutation."""
    if not is_turned(lanes, op):
        return 0
    size = rows_of(lanes, op).size * element_bytes(storage(op.result.type.element_type))
    return -(-size // ALIGNED_BYTES) * ALIGNED_BYTES


def rows_of(lanes: LaneMap, op: ir.Operation) -> Rows:
    """Where elements of a permutation's operand lie in between."""
    source, result = (lanes.layout(value) for value in (op.operands[0], op.result))
    size = element_bytes(storage(op.result.type.element_type))
    return rows_for(source, result, tuple(integers(op.attributes["perm"])), size, lanes.lanes)


def turned(lowering: GpuLowering, op: ir.Operation) -> Fragment:
    """What a lane holds of a tile that is turned."""
    source, layout = lowering.fragment(op.operands[0]), lowering.lanes.layout(op.result)
    perm, rows = integers(op.attributes["perm"]), rows_of(lowering.lanes, op)
    element = op.result.type.element_type
    memory = _place_of_unit(lowering, rows.size, storage(element))
    if lowering.has_turned or _comes_again(lowering, op):
        lowering.waiting.wait_for_lanes()
    lowering.has_turned = True
    values = source.scalars()

    def leave() -> None:
        starts = lowering.starts(source.layout)
        for held in np.ndindex(*source.shape):
            at = _index(rows, _place(source.layout, starts, held))
            create("memref.store", [to_storage(values.item(held), element), memory, at])

    do_when(lowering.is_first_lane(source.layout), leave)
    lowering.waiting.wait_for_lanes()
    starts = lowering.starts(layout)
    made: list[ir.Value] = []
    for held in np.ndindex(*held_shape(layout)):
        place: list[Place] = [0] * len(layout)
        for dim, at in zip(perm, _place(layout, starts, held), strict=True):
            place[dim] = at
        loaded = create("memref.load", [memory, _index(rows, place)], [memory.type.element_type]).result
        made.append(to_register(loaded, element))
    return fragment_of(layout, filled(held_shape(layout), made))


def _comes_again(lowering: GpuLowering, op: ir.Operation) -> bool:
    """Whether a unit gets to an op several times."""
    parent = op.parent
    while parent is not None and not is_group_parallel(parent.operation):
        around = parent.operation
        if around.name in LOOPS or (is_unit_parallel(around) and counts_of(around) > lowering.block.units):
            return True
        parent = around.parent
    return False


def _place_of_unit(lowering: GpuLowering, size: int, element: ir.Type) -> ir.Value:
    """The unit's own memory, of so many elements."""
    room = lowering.room
    each = create("arith.muli", [lowering.unit, index_constant(room.unit_bytes)], [lowering.unit.type]).result
    space = ir.Attribute.parse("#gpu.address_space<workgroup>")
    type_ = ir.MemRefType.get([size], element, None, space)
    return lowering.view_of_scratch(plus(index_constant(room.offset), each), type_)


def _place(layout: Layout, starts: Sequence[ir.Value | None], held: Sequence[int]) -> list[Place]:
    """Where an element that this lane holds lies in the tile."""
    return [
        dim.place(at) if start is None else added(start, dim.place(at))
        for dim, start, at in zip(layout, starts, held, strict=True)
    ]


def _index(rows: Rows, place: Sequence[Place]) -> ir.Value:
    """Where an element lies in between."""
    row: Place = 0
    for size, at in zip(rows.shape[:-1], place[:-1], strict=True):
        row = added(times(row, size), at)
    beginning = added(times(row, rows.pitch), times(quotient(row, rows.group), rows.extra))
    column = place[-1]
    if rows.shape[-1] > rows.run:
        column = added(column, times(quotient(column, rows.run), rows.word))
    found = added(beginning, column)
    return index_constant(found) if isinstance(found, int) else found
