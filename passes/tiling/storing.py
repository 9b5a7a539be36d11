"""Storing: which values of a kernel go through memory because no window of them can be had.

- scanned values, which come one after another;
- reductions that what uses them would ask for again and again;
- what a reshape at reg takes, unless the reshape can be one of what was loaded;
- views that no memref is, where one is needed: under a reshape, as a gather's table, as a result.
"""

from __future__ import annotations

from math import prod

from powerfusion.core._mlir import attributes_of, create, defining_op, entry_block, integers, operations
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import ancestors, spaces_of
from powerfusion.passes.tiling.combiners import takes_whole_payload
from powerfusion.passes.tiling.kernels import STORED, Buffers, is_stored, is_stored_as_it_comes
from powerfusion.passes.tiling.plans import SHIFTS, NestPlan, Room, Sink, group_sinks

MOST_TIMES = 16  # how often an element may be computed: a neighbourhood of 3 by 3 is, one of such isn't
PLACED = ("gir.slice", "gir.permute")  # views that a memref can be


def retyped(type_: ir.RankedTensorType, level: str) -> ir.RankedTensorType:
    """A tensor type at another level."""
    return gir.tensor_at(level, type_.shape, type_.element_type)


def load(value: ir.Value) -> ir.Value:
    """A value at dram, moved to reg at the insertion point."""
    return create("gir.move", [value], [retyped(value.type, "reg")]).result


def store(value: ir.Value) -> ir.Value:
    """A value at reg, moved to dram at the insertion point."""
    return create("gir.move", [value], [retyped(value.type, "dram")]).result


def store_what_must_be(kernel: ir.Operation) -> None:
    """Puts stores and loads where values can't be had window by window."""
    for op in [op for op in _named(kernel, "gir.reshape") if gir.is_at(op.result, "reg")]:
        _store_reshaped(op)
    for op in operations(entry_block(kernel)):
        _store_views(op)
    for op in [op for op in _named(kernel, "gir.scan", "gir.reduce") if takes_whole_payload(op)]:
        _store_operands(op)
    for op in [op for op in _named(kernel, "gir.scan", "gir.reduce") if is_stored_as_it_comes(op)]:
        for result in op.results:
            store_and_load(result)
    _store_under_order(kernel)
    _store_multiplied(kernel)
    while _store_repeated(kernel):
        pass


def _store_operands(op: ir.Operation) -> None:
    """Makes an op that asks for whole tiles load what it takes from memory, where each can be had."""
    with ir.InsertionPoint(op), op.location:
        for at, value in enumerate(op.operands):
            made = defining_op(value)
            if made is None or made.name in ("arith.constant", "tensor.splat") or not gir.is_at(value, "reg"):
                continue
            if made.name != "gir.move" or not _is_placed(made.operands[0]):
                op.operands[at] = load(store(value))


def _named(kernel: ir.Operation, *names: str) -> list[ir.Operation]:
    """The ops of these names, found before any op is erased."""
    return [op for op in operations(entry_block(kernel)) if op.name in names]


def store_and_load(value: ir.Value) -> bool:
    """Makes whatever uses a value at reg, but for stores, load it again; says whether anything does."""
    stores = [use.owner.operation for use in value.uses if _is_store(use.owner.operation)]
    users = [(use.owner.operation, use.operand_number) for use in value.uses if not _is_store(use.owner.operation)]
    if not users:
        return False
    op = defining_op(value)
    assert op is not None, "a kernel's arguments are at dram"
    with ir.InsertionPoint.after(op), op.location:
        stored = store(value)
        loaded = load(stored)
    for other in stores:
        other.result.replace_all_uses_with(stored)
        other.erase()
    for user, at in users:
        user.operands[at] = loaded
    return True


def _is_store(op: ir.Operation) -> bool:
    return op.name == "gir.move" and gir.is_at(op.result, "dram")


# -- reshapes --------------------------------------------------------------------------------


def _store_reshaped(op: ir.Operation) -> None:
    """Makes a reshape at reg one at dram: of what was stored, of what is loaded, else of a temporary."""
    uses = [use.owner.operation for use in op.result.uses]
    source = op.operands[0]
    made = defining_op(source)
    with ir.InsertionPoint(op), op.location:
        if uses and all(_is_store(user) for user in uses):
            at_dram = store(source)
        elif made is not None and made.name == "gir.move":
            at_dram = made.operands[0]
        else:
            at_dram = store(source)
        type_ = retyped(op.result.type, "dram")
        reshaped = create("gir.reshape", [at_dram, *list(op.operands)[1:]], [type_], attributes_of(op)).result
        if uses and all(_is_store(user) for user in uses):
            for user in uses:
                user.result.replace_all_uses_with(reshaped)
                user.erase()
        else:
            op.result.replace_all_uses_with(load(reshaped))
    op.erase()


