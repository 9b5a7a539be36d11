"""Contexts: MLIR with every upstream dialect, GIR and our passes, ready to parse and compile."""

from __future__ import annotations

from powerfusion.core import native
from powerfusion.dialects import gir
from powerfusion.mlir import ir


def make_context(*, lazy: bool = False) -> ir.Context:
    """A fresh context; Python passes are registered with MLIR on the way.

    It works on the calling thread alone. The bindings parse and verify while they hold the GIL, and take
    it again for each error: one that a thread of MLIR's finds would wait for the thread that waits for it.

    Args:
        lazy: Whether a dialect is loaded when something of it is read. That takes 1 ms, all of them 10 ms; before
            passes run, which make ops of others, `load_all_available_dialects` is to be called.
    """
    native.register_all()
    context = ir.Context(load_on_create_dialects=[] if lazy else None)
    context.enable_multithreading(False)
    gir.register(context)
    return context
