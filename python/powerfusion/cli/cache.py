"""`pf cache`: what compiled programs are kept, and clearing them."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from powerfusion.cache.files import Entry, Files

DAY_S = 24 * 60 * 60
EPILOG = """\
examples:
  pf cache                       where compiled programs are kept, and how much they take
  pf cache clear                 removes all of them
  pf cache clear --unused 30     removes those that weren't used for 30 days

PF_CACHE names another folder, or off; PF_CACHE_LIMIT how much is kept."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("action", nargs="?", choices=("show", "clear"), default="show", help="show (default) or clear")
    parser.add_argument("--unused", metavar="DAYS", type=_days, help="clear: only what wasn't used for so many days")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _days(text: str) -> float:
    days = float(text)
    if not 0 < days < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text}")
    return days


def execute(options: argparse.Namespace) -> int:
    """Shows or clears."""
    from powerfusion import knobs
    from powerfusion.cache.files import open_files
    from powerfusion.cli import output
    from powerfusion.errors import PowerFusionError

    if options.unused and options.action != "clear":
        options.usage("only clear takes --unused")
    files = open_files()
    if files is None and options.action == "clear":
        raise PowerFusionError("there is no cache to clear: it is off", help=f"{knobs.CACHE.name} names its folder")
    if files is None:
        _show_off(json=options.json)
        return 0
    try:
        if options.action == "clear":
            _clear(files, options.unused, json=options.json)
        else:
            _show(files, json=options.json)
    except OSError as error:
        raise PowerFusionError(
            f"{error.filename or files.folder} can't be {'removed' if options.action == 'clear' else 'read'}: "
            f"{output.reason(error)}"
        ) from error
    return 0


def _show_off(*, json: bool) -> None:
    from powerfusion.cli import output

    if json:
        output.print_json({"folder": None, "entries": 0, "bytes": 0, "limit_bytes": None, "last_used": None})
    else:
        print("compiled programs aren't kept: PF_CACHE is off")


def _show(files: Files, *, json: bool) -> None:
    from powerfusion.cli import output

    entries = files.entries()
    size, last = _size(entries), entries[-1].used_s if entries else None
    if json:
        output.print_json(
            {
                "folder": str(files.folder),
                "entries": len(entries),
                "bytes": size,
                "limit_bytes": files.limit_bytes,
                "last_used": last,
            }
        )
        return
    console = output.make_console()
    columns = [output.Column(name, left=name == "folder") for name in ("folder", "programs", "bytes", "at most")]
    table = output.make_table([*columns, output.Column("last used")], plain=not console.is_terminal)
    used = "never" if last is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(last))
    sizes = (output.format_bytes(count) for count in (size, files.limit_bytes))
    table.add_row(_escaped(str(files.folder)), str(len(entries)), *sizes, used)
    output.print_rich(console, table)


def _clear(files: Files, unused_days: float | None, *, json: bool) -> None:
    from powerfusion.cli import output

    removed = files.clear((unused_days or 0) * DAY_S)
    if json:
        output.print_json({"folder": str(files.folder), "entries": len(removed), "bytes": _size(removed)})
    else:
        programs = "1 program" if len(removed) == 1 else f"{len(removed)} programs"
        print(f"removed {programs}, {output.format_bytes(_size(removed))}")


def _size(entries: list[Entry]) -> int:
    return sum(entry.size_bytes for entry in entries)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
