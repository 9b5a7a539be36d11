"""How two elements are combined: by kinds, or by the region of a reduction, scan or collective."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from powerfusion.core._mlir import operations
from powerfusion.mlir import ir
from powerfusion.passes.lowering.elementwise import combine, constant, convert_float, is_narrow, neutral
from powerfusion.passes.lowering.extents import Flag, choose
from powerfusion.passes.lowering.gpu.fragments import Fragment
from powerfusion.passes.lowering.gpu.lowering import GpuLowering, Lowered
from powerfusion.passes.lowering.reductions import kind_of

Element = Sequence[ir.Value]
"""One value per accumulator."""
Item = Sequence[Lowered]
"""The same where a value may be the tile of a payload."""


def mapped(function: Callable[..., ir.Value], *values: Lowered) -> Lowered:
    """A function of numbers, applied to numbers or to the rows of payloads."""
    fragments = [value for value in values if isinstance(value, Fragment)]
    if not fragments:
        return function(*values)
    rows = zip(*(value.rows for value in fragments), strict=True)
    return Fragment(fragments[0].layout, tuple(function(*row) for row in rows))


class Combiner:
    """How two elements of a reduction are combined.

    Args:
        lowering: The function.
        op: The reduction.
    """

    def __init__(self, lowering: GpuLowering, op: ir.Operation) -> None:
        self.lowering, self.op = lowering, op
        self.by_kinds = "kinds" in op.attributes
        algebra = str(op.attributes["algebra"]) if "algebra" in op.attributes else "ordered"
        self.commutes = self.by_kinds or "commutative" in algebra
        self.is_ordered = not self.by_kinds and "ordered" in algebra

    def wide(self, value: ir.Value) -> ir.Value:
        """An element as it is combined: narrow floats in f32 by kinds, as only the end is rounded."""
        return convert_float(value, ir.F32Type.get()) if self.by_kinds and is_narrow(value.type) else value

    def narrow(self, value: ir.Value, element: ir.Type) -> ir.Value:
        """The reverse of `wide`."""
        return value if value.type == element else convert_float(value, element)

    def __call__(self, element: Element, given: Element) -> list[ir.Value]:
        """Combines a later element with what came before."""
        made = self.items(element, given)
        return [value for value in made if isinstance(value, ir.Value)]

    def items(self, element: Item, given: Item) -> list[Lowered]:
        """The same of elements that may have a payload."""
        if self.by_kinds:
            kinds = [kind_of(self.op, at) for at in range(len(given))]
            return [
                mapped(lambda new, old, kind=kind: combine(kind, old, new, self.op.location), new, old)
                for kind, new, old in zip(kinds, element, given, strict=True)
            ]
        block = self.op.regions[0].blocks[0]
        self.lowering.bind(block.arguments, [*element, *given])
        self.lowering.emit_block(block)
        return [self.lowering.values[value] for value in operations(block)[-1].operands]

    def if_there(self, flag: Flag, element: Element, given: Element) -> list[ir.Value]:
        """Combines an element that may not be there."""
        if flag is False:
            return list(given)
        if self.by_kinds and flag is not True:
            kept = [
                choose(flag, value, constant(value.type, neutral(kind_of(self.op, at), value.type)))
                for at, value in enumerate(element)
            ]
            return self(kept, given)
        return [choose(flag, new, old) for new, old in zip(self(element, given), given, strict=True)]
