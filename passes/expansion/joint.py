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
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.expansion.tiles import (
    Tile,
    aligned,
    binary,
    compared,
    largest,
    number,
    unary,
)
from powerfusion.passes.lowering.elementwise import neutral

FLOAT_KINDS = {"add": "addf", "mul": "mulf"}
INTEGER_KINDS = {"add": "addi", "mul": "muli", "and": "andi", "or": "ori", "xor": "xori"}
UPWARDS = ("maximumf", "maxnumf")


@dataclass(frozen=True)
class Reference:
    """What a sum of powers is relative to.

    Attributes:
        at: The accumulator, a maximum or minimum.
        base: `math.exp` or `math.exp2`.
        slope: The exponent is so many times what the accumulator folds.
    """

    at: int
    base: str
    slope: float


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
        sizes: How long dimensions are.
    """

    names: tuple[int, ...]
    folded: tuple[int, ...]
    sizes: dict[int, int]
    accumulators: list[Accumulator] = field(default_factory=list[Accumulator])

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
        element = aligned(tile, (*self.names, *payload), self.sizes)
        names = (*self.rows, *payload)
        if init is None:
            type_ = gir.tensor_at("reg", [self.sizes[name] for name in names], element_of(element.type))
            start = number(ir.FloatAttr(neutral(kind, type_.element_type)).value, type_)
        else:
            start = aligned(init, names, self.sizes)
        self.accumulators.append(Accumulator(kind, element, names, start, reference, guarded))
        return len(self.accumulators) - 1

    def emit(self) -> list[Tile]:
        """Makes the reduction; gives a result for each accumulator."""
        inputs, inits = ([getattr(a, name) for a in self.accumulators] for name in ("element", "init"))
        attributes = {
            "dims": i64_array([dim for dim, name in enumerate(self.names) if name in self.folded]),
            "operandSegmentSizes": i32_array([len(inputs), len(inits), 0]),
        }
        joined = any(a.reference for a in self.accumulators)
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
                        weights[a.reference] = _weights(a.reference, kind, one, other)
                    left, right = map(_times, (left, right), weights[a.reference], (a.guarded, a.guarded))
                made.append(_combined(a.kind, left, right))
            create("gir.yield", made)

    def _argument(self, accumulator: Accumulator) -> ir.Type:
        """An element with its payload."""
        payload = [self.sizes[name] for name in accumulator.names if name not in self.rows]
        element = element_of(accumulator.init.type)
        return gir.tensor_at("reg", payload, element) if payload else element


def _combined(kind: str, left: ir.Value, right: ir.Value) -> ir.Value:
    floats = isinstance(element_of(left.type), ir.FloatType)
    return binary((FLOAT_KINDS if floats else INTEGER_KINDS).get(kind, kind), left, right)


def _times(value: ir.Value, weight: ir.Value, guarded: bool) -> ir.Value:
    """A sum times the weight of its reference."""
    if isinstance(value.type, ir.RankedTensorType):
        weight = create("tensor.splat", [weight], [value.type]).result
    if guarded:
        zero = number(0.0, value.type)
        lost = compared("oeq", unary("math.absf", value), number(math.inf, value.type))
        value = _select(binary("andi", compared("oeq", weight, zero), lost), zero, value)
    return binary("mulf", value, weight)


def clamped(kind: str, value: ir.Value) -> ir.Value:
    """A maximum that is minus infinity as the lowest finite number; likewise a minimum."""
    edge = largest(element_of(value.type))
    return binary(kind, value, number(-edge if kind in UPWARDS else edge, value.type))


def _weights(
    reference: Reference, kind: str, one: Sequence[ir.Value], other: Sequence[ir.Value]
) -> tuple[ir.Value, ir.Value]:
    """What two sums are multiplied with, so that both are relative to the reference of both."""
    left, right = (clamped(kind, values[reference.at]) for values in (one, other))
    distance = unary("math.absf", binary("subf", left, right))
    decay = unary(reference.base, binary("mulf", distance, number(-abs(reference.slope), distance.type)))
    nearer = compared("oge" if kind in UPWARDS else "ole", left, right)
    whole = number(1.0, decay.type)
    return _select(nearer, whole, decay), _select(nearer, decay, whole)


def _select(flag: ir.Value, true: ir.Value, false: ir.Value) -> ir.Value:
    return create("arith.select", [flag, true, false], [true.type]).result


def weight_of(value: ir.Value, reference: ir.Value, slope: float) -> ir.Value:
    """An element's own power relative to its own, clamped reference: 1, or what infinities and NaN make of it."""
    off = binary("subf", value, reference) if slope > 0 else binary("subf", reference, value)
    one = binary("addf", off, number(1.0, off.type))
    return binary("maximumf", one, number(0.0, one.type))


def or_undefined(value: ir.Value, other: ir.Value) -> ir.Value:
    """A value, but NaN where another is NaN."""
    return _select(compared("uno", other, other), other, value)
