"""`gir-name-kinds`: a combiner that does no more than a kind does is that kind.

Rewrite:
    gir.reduce %x into %i combiner {
    ^bb0(%a: f32, %b: f32):                      ⇒   gir.reduce %x into %i kinds [maximumf]
      gir.yield (arith.maximumf %a, %b)
    }

Such a combiner is left of one that also found a place, once nobody reads that. A combiner is in order unless it says
otherwise; a kind's order is free, so units and parts may each begin, and then combine what they have. Only kinds that
give the same in any order are named: a sum of floats in order stays one. Nothing moves, before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import attributes_of, create, defining_op, entry_block, operations, segments
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import naive_kernels
from powerfusion.passes.raising.reductions import KINDS, kinds_attribute

COMBINING = ("gir.reduce", "gir.scan")
ORDERED = ("arith.addf", "arith.mulf", "arith.maxnumf", "arith.minnumf")  # What rounds, or takes either of two zeros.
ORDER = ("algebra", "identity")


@register_pass
@dataclass(frozen=True)
class NameKindsPass(Pass):
    """Names the kinds of combiners that are kinds."""

    name: ClassVar[str] = "gir-name-kinds"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites the reductions and scans of every kernel of a module that nobody has placed."""
        for kernel in naive_kernels(op):
            for inner in operations(entry_block(kernel)):
                if inner.name in COMBINING and "kinds" not in inner.attributes:
                    name_kinds(inner)


def name_kinds(op: ir.Operation) -> None:
    """Replaces a reduction or scan with a combiner by one with kinds, if each of its results has one."""
    inputs, inits, _ = segments(op)
    kinds = [_kind(op, at, len(inputs)) for at in range(len(inits))]
    if len(inputs) != len(inits) or None in kinds:
        return
    attributes = {name: value for name, value in attributes_of(op).items() if name not in ORDER}
    attributes["kinds"] = kinds_attribute([str(kind) for kind in kinds])
    types = [result.type for result in op.results]
    with ir.InsertionPoint(op):
        made = create(op.name, list(op.operands), types, attributes, regions=1, loc=op.location)
    for old, new in zip(op.results, made.results, strict=True):
        old.replace_all_uses_with(new)
    op.erase()
    count("kinds named")


def _kind(op: ir.Operation, at: int, inputs: int) -> str | None:
    """The kind by which a combiner folds an element into what it has so far; None if it does more."""
    block = op.regions[0].blocks[0]
    combined = defining_op(operations(block)[-1].operands[at])
    if combined is None or combined.name in ORDERED:
        return None
    folds = set(combined.operands) == {block.arguments[at], block.arguments[inputs + at]}
    return KINDS.get(combined.name) if folds else None
