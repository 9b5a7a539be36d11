"""Products of matrices that a library may do: called through a slot, or computed here where it is empty.

    llvm.mlir.global @pf_sgemm_slot = null           set when the program is loaded, where there is a library

    %f = load @pf_sgemm_slot
    scf.if %f != null { for each index of the loops: %f(..) } else { the kernel's own body }

Routines have Fortran's interface: all arguments are addresses, and numbers have 32 bits. The first call for a part of
the result only writes it (beta is 0), so that what was in its memory, NaN as well, plays no part; those that sum more
of it add to it (beta is 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from powerfusion.core._mlir import create, element_of, i32_array, index_constant, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.gemm import ATTRIBUTE, FACTORS, ROUTINES, Gemm, Loop
from powerfusion.passes.lowering.expansions import compare, module_block
from powerfusion.passes.lowering.intrinsics import number
from powerfusion.passes.lowering.memory import EQ, NE
from powerfusion.passes.lowering.registers import element_bytes
from powerfusion.passes.tiling.windows import index_op
from powerfusion.runtime.libraries import slot_of

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering

PLAIN, TRANSPOSED = b"NT"


def choose(lowering: VectorLowering, kernel: ir.Operation, compute: Callable[[], None]) -> None:
    """Calls the library where there is one; else computes."""
    gemm = Gemm.from_attribute(kernel.attributes[ATTRIBUTE])
    memrefs = [lowering.scalar(value) for value in segments(kernel)[0]]
    element = element_of(memrefs[FACTORS].type)
    routine = _load(_slot(slot_of(ROUTINES[str(element)])))
    there = _is_there(routine)
    branch = create("scf.if", [there], regions=2)
    with ir.InsertionPoint(branch.regions[0].blocks.append()):
        places = [_place_of(memrefs[at]) for at in (*gemm.factors, FACTORS)]
        _Call(routine, gemm, element).emit(places, gemm.loops)
        create("scf.yield")
    with ir.InsertionPoint(branch.regions[1].blocks.append()):
        compute()
        create("scf.yield")


class _Call:
    """A call of a routine, whose arguments are written to memory once.

    Args:
        routine: Its address.
        gemm: What it does.
        element: Of which type.
    """

    def __init__(self, routine: ir.Value, gemm: Gemm, element: ir.Type) -> None:
        self.routine, self.element_bytes = routine, element_bytes(element)
        letters = [_kept(number(8, TRANSPOSED if each else PLAIN)) for each in gemm.transposed]
        sizes = [_kept(number(32, size)) for size in gemm.sizes]
        leading = [_kept(number(32, size)) for size in gemm.leading]
        self.one, self.zero = (_kept(_float(element, value)) for value in (1.0, 0.0))
        self.before, self.leading = [*letters, *sizes, self.one], leading

    def emit(self, places: Sequence[ir.Value], loops: Sequence[Loop], is_first: ir.Value | None = None) -> None:
        """Calls it for each index of some loops.

        Args:
            places: The addresses of factors and result.
            loops: What is to be done yet.
            is_first: Whether nothing was written there yet; None where that is so.
        """
        if not loops:
            a, b, c = map(_pointer, places)
            lda, ldb, ldc = self.leading
            beta = self.zero if is_first is None else _chosen(is_first, self.zero, self.one)
            _call(self.routine, [*self.before, a, lda, b, ldb, beta, c, ldc])
            return
        loop, *inner = loops
        bounds = [index_constant(at) for at in (0, loop.size, 1)]
        made = create("scf.for", bounds, regions=1)
        block = made.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[made.location])
        with ir.InsertionPoint(block):
            index = block.arguments[0]
            moved = [self._moved(place, index, step) for place, step in zip(places, loop.steps, strict=True)]
            self.emit(moved, inner, is_first if loop.steps[FACTORS] else _and(is_first, _is_zero(index)))
            create("scf.yield")

    def _moved(self, place: ir.Value, index: ir.Value, step: int) -> ir.Value:
        """An address so many steps further on."""
        if not step:
            return place
        offset = index_op("arith.muli", [index, index_constant(step * self.element_bytes)])
        return index_op("arith.addi", [place, offset])


def _is_zero(index: ir.Value) -> ir.Value:
    return compare("arith.cmpi", EQ, index, index_constant(0))


def _and(one: ir.Value | None, other: ir.Value) -> ir.Value:
    return other if one is None else create("arith.andi", [one, other], [other.type]).result


def _place_of(memref: ir.Value) -> ir.Value:
    """The address of a memref's first element."""
    return index_op("memref.extract_aligned_pointer_as_index", [memref])


# -- in LLVM's dialect -----------------------------------------------------------------------------


def _slot(name: str) -> ir.Value:
    """The address of a slot, which is made with its first use."""
    block = module_block()
    names = [op.operation.attributes["sym_name"] for op in block.operations if "sym_name" in op.operation.attributes]
    if ir.StringAttr.get(name) not in names:
        text = f"llvm.mlir.global external @{name}() {{addr_space = 0 : i32}} : !llvm.ptr {{"
        text += "%0 = llvm.mlir.zero : !llvm.ptr llvm.return %0 : !llvm.ptr }"
        ir.InsertionPoint.at_block_begin(block).insert(ir.Operation.parse(text))
    symbol = ir.FlatSymbolRefAttr.get(name)
    return create("llvm.mlir.addressof", results=[_pointer_type()], attributes={"global_name": symbol}).result


def _load(place: ir.Value) -> ir.Value:
    return create("llvm.load", [place], [_pointer_type()], {"ordering": _i64(0)}).result


def _is_there(pointer: ir.Value) -> ir.Value:
    null = create("llvm.mlir.zero", results=[_pointer_type()]).result
    return create("llvm.icmp", [pointer, null], [ir.IntegerType.get_signless(1)], {"predicate": _i64(NE)}).result


def _chosen(flag: ir.Value, yes: ir.Value, no: ir.Value) -> ir.Value:
    return create("llvm.select", [flag, yes, no], [_pointer_type()]).result


def _kept(value: ir.Value) -> ir.Value:
    """The address of memory that holds a value."""
    attributes = {"elem_type": ir.TypeAttr.get(value.type), "alignment": _i64(8)}
    place = create("llvm.alloca", [number(32, 1)], [_pointer_type()], attributes).result
    create("llvm.store", [value, place], attributes={"ordering": _i64(0)})
    return place


def _pointer(address: ir.Value) -> ir.Value:
    bits = create("arith.index_cast", [address], [ir.IntegerType.get_signless(64)]).result
    return create("llvm.inttoptr", [bits], [_pointer_type()]).result


def _call(routine: ir.Value, arguments: Sequence[ir.Value]) -> None:
    segments = {"operandSegmentSizes": i32_array([1 + len(arguments), 0]), "op_bundle_sizes": i32_array([])}
    create("llvm.call", [routine, *arguments], attributes=segments)


def _float(element: ir.Type, value: float) -> ir.Value:
    attributes = {"value": ir.FloatAttr.get(element, value)}
    return create("arith.constant", results=[element], attributes=attributes).result


def _pointer_type() -> ir.Type:
    return ir.Type.parse("!llvm.ptr")


def _i64(value: int) -> ir.Attribute:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)
