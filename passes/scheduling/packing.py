"""Where buffers lie in one memory: those that live at the same time lie side by side, others may share bytes.

bytes
  |  +-----+  +-----------+        largest first, each into the smallest gap that holds it
  |  |  b  |  |     d     |        among those that live when it does
  |  +-----+--+--+--------+
  |  |     a     |   |  c |
  +--+-----------+---+----+---> time
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """Memory that is needed for a while.

    Attributes:
        size_bytes: How much.
        first: When it is needed first.
        last: When it is needed last; until then nothing else may lie there.
    """

    size_bytes: int
    first: int
    last: int

    def meets(self, other: Request) -> bool:
        """Whether both are needed at some time."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Packing:
    """Where requests lie.

    Attributes:
        offsets: Of each request in bytes, in order.
        size_bytes: Of all of them together.
    """

    offsets: tuple[int, ...]
    size_bytes: int


def pack(requests: Sequence[Request], alignment: int) -> Packing:
    """Gives each request a place, by greedy best fit."""
    offsets = [0] * len(requests)
    placed: list[int] = []
    for at in sorted(range(len(requests)), key=lambda at: (-requests[at].size_bytes, requests[at].first, at)):
        request = requests[at]
        taken = [
            (offsets[other], offsets[other] + requests[other].size_bytes)
            for other in placed
            if request.meets(requests[other])
        ]
        offsets[at] = _best_fit(sorted(taken), request.size_bytes, alignment)
        placed.append(at)
    ends = (offset + request.size_bytes for offset, request in zip(offsets, requests, strict=True))
    return Packing(tuple(offsets), max(ends, default=0))


def _best_fit(taken: Sequence[tuple[int, int]], size: int, alignment: int) -> int:
    """The beginning of the smallest gap between what is taken that holds a size; behind everything if none does."""
    best: tuple[int, int] | None = None
    free = 0
    for begin, end in taken:
        gap = begin - free
        if gap >= size and (best is None or gap < best[0]):
            best = gap, free
        free = max(free, aligned(end, alignment))
    return free if best is None else best[1]


def aligned(offset: int, alignment: int) -> int:
    """The first multiple of an alignment that isn't below an offset."""
    return -(-offset // alignment) * alignment


def most_at_once(requests: Sequence[Request]) -> int:
    """The most bytes that are needed at one time: no packing is smaller."""
    times = {request.first for request in requests}
    return max((sum(r.size_bytes for r in requests if r.first <= t <= r.last) for t in times), default=0)
