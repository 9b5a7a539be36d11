"""`pf machines`: the machines that are known, and what a description of one holds."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from powerfusion.machines.model import Machine

EPILOG = """\
examples:
  pf machines                                   the known ones
  pf machines show sm_90                        one of them, with the source of each number
  pf machines show cpu --toml > mine.toml       a file to begin a description of your own with
  pf machines show mine.toml                    checks such a file and shows it
  pf machines check mine.toml                   runs small programs on the simulator that is made from it"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument(
        "action", nargs="?", choices=("list", "show", "check"), default="list", help="list (default), show, check"
    )
    parser.add_argument("machine", nargs="?", metavar="NAME|FILE", help="show, check: a known machine, or a .toml file")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON instead of tables; unknown numbers are null")
    form.add_argument("--toml", action="store_true", help="show: print it as a file that describes the same machine")


def execute(options: argparse.Namespace) -> int:
    """Lists, shows or checks."""
    from powerfusion.cli import machine_tables, output
    from powerfusion.machines import find, names
    from powerfusion.machines.schema import to_data, to_toml

    if options.action == "list":
        if options.machine or options.toml:
            options.usage("only show takes a machine and --toml")
        known = [find(name) for name in names()]
        if options.json:
            output.print_json({"machines": [_listed(machine) for machine in known]})
        else:
            console = output.make_console()
            output.print_rich(console, machine_tables.list_table(known, plain=not console.is_terminal))
        return 0
    if not options.machine:
        options.usage(f"{options.action} which machine? `pf machines` lists the known ones")
    if options.action == "check":
        if options.toml:
            options.usage("only show takes --toml")
        return _check(options.machine, as_json=options.json)
    machine = find(options.machine)
    if options.json:
        output.print_json(to_data(machine))
    elif options.toml:
        print(to_toml(machine), end="")
    else:
        console = output.make_console()
        output.print_rich(console, *machine_tables.machine_parts(machine, plain=not console.is_terminal))
    return 0


def _check(machine: str, *, as_json: bool) -> int:
    """Says what does each op, and runs the cases; 1 where one fails."""
    from dataclasses import asdict

    from powerfusion.cli import output
    from powerfusion.conformance import check_cases, support_of

    support = list(support_of(machine))
    if not as_json:
        width = max((len(op) for op, _ in support), default=0)
        for op, how in support:
            print(f"{op:<{width}}  {how}")
        print(flush=True)
    verdicts = []
    for verdict in check_cases(machine):
        verdicts.append(verdict)
        if not as_json:
            said = verdict.problem or f"right: {verdict.copied_bytes} bytes copied, {verdict.calls} calls"
            print(f"{verdict.case:<14}  {said}", flush=True)
    if as_json:
        output.print_json({"ops": dict(support), "cases": [asdict(verdict) for verdict in verdicts]})
    return int(any(verdict.problem for verdict in verdicts))


def _listed(machine: Machine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "title": machine.title,
        "spaces": {level: [space.name for space in machine.spaces_at(level)] for level in ("dram", "sram", "reg")},
    }
