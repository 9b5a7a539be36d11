"""`pf diff`: what one program or schedule moves more or less than another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from powerfusion.cli.programs import DEFAULT_TARGET, shape_argument

if TYPE_CHECKING:
    from powerfusion.report import Report

EPILOG = """\
examples:
  pf diff old.mlir new.mlir                                two programs
  pf diff model.mlir@simplify model.mlir@place             what placing changed
  pf diff model.mlir --target-a sm_90 --target-b mlu372    one program on two machines
  pf diff model.mlir@place model.mlir@tile --target sm_90 --all"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("first", metavar="A", help="MLIR with one public function; FILE@PHASE is what a phase leaves")
    parser.add_argument("second", metavar="B", nargs="?", help="what is held against it (default: A)")
    parser.add_argument("--target", metavar="T", default=DEFAULT_TARGET, help="of both (default: %(default)s)")
    parser.add_argument("--target-a", metavar="T", help="of A: a target, a machine's name, or a .toml file")
    parser.add_argument("--target-b", metavar="T", help="of B")
    parser.add_argument(
        "--shape",
        dest="shapes",
        metavar="N=SIZES",
        type=shape_argument,
        action="append",
        default=[],
        help="sizes of argument N (from 0) of both, like 0=4x1024, for programs whose sizes are dynamic",
    )
    parser.add_argument("--all", action="store_true", help="list what is equal as well, and what moves at registers")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def execute(options: argparse.Namespace) -> int:
    """Compiles both and prints the difference."""
    from powerfusion.cli import output
    from powerfusion.cli.traffic import compare

    second = options.second or options.first
    targets = [options.target_a or options.target, options.target_b or options.target]
    reports = [_report(options, name, target) for name, target in zip((options.first, second), targets, strict=True)]
    comparison = compare(*reports)
    if options.json:
        sides = [
            {"source": name, "target": target, "machine": report.machine, "phase": report.phase}
            for name, target, report in zip((options.first, second), targets, reports, strict=True)
        ]
        output.print_json({"a": sides[0], "b": sides[1], **comparison.to_json()})
        return 0
    from powerfusion.cli.traffic_table import render

    render(comparison, output.make_console(), everything=options.all)
    return 0


def _report(options: argparse.Namespace, name: str, target: str) -> Report:
    """What one of the two moves."""
    from powerfusion.cli import output
    from powerfusion.cli.programs import bind_shapes, compile_program

    source, phase = split_phase(name)
    executable: Any = compile_program(output.read_source(source), target, phase or LAST)
    chosen = {"phase": phase} if phase else {}
    return executable.report(bind_shapes(executable.signature.arguments, options.shapes), **chosen)


LAST = "place"
"""The phase that is compared unless another is named."""


def split_phase(name: str) -> tuple[str, str | None]:
    """The file and the phase of `FILE@PHASE`; a file may have an `@` in its own name.

    Raises:
        SourceError: There is no such phase, or none whose bytes can be counted.
    """
    from powerfusion.errors import SourceError
    from powerfusion.pipelines import COUNTED

    source, at, phase = name.rpartition("@")
    if not at or Path(name).exists():
        return name, None
    if phase not in COUNTED:
        raise SourceError(f"{name}: expected a phase of {', '.join(COUNTED)} behind the @, got '{phase}'")
    return source, phase
