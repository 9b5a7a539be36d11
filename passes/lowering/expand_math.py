"""`gir-expand-math`: functions of f32 become short sequences of arithmetic.

Rewrite:
    %1 = math.exp %0 : vector<16xf32>      ⇒      about twelve ops of arith and math.fma

Of f32, scalars and vectors of a known number of lanes; functions of other types stay. Each result is within the
bound that the function states in `passes/lowering/functions/`, for every argument: NaN, infinities, zeros of either
sign and subnormal numbers are what IEEE 754 and the C library say. Where the machine has AVX-512, some steps are one
instruction of it, on 16 lanes at a time.

A division by a number that all lanes share becomes a multiplication by its inverse, corrected by what remains
(`functions/divisions.py`): the inverse is computed once, outside of the loops that it doesn't depend on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.host import has_avx512
from powerfusion.mlir import ir
from powerfusion.passes.lowering.functions.divisions import by_shared
from powerfusion.passes.lowering.functions.instructions import Avx512, in_pieces
from powerfusion.passes.lowering.functions.lanes import Real
from powerfusion.passes.lowering.functions.powers import has_short_form, multiplied
from powerfusion.passes.lowering.functions.table import FUNCTIONS, WITHOUT_INSTRUCTIONS, is_f32
from powerfusion.passes.lowering.intrinsics import has_instructions


@register_pass
@dataclass(frozen=True)
class ExpandMathPass(Pass):
    """Expands functions of f32, and divisions by what all lanes share."""

    name: ClassVar[str] = "gir-expand-math"
    instructions: str = option(
        "host",
        help="Beyond what any machine has: none, avx512 (F and DQ), or what the machine that this runs on has: host",
    )

    def run(self, op: ir.Operation) -> None:
        """Replaces the ops in place."""
        avx512 = Avx512() if has_instructions(self.instructions, "avx512", has_avx512, op.location) else None
        for found in list(_walk(op)):
            with ir.InsertionPoint(found), found.location:
                value = _expanded(found, avx512)
            if value is None:
                continue
            count("expanded")
            found.result.replace_all_uses_with(value)
            found.erase()


def _walk(op: ir.Operation) -> Iterator[ir.Operation]:
    """The ops in an op that may be expanded, in order."""
    for region in op.regions:
        for block in region:
            for inside in block.operations:
                operation = inside.operation
                if operation.regions:
                    yield from _walk(operation)
                elif operation.name in FUNCTIONS or operation.name == "arith.divf":
                    yield operation


def _expanded(op: ir.Operation, avx512: Avx512 | None) -> ir.Value | None:
    """What an op becomes; None where it stays."""
    type_ = op.result.type
    if not is_f32(type_):
        return None
    operands = [Real(operand) for operand in op.operands]
    if op.name == "arith.divf":
        quotient = by_shared(*operands)
        return quotient and quotient.value
    if op.name == "math.powf" and has_short_form(operands[1]):
        product = multiplied(*operands)
        return product and product.value
    function = FUNCTIONS[op.name]
    if avx512 is None or op.name in WITHOUT_INSTRUCTIONS or not _has_pieces(type_):
        return function(*operands, None).value
    return in_pieces(lambda *pieces: function(*pieces, avx512), *operands).value


def _has_pieces(type_: ir.Type) -> bool:
    """Whether lanes can be taken some at a time: there is one dimension at most."""
    return not isinstance(type_, ir.VectorType) or type_.rank == 1
