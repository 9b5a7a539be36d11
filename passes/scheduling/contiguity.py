"""How a load or store lies in memory: along which dimension of its tile elements are neighbours, how it is aligned.

The rows of a gather lie so too: its last index counts along a dimension, in which its others stay what they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from powerfusion.core._mlir import DYNAMIC, defining_op, entry_block, integer_of, integers, is_tensor, mixed, segments
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling.kernels import ops_in
from powerfusion.passes.scheduling.lifetimes import VIEWS
from powerfusion.passes.scheduling.scratch import space_of

ACCESS_BYTES = 16
"""The widest access of a lane: LDG.128 on NVIDIA, global_load_dwordx4 on AMD."""
ANY = 0
"""The divisor of zero: everything divides it."""


@dataclass(frozen=True)
class Reach:
    """A load or store, or a gather of rows.

    Attributes:
        op: Which.
        tile: What it moves.
        dim: The dimension of the tile along which elements are neighbours in memory; None where none of two or more is.
        aligned: A number of elements of which every row begins at a multiple.
        element_bytes: Bytes of one.
    """

    op: ir.Operation
    tile: ir.Value
    dim: int | None
    aligned: int
    element_bytes: int

    @property
    def is_wide(self) -> bool:
        """Whether rows begin where the widest access of a lane may."""
        return self.aligned % max(ACCESS_BYTES // self.element_bytes, 1) == 0

    def widest(self, most_bytes: int) -> int:
        """The most elements, a power of two, that one access of a lane takes."""
        if self.dim is None:
            return 1
        width = max(most_bytes // self.element_bytes, 1)
        length = self.tile.type.shape[self.dim]
        while width > 1 and (length % width or self.aligned % width):
            width //= 2
        return width


def reaches(kernel: ir.Operation, machine: Machine) -> list[Reach]:
    """The loads and stores of a kernel, and its gathers of rows."""
    found: list[Reach] = []
    for op in ops_in(kernel):
        if op.name == "gir.load":
            (memref,), indices, _ = segments(op)
            found.append(_reach(op, op.result, memref, indices, machine))
        elif op.name == "gir.store":
            (tile,), (memref,), indices, _ = segments(op)
            found.append(_reach(op, tile, memref, indices, machine))
        elif op.name == "gir.gather" and (rows := _rows(op, machine)) is not None:
            found.append(rows)
    return found


def _rows(op: ir.Operation, machine: Machine) -> Reach | None:
    """A gather as what it reads of each row; None where it isn't of rows."""
    table, *indices = op.operands
    dim = counted_along(indices[-1])
    strides, _ = table.type.get_strides_and_offset()
    if dim is None or strides[-1] != 1 or any(_changes_along(index, dim) for index in indices[:-1]):
        return None
    size = element_bytes(op.result)
    aligned = gcd(_begin(table, size, machine), *map(_known, (*strides[:-1], table.type.shape[-1])))
    return Reach(op, op.result, dim, aligned, size)


def counted_along(index: ir.Value) -> int | None:
    """The dimension along which a tile of indices counts up from 0; None where it is anything else."""
    op = defining_op(index)
    match op.name if op is not None else "":
        case "gir.iota" if op is not None and not segments(op)[0]:
            return ir.IntegerAttr(op.attributes["dim"]).value
        case "gir.broadcast" if op is not None:
            new = integers(op.attributes["dims"])
            kept = [dim for dim in range(index.type.rank) if dim not in new]
            inner = counted_along(op.operands[0])
            return None if inner is None else kept[inner]
        case _:
            return None


def _changes_along(index: ir.Value, dim: int) -> bool:
    """Whether elements of a tile of indices may differ along a dimension."""
    op = defining_op(index)
    match op.name if op is not None else "":
        case "gir.iota" if op is not None:
            return ir.IntegerAttr(op.attributes["dim"]).value == dim
        case "gir.broadcast" if op is not None:
            new = integers(op.attributes["dims"])
            return dim not in new and _changes_along(op.operands[0], dim - sum(other < dim for other in new))
        case "arith.constant" | "tensor.splat":
            return False
        case name if op is not None and name.startswith("arith."):
            return any(_changes_along(operand, dim) for operand in op.operands if is_tensor(operand))
        case _:
            return True


def _reach(op: ir.Operation, tile: ir.Value, memref: ir.Value, indices: list[ir.Value], machine: Machine) -> Reach:
    strides, _ = memref.type.get_strides_and_offset()
    shape = list(tile.type.shape)
    dims = [dim for dim, (size, stride) in enumerate(zip(shape, strides, strict=True)) if size > 1 and stride == 1]
    size = element_bytes(tile)
    start = _begin(memref, size, machine)
    for index, stride, length in zip(indices, strides, shape, strict=True):
        start = gcd(start, _times(divisor(index), _known(stride)))
        if length > 1 and stride != 1:
            start = gcd(start, _known(stride))
    return Reach(op, tile, dims[-1] if dims else None, start, size)


def _known(stride: int) -> int:
    """What is known to divide a stride or offset."""
    return 1 if stride in (DYNAMIC, ir.ShapedType.get_dynamic_stride_or_offset()) else stride


