"""Reductions and combiners on tiles: one step into an accumulator, as an op or spelled out.

Spelled out, a combiner is its ops on tiles: a scalar becomes a tile of the kept dimensions, a
payload a tile of them and of its own. Only what the wanted results need is emitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import (
    attributes_of,
    constant_of,
    create,
    defining_op,
    element_of,
    i32_array,
    integers,
    kind_name,
    operations,
    segments,
)
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.tiling.rules import broadcast
from powerfusion.passes.tiling.windows import Window, splat, valid_extents

FLOAT_KINDS = {"add": "addf", "mul": "mulf"}
INTEGER_KINDS = {"add": "addi", "mul": "muli", "and": "andi", "or": "ori", "xor": "xori"}


def reduce_step(
    op: ir.Operation,
    inputs: Sequence[ir.Value],
    accumulators: Sequence[ir.Value],
    window: Window,
    scalar: Callable[[ir.Value], ir.Value],
) -> list[ir.Value]:
    """One step of a reduction: a tile of each input, of one window, into the accumulators."""
    valid = valid_extents(window)
    attributes = attributes_of(op)
    attributes["operandSegmentSizes"] = i32_array([len(inputs), len(accumulators), len(valid)])
    types = [accumulator.type for accumulator in accumulators]
    made = create("gir.reduce", [*inputs, *accumulators, *valid], types, attributes, regions=1, loc=op.location)
    if "kinds" not in op.attributes:
        clone_combiner(op, made, scalar)
    return list(made.results)


def scan_step(
    op: ir.Operation,
    inputs: Sequence[ir.Value],
    accumulators: Sequence[ir.Value],
    window: Window,
    scalar: Callable[[ir.Value], ir.Value],
) -> list[ir.Value]:
    """One step of a scan: what it gives for a tile of each input, then its accumulators."""
    valid = valid_extents(window)
    attributes = attributes_of(op)
    attributes["operandSegmentSizes"] = i32_array([len(inputs), len(accumulators), len(valid)])
    ends = [accumulator.type for accumulator in accumulators]
    shape, common = list(inputs[0].type.shape), common_rank(op)
    scanned = [
        ir.RankedTensorType.get([*shape[:common], *end.shape[common - 1 :]], end.element_type, end.encoding)
        for end in ends
    ]
    operands = [*inputs, *accumulators, *valid]
    made = create("gir.scan", operands, [*scanned, *ends], attributes, regions=1, loc=op.location)
    if "kinds" not in op.attributes:
        clone_combiner(op, made, scalar)
    return list(made.results)


def clone_combiner(old: ir.Operation, new: ir.Operation, scalar: Callable[[ir.Value], ir.Value]) -> None:
    """Gives a reduction or scan of tiles the combiner of another; scalars from outside are made before it."""
    source = old.regions[0].blocks[0]
    types = [argument.type for argument in source.arguments]
    block = new.regions[0].blocks.append(*types, arg_locs=[old.location] * len(types))
    known = dict(zip(source.arguments, block.arguments, strict=True))
    with ir.InsertionPoint(new):
        outer = {
            operand: scalar(operand)
            for op in source.operations
            for operand in op.operation.operands
            if is_outside(operand, source)
        }
    with ir.InsertionPoint(block):
        for op in source.operations:
            made = op.operation.clone().operation
            for at, operand in enumerate(op.operation.operands):
                made.operands[at] = known[operand] if operand in known else outer[operand]
            known |= dict(zip(op.operation.results, made.results, strict=True))


def is_outside(value: ir.Value, block: ir.Block) -> bool:
    """Whether a value is defined outside of a block."""
    op = defining_op(value)
    return value.owner != block if op is None else op.block != block


def needed_accumulators(op: ir.Operation, wanted: Sequence[int]) -> list[int]:
    """The accumulators that the combiner reads for some of its results, these included."""
    if "kinds" in op.attributes:
        return list(wanted)
    block = op.regions[0].blocks[0]
    inputs = len(segments(op)[0])
    ends = operations(block)[-1].operands
    found = set(wanted)
    while True:
        arguments = _arguments_of([ends[number] for number in found], block)
        more = found | {at - inputs for at in arguments if at >= inputs}
        if more == found:
            return sorted(found)
        found = more


def _arguments_of(values: Sequence[ir.Value], block: ir.Block) -> set[int]:
    """The block arguments that some values depend on."""
    stack, seen, found = list(values), set[ir.Value](), set[int]()
    while stack:
        value = stack.pop()
        if value in seen or is_outside(value, block):
            continue
        seen.add(value)
        op = defining_op(value)
        if op is None:
            found.add(ir.BlockArgument(value).arg_number)
        else:
            stack.extend(op.operands)
    return found


@dataclass
class SpelledOut:
    """One combination, op by op.

    Attributes:
        op: The reduction or scan.
        shape: The tile of a scalar.
        payload: The tile's sizes along the payload, behind `shape`.
        scalar: Makes a scalar of the old kernel a new one.
        tiles: The tiles of the block arguments that are known, and of what was made of them.
    """

    op: ir.Operation
    shape: list[int]
    payload: list[int]
    scalar: Callable[[ir.Value], ir.Value]
    tiles: dict[ir.Value, ir.Value] = field(default_factory=dict)

    def combine(
        self, inputs: Mapping[int, ir.Value], accumulators: Mapping[int, ir.Value], wanted: Sequence[int]
    ) -> list[ir.Value]:
        """The wanted results of combining inputs with accumulators, by number, as far as they are needed."""
        if "kinds" in self.op.attributes:
            return [self._fold(number, inputs[number], accumulators[number]) for number in wanted]
        block = self.op.regions[0].blocks[0]
        arguments = list(block.arguments)
        count = len(segments(self.op)[0])
        self.tiles = {arguments[number]: tile for number, tile in inputs.items()}
        self.tiles |= {arguments[count + number]: tile for number, tile in accumulators.items()}
        ends = operations(block)[-1].operands
        return [self._value(ends[number]) for number in wanted]

    def _fold(self, number: int, tile: ir.Value, accumulator: ir.Value) -> ir.Value:
        kind = kind_name(self.op.attributes["kinds"][number])
        floats = isinstance(element_of(accumulator.type), ir.FloatType)
        name = (FLOAT_KINDS if floats else INTEGER_KINDS).get(kind, kind)
        return create(f"arith.{name}", [tile, accumulator], [accumulator.type]).result

    def _type(self, type_: ir.Type) -> ir.RankedTensorType:
        shape = [*self.shape, *(self.payload if isinstance(type_, ir.RankedTensorType) else [])]
        return gir.tensor_at("reg", shape, element_of(type_))

    def _value(self, value: ir.Value) -> ir.Value:
        """The tile of a value of the combiner, or of a scalar from outside of it."""
        if value not in self.tiles:
            block = self.op.regions[0].blocks[0]
            if is_outside(value, block):
                self.tiles[value] = splat(self.scalar(value), self._type(value.type))
            else:
                self._emit(value)
        return self.tiles[value]

    def _emit(self, value: ir.Value) -> None:
        op = defining_op(value)
        assert op is not None, "arguments are known"
        types = [self._type(result.type) for result in op.results]
        with op.location:
            match op.name:
                case "arith.constant":
                    made = [self._constant(value, types[0])]
                case "tensor.splat":
                    made = [self._spread(self._value(op.operands[0]), types[0])]
                case "gir.broadcast" if not isinstance(op.operands[0].type, ir.RankedTensorType) or (
                    op.operands[0].type.rank == 0
                ):
                    made = [self._spread(self._value(op.operands[0]), types[0])]
                case name if name.startswith(("arith.", "math.")):
                    operands = [self._value(operand) for operand in op.operands]
                    widest = max(operand.type.rank for operand in operands)
                    operands = [o if o.type.rank == widest else self._spread(o, types[0]) for o in operands]
                    made = list(create(name, operands, types, attributes_of(op)).results)
                case name:
                    raise UnsupportedError(
                        f"'{name}' in a combiner of whole payloads can't be tiled",
                        location=op.location,
                        help="expected arith, math and splats, element by element of the payload",
                    )
        self.tiles |= dict(zip(op.results, made, strict=True))

    def _constant(self, value: ir.Value, type_: ir.Type) -> ir.Value:
        constant = constant_of(value)
        assert constant is not None, "a constant's value"
        element = constant.get_splat_value() if isinstance(constant, ir.DenseElementsAttr) else constant
        splats = ir.DenseElementsAttr.get_splat(type_, element)
        return create("arith.constant", results=[type_], attributes={"value": splats}).result

    def _spread(self, tile: ir.Value, type_: ir.RankedTensorType) -> ir.Value:
        """A scalar's tile along the payload."""
        if tile.type.rank == type_.rank:
            return tile
        wide = ir.RankedTensorType.get(type_.shape, tile.type.element_type, tile.type.encoding)
        return broadcast(tile, range(tile.type.rank, type_.rank), wide)


