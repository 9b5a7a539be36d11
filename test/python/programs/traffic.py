"""What a program's accesses make a memory move, from the addresses that the interpreter touches: no formula.

Three memories: one whose cache holds everything, one without a cache, and one whose cache drops what was touched
longest ago. Lines are brought and written back kernel by kernel; but where a cache holds all that a call touches, what
the program made is still there in its next call. `second_call` runs one call after the other through one cache.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

import numpy as np

from powerfusion.core._mlir import walk_numbered
from powerfusion.machines.model import Cache, Machine, ScopeLimits, Space
from powerfusion.mlir import ir
from powerfusion.passes.analysis.arriving import OPEN_LINES
from powerfusion.reference import interpret
from powerfusion.reference.spaces import Spaces
from powerfusion.reference.stream import State

Bytes = dict[str, int]
"""By direction, `read` and `write`."""


def machine(cache_bytes: int, *, granule: int = 64, groups: int = 1, allocates: bool = True) -> Machine:
    """A machine with a cache of some size in front of its memory; without one where that is 0."""
    spaces = (
        Space("memory", "dram", "device", "memory", granule_bytes=granule, write_allocate=allocates),
        Space("scratch", "sram", "group", "scratchpad", 1 << 24),
        Space("registers", "reg", "unit", "registers", 1 << 22),
    )
    caches = (Cache("last", "memory", cache_bytes, granule),) if cache_bytes else ()
    return Machine("abacus", "a machine for tests", spaces, scopes=(ScopeLimits("group", count=groups),), caches=caches)


@dataclass(frozen=True)
class Touch:
    """One execution's access of `memory`.

    Attributes:
        number: The instruction.
        direction: `read` or `write`.
        lines: The granules that it touches.
        past: It goes past the cache.
    """

    number: int
    direction: str
    lines: tuple[int, ...]
    past: bool


@contextmanager
def _listening(granule: int, touches: list[Touch], given: list[range]) -> Iterator[None]:
    read, written, uncounted, buffer = Spaces.read, Spaces.written, Spaces.uncounted, State.buffer
    deaf: list[Spaces] = []

    def on_buffer(self: State, name: str, type_: Any, size: int) -> Any:
        made = buffer(self, name, type_, size)
        if name.startswith("argument "):
            given.append(range(made.base // granule, -(-(made.base + size * made.data.dtype.itemsize) // granule)))
        return made

    def note(self: Spaces, number: int, place: Any, addresses: Any, direction: str, past: bool) -> None:
        if place.name != "memory" or self in deaf:
            return
        found = np.unique(np.asarray(addresses).ravel() // granule)
        touches.append(Touch(number, direction, tuple(map(int, found)), past))

    def on_read(self: Spaces, number: int, place: Any, addresses: Any, size: int, *, rows: Any = None) -> None:
        note(self, number, place, addresses, "read", past=False)
        read(self, number, place, addresses, size, rows=rows)

    def on_write(
        self: Spaces, number: int, place: Any, addresses: Any, size: int, *, rows: Any = None, past: bool = False
    ) -> None:
        note(self, number, place, addresses, "write", past=past and place.write_allocate)
        written(self, number, place, addresses, size, rows=rows, past=past)

    def silent(self: Spaces) -> Spaces:
        deaf.append(uncounted(self))
        return deaf[-1]

    with (
        mock.patch.object(Spaces, "read", on_read),
        mock.patch.object(Spaces, "written", on_write),
        mock.patch.object(Spaces, "uncounted", silent),
        mock.patch.object(State, "buffer", on_buffer),
    ):
        yield


@dataclass(frozen=True)
class Call:
    """What a program touches in a call.

    Attributes:
        kernels: By kernel, in order; lines are granules of `memory`, 64 bytes or fewer.
        made: The lines that it doesn't take from its caller.
        lines: All.
    """

    kernels: list[list[Touch]]
    made: frozenset[int]
    lines: frozenset[int]


def call_of(module: ir.Module, inputs: Sequence[Any], target: Machine) -> Call:
    """What a program touches."""
    touches: list[Touch] = []
    given: list[range] = []
    with _listening(target.space("memory").granule_bytes, touches, given):
        interpret(module, [np.array(array, copy=True) for array in inputs], machine=target)
    holders = {number: _kernel_of(op) for number, op in walk_numbered(module.operation)}
    kernels: dict[Any, list[Touch]] = {}
    for touch in touches:
        kernels.setdefault(holders[touch.number], []).append(touch)
    first: dict[int, str] = {}
    for touch in touches:
        for line in touch.lines:
            first.setdefault(line, touch.direction)
    made = {line for line, way in first.items() if way == "write" and not any(line in each for each in given)}
    return Call(list(kernels.values()), frozenset(made), frozenset(first))


def _kernel_of(op: ir.Operation) -> ir.Operation | None:
    found: ir.Operation | None = op
    while found is not None and found.name not in ("gir.kernel", "gir.extern"):
        found = found.parent.operation if found.name != "builtin.module" and found.parent is not None else None
    return found


@dataclass
class Lru:
    """A cache that drops the line that was touched longest ago.

    Attributes:
        lines: How many it holds; None for as many as there are.
        allocates: Whether a write reads its line first,
        there: but these, which are there.
        held: Which are there, whether they were written to; the one to drop first.
        open: Lines that are gathered past the cache, twice as many as the model says; the one to send first.
        moved: Lines that came and went.
    """

    lines: int | None
    allocates: bool
    there: frozenset[int] = frozenset()
    held: OrderedDict[int, bool] = field(default_factory=OrderedDict[int, bool])
    open: OrderedDict[int, None] = field(default_factory=OrderedDict[int, None])
    moved: Counter[str] = field(default_factory=Counter[str])

    def touch(self, touch: Touch) -> None:
        """Takes an access."""
        if touch.past:
            for line in touch.lines:
                self._gather(line, touch.direction)
            return
        for line in touch.lines:
            dirty = self.held.pop(line, None)
            if dirty is None and (touch.direction == "read" or (self.allocates and line not in self.there)):
                self.moved["read"] += 1
            self.held[line] = bool(dirty) or touch.direction == "write"
            if self.lines is not None and len(self.held) > self.lines:
                self.moved["write"] += self.held.popitem(last=False)[1]

    def _gather(self, line: int, direction: str) -> None:
        self.moved[direction] += line not in self.open
        self.open[line] = self.open.pop(line, None)
        if len(self.open) > 2 * OPEN_LINES:
            self.open.popitem(last=False)

    def flush(self) -> None:
        """Writes back what was written to."""
        self.moved["write"] += sum(self.held.values())
        self.held.clear()


def cached_bytes(module: ir.Module, inputs: Sequence[Any], target: Machine, cache_bytes: int | None) -> Bytes:
    """What comes and goes with a cache of that size, or one for everything, in front of the memory."""
    space = target.space("memory")
    call = call_of(module, inputs, target)
    lines = None if cache_bytes is None else cache_bytes // space.granule_bytes
    there = call.made if lines is None or len(call.lines) <= lines else frozenset[int]()
    moved = Counter[str]()
    for touches in call.kernels:
        cache = Lru(lines, space.write_allocate, there)
        for touch in touches:
            cache.touch(touch)
        cache.flush()
        moved += cache.moved
    return {direction: number * space.granule_bytes for direction, number in moved.items() if number}


def second_call(module: ir.Module, inputs: Sequence[Any], target: Machine, cache_bytes: int) -> Bytes:
    """What comes and goes in a call after another, what the caller gives lying elsewhere each time."""
    space = target.space("memory")
    call = call_of(module, inputs, target)
    cache = Lru(cache_bytes // space.granule_bytes, space.write_allocate)
    for number in range(2):
        cache.moved.clear()
        for touch in (touch for touches in call.kernels for touch in touches):
            lines = (line if line in call.made else -line - number * max(call.lines) for line in touch.lines)
            cache.touch(replace(touch, lines=tuple(lines)))
    return {direction: count * space.granule_bytes for direction, count in cache.moved.items()}
