"""`pf compile`: a program into an artifact, into code for callers in C, into C, or into the IR after a phase."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from powerfusion.cli.programs import configure_freedoms, configure_phases, freedoms_of

if TYPE_CHECKING:
    from powerfusion.executable import Executable

LIBRARIES = (".o", ".a", ".so")
ASSEMBLY = {".ptx": "cuda:", ".s": "rocm:"}
"""What kernels of a GPU are written as, and how the targets begin that they are for."""
ENDINGS = (".mlir", ".pfx", *LIBRARIES, ".c", *ASSEMBLY)
C_TARGET = "c"
MACHINES = ("mlu:", "file:")
"""How targets begin that are machines whose descriptions say how C is written for them, and how such files end."""
EPILOG = """\
examples:
  pf compile model.mlir -o model.pfx                       an artifact, for `pf run`
  pf compile model.onnx -o model.pfx                       the same of an ONNX model
  pf compile model.mlir -o model.pfx --target cuda:sm_90 --target rocm:gfx942    for several devices
  pf compile model.mlir -o libmodel.so                     a library for C, without Python, and model.h; or model.o
  pf compile model.mlir -o model.c --target c              portable C99, and model.h for who calls it
  pf compile model.mlir -o model.mlu --target mlu:mlu372   BANG C, and model.h; so for file:MACHINE.toml
  pf compile model.mlir -o model.ptx --target cuda:sm_90   the kernels as PTX; as AMD's assembly: .s, rocm:gfx942
  pf compile model.mlir -o model.gir.mlir --compile-to simplify
  pf compile model.gir.mlir -o model.tile.mlir --compile-from simplify --compile-to tile
  pf compile model.mlir -o model.tile.mlir --target sm_90   placed and tiled for a machine of `pf machines`"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument(
        "source",
        metavar="IN",
        help="MLIR with one public function, text or bytecode, or ONNX (.onnx); - for stdin",
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT",
        type=Path,
        required=True,
        help="what to write; ends in .pfx for the artifact, in .o, .a or .so for machine code and a header of C beside "
        "it, in .c (.mlu for an MLU) for C and a header, in .ptx or .s for kernels of a GPU, in .mlir for IR",
    )
    parser.add_argument(
        "--target",
        dest="targets",
        metavar="T",
        action="append",
        help="what to compile for (default: cpu); an artifact may hold several: --target cpu --target cuda:sm_90",
    )
    configure_phases(parser, "write the IR after this phase (default: the last one)")
    configure_freedoms(parser)


def execute(options: argparse.Namespace) -> int:
    """Compiles and writes."""
    output: Path = options.output
    targets: list[str] = list(dict.fromkeys(options.targets or ["cpu"]))
    if len(targets) > 1 and output.suffix != ".pfx":
        options.usage(f"argument --target: only an artifact, .pfx, holds several, '{output}' doesn't")
    options.target = targets[0]
    ending = _ending_of_c(options.target)
    endings = (".mlir", ending) if ending else ENDINGS
    if output.suffix not in endings:
        options.usage(f"argument -o: expected a name that ends in {' or '.join(endings)}, got '{output}'")
    if options.compile_to and output.suffix != ".mlir":
        options.usage(f"argument --compile-to: expected an output that ends in .mlir, got '{output}'")

    if output.suffix == ".c" and not ending:
        options.usage(f"argument -o: expected --target {C_TARGET} with a name that ends in .c")
    family = ASSEMBLY.get(output.suffix)
    if family is not None and not options.target.startswith(family):
        options.usage(f"argument -o: expected --target {family}CHIP with a name that ends in {output.suffix}")

    from powerfusion.cli import output as out
    from powerfusion.cli.programs import check_phases, compile_program

    check_phases(options)
    out.check_writable(output)
    source, is_code = out.read_source(options.source), output.suffix != ".mlir"
    executable, *others = (
        compile_program(
            source,
            target,
            options.compile_to,
            after=options.compile_from,
            code=is_code,
            freedoms=freedoms_of(options),
        )
        for target in targets
    )
    if output.suffix == ".pfx":
        out.write_whole(output, lambda path: executable.save(path, *others))
    elif family is not None:
        assembly = executable.device_program.assembly
        out.write_whole(output, lambda path: path.write_text(assembly))
    elif is_code:
        _write_with_header(executable, output, is_c=output.suffix == ending)
        return 0
    else:
        text = executable.ir(options.compile_to or executable.phases[-1]).rstrip("\n") + "\n"
        out.write_whole(output, lambda path: path.write_text(text))
    print(f"wrote {output}", file=sys.stderr)
    return 0


def _ending_of_c(target: str) -> str | None:
    """How files of C for a target end; None where none are written."""
    if not target.startswith(MACHINES):
        return ".c" if target == C_TARGET else None
    from powerfusion.machines.table import find

    emission = find(target).emit
    return f".{emission.suffix}" if emission else None


def _write_with_header(executable: Executable, output: Path, *, is_c: bool) -> None:
    """Writes C or machine code, and what its callers include."""
    from powerfusion.cli import output as out
    from powerfusion.emit.c_library import header_name

    header = output.with_name(header_name(output.name))
    out.check_writable(header)
    if is_c:
        found = executable.c_source
        code = found.code.encode()
    else:
        found = executable.c_library(output.name)
        code = found.code
    out.write_whole(output, lambda path: path.write_bytes(code))
    out.write_whole(header, lambda path: path.write_text(found.header))
    print(f"wrote {output} and {header}", file=sys.stderr)
