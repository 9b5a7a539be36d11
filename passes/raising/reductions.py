"""Results that fold: by a kind, where the body is `acc = kind(acc, value)`, else by a combiner.

A combiner holds whatever part of the body depends on the accumulators; the rest is elementwise
computation ahead of it. Results that read one another's running values fold together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import (
    attributes_of,
    create,
    defining_op,
    element_of,
    i32_array,
    i64_array,
    index_constant,
    producer,
)
from powerfusion.mlir import ir
from powerfusion.passes.raising.bodies import Body, Lifted, depends_on, slice_of
from powerfusion.passes.raising.reading import Reading

KINDS = {
    "arith.addf": "add",
    "arith.addi": "add",
    "arith.mulf": "mul",
    "arith.muli": "mul",
    "arith.maximumf": "maximumf",
    "arith.minimumf": "minimumf",
    "arith.maxnumf": "maxnumf",
    "arith.minnumf": "minnumf",
    "arith.maxsi": "maxsi",
    "arith.minsi": "minsi",
    "arith.maxui": "maxui",
    "arith.minui": "minui",
    "arith.andi": "and",
    "arith.ori": "or",
    "arith.xori": "xor",
}


def fold(reading: Reading, body: Body, results: Sequence[int]) -> dict[int, Lifted]:
    """Reduces some results; each over its own dimensions, sorted."""
    values: dict[int, Lifted] = {}
    general: list[int] = []
    for k in results:
        found = kind_of(reading, k)
        if found is None:
            general.append(k)
            continue
        kind, value = found
        full = tuple(range(reading.rank))
        inputs = [body.spread(body.value(value), full, reading.loc)]
        values[k] = Lifted(_reduce(reading, body, inputs, [k], kind)[0], reading.space(k))
    for group in groups(reading, general):
        combined = combining(reading, body, group)
        made = _reduce(reading, body, combined.inputs, group, None)
        combined.fill(producer(made[0]))
        values |= {k: Lifted(value, reading.space(k)) for k, value in zip(group, made, strict=True)}
    return values


def kind_of(reading: Reading, k: int) -> tuple[str, ir.Value] | None:
    """The kind and the value folded, where the body is `acc = kind(acc, value)` and nothing else reads either."""
    op = defining_op(reading.yielded[k])
    if op is None or len(list(reading.accumulators[k].uses)) != 1 or len(list(op.results[0].uses)) != 1:
        return None
    return step_of(reading, k)


def step_of(reading: Reading, k: int) -> tuple[str, ir.Value] | None:
    """The kind and the value that a step folds in, where it is `acc = kind(acc, value)`, whoever else reads acc."""
    accumulator = reading.accumulators[k]
    op = defining_op(reading.yielded[k])
    if op is None or op.name not in KINDS or accumulator not in list(op.operands):
        return None
    operands = list(op.operands)
    value = operands[1 - operands.index(accumulator)]
    independent = not depends_on(reading.block, value, reading.running(reading.folding))
    return (KINDS[op.name], value) if independent else None


def groups(reading: Reading, general: Sequence[int]) -> list[list[int]]:
    """Results that fold together: those that read one another's accumulators."""
    found: list[list[int]] = []
    for k in general:
        tied = [group for group in found if any(_tied(reading, j, k) for j in group)]
        found = [group for group in found if group not in tied]
        found.append(sorted({k, *(j for group in tied for j in group)}))
    return found


def _tied(reading: Reading, j: int, k: int) -> bool:
    return any(depends_on(reading.block, reading.yielded[a], {reading.accumulators[b]}) for a, b in ((j, k), (k, j)))


def kinds_attribute(kinds: Sequence[str]) -> ir.Attribute:
    """Kinds as reductions and scans have them."""
    return ir.ArrayAttr.get([ir.Attribute.parse(f"#vector.kind<{kind}>") for kind in kinds])


def inits_of(reading: Reading, body: Body, group: Sequence[int]) -> list[ir.Value]:
    """What the accumulators of a group start from, over their sorted dimensions."""
    return [body.spread(body.values[reading.accumulators[k]], reading.space(k), reading.loc) for k in group]


