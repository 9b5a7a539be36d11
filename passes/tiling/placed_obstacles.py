"""Which placed kernels tiling by their nests doesn't cover, and why."""

from __future__ import annotations

from collections.abc import Iterator

from powerfusion.core._mlir import DYNAMIC, defining_op, is_tensor, segments
from powerfusion.core.diagnostics import emit_remark
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_names import folded_slots, is_everywhere
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.tiling.combiners import common_rank, folded_dims
from powerfusion.passes.tiling.placed_plan import PlacedPlan, is_fill, is_rest, is_store
from powerfusion.passes.tiling.placed_units import may_start_apart
from powerfusion.passes.tiling.placed_windows import NotCovered, stays

MOST_KEPT_STEPS = 32  # how many steps of a sweep are written out one by one to keep their tiles in registers
GIR_OPS = ("move", "broadcast", "permute", "iota", "gather", "reduce", "contract", "scan", "assert", "return")
VIEWS = ("slice", "concat", "pad", "window", "reshape")
COVERED = frozenset([*(f"gir.{name}" for name in (*GIR_OPS, *VIEWS)), "tensor.splat", "tensor.dim"])
DRAM_VIEWS = ("gir.slice", "gir.permute", "gir.reshape")
WIDEST_GRANULE = 256  # bytes; granules of all machines divide it


def keeps_nest(kernel: ir.Operation) -> bool:
    """Whether a kernel is tiled by its nest; takes the nest off one that isn't covered, and says so."""
    if "nest" not in kernel.attributes:
        return False
    reason = _obstacle(PlacedPlan(kernel))
    if reason is None:
        return True
    emit_remark(kernel.location, f"the kernel isn't tiled by its nest: {reason}")
    del kernel.attributes["nest"]
    return False


def _obstacle(plan: PlacedPlan) -> str | None:
    """Why a placed kernel isn't covered; None where it is."""
    try:
        return next(_obstacles(plan), None)
    except NotCovered as error:
        return str(error)


def _obstacles(plan: PlacedPlan) -> Iterator[str]:
    for op in plan.ops:
        yield from _obstacles_of_op(op, plan)
    for name in {name for value in plan.names.parent for name in plan.runs_over(value[0])}:
        if name not in plan.measured and plan.dim(name).size is None:
            yield f"the size of '{name}' isn't that of a tensor at dram"
    yield from _obstacles_of_units(plan)
    yield from _obstacles_of_folds(plan)
    yield from _obstacles_of_sweep(plan)
    yield from _obstacles_of_windows(plan)


def _obstacles_of_windows(plan: PlacedPlan) -> Iterator[str]:
    known = plan.windows  # Or it can't be told, and why.
    for op in plan.ops:
        loads = op.name == "gir.move" and gir.is_at(op.operands[0], "sram")
        if not (loads or op.name == "gir.scan" or plan.names.combined(op)):
            continue
        beyond = any(known.get(result, plan.own(result)) != plan.own(result) for result in op.results)
        if beyond and not (loads and _is_there(op, plan)):
            yield f"more than a step of what '{op.name}' gives"
    for op in filter(is_fill, plan.ops):
        if plan.has_halos(op.result):
            yield from _obstacles_of_halos(op.result, plan)


def _is_there(load: ir.Operation, plan: PlacedPlan) -> bool:
    """Whether a group has at sram what a unit takes beyond its step: halos, or all of a dimension."""
    filled = defining_op(load.operands[0])
    if filled is None or not is_fill(filled):
        return False
    own, held = plan.own(filled.result), plan.held(filled.result)
    dims = zip(own, held, plan.window(load.result), strict=True)
    return all(mine.name is None or mine != there or mine == span for mine, there, span in dims)


def _obstacles_of_halos(value: ir.Value, plan: PlacedPlan) -> Iterator[str]:
    """What units need together of a value at sram is one piece, and what moves with its steps moves with the loop."""
    dims = {dim.name: dim for dim in map(plan.dim, plan.runs_over(value))}
    if any(dim.units > 1 and dim.steps > 1 and not dim.swept for dim in dims.values()):
        yield "halos of units whose steps lie apart"
    if DYNAMIC in list(value.type.shape):
        yield "halos at sram along open sizes"
    if fills_inside(plan):
        yield "halos at sram that units bring"


