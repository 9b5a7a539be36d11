"""The machines' page: every number of the table with a reference to its source; tools/gen_docs.py writes it.

The detected CPU isn't there: it differs from host to host.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from powerfusion.machines.model import Machine, Sources
from powerfusion.machines.table import table
from powerfusion.machines.text import UNKNOWN, graph, number_text, size_text

INTRODUCTION = """\
# The machines

What is known of each machine of the table; `pf machines show NAME` says the same. [What the numbers
mean](../machines.md#what-the-numbers-mean) stands on the page about machines. A number in brackets refers to
[its source](#sources); bare ones are defaults (an access may move a single byte); *unknown* is what nobody
published.
"""


class _References:
    """Sources in the order of their first use; each has a number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def cite(self, text: str, sources: Sources, key: str) -> str:
        """A number's text with the reference behind it; bare where it has no source."""
        source = dict(sources).get(key)
        if source is None or text == UNKNOWN:
            return text
        number = self.numbers.setdefault(source, len(self.numbers) + 1)
        return f"{text} [{number}]"


def render() -> str:
    """All machines of the table, then the sources."""
    references = _References()
    machines = [line for machine in table().values() for line in _machine(machine, references)]
    sources = [f"{number}. {source}" for source, number in references.numbers.items()]
    return "\n".join([INTRODUCTION, *machines, "## Sources", "", *sources, ""])


def _machine(machine: Machine, references: _References) -> Iterator[str]:
    yield f"## {machine.name}: {machine.title}"
    yield ""
    launch = references.cite(number_text(machine.launch_ns, " ns"), machine.sources, "launch_ns")
    yield f"A launch costs at least: {launch}."
    yield ""
    yield "```"
    yield from graph(machine, numbers=False)
    yield "```"
    yield ""
    yield from _spaces(machine, references)
    yield from _links(machine, references)
    yield from _engines(machine, references)
    yield from _scopes(machine, references)
    yield from _caches(machine, references)


def _spaces(machine: Machine, references: _References) -> Iterator[str]:
    rows: list[Sequence[str]] = []
    for space in machine.spaces:
        sizes = [
            references.cite("" if size == 0 else size_text(size), space.sources, key)
            for key, size in (
                ("capacity_bytes", space.capacity_bytes),
                ("reserve_bytes", space.reserve_bytes),
                ("granule_bytes", space.granule_bytes),
                ("alignment_bytes", space.alignment_bytes),
            )
        ]
        pool = (
            ""
            if space.pool_bytes is None
            else references.cite(size_text(space.pool_bytes), space.sources, "pool_bytes")
        )
        rows.append((space.name, space.level, space.scope, space.kind, sizes[0], sizes[1], pool, *sizes[2:]))
    headings = (
        "space",
        "level",
        "one per",
        "kind",
        "capacity",
        "reserved",
        "shared by a group",
        "granule",
        "alignment",
    )
    yield from _table(headings, rows)


def _links(machine: Machine, references: _References) -> Iterator[str]:
    rows = [
        (
            f"{link.source} → {link.result}",
            link.instruction or "",
            "yes" if link.asynchronous else "no",
            references.cite(number_text(link.bandwidth_bytes_per_ns), link.sources, "bandwidth_bytes_per_ns"),
            references.cite(number_text(link.latency_ns), link.sources, "latency_ns"),
        )
        for link in machine.links
    ]
    yield from _table(("link", "instruction", "asynchronous", "GB/s", "latency, ns"), rows)


def _engines(machine: Machine, references: _References) -> Iterator[str]:
    rows: list[Sequence[str]] = []
    for engine in machine.engines:
        rates = [f"{dtype} {references.cite(number_text(rate), engine.sources, dtype)}" for dtype, rate in engine.rates]
        limits = [f"{what} {references.cite(str(limit), engine.sources, what)}" for what, limit in engine.limits]
        places = [", ".join(names) for names in (engine.ops, engine.reads, engine.writes)]
        rows.append((engine.name, *places, "; ".join(rates) or UNKNOWN, "; ".join(limits)))
    yield from _table(("engine", "computes", "reads", "writes", "operations per ns", "limits"), rows)


def _scopes(machine: Machine, references: _References) -> Iterator[str]:
    rows = [
        (
            limits.scope,
            limits.called or "",
            references.cite(number_text(limits.count), limits.sources, "count"),
            references.cite(number_text(limits.max_count), limits.sources, "max_count"),
            limits.barrier or "none",
        )
        for limits in machine.scopes
    ]
    yield from _table(("scope", "called", "there are", "at most", "barrier"), rows)


def _caches(machine: Machine, references: _References) -> Iterator[str]:
    rows = [
        (
            cache.name,
            cache.caches,
            cache.scope,
            references.cite(size_text(cache.capacity_bytes), cache.sources, "capacity_bytes"),
            references.cite(size_text(cache.granule_bytes), cache.sources, "granule_bytes"),
        )
        for cache in machine.caches
    ]
    if rows:
        yield from _table(("cache", "in front of", "one per", "capacity", "granule"), rows)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield "|" + "---|" * len(headings)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
