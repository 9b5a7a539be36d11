"""Why values stayed at `dram` or `sram`: each edge of a placed function, what it moves, and what kept it there.

    k0 hands 512xf32 to k1 through dram: 4096 B
      k1: its reductions run over different dimensions
    512x768xf32 rests at sram: 3145728 B
      pass 1 and pass 2 sweep c again; in registers a unit has a step of it at a time

Three kinds of edges: what kernels hand to one another through `dram`, what a kernel loads from there once per pass, and
what it holds at `sram`. The bytes are the ledger's, of all instructions that write or read the value there. What keeps
two kernels apart is asked of whoever placed them: whether they can be one, and at what cost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from powerfusion.core._mlir import defining_op, entry_block, is_tensor, operations, segments, walk_numbered
from powerfusion.core.diagnostics import emit_remark
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_names import Names, pass_of
from powerfusion.passes.analysis.ledger_program import Entry, Given, ledger_of_op
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.placement.alike import Forms
from powerfusion.passes.placement.groups import Blocked
from powerfusion.passes.placement.model import Cost, Form, Program
from powerfusion.passes.placement.read import Handles, is_renaming
from powerfusion.passes.placement.search import Answer
from powerfusion.symbolic import Count, total


@dataclass(frozen=True)
class Edge:
    """A value that waits away from the units.

    Attributes:
        level: Where: dram or sram.
        words: What it is, and how it gets from where to where.
        bytes: What it moves there, useful bytes of writes and reads; None where sizes are open.
        reasons: What kept it there: per consumer, or of the value itself.
        location: Where the program asks for it.
    """

    level: str
    words: str
    bytes: Count | None
    reasons: tuple[str, ...]
    location: ir.Location = field(compare=False)

    @property
    def message(self) -> str:
        """The edge and what it costs."""
        return f"{self.words}: {'open sizes' if self.bytes is None else f'{self.bytes} B'}"


def emit_edges(edges: Iterable[Edge]) -> None:
    """Emits a remark for each edge, and its reasons as notes."""
    for edge in edges:
        emit_remark(edge.location, edge.message, *edge.reasons)


@dataclass(frozen=True)
class Placing:
    """How a block was placed, as far as reasons are read off it.

    Attributes:
        program: The block before, as numbers.
        answer: What the search chose.
        nodes: By kernel of the block as it is now, the kernels of the program that it was made from.
        ask: Whether some kernels can be one, and how: `form_of`.
        key: The order of costs; less is better.
    """

    program: Program
    answer: Answer
    nodes: Mapping[ir.Operation, Sequence[int]]
    ask: Callable[[Sequence[int]], Form | Blocked]
    key: Callable[[Cost], Any]

    @staticmethod
    def of(
        program: Program,
        handles: Handles,
        answer: Answer,
        made: Iterable[tuple[ir.Operation, Sequence[int]]],
        forms: Forms,
    ) -> Placing:
        """The placing of a block.

        Args:
            program: What was read.
            handles: What its numbers stand for.
            answer: What the search chose.
            made: Kernels that were emitted, and those that each was made from; all others are as they were.
            forms: What the search found, and asks for more.
        """
        pairs = list(made)
        gone = {node for _, nodes in pairs for node in nodes}
        pairs += [(op, (node,)) for node, op in enumerate(handles.nodes) if node not in gone]
        return Placing(program, answer, dict(pairs), partial(forms.form_of, program), forms.objective.key)


def edges_of(block: ir.Block, machine: Machine, placing: Placing, given: Given | None = None) -> Iterator[Edge]:
    """The edges of a placed block that stayed at `dram` or `sram`, in program order.

    Args:
        block: Of a function, after placing.
        machine: Which it was placed for.
        placing: How.
        given: Shapes of the function's arguments, where they are dynamic.
    """
    figures = _Figures.of(block, machine, given or {})
    for kernel in _kernels(block):
        yield from _handed(kernel, placing, figures)
        if "nest" in kernel.attributes:
            inside = _Inside(kernel, machine, figures)
            yield from inside.loaded_again()
            yield from inside.at_sram()


def _kernels(block: ir.Block) -> list[ir.Operation]:
    return [op for op in operations(block) if op.name == "gir.kernel"]


# -- bytes -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Figures:
    """The ledger's entries by instruction; `entries` is None where sizes are open."""

    numbers: Mapping[ir.Operation, int]
    entries: Mapping[int, Sequence[Entry]] | None

    @staticmethod
    def of(block: ir.Block, machine: Machine, given: Given) -> _Figures:
        module = block.owner.operation
        while module.parent is not None:
            module = module.parent.operation
        numbers = {op: number for number, op in walk_numbered(module)}
        try:
            ledger = ledger_of_op(module, machine, given)
        except UnsupportedError:
            return _Figures(numbers, None)
        entries: dict[int, list[Entry]] = {}
        for entry in ledger.entries:
            entries.setdefault(entry.instruction, []).append(entry)
        return _Figures(numbers, entries)

    def bytes(self, level: str, writers: Iterable[ir.Operation], readers: Iterable[ir.Operation]) -> Count | None:
        """Useful bytes that instructions write to and read from a level."""
        if self.entries is None:
            return None
        sides = [("write", op) for op in dict.fromkeys(writers)] + [("read", op) for op in dict.fromkeys(readers)]
        return total(
            entry.useful
            for direction, op in sides
            for entry in self.entries.get(self.numbers[op], ())
            if (entry.level, entry.direction) == (level, direction)
        )


