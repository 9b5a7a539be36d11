#!/usr/bin/env python3
"""Holds the dialect's records to the house style; prints `file:line: message` for each violation.

Each op has a summary, a description with its constraints, who makes it and what becomes of it, and an example that
`pf-opt --verify-roundtrip` accepts; each attribute and type has summary, description and example. Fields stand in one
order. And three sets of constraint labels are equal:

    described   `- (C1) text` under `Constraints:` in the description
    enforced    `(C1)` in a comment beside a trait in the `.td`, or in a comment
                or string in a member function of the op's class in dialect/lib/IR/*.cpp
    tested      a symbol `@<mnemonic>_c1`, or `@<mnemonic>_c1_<case>`, in test/Dialect/GIR/invalid*.mlir,
                in a case of `-split-input-file` that has an `expected-error`

Where the checkout has the compiler, each op also has a meaning in the reference interpreter and an entry in the table
of lowerings for the CPU; the tests hold those to every element type.

Usage: tools/check_ods.py [--root DIR] [--pf-opt PATH] [--no-examples]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lint import ods
from lint.lexer import member_labels
from lint.ods import Record
from lint.tree import Violation

RECORDS = "dialect/include/gir/IR"
VERIFIERS = "dialect/lib/IR"
NEGATIVE_TESTS = "test/Dialect/GIR"
COMPILER = "python/powerfusion/reference"
TERMINATORS = ("return", "yield")
MAX_SUMMARY = 72
FILLERS = {"op", "operation", "attribute", "type", "the", "a", "an"}
# Fields that STYLE does not name stand with their relatives.
FIELD_ORDER = (
    ("mnemonic",),
    ("summary",),
    ("description",),
    ("arguments", "parameters"),
    ("results",),
    ("regions",),
    ("successors",),
    ("assemblyFormat", "hasCustomAssemblyFormat"),
    ("builders", "skipDefaultBuilders"),
    ("extraClassDeclaration", "extraClassDefinition"),
    ("hasVerifier", "hasRegionVerifier", "genVerifyDecl"),
    ("hasFolder", "hasCanonicalizer", "hasCanonicalizeMethod"),
)
_RANK = {field: rank for rank, group in enumerate(FIELD_ORDER) for field in group}
_DESCRIBED = re.compile(r"^\s*(?:Constraints:\s*)?(?:[-*]\s*)?\(C(\d+)\)\s+\S")
_NO_CONSTRAINTS = re.compile(r"^\s*Constraints:\s*none\b", re.MULTILINE | re.IGNORECASE)
_TESTED = re.compile(r"@(\w+?)_c(\d+)(?![0-9])\w*\b")
_DIAGNOSTIC = re.compile(r"^<stdin>:(\d+):\d+: error: (.*)$", re.MULTILINE)

Labels = dict[tuple[str, int], Violation]


@dataclass(frozen=True)
class Example:
    """One fenced block of a description: the line of its first line of code, and that code."""

    record: Record
    line: int
    code: tuple[str, ...]


def check_summary(record: Record) -> Iterator[Violation]:
    """Length, full stop, and whether it says more than the name."""
    summary = record.summary
    said = set(re.findall(r"[a-z]+", summary.lower())) - FILLERS
    complaint = None
    if not summary:
        complaint = "has no summary"
    elif len(summary) > MAX_SUMMARY:
        complaint = f"summary has {len(summary)} characters, expected at most {MAX_SUMMARY}"
    elif summary.endswith("."):
        complaint = "summary ends in a full stop"
    elif f"{record.dialect}.{record.mnemonic}" in summary or said <= {record.dialect, *record.mnemonic.split("_")}:
        complaint = "summary is the name again: say what it does"
    if complaint:
        yield Violation(record.path, record.summary_line, f"{record.name}: {complaint}")


def check_description(record: Record) -> Iterator[Violation]:
    """What a description must contain."""

    def violation(message: str) -> Violation:
        return Violation(record.path, record.description_line, f"{record.name}: {message}")

    if not record.description.strip():
        yield violation("has no description")
        return
    if not any(True for _ in examples(record)):
        yield violation("description has no ```mlir example")
    if record.kind != "op":
        return
    code = "\n".join(line for example in examples(record) for line in example.code)
    if code and not re.search(rf"\b{record.dialect}\.{re.escape(record.mnemonic)}\b", code):
        yield violation(f"no example uses {record.dialect}.{record.mnemonic}")
    for heading in ("Produced by", "Lowered by"):
        if heading not in record.description:
            yield violation(f"description lacks '{heading}: ...'")
    numbers = [number for number, _ in described(record)]
    if not numbers and not _NO_CONSTRAINTS.search(record.description):
        yield violation("description lacks 'Constraints:' with '- (C1) ...', or 'Constraints: none'")
    if numbers and "Constraints:" not in record.description:
        yield violation("constraint labels stand outside 'Constraints:'")
    if numbers != list(range(1, len(numbers) + 1)):
        yield violation(f"constraints are numbered {numbers}, expected 1 to {len(numbers)} in order")


def check_names(record: Record) -> Iterator[Violation]:
    """`gir.async_copy` is `GIR_AsyncCopyOp`."""
    if record.kind != "op":
        return
    camel = "".join(part.capitalize() for part in record.mnemonic.split("_"))
    expected = f"{record.dialect.upper()}_{camel}Op"
    if record.name != expected:
        yield Violation(
            record.path, record.line, f"'{record.mnemonic}' is defined as {record.name}, expected {expected}"
        )


def check_order(record: Record) -> Iterator[Violation]:
    """Fields in the order of the house style."""
    last, last_field = -1, ""
    for field, line, _ in record.source.fields if record.source else ():
        rank = _RANK.get(field, last)
        if rank < last:
            yield Violation(
                record.path, line, f"{record.name}: field '{field}' stands after '{last_field}', expected before"
            )
            continue
        last, last_field = rank, field


def described(record: Record) -> Iterator[tuple[int, int]]:
    """Number and line of each constraint in a description."""
    for line, text in record.described_lines():
        if match := _DESCRIBED.match(text):
            yield int(match.group(1)), line


def examples(record: Record) -> Iterator[Example]:
    """The ```mlir blocks of a description."""
    start, code = 0, list[str]()
    for line, text in record.described_lines():
        if not start and text.strip() == "```mlir":
            start, code = line + 1, []
        elif start and text.strip() == "```":
            yield Example(record, start, tuple(code))
            start = 0
        elif start:
            code.append(text)


