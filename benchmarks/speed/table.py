"""What a run comes to, as Markdown and as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import exp, log
from statistics import median
from typing import Any

from peers import PEERS
from speed.ceilings import Ceilings
from speed.session import Row, Timing

OURS = "PowerFusion"
OWN = tuple(spec.title for spec in PEERS if spec.own)
"""Columns of this compiler, asked otherwise than by default."""


def best_peer(row: Row) -> tuple[str, float] | None:
    """The fastest of the others, and its seconds."""
    others = {title: t.median for title, t in row.timings.items() if title not in (OURS, *OWN) and not t.failure}
    return min(others.items(), key=lambda item: item[1]) if others else None


def gain(row: Row, peer: str | None = None, column: str = OURS) -> float | None:
    """How many times faster we are, in a column of ours, than the best of the others, or than one of them."""
    ours = row.timings.get(column)
    if ours is None or ours.failure:
        return None
    if peer is None:
        best = best_peer(row)
        return best[1] / ours.median if best else None
    theirs = row.timings.get(peer)
    return theirs.median / ours.median if theirs and not theirs.failure else None


def page(rows: Sequence[Row], ceilings: Ceilings, about: Mapping[str, object]) -> Iterator[str]:
    """All of a run in Markdown."""
    when = f"{about['date']}, {about['rounds']} rounds, load after it {about['load']}"
    yield f"{about['machine']}; {machine(ceilings)}; {when}"
    if "again" in about:
        yield ""
        yield f"Measured in a run of their own, since processes had died for lack of memory: {about['again']}."
    yield ""
    yield from table(rows, ceilings)
    yield from memory_bound(rows)
    yield ""
    yield from summary(rows, ceilings)
    yield ""
    yield from failures(rows)


def summary(rows: Sequence[Row], ceilings: Ceilings) -> Iterator[str]:
    """The run in a few lines."""
    gains = [g for row in rows if (g := gain(row)) is not None]
    if gains:
        yield f"- over the best peer of each case, geometric mean: {_mean(gains):.2f}"
        yield f"- at least 1.3 times the best peer: {sum(g >= 1.3 for g in gains)} of {len(gains)}"
    slow = [f"{row.case} {g:.2f}" for row in rows if (g := gain(row)) is not None and g < 0.9]
    yield f"- below 0.9 of the best peer: {', '.join(slow) or 'none'}"
    ours = [(row, row.timings[OURS]) for row in rows if OURS in row.timings and not row.timings[OURS].failure]
    yield f"- our time over the roofline, geometric mean: {_mean(t.median / row.roof(ceilings) for row, t in ours):.2f}"
    yield from _likes(ours, ceilings)
    late = [row.case for row, t in ours if (g := gain(row)) is not None and g < 1 / 1.5 and t.median > 1e-5]
    yield f"- over 10 us and 1.5 times the best peer: {', '.join(late) or 'none'}"
    for own in OWN:
        found = [(row.case, g) for row in rows if (g := gain(row, column=own)) is not None]
        if found:
            yield f"- {own}, over the best peer, geometric mean: {_mean(g for _, g in found):.2f}"
            yield f"- {own}, over the best peer: {', '.join(f'{case} {g:.2f}' for case, g in found)}"
    for peer in sorted({title for row in rows for title in row.timings} - {OURS, *OWN}):
        known = [g for row in rows if (g := gain(row, peer)) is not None]
        if known:
            yield f"- over {peer}, geometric mean of {len(known)}: {_mean(known):.2f}"
    probed = [probe for row in rows for probe in row.probes]
    if probed:
        yield f"- a streamed copy meanwhile: {min(probed) / 1e9:.1f} to {max(probed) / 1e9:.1f} GB/s"
    wrong = [f"{row.case} ({title}: {t.failure})" for row in rows for title, t in row.timings.items() if _is_wrong(t)]
    yield f"- wrong answers: {'; '.join(wrong) or 'none'}"


def _likes(ours: Sequence[tuple[Row, Timing]], ceilings: Ceilings) -> Iterator[str]:
    """What drawn sizes keep of the named ones' share of the roofline."""
    shares = {row.case: row.roof(ceilings) / timing.median for row, timing in ours}
    kept = {row.case: shares[row.case] / shares[row.like] for row, _ in ours if row.like in shares}
    if kept:
        worst = min(kept, key=lambda case: kept[case])
        yield f"- of the named sizes' share of the roofline, geometric mean: {_mean(kept.values()):.2f}"
        yield f"- at the least: {kept[worst]:.2f}, {worst}"


