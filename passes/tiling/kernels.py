"""Kernels: what is stored where, in which order, and the nests that do it.

A value at dram that a kernel makes (by a move from reg, an insertion, a concatenation, a scatter)
and reads again, or gives to another op, needs a buffer: the output that it is returned as, or a
temporary one. What reads a buffer comes in a later nest than what fills it.

    y = gir.move r : reg -> dram          fill a temporary with r          depth 0
    z = gir.move y : dram -> reg          what depends on z reads it       depth 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    defining_op,
    entry_block,
    index_constant,
    integers,
    operations,
    producer,
    segments,
)
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Spaces, spaces_of
from powerfusion.passes.tiling import memrefs
from powerfusion.passes.tiling.combiners import takes_whole_payload
from powerfusion.passes.tiling.nests import NestEmitter, reduce_alone
from powerfusion.passes.tiling.payloads import PayloadEmitter
from powerfusion.passes.tiling.plans import NestPlan, Room, Sink, group_sinks
from powerfusion.passes.tiling.scans import ScanEmitter, emit_scatter, scan_ranks
from powerfusion.passes.tiling.tiles import TileEmitter
from powerfusion.passes.tiling.windows import Window, index_op

STORED = ("gir.insert", "gir.concat", "gir.scatter")


def is_stored(value: ir.Value) -> bool:
    """Whether a kernel makes a value at dram, rather than seeing an input through views."""
    op = defining_op(value)
    if op is None or not gir.is_at(value, "dram"):
        return False
    if op.name == "gir.move":
        return gir.is_at(op.operands[0], "reg")
    return op.name in STORED


def is_stored_as_it_comes(op: ir.Operation) -> bool:
    """Whether an op's results have a nest of their own, which stores them: those of scans, and of whole payloads."""
    return op.name == "gir.scan" or (op.name == "gir.reduce" and takes_whole_payload(op))


def root_of(value: ir.Value) -> ir.Value:
    """The stored value or input that a value at dram is a view of."""
    while not is_stored(value):
        op = defining_op(value)
        if op is None:
            break
        value = op.operands[0]
    return value


