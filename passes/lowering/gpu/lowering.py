"""What lowerings of single ops to gpu share: the values that there are, the lane and the unit, accesses, barriers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import attributes_of, create, index_constant, operations
from powerfusion.dialects.gir import level_of
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.elementwise import elementwise
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.extents import Flag
from powerfusion.passes.lowering.gpu.fragments import Fragment
from powerfusion.passes.lowering.gpu.lanes import LaneMap, Layout, bits_of_layout
from powerfusion.passes.lowering.gpu.waiting import Block, Waiting
from powerfusion.passes.lowering.memory import EQ, add_offset, storage
from powerfusion.passes.lowering.registry import lowering_of

TARGET = "gpu"

ELEMENTWISE = "arith and math on tiles"
CLONED = ("arith.", "affine.", "index.", "memref.")
SPACES = {"dram": "global", "sram": "workgroup"}

Lowered = Fragment | ir.Value


@dataclass(frozen=True)
class Flags:
    """The flags of assertions.

    Attributes:
        memory: Where they are on the device, an i32 each.
        messages: Of the assertions, in order.
    """

    memory: ir.Value
    messages: Sequence[str]


@dataclass(frozen=True)
class Room:
    """Where units have memory of the group for tiles that they turn.

    Attributes:
        offset: Of the first unit's, bytes.
        unit_bytes: How much each has.
    """

    offset: int
    unit_bytes: int


class GpuLowering:
    """Lowers the groups of one parallel to the body of a kernel function.

    Args:
        lanes: How tiles are dealt out.
        block: What a group is.
        waiting: Its barriers.
        thread: The thread's number in its group.
        scratch: The group's memory, bytes; None where there is none.
        own_scratch: Where in it the back end's own begins, bytes.
        room: Where units turn tiles.
        flags: Those of assertions; None where nothing is asserted.
    """

    def __init__(
        self,
        lanes: LaneMap,
        block: Block,
        waiting: Waiting,
        thread: ir.Value,
        scratch: ir.Value | None,
        own_scratch: int,
        room: Room,
        flags: Flags | None,
    ) -> None:
        self.lanes, self.block, self.waiting, self.thread = lanes, block, waiting, thread
        self.scratch, self.own_scratch, self.room, self.flags = scratch, own_scratch, room, flags
        self.values: dict[ir.Value, Lowered] = {}
        self.has_turned = False  # whether the unit's memory for that is in use already
        size = index_constant(block.lanes)
        self.lane = create("arith.remui", [thread, size], [thread.type]).result
        self.unit = index_constant(0)
        if block.units > 1:
            self.unit = create("arith.divui", [thread, size], [thread.type]).result

    # -- values ------------------------------------------------------------------------------------

    def bind(self, old: Iterable[ir.Value], new: Iterable[Lowered]) -> None:
        """Records what old values have become."""
        self.values.update(zip(old, new, strict=True))

    def scalar(self, old: ir.Value) -> ir.Value:
        """What a value has become that isn't a tile."""
        new = self.values[old]
        assert isinstance(new, ir.Value), f"expected a tile of {old} to stay one"
        return new

    def scalars(self, old: Iterable[ir.Value]) -> list[ir.Value]:
        """What values have become that aren't tiles."""
        return [self.scalar(value) for value in old]

    def fragment(self, old: ir.Value) -> Fragment:
        """What a lane holds of a tile."""
        new = self.values[old]
        assert isinstance(new, Fragment), f"expected a tile, got {old}"
        return new

    def starts(self, layout: Layout) -> list[ir.Value | None]:
        """Per dimension where this lane's first element lies; None where every lane's lies at 0."""
        return [self._start(dim.lanes, dim.stride, dim.elements) for dim in layout]

    def _start(self, lanes: int, stride: int, elements: int) -> ir.Value | None:
        if lanes == 1:
            return None
        type_ = self.lane.type
        at = self.lane
        if stride > 1:
            at = create("arith.divui", [at, index_constant(stride)], [type_]).result
        if lanes * stride < self.block.lanes:
            at = create("arith.remui", [at, index_constant(lanes)], [type_]).result
        return at if elements == 1 else create("arith.muli", [at, index_constant(elements)], [type_]).result

    def is_first_copy(self, layout: Layout) -> Flag:
        """Whether this lane is the first that holds these elements of a tile; of units that do the same, the first."""
        copies = (self.block.lanes - 1) & ~bits_of_layout(layout)
        if not self.waiting.in_units:
            copies |= (1 << (self.block.threads - 1).bit_length()) - self.block.lanes
        return self._is_zero(self.thread, copies) if copies else True

    def is_first_lane(self, layout: Layout) -> Flag:
        """Whether this lane is the first of its unit that holds these elements of a tile."""
        copies = (self.block.lanes - 1) & ~bits_of_layout(layout)
        return self._is_zero(self.lane, copies) if copies else True

    def _is_zero(self, number: ir.Value, mask: int) -> ir.Value:
        masked = create("arith.andi", [number, index_constant(mask)], [number.type]).result
        return compare("arith.cmpi", EQ, masked, index_constant(0))

    # -- memory ------------------------------------------------------------------------------------

    def view_of_scratch(self, offset: ir.Value, type_: ir.MemRefType, sizes: Sequence[ir.Value] = ()) -> ir.Value:
        """Memory of the group from an offset in bytes on."""
        assert self.scratch is not None, "expected scratch memory around a buffer"
        return create("memref.view", [self.scratch, offset, *sizes], [type_]).result

    # -- ops ---------------------------------------------------------------------------------------

    def emit_block(self, block: ir.Block) -> None:
        """Emits every op of a block but its terminator."""
        for op in operations(block)[:-1]:
            self.emit(op)

    def emit(self, op: ir.Operation) -> None:
        """Emits one op: through the table, or as it is where it needs no lowering."""
        on_tiles = op.name.startswith(("arith.", "math.")) and any(_is_shaped(result) for result in op.results)
        lowering = lowering_of(ELEMENTWISE if on_tiles else op.name, TARGET)
        with op.location:
            if lowering is not None:
                lowering(self, op)
            elif op.name.startswith(("arith.", "math.")):
                types = [result.type for result in op.results]
                made = elementwise(op.name, self.scalars(op.operands), types, attributes_of(op), op.location)
                self.bind(op.results, made)
            elif op.name.startswith(CLONED):
                types = [on_device(result.type) for result in op.results]
                made = create(op.name, self.scalars(op.operands), types, attributes_of(op))
                self.bind(op.results, list(made.results))
            else:
                raise UnsupportedError(f"'{op.name}' can't be lowered to gpu", location=op.location)


def on_device(type_: ir.Type) -> ir.Type:
    """A memref as it lies in the device's memory; other types stay."""
    return memref_on_device(type_) if isinstance(type_, ir.MemRefType) else type_


def memref_on_device(type_: ir.MemRefType) -> ir.MemRefType:
    """A memref in the device's memory, its elements as they lie there."""
    level = level_of(type_) or "dram"
    space = ir.Attribute.parse(f"#gpu.address_space<{SPACES[level]}>")
    return ir.MemRefType.get(type_.shape, storage(type_.element_type), type_.layout, space)


def sum_of(start: ir.Value | None, offset: int) -> ir.Value:
    """An index so much further on than a start, or than 0."""
    return index_constant(offset) if start is None else add_offset(start, offset)


def plus(left: ir.Value, right: ir.Value) -> ir.Value:
    """A sum of indices."""
    return create("arith.addi", [left, right], [left.type]).result


def _is_shaped(value: ir.Value) -> bool:
    return isinstance(value.type, ir.ShapedType)