def described_labels(records: list[Record]) -> Labels:
    """Labels in descriptions."""
    return {
        (record.mnemonic, number): Violation(record.path, line, "")
        for record in records
        for number, line in described(record)
    }


def enforced_labels(root: Path, records: list[Record]) -> Labels:
    """Labels beside traits in the `.td` files and in the member functions of the C++ classes."""
    found: Labels = {}
    for record in records:
        for label in record.source.labels if record.source else ():
            found.setdefault((record.mnemonic, label.number), Violation(record.path, label.line, ""))
    mnemonics = {record.cpp_class: record.mnemonic for record in records}
    for path in sorted((root / VERIFIERS).glob("*.cpp")):
        for cls, label in member_labels(path.read_text(encoding="utf-8")):
            if cls in mnemonics:
                where = Violation(path.relative_to(root).as_posix(), label.line, "")
                found.setdefault((mnemonics[cls], label.number), where)
    return found


def tested_labels(root: Path) -> Labels:
    """Labels that negative tests carry in a symbol's name."""
    found: Labels = {}
    for path in sorted((root / NEGATIVE_TESTS).glob("invalid*.mlir")):
        line = 1
        for case in re.split(r"(?m)^// -----.*$", path.read_text(encoding="utf-8")):
            for offset, text in enumerate(case.splitlines()):
                code = text.partition("//")[0]
                for match in _TESTED.finditer(code) if "expected-error" in case else ():
                    where = Violation(path.relative_to(root).as_posix(), line + offset, "")
                    found.setdefault((match.group(1), int(match.group(2))), where)
            line += case.count("\n")
    return found


