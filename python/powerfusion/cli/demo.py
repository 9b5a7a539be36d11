"""The demo: compiles and runs every program of `examples/`, checks each and shows the bytes that it moves.

`tools/demo` runs this from a checkout. A row holds what the compiler reports of a program (kernels, bytes between
memory levels), the least bytes that any program with the same results must move, what the program moves as it was
written, one kernel per operator, and how far the results are from NumPy in float64.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from powerfusion.cli.output import format_bytes, format_seconds
from powerfusion.errors import PowerFusionError, ToolError

EXAMPLES_FOLDER = Path(__file__).resolve().parents[3] / "examples"
"""Where a checkout holds the examples."""
PLAIN_WIDTH = 160
"""How many columns the table may use where no terminal says it."""
WIDE = 140
"""From how many columns on every column is shown."""
TIMED_SECONDS = 0.4
"""How long one program's timed runs may take together, beyond `LEAST_RUNS`."""
LEAST_RUNS = 3
MOST_RUNS = 50


@dataclass(frozen=True)
class Traffic:
    """What a compiled program moves, as its report says; `None` where the report says nothing.

    Attributes:
        kernels: How many kernels it launches.
        dram_read_bytes: What its kernels read from DRAM.
        dram_written_bytes: What its kernels write to DRAM.
        dram_bytes: Both together.
        least_dram_bytes: The least that any program with the same results must move.
        naive_dram_bytes: What one kernel per operator moves.
        sram_bytes: What its kernels read from and write to SRAM.
        reg_bytes: What its kernels move between registers and other levels.
    """

    kernels: int
    dram_read_bytes: int | None
    dram_written_bytes: int | None
    dram_bytes: int | None
    least_dram_bytes: int | None
    naive_dram_bytes: int | None
    sram_bytes: int | None
    reg_bytes: int | None

    @property
    def ratio(self) -> float | None:
        """Bytes moved per byte that must be moved; at least 1."""
        if self.dram_bytes is None or not self.least_dram_bytes:
            return None
        return self.dram_bytes / self.least_dram_bytes


@dataclass(frozen=True)
class Outcome:
    """What became of one example.

    Attributes:
        name: The example.
        title: The same in a few words.
        problem: What went wrong; empty if nothing did.
        traffic: The bytes it moves, once it has compiled.
        relative_error: The greatest of its results, see `relative_error` in `examples/references.py`.
        tolerance: The greatest that is right.
        compile_s: How long it took to compile, in seconds.
        median_s: The median of its timed runs, in seconds.
    """

    name: str
    title: str
    problem: str = ""
    traffic: Traffic | None = None
    relative_error: float | None = None
    tolerance: float | None = None
    compile_s: float | None = None
    median_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Gives the outcome as plain data, the traffic's figures beside the others."""
        figures = asdict(self)
        traffic = figures.pop("traffic") or {}
        ratio = self.traffic.ratio if self.traffic else None
        return {**figures, **traffic, "dram_ratio": ratio, "ok": not self.problem}


