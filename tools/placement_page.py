#!/usr/bin/env python3
"""Measures the table and writes docs/placement.md: every program, dtype and machine, placed and tiled.

What was measured is kept under build/placement and taken from there as long as no source has changed, so a run that
was stopped goes on; `--again` drops it. With filters nothing is written: the cells are printed, those beyond 1.02 of
the least with what was said against it. `--check` measures, writes nothing, and exits with 1 where the page is stale.

Usage: .venv/bin/python tools/placement_page.py [--program NAME]... [--machine NAME]... [--jobs N] [--small]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from placement.machines import MACHINES  # noqa: E402
from placement.measure import Cell, measure  # noqa: E402
from placement.page import GOOD, SECONDS, beyond, page, summary  # noqa: E402
from workloads import Size, Workload, find, workloads  # noqa: E402

PAGE = ROOT / "docs" / "placement.md"
KEPT = ROOT / "build" / "placement"
SOURCES = ("passes", "python/powerfusion", "benchmarks/workloads", "benchmarks/placement", "benchmarks/machines")
NATIVE = "python/powerfusion/_native"


def main() -> int:
    """Measures, then writes or prints."""
    options = arguments()
    chosen = [w for w in workloads() if _is_chosen(w, options)]
    machines = tuple(name for name in MACHINES if not options.machine or name in options.machine)
    if not chosen:
        print(f"no program is called {' or '.join(options.program)}", file=sys.stderr)
        return 2
    begun = time.perf_counter()
    cells = measured(chosen, machines, options)
    print(f"{len(cells)} cells in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    whole = len(chosen) == len(workloads()) and machines == MACHINES and not options.small
    if not whole:
        print("\n".join(_line(cell) for cell in cells))
        print("\n".join(summary(cells)))
        return 0
    print("\n".join([*summary(cells), *slow(cells)]))
    text = page(cells)
    if options.check:
        stale = not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text
        print(f"{PAGE.relative_to(ROOT)} is {'stale' if stale else 'current'}")
        return int(stale)
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="placement_page.py", description="Measures the table, writes its page.")
    parser.add_argument("--program", action="append", default=[], metavar="NAME", help="only programs of this start")
    parser.add_argument("--dtype", action="append", default=[], choices=("f32", "bf16"), help="only this dtype")
    parser.add_argument("--machine", action="append", default=[], choices=MACHINES, help="only this machine")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=120, metavar="S", help="seconds for a cell (default: %(default)s)")
    parser.add_argument("--small", action="store_true", help="the small sizes, as tests run them; prints only")
    parser.add_argument("--again", action="store_true", help="measure what is kept, too")
    parser.add_argument("--check", action="store_true", help="write nothing, fail where the page is stale")
    return parser.parse_args()


def _is_chosen(workload: Workload, options: argparse.Namespace) -> bool:
    named = not options.program or any(workload.name.startswith(name) for name in options.program)
    return named and (not options.dtype or workload.dtype in options.dtype)


# -- measuring ---------------------------------------------------------------------------------


def measured(chosen: list[Workload], machines: tuple[str, ...], options: argparse.Namespace) -> list[Cell]:
    """Cells in the order of programs and machines, from what is kept where it is still true."""
    size: Size = "small" if options.small else "full"
    store = KEPT / f"{size}-{identity()}.jsonl"
    found = {} if options.again else {_key(cell): cell for cell in kept(store)}
    keys = [(w.name, w.dtype, name) for w in chosen for name in machines]
    store.parent.mkdir(parents=True, exist_ok=True)
    with store.open("a", encoding="utf-8") as file, ProcessPoolExecutor(options.jobs) as pool:
        tasks = {pool.submit(_task, *key, size, options.limit): key for key in keys if key not in found}
        for number, task in enumerate(as_completed(tasks), 1):
            key, cell = tasks[task], task.result()
            found[key] = cell
            file.write(f"{json.dumps(asdict(cell))}\n")
            file.flush()
            steps = [f"{step} {seconds:.1f} s" for step, seconds in cell.seconds.items() if seconds >= SECONDS]
            print(f"[{number}/{len(tasks)}] {' '.join([*key, *steps, cell.error])}", file=sys.stderr, flush=True)
    return [found[key] for key in keys]


def _task(name: str, dtype: str, machine: str, size: Size, limit: int) -> Cell:
    """One cell; one that takes too long is an error of its own."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {limit} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(limit)
    try:
        (cell,) = measure(find(name, dtype), (machine,), size)
    finally:
        signal.alarm(0)
    return cell


def _key(cell: Cell) -> tuple[str, str, str]:
    return cell.program, cell.dtype, cell.machine


def kept(store: Path) -> Iterator[Cell]:
    """The cells of an earlier run; a last line that was cut off is passed over."""
    names = {each.name for each in fields(Cell)}
    for line in store.read_text(encoding="utf-8").splitlines() if store.is_file() else []:
        try:
            read: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            continue
        if set(read) == names:
            plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in read.items()}
            yield Cell(**plain)


def identity() -> str:
    """What identifies the sources that a cell depends on."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> Iterable[Path]:
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".toml") and path.is_file() and NATIVE not in str(path):
                yield path


# -- printing ----------------------------------------------------------------------------------


def _line(cell: Cell) -> str:
    head = f"{cell.program:32} {cell.dtype:5} {cell.machine:8}"
    if cell.error:
        return f"{head} {cell.error}"
    least = max(cell.compulsory, cell.bound)
    figures = f"naive {cell.naive:>14,}  placed {cell.placed:>14,}  least {least:>14,}  {cell.ratio:.2f}"
    more = f"  {cell.kernels} kernels  {'exact' if cell.exact else 'beam'}  {cell.form}"
    said = "".join(f"\n    {text}" for text in (", ".join(beyond(cell)), *cell.blocked)) if cell.ratio > GOOD else ""
    return f"{head} {figures}{more}  {cell.seconds.get('place', 0):.2f} s{said}"


def slow(cells: Iterable[Cell]) -> Iterator[str]:
    """Steps that take too long, which are bugs."""
    for cell in cells:
        for step, seconds in cell.seconds.items():
            if seconds >= SECONDS:
                yield f"slow: {cell.program} {cell.dtype} {cell.machine}: {step} takes {seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
