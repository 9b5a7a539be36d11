"""Reductions on the CPU: accumulators that stay apart, lane by lane, until their loop ends.

In tile form a reduction folds each tile into its accumulator at once. Here an accumulator that a
loop only folds into is carried as one partial result per lane, in a type wide enough, and folded
together once, behind the loop:

    for j: acc = reduce tile[j] into acc   ⇒   for j: partial = partial + tile[j]
                                               acc = init + (partial's lanes, added up)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from powerfusion.core._mlir import create, element_of, integer_of, integers, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.elementwise import combine, constant, convert_float, is_narrow, neutral
from powerfusion.passes.lowering.memory import lane_dim, spread

LONG = 4096  # additions in f32 beyond which an accumulator is carried in f64


@dataclass(frozen=True)
class Accumulator:
    """A partial result that a loop carries.

    Attributes:
        kind: How it is folded.
        carry: What the loop carries: per lane where `lanes`, in a type at least as wide.
        init: The value folded in at the end where `lanes`, else part of `carry` already.
        type: The type of the result.
    """

    kind: str
    carry: ir.Value
    init: ir.Value
    type: ir.Type
    lanes: bool

    def fold(self, tile: ir.Value, mask: ir.Value | None, loc: ir.Location) -> Accumulator:
        """Folds a tile in; lanes that are masked out keep what they have."""
        element = element_of(self.carry.type)
        value = convert_float(tile, element) if isinstance(element, ir.FloatType) else tile
        folded = combine(self.kind, self.carry, spread(value, self.carry.type), loc)
        if mask is not None:
            folded = create("arith.select", [mask, folded, self.carry], [folded.type]).result
        return replace(self, carry=folded)

    def finish(self, loc: ir.Location) -> ir.Value:
        """The result, its lanes folded together."""
        value = self.carry
        if self.lanes:
            value = combine(self.kind, horizontal(self.kind, value), self._wide_init(), loc)
        element = element_of(self.type)
        return convert_float(value, element) if isinstance(element, ir.FloatType) else value

    def _wide_init(self) -> ir.Value:
        element = element_of(self.carry.type)
        return convert_float(self.init, element) if isinstance(element, ir.FloatType) else self.init


def horizontal(kind: str, value: ir.Value) -> ir.Value:
    """A vector's lanes folded together, in any order."""
    attributes: dict[str, ir.Attribute] = {"kind": ir.Attribute.parse(f"#vector.kind<{kind}>")}
    if kind in ("add", "mul") and isinstance(value.type.element_type, ir.FloatType):
        attributes["fastmath"] = ir.Attribute.parse("#arith.fastmath<reassoc>")
    return create("vector.reduction", [value], [value.type.element_type], attributes).result


@dataclass(frozen=True)
class Plan:
    """The reduction that folds into a loop's accumulator, and over how many steps."""

    op: ir.Operation
    position: int
    steps: int | None


def plan(argument: ir.Value, position: int, loop: ir.Operation) -> Plan | None:
    """The reduction that a loop's iteration argument is only folded into by, if that is so."""
    uses = list(argument.uses)
    if len(uses) != 1:
        return None
    user = uses[0].owner.operation
    found: Plan | None = None
    result: ir.Value | None = None
    if user.name == "gir.reduce" and "kinds" in user.attributes:
        at = uses[0].operand_number - len(segments(user)[0])
        found = Plan(user, at, 1) if 0 <= at < len(user.results) else None
        result = user.results[at] if found else None
    elif user.name == "scf.for" and uses[0].operand_number >= 3:
        at = uses[0].operand_number - 3
        found = plan(user.regions[0].blocks[0].arguments[at + 1], at, user)
        result = user.results[at]
    if found is None or result is None:
        return None
    ends = list(result.uses)
    if len(ends) != 1 or ends[0].owner.operation.name != "scf.yield" or ends[0].operand_number != position:
        return None
    if ends[0].owner.operation.block != loop.regions[0].blocks[0]:
        return None
    trips = _trips(loop)
    return replace(found, steps=None if trips is None or found.steps is None else trips * found.steps)


def _trips(loop: ir.Operation) -> int | None:
    low, high, step = (integer_of(value) for value in list(loop.operands)[:3])
    return None if low is None or high is None or step is None else -(-(high - low) // step)


def start(found: Plan, init: ir.Value) -> Accumulator:
    """The accumulator that a planned loop begins with."""
    op, at = found.op, found.position
    kind = kind_of(op, at)
    tile = segments(op)[0][at].type
    dim = lane_dim(tile.shape)
    lanes = dim is not None and dim in integers(op.attributes["dims"])
    element = _carry_element(kind, tile.element_type, lanes, found.steps)
    if lanes:
        carry_type = ir.VectorType.get([tile.shape[dim]], element)
        carry = constant(carry_type, neutral(kind, element))
    else:
        carry = convert_float(init, element) if isinstance(element, ir.FloatType) else init
    return Accumulator(kind, carry, init, init.type, lanes)


def _carry_element(kind: str, element: ir.Type, lanes: bool, steps: int | None) -> ir.Type:
    """The type to accumulate in: f32 for narrow floats, f64 where many f32 add up."""
    if kind not in ("add", "mul"):
        return element
    if is_narrow(element):
        return ir.F32Type.get()
    if element == ir.F32Type.get() and kind == "add" and (steps is None or steps > LONG or not lanes):
        return ir.F64Type.get()
    return element


def kind_of(op: ir.Operation, at: int) -> str:
    """The name of a reduction's kind: add, maximumf, ..."""
    return str(op.attributes["kinds"][at]).removeprefix("#vector.kind<").removesuffix(">")


def fold_once(
    op: ir.Operation, at: int, tile: ir.Value, init: ir.Value, mask: ir.Value | None, loc: ir.Location
) -> ir.Value:
    """A reduction outside of any loop that carries it."""
    accumulator = start(Plan(op, at, 1), init)
    return accumulator.fold(tile, mask, loc).finish(loc)
