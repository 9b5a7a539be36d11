#!/usr/bin/env python3
"""Writes the pages that are made from the code: everything in `docs/reference`.

The dialect's pages come from its records, with each op's meaning as the reference interpreter's own
function; the machines' from their table; the passes' from their modules' docstrings and options.
`--check` writes nothing, and exits with 1 and the names of the pages that are stale.

Usage: .venv/bin/python tools/gen_docs.py [--check]
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from lint import ods
from lint.ods import Record
from powerfusion.core.passes import Pass, registered_passes
from powerfusion.machines.page import render as machines_page
from powerfusion.passes.lowering.registry import lowered_ops
from powerfusion.pipelines import CPU, MACHINE, PIPELINES, C, Phase, rocdl
from powerfusion.reference.registry import MEANINGS, source_of

ROOT = Path(__file__).resolve().parents[1]
RECORDS = "dialect/include/gir/IR"
PAGES = ROOT / "docs" / "reference"
HEAD = "<!-- Written by tools/gen_docs.py; edit what it reads, then run it again. -->\n\n"
GROUPS = {
    "structure": ("GIRStructureOps.td", "Structure"),
    "movement": ("GIRMovementOps.td", "Movement"),
    "memory": ("GIRMemoryOps.td", "Buffers, copies and barriers"),
    "views": ("GIRViewOps.td", "Views"),
    "combining": ("GIRCombiningOps.td", "Reductions, scans and collectives"),
    "computation": ("GIRComputationOps.td", "Other computation"),
}
"""A page of ops each: the file that defines them, and the page's title."""


# -- the dialect -----------------------------------------------------------------------------


def dialect_page() -> str:
    """Where each op is described; every attribute and type."""
    records = ods.read(ROOT, RECORDS)
    ops = [record for record in records if record.kind == "op"]
    others = [record for record in records if record.kind != "op"]
    lines = [
        "# The dialect\n",
        "Every op of GIR, every attribute and type, from the records in `dialect/include/gir/IR`. Each example is run",
        "by `tools/check_ods.py`. *Meaning* is the function of the reference interpreter that executes the op;",
        "[the rationale](../rationale.md) says why the dialect is as it is; words are in [the",
        "glossary](../glossary.md).\n",
        *_contents(ops, others),
        "## Attributes and types\n",
        *(_attribute(record) for record in others),
    ]
    return HEAD + "\n".join(lines).rstrip() + "\n"


def ops_page(group: str) -> str:
    """The ops of a group, with their meaning in NumPy."""
    file, title = GROUPS[group]
    ops = [record for record in ods.read(ROOT, RECORDS) if record.kind == "op" and record.path.endswith(file)]
    lines = [f"# {title}\n", "Part of [the dialect](dialect.md).\n", *(_op(record) for record in ops)]
    return HEAD + "\n".join(lines).rstrip() + "\n"


def _contents(ops: list[Record], others: list[Record]) -> Iterator[str]:
    yield "| | |\n|---|---|"
    for group, (file, title) in GROUPS.items():
        names = [f"[`{op.mnemonic}`]({group}.md#gir{op.mnemonic})" for op in ops if op.path.endswith(file)]
        yield f"| [{title}]({group}.md) | {' '.join(names)} |"
    links = " ".join(f"[`{_spelling(record)}`](#{_anchor(record)})" for record in others)
    yield f"| Attributes and types | {links} |\n"


def _spelling(record: Record) -> str:
    return f"{'!' if record.kind == 'type' else '#'}{record.dialect}.{record.mnemonic}"


def _anchor(record: Record) -> str:
    return re.sub(r"[^a-z0-9_-]", "", _spelling(record))


def _op(record: Record) -> str:
    parts = [f"## `gir.{record.mnemonic}`\n", f"{record.summary[:1].upper()}{record.summary[1:]}.\n"]
    parts.append(_prose(record.description))
    parts.append(_meaning(f"gir.{record.mnemonic}"))
    return "\n".join(parts)


def _attribute(record: Record) -> str:
    heading = f"### `{_spelling(record)}`\n"
    return "\n".join([heading, f"{record.summary[:1].upper()}{record.summary[1:]}.\n", _prose(record.description)])


def _prose(description: str) -> str:
    """A description without the indentation of its file."""
    text = textwrap.dedent(description).strip("\n")
    text = re.sub(r"(?m)^(Produced by|Lowered by):", r"- \1:", text)
    return re.sub(r"(?m)^(Constraints|Example):", r"**\1:**", text) + "\n"


def _meaning(name: str) -> str:
    if name not in MEANINGS:
        return ""
    source = re.sub(r"(?m)\A(?:@.*\n)+", "", textwrap.dedent(source_of(name))).rstrip()
    return f"**Meaning:**\n\n```python\n{source}\n```\n"


# -- passes ----------------------------------------------------------------------------------


