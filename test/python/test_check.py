"""gir-check on what gir-tile makes: nothing is refuted, and of static programs nearly all is proved."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from programs import programs
from programs.check import FULL

from powerfusion.executable import compile_source
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager

CATEGORIES = ("chains", "contractions", "reductions", "scans", "tensors", "windows")
ANSWER = re.compile(r"(\w+): (\d+) proved, (\d+) refuted, (\d+) open")


def answers(module: ir.Module) -> Counter[tuple[str, str]]:
    """How many questions of each kind came out how, over all kernels of a module."""
    found: Counter[tuple[str, str]] = Counter()

    def hear(diagnostic: ir.Diagnostic) -> bool:
        for kind, *counts in ANSWER.findall(str(diagnostic.message)):
            found.update({(kind, how): int(n) for how, n in zip(("proved", "refuted", "open"), counts, strict=True)})
        return True

    with module.context:
        handler = module.context.attach_diagnostic_handler(hear)
        PassManager.parse("builtin.module(gir-check{report=true})").run(module.operation)
        handler.detach()
    return found


@pytest.mark.parametrize("category", CATEGORIES)
def test_tiled_programs(category: str) -> None:
    """No program is refuted; at most one question in twenty about static programs is left open."""
    found: Counter[tuple[str, str]] = Counter()
    for program in programs(category):
        if (program.full and not FULL) or "?" in program.text:
            continue
        found += answers(compile_source(program.text, until="tile").module("tile"))
    proved = sum(count for (_, how), count in found.items() if how == "proved")
    left = sum(count for (_, how), count in found.items() if how == "open")
    assert not any(count for (_, how), count in found.items() if how == "refuted")
    assert proved > 20
    assert left * 20 <= proved
