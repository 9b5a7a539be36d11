"""Elementwise ops on scalars and vectors: `arith` and `math`, narrow floats computed in f32.

f16 and bf16 are storage types: each op extends its operands to f32, computes there and rounds
its result, which is what a native instruction would give. Kinds of reductions are here too, with
their neutral elements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from powerfusion.core._mlir import bits_of, create, element_of
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import (
    DIVISIONS,
    EXPANSIONS,
    LIBM,
    call_lanes,
    constant,
    convert_float,
    harmless_divisor,
    is_narrow,
    widen,
    with_element,
    zero,
)
from powerfusion.passes.lowering.functions.table import is_expanded

__all__ = [
    "combine",
    "constant",
    "convert_float",
    "elementwise",
    "is_narrow",
    "neutral",
    "widen",
    "with_element",
    "zero",
]

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
        if name in DIVISIONS:
            operands = [operands[0], harmless_divisor(name, *operands)]
        if name == "arith.select" and isinstance(element_of(results[0]), ir.BF16Type):
            return [_chosen_bits(operands, results[0])]
        if name in EXPANSIONS:
            return [EXPANSIONS[name](operands, results[0])]
        narrow = name not in EXACT and any(is_narrow(t) for t in [*results, *(o.type for o in operands)])
        if name in LIBM and not narrow and not is_expanded(name, results[0]):
            return [call_lanes(LIBM[name], operands, results[0])]
        if not narrow:
            return list(create(name, operands, results, attributes).results)
        wide = [with_element(t, ir.F32Type.get()) if is_narrow(t) else t for t in results]
        made = elementwise(name, [widen(operand) for operand in operands], wide, attributes, loc)
        return [
            convert_float(value, element_of(t)) if is_narrow(t) else value
            for value, t in zip(made, results, strict=True)
        ]


def _chosen_bits(operands: Sequence[ir.Value], type_: ir.Type) -> ir.Value:
    """A choice between bf16 values by their bits: LLVM 22 can't choose between vectors of them of any length."""
    bits = with_element(type_, ir.IntegerType.get_signless(element_of(type_).width))
    sides = [create("arith.bitcast", [value], [bits]).result for value in operands[1:]]
    chosen = create("arith.select", [operands[0], *sides], [bits]).result
    return create("arith.bitcast", [chosen], [type_]).result


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
    width = bits_of(element)
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