def _movements_from(value: ir.Value) -> Iterator[ir.Operation]:
    """The instructions that move a value on, through views of it."""
    for use in value.uses:
        op = use.owner.operation
        if gir.movement(op) is not None:
            yield op
        elif op.results and gir.level_of(op.results[0].type) == gir.level_of(value.type):
            yield from _movements_from(op.results[0])


def _movement_to(value: ir.Value) -> ir.Operation | None:
    """The instruction that put a value where it is, through views."""
    op = defining_op(value)
    while op is not None and gir.movement(op) is None:
        op = defining_op(op.operands[0]) if op.operands else None
    return op


# -- from kernel to kernel ---------------------------------------------------------------------


def _handed(kernel: ir.Operation, placing: Placing, figures: _Figures) -> Iterator[Edge]:
    """What a kernel hands to others through `dram`."""
    returned = list(operations(entry_block(kernel))[-1].operands)
    for result, inner in zip(kernel.results, returned, strict=True):
        taken: dict[ir.Operation, list[ir.Value]] = {}
        for consumer, argument in _arguments(result) if is_tensor(result) else ():
            taken.setdefault(consumer, []).append(argument)
        if not taken:
            continue
        store = _movement_to(inner)
        readers = [op for arguments in taken.values() for argument in arguments for op in _movements_from(argument)]
        consumers = sorted(taken, key=lambda op: figures.numbers[op])
        yield Edge(
            "dram",
            f"{_name(kernel)} hands {_type_text(result)} to {_listed(map(_name, consumers))} through dram",
            figures.bytes("dram", [store] if store else [], readers),
            tuple(f"{_name(consumer)}: {_apart(kernel, consumer, placing)}" for consumer in consumers),
            (store or kernel).location,
        )


def _arguments(value: ir.Value) -> Iterator[tuple[ir.Operation, ir.Value]]:
    """The kernels that take a tensor of the function, or another name of it, and their arguments for it."""
    for use in value.uses:
        op = use.owner.operation
        if op.name == "gir.kernel":
            place = use.operand_number
            inputs = segments(op)[0]
            if place < len(inputs):
                yield op, entry_block(op).arguments[place]
        elif is_renaming(op):
            yield from _arguments(op.result)


def _apart(producer: ir.Operation, consumer: ir.Operation, placing: Placing) -> str:
    """Why two kernels aren't one."""
    first, second = (tuple(placing.nodes.get(op, ())) for op in (producer, consumer))
    if not first or not second:
        return "one of them came placed already"
    for node, op in [*((node, producer) for node in first), *((node, consumer) for node in second)]:
        kernel = placing.program.kernels[node]
        if kernel is not None and kernel.blocked:
            return f"{_name(op)} isn't placed: {kernel.blocked}"
    form = placing.ask(sorted({*first, *second}))
    if isinstance(form, Blocked):
        return f"they can't be one: {form.reason}"
    costs = {choice.nodes: choice.cost for choice in placing.answer.choices}
    apart = [costs.get(tuple(sorted(nodes))) for nodes in (first, second)]
    if any(cost is None for cost in apart):
        return f"as one they cost {cost_text(form.cost)}"
    before = sum((cost for cost in apart if cost is not None), Cost())
    figures = f"as one {cost_text(form.cost)}; apart {cost_text(before)}"
    if placing.key(before) <= placing.key(form.cost):
        return f"the search found it dearer: {figures}"
    if not placing.answer.exact:
        return f"the search was out of budget before it came to this: {figures}"
    return f"they would be cheaper as one, but all together aren't: {figures}"


def cost_text(cost: Cost) -> str:
    """A cost in words: what it takes by the model, what arrives from DRAM, what a core does."""
    time = f"{cost.time_ps / 1e6:.1f} us, " if cost.time_ps else ""
    return f"{time}{cost.arriving} B arriving, {cost.useful} B asked for, {cost.near} of work in the cores"


# -- inside of a placed kernel ------------------------------------------------------------------


