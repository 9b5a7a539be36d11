"""What nobody needs goes: values that nothing uses, variables that nothing reads. C compilers would warn of both."""

from __future__ import annotations

from powerfusion.core._mlir import operations
from powerfusion.mlir import ir

VALUES = """
    add sub mul div rem cmp cast conditional expression literal load subscript get_global address_of unary_minus
    logical_and logical_or logical_not bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift
"""
PURE = frozenset(f"emitc.{name}" for name in VALUES.split())
EFFECTS = ("malloc", "free", "pf_allocate", "pf_release")
MARKS = "emitc.verbatim"


def tidy(op: ir.Operation) -> None:
    """Takes away, in an op's regions, what has no use."""
    while _sweep(op):
        pass


def _sweep(op: ir.Operation) -> bool:
    changed = False
    for region in op.regions:
        for block in region.blocks:
            for inner in reversed(operations(block)):
                changed |= _sweep(inner)
                changed |= _take_away(inner)
    return changed


def _take_away(op: ir.Operation) -> bool:
    if op.name == "emitc.variable":
        return _take_variable(op)
    if not _is_pure(op) or any(_used(result) for result in op.results):
        return False
    _erase(op)
    return True


def _is_pure(op: ir.Operation) -> bool:
    if op.name == "emitc.call_opaque":
        return len(op.results) == 1 and ir.StringAttr(op.attributes["callee"]).value not in EFFECTS
    return op.name in PURE


def _used(value: ir.Value) -> bool:
    """Whether anything but a mark uses a value."""
    return any(use.owner.operation.name != MARKS for use in value.uses)


def _erase(op: ir.Operation) -> None:
    for result in op.results:
        for use in list(result.uses):
            use.owner.operation.erase()
    op.erase()


def _take_variable(op: ir.Operation) -> bool:
    """A variable or array that is only written goes, and what is written to it."""
    writers = _writers(op.results[0])
    if writers is None:
        return False
    for writer in writers:
        writer.erase()
    _erase(op)
    return True


def _writers(place: ir.Value) -> list[ir.Operation] | None:
    """The ops that write to a place, marks aside; None where it is read."""
    found: list[ir.Operation] = []
    for use in place.uses:
        user = use.owner.operation
        if user.name == MARKS:
            continue
        if user.name == "emitc.assign" and use.operand_number == 0:
            found.append(user)
            continue
        if user.name != "emitc.subscript" or use.operand_number != 0:
            return None
        inner = _writers(user.results[0])
        if inner is None:
            return None
        found += [*inner, user]
    return found
