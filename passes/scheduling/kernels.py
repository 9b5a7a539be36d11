"""The kernels of a program in tile form, and the parallels in them."""

from __future__ import annotations

from collections.abc import Iterator

from powerfusion.core._mlir import functions
from powerfusion.mlir import ir


def tiled_kernels(module: ir.Operation) -> list[ir.Operation]:
    """The kernels in tile form of a module, in order."""
    return [kernel for function in functions(module) for kernel in walk(function, "gir.kernel") if not kernel.results]


def ops_in(root: ir.Operation) -> list[ir.Operation]:
    """An op and all that is in it, in order."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        found.append(op)
        return ir.WalkResult.ADVANCE

    root.walk(visit, ir.WalkOrder.PRE_ORDER)
    return found


def walk(root: ir.Operation, name: str) -> Iterator[ir.Operation]:
    """The ops of a name at or in an op, in order; they may be rewritten on the way."""
    return (op for op in ops_in(root) if op.name == name)


def is_group_parallel(op: ir.Operation) -> bool:
    """Whether an op's instances are groups, each with memory at sram of its own."""
    return op.name == "gir.parallel" and "<group>" in str(op.attributes["scope"])


def is_unit_parallel(op: ir.Operation) -> bool:
    """Whether an op's instances are the units of one group."""
    return op.name == "gir.parallel" and "<unit>" in str(op.attributes["scope"])


def launched_names(module: ir.Operation) -> set[str]:
    """The names of the functions that are launched as kernels."""
    return {ir.FlatSymbolRefAttr(op.attributes["callee"]).value for op in walk(module, "gir.launch")}


def scopes_of(kernel: ir.Operation) -> list[ir.Operation]:
    """What has memory at sram of its own: the parallels over groups, or the kernel where nothing is parallel."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if not is_group_parallel(op):
            return ir.WalkResult.ADVANCE
        found.append(op)
        return ir.WalkResult.SKIP

    kernel.walk(visit, ir.WalkOrder.PRE_ORDER)
    return found or [kernel]
