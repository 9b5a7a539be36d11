"""How views at `reg` are lowered: the same registers where elements stay in their lanes, else shuffles."""

from __future__ import annotations

import numpy as np

from powerfusion.core._mlir import integers, mixed, segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.extents import choose
from powerfusion.passes.lowering.gpu.exchange import Map, Place, added, exchanged, reshaped, times
from powerfusion.passes.lowering.gpu.fragments import Fragment, filled, fragment_of, held_shape
from powerfusion.passes.lowering.gpu.lowering import TARGET, GpuLowering, sum_of
from powerfusion.passes.lowering.gpu.turning import is_turned, turned
from powerfusion.passes.lowering.memory import SLT
from powerfusion.passes.lowering.registry import lowers


def _bind(lowering: GpuLowering, op: ir.Operation, comes_from: Map) -> None:
    """The result of a view of one tile."""
    source, layout = lowering.fragment(op.operands[0]), lowering.lanes.layout(op.result)
    lowering.bind([op.result], [exchanged(lowering, source, layout, comes_from)])


@lowers("gir.move", to=TARGET)
def lower_move(lowering: GpuLowering, op: ir.Operation) -> None:
    """From registers to registers, nothing."""
    lowering.bind([op.result], [lowering.fragment(op.operands[0])])


@lowers("gir.permute", to=TARGET)
def lower_permute(lowering: GpuLowering, op: ir.Operation) -> None:
    """Other names for the same registers where lanes lie along dimensions as before, else by the group's memory."""
    if is_turned(lowering.lanes, op):
        lowering.bind([op.result], [turned(lowering, op)])
        return
    source = lowering.fragment(op.operands[0]).scalars()
    named = np.transpose(source, integers(op.attributes["perm"]))
    lowering.bind([op.result], [fragment_of(lowering.lanes.layout(op.result), named)])


@lowers("gir.broadcast", to=TARGET)
def lower_broadcast(lowering: GpuLowering, op: ir.Operation) -> None:
    """The same registers again: lanes along new dimensions hold copies already."""
    source = lowering.fragment(op.operands[0]).scalars()
    layout = lowering.lanes.layout(op.result)
    spread = np.broadcast_to(np.expand_dims(source, tuple(integers(op.attributes["dims"]))), held_shape(layout))
    lowering.bind([op.result], [fragment_of(layout, spread)])


@lowers("gir.slice", to=TARGET)
def lower_slice(lowering: GpuLowering, op: ir.Operation) -> None:
    """Some registers, from other lanes where lanes lie along what is cut."""
    _, offsets, sizes, strides = segments(op)
    pairs = ((offsets, "offsets"), (sizes, "sizes"), (strides, "strides"))
    starts, _, steps = ([_known(op, number) for number in mixed(op, part, f"static_{name}")] for part, name in pairs)
    drop = integers(op.attributes["drop"]) if "drop" in op.attributes else []

    def comes_from(place: list[Place]) -> list[Place]:
        rest = iter(place)
        return [
            start if dim in drop else added(times(next(rest), step), start)
            for dim, (start, step) in enumerate(zip(starts, steps, strict=True))
        ]

    _bind(lowering, op, comes_from)


def _known(op: ir.Operation, number: int | ir.Value) -> int:
    if not isinstance(number, int):
        raise UnsupportedError("a slice at a computed place can't be lowered to gpu", location=op.location)
    return number


@lowers("gir.window", to=TARGET)
def lower_window(lowering: GpuLowering, op: ir.Operation) -> None:
    """Registers as often as they are in a neighbourhood, from other lanes where lanes lie along it."""
    dims, _, strides, dilations = (integers(op.attributes[name]) for name in ("dims", "sizes", "strides", "dilations"))
    rank: int = op.operands[0].type.rank

    def comes_from(place: list[Place]) -> list[Place]:
        found: list[Place] = place[:rank]
        for entry, (dim, stride, dilation) in enumerate(zip(dims, strides, dilations, strict=True)):
            first, along = place[dim], place[rank + entry]
            found[dim] = added(times(first, stride), times(along, dilation))
        return found

    _bind(lowering, op, comes_from)


@lowers("gir.reshape", to=TARGET)
def lower_reshape(lowering: GpuLowering, op: ir.Operation) -> None:
    """Registers in their order, from other lanes where their dimensions are dealt out."""
    source = lowering.fragment(op.operands[0]).layout
    _bind(lowering, op, reshaped(source, lowering.lanes.layout(op.result)))


@lowers("gir.concat", to=TARGET)
def lower_concat(lowering: GpuLowering, op: ir.Operation) -> None:
    """Registers of one operand, then of the next, by where the lane's element lies."""
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    layout = lowering.lanes.layout(op.result)
    start = 0
    found: list[tuple[int, Fragment]] = []
    for operand in op.operands:
        found.append((start, exchanged(lowering, lowering.fragment(operand), layout, _shifted(dim, start))))
        start += operand.type.shape[dim]
    shape = held_shape(layout)
    along = lowering.starts(layout)[dim]
    made: list[ir.Value] = []
    columns = [fragment.scalars() for _, fragment in found]
    for place in np.ndindex(*shape):
        values = [column.item(place) for column in columns]
        chosen = values[-1]
        for (begin, _), value in zip(reversed(found[1:]), reversed(values[:-1]), strict=True):
            chosen = _before(along, layout[dim].place(place[dim]), begin, value, chosen)
        made.append(chosen)
    lowering.bind([op.result], [fragment_of(layout, filled(shape, made))])


def _shifted(dim: int, start: int) -> Map:
    def comes_from(place: list[Place]) -> list[Place]:
        return [added(at, -start) if number == dim else at for number, at in enumerate(place)]

    return comes_from


def _before(start: ir.Value | None, offset: int, end: int, value: ir.Value, other: ir.Value) -> ir.Value:
    """One value where an element lies before an end, else another."""
    if start is None:
        return value if offset < end else other
    return choose(compare("arith.cmpi", SLT, sum_of(start, offset), sum_of(None, end)), value, other)
