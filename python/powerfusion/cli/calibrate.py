"""`pf calibrate`: measures this machine, and keeps what it found for the search."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from powerfusion.calibration.run import Calibration

EPILOG = """\
examples:
  pf calibrate                      measures all cores; `cpu` has the figures from then on
  pf calibrate --threads 1          the same for programs that may use one core
  pf calibrate --out mine.toml      writes another file, for PF_CALIBRATION, --machine or --target

Let the machine be idle: where rounds differ by more than 15 % it is said. It takes half a minute and no C compiler.
`pf machines show cpu` shows what is known; PF_CALIBRATION names a file to take, or off."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: one in the cache)")
    parser.add_argument("--threads", type=_count, metavar="N", help="cores to use (default: all that may be used)")
    parser.add_argument("--rounds", type=_count, default=15, metavar="N", help="turns of each probe (default: 15)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text}")
    return int(text)


def execute(options: argparse.Namespace) -> int:
    """Measures, writes and shows."""
    from powerfusion import compile as compile_program
    from powerfusion import knobs
    from powerfusion.calibration.run import calibrate, use_cores
    from powerfusion.cli import output
    from powerfusion.cli.progress import progress
    from powerfusion.errors import PowerFusionError
    from powerfusion.machines.calibrated import place_of
    from powerfusion.machines.host import detect
    from powerfusion.machines.schema import to_toml

    if options.out and options.out.suffix != ".toml":
        raise PowerFusionError(f"{options.out} isn't a machine's file", help="end it in .toml")
    if options.threads:
        use_cores(options.threads)
    path = options.out or place_of(detect())
    output.make_folder(path.parent)
    output.check_writable(path)
    # Programs that measure are placed as on a machine that nobody has measured: the same ones each time.
    knobs.ignore_calibration()
    with progress() as told:
        found = calibrate(options.rounds, lambda text: compile_program(text, cache=False), told)
    output.write_whole(path, lambda place: place.write_text(to_toml(found.machine), encoding="utf-8"))
    if options.json:
        output.print_json(_data(found, path))
    else:
        _show(found, path)
    return 0


def _data(found: Calibration, path: Path) -> dict[str, object]:
    from powerfusion.calibration.assumed import assumed

    figures = [
        {
            "name": each.name,
            "of": each.of,
            "unit": each.unit,
            "value": each.figure.value,
            "spread": each.figure.spread,
            "assumed": assumed(found.before, each.name),
        }
        for each in found.figures
    ]
    return {"file": str(path), "processor": found.before.title, "said": found.said, "figures": figures}


def _show(found: Calibration, path: Path) -> None:
    from rich.markup import escape

    from powerfusion.calibration.assumed import assumed
    from powerfusion.calibration.figures import BUSY_SPREAD, rounded
    from powerfusion.cli import output
    from powerfusion.machines.text import number_text

    console = output.make_console()
    columns = [output.Column("of", left=True), output.Column("measured"), output.Column("unit", left=True)]
    columns += [output.Column("spread"), output.Column("the search assumed")]
    table = output.make_table(columns, plain=not console.is_terminal)
    for each in found.figures:
        before = assumed(found.before, each.name)
        guess = "–" if before is None else number_text(rounded(before))
        spread = f"{each.figure.spread:.0%}"
        table.add_row(escape(each.of), number_text(rounded(each.figure.value)), each.unit, spread, guess)
    title = f"{found.before.title}: {found.said.removeprefix('measured: ')}"
    output.print_rich(console, escape(title), "", table, "", escape(f"written to {path}"))
    busy = [each.of for each in found.figures if each.figure.spread > BUSY_SPREAD]
    if busy:
        output.print_rich(
            console,
            escape(f"something else was running: rounds differ by more than {BUSY_SPREAD:.0%} for {', '.join(busy)}"),
        )
