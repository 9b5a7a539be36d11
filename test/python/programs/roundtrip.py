"""Programs raised to GIR and written back as linalg: the text that comes out."""

from __future__ import annotations

from powerfusion.executable import run_phase
from powerfusion.frontend.source import read_module
from powerfusion.pipelines import IMPORT, RAISE, Phase

BACK = Phase("back", "linalg on tensors", ("convert-gir-to-linalg",))


def written_back(text: str) -> str:
    """The program as linalg again, after import and raising."""
    module = read_module(text)
    for phase in (IMPORT, RAISE, BACK):
        run_phase(module, phase)
    return str(module)
