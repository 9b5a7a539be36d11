"""Elementwise ops on tiles by a machine's intrinsics, a run of elements at a time.

A run is as many of a tile's last dimensions as lie alike in the result and in each operand, or are one number there.
It is as long as intrinsics want it: elements behind a row's end may hold anything. Over other dimensions there are
loops. Ops that no intrinsic does are loops over elements, as on any processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.calls import emit_call
from powerfusion.passes.lowering.device.layouts import Layout, layout_of, row_strides, span_of
from powerfusion.passes.lowering.device.lowering import DEVICE, DeviceLowering
from powerfusion.passes.lowering.device.selects import band_of, chosen_by_band, chosen_by_row
from powerfusion.passes.lowering.device.state import Region
from powerfusion.passes.lowering.device.straight import straightened
from powerfusion.passes.lowering.device.transfers import linear, typed, typed_number
from powerfusion.passes.lowering.device.turns import turned
from powerfusion.passes.lowering.device.ways import NUMBER, RUN, Operand, Step, way_of
from powerfusion.passes.lowering.emitc import code, scalars
from powerfusion.passes.lowering.emitc.code import Number, plus
from powerfusion.passes.lowering.emitc.computation import computed_by_element, lower_elementwise
from powerfusion.passes.lowering.emitc.lowering import ELEMENTWISE
from powerfusion.passes.lowering.emitc.tiles import Held, Tile, renamed, spread_index, squeezed
from powerfusion.passes.lowering.registry import lowers


@lowers(ELEMENTWISE, to=DEVICE)
def lower_vectors(lowering: DeviceLowering, op: ir.Operation) -> None:
    """A call per run where the machine's file has an intrinsic, else loops over elements."""
    if op.name == "arith.constant" or len(op.results) != 1 or not all(map(_is_tile, op.operands)):
        lower_elementwise(lowering, op)
        return
    tiles = [lowering.tile(operand) for operand in op.operands]
    band = band_of(lowering, op, tiles)
    if band is not None:
        lowering.bind(op.results, [band])
        return
    shape = tuple(op.results[0].type.shape)
    still = {dim for dim, size in enumerate(shape) if size > 1 and all(tile.is_still(dim) for tile in tiles)}
    if not still or len(still) == len(squeezed(shape)):
        lowering.bind(op.results, [_computed(lowering, op, tiles, shape)])
        return
    small = tuple(1 if dim in still else size for dim, size in enumerate(shape))
    made = _computed(lowering, op, [renamed(tile, small, tuple) for tile in tiles], small)
    lowering.bind(
        op.results, [renamed(made, shape, lambda index: tuple(0 if d in still else i for d, i in enumerate(index)))]
    )


def _is_tile(value: ir.Value) -> bool:
    return isinstance(value.type, ir.ShapedType)


def _computed(lowering: DeviceLowering, op: ir.Operation, tiles: list[Tile], shape: tuple[int, ...]) -> Tile:
    """What an op makes of tiles of a shape."""
    if op.name == "arith.select":
        chosen = chosen_by_band(lowering, op, tiles, shape) or chosen_by_row(lowering, op, tiles, shape)
        if chosen is not None:
            return chosen
    plan = plan_of(lowering, op, tiles, shape)
    if plan is None:
        return computed_by_element(lowering, op, tiles, shape)[0]
    held = Held(shape, op.results[0].type.element_type)
    _place(lowering, op, plan, held)
    emit_runs(lowering, op, plan, held)
    return Tile.of(held)


@dataclass(frozen=True)
class Plan:
    """How an op is done.

    Attributes:
        steps: The calls.
        tiles: The operands.
        layouts: Where they are.
        kinds: Which are runs.
        run: How many of the last dimensions a call does.
    """

    steps: list[Step]
    tiles: list[Tile]
    layouts: list[Layout]
    kinds: list[str]
    run: int


def plan_of(lowering: DeviceLowering, op: ir.Operation, tiles: list[Tile], shape: tuple[int, ...]) -> Plan | None:
    """A plan; None where intrinsics can't do an op."""
    types = {str(tile.element) for tile in tiles}
    if not squeezed(shape) or len(types) != 1 or all(tile.uniform for tile in tiles):
        return None
    (dtype,) = types
    result = str(op.results[0].type.element_type)
    if not any(dtype in one.dtypes for one in lowering.emission.intrinsics):
        return None
    kinds = [NUMBER if tile.uniform else RUN for tile in tiles]
    if way_of(lowering.emission, op.name, dtype, kinds, result) is None:
        return None
    lowering.settle(*tiles)
    found = [layout_of(tile) for tile in tiles]
    layouts = [layout for layout in found if layout is not None]
    if len(layouts) < len(found):
        return None
    tiles, layouts = turned(lowering, op, tiles, layouts)
    return _longest(lowering, op, (dtype, result), tiles, straightened(lowering, op, tiles, layouts))


