"""What a kernel takes one core, in operations on an element, and from how many on several threads are worth it.

    work = sum over ops of elements x operations, and of bytes to and from dram x OPERATIONS_PER_BYTE

Threads have to be woken, which takes as long as tens of thousands of operations. They are worth it where the part of
the work that others do takes one core longer than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

from powerfusion.core._mlir import DYNAMIC, is_tensor
from powerfusion.dialects import gir
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.instructions import instructions
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.analysis.spaces import loops_of

REGISTERS_PER_NS = 8  # on which a core with caches computes, where a machine doesn't say
WORK_BYTES = 4  # of a register, that an operation on an element takes
OPERATIONS_PER_BYTE = 2  # that a core does while it moves a byte to or from its caches
FORK_NS = 10_000  # Measured with LLVM's libomp on two cores: 1 us where threads spin, 30 us and more where they sleep.
VIEWS = ("gir.permute", "gir.reshape", "gir.slice", "gir.window", "gir.concat", "gir.pad")
IDLE = (*VIEWS, "gir.broadcast", "gir.iota", "gir.return", "arith.constant", "tensor.splat")


@dataclass(frozen=True)
class Work:
    """What a kernel does.

    Attributes:
        total: Operations; None where sizes are open.
        each: Of an element of the largest tensor, where each op runs over about as many as that has; None where
            contractions multiply each with each.
    """

    total: int | None
    each: int | None


def work_of(kernel: ir.Operation) -> Work:
    """The work of a kernel in graph form."""
    ops: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op == kernel:
            return ir.WalkResult.ADVANCE
        ops.append(op)
        return ir.WalkResult.SKIP  # What is inside of an op is what it does for each element.

    kernel.walk(visit, ir.WalkOrder.PRE_ORDER)
    costs = [(cost, _elements(op)) for op in ops if (cost := _cost(op))]
    sizes = [elements for _, elements in costs]
    total = None if None in sizes else sum(cost * (elements or 0) for cost, elements in costs)
    multiplies = any(op.name == "gir.contract" for op in ops)
    return Work(total, None if multiplies else sum(cost for cost, _ in costs))


def _cost(op: ir.Operation) -> int:
    """Of an element of any op: nothing where it is only named anew, and what bytes come to that move far."""
    if op.name in IDLE:
        return 0
    if op.name == "gir.move":
        far = any(gir.is_at(value, "dram") for value in (op.operands[0], op.result))
        return OPERATIONS_PER_BYTE * element_bytes(op.result) if far else 0
    return instructions(op)


def least_work(machine: Machine) -> int:
    """From how many operations on several threads are worth being woken; of one core, as if there were two."""
    limits = machine.scope("group")
    cores = max((limits.count if limits else None) or 1, 2)
    registers = machine.space_of("reg").alignment_bytes * REGISTERS_PER_NS
    woken = machine.launch_ns or FORK_NS
    return ceil(woken * cores / (cores - 1) * registers / WORK_BYTES)


def _elements(op: ir.Operation) -> int | None:
    """How many elements an op runs over; None where a size is open."""
    if op.name != "gir.contract":
        values = op.results if op.name == "gir.gather" else (*op.operands, *op.results)
        sizes = [_product(value.type.shape) for value in values if is_tensor(value)]
        return None if None in sizes else max((size for size in sizes if size is not None), default=0)
    extents: dict[int, int] = {}
    for value, map_ in zip(list(op.operands)[:2], op.attributes["maps"], strict=False):
        extents |= dict(zip(loops_of(map_), value.type.shape, strict=True))
    return _product(list(extents.values()))


def _product(shape: Sequence[int]) -> int | None:
    return None if DYNAMIC in list(shape) else prod(shape)
