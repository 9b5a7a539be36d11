"""Reads the dialect's records as tblgen sees them, each with its place in the source."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lint.lexer import Definition, definition

TBLGEN = "llvm-tblgen-22"
LLVM_CONFIG = "llvm-config-22"


@dataclass(frozen=True)
class Record:
    """An op, attribute or type of the dialect.

    Attributes:
        kind: `op`, `attribute` or `type`.
        name: The record's name, `GIR_MoveOp`.
        mnemonic: The name in the assembly without the dialect, `move`.
        dialect: The dialect's name, `gir`.
        path: The file that defines it, relative to the checkout.
        line: The line of its `def`.
        summary: Its summary, empty where it has none.
        description: Its description as written, empty where it has none.
        cpp_class: The C++ class, `MoveOp`.
        source: What the `def` says beyond tblgen's dump; `None` for a record that a multiclass made.
    """

    kind: str
    name: str
    mnemonic: str
    dialect: str
    path: str
    line: int
    summary: str
    description: str
    cpp_class: str
    source: Definition | None

    @cached_property
    def description_line(self) -> int:
        """The line on which the description begins."""
        return (self.source.value_line("description") if self.source else None) or self.line

    @cached_property
    def summary_line(self) -> int:
        """The line on which the summary begins."""
        return (self.source.value_line("summary") if self.source else None) or self.line

    def described_lines(self) -> Iterator[tuple[int, str]]:
        """The description's lines with their numbers in the source."""
        yield from enumerate(self.description.splitlines(), self.description_line)


class TablegenError(Exception):
    """Tblgen isn't there or refuses a file; the message is its own."""


def read(root: Path, folder: str) -> list[Record]:
    """All ops, attributes and types that the `.td` files in `folder` define, in the order of the source."""
    sources = {path.name: path for path in sorted((root / folder).glob("*.td"))}
    include = root / folder.partition("/include/")[0] / "include"
    found: dict[str, Record] = {}
    for path in sources.values():
        dump = dump_records(path, include)
        for kind, superclass in (("op", "Op"), ("attribute", "AttrDef"), ("type", "TypeDef")):
            for name in dump["!instanceof"].get(superclass, []):
                file, _, line = dump[name]["!locs"][0].rpartition(":")
                if file in sources and name not in found:
                    found[name] = record(root, sources[file], int(line), kind, dump[name], dump)
    return sorted(found.values(), key=lambda r: (r.path, r.line))


def record(root: Path, path: Path, line: int, kind: str, fields: dict[str, Any], dump: dict[str, Any]) -> Record:
    """Builds a record from tblgen's dump and the source around its `def`."""
    name = fields["!name"]
    dialect = dump[fields["opDialect" if kind == "op" else "dialect"]["def"]]["name"]
    return Record(
        kind=kind,
        name=name,
        mnemonic=fields.get("opName") or fields.get("mnemonic") or "",
        dialect=dialect,
        path=path.relative_to(root).as_posix(),
        line=line,
        summary=fields.get("summary") or "",
        description=fields.get("description") or "",
        # An op's class is its record's name less the prefix, as mlir-tblgen has it.
        cpp_class=name.partition("_")[2] or name if kind == "op" else fields["cppClassName"],
        source=definition(path.read_text(encoding="utf-8"), line, name),
    )


def dump_records(path: Path, include: Path) -> dict[str, Any]:
    """Runs tblgen over one file and returns its dump; raises `TablegenError`."""
    system = run([LLVM_CONFIG, "--includedir"]).strip()
    return json.loads(run([TBLGEN, "--dump-json", "-I", system, "-I", str(include), str(path)]))


def run(command: list[str]) -> str:
    """Standard output of a tool; raises `TablegenError` with its complaint."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError as error:
        raise TablegenError(f"'{command[0]}' is missing: run tools/bootstrap") from error
    if done.returncode != 0:
        raise TablegenError(done.stderr.strip() or f"'{command[0]}' failed")
    return done.stdout
