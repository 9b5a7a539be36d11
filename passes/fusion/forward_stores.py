"""`gir-forward-stores`: what a kernel stores and loads again stays in registers.

Rewrite:
    %d = gir.move %r : reg -> dram
    %x = gir.move %d : dram -> reg      ⇒   %x = %r
and through views at dram, which become views at reg (`forward_views`): permutations, reshapes, slices,
concatenations, and boxes of what was put together. A store that nothing reads any more goes; one that is
returned, or read by another kernel, stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import entry_block, functions, operations
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.forward_views import cancel
from powerfusion.passes.fusion.rebuild import erase_unused, is_naive


@register_pass
@dataclass(frozen=True)
class ForwardStoresPass(Pass):
    """Cancels a store to dram with the loads of it in the same kernel."""

    name: ClassVar[str] = "gir-forward-stores"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})

    def run(self, op: ir.Operation) -> None:
        """Forwards stores in every kernel of a module."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                for kernel in filter(is_naive, operations(block)):
                    forward_stores(kernel)


def forward_stores(kernel: ir.Operation) -> None:
    """Forwards stores in one kernel in graph form."""
    ops = operations(entry_block(kernel))
    stores = _stores(ops)
    loads = [op for op in ops if op.name == "gir.move" and gir.is_at(op.result, "reg")]
    count("loads cancelled", sum(cancel(op) for op in loads if gir.is_at(op.operands[0], "dram")))
    erase_unused(kernel)
    count("stores cancelled", stores - _stores(operations(entry_block(kernel))))


def _stores(ops: Sequence[ir.Operation]) -> int:
    return sum(op.name == "gir.move" and gir.is_at(op.result, "dram") for op in ops)
