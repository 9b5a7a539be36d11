"""`pf run`: a program or an artifact on arrays, timed."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from powerfusion.cli.programs import configure_freedoms, freedoms_of

if TYPE_CHECKING:
    from powerfusion.cli.arrays import Summary
    from powerfusion.runtime.signature import Array

EPILOG = """\
an input is one of
  x.npy               an array that numpy.save wrote; bf16 is bare two-byte elements
  random              shape and type as the program has them
  random:4x8xf32      these; integers are small, the seed is the input's position
  random:4x8xf32:7    the same with seed 7; random:7 has the program's shape

examples:
  pf run model.pfx --input x.npy --input mask.npy -o y.npy
  pf run examples/relu_add.mlir --input random --input random --repeat 20
  pf run model.onnx --input random:1x3x224x224xf32"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument(
        "source",
        metavar="IN",
        help="MLIR with one public function, an ONNX model (.onnx), or an artifact (.pfx); - for stdin",
    )
    parser.add_argument(
        "--input", dest="inputs", metavar="X", action="append", default=[], help="one per argument, in order; see below"
    )
    parser.add_argument(
        "-o", dest="output", metavar="OUT", type=Path, help="where to save: y.npy, or a folder that gets one per result"
    )
    parser.add_argument(
        "--repeat", metavar="N", type=_count, help="run once to warm up, then N times for the median time"
    )
    parser.add_argument("--target", metavar="T", default="cpu", help="what to compile for (default: %(default)s)")
    configure_freedoms(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {count}")
    return count


def execute(options: argparse.Namespace) -> int:
    """Runs, prints and saves."""
    from powerfusion.cli import arrays, output
    from powerfusion.cli.programs import load_program

    executable = load_program(output.read_source(options.source), options.target, freedoms_of(options))
    inputs = arrays.make_inputs(options.inputs, executable.signature.arguments)
    names = [f"result{place}" for place in range(len(executable.signature.results))]
    places = output_paths(options.output, names)
    values, times = timed(lambda: executable(*inputs), options.repeat)
    found = [arrays.summarise(name, value) for name, value in zip(names, as_sequence(values), strict=True)]
    if places:
        save(options.output, dict(zip(places, as_sequence(values), strict=True)))
    if options.json:
        output.print_json(to_json(found, times, places))
    else:
        show(found, times, places, warm=options.repeat is not None)
    return 0


def as_sequence(values: Any) -> Sequence[Array]:
    """What a call gave, as a sequence whether it was none, one or several."""
    import numpy as np

    match values:
        case None:
            return ()
        case tuple():
            return [np.asarray(value) for value in values]
        case _:
            return [np.asarray(values)]


def timed(call: Callable[[], Any], repeat: int | None) -> tuple[Any, list[float]]:
    """Runs once, and `repeat` times more where that is asked for.

    Returns:
        What the first call gave, and the seconds of each timed call: the first one is timed only if it is the only one.
    """
    start = time.perf_counter()
    values = call()
    times = [time.perf_counter() - start]
    if repeat is None:
        return values, times
    times.clear()
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return values, times


def output_paths(chosen: Path | None, names: Sequence[str]) -> list[Path]:
    """Where each result is saved; nowhere if nothing was chosen.

    Raises:
        PowerFusionError: The choice can't hold the results.
    """
    from powerfusion.cli.output import check_folder, check_writable
    from powerfusion.errors import PowerFusionError

    if chosen is None:
        return []
    if chosen.suffix != ".npy":
        check_folder(chosen)
        return [chosen / f"{name}.npy" for name in names]
    if len(names) != 1:
        raise PowerFusionError(
            f"{chosen} can't hold {len(names)} results", help=f"name a folder: -o {chosen.with_suffix('')}"
        )
    check_writable(chosen)
    return [chosen]


def save(chosen: Path, values: dict[Path, Array]) -> None:
    """Writes each result, whole or not at all."""
    from powerfusion.cli.arrays import save_array
    from powerfusion.cli.output import make_folder, write_whole

    if chosen.suffix != ".npy":
        make_folder(chosen)
    for path, value in values.items():
        write_whole(path, lambda place, value=value: save_array(place, value))


def to_json(found: Sequence[Summary], times: Sequence[float], places: Sequence[Path]) -> dict[str, Any]:
    """Everything that is printed, as plain data."""
    from dataclasses import asdict

    results = [asdict(summary) for summary in found]
    for result, place in zip(results, places, strict=False):
        result["path"] = str(place)
    return {"results": results, "runs": len(times), "median_s": statistics.median(times), "least_s": min(times)}


def show(found: Sequence[Summary], times: Sequence[float], places: Sequence[Path], *, warm: bool) -> None:
    """Prints a table of the results, and the time."""
    from rich.markup import escape

    from powerfusion.cli.output import Column, format_seconds, make_console, make_table, print_rich

    console = make_console()
    headings = ["result", "shape", "type", "range", *(["saved as"] if places else [])]
    table = make_table([Column(heading, left=True) for heading in headings], plain=not console.is_terminal)
    for position, summary in enumerate(found):
        saved = [str(places[position])] if places else []
        shape = "x".join(map(str, summary.shape)) or "scalar"
        table.add_row(*map(escape, [summary.name, shape, summary.dtype, summary.range, *saved]))
    runs = (
        f"median of {len(times)} run{'s' if len(times) > 1 else ''}"
        if warm
        else "the first run, which takes longer; see --repeat"
    )
    time_line = f"time: {format_seconds(statistics.median(times))} ({runs})"
    print_rich(console, *([table] if found else []), time_line)
