"""The page of the table: what each program moves on each machine, beside the least that it must."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from math import exp, log

from placement.machines import MACHINES
from placement.measure import PART, Cell

HEAD = "<!-- Written by tools/placement_page.py; change the passes, then run it again. -->\n\n"
TITLE = """# What placing makes of the table's programs

Each program of `benchmarks/workloads` is placed and tiled for each machine, and the bytes of DRAM that arrive are
counted in tile form ([what is counted](decisions/0011-what-is-counted.md)). *Naive* is one kernel per operator,
*compulsory* each touched element of what comes in and goes out, once; *least* is that or, where it is more, what the
machine's capacity forces; the *ratio* is placed over least. `cpu` is a machine of fixed figures, two cores with 1 MiB
of sram each and 32 MiB of last cache. `tools/placement_page.py` writes this page.
"""
GOOD = 1.02
SECONDS = 2
MARKS = {"graph": ("\\*", "graph form's figure, as tile form has none"), "at most": ("≤", "an upper bound")}
"""By where a figure that isn't tile form's own was counted: its mark, and what it means."""
Key = tuple[str, str]
"""Program and dtype."""


def page(cells: Sequence[Cell]) -> str:
    """The whole page."""
    lines = [TITLE, "## In short\n", *summary(cells), "", "## Ratios\n", *ratios(cells), "", "## Cells\n"]
    lines += [
        "Machines with the same figures share a row; bytes are in millions. *Placed* is for the objective `time`, *by",
        "bytes* for the objective `bytes`. *Search* is `exact`, or `beam` where the budget ran out; of one that takes",
        f"{SECONDS} s of a processor or more it says so.\n",
        *details(cells),
        "",
        "## Half of the sram\n",
        "Programs that are placed otherwise, in kernels, nests or levels, for a file that describes the same machine",
        "with half of its space at `sram`.\n",
        *halved(cells),
        "",
        f"## Over {GOOD}\n",
        *reasons(cells),
    ]
    return HEAD + "\n".join(lines).rstrip() + "\n"


def summary(cells: Sequence[Cell]) -> Iterator[str]:
    """What the table comes to."""
    known = [cell for cell in cells if not cell.error]
    of_least = sum(cell.ratio <= GOOD for cell in known)
    of_compulsory = sum(cell.of_compulsory <= GOOD for cell in known)
    yield f"- cells: {len(cells)}, of which {len(cells) - len(known)} failed"
    yield f"- at most {GOOD} of least: {_share(of_least, len(cells))}"
    yield f"- at most {GOOD} of compulsory: {_share(of_compulsory, len(cells))}"
    yield f"- naive over placed, geometric mean: {_mean(cell.naive / cell.placed for cell in known if cell.placed):.2f}"
    yield f"- exact: {_share(sum(cell.exact for cell in known), len(cells))}"
    yield f"- searches of {SECONDS} s or more: {sum(_is_slow(cell) for cell in known)}"
    for form, (mark, words) in MARKS.items():
        yield f"- marked {mark}, {words}: {sum(cell.form == form for cell in known)}"
    slower = sum(cell.time_ps > cell.by_bytes_time_ps for cell in known)
    yield f"- modelled slower for the objective `time` than for `bytes`: {slower}"
    apart = [_label(key) for key, row in by_program(known) if len({cell.structure for cell in row}) > 1]
    yield f"- placed otherwise on one machine than on another, in kernels, sweeps or levels: {len(apart)} programs"
    yield from ([f"  ({', '.join(apart)})"] if apart else [])


def ratios(cells: Sequence[Cell]) -> Iterator[str]:
    """A row per program, a column per machine."""
    yield f"| program | {' | '.join(MACHINES)} |"
    yield f"|---|{'--:|' * len(MACHINES)}"
    for key, row in by_program(cells):
        found = {cell.machine: cell for cell in row}
        yield f"| {_label(key)} | {' | '.join(_ratio(found.get(name)) for name in MACHINES)} |"


def details(cells: Sequence[Cell]) -> Iterator[str]:
    """A row per program and figures."""
    yield "| program | machines | naive | placed | by bytes | compulsory | least | ratio | kernels | search |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|---|"
    for key, row in by_program(cells):
        same: dict[tuple[str, ...], list[str]] = {}
        for cell in row:
            same.setdefault(tuple(_figures(cell)), []).append(cell.machine)
        for figures, names in same.items():
            yield f"| {_label(key)} | {' '.join(names)} | {' | '.join(figures)} |"


def halved(cells: Sequence[Cell]) -> Iterator[str]:
    """By machine the programs whose placement changes with half of the sram."""
    for machine in MACHINES:
        found = [f"{cell.program} {cell.dtype}" for cell in cells if cell.machine == machine and cell.halved]
        yield f"- {machine}: {len(found)} of {sum(cell.machine == machine for cell in cells)}"
        yield from ([f"  ({', '.join(found)})"] if found else [])


def reasons(cells: Sequence[Cell]) -> Iterator[str]:
    """What cells that aren't good move beyond the least, in parts of it, and what passes say about that."""
    yield "Beyond the least, in parts of it: *again* are elements that are moved more often than they must be, *rests*"
    yield "what transactions move beside the elements that are asked for, *fills* reads of what is written in parts."
    yield "Then what passes said: what kernels hand on, or wait for, and what keeps that from registers; and each"
    yield "tensor that moves more than itself, with the capacity or the transactions that forbid less.\n"
    for key, row in by_program(cells):
        same: dict[str, list[str]] = {}
        for cell in row:
            if cell.error or cell.ratio > GOOD:
                same.setdefault(_reason(cell), []).append(cell.machine)
        for said, names in same.items():
            yield f"- **{_label(key)}** on {', '.join(names)}: {said}"


