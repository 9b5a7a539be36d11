"""The program's entry on the CPU: a function with the C interface that programs in C have, too.

    i64 @pf_main(%x : !llvm.ptr, %x_size0 : index, .., %result0 : !llvm.ptr, .., %constant0 : !llvm.ptr, ..)

Per argument a pointer and what sizes of it are open, or a number by value, f16 and bf16 as their bits; per result a
pointer to memory of its size, or, where a size is open, pointers to a pointer and to all sizes; per constant a pointer.
Memory is row-major and may begin at any element. What is given for a result of open size may be null: then the program
makes its memory, else it writes there, if the sizes beside it are those that come out.

Gives 0; `NO_MEMORY` where there was none for results or between kernels; `SIZES_DIFFER` where memory for a result of
open size was given with other sizes, which are corrected; or the number of an assertion that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    defining_op,
    entry_block,
    i32_array,
    i64_array,
    index_constant,
    operations,
)
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.function import (
    NO_MEMORY,
    VectorLowering,
    begin_function,
    i64_constant,
)
from powerfusion.passes.lowering.memory import EQ, HALVES, NE, host_memref, storage, to_register, to_storage
from powerfusion.passes.lowering.movement import copy_memref
from powerfusion.passes.tiling.tile import ALIGNMENT

SYMBOL = "pf_main"
SIZES_DIFFER = -2
CASTS = ("memref.cast",)
WHOLE_VIEWS = (*CASTS, "memref.expand_shape", "memref.collapse_shape")  # of all elements, in their order


@dataclass(frozen=True)
class Open:
    """What else there is to a result of open size.

    Attributes:
        sizes: A pointer to all its sizes.
        given: The memory that the caller gave, which may be null.
        is_absent: Whether it is null.
    """

    sizes: ir.Value
    given: ir.Value
    is_absent: ir.Value


@dataclass(frozen=True)
class Place:
    """Where a result goes.

    Attributes:
        type_: A row-major memref.
        pointer: To its memory; of open size, to the pointer to that.
        open: Of open size, what else there is to it.
    """

    type_: ir.MemRefType
    pointer: ir.Value
    open: Open | None = None


@dataclass
class EntryLowering(VectorLowering):
    """Lowers the program's public function.

    Attributes:
        places: Where each result goes.
        direct: The results that an allocation is written to in place of memory of its own.
        copies: Results of open size whose memory was made at the end.
    """

    places: list[Place] = field(default_factory=list)
    direct: dict[ir.Value, Place] = field(default_factory=dict)
    copies: list[tuple[Open, ir.Value]] = field(default_factory=list)

    def run(self) -> None:
        """Emits the new function and erases the old one."""
        block = entry_block(self.function)
        ends = operations(block)[-1]
        constants = constant_count(self.function)
        arguments = list(block.arguments)
        taken = arguments[: len(arguments) - constants]
        types = [type_ for argument in taken for type_ in _parameter_types(argument.type)]
        types += [_pointer_type()] * sum(2 if _is_open(value.type) else 1 for value in ends.operands)
        types += [_pointer_type()] * constants
        with ir.InsertionPoint(self.function), self.function.location:
            new, entry = begin_function(SYMBOL, types, [_i64()])
            with ir.InsertionPoint(entry):
                given: list[ir.Value] = list(entry.arguments)
                for argument in taken:
                    self.values[argument] = _take(argument.type, given)
                self.places = [_place(value.type, given) for value in ends.operands]
                for argument in arguments[len(taken) :]:
                    self.values[argument] = memref_at(given.pop(0), host_memref(argument.type), [])
                self._make_status()
            self._place_allocations(ends)
            self.emit_body(entry, block)
            new.attributes["gir.assertions"] = ir.ArrayAttr.get([ir.StringAttr.get(m) for m in self.messages])
        self.function.erase()

    def _make_status(self) -> None:
        attributes = {"operandSegmentSizes": i32_array([0, 0])}
        self.status = create("memref.alloca", [], [ir.MemRefType.get([1], _i64())], attributes).result
        self.store_status(0)

    def _place_allocations(self, ends: ir.Operation) -> None:
        """Finds the allocations that are whole results: these are written to where results go."""
        for place, value in zip(self.places, ends.operands, strict=True):
            views = WHOLE_VIEWS if place.open is None else CASTS
            root = _allocation(value, views)
            if root is not None and root not in self.direct:
                self.direct[root] = place

    # -- memory ------------------------------------------------------------------------------

    def allocate(self, op: ir.Operation) -> None:
        """The caller's memory for what is returned, where it gives some; else memory of its own."""
        place = self.direct.get(op.result)
        if place is None:
            super().allocate(op)
            return
        with ir.InsertionPoint(self.region_block):
            sizes = [self.scalar(size) for size in op.operands]
        self.values[op.result] = self._memory_at(place, host_memref(op.result.type), sizes, self.lifetimes.live_at(op))

    def _memory_at(self, place: Place, type_: Any, sizes: Sequence[ir.Value], live: Sequence[ir.Value]) -> ir.Value:
        """A result's memory: the caller's, or, of open size and where none was given, the program's."""
        if place.open is None:
            with ir.InsertionPoint(self.region_block):
                return memref_at(place.pointer, type_, sizes)
        with ir.InsertionPoint(self.region_block):
            every = _all_sizes(type_, sizes)
        self._check_given(place.open, every, live)
        with ir.InsertionPoint(self.region_block):
            choice = create("scf.if", [place.open.is_absent], [_pointer_type()], regions=2)
            with ir.InsertionPoint(choice.regions[0].blocks.append()):
                create("scf.yield", [pointer_of(_alloc(type_, sizes))])
            with ir.InsertionPoint(choice.regions[1].blocks.append()):
                create("scf.yield", [place.open.given])
            pointer = choice.result
            there = _compare_pointers(NE, pointer)
        self.leave_unless(there, NO_MEMORY, live)
        with ir.InsertionPoint(self.region_block):
            return memref_at(pointer, type_, sizes)

    def _check_given(self, open_: Open, sizes: Sequence[ir.Value], live: Sequence[ir.Value]) -> None:
        """Writes a result's sizes beside it, and leaves where the caller's memory is of others."""
        with ir.InsertionPoint(self.region_block):
            beside = memref_at(open_.sizes, ir.MemRefType.get([len(sizes)], ir.IndexType.get()), [])
            same: ir.Value | None = None
            for dim, size in enumerate(sizes):
                at = index_constant(dim)
                told = create("memref.load", [beside, at], [ir.IndexType.get()]).result
                equal = compare("arith.cmpi", EQ, told, size)
                same = equal if same is None else create("arith.andi", [same, equal], [equal.type]).result
                create("memref.store", [size, beside, at])
            assert same is not None, "expected a result of open size to have dimensions"
            fits = create("arith.ori", [open_.is_absent, same], [same.type]).result
        self.leave_unless(fits, SIZES_DIFFER, live)

    def give_back(self, memory: ir.Value) -> None:
        """Frees what was allocated, but what is the caller's."""
        place = self.direct.get(memory)
        if place is None:
            super().give_back(memory)
        elif place.open is not None:
            _free_own(place.open, self.scalar(memory))

    # -- the end -----------------------------------------------------------------------------

    def leave(self, number: int) -> None:
        """Returns because of a failure."""
        for open_, memory in self.copies:
            _free_own(open_, memory)
        create("func.return", [i64_constant(number)])

    def emit_return(self, op: ir.Operation) -> None:
        """Brings what isn't there yet to where results go; pointers last, when nothing can fail any more."""
        live = [memory for memory in self.lifetimes.allocs if memory in self.lifetimes.returned]
        kept = {memory: None for memory in live if memory not in self.direct}
        last: list[Callable[[], None]] = []
        for place, operand in zip(self.places, op.operands, strict=True):
            root = _allocation(operand, WHOLE_VIEWS)
            if not isinstance(operand.type, ir.MemRefType):
                self._store_number(place, operand)
            elif root is not None and self.direct.get(root) is place:
                last.append(partial(_hand_over, place, self.scalar(operand)))
            elif root is not None and root in kept and place.open is not None:
                del kept[root]
                self._check_given(place.open, self._sizes(operand), live)
                last.append(partial(_hand_over_or_copy, place, place.open, self.scalar(operand)))
            else:
                last.append(partial(_hand_over, place, self._copy(place, operand, live)))
        with ir.InsertionPoint(self.region_block):
            for step in last:
                step()
            for memory in kept:
                self.give_back(memory)
            status = create("memref.load", [self.status, index_constant(0)], [_i64()]).result
            create("func.return", [status])

    def _store_number(self, place: Place, operand: ir.Value) -> None:
        with ir.InsertionPoint(self.region_block):
            value = to_storage(self.scalar(operand), operand.type)
            create("memref.store", [value, memref_at(place.pointer, place.type_, [])])

    def _sizes(self, operand: ir.Value) -> list[ir.Value]:
        value = self.scalar(operand)
        with ir.InsertionPoint(self.region_block):
            return [_dim(value, dim) for dim in range(value.type.rank)]

    def _copy(self, place: Place, operand: ir.Value, live: Sequence[ir.Value]) -> ir.Value:
        """A result that is something else as well, or a part of it."""
        sizes = [size for size, known in zip(self._sizes(operand), operand.type.shape, strict=True) if known == DYNAMIC]
        target = self._memory_at(place, place.type_, sizes, live)
        if place.open is not None:
            self.copies.append((place.open, target))
        with ir.InsertionPoint(self.region_block):
            copy_memref(self.scalar(operand), target)
        return target


