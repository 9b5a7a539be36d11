"""What arrives of what a kernel moves: a model of decision 0026 on numbers, in elements rather than transactions.

Loops are bundles of groups that run at once, then the steps of what isn't swept. In the outermost of them whose one
iteration touches no more than a cache in front of DRAM holds, and in all inside of it, nothing arrives twice:

    128 groups, 64 at once, each with 2 rows in steps of 1     bundle: 128 rows     step: 64 rows
    the cache holds 100 rows                                   each row arrives once per step, however often it is read
    what all rows share                                        arrives once per bundle

What groups that run at once have in common counts once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from powerfusion.passes.placement.model import NestDim, Program, extent
from powerfusion.passes.placement.windows import Spans

STORED = -1  # in place of a tensor: what is stored


@dataclass(frozen=True)
class _Part:
    """What is gone through of a dimension: how many groups of a bundle have parts, and how many bundles there are."""

    groups: int
    bundles: int


@dataclass
class Arrivals:
    """What arrives of the tensors that a kernel reads, and of what it stores.

    Attributes:
        nest: The loops, outermost first.
        at_once: How many groups run at once.
        capacity: What the cache holds, bytes.
    """

    nest: Sequence[NestDim]
    at_once: int
    capacity: int
    reads: dict[int, int] = field(default_factory=dict)
    views: dict[tuple[int, str], int] = field(default_factory=dict)
    windows: dict[tuple[int, Spans], int] = field(default_factory=dict)
    stored: int = 0

    def store(self, moved: int, spans: Spans, element_bytes: int) -> None:
        """Notes a store."""
        self.stored += moved
        self.windows[STORED - len(self.windows), spans] = element_bytes

    def read(self, tensor: int, view: str, moved: int, spans: Spans, element_bytes: int, whole: int) -> None:
        """Notes a read of what a view shows of a tensor; `whole` are the bytes of that."""
        self.reads[tensor] = self.reads.get(tensor, 0) + moved
        self.views[tensor, view] = whole
        self.windows[tensor, spans] = element_bytes

    def arriving(self, program: Program) -> dict[int, int]:
        """Bytes that arrive of each tensor that is read."""
        if not self.capacity:
            return dict(self.reads)
        serial = [dim for dim in self.nest if not dim.swept and dim.steps > 1]
        parts = self._parts()
        fitting = (at for at in range(len(serial) + 1) if self._touched(serial[:at], parts) <= self.capacity)
        depth = next(fitting, None)
        if depth is None:
            return dict(self.reads)
        outer = serial[: depth - 1] if depth else None
        return {
            tensor: min(moved, self._once(tensor, program) * self._repeats(tensor, outer, parts))
            for tensor, moved in self.reads.items()
        }

    def _once(self, tensor: int, program: Program) -> int:
        """Bytes of what is read of a tensor."""
        volume = program.volumes[tensor]
        shown = sum(whole for (of, _), whole in self.views.items() if of == tensor)
        return shown if volume is None else min(shown, volume)

    def _parts(self) -> dict[int, _Part]:
        """By dimension, how many of its groups run at once: inner dimensions first."""
        left = self.at_once
        found: dict[int, _Part] = {}
        for dim in reversed(self.nest):
            groups = -(-_extent(dim) // dim.per_group)
            at_once = min(groups, left)
            found[dim.cls] = _Part(at_once, -(-groups // at_once))
            left = max(left // groups, 1)
        return found

    def _touched(self, serial: Sequence[NestDim], parts: dict[int, _Part]) -> int:
        """Bytes that groups which run at once touch in a step of some dimensions; of a tensor its largest window."""
        stepped = {dim.cls for dim in serial}
        dims = {dim.cls: dim for dim in self.nest}
        most: dict[int, int] = {}
        for (tensor, spans), element_bytes in self.windows.items():
            size = element_bytes
            for span in spans:
                if span.cls is None:
                    size *= span.high - span.low + 1
                    continue
                dim = dims[span.cls]
                step = min(dim.per_step * dim.units, dim.per_group) if span.cls in stepped else dim.per_group
                size *= min(step * parts[span.cls].groups, _extent(dim))
            most[tensor] = max(most.get(tensor, 0), size)
        return sum(most.values())

    def _repeats(self, tensor: int, serial: Sequence[NestDim] | None, parts: dict[int, _Part]) -> int:
        """How often loops bring a tensor again that don't move with it: bundles, and steps of some dimensions."""
        if serial is None:
            return 1
        own = {span.cls for of, spans in self.windows if of == tensor for span in spans}
        bundles = math.prod(parts[dim.cls].bundles for dim in self.nest if dim.cls not in own)
        return bundles * math.prod(dim.steps for dim in serial if dim.cls not in own)


def _extent(dim: NestDim) -> int:
    return extent(dim.size)
