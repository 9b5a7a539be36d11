"""`gir-carry-bf16`: where bf16 is only moved, it is moved as bits.

Rewrite:
    %0 = vector.load %x : memref<64xbf16>, vector<32xbf16>      ⇒   %0 = vector.load %x : memref<64xi16>, vector<32xi16>
    %1 = arith.bitcast %0 : vector<32xbf16> to vector<32xi16>       (gone)
    vector.store %0, %y : memref<64xbf16>, vector<32xbf16>          vector.store %0, %y : memref<64xi16>, vector<32xi16>

Nothing computes in bf16 by now: operands have been widened to f32 and results rounded, by bits. What is left loads,
stores, shuffles and chooses. For processors without instructions on bf16 LLVM keeps such values in f32, and calls a
function for each lane that it stores, of copies too. i16 is i16 on all of them.

A module in which something does more with bf16 than carry it stays as it is. Results of LLVM's own instructions on bf16
keep their type, up to the cast that takes their bits.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import create, walk_numbered
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir

INTRINSIC = "llvm.call_intrinsic"
CARRIERS = (
    "arith.bitcast",
    "arith.constant",
    "arith.select",
    "builtin.unrealized_conversion_cast",
    "cf.",
    "func.",
    "memref.",
    "scf.",
    "ub.poison",
    "vector.bitcast",
    "vector.broadcast",
    "vector.extract",
    "vector.from_elements",
    "vector.gather",
    "vector.insert",
    "vector.load",
    "vector.masked",
    "vector.scatter",
    "vector.shuffle",
    "vector.splat",
    "vector.store",
    "vector.to_elements",
)
COMPUTING = ("memref.atomic_rmw", "memref.generic_atomic_rmw", "memref.global", "memref.get_global")


@register_pass
@dataclass(frozen=True)
class CarryBf16Pass(Pass):
    """Moves bf16 as bits."""

    name: ClassVar[str] = "gir-carry-bf16"

    def run(self, op: ir.Operation) -> None:
        """Retypes the values of a module in place."""
        concerned = [each for _, each in walk_numbered(op) if _is_concerned(each)]
        if not concerned or not all(map(_is_carrier, concerned)):
            return
        casts = [each for each in concerned if each.name == "arith.bitcast"]
        for each in concerned:
            _retype(each)
        for cast in casts:
            if cast.operands[0].type == cast.result.type:
                cast.result.replace_all_uses_with(cast.operands[0])
                cast.erase()
        count("ops that carry bf16 as bits", len(concerned))


def carried(type_: ir.Type) -> ir.Type:
    """A type with i16 for bf16."""
    bits = ir.IntegerType.get_signless(16)
    if isinstance(type_, ir.BF16Type):
        return bits
    if isinstance(type_, ir.VectorType) and isinstance(type_.element_type, ir.BF16Type):
        return ir.VectorType.get(type_.shape, bits)
    if isinstance(type_, ir.MemRefType) and isinstance(type_.element_type, ir.BF16Type):
        return ir.MemRefType.get(type_.shape, bits, type_.layout, type_.memory_space)
    if isinstance(type_, ir.UnrankedMemRefType) and isinstance(type_.element_type, ir.BF16Type):
        return ir.UnrankedMemRefType.get(bits, type_.memory_space)
    if isinstance(type_, ir.FunctionType):
        return ir.FunctionType.get([carried(each) for each in type_.inputs], [carried(each) for each in type_.results])
    return type_


def _is_concerned(op: ir.Operation) -> bool:
    """Whether an op has bf16 among its operands, results or arguments, or says so of a function."""
    types = [value.type for value in (*op.operands, *op.results)]
    types += [value.type for region in op.regions for block in region.blocks for value in block.arguments]
    if "function_type" in op.attributes:
        types.append(ir.TypeAttr(op.attributes["function_type"]).value)
    return any(carried(type_) != type_ for type_ in types)


def _is_carrier(op: ir.Operation) -> bool:
    if op.name == INTRINSIC:  # Its result is bf16, which a cast takes the bits of.
        uses = [use.owner.operation.name for result in op.results for use in result.uses]
        return all(name == "arith.bitcast" for name in uses) and not any(_is_bf16(value) for value in op.operands)
    if op.name in COMPUTING:
        return False
    if op.name == "arith.constant" and isinstance(op.result.type, ir.VectorType):
        return ir.DenseElementsAttr(op.attributes["value"]).is_splat
    return op.name.startswith(CARRIERS)


def _is_bf16(value: ir.Value) -> bool:
    return carried(value.type) != value.type


def _retype(op: ir.Operation) -> None:
    if op.name == INTRINSIC:
        return
    if op.name == "arith.constant":
        with ir.InsertionPoint(op), op.location:
            made = create("arith.constant", [], [carried(op.result.type)], {"value": _bits(op)}).result
        op.result.replace_all_uses_with(made)
        op.erase()
        return
    if "function_type" in op.attributes:
        of = ir.TypeAttr(op.attributes["function_type"]).value
        op.attributes["function_type"] = ir.TypeAttr.get(carried(of))
    values = [*op.results, *(a for region in op.regions for block in region.blocks for a in block.arguments)]
    for value in values:
        value.set_type(carried(value.type))


def _bits(constant: ir.Operation) -> ir.Attribute:
    """A number's bits, or those of each lane."""
    value, bits = constant.attributes["value"], ir.IntegerType.get_signless(16)
    if isinstance(constant.result.type, ir.BF16Type):
        return ir.IntegerAttr.get(bits, _number(ir.FloatAttr(value)))
    lane = ir.IntegerAttr.get(bits, _number(ir.FloatAttr(ir.DenseElementsAttr(value).get_splat_value())))
    return ir.DenseElementsAttr.get_splat(carried(constant.result.type), lane)


def _number(value: ir.FloatAttr) -> int:
    """The upper half of a float's bits."""
    (whole,) = struct.unpack("<i", struct.pack("<f", value.value))
    return whole >> 16