# -- views -----------------------------------------------------------------------------------


def _store_views(op: ir.Operation) -> None:
    """Gives an op that needs memory, or what is stored, a copy of a view that is neither."""
    with ir.InsertionPoint(op), op.location:
        match op.name:
            case "gir.gather":
                needs = [0] if not _is_placed(op.operands[0]) else []
            case "gir.reshape" if gir.is_at(op.result, "dram"):
                needs = [] if _is_whole(op.operands[0]) else [0]
            case "gir.insert" | "gir.scatter":
                targets = [0, 1] if op.name == "gir.insert" else [1]
                needs = [at for at in targets if not _is_fillable(op.operands[at], apart=True)]
            case "gir.concat" if gir.is_at(op.result, "dram"):
                needs = [at for at, value in enumerate(op.operands) if not _is_fillable(value, apart=True)]
            case "gir.return":
                needs = [at for at, value in enumerate(op.operands) if not _is_fillable(value, apart=False)]
            case _:
                needs = []
        for at in needs:
            op.operands[at] = store(load(op.operands[at]))


def _is_placed(value: ir.Value) -> bool:
    """Whether a value at dram will be a memref: an input, a buffer or a plain view of one."""
    op = defining_op(value)
    if op is None or is_stored(value):
        return True
    if op.name == "gir.reshape":
        return _is_whole(op.operands[0])
    return op.name in PLACED and _is_placed(op.operands[0])


def _is_whole(value: ir.Value) -> bool:
    """Whether a value's elements will lie one after another."""
    op = defining_op(value)
    return op is None or is_stored(value)


def _is_fillable(value: ir.Value, *, apart: bool) -> bool:
    """Whether a value is made by stores, which can go elsewhere; `apart`: to a place that isn't contiguous."""
    op = defining_op(value)
    if op is None:
        return False
    if op.name == "gir.reshape":
        return not apart and _is_fillable(op.operands[0], apart=False)
    if op.name == "gir.permute":
        return _is_fillable(op.operands[0], apart=True)
    return is_stored(value)


# -- what would be made again and again ------------------------------------------------------


def _store_under_order(kernel: ir.Operation) -> None:
    """Stores reductions that scans, scatters and reductions of payloads would make anew at each step."""
    for op in _named(kernel, "gir.scan", "gir.scatter"):
        tensors = [value for value in op.operands if gir.is_at(value, "reg")]
        for reduction in [found for found in ancestors(tensors) if found.name == "gir.reduce"]:
            for result in reduction.results:
                store_and_load(result)


def _store_multiplied(kernel: ir.Operation) -> None:
    """Stores what shifts, one behind the other, would ask for at very many places for each element of a result."""
    block = entry_block(kernel)
    asked: dict[ir.Value, int] = {}
    for op in reversed(operations(block)):
        times = max([asked.get(result, 0) for result in op.results], default=0) or 1
        makes = op.name.startswith(("arith.", "math.")) and not _is_splat(op)
        if times > MOST_TIMES and makes:
            times = 1
            for result in op.results:
                store_and_load(result)
        places = prod(integers(op.attributes["sizes"])) if op.name == "gir.window" else 1
        for operand in op.operands:
            if not gir.is_at(operand, "reg"):
                continue
            before = asked.get(operand, 0)
            asked[operand] = before + times * places if op.name in SHIFTS else max(before, times)


def _is_splat(op: ir.Operation) -> bool:
    return not any(gir.is_at(operand, "reg") for operand in op.operands)


def _store_repeated(kernel: ir.Operation) -> bool:
    """Stores reductions that a nest would make more than once per element, if there are any."""
    spaces = spaces_of(kernel)
    by_depth: dict[int, list[Sink]] = {}
    buffers = Buffers(kernel)
    for op in operations(entry_block(kernel)):
        if op.name == "gir.assert":
            by_depth.setdefault(buffers.depths.get(op.operands[0], 0), []).append(Sink(op.operands[0], None, op))
        elif _is_store(op) and gir.is_at(op.operands[0], "reg") and 0 not in op.result.type.shape:
            if (made := defining_op(op.operands[0])) is not None and is_stored_as_it_comes(made):
                continue
            depth = buffers.depths.get(op.result, 0)
            by_depth.setdefault(depth, []).append(Sink(op.operands[0], op.result, op, _is_apart(op.result)))
    found: list[ir.Operation] = []
    for sinks in by_depth.values():
        for group in group_sinks(sinks, spaces):
            found += NestPlan(group, spaces, Room()).repeated()
    return any([store_and_load(result) for op in found for result in op.results])


def _is_apart(value: ir.Value) -> bool:
    """Whether a stored value is filled by a nest of its own."""
    return any(use.owner.operation.name in (*STORED, "gir.permute") for use in value.uses)