def _reduce(
    reading: Reading, body: Body, inputs: Sequence[ir.Value], group: Sequence[int], kind: str | None
) -> list[ir.Value]:
    """Makes the reduction of a group of results over their sorted dimensions."""
    inits = inits_of(reading, body, group)
    attributes: dict[str, ir.Attribute] = {
        "dims": i64_array(reading.folded(group[0])),
        "operandSegmentSizes": i32_array([len(inputs), len(inits), 0]),
    }
    if kind is not None:
        attributes["kinds"] = kinds_attribute([kind])
    types = [init.type for init in inits]
    op = create("gir.reduce", [*inputs, *inits], types, attributes, regions=1, loc=reading.loc)
    return list(op.results)


@dataclass(frozen=True)
class Combining:
    """A group's combiner, before the op that holds it is made.

    Attributes:
        group: The results that fold together.
        free: The values of the body that the combiner takes as elements.
        inner: The ops of the body that go into it.
        inputs: `free` as tensors over the whole space.
    """

    reading: Reading
    body: Body
    group: Sequence[int]
    free: Sequence[ir.Value]
    inner: Sequence[ir.Operation]
    inputs: Sequence[ir.Value]

    def fill(self, op: ir.Operation, idle: int = 0) -> None:
        """Writes the region of a reduction or scan; its last `idle` accumulators stay as they are."""
        reading = self.reading
        inits = len(self.group) + idle
        elements, accumulators = list(op.operands)[:-inits], list(op.operands)[-inits:]
        types = [element_of(value.type) for value in [*elements, *accumulators]]
        block = op.regions[0].blocks.append(*types, arg_locs=[reading.loc] * len(types))
        arguments = list(block.arguments)
        running = arguments[len(elements) :]
        known = dict(zip(self.free, arguments, strict=False))
        known |= dict(zip([reading.accumulators[k] for k in self.group], running, strict=False))

        def inside(value: ir.Value) -> ir.Value:
            return known[value] if value in known else self.body.value(value).value

        with ir.InsertionPoint(block):
            for inner in self.inner:
                if not inner.name.startswith(("arith.", "math.")):
                    raise reading.unsupported(f"'{inner.name}' on a running value")
                operands = [inside(value) for value in inner.operands]
                results = [result.type for result in inner.results]
                made = create(inner.name, operands, results, attributes_of(inner), loc=inner.location)
                known |= dict(zip(inner.results, made.results, strict=True))
            yielded = [inside(reading.yielded[k]) for k in self.group]
            create("gir.yield", [*yielded, *running[len(self.group) :]], loc=reading.loc)


def combining(reading: Reading, body: Body, group: Sequence[int]) -> Combining:
    """Cuts the part out of the body that a group's accumulators go through."""
    if len({reading.folded(k) for k in group}) > 1:
        raise reading.unsupported("results that fold together along different dimensions")
    running = reading.running(group)
    roots = [reading.yielded[k] for k in group]
    inner = [
        op
        for op in slice_of(reading.block, roots, set())
        if any(depends_on(reading.block, value, running) for value in op.operands)
    ]
    made = {result for op in inner for result in op.results}
    read = [*(operand for op in inner for operand in op.operands), *roots]
    outer = dict.fromkeys(value for value in read if value not in made and value not in running)
    free = [value for value in outer if body.value(value).dims is not None]
    if not free and reading.rank == 0:
        free = [next(iter(body.values))]
    full = tuple(range(reading.rank))
    inputs = [body.spread(body.value(value), full, reading.loc) for value in free] or [_anything(body, full, reading)]
    return Combining(reading, body, group, free, inner, inputs)


def _anything(body: Body, full: tuple[int, ...], reading: Reading) -> ir.Value:
    """Something of the whole shape to visit, for a combiner that reads no element."""
    return body.spread(Lifted(index_constant(0, reading.loc), None), full, reading.loc)
