"""`pf tune`: measures a program's best placements by the model, here or elsewhere, and keeps the quickest."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from powerfusion.executable import Executable
    from powerfusion.runtime.signature import Array
    from powerfusion.tuning.tune import Tuned

EPILOG = """\
examples:
  pf tune softmax.mlir                       eight candidates, within a minute
  pf tune model.mlir --candidates 20 --budget 300
  pf tune model.mlir --input x.npy --input random:4x8xf32
  pf tune model.mlir --target cuda:sm_90 --bundle b.zip      for a device that is elsewhere; there,
    python -m powerfusion.runtime.measure b.zip -o r.json    measures the bundle
  pf tune model.mlir --target cuda:sm_90 --results r.json    keeps the quickest

Ctrl-C loses nothing: the same command goes on. The quickest is kept in the cache of compiled programs: whoever
compiles the same program next, on this machine and with this version, has it; `pf cache clear` forgets it."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("source", metavar="IN", help="MLIR with one public function, or ONNX (.onnx); - for stdin")
    parser.add_argument("--target", metavar="T", default="cpu", help="what to compile for: cpu, or a GPU")
    parser.add_argument("--candidates", type=_count, default=8, metavar="N", help="how many placements (default: 8)")
    parser.add_argument("--budget", type=_seconds, default=60.0, metavar="SECONDS", help="for all of it (default: 60)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of inputs and turns (default: 0)")
    parser.add_argument(
        "--input",
        dest="inputs",
        metavar="X",
        action="append",
        help="one per argument, as of `pf run` (default: random, 0 for integers)",
    )
    elsewhere = parser.add_mutually_exclusive_group()
    elsewhere.add_argument("--bundle", metavar="B", type=Path, help="write the candidates, to be measured elsewhere")
    elsewhere.add_argument("--results", metavar="R", type=Path, help="choose by what came back from there")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text}")
    return int(text)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text}")
    return seconds


def execute(options: argparse.Namespace) -> int:
    """Measures, keeps and shows."""
    from powerfusion.cli import output
    from powerfusion.cli.programs import DEFAULT_TARGET, is_artifact
    from powerfusion.errors import SourceError, UnsupportedError
    from powerfusion.pipelines import GPUS

    source = output.read_source(options.source)
    if is_artifact(source):
        raise SourceError(f"{source} is an artifact, which is compiled already", help="name what it was compiled from")
    if options.target not in (DEFAULT_TARGET, *GPUS):
        raise UnsupportedError(f"programs for '{options.target}' can't be measured yet, those for cpu and GPUs can")
    if options.target == DEFAULT_TARGET and (options.bundle or options.results):
        raise UnsupportedError("programs for cpu are measured here", help="leave --bundle and --results away")
    tuned = _tune_here(options, source) if options.target == DEFAULT_TARGET else _tune_elsewhere(options, source)
    if tuned is None:
        return 0
    if options.json:
        output.print_json(_data(tuned))
    else:
        _show(tuned)
    return 0


def _tune_here(options: argparse.Namespace, source: Path | bytes) -> Tuned:
    """Measures on this host."""
    from powerfusion.cli.progress import progress
    from powerfusion.tuning.tune import tune

    try:
        with progress() as told:
            return tune(
                source,
                options.candidates,
                options.budget,
                options.seed,
                lambda program: _inputs(program, options.inputs, options.seed),
                told,
            )
    except KeyboardInterrupt:
        print("what was measured is kept: the same command goes on from there", file=sys.stderr)
        raise


def _tune_elsewhere(options: argparse.Namespace, source: Path | bytes) -> Tuned | None:
    """Writes a bundle, or takes what came back; without either, does all of it with the device that is here."""
    from powerfusion.runtime.bundle import read_results
    from powerfusion.runtime.measure import measure
    from powerfusion.tuning.elsewhere import take_results

    if options.results:
        return take_results(source, options.target, read_results(options.results))
    if options.bundle:
        _write_bundle(options, source, options.bundle)
        return None
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as folder:
        bundle = Path(folder) / "bundle.zip"
        _write_bundle(options, source, bundle)
        return take_results(source, options.target, measure(bundle, seed=options.seed))


def _write_bundle(options: argparse.Namespace, source: Path | bytes, path: Path) -> None:
    from powerfusion.cli.progress import progress
    from powerfusion.tuning.elsewhere import Search, make_bundle

    inputs = _named_inputs(options, source) if options.inputs else None
    with progress() as told:
        bundle = make_bundle(Search(source, options.target, options.candidates, options.seed, inputs), path, told)
    if options.bundle:
        print(f"{path}: {len(list(bundle.there))} candidates for {bundle.target}; where that is, with NumPy and this")
        print(f"package:  python -m powerfusion.runtime.measure {shlex.quote(path.name)} -o r.json")
        print(f"then:     pf tune {shlex.quote(options.source)} --target {options.target} --results r.json")


def _named_inputs(options: argparse.Namespace, source: Path | bytes) -> Sequence[Array]:
    """The arrays that the command line names."""
    from powerfusion.cli.arrays import make_inputs
    from powerfusion.frontend.source import read_module, signature_of

    return make_inputs(options.inputs, signature_of(read_module(source)).arguments)


def _inputs(program: Executable, words: Sequence[str] | None, seed: int) -> Sequence[Array]:
    """The arrays of the command line; random ones of the seed where it names none.

    Whole numbers are 0 then: they may be indices, and nobody knows of how much.
    """
    import numpy as np

    from powerfusion.cli.arrays import make_inputs

    arguments = program.signature.arguments
    found = make_inputs(words or [f"random:{seed + at}" for at in range(len(arguments))], arguments)
    if words:
        return found
    return [np.zeros_like(array) if array.dtype.kind in "iu" else array for array in found]


def _data(tuned: Tuned) -> dict[str, Any]:
    rows = [
        {
            "candidate": row.candidate,
            "predicted_s": row.predicted_s,
            "measured_s": row.measured_s if row.seconds else None,
            "spread": row.spread if row.seconds else None,
            "turns": len(row.seconds),
            "problem": row.problem or None,
        }
        for row in tuned.rows
    ]
    return {"chosen": tuned.chosen, "over_best": tuned.over_best, "spent_s": tuned.spent_s, "candidates": rows}


def _show(tuned: Tuned) -> None:
    from rich.markup import escape

    from powerfusion.cli.output import Column, format_seconds, make_console, make_table, print_rich

    console = make_console()
    headings = ("candidate", "by the model", "measured", "spread", "turns", "over the quickest")
    columns = [*map(Column, headings), Column("", left=True)]
    table = make_table(columns, plain=not console.is_terminal)
    best = min(row.measured_s for row in tuned.measured)
    for row in tuned.rows:
        said = "kept" if row.candidate == tuned.chosen else row.problem
        figures = [format_seconds(row.measured_s), f"{row.spread:.0%}", str(len(row.seconds))] if row.seconds else []
        over = [f"{row.measured_s / best:.2f}x"] if row.seconds else []
        cells = [*figures, *over] or ["–"] * 4
        table.add_row(str(row.candidate), format_seconds(row.predicted_s), *cells, escape(said))
    words = (
        f"the model's choice takes {tuned.over_best:.2f} times as long as the quickest; {tuned.spent_s:.0f} s in all"
    )
    print_rich(console, table, "", words)
