"""`gir-turn-operands`: a contraction reads its operands as they lie.

Rewrite:
    %t = gir.kernel (%b) { %b turned }                              %b : NxK, %t : KxN
    %c = gir.kernel (%a, %t) { gir.contract %a, %t maps [(m, n, k) -> (m, k), (m, n, k) -> (k, n), ...] }
  ⇒ %c = gir.kernel (%a, %b) { gir.contract %a, %b maps [(m, n, k) -> (m, k), (m, n, k) -> (n, k), ...] }

A kernel that only turns a tensor, for contractions alone, goes: each of them loads as many elements of the tensor
itself, and its map says where they belong. What is turned inside of the contraction's own kernel is read as it was
before. A turned tensor that somebody else uses stays, and is read by all, so that its load can still be shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import create, defining_op, entry_block, functions, has_uses, integers, operations, segments
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import KernelCopy, is_naive

TURNING = ["gir.move", "gir.permute", "gir.move", "gir.return"]
OPERANDS = 2  # of a contraction that are multiplied; the third is what it adds to


@register_pass
@dataclass(frozen=True)
class TurnOperandsPass(Pass):
    """Turns the maps of contractions in place of their operands."""

    name: ClassVar[str] = "gir-turn-operands"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})

    def run(self, op: ir.Operation) -> None:
        """Takes turning kernels into their readers, then turns maps; one walk over the kernels for each."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                for kernel in list(filter(_is_turning, operations(block))):
                    if _is_for_contractions(kernel.result):
                        _take_in(kernel)
                for kernel in filter(is_naive, operations(block)):
                    for contraction in operations(entry_block(kernel)):
                        if contraction.name == "gir.contract":
                            turn_operands(contraction)


# -- from kernel to kernel ---------------------------------------------------------------------


def _is_turning(kernel: ir.Operation) -> bool:
    """Whether a kernel loads one tensor, turns it and stores it, and that is all."""
    if not is_naive(kernel) or len(segments(kernel)[0]) != 1 or len(list(kernel.results)) != 1:
        return False
    body = operations(entry_block(kernel))
    if [op.name for op in body] != TURNING:
        return False
    load, turn, store, _ = body
    return turn.operands[0] == load.result and gir.is_at(load.result, "reg") and store.operands[0] == turn.result


def _is_for_contractions(value: ir.Value) -> bool:
    """Whether kernels use a value, each as an operand of contractions and as nothing else."""
    for use in value.uses:
        reader, at = use.owner.operation, use.operand_number
        if not is_naive(reader) or at >= len(segments(reader)[0]):
            return False
        if not all(_is_load_for_contractions(each.owner.operation) for each in entry_block(reader).arguments[at].uses):
            return False
    return has_uses(value)


def _is_load_for_contractions(op: ir.Operation) -> bool:
    if op.name != "gir.move" or not gir.is_at(op.result, "reg"):
        return False
    return all(use.owner.operation.name == "gir.contract" and use.operand_number < OPERANDS for use in op.result.uses)


def _take_in(kernel: ir.Operation) -> None:
    """Has the readers of a turning kernel turn what it turned themselves; erases it."""
    (source,), turned = segments(kernel)[0], kernel.result
    turn = operations(entry_block(kernel))[1]

    def replace(op: ir.Operation, copy: KernelCopy) -> bool:
        if op.name != "gir.move" or copy.known.get(op.operands[0]) != copy.inside(turned):
            return False
        loaded = create("gir.move", [copy.inside(source)], [turn.operands[0].type], loc=op.location).result
        made = create("gir.permute", [loaded], [turn.result.type], {"perm": turn.attributes["perm"]}, loc=turn.location)
        copy.known[op.result] = made.result
        return True

    for reader in dict.fromkeys(use.owner.operation for use in turned.uses):
        KernelCopy(reader, [source], replace).run()
    count("kernels that only turn erased")
    kernel.erase()


# -- in a kernel -------------------------------------------------------------------------------


def turn_operands(contraction: ir.Operation) -> None:
    """Reads the operands of a contraction as they were before they were turned."""
    maps = [ir.AffineMapAttr(each).value for each in ir.ArrayAttr(contraction.attributes["maps"])]
    for at in range(OPERANDS):
        while (turn := defining_op(contraction.operands[at])) is not None and turn.name == "gir.permute":
            contraction.operands[at] = turn.operands[0]
            maps[at] = _turned(maps[at], integers(turn.attributes["perm"]))
            count("operands of contractions turned")
            if not has_uses(turn.result):
                turn.erase()
    contraction.attributes["maps"] = ir.ArrayAttr.get([ir.AffineMapAttr.get(each) for each in maps])


def _turned(map_: ir.AffineMap, perm: list[int]) -> ir.AffineMap:
    """The map of an operand before it was turned: its dimension perm[d] is what dimension d was."""
    results = list(map_.results)
    return ir.AffineMap.get(map_.n_dims, map_.n_symbols, [results[perm.index(dim)] for dim in range(len(perm))])