@dataclass
class Buffers:
    """The buffers of a kernel in graph form.

    Attributes:
        read: The stored values that the kernel reads, in program order.
        returned: What the kernel gives.
        depths: In how many nests, one after another, each value is made at the earliest.
    """

    kernel: ir.Operation
    read: list[ir.Value] = field(default_factory=list)
    returned: list[ir.Value] = field(default_factory=list)
    depths: dict[ir.Value, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        *body, end = operations(entry_block(self.kernel))
        self.returned = list(end.operands)
        read: set[ir.Value] = set()
        for op in body:
            depth = max([self._depth(operand) for operand in op.operands], default=0)
            for source in _read_places(op):
                root = root_of(source)
                if is_stored(root):
                    read.add(root)
                    depth = max(depth, self._depth(root) + 1)
            self.depths |= dict.fromkeys(op.results, depth)
            self.read += [result for result in op.results if is_stored(result)]
        self.read = [value for value in self.read if value in read]

    def _depth(self, value: ir.Value) -> int:
        return self.depths.get(value, 0)

    @property
    def temporaries(self) -> list[ir.Value]:
        """The stored values that need a buffer of their own."""
        return [value for value in self.read if value not in self.returned]


def _read_places(op: ir.Operation) -> list[ir.Value]:
    """The values at dram whose elements an op reads."""
    if op.name == "gir.move" and gir.is_at(op.operands[0], "dram") and not gir.is_at(op.results[0], "dram"):
        return [op.operands[0]]
    return [op.operands[0]] if op.name == "gir.gather" else []


@dataclass(frozen=True)
class Part:
    """What fills a buffer, in order: sinks, and scatters behind what they scatter into."""

    depth: int
    sinks: list[Sink]


class KernelTiler:
    """Fills the tile form of one kernel, whose arguments are inputs, outputs and temporaries."""

    def __init__(self, old: ir.Operation, new: ir.Operation, room: Room) -> None:
        self.old, self.new, self.room = old, new, room
        arguments = list(entry_block(new).arguments)
        block = entry_block(old)
        self.buffers = Buffers(old)
        inputs, results = len(block.arguments), len(self.buffers.returned)
        self.outputs = arguments[inputs : inputs + results]
        values: dict[ir.Value, ir.Value] = dict(zip(block.arguments, arguments, strict=False))
        values |= dict(zip(self.buffers.temporaries, arguments[inputs + results :], strict=True))
        for value in self.buffers.read:
            if value in self.buffers.returned:
                values[value] = self.outputs[self.buffers.returned.index(value)]
        self.emitter = TileEmitter(values, self._reduce, self.outputs)

    def _reduce(self, op: ir.Operation, window: Window) -> Sequence[ir.Value | None]:
        return reduce_alone(self.emitter, op, window)

    def run(self) -> None:
        """Emits a nest per group of sinks, in order."""
        spaces = spaces_of(self.old)
        with ir.InsertionPoint(entry_block(self.new)), self.old.location:
            anchor = index_constant(0)
            self.emitter.top = ir.InsertionPoint(defining_op(anchor))
            parts = self._parts()
            for depth in sorted({part.depth for part in parts}):
                self._emit_depth([sink for part in parts if part.depth == depth for sink in part.sinks], spaces)
            create("gir.return")

    def _emit_depth(self, sinks: Sequence[Sink], spaces: Spaces) -> None:
        """The nests that may run one after another once all that they read is there."""
        for run in _runs(sinks):
            source, memref = defining_op(run[0].value), run[0].memref
            if run[0].op.name == "gir.scatter" and memref is not None:
                emit_scatter(self.emitter, run[0].op, memref, self.room.width)
            elif source is not None and source.name in ("gir.scan", "gir.reduce") and takes_whole_payload(source):
                PayloadEmitter(self.emitter, source, run).emit()
            elif source is not None and source.name == "gir.scan":
                for group in scan_ranks(run):
                    ScanEmitter(self.emitter, source, group, self.room.width).emit()
            else:
                for group in group_sinks(run, spaces):
                    NestEmitter(self.emitter, NestPlan(group, spaces, self.room)).emit()

    # -- sinks -------------------------------------------------------------------------------

    def _parts(self) -> list[Part]:
        """What the kernel asserts, and what fills its outputs and its temporaries."""
        depths, block = self.buffers.depths, entry_block(self.old)
        asserts = [op for op in operations(block) if op.name == "gir.assert"]
        parts = [Part(depths.get(op.operands[0], 0), [Sink(op.operands[0], None, op)]) for op in asserts]
        filled = [*zip(self.buffers.returned, self.outputs, strict=True)]
        filled += [(value, self.emitter.values[value]) for value in self.buffers.temporaries]
        parts += [Part(depths.get(value, 0), self._sinks(value, memref, alone=False)) for value, memref in filled]
        return parts

    def _sinks(self, value: ir.Value, output: ir.Value, *, alone: bool) -> list[Sink]:
        """Where the elements of a stored value, or of a view of it, go."""
        if 0 in value.type.shape:
            return []
        op = producer(value)
        match op.name:
            case "gir.move":
                return [Sink(op.operands[0], output, op, alone)]
            case "gir.permute":
                perm = integers(op.attributes["perm"])
                inverse = [perm.index(dim) for dim in range(len(perm))]
                return self._sinks(op.operands[0], memrefs.transpose(output, inverse), alone=True)
            case "gir.reshape":
                source = op.operands[0]
                sizes = [self.emitter.size(source, dim) for dim in range(source.type.rank)]
                return self._sinks(source, memrefs.reshape(output, source.type.shape, sizes), alone=alone)
            case "gir.concat":
                return self._concat_sinks(op, output)
            case "gir.insert":
                dest = self._sinks(op.operands[1], output, alone=True)
                if 0 in op.operands[0].type.shape:
                    return dest
                place = self.emitter.subview(op, output, segments(op)[2:5])
                return [*dest, *self._sinks(op.operands[0], place, alone=True)]
            case "gir.scatter":
                dest = self._sinks(op.operands[1], output, alone=True)
                return dest if 0 in op.operands[0].type.shape else [*dest, Sink(op.operands[0], output, op, alone=True)]
            case name:
                raise UnsupportedError(
                    f"a kernel that returns what '{name}' makes of its input can't be tiled",
                    location=op.location,
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
            place = memrefs.subview(
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


def _runs(sinks: Sequence[Sink]) -> list[list[Sink]]:
    """Sinks in order, each scatter by itself; those of a scan together, but where a buffer's parts have an order."""
    runs: list[list[Sink]] = [[]]
    scans: dict[ir.Operation, list[Sink]] = {}
    for sink in sinks:
        source = defining_op(sink.value)
        is_scan = source is not None and is_stored_as_it_comes(source)
        if sink.op.name == "gir.scatter" or (is_scan and sink.alone):
            runs += [[sink], []]
        elif source is not None and is_scan:
            if source not in scans:
                scans[source] = []
                runs += [scans[source], []]
            scans[source].append(sink)
        else:
            runs[-1].append(sink)
    return [run for run in runs if run]