def table(rows: Sequence[Row], ceilings: Ceilings) -> Iterator[str]:
    """A row a case: milliseconds, in parts of the roofline, and ours over the best of the others."""
    titles = list(dict.fromkeys(title for row in rows for title in row.timings))
    yield f"| case | MB | roof ms | {' | '.join(titles)} | best peer / ours | probe GB/s |"
    yield f"|---|--:|--:|{'--:|' * len(titles)}--:|--:|"
    for row in rows:
        roof = row.roof(ceilings)
        cells = [_cell(row.timings.get(title), roof) for title in titles]
        ratio = gain(row)
        size = (row.read + row.written) / 1e6
        probe = f"{median(row.probes) / 1e9:.1f}" if row.probes else "-"
        yield f"| {row.case} | {size:.1f} | {roof * 1e3:.3f} | {' | '.join(cells)} | {_ratio(ratio)} | {probe} |"


def memory_bound(rows: Sequence[Row]) -> Iterator[str]:
    """Of models, what calls spend outside of a library's products: milliseconds, and how ours compare."""
    parts = [row for row in rows if any(timing.products_s for timing in row.timings.values())]
    if not parts:
        return
    titles = list(dict.fromkeys(title for row in parts for title in row.timings))
    yield ""
    yield f"| memory-bound part, ms | {' | '.join(titles)} | best peer / ours |"
    yield f"|---|{'--:|' * len(titles)}--:|"
    for row in parts:
        spent = {title: t.median - t.products_s for title, t in row.timings.items() if not t.failure}
        others = [seconds for title, seconds in spent.items() if title != OURS]
        ratio = min(others) / spent[OURS] if others and OURS in spent else None
        cells = [f"{spent[title] * 1e3:.3f}" if title in spent else "-" for title in titles]
        yield f"| {row.case} | {' | '.join(cells)} | {_ratio(ratio)} |"


def failures(rows: Sequence[Row]) -> Iterator[str]:
    """Why cells are empty."""
    for row in rows:
        for title, timing in row.timings.items():
            if timing.failure:
                yield f"- **{row.case}**, {title}: {timing.failure}"


def machine(ceilings: Ceilings) -> str:
    """The ceilings in a line."""
    names = ("read", "copy", "copy_streamed", "triad_streamed", "write_streamed", "l2", "l3")
    bandwidths = ", ".join(f"{n.replace('_', ' ')} {getattr(ceilings, n) / 1e9:.1f}" for n in names)
    return f"{ceilings.threads} threads; GB/s: {bandwidths}; multiply-adds {ceilings.fma / 1e9:.0f} Gflop/s"


def to_json(rows: Sequence[Row], ceilings: Ceilings, versions: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Everything."""
    return {
        "ceilings": vars(ceilings),
        "versions": versions,
        "rows": [
            {
                "case": row.case,
                "like": row.like,
                "read_bytes": row.read,
                "written_bytes": row.written,
                "roof_s": row.roof(ceilings),
                "products": row.products,
                "probes": row.probes,
                "timings": {title: vars(timing) for title, timing in row.timings.items()},
            }
            for row in rows
        ],
    }


def from_json(data: Mapping[str, Any]) -> tuple[list[Row], Ceilings]:
    """What `to_json` was given."""
    rows = [
        Row(
            row["case"],
            row["read_bytes"],
            row["written_bytes"],
            {title: _timing(timing) for title, timing in row["timings"].items()},
            row["products"],
            tuple(row["probes"]),
            row.get("like", ""),  # runs from before sizes were drawn have none
        )
        for row in data["rows"]
    ]
    return rows, Ceilings(**data["ceilings"])


def _timing(data: Mapping[str, Any]) -> Timing:
    products_s = data.get("products_s", 0.0)  # runs from before there were models have none
    return Timing(tuple(data["seconds"]), data["compile_s"], data["error"], data["failure"], products_s)


def _is_wrong(timing: Timing) -> bool:
    return timing.failure.startswith("wrong")


def _cell(timing: Timing | None, roof: float) -> str:
    if timing is None or timing.failure:
        return "wrong" if timing and _is_wrong(timing) else "-"
    return f"{timing.median * 1e3:.3f} ({timing.median / roof:.2f}x)"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"**{value:.2f}**"


def _mean(values: Iterable[float]) -> float:
    logarithms = [log(v) for v in values]
    return exp(sum(logarithms) / len(logarithms)) if logarithms else float("nan")
