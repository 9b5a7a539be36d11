"""`arith` and `math` on single elements, in C, and what kinds of reductions combine by."""

from __future__ import annotations

from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.elementwise import COMBINE
from powerfusion.passes.lowering.emitc.floats import FLOATS
from powerfusion.passes.lowering.emitc.integers import INTEGERS
from powerfusion.passes.lowering.emitc.scalar_op import Scalar, Values, Writer
from powerfusion.passes.lowering.emitc.scalars import Helper, is_float

TABLE: dict[str, Writer] = FLOATS | INTEGERS


def elementwise(op: Scalar) -> Values:
    """Writes an op on single elements; gives its results.

    Raises:
        UnsupportedError: Nobody says how.
    """
    how = TABLE.get(op.name)
    if how is None:
        raise UnsupportedError(f"'{op.name}' can't be written in C", location=op.location)
    return how(op)


def combined(kind: str, left: ir.Value, right: ir.Value, element: ir.Type, helper: Helper) -> ir.Value:
    """Two values combined by a reduction's kind, not rounded.

    Args:
        kind: `add`, `maximumf` and the like.
        left: In the type in which one computes with `element`, or a wider float.
        right: Likewise.
        element: Narrow floats count as f32.
        helper: As in `Scalar`.
    """
    wide = left.type if is_float(element) else element
    name = COMBINE[kind][0 if is_float(element) else 1]
    return elementwise(Scalar(name, [left, right], [wide, wide], [wide], {}, helper, ir.Location.unknown()))[0]
