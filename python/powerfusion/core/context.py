"""Contexts: MLIR with every upstream dialect, GIR and our passes, ready to parse and compile."""

from __future__ import annotations

from powerfusion.core import native
from powerfusion.dialects import gir
from powerfusion.mlir import ir


def make_context() -> ir.Context:
    """A fresh context; Python passes are registered with MLIR on the way.

    It works on the calling thread alone. The bindings parse and verify while they hold the GIL, and take
    it again for each error: one that a thread of MLIR's finds would wait for the thread that waits for it.
    """
    native.register_all()
    context = ir.Context()
    context.enable_multithreading(False)
    gir.register(context)
    context.load_all_available_dialects()
    return context