def _free_own(open_: Open, memory: ir.Value) -> None:
    """Frees memory of a result of open size that the caller gave none for."""
    branch = create("scf.if", [open_.is_absent], regions=2)
    with ir.InsertionPoint(branch.regions[0].blocks.append()):
        create("memref.dealloc", [memory])
        create("scf.yield")


def _hand_over(place: Place, memory: ir.Value) -> None:
    """Tells the caller where a result of open size is."""
    if place.open is not None:
        create("llvm.store", [pointer_of(memory), place.pointer], attributes={"ordering": _not_atomic()})


def _hand_over_or_copy(place: Place, open_: Open, memory: ir.Value) -> None:
    """Hands memory of the program's own over, or copies it to where the caller wants it."""
    branch = create("scf.if", [open_.is_absent], regions=2)
    with ir.InsertionPoint(branch.regions[0].blocks.append()):
        _hand_over(place, memory)
        create("scf.yield")
    with ir.InsertionPoint(branch.regions[1].blocks.append()):
        sizes = [_dim(memory, dim) for dim, size in enumerate(memory.type.shape) if size == DYNAMIC]
        create("memref.copy", [memory, memref_at(open_.given, memory.type, sizes)])
        create("memref.dealloc", [memory])
        create("scf.yield")


def constant_count(function: ir.Operation) -> int:
    """How many of a function's arguments, the last ones, are the program's constants."""
    if "arg_attrs" not in function.attributes:
        return 0
    return sum("gir.constant" in marks for marks in function.attributes["arg_attrs"])