def passes_page() -> str:
    """What the CPU's pipeline is made of, and on which page each pass stands."""
    lines = [
        "# Passes\n",
        "Every pass of this project, from the modules' own docstrings. `pf-opt --help` lists the same, with all of",
        "upstream's. A pass says which normal forms it requires and establishes; a pipeline is checked against that.\n",
        "| | |\n|---|---|",
    ]
    for folder in PASS_FOLDERS:
        links = (f"[`{each.name}`](passes-{folder}.md#{each.name})" for each in _passes_of(folder))
        lines.append(f"| [{folder}](passes-{folder}.md) | {' '.join(links)} |")
    lines += ["\n## The pipeline of the CPU\n", "| phase | what holds after it | passes |\n|---|---|---|"]
    lines += map(_phase, CPU)
    return HEAD + "\n".join(lines).rstrip() + "\n"


def targets_page() -> str:
    """What each target's pipeline is beyond the general phases, and what is lowered to what."""
    lines = [
        "# Targets\n",
        "What code is made for, and how each op in tile form is lowered to it. A target that lacks an op says why; the",
        "pipeline of the CPU stands in [passes.md](passes.md).\n",
        "## The pipeline of C\n",
        "| phase | what holds after it | passes |\n|---|---|---|",
        *(_phase(phase) for phase in C),
        "\n## The pipelines of GPUs\n",
        "Up to the schedule as of C, for the chip's machine; then, for one chip of each family:\n",
        "| phase | what holds after it | passes |\n|---|---|---|",
        *(_phase(phase) for phase in (*PIPELINES["cuda:sm_90"][len(MACHINE) :], *rocdl("gfx942")[:1])),
        "\n## What is lowered to what\n",
        "The column of devices is for machines whose file says how programs are written",
        "([accelerators.md](../accelerators.md)), and empty where that is as for C.\n",
        "| op | vector, for the CPU | emitc, for C | emitc, for a device's own C | gpu, for NVIDIA and AMD |",
        "|---|---|---|---|---|",
    ]
    vector, emitc, gpu = (dict(lowered_ops(target)) for target in ("vector", "emitc", "gpu"))
    device = {**dict(lowered_ops("host")), **dict(lowered_ops("device"))}
    for name in sorted({*vector, *emitc, *device, *gpu}):
        plain = vector.get(name, "As it is."), emitc.get(name, "Refused.")
        how = (*plain, device.get(name, ""), gpu.get(name, "As it is."))
        lines.append(f"| `{name}` | {' | '.join(how)} |")
    return HEAD + "\n".join(lines).rstrip() + "\n"


def passes_of_page(folder: str) -> str:
    """The passes of a folder, with their options."""
    lines = [f"# Passes: {folder}\n", "Part of [the passes](passes.md).\n", *map(_pass, _passes_of(folder))]
    return HEAD + "\n".join(lines).rstrip() + "\n"


def _folder_of(pass_: type[Pass]) -> str:
    return pass_.__module__.split(".")[-2]


def _passes_of(folder: str) -> list[type[Pass]]:
    return [each for each in registered_passes().values() if _folder_of(each) == folder]


def _phase(phase: Phase) -> str:
    return f"| {phase.name} | {phase.summary} | {' '.join(f'`{name}`' for name in phase.passes)} |"


def _pass(pass_: type[Pass]) -> str:
    module = inspect.getmodule(pass_)
    page = textwrap.dedent((module.__doc__ if module else None) or pass_.__doc__ or "").strip()
    forms = [
        f"{word} {', '.join(sorted(found))}"
        for word, found in (
            ("requires", pass_.requires),
            ("establishes", pass_.establishes),
            ("invalidates", pass_.invalidates),
        )
        if found
    ]
    said = f"{'; '.join(forms).capitalize()}." if forms else ""
    lines = [f"## `{pass_.name}`\n", f"{pass_.summary()}. {said}".rstrip() + "\n"]
    lines.append(f"```text\n{page}\n```\n")
    if pass_.options():
        lines.append("| option | default | |\n|---|---|---|")
        lines += [f"| `{o.name}` | `{o.default}` | {o.help} |" for o in pass_.options()]
        lines.append("")
    return "\n".join(lines)


# -- writing ---------------------------------------------------------------------------------

PASS_FOLDERS = sorted({_folder_of(each) for each in registered_passes().values()})
MAKERS: dict[str, Callable[[], str]] = {
    "dialect.md": dialect_page,
    **{f"{group}.md": partial(ops_page, group) for group in GROUPS},
    "machines.md": lambda: HEAD + machines_page(),
    "passes.md": passes_page,
    "targets.md": targets_page,
    **{f"passes-{folder}.md": partial(passes_of_page, folder) for folder in PASS_FOLDERS},
}


def stale() -> list[Path]:
    """The pages that aren't what the code says."""
    return [
        PAGES / name
        for name, make in MAKERS.items()
        if not (PAGES / name).is_file() or (PAGES / name).read_text(encoding="utf-8") != make()
    ]


def main() -> int:
    """Writes the pages, or says which are stale."""
    parser = argparse.ArgumentParser(prog="gen_docs.py", description="Writes docs/reference from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a page is stale")
    options = parser.parse_args()
    found = stale()
    for path in found:
        shown = path.relative_to(ROOT)
        if options.check:
            print(f"{shown}:1: is stale: run .venv/bin/python tools/gen_docs.py")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MAKERS[path.name](), encoding="utf-8")
        print(f"wrote {shown}")
    return int(options.check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
