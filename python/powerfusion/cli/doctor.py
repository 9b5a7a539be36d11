"""`pf doctor`: what is installed, what is missing, and what to do about it.

It is for machines on which something is wrong, so it needs nothing but Python's own library: what can be missing is
looked for, and what can crash is tried in another process.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from powerfusion.cli.checks import Check

EPILOG = "Exit status: 0 if all that is needed is there, 1 if something is missing."


def configure(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def execute(options: argparse.Namespace) -> int:
    """Checks and prints."""
    from powerfusion.cli import checks, devices, health

    found = [*checks.installation(), *devices.devices(), *health.native_library()]
    ok = all(check.ok for check in found if check.needed)
    if options.json:
        import json

        listed = [{**asdict(check), "status": check.status} for check in found]
        print(json.dumps({"ok": ok, "checks": listed}, indent=2, ensure_ascii=False))
    else:
        show(found)
    return 0 if ok else 1


def show(found: Sequence[Check]) -> None:
    """Prints a table, and below it what to do."""
    try:
        show_table(found)
    except ImportError:  # rich itself may be what is missing
        for check in found:
            print(f"{check.group:10} {check.status:10} {check.name}: {check.detail}")
    missing = [check for check in found if not check.ok and check.help]
    for check in missing:
        print(f"{'missing' if check.needed else 'optional'}: {check.name}: {check.help}")
    if not any(check.needed for check in missing):
        print("everything that PowerFusion needs is there")
    sys.stdout.flush()


def show_table(found: Sequence[Check]) -> None:
    """Prints the table."""
    from rich.markup import escape

    from powerfusion.cli.output import Column, make_console, make_table, print_rich

    console = make_console()
    columns = [Column(heading, left=True) for heading in ("", "what", "status", "detail")]
    table = make_table(columns, plain=not console.is_terminal)
    group = ""
    for check in found:
        colour = "green" if check.ok else "red" if check.needed else "yellow"
        heading = check.group if check.group != group else ""
        group = check.group
        table.add_row(heading, escape(check.name), f"[{colour}]{check.status}[/]", escape(check.detail))
    print_rich(console, table)
