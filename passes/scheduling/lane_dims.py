"""Which dimensions of a kernel's tiles are the same: lanes that lie along one lie along all of them.

Elementwise ops, reductions, broadcasts and permutations tie dimensions together, and so do loops and branches. So a
layout per class of dimensions is a layout per tile, and no op but a reshape finds its tiles dealt out differently.

But for tiles that are turned between memory and memory, of rows that aren't aligned: were they, a lane would take whole
accesses of both sides, a square of elements. Else one side would be moved element by element, each of another row; so
such a permutation ties nothing, and lanes exchange elements there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from powerfusion.core._mlir import entry_block, integers, is_tensor, operations, segments
from powerfusion.dialects.gir import AtAttr, LanesAttr, is_at
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.analysis.spaces import Dim, Spaces
from powerfusion.passes.scheduling.contiguity import Reach, reaches

FILLS = ("arith.constant", "tensor.splat", "gir.iota")
"""What is made anew for each use: uses that have nothing else in common needn't be dealt out alike."""


TURNED_BYTES = 16 << 10
"""Tiles of more aren't turned by a unit: it needs as much of its group's memory."""
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


def tile_dims(kernel: ir.Operation, machine: Machine | None = None) -> Spaces:
    """The classes of dimensions of a kernel in tile form.

    Args:
        kernel: Which.
        machine: By which lanes exchange elements where tiles are turned; without one, only where layouts say so.
    """
    spaces = Spaces()
    turning: list[ir.Operation] = []
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
            case "gir.permute" if _moves_rows(op):
                turning.append(op)
            case _:
                spaces.read(op)
    rows = reaches(kernel, machine) if turning and machine is not None else []
    for op in turning:
        if not _exchanges(op, spaces, rows):
            spaces.read(op)
    return spaces


def _exchanges(op: ir.Operation, spaces: Spaces, rows: Sequence[Reach]) -> bool:
    """Whether lanes exchange elements at a permutation: where layouts say so, or where rows aren't aligned."""
    source, result = op.operands[0], op.result
    layouts = [LanesAttr(at.layout) for at in (AtAttr(value.type.encoding) for value in (source, result)) if at.layout]
    if len(layouts) == 2:
        before, after = layouts
        perm = integers(op.attributes["perm"])
        pairs = ((before.lanes, after.lanes), (before.elements, after.elements))
        return any([old[dim] for dim in perm] != list(new) for old, new in pairs)
    ends = {spaces.find((value, value.type.rank - 1)) for value in (source, result)}
    known = {row: spaces.find((row.tile, row.dim)) for row in rows if row.dim is not None}
    is_wide = all(row.is_wide for row, dim in known.items() if dim in ends)
    return len(ends) == 2 and ends <= set(known.values()) and not is_wide


def _moves_rows(op: ir.Operation) -> bool:
    """Whether a permutation moves the last dimension of a tile, which isn't too large to be turned."""
    perm, tile = integers(op.attributes["perm"]), op.operands[0]
    if not (is_tensor(tile) and is_at(tile, "reg")) or isinstance(tile.type.element_type, ir.IndexType):
        return False
    return perm[-1] != len(perm) - 1 and prod(tile.type.shape) * element_bytes(tile) <= TURNED_BYTES


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
