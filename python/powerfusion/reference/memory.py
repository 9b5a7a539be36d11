"""Buffers that know which of their elements were written, by whom, and what is on its way to them.

A shadow per buffer remembers the last writer and two readers of each element. An agent is a group, or a unit between
two barriers; the agents that run at the same time have consecutive numbers, so that what happened before a barrier has
a lower number than anyone after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from powerfusion.errors import OutOfBounds, PendingCopy, Race, UninitialisedRead
from powerfusion.reference.overlay import Overlay
from powerfusion.reference.spaces import Place
from powerfusion.reference.types import Array

NOBODY = -1


@dataclass(frozen=True)
class Agent:
    """Who touches memory.

    Attributes:
        what: "group" or "unit".
        index: Its index, for people.
        number: Its number.
        first: The lowest number of those that run beside it.
    """

    what: str
    index: int
    number: int
    first: int


class Shadow:
    """Who touched each element of a buffer last."""

    def __init__(self, size: int) -> None:
        self.writer = np.full(size, NOBODY)
        self.reader = np.full(size, NOBODY)
        self.other = np.full(size, NOBODY)
        self.scatter = np.full(size, NOBODY)

    def touch(self, flat: Array, agent: Agent, *, write: bool, scatter: int = NOBODY) -> tuple[int, str, int] | None:
        """Notes an access; gives an element, what was done to it and by whom, where two agents are in conflict.

        Writes of scatters of one number aren't in conflict with each other.
        """
        mine, first = agent.number, agent.first
        writer = self.writer[flat]
        clash = (writer >= first) & (writer != mine)
        if scatter != NOBODY:
            clash &= self.scatter[flat] != scatter
        if clash.any():
            return _first(flat, clash, "written", writer, first)
        reader = self.reader[flat]
        if not write:
            self.reader[flat] = np.where(reader < first, mine, reader)
            self.other[flat] = np.where((reader >= first) & (reader != mine), mine, self.other[flat])
            return None
        for readers in (reader, self.other[flat]):
            clash = (readers >= first) & (readers != mine)
            if clash.any():
                return _first(flat, clash, "read", readers, first)
        self.writer[flat], self.scatter[flat] = mine, scatter
        return None


def _first(flat: Array, clash: Array, what: str, agents: Array, first: int) -> tuple[int, str, int]:
    at = int(np.argmax(clash))
    return int(flat[at]), what, int(agents[at]) - first


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a staged window was taken from: it must not change while the window is used."""

    buffer: Buffer
    flat: Array
    time: int


