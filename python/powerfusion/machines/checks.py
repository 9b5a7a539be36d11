"""What a machine must satisfy whoever described it: a file, the table or an attribute.

A complaint names the place by the same path as a machine's file does: `("space", 1, "capacity_bytes")` is the second
space's capacity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from powerfusion.machines.complaint import Complaint
from powerfusion.machines.emission_checks import check_emission
from powerfusion.machines.model import DTYPES, LEVELS, OP_CLASSES, SCOPES, Machine, Space, listed
from powerfusion.machines.positions import Path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def check(machine: Machine) -> list[Complaint]:
    """Everything that is wrong with a machine; nothing where it is sound."""
    return [
        *_names(machine),
        *_levels(machine),
        *_sizes(machine),
        *_ends(machine),
        *_engines(machine),
        *_scopes(machine),
        *_dangling(machine),
        *check_emission(machine),
    ]


def _names(machine: Machine) -> Iterator[Complaint]:
    if not machine.spaces:
        yield Complaint((), "the machine has no space")
    groups: tuple[tuple[str, str, Sequence[str]], ...] = (
        ("space", "name", [space.name for space in machine.spaces]),
        ("engine", "name", [engine.name for engine in machine.engines]),
        ("cache", "name", [cache.name for cache in machine.caches]),
        ("scope", "scope", [limits.scope for limits in machine.scopes]),
        ("link", "source", [f"{link.source} -> {link.result}" for link in machine.links]),
    )
    for kind, key, names in groups:
        first = dict[str, int]()
        for number, name in enumerate(names):
            if name in first:
                message = f"{kind} '{name}' is there twice, as number {first[name] + 1} and {number + 1}"
                yield Complaint((kind, number, key), message)
            first.setdefault(name, number)
    for number, space in enumerate(machine.spaces):
        if not _NAME.fullmatch(space.name):
            message = f"'{space.name}' is no name: expected a letter, then letters, digits, '_', '-' and '.'"
            yield Complaint(("space", number, "name"), message)


def _levels(machine: Machine) -> Iterator[Complaint]:
    for level in LEVELS:
        if machine.spaces and not machine.spaces_at(level):
            yield Complaint((), f"no space is at level {level}: each of {', '.join(LEVELS)} needs one")
    for number, space in enumerate(machine.spaces):
        outer = next((other for other in machine.spaces if _wrongly_ordered(other, space)), None)
        if outer:
            message = (
                f"'{space.name}' at {space.level} belongs to a {space.scope}, which is outside of the {outer.scope} "
                f"that '{outer.name}' at {outer.level} belongs to: levels go from dram, seen by most, to reg"
            )
            yield Complaint(("space", number, "scope"), message)


def _wrongly_ordered(outer: Space, inner: Space) -> bool:
    """Whether a space of a higher level belongs to an inner scope."""
    above = LEVELS.index(outer.level) < LEVELS.index(inner.level)
    return above and SCOPES.index(outer.scope) > SCOPES.index(inner.scope)


def _sizes(machine: Machine) -> Iterator[Complaint]:
    for number, space in enumerate(machine.spaces):
        for key in ("capacity_bytes", "pool_bytes", "granule_bytes", "alignment_bytes"):
            size = getattr(space, key)
            if size is not None and size < 1:
                yield Complaint(("space", number, key), f"{key} is {size}, expected at least 1")
        if space.reserve_bytes < 0:
            yield Complaint(
                ("space", number, "reserve_bytes"), f"reserve_bytes is {space.reserve_bytes}, expected 0 or more"
            )
        elif space.capacity_bytes is not None and 0 < space.capacity_bytes <= space.reserve_bytes:
            message = (
                f"reserve_bytes is {space.reserve_bytes}, expected less than capacity_bytes, {space.capacity_bytes}"
            )
            yield Complaint(("space", number, "reserve_bytes"), message)
    numbers: list[tuple[Path, float | None]] = [(("launch_ns",), machine.launch_ns)]
    for number, link in enumerate(machine.links):
        numbers.append((("link", number, "bandwidth_bytes_per_ns"), link.bandwidth_bytes_per_ns))
        numbers.append((("link", number, "latency_ns"), link.latency_ns))
    for number, cache in enumerate(machine.caches):
        numbers.append((("cache", number, "capacity_bytes"), cache.capacity_bytes))
        numbers.append((("cache", number, "granule_bytes"), cache.granule_bytes))
        numbers.append((("cache", number, "bandwidth_bytes_per_ns"), cache.bandwidth_bytes_per_ns))
    for number, limits in enumerate(machine.scopes):
        numbers.append((("scope", number, "count"), limits.count))
        numbers.append((("scope", number, "max_count"), limits.max_count))
        numbers.append((("scope", number, "barrier_ns"), limits.barrier_ns))
    for number, engine in enumerate(machine.engines):
        numbers += [(("engine", number, "rates", dtype), rate) for dtype, rate in engine.rates]
        numbers += [(("engine", number, "limits", what), limit) for what, limit in engine.limits]
    may_be_zero = ("launch_ns", "latency_ns", "barrier_ns")
    for path, value in numbers:
        if value is not None and (value < 0 or (value == 0 and path[-1] not in may_be_zero)):
            least = "0 or more" if path[-1] in may_be_zero else "more than 0"
            yield Complaint(path, f"{path[-1]} is {value}, expected {least}")


def _ends(machine: Machine) -> Iterator[Complaint]:
    names = [space.name for space in machine.spaces]
    ends: list[tuple[Path, str]] = []
    for number, link in enumerate(machine.links):
        ends += [(("link", number, "source"), link.source), (("link", number, "result"), link.result)]
    for number, engine in enumerate(machine.engines):
        ends += [(("engine", number, "reads", place), name) for place, name in enumerate(engine.reads)]
        ends += [(("engine", number, "writes", place), name) for place, name in enumerate(engine.writes)]
    ends += [(("cache", number, "caches"), cache.caches) for number, cache in enumerate(machine.caches)]
    for path, name in ends:
        if name not in names:
            yield Complaint(path, f"no space is called '{name}': the spaces are {listed(names)}")


def _engines(machine: Machine) -> Iterator[Complaint]:
    for number, engine in enumerate(machine.engines):
        for key in ("reads", "writes", "ops"):
            if not getattr(engine, key):
                yield Complaint(("engine", number, key), f"engine '{engine.name}' has no {key}")
        for place, op in enumerate(engine.ops):
            if op not in OP_CLASSES:
                known = ", ".join(OP_CLASSES)
                yield Complaint(("engine", number, "ops", place), f"no op class is called '{op}': they are {known}")
        for dtype, _ in engine.rates:
            if dtype not in DTYPES:
                known = ", ".join(DTYPES)
                yield Complaint(("engine", number, "rates", dtype), f"no dtype is called '{dtype}': they are {known}")
        for what, _ in engine.limits:
            if not _NAME.fullmatch(what):
                yield Complaint(("engine", number, "limits", what), f"'{what}' is no name of a limit")


def _scopes(machine: Machine) -> Iterator[Complaint]:
    ranks = [SCOPES.index(limits.scope) for limits in machine.scopes]
    for number in range(1, len(ranks)):
        if ranks[number] < ranks[number - 1]:
            inner, outer = machine.scopes[number - 1].scope, machine.scopes[number].scope
            message = f"scope '{outer}' stands after '{inner}', expected outer before inner: {', '.join(SCOPES)}"
            yield Complaint(("scope", number, "scope"), message)
    there = {limits.scope for limits in machine.scopes}
    for number, space in enumerate(machine.spaces):
        if there and space.scope not in there:
            message = f"'{space.name}' belongs to a {space.scope}, but the machine has no such scope"
            yield Complaint(("space", number, "scope"), message)


def _dangling(machine: Machine) -> Iterator[Complaint]:
    entered = {link.result for link in machine.links}.union(*(engine.writes for engine in machine.engines))
    left = {link.source for link in machine.links}.union(*(engine.reads for engine in machine.engines))
    for number, space in enumerate(machine.spaces):
        if space.name not in entered and space.level != "dram":
            message = f"nothing reaches space '{space.name}': no link ends in it and no engine writes it"
            yield Complaint(("space", number, "name"), message)
        if space.name not in left:
            message = f"nothing leaves space '{space.name}': no link starts in it and no engine reads it"
            yield Complaint(("space", number, "name"), message)
