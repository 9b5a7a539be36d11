"""`gir-outline`: kernels become functions that are launched by name, equal ones the same function.

Rewrite:
    func.func @main(%x, %y) {                    ⇒  func.func private @kernel_absf(%x, %y) {
      gir.kernel "absf" (%a = %x, %b = %y) {          gir.kernel "absf" (%a = %x, %b = %y) { ... }
        ...                                           return
      }                                             }
      gir.kernel "absf" (%a = %y, %b = %x) {        func.func @main(%x, %y) {
        ...                                           gir.launch @kernel_absf(%x, %y)
      }                                               gir.launch @kernel_absf(%y, %x)
    }                                               }

Kernels are equal that have the same ops, types and attributes; names and locations don't count. A launch marks which
output is written over which input. A kernel whose operands overlap in another way stays where it is, as no launch can
say so, and so does one that is a launched function already. With `products` only products of matrices that a library
may do are made functions, which are few of one kind, and large.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import create, entry_block, functions, i64_array, segments
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.mlir import ir
from powerfusion.passes.analysis.gemm import ATTRIBUTE
from powerfusion.passes.scheduling.kernels import launched_names, ops_in, walk
from powerfusion.passes.scheduling.roots import may_share, viewed
from powerfusion.passes.scheduling.staged import written_by

Shares = list[tuple[int, int]]


@register_pass
@dataclass(frozen=True)
class OutlinePass(Pass):
    """Makes kernels functions, and equal ones one."""

    name: ClassVar[str] = "gir-outline"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    products: bool = option(False, help="Only products of matrices that a library may do")

    def run(self, op: ir.Operation) -> None:
        """Outlines the kernels of every function that isn't launched itself."""
        launched = launched_names(op)
        outliner = Outliner(op)
        for function in [f for f in functions(op) if _symbol(f) not in launched]:
            for kernel in [kernel for kernel in walk(function, "gir.kernel") if self._is_outlined(kernel)]:
                shares = shares_of(kernel)
                if shares is not None:
                    outliner.outline(kernel, function, shares)

    def _is_outlined(self, kernel: ir.Operation) -> bool:
        return not kernel.results and (ATTRIBUTE in kernel.attributes or not self.products)


def shares_of(kernel: ir.Operation) -> Shares | None:
    """Which output is the same memory as which input, by position; None where a launch can't say it."""
    given = segments(kernel)[0]
    arguments = list(entry_block(kernel).arguments)
    memrefs = [at for at, value in enumerate(given) if isinstance(value.type, ir.MemRefType)]
    stored = {viewed(memref) for op in ops_in(kernel) for memref in written_by(op)}
    written = [at for at in memrefs if arguments[at] in stored]
    pairs: Shares = []
    for at in written:
        others = [other for other in memrefs if other != at and may_share(given[at], given[other])]
        if len(others) > 1 or any(given[other] != given[at] for other in others):
            return None
        pairs += [(at, other) for other in others if (other, at) not in pairs]
    return pairs


class Outliner:
    """Makes functions of kernels.

    Args:
        module: Where they go.
    """

    def __init__(self, module: ir.Operation) -> None:
        self.taken = {_symbol(op.operation) for op in module.regions[0].blocks[0] if "sym_name" in op.attributes}
        self.made: dict[str, str] = {}

    def outline(self, kernel: ir.Operation, function: ir.Operation, shares: Shares) -> None:
        """Launches a kernel instead of running it in place."""
        given = segments(kernel)[0]
        name = self._function_for(kernel, function)
        attributes: dict[str, ir.Attribute] = {"callee": ir.FlatSymbolRefAttr.get(name)}
        if shares:
            attributes["shares"] = i64_array([at for pair in shares for at in pair])
        with ir.InsertionPoint(kernel), kernel.location:
            create("gir.launch", given, attributes=attributes)
        kernel.erase()

    def _function_for(self, kernel: ir.Operation, before: ir.Operation) -> str:
        """The name of the function that a kernel is; an equal one that was made before, or a new one."""
        given = segments(kernel)[0]
        types = [value.type for value in given]
        with ir.InsertionPoint(before), kernel.location:
            attributes: dict[str, ir.Attribute] = {
                "sym_name": ir.StringAttr.get("kernel"),
                "sym_visibility": ir.StringAttr.get("private"),
                "function_type": ir.TypeAttr.get(ir.FunctionType.get(types, [])),
            }
            made = create("func.func", attributes=attributes, regions=1)
            block = made.regions[0].blocks.append(*types, arg_locs=[kernel.location] * len(types))
            with ir.InsertionPoint(block):
                inner = kernel.clone().operation
                for at, argument in enumerate(block.arguments):
                    inner.operands[at] = argument
                create("func.return")
        key = _text(made, inner)
        if key in self.made:
            made.erase()
            return self.made[key]
        name = self._fresh(ir.StringAttr(kernel.attributes["kernel_name"]).value)
        made.attributes["sym_name"] = ir.StringAttr.get(name)
        self.made[key] = name
        return name

    def _fresh(self, called: str) -> str:
        """A symbol that nothing has: it begins with `kernel_`, so that no library has it either."""
        base = "kernel_" + re.sub(r"\W", "_", called, flags=re.ASCII)
        name, number = base, 1
        while name in self.taken:
            name, number = f"{base}_{number}", number + 1
        self.taken.add(name)
        return name


def _text(function: ir.Operation, kernel: ir.Operation) -> str:
    """A function as text, without names and locations."""
    called = kernel.attributes["kernel_name"]
    kernel.attributes["kernel_name"] = ir.StringAttr.get("kernel")
    text = function.get_asm(print_generic_op_form=True, use_local_scope=True, enable_debug_info=False)
    kernel.attributes["kernel_name"] = called
    return text


def _symbol(function: ir.Operation) -> str:
    return ir.StringAttr(function.attributes["sym_name"]).value
