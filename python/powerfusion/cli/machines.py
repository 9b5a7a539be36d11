"""`pf machines`: the machines that are known, and what a description of one holds."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from powerfusion.machines.text import UNKNOWN, graph, number_text, size_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from powerfusion.machines.model import Machine, Sources

EPILOG = """\
examples:
  pf machines                                   the known ones
  pf machines show sm_90                        one of them, with the source of each number
  pf machines show cpu --toml > mine.toml       a file to begin a description of your own with
  pf machines show mine.toml                    checks such a file and shows it"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("action", nargs="?", choices=("list", "show"), default="list", help="list (default) or show")
    parser.add_argument("machine", nargs="?", metavar="NAME|FILE", help="show: a known machine, or a .toml file")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON instead of tables; unknown numbers are null")
    form.add_argument("--toml", action="store_true", help="show: print it as a file that describes the same machine")


def execute(options: argparse.Namespace) -> int:
    """Lists or shows."""
    from powerfusion.cli import output
    from powerfusion.machines import find, names
    from powerfusion.machines.schema import to_data, to_toml

    if options.action == "list":
        if options.machine or options.toml:
            options.usage("only show takes a machine and --toml")
        known = [find(name) for name in names()]
        if options.json:
            output.print_json({"machines": [_listed(machine) for machine in known]})
        else:
            console = output.make_console()
            output.print_rich(console, _list_table(known, plain=not console.is_terminal))
        return 0
    if not options.machine:
        options.usage("show which machine? `pf machines` lists the known ones")
    machine = find(options.machine)
    if options.json:
        output.print_json(to_data(machine))
    elif options.toml:
        print(to_toml(machine), end="")
    else:
        console = output.make_console()
        output.print_rich(console, *_parts(machine, plain=not console.is_terminal))
    return 0


def _listed(machine: Machine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "title": machine.title,
        "spaces": {level: [space.name for space in machine.spaces_at(level)] for level in ("dram", "sram", "reg")},
    }


def _list_table(machines: list[Machine], *, plain: bool) -> Table:
    from rich.markup import escape

    from powerfusion.cli.output import Column, make_table

    table = make_table([Column(name, left=True) for name in ("machine", "what", "dram", "sram", "reg")], plain=plain)
    for machine in machines:
        spaces = [
            ", ".join(f"{space.name} {size_text(space.capacity_bytes)}" for space in machine.spaces_at(level))
            for level in ("dram", "sram", "reg")
        ]
        table.add_row(machine.name, *map(escape, (machine.title, *spaces)))
    return table


def _parts(machine: Machine, *, plain: bool) -> Iterator[RenderableType]:
    """The tables of a machine, one below the other, each but the first with a blank line before it."""
    from rich.markup import escape

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
    from rich.markup import escape

    from powerfusion.cli.output import Column, make_table

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
