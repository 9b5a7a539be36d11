"""One reduction for a cascade: the accumulators that it needs, how two of them combine, what is done at the end.

    a = max x                        (a, b) = reduce (x, 1) with the combiner
    b = sum of e^(x - a)               a = max(a1, a2);   b = b1 e^(a1 - a) + b2 e^(a2 - a)

A sum of powers is carried relative to a reference: the largest exponent so far. Where the program subtracts that very
maximum, its accumulator is the reference; else there is one more. Both weights are at most 1, one of them is 1, and
the other is e to minus the distance of the references; these are clamped to finite numbers, so that minus infinity
has a distance to itself. What of a row is minus infinity weighs nothing, and what the program would have made of a row
that is nothing else (`e^(-inf + inf)`), the power at the end makes of it too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import create, element_of, i32_array, i64_array
from powerfusion.mlir import ir
from powerfusion.passes.expansion.tiles import UPWARDS, Shapes, Tile, binary, compared, scalar, select, unary
from powerfusion.passes.lowering.elementwise import neutral

FLOAT_KINDS = {"add": "addf", "mul": "mulf"}
INTEGER_KINDS = {"add": "addi", "mul": "muli", "and": "andi", "or": "ori", "xor": "xori"}


@dataclass(frozen=True)
class Reference:
    """What a sum of powers is relative to.

    Attributes:
        at: The accumulator, a maximum or minimum.
        base: `math.exp` or `math.exp2`.
        slope: The exponent is so many times what the accumulator folds.
        clamps: How it is kept finite, if it isn't already: the kinds of the bounds.
    """

    at: int
    base: str
    slope: float
    clamps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spread:
    """The accumulators of a sum of squares about the mean.

    Attributes:
        count: How many elements there were.
        high: Their mean.
        low: What the mean has lost by rounding.
        squares: The sum of the squares of what elements are apart from the mean.
    """

    count: int
    high: int
    low: int
    squares: int


@dataclass(frozen=True)
class Accumulator:
    """One operand of the reduction.

    Attributes:
        kind: How it is folded.
        element: What it takes in: rows and folded dimensions, then payload.
        names: Of the result's dimensions, payload last.
        init: What it starts from.
        reference: Of a sum of powers.
        guarded: Whether it may be infinite where its weight is zero, and then is nothing.
    """

    kind: str
    element: ir.Value
    names: tuple[int, ...]
    init: ir.Value
    reference: Reference | None = None
    guarded: bool = False


@dataclass
class Joint:
    """A reduction that is being put together.

    Attributes:
        names: The dimensions that all inputs have, in their order.
        folded: Those that go.
        shapes: How long dimensions are.
        accumulators: Its operands, in order.
        spreads: Those of them that are carried together.
    """

    names: tuple[int, ...]
    folded: tuple[int, ...]
    shapes: Shapes
    accumulators: list[Accumulator] = field(default_factory=list[Accumulator])
    spreads: list[Spread] = field(default_factory=list[Spread])

    @property
    def rows(self) -> tuple[int, ...]:
        """The dimensions that stay."""
        return tuple(name for name in self.names if name not in self.folded)

    def add(
        self,
        kind: str,
        tile: Tile,
        payload: Sequence[int] = (),
        init: Tile | None = None,
        reference: Reference | None = None,
        guarded: bool = False,
    ) -> int:
        """One more accumulator; without an init it starts from the kind's neutral element."""
        element = self.shapes.aligned(tile, (*self.names, *payload))
        names = (*self.rows, *payload)
        if init is None:
            type_ = element_of(element.type)
            init = self.shapes.full(ir.FloatAttr(neutral(kind, type_)).value, names, type_)
        start = self.shapes.aligned(init, names)
        self.accumulators.append(Accumulator(kind, element, names, start, reference, guarded))
        return len(self.accumulators) - 1

    def emit(self) -> list[Tile]:
        """Makes the reduction; gives a result for each accumulator."""
        inputs, inits = ([getattr(a, name) for a in self.accumulators] for name in ("element", "init"))
        attributes = {
            "dims": i64_array([dim for dim, name in enumerate(self.names) if name in self.folded]),
            "operandSegmentSizes": i32_array([len(inputs), len(inits), 0]),
        }
        joined = bool(self.spreads) or any(a.reference for a in self.accumulators)
        if joined:
            elements = [element_of(a.init.type) for a in self.accumulators]
            identity = [neutral(a.kind, element) for a, element in zip(self.accumulators, elements, strict=True)]
            attributes["algebra"] = ir.Attribute.parse("#gir.algebra<commutative>")
            attributes["identity"] = ir.ArrayAttr.get(identity)
        else:
            kinds = [ir.Attribute.parse(f"#vector.kind<{a.kind}>") for a in self.accumulators]
            attributes["kinds"] = ir.ArrayAttr.get(kinds)
        made = create("gir.reduce", [*inputs, *inits], [init.type for init in inits], attributes, regions=1)
        if joined:
            self._combiner(made)
        return [Tile(result, a.names) for result, a in zip(made.results, self.accumulators, strict=True)]

    # -- the combiner --------------------------------------------------------------------------------

    def _combiner(self, op: ir.Operation) -> None:
        types = [self._argument(a) for a in self.accumulators]
        block = op.regions[0].blocks.append(*types, *types, arg_locs=[op.location] * (2 * len(types)))
        one, other = (list(block.arguments)[at : at + len(types)] for at in (0, len(types)))
        with ir.InsertionPoint(block):
            weights: dict[Reference, tuple[ir.Value, ir.Value]] = {}
            made: list[ir.Value] = []
            for at, a in enumerate(self.accumulators):
                left, right = one[at], other[at]
                if a.reference is not None:
                    if a.reference not in weights:
                        kind = self.accumulators[a.reference.at].kind
                        weights[a.reference] = self._weights(a.reference, kind, one, other)
                    left, right = (
                        self._times(a, value, weight)
                        for value, weight in zip((left, right), weights[a.reference], strict=True)
                    )
                made.append(_combined(a.kind, left, right))
            for spread in self.spreads:
                made[spread.high], made[spread.low], made[spread.squares] = _merged(spread, one, other)
            create("gir.yield", made)

    def _payload(self, accumulator: Accumulator) -> tuple[int, ...]:
        return tuple(name for name in accumulator.names if name not in self.rows)

    def _argument(self, accumulator: Accumulator) -> ir.Type:
        """An element with its payload."""
        payload = self._payload(accumulator)
        element = element_of(accumulator.init.type)
        return self.shapes.type(payload, element) if payload else element

    def _times(self, accumulator: Accumulator, value: ir.Value, weight: ir.Value) -> ir.Value:
        """A sum times the weight of its reference."""
        payload = self._payload(accumulator)
        if payload:
            weight = self.shapes.splat(weight, payload).value
        if accumulator.guarded:
            zero, infinite = (self.shapes.number(number, Tile(value, payload)) for number in (0.0, math.inf))
            lost = compared("oeq", unary("math.absf", value), infinite)
            value = select(binary("andi", compared("oeq", weight, zero), lost), zero, value)
        return binary("mulf", value, weight)

    def _weights(
        self, reference: Reference, kind: str, one: Sequence[ir.Value], other: Sequence[ir.Value]
    ) -> tuple[ir.Value, ir.Value]:
        """What two sums are multiplied with, so that both are relative to the reference of both."""
        left, right = (
            self.shapes.clamped(reference.clamps, Tile(values[reference.at], ())).value for values in (one, other)
        )
        distance = unary("math.absf", binary("subf", left, right))
        slope = scalar(-abs(reference.slope), distance.type)
        decay = unary(reference.base, binary("mulf", distance, slope))
        nearer = compared("oge" if kind in UPWARDS else "ole", left, right)
        whole = scalar(1.0, decay.type)
        return select(nearer, whole, decay), select(nearer, decay, whole)


