"""What a program's accesses make a memory move, from the addresses that the interpreter touches: no formula.

Three memories: one whose cache holds everything, one without a cache, and one whose cache drops what was touched
longest ago. Lines are brought and written back kernel by kernel.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np

from powerfusion.core._mlir import walk_numbered
from powerfusion.machines.model import Cache, Machine, ScopeLimits, Space
from powerfusion.mlir import ir
from powerfusion.reference import interpret
from powerfusion.reference.spaces import Spaces

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
def _listening(granule: int, touches: list[Touch]) -> Iterator[None]:
    read, written, uncounted = Spaces.read, Spaces.written, Spaces.uncounted
    deaf: list[Spaces] = []

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
    ):
        yield


def touches_of(module: ir.Module, inputs: Sequence[Any], target: Machine) -> list[list[Touch]]:
    """What each kernel touches, in the order in which it does; lines are granules of `memory`, 64 bytes or fewer."""
    touches: list[Touch] = []
    with _listening(target.space("memory").granule_bytes, touches):
        interpret(module, [np.array(array, copy=True) for array in inputs], machine=target)
    holders = {number: _kernel_of(op) for number, op in walk_numbered(module.operation)}
    kernels: dict[Any, list[Touch]] = {}
    for touch in touches:
        kernels.setdefault(holders[touch.number], []).append(touch)
    return list(kernels.values())


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
        allocates: Whether a write reads its line first.
        held: Which are there, whether they were written to; the one to drop first.
        moved: Lines that came and went.
    """

    lines: int | None
    allocates: bool
    held: OrderedDict[int, bool] = field(default_factory=OrderedDict[int, bool])
    moved: Counter[str] = field(default_factory=Counter[str])

    def touch(self, touch: Touch) -> None:
        """Takes an access."""
        if touch.past:
            self.moved[touch.direction] += len(touch.lines)
            return
        for line in touch.lines:
            dirty = self.held.pop(line, None)
            if dirty is None and (touch.direction == "read" or self.allocates):
                self.moved["read"] += 1
            self.held[line] = bool(dirty) or touch.direction == "write"
            if self.lines is not None and len(self.held) > self.lines:
                self.moved["write"] += self.held.popitem(last=False)[1]

    def flush(self) -> None:
        """Writes back what was written to."""
        self.moved["write"] += sum(self.held.values())
        self.held.clear()


def cached_bytes(module: ir.Module, inputs: Sequence[Any], target: Machine, cache_bytes: int | None) -> Bytes:
    """What comes and goes with a cache of that size, or one for everything, in front of the memory."""
    space = target.space("memory")
    moved = Counter[str]()
    for touches in touches_of(module, inputs, target):
        lines = None if cache_bytes is None else cache_bytes // space.granule_bytes
        cache = Lru(lines, space.write_allocate)
        for touch in touches:
            cache.touch(touch)
        cache.flush()
        moved += cache.moved
    return {direction: number * space.granule_bytes for direction, number in moved.items() if number}
