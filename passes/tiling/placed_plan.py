"""What tiling reads off a placed kernel before it emits anything, and whether it covers it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from powerfusion.core._mlir import DYNAMIC, defining_op, entry_block, is_tensor, operations, segments
from powerfusion.core.diagnostics import emit_remark
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_names import Names, folded_slots, over
from powerfusion.passes.tiling.combiners import common_rank, folded_dims
from powerfusion.passes.tiling.placed_dims import PlacedDim, dims_of
from powerfusion.passes.tiling.placed_units import may_start_apart
from powerfusion.passes.tiling.placed_windows import NotCovered, Span, Spans, needs, stays

MOST_KEPT_STEPS = 32  # how many steps of a sweep are written out one by one to keep their tiles in registers
GIR_OPS = ("move", "broadcast", "permute", "iota", "gather", "reduce", "contract", "scan", "assert", "return")
VIEWS = ("slice", "concat", "pad", "window", "reshape")
COVERED = frozenset([*(f"gir.{name}" for name in (*GIR_OPS, *VIEWS)), "tensor.splat", "tensor.dim"])
DRAM_VIEWS = ("gir.slice", "gir.permute", "gir.reshape")


def is_fill(op: ir.Operation) -> bool:
    """Whether an op moves from dram to sram: once for a group."""
    return op.name == "gir.move" and gir.is_at(op.operands[0], "dram") and gir.is_at(op.result, "sram")


def is_rest(op: ir.Operation) -> bool:
    """Whether an op moves from reg to sram."""
    return op.name == "gir.move" and gir.is_at(op.operands[0], "reg") and gir.is_at(op.result, "sram")


def is_store(op: ir.Operation) -> bool:
    """Whether an op moves from reg to dram."""
    return op.name == "gir.move" and gir.is_at(op.operands[0], "reg") and gir.is_at(op.result, "dram")


class PlacedPlan:
    """A placed kernel: its nest, and what each of its ops runs over and when it happens.

    Attributes:
        dims: The nest's, outermost first.
        ops: The kernel's, in order.
        names: What values run over, and when ops happen.
    """

    def __init__(self, kernel: ir.Operation) -> None:
        self.kernel = kernel
        self.dims = dims_of(gir.NestAttr(kernel.attributes["nest"]))
        self.ops = operations(entry_block(kernel))
        shared = frozenset(dim.name for dim in self.dims if dim.swept or dim.units > 1)
        self.names = Names(self.ops, shared)

    def dim(self, name: str) -> PlacedDim:
        """The dimension of that name."""
        return next(dim for dim in self.dims if dim.name == name)

    # -- windows -----------------------------------------------------------------------------

    def own(self, value: ir.Value) -> Spans:
        """The nest's intervals of a value's dimensions; all of it where it runs over none, or over one step."""
        return tuple(self._own(value, at, size) for at, size in enumerate(value.type.shape))

    def _own(self, value: ir.Value, at: int, size: int) -> Span:
        name = self.names.of(value, at)
        if name is None or self.dim(name).is_one_step:
            if size == DYNAMIC:
                raise NotCovered("an open size that the nest doesn't name")
            return stays(0, size - 1)
        return Span(name, 1, 0, 0)

    def window(self, value: ir.Value) -> Spans:
        """The window of a value in a step."""
        return self.windows.get(value) or self.own(value)

    @cached_property
    def windows(self) -> dict[ir.Value, Spans]:
        """The windows of the values at reg that something needs.

        Raises:
            NotCovered: They can't be told.
        """
        found: dict[ir.Value, Spans] = {}
        for op in reversed(self.ops):
            for result in op.results:
                if result in self.names.kept and gir.is_at(result, "reg"):
                    _join(found, result, self.own(result))
            for value, spans in self._needed(op, found):
                if not gir.is_at(value, "reg"):
                    continue
                there, now = self.names.when.get(value), self.names.happens[op]
                if there is None or now is None or there == now:
                    _join(found, value, spans)
                elif not all(own.holds(span) for own, span in zip(self.own(value), spans, strict=True)):
                    raise NotCovered("a value that is kept and needed beyond its step")
        return found

    def _needed(self, op: ir.Operation, found: Mapping[ir.Value, Spans]) -> Iterator[tuple[ir.Value, Spans]]:
        if op in self.ends:
            over = op.result if op.name == "gir.move" else None
            tensors = [value for value in op.operands if is_tensor(value) and gir.is_at(value, "reg")]
            yield from ((value, self.own(value if over is None else over)) for value in tensors)
            return
        needed = [found[result] for result in op.results if result in found]
        if not needed:
            return
        if op.name != "gir.scan" and any(not _agree(one, needed[0]) for one in needed):
            raise NotCovered("results of one op of which different windows are needed")
        yield from needs(op, needed[0], self.own)

    @cached_property
    def ends(self) -> frozenset[ir.Operation]:
        """`work`, to look up."""
        return frozenset(self.work)

    # -- passes ------------------------------------------------------------------------------

    @cached_property
    def last(self) -> int:
        """The last pass."""
        return max((when.number for when in self.names.happens.values() if when), default=0)

    def dim_of(self, value: ir.Value, at: int) -> PlacedDim | None:
        """The nest's dimension that one of a value's runs over."""
        name = self.names.of(value, at)
        return None if name is None else self.dim(name)

    @cached_property
    def steps_together(self) -> bool:
        """Whether a group's units step together: they share what is at sram, or meet in steps that not all have."""
        serial = any(dim.units > 1 and dim.steps > 1 and not dim.swept for dim in self.dims)
        rests = any(is_fill(op) or is_rest(op) for op in self.ops)
        return bool(self.split) and (rests or (serial and self.meets))

    @cached_property
    def together(self) -> list[PlacedDim]:
        """The dimensions whose steps a group's units take together: what is at sram, or a meeting, moves with them."""
        if not self.steps_together:
            return []
        shared = {name for op in self.ops if is_fill(op) or is_rest(op) for name in self.runs_over(op.result)}
        serial = [dim for dim in self.dims if dim.steps > 1 and not dim.swept]
        inner = [at for at, dim in enumerate(serial) if dim.name in shared or (self.meets and dim.units > 1)]
        return serial[: inner[-1] + 1] if inner else []

    @cached_property
    def split(self) -> frozenset[str]:
        """The dimensions that units of a group have parts of."""
        return frozenset(dim.name for dim in self.dims if dim.units > 1)

    def joins(self, op: ir.Operation) -> bool:
        """Whether units combine in an op what each of them has."""
        return bool(self.names.combined(op) & self.split)

    @cached_property
    def meets(self) -> bool:
        """Whether units wait for each other: all must get there, also those that have nothing to do."""
        return any(map(self.joins, self.ops))

    @cached_property
    def measured(self) -> dict[str, tuple[ir.Value, int]]:
        """By name, a tensor at dram and its dimension that runs over it."""
        found: dict[str, tuple[ir.Value, int]] = {}
        for op in self.ops:
            for at, name in enumerate(over(op)):
                if name:
                    found.setdefault(name, (op.operands[0] if gir.is_at(op.operands[0], "dram") else op.result, at))
        return found

    @cached_property
    def work(self) -> list[ir.Operation]:
        """What ends a chain of computation: stores to dram and sram, assertions, combinations of steps."""
        return [
            op for op in self.ops if is_store(op) or is_rest(op) or op.name == "gir.assert" or self.names.combined(op)
        ]

    @cached_property
    def steps(self) -> list[ir.Operation]:
        """`work`, and what makes values that are kept for another time, in order."""
        return [op for op in self.ops if op in self.ends or self.keeps(op)]

    def keeps(self, op: ir.Operation) -> list[ir.Value]:
        """What an op makes that something at another time uses."""
        found = [value for value in op.results if value in self.names.kept and gir.is_at(value, "reg")]
        return [] if self.names.combined(op) or self.names.happens[op] is None else found

    def runs_over(self, value: ir.Value) -> frozenset[str]:
        """The nest's dimensions that a value runs over."""
        names = (self.names.of(value, at) for at in range(value.type.rank))
        return frozenset(name for name in names if name)

    def is_streaming(self, value: ir.Value) -> bool:
        """Whether a value passes by in several steps of a sweep."""
        return any(self.dim(name).swept and self.dim(name).steps > 1 for name in self.runs_over(value))

    def streams(self, op: ir.Operation) -> bool:
        """Whether an op happens in the steps of a sweep."""
        return bool(self.names.combined(op)) or any(
            self.is_streaming(value) for value in (*op.operands, *op.results) if is_tensor(value)
        )

    @cached_property
    def written_out(self) -> list[PlacedDim]:
        """What is swept step by step without a loop, for values that are kept over passes are all there at a time."""
        kept = [value for value in self.names.kept if gir.is_at(value, "reg") and self.is_streaming(value)]
        return [dim for dim in self.dims if dim.swept and dim.steps > 1] if kept else []


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


