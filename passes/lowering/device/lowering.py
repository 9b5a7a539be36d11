"""What lowerings to a machine's own C share: where tiles lie, which copies are under way, which calls there are.

Tiles lie in the first space at `reg`, each at an offset that is known: it is taken when the tile is written and free
when nothing reads it any more. Copies into tiles and out of them go on while other copies are started; what is under
way is waited for before anything but a copy is written, where its bytes are taken again, and at the end of a block.
What computes is waited for before a copy of bytes that it may touch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from powerfusion.errors import CapacityError, UnsupportedError
from powerfusion.machines.emission import OPERANDS
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.arena import Arena, Span
from powerfusion.passes.lowering.device.calls import emit_plain, emit_value, mark
from powerfusion.passes.lowering.device.layouts import row_strides, span_of
from powerfusion.passes.lowering.device.lives import helds_of, is_last, is_repeated, is_within, least_bytes
from powerfusion.passes.lowering.device.state import Device, Flight, Region, memory_name
from powerfusion.passes.lowering.emitc import code, scalars
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.function import FunctionLowering
from powerfusion.passes.lowering.emitc.lowering import TARGET, Program
from powerfusion.passes.lowering.emitc.scalar_op import Scalar, Values
from powerfusion.passes.lowering.emitc.scalars import computed, is_narrow, stored, stored_bytes
from powerfusion.passes.lowering.emitc.tiles import Held, Member, Tile, squeezed
from powerfusion.passes.scheduling.lifetimes import Clock
from powerfusion.passes.scheduling.packing import aligned

DEVICE = "device"
WITHOUT_MEMORY = ("affine.", "arith.constant", "memref.", "gir.load", "gir.kernel", "gir.return", "scf.yield")


def _has_tiles(op: ir.Operation) -> bool:
    """Whether an op isn't one on numbers alone."""
    values = [*op.operands, *op.results]
    return not values or any(isinstance(value.type, ir.ShapedType) for value in values)


