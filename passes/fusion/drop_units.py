"""`gir-drop-units`: kernels compute without dimensions of size 1.

Rewrite:
    %0 = gir.kernel (%x) { ... %m = gir.broadcast %r dims [1] : 4 -> 4x1 ... } -> (tensor<4x1xf32>)
    %1 = gir.kernel (%a = %0 : tensor<4x1xf32>) { gir.slice %a ... drop [1]; gir.move ... }
  ⇒ %0 = gir.kernel (%x) { ... %r ... } -> (tensor<4xf32>)
    %1 = gir.kernel (%a = %0 : tensor<4xf32>) { gir.move %a ... }

A dimension of size 1 says nothing about where an element is, but it makes two values of one look
like two: a reduction that keeps its dimensions, a reshape that adds one, a slice that drops it. All
become the value without them; what is around the kernel still sees its own shapes, by
`tensor.expand_shape` and `tensor.collapse_shape`, which cancel between kernels. Where an op needs the
dimension (a reduction of nothing else, a concatenation of single rows), it is put back at reg.

No byte moves more or less. A kernel with an op that `unit_rules` has no rule for stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import DYNAMIC, create, entry_block, is_tensor, operations, segments, shape_of
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import erase_unused, naive_kernels
from powerfusion.passes.fusion.unit_rules import Squeezer
from powerfusion.passes.fusion.unit_sizes import has_units, squeezed


@register_pass
@dataclass(frozen=True)
class DropUnitsPass(Pass):
    """Makes kernels anew without dimensions of size 1."""

    name: ClassVar[str] = "gir-drop-units"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites every kernel of a module that has such dimensions."""
        for kernel in naive_kernels(op):
            drop_units(kernel)


def drop_units(kernel: ir.Operation) -> None:
    """Rewrites one kernel in graph form, if it has dimensions of size 1 and all its ops have a rule."""
    block = entry_block(kernel)
    values = [*block.arguments, *(result for op in operations(block) for result in op.results)]
    if not any(is_tensor(value) and has_units(value.type) for value in values):
        return
    inputs, sizes = segments(kernel)
    if not all(value.type.encoding is None for value in inputs if is_tensor(value)):
        return
    with ir.InsertionPoint(kernel), kernel.location:
        taken = [_collapse(value) if is_tensor(value) else value for value in inputs]
        types = [squeezed(result.type) for result in kernel.results]
        name = ir.StringAttr(kernel.attributes["kernel_name"]).value
        made = gir.kernel(name, taken, sizes, types, kernel.location).operation
        squeezer = Squeezer(taken, dict(zip(block.arguments, entry_block(made).arguments, strict=True)))
        with ir.InsertionPoint(entry_block(made)):
            done = all(squeezer.copy(op) for op in operations(block))
        if not done:
            made.erase()
            _erase_unused(taken)
            return
        remaining = list(sizes)
        for old, new in zip(kernel.results, made.results, strict=True):
            dynamic = sum(size == DYNAMIC for size in shape_of(old))
            old.replace_all_uses_with(_expand(new, old.type, remaining[:dynamic]))
            remaining = remaining[dynamic:]
    count("kernels without units")
    kernel.erase()
    erase_unused(made)


def _erase_unused(values: Sequence[ir.Value]) -> None:
    """Erases views that were made for nothing."""
    for value in dict.fromkeys(values):
        op = None if isinstance(value.owner, ir.Block) else value.owner.operation
        if op is not None and op.name == "tensor.collapse_shape" and not any(True for _ in value.uses):
            op.erase()


def reassociation(shape: Sequence[int]) -> ir.Attribute:
    """Which dimensions make each one that isn't of size 1; no group where there is none."""
    index = ir.IntegerType.get_signless(64)
    groups: list[list[ir.Attribute]] = []
    leading: list[ir.Attribute] = []
    for dim, size in enumerate(shape):
        entry = ir.IntegerAttr.get(index, dim)
        if size != 1:
            groups.append([*leading, entry])
            leading = []
        elif groups:
            groups[-1].append(entry)
        else:
            leading.append(entry)
    return ir.ArrayAttr.get([ir.ArrayAttr.get(group) for group in groups])


def _collapse(value: ir.Value) -> ir.Value:
    """A tensor of the function without its dimensions of size 1."""
    type_ = squeezed(value.type)
    if type_ == value.type:
        return value
    attributes = {"reassociation": reassociation(shape_of(value))}
    return create("tensor.collapse_shape", [value], [type_], attributes).result


def _expand(value: ir.Value, type_: ir.RankedTensorType, sizes: Sequence[ir.Value]) -> ir.Value:
    """The reverse: a tensor of the function with dimensions of size 1 where `type_` has them."""
    if type_ == value.type:
        return value
    attributes = {
        "reassociation": reassociation(type_.shape),
        "static_output_shape": ir.DenseI64ArrayAttr.get(list(type_.shape)),
    }
    return create("tensor.expand_shape", [value, *sizes], [type_], attributes).result