class _Inside:
    """A placed kernel: its nest, and what its values run over."""

    def __init__(self, kernel: ir.Operation, machine: Machine, figures: _Figures) -> None:
        self.kernel, self.machine, self.figures = kernel, machine, figures
        self.body = entry_block(kernel)
        nest = gir.NestAttr(kernel.attributes["nest"])
        self.dims = {dim.name: dim for dim in gir.nest_dims(nest)}
        self.sweep = frozenset(nest.sweep)
        split = {dim.name for dim in self.dims.values() if dim.per_unit < dim.per_group}
        ops = [op for op in operations(self.body) if op.name != "gir.return"]
        self.names = Names(ops, frozenset(self.sweep | split))

    def loaded_again(self) -> Iterator[Edge]:
        """What is loaded from `dram` in several passes."""
        for argument in self.body.arguments:
            if not is_tensor(argument):
                continue
            loads = [op for op in _movements_from(argument) if gir.is_at(op.result, "reg")]
            passes = sorted({pass_of(op) for op in loads})
            if len(passes) > 1:
                yield Edge(
                    "dram",
                    f"{_name(self.kernel)} loads {_type_text(argument)} from dram in {_passes(passes)}",
                    self.figures.bytes("dram", [], loads),
                    (self._not_at_sram(loads[0].result),),
                    loads[0].location,
                )

    def at_sram(self) -> Iterator[Edge]:
        """What rests at `sram`."""
        for op in operations(self.body):
            if gir.movement(op) is None or not op.results or not gir.is_at(op.result, "sram"):
                continue
            readers = list(_movements_from(op.result))
            from_dram = gir.is_at(op.operands[0], "dram")
            way = "passes through" if from_dram else "rests at"
            yield Edge(
                "sram",
                f"{_type_text(op.result)} {way} sram in {_name(self.kernel)}",
                self.figures.bytes("sram", [op], readers),
                tuple(self._reasons(op, readers)),
                op.location,
            )

    def _reasons(self, writer: ir.Operation, readers: Sequence[ir.Operation]) -> Iterator[str]:
        """Why a value isn't at `reg` alone."""
        over = self._over(writer.result)
        passes = sorted({pass_of(op) for op in readers})
        first = passes[:1] if gir.is_at(writer.operands[0], "dram") else [pass_of(writer)]
        later = [number for number in passes if number not in first]
        swept = [name for name in self.dims if name in self.sweep and name in over]
        absent = [dim for dim in self.dims.values() if dim.name not in over and dim.name not in self.sweep]
        shared = [dim.name for dim in absent if dim.per_unit < dim.per_group]
        again = [dim.name for dim in absent if dim.per_step < dim.per_unit]
        if later and swept:
            yield (
                f"{_passes(later)} {'sweep' if len(later) > 1 else 'sweeps'} {_listed(swept)} again; "
                f"in registers a unit has a step of it, {self._held(over, 'reg', writer)} B"
            )
        if shared:
            yield f"the units of a group, which split {_listed(shared)}, share it"
        if again:
            yield f"each step of {_listed(again)} reads the same again"
        if not (later and swept) and not shared and not again:
            yield "by the search's model it isn't dearer than straight to registers"

    def _not_at_sram(self, value: ir.Value) -> str:
        """Why what later passes load again doesn't rest at `sram`."""
        space = self.machine.space_of("sram")
        open_ = [name for name in self._over(value) if self.dims[name].bound == gir.ALL]
        if open_:
            return f"the size of {_listed(open_)} is open and has no bound, so that no place at {space.name} holds it"
        held = self._held(self._over(value), "sram", defining_op(value))
        if space.usable_bytes is not None and held > space.usable_bytes:
            return f"a group's part of it, {held} B, doesn't fit at {space.name}, which holds {space.usable_bytes} B"
        return f"by the search's model that costs less than holding a group's part, {held} B, at {space.name}"

    def _over(self, value: ir.Value) -> list[str]:
        """The nest's dimensions that a value runs over."""
        names = (self.names.of(value, dim) for dim in range(value.type.rank))
        return [name for name in names if name]

    def _held(self, over: Sequence[str], level: str, op: ir.Operation | None) -> int:
        """Bytes of a value that are there at once: at `sram` of a group, all of what is swept; else of a step."""
        assert op is not None
        parts = (self._part(self.dims[name], level) for name in over)
        return math.prod(parts) * element_bytes(op.result)

    def _part(self, dim: gir.NestDim, level: str) -> int:
        if level == "reg":
            return dim.per_step
        units = -(-dim.per_group // dim.per_unit)
        return dim.per_group if dim.name in self.sweep else min(dim.per_step * units, dim.per_group)


# -- words -------------------------------------------------------------------------------------


def _name(kernel: ir.Operation) -> str:
    return ir.StringAttr(kernel.attributes["kernel_name"]).value


def _type_text(value: ir.Value) -> str:
    sizes = ["?" if size < 0 else str(size) for size in value.type.shape]
    return "x".join([*sizes, str(value.type.element_type)])


def _listed(words: Iterable[str]) -> str:
    return " and ".join(words)


def _passes(numbers: Sequence[int]) -> str:
    return _listed(f"pass {number}" for number in numbers)
