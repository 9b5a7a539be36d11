"""Kernels and the program's entry for a machine: what the host calls, and what it starts on the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from powerfusion.core._mlir import create, entry_block
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device import ahead
from powerfusion.passes.lowering.device.expansions import expand_functions
from powerfusion.passes.lowering.device.extremes import take_extremes
from powerfusion.passes.lowering.device.lowering import DeviceLowering
from powerfusion.passes.lowering.device.state import Device, memory_name
from powerfusion.passes.lowering.device.structure import by_first, is_dealt
from powerfusion.passes.lowering.device.transfers import space_of
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.buffers import Buffer, Shape, bytes_of
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.entry import EntryLowering, define_constant, launch_operands
from powerfusion.passes.lowering.emitc.function import (
    Frame,
    Parameter,
    argument_names,
    begin_function,
    parameters_of,
    take,
    void_pointer,
    written_in,
)
from powerfusion.passes.lowering.emitc.lowering import TARGET, Callee, Program
from powerfusion.passes.lowering.emitc.memory import bytes_of as number_of_bytes
from powerfusion.passes.lowering.emitc.scalars import stored
from powerfusion.passes.lowering.lockstep import holds
from powerfusion.passes.lowering.registry import lowers
from powerfusion.passes.scheduling.kernels import ops_in

HOST = "pf_host_"
RUNTIME = {"pf_allocate": "pf_device_allocate", "pf_release": "pf_device_release", "malloc": "pf_device_malloc"}
"""What the host asks a machine's memory of, in place of the C library's."""
NEAREST = {"f64": ("f32",), "bf16": ("f32", "f16"), "f16": ("f32", "bf16"), "i64": ("i32",), "i8": ("i16", "i32")}
"""Element types that come nearest to one that a machine lacks."""
LAUNCH, LAUNCH_GROUPS = "PF_LAUNCH", "PF_LAUNCH_GROUPS"


class KernelLowering(DeviceLowering):
    """Lowers one kernel that the host starts."""

    @contextmanager
    def steps(
        self, block: ir.Block, bounds: tuple[Number, Number, Number], bind: Callable[[Number], None]
    ) -> Iterator[list[ir.Operation]]:
        """Loads may be a step ahead."""
        with ahead.steps(self, block, bounds, bind) as ops:
            yield ops

    @contextmanager
    def scratch_of(self, op: ir.Operation, *, threaded: bool) -> Iterator[None]:
        """Memory at `sram`, in spaces of the machine's."""
        del threaded
        if "gir.scratch" not in op.attributes or not holds(op, lambda inner: inner.name in ("gir.alloc", "gir.stage")):
            yield
            return
        for named in ir.DictAttr(op.attributes["gir.scratch"]):
            self.device.uses(named.name, ir.IntegerAttr(named.attr).value)
        self.frames.append(Frame({}, 0, threaded=False))
        yield
        self.frames.pop()

    def scratch_at(self, op: ir.Operation, sizes: Sequence[Number]) -> tuple[ir.Value, str]:
        """Where a buffer at `sram` lies."""
        type_ = op.result.type
        space = space_of(self, type_)
        assert "gir.offset" in op.attributes, "expected offsets: run gir-plan-scratch first"
        at: Number = ir.IntegerAttr(op.attributes["gir.offset"]).value
        if "gir.unit_bytes" in op.attributes:
            at = code.plus(at, code.times(self.unit, ir.IntegerAttr(op.attributes["gir.unit_bytes"]).value))
        base = code.literal(memory_name(space), code.pointer_type(ir.IntegerType.get_unsigned(8)))
        place = base if at == 0 else code.binary("add", base, code.value_of(at))
        what = "x".join("?" if not isinstance(size, int) else str(size) for size in sizes)
        known = bytes_of([size for size in sizes if isinstance(size, int)], type_.element_type)
        code.verbatim(f"// tile {what} of {type_.element_type} at {space}: {known} bytes")
        pointer = code.cast(place, code.pointer_type(stored(type_.element_type)))
        return pointer, self.name(pointer, "kept")


def lower_kernel(function: ir.Operation, program: Program, device: Device) -> None:
    """Writes a launched kernel as one that runs on the machine."""
    check_types(function, device)
    take_extremes(function, device.emission)
    expand_functions(function, device.emission)
    lowering = KernelLowering(function, program, device)
    block = entry_block(function)
    old_name = ir.StringAttr(function.attributes["sym_name"]).value
    if holds(function, lambda op: op.name == "gir.assert"):
        lowering.fail(0)
    roots = written_in(function, program)
    positions = frozenset(at for at, argument in enumerate(block.arguments) if argument in roots)
    groups = [
        parameters_of(argument, name, const=argument not in roots, restrict=False)
        for argument, name in zip(block.arguments, argument_names(block), strict=True)
    ]
    parameters: list[Parameter] = [p for group, _ in groups for p in group]
    name = program.names.fresh(old_name)
    with ir.InsertionPoint(function), function.location:
        made = begin_function(name, [p.type_ for p in parameters], [], static=False)
        if device.emission.kernel:
            made.op.attributes["specifiers"] = ir.ArrayAttr.get([ir.StringAttr.get(device.emission.kernel)])
        with ir.InsertionPoint(made.block):
            values = list(made.block.arguments)
            for value, parameter in zip(values, parameters, strict=True):
                lowering.name(value, parameter.name)
            rest = iter(values)
            for argument, (group, shape) in zip(block.arguments, groups, strict=True):
                given = [next(rest) for _ in group]
                lowering.values[argument] = take(lowering, argument.type, shape, given, group[0].name)
            for output, source in program.shares.get(old_name, {}).items():
                same = lowering.buffer(block.arguments[source])
                old = lowering.buffer(block.arguments[output])
                lowering.values[block.arguments[output]] = Buffer(
                    old.pointer, old.element, old.sizes, old.strides, old.offset, same.memory, old.name
                )
            device.in_groups = False
            with ExitStack() as nest:
                if not is_dealt(function):
                    nest.enter_context(by_first(lowering, function))
                lowering.emit_block(block)
            create("emitc.return")
    if device.in_groups:
        device.grouped.add(name)
    program.callees[old_name] = Callee(name, tuple(shape for _, shape in groups), positions, can_fail=False)
    function.erase()


