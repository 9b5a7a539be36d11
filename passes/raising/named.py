"""Ops that are written out ahead of raising: named linalg ops that aren't structured, tensor ops (see `shapes`).

linalg.softmax dimension(1) ins(%x)   ⇒   m = max over d1;  e = exp(x - m);  l = sum over d1 of e;  e / l
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from powerfusion.core._mlir import create, element_of
from powerfusion.mlir import ir
from powerfusion.passes.raising.linalg_ops import empty, fill, generic, projection, sizes_of
from powerfusion.passes.raising.shapes import expand_elements, expand_insert, expand_reshape

NEGATIVE_INFINITY = float("-inf")


def expand_softmax(op: ir.Operation) -> None:
    """Writes a softmax out before the op and replaces its result; the maximum keeps exponents small."""
    loc, source = op.location, op.operands[0]
    dim = ir.IntegerAttr(op.attributes["dimension"]).value
    rank, element = source.type.rank, element_of(source.type)
    rest = [d for d in range(rank) if d != dim]
    sizes = sizes_of(source)
    outer = [sizes[d] for d in rest]

    def constant(number: float) -> ir.Value:
        attributes = {"value": ir.FloatAttr.get(element, number)}
        return create("arith.constant", results=[element], attributes=attributes, loc=loc).result

    def reduce(value: ir.Value, name: str, start: float) -> ir.Value:
        inits = projection(fill(constant(start), outer, loc), rank, rest)

        def step(arguments: list[ir.Value]) -> list[ir.Value]:
            return [create(name, arguments, [element], loc=loc).result]

        (made,) = generic([projection(value, rank, range(rank))], [inits], [d == dim for d in range(rank)], step, loc)
        return made

    def combine(value: ir.Value, row: ir.Value, step: Step) -> ir.Value:
        out = projection(empty(sizes, element, loc), rank, range(rank))
        ins = [projection(value, rank, range(rank)), projection(row, rank, rest)]
        (made,) = generic(ins, [out], [False] * rank, step, loc)
        return made

    def exponent(arguments: list[ir.Value]) -> list[ir.Value]:
        less = create("arith.subf", arguments[:2], [element], loc=loc).result
        return [create("math.exp", [less], [element], loc=loc).result]

    exps = combine(source, reduce(source, "arith.maximumf", NEGATIVE_INFINITY), exponent)
    total = reduce(exps, "arith.addf", 0.0)
    made = combine(exps, total, lambda a: [create("arith.divf", a[:2], [element], loc=loc).result])
    op.results[0].replace_all_uses_with(made)


Step = Callable[[list[ir.Value]], Sequence[ir.Value]]
EXPANSIONS: dict[str, Callable[[ir.Operation], None]] = {
    "linalg.softmax": expand_softmax,
    "tensor.from_elements": expand_elements,
    "tensor.insert": expand_insert,
    "tensor.reshape": expand_reshape,
}
