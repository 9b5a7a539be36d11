"""Calls of LLVM's intrinsics, for what no dialect has an op."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from powerfusion.core._mlir import create, i32_array
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir


def intrinsic(name: str, operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    """The result of an intrinsic, named without `llvm.`."""
    return _call(name, operands, [result]).result


def intrinsic_for_effect(name: str, operands: Sequence[ir.Value]) -> None:
    """An intrinsic that gives nothing, named without `llvm.`."""
    _call(name, operands, [])


def _call(name: str, operands: Sequence[ir.Value], results: Sequence[ir.Type]) -> ir.Operation:
    attributes: dict[str, ir.Attribute] = {
        "intrin": ir.StringAttr.get(f"llvm.{name}"),
        "operandSegmentSizes": i32_array([len(operands), 0]),
        "op_bundle_sizes": i32_array([]),
    }
    return create("llvm.call_intrinsic", list(operands), results, attributes)


def number(width: int, value: int) -> ir.Value:
    """A constant integer of so many bits."""
    type_ = ir.IntegerType.get_signless(width)
    return create("arith.constant", results=[type_], attributes={"value": ir.IntegerAttr.get(type_, value)}).result


def has_instructions(asked: str, name: str, on_host: Callable[[], bool], location: ir.Location) -> bool:
    """Whether a pass may use some instructions: as it was asked to, `none` or by their name, or as on the `host`.

    Raises:
        UnsupportedError: It was asked for others.
    """
    known = ("host", "none", name)
    if asked not in known:
        raise UnsupportedError(f"expected instructions of {', '.join(known)}, got '{asked}'", location=location)
    return on_host() if asked == "host" else asked == name
