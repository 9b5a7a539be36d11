"""`gir-prefetch-lookups`: rows of a table come before they are looked up.

Rewrite:
    gir.parallel (%r)                              gir.parallel (%r)
      scf.for %c                                     %next = memref.load %places[min(%r + 8, last)]
        %p = gir.load %places[%r]          ⇒         scf.for %c
        gir.gather %table[%p, %c ...]                  memref.prefetch %table[%next, %c]
                                                       gir.gather %table[%p, %c ...]

Which row is next is known only from what names it, so no cache brings it by itself, and a core sees one or two of
them ahead. So each step reads what names the row of some steps later, and asks for the same part of that. Places that
lie outside of the table are asked for, too, which does nothing.

Lookups are concerned that take a run of a row, at a place that is computed from one element of memory by the index
of a loop. Nothing is computed otherwise, and no bytes are moved that later steps wouldn't.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    constant_index,
    create,
    defining_op,
    entry_block,
    index_constant,
    integer_of,
    is_tensor,
    producer,
    segments,
)
from powerfusion.core.passes import register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects.gir import is_at
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling import rows
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.passes.scheduling.on_caches import OnCachesPass
from powerfusion.passes.scheduling.prefetches import LOOPS, MOST_LINES, NEAREST, index_of, prefetch
from powerfusion.passes.scheduling.staged import is_written

AHEAD_BYTES = 4 << 10
MOST_AHEAD = 32  # steps


@register_pass
@dataclass(frozen=True)
class PrefetchLookupsPass(OnCachesPass):
    """Asks for rows that will be looked up."""

    name: ClassVar[str] = "gir-prefetch-lookups"

    def visit(self, kernel: ir.Operation, machine: Machine) -> None:
        """Does it in a kernel."""
        for gather in list(walk(kernel, "gir.gather")):
            _prefetch(gather, machine.space_of("sram").granule_bytes)


def _prefetch(gather: ir.Operation, line: int) -> None:
    if not _is_run(gather):
        return
    table, *places, column = gather.operands
    width, element = gather.result.type.shape[-1], element_bytes(gather.result)
    starts = range(0, width, max(1, line // element))
    loads = [load for place in places for load in _loads_of(place)]
    loop = _loop_over(loads, gather)
    if loop is None or len(starts) > MOST_LINES:
        return
    if any(is_written(loop, load.operands[0]) for load in loads):
        return
    length = table.type.shape[-1]
    ahead = AHEAD_BYTES // max(1, (width if length == DYNAMIC else length) * element)
    with ir.InsertionPoint.at_block_begin(entry_block(loop)), gather.location:
        known: dict[ir.Value, ir.Value] = {index_of(loop): _later(loop, max(1, min(ahead, MOST_AHEAD)))}
        row = [_number(place, known) for place in places]
    with ir.InsertionPoint(gather), gather.location:
        begin = segments(producer(column))[0]
        for start in starts:
            prefetch(table, [*row, rows.later(begin[0], start) if begin else index_constant(start)], NEAREST)
    count("lookups asked for ahead")


def _is_run(gather: ir.Operation) -> bool:
    """Whether a lookup takes neighbours of one row in DRAM: the last index counts up, all others stay."""
    table, *places = gather.operands
    tile = gather.result.type
    if not tile.rank or not places:
        return False
    counted = defining_op(places.pop())
    if any(size != 1 for size in tile.shape[:-1]) or not is_at(table, "dram"):
        return False
    if counted is None or counted.name != "gir.iota":
        return False
    if ir.IntegerAttr(counted.attributes["dim"]).value != tile.rank - 1:
        return False
    return table.type.get_strides_and_offset()[0][-1] == 1 and all(_is_one(place) for place in places)


def _is_one(value: ir.Value) -> bool:
    """Whether all elements of an index are the same number, which can be made alone."""
    op = defining_op(value)
    if not is_tensor(value):
        return True
    if op is None:
        return False
    match op.name:
        case "gir.load":
            is_there = "clip" not in op.attributes and not segments(op)[2]
            return is_there and all(size == 1 for size in value.type.shape)
        case "gir.broadcast" | "tensor.splat":
            return _is_one(op.operands[0])
        case "arith.constant":
            return ir.DenseElementsAttr(op.attributes["value"]).is_splat
        case _:
            return op.name.startswith("arith.") and all(_is_one(operand) for operand in op.operands)


def _loads_of(value: ir.Value) -> Iterator[ir.Operation]:
    """What an index is read by."""
    op = defining_op(value)
    if op is not None and op.name == "gir.load":
        yield op
    elif op is not None and is_tensor(value):
        for operand in op.operands:
            yield from _loads_of(operand)


def _loop_over(loads: list[ir.Operation], gather: ir.Operation) -> ir.Operation | None:
    """The loop around a lookup by whose index it is read what names the row; None where there isn't just one."""
    loop = gather.parent
    while loop is not None and loop.name in LOOPS:
        index = index_of(loop)
        if any(index in _places(load) for load in loads):
            inside = [place for load in loads for place in _places(load) if place != index and _is_in(place, loop)]
            return None if inside else loop.operation
        loop = loop.parent
    return None


def _places(load: ir.Operation) -> list[ir.Value]:
    """Where a load begins."""
    return segments(load)[1]


def _is_in(value: ir.Value, loop: ir.Operation) -> bool:
    """Whether a value is made within a loop, constants apart."""
    if integer_of(value) is not None:
        return False
    block = value.owner if isinstance(value.owner, ir.Block) else value.owner.operation.block
    around: ir.Operation | None = block.owner.operation
    while around is not None and around != loop:
        around = around.parent and around.parent.operation
    return around is not None


def _later(loop: ir.Operation, ahead: int) -> ir.Value:
    """A loop's index so many steps later, or the last one."""
    if loop.name == "gir.parallel":
        high = loop.operands[len(loop.operands) - 1]
        return rows.smaller(rows.later(index_of(loop), ahead), rows.last_index(index_constant(0), high, 1))
    return rows.following(loop, ahead * constant_index(loop.operands[2]))


def _number(value: ir.Value, known: dict[ir.Value, ir.Value]) -> ir.Value:
    """What all elements of an index are, where some values are replaced."""
    op = defining_op(value)
    if value in known or not is_tensor(value) or op is None:
        return known.get(value, value)
    element = value.type.element_type
    match op.name:
        case "gir.load":
            made = create("memref.load", [op.operands[0], *(known.get(at, at) for at in _places(op))], [element]).result
        case "gir.broadcast" | "tensor.splat":
            made = _number(op.operands[0], known)
        case "arith.constant":
            one = ir.DenseElementsAttr(op.attributes["value"]).get_splat_value()
            made = create(op.name, results=[element], attributes={"value": one}).result
        case _:
            made = create(op.name, [_number(v, known) for v in op.operands], [element], attributes_of(op)).result
    known[value] = made
    return made
