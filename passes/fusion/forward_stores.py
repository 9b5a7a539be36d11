"""`gir-forward-stores`: what a kernel stores and loads again stays in registers.

Rewrite:
    %d = gir.move %r : reg -> dram
    %x = gir.move %d : dram -> reg      ⇒   %x = %r
and through `gir.permute` at dram, which becomes one at reg. A store that nothing reads any more
goes; one that is returned, or read by another kernel, stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import create, defining_op, entry_block, functions, operations
from powerfusion.core.passes import Pass, register_pass
from powerfusion.dialects import gir
from powerfusion.mlir import ir
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
    for op in operations(entry_block(kernel)):
        if op.name != "gir.move" or not gir.is_at(op.result, "reg"):
            continue
        with ir.InsertionPoint(op), op.location:
            stored = stored_value(op.operands[0])
        if stored is None:
            continue
        op.result.replace_all_uses_with(stored)
        op.erase()
    erase_unused(kernel)


def stored_value(value: ir.Value) -> ir.Value | None:
    """The value at reg that a value at dram was stored from, None where it comes from outside."""
    op = defining_op(value)
    if op is None:
        return None
    if op.name == "gir.move" and gir.is_at(op.operands[0], "reg"):
        return op.operands[0]
    if op.name != "gir.permute":
        return None
    stored = stored_value(op.operands[0])
    if stored is None:
        return None
    type_ = gir.tensor_at("reg", value.type.shape, value.type.element_type)
    return create("gir.permute", [stored], [type_], {"perm": op.attributes["perm"]}, loc=op.location).result