def _obstacles_of_op(op: ir.Operation, plan: PlacedPlan) -> Iterator[str]:
    on_chip = [v for v in (*op.operands, *op.results) if is_tensor(v) and not gir.is_at(v, "dram")]
    at_sram = [v for v in on_chip if gir.is_at(v, "sram")]
    known = op.name in COVERED or op.name.startswith(("arith.", "math."))
    if on_chip and not known:
        yield f"'{op.name}' on the chip"
    if at_sram and op.name not in ("gir.move", "gir.permute"):
        yield f"'{op.name}' at sram"
    for value in on_chip:
        if not is_everywhere(value) and any(
            size == DYNAMIC and plan.names.of(value, at) is None for at, size in enumerate(value.type.shape)
        ):
            yield "an open size that the nest doesn't name"
    reads = op.name in ("gir.move", "gir.gather") and gir.is_at(op.operands[0], "dram")
    if reads and (gir.is_at(op.results[0], "dram") or not _is_placed(op.operands[0])):
        yield "a movement from what isn't a plain view of an argument"
    if op.name == "gir.gather" and not gir.is_at(op.operands[0], "dram"):
        yield "a gather from sram"
    if op.name == "gir.move" and at_sram and gir.is_at(op.operands[0], "sram") and not gir.is_at(op.result, "reg"):
        yield "a movement from sram to elsewhere than reg"
    if is_store(op) and not all(_is_returned(use.owner.operation) for use in op.result.uses):
        yield "a value at dram that isn't just returned"
    if is_store(op) and not list(op.result.uses):
        yield "a value at dram that isn't returned"
    if op.name in ("gir.reduce", "gir.scan") and not all(_is_whole_payload(value, plan) for value in _payloads(op)):
        yield "a payload in parts"


def _is_placed(value: ir.Value) -> bool:
    """Whether a value at dram is an argument or a plain view of one."""
    op = defining_op(value)
    if op is None:
        return True
    if op.name == "gir.reshape":
        return defining_op(op.operands[0]) is None
    return op.name in DRAM_VIEWS and _is_placed(op.operands[0])


def _is_returned(op: ir.Operation) -> bool:
    if op.name == "gir.permute":
        return all(_is_returned(use.owner.operation) for use in op.result.uses)
    return op.name == "gir.return"


def _obstacles_of_units(plan: PlacedPlan) -> Iterator[str]:
    for op in filter(plan.joins, plan.ops):
        if not may_start_apart(op):
            yield f"units that combine in order, by '{op.name}'"
    inside = fills_inside(plan)
    if plan.meets or inside:
        yield from _obstacles_of_idle_units(plan)
    if plan.steps_together and not inside:
        yield from _obstacles_of_sharing(plan)


def _obstacles_of_idle_units(plan: PlacedPlan) -> Iterator[str]:
    """A unit that waits for others though it has nothing to do moves nothing: its tiles must be empty."""
    idle = {dim.name for dim in plan.dims if dim.idle_steps}
    for op in plan.ops:
        moves = op.name in ("gir.move", "gir.gather") and gir.is_at(op.results[0], "reg")
        if moves and gir.level_of(op.operands[0].type) != "reg" and not idle <= _names_of_window(op.results[0], plan):
            yield "units that wait with nothing to do, and would move what they have no use for"


def _names_of_window(value: ir.Value, plan: PlacedPlan) -> set[str]:
    return {span.name for span in plan.window(value) if span.name is not None}


def fills_inside(plan: PlacedPlan) -> bool:
    """Whether units that go through their own loops bring to sram what they share, and wait for each other there."""
    if not plan.steps_together or next(_obstacles_of_sharing(plan), None) is None:
        return False
    uneven = any(
        dim.units > 1 and dim.steps > 1 and not dim.swept and (dim.idle_units or len(dim.unit_lengths or "--") > 1)
        for dim in plan.dims
    )
    fills = [op for op in plan.ops if is_fill(op)]
    return not uneven and not any(map(is_rest, plan.ops)) and all(_comes_in_parts(op, plan) for op in fills)


