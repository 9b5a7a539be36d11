"""Contexts: MLIR with every upstream dialect, GIR and our passes, ready to parse and compile."""

from __future__ import annotations

from powerfusion.core import native
from powerfusion.dialects import gir
from powerfusion.mlir import ir


def make_context() -> ir.Context:
    """A fresh context; Python passes are registered with MLIR on the way."""
    native.register_all()
    context = ir.Context()
    gir.register(context)
    context.load_all_available_dialects()
    return context
