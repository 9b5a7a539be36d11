"""`pf compile`: a program into an artifact, into C, or into the IR after a phase."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from powerfusion.cli.programs import configure_phases

ENDINGS = (".mlir", ".pfx", ".c")
C_TARGET = "c"
EPILOG = """\
examples:
  pf compile model.mlir -o model.pfx                       an artifact, for `pf run`
  pf compile model.mlir -o model.c --target c              portable C99, and model.h for who calls it
  pf compile model.mlir -o model.gir.mlir --compile-to simplify
  pf compile model.gir.mlir -o model.tile.mlir --compile-from simplify --compile-to tile
  pf compile model.mlir -o model.tile.mlir --target sm_90   placed and tiled for a machine of `pf machines`"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("source", metavar="IN", help="MLIR with one public function, text or bytecode; - for stdin")
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT",
        type=Path,
        required=True,
        help="what to write; ends in .pfx for the artifact, in .c for C and a header beside it, in .mlir for IR",
    )
    parser.add_argument("--target", metavar="T", default="cpu", help="what to compile for (default: %(default)s)")
    configure_phases(parser, "write the IR after this phase (default: the last one)")


def execute(options: argparse.Namespace) -> int:
    """Compiles and writes."""
    output: Path = options.output
    if output.suffix not in ENDINGS:
        options.usage(f"argument -o: expected a name that ends in {' or '.join(ENDINGS)}, got '{output}'")
    if options.compile_to and output.suffix != ".mlir":
        options.usage(f"argument --compile-to: expected an output that ends in .mlir, got '{output}'")

    if (output.suffix, options.target == C_TARGET) in ((".c", False), (".pfx", True)):
        options.usage(f"argument -o: expected a name that ends in .c with --target {C_TARGET} alone, got '{output}'")

    from powerfusion.cli import output as out
    from powerfusion.cli.programs import check_phases, compile_program

    check_phases(options)
    out.check_writable(output)
    source, is_code = out.read_source(options.source), output.suffix in (".pfx", ".c")
    executable = compile_program(source, options.target, options.compile_to, after=options.compile_from, code=is_code)
    if output.suffix == ".c":
        found, header = executable.c_source, output.with_suffix(".h")
        out.check_writable(header)
        out.write_whole(output, lambda path: path.write_text(found.code))
        out.write_whole(header, lambda path: path.write_text(found.header))
        print(f"wrote {output} and {header}", file=sys.stderr)
        return 0
    if is_code:
        out.write_whole(output, executable.save)
    else:
        text = executable.ir(options.compile_to or executable.phases[-1]).rstrip("\n") + "\n"
        out.write_whole(output, lambda path: path.write_text(text))
    print(f"wrote {output}", file=sys.stderr)
    return 0
