"""`gir-round-bf16`: f32 is rounded to bf16 by AVX-512's own instruction, where the machine has it.

Rewrite:
    %1 = arith.truncf %0 : vector<32xf32> to vector<32xbf16>

      ⇒    %1 = vcvtne2ps2bf16 of 32 lanes each
           any of %1 zero ? (any of %0 subnormal ? arith.truncf %0 : %1) : %1

The instruction takes subnormal numbers for 0, so that a vector that has one goes the long way, by integers. Where no
result is 0 there was none, and that takes one instruction for 32 lanes, each of which has the mask of the one before;
only where one is, numbers are looked at. LLVM is told that both is rare, and lays it aside. All other numbers are
rounded to the nearest even one by both; a NaN stays one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

from powerfusion.core._mlir import create, i64_array, walk_numbered
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.host import has_avx512_bf16
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import compare, constant
from powerfusion.passes.lowering.intrinsics import has_instructions, intrinsic, number
from powerfusion.passes.lowering.memory import NE
from powerfusion.passes.lowering.shuffles import shuffle, side_by_side

LANES = 16
SUBNORMAL = 0x20  # a class of numbers to vfpclassps
EXPONENT = 0x7F80  # of a bf16: 0 of zeros alone, as no result is subnormal


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
                bits = _rounded(found.operands[0], found.result.type)
                for further in [use.owner.operation for use in found.result.uses]:
                    if further.name == "arith.extf" and further.result.type == found.operands[0].type:
                        further.result.replace_all_uses_with(_widened(bits, further.result.type))
                        further.erase()
                rounded = create("arith.bitcast", [bits], [found.result.type]).result
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
    each = 1 if len(pieces) % 2 else 2
    made = [_converted(*pieces[at : at + each]) for at in range(0, len(pieces), each)]
    joined = side_by_side(made)
    quick = shuffle(joined, joined, range(lanes))

    def slow() -> ir.Value:
        rounded = create("arith.truncf", [value], [type_]).result
        return create("arith.bitcast", [rounded], [quick.type]).result

    return _unless(_any_zero(made), lambda: _unless(_any_subnormal(pieces), slow, quick), quick)


def _widened(bits: ir.Value, type_: ir.VectorType) -> ir.Value:
    """The f32 numbers of which these are the upper halves: each half goes to its place behind a 0, in one shuffle.

    Elsewhere widening is two steps, to 32 bits and up by 16. Of what a load brings the first is part of the load, but
    a register's upper half has to be brought down before.
    """
    zero = constant(bits.type, ir.IntegerAttr.get(bits.type.element_type, 0))
    lanes = type_.shape[0]
    made: list[ir.Value] = []
    for start in range(0, lanes, LANES):
        halves = shuffle(bits, zero, [at for lane in range(start, start + LANES) for at in (lanes + lane, lane)])
        made.append(create("vector.bitcast", [halves], [ir.VectorType.get([LANES], type_.element_type)]).result)
    joined = side_by_side(made)
    return shuffle(joined, joined, range(lanes))


def _unless(flag: ir.Value, rare: Callable[[], ir.Value], usual: ir.Value) -> ir.Value:
    """A value, unless a flag is set, which it hardly ever is; then what is made there."""
    expected = create("llvm.intr.expect", [flag, number(1, 0)], [flag.type]).result
    branch = create("scf.if", [expected], [usual.type], regions=2)
    with ir.InsertionPoint(branch.regions[0].blocks.append()):
        create("scf.yield", [rare()])
    with ir.InsertionPoint(branch.regions[1].blocks.append()):
        create("scf.yield", [usual])
    return branch.results[0]


def _any_zero(pieces: list[ir.Value]) -> ir.Value:
    """Whether a lane's bits are those of 0 or -0."""
    flags: list[ir.Value] = []
    for piece in pieces:
        bits = piece.type.element_type
        mask, zero = (constant(piece.type, ir.IntegerAttr.get(bits, each)) for each in (EXPONENT, 0))
        exponents = create("arith.andi", [piece, mask], [piece.type]).result
        flags.append(compare("arith.cmpi", NE, exponents, zero))
    all_ = reduce(lambda left, right: create("arith.andi", [left, right], [left.type]).result, flags)
    return _is_not(all_, -1)


def _any_subnormal(pieces: list[ir.Value]) -> ir.Value:
    flags = ir.VectorType.get([LANES], ir.IntegerType.get_signless(1))
    masks = [intrinsic("x86.avx512.fpclass.ps.512", [piece, number(32, SUBNORMAL)], flags) for piece in pieces]
    return _is_not(reduce(lambda left, right: create("arith.ori", [left, right], [flags]).result, masks), 0)


def _is_not(mask: ir.Value, flags: int) -> ir.Value:
    """Whether a vector of flags differs from a number's bits."""
    lanes = mask.type.shape[0]
    word = ir.IntegerType.get_signless(lanes)
    found = create("vector.bitcast", [mask], [ir.VectorType.get([1], word)]).result
    found = create("vector.extract", [found], [word], {"static_position": i64_array([0])}).result
    return compare("arith.cmpi", NE, found, number(lanes, flags))


def _converted(piece: ir.Value, further: ir.Value | None = None) -> ir.Value:
    """16 lanes by the instruction, or by that for two vectors 32, as bits."""
    given = [piece] if further is None else [further, piece]
    name = "cvtneps2bf16" if further is None else "cvtne2ps2bf16"
    made = intrinsic(f"x86.avx512bf16.{name}.512", given, ir.VectorType.get([LANES * len(given)], ir.BF16Type.get()))
    bits = ir.VectorType.get([LANES * len(given)], ir.IntegerType.get_signless(16))
    return create("arith.bitcast", [made], [bits]).result
