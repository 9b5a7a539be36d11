"""How scatters are lowered: lanes whose elements may meet take turns, so that sums have one order.

Lanes that lie along a dimension whose places an index counts up never meet: a row that is added to a row of the table
takes one turn, elements at places of their own take as many as there are lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from powerfusion.core._mlir import create, defining_op, index_constant, kind_name, segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.elementwise import combine
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.extents import Flag, both
from powerfusion.passes.lowering.gpu.lanes import Dealt
from powerfusion.passes.lowering.gpu.lowering import TARGET, GpuLowering
from powerfusion.passes.lowering.gpu.memory import dim_of, do_when
from powerfusion.passes.lowering.gpu.valid import Valid
from powerfusion.passes.lowering.memory import EQ, clip_flag, to_register, to_storage
from powerfusion.passes.lowering.registry import lowers


@lowers("gir.scatter", to=TARGET)
def lower_scatter(lowering: GpuLowering, op: ir.Operation) -> None:
    """Elements one by one to computed places, those of lanes that may meet in turns with barriers between."""
    (value,), (table,), indices, valid = segments(op)
    if lowering.waiting.in_units and lowering.block.units > 1:
        raise UnsupportedError("a scatter by several units at once can't be lowered to gpu", location=op.location)
    fragment, memref = lowering.fragment(value), lowering.scalar(table)
    lowering.waiting.before(memref, fills=True)
    there = Valid(lowering, fragment.layout, lowering.scalars(valid))
    sizes = [dim_of(memref, dim) for dim in range(len(indices))]
    columns = [lowering.fragment(index).scalars() for index in indices]
    elements = fragment.scalars()
    kind = kind_name(op.attributes["kind"]) if "kind" in op.attributes else None

    def update() -> None:
        for place in np.ndindex(*fragment.shape):
            at = [column.item(place) for column in columns]
            flag = both(there.is_there(place), clip_flag(at, sizes, None))
            do_when(flag, lambda at=at, place=place: _update(kind, elements.item(place), memref, at, op.location))

    apart = {
        ir.IntegerAttr(made.attributes["dim"]).value
        for made in map(defining_op, indices)
        if made is not None and made.name == "gir.iota"
    }
    meeting = [dim for at, dim in enumerate(fragment.layout) if at not in apart and dim.lanes > 1]
    _in_turns(lowering, meeting, lowering.is_first_copy(fragment.layout), update)
    lowering.waiting.after(memref)


def _update(kind: str | None, value: ir.Value, memref: ir.Value, at: Sequence[ir.Value], loc: ir.Location) -> None:
    """Writes an element, combined with what is there if there is a kind."""
    if kind is not None:
        there = to_register(create("memref.load", [memref, *at], [memref.type.element_type]).result, value.type)
        value = combine(kind, there, value, loc)
    create("memref.store", [to_storage(value, value.type), memref, *at])


def _in_turns(lowering: GpuLowering, dims: Sequence[Dealt], flag: Flag, do: Callable[[], None]) -> None:
    """Does something in one lane after the other of those along some dimensions; all have done it when they go on."""
    turns, number = 1, index_constant(0)
    type_ = number.type
    for dim in dims:
        along = create("arith.divui", [lowering.lane, index_constant(dim.stride)], [type_]).result
        along = create("arith.remui", [along, index_constant(dim.lanes)], [type_]).result
        wide = create("arith.muli", [number, index_constant(dim.lanes)], [type_]).result
        turns, number = turns * dim.lanes, create("arith.addi", [wide, along], [type_]).result
    if turns == 1:
        do_when(flag, do)
        lowering.waiting.barrier()
        return
    loop = create("scf.for", [index_constant(0), index_constant(turns), index_constant(1)], regions=1)
    block = loop.regions[0].blocks.append(type_, arg_locs=[ir.Location.current])
    with ir.InsertionPoint(block):
        do_when(both(flag, compare("arith.cmpi", EQ, number, block.arguments[0])), do)
        lowering.waiting.barrier()
        create("scf.yield")
