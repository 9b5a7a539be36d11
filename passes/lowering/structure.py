"""How kernels, parallel scopes, loops, branches, alternatives and launches are lowered for the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from math import prod
from typing import TYPE_CHECKING, cast

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    entry_block,
    i32_array,
    index_constant,
    integer_of,
    operations,
    segments,
)
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.gemm import ATTRIBUTE
from powerfusion.passes.lowering import library_calls, lockstep, partials, reductions, together
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.extents import Flag
from powerfusion.passes.lowering.line_buffers import is_gathered, run_of
from powerfusion.passes.lowering.memory import SGE
from powerfusion.passes.lowering.partials import Partial
from powerfusion.passes.lowering.reductions import Accumulator
from powerfusion.passes.lowering.registers import Rows, Tile, register_types, regroup, rows_of
from powerfusion.passes.lowering.registry import lowers
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.passes.scheduling.store_runs import StoreRun
from powerfusion.passes.tiling.windows import index_op

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering


@lowers("gir.extern", to="vector")
@lowers("gir.kernel", to="vector")
def lower_kernel(lowering: VectorLowering, op: ir.Operation) -> None:
    """A kernel dissolves into the function; a product of matrices is a library's, where there is one."""
    if list(op.results):
        raise UnsupportedError(
            "a kernel in graph form can't be lowered", location=op.location, help="run gir-tile first"
        )
    block = entry_block(op)
    lowering.bind(block.arguments, [lowering.value(value) for value in segments(op)[0]])

    def compute() -> None:
        lowering.emit_scope(lambda: lowering.emit_block(block))

    if ATTRIBUTE in op.attributes:
        library_calls.choose(lowering, op, compute)
    else:
        compute()


@lowers("gir.launch", to="vector")
def lower_launch(lowering: VectorLowering, op: ir.Operation) -> None:
    """A call; it takes the place for a failed assertion along."""
    callee = lowering.callees[ir.FlatSymbolRefAttr(op.attributes["callee"]).value]
    wanted = ir.FunctionType(ir.TypeAttr(callee.attributes["function_type"]).value).inputs
    assert lowering.status is not None, "expected to be in a function"
    given = [*(lowering.scalar(operand) for operand in op.operands), lowering.status]
    operands = [
        value if value.type == type_ else create("memref.cast", [value], [type_]).result
        for value, type_ in zip(given, wanted, strict=True)
    ]
    create("func.call", operands, attributes={"callee": op.attributes["callee"]})


@lowers("gir.alternatives", to="vector")
def lower_alternatives(lowering: VectorLowering, op: ir.Operation) -> None:
    """The first way."""
    block = entry_block(op)
    lowering.emit_block(block)
    lowering.bind(op.results, [lowering.values[value] for value in operations(block)[-1].operands])


# -- scopes --------------------------------------------------------------------------------------


@lowers("gir.parallel", to="vector")
def lower_parallel(lowering: VectorLowering, op: ir.Operation) -> None:
    """Outermost, a parallel loop, or serial ones where threads don't pay; further in, serial ones or lock-step."""
    if lockstep.is_needed(op):
        lockstep.Instances.first(lowering).parallel(op)
        return
    counts = [lowering.scalar(count) for count in op.operands]
    alone = all(integer_of(count) == 1 for count in counts)
    worth = False if lowering.depth or alone or lockstep.updates_without_atomics(op) else _is_worth_it(lowering, op)
    if not isinstance(worth, ir.Value):
        (_threaded if worth else _serial)(lowering, op, counts)
        return
    branch = create("scf.if", [worth], regions=2)
    for region, emit in zip(branch.regions, (_threaded, _serial), strict=True):
        with ir.InsertionPoint(region.blocks.append()):
            emit(lowering, op, counts)
            create("scf.yield")


