"""`pf explain`: the bytes that a program moves after each phase, beside those that it must move."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from powerfusion.cli.programs import DEFAULT_TARGET, configure_phases, shape_argument

if TYPE_CHECKING:
    from powerfusion.report import Report

EPILOG = """\
examples:
  pf explain examples/relu_add.mlir
  pf explain model.mlir --shape 0=4x1024        a dynamic program, for sizes of argument 0
  pf explain model.mlir --target sm_90          placed and tiled for a machine of `pf machines`, or of mine.toml
  pf explain model.mlir --machine sm_90         placed for this one, with transactions and caches of another
  pf explain model.mlir --compile-to tile       kernel by kernel as they are tiled
  pf explain model.mlir --phase simplify        the program itself after that phase"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument(
        "source",
        metavar="IN",
        help="MLIR with one public function, an ONNX model (.onnx), or an artifact (.pfx); - for stdin",
    )
    parser.add_argument(
        "--target",
        metavar="T",
        default=DEFAULT_TARGET,
        help="what to compile for: a target, a machine's name, or a .toml file (default: %(default)s)",
    )
    parser.add_argument(
        "--shape",
        dest="shapes",
        metavar="N=SIZES",
        type=shape_argument,
        action="append",
        default=[],
        help="sizes of argument N (from 0), like 0=4x1024, for a program whose sizes are dynamic",
    )
    parser.add_argument(
        "--machine", metavar="M", help="whose transactions and caches count, see pf machines (default: the target's)"
    )
    configure_phases(parser, "stop after this phase, and show the kernels as it leaves them")
    parser.add_argument("--phase", metavar="PHASE", help="print the program after this phase instead")
    parser.add_argument(
        "--remarks", action="store_true", help="say what passes remarked: what stayed away from registers, and why"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def execute(options: argparse.Namespace) -> int:
    """Compiles and prints."""
    from powerfusion.cli import output
    from powerfusion.cli.programs import (
        check_phase,
        check_phases,
        compile_program,
        is_artifact,
        last_counted,
        load_program,
    )

    check_phases(options)
    if options.phase:
        check_phase(options, "--phase", options.phase)
    source = output.read_source(options.source)
    if is_artifact(source):
        return _explain_artifact(options, load_program(source, options.target))
    until = options.phase or options.compile_to or last_counted(options.target)
    executable = compile_program(source, options.target, until, after=options.compile_from, remarks=options.remarks)
    if options.phase:
        text = executable.ir(options.phase).rstrip("\n")
        if options.json:
            output.print_json({"phase": options.phase, "ir": text})
        else:
            print(text)
        return 0
    _print_report(options, executable)
    return 0


def _print_report(options: argparse.Namespace, executable: Any) -> None:
    """Prints what each phase removed, and what the kernels move."""
    from powerfusion.cli import output
    from powerfusion.cli.advice import next_command, ratio, say_conflicts
    from powerfusion.cli.programs import bind_shapes
    from powerfusion.pipelines import COUNTED

    shapes = bind_shapes(executable.signature.arguments, options.shapes)
    phases = executable.phase_reports(shapes, **_machine(options))
    chosen = {"phase": options.compile_to} if options.compile_to in {each.phase for each in phases} else {}
    report = executable.report(shapes, **_machine(options), **chosen)
    found = executable.bank_conflicts() if COUNTED[-1] in executable.phases else []
    if options.json:
        output.print_json(
            {
                "target": options.target,
                **report.to_json(),
                "dram_ratio": ratio(report),
                "phases": [phase.to_json() for phase in phases],
                **({"bank_conflicts": [asdict(each) for each in found]} if found else {}),
                **({"remarks": [remark.to_json() for remark in executable.remarks]} if options.remarks else {}),
            }
        )
        return
    from powerfusion.cli.report_table import render_report

    asked = "" if options.target == DEFAULT_TARGET else f" --target {shlex.quote(options.target)}"
    then = next_command(options.source, executable.signature.arguments, report, asked)
    paragraph = "\n".join([_paragraph(executable, report, _machine(options)), *say_conflicts(found)])
    remarks = executable.remarks if options.remarks else ()
    render_report(report, output.make_console(), phases=phases, remarks=remarks, paragraph=paragraph, then=then)


def _machine(options: argparse.Namespace) -> dict[str, Any]:
    """The machine that is asked for, as an argument of `report`."""
    from powerfusion.machines.table import find

    return {"machine": find(options.machine)} if options.machine else {}


def _paragraph(executable: Any, report: Report, machine: dict[str, Any]) -> str:
    """What the figures mean; for open sizes, by an example."""
    from powerfusion.cli.advice import advise, advise_with_open_sizes, number, sample_shapes

    if number(report.dram_bytes) is not None:
        return advise(report)
    sampled = executable.report(sample_shapes(executable.signature.arguments), **machine)
    return advise_with_open_sizes(sampled)


def _explain_artifact(options: argparse.Namespace, program: Any) -> int:
    """Prints what the compiler reported when the artifact was made.

    Raises:
        SourceError: More is asked for than an artifact keeps.
    """
    from powerfusion.cli import output
    from powerfusion.errors import SourceError

    if options.phase or options.shapes or options.machine:
        flag = "--phase" if options.phase else "--shape" if options.shapes else "--machine"
        raise SourceError(
            f"{options.source} is an artifact, and keeps no program for {flag}",
            help="explain the MLIR that it is made from",
        )
    report = program.report()
    if options.json:
        output.print_json({"target": program.target, **report.to_json()})
    else:
        print(report)
    return 0