class DeviceLowering(FunctionLowering):
    """Lowers one kernel.

    Args:
        function: The function.
        program: What it is part of.
        device: What it is for.
    """

    targets: ClassVar[tuple[str, ...]] = (DEVICE, TARGET)
    has_doubles: ClassVar[bool] = False
    keeps_lanes: ClassVar[bool] = False
    hinted: ClassVar[bool] = False

    def __init__(self, function: ir.Operation, program: Program, device: Device) -> None:
        super().__init__(function, program)
        self.device = device
        self.machine, self.emission = device.machine, device.emission
        self.space = self.machine.space_of("reg")
        self.arena = Arena(self.space.alignment_bytes)
        self.regions: list[Region] = []
        self.flights: list[Flight] = []
        self.computed: set[Span] = set()
        self.copied: set[Span] = set()
        self.waiting: set[Held] = set()
        self.joined: list[tuple[Member, Sequence[Tile]]] = []
        self.stack: list[ir.Operation] = []
        self.clock = Clock(function)
        self.lanes = max(self.emission.granule_bytes // least_bytes(function), 1)
        self.dealing: object | None = None
        self.in_unit = False
        self.waited: set[int] = set()
        self.ahead = device.ahead

    # -- tiles -------------------------------------------------------------------------------------

    def declare(self, held: Held, op: ir.Operation) -> None:
        """A place for a tile, that of an operand where one ends here; a single element is a variable."""
        if not squeezed(held.shape):
            super().declare(held, op)
            return
        old = self._ending_operand(held, op)
        if old is None:
            self.place(held, op)
        else:
            self.take_over(old, held, op)

    def _ending_operand(self, held: Held, op: ir.Operation) -> Held | None:
        """An operand of an op that waited, which nothing but the loop that computes the op reads, or reads before."""
        made = next((at for at, (member, _) in enumerate(self.joined) if held in member.results), None)
        if made is None or not self.stack:
            return None
        own = {member.op for member, _ in self.joined}
        for tile in self.joined[made][1]:
            old = tile.base
            region = None if old is None else self.region_of(old)
            if old is None or region is None or region.block != op.block or old.encode is not None:
                continue
            if squeezed(old.shape) != squeezed(held.shape) or old.element != held.element or old.wide != held.wide:
                continue
            readers = [at for at, (_, tiles) in enumerate(self.joined) if any(old in other.reads for other in tiles)]
            alike = all(t.base is old for _, tiles in self.joined for t in tiles if old in t.reads)
            if alike and max(readers) <= made and not self._is_read_elsewhere(old, own):
                return old
        return None

    def _is_read_elsewhere(self, held: Held, own: set[ir.Operation]) -> bool:
        """Whether an op that isn't one of some, and isn't done yet, reads a tile."""
        now = self.clock.first[self.stack[-1]]
        places = [self.values, *(member.values for member in self.members)]
        if any(held in helds_of(lowered) for values in places[1:] for lowered in values.values()):
            return True
        block = self.stack[-1].block
        return any(
            held in helds_of(lowered)
            and any(
                use.owner.operation not in own and self._time(use.owner.operation, block) >= now for use in value.uses
            )
            for value, lowered in self.values.items()
        )

    def place(self, held: Held, op: ir.Operation, *, copied: bool = False) -> Region:
        """A place in the scratchpad for a tile of any size, which is computed, or copied there.

        Raises:
            UnsupportedError: There is none.
        """
        self.set_form(held)
        strides, size = self.extent_of(held)
        region = Region(held, self.take(size, op), self.stack[-1].block if self.stack else op.block)
        self.regions.append(region)
        (self.copied if copied else self.computed).add(region.span)
        self.note_tile(held, region.span)
        self.point(held, region.span.begin, strides, op)
        return region

    def extent_of(self, held: Held) -> tuple[tuple[int, ...], int]:
        """A tile's strides, in elements, and how many bytes it takes."""
        shape = squeezed(held.shape)
        strides = row_strides(shape, self.lanes)
        size = -(-span_of(shape, strides) // self.lanes) * self.lanes * self.element_bytes(held)
        return strides, -(-size // self.emission.granule_bytes) * self.emission.granule_bytes

    def note_tile(self, held: Held, span: Span) -> None:
        """Says that a tile begins, in the text."""
        what = "x".join(map(str, held.shape)) or "1"
        code.verbatim(f"// tile {what} of {held.element} at {self.space.name}: {span.end - span.begin} bytes")

    def point(self, held: Held, at: Number, strides: tuple[int, ...], op: ir.Operation) -> None:
        """Makes a pointer to a tile that begins at a byte."""
        from powerfusion.passes.lowering.emitc.lowering import hint_of

        byte = code.pointer_type(scalars.unsigned(8))
        base = code.literal(memory_name(self.space.name), byte)
        begin = base if isinstance(at, int) and at == 0 else code.binary("add", base, code.value_of(at))
        mark(op)
        pointer = code.cast(begin, code.pointer_type(held.wide or computed(held.element)))
        self.name(pointer, hint_of(op))
        held.array = pointer
        held.strides = strides

    def set_form(self, held: Held) -> None:
        """Narrow floats lie in the scratchpad as in memory."""
        if held.wide is None and is_narrow(held.element):
            element = held.element
            held.wide = stored(element)
            held.narrow = lambda value: scalars.decoded(value, element, self.helper)
            held.encode = lambda value: scalars.encoded(value, element, self.helper)

    @staticmethod
    def element_bytes(held: Held) -> int:
        """Of an element in the scratchpad."""
        return stored_bytes(held.wide or held.element)

    def take(self, size: int, op: ir.Operation) -> Span:
        """The first gap of so many bytes.

        Raises:
            CapacityError: There is none.
        """
        span = self.arena.take(size)
        usable = self.space.usable_bytes
        if usable is not None and span.end > usable:
            raise CapacityError(
                f"the tiles that are needed at once take {span.end} bytes of '{self.space.name}', which holds "
                f"{usable}; "
                f"this one takes {size}",
                location=op.location,
                help="place it with smaller steps, or give the space a larger reserve_bytes",
            )
        self.device.uses(self.space.name, span.end)
        if any(flight.span.meets(span) for flight in self.flights):
            self.arrive()
        return span

    def take_places(self, size: int, count: int, op: ir.Operation) -> list[Span]:
        """Some places of so many bytes, one right behind the other.

        Raises:
            CapacityError: There is no room.
        """
        step = aligned(size, self.arena.alignment)
        whole = self.take(step * count, op)
        self.arena.give_back(whole)
        parts = [Span(whole.begin + at * step, whole.begin + at * step + size) for at in range(count)]
        self.arena.taken += parts
        return parts

    def region_of(self, held: Held) -> Region | None:
        """Where a tile lies."""
        return next((region for region in self.regions if region.held is held), None)

    def dies(self, held: Held, op: ir.Operation) -> bool:
        """Whether nothing reads a tile behind an op, in the block that makes the tile."""
        region = self.region_of(held)
        if region is None or region.block != op.block or self._is_read(held, op, [self.values]):
            return False
        others = [member.values for member in self.members if member.values is not self.values]
        return not any(held in helds_of(lowered) for values in others for lowered in values.values())

    def take_over(self, old: Held, new: Held, op: ir.Operation) -> None:
        """A tile is written over one that nothing reads any more, of its shape and type."""
        region = self.region_of(old)
        assert region is not None
        self.set_form(new)
        if any(flight.span.meets(region.span) and not flight.is_ahead for flight in self.flights):
            self.arrive()
        region.held = new
        self.computed.add(region.span)
        new.array, new.strides = old.array, old.strides

    def temporary(self, count: int, element: ir.Type, op: ir.Operation) -> Region:
        """A place for so many elements, for one op."""
        return self.place(Held((max(count, 2),), element), op)

    def drop(self, region: Region) -> None:
        """Gives a place back."""
        self.regions.remove(region)
        if not region.is_kept:
            self.arena.give_back(region.span)

    def compute_scalar(self, op: Scalar) -> Values:
        """An op on single elements: the machine's call, or as C has it."""
        call = self.emission.scalar_for(op.name, str(op.elements[0])) if op.elements else None
        if call is None:
            return super().compute_scalar(op)
        given = dict(zip(OPERANDS, op.operands, strict=False))
        return [emit_value(call.parsed, call.callee(str(op.elements[0])), given, op.operands[0].type)]

    # -- when tiles end ----------------------------------------------------------------------------

    def emit(self, op: ir.Operation) -> None:
        """Writes one op; what nothing reads behind it goes."""
        ahead = [flight for flight in self.flights if flight.is_ahead]
        if list(op.regions):
            self.arrive_now()  # what is within may not be done at all
        elif _has_tiles(op) and not op.name.startswith(WITHOUT_MEMORY):
            self.arrive_loads()
        before = set(self.computed)
        self.stack.append(op)
        super().emit(op)
        if is_last(op):
            self.group.flush()
            self.arrive()
            if is_repeated(op):
                self.before_copy(*self.copied)  # the next time begins with one
        self.stack.pop()
        if list(op.regions):
            self.flights += [flight for flight in ahead if flight not in self.flights]
            self.computed |= before  # what is within may not be done at all
        if not self.group.members:
            self.waiting.clear()
            self.joined.clear()
        for region in [r for r in self.regions if self._ends(r, op)]:
            self.drop(region)

    def _ends(self, region: Region, op: ir.Operation) -> bool:
        if region.block == op.block:
            return not self._is_read(region.held, op, [self.values, *(member.values for member in self.members)])
        return is_within(region.block, op)

    def join(self, member: Member, operands: Sequence[Tile]) -> None:
        """As an op of any program; what waits keeps what it reads."""
        super().join(member, operands)
        if len(self.group.members) == 1:
            self.waiting.clear()
            self.joined.clear()
        self.joined.append((member, operands))
        self.waiting.update(held for tile in operands for held in tile.reads)
        self.waiting.update(member.results)
        self.compute(*(held for tile in operands for held in tile.reads))

    def _is_read(self, held: Held, op: ir.Operation, places: Sequence[Mapping[ir.Value, object]]) -> bool:
        """Whether anything behind an op, seen from its block, reads a tile; or the op, for another of several units."""
        if held in self.waiting and self.group.members:
            return True
        now = self.clock.first[op] - 1 if len(places) > 1 else self.clock.last[op]
        return any(
            held in helds_of(lowered) and any(self._time(use.owner.operation, op.block) > now for use in value.uses)
            for values in places
            for value, lowered in values.items()
        )

    def _time(self, user: ir.Operation, block: ir.Block) -> int:
        around = user
        while around.block != block:
            around = around.parent.operation
            if around.name == "func.func":
                return self.clock.first[user]
        return self.clock.first[around]

    # -- copies under way --------------------------------------------------------------------------

    def compute(self, *helds: Held) -> None:
        """Something is written that reads or writes tiles."""
        self.computed.update(region.span for region in self.regions if region.held in helds)

    def before_copy(self, *spans: Span) -> None:
        """What computes on some bytes is done before they are copied, or others are copied there."""
        if not any(computed.meets(span) for computed in self.computed for span in spans):
            return
        if self.emission.compute_wait:
            emit_plain(self.emission.compute_wait)
        self.computed.clear()

    def arrive_loads(self) -> None:
        """Waits for what is under way into tiles."""
        if any(flight.written is None and not flight.is_ahead for flight in self.flights):
            self.arrive_now()

    def arrive_now(self) -> None:
        """Waits for what is under way, but for what isn't read before the next step and has another wait."""
        waits = dict.fromkeys(flight.wait for flight in self.flights if not flight.is_ahead)
        for wait in waits:
            emit_plain(wait)
        self.flights = [flight for flight in self.flights if flight.wait not in waits]

    def go_on(self) -> None:
        """What is under way isn't read before the next step of a loop."""
        self.flights = [replace(flight, is_ahead=True) for flight in self.flights]

    def emit_index(self, op: ir.Operation) -> None:
        """Writes an op on indices once more."""
        super().emit(op)

    def arrive_from(self, memory: object) -> None:
        """Waits for what is under way into memory that is read next."""
        if any(flight.written is not None and flight.written == memory for flight in self.flights):
            self.arrive()

    def arrive(self) -> None:
        """Waits for all that is under way."""
        for wait in dict.fromkeys(flight.wait for flight in self.flights):
            emit_plain(wait)
        self.flights.clear()

    # -- what a device hasn't ----------------------------------------------------------------------

    def fail(self, number: int) -> None:
        """Refused: a kernel can't tell its host."""
        del number
        raise UnsupportedError(
            f"a kernel on {self.machine.name} can't say that an assertion failed",
            location=self.function.location,
            help="check it on the host, before the program is called",
        )
