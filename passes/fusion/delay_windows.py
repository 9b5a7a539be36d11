"""`gir-delay-windows`: what is computed of each element of neighbourhoods is computed before they are taken.

Rewrite:
    %w = gir.window %x dims [0] sizes [64] : 4159 -> 4096x64     ⇒   %y = arith.extf %x : 4159
    %e = arith.extf %w : 4096x64                                      %e = gir.window %y dims [0] sizes [64]

An element is in as many neighbourhoods as have it; what is computed of it alone is then computed once, and a step of a
kernel holds the row and not its neighbourhoods. That goes for every op that works element by element on neighbourhoods
that are taken alike, and on constants that are the same everywhere; but not where elements in no neighbourhood would
outnumber that, nor for integer divisions, which those might not survive. Nothing moves, before and after.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    defining_op,
    entry_block,
    is_tensor,
    operations,
    shape_of,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import erase_unused, naive_kernels

ELEMENTWISE = ("arith.", "math.")
PARTIAL = ("div", "rem")  # of integers: not every element has a result


@register_pass
@dataclass(frozen=True)
class DelayWindowsPass(Pass):
    """Takes neighbourhoods behind what is computed of each element."""

    name: ClassVar[str] = "gir-delay-windows"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites every kernel of a module that nobody has placed."""
        for kernel in naive_kernels(op):
            delayed = [_delay(inner) for inner in operations(entry_block(kernel)) if _is_elementwise(inner)]
            if any(delayed):
                erase_unused(kernel)


def _is_elementwise(op: ir.Operation) -> bool:
    if not op.name.startswith(ELEMENTWISE) or op.regions or len(op.results) != 1 or not is_tensor(op.result):
        return False
    whole = isinstance(op.result.type.element_type, (ir.IntegerType, ir.IndexType))
    return not (whole and any(part in op.name for part in PARTIAL))


def _delay(op: ir.Operation) -> bool:
    """Computes on what neighbourhoods are taken of, if all operands are neighbourhoods taken alike; says whether."""
    made = [defining_op(value) for value in op.operands]
    windows = [each for each in made if each is not None and each.name == "gir.window"]
    if not windows:
        return False
    first = windows[0]
    shape = shape_of(first.operands[0])
    if DYNAMIC in (*shape, *shape_of(op.result)) or math.prod(shape) > math.prod(shape_of(op.result)):
        return False
    if not all(
        (each in windows and _is_alike(each, first)) or _is_splat(value)
        for each, value in zip(made, op.operands, strict=True)
    ):
        return False
    with ir.InsertionPoint(op), op.location:
        operands = [_before(value, shape) for value in op.operands]
        type_ = gir.tensor_at("reg", list(shape), op.result.type.element_type)
        value = create(op.name, operands, [type_], attributes_of(op)).result
        taken = create("gir.window", [value], [op.result.type], attributes_of(first)).result
    op.result.replace_all_uses_with(taken)
    op.erase()
    count("windows delayed")
    return True


def _is_alike(window: ir.Operation, other: ir.Operation) -> bool:
    return attributes_of(window) == attributes_of(other) and shape_of(window.operands[0]) == shape_of(other.operands[0])


def _is_splat(value: ir.Value) -> bool:
    op = defining_op(value)
    if op is None or op.name != "arith.constant":
        return False
    number = op.attributes["value"]
    return isinstance(number, ir.DenseElementsAttr) and number.is_splat


def _before(value: ir.Value, shape: Sequence[int]) -> ir.Value:
    """What neighbourhoods are taken of; of a constant one of that shape."""
    op = defining_op(value)
    assert op is not None, "as was checked"
    if op.name == "gir.window":
        return op.operands[0]
    type_ = gir.tensor_at("reg", list(shape), value.type.element_type)
    number = ir.DenseElementsAttr(op.attributes["value"]).get_splat_value()
    return create("arith.constant", [], [type_], {"value": ir.DenseElementsAttr.get_splat(type_, number)}).result
