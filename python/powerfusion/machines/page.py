"""The part of docs/machines.md that is made from the table: every number with a reference to its source.

`python -m powerfusion.machines.page docs/machines.md` rewrites what stands between the page's two markers; with
`--check` it only says whether that would change anything. The detected CPU isn't there: it differs from host to host.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from powerfusion.machines.model import Machine, Sources
from powerfusion.machines.table import table
from powerfusion.machines.text import UNKNOWN, graph, number_text, size_text

BEGIN = "<!-- From here on: written by `python -m powerfusion.machines.page docs/machines.md`. -->"
END = "<!-- Until here. -->"


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
    lines = [line for machine in table().values() for line in _machine(machine, references)]
    lines += ["## Sources", ""]
    lines += [f"{number}. {source}" for source, number in references.numbers.items()]
    return "\n".join(lines)


def replaced(page: str) -> str:
    """The page with its generated part anew."""
    head, rest = page.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n\n{render()}\n\n{END}{tail}"


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


def main(arguments: Sequence[str]) -> int:
    """Rewrites the page, or checks it; gives 1 where it is stale."""
    paths = [Path(argument) for argument in arguments if argument != "--check"]
    stale = [path for path in paths if replaced(path.read_text(encoding="utf-8")) != path.read_text(encoding="utf-8")]
    for path in stale:
        if "--check" in arguments:
            print(f"{path} is stale: python -m powerfusion.machines.page {path}")
        else:
            path.write_text(replaced(path.read_text(encoding="utf-8")), encoding="utf-8")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
