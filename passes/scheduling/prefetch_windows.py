"""`gir-prefetch-windows`: rows with borders come before they are needed.

Rewrite:
    scf.for %r step 2                                    scf.for %r step 2
      %t = gir.load %x[%n, %r - 1, -1] clip        ⇒       memref.prefetch %x[%n, %r + 1, 256]  ..
           -> tensor<1x4x47xf32>                           %t = gir.load %x[%n, %r - 1, -1] clip

A load that clips is masked, and the cache's own prefetching follows no masked load: where rows are so short that two of
their three registers are, each step waits for memory. So a step asks for as much as it has anew, a KiB further on, line
by line; what lies there are the next rows, or the next plane's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import DYNAMIC, entry_block, integer_of, segments
from powerfusion.core.passes import register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.lowering.ranges import line_of
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.passes.scheduling.on_caches import OnCachesPass
from powerfusion.passes.scheduling.prefetches import NEAREST, prefetch
from powerfusion.passes.tiling.windows import affine_apply, affine_map

AHEAD_BYTES = 1 << 10
MOST_BYTES = 1 << 10  # that a step has anew
MOST_ROW_BYTES = 512  # of longer rows few registers are masked


@register_pass
@dataclass(frozen=True)
class PrefetchWindowsPass(OnCachesPass):
    """Asks for rows that loads with borders will need."""

    name: ClassVar[str] = "gir-prefetch-windows"

    def visit(self, kernel: ir.Operation, machine: Machine) -> None:
        """Does it in a kernel."""
        for load in list(walk(kernel, "gir.load")):
            _prefetch(load, machine)


def _prefetch(load: ir.Operation, machine: Machine) -> None:
    loop, memref = load.parent.operation, load.operands[0]
    if "clip" not in load.attributes or loop.name != "scf.for" or memref.type.rank < 2:
        return
    indices, size = segments(load)[1], element_bytes(load.result)
    strides, _ = memref.type.get_strides_and_offset()
    *_, row, column = indices
    width, stride, step = memref.type.shape[-1], strides[-2], integer_of(loop.operands[2])
    line = line_of(row, entry_block(loop).arguments[0])
    if line is None or not step or integer_of(column) is None or strides[-1] != 1 or DYNAMIC in (width, stride):
        return
    fresh = line.factor * step * stride * size
    if load.result.type.shape[-1] < width or width * size > MOST_ROW_BYTES or not 0 < fresh <= MOST_BYTES:
        return
    rows = load.result.type.shape[-2] - line.factor * step
    per_line = machine.space_of("sram").granule_bytes // size
    with ir.InsertionPoint(load), load.location:
        last = affine_apply(affine_map(1, lambda d: d + rows), [row])
        for start in range(0, fresh // size, per_line):
            at = affine_apply(affine_map(1, lambda d, start=start: d + AHEAD_BYTES // size + start), [column])
            prefetch(memref, [*indices[:-2], last, at], NEAREST)
    count("windows asked for ahead")
