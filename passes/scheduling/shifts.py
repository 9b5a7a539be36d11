"""How dimensions grow together that windows and slices shift along: where a result does, its source does by as much.

%1 = gir.slice %0 [1] [5] [1] : 7 -> 5         if 5 becomes 8, 7 becomes 9 at least: the last one is at 1 + 7
%1 = gir.window %0 .. sizes [3] : 7 -> 5x3     and 10 here, neither more nor less
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from powerfusion.core._mlir import integers, is_tensor
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim, Spaces, unchanged_dims
from powerfusion.passes.scheduling.lane_dims import dealt_ops


@dataclass(frozen=True)
class Shift:
    """What a view demands of two classes of dimensions.

    Attributes:
        source: What is viewed.
        result: What it becomes.
        last: Where the last element that the result's first one needs is.
        stride: How far the next one's is from there.
        is_exact: Whether the source must be just as long as needed.
    """

    source: Dim
    result: Dim
    last: int
    stride: int
    is_exact: bool

    def needed(self, size: int) -> int:
        """How long the source is for a result of a size."""
        return self.last + (size - 1) * self.stride + 1


class Shifts:
    """The shifts of a kernel.

    Args:
        kernel: In tile form.
        spaces: Classes of dimensions that are of one size.
    """

    def __init__(self, kernel: ir.Operation, spaces: Spaces) -> None:
        self.spaces = spaces
        self.pinned: set[Dim] = set()
        self.of: dict[Dim, list[Shift]] = {}
        for op in dealt_ops(kernel):
            if op.name in ("gir.window", "gir.slice", "gir.concat") and is_tensor(op.result):
                self._read(op)
        self._settle()

    def needed(self, dim: Dim, size: int, grown: Mapping[Dim, int], sizes: Mapping[Dim, int]) -> int:
        """How long a class must be at least, or just, for those that come from it."""
        results = ((shift, grown.get(shift.result, sizes[shift.result])) for shift in self.of.get(dim, ()))
        return max([size, *(shift.needed(length) for shift, length in results)])

    def is_exact(self, dim: Dim) -> bool:
        """Whether a class can't be longer than is needed."""
        return any(shift.is_exact for shift in self.of.get(dim, ()))

    def depth(self, dim: Dim) -> int:
        """How many shifts come behind a class, one after the other."""
        return max((1 + self.depth(shift.result) for shift in self.of.get(dim, ())), default=0)

    def pin(self, dims: Iterator[Dim]) -> None:
        """Keeps the sizes of some classes as they are, and of all that depend on them."""
        self.pinned |= {self.spaces.find(dim) for dim in dims}
        self._settle()

    def _read(self, op: ir.Operation) -> None:
        source = op.operands[0]
        if op.name == "gir.concat":
            along = ir.IntegerAttr(op.attributes["dim"]).value
            self.pinned |= {self.spaces.find((value, along)) for value in (*op.operands, op.result)}
        elif op.name == "gir.window":
            names = ("dims", "sizes", "strides", "dilations")
            for entry, each in enumerate(zip(*(integers(op.attributes[name]) for name in names), strict=True)):
                dim, size, stride, dilation = each
                self.pinned.add(self.spaces.find((op.result, source.type.rank + entry)))
                self._add(op, dim, dim, ((size - 1) * dilation, stride), is_exact=True)
        else:
            offsets, steps = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "strides"))
            dropped = integers(op.attributes["drop"])
            whole = [dim for dim, _ in unchanged_dims(op, source)]
            kept = [dim for dim in range(source.type.rank) if dim not in dropped]
            for at, dim in enumerate(kept):
                if dim not in whole:
                    self._add(op, dim, at, (offsets[dim], steps[dim]), is_exact=False)

    def _add(self, op: ir.Operation, dim: int, at: int, how: tuple[int, int], *, is_exact: bool) -> None:
        source, result = self.spaces.find((op.operands[0], dim)), self.spaces.find((op.result, at))
        if min(how) < 0:  # it isn't known
            self.pinned |= {source, result}
            return
        self.of.setdefault(source, []).append(Shift(source, result, *how, is_exact))

    def _settle(self) -> None:
        """Pins what can't grow because another can't, or because it must be of several lengths at once."""
        for dim, shifts in self.of.items():
            if self._comes_back(dim, dim, set()) or (self.is_exact(dim) and len(set(shifts)) > 1):
                self.pinned.add(dim)
        before = -1
        while before != len(self.pinned):
            before = len(self.pinned)
            for shift in (shift for shifts in self.of.values() for shift in shifts):
                if shift.source in self.pinned:
                    self.pinned.add(shift.result)
                elif shift.is_exact and shift.result in self.pinned:
                    self.pinned.add(shift.source)
        self.of = {dim: shifts for dim, shifts in self.of.items() if dim not in self.pinned}

    def _comes_back(self, dim: Dim, goal: Dim, seen: set[Dim]) -> bool:
        seen.add(dim)
        results = {shift.result for shift in self.of.get(dim, ())}
        return goal in results or any(self._comes_back(each, goal, seen) for each in results - seen)