def _is_worth_it(lowering: VectorLowering, op: ir.Operation) -> Flag:
    """Whether there is enough to do for threads; where sizes are open, for the largest buffer that a kernel has."""
    if "gir.work" in op.attributes:
        return ir.IntegerAttr(op.attributes["gir.work"]).value >= lowering.serial_below
    kernel = op.parent.operation
    if "gir.work_each" not in op.attributes or kernel.name != "gir.kernel":
        return True
    least = -(-lowering.serial_below // max(ir.IntegerAttr(op.attributes["gir.work_each"]).value, 1))
    memrefs = [value for value in entry_block(kernel).arguments if isinstance(value.type, ir.MemRefType)]
    sizes = [_elements(lowering.scalar(value)) for value in memrefs]
    if not sizes:
        return True
    return compare("arith.cmpi", SGE, reduce(_larger, sizes), index_constant(least))


def _elements(memref: ir.Value) -> ir.Value:
    """How many elements a memref has."""
    known = index_constant(prod(size for size in memref.type.shape if size != DYNAMIC))
    dims = [dim for dim, size in enumerate(memref.type.shape) if size == DYNAMIC]
    sizes = [create("memref.dim", [memref, index_constant(dim)], [known.type]).result for dim in dims]
    return reduce(lambda left, right: create("arith.muli", [left, right], [known.type]).result, sizes, known)


def _larger(one: ir.Value, other: ir.Value) -> ir.Value:
    return create("arith.maxsi", [one, other], [one.type]).result


def _threaded(lowering: VectorLowering, op: ir.Operation, counts: list[ir.Value]) -> None:
    """A parallel loop."""
    side_by_side = together.plan(op)
    if side_by_side is not None:
        together.emit(lowering, op, side_by_side)
        return
    in_order = any(is_gathered(store) for store in walk(op, "gir.store"))
    total = reduce(lambda left, right: index_op("arith.muli", [left, right]), counts)
    parts = [index_op("arith.minui", [total, together.threads()])] if in_order else counts
    bounds = [*[index_constant(0)] * len(parts), *parts, *[index_constant(1)] * len(parts)]
    sizes = i32_array([len(parts)] * 3 + [0])
    loop = create("scf.parallel", bounds, attributes={"operandSegmentSizes": sizes}, regions=1)
    block = loop.regions[0].blocks.append(*[ir.IndexType.get()] * len(parts), arg_locs=[op.location] * len(parts))
    lowering.threads += 1
    with ir.InsertionPoint(block):
        if in_order:
            part, parts = block.arguments[0], parts[0]
            lowering.emit_scope(lambda: _in_order(lowering, op, counts, _share(total, part, parts)))
        else:
            lowering.bind(entry_block(op).arguments, list(block.arguments))
            lowering.emit_scope(lambda: _body(lowering, op))
        create("scf.reduce")
    lowering.threads -= 1


def _share(total: ir.Value, part: ir.Value, parts: ir.Value) -> tuple[ir.Value, ir.Value]:
    """From where to where one of some parts of a number goes, that are about as large."""
    ends = (part, index_op("arith.addi", [part, index_constant(1)]))
    low, high = (index_op("arith.divui", [index_op("arith.muli", [total, end]), parts]) for end in ends)
    return low, high


def _in_order(
    lowering: VectorLowering, op: ir.Operation, counts: Sequence[ir.Value], share: tuple[ir.Value, ir.Value]
) -> None:
    """Some groups that follow one another, by their number: what they write follows, too."""
    loop = create("scf.for", [*share, index_constant(1)], regions=1)
    block = loop.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[op.location])
    with ir.InsertionPoint(block):
        indices: list[ir.Value] = []
        left = block.arguments[0]
        for count in reversed(counts[1:]):
            indices.append(index_op("arith.remui", [left, count]))
            left = index_op("arith.divui", [left, count])
        lowering.bind(entry_block(op).arguments, [left, *reversed(indices)])
        _body(lowering, op)
        create("scf.yield")


def _body(lowering: VectorLowering, op: ir.Operation) -> None:
    lowering.depth += 1
    lowering.emit_block(entry_block(op))
    lowering.depth -= 1


def _serial(
    lowering: VectorLowering, op: ir.Operation, counts: list[ir.Value], indices: Sequence[ir.Value] = ()
) -> None:
    """Loops on one thread."""
    if len(indices) == len(counts):
        lowering.bind(entry_block(op).arguments, indices)
        _body(lowering, op)
        return
    loop = create("scf.for", [index_constant(0), counts[len(indices)], index_constant(1)], regions=1)
    block = loop.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[op.location])
    with ir.InsertionPoint(block):
        _serial(lowering, op, counts, [*indices, block.arguments[0]])
        create("scf.yield")


@lowers("gir.sync", to="vector")
def lower_sync(lowering: VectorLowering, op: ir.Operation) -> None:
    """Nothing: units in lock-step have all come here."""


# -- control flow --------------------------------------------------------------------------------


Carried = Tile | Accumulator | Partial


def flatten(value: Carried) -> list[ir.Value]:
    """The values that a loop carries for one."""
    return rows_of(value) if isinstance(value, ir.Value | Rows) else list(value.carry)


def like(value: Carried, carried: list[ir.Value]) -> Carried:
    """A value with other contents, taken from the front of a list."""
    count = len(flatten(value))
    taken = tuple(carried[:count])
    del carried[:count]
    if isinstance(value, Accumulator | Partial):
        return replace(value, carry=taken)
    return Rows(taken) if isinstance(value, Rows) else taken[0]


