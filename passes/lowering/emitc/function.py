"""Functions in C: their parameters, memory that they own, how they fail.

The program's entry takes, per argument, a pointer and what sizes of it are open, or a number; then, per result, where
the caller wants it: a pointer to memory of its size, or, where a size is open, places for the memory that the function
makes and for all sizes. It returns 0, the number of the assertion that failed, or -1 where there is no memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from powerfusion._native import _pf
from powerfusion.core._mlir import create, entry_block, operations
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.buffers import Buffer, Shape, row_major
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.lowering import TARGET, Callee, EmitcLowering, Program
from powerfusion.passes.lowering.emitc.memory import bytes_of
from powerfusion.passes.lowering.emitc.names import Names
from powerfusion.passes.lowering.emitc.scalars import decoded, encoded, stored, unsigned
from powerfusion.passes.lowering.lifetimes import Lifetimes
from powerfusion.passes.lowering.lockstep import holds
from powerfusion.passes.lowering.registry import lowers
from powerfusion.passes.scheduling.kernels import ops_in
from powerfusion.passes.scheduling.roots import root_of
from powerfusion.passes.scheduling.staged import written_by

NO_MEMORY = -1
NUMPY = {"f32": "f4", "f64": "f8", "i8": "i1", "i16": "i2", "i32": "i4", "i64": "i8"}
GRANULE = 64  # bytes by which scratch memories of threads lie apart


@dataclass(frozen=True)
class Parameter:
    """One parameter of a C function.

    Attributes:
        name: Wanted.
        type_: As emitc has it.
    """

    name: str
    type_: ir.Type


@dataclass(frozen=True)
class Owned:
    """Memory that the function must give back.

    Attributes:
        root: The allocation that it is.
        pointer: To it.
        free: The function that takes it.
    """

    root: ir.Value
    pointer: ir.Value
    free: str


@dataclass
class Frame:
    """The scratch memory of the groups under way.

    Attributes:
        begins: Where each space begins in it, bytes.
        size: Of one group's, bytes.
        pointer: To all groups' memory, then to one's.
    """

    begins: dict[str, int]
    size: int
    threaded: bool
    pointer: ir.Value | None = None


class FunctionLowering(EmitcLowering):
    """Lowers one function of tile form to one of C.

    Args:
        function: The function.
        program: What it is part of.
    """

    def __init__(self, function: ir.Operation, program: Program) -> None:
        super().__init__(program, Names(dict(program.names.taken)))
        self.function = function
        self.frames: list[Frame] = []
        self.unit: Number = 0
        self.owned: list[Owned] = []

    # -- what fails --------------------------------------------------------------------------------

    def fail(self, number: int) -> None:
        """Says that the program has failed."""
        assert self.status is not None, "expected a function that can fail"
        place = code.element(self.status, [0], code.index_type())
        if self.threads:
            code.verbatim("#pragma omp atomic write")
        code.assign(code.value_of(number), place)

    def fails(self) -> bool:
        """Whether anything in the function may fail."""
        return holds(self.function, self._may_fail)

    def _may_fail(self, op: ir.Operation) -> bool:
        launched = op.name == "gir.launch" and self.program.callee_of(op).can_fail
        return launched or op.name in ("gir.assert", "gir.alloc")

    # -- scratch memory ----------------------------------------------------------------------------

    @contextmanager
    def scratch_of(self, op: ir.Operation, *, threaded: bool) -> Iterator[None]:
        """The memory that the groups of a parallel, or a kernel, need at `sram`; one part per thread."""
        if "gir.scratch" not in op.attributes or not holds(op, lambda inner: inner.name == "gir.alloc"):
            yield
            return
        frame = self._frame(op, threaded=threaded)
        size: Number = frame.size
        if threaded:
            size = code.times(self.helper("pf_threads", [], code.index_type()), size)
        byte = code.pointer_type(unsigned(8))
        whole = code.cast(self._memory(size), byte)
        self.name(whole, "on_chip")
        frame.pointer = whole
        self.frames.append(frame)
        there = code.compare("ne", whole, code.literal("NULL", byte))
        with code.when(code.unary("logical_not", there)):
            self.fail(NO_MEMORY)
        with code.when(there):
            yield
        self.helper("pf_release", [whole])
        self.frames.pop()

    def _frame(self, op: ir.Operation, *, threaded: bool) -> Frame:
        begins: dict[str, int] = {}
        size = 0
        for named in ir.DictAttr(op.attributes["gir.scratch"]):
            begins[named.name] = size
            size += -(-ir.IntegerAttr(named.attr).value // GRANULE) * GRANULE
        return Frame(begins, size, threaded)

    def _memory(self, count: Number) -> ir.Value:
        """Bytes from the C library."""
        return self.helper("pf_allocate", [code.value_of(count), code.value_of(1)], void_pointer())

    @contextmanager
    def scratch_of_one(self, op: ir.Operation) -> Iterator[None]:
        """Within the loops: the memory of the thread that runs this group."""
        frame = self.frames[-1] if self.frames and "gir.scratch" in op.attributes else None
        if frame is None or not frame.threaded:
            yield
            return
        whole = frame.pointer
        assert whole is not None
        own = code.times(self.helper("pf_thread", [], code.index_type()), frame.size)
        frame.pointer = code.binary("add", whole, code.value_of(own))
        self.name(frame.pointer, "own")
        yield
        frame.pointer = whole

    def scratch_at(self, op: ir.Operation, sizes: Sequence[Number]) -> tuple[ir.Value, str]:
        """Where a buffer at `sram` lies."""
        assert self.frames, "expected scratch memory around a buffer"
        assert "gir.offset" in op.attributes, "expected offsets: run gir-plan-scratch first"
        frame = self.frames[-1]
        assert frame.pointer is not None
        at: Number = ir.IntegerAttr(op.attributes["gir.offset"]).value
        if "gir.unit_bytes" in op.attributes:
            each = ir.IntegerAttr(op.attributes["gir.unit_bytes"]).value
            at = code.plus(at, code.times(self.unit, each))
        space = _space_of(op.result.type)
        at = code.plus(at, frame.begins.get(space, 0) if space else 0)
        place = frame.pointer if at == 0 else code.binary("add", frame.pointer, code.value_of(at))
        element = op.result.type.element_type
        what = "x".join("?" if not isinstance(size, int) else str(size) for size in sizes)
        known = bytes_of(sizes, element)
        code.verbatim(f"// tile {what} of {element} at {_label(op.result.type)}" + _size(known))
        pointer = code.cast(place, code.pointer_type(stored(element)))
        return pointer, self.name(pointer, "kept")

    # -- memory around kernels ---------------------------------------------------------------------

    def allocate(self, op: ir.Operation, sizes: Sequence[Number]) -> tuple[ir.Value, str]:
        """Memory for a buffer of the function."""
        raise NotImplementedError


def void_pointer() -> ir.Type:
    """What the C library gives."""
    return ir.Type.parse('!emitc.ptr<!emitc.opaque<"void">>')


def _space_of(type_: ir.MemRefType) -> str:
    text = str(type_.memory_space)
    return text.partition('space = "')[2].partition('"')[0]


def _label(type_: ir.MemRefType) -> str:
    return _space_of(type_) or "sram"


def _size(known: Number) -> str:
    return f": {known} bytes" if isinstance(known, int) else ""


def parameters_of(
    argument: ir.Value, name: str, *, const: bool = False
) -> tuple[list[Parameter], Shape | None]:
    """The C parameters of an argument."""
    type_ = argument.type
    if not isinstance(type_, ir.MemRefType):
        return [Parameter(name, stored(type_))], None
    shape = Shape(type_)
    pointer = Parameter(name, code.pointer_type(stored(type_.element_type), const=const))
    return [pointer, *(Parameter(f"{name}_{what}", code.index_type()) for what in shape.open())], shape


def take(lowering: EmitcLowering, type_: ir.Type, shape: Shape | None, given: Sequence[ir.Value], name: str) -> object:
    """What an argument is, given its C parameters."""
    if shape is None:
        return decoded(given[0], type_, lowering.helper)
    return shape.taken(given[0], given[1:], given[0], name)


def written_in(function: ir.Operation, program: Program) -> set[ir.Value]:
    """The arguments and allocations of a function whose memory it writes to, itself or through what it launches."""
    found: set[ir.Value] = set()
    for op in ops_in(function):
        found |= {root_of(memref) for memref in written_by(op)}
        if op.name == "gir.launch":
            callee = program.callee_of(op)
            found |= {root_of(op.operands[at]) for at in callee.written}
    return found


@lowers("gir.launch", to=TARGET)
def lower_launch(lowering: EntryLowering, op: ir.Operation) -> None:
    """A call; it takes the place for a failed assertion along, where it can fail."""
    callee = lowering.program.callee_of(op)
    lowering.group.flush()
    operands: list[ir.Value] = []
    for old, shape in zip(op.operands, callee.shapes, strict=True):
        if shape is None:
            operands.append(encoded(lowering.scalar(old), old.type, lowering.helper))
            continue
        buffer = lowering.buffer(old)
        operands.append(code.cast(buffer.begin(), code.pointer_type(stored(buffer.element))))
        operands += [code.value_of(number) for number in shape.given(buffer)]
    if callee.can_fail:
        assert lowering.status is not None, "expected a function that can fail"
        operands.append(lowering.status)
    create("emitc.call", operands, attributes={"callee": ir.FlatSymbolRefAttr.get(callee.name)})


def argument_names(block: ir.Block) -> list[str]:
    """What the source calls its arguments, as far as it says so."""
    return [f"arg{at}" for at in range(len(block.arguments))]


@dataclass
class Emitted:
    """A C function that is being written.

    Attributes:
        op: The `emitc.func`.
        block: Its body.
    """

    op: ir.Operation
    block: ir.Block


def begin_function(name: str, types: Sequence[ir.Type], results: Sequence[ir.Type], *, static: bool) -> Emitted:
    """Makes a C function without a body."""
    attributes: dict[str, ir.Attribute] = {
        "sym_name": ir.StringAttr.get(name),
        "function_type": ir.TypeAttr.get(ir.FunctionType.get(list(types), list(results))),
    }
    if static:
        attributes["specifiers"] = ir.ArrayAttr.get([ir.StringAttr.get("static")])
    op = create("emitc.func", attributes=attributes, regions=1)
    block = op.regions[0].blocks.append(*types, arg_locs=[op.location] * len(types))
    return Emitted(op, block)


def lower_kernel_function(function: ir.Operation, program: Program) -> None:
    """Writes a launched kernel as a static function."""
    lowering = FunctionLowering(function, program)
    block = entry_block(function)
    old_name = ir.StringAttr(function.attributes["sym_name"]).value
    groups = [parameters_of(a, n) for a, n in zip(block.arguments, argument_names(block), strict=True)]
    can_fail = lowering.fails()
    roots = written_in(function, program)
    positions = frozenset(at for at, argument in enumerate(block.arguments) if argument in roots)
    shared = program.shares.get(old_name, {})
    parameters = [p for group, _ in groups for p in group]
    if can_fail:
        parameters.append(Parameter("status", code.pointer_type(code.index_type())))
    name = program.names.fresh(old_name)
    with ir.InsertionPoint(function), function.location:
        made = begin_function(name, [p.type_ for p in parameters], [], static=True)
        with ir.InsertionPoint(made.block):
            values = list(made.block.arguments)
            for value, parameter in zip(values, parameters, strict=True):
                lowering.name(value, parameter.name)
            if can_fail:
                lowering.status = values[-1]
            rest = iter(values)
            for argument, (group, shape) in zip(block.arguments, groups, strict=True):
                given = [next(rest) for _ in group]
                lowering.values[argument] = take(lowering, argument.type, shape, given, group[0].name)
            for output, source in shared.items():
                same = lowering.buffer(block.arguments[source]).memory
                old = block.arguments[output]
                lowering.values[old] = replace(lowering.buffer(old), memory=same)
            lowering.emit_block(block)
            create("emitc.return")
    program.callees[old_name] = Callee(name, tuple(shape for _, shape in groups), positions, can_fail)
    function.erase()


def constants_of(function: ir.Operation) -> list[ir.Attribute]:
    """The program's constants, which are the last arguments of its entry."""
    if "arg_attrs" not in function.attributes:
        return []
    return [mark["gir.constant"] for mark in function.attributes["arg_attrs"] if "gir.constant" in mark]


