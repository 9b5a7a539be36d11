"""Selections that are the larger or smaller of a tile and a number, for which machines have an intrinsic.

    %0 = arith.cmpf ole, %x, %c                     ⇒   arith.maximumf %x, %c
    %1 = arith.select %0, %c, %x

A NaN among the elements must come out as such, and of two zeros the one that IEEE 754 says: `maximum(-0, +0)` is +0.
"""

from __future__ import annotations

import math

from powerfusion.core._mlir import create
from powerfusion.machines.emission import Emission
from powerfusion.mlir import ir
from powerfusion.mlir.dialects.arith import CmpFPredicate
from powerfusion.passes.lowering.device.ways import NUMBER, RUN, way_of
from powerfusion.passes.scheduling.kernels import ops_in

MIRRORED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}
# Whether the element comes out where the comparison holds, and how it compares with the number, NaNs first.
KINDS = {
    (True, "ugt"): "arith.maximumf",
    (True, "uge"): "arith.maximumf",
    (False, "ole"): "arith.maximumf",
    (False, "olt"): "arith.maximumf",
    (True, "ult"): "arith.minimumf",
    (True, "ule"): "arith.minimumf",
    (False, "oge"): "arith.minimumf",
    (False, "ogt"): "arith.minimumf",
}
OF_ZERO = {(True, "ugt"), (False, "ole"), (True, "ule"), (False, "ogt")}
"""Those that are right where the number is +0."""


def take_extremes(function: ir.Operation, emission: Emission) -> None:
    """Writes those of a kernel that a machine has intrinsics for as what they are."""
    for op in ops_in(function):
        found = extreme_of(op) if op.name == "arith.select" else None
        if found is None or not isinstance(op.result.type, ir.RankedTensorType):
            continue
        name, operands = found
        if way_of(emission, name, str(op.result.type.element_type), [RUN, NUMBER]) is None:
            continue
        with ir.InsertionPoint(op), op.location:
            made = create(name, operands, [op.result.type])
        compared = op.operands[0].owner.operation
        op.result.replace_all_uses_with(made.result)
        op.erase()
        if not list(compared.result.uses):
            compared.erase()


def extreme_of(op: ir.Operation) -> tuple[str, list[ir.Value]] | None:
    """What a selection comes to, and its operands: the elements, and the number."""
    if isinstance(op.operands[0].owner, ir.Block):
        return None
    compared = op.operands[0].owner.operation
    if compared.name != "arith.cmpf" or set(compared.operands) != set(op.operands[1:]):
        return None
    predicate = str(CmpFPredicate(ir.IntegerAttr(compared.attributes["predicate"]).value))
    element, number = compared.operands
    if (value := splat_of(number)) is None:
        element, number = number, element
        predicate = predicate[:1] + MIRRORED.get(predicate[1:], "")
        value = splat_of(number)
    if value is None or math.isnan(value) or (value == 0 and math.copysign(1, value) < 0):
        return None
    key = (op.operands[1] == element, predicate)
    kind = KINDS.get(key)
    return None if kind is None or (value == 0 and key not in OF_ZERO) else (kind, [element, number])


def splat_of(value: ir.Value) -> float | None:
    """The number that all elements of a tile are; None where they aren't one that is known."""
    if isinstance(value.owner, ir.Block):
        return None
    op = value.owner.operation
    if op.name in ("tensor.splat", "gir.broadcast"):
        return splat_of(op.operands[0])
    if op.name != "arith.constant":
        return None
    attribute = op.attributes["value"]
    if isinstance(attribute, ir.DenseElementsAttr):
        attribute = attribute.get_splat_value() if attribute.is_splat else None
    return attribute.value if isinstance(attribute, ir.FloatAttr) else None
