"""`gir-turn-concats`: of long values side by side, each element is chosen by its place.

Rewrite:
    %k = gir.concat %a, %b dim 0 : 63, 4096 -> 4159
  ⇒ %1 = gir.pad %a low [0] high [4096]          a and anything
    %2 = gir.pad %b low [63] high [0]             anything and b
    %k = arith.select (gir.iota < 63), %1, %2

A step of a kernel has all of a concatenation, so that it knows its parts, or, as here, a window of it and of each part
what that has there: mostly of one part something and of the others nothing. Short concatenations stay, as a step holds
them whole without looking at places. Parts that hold one number everywhere are a border of that number, of the parts
beside them; so a row between two borders is a `gir.pad`, and nothing is chosen.

What a kernel stores in parts stays, too, unless it uses the whole itself or another kernel loads it: put together first
and stored as one, both may be done in one go. What is stored for others besides stays.
No byte of DRAM is moved more or less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    defining_op,
    entry_block,
    i32_array,
    i64_array,
    operations,
    shape_of,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import is_naive, naive_kernels

LESS = 6  # `ult` of `arith.cmpi`


@register_pass
@dataclass(frozen=True)
class TurnConcatsPass(Pass):
    """Chooses the elements of long concatenations by their places."""

    name: ClassVar[str] = "gir-turn-concats"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    longest: int = option(256, help="Elements along a concatenation that a step of a kernel has whole")
    most_parts: int = option(16, help="Parts of a concatenation beyond which it stays: each element looks at all")

    def run(self, op: ir.Operation) -> None:
        """Rewrites every kernel of a module that nobody has placed."""
        for kernel in naive_kernels(op):
            for inner in operations(entry_block(kernel)):
                if inner.name == "gir.concat" and gir.is_at(inner.result, "dram"):
                    _store_whole(kernel, inner)
            for inner in operations(entry_block(kernel)):
                if inner.name == "gir.concat" and gir.is_at(inner.result, "reg") and self._is_turned(inner):
                    turn(inner)

    def _is_turned(self, concat: ir.Operation) -> bool:
        dim = ir.IntegerAttr(concat.attributes["dim"]).value
        sizes = [shape_of(value)[dim] for value in (*concat.operands, concat.result)]
        if DYNAMIC in sizes or sizes[-1] <= self.longest or len(sizes) - 1 > self.most_parts:
            return False
        return DYNAMIC not in shape_of(concat.result)


def turn(concat: ir.Operation) -> None:
    """Replaces one concatenation of static sizes at `reg`."""
    dim = ir.IntegerAttr(concat.attributes["dim"]).value
    with ir.InsertionPoint(concat), concat.location:
        runs = _runs(concat, dim)
        made = runs[-1].value
        index = _iota(shape_of(concat.result), dim) if len(runs) > 1 else None
        for run in reversed(runs[:-1]):
            assert index is not None, "one of several"
            bound = ir.IntegerAttr.get(ir.IndexType.get(), run.end)
            below = create("arith.cmpi", [index, _splat(index.type, bound)], [_flags(index)], {"predicate": _i64(LESS)})
            made = create("arith.select", [below.result, run.value, made], [made.type]).result
    concat.result.replace_all_uses_with(made)
    concat.erase()
    count("concatenations turned")


@dataclass(frozen=True)
class _Run:
    """What stands up to some place.

    Attributes:
        value: As long as the whole.
        end: The place.
        is_number: Whether it is one number everywhere.
        bordered: Whether outside of its own place it is the border's.
    """

    value: ir.Value
    end: int
    is_number: bool
    bordered: bool


def _runs(concat: ir.Operation, dim: int) -> list[_Run]:
    """The parts, each as long as the whole, and where each ends; a border is of the parts beside it."""
    parts = list(concat.operands)
    ends = list(accumulate(shape_of(part)[dim] for part in parts))
    numbers = [_number(part) for part in parts]
    element = concat.result.type.element_type
    around = next((number for number in numbers if number is not None), None) or _zero(element)
    outside = create("arith.constant", [], [element], {"value": around}).result
    type_ = concat.result.type
    found: list[_Run] = []
    for part, end, number in zip(parts, ends, numbers, strict=True):
        if number is None:
            if len(found) == 1 and found[0].bordered and found[0].is_number:  # It begins with a border.
                found.pop()
            found.append(_Run(_padded(part, end, dim, type_, outside), end, is_number=False, bordered=True))
        elif number == around and found and found[-1].bordered:
            found[-1] = replace(found[-1], end=end)
        else:
            found.append(_Run(_splat(type_, number), end, is_number=True, bordered=number == around))
    return found


def _padded(part: ir.Value, end: int, dim: int, type_: ir.Type, outside: ir.Value) -> ir.Value:
    """A part in its place, with something around it."""
    size = shape_of(part)[dim]
    low, high = [0] * part.type.rank, [0] * part.type.rank
    low[dim], high[dim] = end - size, ir.RankedTensorType(type_).shape[dim] - end
    attributes = {
        "static_low": i64_array(low),
        "static_high": i64_array(high),
        "operandSegmentSizes": i32_array([1, 1, 0, 0]),
    }
    return create("gir.pad", [part, outside], [type_], attributes).result


def _number(part: ir.Value) -> ir.Attribute | None:
    """The number that a part holds everywhere, where that is a constant."""
    op = defining_op(part)
    if op is None or op.name != "arith.constant":
        return None
    value = op.attributes["value"]
    return value.get_splat_value() if isinstance(value, ir.DenseElementsAttr) and value.is_splat else None


def _zero(element: ir.Type) -> ir.Attribute:
    return ir.FloatAttr.get(element, 0.0) if isinstance(element, ir.FloatType) else ir.IntegerAttr.get(element, 0)


def _splat(type_: ir.Type, number: ir.Attribute) -> ir.Value:
    return create("arith.constant", [], [type_], {"value": ir.DenseElementsAttr.get_splat(type_, number)}).result


def _iota(shape: Sequence[int], dim: int) -> ir.Value:
    type_ = gir.tensor_at("reg", list(shape), ir.IndexType.get())
    return create("gir.iota", [], [type_], {"dim": _i64(dim), "operandSegmentSizes": i32_array([0, 0])}).result


def _flags(index: ir.Value) -> ir.Type:
    return gir.tensor_at("reg", list(shape_of(index)), ir.IntegerType.get_signless(1))


def _i64(number: int) -> ir.Attribute:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)


def _store_whole(kernel: ir.Operation, concat: ir.Operation) -> None:
    """Puts together what is stored in parts and returned, if that is used here or loaded by another kernel."""
    stores = [store for part in concat.operands if (store := defining_op(part)) is not None]
    if len(stores) < len(concat.operands) or any(store.name != "gir.move" for store in stores):
        return
    if any(user != concat for store in stores for user in _users(store.result)):  # It would be stored once more.
        return
    uses = list(concat.result.uses)
    if len(uses) != 1 or uses[0].owner.operation.name != "gir.return" or DYNAMIC in shape_of(concat.result):
        return
    parts = [store.operands[0] for store in stores]
    twin = next((op for op in _users(parts[0]) if _is_of(op, parts, concat.attributes["dim"])), None)
    if twin is None and not any(map(_is_loaded, kernel.results[uses[0].operand_number].uses)):
        return
    type_ = gir.tensor_at("reg", list(shape_of(concat.result)), concat.result.type.element_type)
    with concat.location:
        if twin is None:
            with ir.InsertionPoint(concat):
                twin = create("gir.concat", parts, [type_], {"dim": concat.attributes["dim"]})
        with ir.InsertionPoint(uses[0].owner.operation):
            made = create("gir.move", [twin.result], [concat.result.type]).result
    concat.result.replace_all_uses_with(made)
    concat.erase()
    for store in dict.fromkeys(stores):
        store.erase()


def _is_of(op: ir.Operation, parts: Sequence[ir.Value], dim: ir.Attribute) -> bool:
    return op.name == "gir.concat" and list(op.operands) == parts and op.attributes["dim"] == dim


def _users(value: ir.Value) -> list[ir.Operation]:
    return [use.owner.operation for use in value.uses]


def _is_loaded(use: ir.OpOperand) -> bool:
    """Whether a kernel loads what it is given, all of it."""
    reader = use.owner.operation
    if not is_naive(reader) or use.operand_number >= len(entry_block(reader).arguments):
        return False
    inner = [each.owner.operation for each in entry_block(reader).arguments[use.operand_number].uses]
    return any(op.name == "gir.move" for op in inner)
