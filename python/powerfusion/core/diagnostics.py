"""Remarks from passes, as MLIR's own: every host's handlers see them.

An error isn't emitted but raised, so that the pass fails with it.
"""

from __future__ import annotations

from powerfusion._native import _pf
from powerfusion.mlir import ir


def emit_remark(location: ir.Location, message: str, *notes: str) -> None:
    """Reports a remark, with notes at the same place."""
    _pf.emit_diagnostic(location, "remark", message, list(notes))
