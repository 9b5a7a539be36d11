"""The ledger: bytes per instruction, space and direction of a program, in whatever form it is.

Nothing is executed. Graph form is counted in `ledger_graph` and, placed, in `ledger_nest`; tile form
in `ledger_tile`; what one execution of an op moves is said in `ledger_bytes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from powerfusion.core._mlir import entry_block, operations, segments
from powerfusion.errors import UnsupportedError
from powerfusion.machines.host import host
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.arriving import arriving_bytes
from powerfusion.passes.analysis.extents import Extents
from powerfusion.passes.analysis.ledger_access import Scope
from powerfusion.passes.analysis.ledger_graph import count_graph
from powerfusion.passes.analysis.ledger_nest import count_nest
from powerfusion.passes.analysis.ledger_numbers import Number, UnknownIndex
from powerfusion.passes.analysis.ledger_record import Key, Record, Recorder
from powerfusion.passes.analysis.ledger_tile import TileWalk
from powerfusion.passes.analysis.ledger_views import Root, dynamic_shape, new_buffer
from powerfusion.passes.analysis.peaks import Peaks, Pressure
from powerfusion.passes.analysis.peaks_nest import see_nest
from powerfusion.symbolic import Count, Polynomial, total

Given = Mapping[int, tuple[int, ...] | int]
"""Shapes of arguments, or values of scalars, by position."""


@dataclass(frozen=True)
class Entry:
    """What one instruction moves from or to one space, over all its executions.

    Attributes:
        instruction: Its number in a walk of the module.
        op: Its name.
        kernel: Name of the kernel that it stands in.
        space: Name of the machine's space.
        level: The space's level.
        direction: `read` or `write`.
        useful: Bytes of distinct elements.
        issued: Bytes of the transactions that they take.
        arriving: Of these, what no cache has already.
        bounds: Those of the three that are upper bounds.
        location: Where the program asks for it.
    """

    instruction: int
    op: str
    kernel: str
    space: str
    level: str
    direction: str
    useful: Count
    issued: Count
    arriving: Count
    bounds: frozenset[str]
    location: str | None


@dataclass(frozen=True)
class Ledger:
    """What a program moves.

    Attributes:
        entries: In program order; reads of an instruction before its writes.
        kernels: The numbers of kernels and library operators, in program order.
        peaks: Most bytes alive at once in an instance of each space, by its name.
    """

    entries: tuple[Entry, ...]
    kernels: tuple[int, ...] = ()
    peaks: Mapping[str, Count] = field(default_factory=dict)

    def counts(self) -> dict[Key, tuple[Count, Count]]:
        """(useful, issued) by instruction, space and direction."""
        return {(e.instruction, e.space, e.direction): (e.useful, e.issued) for e in self.entries}


def ledger_of(module: ir.Module, machine: Machine | None = None, given: Given | None = None) -> Ledger:
    """The ledger of a program.

    Args:
        module: In graph form, placed or not, or in tile form.
        machine: Whose spaces count; by default this machine.
        given: Shapes of arguments, or values of scalars, for what is dynamic.
    """
    return ledger_of_op(module.operation, machine or host(), given)


def ledger_of_op(module: ir.Operation, machine: Machine, given: Given | None = None) -> Ledger:
    """The ledger of a module that is at hand as an operation."""
    program = Program(module, machine, given or {})
    program.run()
    return Ledger(tuple(entries_of(program.recorder)), tuple(program.kernels), program.peak_bytes())


@dataclass
class Program:
    """Goes through a module and records what it moves."""

    module: ir.Operation
    machine: Machine
    given: Given

    def run(self) -> None:
        """Records every function that none of the module calls."""
        with self.module.context:
            self._run()

    def peak_bytes(self) -> dict[str, Count]:
        """Most bytes alive at once in an instance of each space."""
        return dict(self.peaks.most)

    def _run(self) -> None:
        self.peaks = Peaks(self.machine)
        self.recorder = Recorder.of(self.module, self.machine)
        self.kernels: list[int] = []
        self.symbols = {
            ir.StringAttr(op.attributes["sym_name"]).value: op
            for op in self.recorder.numbers
            if op.name == "func.func" and len(op.regions[0].blocks)
        }
        called = {callee_of(op) for op in self.recorder.numbers if op.name in CALLS}
        for name, function in self.symbols.items():
            if name not in called:
                self._function(function, self.given, Scope())

    def _function(self, function: ir.Operation, given: Mapping[int, tuple[Count, ...] | Count], scope: Scope) -> None:
        walk = TileWalk(self.recorder, self._call, Pressure(self.peaks))
        for place, argument in enumerate(entry_block(function).arguments):
            known = given.get(place)
            if isinstance(argument.type, ir.MemRefType):
                sizes = known if isinstance(known, tuple) else _open_sizes(argument, place)
                walk.known[argument] = new_buffer(argument, sizes, Root(f"arg{place}", is_given=True))
            elif not isinstance(argument.type, ir.ShapedType):
                walk.known[argument] = (
                    Polynomial.symbol(f"arg{place}") if known is None or isinstance(known, tuple) else known
                )
        self._block(entry_block(function), walk, Extents(given), scope)

    def _block(self, block: ir.Block, walk: TileWalk, sizes: Extents, scope: Scope) -> None:
        for op in operations(block):
            try:
                self._visit(op, walk, sizes, scope)
            except UnknownIndex as error:
                raise UnsupportedError(
                    f"the bytes of '{op.name}' can't be counted: {error}",
                    location=op.location,
                    help="give the shapes of the arguments, or run it in powerfusion.reference",
                ) from None

    def _visit(self, op: ir.Operation, walk: TileWalk, sizes: Extents, scope: Scope) -> None:
        if op.name == "gir.alternatives":
            self._block(entry_block(op), walk, sizes, scope)
        elif op.name in ("gir.kernel", "gir.extern"):
            self._kernel(op, walk, sizes, scope)
        elif op.name in CALLS and any(isinstance(v.type, ir.RankedTensorType) for v in op.operands):
            self._call_graph(op, sizes, scope)
        else:
            walk.visit(op, scope)

    def _kernel(self, kernel: ir.Operation, walk: TileWalk, sizes: Extents, scope: Scope) -> None:
        self.peaks.kernel = self.recorder.numbers[kernel]
        self.kernels.append(self.peaks.kernel)
        if kernel.name == "gir.kernel" and is_tile_form(kernel):
            walk.tile_kernel(kernel, scope)
        elif "nest" in kernel.attributes:
            count_nest(kernel, sizes, self.recorder, scope)
            see_nest(kernel, sizes, self.peaks)
        else:
            count_graph(kernel, sizes, self.recorder, scope)

    def _call(self, op: ir.Operation, walk: TileWalk, scope: Scope) -> None:
        """A call or launch in tile form."""
        function = self.symbols.get(callee_of(op))
        if function is None:
            return
        block = entry_block(function)
        for value, argument in zip(op.operands, block.arguments, strict=True):
            if value in walk.known:
                walk.known[argument] = walk.known[value]
        self._block(block, walk, Extents({}), scope)
        for value, result in zip(operations(block)[-1].operands, op.results, strict=True):
            if value in walk.known:
                walk.known[result] = walk.known[value]

    def _call_graph(self, op: ir.Operation, sizes: Extents, scope: Scope) -> None:
        """A call or launch of a function of tensors."""
        function = self.symbols.get(callee_of(op))
        if function is None:
            return
        given: dict[int, tuple[Count, ...] | Count] = {}
        for place, value in enumerate(op.operands):
            if isinstance(value.type, ir.RankedTensorType):
                given[place] = tuple(sizes.shape(value))
            elif isinstance(value.type, ir.IndexType):
                given[place] = sizes.index(value)
        self._function(function, given, scope)


CALLS = ("func.call", "gir.launch")


def callee_of(op: ir.Operation) -> str:
    """The name of what a call or launch calls."""
    return ir.FlatSymbolRefAttr(op.attributes["callee"]).value


def is_tile_form(kernel: ir.Operation) -> bool:
    """True for a kernel that has memrefs, or neither results nor tensors to assert something of."""
    types = [value.type for value in segments(kernel)[0]]
    if any(isinstance(type_, ir.MemRefType) for type_ in types):
        return True
    return not kernel.results and not any(isinstance(type_, ir.RankedTensorType) for type_ in types)


def _open_sizes(argument: ir.Value, place: int) -> tuple[Number, ...]:
    shape = argument.type.shape
    symbols = [Polynomial.symbol(f"arg{place}[{dim}]") for dim, size in enumerate(shape) if size < 0]
    return dynamic_shape(argument.type, symbols)


def entries_of(recorder: Recorder) -> Iterator[Entry]:
    """Records added up; reads of an instruction before its writes."""
    groups: dict[Key, list[Record]] = {}
    for record in sorted(recorder.records, key=lambda record: record.key[0]):
        groups.setdefault(record.key, []).append(record)
    arriving = arriving_bytes(recorder)
    for (number, space, direction), records in groups.items():
        op, kernel = records[0].op, records[0].kernel
        bounds = frozenset[str]().union(*(record.figures.bounds for record in records))
        yield Entry(
            number,
            op.name,
            ir.StringAttr(kernel.attributes["kernel_name"]).value if kernel is not None else "",
            space,
            recorder.machine.space(space).level,
            direction,
            total(record.figures.useful for record in records),
            total(record.figures.issued for record in records),
            total(arriving[record] for record in records),
            bounds | ({"arriving"} if "issued" in bounds else frozenset[str]()),
            location_text(op.location),
        )


def location_text(location: ir.Location) -> str | None:
    """A location for people, `file:line:column`; None for an unknown one, the first of a fused one."""
    if location.is_a_fused():
        texts = [location_text(part) for part in location.locations]
        return next((text for text in texts if text), None)
    if location.is_a_file():
        return f"{location.filename}:{location.start_line}:{location.start_col}"
    if location.is_a_name():
        return location_text(location.child_loc) or location.name_str
    if location.is_a_callsite():
        return location_text(location.callee)
    return None
