"""Reductions, scans and contractions in linalg: what folds, and what is placed at indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from powerfusion.core._mlir import (
    create,
    element_of,
    entry_block,
    i64_array,
    integers,
    operations,
    segments,
)
from powerfusion.mlir import ir
from powerfusion.passes.raising.linalg_ops import (
    Mapped,
    empty,
    expanded,
    flattened,
    generic,
    index_value,
    projection,
    sizes_of,
)
from powerfusion.passes.raising.reductions import KINDS
from powerfusion.passes.raising.writing import Writing, shaped, unsupported, writes

Step = Callable[[Sequence[ir.Value], Sequence[ir.Value]], list[ir.Value]]


def step_of(op: ir.Operation, writing: Writing) -> Step:
    """How elements are combined with accumulators, as scalar ops at the insertion point."""
    if "kinds" in op.attributes:
        pairs = zip(op.attributes["kinds"], segments(op)[1], strict=True)
        names = [_op_of(str(kind), init) for kind, init in pairs]
        return lambda elements, running: [
            create(name, [r, e], [r.type], loc=op.location).result
            for name, r, e in zip(names, running, elements, strict=True)
        ]
    block = entry_block(op)
    if any(isinstance(argument.type, ir.ShapedType) for argument in block.arguments):
        raise unsupported(op, "whose elements are tensors", "make the payload's dimensions those of all inputs")

    def combine(elements: Sequence[ir.Value], running: Sequence[ir.Value]) -> list[ir.Value]:
        inner = Writing(writing.values | dict(zip(block.arguments, [*elements, *running], strict=True)))
        *ops, end = operations(block)
        for child in ops:
            inner.copy(child)
        return [inner.value(value) for value in end.operands]

    return combine


def _op_of(kind: str, init: ir.Value) -> str:
    """The scalar op of a combining kind on an element type."""
    name = kind.removeprefix("#vector.kind<").removesuffix(">")
    is_float = isinstance(element_of(init.type), ir.FloatType)
    found = [arith for arith, short in KINDS.items() if short == name]
    fitting = [arith for arith in found if len(found) == 1 or arith.endswith("f") == is_float]
    return fitting[0]


@writes("gir.reduce")
def _reduce(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    inputs, inits, _ = ([writing.value(v) for v in group] for group in segments(op))
    dims = integers(op.attributes["dims"])
    rank = inputs[0].type.rank
    kept = [dim for dim in range(rank) if dim not in dims]
    step = step_of(op, writing)
    ins = [projection(value, rank, range(rank)) for value in inputs]
    outs = [projection(value, rank, kept) for value in inits]
    count = len(inputs)
    return generic(ins, outs, [d in dims for d in range(rank)], lambda a: step(a[:count], a[count:]), op.location)


@writes("gir.scan")
def _scan(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    inputs, inits, _ = ([writing.value(v) for v in group] for group in segments(op))
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    rank, count, loc = inputs[0].type.rank, len(inputs), op.location
    step, exclusive, reverse = step_of(op, writing), "exclusive" in op.attributes, "reverse" in op.attributes
    if reverse:
        inputs = [_reversed(value, dim, loc) for value in inputs]
    sizes = sizes_of(inputs[0])
    kept = [d for d in range(rank) if d != dim]

    def body(arguments: list[ir.Value]) -> list[ir.Value]:
        elements, running = arguments[:count], arguments[2 * count :]
        after = step(elements, running)
        return [*(running if exclusive else after), *after]

    ins = [projection(value, rank, range(rank)) for value in inputs]
    running = [projection(empty(sizes, element_of(init.type), loc), rank, range(rank)) for init in inits]
    finals = [projection(value, rank, kept) for value in inits]
    made = generic(ins, [*running, *finals], [d == dim for d in range(rank)], body, loc)
    scanned = [_reversed(value, dim, loc) for value in made[:count]] if reverse else made[:count]
    return [*scanned, *made[count:]]


def _reversed(value: ir.Value, dim: int, loc: ir.Location) -> ir.Value:
    """A tensor read from its end along a dimension."""
    sizes, index = sizes_of(value), ir.IndexType.get()
    rank, element = len(sizes), element_of(value.type)
    last = create("arith.subi", [index_value(sizes[dim]), index_value(1)], [index], loc=loc).result

    def body(_: list[ir.Value]) -> list[ir.Value]:
        attributes = [{"dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), d)} for d in range(rank)]
        places = [create("linalg.index", results=[index], attributes=a, loc=loc).result for a in attributes]
        places[dim] = create("arith.subi", [last, places[dim]], [index], loc=loc).result
        return [create("tensor.extract", [value, *places], [element], loc=loc).result]

    out = projection(empty(sizes, element, loc), rank, range(rank))
    (made,) = generic([], [out], [False] * rank, body, loc)
    return made


@writes("gir.contract")
def _contract(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    lhs, rhs, acc = (writing.value(value) for value in list(op.operands)[:3])
    maps = [attribute.value for attribute in op.attributes["maps"]]
    kept = {expr.position for expr in maps[2].results}
    element, loc = element_of(acc.type), op.location
    is_float = isinstance(element, ir.FloatType)
    multiply, add = ("arith.mulf", "arith.addf") if is_float else ("arith.muli", "arith.addi")
    widen = "arith.extf" if is_float else "arith.extui" if "is_unsigned" in op.attributes else "arith.extsi"

    def widened(value: ir.Value) -> ir.Value:
        return value if value.type == element else create(widen, [value], [element], loc=loc).result

    def body(arguments: list[ir.Value]) -> list[ir.Value]:
        left, right, running = arguments
        product = create(multiply, [widened(left), widened(right)], [element], loc=loc).result
        return [create(add, [running, product], [element], loc=loc).result]

    ins = [Mapped(lhs, maps[0]), Mapped(rhs, maps[1])]
    reduced = [dim not in kept for dim in range(maps[2].n_dims)]
    return generic(ins, [Mapped(acc, maps[2])], reduced, body, loc)


@writes("gir.reshape")
def _reshape(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    source, *given = (writing.value(value) for value in op.operands)
    flat = flattened(source, op.location)
    return [expanded(flat, shaped(op.result.type), given, op.location)]


@writes("gir.scatter")
def _scatter(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    if "kind" in op.attributes or "unique" not in op.attributes:
        raise unsupported(op, "whose elements may meet", "mark it {unique} where no two go to one place")
    value, dest, *indices = (writing.value(v) for group in segments(op) for v in group)
    sizes = sizes_of(value)
    dynamic = [size for size in sizes if not isinstance(size, int)]
    columns = [_column(index, dynamic, op.location) for index in indices]
    shape = [*value.type.shape, len(indices)]
    attributes = {"dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), len(shape) - 1)}
    type_ = ir.RankedTensorType.get(shape, ir.IndexType.get())
    places = create("tensor.concat", columns, [type_], attributes, loc=op.location).result
    attributes = {"scatter_dims": i64_array(range(len(indices))), "unique": ir.UnitAttr.get()}
    return [create("tensor.scatter", [value, dest, places], [dest.type], attributes, loc=op.location).result]


def _column(index: ir.Value, dynamic: Sequence[ir.Value], loc: ir.Location) -> ir.Value:
    """A tensor of indices with one more dimension, of size 1, behind the others."""
    rank, shape = index.type.rank, list(index.type.shape)
    i64 = ir.IntegerType.get_signless(64)
    groups = [[dim] for dim in range(rank)]
    if groups:
        groups[-1].append(rank)
    reassociation = ir.ArrayAttr.get([ir.ArrayAttr.get([ir.IntegerAttr.get(i64, d) for d in g]) for g in groups])
    attributes = {"reassociation": reassociation, "static_output_shape": i64_array([*shape, 1])}
    type_ = ir.RankedTensorType.get([*shape, 1], element_of(index.type))
    return create("tensor.expand_shape", [index, *dynamic], [type_], attributes, loc=loc).result
