"""Contractions of many products as loops over a summed dimension, their operands read from memory as they are needed.

    for m, k: acc[m] = fma(lhs[m, k] in all lanes, row rhs[k], acc[m])

      ⇒   for k:  row = load rhs[k];  for m: acc[m] = fma(load lhs[m, k] in all lanes, row, acc[m])

An element that comes from memory is spread over the lanes by the very instruction that multiplies it, while one of a
register has to be shuffled there. So what a load brought is read where it lies, if nothing wrote to it since; all else
is laid in a buffer first. As many accumulators are under way as registers hold.

A row of f16 or bf16 is widened as it is loaded, which is two instructions for all the rows that it is multiplied with.
Elements aren't: each would be widened for itself, so that they are laid in a buffer in f32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from powerfusion.core._mlir import create, defining_op, element_of, index_constant, operations, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.lowering.elementwise import combine, convert_float, is_narrow, with_element
from powerfusion.passes.lowering.float8 import is_f8
from powerfusion.passes.lowering.memory import add_offset, spread
from powerfusion.passes.lowering.registers import row_indices
from powerfusion.passes.scheduling.kernels import ops_in
from powerfusion.passes.scheduling.roots import may_share
from powerfusion.passes.scheduling.staged import written_by

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering

VECTOR_BYTES = 64  # of a register, about
MOST_ACCUMULATORS = 24  # registers that hold sums; the others are for what is multiplied
LEAST_ROWS, LEAST_LANES = 32, 8  # that are multiplied
APART = 8  # sums under way that hide how long an addition takes


@dataclass(frozen=True)
class Operand:
    """Where an operand lies in memory.

    Attributes:
        memref: The memref.
        indices: Where its tile begins there, by the memref's dimensions.
        dims: Which iteration dimension each of them is.
    """

    memref: ir.Value
    indices: tuple[ir.Value, ...]
    dims: tuple[int, ...]

    def load(self, place: Sequence[int | ir.Value], type_: ir.Type) -> ir.Value:
        """The row, or element, at a place of the iteration space, in a type at least as wide as in memory."""
        at: list[ir.Value] = []
        for index, dim in zip(self.indices, self.dims, strict=True):
            step = place[dim]
            if isinstance(step, int):
                at.append(add_offset(index, step))
            else:
                at.append(create("arith.addi", [index, step], [index.type]).result)
        name = "vector.load" if isinstance(type_, ir.VectorType) else "memref.load"
        loaded = create(name, [self.memref, *at], [with_element(type_, element_of(self.memref.type))]).result
        return convert_float(loaded, element_of(type_))


def in_place(tile: ir.Value, op: ir.Operation) -> ir.Operation | None:
    """The load that brought an operand of an op, if what it read is still there and is all of the operand."""
    load = defining_op(tile)
    if load is None or load.name != "gir.load" or "clip" in load.attributes or segments(load)[2]:
        return None
    around = op
    while around.block != load.block:
        around = around.block.owner.operation
    body = operations(load.block)
    since = body[body.index(load) + 1 : body.index(around) + 1]
    written = [memref for outer in since for inner in ops_in(outer) for memref in written_by(inner)]
    if any(may_share(memref, load.operands[0]) for memref in written):
        return None
    return load if not any(inner.name == "func.call" for outer in since for inner in ops_in(outer)) else None


def laid_out(lowering: VectorLowering, rows: Sequence[ir.Value], shape: Sequence[int], dims: Sequence[int]) -> Operand:
    """Rows laid in memory, in the order of a tile of some shape."""
    row = rows[0].type
    memref = lowering.scratch(ir.MemRefType.get(shape, element_of(row)))
    for value, place in zip(rows, row_indices(shape), strict=True):
        name = "vector.store" if isinstance(row, ir.VectorType) else "memref.store"
        create(name, [value, memref, *(index_constant(at) for at in place)])
    return Operand(memref, (index_constant(0),) * len(shape), tuple(dims))


def sum_in_loop(
    rows: Operand,
    elements: Operand,
    inits: Sequence[ir.Value],
    dims: Sequence[int],
    sizes: Sequence[int],
    lane: int,
) -> list[ir.Value]:
    """Adds the products of all places to the rows of an accumulator.

    Args:
        rows: The operand along the lanes.
        elements: The other.
        inits: The accumulator's rows, in the order of its places.
        dims: Its iteration dimensions without the lanes'.
        sizes: Of the iteration space.
        lane: The dimension along the lanes.

    Returns:
        The accumulator's new rows.
    """
    summed = [dim for dim in range(len(sizes)) if dim not in dims and dim != lane]
    along = max(summed, key=lambda dim: sizes[dim])
    places = list(np.ndindex(*(sizes[dim] for dim in dims)))
    registers = -(-sizes[lane] * element_bytes(inits[0]) // VECTOR_BYTES)
    blocks = -(-len(places) * registers // MOST_ACCUMULATORS)
    each = -(-len(places) // blocks)
    made: list[ir.Value] = []
    for first in range(0, len(places), each):
        part = places[first : first + each]
        outer = [dict(zip(dims, map(int, place), strict=True)) for place in part]
        made += _loop(rows, elements, inits[first : first + each], outer, sizes, summed, along, registers)
    return made


def _loop(
    rows: Operand,
    elements: Operand,
    inits: Sequence[ir.Value],
    outer: Sequence[dict[int, int]],
    sizes: Sequence[int],
    summed: Sequence[int],
    along: int,
    registers: int,
) -> list[ir.Value]:
    """One loop, for some of the accumulator's rows; several sums of each where there are few."""
    type_ = inits[0].type
    apart = next((n for n in (4, 2) if n * registers * len(inits) <= APART and sizes[along] % n == 0), 1)
    zeros = [spread(_zero(type_), type_)] * (len(inits) * (apart - 1))
    bounds = [index_constant(0), index_constant(sizes[along]), index_constant(apart)]
    loop = create("scf.for", [*bounds, *inits, *zeros], [type_] * (len(inits) * apart), regions=1)
    location = loop.location
    block = loop.regions[0].blocks.append(
        ir.IndexType.get(), *[type_] * (len(inits) * apart), arg_locs=[location] * (1 + len(inits) * apart)
    )
    with ir.InsertionPoint(block):
        step, *sums = block.arguments
        for number in range(apart):
            index = add_offset(step, number)
            for others in np.ndindex(*(sizes[dim] for dim in summed if dim != along)):
                inner = dict(zip((dim for dim in summed if dim != along), map(int, others), strict=True))
                there: dict[tuple[object, ...], ir.Value] = {}
                for at, own in enumerate(outer):
                    place: list[int | ir.Value] = [0] * len(sizes)
                    for dim, value in (own | inner).items():
                        place[dim] = value
                    place[along] = index
                    row = _once(there, rows, place, type_)
                    factor = _once(there, elements, place, type_.element_type)
                    target = number * len(inits) + at
                    sums[target] = create("math.fma", [spread(factor, type_), row, sums[target]], [type_]).result
        create("scf.yield", sums)
    found = list(loop.results)
    for number in range(1, apart):
        for at in range(len(inits)):
            found[at] = combine("add", found[at], found[number * len(inits) + at], location)
    return found[: len(inits)]


