"""Elementwise ops on scalars and vectors: `arith` and `math`, narrow floats computed in f32.

f16 and bf16 are storage types: each op extends its operands to f32, computes there and rounds
its result, which is what a native instruction would give. Kinds of reductions are here too, with
their neutral elements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from powerfusion.core._mlir import create, element_of
from powerfusion.mlir import ir

EXACT = frozenset({"arith.select", "arith.bitcast", "arith.constant"})  # no arithmetic on their operands

COMBINE = {
    "add": ("arith.addf", "arith.addi"),
    "mul": ("arith.mulf", "arith.muli"),
    "maximumf": ("arith.maximumf", ""),
    "minimumf": ("arith.minimumf", ""),
    "maxnumf": ("arith.maxnumf", ""),
    "minnumf": ("arith.minnumf", ""),
    "maxsi": ("", "arith.maxsi"),
    "minsi": ("", "arith.minsi"),
    "maxui": ("", "arith.maxui"),
    "minui": ("", "arith.minui"),
    "and": ("", "arith.andi"),
    "or": ("", "arith.ori"),
    "xor": ("", "arith.xori"),
}


def with_element(type_: ir.Type, element: ir.Type) -> ir.Type:
    """A scalar's or vector's type with another element type."""
    return ir.VectorType.get(type_.shape, element) if isinstance(type_, ir.VectorType) else element


def is_narrow(type_: ir.Type) -> bool:
    """True for f16 and bf16, and vectors of them."""
    return isinstance(element_of(type_), (ir.F16Type, ir.BF16Type))


def widen(value: ir.Value) -> ir.Value:
    """A narrow float in f32; anything else as it is."""
    if not is_narrow(value.type):
        return value
    return create("arith.extf", [value], [with_element(value.type, ir.F32Type.get())]).result


def convert_float(value: ir.Value, element: ir.Type) -> ir.Value:
    """A float as another float type, through f32 between f64 and a narrow type."""
    source = element_of(value.type)
    if source == element:
        return value
    if is_narrow(source) and is_narrow(element) or {source.width, element.width} == {16, 64}:
        value = convert_float(value, ir.F32Type.get())
        source = element_of(value.type)
    name = "arith.extf" if element.width > source.width else "arith.truncf"
    return create(name, [value], [with_element(value.type, element)]).result


def elementwise(
    name: str,
    operands: Sequence[ir.Value],
    results: Sequence[ir.Type],
    attributes: Mapping[str, ir.Attribute],
    loc: ir.Location,
) -> list[ir.Value]:
    """Emits an `arith` or `math` op on scalars or vectors."""
    with loc:
        if name in ("arith.extf", "arith.truncf"):
            return [convert_float(operands[0], element_of(results[0]))]
        narrow = name not in EXACT and any(is_narrow(t) for t in [*results, *(o.type for o in operands)])
        if not narrow:
            return list(create(name, operands, results, attributes).results)
        wide = [with_element(t, ir.F32Type.get()) if is_narrow(t) else t for t in results]
        made = create(name, [widen(operand) for operand in operands], wide, attributes)
        return [
            convert_float(value, element_of(t)) if is_narrow(t) else value
            for value, t in zip(made.results, results, strict=True)
        ]


def combine(kind: str, left: ir.Value, right: ir.Value, loc: ir.Location) -> ir.Value:
    """Combines two values by a reduction's kind."""
    is_float = isinstance(element_of(left.type), ir.FloatType)
    return elementwise(COMBINE[kind][0 if is_float else 1], [left, right], [left.type], {}, loc)[0]


def neutral(kind: str, element: ir.Type) -> ir.Attribute:
    """The element that changes nothing when it is combined by a kind."""
    if isinstance(element, ir.FloatType):
        values = {
            "add": -0.0,
            "mul": 1.0,
            "maximumf": -math.inf,
            "minimumf": math.inf,
            "maxnumf": math.nan,
            "minnumf": math.nan,
        }
        return ir.FloatAttr.get(element, values[kind])
    width = 64 if isinstance(element, ir.IndexType) else element.width
    ones, top = -1, 1 << (width - 1)
    integers = {
        "add": 0,
        "mul": 1,
        "maxsi": -top,
        "minsi": top - 1,
        "maxui": 0,
        "minui": ones,
        "and": ones,
        "or": 0,
        "xor": 0,
    }
    return ir.IntegerAttr.get(element, integers[kind])


def constant(type_: ir.Type, value: ir.Attribute) -> ir.Value:
    """A scalar constant, or a vector of it."""
    if isinstance(type_, ir.VectorType):
        value = ir.DenseElementsAttr.get_splat(type_, value)
    return create("arith.constant", results=[type_], attributes={"value": value}).result


def zero(type_: ir.Type) -> ir.Value:
    """Zero of a scalar or vector type."""
    element = element_of(type_)
    is_float = isinstance(element, ir.FloatType)
    return constant(type_, ir.FloatAttr.get(element, 0.0) if is_float else ir.IntegerAttr.get(element, 0))
