"""How views at `reg` are lowered: a lane's elements in other places, where they don't go to other lanes."""

from __future__ import annotations

import numpy as np

from powerfusion.core._mlir import integers, mixed, segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.gpu.fragments import Scalars, fragment_of, held_shape
from powerfusion.passes.lowering.gpu.lanes import Layout
from powerfusion.passes.lowering.gpu.lowering import TARGET, GpuLowering
from powerfusion.passes.lowering.registry import lowers


def _bind(lowering: GpuLowering, op: ir.Operation, scalars: Scalars) -> None:
    lowering.bind([op.result], [fragment_of(lowering.lanes.layout(op.result), scalars)])


@lowers("gir.move", to=TARGET)
def lower_move(lowering: GpuLowering, op: ir.Operation) -> None:
    """From registers to registers, nothing."""
    lowering.bind([op.result], [lowering.fragment(op.operands[0])])


@lowers("gir.permute", to=TARGET)
def lower_permute(lowering: GpuLowering, op: ir.Operation) -> None:
    """Other names for the same registers: lanes lie along a dimension wherever it stands."""
    source = lowering.fragment(op.operands[0])
    _bind(lowering, op, np.transpose(source.scalars(), integers(op.attributes["perm"])))


@lowers("gir.broadcast", to=TARGET)
def lower_broadcast(lowering: GpuLowering, op: ir.Operation) -> None:
    """The same registers again: lanes along new dimensions hold copies already."""
    source = lowering.fragment(op.operands[0])
    widened = np.expand_dims(source.scalars(), tuple(integers(op.attributes["dims"])))
    _bind(lowering, op, np.broadcast_to(widened, held_shape(lowering.lanes.layout(op.result))))


@lowers("gir.slice", to=TARGET)
def lower_slice(lowering: GpuLowering, op: ir.Operation) -> None:
    """Some of a lane's registers."""
    source = lowering.fragment(op.operands[0])
    _, offsets, sizes, strides = segments(op)
    boxes = [
        mixed(op, part, f"static_{name}")
        for part, name in ((offsets, "offsets"), (sizes, "sizes"), (strides, "strides"))
    ]
    if not all(isinstance(number, int) for box in boxes for number in box):
        raise UnsupportedError("a slice at a computed place can't be lowered to gpu", location=op.location)
    drop = integers(op.attributes["drop"]) if "drop" in op.attributes else []
    result = iter(lowering.lanes.layout(op.result))
    chosen: list[slice | int] = []
    for dim, (start, size, step) in enumerate(zip(*boxes, strict=True)):
        dealt = source.layout[dim]
        assert isinstance(start, int), "checked above"
        assert isinstance(size, int), "checked above"
        assert isinstance(step, int), "checked above"
        if dim in drop:
            _check_whole(op, source.layout, dim)
            chosen.append(start)
            continue
        if start == 0 and step == 1 and size == dealt.size:
            next(result)
            chosen.append(slice(None))
            continue
        _check_whole(op, source.layout, dim)
        _check_lanes(op, next(result).lanes)
        chosen.append(slice(start, start + size * step, step))
    _bind(lowering, op, source.scalars()[tuple(chosen)])


@lowers("gir.concat", to=TARGET)
def lower_concat(lowering: GpuLowering, op: ir.Operation) -> None:
    """A lane's registers of one, then of the next."""
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    sources = [lowering.fragment(operand) for operand in op.operands]
    for layout in (*(source.layout for source in sources), lowering.lanes.layout(op.result)):
        _check_whole(op, layout, dim)
    _bind(lowering, op, np.concatenate([source.scalars() for source in sources], dim))


@lowers("gir.window", to=TARGET)
def lower_window(lowering: GpuLowering, op: ir.Operation) -> None:
    """A lane's registers, as often as they are in a neighbourhood."""
    source = lowering.fragment(op.operands[0])
    taken = source.scalars()
    result = lowering.lanes.layout(op.result)
    rank = len(source.layout)
    entries = [integers(op.attributes[name]) for name in ("dims", "sizes", "strides", "dilations")]
    for at, (dim, size, stride, dilation) in enumerate(zip(*entries, strict=True)):
        _check_whole(op, source.layout, dim)
        _check_whole(op, result, dim)
        _check_whole(op, result, rank + at)
        starts = stride * np.arange(result[dim].size)[:, None] + dilation * np.arange(size)[None, :]
        taken = np.moveaxis(np.take(taken, starts, axis=dim), dim + 1, -1)
    _bind(lowering, op, taken)


@lowers("gir.reshape", to=TARGET)
def lower_reshape(lowering: GpuLowering, op: ir.Operation) -> None:
    """A lane's registers in their order, where every lane has all elements."""
    source = lowering.fragment(op.operands[0])
    result = lowering.lanes.layout(op.result)
    for layout in (source.layout, result):
        for dim in range(len(layout)):
            _check_whole(op, layout, dim)
    _bind(lowering, op, source.scalars().reshape(held_shape(result)))


def _check_whole(op: ir.Operation, layout: Layout, dim: int) -> None:
    _check_lanes(op, layout[dim].lanes)


def _check_lanes(op: ir.Operation, lanes: int) -> None:
    """Refuses a view that would take elements to other lanes."""
    if lanes > 1:
        raise UnsupportedError(
            f"'{op.name}' along a dimension that lanes lie along can't be lowered to gpu",
            location=op.location,
            help="place it so that the dimension stays within a lane",
        )
