"""`gir-drop-results`: a kernel stores what somebody uses, and stores it once.

Rewrite:
    %0:3 = gir.kernel { ... gir.return %s, %s, %t }      ⇒   %0 = gir.kernel { ... gir.return %s }
    use(%0#0, %0#1)                                          use(%0, %0)

Results that return the same value become one, results that nobody uses go, with their stores.
Kernels of which nothing is used are left to `canonicalize`, which sees whether they assert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import entry_block, functions, has_uses, operations
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir
from powerfusion.passes.fusion.merge_kernels import merge
from powerfusion.passes.fusion.rebuild import is_naive


@register_pass
@dataclass(frozen=True)
class DropResultsPass(Pass):
    """Drops results of kernels that nobody uses or that another equals."""

    name: ClassVar[str] = "gir-drop-results"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})

    def run(self, op: ir.Operation) -> None:
        """Drops results of every kernel of a module, readers before what they read."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                for kernel in reversed([inner for inner in operations(block) if is_naive(inner)]):
                    drop_results(kernel)


def drop_results(kernel: ir.Operation) -> None:
    """Drops results of one kernel in graph form."""
    kept: dict[ir.Value, ir.Value] = {}
    for result, value in zip(kernel.results, operations(entry_block(kernel))[-1].operands, strict=True):
        if kept.setdefault(value, result) != result:
            result.replace_all_uses_with(kept[value])
    used = [has_uses(result) for result in kernel.results]
    if any(used) and not all(used):
        count("results dropped", used.count(False))
        merge([kernel])
