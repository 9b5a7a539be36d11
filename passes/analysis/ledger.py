"""`gir-ledger`: says at each movement how many bytes it moves.

    pf-opt --gir-ledger in.mlir
      in.mlir:7:10: remark: reads 2048000 B of memory (issued 2048000), writes 2048000 B of registers

With `format=table` or `format=json` the whole ledger is written to `output` instead, or to standard
error: a row per instruction, space and direction.

Contract: changes nothing; takes graph form, placed or not, and tile form. What is counted is written
in decision 0011; `ledger_program` counts it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from powerfusion.core._mlir import walk_numbered
from powerfusion.core.diagnostics import emit_remark
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.errors import UnsupportedError
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_program import Entry, Ledger, ledger_of, ledger_of_op
from powerfusion.passes.analysis.ledger_report import kernel_reports, report_of

__all__ = ["Entry", "Ledger", "LedgerPass", "kernel_reports", "ledger_of", "report_of"]
FORMATS = ("remarks", "table", "json")
COLUMNS = ("instruction", "op", "kernel", "space", "direction", "useful", "issued", "arriving")


@register_pass
@dataclass(frozen=True)
class LedgerPass(Pass):
    """Count the bytes that each instruction moves."""

    name: ClassVar[str] = "gir-ledger"
    machine: str = option("cpu", help="Whose spaces count: a machine's name, or a .toml that describes one")
    format: str = option("remarks", help="remarks at the movements, or a table or json of all of them")
    output: str = option("", help="File for the table or json; standard error by default")

    def run(self, op: ir.Operation) -> None:
        """Emits remarks, or writes the ledger."""
        if self.format not in FORMATS:
            raise UnsupportedError(f"expected a format of {', '.join(FORMATS)}, got '{self.format}'")
        ledger = ledger_of_op(op, find(self.machine))
        match self.format:
            case "remarks":
                remark_all(op, ledger)
            case "table":
                self._write(table_text(ledger))
            case _:
                self._write(json.dumps(ledger_json(ledger), indent=1))

    def _write(self, text: str) -> None:
        if self.output:
            Path(self.output).write_text(text + "\n", encoding="utf-8")
        else:
            print(text, file=sys.stderr)


def remark_all(module: ir.Operation, ledger: Ledger) -> None:
    """Emits a remark at each instruction that moves something."""
    ops = dict(walk_numbered(module))
    by_instruction: dict[int, list[Entry]] = {}
    for entry in ledger.entries:
        by_instruction.setdefault(entry.instruction, []).append(entry)
    for number, entries in by_instruction.items():
        emit_remark(ops[number].location, ", ".join(map(_words, entries)))


def _words(entry: Entry) -> str:
    verb = "reads" if entry.direction == "read" else "writes"
    preposition = "of" if entry.direction == "read" else "to"
    if entry.useful == 0 and entry.issued != 0:
        return f"{verb} {_figure(entry, 'issued')} {preposition} {entry.space} before it writes"
    more = f" (issued {_figure(entry, 'issued')})" if entry.level != "reg" else ""
    return f"{verb} {_figure(entry, 'useful')} {preposition} {entry.space}{more}"


def _figure(entry: Entry, name: str) -> str:
    most = "at most " if name in entry.bounds else ""
    return f"{most}{getattr(entry, name)} B"


def table_text(ledger: Ledger) -> str:
    """The ledger as a plain table, a row per entry; upper bounds are marked with `<=`."""
    rows = [list(COLUMNS), *([_cell(entry, column) for column in COLUMNS] for entry in ledger.entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    peaks = [f"peak of {space}: {count} B" for space, count in ledger.peaks.items()]
    return "\n".join([*(line.rstrip() for line in lines), *peaks])


def _cell(entry: Entry, column: str) -> str:
    return f"{'<=' if column in entry.bounds else ''}{getattr(entry, column)}"


def ledger_json(ledger: Ledger) -> dict[str, Any]:
    """The ledger as plain data; what depends on open sizes is a formula."""
    return {
        "entries": [_entry_json(entry) for entry in ledger.entries],
        "peaks": {space: _plain(count) for space, count in ledger.peaks.items()},
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    found = {each.name: getattr(entry, each.name) for each in fields(entry)} | {"bounds": sorted(entry.bounds)}
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, str, list)) else str(value)
