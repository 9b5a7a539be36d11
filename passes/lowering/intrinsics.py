"""Calls of LLVM's intrinsics, for what no dialect has an op."""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import create, i32_array
from powerfusion.mlir import ir


def intrinsic(name: str, operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    """The result of an intrinsic, named without `llvm.`."""
    attributes: dict[str, ir.Attribute] = {
        "intrin": ir.StringAttr.get(f"llvm.{name}"),
        "operandSegmentSizes": i32_array([len(operands), 0]),
        "op_bundle_sizes": i32_array([]),
    }
    return create("llvm.call_intrinsic", list(operands), [result], attributes).result


def number(width: int, value: int) -> ir.Value:
    """A constant integer of so many bits."""
    type_ = ir.IntegerType.get_signless(width)
    return create("arith.constant", results=[type_], attributes={"value": ir.IntegerAttr.get(type_, value)}).result
