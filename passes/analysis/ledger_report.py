"""The report of a program: its ledger by kernel, beside what it moved as written and what it must move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from powerfusion.dialects import gir
from powerfusion.machines.host import host
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.least_bytes import least_dram_bytes
from powerfusion.passes.analysis.ledger_program import Entry, Given, Program, entries_of, location_text
from powerfusion.report import KernelReport, Moved, MovementReport, Report
from powerfusion.symbolic import Count, total


def report_of(
    module: ir.Module, naive: ir.Module, given: Given, on_chip_bytes: int, machine: Machine | None = None
) -> Report:
    """The report of a program.

    Args:
        module: After `simplify`.
        naive: After `raise`.
        given: Shapes of arguments by position, for programs with dynamic sizes.
        on_chip_bytes: What the machine can hold on chip, all in all.
        machine: Whose spaces count; by default this machine.
    """
    kernels = kernel_reports(module, given, machine)
    written = total(kernel.dram_bytes for kernel in kernel_reports(naive, given, machine))
    return Report(kernels, least_dram_bytes(module, given, on_chip_bytes), written)


def kernel_reports(module: ir.Module, given: Given, machine: Machine | None = None) -> tuple[KernelReport, ...]:
    """The kernels of a module, in program order."""
    program = Program(module.operation, machine or host(), given)
    program.run()
    ops = {number: op for op, number in program.recorder.numbers.items()}
    entries: dict[int, list[Entry]] = {}
    holder = {record.key[0]: record.kernel for record in program.recorder.records}
    for entry in entries_of(program.recorder):
        kernel = holder[entry.instruction]
        if kernel is not None:
            entries.setdefault(program.recorder.numbers[kernel], []).append(entry)
    return tuple(
        KernelReport(
            ir.StringAttr(ops[number].attributes["kernel_name"]).value,
            location_text(ops[number].location),
            tuple(_movements(entries.get(number, []), ops)),
        )
        for number in dict.fromkeys(program.kernels)
    )


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
