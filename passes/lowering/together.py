"""Groups that one thread plays one after the other, step by step together: rows are read as they lie in memory.

Groups of a parallel are independent. Where each folds a piece of the same rows, and the pieces lie side by side, a
thread takes some neighbours one step at a time; what each has folded so far waits in a buffer that near caches hold.

    parallel g: a = init                       parallel over blocks of groups:
                for r: a = a + x[r, g]    ⇒      for g: m[g] = init
                y[g] = a                         for r: for g: m[g] = m[g] + x[r, g]
                                                 for g: y[g] = m[g]

Each group's elements are folded in the same order as before: how many groups are in a block, which depends on the
number of threads, changes no result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from powerfusion.core._mlir import create, defining_op, element_of, entry_block, i32_array, index_constant, operations
from powerfusion.mlir import ir
from powerfusion.passes.lowering import reductions
from powerfusion.passes.lowering.expansions import declared
from powerfusion.passes.lowering.registers import element_bytes
from powerfusion.passes.tiling.windows import index_op

if TYPE_CHECKING:
    from powerfusion.passes.lowering.convert_gir_to_vector import VectorLowering

ROOM = 64 << 10  # bytes that what is folded so far may take of a core's caches
PURE = ("arith.", "affine.")
AGAIN = (
    *PURE,
    "gir.load",
    "gir.broadcast",
    "gir.iota",
    "tensor.splat",
)  # what is made anew at each step, if it is used
THREADS = "omp_get_max_threads"


@dataclass(frozen=True)
class Plan:
    """A parallel whose groups go together.

    Attributes:
        before: The ops of its body up to the loop: indices, and tiles that steps share.
        loop: The loop that folds.
        after: What comes behind it.
        plans: How each of the loop's accumulators is folded.
    """

    before: list[ir.Operation]
    loop: ir.Operation
    after: list[ir.Operation]
    plans: list[reductions.Plan]


def plan(op: ir.Operation) -> Plan | None:
    """How the groups of a `gir.parallel` go together, None where that isn't what they gain by."""
    *body, _ = operations(entry_block(op))
    at = next((at for at, inner in enumerate(body) if not inner.name.startswith(AGAIN)), len(body))
    if at == len(body) or body[at].name != "scf.for":
        return None
    loop = body[at]
    bounds = list(loop.operands)[:3]
    arguments = list(entry_block(loop).arguments)[1:]
    found = [reductions.plan(argument, number, loop) for number, argument in enumerate(arguments)]
    plans = [one for one in found if one is not None]
    if not plans or len(plans) < len(found) or any(_is_inside(bound, op) for bound in bounds):
        return None
    carried = [type_ for one in plans for type_ in reductions.carried_types(one)]
    if any(not isinstance(type_, ir.VectorType) or element_of(type_) != element_of(carried[0]) for type_ in carried):
        return None
    group, step = list(entry_block(op).arguments)[-1], entry_block(loop).arguments[0]
    loads = [inner for inner in operations(entry_block(loop)) if inner.name == "gir.load"]
    if not loads or not all(one.op.parent == loop and reductions.is_of_rows(one) for one in plans):
        return None
    if not any(_along(load, group, step) for load in loads):
        return None
    return Plan(body[:at], loop, body[at + 1 :], plans)


def _is_inside(value: ir.Value, op: ir.Operation) -> bool:
    made = defining_op(value)
    return value.owner == entry_block(op) if made is None else made.block == entry_block(op)


def _along(load: ir.Operation, group: ir.Value, step: ir.Value) -> bool:
    """Whether neighbouring groups load what lies side by side in rows that a loop goes through."""
    *rows, column = list(load.operands)[1 : 1 + load.operands[0].type.rank]
    return (
        bool(rows) and _depends(column, group) and not _depends(column, step) and any(_depends(r, step) for r in rows)
    )


def _depends(value: ir.Value, on: ir.Value) -> bool:
    if value == on:
        return True
    op = defining_op(value)
    return op is not None and op.name.startswith(PURE) and any(_depends(operand, on) for operand in op.operands)


# -- emitting ------------------------------------------------------------------------------------


def emit(lowering: VectorLowering, op: ir.Operation, found: Plan) -> None:
    """Emits a parallel of blocks of groups."""
    _Blocks(lowering, op, found).emit()


