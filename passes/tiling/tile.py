"""`gir-tile`: functions of tensors become functions of memrefs, kernels become loops over tiles.

A kernel's results become output memrefs that the function allocates; its body becomes nests (see
`nests`). Views of the function (reshapes, casts) become views of memrefs. Constants become
trailing arguments that carry their elements as `gir.constant`, so that a compiled program holds
no copy of its weights.

    %0 = gir.kernel "absf" (%a = %x) -> (tensor<4x64xf32>) { move, absf, move }
  ⇒ %0 = memref.alloc()
    gir.kernel "absf" (%a = %x, %o = %0) -> () {
      gir.parallel <group> (%i) in (%c4) {
        scf.for %j = %c0 to %c64 step %c32 {
          %t = gir.load %a[%i, %j]
          %u = math.absf %t
          gir.store %u, %o[%i, %j]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    entry_block,
    functions,
    i32_array,
    operations,
    segments,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.tiling import rules  # noqa: F401  # pyright: ignore[reportUnusedImport]  fills the table
from powerfusion.passes.tiling.kernels import Buffers, KernelTiler
from powerfusion.passes.tiling.prepare import KERNELS, prepare
from powerfusion.passes.tiling.tiles import TileEmitter
from powerfusion.passes.tiling.windows import Window

ALIGNMENT = 64
VIEW_OPS = {
    "tensor.expand_shape": "memref.expand_shape",
    "tensor.collapse_shape": "memref.collapse_shape",
    "tensor.cast": "memref.cast",
    "tensor.dim": "memref.dim",
    "tensor.extract": "memref.load",
}
HOST_DIALECTS = ("arith.", "affine.", "math.", "index.")


@register_pass
@dataclass(frozen=True)
class TilePass(Pass):
    """Tiles kernels in graph form into loops over windows."""

    name: ClassVar[str] = "gir-tile"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    establishes: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"graph-form", "naive"})
    width: int = option(32, help="Elements of a tile along its vector dimension")

    def run(self, op: ir.Operation) -> None:
        """Replaces every function by its tile form."""
        for function in functions(op):
            FunctionTiler(function, self.width).run()


def memref_of(type_: ir.Type) -> ir.Type:
    """The memref that a tensor of the function becomes; other types stay."""
    if not isinstance(type_, ir.RankedTensorType):
        return type_
    return ir.MemRefType.get(list(type_.shape), type_.element_type)


class FunctionTiler:
    """Re-emits one function in tile form beside the old one, which it then erases."""

    def __init__(self, function: ir.Operation, width: int) -> None:
        self.old, self.width = function, width
        self.values: dict[ir.Value, ir.Value] = {}
        self.constants: list[ir.Operation] = []

    def run(self) -> None:
        """Does it."""
        if len(self.old.regions[0].blocks) != 1:
            raise UnsupportedError(
                "a function with control flow can't be tiled",
                location=self.old.location,
                help="expected a function of one block, without branches",
            )
        prepare(self.old)
        block = entry_block(self.old)
        self.constants = [op for op in operations(block) if _is_tensor_constant(op)]
        inputs = [argument.type for argument in block.arguments]
        all_inputs = [memref_of(t) for t in [*inputs, *(op.result.type for op in self.constants)]]
        results = [memref_of(value.type) for value in operations(block)[-1].operands]
        with ir.InsertionPoint(self.old), self.old.location:
            new = self._open(all_inputs, results)
            entry = entry_block(new)
            for old, value in zip(block.arguments, entry.arguments, strict=False):
                self.values[old] = value
            for op, value in zip(self.constants, list(entry.arguments)[len(inputs) :], strict=True):
                self.values[op.result] = value
            with ir.InsertionPoint(entry):
                for op in operations(block):
                    with op.location:
                        self._emit(op)
        self.old.erase()

    def _open(self, inputs: Sequence[ir.Type], results: Sequence[ir.Type]) -> ir.Operation:
        attributes = attributes_of(self.old)
        attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(list(inputs), list(results)))
        attributes.pop("res_attrs", None)
        count = len(inputs) - len(self.constants)
        given = attributes.pop("arg_attrs", ir.ArrayAttr.get([ir.DictAttr.get({})] * count))
        kept = [ir.DictAttr(mark) for mark in ir.ArrayAttr(given)]
        marks = [ir.DictAttr.get({"gir.constant": op.attributes["value"]}) for op in self.constants]
        if marks or any(len(mark) for mark in kept):
            attributes["arg_attrs"] = ir.ArrayAttr.get([*kept, *marks])
        new = create("func.func", attributes=attributes, regions=1, loc=self.old.location)
        new.regions[0].blocks.append(*inputs, arg_locs=[self.old.location] * len(inputs))
        return new

    # -- the function around the kernels -----------------------------------------------------

    def _emit(self, op: ir.Operation) -> None:
        if _is_tensor_constant(op):
            return
        operands = [self.values[operand] for operand in op.operands]
        match op.name:
            case name if name in KERNELS:
                self._emit_kernel(op)
            case "func.return":
                create("func.return", operands)
            case "tensor.empty":
                self.values[op.result] = self._alloc(op.result.type, operands)
            case name if name in VIEW_OPS:
                attributes = attributes_of(op)
                types = [memref_of(result.type) for result in op.results]
                self.values[op.result] = create(VIEW_OPS[name], operands, types, attributes).result
            case name if (name == "cf.assert" or name.startswith(HOST_DIALECTS)) and not _has_tensors(op):
                made = op.clone().operation
                for at, operand in enumerate(operands):
                    made.operands[at] = operand
                self.values |= dict(zip(op.results, made.results, strict=True))
            case name:
                raise UnsupportedError(
                    f"'{name}' isn't supported",
                    location=op.location,
                    help="expected linalg on tensors, tensor ops, and arith on scalars; no control flow around them",
                )

    def _alloc(self, type_: ir.RankedTensorType, sizes: Sequence[ir.Value]) -> ir.Value:
        attributes = {
            "alignment": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), ALIGNMENT),
            "operandSegmentSizes": i32_array([len(sizes), 0]),
        }
        return create("memref.alloc", sizes, [memref_of(type_)], attributes).result

    # -- kernels -----------------------------------------------------------------------------

    def _emit_kernel(self, op: ir.Operation) -> None:
        inputs, sizes = segments(op)
        remaining = [self.values[size] for size in sizes]
        outputs: list[ir.Value] = []
        for result in op.results:
            count = sum(size == DYNAMIC for size in result.type.shape)
            outputs.append(self._alloc(result.type, remaining[:count]))
            remaining = remaining[count:]
        self.values |= dict(zip(op.results, outputs, strict=True))
        taken = [self.values[value] for value in inputs]
        temporaries = self._alloc_temporaries(op, taken, outputs)
        name = ir.StringAttr(op.attributes["kernel_name"]).value
        new = gir.kernel(name, [*taken, *outputs, *temporaries], [], [], op.location).operation
        KernelTiler(op, new, self.width).run()

    def _alloc_temporaries(
        self, op: ir.Operation, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value]
    ) -> list[ir.Value]:
        """Memory for what a kernel stores and reads again."""
        known = dict(zip(entry_block(op).arguments, inputs, strict=True))
        sizes = TileEmitter(known, _no_reduction, outputs)
        made: list[ir.Value] = []
        for value in Buffers(op).temporaries:
            shape = value.type.shape
            dynamic = [sizes.size(value, dim) for dim in range(len(shape)) if shape[dim] == DYNAMIC]
            made.append(self._alloc(value.type, dynamic))
        return made


def _no_reduction(op: ir.Operation, _: Window) -> list[ir.Value]:
    raise AssertionError(f"sizes don't depend on '{op.name}'")


def _is_tensor_constant(op: ir.Operation) -> bool:
    return op.name == "arith.constant" and isinstance(op.result.type, ir.RankedTensorType)


def _has_tensors(op: ir.Operation) -> bool:
    return any(isinstance(value.type, ir.ShapedType) for value in [*op.operands, *op.results])