@lowers("scf.for", to="vector")
def lower_for(lowering: VectorLowering, op: ir.Operation) -> None:
    """A loop carries values, and accumulators lane by lane."""
    run = run_of(op)
    if run is None:
        _for(lowering, op)
        return
    whole = run.length // run.strip * run.strip
    if whole > run.strip:
        bounds = [index_constant(at) for at in (run.low, run.low + whole, run.strip)]
        strips = create("scf.for", bounds, regions=1)
        block = strips.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[op.location])
        with ir.InsertionPoint(block):
            _put_strip(lowering, op, run, block.arguments[0], run.strip)
            create("scf.yield")
    elif whole:
        _put_strip(lowering, op, run, index_constant(run.low), whole)
    if whole < run.length:
        _put_strip(lowering, op, run, index_constant(run.low + whole), run.length - whole)


def _put_strip(lowering: VectorLowering, op: ir.Operation, run: StoreRun, low: ir.Value, length: int) -> None:
    """A part of a loop that stores a run: so many of its indices from one on."""
    _, (memref,), places, _ = segments(run.store)
    indices = [low if at == run.dim else lowering.scalar(place) for at, place in enumerate(places)]
    high = index_op("arith.addi", [low, index_constant(length)])
    dest = lowering.scalar(memref)
    lowering.lines_of(dest).put_run(dest, indices, length * run.each, lambda: _for(lowering, op, (low, high)))


def _for(lowering: VectorLowering, op: ir.Operation, part: tuple[ir.Value, ir.Value] | None = None) -> None:
    """A loop, or the part of it between two indices."""
    body = entry_block(op)
    index, *arguments = body.arguments
    inits, inherited = _begun(lowering, op)
    around = {at: cast(Accumulator, inits[at]) for at in inherited if isinstance(inits[at], Accumulator)}
    for at, given in around.items():
        inits[at] = reductions.narrower(given, arguments[at], at, op)
    folds = [fold for fold in partials.folds_of(op) if not inherited.intersection(fold.positions)]
    for fold in folds:
        inits |= dict(
            zip(fold.positions, partials.begin(fold, [cast(Tile, inits[at]) for at in fold.positions]), strict=True)
        )
    ordered = [inits[at] for at in range(len(arguments))]
    carried = [value for init in ordered for value in flatten(init)]
    bounds = [*(part or map(lowering.scalar, list(op.operands)[:2])), lowering.scalar(op.operands[2])]
    loop = create("scf.for", [*bounds, *carried], [value.type for value in carried], attributes_of(op), regions=1)
    types = [ir.IndexType.get(), *(value.type for value in carried)]
    block = loop.regions[0].blocks.append(*types, arg_locs=[op.location] * len(types))
    new_index, *new_arguments = block.arguments
    lowering.bind([index], [new_index])
    for argument, init in zip(arguments, ordered, strict=True):
        lowering.values[argument] = like(init, new_arguments)
    with ir.InsertionPoint(block):
        lowering.emit_block(body)
        yielded = [lowering.values[value] for value in operations(body)[-1].operands]
        create("scf.yield", [part for value in yielded for part in flatten(value)])
    results = list(loop.results)
    ended = [like(init, results) for init in ordered]
    for at, (result, value) in enumerate(zip(op.results, ended, strict=True)):
        if isinstance(value, Accumulator):
            if at in inherited:
                value = around[at].joined(value, op.location)
            else:
                found = reductions.plan(arguments[at], at, op)
                assert found is not None, "expected a reduction"
                value = reductions.finish_loop(value, found, result, op.location)
        lowering.values[result] = value
    for fold in folds:
        made = partials.finish(lowering, [cast(Partial, ended[at]) for at in fold.positions], bounds[:2])
        lowering.bind([op.results[at] for at in fold.positions], made)


def _begun(lowering: VectorLowering, op: ir.Operation) -> tuple[dict[int, Carried], set[int]]:
    """What a loop's arguments start from, and which of them are accumulators of a loop around it."""
    inits: dict[int, Carried] = {}
    inherited: set[int] = set()
    arguments = list(entry_block(op).arguments)[1:]
    for at, (argument, operand) in enumerate(zip(arguments, list(op.operands)[3:], strict=True)):
        given = lowering.values[operand]
        if isinstance(given, Accumulator | Partial):
            inherited.add(at)
        found = None if at in inherited else reductions.plan(argument, at, op)
        inits[at] = given if found is None else reductions.start(found, given)
    return inits, inherited


@lowers("scf.if", to="vector")
def lower_if(lowering: VectorLowering, op: ir.Operation) -> None:
    """A branch, as peeling leaves for the rest of a loop."""
    types = [result.type for result in op.results]
    made = [new for type_ in types for new in register_types(type_)]
    branch = create("scf.if", [lowering.scalar(op.operands[0])], made, regions=2)
    for old, new in zip(op.regions, branch.regions, strict=True):
        if len(old.blocks) == 0:
            continue
        with ir.InsertionPoint(new.blocks.append()):
            lowering.emit_block(old.blocks[0])
            ends = [lowering.value(value) for value in operations(old.blocks[0])[-1].operands]
            create("scf.yield", [row for value in ends for row in rows_of(value)])
    lowering.bind(op.results, regroup(types, list(branch.results)))