class _Blocks:
    """What emits one parallel."""

    def __init__(self, lowering: VectorLowering, op: ir.Operation, found: Plan) -> None:
        self.lowering, self.op, self.found = lowering, op, found
        self.types = [reductions.carried_types(one) for one in found.plans]
        flat = [type_ for types in self.types for type_ in types]
        self.lanes = sum(map(_lanes, flat))
        self.element = element_of(flat[0])
        self.most = max(1, ROOM // (self.lanes * element_bytes(self.element)))

    def emit(self) -> None:
        """Deals blocks out to threads."""
        *counts, last = [self.lowering.scalar(count) for count in self.op.operands]
        each = _least(ceil_div(last, threads()), index_constant(self.most))
        each = index_op("arith.maxui", [each, index_constant(1)])
        counts.append(ceil_div(last, each))
        bounds = [*[index_constant(0)] * len(counts), *counts, *[index_constant(1)] * len(counts)]
        sizes = i32_array([len(counts)] * 3 + [0])
        loop = create("scf.parallel", bounds, attributes={"operandSegmentSizes": sizes}, regions=1)
        block = loop.regions[0].blocks.append(
            *[ir.IndexType.get()] * len(counts), arg_locs=[loop.location] * len(counts)
        )
        self.lowering.threads += 1
        self.lowering.depth += 1
        with ir.InsertionPoint(block):
            self._emit_block(list(block.arguments), last, each)
            create("scf.reduce")
        self.lowering.depth -= 1
        self.lowering.threads -= 1

    def _emit_block(self, indices: list[ir.Value], count: ir.Value, each: ir.Value) -> None:
        self.outer = indices[:-1]
        self.low = index_op("arith.muli", [indices[-1], each])
        self.high = _least(index_op("arith.addi", [self.low, each]), count)
        type_ = ir.MemRefType.get([self.most, self.lanes], self.element)
        attributes = {
            "alignment": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 64),
            "operandSegmentSizes": i32_array([0, 0]),
        }
        self.buffer = create("memref.alloc", results=[type_], attributes=attributes).result
        self._each(self._begin)
        lowering, loop = self.lowering, self.found.loop
        bounds = [lowering.scalar(value) for value in list(loop.operands)[:3]]
        steps = create("scf.for", bounds, regions=1)
        block = steps.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[loop.location])
        with ir.InsertionPoint(block):
            lowering.bind([entry_block(loop).arguments[0]], [block.arguments[0]])
            self._each(self._step)
            create("scf.yield")
        self._each(self._end)
        create("memref.dealloc", [self.buffer])

    def _each(self, body: Callable[[ir.Value], None]) -> None:
        """A loop over the block's groups: what comes before the loop is made anew."""
        loop = create("scf.for", [self.low, self.high, index_constant(1)], regions=1)
        block = loop.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[loop.location])
        with ir.InsertionPoint(block):
            group = block.arguments[0]
            self.lowering.bind(entry_block(self.op).arguments, [*self.outer, group])
            self.lowering.open_buffers()
            for op in self.found.before:
                self.lowering.emit(op)
            body(index_op("arith.subi", [group, self.low]))
            self.lowering.close_buffers()
            create("scf.yield")

    # -- what a group does ---------------------------------------------------------------------

    def _begin(self, place: ir.Value) -> None:
        inits = list(self.found.loop.operands)[3:]
        self.started = [
            reductions.start(one, self.lowering.value(init)) for one, init in zip(self.found.plans, inits, strict=True)
        ]
        self._store(place, [row for one in self.started for row in one.carry])

    def _step(self, place: ir.Value) -> None:
        body = entry_block(self.found.loop)
        self.lowering.bind(list(body.arguments)[1:], self._load(place))
        self.lowering.emit_block(body)
        ends = [self.lowering.values[value] for value in operations(body)[-1].operands]
        self._store(place, [row for one in ends if isinstance(one, reductions.Accumulator) for row in one.carry])

    def _end(self, place: ir.Value) -> None:
        made = [one.finish(self.op.location) for one in self._load(place)]
        self.lowering.bind(self.found.loop.results, made)
        for op in self.found.after:
            self.lowering.emit(op)

    # -- what is folded so far -----------------------------------------------------------------

    def _store(self, place: ir.Value, rows: Sequence[ir.Value]) -> None:
        for row, (_, start) in zip(rows, self._places(), strict=True):
            create("vector.store", [row, self.buffer, place, index_constant(start)])

    def _load(self, place: ir.Value) -> list[reductions.Accumulator]:
        rows = iter(
            create("vector.load", [self.buffer, place, index_constant(start)], [type_]).result
            for type_, start in self._places()
        )
        return [replace(one, carry=tuple(next(rows) for _ in one.carry)) for one in self.started]

    def _places(self) -> list[tuple[ir.Type, int]]:
        """The type of each row that a group keeps, and where it lies."""
        places: list[tuple[ir.Type, int]] = []
        start = 0
        for type_ in (type_ for types in self.types for type_ in types):
            places.append((type_, start))
            start += _lanes(type_)
        return places


def _lanes(type_: ir.Type) -> int:
    """How many lanes a vector has."""
    return prod(ir.VectorType(type_).shape)


def threads() -> ir.Value:
    """How many threads share a parallel loop."""
    i32 = ir.IntegerType.get_signless(32)
    callee = ir.FlatSymbolRefAttr.get(declared(THREADS, [], i32))
    count = create("func.call", [], [i32], {"callee": callee}).result
    return create("arith.index_cast", [count], [ir.IndexType.get()]).result


def ceil_div(size: ir.Value, by: ir.Value) -> ir.Value:
    """How many parts of a size there are."""
    return index_op("arith.ceildivui", [size, by])


def _least(a: ir.Value, b: ir.Value) -> ir.Value:
    return index_op("arith.minui", [a, b])
