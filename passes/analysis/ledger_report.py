"""The report of a program: its ledger by kernel, beside what it moved as written and what it must move."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from powerfusion.core._mlir import entry_block, functions, is_tensor, operations
from powerfusion.dialects import gir
from powerfusion.machines.host import host
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.extents import Extents
from powerfusion.passes.analysis.least_bytes import VIEWS, least_dram_bytes, least_of_kernel
from powerfusion.passes.analysis.ledger_program import (
    CALLS,
    Entry,
    Given,
    Program,
    callee_of,
    entries_of,
    is_tile_form,
    location_text,
)
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.analysis.timing_ledger import prediction_of, times_of
from powerfusion.report import Handed, KernelReport, Moved, MovementReport, Report
from powerfusion.symbolic import Count, product, total


def report_of(
    module: ir.Module,
    naive: ir.Module | None,
    given: Given,
    machine: Machine,
    phase: str,
    graph: ir.Module | None,
) -> Report:
    """The report of a program.

    Args:
        module: After `phase`.
        naive: After `raise`; None where that isn't known.
        given: Shapes of arguments by position, for programs with dynamic sizes.
        machine: Whose spaces count.
        phase: The phase that `module` is after.
        graph: Its graph form: itself, or what it was tiled from; None where that isn't known.
    """
    program = Program(module.operation, machine, given)
    program.run()
    before = () if naive is None else kernel_reports(naive, given, machine)
    written = None if naive is None else total(each.dram_bytes for each in before)
    kernels = tuple(_beside_naive(_kernels_of(program, given), before))
    least = None if graph is None else least_dram_bytes(graph, given, on_chip_bytes(machine))
    handed = () if graph is None else tuple(handed_over(graph, given))
    prediction = prediction_of(times_of(program))
    return Report(kernels, least, written, handed, machine.name, _bandwidth(machine), phase, prediction)


def on_chip_bytes(machine: Machine) -> int:
    """What a machine can hold on chip, all in all: its `sram`, and the registers of what has them by the unit."""
    counts: dict[str, int] = {}
    instances = 1
    for limits in machine.scopes:
        instances *= limits.count or 1
        counts[limits.scope] = instances
    near = [space for level in ("sram", "reg") for space in machine.spaces_at(level)]
    return sum(
        space.pool_bytes * counts.get("group", 1)
        if space.pool_bytes
        else (space.usable_bytes or 0) * counts.get(space.scope, 1)
        for space in near
    )


def _bandwidth(machine: Machine) -> float | None:
    """The fastest way out of the machine's DRAM, bytes per nanosecond; None where none is known."""
    ways = machine.links_from(machine.space_of("dram").name)
    return max((link.bandwidth_bytes_per_ns for link in ways if link.bandwidth_bytes_per_ns), default=None)


def handed_over(module: ir.Module, given: Given) -> Iterator[Handed]:
    """What kernels of a program in graph form hand to one another, or each load for itself, in program order."""
    for function in functions(module.operation):
        sizes = Extents(given)
        block = entry_block(function)
        for argument in filter(is_tensor, block.arguments):
            yield from _handed(None, argument, sizes)
        for op in operations(block):
            if op.name in ("gir.kernel", "arith.constant"):
                producer = op if op.name == "gir.kernel" else None
                for result in filter(is_tensor, op.results):
                    yield from _handed(producer, result, sizes)


def _handed(producer: ir.Operation | None, value: ir.Value, sizes: Extents) -> Iterator[Handed]:
    users = list(_users(value))
    consumers = [op for op in users if op.name == "gir.kernel"]
    only_here = producer is not None and len(consumers) == len(users)
    saved = len(consumers) + (only_here if producer is not None else -1)
    if consumers and saved > 0:
        volume = product([*sizes.shape(value), element_bytes(value), saved])
        names = tuple(dict.fromkeys(_name(op) for op in reversed(consumers)))  # MLIR lists the last use first.
        place = None if producer is None else location_text(producer.location)
        yield Handed(None if producer is None else _name(producer), names, volume, place)


def _users(value: ir.Value) -> Iterator[ir.Operation]:
    """The ops that use a value, through views of it; what only asks for its size doesn't."""
    for use in value.uses:
        op = use.owner.operation
        if op.name in VIEWS:
            yield from _users(op.results[0])
        elif op.name != "tensor.dim":
            yield op


