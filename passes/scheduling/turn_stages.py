"""`gir-turn-stages`: where `sram` is a cache, what contractions sum along lies there once turned.

Rewrite:
    %k = gir.stage %x[%b, 0, 0] [1, n, d]          %k = gir.stage %x[%b, 0, 0] [1, n, d]
    scf.for %i                                     %t = gir.alloc : memref<1 x d x n, sram>
      scf.for %j                              ⇒    scf.for …  gir.store (gir.permute (gir.load %k)), %t
        %y = gir.load %k[0, %j, 0]                 scf.for %i
        gir.contract %q, %y  // [m, d] [n, d]        scf.for %j
                                                       %y = gir.load %t[0, 0, %j]
                                                       gir.contract %q, %y  // [m, d] [d, n]

Lanes lie along what a contraction doesn't sum, so that an operand that is contiguous along what it sums must be turned
in registers wherever it is loaded. A window that a loop loads again and again is turned once instead, into a buffer of
the same size, if a quarter of `sram` has room for that. Its sides must be whole blocks of what vectors turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from powerfusion.core._mlir import (
    create,
    element_of,
    i32_array,
    i64_array,
    index_constant,
    segments,
)
from powerfusion.core.passes import register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.analysis.spaces import loops_of
from powerfusion.passes.scheduling import rows
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.passes.scheduling.on_caches import OnCachesPass
from powerfusion.passes.scheduling.scratch import buffer_bytes

T = TypeVar("T")
BLOCK = 16  # elements a side, of what is turned in registers
HALF_BYTES = 2
LEAST_TIMES = 4  # it is loaded: turning moves it twice
ROOM = 4  # of sram, the part that it may take


@register_pass
@dataclass(frozen=True)
class TurnStagesPass(OnCachesPass):
    """Turns staged operands of contractions once, in the cache."""

    name: ClassVar[str] = "gir-turn-stages"

    def visit(self, kernel: ir.Operation, machine: Machine) -> None:
        """Does it in a kernel."""
        for stage in list(walk(kernel, "gir.stage")):
            loads = _loads(stage, machine)
            if loads:
                _turn(stage, loads)
                count("windows turned once")


def _loads(stage: ir.Operation, machine: Machine) -> list[ir.Operation]:
    """All that is loaded of a window, if each is better turned and one is again and again."""
    type_ = stage.result.type
    size, room = buffer_bytes(stage), (machine.space_of("sram").capacity_bytes or 0) // ROOM
    if not type_.has_static_shape or type_.rank < 2 or size is None or size > room:
        return []
    if any(side % BLOCK for side in type_.shape[-2:]):
        return []
    loads = [use.owner.operation for use in stage.result.uses]
    if not all(load.name == "gir.load" and _is_summed(load) for load in loads):
        return []
    return loads if any(_is_repeated(load, stage) for load in loads) else []


def _is_summed(load: ir.Operation) -> bool:
    """Whether contractions alone use what is loaded, and sum along what is contiguous of it, but not the other side."""
    if "clip" in load.attributes or segments(load)[2]:
        return False
    uses = list(load.result.uses)
    return bool(uses) and all(
        use.owner.operation.name == "gir.contract" and _sums_last(use.owner.operation, use.operand_number)
        for use in uses
    )


def _sums_last(contract: ir.Operation, operand: int) -> bool:
    if operand > 1:
        return False
    maps = contract.attributes["maps"]
    own, result = loops_of(maps[operand]), loops_of(maps[2])
    tile = contract.operands[operand].type.shape
    return own[-1] not in result and own[-2] == result[-1] and tile[-2] > 1


def _is_repeated(load: ir.Operation, stage: ir.Operation) -> bool:
    """Whether a loop in which the window stays loads the same often."""
    indices = set(segments(load)[1])
    block = load.block
    while block != stage.block:
        loop = block.owner.operation
        if loop.name == "scf.for" and block.arguments[0] not in indices:
            trips = rows.trips(loop)
            if trips is None or trips >= LEAST_TIMES:
                return True
        block = loop.block
    return False


def _turn(stage: ir.Operation, loads: Sequence[ir.Operation]) -> None:
    type_ = stage.result.type
    shape = _swapped(type_.shape)
    with ir.InsertionPoint.after(stage), stage.location:
        turned = ir.MemRefType.get(shape, type_.element_type, None, type_.memory_space)
        buffer = create("gir.alloc", [], [turned], {"upto": i64_array([])}).result
        _fill(stage.result, buffer, [])
    for load in loads:
        indices = _swapped(segments(load)[1])
        tile = load.result.type
        made = ir.RankedTensorType.get(_swapped(tile.shape), tile.element_type, tile.encoding)
        attributes = {"operandSegmentSizes": i32_array([1, len(indices), 0])}
        with ir.InsertionPoint(load), load.location:
            new = create("gir.load", [buffer, *indices], [made], attributes).result
        for use in list(load.result.uses):
            contract, operand = use.owner.operation, use.operand_number
            maps = list(contract.attributes["maps"])
            maps[operand] = _turned(maps[operand])
            contract.attributes["maps"] = ir.ArrayAttr.get(maps)
            contract.operands[operand] = new
        load.erase()


def _swapped(items: Sequence[T]) -> list[T]:
    """The last two the other way round."""
    found = list(items)
    return [*found[:-2], found[-1], found[-2]]


def _turned(attribute: ir.Attribute) -> ir.Attribute:
    old = ir.AffineMapAttr(attribute).value
    return ir.AffineMapAttr.get(ir.AffineMap.get(old.n_dims, 0, _swapped(list(old.results))))


def _fill(window: ir.Value, buffer: ir.Value, places: list[ir.Value]) -> None:
    """Loops over a window, of whose last two dimensions a block is turned at a time."""
    rank = window.type.rank
    if len(places) == rank:
        _turn_block(window, buffer, places)
        return
    step = [*[1] * (rank - 2), *_block(window)][len(places)]
    bounds = [index_constant(0), index_constant(window.type.shape[len(places)]), index_constant(step)]
    loop = create("scf.for", bounds, regions=1)
    block = loop.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[loop.location])
    with ir.InsertionPoint(block):
        _fill(window, buffer, [*places, block.arguments[0]])
        create("scf.yield")


def _block(window: ir.Value) -> tuple[int, int]:
    """The sides of what is turned in registers at a time: of 16-bit elements twice as many rows, in as many bytes."""
    twice = element_bytes(window) == HALF_BYTES and window.type.shape[-2] % (2 * BLOCK) == 0
    return (2 if twice else 1) * BLOCK, BLOCK


def _turn_block(window: ir.Value, buffer: ir.Value, places: list[ir.Value]) -> None:
    rank, element = window.type.rank, element_of(window.type)
    place = ir.Attribute.parse("#gir.at<reg>")
    sides = [*[1] * (rank - 2), *_block(window)]
    tile, made = (ir.RankedTensorType.get(shape, element, place) for shape in (sides, _swapped(sides)))
    segment_sizes = {"operandSegmentSizes": i32_array([1, rank, 0])}
    loaded = create("gir.load", [window, *places], [tile], segment_sizes).result
    perm = i64_array(_swapped(range(rank)))
    turned = create("gir.permute", [loaded], [made], {"perm": perm}).result
    stored = {"operandSegmentSizes": i32_array([1, 1, rank, 0])}
    create("gir.store", [turned, buffer, *_swapped(places)], attributes=stored)
