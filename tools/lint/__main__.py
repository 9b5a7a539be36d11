"""Runs the checks: `PYTHONPATH=tools python -m lint [--root DIR] [lengths|layers|borders ...]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from lint import borders, layers, lengths
from lint.tree import Tree, Violation

CHECKS: dict[str, Callable[[Tree], Iterator[Violation]]] = {
    "lengths": lengths.check,
    "layers": layers.check,
    "borders": borders.check,
}


def main(arguments: list[str] | None = None) -> int:
    """Prints each violation; returns 1 if one of them is fatal."""
    parser = argparse.ArgumentParser(prog="lint", description="Checks layering, borders and file lengths.")
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=", ".join(CHECKS))
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.checks if name not in CHECKS]:
        parser.error(f"unknown check '{unknown[0]}', expected one of {', '.join(CHECKS)}")
    tree = Tree.of(options.root)
    found = sorted(v for name in options.checks or CHECKS for v in CHECKS[name](tree))
    for violation in found:
        print(violation)
    return int(any(violation.fatal for violation in found))


if __name__ == "__main__":
    sys.exit(main())