def takes_whole_payload(op: ir.Operation) -> bool:
    """Whether a combiner does more with its payload than to go through it element by element."""
    if payload_rank(op) == 0 or "kinds" in op.attributes:
        return False
    return not all(_is_elementwise(inner) for inner in operations(op.regions[0].blocks[0])[:-1])


def _is_elementwise(op: ir.Operation) -> bool:
    if op.name == "gir.broadcast":
        return getattr(op.operands[0].type, "rank", 0) == 0
    constant = constant_of(op.results[0])
    if isinstance(constant, ir.DenseElementsAttr):
        return constant.is_splat
    return op.name == "tensor.splat" or op.name.startswith(("arith.", "math."))


def common_rank(op: ir.Operation) -> int:
    """How many dimensions of a reduction's or scan's inputs aren't payload."""
    return min(value.type.rank for value in segments(op)[0])


def payload_rank(op: ir.Operation) -> int:
    """How many payload dimensions a reduction or scan has at most."""
    return max(value.type.rank for value in segments(op)[0]) - common_rank(op)


def folded_dims(op: ir.Operation) -> list[int]:
    """The dimensions that a reduction folds, or that a scan runs along."""
    return integers(op.attributes["dims"]) if op.name == "gir.reduce" else [ir.IntegerAttr(op.attributes["dim"]).value]
