"""`pf bench`: this compiler and others side by side, on the same programs and inputs, in one run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from powerfusion import knobs
from powerfusion.errors import PowerFusionError

ROOT = Path(__file__).resolve().parents[3]
EPILOG = """\
examples:
  pf bench --suite memory-bound --threads 1
  pf bench --case softmax --dtype f32 --peer torch_eager --peer powerfusion_cpu
  pf bench --case layernorm --json layernorm.json
  pf bench --dtype bf16 --excess-precision
  pf bench --suite models --case shufflenet_v2
  pf bench --predicted --candidates 8 --page predicted.md

Peers live in an environment of their own: `tools/bootstrap --with peers` makes it. Medians of interleaved rounds are
shown, beside the least time that the machine's own ceilings, measured in the same run, allow for the bytes.

With --predicted no peers are measured: what the model predicts stands beside what our programs take, and with
--candidates the model's choice of a placement over the best of so many. `pf calibrate` comes first."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("--suite", default="memory-bound", help="which cases (default: %(default)s)")
    parser.add_argument("--case", action="append", default=[], metavar="NAME", help="only cases that start so")
    parser.add_argument("--dtype", action="append", default=[], choices=("f32", "bf16"), help="(default: f32)")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME", help="only these, as torch_eager")
    parser.add_argument(
        "--excess-precision",
        action="store_true",
        help="measure our programs also without roundings to 16 bits between the ops of a kernel, in a column beside",
    )
    parser.add_argument("--fp-contract", action="store_true", help="the same with multiply-adds, in a column beside")
    parser.add_argument("--threads", type=_count, default=1, metavar="N", help="of each peer (default: %(default)s)")
    parser.add_argument("--rounds", type=_count, default=5, metavar="N", help="turns of each (default: %(default)s)")
    parser.add_argument("--predicted", action="store_true", help="compare with the model instead of peers")
    parser.add_argument(
        "--candidates", type=_count, default=1, metavar="N", help="with --predicted: placements of each (default: 1)"
    )
    parser.add_argument(
        "--budget", type=float, default=30.0, metavar="SECONDS", help="with --predicted: for each case (default: 30)"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="with --predicted: also write it as Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything that was measured")


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text}")
    return value


def execute(options: argparse.Namespace) -> int:
    """Measures and prints."""
    folder = ROOT / "benchmarks"
    if not folder.is_dir():
        raise PowerFusionError("the benchmarks aren't installed with the package", help="run pf from a clone")
    sys.path.insert(0, str(folder))
    from peers import PEERS  # pyright: ignore[reportMissingImports]
    from speed.run import BenchmarkError, Request, run, save  # pyright: ignore[reportMissingImports]
    from suites import MODELS, SUITES  # pyright: ignore[reportMissingImports]

    if options.suite not in SUITES:
        raise PowerFusionError(f"expected a suite of {', '.join(SUITES)}, got '{options.suite}'")
    known = [spec.module for spec in PEERS]
    if options.predicted and options.suite == MODELS:
        raise PowerFusionError("the model predicts programs, not whole models", help="choose another suite")
    if options.predicted:
        return _predict(options)
    for name in options.peer:
        if name not in known:
            raise PowerFusionError(f"expected a peer of {', '.join(known)}, got '{name}'")
    request = Request(
        options.suite,
        options.dtype or ["f32"],
        options.case,
        options.peer,
        options.threads,
        options.rounds,
        knobs.llvm_prefix() / "bin" / "clang",
        options.excess_precision,
        options.fp_contract,
    )
    try:
        data = run(request, lambda text: print(text, file=sys.stderr, flush=True), print)
    except BenchmarkError as error:
        raise PowerFusionError(str(error)) from error
    if options.json:
        save(options.json, data)
    return 0


def _predict(options: argparse.Namespace) -> int:
    """Measures and prints what the model says beside it."""
    from powerfusion.cli.output import write_whole
    from speed.predicted import compare, page, to_json  # pyright: ignore[reportMissingImports]
    from speed.run import BenchmarkError, cases_of, save  # pyright: ignore[reportMissingImports]

    try:
        cases = cases_of(options.suite, options.dtype or ["f32"], options.case)
    except BenchmarkError as error:
        raise PowerFusionError(str(error)) from error
    told = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    points = compare(cases, options.candidates, options.budget, options.threads, told)
    if options.json:
        save(options.json, to_json(points))
    lines = list(page(points))
    print("\n".join(lines))
    if options.page:
        text = "\n".join(["# Predicted and measured", "", *lines, ""])
        write_whole(options.page, lambda place: place.write_text(text, encoding="utf-8"))
    return 0
