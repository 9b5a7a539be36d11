"""`gir-resolve-dims`: the size of a kernel's result is what the kernel states, not what its result is asked for.

Rewrite:
    %0 = gir.kernel (...) sizes(%n) -> (tensor<?x8xf32>)        %0 = gir.kernel (...) sizes(%n) -> (tensor<?x8xf32>)
    %1 = tensor.collapse_shape %0 [[0, 1]]                 ⇒    %d = arith.muli %n, %c8
    %d = tensor.dim %1, %c0

A size that is asked of a result comes after the kernel: whoever takes it can't be one with the kernel. Through
reshapes of the function it is a product, or what the reshape was told. Nothing moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    defining_op,
    functions,
    index_constant,
    integer_of,
    operations,
    segments,
    shape_of,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir


@register_pass
@dataclass(frozen=True)
class ResolveDimsPass(Pass):
    """Takes the sizes of kernels' results from what the kernels state."""

    name: ClassVar[str] = "gir-resolve-dims"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})

    def run(self, op: ir.Operation) -> None:
        """Resolves what each block of a function asks for."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                for asked in operations(block):
                    if asked.name == "tensor.dim":
                        _resolve(asked)


def _resolve(op: ir.Operation) -> None:
    """Replaces the size of a tensor by one that was there before it, if there is one."""
    dim = integer_of(op.operands[1])
    source = op.operands[0]
    if dim is None or not 0 <= dim < source.type.rank or not is_stated(source, dim):
        return
    with ir.InsertionPoint(op), op.location:
        op.result.replace_all_uses_with(stated_size(source, dim))
    op.erase()
    count("sizes resolved")


def is_stated(value: ir.Value, dim: int) -> bool:
    """Whether a dimension's size is known before the tensor of the function is there."""
    op = defining_op(value)
    if shape_of(value)[dim] != DYNAMIC:
        return True
    match "" if op is None else op.name:
        case "gir.kernel" | "tensor.expand_shape":
            return True
        case "tensor.collapse_shape" if op is not None:
            return all(is_stated(op.operands[0], inner) for inner in _group(op, dim))
        case _:
            return False


def stated_size(value: ir.Value, dim: int) -> ir.Value:
    """That size, made at the insertion point."""
    op, size = defining_op(value), shape_of(value)[dim]
    if size != DYNAMIC or op is None:
        return index_constant(size)
    if op.name == "gir.kernel":
        return _dynamic_size(op.results, segments(op)[1], value, dim)
    if op.name == "tensor.expand_shape":
        return _dynamic_size([value], list(op.operands)[1:], value, dim)
    first, *others = (stated_size(op.operands[0], inner) for inner in _group(op, dim))
    for other in others:
        first = create("arith.muli", [first, other], [first.type]).result
    return first


def _group(collapse: ir.Operation, dim: int) -> list[int]:
    """The dimensions that are joined to one."""
    return [ir.IntegerAttr(inner).value for inner in collapse.attributes["reassociation"][dim]]


def _dynamic_size(values: Sequence[ir.Value], sizes: Sequence[ir.Value], value: ir.Value, dim: int) -> ir.Value:
    """One of the sizes that are given for the dynamic dimensions of some values, in order."""
    dims = [(each, at) for each in values for at, size in enumerate(each.type.shape) if size == DYNAMIC]
    return sizes[dims.index((value, dim))]
