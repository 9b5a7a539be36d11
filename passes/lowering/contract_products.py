"""`gir-contract-products`: products that are added needn't be rounded first, where that is asked for.

Rewrite:
    %1 = arith.mulf %0, %0                    %1 = arith.mulf %0, %0 fastmath<contract>
    %2 = arith.addf %acc, %1          ⇒      %2 = arith.addf %acc, %1 fastmath<contract>     // one instruction to LLVM

The option is `fp-contract`, and off: then nothing happens. With it LLVM makes one multiply-add of a product and a sum
wherever that is the cheaper, in whatever a program computes in f32 or f64. A result is nearer for it, but for programs
that count on the rounding, as those that find out what a product lost. Nothing else is allowed: NaN, infinities and
the signs of zeros stay, and so does the order of what the program adds. Decision 0059.

It runs before functions are expanded: they have their own multiply-adds, where these are right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import walk_numbered
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir

PARTS = ("arith.addf", "arith.mulf", "arith.subf")
FLAGS = "fastmath"


@register_pass
@dataclass(frozen=True)
class ContractProductsPass(Pass):
    """Lets products be added without being rounded."""

    name: ClassVar[str] = "gir-contract-products"
    fp_contract: bool = option(False, help="Whether a product and a sum may be one multiply-add")

    def run(self, op: ir.Operation) -> None:
        """Marks the ops of a module in place."""
        if not self.fp_contract:
            return
        plain, allowed = (ir.Attribute.parse(f"#arith.fastmath<{flag}>") for flag in ("none", "contract"))
        for _, found in walk_numbered(op):
            if found.name in PARTS and found.attributes[FLAGS] == plain:
                found.attributes[FLAGS] = allowed
                count("ops that may be contracted")
