"""`gir-tile`: functions of tensors become functions of memrefs, kernels become loops over tiles.

A kernel's results become output memrefs that the function allocates; its body becomes nests (see
`nests`). A placed kernel's loops are those of its own nest, and what moves executes where and as
often as the nest says (see `placed`); where that isn't covered yet, a remark says why the nest is
left out. Views of the function (reshapes, casts) become views of memrefs. Constants become trailing
arguments that carry their elements as `gir.constant`, so that a compiled program holds no copy of
its weights.

Any other kernel is first written in terms of what can be had window by window (see `prepare`): library
operators are the kernels that they say they are, for the host with a mark where a library may do them all
the same; the first of several alternatives is taken, what rests at `sram` is loaded or computed again. What
must be stored and read again has memory that the function allocates, too. A launched function takes the
memory of its results as arguments.

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

from collections.abc import Mapping, Sequence
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
from powerfusion.machines.table import HOST, find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.gemm import ATTRIBUTE
from powerfusion.passes.analysis.work import Work, work_of
from powerfusion.passes.scheduling.kernels import is_group_parallel, walk
from powerfusion.passes.tiling import rules  # noqa: F401  # pyright: ignore[reportUnusedImport]  fills the table
from powerfusion.passes.tiling.kernels import Buffers, KernelTiler
from powerfusion.passes.tiling.placed import PlacedTiler
from powerfusion.passes.tiling.placed_meeting import MeetingTiler
from powerfusion.passes.tiling.placed_obstacles import fills_inside
from powerfusion.passes.tiling.placed_plan import PlacedPlan
from powerfusion.passes.tiling.placed_shared import SharedTiler
from powerfusion.passes.tiling.plans import Room
from powerfusion.passes.tiling.prepare import KERNELS, prepare
from powerfusion.passes.tiling.squares import ROOM
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
    width: int = option(32, help="Elements of a tile along its vector dimension, in a kernel without a nest")
    machine: str = option("", help="Whose registers tiles of a kernel without a nest have to fit; by default 2 KiB")

    def run(self, op: ir.Operation) -> None:
        """Replaces every function by its tile form."""
        room = Room(self.width, _registers(self.machine)) if self.machine else Room(self.width)
        found = [function for function in functions(op) if _has_tensor_values(function)]
        for function in found:
            _check_one_block(function)
            if self.machine != HOST:
                _forget_libraries(function)
            prepare(function)
        launched = _launched(op)
        outlined = {name: function for function in found if (name := _symbol(function)) in launched}
        for function in found:
            tiler = OutlinedTiler if _symbol(function) in outlined else FunctionTiler
            tiler(function, room, outlined).run()
        for function in found:  # Launches are read off what they launched.
            function.erase()


def _check_one_block(function: ir.Operation) -> None:
    if len(function.regions[0].blocks) != 1:
        raise UnsupportedError(
            "a function with control flow can't be tiled",
            location=function.location,
            help="expected a function of one block, without branches",
        )


def _symbol(function: ir.Operation) -> str:
    return ir.StringAttr(function.attributes["sym_name"]).value


def _launched(module: ir.Operation) -> set[str]:
    """The names of the functions that are launched as kernels."""
    found: set[str] = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "gir.launch":
            found.add(ir.FlatSymbolRefAttr(op.attributes["callee"]).value)
        return ir.WalkResult.ADVANCE

    module.walk(visit)
    return found


def _has_tensor_values(function: ir.Operation) -> bool:
    """Whether a function has anything to tile: in tile form it has no tensors around kernels."""
    values = [value for block in function.regions[0].blocks for value in block.arguments]
    values += [value for block in function.regions[0].blocks for op in block.operations for value in op.results]
    return (
        any(isinstance(value.type, (ir.RankedTensorType, ir.UnrankedTensorType)) for value in values)
        or len(function.regions[0].blocks) != 1
    )


def memref_of(type_: ir.Type) -> ir.Type:
    """The memref that a tensor of the function becomes; other types stay."""
    if not isinstance(type_, ir.RankedTensorType):
        return type_
    return ir.MemRefType.get(list(type_.shape), type_.element_type)


def _forget_libraries(function: ir.Operation) -> None:
    """Makes library operators plain kernels, where no library is called."""
    for op in operations(entry_block(function)):
        if op.name == "gir.extern" and ATTRIBUTE in op.attributes:
            del op.attributes[ATTRIBUTE]


def _registers(machine: str) -> int:
    """Bytes of registers that a unit of a machine has, as far as tiles without a nest take them."""
    return min(find(machine).space_of("reg").capacity_bytes or ROOM, ROOM)


class FunctionTiler:
    """Re-emits one prepared function in tile form beside the old one.

    Attributes:
        outlined: The functions that are launched, in graph form, by name.
    """

    def __init__(self, function: ir.Operation, room: Room, outlined: Mapping[str, ir.Operation]) -> None:
        self.old, self.room, self.outlined = function, room, outlined
        self.values: dict[ir.Value, ir.Value] = {}
        self.constants: list[ir.Operation] = []

    def run(self) -> None:
        """Does it."""
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
            case "gir.launch":
                self._emit_launch(op)
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
        outputs = self._alloc_outputs(op, self.values)
        self.values |= dict(zip(op.results, outputs, strict=True))
        taken = [self.values[value] for value in segments(op)[0]]
        _tile_kernel(op, [*taken, *outputs, *self._alloc_temporaries(op, taken, outputs)], self.room)

    def _emit_launch(self, op: ir.Operation) -> None:
        """Launches what a function became, with memory for its results."""
        callee = self.outlined[ir.FlatSymbolRefAttr(op.attributes["callee"]).value]
        kernel, ends = _outlined_kernel(callee)
        given = [self.values[operand] for operand in op.operands]
        if kernel is None:
            create("gir.launch", given, attributes={"callee": op.attributes["callee"]})
            return
        known: dict[ir.Value, ir.Value] = dict(zip(entry_block(callee).arguments, given, strict=True))
        outputs = self._alloc_outputs(kernel, known)
        taken = [known[value] for value in segments(kernel)[0]]
        temporaries = self._alloc_temporaries(kernel, taken, outputs)
        create("gir.launch", [*given, *outputs, *temporaries], attributes={"callee": op.attributes["callee"]})
        known |= dict(zip(kernel.results, outputs, strict=True))
        self.values |= {result: known[value] for result, value in zip(op.results, ends.operands, strict=True)}

    def _alloc_outputs(self, kernel: ir.Operation, known: Mapping[ir.Value, ir.Value]) -> list[ir.Value]:
        """Memory for a kernel's results; `known` has their sizes."""
        remaining = [known[size] for size in segments(kernel)[1]]
        outputs: list[ir.Value] = []
        for result in kernel.results:
            count = sum(size == DYNAMIC for size in result.type.shape)
            outputs.append(self._alloc(result.type, remaining[:count]))
            remaining = remaining[count:]
        return outputs

    def _alloc_temporaries(
        self, op: ir.Operation, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value]
    ) -> list[ir.Value]:
        """Memory for what a kernel stores and reads again."""
        known: dict[ir.Value, ir.Value] = dict(zip(entry_block(op).arguments, inputs, strict=True))
        sizes = TileEmitter(known, _no_reduction, outputs)
        made: list[ir.Value] = []
        for value in Buffers(op).temporaries:
            shape = value.type.shape
            dynamic = [sizes.size(value, dim) for dim in range(len(shape)) if shape[dim] == DYNAMIC]
            made.append(self._alloc(value.type, dynamic))
        return made


