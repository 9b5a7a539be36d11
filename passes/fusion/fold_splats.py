"""`gir-fold-splats`: a tensor that holds one scalar everywhere is made where it is used.

Rewrite:
    %0 = gir.kernel "fill" (%s = %c) { %t = tensor.splat %s; gir.return (gir.move %t) }
    gir.kernel (%a = %0) { %x = gir.move %a : dram -> reg ... }
  ⇒ gir.kernel (%s = %c) { %x = tensor.splat %s ... }

Also for function-level constants whose elements are all one. Every load of such a tensor goes;
its store goes with the kernel once nobody reads it. Bytes never rise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    constant_of,
    create,
    defining_op,
    entry_block,
    functions,
    has_uses,
    index_constant,
    operations,
    segments,
    shape_of,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import InputDim, extent
from powerfusion.passes.fusion.rebuild import KernelCopy, is_naive
from powerfusion.passes.raising.kernels import size_of


@register_pass
@dataclass(frozen=True)
class FoldSplatsPass(Pass):
    """Makes tensors of one scalar where they are used instead of loading them."""

    name: ClassVar[str] = "gir-fold-splats"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})

    def run(self, op: ir.Operation) -> None:
        """Folds splats into every kernel of a module."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                for kernel in filter(is_naive, _kernels(block)):
                    _fold_inputs(kernel)
                for kernel in reversed(_kernels(block)):
                    if _is_unused_splat(kernel):
                        count("kernels of one scalar erased")
                        kernel.erase()


def _kernels(block: ir.Block) -> list[ir.Operation]:
    return [op for op in operations(block) if op.name == "gir.kernel"]


def _is_unused_splat(kernel: ir.Operation) -> bool:
    if any(has_uses(result) or splat_scalar(result) is None for result in kernel.results):
        return False
    return all(op.name != "gir.assert" for op in operations(entry_block(kernel)))


def splat_scalar(value: ir.Value) -> ir.Value | ir.Attribute | None:
    """The scalar that a tensor of the function holds everywhere: a value, or a constant's element."""
    constant = constant_of(value)
    if constant is not None:
        if isinstance(constant, ir.DenseElementsAttr) and constant.is_splat:
            return constant.get_splat_value()
        return None
    op = defining_op(value)
    if op is None:
        return None
    if op.name in ("tensor.cast", "tensor.expand_shape", "tensor.collapse_shape"):
        return splat_scalar(op.operands[0])
    if op.name != "gir.kernel":
        return None
    returned = operations(entry_block(op))[-1].operands[ir.OpResult(value).result_number]
    return _scalar_of(op, returned)


def _scalar_of(kernel: ir.Operation, value: ir.Value) -> ir.Value | ir.Attribute | None:
    """The scalar, as the function around the kernel has it, that a value of a kernel is."""
    op = defining_op(value)
    while op is not None and op.name in ("gir.move", "gir.broadcast", "gir.permute"):
        value = op.operands[0]
        op = defining_op(value)
    if op is None:
        return None
    if op.name == "arith.constant":
        splat = op.attributes["value"]
        return splat.get_splat_value() if isinstance(splat, ir.DenseElementsAttr) and splat.is_splat else None
    if op.name != "tensor.splat":
        return None
    scalar = op.operands[0]
    inner = constant_of(scalar)
    if inner is not None:
        return inner
    if defining_op(scalar) is not None:
        return None
    return segments(kernel)[0][ir.BlockArgument(scalar).arg_number]


def _fold_inputs(kernel: ir.Operation) -> None:
    """Makes the kernel anew without those inputs that hold one scalar."""
    inputs = segments(kernel)[0]
    folded = {
        argument: scalar
        for argument, value in zip(entry_block(kernel).arguments, inputs, strict=True)
        if isinstance(value.type, ir.RankedTensorType) and (scalar := splat_scalar(value)) is not None
    }
    loads = {load: scalar for argument, scalar in folded.items() for load in _loads(argument)}
    if not loads:
        return
    count("loads of one scalar folded", len(loads))
    with ir.InsertionPoint(kernel), kernel.location:
        outer_sizes = {load: _outer_sizes(kernel, load) for load in loads}
        scalars = [scalar for scalar in loads.values() if isinstance(scalar, ir.Value)]
        sizes = [size for group in outer_sizes.values() for size in group]

        def replace(op: ir.Operation, rebuild: KernelCopy) -> bool:
            if op not in loads:
                return False
            scalar = loads[op]
            if isinstance(scalar, ir.Attribute):
                value = create("arith.constant", results=[scalar.type], attributes={"value": scalar}).result
            else:
                value = rebuild.inside(scalar)
            operands = [value, *(rebuild.inside(size) for size in outer_sizes[op])]
            rebuild.known[op.result] = create("tensor.splat", operands, [op.result.type], loc=op.location).result
            return True

        KernelCopy(kernel, [*scalars, *sizes], replace).run()


def _loads(argument: ir.Value) -> list[ir.Operation]:
    """The movements to reg of an argument, through views of it."""
    found: list[ir.Operation] = []
    for use in argument.uses:
        op = use.owner.operation
        if op.name == "gir.move" and gir.is_at(op.result, "reg"):
            found.append(op)
        elif op.name in ("gir.slice", "gir.permute"):
            found += _loads(op.result)
    return found


def _outer_sizes(kernel: ir.Operation, load: ir.Operation) -> list[ir.Value]:
    """The dynamic sizes of a load's result, as index values of the function around the kernel."""
    block, inputs = entry_block(kernel), segments(kernel)[0]
    arguments = list(block.arguments)
    sizes: list[ir.Value] = []
    for dim, static in enumerate(shape_of(load.result)):
        if static != DYNAMIC:
            continue
        found = extent(load.result, dim)
        if isinstance(found, InputDim):
            size = size_of(inputs[arguments.index(found.argument)], found.dim)
            sizes.append(index_constant(size) if isinstance(size, int) else size)
        else:
            sizes.append(inputs[arguments.index(found)])
    return sizes