def check_types(function: ir.Operation, device: Device) -> None:
    """Makes sure that a kernel has elements of types alone that the machine's C has.

    Raises:
        UnsupportedError: It hasn't.
    """
    for op in ops_in(function):
        for value in (*op.operands, *op.results):
            dtype = str(getattr(value.type, "element_type", value.type))
            if dtype in device.emission.lacks:
                near = [one for one in NEAREST.get(dtype, ()) if one not in device.emission.lacks]
                raise UnsupportedError(
                    f"{device.machine.name} has no {dtype}",
                    location=op.location,
                    help=f"compute it in {near[0]}" if near else "compute it on the host",
                )


class HostLowering(EntryLowering):
    """Lowers the program's entry, which runs on the machine's host and starts kernels.

    Args:
        function: The function.
        program: What it is part of.
        device: What kernels run on.
    """

    targets = ("host", TARGET)

    def __init__(self, function: ir.Operation, program: Program, device: Device) -> None:
        super().__init__(function, program)
        self.device = device
        self.helpers: set[str] = set()

    def helper(self, name: str, operands: Sequence[ir.Value], type_: ir.Type | None = None) -> ir.Value:
        """Calls a function; the host's have names of their own, for a machine's compiler may keep them apart."""
        if name in RUNTIME:
            return code.call(RUNTIME[name], operands, type_)  # pyright: ignore[reportReturnType]
        if name.startswith("pf_"):
            self.helpers.add(name)
            name = name.replace("pf_", HOST, 1)
        return code.call(name, operands, type_)  # pyright: ignore[reportReturnType]

    def _prepare(self, values: Sequence[ir.Value], groups: Sequence[object], out: Sequence[list[Parameter]]) -> None:
        super()._prepare(values, groups, out)  # pyright: ignore[reportArgumentType]
        written = written_in(self.function, self.program)
        for argument in self.arguments:
            if isinstance(argument.type, ir.MemRefType):
                self._tell(self.buffer(argument), is_written=argument in written)
        for at, operand in enumerate(self.ends.operands):
            if isinstance(operand.type, ir.MemRefType) and operand.type.has_static_shape:
                size = bytes_of(operand.type.shape, operand.type.element_type)
                call_memory(self.out[at][0], size, is_written=True)

    def _tell(self, buffer: Buffer, *, is_written: bool) -> None:
        size = code.times(code.plus(_last(buffer), 1), bytes_of([], buffer.element))
        call_memory(buffer.pointer, size, is_written=is_written)

    def _take_constants(self, constants: Sequence[ir.Attribute]) -> None:
        for at, attribute in enumerate(constants):
            argument = self.block.arguments[len(self.arguments) + at]
            shape = Shape(argument.type)
            name = self.names.fresh(f"constant{at}")
            held = define_constant(name, attribute, self.function)
            size = number_of_bytes(argument.type.shape, argument.type.element_type)
            there = code.call("pf_device_constant", [held, code.value_of(size)], void_pointer())
            assert there is not None
            pointer = code.cast(
                there, code.parameter_type(stored(argument.type.element_type), const=True, restrict=False)
            )
            self.values[argument] = shape.taken(pointer, [], pointer, name)


def call_memory(pointer: ir.Value, size: Number, *, is_written: bool) -> None:
    """Tells the machine's runtime of memory that the caller gave."""
    code.call("pf_device_memory", [pointer, code.value_of(size), code.value_of(int(is_written))])


def _last(buffer: Buffer) -> Number:
    """How far the last element is from the pointer; -1 where there is none."""
    where: Number = buffer.offset
    for size, stride in zip(buffer.sizes, buffer.strides, strict=True):
        if isinstance(size, int) and size == 0:
            return -1
        where = code.plus(where, code.times(code.minus(size, 1), stride))
    return where


@lowers("gir.launch", to="host")
def lower_launch(lowering: HostLowering, op: ir.Operation) -> None:
    """Starts a kernel on the machine's tasks."""
    callee = lowering.program.callee_of(op)
    lowering.group.flush()
    operands = launch_operands(lowering, op)
    words = [callee.name, str(lowering.device.emission.launched)]
    arguments = [ir.Attribute.parse(f'#emitc.opaque<"{word}">') for word in words]
    arguments += [ir.IntegerAttr.get(ir.IndexType.get(), at) for at in range(len(operands))]
    launch = LAUNCH_GROUPS if callee.name in lowering.device.grouped else LAUNCH
    create(
        "emitc.call_opaque", operands, [], {"callee": ir.StringAttr.get(launch), "args": ir.ArrayAttr.get(arguments)}
    )
