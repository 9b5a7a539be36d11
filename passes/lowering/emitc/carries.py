"""Accumulators in C: arrays that a reduction folds into in place, and that loops carry without a copy.

    %s = scf.for .. iter_args(%a = %init) {          float total[4];              the init
      %n = gir.reduce %x into %a ..            ⇒     for (..) {
      scf.yield %n                                     total[i] = total[i] + x[i][j];
    }                                                }

Narrow floats are accumulated in f32, and f32 sums whose additions follow one another in f64, both rounded at the end.
Where the lanes of a tile, its last dimension, are folded, one partial result per lane is kept until the end, so that
compilers make vectors of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from powerfusion.core._mlir import segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code, scalars
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.scalars import computed, is_float, is_narrow
from powerfusion.passes.lowering.emitc.tiles import Held, Index, Tile, spread_index, squeezed, squeezed_index

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.lowering import EmitcLowering


@dataclass(eq=False)
class Carry:
    """An accumulator under way.

    Attributes:
        held: Its array.
        element: The element type of what comes out.
        lowering: What it is part of.
    """

    held: Held
    element: ir.Type
    lowering: EmitcLowering

    @property
    def type_(self) -> ir.Type:
        """The C type that it accumulates in."""
        return self.held.wide or computed(self.element)

    def place(self, index: Index) -> ir.Value:
        """Where an element is."""
        return self.held.place(squeezed_index(index, self.held.shape))

    def finish(self) -> Tile:
        """What has come out, as a tile."""
        return Tile.of(self.held)

    def result(self) -> Carry:
        """The same accumulator, for who goes on."""
        return self


def carried_by(argument: ir.Value, position: int, loop: ir.Operation) -> ir.Operation | None:
    """The op that folds into what a loop carries, if nothing else is done with it."""
    uses = list(argument.uses)
    if len(uses) != 1:
        return None
    user, at = uses[0].owner.operation, uses[0].operand_number
    found: ir.Operation | None = None
    result: ir.Value | None = None
    if user.name == "gir.reduce":
        number = at - len(segments(user)[0])
        if 0 <= number < len(user.results):
            found, result = user, user.results[number]
    elif user.name == "gir.contract" and at == 2:
        found, result = user, user.result
    elif user.name == "scf.for" and at >= 3:
        found = carried_by(user.regions[0].blocks[0].arguments[at - 2], at - 3, user)
        result = user.results[at - 3]
    if found is None or result is None:
        return None
    ends = list(result.uses)
    if len(ends) != 1 or ends[0].owner.operation.name != "scf.yield" or ends[0].operand_number != position:
        return None
    return found if ends[0].owner.operation.block == loop.regions[0].blocks[0] else None


def wide_type(op: ir.Operation, element: ir.Type) -> ir.Type:
    """The C type in which an op accumulates elements of a type."""
    if op.name == "gir.reduce" and "kinds" in op.attributes and element == ir.F32Type.get():
        kinds = str(op.attributes["kinds"])
        return ir.F64Type.get() if "<add>" in kinds else element
    return computed(element)


def rounds_late(op: ir.Operation) -> bool:
    """Whether an op rounds narrow floats only at the end: what a combiner gives is rounded by its own ops."""
    return op.name == "gir.contract" or "kinds" in op.attributes


def start(lowering: EmitcLowering, op: ir.Operation, init: Tile, wide: ir.Type) -> Carry:
    """An accumulator that begins with a tile."""
    lowering.settle(init)
    element = init.element
    if wide == ir.F64Type.get() != element and not lowering.has_doubles:
        wide = computed(element)
    narrow: Callable[[ir.Value], ir.Value] | None = None
    if is_float(element) and (wide != computed(element) or (is_narrow(element) and rounds_late(op))):
        narrow = lambda value: scalars.rounded(code.cast(value, computed(element)), element, lowering.helper)  # noqa: E731
    held = Held(init.shape, element, wide=wide, narrow=narrow)
    lowering.declare(held, op)
    copy_into(held, init, wide)
    return Carry(held, element, lowering)


def copy_into(held: Held, tile: Tile, wide: ir.Type) -> None:
    """Writes a tile's elements to an array."""
    shape = squeezed(held.shape)
    with ExitStack() as nest:
        index: Sequence[Number] = [nest.enter_context(code.loop(0, size)) for size in shape]
        held.put(code.cast(tile.at(spread_index(index, tile.shape)), wide), index)


def accumulator(lowering: EmitcLowering, op: ir.Operation, init: ir.Value, wide: ir.Type | None = None) -> Carry:
    """What an op folds into: what the loop around it carries, or an array of its own that begins with its init."""
    given = lowering.values[init]
    if isinstance(given, Carry) and is_argument(init):
        return given
    return start(lowering, op, lowering.tile(init), wide or wide_type(op, init.type.element_type))


def is_argument(init: ir.Value) -> bool:
    """Whether an op's init is what a loop carries, which the op may then overwrite."""
    owner = init.owner
    return isinstance(owner, ir.Block) and owner.owner.operation.name == "scf.for"
