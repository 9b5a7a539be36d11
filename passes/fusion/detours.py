"""Detours through f64: which values are tied together there, and whether f32 is enough for them.

Values that one op computes from each other are of one detour; so are a kernel's argument and what the
function gives for it. Each value has a grade, from how it was made:

    exact      widened from at most 32 bits, and moved          extf(x)
    statistic  a reduction's result, and multiples of it        sum(extf(x)) / n
    centred    a widened value less a statistic                 extf(x) - mean
    product    what is multiplied of these                      centred * centred

Only an exact value and a statistic, or a statistic and a constant, are added or subtracted.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from powerfusion.core._mlir import constant_of, element_of, entry_block, operations, segments
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import is_naive, used_values

MOVES = (
    "gir.move",
    "gir.broadcast",
    "gir.permute",
    "gir.slice",
    "gir.reshape",
    "tensor.splat",
    "tensor.cast",
    "tensor.expand_shape",
    "tensor.collapse_shape",
)
SUMS = ("arith.addf", "arith.subf")
PRODUCTS = ("arith.mulf", "arith.divf", "arith.negf", "math.sqrt", "math.rsqrt", "math.absf")
WIDEST = 32  # bits that a detour may begin from and end at


class Grade(Enum):
    """How a value in f64 was made; `CONSTANT` is any constant."""

    CONSTANT = "constant"
    EXACT = "exact"
    STATISTIC = "statistic"
    CENTRED = "centred"
    PRODUCT = "product"


@dataclass(eq=False)
class Detour:
    """What is tied together in f64.

    Attributes:
        values: Those of f64; constants aren't among them.
        ops: What reads or makes them.
        casts: The widenings and narrowings at its ends.
        sums: Whether something is added up.
        refused: Whether it must stay.
    """

    values: list[ir.Value] = field(default_factory=list)
    ops: list[ir.Operation] = field(default_factory=list)
    casts: list[ir.Operation] = field(default_factory=list)
    sums: bool = False
    refused: bool = False


def detours(function: ir.Operation) -> list[Detour]:
    """The detours of a function that may be taken in f32."""
    reader = _Reader()
    block = entry_block(function)
    reader.refuse(block.arguments)
    for op in operations(block):
        reader.read(op)
    found = dict.fromkeys(reader.of.values())
    return [detour for detour in found if detour.sums and detour.casts and not detour.refused]


@dataclass
class _Reader:
    """Reads ops in order; a value's detour and grade are known when it is used."""

    of: dict[ir.Value, Detour] = field(default_factory=dict)
    grades: dict[ir.Value, Grade] = field(default_factory=dict)

    def read(self, op: ir.Operation) -> None:
        """Reads one op of the function or of a kernel."""
        if is_naive(op):
            self._read_kernel(op)
            return
        wide = _wide([*op.operands, *op.results])
        if op.name == "arith.constant" or (not wide and not op.regions):
            return
        if op.name == "arith.extf":
            self._begin(op)
        elif op.name == "arith.truncf":
            self._end(op)
        elif op.name in (*MOVES, *SUMS, *PRODUCTS):
            self._compute(op)
        elif op.name == "gir.reduce":
            self._reduce(op)
        else:
            self.refuse([*used_values(op), *op.results])

    def refuse(self, values: Iterable[ir.Value]) -> None:
        """What these belong to stays."""
        for value in _wide(values):
            self._tie([value]).refused = True

    def _read_kernel(self, kernel: ir.Operation) -> None:
        inputs = segments(kernel)[0]
        for value, argument in zip(inputs, entry_block(kernel).arguments, strict=True):
            self._follow(kernel, argument, value)
        *body, end = operations(entry_block(kernel))
        for op in body:
            self.read(op)
        for value, result in zip(end.operands, kernel.results, strict=True):
            self._follow(kernel, result, value)

    def _follow(self, op: ir.Operation, value: ir.Value, source: ir.Value) -> None:
        """A value that is another, on the other side of a kernel's edge."""
        if _wide([value]):
            self._tie([source, value]).ops.append(op)
            self.grades[value] = self._grade(source)

    def _begin(self, op: ir.Operation) -> None:
        if not _wide([op.result]):
            return
        detour = self._tie([op.result])
        detour.casts.append(op)
        detour.refused |= element_of(op.operands[0].type).width > WIDEST
        self.grades[op.result] = Grade.EXACT

    def _end(self, op: ir.Operation) -> None:
        if not _wide([op.operands[0]]) or constant_of(op.operands[0]) is not None:
            return
        detour = self._tie([op.operands[0]])
        detour.casts.append(op)
        detour.refused |= element_of(op.result.type).width > WIDEST

    def _compute(self, op: ir.Operation) -> None:
        operands, (result,) = _wide(op.operands), op.results
        detour = self._tie([*operands, result])
        detour.ops.append(op)
        grade = _grade_of(op.name, [self._grade(value) for value in operands])
        detour.refused |= grade is None
        self.grades[result] = grade or Grade.PRODUCT

    def _reduce(self, op: ir.Operation) -> None:
        inputs, inits, _ = segments(op)
        if "kinds" not in op.attributes or len(inputs) != len(inits):
            self.refuse([*op.operands, *op.results])
            return
        for source, init, result, kind in zip(inputs, inits, op.results, op.attributes["kinds"], strict=True):
            if not _wide([result]):
                continue
            detour = self._tie([source, init, result])
            detour.ops.append(op)
            detour.sums |= "<add>" in str(kind)
            detour.refused |= "<mul>" in str(kind) or self._grade(init) is not Grade.CONSTANT
            self.grades[result] = Grade.STATISTIC

    def _grade(self, value: ir.Value) -> Grade:
        return Grade.CONSTANT if constant_of(value) is not None else self.grades.get(value, Grade.PRODUCT)

    def _tie(self, values: Sequence[ir.Value]) -> Detour:
        """The one detour of some values; a constant that f32 doesn't have refuses it."""
        constants = [value for value in values if constant_of(value) is not None]
        known = dict.fromkeys(self.of[value] for value in values if value in self.of)
        detour, *others = [*known] or [Detour()]
        for other in others:
            detour = self._merge(detour, other)
        for value in values:
            if value not in self.of and value not in constants:
                self.of[value] = detour
                detour.values.append(value)
        detour.refused |= not all(map(_fits, constants))
        return detour

    def _merge(self, a: Detour, b: Detour) -> Detour:
        small, large = sorted((a, b), key=lambda detour: len(detour.values))
        for value in small.values:
            self.of[value] = large
        large.values += small.values
        large.ops += small.ops
        large.casts += small.casts
        large.sums |= small.sums
        large.refused |= small.refused
        return large


