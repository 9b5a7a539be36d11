"""Modelled time of a program: each kernel's traffic read off its ledger, and how long that takes.

    softmax: 12.9 us, bound by global; launch 3 us
    assumed: launch 3000 ns, memory latency 600 ns

`timing` has the formula. What is on its way from memory at a time is what one step of a group's units
loads; a kernel without a nest streams, and its loads are never late. What an earlier kernel touched
last is in the last cache if all that was touched since fits there.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import element_of, segments
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.arriving import OF_GROUPS, arriving_bytes
from powerfusion.passes.analysis.arriving_calls import memory_of
from powerfusion.passes.analysis.instructions import instructions
from powerfusion.passes.analysis.ledger_names import contracted
from powerfusion.passes.analysis.ledger_numbers import Axis
from powerfusion.passes.analysis.ledger_program import Given, Program, location_text
from powerfusion.passes.analysis.ledger_record import Computed, Record
from powerfusion.passes.analysis.timing import SpaceBytes, Time, Traffic, Work, time_of
from powerfusion.report import PredictedTime, Prediction, duration_text
from powerfusion.symbolic import Count

WIDENING = ("arith.extf", "arith.extsi", "arith.extui", "arith.sitofp", "arith.uitofp")
CLASSES = {"gir.reduce": "reduce", "gir.scan": "scan", "gir.contract": "contract"}


@dataclass(frozen=True)
class KernelTime:
    """How long a kernel takes.

    Attributes:
        name: The kernel's name.
        location: Where the program asks for it.
        traffic: What it does.
        time: How long that takes; None where sizes are open.
    """

    name: str
    location: str | None
    traffic: Traffic | None
    time: Time | None


def predicted(module: ir.Module, machine: Machine, given: Given | None = None) -> tuple[KernelTime, ...]:
    """How long each kernel of a program takes, in program order.

    Args:
        module: In graph form, placed or not, or in tile form.
        machine: Which runs it.
        given: Shapes of arguments, or values of scalars, for what is dynamic.
    """
    program = Program(module.operation, machine, given or {})
    program.run()
    return times_of(program)


def times_of(program: Program) -> tuple[KernelTime, ...]:
    """The same of a program that has run."""
    return tuple(_Reading(program).kernels())


def prediction_of(times: Sequence[KernelTime]) -> Prediction | None:
    """The prediction of a program for its report; None where sizes are open."""
    known = [(each.name, each.time) for each in times if each.time]
    if len(known) < len(times):
        return None
    assumed = dict.fromkeys(str(number) for _, time in known for number in time.assumed)
    return Prediction(tuple(PredictedTime(name, time.ns, time.bound) for name, time in known), tuple(assumed))


def timing_lines(times: Sequence[KernelTime]) -> list[str]:
    """The prediction for people: a line per kernel, then what was assumed."""
    lines = [f"{each.name}: {_words(each.time)}" for each in times]
    assumed = dict.fromkeys(a for each in times if each.time for a in each.time.assumed)
    return [*lines, *([f"assumed: {', '.join(map(str, assumed))}"] if assumed else [])]


def _words(time: Time | None) -> str:
    if time is None:
        return "sizes are open"
    return f"{duration_text(time.ns)}, bound by {time.bound}; launch {duration_text(time.launch_ns)}"


@dataclass
class _Reading:
    """Reads the kernels of a program whose accesses were recorded.

    Attributes:
        program: That program.
        touched: By tensor, what had been moved in all when a kernel touched it last.
        moved: What was moved in all.
    """

    program: Program
    touched: dict[Hashable, int] = field(default_factory=dict)
    moved: int = 0

    def kernels(self) -> Iterable[KernelTime]:
        recorder = self.program.recorder
        self.arriving = arriving_bytes(recorder)
        ops = {number: op for op, number in recorder.numbers.items()}
        records: dict[ir.Operation | None, list[Record]] = {}
        for record in recorder.records:
            records.setdefault(record.kernel, []).append(record)
        work: dict[ir.Operation | None, list[Computed]] = {}
        for computed in recorder.computed:
            work.setdefault(computed.kernel, []).append(computed)
        for number in dict.fromkeys(self.program.kernels):
            kernel = ops[number]
            traffic = self._traffic(number, records.get(kernel, []), work.get(kernel, []))
            name = ir.StringAttr(kernel.attributes["kernel_name"]).value
            time = time_of(traffic, self.program.machine) if traffic else None
            yield KernelTime(name, location_text(kernel.location), traffic, time)

    def _traffic(self, number: int, records: Sequence[Record], work: Sequence[Computed]) -> Traffic | None:
        """What a kernel does; None where sizes are open."""
        if any(not isinstance(self.arriving[record], int) or record.scope.loops for record in records):
            return None
        done = _summed(work)
        if done is None:
            return None
        axes = {axis for record in records for axis in record.scope.axes}
        groups = [axis for axis in axes if axis.runs in OF_GROUPS]
        peaks = self.program.peaks.of_kernel.get(number, {})
        return Traffic(
            tuple(self._moved(records)),
            done,
            math.prod(axis.size for axis in groups) if groups else _none_or_one(records),
            math.prod(axis.size for axis in axes if axis.runs == "unit"),
            self._in_flight(records),
            tuple((space, peak) for space, peak in peaks.items() if isinstance(peak, int)),
            math.prod(axis.size for axis in axes if axis.runs == "launch"),
        )

    def _moved(self, records: Sequence[Record]) -> Iterable[SpaceBytes]:
        by_space: dict[str, list[Record]] = {}
        for record in records:
            by_space.setdefault(record.key[1], []).append(record)
        for space, found in by_space.items():
            issued = sum(_known(record.figures.issued) for record in found)
            arriving = sum(_known(self.arriving[record]) for record in found)
            written = sum(_known(self.arriving[record]) for record in found if record.key[2] == "write")
            cached = self._cached(space, found) if self.program.machine.space(space).level == "dram" else 0
            yield SpaceBytes(space, issued, arriving, written, cached)

    def _cached(self, space: str, records: Sequence[Record]) -> int:
        """Of what arrives, what the last cache has from an earlier kernel; notes what this one leaves there."""
        caches = self.program.machine.caches_of(space)
        capacity = max((cache.capacity_bytes or 0 for cache in caches), default=0)
        sums: dict[Hashable, int] = {}
        reads: dict[Hashable, int] = {}
        for record in records:
            root = _tensor(record)
            if root is None:
                continue
            sums[root] = sums.get(root, 0) + _known(self.arriving[record])
            if record.key[2] == "read":
                reads[root] = reads.get(root, 0) + _known(self.arriving[record])
        found = 0
        for root, count in reads.items():
            since = self.moved - self.touched[root] if root in self.touched else capacity
            found += count if since + count <= capacity else 0
        before = self.moved
        self.moved += sum(_known(self.arriving[record]) for record in records)
        self.touched |= dict.fromkeys(sums, before)
        return found

    def _in_flight(self, records: Sequence[Record]) -> int | None:
        """What one step of a group's units loads from memory; None for a kernel that streams."""
        steps: dict[tuple[int, tuple[Axis, ...]], float] = {}
        for record in records:
            if self.program.machine.space(record.key[1]).level != "dram" or record.access.direction != "read":
                continue
            axes = record.access.boxes[1].axes if record.access.boxes else record.scope.axes
            made = math.prod(axis.size for axis in axes if axis.runs != "unit")
            serial = tuple(axis for axis in axes if axis.runs in ("", "sweep"))
            key = record.scope.sweep if any(axis.runs == "sweep" for axis in serial) else 0, serial
            steps[key] = steps.get(key, 0.0) + _known(record.figures.issued) / max(made, 1)
            if record.kernel is not None and not axes and "nest" not in record.kernel.attributes:
                return None
        return int(max(steps.values())) if steps else None


