"""Who runs what on a machine: instances of the outermost parallel are dealt out to tasks.

    gir.parallel <group> (%g) in (%n)     ⇒   for (g = task; g < n; g += tasks)

Where units of a group don't meet and nothing else is in the group, each of them is dealt out by itself. Where a group
has memory of its own, it runs on a group of tasks: each unit on a task, copies at the group's memory on the first, and
all of them wait for each other behind what the group does together. Units that meet in the midst of what they do are
all played by the first task.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import Enum, auto

from powerfusion.core._mlir import entry_block, operations
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.calls import emit_plain
from powerfusion.passes.lowering.device.lowering import DEVICE, DeviceLowering
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.code import Number, plus, product, times
from powerfusion.passes.lowering.emitc.units import Units
from powerfusion.passes.lowering.emitc.views import unravelled
from powerfusion.passes.lowering.lockstep import holds, is_needed, scope_of
from powerfusion.passes.lowering.registry import lowers
from powerfusion.passes.scheduling.kernels import ops_in

INDICES = ("affine.", "arith.")
SHARED = ("gir.alloc", "gir.stage", "gir.copy")
TOGETHER = (*INDICES, *SHARED, "memref.", "gir.wait", "gir.yield", "scf.yield", "scf.for", "scf.if", "gir.parallel")


class Dealing(Enum):
    """To whom instances of the outermost parallel go."""

    TASKS = auto()  # each to a task
    GROUPS = auto()  # each to a group of tasks, of which each runs a unit
    FIRSTS = auto()  # each to the first task of a group


def is_dealt(function: ir.Operation) -> bool:
    """Whether a kernel is one parallel, whose instances tasks may share.

    Between two parallels all tasks would have to wait for each other, which few machines can; and a scatter may write
    what another instance writes.
    """
    bodies = [op for op in ops_in(function) if op.name == "gir.kernel"]
    parts = [op for body in bodies for op in operations(entry_block(body)) if holds(op, _touches_memory)]
    return [op.name for op in parts] == ["gir.parallel"] and not holds(function, lambda op: op.name == "gir.scatter")


def _touches_memory(op: ir.Operation) -> bool:
    return op.name in (*SHARED, "gir.load", "gir.store", "gir.gather", "gir.scatter", "memref.store", "memref.copy")


@contextmanager
def by_first(lowering: DeviceLowering, function: ir.Operation) -> Iterator[None]:
    """What one task does, with all instances one after the other."""
    lowering.dealing = Dealing.FIRSTS
    shares = holds(function, lambda op: op.name in SHARED)
    lowering.device.in_groups |= shares and lowering.emission.barrier is not None
    with code.when(code.equal(number_of(lowering.emission.task), 0)):
        yield
    lowering.dealing = None


@lowers("gir.parallel", to=DEVICE)
def lower_parallel(lowering: DeviceLowering, op: ir.Operation) -> None:
    """Outermost, a loop over what is this task's; further in, serial loops, units of a group's tasks, or in step."""
    if lowering.dealing is None:
        _outermost(lowering, op)
    elif is_needed(op):
        Units.run(lowering, op)
    elif lowering.dealing is Dealing.GROUPS and scope_of(op) == "unit" and not lowering.in_unit:
        _units(lowering, op)
    else:
        _serial(lowering, op)


def _outermost(lowering: DeviceLowering, op: ir.Operation) -> None:
    lowering.group.flush()
    lowering.dealing = dealing_of(lowering, op)
    emission = lowering.emission
    if lowering.dealing is Dealing.TASKS:
        _tasks(lowering, op)
        lowering.dealing = None
        return
    in_groups = emission.barrier is not None
    lowering.device.in_groups |= in_groups
    with ExitStack() as nest:
        nest.enter_context(lowering.scratch_of(op, threaded=False))
        if lowering.dealing is Dealing.FIRSTS and in_groups:
            nest.enter_context(code.when(code.equal(number_of(emission.unit), 0)))
        if is_needed(op):
            nest.enter_context(code.when(code.equal(number_of(emission.task), 0)))
            Units.run(lowering, op)
        else:
            names = (emission.group, emission.groups) if in_groups else (emission.task, emission.tasks)
            index = _dealt(names, lowering.numbers(op.operands), nest)
            lowering.bind(entry_block(op).arguments, index)
            lowering.emit_block(entry_block(op))
    lowering.dealing = None


def dealing_of(lowering: DeviceLowering, op: ir.Operation) -> Dealing:
    """To whom the instances of an outermost parallel go."""
    meets = is_needed(op) or holds(op, lambda inner: inner.name == "gir.parallel" and is_needed(inner))
    if not meets and not holds(op, lambda inner: inner.name in SHARED):
        return Dealing.TASKS
    if meets or lowering.emission.barrier is None:
        return Dealing.FIRSTS
    return Dealing.GROUPS if all(map(_is_together, _outside_units(op))) else Dealing.FIRSTS


def _outside_units(op: ir.Operation) -> Iterator[ir.Operation]:
    """What a group does that isn't a unit's."""
    for region in op.regions:
        for block in region.blocks:
            for inner in operations(block):
                yield inner
                if inner.name != "gir.parallel" or scope_of(inner) != "unit":
                    yield from _outside_units(inner)


def _is_together(op: ir.Operation) -> bool:
    """Whether all tasks of a group can do an op, or the first for all."""
    on_tiles = any(isinstance(result.type, ir.RankedTensorType) for result in op.results)
    is_constant = op.name == "arith.constant"
    return op.name.startswith(TOGETHER) and (is_constant or not on_tiles)


# -- loops -----------------------------------------------------------------------------------------


def _tasks(lowering: DeviceLowering, op: ir.Operation) -> None:
    """Each instance to a task; those of a parallel right within too."""
    names = (lowering.emission.task, lowering.emission.tasks)
    counts = lowering.numbers(op.operands)
    inner = inner_of(lowering, op)
    within = [] if inner is None else lowering.numbers(inner.operands)
    block = entry_block(op if inner is None else inner)

    def bind(number: Number) -> None:
        index = _unravelled(number, [*counts, *within])
        lowering.bind(entry_block(op).arguments, index[: len(counts)])
        if inner is not None:
            for other in operations(entry_block(op))[:-1]:
                if other != inner:
                    lowering.emit_index(other)
            lowering.bind(block.arguments, index[len(counts) :])

    total = product([*counts, *within])
    if isinstance(total, int) and total == 1:
        with code.when(code.equal(number_of(names[0]), 0)):
            bind(0)
            lowering.emit_block(block)
        return
    own, all_ = map(number_of, names)
    with lowering.steps(block, (own, total, all_), bind) as ops:
        for other in ops:
            lowering.emit(other)
        lowering.group.flush()


def _units(lowering: DeviceLowering, op: ir.Operation) -> None:
    """A unit to each task of a group, which wait for each other behind it."""
    names = (lowering.emission.unit, lowering.emission.units)
    counts = lowering.numbers(op.operands)
    lowering.group.flush()
    lowering.in_unit = True
    with ExitStack() as nest:
        index = _dealt(names, counts, nest)
        lowering.bind(entry_block(op).arguments, index)
        lowering.unit = _linear(index, counts)
        lowering.emit_block(entry_block(op))
    lowering.in_unit = False
    meet(lowering)


def _serial(lowering: DeviceLowering, op: ir.Operation) -> None:
    counts = lowering.numbers(op.operands)
    lowering.group.flush()
    with ExitStack() as nest:
        nest.enter_context(lowering.scratch_of(op, threaded=False))
        index = [nest.enter_context(code.loop(0, count)) for count in counts]
        lowering.bind(entry_block(op).arguments, index)
        if scope_of(op) == "unit":
            lowering.unit = _linear(index, counts)
        lowering.emit_block(entry_block(op))


def _linear(index: Sequence[Number], counts: Sequence[Number]) -> Number:
    number: Number = 0
    for at, count in zip(index, counts, strict=True):
        number = plus(times(number, count), at)
    return number


def number_of(text: str) -> ir.Value:
    """A number of the machine's, as indices are."""
    return code.literal(f"(int64_t){text}", code.index_type())


