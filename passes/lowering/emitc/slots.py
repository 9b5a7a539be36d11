"""What loops and branches keep values in, in C."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.carries import copy_into
from powerfusion.passes.lowering.emitc.scalars import computed
from powerfusion.passes.lowering.emitc.tiles import Held, Tile

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.function import FunctionLowering

TOKEN = "!gir.token"


@dataclass(frozen=True)
class Slot:
    """What a loop or branch keeps a value in: an array for a tile, a variable for a number, nothing for a token.

    Attributes:
        type_: The old type.
        held: The array.
        place: The variable.
    """

    type_: ir.Type
    held: Held | None = None
    place: ir.Value | None = None

    @classmethod
    def of(cls, lowering: FunctionLowering, type_: ir.Type, op: ir.Operation) -> Slot:
        """A slot for a value of a type.

        Raises:
            UnsupportedError: No slot is for that type.
        """
        if isinstance(type_, ir.RankedTensorType):
            held = Held(tuple(type_.shape), type_.element_type)
            lowering.declare(held, op)
            return cls(type_, held)
        if isinstance(type_, ir.IntegerType | ir.FloatType | ir.IndexType):
            place = code.variable(computed(type_))
            lowering.name(place, "carried")
            return cls(type_, None, place)
        if str(type_) == TOKEN:
            return cls(type_)
        raise UnsupportedError(f"a value of type {type_} can't be carried by a loop in C", location=op.location)

    def value(self) -> Tile | ir.Value | None:
        """What is in it."""
        if self.held is not None:
            return Tile.of(self.held)
        return None if self.place is None else code.load(self.place)


def fill(lowering: FunctionLowering, slots: Sequence[tuple[Slot, ir.Value]], op: ir.Operation) -> None:
    """Writes values to slots, as if all at once: what reads another slot is put aside first."""
    lowering.group.flush()
    own = {slot.held for slot, _ in slots if slot.held is not None}
    pending: list[tuple[Slot, Tile | ir.Value]] = []
    for slot, old in slots:
        if slot.held is None:
            if slot.place is not None:
                pending.append((slot, lowering.scalar(old)))
            continue
        tile = lowering.tile(old)
        if tile.base is slot.held:
            continue
        if tile.reads & own and len(own) + len(tile.shape) > 1:
            aside = Held(tile.shape, tile.element)
            lowering.declare(aside, op)
            copy_into(aside, tile, computed(tile.element))
            tile = Tile.of(aside)
        pending.append((slot, tile))
    for slot, value in pending:
        if isinstance(value, Tile):
            assert slot.held is not None
            copy_into(slot.held, value, computed(value.element))
        else:
            assert slot.place is not None
            code.assign(value, slot.place)
