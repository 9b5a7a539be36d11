#!/usr/bin/env python3
"""Holds what placing promised against tile form, as tiled and as scheduled: useful bytes, of every cell of the table.

Printed are cells of which a kernel with a nest moves other bytes than promised, by space and direction, or isn't tiled
by its nest; it exits with 1 where one moves more. Kernels without a nest promise nothing.

Usage: .venv/bin/python tools/placement_promises.py [--program NAME]... [--machine NAME]... [--small]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from placement.machines import MACHINES, machine_of, option_of
from placement.measure import kernels_of, nest_of
from placement.route import FIRST, PLACE, placed
from powerfusion.executable import Executable, compile_phases
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.phases import run_phase
from powerfusion.pipelines import phases_for
from workloads import Size, workloads

Totals = Counter[tuple[str, str, str]]


def main() -> int:
    """Compares, prints."""
    parser = argparse.ArgumentParser(prog="placement_promises.py", description="Holds promises against tile form.")
    parser.add_argument("--program", action="append", default=[], metavar="NAME", help="only programs of this start")
    parser.add_argument("--machine", action="append", default=[], choices=MACHINES, help="only this machine")
    parser.add_argument("--small", action="store_true", help="the small sizes")
    options = parser.parse_args()
    size: Size = "small" if options.small else "full"
    cells, worse = 0, False
    for workload in workloads():
        if options.program and not any(workload.name.startswith(name) for name in options.program):
            continue
        executable = compile_phases(workload.text(size), FIRST, "cpu")
        for name in options.machine or MACHINES:
            cells += 1
            for line, is_more in differences(executable, name):
                worse |= is_more
                print(f"{workload.name} {workload.dtype} on {name}: {line}", flush=True)
    print(f"{cells} cells", file=sys.stderr)
    return int(worse)


def differences(executable: Executable, name: str) -> Iterator[tuple[str, bool]]:
    """What of a cell isn't as promised, and whether it is more."""
    machine, module = machine_of(name), executable.module("simplify")
    placed(module, name)
    kernels = {ir.StringAttr(op.attributes["kernel_name"]).value: nest_of(op) for op in kernels_of(module)}
    names = {kernel for kernel, nest in kernels.items() if nest}
    promised = useful(module, machine, names)
    for phase in phases_for(option_of(name))[PLACE + 1 :]:
        _, remarks = run_phase(module, phase.with_option("remarks", "true"))
        yield from ((remark.message, True) for remark in remarks if "by its nest" in remark.message)
        found = useful(module, machine, names)
        for key in sorted(promised.keys() | found.keys()):
            if promised[key] != found[key]:
                yield f"{phase.name}: {' '.join(key)} {promised[key]} -> {found[key]}", found[key] > promised[key]


def useful(module: ir.Module, machine: Machine, kernels: set[str]) -> Totals:
    """Useful bytes of some kernels, by kernel, space and direction."""
    found = Totals()
    for entry in ledger_of(module, machine).entries:
        if entry.kernel in kernels:
            assert isinstance(entry.useful, int)
            found[entry.kernel, entry.space, entry.direction] += entry.useful
    return found


if __name__ == "__main__":
    sys.exit(main())
