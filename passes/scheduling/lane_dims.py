"""Which dimensions of a kernel's tiles are the same: lanes that lie along one lie along all of them.

Elementwise ops, reductions, broadcasts and permutations tie dimensions together, and so do loops and branches. So a
layout per class of dimensions is a layout per tile, and no op but a reshape finds its tiles dealt out differently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from powerfusion.core._mlir import entry_block, is_tensor, operations, segments
from powerfusion.dialects.gir import is_at
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim, Spaces

FILLS = ("arith.constant", "tensor.splat", "gir.iota")
"""What is made anew for each use: uses that have nothing else in common needn't be dealt out alike."""


COMBINERS = ("gir.reduce", "gir.scan", "gir.all_reduce")
"""What is in them is said of one element, or of one element's payload, and isn't dealt out."""


def dealt_ops(root: ir.Operation) -> Iterator[ir.Operation]:
    """The ops of a kernel, in order, but those that say how two elements are combined."""
    yield root
    for region in root.regions if root.name not in COMBINERS else ():
        for block in region:
            for op in operations(block):
                yield from dealt_ops(op)


def copy_fills(kernel: ir.Operation) -> None:
    """Gives each use of a constant tile one of its own, in combiners where it is of them."""
    for op in list(dealt_ops(kernel)):
        if op.name not in FILLS or not is_tensor(op.result):
            continue
        uses = sorted(op.result.uses, key=lambda use: _is_combining(use.owner.operation))
        for at, use in enumerate(uses):
            is_inside = _is_combining(use.owner.operation)
            if at or is_inside:
                with ir.InsertionPoint(use.owner.operation if is_inside else op):
                    use.owner.operands[use.operand_number] = op.clone().operation.result


def _is_combining(op: ir.Operation) -> bool:
    """Whether an op is in a combiner."""
    parent = op.parent
    while parent is not None:
        if parent.operation.name in COMBINERS:
            return True
        parent = parent.operation.parent
    return False


def tile_dims(kernel: ir.Operation) -> Spaces:
    """The classes of dimensions of a kernel in tile form."""
    spaces = Spaces()
    for op in dealt_ops(kernel):
        match op.name:
            case "scf.for":
                block = entry_block(op)
                ends = operations(block)[-1].operands
                for group in zip(list(op.operands)[3:], list(block.arguments)[1:], ends, op.results, strict=True):
                    _tie(spaces, group)
            case "scf.if" | "scf.execute_region" | "gir.alternatives":
                blocks = [block for region in op.regions for block in region]
                for group in zip(op.results, *(operations(block)[-1].operands for block in blocks), strict=True):
                    _tie(spaces, group)
            case "gir.all_reduce":
                for group in zip(op.operands, op.results, strict=False):
                    _tie(spaces, group)
            case "gir.scatter":
                (value,), _, indices, _ = segments(op)
                for index in indices:
                    spaces.tie_values(index, value)
            case _:
                spaces.read(op)
    return spaces


def _tie(spaces: Spaces, values: Sequence[ir.Value]) -> None:
    first, *others = values
    if not is_tensor(first):
        return
    for other in others:
        if is_tensor(other) and other.type.rank == first.type.rank:
            spaces.tie_values(first, other)


def tiles(kernel: ir.Operation) -> Iterator[ir.Value]:
    """The tiles at reg of a kernel, of results and of arguments."""
    for op in dealt_ops(kernel):
        blocks = [block for region in op.regions if op.name not in COMBINERS for block in region]
        values = [*op.results, *(argument for block in blocks for argument in block.arguments)]
        yield from (value for value in values if is_tensor(value) and is_at(value, "reg"))


class LaneBits:
    """The bits of a lane's number that count along each class of dimensions; no tile has two classes with one bit.

    Args:
        lanes: How many lanes there are.
    """

    def __init__(self, lanes: int) -> None:
        self.width = lanes.bit_length() - 1
        self.masks: dict[Dim, int] = {}

    def left(self, groups: Sequence[Sequence[Dim]]) -> int:
        """How many lanes a class can have, at most.

        Args:
            groups: The classes of each tile that has it.
        """
        return 1 << self._longest(groups)[1]

    def take(self, dim: Dim, groups: Sequence[Sequence[Dim]], lanes: int) -> None:
        """Gives a class as many lanes."""
        self.masks[dim] = (lanes - 1) << self._longest(groups)[0]

    def _longest(self, groups: Sequence[Sequence[Dim]]) -> tuple[int, int]:
        """The first of the longest runs of bits that no class of some tiles has: its begin and length."""
        used = 0
        for dim in (dim for group in groups for dim in group):
            used |= self.masks.get(dim, 0)
        best = (0, 0)
        begin = 0
        for bit in range(self.width + 1):
            if bit < self.width and not used >> bit & 1:
                continue
            if bit - begin > best[1]:
                best = (begin, bit - begin)
            begin = bit + 1
        return best
