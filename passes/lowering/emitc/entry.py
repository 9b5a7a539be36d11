"""The program's entry in C: what callers give it and get, its constants, memory between kernels, launches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from powerfusion._native import _pf
from powerfusion.core._mlir import create, defining_op, entry_block, operations
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.buffers import Buffer, Shape, row_major
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.function import (
    NO_MEMORY,
    SIZES_DIFFER,
    FunctionLowering,
    Owned,
    Parameter,
    argument_names,
    begin_function,
    parameters_of,
    take,
    void_pointer,
    written_in,
)
from powerfusion.passes.lowering.emitc.lowering import TARGET, Program
from powerfusion.passes.lowering.emitc.memory import bytes_of
from powerfusion.passes.lowering.emitc.movement import copy
from powerfusion.passes.lowering.emitc.scalars import encoded, stored
from powerfusion.passes.lowering.lifetimes import Lifetimes
from powerfusion.passes.lowering.registry import lowers

NUMPY = {"f32": "f4", "f64": "f8", "i8": "i1", "i16": "i2", "i32": "i4", "i64": "i8"}


@lowers("gir.launch", to=TARGET)
def lower_launch(lowering: EntryLowering, op: ir.Operation) -> None:
    """A call; it takes the place for a failed assertion along, where it can fail."""
    callee = lowering.program.callee_of(op)
    lowering.group.flush()
    operands = launch_operands(lowering, op)
    if callee.can_fail:
        assert lowering.status is not None, "expected a function that can fail"
        operands.append(lowering.status)
    code.call(callee.name, operands)


def launch_operands(lowering: EntryLowering, op: ir.Operation) -> list[ir.Value]:
    """What a launched function is called with: numbers as they lie in memory, buffers and their open sizes."""
    operands: list[ir.Value] = []
    for old, shape in zip(op.operands, lowering.program.callee_of(op).shapes, strict=True):
        if shape is None:
            operands.append(encoded(lowering.scalar(old), old.type, lowering.helper))
            continue
        buffer = lowering.buffer(old)
        operands.append(buffer.begin())
        operands += [code.value_of(number) for number in shape.given(buffer)]
    return operands


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
            "initial_value": ir.DenseElementsAttr.get(cast(Any, elements), type=element, shape=[elements.size]),
            "static_specifier": ir.UnitAttr.get(),
            "const_specifier": ir.UnitAttr.get(),
        }
        create("emitc.global", attributes=attributes)
    return code.literal(name, code.parameter_type(element, const=True, restrict=False))


Taken = tuple[list[Parameter], Shape | None]
"""The parameters of an argument, and what they leave open."""


class EntryLowering(FunctionLowering):
    """Lowers the program's entry."""

    def __init__(self, function: ir.Operation, program: Program) -> None:
        super().__init__(function, program)
        self.block = entry_block(function)
        self.lifetimes = Lifetimes(self.block)
        self.ends = operations(self.block)[-1]
        self.places: dict[ir.Value, ir.Value] = {}
        self.direct: dict[ir.Value, int] = {}
        self.code_status: ir.Value | None = None

    def run(self, name: str) -> ir.Operation:
        """Writes the function; gives it."""
        constants = constants_of(self.function)
        names = argument_names(self.block)[: len(self.block.arguments) - len(constants)]
        self.arguments = list(self.block.arguments)[: len(names)]
        written = written_in(self.function, self.program)
        groups = [
            parameters_of(argument, name, const=argument not in written, restrict=False)
            for argument, name in zip(self.arguments, names, strict=True)
        ]
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
        self,
        values: Sequence[ir.Value],
        groups: Sequence[Taken],
        out: Sequence[list[Parameter]],
    ) -> None:
        rest = iter(values)
        for argument, (group, shape) in zip(self.arguments, groups, strict=True):
            given = [next(rest) for _ in group]
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
                elif _is_cast_of(operand, root):
                    self.direct[root] = at

    def _take_constants(self, constants: Sequence[ir.Attribute]) -> None:
        """Arrays of the file, for the arguments behind the caller's."""
        for at, attribute in enumerate(constants):
            argument = self.block.arguments[len(self.arguments) + at]
            name = self.names.fresh(f"constant{at}")
            held = define_constant(name, attribute, self.function)
            self.values[argument] = Shape(argument.type).taken(held, [], held, name)

    @staticmethod
    def _result_parameters(type_: ir.Type, at: int) -> list[Parameter]:
        name = f"result{at}"
        if not isinstance(type_, ir.MemRefType):
            return [Parameter(name, code.pointer_type(stored(type_)))]
        element = code.pointer_type(stored(type_.element_type))
        if type_.has_static_shape:
            return [Parameter(name, element)]
        return [
            Parameter(name, ir.Type.parse(f"!emitc.ptr<{element}>")),
            Parameter(f"{name}_sizes", code.pointer_type(code.index_type())),
        ]

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
            with code.when(code.negated(own.unless)):
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
        if op.result in self.direct:
            return self._result_memory(op.result, self.direct[op.result], element, sizes), "result"
        target = code.pointer_type(stored(element))
        is_result = op.result in self.handed
        raw = self._from_library(bytes_of(sizes, element)) if is_result else self._memory(bytes_of(sizes, element))
        pointer = code.cast(raw, target)
        name = self.name(pointer, "result" if is_result else "memory")
        self.leave_unless(code.compare("ne", pointer, code.literal("NULL", target)), NO_MEMORY)
        self.owned.append(Owned(op.result, pointer, "free" if is_result else "pf_release"))
        return pointer, name

    def _result_memory(self, root: ir.Value, at: int, element: ir.Type, sizes: Sequence[Number]) -> ir.Value:
        """Memory of a result of open size: the caller's, or where none was given the C library's."""
        target = code.pointer_type(stored(element))
        given, present = self._given(at, element, sizes)
        held = code.variable(target, given)
        with code.when(code.negated(present)):
            code.assign(code.cast(self._from_library(bytes_of(sizes, element)), target), held)
        pointer = code.load(held)
        self.name(pointer, "result")
        self.leave_unless(code.compare("ne", pointer, code.literal("NULL", target)), NO_MEMORY)
        self.owned.append(Owned(root, pointer, "free", present))
        return pointer

    def _given(self, at: int, element: ir.Type, sizes: Sequence[Number]) -> tuple[ir.Value, ir.Value]:
        """The caller's memory for a result of open size and whether there is any; its sizes are set right."""
        place, beside = self.out[at]
        target = code.pointer_type(stored(element))
        given = code.load(code.element(place, [0], target))
        self.name(given, "given")
        present = code.compare("ne", given, code.literal("NULL", target))
        self.name(present, "is_given")
        fits: code.Flag = True
        for dim, size in enumerate(sizes):
            told = code.load_if(present, code.element(beside, [dim], code.index_type()), code.value_of(0))
            fits = code.both(fits, code.equal(told, size))
        if isinstance(fits, ir.Value):
            self.name(fits, "fits")
        for dim, size in enumerate(sizes):
            code.assign(code.value_of(size), code.element(beside, [dim], code.index_type()))
        self.leave_unless(code.either(code.negated(present), fits), SIZES_DIFFER)
        return given, present

    def _from_library(self, size: Number) -> ir.Value:
        """Memory that the caller may free."""
        count = code.cast(code.value_of(code.most(size, 1)), ir.Type.parse("!emitc.size_t"))
        return self.helper("malloc", [count], void_pointer())

    def _finish(self) -> None:
        """Gives results to the caller, and all other memory back."""
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
                    copy(
                        buffer, Buffer(place, buffer.element, buffer.sizes, row_major(buffer.sizes), 0, place, "result")
                    )
                continue
            self._give(at, buffer)
        self._free(self.owned)
        status = code.value_of(0) if self.code_status is None else code.load(self.code_status)
        create("emitc.return", [status])

    def _give(self, at: int, buffer: Buffer) -> None:
        """A result of open size: memory that is the caller's, or will be."""
        place, _ = self.out[at]
        pointer_type = code.pointer_type(stored(buffer.element))
        own = next((o for o in self.owned if o.pointer == buffer.pointer and o.free == "free"), None)
        if own is not None and buffer.offset == 0 and buffer.is_dense:
            self.owned.remove(own)
            if self.direct.get(own.root) != at:
                self._hand_over(at, own, buffer)
                return
            made = own.pointer
        else:
            made = self._result_memory(self.ends.operands[at], at, buffer.element, buffer.sizes)
            self.owned.pop()
            copy(buffer, Buffer(made, buffer.element, buffer.sizes, row_major(buffer.sizes), 0, made, "result"))
        code.assign(made, code.element(place, [0], pointer_type))

    def _hand_over(self, at: int, own: Owned, buffer: Buffer) -> None:
        """Gives memory that was allocated in another shape away, or what it holds to where the caller wants it."""
        given, present = self._given(at, buffer.element, buffer.sizes)
        with code.when(present):
            copy(buffer, Buffer(given, buffer.element, buffer.sizes, row_major(buffer.sizes), 0, given, "result"))
            self.helper(own.free, [own.pointer])
        with code.when(code.negated(present)):
            place = code.element(self.out[at][0], [0], code.pointer_type(stored(buffer.element)))
            code.assign(own.pointer, place)


def _is_cast_of(value: ir.Value, root: ir.Value) -> bool:
    """Whether a value is an allocation itself, by casts at most."""
    while value != root:
        op = defining_op(value)
        if op is None or op.name != "memref.cast":
            return False
        value = op.operands[0]
    return True