def _grade_of(name: str, operands: Sequence[Grade]) -> Grade | None:
    """The grade of what an op computes, None where f32 might not be enough."""
    if name in MOVES:
        return operands[0]
    kinds = set(operands) - {Grade.CONSTANT}
    if name in PRODUCTS:
        return Grade.STATISTIC if kinds <= {Grade.STATISTIC} else Grade.PRODUCT
    if kinds == {Grade.EXACT, Grade.STATISTIC}:
        return Grade.CENTRED
    shifted = kinds == {Grade.STATISTIC} and Grade.CONSTANT in operands and name == "arith.addf"
    return Grade.STATISTIC if shifted else None


def _wide(values: Iterable[ir.Value]) -> list[ir.Value]:
    return [value for value in values if isinstance(element_of(value.type), ir.F64Type)]


def _fits(constant: ir.Value) -> bool:
    """Whether f32 has a constant's number, but for rounding."""
    attribute = constant_of(constant)
    if isinstance(attribute, ir.DenseElementsAttr):
        if not attribute.is_splat:
            return False
        attribute = attribute.get_splat_value()
    if not isinstance(attribute, ir.FloatAttr):
        return False
    number = attribute.value
    if not math.isfinite(number) or number == 0:
        return True
    try:
        return abs(struct.unpack("f", struct.pack("f", number))[0]) >= 2.0**-126
    except OverflowError:
        return False