def define_constant(name: str, attribute: Any, function: ir.Operation) -> ir.Value:
    """A constant as an array of the file, before a function; gives the array."""
    found = _pf.raw_elements(attribute, expand_splat=True)
    if found is None:
        raise UnsupportedError(
            f"a constant of type {attribute.type} without its elements",
            location=function.location,
            help="keep the resource section",
        )
    element = stored(attribute.type.element_type)
    signed = str(element).removeprefix("u")
    elements = np.frombuffer(found[0], dtype=NUMPY[signed])
    elements = elements if elements.size else np.zeros(1, elements.dtype)
    if str(element).startswith("ui"):
        elements = elements.view(f"u{elements.dtype.itemsize}")
    with ir.InsertionPoint.at_block_begin(function.block):
        type_ = ir.TypeAttr.get(ir.Type.parse(f"!emitc.array<{elements.size}x{element}>"))
        attributes: dict[str, ir.Attribute] = {
            "sym_name": ir.StringAttr.get(name),
            "type": type_,
            "initial_value": ir.DenseElementsAttr.get(elements, type=element, shape=[elements.size]),
            "static_specifier": ir.UnitAttr.get(),
            "const_specifier": ir.UnitAttr.get(),
        }
        create("emitc.global", attributes=attributes)
    return create("emitc.get_global", results=[type_.value], attributes={"name": ir.FlatSymbolRefAttr.get(name)}).result


