"""Whether tiling covers how the units of a group share what is at sram; what it doesn't cover is no choice.

Units either step together, each with one element of what is shared, and start anew in each step; or each goes
through loops of its own, and they bring parts that are whole transactions. A unit that has nothing to do waits with
the others there, and must move nothing. (`tiling/placed_obstacles` has these rules.) Where units combine what they
have, all have something: they share a dimension that no group has only a part of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from powerfusion.passes.placement.cost import Place
from powerfusion.passes.placement.model import Kind, NestDim, Program, Step, Where, extent
from powerfusion.passes.placement.windows import WAITING, Key, Spans

WIDEST_GRANULE = 256  # bytes; granules of all machines divide it


def is_covered(place: Place, program: Program, steps: Sequence[Step], windows: Mapping[Key, Spans]) -> bool:
    """Whether a schedule's units can share in a nest what it has at sram."""
    shared = {
        step.value: place.there(windows[step.value, WAITING], program.values[step.value].shape).spans
        for step in steps
        if step.where in (Where.STAGE, Where.REST)
    }
    if not shared or all(dim.units == 1 for dim in place.nest):
        return True
    rests = [step for step in steps if step.where is Where.REST]
    if _step_together(place, steps, windows, shared) and all(_is_split(place, shared[step.value]) for step in rests):
        return True
    even = all(_is_even(dim) for dim in place.nest if dim.units > 1 and dim.steps > 1 and not dim.swept)
    parts = (_comes_in_parts(place, program, value, spans) for value, spans in shared.items())
    return not rests and even and all(parts) and _idle_move_nothing(place, program, steps, windows)


def _idle_move_nothing(place: Place, program: Program, steps: Sequence[Step], windows: Mapping[Key, Spans]) -> bool:
    """Whether all that comes to registers is empty for units that have nothing to do."""
    idle = {dim.cls for dim in place.nest if _may_be_idle(dim)}
    came = [
        windows[step.value, step.number]
        for step in steps
        if step.where in (Where.LOAD, Where.FETCH)
        or (step.where is Where.DO and program.ops[step.op].kind is Kind.GATHER)
    ]
    return all(idle <= {span.cls for span in spans} for spans in came)


def _may_be_idle(dim: NestDim) -> bool:
    """Whether some group has less of a dimension than all of its units need."""
    if dim.units == 1:
        return False
    rest = None if dim.size is None else dim.size % dim.per_group
    return rest is None or 0 < rest <= (dim.units - 1) * dim.per_unit


def _step_together(
    place: Place, steps: Sequence[Step], windows: Mapping[Key, Spans], shared: Mapping[int, Spans]
) -> bool:
    names = {span.cls for spans in shared.values() for span in spans}
    serial = [dim for dim in place.nest if not dim.swept and dim.steps > 1]
    inner = max((at for at, dim in enumerate(serial) if dim.cls in names), default=-1)
    if any(dim.units > 1 and dim.per_step > 1 and dim.cls in names for dim in serial[: inner + 1]):
        return False
    if inner < 0:
        return True
    around = {dim.cls for dim in serial[:inner]}
    moving = {dim.cls for dim in place.nest if dim.steps > 1 and dim.cls not in around}
    moved = [
        windows[step.value, WAITING if step.where in (Where.STORE, Where.REST) else step.number]
        for step in steps
        if step.where in (Where.LOAD, Where.FETCH, Where.STORE, Where.REST)
    ]
    return all(moving & {span.cls for span in spans} for spans in moved)


def _is_split(place: Place, spans: Spans) -> bool:
    """Whether each unit has another part of what rests."""
    return {dim.cls for dim in place.nest if dim.units > 1} <= {span.cls for span in spans}


def _is_even(dim: NestDim) -> bool:
    """Whether all units have as much of a dimension."""
    return extent(dim.size) % dim.per_group == 0 and dim.per_group % dim.per_unit == 0


def _comes_in_parts(place: Place, program: Program, value: int, spans: Spans) -> bool:
    """Whether the parts that units bring are whole transactions, none of which they share."""
    read = program.values[value]
    for at, span in enumerate(spans):
        dim = None if span.cls is None else place.by_class[span.cls]
        if dim is None or dim.units == 1:
            continue
        row = read.element_bytes * math.prod(map(extent, read.shape[at + 1 :]))
        whole = all(inner.cls is None for inner in spans[at + 1 :])
        parts = (dim.per_step, dim.per_unit, dim.per_group)
        if dim.swept or not whole or any(part * row % WIDEST_GRANULE for part in parts):
            return False
    return True
