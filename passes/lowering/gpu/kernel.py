"""Kernels as functions on the device: what they take, their groups, and how the host launches them.

Each parallel over groups becomes a kernel function of its own. A memref whose shape is known is one parameter, a
pointer; of another, a pointer to its first element and what its type leaves open: sizes, strides and an offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    entry_block,
    i32_array,
    i64_array,
    index_constant,
    operations,
)
from powerfusion.errors import CapacityError, UnsupportedError
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.lowering.gpu.assertions import flags_on_device
from powerfusion.passes.lowering.gpu.combining import scratch_bytes
from powerfusion.passes.lowering.gpu.lanes import LaneMap
from powerfusion.passes.lowering.gpu.lanes_wait import wait_of
from powerfusion.passes.lowering.gpu.lowering import Flags, GpuLowering, Room, memref_on_device, on_device
from powerfusion.passes.lowering.gpu.structure import counts_of, delinearized, meets
from powerfusion.passes.lowering.gpu.turning import turned_bytes
from powerfusion.passes.lowering.gpu.waiting import Block, Waiting
from powerfusion.passes.scheduling.kernels import is_group_parallel, is_unit_parallel, ops_in

AROUND = ("arith.", "math.", "affine.", "memref.", "index.", "tensor.splat", "gir.iota", "gir.broadcast")
"""What may stand around the groups of a kernel: numbers, views, and tiles that every unit makes for itself."""
LARGEST_BLOCK = 1024


@dataclass(frozen=True)
class Launch:
    """How the host runs the groups of one parallel.

    Attributes:
        kernel: The function's name, in the module of kernels.
        block: What a group is.
        scratch_bytes: Memory of a group.
        groups: The parallel, whose counts the host computes; None for one group.
        around: The ops of the kernel that its counts may depend on, in order.
        asserts: Whether it takes the flags of assertions behind its arguments.
    """

    kernel: str
    block: Block
    scratch_bytes: int
    groups: ir.Operation | None
    around: tuple[ir.Operation, ...]
    asserts: bool


@dataclass(frozen=True)
class Setting:
    """What the functions of a kernel have in common.

    Attributes:
        machine: For which.
        lanes: How tiles are dealt out.
        messages: Of the program's assertions, in the order of their flags.
        in_place: Whether a launch may write to memory that it reads.
        into: The body of the module of kernels.
    """

    machine: Machine
    lanes: LaneMap
    messages: Sequence[str]
    in_place: bool
    into: ir.Block

    @property
    def most_units(self) -> int:
        """How many units a group may have."""
        limits = self.machine.scope("unit")
        assert limits is not None, "expected a machine with units"
        return min(LARGEST_BLOCK // self.lanes.lanes, limits.max_count or LARGEST_BLOCK)

    @property
    def group_bytes(self) -> int:
        """How much memory a group has."""
        return self.machine.space_of("sram").capacity_bytes or 0


def lower_kernel(
    kernel: ir.Operation, name: str, machine: Machine, into: ir.Block, *, messages: Sequence[str], in_place: bool
) -> list[Launch]:
    """Writes the functions of a kernel in tile form.

    Args:
        kernel: The op; it stays.
        name: What the functions are called, with a number where there are several.
        machine: For which.
        into: The body of the module of kernels.
        messages: Of the program's assertions, in the order of their flags.
        in_place: Whether a launch may write to memory that it reads, each element where it was.

    Raises:
        UnsupportedError: It has something that isn't lowered.
    """
    lane_limits = machine.scope("lane")
    assert lane_limits is not None, "expected a machine with lanes"
    setting = Setting(machine, LaneMap(kernel, lane_limits.count or 1), messages, in_place, into)
    body = operations(entry_block(kernel))[:-1]
    parallels = [op for op in body if is_group_parallel(op)]
    if not parallels:
        return [_lower_groups(kernel, None, body, (), name, setting)]
    around = tuple(op for op in body if not is_group_parallel(op))
    for op in around:
        if not op.name.startswith(AROUND):
            raise UnsupportedError(
                f"'{op.name}' around the groups of a kernel can't be lowered to gpu", location=op.location
            )
    names = [name] if len(parallels) == 1 else [f"{name}_{at}" for at in range(len(parallels))]
    return [
        _lower_groups(kernel, groups, operations(entry_block(groups))[:-1], around, one, setting)
        for groups, one in zip(parallels, names, strict=True)
    ]


def _lower_groups(
    kernel: ir.Operation,
    groups: ir.Operation | None,
    body: Sequence[ir.Operation],
    around: Sequence[ir.Operation],
    name: str,
    setting: Setting,
) -> Launch:
    scope = kernel if groups is None else groups
    planned = _planned_bytes(scope)
    turned = max((turned_bytes(setting.lanes, op) for op in ops_in(scope)), default=0)
    block = Block(setting.lanes.lanes, _units(scope, setting.most_units, (setting.group_bytes - planned, turned)))
    collectives = [op for op in ops_in(scope) if op.name == "gir.all_reduce"]
    layouts = [[setting.lanes.layout(value) for value in op.operands] for op in collectives]
    own = max((scratch_bytes(op, one, block.threads) for op, one in zip(collectives, layouts, strict=True)), default=0)
    room = Room(planned + own, turned)
    scratch_size = planned + own + block.units * turned
    arguments = list(entry_block(kernel).arguments)
    asserts = any(op.name == "gir.assert" for op in ops_in(scope))
    with ir.InsertionPoint(setting.into), scope.location:
        types = [type_ for argument in arguments for type_ in parameter_types(argument.type)]
        if asserts:
            types.append(flags_on_device(len(setting.messages)))
        function = _begin(name, types, block)
        entry = function.regions[0].blocks.append(*types, arg_locs=[scope.location] * len(types))
        with ir.InsertionPoint(entry):
            thread = _id("gpu.thread_id", block.threads)
            scratch = None
            if scratch_size:
                bytes_ = ir.Type.parse("memref<?xi8, #gpu.address_space<workgroup>>")
                scratch = create("gpu.dynamic_shared_memory", results=[bytes_]).result
            given = list(entry.arguments)
            flags = Flags(given.pop(), setting.messages) if asserts else None
            waiting = Waiting(block, wait_of(setting.machine), in_place=setting.in_place)
            lowering = GpuLowering(setting.lanes, block, waiting, thread, scratch, planned, room, flags)
            lowering.bind(arguments, [_take(argument.type, given) for argument in arguments])
            for op in around:
                lowering.emit(op)
            if groups is not None:
                counts = lowering.scalars(groups.operands)
                lowering.bind(entry_block(groups).arguments, delinearized(_id("gpu.block_id"), counts))
            for op in body:
                lowering.emit(op)
            create("gpu.return")
    return Launch(name, block, scratch_size, groups, tuple(around), asserts)


def _begin(name: str, types: Sequence[ir.Type], block: Block) -> ir.Operation:
    attributes: dict[str, ir.Attribute] = {
        "sym_name": ir.StringAttr.get(name),
        "function_type": ir.TypeAttr.get(ir.FunctionType.get(list(types), [])),
        "gpu.kernel": ir.UnitAttr.get(),
        "known_block_size": i32_array([block.threads, 1, 1]),
    }
    return create("gpu.func", attributes=attributes, regions=1)


def _id(name: str, below: int | None = None) -> ir.Value:
    index = ir.IndexType.get()
    attributes: dict[str, ir.Attribute] = {"dimension": ir.Attribute.parse("#gpu<dim x>")}
    if below is not None:
        attributes["upper_bound"] = ir.IntegerAttr.get(index, below)
    return create(name, [], [index], attributes).result


def _units(scope: ir.Operation, most: int, room: tuple[int, int]) -> int:
    """How many units a group has: as many as its largest parallel, or, where units meet, just as many as those are.

    Args:
        scope: The group.
        most: How many it may have.
        room: What is left of its memory, and what each unit takes of it, bytes.
    """
    parallels = [op for op in ops_in(scope) if is_unit_parallel(op)]
    left, each = room
    fitting = min(most, left // each) if each else most
    meeting = [counts_of(op) for op in parallels if meets(op)]
    wanted = max(meeting, default=min(max(map(counts_of, parallels), default=1), fitting))
    if wanted > most:
        raise UnsupportedError(
            f"{wanted} units that wait for one another can't be lowered to gpu, which has {most} in a group",
            location=scope.location,
        )
    wanted = max(wanted, 1)
    if wanted * each > left:
        raise CapacityError(f"{wanted} units turn tiles of {each} bytes, {left} are left", location=scope.location)
    return wanted


def _planned_bytes(scope: ir.Operation) -> int:
    """The group's memory that scheduling has dealt out, rounded up."""
    if "gir.scratch" not in scope.attributes:
        return 0
    sizes = [ir.IntegerAttr(named.attr).value for named in ir.DictAttr(scope.attributes["gir.scratch"])]
    if len(sizes) > 1:
        raise UnsupportedError("memory of a group in several spaces can't be lowered to gpu", location=scope.location)
    return -(-sizes[0] // 16) * 16


# -- parameters --------------------------------------------------------------------------------


def is_plain(type_: ir.MemRefType) -> bool:
    """Whether a memref's shape says all: static, row-major, from its first element on; not one of no elements."""
    if not type_.has_static_shape or 0 in type_.shape:
        return False
    return type_.layout == ir.MemRefType.get(type_.shape, type_.element_type).layout


def open_parts(type_: ir.MemRefType) -> tuple[list[int], list[int], bool]:
    """What a memref's type leaves open: dimensions of open size, those of open stride, whether the offset is."""
    strides, offset = type_.get_strides_and_offset()
    sizes = [dim for dim, size in enumerate(type_.shape) if size == DYNAMIC]
    return sizes, [dim for dim, stride in enumerate(strides) if stride == DYNAMIC], offset == DYNAMIC


def parameter_types(type_: ir.Type) -> list[ir.Type]:
    """The types of the parameters for one argument of a kernel."""
    new = on_device(type_)
    if not isinstance(new, ir.MemRefType) or is_plain(new):
        return [new]
    sizes, strides, offset = open_parts(new)
    base = ir.MemRefType.get([], new.element_type, None, new.memory_space)
    return [base, *[ir.IndexType.get()] * (len(sizes) + len(strides) + offset)]


def _take(type_: ir.Type, given: list[ir.Value]) -> ir.Value:
    """An argument of a kernel, given its parameters; they are taken from the front of the list."""
    first = given.pop(0)
    new = on_device(type_)
    if not isinstance(new, ir.MemRefType) or is_plain(new):
        return first
    open_sizes, open_strides, is_open = open_parts(new)
    strides, offset = new.get_strides_and_offset()
    sizes = [given.pop(0) for _ in open_sizes]
    steps = [given.pop(0) for _ in open_strides]
    offsets = [given.pop(0)] if is_open else []
    attributes: dict[str, ir.Attribute] = {
        "static_offsets": i64_array([offset]),
        "static_sizes": i64_array(new.shape),
        "static_strides": i64_array(strides),
        "operandSegmentSizes": i32_array([1, len(offsets), len(sizes), len(steps)]),
    }
    return create("memref.reinterpret_cast", [first, *offsets, *sizes, *steps], [new], attributes).result


# -- launches ----------------------------------------------------------------------------------


def emit_launch(
    launch: Launch, kernel: ir.Operation, given: Sequence[ir.Value], behind: Sequence[ir.Value], module: str
) -> None:
    """Launches a kernel function from the host, at the insertion point.

    Args:
        launch: How.
        kernel: The op that it was made of.
        given: The kernel's arguments on the host.
        behind: What its function takes behind them.
        module: The name of the module of kernels.
    """
    one = index_constant(1)
    known: dict[ir.Value, ir.Value] = dict(zip(entry_block(kernel).arguments, given, strict=True))
    groups = one
    for count in _counts(launch, known):
        groups = create("arith.muli", [groups, count], [one.type]).result
    operands = [part for value in (*given, *behind) for part in _passed(value)]
    i32 = ir.IntegerType.get_signless(32)
    size = {"value": ir.IntegerAttr.get(i32, launch.scratch_bytes)}
    scratch = [create("arith.constant", [], [i32], size).result] if launch.scratch_bytes else []
    threads = index_constant(launch.block.threads)
    sizes = [0, 1, 1, 1, 1, 1, 1, 0, 0, 0, len(scratch), len(operands), 0]
    attributes: dict[str, ir.Attribute] = {
        "kernel": ir.SymbolRefAttr.get([module, launch.kernel]),
        "operandSegmentSizes": i32_array(sizes),
    }
    create("gpu.launch_func", [groups, one, one, threads, one, one, *scratch, *operands], [], attributes)


def _counts(launch: Launch, known: dict[ir.Value, ir.Value]) -> list[ir.Value]:
    """The counts of the groups, computed by the host."""
    if launch.groups is None:
        return []
    for op in launch.around:
        if not op.name.startswith(("arith.", "affine.", "memref.dim", "index.")):
            continue
        if not all(operand in known for operand in op.operands) or any(_is_shaped(result) for result in op.results):
            continue
        made = create(op.name, [known[v] for v in op.operands], [r.type for r in op.results], attributes_of(op))
        known.update(zip(op.results, made.results, strict=True))
    return [known[count] for count in launch.groups.operands]


def _is_shaped(value: ir.Value) -> bool:
    return isinstance(value.type, ir.ShapedType)


def _passed(value: ir.Value) -> list[ir.Value]:
    """What is passed for an argument."""
    if not isinstance(value.type, ir.MemRefType):
        return [value]
    new = memref_on_device(value.type)
    cast = create("builtin.unrealized_conversion_cast", [value], [new]).result
    if is_plain(new):
        return [cast]
    index = ir.IndexType.get()
    rank = new.rank
    base = ir.MemRefType.get([], new.element_type, None, new.memory_space)
    parts = create("memref.extract_strided_metadata", [cast], [base, *[index] * (1 + 2 * rank)]).results
    sizes, strides, is_open = open_parts(new)
    opened = [*(parts[2 + dim] for dim in sizes), *(parts[2 + rank + dim] for dim in strides)]
    return [parts[0], *opened, *([parts[1]] if is_open else [])]
