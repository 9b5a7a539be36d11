#!/usr/bin/env python3
"""Writes docs/benchmarks.md and its charts from runs of `pf bench` that are kept in docs/benchmarks.

`--measure` makes the runs first, some twenty minutes each on a machine that does nothing else; a run that is there is
kept, `--again` makes it anew. Peers and matplotlib live in .venv-peers: `tools/bootstrap --with peers`.

Usage: .venv/bin/python tools/benchmark_page.py [--measure [--again]] [--run NAME]...
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from speed import table  # noqa: E402
from speed.session import Row  # noqa: E402

FOLDER = ROOT / "docs" / "benchmarks"
PAGE = ROOT / "docs" / "benchmarks.md"
PEERS = ROOT / ".venv-peers" / "bin" / "python"


@dataclass(frozen=True)
class Run:
    """A run of the page.

    Attributes:
        title: Of its section.
        options: Of `pf bench`.
    """

    title: str
    options: tuple[str, ...]


RUNS = {
    "f32": Run("One thread, f32", ("--suite", "memory-bound", "--threads", "1", "--dtype", "f32")),
    "bf16": Run("One thread, bf16", ("--suite", "memory-bound", "--threads", "1", "--dtype", "bf16")),
    "f32-threads": Run(
        "All threads, f32",
        ("--threads", str(len(os.sched_getaffinity(0))), "--rounds", "3", "--peer", "powerfusion_cpu"),
    ),
}
HEAD = """\
<!-- Written by tools/benchmark_page.py from docs/benchmarks/*.json; run it again. -->

# How fast, beside what else there is

Medians of interleaved rounds, inputs that take turns, results checked in the same run: how, and why it can be believed,
is [decision 0045](decisions/0045-how-frameworks-are-compared.md). A cell is milliseconds, and in parentheses how many
times as long as the machine's own ceilings, measured in the same run, allow for the bytes. The last columns are the
best peer's time over ours, and what a streamed copy moved meanwhile: a shared machine isn't always as fast.
"""


def main() -> int:
    """Measures where asked to, then writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="make the runs that aren't there")
    parser.add_argument("--again", action="store_true", help="make them all anew")
    parser.add_argument("--run", action="append", default=[], choices=tuple(RUNS), help="only these")
    options = parser.parse_args()
    if not PEERS.is_file():
        print("there is no .venv-peers: run tools/bootstrap --with peers", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    for name, run in RUNS.items():
        wanted = not options.run or name in options.run
        if options.measure and wanted and (options.again or not _data(name).is_file()):
            command = [ROOT / ".venv" / "bin" / "pf", "bench", *run.options, "--json", _data(name)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    lines = [HEAD]
    for name, run in RUNS.items():
        if _data(name).is_file():
            lines += _section(name, run)
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return 0


def _data(name: str) -> Path:
    return FOLDER / f"{name}.json"


def _section(name: str, run: Run) -> Iterator[str]:
    data = json.loads(_data(name).read_text(encoding="utf-8"))
    rows, ceilings = table.from_json(data)
    yield f"## {run.title}\n"
    yield f"`pf bench {' '.join(run.options)}`\n"
    yield from table.page(rows, ceilings, data["about"])
    yield ""
    if name.endswith("-threads") and _data(name.removesuffix("-threads")).is_file():
        yield _beside_one_thread(rows, name.removesuffix("-threads"))
    if any(table.gain(row) is not None for row in rows):
        yield from _charts(name)
    yield f"Versions: {', '.join(_versions(data['versions']))}.\n"


def _beside_one_thread(rows: list[Row], name: str) -> str:
    """How much of the time on one thread is left."""
    alone = {row.case: row for row in table.from_json(json.loads(_data(name).read_text(encoding="utf-8")))[0]}
    shares = {row.case: row.timings[table.OURS].median / alone[row.case].timings[table.OURS].median for row in rows}
    worst = max(shares, key=lambda case: shares[case])
    mean = f"{statistics.geometric_mean(shares.values()):.2f} in the geometric mean"
    return f"- our time over that on one thread: {mean}, {shares[worst]:.2f} at most ({worst})\n"


def _charts(name: str) -> Iterator[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "benchmarks")}
    subprocess.run([PEERS, "-m", "speed.charts", _data(name), FOLDER], check=True, env=environment, capture_output=True)
    yield f"![How many times as fast as the best peer of each case](benchmarks/{name}-speed-up.png)\n"
    yield f"![The share of the machine's ceiling](benchmarks/{name}-roofline.png)\n"


def _versions(versions: dict[str, dict[str, str]]) -> list[str]:
    found = {name: number for each in versions.values() for name, number in each.items()}
    return [f"{name} {number}" for name, number in sorted(found.items())]


if __name__ == "__main__":
    sys.exit(main())
