"""`gir-split-dims`: kernels run over the parts of a dimension where a reshape between two of them asks for that.

Rewrite:
    %0 = gir.kernel (%x) { sum of %x : 32x40960 along 1, ... } -> (tensor<32x40960xf32>)
    %v = tensor.expand_shape, tensor.collapse_shape of %0 : 320x64x64
    %1 = gir.kernel (%a = %v : 320x64x64, %s : 320) { %a * %s spread over 64x64 }
  ⇒ %0 = gir.kernel (%x') { sum of %x' : 32x10x64x64 along 1, 2, 3, ... } -> (tensor<32x10x64x64xf32>)
    %1 = gir.kernel (%a = %0 : 32x10x64x64, %s' : 32x10) { %a * %s' spread over 64x64 }

A reshape moves nothing, but keeps apart two kernels that could run as one: they count the same elements in
different dimensions. Where both can run over the parts that both shapes have in common, they do, and the reshape
between them is gone; those of what the function takes and gives are free. `split_plan` says which dimensions are
split, for a whole block at once; each kernel that has such is then made anew, by a rule per op (`split_rules`).

Nothing moves more: each value has the elements that it had, in the same order.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    entry_block,
    functions,
    i64_array,
    index_constant,
    is_tensor,
    operations,
    producer,
    segments,
    shape_of,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import is_naive
from powerfusion.passes.fusion.split_plan import Plan, array_of, values_of
from powerfusion.passes.fusion.split_rules import Splitter, outer_size


@register_pass
@dataclass(frozen=True)
class SplitDimsPass(Pass):
    """Splits dimensions of kernels so that reshapes between them go."""

    name: ClassVar[str] = "gir-split-dims"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites the kernels of each block as its plan says."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                plan = Plan(block)
                for kernel in filter(is_naive, operations(block)):
                    if any(map(plan.splits, values_of(kernel))):
                        split(kernel, plan)


def split(kernel: ir.Operation, plan: Plan) -> None:
    """Makes a kernel anew, its dimensions split."""
    inputs, sizes = segments(kernel)
    block = entry_block(kernel)
    results = operations(block)[-1].operands
    with ir.InsertionPoint(kernel), kernel.location:
        taken = [
            _split_view(value, plan.all_parts(inside)) if is_tensor(inside) else value
            for value, inside in zip(inputs, block.arguments, strict=True)
        ]
        splitter = Splitter(plan.parts)
        types = [_plain(splitter.type_of(inside)) for inside in results]
        name = ir.StringAttr(kernel.attributes["kernel_name"]).value
        made = gir.kernel(name, taken, _outer_sizes(results, sizes, plan), types, kernel.location).operation
        splitter.known.update(zip(block.arguments, entry_block(made).arguments, strict=True))
        with ir.InsertionPoint(entry_block(made)):
            for op in operations(block):
                splitter.copy(op)
        for old, new, inside in zip(kernel.results, made.results, results, strict=True):
            old.replace_all_uses_with(_joined(new, old.type, plan.all_parts(inside)) if is_tensor(inside) else new)
    count("kernels with split dimensions")
    kernel.erase()


def _plain(type_: ir.Type) -> ir.Type:
    """The type that a value at dram has in the function."""
    if not isinstance(type_, ir.RankedTensorType):
        return type_
    return ir.RankedTensorType.get(list(type_.shape), type_.element_type)


def _split_view(value: ir.Value, parts: Sequence[Sequence[int]]) -> ir.Value:
    """A tensor of the function with each dimension as its parts: what it is a reshape of, where that has them."""
    shape = [size for sizes in parts for size in sizes]
    root, found = array_of(value), value
    while list(shape_of(found)) != shape and found != root:
        found = producer(found).operands[0]
    if list(shape_of(found)) == shape:
        return found
    sizes = [
        outer_size(create("tensor.dim", [value, index_constant(dim)], [ir.IndexType.get()]).result, parts[dim])
        for dim, size in enumerate(shape_of(value))
        if size == DYNAMIC
    ]
    attributes = {"reassociation": _groups(parts), "static_output_shape": i64_array(shape)}
    type_ = ir.RankedTensorType.get(shape, value.type.element_type)
    return create("tensor.expand_shape", [value, *sizes], [type_], attributes).result


def _outer_sizes(results: Sequence[ir.Value], sizes: Sequence[ir.Value], plan: Plan) -> list[ir.Value]:
    """The dynamic sizes of a kernel's results once they are split."""
    dynamic = [plan.parts(value, dim) for value in results for dim, n in enumerate(shape_of(value)) if n == DYNAMIC]
    return [outer_size(size, parts) for size, parts in zip(sizes, dynamic, strict=True)]


def _joined(value: ir.Value, type_: ir.Type, parts: Sequence[Sequence[int]]) -> ir.Value:
    """The reverse, in the shape that others know."""
    if value.type == type_:
        return value
    return create("tensor.collapse_shape", [value], [type_], {"reassociation": _groups(parts)}).result


def _groups(parts: Sequence[Sequence[int]]) -> ir.Attribute:
    """Which dimensions are the parts of which."""
    numbers = itertools.count()
    index = ir.IntegerType.get_signless(64)
    return ir.ArrayAttr.get(
        [ir.ArrayAttr.get([ir.IntegerAttr.get(index, next(numbers)) for _ in sizes]) for sizes in parts]
    )
