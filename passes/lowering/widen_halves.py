"""`gir-widen-halves`: bf16 whose lanes are only folded is widened by halves of words, even lanes before odd ones.

Rewrite:
    %0 = vector.load %x : vector<64xbf16>            %0 = vector.bitcast (vector.load %x) : vector<32xi32>
    %1 = arith.extf %0 : vector<64xf32>              %1 = (%0 << 16, %0 & 0xffff0000) : vector<64xf32>
    %2 = arith.mulf %1, %1                    ⇒      %2 = arith.mulf %1, %1
    scf.yield (arith.addf %acc, %2)                  scf.yield (arith.addf %acc, %2)
    …
    vector.reduction <add>, %sums                    vector.reduction <add>, %sums

In order, widening brings half a register up to 32 bits and shifts it. Lanes that meet only lanes of the same place,
and are folded in the end, may stand in any order, as long as it is one: then a register has its even lanes by a shift
and its odd ones by a mask. Values tied together by ops on lanes, and from step to step of loops, are asked at once:
none may be stored, shuffled, or met by what has an order of its own. Sums are added up in another order, which is the
compiler's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from powerfusion.core._mlir import constant_of, create, defining_op, entry_block, operations, walk_numbered
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import constant
from powerfusion.passes.lowering.shuffles import shuffle

LANES = 32  # of bf16: a register of 64 bytes
HALF, ODD = 16, -1 << 16
WIDENING = "arith.extf"
LOADS = ("vector.load", "vector.maskedload")
FOLD = "vector.reduction"


@register_pass
@dataclass(frozen=True)
class WidenHalvesPass(Pass):
    """Widens bf16 out of order where lanes are only folded."""

    name: ClassVar[str] = "gir-widen-halves"

    def run(self, op: ir.Operation) -> None:
        """Rewrites a module in place."""
        groups = _Groups()
        found = [each for _, each in walk_numbered(op)]
        for each in found:
            groups.read(each)
        for each in found:
            if _is_widening(each) and not groups.is_ordered(each.result):
                with ir.InsertionPoint(each), each.location:
                    each.result.replace_all_uses_with(_by_halves(each))
                each.erase()
                count("loads widened by halves")


@dataclass
class _Groups:
    """Vectors whose lanes stand in the same order, and those of them that have one of their own: a union-find."""

    parent: dict[ir.Value, ir.Value] = field(default_factory=dict[ir.Value, ir.Value])
    ordered: dict[ir.Value, bool] = field(default_factory=dict[ir.Value, bool])

    def is_ordered(self, value: ir.Value) -> bool:
        """Whether an order matters for a vector."""
        return self.ordered.get(self._find(value), False)

    def read(self, op: ir.Operation) -> None:
        """Ties what one op ties."""
        if op.name == "scf.for":
            _, _, _, *inits = op.operands
            *_, end = operations(entry_block(op))
            carried = list(entry_block(op).arguments)[1:]
            for tied in zip(inits, carried, end.operands, op.results, strict=True):
                self._tie(tied)
        elif op.name.startswith(("arith.", "math.")) and op.name != "arith.constant":
            self._tie([op.result] if _is_widening(op) else [*op.operands, *op.results])
        elif op.name != FOLD and not (op.name == "scf.yield" and op.parent.operation.name == "scf.for"):
            for value in filter(_has_order, (*op.operands, *op.results, *_arguments(op))):
                self.ordered[self._find(value)] = True

    def _tie(self, values: Sequence[ir.Value]) -> None:
        first, *others = [value for value in values if _has_order(value)] or [None]
        for other in others:
            one, two = self._find(first), self._find(other)
            if one != two:
                self.parent[two] = one
                self.ordered[one] = self.ordered.get(one, False) or self.ordered.get(two, False)

    def _find(self, value: ir.Value) -> ir.Value:
        while value in self.parent:
            value = self.parent[value]
        return value


def _arguments(op: ir.Operation) -> list[ir.Value]:
    return [value for region in op.regions for block in region for value in block.arguments]


def _has_order(value: ir.Value) -> bool:
    """Whether a value has lanes that may differ from one another."""
    if not isinstance(value.type, ir.VectorType):
        return False
    known = constant_of(value)
    if known is not None:
        return not ir.DenseElementsAttr(known).is_splat
    op = defining_op(value)
    return op is None or op.name != "vector.broadcast" or isinstance(op.operands[0].type, ir.VectorType)


def _is_widening(op: ir.Operation) -> bool:
    """Whether an op widens whole registers of bf16 that were loaded to f32."""
    if op.name != WIDENING or not isinstance(op.result.type, ir.VectorType):
        return False
    loaded, wide = defining_op(op.operands[0]), op.result.type
    kinds = (op.operands[0].type.element_type, wide.element_type)
    is_whole = wide.rank == 1 and wide.shape[0] % LANES == 0 and kinds == (ir.BF16Type.get(), ir.F32Type.get())
    return is_whole and loaded is not None and loaded.name in LOADS


def _by_halves(op: ir.Operation) -> ir.Value:
    lanes, f32 = op.result.type.shape[0], op.result.type.element_type
    i32 = ir.IntegerType.get_signless(32)
    words = ir.VectorType.get([lanes // 2], i32)
    both = create("vector.bitcast", [op.operands[0]], [words]).result
    up, mask = (constant(words, ir.IntegerAttr.get(i32, number)) for number in (HALF, ODD))
    parts = [create(name, [both, by], [words]).result for name, by in (("arith.shli", up), ("arith.andi", mask))]
    even, odd = (create("arith.bitcast", [part], [ir.VectorType.get([lanes // 2], f32)]).result for part in parts)
    return shuffle(even, odd, range(lanes))