class OutlinedTiler(FunctionTiler):
    """Re-emits a function that is one kernel: its results and temporaries become arguments."""

    def run(self) -> None:
        """Does it."""
        kernel, _ = _outlined_kernel(self.old)
        block = entry_block(self.old)
        stored = [] if kernel is None else [*kernel.results, *Buffers(kernel).temporaries]
        types = [memref_of(value.type) for value in [*block.arguments, *stored]]
        with ir.InsertionPoint(self.old), self.old.location:
            attributes = attributes_of(self.old)
            attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(types, []))
            new = create("func.func", attributes={n: a for n, a in attributes.items() if n not in ARGUMENTS}, regions=1)
            entry = new.regions[0].blocks.append(*types, arg_locs=[self.old.location] * len(types))
            given = list(entry.arguments)
            self.values = dict(zip(block.arguments, given, strict=False))
            with ir.InsertionPoint(entry):
                if kernel is not None:
                    taken = [self.values[value] for value in segments(kernel)[0]]
                    _tile_kernel(kernel, [*taken, *given[len(block.arguments) :]], self.room)
                create("func.return")


ARGUMENTS = ("arg_attrs", "res_attrs")


def _outlined_kernel(function: ir.Operation) -> tuple[ir.Operation | None, ir.Operation]:
    """The kernel that a launched function is, and its return; None where it was found to do nothing."""
    body = operations(entry_block(function))
    kernels = [op for op in body if op.name in KERNELS]
    if len(body) == 1 and not list(body[0].operands):
        return None, body[0]
    if len(kernels) != 1 or len(body) != 2:
        raise UnsupportedError(
            "a launched function that isn't one kernel can't be tiled",
            location=function.location,
            help="expected gir.kernel and a return of its results",
        )
    return kernels[0], body[-1]


def _tile_kernel(op: ir.Operation, operands: Sequence[ir.Value], room: Room) -> None:
    """Makes the tile form of a kernel at the insertion point."""
    name = ir.StringAttr(op.attributes["kernel_name"]).value
    new = gir.kernel(name, operands, [], [], op.location).operation
    if ATTRIBUTE in op.attributes:
        new.attributes[ATTRIBUTE] = op.attributes[ATTRIBUTE]
    work = work_of(op)
    _tiler_of(op)(op, new, room).run()
    _tell_work(new, work)


def _tell_work(kernel: ir.Operation, work: Work) -> None:
    """Says of a kernel's groups what there is to do for them: in all, or of an element where sizes are open."""
    name, number = ("gir.work", work.total) if work.total is not None else ("gir.work_each", work.each)
    if number is None:
        return
    for op in walk(kernel, "gir.parallel"):
        if is_group_parallel(op):
            op.attributes[name] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)


def _tiler_of(kernel: ir.Operation) -> type[KernelTiler]:
    if "nest" not in kernel.attributes:
        return KernelTiler
    plan = PlacedPlan(kernel)
    if fills_inside(plan):
        return MeetingTiler
    return SharedTiler if plan.steps_together else PlacedTiler


def _no_reduction(op: ir.Operation, _: Window) -> list[ir.Value]:
    raise AssertionError(f"sizes don't depend on '{op.name}'")


def _is_tensor_constant(op: ir.Operation) -> bool:
    return op.name == "arith.constant" and isinstance(op.result.type, ir.RankedTensorType)


def _has_tensors(op: ir.Operation) -> bool:
    return any(isinstance(value.type, ir.ShapedType) for value in [*op.operands, *op.results])
