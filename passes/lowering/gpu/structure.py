"""How scopes, loops, branches and barriers within a group are lowered."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from powerfusion.core._mlir import attributes_of, create, entry_block, index_constant, integer_of, operations, segments
from powerfusion.dialects.gir import level_of
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.gpu.fragments import Fragment, row_type
from powerfusion.passes.lowering.gpu.lowering import TARGET, GpuLowering, Lowered
from powerfusion.passes.lowering.gpu.waiting import Owed
from powerfusion.passes.lowering.registry import lowers
from powerfusion.passes.scheduling.kernels import is_unit_parallel, ops_in

MEETING = ("gir.sync", "gir.all_reduce")


def counts_of(op: ir.Operation) -> int:
    """How many units a parallel has.

    Raises:
        UnsupportedError: That isn't known.
    """
    counts = [integer_of(count) for count in op.operands]
    if any(count is None for count in counts):
        raise UnsupportedError(
            "a number of units that isn't known can't be lowered to gpu",
            location=op.location,
            help="make it a constant",
        )
    return prod(count for count in counts if count is not None)


def meets(op: ir.Operation) -> bool:
    """Whether the units of a parallel wait for one another."""
    return any(inner.name in MEETING for inner in ops_in(op))


def delinearized(number: ir.Value, counts: Sequence[ir.Value]) -> list[ir.Value]:
    """The index per count that a number stands for, row-major."""
    indices: list[ir.Value] = []
    for count in reversed(counts[1:]):
        indices.insert(0, create("arith.remui", [number, count], [number.type]).result)
        number = create("arith.divui", [number, count], [number.type]).result
    return [number, *indices] if counts else []


@lowers("gir.parallel", to=TARGET)
def lower_parallel(lowering: GpuLowering, op: ir.Operation) -> None:
    """Units are subgroups; where there are more than the group has, each takes several, one after the other."""
    if not is_unit_parallel(op):
        raise UnsupportedError("groups within groups can't be lowered to gpu", location=op.location)
    lowering.waiting.meet()
    total, units = counts_of(op), lowering.block.units
    counts = lowering.scalars(op.operands)
    if total == units:
        _run_units(lowering, op, counts, lowering.unit)
    else:
        if meets(op):
            raise UnsupportedError(
                f"{total} units that wait for one another can't be lowered to gpu in a group of {units}",
                location=op.location,
                help="units that meet must be as many in every part of a kernel",
            )
        loop = create("scf.for", [lowering.unit, index_constant(total), index_constant(units)], regions=1)
        block = loop.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[op.location])
        with ir.InsertionPoint(block):
            _run_units(lowering, op, counts, block.arguments[0])
            lowering.waiting.settle_lanes()
            create("scf.yield")
    lowering.waiting.group, lowering.waiting.lanes = Owed.USED, Owed.NOTHING


def _run_units(lowering: GpuLowering, op: ir.Operation, counts: Sequence[ir.Value], unit: ir.Value) -> None:
    lowering.bind(entry_block(op).arguments, delinearized(unit, counts))
    lowering.waiting.in_units, before = True, lowering.waiting.in_units
    lowering.waiting.units_fill = any(_fills(inner) for inner in ops_in(op))
    lowering.emit_block(entry_block(op))
    lowering.waiting.in_units = before


def _touches(op: ir.Operation) -> bool:
    """Whether anything in an op uses the group's memory, or waits for others."""
    return any(
        inner.name in MEETING or any(level_of(value.type) == "sram" for value in (*inner.operands, *inner.results))
        for inner in ops_in(op)
    )


def _fills(op: ir.Operation) -> bool:
    """Whether an op writes to the group's memory."""
    if op.name not in ("gir.stage", "gir.copy", "gir.store"):
        return False
    places = [op.result] if op.name == "gir.stage" else segments(op)[2 if op.name == "gir.copy" else 1]
    return any(level_of(place.type) == "sram" for place in places)


