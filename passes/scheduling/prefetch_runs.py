"""`gir-prefetch-runs`: where elements lie in runs that are far apart, the next run comes while this one is worked on.

Rewrite:
    scf.for %n                                   scf.for %n
      scf.for %c                                   %next = min(%n + 1, last)
        gir.load %x[%n, %k, %c]           ⇒        scf.for %c
                                                     memref.prefetch %x[%next, %k, %c]
                                                     gir.load %x[%n, %k, %c]

A cache that brings lines ahead by itself begins anew at each jump, and knows nothing of the next one. So each step asks
for the same part of the next run, which comes to `sram`. Of several passes over what is staged only the first is from
DRAM, and asks.

Runs of a constant length are asked for, of some pages at most: longer ones hardly jump, shorter ones come in the wake
of others. Nothing is computed otherwise, and no bytes are moved that the next step wouldn't.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import DYNAMIC, defining_op, entry_block, integer_of, operations
from powerfusion.core.passes import register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling import rows
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.passes.scheduling.on_caches import OnCachesPass
from powerfusion.passes.scheduling.prefetches import NEAR, prefetch
from powerfusion.passes.tiling.windows import affine_apply, affine_map

LEAST_BYTES, MOST_BYTES = 2 << 10, 64 << 10  # of a run
FEWEST_STEPS = 4  # of the loop over runs


@dataclass(frozen=True)
class _Run:
    """A load of a part of a run.

    Attributes:
        load: The op.
        dim: Which of its indices the loop over runs is.
    """

    load: ir.Operation
    dim: int


@register_pass
@dataclass(frozen=True)
class PrefetchRunsPass(OnCachesPass):
    """Asks for the next run while one is worked on."""

    name: ClassVar[str] = "gir-prefetch-runs"

    def visit(self, kernel: ir.Operation, machine: Machine) -> None:
        """Does it in a kernel."""
        for loop in list(walk(kernel, "scf.for")):
            for inner in [inner for inner in operations(entry_block(loop)) if inner.name == "scf.for"]:
                _prefetch(loop, inner, machine)


def _prefetch(loop: ir.Operation, inner: ir.Operation, machine: Machine) -> None:
    low, high, step = (integer_of(bound) for bound in list(loop.operands)[:3])
    if low is None or high is None or step != 1 or high - low < FEWEST_STEPS:
        return
    body = operations(entry_block(inner))
    if any(op.name in ("gir.store", "scf.for", "memref.prefetch") for op in body):
        return
    found = [run for op in body if op.name == "gir.load" and (run := _run(loop, inner, op)) is not None]
    if not found:
        return
    with ir.InsertionPoint(inner), inner.location:
        following = rows.following(loop, 1)
    for run in found:
        _ask(run, following, machine.space_of("sram").granule_bytes)
        count("runs asked for ahead")


def _run(loop: ir.Operation, inner: ir.Operation, load: ir.Operation) -> _Run | None:
    """A load that goes along a run in the inner loop, and from run to run in the outer one."""
    memref = load.operands[0]
    indices = list(load.operands)[1 : 1 + memref.type.rank]
    low, high, step = (integer_of(bound) for bound in list(inner.operands)[:3])
    over, along = entry_block(loop).arguments[0], entry_block(inner).arguments[0]
    if low is None or high is None or not step or "pass" in load.attributes or along not in indices[-1:]:
        return None
    dims = [dim for dim, index in enumerate(indices[:-1]) if index == over]
    rest = [index for dim, index in enumerate(indices[:-1]) if dim not in dims]
    shape, element = load.result.type.shape, element_bytes(load.result)
    if len(dims) != 1 or any(size != 1 for size in shape[:-1]) or shape[-1] != step or _is_within(rest, loop):
        return None
    staged = defining_op(memref)
    source = staged.operands[0] if staged is not None and staged.name == "gir.stage" else memref
    strides, _ = source.type.get_strides_and_offset()
    length = high - low
    is_far = strides[dims[0]] != DYNAMIC and strides[dims[0]] > length and strides[-1] == 1
    return _Run(load, dims[0]) if is_far and LEAST_BYTES <= length * element <= MOST_BYTES else None


def _is_within(values: Sequence[ir.Value], loop: ir.Operation) -> bool:
    """Whether any of some values is made in a loop's body."""
    return any((op := defining_op(value)) is not None and op.block == entry_block(loop) for value in values)


def _ask(run: _Run, following: ir.Value, line: int) -> None:
    """Asks for what the next run has where a step is, line by line."""
    load = run.load
    memref = load.operands[0]
    indices = list(load.operands)[1 : 1 + memref.type.rank]
    indices[run.dim] = following
    per_line = max(1, line // element_bytes(load.result))
    with ir.InsertionPoint(load), load.location:
        for start in range(0, load.result.type.shape[-1], per_line):
            ahead = affine_map(1, lambda d, start=start: d + start)
            at = affine_apply(ahead, [indices[-1]]) if start else indices[-1]
            prefetch(memref, [*indices[:-1], at], NEAR)
