"""The ledger: bytes per instruction, level and direction of a program in graph form.

Asks `MovementOpInterface` of every op in every kernel what it moves and between which levels; a
movement counts the distinct elements of what it moves, a store as often as the kernel puts what it
stores somewhere (`%s` of `concat %s, %s` twice). `naive` and `least` stand beside: what one
kernel per operator moves, and the least that any program must (`least_bytes`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from powerfusion.core._mlir import defining_op, entry_block, functions, operations
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.extents import Extents
from powerfusion.passes.analysis.least_bytes import least_dram_bytes
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.report import KernelReport, MovementReport, Report
from powerfusion.symbolic import Count, product, total

Shapes = Mapping[int, tuple[int, ...]]
PLACING_OPS: dict[str, Callable[[ir.Operation], Sequence[ir.Value]]] = {
    "gir.permute": lambda op: list(op.operands)[:1],
    "gir.concat": lambda op: list(op.operands),
    "gir.insert": lambda op: list(op.operands)[:2],
}


def report_of(module: ir.Module, naive: ir.Module, given: Shapes, on_chip_bytes: int) -> Report:
    """The report of a program.

    Args:
        module: After `simplify`.
        naive: After `raise`.
        given: Shapes of arguments by position, for programs with dynamic sizes.
        on_chip_bytes: What the machine can hold on chip, all in all.
    """
    kernels = kernel_reports(module, given)
    written = total(kernel.dram_bytes for kernel in kernel_reports(naive, given))
    return Report(kernels, least_dram_bytes(module, given, on_chip_bytes), written)


def kernel_reports(module: ir.Module, given: Shapes) -> tuple[KernelReport, ...]:
    """The kernels of a module in graph form, in program order."""
    reports: list[KernelReport] = []
    for function in functions(module.operation):
        extents = Extents(given)
        kernels = [op for op in operations(entry_block(function)) if op.name == "gir.kernel"]
        reports += [_kernel(kernel, extents) for kernel in kernels]
    return tuple(reports)


def _kernel(kernel: ir.Operation, extents: Extents) -> KernelReport:
    movements: list[MovementReport] = []
    places = Counter(value for returned in operations(entry_block(kernel))[-1].operands for value in _placed(returned))
    for op in operations(entry_block(kernel)):
        moved = gir.movement(op)
        if moved is None:
            continue
        source, result, _ = moved
        type_ = op.result.type
        shape = extents.shape_inside(kernel, op.result)
        count: Count = product([*shape, element_bytes(op.result), places.get(op.result, 1)])
        written = "x".join([*(str(size) for size in shape), str(type_.element_type)])
        movements.append(
            MovementReport(op.name, source.level, result.level, count, written, location_text(op.location))
        )
    name = ir.StringAttr(kernel.attributes["kernel_name"]).value
    return KernelReport(name, location_text(kernel.location), tuple(movements))


def _placed(value: ir.Value) -> Iterator[ir.Value]:
    """The stored values that a value at dram is put together of, each as often as it stands there."""
    op = defining_op(value)
    if op is None or op.name not in PLACING_OPS:
        yield value
        return
    for part in PLACING_OPS[op.name](op):
        yield from _placed(part)


def location_text(location: ir.Location) -> str | None:
    """A location for people, `file:line:column`; None for an unknown one, the first of a fused one."""
    if location.is_a_fused():
        texts = [location_text(part) for part in location.locations]
        return next((text for text in texts if text), None)
    if location.is_a_file():
        return f"{location.filename}:{location.start_line}:{location.start_col}"
    if location.is_a_name():
        return location_text(location.child_loc) or location.name_str
    if location.is_a_callsite():
        return location_text(location.callee)
    return None