def _none_or_one(records: Sequence[Record]) -> int | None:
    """Of a kernel without axes of groups: as many as the machine likes where it has no nest, else one."""
    placed = any(record.kernel is not None and "nest" in record.kernel.attributes for record in records)
    return 1 if placed or any(record.scope.axes for record in records) else None


def _tensor(record: Record) -> Hashable | None:
    """The tensor or buffer of the function that a record is of."""
    access = record.access.boxes[0] if record.access.boxes else record.access
    if access.box is None or access.scattered:
        return None
    root = memory_of(access.box.root)
    return root if isinstance(root, Hashable) else None


def _known(count: Count) -> int:
    assert isinstance(count, int), "asked for where sizes are known"
    return count


def _summed(work: Iterable[Computed]) -> tuple[Work, ...] | None:
    """What some ops compute, by op class and dtype; None where sizes are open."""
    sums: dict[tuple[str, str], int] = {}
    for computed in work:
        each = _work(computed)
        if each is None:
            return None
        key = each.op_class, each.dtype
        sums[key] = sums.get(key, 0) + each.operations
    return tuple(Work(op_class, dtype, count) for (op_class, dtype), count in sums.items())


def _work(computed: Computed) -> Work | None:
    """What an op computes over all its executions; None where sizes are open."""
    op = computed.op
    if computed.scope.loops:
        return None
    sizes = _iterated(computed)
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) < len(sizes):
        return None
    each = 2 if op.name == "gir.contract" else instructions(op)
    if op.name in ("gir.reduce", "gir.scan"):
        each = max(each, len(segments(op)[0]))
    times = math.prod(axis.size for axis in computed.scope.axes)
    # What widens a number computes on the wide one.
    operand = op.results[0] if op.name in WIDENING else op.operands[0]
    return Work(CLASSES.get(op.name, "elementwise"), str(element_of(operand.type)), each * math.prod(known) * times)


def _iterated(computed: Computed) -> Sequence[object]:
    """The sizes of what an op goes through in one execution."""
    op = computed.op
    if op.name == "gir.contract":
        along: Mapping[int, object] = {
            place: size
            for value, places in zip(list(op.operands)[:2], contracted(op), strict=False)
            for place, size in zip(places, computed.shape(value), strict=True)
        }
        return list(along.values())
    if op.name in ("gir.reduce", "gir.scan"):
        return computed.shape(segments(op)[0][0])
    return computed.shape(op.results[0])
