"""`gir-drop-results`: a kernel stores what somebody uses, and stores it once.

Rewrite:
    %0:3 = gir.kernel { ... gir.return %s, %s, %t }      ⇒   %0 = gir.kernel { ... gir.return %s }
    use(%0#0, %0#1)                                          use(%0, %0)

Results that return the same value become one; kernels that read a copy of another one's input read that
input; results that nobody uses go, with their stores.
Kernels of which nothing is used are left to `canonicalize`, which sees whether they assert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import defining_op, entry_block, functions, has_uses, operations, segments
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
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
        source = _copied(kernel, value)
        if source is not None and source.type == result.type:
            _read_instead(result, source)
        if kept.setdefault(value, result) != result:
            result.replace_all_uses_with(kept[value])
    used = [has_uses(result) for result in kernel.results]
    if any(used) and not all(used):
        count("results dropped", used.count(False))
        merge([kernel])


def _copied(kernel: ir.Operation, value: ir.Value) -> ir.Value | None:
    """What a value at dram is a copy of: an input of the kernel, moved to reg and back."""
    for level in ("dram", "reg"):
        op = defining_op(value)
        if op is None or op.name != "gir.move" or not gir.is_at(op.result, level):
            return None
        value = op.operands[0]
    arguments = list(entry_block(kernel).arguments)
    return segments(kernel)[0][arguments.index(value)] if value in arguments else None


def _read_instead(copy: ir.Value, source: ir.Value) -> None:
    """Lets kernels read what a copy was made of; what the function returns stays a tensor of its own."""
    uses = [(use.owner.operation, use.operand_number) for use in copy.uses]
    readers = [(op, number) for op, number in uses if op.name == "gir.kernel"]
    for op, number in readers:
        op.operands[number] = source
    if readers:
        count("copies not read", len(readers))
