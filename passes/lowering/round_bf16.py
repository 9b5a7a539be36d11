"""`gir-round-bf16`: f32 is rounded to bf16 by AVX-512's own instruction, where the machine has it.

Rewrite:
    %1 = arith.truncf %0 : vector<32xf32> to vector<32xbf16>

      ⇒    any of %0 subnormal ? arith.truncf %0 : vcvtne2ps2bf16 of 32 lanes each

The instruction takes subnormal numbers for 0, so that a vector that has one goes the long way, by integers: a branch
that is hardly ever taken. All other numbers are rounded to the nearest even one by both; a NaN stays one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

from powerfusion.core._mlir import create, i64_array, walk_numbered
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.host import has_avx512_bf16
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.intrinsics import has_instructions, intrinsic, number
from powerfusion.passes.lowering.memory import NE
from powerfusion.passes.lowering.shuffles import shuffle, side_by_side

LANES = 16
SUBNORMAL = 0x20  # a class of numbers to vfpclassps


@register_pass
@dataclass(frozen=True)
class RoundBf16Pass(Pass):
    """Rounds vectors of f32 to bf16 by an instruction."""

    name: ClassVar[str] = "gir-round-bf16"
    instructions: str = option(
        "host", help="Beyond what any machine has: none, avx512bf16, or what the machine that this runs on has: host"
    )

    def run(self, op: ir.Operation) -> None:
        """Replaces the ops in place."""
        if not has_instructions(self.instructions, "avx512bf16", has_avx512_bf16, op.location):
            return
        for found in [each for _, each in walk_numbered(op) if _is_rounding(each)]:
            with ir.InsertionPoint(found), found.location:
                rounded = _rounded(found.operands[0], found.result.type)
            found.result.replace_all_uses_with(rounded)
            found.erase()
            count("roundings by an instruction")


def _is_rounding(op: ir.Operation) -> bool:
    if op.name != "arith.truncf" or not isinstance(op.result.type, ir.VectorType):
        return False
    wide, narrow = ir.VectorType(op.operands[0].type), ir.VectorType(op.result.type)
    whole = narrow.rank == 1 and narrow.shape[0] % LANES == 0
    return whole and wide.element_type == ir.F32Type.get() and narrow.element_type == ir.BF16Type.get()


def _rounded(value: ir.Value, type_: ir.VectorType) -> ir.Value:
    """Whichever way, as the bits that both ways give: LLVM 22 doesn't carry bf16 of any length past a branch."""
    lanes = type_.shape[0]
    pieces = [shuffle(value, value, range(start, start + LANES)) for start in range(0, lanes, LANES)]
    bits = ir.VectorType.get([lanes], ir.IntegerType.get_signless(16))
    branch = create("scf.if", [_any_subnormal(pieces)], [bits], regions=2)
    with ir.InsertionPoint(branch.regions[0].blocks.append()):
        slow = create("arith.truncf", [value], [type_]).result
        create("scf.yield", [create("arith.bitcast", [slow], [bits]).result])
    with ir.InsertionPoint(branch.regions[1].blocks.append()):
        each = 1 if len(pieces) % 2 else 2
        joined = side_by_side([_converted(*pieces[at : at + each]) for at in range(0, len(pieces), each)])
        create("scf.yield", [shuffle(joined, joined, range(lanes))])
    return create("arith.bitcast", [branch.results[0]], [type_]).result


def _any_subnormal(pieces: list[ir.Value]) -> ir.Value:
    flags = ir.VectorType.get([LANES], ir.IntegerType.get_signless(1))
    masks = [intrinsic("x86.avx512.fpclass.ps.512", [piece, number(32, SUBNORMAL)], flags) for piece in pieces]
    mask = reduce(lambda left, right: create("arith.ori", [left, right], [flags]).result, masks)
    i16 = ir.IntegerType.get_signless(16)
    word = create("vector.bitcast", [mask], [ir.VectorType.get([1], i16)]).result
    found = create("vector.extract", [word], [i16], {"static_position": i64_array([0])}).result
    return compare("arith.cmpi", NE, found, number(16, 0))


def _converted(piece: ir.Value, further: ir.Value | None = None) -> ir.Value:
    """16 lanes by the instruction, or by that for two vectors 32, as bits."""
    given = [piece] if further is None else [further, piece]
    name = "cvtneps2bf16" if further is None else "cvtne2ps2bf16"
    made = intrinsic(f"x86.avx512bf16.{name}.512", given, ir.VectorType.get([LANES * len(given)], ir.BF16Type.get()))
    bits = ir.VectorType.get([LANES * len(given)], ir.IntegerType.get_signless(16))
    return create("arith.bitcast", [made], [bits]).result
