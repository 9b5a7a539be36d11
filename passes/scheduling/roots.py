"""Which memory a memref is part of, seen from a kernel in tile form: whether two may be the same."""

from __future__ import annotations

from powerfusion.core._mlir import defining_op, segments
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.kernels import launched_names
from powerfusion.passes.scheduling.lifetimes import VIEWS


def viewed(value: ir.Value) -> ir.Value:
    """What a memref is a view of, in the same kernel or function."""
    while (maker := defining_op(value)) is not None and maker.name in VIEWS:
        value = maker.operands[0]
    return value


def root_of(value: ir.Value) -> ir.Value:
    """The allocation or argument of a function that a memref is a view of, through the kernel's arguments."""
    value = viewed(value)
    if defining_op(value) is not None or value.owner.owner.name != "gir.kernel":
        return value
    given = segments(value.owner.owner.operation)[0]
    return root_of(given[ir.BlockArgument(value).arg_number])


def may_share(one: ir.Value, other: ir.Value) -> bool:
    """Whether two memrefs may have elements in common; arguments of what is launched may, others are apart."""
    one, other = root_of(one), root_of(other)
    if one == other:
        return True
    return _is_launched_with(one) and _is_launched_with(other)


def _is_launched_with(value: ir.Value) -> bool:
    """Whether a memref is an argument of a function that is launched, so that somebody else says what it is."""
    if defining_op(value) is not None or value.owner.owner.name != "func.func":
        return False
    function = value.owner.owner.operation
    return ir.StringAttr(function.attributes["sym_name"]).value in launched_names(function.parent.operation)
