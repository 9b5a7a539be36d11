"""Programs raised to GIR, and written back as linalg."""

from __future__ import annotations

from powerfusion.frontend.source import read_module
from powerfusion.mlir import ir
from powerfusion.phases import run_phase
from powerfusion.pipelines import IMPORT, RAISE, Phase

BACK = Phase("back", "linalg on tensors", ("convert-gir-to-linalg",))


def raised(text: str) -> ir.Module:
    """The naive program."""
    module = read_module(text)
    for phase in (IMPORT, RAISE):
        run_phase(module, phase)
    return module


def written_back(text: str) -> str:
    """The program as linalg again."""
    module = raised(text)
    run_phase(module, BACK)
    return str(module)