# -- parameters ------------------------------------------------------------------------------------


def _i64() -> ir.Type:
    return ir.IntegerType.get_signless(64)


def _pointer_type() -> ir.Type:
    return ir.Type.parse("!llvm.ptr")


def _is_open(type_: ir.Type) -> bool:
    return isinstance(type_, ir.MemRefType) and not type_.has_static_shape


def _parameter_types(type_: ir.Type) -> list[ir.Type]:
    if isinstance(type_, ir.MemRefType):
        return [_pointer_type(), *[ir.IndexType.get()] * sum(size == DYNAMIC for size in type_.shape)]
    return [ir.IntegerType.get_signless(16) if isinstance(type_, HALVES) else storage(type_)]


def _take(type_: ir.Type, given: list[ir.Value]) -> ir.Value:
    """What an argument is, given its parameters, which are taken off the front."""
    first = given.pop(0)
    if isinstance(type_, ir.MemRefType):
        return memref_at(first, host_memref(type_), [given.pop(0) for size in type_.shape if size == DYNAMIC])
    if isinstance(type_, HALVES):
        return create("arith.bitcast", [first], [type_]).result
    return to_register(first, type_)


def _place(type_: ir.Type, given: list[ir.Value]) -> Place:
    """Where a result goes, given its parameters, which are taken off the front."""
    pointer = given.pop(0)
    if not isinstance(type_, ir.MemRefType):
        return Place(ir.MemRefType.get([], storage(type_)), pointer)
    row_major = ir.MemRefType.get(type_.shape, storage(type_.element_type))
    if type_.has_static_shape:
        return Place(row_major, pointer)
    held = create("llvm.load", [pointer], [_pointer_type()], {"ordering": _not_atomic()}).result
    return Place(row_major, pointer, Open(given.pop(0), held, _compare_pointers(EQ, held)))