def check_labels(root: Path, records: list[Record]) -> Iterator[Violation]:
    """The three sets of constraint labels are one."""
    sets = (
        ("described under 'Constraints:'", described_labels(records)),
        (f"enforced: no '(C%n)' beside a trait or in a verifier in {VERIFIERS}", enforced_labels(root, records)),
        (f"tested: no '@%op_c%n' with an expected-error in {NEGATIVE_TESTS}/invalid*.mlir", tested_labels(root)),
    )
    for key in sorted({key for _, labels in sets for key in labels}):
        where = next(labels[key] for _, labels in sets if key in labels)
        for what, labels in sets:
            if key not in labels:
                missing = what.replace("%op", key[0]).replace("%n", str(key[1]))
                yield Violation(where.path, where.line, f"constraint (C{key[1]}) of '{key[0]}' isn't {missing}")


def check_examples(records: list[Record], pf_opt: Path) -> Iterator[Violation]:
    """Runs every example through `pf-opt --verify-roundtrip`, all in one process."""
    batch: list[str] = []
    origin: list[tuple[str, int]] = []
    for example in (example for record in records for example in examples(record)):
        # No marker before the first one: the splitter takes it for source.
        marker = "// -----" if batch else ""
        for line, text in enumerate((marker, *example.code), example.line - 1):
            batch.append(text)
            origin.append((example.record.path, line))
    if not batch:
        return
    if not pf_opt.is_file():
        yield Violation(RECORDS, 1, f"examples can't be checked: '{pf_opt}' is missing: run tools/bootstrap")
        return
    done = subprocess.run(
        [str(pf_opt), "--verify-roundtrip", "--split-input-file", "-o", "/dev/null"],
        input="\n".join(batch) + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode == 0:
        return
    reported = False
    for match in _DIAGNOSTIC.finditer(done.stderr):
        path, line = origin[min(int(match.group(1)), len(origin)) - 1]
        yield Violation(path, line, f"example fails --verify-roundtrip: {match.group(2)}")
        reported = True
    if not reported:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        yield Violation(RECORDS, 1, f"examples fail --verify-roundtrip: {last}")


def check_code(records: list[Record]) -> Iterator[Violation]:
    """Each op is executed by the interpreter and lowered for the CPU; terminators are part of what they end."""
    from powerfusion import passes, reference  # noqa: F401  # pyright: ignore[reportUnusedImport]  fill the tables
    from powerfusion.passes.lowering.registry import lowered_ops
    from powerfusion.reference.registry import MEANINGS

    lowered = {name for name, _ in lowered_ops("vector")}
    for record in records:
        name = f"{record.dialect}.{record.mnemonic}"
        if record.kind != "op" or record.mnemonic in TERMINATORS:
            continue
        if name not in MEANINGS:
            yield Violation(record.path, record.line, f"{record.name}: has no @meaning in powerfusion.reference")
        if name not in lowered:
            yield Violation(record.path, record.line, f'{record.name}: has no @lowers(..., to="vector")')


def check(root: Path, pf_opt: Path | None) -> tuple[list[Record], list[Violation]]:
    """All records and all violations; without `pf_opt` the examples aren't run."""
    try:
        records = ods.read(root, RECORDS)
    except ods.TablegenError as error:
        return [], [Violation(RECORDS, 1, str(error))]
    if not records:
        return [], [Violation(RECORDS, 1, "no op, attribute or type is defined here")]
    found = [
        violation
        for record in records
        for rule in (check_summary, check_description, check_names, check_order)
        for violation in rule(record)
    ]
    found += check_labels(root, records)
    if (root / COMPILER).is_dir():
        found += check_code(records)
    if pf_opt:
        found += check_examples(records, pf_opt)
    return records, sorted(found)


def main(arguments: list[str] | None = None) -> int:
    """Prints violations and a summary; returns 1 where there are any."""
    parser = argparse.ArgumentParser(prog="check_ods.py", description="Holds the dialect's records to the house style.")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--pf-opt", type=Path, help="default: .venv/bin/pf-opt of the checkout")
    parser.add_argument("--no-examples", action="store_true", help="don't run the examples")
    options = parser.parse_args(arguments)
    root: Path = options.root.resolve()
    pf_opt: Path = options.pf_opt or root / ".venv/bin/pf-opt"
    records, found = check(root, None if options.no_examples else pf_opt)
    for violation in found:
        print(violation)
    ops = sum(record.kind == "op" for record in records)
    labels = len(described_labels(records))
    run = sum(1 for record in records for _ in examples(record))
    print(
        f"check_ods: {ops} ops, {len(records) - ops} attributes and types, {labels} constraints, {run} examples: "
        f"{len(found)} violations"
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