def _reason(cell: Cell) -> str:
    if cell.error:
        return cell.error
    return "; ".join([", ".join(beyond(cell)), *cell.blocked])


def beyond(cell: Cell) -> Iterator[str]:
    """The parts of what a cell moves beyond the least."""
    least = max(cell.compulsory, cell.bound, 1)
    rests = cell.placed - cell.elements - cell.fills
    for name, part in (("again", cell.elements - least), ("rests", rests), ("fills", cell.fills)):
        if part >= PART * least:
            yield f"{name} {part / least:.2f}"


def by_program(cells: Iterable[Cell]) -> Iterator[tuple[Key, list[Cell]]]:
    """The cells of each program and dtype; they stand together."""
    for key, row in groupby(cells, lambda cell: (cell.program, cell.dtype)):
        yield key, list(row)


def _label(key: Key) -> str:
    return " ".join(key)


def _share(some: int, of: int) -> str:
    return f"{some} of {of} ({100 * some / max(of, 1):.1f} %)"


def _mean(ratios: Iterable[float]) -> float:
    found = [log(ratio) for ratio in ratios]
    return exp(sum(found) / len(found)) if found else 0


def _is_slow(cell: Cell) -> bool:
    return cell.seconds.get("place", 0) >= SECONDS


def _ratio(cell: Cell | None) -> str:
    if cell is None:
        return ""
    if cell.error:
        return "error"
    written = f"{cell.ratio:.2f}{_mark(cell)}"
    return written if cell.ratio <= GOOD else f"**{written}**"


def _mark(cell: Cell) -> str:
    return MARKS[cell.form][0] if cell.form in MARKS else ""


def _figures(cell: Cell) -> Iterator[str]:
    if cell.error:
        yield from ["", "error", "", "", "", "", "", ""]
        return
    yield _millions(cell.naive)
    yield f"{_millions(cell.placed)}{_mark(cell)}"
    yield from map(_millions, (cell.by_bytes, cell.compulsory, max(cell.compulsory, cell.bound)))
    yield f"{cell.ratio:.2f}"
    yield str(cell.kernels)
    yield f"{'exact' if cell.exact else 'beam'}{f', {SECONDS} s or more' if _is_slow(cell) else ''}"


def _millions(count: int) -> str:
    return f"{count / 1e6:,.3f}"
