"""Results that keep a running value: cumulative sums and recurrences become `gir.scan`.

A result that doesn't fold but reads an accumulator that does is computed from the accumulator's
values along the way: after its step, where the body reads what it yields, else before.

    acc(d0) += x(d0, d1);  y(d0, d1) = acc * 2   ⇒   %s, %f = gir.scan %x into %i dim 1 kinds [add]
                                                     %y = arith.mulf %s, 2
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from powerfusion.core._mlir import create, element_of, i32_array, operations
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.raising.bodies import Body, Lifted, depends_on, slice_of
from powerfusion.passes.raising.kernels import zero_of
from powerfusion.passes.raising.reading import Reading
from powerfusion.passes.raising.reductions import Combining, combining, groups, inits_of, kinds_attribute, step_of


def scanned(reading: Reading) -> list[int]:
    """The results that fold and whose running values a result that doesn't fold reads."""
    roots = [reading.yielded[k] for k in reading.plain]
    running = [k for k in reading.folding if _read(reading, roots, {reading.accumulators[k]})]
    tied = [group for group in groups(reading, reading.folding) if any(k in running for k in group)]
    return [k for group in tied for k in group]


def _read(reading: Reading, roots: Sequence[ir.Value], sources: set[ir.Value]) -> bool:
    return any(depends_on(reading.block, root, sources) for root in roots)


def scan(reading: Reading, body: Body, results: Sequence[int]) -> dict[int, Lifted]:
    """Scans the accumulators of some results and computes what reads them; gives their final values."""
    finals: dict[int, Lifted] = {}
    for group in groups(reading, results):
        finals |= _scan_group(reading, body, group)
    _lift_rest(reading, body)
    return finals


def _scan_group(reading: Reading, body: Body, group: Sequence[int]) -> dict[int, Lifted]:
    if len(reading.folded(group[0])) != 1:
        raise reading.unsupported("a running value along several dimensions")
    exclusive = _reads_before(reading, group)
    full = tuple(range(reading.rank))
    kind = step_of(reading, group[0]) if len(group) == 1 else None
    if kind is None:
        op = _by_combiner(reading, body, combining(reading, body, group), exclusive=exclusive)
    else:
        name, value = kind
        inputs = [body.spread(body.value(value), full, reading.loc)]
        attributes = {"kinds": kinds_attribute([name])}
        op = _make(reading, group[0], inputs, inits_of(reading, body, group), attributes, exclusive=exclusive)
    count = len(op.results) // 2
    for k, value in zip(group, op.results, strict=False):
        place = reading.accumulators[k] if exclusive else reading.yielded[k]
        body.values[place] = Lifted(value, full)
    return {k: Lifted(value, reading.space(k)) for k, value in zip(group, list(op.results)[count:], strict=False)}


def _reads_before(reading: Reading, group: Sequence[int]) -> bool:
    """True if a result reads an accumulator otherwise than through what is yielded for it."""
    stop = {reading.yielded[k] for k in group} - reading.running(group)
    running = reading.running(group)
    roots = [reading.yielded[k] for k in reading.plain]
    read = {operand for op in slice_of(reading.block, roots, stop) for operand in op.operands}
    return bool(running & (read | set(roots)))


def _by_combiner(reading: Reading, body: Body, parts: Combining, *, exclusive: bool) -> ir.Operation:
    """A scan has as many accumulators as inputs: those missing on either side are filled up."""
    inits = inits_of(reading, body, parts.group)
    inputs = [*parts.inputs, *[parts.inputs[0]] * (len(inits) - len(parts.inputs))]
    idle = [_idle(reading, body, value, parts.group[0]) for value in inputs[len(inits) :]]
    op = _make(reading, parts.group[0], inputs, [*inits, *idle], {}, exclusive=exclusive)
    parts.fill(op, len(idle))
    return op


def _idle(reading: Reading, body: Body, value: ir.Value, k: int) -> ir.Value:
    """An accumulator for an element that has none of its own; it stays zero."""
    element = element_of(value.type)
    zero = create("arith.constant", results=[element], attributes={"value": zero_of(element)}, loc=reading.loc)
    return body.spread(Lifted(zero.result, None), reading.space(k), reading.loc)


def _make(
    reading: Reading,
    k: int,
    inputs: Sequence[ir.Value],
    inits: Sequence[ir.Value],
    attributes: Mapping[str, ir.Attribute],
    *,
    exclusive: bool,
) -> ir.Operation:
    (dim,) = reading.folded(k)
    given = {
        "dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), dim),
        "operandSegmentSizes": i32_array([len(inputs), len(inits), 0]),
        **attributes,
    }
    if exclusive:
        given["exclusive"] = ir.UnitAttr.get()
    pairs = list(zip(inputs, inits, strict=True))
    scanned = [gir.tensor_at("reg", value.type.shape, element_of(init.type)) for value, init in pairs]
    types = [*scanned, *(init.type for init in inits)]
    return create("gir.scan", [*inputs, *inits], types, given, regions=1, loc=reading.loc)


def _lift_rest(reading: Reading, body: Body) -> None:
    """Lifts the ops that read running values, now that those are tensors."""
    roots = [reading.yielded[k] for k in reading.plain]
    chosen = slice_of(reading.block, roots, set(body.values))
    for op in operations(reading.block)[:-1]:
        if op in chosen and not any(result in body.values for result in op.results):
            body.lift(op)