def _once(
    there: dict[tuple[object, ...], ir.Value], operand: Operand, place: Sequence[int | ir.Value], type_: ir.Type
) -> ir.Value:
    """What an operand has at a place, loaded once."""
    key = (operand.memref, *(place[dim] if isinstance(place[dim], int) else -1 for dim in operand.dims))
    if key not in there:
        there[key] = operand.load(place, type_)
    return there[key]


def _zero(type_: ir.VectorType) -> ir.Value:
    element = type_.element_type
    return create("arith.constant", results=[element], attributes={"value": ir.FloatAttr.get(element, 0.0)}).result


def is_read_in_place(tile: ir.Value, element: ir.Type, *, along: bool) -> bool:
    """Whether what a load brings may be read where it lies: as it is, or, along the lanes, widened each time."""
    own = tile.type.element_type
    return own == element or (along and is_narrow(own) and not is_f8(own))


def is_looped(maps: Sequence[Sequence[int]], sizes: Sequence[int], lane: int, element: ir.Type) -> bool:
    """Whether a loop pays: one operand's lanes are the accumulator's, and many floats are multiplied with them."""
    along = [lane in dims for dims in maps[:2]]
    many = prod(size for dim, size in enumerate(sizes) if dim != lane)
    return sum(along) == 1 and many >= LEAST_ROWS and sizes[lane] >= LEAST_LANES and isinstance(element, ir.FloatType)