class EntryLowering(FunctionLowering):
    """Lowers the program's entry."""

    def __init__(self, function: ir.Operation, program: Program) -> None:
        super().__init__(function, program)
        self.block = entry_block(function)
        self.lifetimes = Lifetimes(self.block)
        self.ends = operations(self.block)[-1]
        self.places: dict[ir.Value, ir.Value] = {}
        self.code_status: ir.Value | None = None

    def run(self, name: str) -> ir.Operation:
        """Writes the function; gives it."""
        constants = constants_of(self.function)
        names = argument_names(self.block)[: len(self.block.arguments) - len(constants)]
        self.arguments = list(self.block.arguments)[: len(names)]
        written = written_in(self.function, self.program)
        groups = [parameters_of(a, n, const=a not in written) for a, n in zip(self.arguments, names, strict=True)]
        out = [self._result_parameters(value.type, at) for at, value in enumerate(self.ends.operands)]
        parameters = [p for group, _ in groups for p in group] + [p for group in out for p in group]
        with ir.InsertionPoint(self.function), self.function.location:
            made = begin_function(name, [p.type_ for p in parameters], [code.index_type()], static=False)
            with ir.InsertionPoint(made.block):
                values = list(made.block.arguments)
                for value, parameter in zip(values, parameters, strict=True):
                    self.name(value, parameter.name)
                self._prepare(values, groups, out)
                self._take_constants(constants)
                for op in operations(self.block)[:-1]:
                    self._emit_at_top(op)
                self.group.flush()
                self._finish()
        self.function.erase()
        return made.op

    def _prepare(
        self, values: list[ir.Value], groups: Sequence[tuple[list[Parameter], Shape | None]], out: Sequence[list[Parameter]]
    ) -> None:
        rest = iter(values)
        for argument, (group, shape) in zip(self.arguments, groups, strict=True):
            given = [next(rest) for _ in group]
            if shape is not None and not self._only_passed_on(argument):
                given[0] = code.cast(given[0], code.pointer_type(stored(argument.type.element_type)))
            self.values[argument] = take(self, argument.type, shape, given, group[0].name)
        self.out = [[next(rest) for _ in group] for group in out]
        if self.fails():
            self.code_status = code.variable(code.index_type(), code.value_of(0))
            self.name(self.code_status, "status")
            pointer = code.pointer_type(code.index_type())
            self.status = create("emitc.address_of", [self.code_status], [pointer]).result
        self.handed = given_away = set[ir.Value]()
        for at, operand in enumerate(self.ends.operands):
            root = self.lifetimes.root(operand)
            if isinstance(operand.type, ir.MemRefType) and root in self.lifetimes.allocs and root not in given_away:
                given_away.add(root)
                if operand.type.has_static_shape:
                    self.places[root] = self.out[at][0]

    def _take_constants(self, constants: Sequence[ir.Attribute]) -> None:
        """Arrays of the file, for the arguments behind the caller's."""
        for at, attribute in enumerate(constants):
            argument = self.block.arguments[len(self.arguments) + at]
            name = self.names.fresh(f"constant{at}")
            held = define_constant(name, attribute, self.function)
            pointer = code.cast(held, code.pointer_type(stored(argument.type.element_type)))
            self.values[argument] = Shape(argument.type).taken(pointer, [], pointer, name)

    @staticmethod
    def _result_parameters(type_: ir.Type, at: int) -> list[Parameter]:
        name = f"result{at}"
        if not isinstance(type_, ir.MemRefType):
            return [Parameter(name, code.pointer_type(stored(type_)))]
        element = code.pointer_type(stored(type_.element_type))
        if type_.has_static_shape:
            return [Parameter(name, element)]
        return [Parameter(name, ir.Type.parse(f"!emitc.ptr<{element}>")), Parameter(f"{name}_sizes", code.pointer_type(code.index_type()))]

    def _only_passed_on(self, argument: ir.Value) -> bool:
        return all(use.owner.operation.name in ("gir.launch", "memref.dim") for use in argument.uses)

    # -- ops ---------------------------------------------------------------------------------------

    def _emit_at_top(self, op: ir.Operation) -> None:
        if op.name == "cf.assert":
            with op.location:
                self.group.flush()
                message = ir.StringAttr(op.attributes["msg"]).value
                self.leave_unless(self.flag(op.operands[0]), self.program.number_of(message))
            return
        self.emit(op)
        if op.regions or op.name in ("gir.launch", "memref.copy", "memref.load"):
            for dead in self.lifetimes.ending_at(op):
                self._release(dead)

    def leave_unless(self, condition: code.Flag, number: int) -> None:
        """Leaves the function at once where a condition fails: what follows may rely on it."""
        if condition is True:
            return
        with code.when(code.negated(condition)):
            self._free(self.owned)
            code.verbatim(f"return {number};")

    def _release(self, root: ir.Value) -> None:
        ended = [own for own in self.owned if own.root == root]
        self._free(ended)
        self.owned = [own for own in self.owned if own not in ended]

    def _free(self, owned: Sequence[Owned]) -> None:
        for own in owned:
            self.helper(own.free, [own.pointer])

    def allocate(self, op: ir.Operation, sizes: Sequence[Number]) -> tuple[ir.Value, str]:
        """The caller's memory for what is returned, of known size; else memory of its own."""
        element = op.result.type.element_type
        if op.result in self.places:
            pointer = self.places[op.result]
            return pointer, "result"
        for size in sizes:
            if not isinstance(size, int):
                fits = code.compare("ge", size, code.value_of(0))
                self.leave_unless(fits, self.program.number_of("expected sizes that aren't negative"))
        target = code.pointer_type(stored(element))
        is_result = op.result in self.handed
        raw = self._from_library(bytes_of(sizes, element)) if is_result else self._memory(bytes_of(sizes, element))
        pointer = code.cast(raw, target)
        name = self.name(pointer, "result" if is_result else "memory")
        self.leave_unless(code.compare("ne", pointer, code.literal("NULL", target)), NO_MEMORY)
        self.owned.append(Owned(op.result, pointer, "free" if is_result else "pf_release"))
        return pointer, name

    def _from_library(self, size: Number) -> ir.Value:
        """Memory that the caller may free."""
        count = code.cast(code.value_of(code.most(size, 1)), ir.Type.parse("!emitc.size_t"))
        return self.helper("malloc", [count], void_pointer())

    def _finish(self) -> None:
        """Gives results to the caller, and all other memory back."""
        from powerfusion.passes.lowering.emitc.movement import copy

        for at, operand in enumerate(self.ends.operands):
            place = self.out[at][0]
            type_ = operand.type
            if not isinstance(type_, ir.MemRefType):
                value = encoded(self.scalar(operand), type_, self.helper)
                code.assign(value, code.element(place, [0], value.type))
                continue
            buffer = self.buffer(operand)
            if type_.has_static_shape:
                if buffer.pointer != place:
                    copy(buffer, Buffer(place, buffer.element, buffer.sizes, row_major(buffer.sizes), 0, place, "result"))
                continue
            self._give(at, buffer)
        self._free(self.owned)
        status = code.value_of(0) if self.code_status is None else code.load(self.code_status)
        create("emitc.return", [status])

    def _give(self, at: int, buffer: Buffer) -> None:
        """A result of open size: memory that the caller frees, and its sizes."""
        from powerfusion.passes.lowering.emitc.movement import copy

        place, sizes = self.out[at]
        pointer_type = code.pointer_type(stored(buffer.element))
        own = next((o for o in self.owned if o.pointer == buffer.pointer and o.free == "free"), None)
        if own is not None and buffer.offset == 0 and buffer.is_dense:
            self.owned.remove(own)
            made = own.pointer
        else:
            made = code.cast(self._from_library(bytes_of(buffer.sizes, buffer.element)), pointer_type)
            self.name(made, "copied")
            self.leave_unless(code.compare("ne", made, code.literal("NULL", pointer_type)), NO_MEMORY)
            copy(buffer, Buffer(made, buffer.element, buffer.sizes, row_major(buffer.sizes), 0, made, "result"))
        code.assign(made, code.element(place, [0], pointer_type))
        for dim, extent in enumerate(buffer.sizes):
            code.assign(code.value_of(extent), code.element(sizes, [dim], code.index_type()))