def _longest(
    lowering: DeviceLowering,
    op: ir.Operation,
    types: tuple[str, str],
    tiles: list[Tile],
    layouts: list[Layout],
) -> Plan | None:
    """The plan whose calls do most; takes the element types of operands and result."""
    shape = squeezed(tiles[0].shape)
    strides = row_strides(shape, lowering.lanes)
    for run in range(len(shape), 0, -1):
        kinds = [_kind(lowering, layout, strides, run, shape) for layout in layouts]
        known = [kind for kind in kinds if kind is not None]
        if len(known) < len(kinds) or (NUMBER in known and all(kind == NUMBER for kind in known)):
            continue
        if run < len(shape) and any(stride % lowering.lanes for stride in strides[:-run]):
            continue
        steps = way_of(lowering.emission, op.name, types[0], known, types[1])
        if steps is not None:
            return Plan(steps, tiles, layouts, known, run)
    return None


def _kind(
    lowering: DeviceLowering, layout: Layout, strides: Sequence[int], run: int, shape: Sequence[int]
) -> str | None:
    """Whether an operand is a run, or one number, along the last dimensions; None where it is neither."""
    own = layout.strides[-run:]
    if not any(own):
        return NUMBER
    held = layout.held
    if own != tuple(strides[-run:]) or held is None or held.strides is None:
        return None
    outer = layout.strides[:-run]
    if layout.offset % lowering.lanes or any(stride % lowering.lanes for stride in outer):
        return None
    last = layout.offset + sum(max(0, (n - 1) * s) for n, s in zip(shape, outer, strict=False))
    return RUN if last + span_of(shape[-run:], strides[-run:]) <= _room(lowering, held) else None


def _room(lowering: DeviceLowering, held: Held) -> int:
    """How many elements a tile's place has."""
    region = lowering.region_of(held)
    return 0 if region is None else (region.span.end - region.span.begin) // lowering.element_bytes(held)


def _place(lowering: DeviceLowering, op: ir.Operation, plan: Plan, held: Held) -> None:
    """The result's place: an operand's that ends here, or a new one."""
    lowering.arrive_loads()
    strides = row_strides(squeezed(held.shape), lowering.lanes)
    for layout in plan.layouts:
        old = layout.held
        if old is None or layout != Layout(old, 0, strides) or old.strides != strides:
            continue
        others = [other for other in plan.layouts if other.held is old and other != layout]
        alike = squeezed(old.shape) == squeezed(held.shape) and old.element == held.element and old.wide == _wide(old)
        if alike and not others and lowering.dies(old, op):
            lowering.take_over(old, held, op)
            return
    lowering.place(held, op)


def _wide(held: Held) -> ir.Type | None:
    return scalars.stored(held.element) if scalars.is_narrow(held.element) else None


def emit_runs(lowering: DeviceLowering, op: ir.Operation, plan: Plan, held: Held) -> None:
    """Writes the loops and calls."""
    lowering.arrive_loads()
    shape = squeezed(held.shape)
    assert held.strides is not None
    outer = shape[: len(shape) - plan.run]
    count = span_of(shape[-plan.run :], held.strides[-plan.run :])
    count = -(-count // lowering.lanes) * lowering.lanes
    numbers = {step.into: ir.Type.parse(step.result) for step in plan.steps if step.into is not None}
    temporaries = {number: lowering.temporary(count, element, op) for number, element in numbers.items()}
    lowering.compute(*(layout.held for layout in plan.layouts if layout.held is not None))
    with ExitStack() as nest:
        index = [nest.enter_context(code.loop(0, size)) for size in outer]
        for step in plan.steps:
            target = held if step.into is None else temporaries[step.into].held
            at = linear(index, held.strides[: len(outer)]) if step.into is None else 0
            given: dict[str, Number] = {"dst": typed(lowering, target, at, step.result), "count": count}
            for formal, operand in zip(step.intrinsic.operands, step.operands, strict=True):
                given[formal] = _operand(lowering, plan, (operand, step.dtype), index, temporaries)
            emit_call(step.intrinsic.parsed, step.intrinsic.callee(step.dtype), given, op)
    for region in temporaries.values():
        lowering.drop(region)


def _operand(
    lowering: DeviceLowering,
    plan: Plan,
    wanted: tuple[Operand, str],
    index: Sequence[Number],
    temporaries: dict[int, Region],
) -> Number:
    """What a call takes for an operand of an element type."""
    operand, dtype = wanted
    if operand.at < 0:
        return typed(lowering, temporaries[operand.at].held, 0, dtype)
    tile, layout = plan.tiles[operand.at], plan.layouts[operand.at]
    if operand.kind == RUN and plan.kinds[operand.at] == RUN:
        assert layout.held is not None
        at = plus(layout.offset, linear(index, layout.strides[: len(index)]))
        return typed(lowering, layout.held, at, dtype)
    return typed_number(lowering, _number(tile, operand, index), dtype)


def _number(tile: Tile, operand: Operand, index: Sequence[Number]) -> ir.Value:
    """A number that a call takes."""
    element = scalars.computed(tile.element)
    if operand.constant is not None:
        return scalars.float_literal(operand.constant, element)
    rest = [0] * (len(squeezed(tile.shape)) - len(index))
    value = tile.at(spread_index([*index, *rest], tile.shape))
    if operand.negated:
        return code.unary("unary_minus", value)
    if operand.inverted:
        return code.binary("div", scalars.float_literal(1.0, element), value)
    return value