def _merged(spread: Spread, one: Sequence[ir.Value], other: Sequence[ir.Value]) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Mean and squares of two parts: with d what their means are apart, there are d n1 / n * d n2 more squares.

    The mean moves from that of the larger part, so that an empty part changes nothing, and what it loses by rounding is
    kept: elements are apart by what would be lost where they are far from zero and close to each other.
    """
    larger = compared("oge", one[spread.count], other[spread.count])
    (n1, n2), (high1, high2), (low1, low2) = (
        (select(larger, one[at], other[at]), select(larger, other[at], one[at]))
        for at in (spread.count, spread.high, spread.low)
    )
    apart = binary("addf", binary("subf", high2, high1), binary("subf", low2, low1))
    count = binary("maximumf", binary("addf", n1, n2), scalar(1.0, n1.type))
    step = binary("mulf", apart, binary("divf", n2, count))
    high = binary("addf", high1, step)
    moved = binary("subf", high, high1)
    lost = binary("addf", binary("subf", high1, binary("subf", high, moved)), binary("subf", step, moved))
    more = binary("mulf", step, binary("mulf", apart, n1))
    squares = binary("addf", binary("addf", one[spread.squares], other[spread.squares]), more)
    return high, binary("addf", low1, lost), squares


def _combined(kind: str, left: ir.Value, right: ir.Value) -> ir.Value:
    floats = isinstance(element_of(left.type), ir.FloatType)
    return binary((FLOAT_KINDS if floats else INTEGER_KINDS).get(kind, kind), left, right)
