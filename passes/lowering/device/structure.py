"""Who runs what on a machine: instances of the outermost parallel are dealt out to tasks.

    gir.parallel <group> (%g) in (%n)     ⇒   for (g = task; g < n; g += tasks)

Where units of a group don't meet and nothing else is in the group, each of them is dealt out by itself. Units that meet
are all played by the task of their group, one after the other between two meetings.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from powerfusion.core._mlir import entry_block, operations
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.lowering import DEVICE, DeviceLowering
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.code import Number, plus, product, times
from powerfusion.passes.lowering.emitc.units import Units
from powerfusion.passes.lowering.emitc.views import unravelled
from powerfusion.passes.lowering.lockstep import holds, is_needed, scope_of
from powerfusion.passes.lowering.registry import lowers

INDICES = ("affine.", "arith.")


@lowers("gir.parallel", to=DEVICE)
def lower_parallel(lowering: DeviceLowering, op: ir.Operation) -> None:
    """Outermost, a loop over what is this task's; further in, serial loops, or in step."""
    if is_needed(op):
        Units.run(lowering, op)
        return
    lowering.group.flush()
    if lowering.dealt:
        _serial(lowering, op)
        return
    lowering.dealt = True
    inner = inner_of(lowering, op)
    counts = lowering.numbers(op.operands)
    if inner is None:
        with ExitStack() as nest:
            nest.enter_context(lowering.scratch_of(op, threaded=False))
            index = _dealt(lowering, counts, nest)
            lowering.bind(entry_block(op).arguments, index)
            lowering.emit_block(entry_block(op))
    else:
        within = lowering.numbers(inner.operands)
        with ExitStack() as nest:
            index = _dealt(lowering, [*counts, *within], nest)
            lowering.bind(entry_block(op).arguments, index[: len(counts)])
            for other in operations(entry_block(op))[:-1]:
                if other != inner:
                    lowering.emit(other)
            lowering.bind(entry_block(inner).arguments, index[len(counts) :])
            lowering.emit_block(entry_block(inner))
    lowering.dealt = False


def _dealt(lowering: DeviceLowering, counts: Sequence[Number], nest: ExitStack) -> Sequence[Number]:
    """The loop of a task over its share of some instances; gives an instance's index."""
    task, tasks = (
        code.cast(code.literal(text, code.index_type()), code.index_type())
        for text in (f"(int64_t){lowering.emission.task}", f"(int64_t){lowering.emission.tasks}")
    )
    total = product(counts)
    if total == 1 and isinstance(total, int):
        nest.enter_context(code.when(code.equal(task, 0)))
        return [0] * len(counts)
    number = nest.enter_context(code.loop(task, total, tasks))
    if len(counts) == 1:
        return [number]
    if all(isinstance(count, int) for count in counts):
        return unravelled(number, [int(count) for count in counts if isinstance(count, int)])
    index: list[Number] = []
    rest: Number = number
    for count in reversed(counts[1:]):
        whole = code.binary("div", code.value_of(rest), code.value_of(count))
        index.append(code.minus(rest, times(whole, count)))
        rest = whole
    return [rest, *reversed(index)]


def _serial(lowering: DeviceLowering, op: ir.Operation) -> None:
    counts = lowering.numbers(op.operands)
    with ExitStack() as nest:
        nest.enter_context(lowering.scratch_of(op, threaded=False))
        index = [nest.enter_context(code.loop(0, count)) for count in counts]
        lowering.bind(entry_block(op).arguments, index)
        if scope_of(op) == "unit":
            number: Number = 0
            for at, count in zip(index, counts, strict=True):
                number = plus(times(number, count), at)
            lowering.unit = number
        lowering.emit_block(entry_block(op))


def inner_of(lowering: DeviceLowering, op: ir.Operation) -> ir.Operation | None:
    """The one parallel that a parallel's body consists of, but for indices, if its instances can be dealt out too."""
    body = operations(entry_block(op))[:-1]
    found = [other for other in body if other.name == "gir.parallel"]
    if len(found) != 1 or any(not other.name.startswith(INDICES) for other in body if other != found[0]):
        return None
    inner = found[0]
    known = all(operand in lowering.values for operand in inner.operands)
    return inner if known and not is_needed(inner) and not holds(op, _is_shared) else None


def _is_shared(op: ir.Operation) -> bool:
    """Whether an op is about memory that a group has in common."""
    return op.name in ("gir.alloc", "gir.stage", "gir.copy")


def check_shared(lowering: DeviceLowering, op: ir.Operation) -> None:
    """Refuses memory at `sram` where a group has more units than the one task that runs it."""
    units = lowering.machine.scope("unit")
    if units is not None and (units.count or 1) > 1:
        raise UnsupportedError(
            f"memory that the units of a {lowering.machine.name} share isn't used yet",
            location=op.location,
            help="rest what it holds at dram or in registers",
        )
