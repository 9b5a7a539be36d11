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
    defining_op,
    entry_block,
    functions,
    i32_array,
    index_constant,
    integers,
    operations,
    segments,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import spaces_of
from powerfusion.passes.tiling.nests import NestEmitter, Sink, group_sinks
from powerfusion.passes.tiling.windows import TileEmitter, index_op, subview, transpose

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
            case "gir.kernel":
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
        name = ir.StringAttr(op.attributes["kernel_name"]).value
        new = gir.kernel(name, [*taken, *outputs], [], [], op.location).operation
        KernelTiler(op, new, self.width).run()


class KernelTiler:
    """Fills the tile form of one kernel."""

    def __init__(self, old: ir.Operation, new: ir.Operation, width: int) -> None:
        self.old, self.new, self.width = old, new, width
        arguments = list(entry_block(new).arguments)
        block = entry_block(old)
        count = len(block.arguments)
        self.outputs = arguments[count:]
        self.emitter = TileEmitter(dict(zip(block.arguments, arguments, strict=False)), self._reduce, self.outputs)

    def run(self) -> None:
        """Emits a nest per group of sinks, in order."""
        block = entry_block(self.old)
        spaces = spaces_of(self.old)
        with ir.InsertionPoint(entry_block(self.new)), self.old.location:
            anchor = index_constant(0)
            self.emitter.top = ir.InsertionPoint(defining_op(anchor))
            *body, end = operations(block)
            sinks = [Sink(op.operands[0], None, op) for op in body if op.name == "gir.assert"]
            for value, output in zip(end.operands, self.outputs, strict=True):
                sinks += self._sinks(value, output, alone=False)
            for group in group_sinks(sinks, spaces):
                self.nest = NestEmitter(self.emitter, spaces, self.width)
                self.nest.emit(group)
            create("gir.return")

    def _reduce(self, op: ir.Operation, window: tuple) -> list[ir.Value]:
        return self.nest.reduce_alone(op, window)

    def _sinks(self, value: ir.Value, output: ir.Value, *, alone: bool) -> list[Sink]:
        """Where the elements of a returned value are stored."""
        if 0 in value.type.shape:
            return []
        op = defining_op(value)
        if op is None:
            raise self._unsupported_view()
        match op.name:
            case "gir.move":
                return [Sink(op.operands[0], output, op, alone)]
            case "gir.permute":
                perm = integers(op.attributes["perm"])
                inverse = [perm.index(dim) for dim in range(len(perm))]
                return self._sinks(op.operands[0], transpose(output, inverse), alone=True)
            case "gir.concat":
                return self._concat_sinks(op, output)
            case "gir.insert":
                dest = self._sinks(op.operands[1], output, alone=True)
                if 0 in op.operands[0].type.shape:
                    return dest
                place = self.emitter.subview(op, output, segments(op)[2:5])
                return [*dest, *self._sinks(op.operands[0], place, alone=True)]
            case _:
                raise self._unsupported_view()

    def _unsupported_view(self) -> UnsupportedError:
        return UnsupportedError(
            "a kernel that returns a view of its input can't be tiled",
            location=self.old.location,
            help="move the value to reg and back first",
        )

    def _concat_sinks(self, op: ir.Operation, output: ir.Value) -> list[Sink]:
        dim = ir.IntegerAttr(op.attributes["dim"]).value
        rank = output.type.rank
        sinks: list[Sink] = []
        start: int | ir.Value = 0
        for value in op.operands:
            if 0 in value.type.shape:
                continue
            offsets = [0] * rank
            sizes = list(value.type.shape)
            operands: list[ir.Value] = []
            if isinstance(start, int):
                offsets[dim] = start
            else:
                offsets[dim] = DYNAMIC
                operands.append(start)
            dynamic = [self.emitter.size(value, d) for d in range(rank) if sizes[d] == DYNAMIC]
            place = subview(
                output, [*operands, *dynamic], [len(operands), len(dynamic), 0], [offsets, sizes, [1] * rank], []
            )
            sinks += self._sinks(value, place, alone=True)
            start = self._advance(start, value, dim)
        return sinks

    def _advance(self, start: int | ir.Value, value: ir.Value, dim: int) -> int | ir.Value:
        size = value.type.shape[dim]
        if isinstance(start, int) and size != DYNAMIC:
            return start + size
        before = index_constant(start) if isinstance(start, int) else start
        return index_op("arith.addi", [before, self.emitter.size(value, dim)])


def _is_tensor_constant(op: ir.Operation) -> bool:
    return op.name == "arith.constant" and isinstance(op.result.type, ir.RankedTensorType)


def _has_tensors(op: ir.Operation) -> bool:
    return any(isinstance(value.type, ir.ShapedType) for value in [*op.operands, *op.results])
