"""Which windows a loop stages that can be copied while earlier steps are worked on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from powerfusion.core._mlir import defining_op, entry_block, integer_of, operations, segments
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.kernels import ops_in
from powerfusion.passes.scheduling.lifetimes import VIEWS
from powerfusion.passes.scheduling.roots import may_share
from powerfusion.passes.scheduling.scratch import buffer_bytes

READERS = ("gir.load", "gir.gather", "memref.dim", "memref.transpose")
"""What may use a window that lies somewhere in a larger buffer."""
CLONED = ("arith.", "affine.", "index.")


def staged_in(loop: ir.Operation) -> list[ir.Operation]:
    """The windows that each step of a loop stages, of those that can be copied ahead."""
    if not goes_alone(loop):
        return []
    body = entry_block(loop)
    stages = [op for op in operations(body) if op.name == "gir.stage" and op.result.type.rank > 0]
    return [
        stage
        for stage in stages
        if _moves_alone(stage, loop)
        and buffer_bytes(stage) is not None
        and _is_read_in_place(stage.result)
        and not is_written(loop, stage.operands[0])
    ]


def goes_alone(loop: ir.Operation) -> bool:
    """Whether a loop's steps are known to go forward, and wait for nobody who may write what the next one reads."""
    return (integer_of(loop.operands[2]) or 0) >= 1 and not _meets_others(loop)


def is_written(loop: ir.Operation, memref: ir.Value) -> bool:
    """Whether something in a loop may write to a memref."""
    return any(may_share(written, memref) for op in ops_in(loop) for written in written_by(op))


def _meets_others(loop: ir.Operation) -> bool:
    """Whether a loop waits for other groups, who may write what it stages next, or calls what isn't known."""
    syncs = [op for op in ops_in(loop) if op.name == "gir.sync"]
    calls = any(op.name in ("func.call", "gir.launch") for op in ops_in(loop))
    return calls or any("<group>" not in str(sync.attributes["scope"]) for sync in syncs)


def written_by(op: ir.Operation) -> list[ir.Value]:
    """The memrefs that an op writes to."""
    match op.name:
        case "gir.store" | "gir.scatter":
            return segments(op)[1]
        case "gir.copy":
            return segments(op)[2]
        case "memref.store" | "memref.copy" | "memref.atomic_rmw":
            return [op.operands[1]]
        case _:
            return []


def slice_of(stage: ir.Operation) -> list[ir.Operation] | None:
    """The ops of the same block that say where a window is, in order; None where it isn't index arithmetic alone."""
    return slice_in(stage.block, stage.operands)


def slice_in(block: ir.Block, values: Iterable[ir.Value]) -> list[ir.Operation] | None:
    """The ops of a loop's body that some values come from, in order; None where they aren't index arithmetic alone."""
    needed: set[ir.Operation] = set()
    pending = list(values)
    while pending:
        value = pending.pop()
        op = defining_op(value)
        if op is None and value.owner == block and value != block.arguments[0]:
            return None
        if op is None or op.block != block or op in needed:
            continue
        if not (op.name.startswith(CLONED) or op.name in VIEWS or op.name == "memref.dim") or list(op.regions):
            return None
        needed.add(op)
        pending += op.operands
    return [op for op in operations(block) if op in needed]


def clone_slice(ops: Sequence[ir.Operation], known: dict[ir.Value, ir.Value]) -> None:
    """Clones ops with some values replaced, and adds what their results have become to these."""
    for op in ops:
        made = op.clone().operation
        for at, operand in enumerate(op.operands):
            made.operands[at] = known.get(operand, operand)
        known |= dict(zip(op.results, made.results, strict=True))


def _moves_alone(stage: ir.Operation, loop: ir.Operation) -> bool:
    """Whether a window is at another place in each step, by the loop's index alone."""
    found = slice_of(stage)
    if found is None:
        return False
    index = entry_block(loop).arguments[0]
    return any(value == index for op in [stage, *found] for value in op.operands)


def _is_read_in_place(value: ir.Value) -> bool:
    """Whether everything that uses a window takes one that lies in a larger buffer."""
    for use in value.uses:
        op = use.owner.operation
        if op.name not in READERS or not all(_is_read_in_place(result) for result in op.results if _is_memref(result)):
            return False
    return True


def _is_memref(value: ir.Value) -> bool:
    return isinstance(value.type, ir.MemRefType)