@dataclass(eq=False)
class Buffer:
    """Memory of one allocation.

    Attributes:
        name: What people call it.
        place: The memory that it is in.
        data: Its elements, in one row.
        written: Which were ever written.
        base: Address of the first, in bytes.
        shadows: Who touched what, by kind of agent.
        arriving: For each element how many copies are on their way to it.
        leaving: For each element how many copies still read it.
        pending: How many copies are under way in all.
        snapshot: For a staged window, what it is a window of.
        changed: When each element was written last, where somebody staged it; by the clock of writes.
        alive: False once its block has ended.
        overlay: The memory that it shares with others, if it was given a place there.
    """

    name: str
    place: Place
    data: Array
    written: Array
    base: int
    shadows: dict[str, Shadow] = field(default_factory=dict[str, Shadow])
    arriving: Array | None = None
    leaving: Array | None = None
    pending: int = 0
    snapshot: Snapshot | None = None
    changed: Array | None = None
    clock: int = 0
    alive: bool = True
    overlay: Overlay | None = None

    def read(self, flat: Array, agents: Sequence[Agent]) -> Array:
        """The elements at some positions.

        Raises:
            UninitialisedRead: One was never written.
            PendingCopy: One is on its way.
            Race: One was written by an agent that runs at the same time.
        """
        self._check_alive()
        written = self.written[flat]
        if not written.all():
            element = int(flat.ravel()[np.argmin(written)])
            raise UninitialisedRead(f"reads element {element} of '{self.name}', which nothing has written")
        if self.pending and self.arriving is not None and self.arriving[flat].any():
            raise PendingCopy(f"reads from '{self.name}' where a copy is under way", help="wait for its token first")
        self._check_snapshot(flat)
        self._touch(flat, agents, write=False)
        return self.data[flat]

    def write(self, flat: Array, values: Array, agents: Sequence[Agent], *, scatter: int = NOBODY) -> None:
        """Writes elements; for a scatter its number: what has one number doesn't race.

        Raises:
            PendingCopy: A copy to or from one of them is under way.
            Race: One was touched by an agent that runs at the same time.
        """
        self._check_alive()
        if self.pending:
            for copies, way in ((self.arriving, "to"), (self.leaving, "from")):
                if copies is not None and copies[flat].any():
                    raise PendingCopy(
                        f"writes to '{self.name}' where a copy {way} it is under way", help="wait for its token first"
                    )
        self._touch(flat, agents, write=True, scatter=scatter)
        self.put(flat, values)

    def put(self, flat: Array, values: Array) -> None:
        """Changes elements without asking."""
        self.data[flat] = values
        self.written[flat] = True
        if self.overlay is not None:
            self.overlay.written(self, flat)
        if self.changed is not None:
            self.clock += 1
            self.changed[flat] = self.clock

    def watch(self) -> int:
        """Begins to note when elements change; gives the time it is."""
        if self.changed is None:
            self.changed = np.zeros(len(self.data), np.int64)
        return self.clock

    def addresses(self, flat: Array) -> Array:
        """Addresses of elements, in bytes."""
        return self.base + flat * self.data.dtype.itemsize

    def _check_alive(self) -> None:
        if not self.alive:
            raise UninitialisedRead(f"'{self.name}' is used after the block that it lives in has ended")

    def _check_snapshot(self, flat: Array) -> None:
        taken = self.snapshot
        if taken is None or taken.buffer.changed is None:
            return
        if (taken.buffer.changed[taken.flat[flat]] > taken.time).any():
            raise Race(f"reads a staged window of '{taken.buffer.name}', which was written to since")

    def _touch(self, flat: Array, agents: Sequence[Agent], *, write: bool, scatter: int = NOBODY) -> None:
        for agent in agents:
            shadow = self.shadows.get(agent.what)
            if shadow is None:
                shadow = self.shadows[agent.what] = Shadow(len(self.data))
            clash = shadow.touch(flat.ravel(), agent, write=write, scatter=scatter)
            if clash is None:
                continue
            element, done, other = clash
            verb = "writes" if write else "reads"
            raise Race(
                f"{agent.what} {agent.index} {verb} element {element} of '{self.name}', which {agent.what} {other} has "
                f"{done} without a barrier between them"
            )


@dataclass(frozen=True, eq=False)
class MemRef:
    """A strided view of a buffer.

    Attributes:
        buffer: The memory.
        offset: Position of the first element.
        shape: Sizes.
        strides: How far neighbours are apart in each dimension, in elements.
    """

    buffer: Buffer
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def flat(self, starts: Sequence[int], sizes: Sequence[int]) -> Array:
        """Positions of a window's elements in the buffer.

        Raises:
            OutOfBounds: The window leaves the memref.
        """
        positions = np.asarray(self.offset)
        for dim, (start, size, extent, stride) in enumerate(zip(starts, sizes, self.shape, self.strides, strict=True)):
            if size > 0 and (start < 0 or start + size > extent):
                raise OutOfBounds(
                    f"the window [{start}, {start + size}) in dimension {dim} of '{self.buffer.name}' leaves its "
                    f"{extent} elements"
                )
            positions = positions[..., None] + (start + np.arange(size)) * stride
        return positions

    @property
    def whole(self) -> Array:
        """Positions of all elements."""
        return self.flat((0,) * len(self.shape), self.shape)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides of a dense memref."""
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def dense(buffer: Buffer, shape: Sequence[int]) -> MemRef:
    """A buffer as a memref of some shape."""
    return MemRef(buffer, 0, tuple(shape), row_major(shape))
