"""`gir-plan-memory`: what kernels hand to one another lies in one workspace, packed by lifetime.

Rewrite:
    %0 = memref.alloc() : memref<64x64xf32>      ⇒  %w = memref.alloc() : memref<32768xi8>
    gir.kernel (%a = %x, %o = %0) { ... }           %0 = memref.view %w[0] : memref<32768xi8> to memref<64x64xf32>
    %1 = memref.alloc() : memref<64x64xf32>         gir.kernel (%a = %x, %o = %0) { ... }
    gir.kernel (%a = %0, %o = %1) { ... }           %1 = memref.view %w[16384] : ...
    %2 = memref.alloc() : memref<64x64xf32>         gir.kernel (%a = %0, %o = %1) { ... }
    gir.kernel (%a = %1, %o = %2) { ... }           %2 = memref.view %w[0]                  %0 has ended
                                                    gir.kernel (%a = %1, %o = %2) { ... }

Memory lives from the first op of the function that touches it to the last; kernels run one after the other. What is
returned, what has an open size and what goes to an op that may keep it stay allocations of their own. Views begin
where the machine's memory wants buffers to begin. A function with fewer than two such allocations stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    entry_block,
    functions,
    i32_array,
    index_constant,
    operations,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.machines.model import Machine, Space
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling.lifetimes import ancestor_in, touches
from powerfusion.passes.scheduling.packing import Request, pack
from powerfusion.passes.tiling.memrefs import is_contiguous

KEEPS_NOTHING = ("gir.kernel", "gir.extern", "gir.launch", "memref.load", "memref.store", "memref.copy")
LEAST_ALIGNMENT = 64


@register_pass
@dataclass(frozen=True)
class PlanMemoryPass(Pass):
    """Packs memory between kernels into one workspace."""

    name: ClassVar[str] = "gir-plan-memory"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    machine: str = option("cpu", help="For which: a machine's name, or a .toml that describes one")

    def run(self, op: ir.Operation) -> None:
        """Packs what each function allocates."""
        machine = find(self.machine)
        for function in functions(op):
            if len(function.regions[0].blocks) == 1:
                plan_memory(entry_block(function), machine)


def plan_memory(block: ir.Block, machine: Machine) -> None:
    """Packs what the block of a function allocates."""
    order = {op: at for at, op in enumerate(operations(block))}
    allocations = [op for op in order if op.name == "memref.alloc" and _is_packed(op)]
    if len(allocations) < 2:
        return
    requests = [_request(op, order) for op in allocations]
    alignment = _alignment(machine.spaces_at("dram"))
    packing = pack(requests, alignment)
    with ir.InsertionPoint(allocations[0]), allocations[0].location:
        workspace = _workspace(packing.size_bytes, alignment)
        offsets = {offset: index_constant(offset) for offset in sorted(set(packing.offsets))}
    for op, offset in zip(allocations, packing.offsets, strict=True):
        with ir.InsertionPoint(op), op.location:
            view = create("memref.view", [workspace, offsets[offset]], [op.result.type]).result
        op.result.replace_all_uses_with(view)
        op.erase()


def _is_packed(op: ir.Operation) -> bool:
    """Whether an allocation has a known size, and nothing keeps it beyond what it does."""
    if DYNAMIC in list(op.result.type.shape) or not is_contiguous(op.result):
        return False
    return all(ancestor_in(user, op.block).name in KEEPS_NOTHING for user in touches(op.result))


def _request(op: ir.Operation, order: dict[ir.Operation, int]) -> Request:
    """What an allocation needs, from the first op that touches it to the last."""
    times = [order[ancestor_in(user, op.block)] for user in touches(op.result)] or [order[op]]
    return Request(prod(op.result.type.shape) * element_bytes(op.result), min(times), max(times))


def _alignment(spaces: Sequence[Space]) -> int:
    """Where buffers begin in memory."""
    return max([LEAST_ALIGNMENT, *(max(space.alignment_bytes, space.granule_bytes) for space in spaces[:1])])


def _workspace(size_bytes: int, alignment: int) -> ir.Value:
    i8, i64 = ir.IntegerType.get_signless(8), ir.IntegerType.get_signless(64)
    attributes = {"alignment": ir.IntegerAttr.get(i64, alignment), "operandSegmentSizes": i32_array([0, 0])}
    return create("memref.alloc", [], [ir.MemRefType.get([size_bytes], i8)], attributes).result
