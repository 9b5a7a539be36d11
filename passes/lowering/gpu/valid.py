"""Which elements of a tile are there, by the counts that ops give: flags for those that a lane holds."""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import integer_of
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.extents import Flag, both
from powerfusion.passes.lowering.gpu.lanes import Layout
from powerfusion.passes.lowering.gpu.lowering import GpuLowering, sum_of
from powerfusion.passes.lowering.memory import SLT


class Valid:
    """The valid extents of a tile.

    Args:
        lowering: The function.
        layout: The tile's.
        counts: Per dimension how many elements are there; empty where all are.
    """

    def __init__(self, lowering: GpuLowering, layout: Layout, counts: Sequence[ir.Value]) -> None:
        self.layout = layout
        self.starts = lowering.starts(layout)
        self.counts: list[ir.Value | None] = [None] * len(layout)
        for dim, (count, dealt) in enumerate(zip(counts, layout, strict=False)):
            if integer_of(count) != dealt.size:
                self.counts[dim] = count

    def is_there(self, place: Sequence[int], dims: Sequence[int] | None = None, last: int = 0) -> Flag:
        """Whether an element is there, as far as some dimensions say, or all.

        Args:
            place: Its number along each dimension, of those that the lane holds.
            dims: Those that matter.
            last: So much further along the last dimension.
        """
        flag: Flag = True
        for dim in range(len(self.layout)) if dims is None else dims:
            beyond = last if dim == len(self.layout) - 1 else 0
            flag = both(flag, self._is_below(dim, self.layout[dim].place(place[dim]) + beyond))
        return flag

    def _is_below(self, dim: int, offset: int) -> Flag:
        count, dealt = self.counts[dim], self.layout[dim]
        if count is None:
            return True
        known = integer_of(count)
        if known is not None and offset + (dealt.lanes - 1) * dealt.elements < known:
            return True
        if known is not None and offset >= known:
            return False
        return compare("arith.cmpi", SLT, sum_of(self.starts[dim], offset), count)