def _dealt(names: tuple[str, str], counts: Sequence[Number], nest: ExitStack) -> Sequence[Number]:
    """The loop over what of some instances is one's own; gives an instance's index.

    Args:
        names: Of one's own number, and of how many there are.
        counts: Of instances, per dimension.
        nest: Holds the loop.
    """
    own, all_ = map(number_of, names)
    total = product(counts)
    if isinstance(total, int) and total == 1:
        nest.enter_context(code.when(code.equal(own, 0)))
        return [0] * len(counts)
    return _unravelled(nest.enter_context(code.loop(own, total, all_)), counts)


def _unravelled(number: Number, counts: Sequence[Number]) -> Sequence[Number]:
    """An instance's index."""
    if len(counts) == 1:
        return [number]
    if isinstance(number, int):
        assert number == 0, "expected the first instance"
        return [0] * len(counts)
    known = [count for count in counts if isinstance(count, int)]
    if len(known) == len(counts):
        return unravelled(number, known)
    index: list[Number] = []
    rest: Number = number
    for count in reversed(counts[1:]):
        whole = code.binary("div", code.value_of(rest), code.value_of(count))
        index.append(code.minus(rest, times(whole, count)))
        rest = whole
    return [rest, *reversed(index)]


def inner_of(lowering: DeviceLowering, op: ir.Operation) -> ir.Operation | None:
    """The one parallel that a parallel's body consists of, but for indices, if its instances can be dealt out too."""
    body = operations(entry_block(op))[:-1]
    found = [other for other in body if other.name == "gir.parallel"]
    if len(found) != 1 or any(not other.name.startswith(INDICES) for other in body if other != found[0]):
        return None
    return found[0] if all(operand in lowering.values for operand in found[0].operands) else None


# -- what a group does together --------------------------------------------------------------------


def meet(lowering: DeviceLowering) -> None:
    """The tasks of a group wait for each other, where they share what is around."""
    if lowering.dealing is Dealing.GROUPS and lowering.emission.barrier is not None:
        emit_plain(lowering.emission.barrier)


@contextmanager
def by_one(lowering: DeviceLowering) -> Iterator[None]:
    """What one task does for its group."""
    if lowering.dealing is Dealing.GROUPS and not lowering.in_unit:
        with code.when(code.equal(number_of(lowering.emission.unit), 0)):
            yield
    else:
        yield