def _comes_in_parts(op: ir.Operation, plan: PlacedPlan) -> bool:
    """Whether the parts that units bring of what a group moves are its transactions, none of which they share."""
    shape = list(op.result.type.shape)
    for at, size in enumerate(shape):
        dim = plan.dim_of(op.result, at)
        if size == DYNAMIC:
            return False
        if dim is None or dim.units == 1:
            continue
        row = element_bytes(op.result)
        for length in shape[at + 1 :]:
            row *= length
        whole_rows = all(plan.dim_of(op.result, inner) is None for inner in range(at + 1, len(shape)))
        parts = (dim.per_step, dim.per_unit, dim.per_group)
        if dim.swept or not whole_rows or any(part * row % WIDEST_GRANULE for part in parts):
            return False
    return True


def _obstacles_of_sharing(plan: PlacedPlan) -> Iterator[str]:
    """Where units step together around what they share, nothing of a unit outlives a step."""
    serial = plan.together
    moving = {dim.name for dim in plan.dims if dim.steps > 1 and dim not in serial[:-1]}
    for op in plan.ops:
        if is_rest(op) and not plan.split <= plan.runs_over(op.result):
            yield "units that each move the same to sram"
        if is_fill(op) or is_rest(op):
            for dim in map(plan.dim, plan.runs_over(op.result)):
                if dim in serial and dim.units > 1 and dim.per_step > 1:
                    yield f"units that share several elements of '{dim.name}' a step"
        moves = op.name in ("gir.move", "gir.gather") and not is_fill(op)
        if serial and moves and any(gir.level_of(v.type) != "reg" for v in (op.operands[0], op.results[0])):
            spans = plan.window(op.results[0])
            if not moving & {span.name for span in spans}:
                yield f"a movement of a unit that is the same in each step of '{serial[-1].name}'"


def _obstacles_of_folds(plan: PlacedPlan) -> Iterator[str]:
    """What a fold runs along is all there: in one group, in one step where it isn't swept, as long as the nest says."""
    for op in plan.ops:
        for value, at in folded_slots(op):
            name, length = plan.names.of(value, at), value.type.shape[at]
            if name is None:
                continue
            dim = plan.dim(name)
            if name in plan.names.shared and dim.size is not None and length not in (dim.size, DYNAMIC):
                yield f"'{op.name}' along {length} elements of '{name}', which has {dim.size}"
            if dim.groups != 1:
                yield f"'{op.name}' along '{dim.name}', of which groups have parts"
            if dim.steps > 1 and not dim.swept:
                yield f"'{op.name}' along '{dim.name}', which has several steps but isn't swept"


def _obstacles_of_sweep(plan: PlacedPlan) -> Iterator[str]:
    swept = frozenset(dim.name for dim in plan.dims if dim.swept)
    serial = [dim.name for dim in plan.dims if not dim.swept and dim.steps > 1]
    for op in plan.ops:
        combined = plan.names.combined(op)
        if not combined:
            continue
        when = plan.names.happens[op]
        if combined & swept != (swept if when is None or not when.stage else frozenset()):
            yield "a combination along a part of what is swept"
        if serial and serial[-1] not in plan.runs_over(op.results[-1]):
            yield f"a combination that is the same in each step of '{serial[-1]}'"
    for dim in plan.written_out:
        if len(plan.written_out) > 1 or dim.unit_lengths is None or len(dim.unit_lengths) > 1:
            yield "values that are kept over a sweep of several dimensions, or of an open or uneven size"
        elif max(dim.unit_lengths) > MOST_KEPT_STEPS * dim.per_step:
            yield f"values that are kept over a sweep of more than {MOST_KEPT_STEPS} steps"


def _payloads(op: ir.Operation) -> Iterator[tuple[ir.Value, int]]:
    """The values of a reduction or scan, each with the first of its dimensions that is payload."""
    inputs, inits, _ = segments(op)
    common = common_rank(op)
    scanned = list(op.results)[: len(inputs)] if op.name == "gir.scan" else []
    yield from ((value, common) for value in (*inputs, *scanned))
    left = common - len(folded_dims(op))
    yield from ((value, left) for value in (*inits, *list(op.results)[len(scanned) :]))


def _is_whole_payload(payload: tuple[ir.Value, int], plan: PlacedPlan) -> bool:
    value, first = payload
    sizes = list(value.type.shape)[first:]
    return all(span == stays(0, size - 1) for span, size in zip(plan.own(value)[first:], sizes, strict=True))
