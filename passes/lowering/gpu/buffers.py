"""How memory of a group is lowered: buffers at their offsets, and copies that all its threads share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from powerfusion.core._mlir import DYNAMIC, attributes_of, create, index_constant, integers, mixed, segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.gpu.lowering import TARGET, GpuLowering, memref_on_device, on_device, plus
from powerfusion.passes.lowering.gpu.structure import delinearized
from powerfusion.passes.lowering.gpu.waiting import Owed
from powerfusion.passes.lowering.registry import lowers


def _buffer(lowering: GpuLowering, op: ir.Operation, sizes: Sequence[ir.Value]) -> ir.Value:
    """A buffer where scheduling put it."""
    if "gir.offset" not in op.attributes:
        raise UnsupportedError(
            "a buffer without an offset can't be lowered to gpu",
            location=op.location,
            help="run gir-plan-scratch first",
        )
    offset = index_constant(ir.IntegerAttr(op.attributes["gir.offset"]).value)
    if "gir.unit_bytes" in op.attributes:
        each = index_constant(ir.IntegerAttr(op.attributes["gir.unit_bytes"]).value)
        offset = plus(offset, create("arith.muli", [lowering.unit, each], [offset.type]).result)
    return lowering.view_of_scratch(offset, memref_on_device(op.result.type), sizes)


@lowers("gir.alloc", to=TARGET)
def lower_alloc(lowering: GpuLowering, op: ir.Operation) -> None:
    """Bytes of the group's memory, at the offset that scheduling chose."""
    lowering.bind([op.result], [_buffer(lowering, op, lowering.scalars(op.operands))])


@lowers("gir.stage", to=TARGET)
def lower_stage(lowering: GpuLowering, op: ir.Operation) -> None:
    """A buffer, filled by all threads of the group side by side, or by the lanes of a unit."""
    (source,), indices, dynamic = segments(op)
    sizes = _sizes(lowering, op, dynamic)
    open_sizes = [size for size, known in zip(sizes, op.attributes["static_sizes"], strict=True) if known < 0]
    buffer = _buffer(lowering, op, open_sizes)
    first = [index_constant(0)] * len(sizes)
    _copy(lowering, (lowering.scalar(source), lowering.scalars(indices)), (buffer, first), sizes)
    lowering.bind([op.result], [buffer])


@lowers("gir.copy", to=TARGET)
def lower_copy(lowering: GpuLowering, op: ir.Operation) -> None:
    """A copy by all threads of the group, or of a unit, done at once; `gir.wait` has nothing left to wait for."""
    (source,), source_at, (dest,), dest_at, dynamic = segments(op)
    places = (
        (lowering.scalar(source), lowering.scalars(source_at)),
        (lowering.scalar(dest), lowering.scalars(dest_at)),
    )
    _copy(lowering, *places, _sizes(lowering, op, dynamic))


@lowers("gir.wait", to=TARGET)
def lower_wait(lowering: GpuLowering, op: ir.Operation) -> None:
    """Nothing: copies have ended."""


def _sizes(lowering: GpuLowering, op: ir.Operation, dynamic: Sequence[ir.Value]) -> list[ir.Value]:
    sizes = mixed(op, dynamic, "static_sizes")
    return [index_constant(size) if isinstance(size, int) else lowering.scalar(size) for size in sizes]


Place = tuple[ir.Value, Sequence[ir.Value]]


def _copy(lowering: GpuLowering, source: Place, dest: Place, sizes: Sequence[ir.Value]) -> None:
    """Copies a window, element by element: thread after thread along the last dimension, or lane after lane."""
    lowering.waiting.meet(to_fill=True)
    first, step = lowering.thread, lowering.block.threads
    if lowering.waiting.in_units:
        lowering.waiting.before(source[0])
        lowering.waiting.before(dest[0], fills=True)
        first, step = lowering.lane, lowering.block.lanes
    index = ir.IndexType.get()
    total = reduce(lambda left, right: create("arith.muli", [left, right], [index]).result, sizes, index_constant(1))
    loop = create("scf.for", [first, total, index_constant(step)], regions=1)
    block = loop.regions[0].blocks.append(index, arg_locs=[ir.Location.current])
    with ir.InsertionPoint(block):
        at = delinearized(block.arguments[0], sizes)
        memref, base = source
        value = create("memref.load", [memref, *map(plus, base, at)], [memref.type.element_type]).result
        memref, base = dest
        create("memref.store", [value, memref, *map(plus, base, at)])
        create("scf.yield")
    if not lowering.waiting.in_units:
        lowering.waiting.group = Owed.FILLED


@lowers("memref.expand_shape", to=TARGET)
def lower_expand_shape(lowering: GpuLowering, op: ir.Operation) -> None:
    """As it is; not where one dimension becomes several of unknown sizes, which upstream's passes crash on."""
    shape = op.result.type.shape
    if any(sum(shape[dim] == DYNAMIC for dim in integers(group)) > 1 for group in op.attributes["reassociation"]):
        raise UnsupportedError(
            "a dimension that becomes several of unknown sizes can't be lowered to gpu yet",
            location=op.location,
            help="make the sizes static",
        )
    made = create(op.name, lowering.scalars(op.operands), [on_device(op.result.type)], attributes_of(op))
    lowering.bind(op.results, list(made.results))
