"""Memory around kernels in C, and views of it; index arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from powerfusion.core._mlir import integers, mixed, segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.buffers import Buffer, row_major
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.lowering import TARGET
from powerfusion.passes.lowering.emitc.movement import copy, read, write
from powerfusion.passes.lowering.emitc.scalars import float_literal, integer, is_float, stored, stored_bytes
from powerfusion.passes.lowering.registry import lowers

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.function import FunctionLowering


@lowers("memref.alloc", to=TARGET)
def lower_alloc(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Memory of its own, or the caller's, where it is returned."""
    dynamic = iter(lowering.numbers(op.operands))
    type_ = op.result.type
    sizes = tuple(next(dynamic) if size < 0 else size for size in type_.shape)
    pointer, name = lowering.allocate(op, sizes)
    lowering.bind([op.result], [Buffer(pointer, type_.element_type, sizes, row_major(sizes), 0, op, name)])


@lowers("memref.dim", to=TARGET)
def lower_dim(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Nothing: a size that is known here."""
    dim = lowering.number(op.operands[1])
    assert isinstance(dim, int), "expected a known dimension"
    lowering.bind([op.result], [lowering.buffer(op.operands[0]).sizes[dim]])


@lowers("memref.load", to=TARGET)
def lower_load(lowering: FunctionLowering, op: ir.Operation) -> None:
    """One element."""
    source, *at = op.operands
    lowering.group.flush()
    lowering.bind([op.result], [read(lowering, lowering.buffer(source), lowering.numbers(at), flag=True)])


@lowers("memref.store", to=TARGET)
def lower_store(lowering: FunctionLowering, op: ir.Operation) -> None:
    """One element."""
    value, dest, *at = op.operands
    lowering.group.flush()
    write(lowering, lowering.scalar(value), lowering.buffer(dest), lowering.numbers(at))


@lowers("memref.copy", to=TARGET)
def lower_copy(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Element by element."""
    lowering.group.flush()
    copy(lowering.buffer(op.operands[0]), lowering.buffer(op.operands[1]))


@lowers("memref.cast", to=TARGET)
def lower_cast(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Nothing, but sizes that are now known."""
    source = lowering.buffer(op.operands[0])
    wanted = op.result.type.shape
    sizes = tuple(size if want < 0 else want for size, want in zip(source.sizes, wanted, strict=True))
    lowering.bind([op.result], [replace(source, sizes=sizes)])


@lowers("memref.subview", to=TARGET)
def lower_subview(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Another offset, other sizes and strides."""
    source = lowering.buffer(op.operands[0])
    _, *dynamic = segments(op)
    offsets, sizes, strides = (
        [v if isinstance(v, int) else lowering.number(v) for v in mixed(op, part, f"static_{name}")]
        for part, name in zip(dynamic, ("offsets", "sizes", "strides"), strict=True)
    )
    dropped = _dropped(integers(op.attributes["static_sizes"]), list(op.result.type.shape))
    lowering.bind([op.result], [source.boxed(offsets, sizes, strides, dropped)])


def _dropped(sizes: Sequence[int], shape: Sequence[int]) -> set[int]:
    """Which dimensions of size 1 a shape lacks, the first ones that fit."""
    rest = list(shape)
    dropped: set[int] = set()
    for dim, size in enumerate(sizes):
        if rest and rest[0] == size and not (size == 1 and len(sizes) - dim > len(rest)):
            rest.pop(0)
        else:
            dropped.add(dim)
    return dropped


@lowers("memref.collapse_shape", to=TARGET)
def lower_collapse(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Neighbouring dimensions as one."""
    groups = [integers(group) for group in op.attributes["reassociation"]]
    lowering.bind([op.result], [lowering.buffer(op.operands[0]).collapsed(groups)])


@lowers("memref.expand_shape", to=TARGET)
def lower_expand(lowering: FunctionLowering, op: ir.Operation) -> None:
    """One dimension as several."""
    groups = [integers(group) for group in op.attributes["reassociation"]]
    source, *dynamic = op.operands
    sizes = [v if isinstance(v, int) else lowering.number(v) for v in mixed(op, dynamic, "static_output_shape")]
    lowering.bind([op.result], [lowering.buffer(source).expanded(groups, sizes)])


@lowers("memref.transpose", to=TARGET)
def lower_transpose(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Sizes and strides in another order."""
    map_ = ir.AffineMapAttr(op.attributes["permutation"]).value
    perm = [ir.AffineDimExpr(result).position for result in map_.results]
    lowering.bind([op.result], [lowering.buffer(op.operands[0]).permuted(perm)])


@lowers("memref.reinterpret_cast", to=TARGET)
def lower_reinterpret(lowering: FunctionLowering, op: ir.Operation) -> None:
    """The same memory under sizes and strides that the op says."""
    (source,), *dynamic = segments(op)
    offsets, sizes, strides = (
        [v if isinstance(v, int) else lowering.number(v) for v in mixed(op, part, f"static_{name}")]
        for part, name in zip(dynamic, ("offsets", "sizes", "strides"), strict=True)
    )
    buffer = lowering.buffer(source)
    lowering.bind([op.result], [replace(buffer, sizes=tuple(sizes), strides=tuple(strides), offset=offsets[0])])


@lowers("memref.view", to=TARGET)
def lower_view(lowering: FunctionLowering, op: ir.Operation) -> None:
    """A part of the workspace, as elements of another type."""
    source, shift, *dynamic = op.operands
    type_, workspace = op.result.type, lowering.buffer(source)
    rest = iter(lowering.numbers(dynamic))
    sizes = tuple(next(rest) if size < 0 else size for size in type_.shape)
    start = replace(workspace, offset=code.plus(workspace.offset, lowering.number(shift))).begin()
    pointer = code.cast(start, code.pointer_type(stored(type_.element_type)))
    name = lowering.name(pointer, "between")
    lowering.bind(
        [op.result], [Buffer(pointer, type_.element_type, sizes, row_major(sizes), 0, workspace.memory, name)]
    )


@lowers("memref.dealloc", to=TARGET)
def lower_dealloc(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Nothing: memory goes when nothing uses it any more."""


@lowers("ub.poison", to=TARGET)
def lower_poison(lowering: FunctionLowering, op: ir.Operation) -> None:
    """Zero: any value will do."""
    type_ = op.result.type
    if isinstance(type_, ir.ShapedType):
        raise UnsupportedError("a tile of poison can't be lowered to C", location=op.location)
    if isinstance(type_, ir.IndexType):
        lowering.bind([op.result], [0])
        return
    from powerfusion.passes.lowering.emitc.scalars import computed

    target = computed(type_)
    lowering.bind([op.result], [float_literal(0.0, target) if is_float(target) else integer(0, target)])


# -- index arithmetic ------------------------------------------------------------------------------


@lowers("affine.apply", to=TARGET)
def lower_apply(lowering: FunctionLowering, op: ir.Operation) -> None:
    """An expression of indices."""
    (result,) = _results(lowering, op)
    lowering.bind([op.result], [result])


@lowers("affine.min", to=TARGET)
def lower_min(lowering: FunctionLowering, op: ir.Operation) -> None:
    """The least of some expressions."""
    first, *others = _results(lowering, op)
    for other in others:
        first = code.least(first, other)
    lowering.bind([op.result], [first])


@lowers("affine.max", to=TARGET)
def lower_max(lowering: FunctionLowering, op: ir.Operation) -> None:
    """The largest of some expressions."""
    first, *others = _results(lowering, op)
    for other in others:
        first = code.most(first, other)
    lowering.bind([op.result], [first])


def _results(lowering: FunctionLowering, op: ir.Operation) -> list[Number]:
    map_ = ir.AffineMapAttr(op.attributes["map"]).value
    given = lowering.numbers(op.operands)
    return [_affine(lowering, e, given[: map_.n_dims], given[map_.n_dims :]) for e in map_.results]


def _affine(lowering: FunctionLowering, expr: Any, dims: Sequence[Number], symbols: Sequence[Number]) -> Number:
    """An affine expression of some numbers."""
    if isinstance(expr, ir.AffineConstantExpr):
        return ir.AffineConstantExpr(expr).value
    if isinstance(expr, ir.AffineDimExpr):
        return dims[ir.AffineDimExpr(expr).position]
    if isinstance(expr, ir.AffineSymbolExpr):
        return symbols[ir.AffineSymbolExpr(expr).position]
    pair = ir.AffineBinaryExpr(expr)
    left, right = (_affine(lowering, side, dims, symbols) for side in (pair.lhs, pair.rhs))
    if isinstance(expr, ir.AffineAddExpr):
        for side, other in ((left, pair.rhs), (right, pair.lhs)):
            taken = _subtracted(other)
            if taken is not None:
                return code.minus(side, code.times(_affine(lowering, taken[0], dims, symbols), taken[1]))
        return code.plus(left, right)
    if isinstance(expr, ir.AffineMulExpr):
        return code.times(left, right)
    return divided(lowering, expr, left, right)


def _subtracted(expr: Any) -> tuple[Any, int] | None:
    """What a product with a negative number subtracts, and how often, if it is one."""
    if not isinstance(expr, ir.AffineMulExpr):
        return None
    pair: Any = ir.AffineBinaryExpr(expr)
    is_negative = isinstance(pair.rhs, ir.AffineConstantExpr) and pair.rhs.value < 0
    return (pair.lhs, -pair.rhs.value) if is_negative else None


def divided(lowering: FunctionLowering, expr: Any, left: Number, right: Number) -> Number:
    """What a division rounded down or up gives, or leaves."""
    is_mod, is_floor = isinstance(expr, ir.AffineModExpr), isinstance(expr, ir.AffineFloorDivExpr)
    if isinstance(left, int) and isinstance(right, int) and right != 0:
        return left % right if is_mod else left // right if is_floor else -(-left // right)
    name = "pf_ceil_divide" if not (is_mod or is_floor) else "pf_floor_divide"
    quotient = lowering.helper(name, [code.value_of(left), code.value_of(right)], code.index_type())
    return code.minus(left, code.times(quotient, right)) if is_mod else quotient


def bytes_of(sizes: Sequence[Number], element: ir.Type) -> Number:
    """Bytes that so many elements take in memory."""
    return code.times(code.product(sizes), stored_bytes(element))