def load_examples(folder: Path = EXAMPLES_FOLDER) -> ModuleType:
    """Imports the examples' registry and references, which live outside the package.

    Args:
        folder: Where `references.py` is.

    Raises:
        ToolError: There are no examples.
    """
    path = folder / "references.py"
    name = "powerfusion_examples"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise ToolError(f"{path} isn't there", help="run tools/demo from a checkout of the repository")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def median_seconds(run: Callable[[], object]) -> float:
    """Measures `run`, which has run before: the median of as many runs as fit the time."""
    times: list[float] = []
    while len(times) < LEAST_RUNS or (sum(times) < TIMED_SECONDS and len(times) < MOST_RUNS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _level_bytes(kernels: Sequence[Mapping[str, Any]], level: str, *directions: str) -> int | None:
    """Adds up what the kernels move at a level, or nothing if none of them says."""
    figures = [kernel[direction][level] for kernel in kernels for direction in directions if level in kernel[direction]]
    return sum(figures) if figures else None


def read_traffic(report: Mapping[str, Any]) -> Traffic:
    """Takes the figures that the demo shows out of a report's JSON form."""
    kernels = report["kernels"]
    return Traffic(
        kernels=len(kernels),
        dram_read_bytes=_level_bytes(kernels, "dram", "reads"),
        dram_written_bytes=_level_bytes(kernels, "dram", "writes"),
        dram_bytes=report.get("dram_bytes"),
        least_dram_bytes=report.get("least_dram_bytes"),
        naive_dram_bytes=report.get("naive_dram_bytes"),
        sram_bytes=_level_bytes(kernels, "sram", "reads", "writes"),
        reg_bytes=_level_bytes(kernels, "reg", "reads", "writes"),
    )


def _problem(error: float, tolerance: float, traffic: Traffic) -> str:
    # A NaN fails too.
    if not error <= tolerance:
        return f"expected a relative error of at most {tolerance:.0e}, got {error:.1e}"
    if traffic.ratio is not None and traffic.ratio < 1.0:
        return f"expected at least {traffic.least_dram_bytes} bytes at dram, got {traffic.dram_bytes}"
    return ""


def run_example(example: Any, target: str, seed: int) -> Outcome:
    """Compiles, runs, checks and times one example; what PowerFusion refuses is an outcome as well.

    Args:
        example: One entry of `EXAMPLES` in `examples/references.py`.
        target: What to compile for.
        seed: What the random inputs start from.
    """
    import powerfusion as pf

    relative_error = load_examples().relative_error
    try:
        start = time.perf_counter()
        executable = pf.compile(example.path, target=target, cache=False)
        compile_s = time.perf_counter() - start
        arrays = example.make_inputs(seed)
        results = executable(*arrays)
        traffic = read_traffic(executable.report().to_json())
        results = results if isinstance(results, tuple) else (results,)
        pairs = list(zip(results, example.expected(*arrays), strict=True))
        error = max(relative_error(result, expected) for result, expected in pairs)
        return Outcome(
            name=example.name,
            title=example.title,
            problem=_problem(error, example.tolerance, traffic),
            traffic=traffic,
            relative_error=error,
            tolerance=example.tolerance,
            compile_s=compile_s,
            median_s=median_seconds(lambda: executable(*arrays)),
        )
    except PowerFusionError as problem:
        return Outcome(example.name, example.title, problem=str(problem))


@dataclass(frozen=True)
class _Column:
    """One column of the table; `wide` and `narrow` say which tables show it."""

    heading: str
    text: str
    wide: bool = True
    narrow: bool = True
    left: bool = False


def _columns(outcome: Outcome) -> Iterator[_Column]:
    """Gives one row, column by column."""
    traffic = outcome.traffic
    ratio = traffic.ratio if traffic else None
    error = outcome.relative_error
    yield _Column("example", outcome.title, left=True)
    yield _Column("kernels", str(traffic.kernels) if traffic else "–")
    yield _Column("naive", format_bytes(traffic.naive_dram_bytes if traffic else None))
    yield _Column("placed", format_bytes(traffic.dram_bytes if traffic else None))
    yield _Column("least", format_bytes(traffic.least_dram_bytes if traffic else None))
    yield _Column("ratio", "–" if ratio is None else f"{ratio:.2f}")
    yield _Column("dram\nread", format_bytes(traffic.dram_read_bytes if traffic else None), narrow=False)
    yield _Column("dram\nwritten", format_bytes(traffic.dram_written_bytes if traffic else None), narrow=False)
    yield _Column("sram", format_bytes(traffic.sram_bytes if traffic else None), narrow=False)
    yield _Column("reg", format_bytes(traffic.reg_bytes if traffic else None), narrow=False)
    yield _Column("error", "–" if error is None else f"{error:.0e}", narrow=False)
    yield _Column("compile", format_seconds(outcome.compile_s), narrow=False)
    yield _Column("time", format_seconds(outcome.median_s))
    yield _Column("", "[red]wrong[/]" if outcome.problem else "[green]right[/]", left=True)


def make_table(outcomes: Sequence[Outcome], target: str, *, wide: bool, plain: bool) -> Table:
    """Builds the table of all outcomes.

    Args:
        outcomes: One row each; at least one.
        target: What they were compiled for.
        wide: Whether there is room for every column.
        plain: Whether it goes without lines.
    """
    table = Table(
        title=f"PowerFusion on {target}: bytes moved, beside those that must be moved",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD if wide and not plain else None,
        padding=(0, 2, 0, 0) if wide else (0, 1, 0, 0),
        pad_edge=False,
    )
    for column in _columns(outcomes[0]):
        if column.wide if wide else column.narrow:
            table.add_column(column.heading, justify="left" if column.left else "right", no_wrap=True)
    for outcome in outcomes:
        table.add_row(*(each.text for each in _columns(outcome) if (each.wide if wide else each.narrow)))
    return table


def summarise(outcomes: Sequence[Outcome]) -> str:
    """Says in a sentence how many programs are right, and what all of them move together."""
    right = [outcome for outcome in outcomes if not outcome.problem]
    said = f"{len(right)} of {len(outcomes)} programs give the right result"
    counted = [outcome.traffic for outcome in right if outcome.traffic is not None]
    figures = [(traffic.naive_dram_bytes, traffic.dram_bytes, traffic.least_dram_bytes) for traffic in counted]
    if not figures or any(count is None for row in figures for count in row):
        return f"{said}."
    naive, moved, least = (sum(count or 0 for count in column) for column in zip(*figures, strict=True))
    return (
        f"{said}. They move {format_bytes(moved)} between DRAM and the processor; one kernel per operator would move "
        f"{format_bytes(naive)}, and nothing could move less than {format_bytes(least)}."
    )


def _parse(arguments: Sequence[str] | None, names: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/demo", description="Compile and run the examples, check them, and show the bytes that they move."
    )
    parser.add_argument("names", nargs="*", metavar="EXAMPLE", help=f"all unless named: {', '.join(names)}")
    parser.add_argument("--target", default="cpu", help="what to compile for (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="what the random inputs start from (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(names)):
        parser.error(f"unknown example {', '.join(unknown)}; there are {', '.join(names)}")
    return options


def show(outcomes: Sequence[Outcome], target: str, as_json: bool) -> None:
    """Prints the outcomes on stdout, and on stderr what went wrong."""
    if as_json:
        ok = not any(outcome.problem for outcome in outcomes)
        print(json.dumps({"target": target, "ok": ok, "examples": [entry.to_json() for entry in outcomes]}, indent=2))
    else:
        console = Console()
        console = console if console.is_terminal else Console(width=PLAIN_WIDTH)
        plain = not console.is_terminal
        console.print(make_table(outcomes, target, wide=console.width >= WIDE, plain=plain))
        console.print(summarise(outcomes), highlight=False, soft_wrap=plain)
    for outcome in outcomes:
        if outcome.problem:
            print(f"error: {outcome.name}: {outcome.problem}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; gives the exit code."""
    try:
        examples = load_examples().EXAMPLES
        options = _parse(arguments, list(examples))
        chosen = options.names or list(examples)
        outcomes: list[Outcome] = []
        with Console(stderr=True).status("compiling") as status:
            for position, name in enumerate(chosen, 1):
                status.update(f"{examples[name].title} ({position} of {len(chosen)})")
                outcomes.append(run_example(examples[name], options.target, options.seed))
        show(outcomes, options.target, options.json)
    except PowerFusionError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 1 if any(outcome.problem for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
