"""Functions in C: their parameters, memory that they own, how they fail.

The program's entry takes, per argument, a pointer and what sizes of it are open, or a number; then, per result, where
the caller wants it: a pointer to memory of its size, or, where a size is open, where the pointer to it is, null for the
function to make memory, and all sizes. It returns 0, the number of the assertion that failed, -1 where there is no
memory, or -2 where the sizes beside memory for a result aren't those that come out, which then stand there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from powerfusion.core._mlir import create, entry_block, operations
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.buffers import Shape
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.lowering import Callee, EmitcLowering, Program
from powerfusion.passes.lowering.emitc.memory import bytes_of
from powerfusion.passes.lowering.emitc.names import Names
from powerfusion.passes.lowering.emitc.scalars import decoded, stored, unsigned
from powerfusion.passes.lowering.lockstep import holds
from powerfusion.passes.scheduling.kernels import ops_in
from powerfusion.passes.scheduling.roots import root_of
from powerfusion.passes.scheduling.staged import written_by

NO_MEMORY = -1
SIZES_DIFFER = -2
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
        unless: Where this holds, it is the caller's.
    """

    root: ir.Value
    pointer: ir.Value
    free: str
    unless: code.Flag = False


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
            code.verbatim("PF_OMP(omp atomic write)")
        code.assign(code.value_of(number), place)

    def fails(self) -> bool:
        """Whether anything in the function may fail."""
        return holds(self.function, self._may_fail)

    def _may_fail(self, op: ir.Operation) -> bool:
        launched = op.name == "gir.launch" and self.program.callee_of(op).can_fail
        return launched or op.name in ("gir.assert", "gir.alloc")

    @contextmanager
    def steps(
        self, block: ir.Block, bounds: tuple[Number, Number, Number], bind: Callable[[Number], None]
    ) -> Iterator[list[ir.Operation]]:
        """Writes a loop over a block; gives what of it is left to be written in the loop.

        Args:
            block: The block.
            bounds: From, to, and step.
            bind: Binds what stands for the index to a number.
        """
        with code.loop(*bounds) as index:
            bind(index)
            yield operations(block)[:-1]

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
        pointer = code.binary("add", whole, code.value_of(own))
        self.name(pointer, "own")
        frame.pointer = pointer
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
    argument: ir.Value, name: str, *, const: bool, restrict: bool
) -> tuple[list[Parameter], Shape | None]:
    """The C parameters of an argument; its memory may be said to be read only, and nobody else's."""
    type_ = argument.type
    if not isinstance(type_, ir.MemRefType):
        return [Parameter(name, stored(type_))], None
    shape = Shape(type_)
    element = stored(type_.element_type)
    pointer = Parameter(name, code.parameter_type(element, const=const, restrict=restrict))
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
    can_fail = lowering.fails()
    roots = written_in(function, program)
    positions = frozenset(at for at, argument in enumerate(block.arguments) if argument in roots)
    shared = program.shares.get(old_name, {})
    groups = [
        parameters_of(argument, name, const=argument not in roots, restrict=not shared)
        for argument, name in zip(block.arguments, argument_names(block), strict=True)
    ]
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