@lowers("gir.sync", to=TARGET)
def lower_sync(lowering: GpuLowering, op: ir.Operation) -> None:
    """A barrier of the group."""
    if "<group>" not in str(op.attributes["scope"]):
        raise UnsupportedError("a barrier of a cluster can't be lowered to gpu yet", location=op.location)
    lowering.waiting.barrier()


@lowers("gir.alternatives", to=TARGET)
def lower_alternatives(lowering: GpuLowering, op: ir.Operation) -> None:
    """The first way."""
    block = entry_block(op)
    lowering.emit_block(block)
    lowering.bind(op.results, [lowering.values[value] for value in operations(block)[-1].operands])


# -- control flow ----------------------------------------------------------------------------------


def _is_token(value: ir.Value) -> bool:
    return str(value.type) == "!gir.token"


def _parts(value: Lowered) -> list[ir.Value]:
    return list(value.rows) if isinstance(value, Fragment) else [value]


def _carried(values: Sequence[ir.Value]) -> list[ir.Value]:
    """The values that a loop or branch carries: all but tokens, as copies are done when they are asked for."""
    return [value for value in values if not _is_token(value)]


def _regrouped(olds: Sequence[ir.Value], parts: Sequence[ir.Value], lowering: GpuLowering) -> list[Lowered]:
    rest = iter(parts)
    made: list[Lowered] = []
    for old in olds:
        if not isinstance(old.type, ir.RankedTensorType):
            made.append(next(rest))
            continue
        layout = lowering.lanes.layout(old)
        count = prod(dim.held for dim in layout) // (layout[-1].elements if layout else 1)
        made.append(Fragment(layout, tuple(next(rest) for _ in range(count))))
    return made


@lowers("scf.for", to=TARGET)
def lower_for(lowering: GpuLowering, op: ir.Operation) -> None:
    """A loop that carries registers."""
    touches = _touches(op)
    lowering.waiting.settle(lanes=touches)
    body = entry_block(op)
    index, *arguments = body.arguments
    inits = [part for value in _carried(list(op.operands)[3:]) for part in _parts(lowering.values[value])]
    bounds = lowering.scalars(list(op.operands)[:3])
    types = [value.type for value in inits]
    loop = create("scf.for", [*bounds, *inits], types, attributes_of(op), regions=1)
    block = loop.regions[0].blocks.append(bounds[0].type, *types, arg_locs=[op.location] * (len(types) + 1))
    new_index, *new = block.arguments
    lowering.bind([index], [new_index])
    carried = _carried(arguments)
    lowering.bind(carried, _regrouped(carried, new, lowering))
    with ir.InsertionPoint(block):
        lowering.emit_block(body)
        lowering.waiting.settle(lanes=touches)
        ends = _carried(operations(body)[-1].operands)
        create("scf.yield", [part for value in ends for part in _parts(lowering.values[value])])
    results = _carried(op.results)
    lowering.bind(results, _regrouped(results, list(loop.results), lowering))


@lowers("scf.if", to=TARGET)
def lower_if(lowering: GpuLowering, op: ir.Operation) -> None:
    """A branch that all lanes of a unit take alike."""
    touches = _touches(op)
    lowering.waiting.settle(lanes=touches)
    results = _carried(op.results)
    types: list[ir.Type] = []
    for result in results:
        if isinstance(result.type, ir.RankedTensorType):
            layout = lowering.lanes.layout(result)
            count = prod(dim.held for dim in layout) // (layout[-1].elements if layout else 1)
            types += [row_type(layout, result.type.element_type)] * count
        else:
            types.append(result.type)
    branch = create("scf.if", [lowering.scalar(op.operands[0])], types, regions=2)
    for old, new in zip(op.regions, branch.regions, strict=True):
        if len(old.blocks) == 0:
            continue
        with ir.InsertionPoint(new.blocks.append()):
            lowering.emit_block(old.blocks[0])
            lowering.waiting.settle(lanes=touches)
            ends = _carried(operations(old.blocks[0])[-1].operands)
            create("scf.yield", [part for value in ends for part in _parts(lowering.values[value])])
    lowering.bind(results, _regrouped(results, list(branch.results), lowering))