def _name(kernel: ir.Operation) -> str:
    return ir.StringAttr(kernel.attributes["kernel_name"]).value


def kernel_reports(module: ir.Module, given: Given, machine: Machine | None = None) -> tuple[KernelReport, ...]:
    """The kernels of a module, in program order."""
    program = Program(module.operation, machine or host(), given)
    program.run()
    return _kernels_of(program, given)


def _kernels_of(program: Program, given: Given) -> tuple[KernelReport, ...]:
    """The kernels of a program that has run."""
    ops = {number: op for op, number in program.recorder.numbers.items()}
    entries: dict[int, list[Entry]] = {}
    holder = {record.key[0]: record.kernel for record in program.recorder.records}
    for entry in entries_of(program.recorder):
        kernel = holder[entry.instruction]
        if kernel is not None:
            entries.setdefault(program.recorder.numbers[kernel], []).append(entry)
    least = least_of_kernels(ops.values(), given)
    return tuple(
        KernelReport(
            _name(ops[number]),
            location_text(ops[number].location),
            tuple(_movements(entries.get(number, []), ops)),
            tuple(dict.fromkeys(origins_of(ops[number].location))),
            least.get(ops[number]),
        )
        for number in dict.fromkeys(program.kernels)
    )


def least_of_kernels(ops: Collection[ir.Operation], given: Given) -> dict[ir.Operation, Count]:
    """What each kernel in graph form must move; those of called functions, whose sizes the calls say, are left out."""
    called = {callee_of(op) for op in ops if op.name in CALLS}
    found: dict[ir.Operation, Count] = {}
    for function in (op for op in ops if op.name == "func.func" and len(op.regions[0].blocks)):
        if ir.StringAttr(function.attributes["sym_name"]).value in called:
            continue
        extents = Extents(given)
        kernels = (op for op in operations(entry_block(function)) if op.name == "gir.kernel" and not is_tile_form(op))
        found |= {kernel: least_of_kernel(kernel, extents) for kernel in kernels}
    return found


def _beside_naive(kernels: Sequence[KernelReport], naive: Sequence[KernelReport]) -> Iterator[KernelReport]:
    """Kernels with what the operators move that they were made from, found by their places; each counts once."""
    left = list(naive)
    for kernel in kernels:
        own = [each for each in left if set(each.origins) & set(kernel.origins)]
        left = [each for each in left if each not in own]
        yield replace(kernel, naive_dram_bytes=total(each.dram_bytes for each in own)) if own else kernel


def origins_of(location: ir.Location) -> Iterator[str]:
    """All places of the program that a location tells of: those that it was fused from."""
    if location.is_a_fused():
        for part in location.locations:
            yield from origins_of(part)
    elif text := location_text(location):
        yield text


def _type_text(op: ir.Operation) -> str:
    """Shape and element type of what moves, as `512x768xf32`."""
    moved = gir.movement(op)
    type_ = moved[2] if moved else op.results[0].type
    sizes = ["?" if size < 0 else str(size) for size in type_.shape]
    return "x".join([*sizes, str(type_.element_type)])


def _movements(entries: list[Entry], ops: Mapping[int, ir.Operation]) -> Iterator[MovementReport]:
    """An entry per instruction, in program order."""
    by_instruction: dict[int, list[Entry]] = {}
    for entry in entries:
        by_instruction.setdefault(entry.instruction, []).append(entry)
    for number, parts in by_instruction.items():
        moved = tuple(
            Moved(e.space, e.level, e.direction, e.useful, e.issued, e.arriving, tuple(sorted(e.bounds))) for e in parts
        )
        op = ops[number]
        source, result = _levels(op)
        yield MovementReport(op.name, source, result, _bytes(moved), _type_text(op), location_text(op.location), moved)


def _levels(op: ir.Operation) -> tuple[str, str]:
    moved = gir.movement(op)
    return (moved[0].level, moved[1].level) if moved else ("dram", "dram")


def _bytes(moved: tuple[Moved, ...]) -> Count:
    """The useful bytes on the outer side of a movement."""
    for level in ("dram", "sram", "reg"):
        sides = [side.useful for side in moved if side.level == level and side.useful != 0]
        if sides:
            return total(sides) if len({side.direction for side in moved if side.level == level}) == 2 else sides[0]
    return 0
