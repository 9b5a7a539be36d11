"""`gir-narrow-detours`: statistics that are widened to f64 only to be summed come back to f32.

Rewrite:
    %1 = arith.extf %x : f32 to f64                            %2 = gir.reduce %x kinds [add] : f32
    %2 = gir.reduce %1 kinds [add] : f64                   ⇒   %3 = arith.divf %2, %n : f32
    %3 = arith.divf %2, %n : f64
    %4 = arith.truncf %3 : f64 to f32

A detour is all that is tied together by computation in f64, through every kernel that it runs through.
It comes back if nothing of it is seen in f64 and f32 is enough for it:

- it begins at `arith.extf` of at most 32 bits and at constants that f32 has, and ends at `arith.truncf`
  to at most 32 bits;
- something is added up in it, and values are moved, scaled and multiplied on the way;
- what is added or subtracted is a statistic and a constant, or a widened value and a statistic, as a
  mean is taken off. Two rounded values are never subtracted (`E[x^2] - E[x]^2`), nor are values added
  one by one, where f64 may be there to hold what f32 loses.

Decision 0020 says why that is safe. Bytes of such values halve at every level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import constant_of, create, defining_op, element_of, functions, is_tensor
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir
from powerfusion.passes.fusion.detours import Detour, detours


@register_pass
@dataclass(frozen=True)
class NarrowDetoursPass(Pass):
    """Computes statistics in f32 that are widened to f64 and narrowed again."""

    name: ClassVar[str] = "gir-narrow-detours"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})
    enable: bool = option(True, help="Off, f64 stays where the program has it")

    def run(self, op: ir.Operation) -> None:
        """Narrows every detour of every function."""
        if not self.enable:
            return
        for function in functions(op):
            for detour in detours(function):
                count("detours narrowed")
                narrow(detour)


def narrow(detour: Detour) -> None:
    """Makes all values of a detour f32, and its constants."""
    for op in detour.ops:
        for at, operand in enumerate(op.operands):
            if constant_of(operand) is not None and isinstance(element_of(operand.type), ir.F64Type):
                op.operands[at] = _narrow_constant(op, operand)
    for value in detour.values:
        value.set_type(_narrow_type(value.type))
    for op in detour.casts:
        if op.operands[0].type == op.result.type:
            op.result.replace_all_uses_with(op.operands[0])
            op.erase()


def _narrow_type(type_: ir.Type) -> ir.Type:
    narrow_element = ir.F32Type.get()
    if not isinstance(type_, ir.RankedTensorType):
        return narrow_element
    return ir.RankedTensorType.get(type_.shape, narrow_element, type_.encoding)


def _narrow_constant(user: ir.Operation, value: ir.Value) -> ir.Value:
    """A constant in f32, before its user."""
    attribute, type_ = constant_of(value), _narrow_type(value.type)
    assert attribute is not None, "a constant"
    if is_tensor(value):
        scalar = ir.FloatAttr(ir.DenseElementsAttr(attribute).get_splat_value()).value
        made: ir.Attribute = ir.DenseElementsAttr.get_splat(type_, ir.FloatAttr.get(ir.F32Type.get(), scalar))
    else:
        made = ir.FloatAttr.get(type_, ir.FloatAttr(attribute).value)
    with ir.InsertionPoint(user):
        op = defining_op(value)
        location = user.location if op is None else op.location
        return create("arith.constant", results=[type_], attributes={"value": made}, loc=location).result
