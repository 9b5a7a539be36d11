"""Machines as tables: spaces, engines, scopes, caches, the graph of links, and where each number is from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from powerfusion.cli.output import Column, make_table
from powerfusion.machines.text import UNKNOWN, graph, number_text, size_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from powerfusion.machines.model import Machine, Sources


def list_table(machines: list[Machine], *, plain: bool) -> Table:
    """A row for each machine."""
    table = make_table([Column(name, left=True) for name in ("machine", "what", "dram", "sram", "reg")], plain=plain)
    for machine in machines:
        spaces = [
            ", ".join(f"{space.name} {size_text(space.capacity_bytes)}" for space in machine.spaces_at(level))
            for level in ("dram", "sram", "reg")
        ]
        table.add_row(machine.name, *map(escape, (machine.title, *spaces)))
    return table


def machine_parts(machine: Machine, *, plain: bool) -> Iterator[RenderableType]:
    """The tables of a machine, one below the other, each but the first with a blank line before it."""
    yield escape(f"{machine.name}: {machine.title}")
    yield f"a launch costs at least {number_text(machine.launch_ns, ' ns')}"
    for title, headings, rows in sections(machine):
        yield ""
        yield from _section(title, headings, rows, plain=plain)
    yield ""
    yield "links"
    yield "\n".join(escape(line) for line in graph(machine))
    yield ""
    yield from _section("sources", ("of", "number", "is from"), list(source_rows(machine)), plain=plain)


def _section(title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]], *, plain: bool) -> Iterator[Any]:
    table = make_table([Column(name, left=True) for name in headings], plain=plain)
    for row in rows:
        table.add_row(*map(escape, row))
    yield title
    yield table


def sections(machine: Machine) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Title, headings and rows of each table; without those that would be empty."""
    makers: tuple[tuple[str, tuple[str, ...], Callable[[Machine], Iterator[tuple[str, ...]]]], ...] = (
        (
            "spaces",
            ("name", "level", "one per", "kind", "capacity", "reserved", "shared by a group", "granule", "alignment"),
            _space_rows,
        ),
        ("engines", ("name", "computes", "reads", "writes", "operations per ns", "limits"), _engine_rows),
        ("scopes", ("scope", "called", "there are", "at most", "barrier", "takes"), _scope_rows),
        ("caches that are no level", ("name", "one per", "in front of", "capacity", "granule"), _cache_rows),
    )
    for title, headings, make in makers:
        rows = list(make(machine))
        if rows:
            yield title, headings, rows


def _space_rows(machine: Machine) -> Iterator[tuple[str, ...]]:
    for space in machine.spaces:
        kind = f"{space.kind}, write-allocate" if space.write_allocate else space.kind
        pool = "–" if space.pool_bytes is None else size_text(space.pool_bytes)
        reserve = size_text(space.reserve_bytes) if space.reserve_bytes else "–"
        granule, alignment = size_text(space.granule_bytes), size_text(space.alignment_bytes)
        capacity = size_text(space.capacity_bytes)
        yield space.name, space.level, space.scope, kind, capacity, reserve, pool, granule, alignment


def _engine_rows(machine: Machine) -> Iterator[tuple[str, ...]]:
    for engine in machine.engines:
        rates = ", ".join(f"{dtype} {number_text(rate)}" for dtype, rate in engine.rates) or UNKNOWN
        limits = ", ".join(f"{what} {limit}" for what, limit in engine.limits) or "–"
        places = [", ".join(names) for names in (engine.ops, engine.reads, engine.writes)]
        yield engine.name, *places, rates, limits


def _scope_rows(machine: Machine) -> Iterator[tuple[str, ...]]:
    for limits in machine.scopes:
        barrier = limits.barrier or "none"
        counts = number_text(limits.count), number_text(limits.max_count)
        takes = number_text(limits.barrier_ns, " ns") if limits.barrier else "–"
        yield limits.scope, limits.called or "–", *counts, barrier, takes


def _cache_rows(machine: Machine) -> Iterator[tuple[str, ...]]:
    for cache in machine.caches:
        yield cache.name, cache.scope, cache.caches, size_text(cache.capacity_bytes), size_text(cache.granule_bytes)


def source_rows(machine: Machine) -> Iterator[tuple[str, ...]]:
    """Whose number it is, which, and where it is from."""
    holders: list[tuple[str, Sources]] = [
        (machine.name, machine.sources),
        *((space.name, space.sources) for space in machine.spaces),
        *((f"{link.source} -> {link.result}", link.sources) for link in machine.links),
        *((engine.name, engine.sources) for engine in machine.engines),
        *((limits.scope, limits.sources) for limits in machine.scopes),
        *((cache.name, cache.sources) for cache in machine.caches),
    ]
    for holder, sources in holders:
        for key, text in sources:
            yield holder, key, text