def _not_atomic() -> ir.Attribute:
    return ir.IntegerAttr.get(_i64(), 0)


def _allocation(value: ir.Value, views: Sequence[str]) -> ir.Value | None:
    """The allocation that a value is, by way of some kinds of views at most."""
    op = defining_op(value)
    while op is not None and op.name in views:
        value = op.operands[0]
        op = defining_op(value)
    return value if op is not None and op.name == "memref.alloc" else None


# -- memrefs and pointers --------------------------------------------------------------------------


def memref_at(pointer: ir.Value, type_: Any, sizes: Sequence[ir.Value]) -> ir.Value:
    """A row-major memref in memory that a pointer names; `sizes` are those that are open."""
    rank = type_.rank
    every = _all_sizes(type_, sizes)
    descriptor = create("llvm.mlir.poison", results=[_descriptor_type(rank)]).result
    parts = [([0], pointer), ([1], pointer), ([2], i64_constant(0))]
    step: ir.Value = index_constant(1)
    for dim in reversed(range(rank)):
        parts += [([3, dim], _as_i64(every[dim])), ([4, dim], _as_i64(step))]
        step = create("arith.muli", [step, every[dim]], [step.type]).result
    for position, value in parts:
        attributes = {"position": i64_array(position)}
        descriptor = create("llvm.insertvalue", [descriptor, value], [descriptor.type], attributes).result
    return create("builtin.unrealized_conversion_cast", [descriptor], [type_]).result


def pointer_of(memref: ir.Value) -> ir.Value:
    """Where a memref's elements begin; it has no offset."""
    descriptor = create("builtin.unrealized_conversion_cast", [memref], [_descriptor_type(memref.type.rank)]).result
    return create("llvm.extractvalue", [descriptor], [_pointer_type()], {"position": i64_array([1])}).result


def _descriptor_type(rank: int) -> ir.Type:
    arrays = f", array<{rank} x i64>, array<{rank} x i64>" if rank else ""
    return ir.Type.parse(f"!llvm.struct<(ptr, ptr, i64{arrays})>")


def _compare_pointers(predicate: int, pointer: ir.Value) -> ir.Value:
    """How a pointer compares to null."""
    null = create("llvm.mlir.zero", results=[_pointer_type()]).result
    attributes = {"predicate": ir.IntegerAttr.get(_i64(), predicate)}
    return create("llvm.icmp", [pointer, null], [ir.IntegerType.get_signless(1)], attributes).result


def _as_i64(value: ir.Value) -> ir.Value:
    return create("arith.index_cast", [value], [_i64()]).result


def _all_sizes(type_: ir.MemRefType, sizes: Sequence[ir.Value]) -> list[ir.Value]:
    """All sizes of a memref, given the open ones."""
    rest = iter(sizes)
    return [next(rest) if size == DYNAMIC else index_constant(size) for size in type_.shape]


def _dim(memref: ir.Value, dim: int) -> ir.Value:
    return create("memref.dim", [memref, index_constant(dim)], [ir.IndexType.get()]).result


def _alloc(type_: ir.MemRefType, sizes: Sequence[ir.Value]) -> ir.Value:
    attributes = {
        "alignment": ir.IntegerAttr.get(_i64(), ALIGNMENT),
        "operandSegmentSizes": i32_array([len(sizes), 0]),
    }
    return create("memref.alloc", sizes, [type_], attributes).result
