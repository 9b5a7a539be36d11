"""Assertions in kernels: each has a flag in the device's memory, which the host reads once all kernels have run.

    gir.assert %c, "positive"    =>    kernel:  if (!c) flags[0] |= 1            any lane, any order
                                       host:    assert(flags[0] == 0, "positive")

Flags are one array per function of the host, zero when it begins; kernels that assert take it as their last argument.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from powerfusion.core._mlir import create, i32_array, index_constant, operations
from powerfusion.mlir import ir
from powerfusion.mlir.dialects.arith import AtomicRMWKind
from powerfusion.passes.lowering.elementwise import constant
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.extents import both, flag_value
from powerfusion.passes.lowering.gpu.lowering import TARGET, GpuLowering, memref_on_device
from powerfusion.passes.lowering.gpu.memory import do_when
from powerfusion.passes.lowering.gpu.valid import Valid
from powerfusion.passes.lowering.intrinsics import number
from powerfusion.passes.lowering.memory import EQ
from powerfusion.passes.lowering.registry import lowers
from powerfusion.passes.scheduling.kernels import walk

ZEROED = "gir.zeroed"
"""Marks an allocation of the host whose memory is zero."""


def messages_in(root: ir.Operation) -> tuple[str, ...]:
    """What the assertions in an op say, each once, in order."""
    return tuple(dict.fromkeys(ir.StringAttr(op.attributes["message"]).value for op in walk(root, "gir.assert")))


def flags_type(count: int) -> ir.MemRefType:
    """The type of the flags of so many assertions, on the host."""
    return ir.MemRefType.get([count], ir.IntegerType.get_signless(32))


def flags_on_device(count: int) -> ir.MemRefType:
    """The same as kernels see it."""
    return memref_on_device(flags_type(count))


@lowers("gir.assert", to=TARGET)
def lower_assert(lowering: GpuLowering, op: ir.Operation) -> None:
    """A lane that has an element which doesn't hold sets the assertion's flag."""
    condition, *valid = op.operands
    assert lowering.flags is not None, "expected flags in a kernel that asserts"
    fragment = lowering.fragment(condition)
    there = Valid(lowering, fragment.layout, lowering.scalars(valid))
    false = constant(ir.IntegerType.get_signless(1), ir.IntegerAttr.get(ir.IntegerType.get_signless(1), 0))
    failed: ir.Value = false
    for place, holds in zip(np.ndindex(*fragment.shape), fragment.scalars().reshape(-1), strict=True):
        fails = flag_value(both(there.is_there(place), compare("arith.cmpi", EQ, holds, false)))
        failed = create("arith.ori", [failed, fails], [failed.type]).result
    at = index_constant(lowering.flags.messages.index(ir.StringAttr(op.attributes["message"]).value))
    kind = {"kind": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), AtomicRMWKind.ori)}
    flags, one = lowering.flags.memory, number(32, 1)

    def set_flag() -> None:
        create("memref.atomic_rmw", [one, flags, at], [one.type], kind)

    do_when(failed, set_flag)


# -- on the host -----------------------------------------------------------------------------------


def make_flags(function: ir.Operation, messages: Sequence[str]) -> ir.Value:
    """The flags of a function of the host, made where it begins and read where it ends."""
    (block,) = function.regions[0].blocks
    segments = {"operandSegmentSizes": i32_array([0, 0]), ZEROED: ir.UnitAttr.get()}
    with ir.InsertionPoint.at_block_begin(block), function.location:
        flags = create("memref.alloc", [], [flags_type(len(messages))], segments).result
    end = operations(block)[-1]
    with ir.InsertionPoint(end), function.location:
        for at, message in enumerate(messages):
            found = create("memref.load", [flags, index_constant(at)], [number(32, 0).type]).result
            holds = compare("arith.cmpi", EQ, found, number(32, 0))
            create("cf.assert", [holds], attributes={"msg": ir.StringAttr.get(message)})
    return flags