def _join(found: dict[ir.Value, Spans], value: ir.Value, spans: Spans) -> None:
    known = found.get(value)
    found[value] = spans if known is None else tuple(a.joined(b) for a, b in zip(known, spans, strict=True))


def _agree(one: Spans, other: Spans) -> bool:
    """Whether two results' windows are the same along what they have in common."""
    common = min(len(one), len(other))
    return one[:common] == other[:common]


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
        if any(known.get(result, plan.own(result)) != plan.own(result) for result in op.results):
            yield f"more than a step of what '{op.name}' gives"


def _obstacles_of_op(op: ir.Operation, plan: PlacedPlan) -> Iterator[str]:
    on_chip = [v for v in (*op.operands, *op.results) if is_tensor(v) and not gir.is_at(v, "dram")]
    at_sram = [v for v in on_chip if gir.is_at(v, "sram")]
    known = op.name in COVERED or op.name.startswith(("arith.", "math."))
    if on_chip and not known:
        yield f"'{op.name}' on the chip"
    if at_sram and op.name not in ("gir.move", "gir.permute"):
        yield f"'{op.name}' at sram"
    for value in on_chip:
        if any(size == DYNAMIC and plan.names.of(value, at) is None for at, size in enumerate(value.type.shape)):
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
    if plan.steps_together:
        yield from _obstacles_of_sharing(plan)


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
    """What a fold runs along is all there: in one group, and in one step where it isn't swept."""
    for op in plan.ops:
        for name in {plan.names.of(value, at) for value, at in folded_slots(op)} - {None}:
            dim = plan.dim(str(name))
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
