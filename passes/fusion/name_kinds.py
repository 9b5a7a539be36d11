"""`gir-name-kinds`: a combiner of one operation is the kind that has its name.

Rewrite:
    gir.reduce %x into %i dims [1] combiner { ^bb0(%e, %a): yield maximumf(%e, %a) }
  ⇒ gir.reduce %x into %i dims [1] kinds [maximumf]

Such a combiner is left where somebody asks for a maximum and its place, and nobody for the place. Units can take parts
of what has a kind, and combine; a combiner that declares nothing must go through its elements in order. So only what
comes to the same in any order gets its name, unless the combiner says that its order doesn't matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    attributes_of,
    create,
    defining_op,
    element_of,
    entry_block,
    functions,
    operations,
    segments,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import is_naive
from powerfusion.passes.raising.reductions import KINDS, kinds_attribute

ROUNDED = ("arith.addf", "arith.mulf")  # come out otherwise in another order
DECLARED = ("algebra", "identity")


@register_pass
@dataclass(frozen=True)
class NameKindsPass(Pass):
    """Gives combiners of one operation the name of their kind."""

    name: ClassVar[str] = "gir-name-kinds"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})

    def run(self, op: ir.Operation) -> None:
        """Names the kinds of every kernel of a module that nobody has placed."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                for kernel in filter(is_naive, operations(block)):
                    for inner in operations(entry_block(kernel)):
                        if inner.name == "gir.reduce" and "kinds" not in inner.attributes:
                            name_kinds(inner)


def name_kinds(op: ir.Operation) -> None:
    """Names the kinds of a reduction, if each of its results has one."""
    inputs, inits, _ = segments(op)
    kinds = [_kind(op, at) for at in range(len(inits))]
    known = [kind for kind in kinds if kind is not None]
    if len(inputs) != len(inits) or len(known) < len(kinds):
        return
    kept = {name: value for name, value in attributes_of(op).items() if name not in DECLARED}
    with ir.InsertionPoint(op):
        types = [result.type for result in op.results]
        attributes = {**kept, "kinds": kinds_attribute(known)}
        made = create("gir.reduce", list(op.operands), types, attributes, regions=1, loc=op.location)
    for result, new in zip(op.results, made.results, strict=True):
        result.replace_all_uses_with(new)
    op.erase()
    count("combiners that are kinds")


def _kind(op: ir.Operation, at: int) -> str | None:
    """The kind that a result is folded by; None where its combiner is more than that."""
    inputs, inits, _ = segments(op)
    block = op.regions[0].blocks[0]
    step = defining_op(operations(block)[-1].operands[at])
    if step is None or step.name not in KINDS or len(inputs) != len(inits):
        return None
    if set(step.operands) != {block.arguments[at], block.arguments[len(inputs) + at]}:
        return None
    if element_of(inputs[at].type) != element_of(inits[at].type):
        return None
    ordered = "algebra" not in op.attributes or "commutative" not in str(op.attributes["algebra"])
    return None if step.name in ROUNDED and ordered else KINDS[step.name]