def _times(one: int, other: int) -> int:
    return ANY if ANY in (one, other) else one * other


def _begin(memref: ir.Value, size: int, machine: Machine) -> int:
    """A number of elements of which a memref's first element is a multiple, counted from address 0."""
    op = defining_op(memref)
    if op is None or op.name not in VIEWS:
        _, offset = memref.type.get_strides_and_offset()
        return gcd(max(space_of(memref, machine).alignment_bytes // size, 1), _known(offset))
    source = op.operands[0]
    start = _begin(source, size, machine)
    match op.name:
        case "memref.subview":
            strides, _ = source.type.get_strides_and_offset()
            offsets = mixed(op, segments(op)[1], "static_offsets")
            for offset, stride in zip(offsets, strides, strict=True):
                start = gcd(start, _times(offset if isinstance(offset, int) else divisor(offset), _known(stride)))
            return start
        case "memref.cast" | "memref.transpose" | "memref.expand_shape" | "memref.collapse_shape":
            return start
        case _:
            return 1


def divisor(value: ir.Value) -> int:
    """A number that divides an index whatever the program is given; `ANY` for zero."""
    known = integer_of(value)
    if known is not None:
        return abs(known)
    op = defining_op(value)
    if op is None:
        return _divisor_of_argument(value)
    match op.name:
        case "affine.apply" | "affine.min" | "affine.max":
            map_: ir.AffineMap = ir.AffineMapAttr(op.attributes["map"]).value  # pyright: ignore[reportAttributeAccessIssue]
            found = ANY
            for result in map_.results:
                found = gcd(found, _expression(result, list(op.operands), map_.n_dims))
            return found
        case "arith.addi" | "arith.subi" | "arith.minsi" | "arith.maxsi":
            return gcd(divisor(op.operands[0]), divisor(op.operands[1]))
        case "arith.muli":
            return _times(divisor(op.operands[0]), divisor(op.operands[1]))
        case _:
            return 1


def _divisor_of_argument(value: ir.Value) -> int:
    around = value.owner.owner.operation
    if around.name != "scf.for" or value != entry_block(around).arguments[0]:
        return 1
    return gcd(divisor(around.operands[0]), divisor(around.operands[2]))


def _expression(expression: ir.AffineExpr, operands: list[ir.Value], dims: int) -> int:
    match expression:
        case ir.AffineConstantExpr():
            return abs(expression.value)
        case ir.AffineDimExpr():
            return divisor(operands[expression.position])
        case ir.AffineSymbolExpr():
            return divisor(operands[dims + expression.position])
        case ir.AffineAddExpr():
            return gcd(_expression(expression.lhs, operands, dims), _expression(expression.rhs, operands, dims))
        case ir.AffineMulExpr():
            return _times(_expression(expression.lhs, operands, dims), _expression(expression.rhs, operands, dims))
        case _:
            return 1


def factor_of(value: ir.Value, index: ir.Value) -> int | None:
    """By how much an index grows where that of a loop does by one; None where that isn't known.

    What a loop begins from moves its own index along.
    """
    if value == index:
        return 1
    op = defining_op(value)
    if op is None:
        around = value.owner.owner.operation
        is_loop = around.name == "scf.for" and value == entry_block(around).arguments[0]
        return factor_of(around.operands[0], index) if is_loop else 0
    if op.name == "affine.apply":
        map_: ir.AffineMap = ir.AffineMapAttr(op.attributes["map"]).value  # pyright: ignore[reportAttributeAccessIssue]
        return _factor_in(map_.results[0], list(op.operands), map_.n_dims, index)
    parts = [factor_of(operand, index) for operand in op.operands]
    if not any(part != 0 for part in parts):
        return 0
    if op.name not in ("arith.addi", "arith.subi") or None in parts:
        return None
    left, right = (part or 0 for part in parts)
    return left + right if op.name == "arith.addi" else left - right


def _factor_in(expression: ir.AffineExpr, operands: list[ir.Value], dims: int, index: ir.Value) -> int | None:
    match expression:
        case ir.AffineConstantExpr():
            return 0
        case ir.AffineDimExpr():
            return factor_of(operands[expression.position], index)
        case ir.AffineSymbolExpr():
            return factor_of(operands[dims + expression.position], index)
        case ir.AffineAddExpr() | ir.AffineMulExpr():
            left, right = (_factor_in(side, operands, dims, index) for side in (expression.lhs, expression.rhs))
            if left is None or right is None:
                return None
            if isinstance(expression, ir.AffineAddExpr):
                return left + right
            if left == 0 and right == 0:
                return 0
            known = [side.value for side in (expression.lhs, expression.rhs) if isinstance(side, ir.AffineConstantExpr)]
            return known[0] * (left or right) if known else None
        case ir.AffineFloorDivExpr() | ir.AffineCeilDivExpr() | ir.AffineModExpr():
            parts = [_factor_in(side, operands, dims, index) for side in (expression.lhs, expression.rhs)]
            return 0 if parts == [0, 0] else None
        case _:
            return None
