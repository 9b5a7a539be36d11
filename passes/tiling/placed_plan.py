"""What tiling reads off a placed kernel before it emits anything, and whether it covers it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from powerfusion.core._mlir import DYNAMIC, entry_block, is_tensor, operations
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_names import Names, is_everywhere, over
from powerfusion.passes.tiling.placed_dims import PlacedDim, dims_of
from powerfusion.passes.tiling.placed_windows import NotCovered, Span, Spans, needs, stays


def is_fill(op: ir.Operation) -> bool:
    """Whether an op moves from dram to sram: once for a group."""
    return op.name == "gir.move" and gir.is_at(op.operands[0], "dram") and gir.is_at(op.result, "sram")


def is_rest(op: ir.Operation) -> bool:
    """Whether an op moves from reg to sram."""
    return op.name == "gir.move" and gir.is_at(op.operands[0], "reg") and gir.is_at(op.result, "sram")


def is_store(op: ir.Operation) -> bool:
    """Whether an op moves from reg to dram."""
    return op.name == "gir.move" and gir.is_at(op.operands[0], "reg") and gir.is_at(op.result, "dram")


class PlacedPlan:
    """A placed kernel: its nest, and what each of its ops runs over and when it happens.

    Attributes:
        dims: The nest's, outermost first.
        ops: The kernel's, in order.
        names: What values run over, and when ops happen.
    """

    def __init__(self, kernel: ir.Operation) -> None:
        self.kernel = kernel
        self.dims = dims_of(gir.NestAttr(kernel.attributes["nest"]))
        self.ops = operations(entry_block(kernel))
        shared = frozenset(dim.name for dim in self.dims if dim.swept or dim.units > 1)
        self.names = Names(self.ops, shared)

    def dim(self, name: str) -> PlacedDim:
        """The dimension of that name."""
        return next(dim for dim in self.dims if dim.name == name)

    # -- windows -----------------------------------------------------------------------------

    def own(self, value: ir.Value) -> Spans:
        """The nest's intervals of a value's dimensions; all of it where it runs over none, or over one step."""
        return tuple(self._own(value, at, size) for at, size in enumerate(value.type.shape))

    def _own(self, value: ir.Value, at: int, size: int) -> Span:
        name = self.names.of(value, at)
        if name is None or self.dim(name).is_one_step:
            if size == DYNAMIC:
                raise NotCovered("an open size that the nest doesn't name")
            return stays(0, size - 1)
        return Span(name, 1, 0, 0)

    def window(self, value: ir.Value) -> Spans:
        """The window of a value in a step."""
        return self.windows.get(value) or self.own(value)

    @cached_property
    def windows(self) -> dict[ir.Value, Spans]:
        """The windows of the values at reg that something needs.

        Raises:
            NotCovered: They can't be told.
        """
        found: dict[ir.Value, Spans] = {}
        for op in reversed(self.ops):
            for result in op.results:
                if result in self.names.kept and gir.is_at(result, "reg"):
                    _join(found, result, self.own(result))
            for value, spans in self._needed(op, found):
                if not gir.is_at(value, "reg") or is_everywhere(value):
                    continue
                there, now = self.names.when.get(value), self.names.happens[op]
                if there is None or now is None or there == now:
                    _join(found, value, spans)
                elif not all(own.holds(span) for own, span in zip(self.own(value), spans, strict=True)):
                    raise NotCovered("a value that is kept and needed beyond its step")
        return found

    def held(self, value: ir.Value) -> Spans:
        """What units need together of a value that is brought to sram: what a step has, and halos."""
        found = list(self.own(value))
        for use in value.uses:
            op = use.owner.operation
            if op.name != "gir.move" or op.result not in self.windows:
                continue
            for at, (mine, span) in enumerate(zip(found, self.windows[op.result], strict=True)):
                if mine.name is not None and mine.name == span.name and not self.dim(mine.name).swept:
                    found[at] = mine.joined(span)
        return tuple(found)

    def rolls(self, value: ir.Value) -> int | None:
        """Along which dimension a value at sram slides: that of the innermost loop that it moves with."""
        serial = [dim for dim in self.dims if dim.steps > 1 and not dim.swept and dim.name in self.runs_over(value)]
        found = zip(self.own(value), self.held(value), strict=True)
        at = (at for at, (mine, span) in enumerate(found) if span != mine and mine.name == serial[-1].name)
        return next(at, None) if serial else None

    def has_halos(self, value: ir.Value) -> bool:
        """Whether units need more of a value at sram than their steps have."""
        return self.held(value) != self.own(value)

    def _needed(self, op: ir.Operation, found: Mapping[ir.Value, Spans]) -> Iterator[tuple[ir.Value, Spans]]:
        if op in self.ends:
            over = op.result if op.name == "gir.move" else None
            tensors = [value for value in op.operands if is_tensor(value) and gir.is_at(value, "reg")]
            yield from ((value, self.own(value if over is None else over)) for value in tensors)
            return
        needed = [found[result] for result in op.results if result in found]
        if not needed:
            return
        if op.name != "gir.scan" and any(not _agree(one, needed[0]) for one in needed):
            raise NotCovered("results of one op of which different windows are needed")
        yield from needs(op, needed[0], self.own)

    @cached_property
    def ends(self) -> frozenset[ir.Operation]:
        """`work`, to look up."""
        return frozenset(self.work)

    # -- passes ------------------------------------------------------------------------------

    @cached_property
    def last(self) -> int:
        """The last pass."""
        return max((when.number for when in self.names.happens.values() if when), default=0)

    def dim_of(self, value: ir.Value, at: int) -> PlacedDim | None:
        """The nest's dimension that one of a value's runs over."""
        name = self.names.of(value, at)
        return None if name is None else self.dim(name)

    @cached_property
    def steps_together(self) -> bool:
        """Whether a group's units step together: they share what is at sram, or meet in steps that not all have."""
        serial = any(dim.units > 1 and dim.steps > 1 and not dim.swept for dim in self.dims)
        rests = any(is_fill(op) or is_rest(op) for op in self.ops)
        return bool(self.split) and (rests or (serial and self.meets))

    @cached_property
    def together(self) -> list[PlacedDim]:
        """The dimensions whose steps a group's units take together: what is at sram, or a meeting, moves with them."""
        if not self.steps_together:
            return []
        shared = {name for op in self.ops if is_fill(op) or is_rest(op) for name in self.runs_over(op.result)}
        serial = [dim for dim in self.dims if dim.steps > 1 and not dim.swept]
        inner = [at for at, dim in enumerate(serial) if dim.name in shared or (self.meets and dim.units > 1)]
        return serial[: inner[-1] + 1] if inner else []

    @cached_property
    def split(self) -> frozenset[str]:
        """The dimensions that units of a group have parts of."""
        return frozenset(dim.name for dim in self.dims if dim.units > 1)

    def joins(self, op: ir.Operation) -> bool:
        """Whether units combine in an op what each of them has."""
        return bool(self.names.combined(op) & self.split)

    @cached_property
    def meets(self) -> bool:
        """Whether units wait for each other: all must get there, also those that have nothing to do."""
        return any(map(self.joins, self.ops))

    @cached_property
    def measured(self) -> dict[str, tuple[ir.Value, int]]:
        """By name, a tensor at dram and its dimension that runs over it."""
        found: dict[str, tuple[ir.Value, int]] = {}
        for op in self.ops:
            for at, name in enumerate(over(op)):
                if name:
                    found.setdefault(name, (op.operands[0] if gir.is_at(op.operands[0], "dram") else op.result, at))
        return found

    @cached_property
    def work(self) -> list[ir.Operation]:
        """What ends a chain of computation: stores to dram and sram, assertions, combinations of steps."""
        return [
            op for op in self.ops if is_store(op) or is_rest(op) or op.name == "gir.assert" or self.names.combined(op)
        ]

    @cached_property
    def steps(self) -> list[ir.Operation]:
        """`work`, and what makes values that are kept for another time, in order."""
        return [op for op in self.ops if op in self.ends or self.keeps(op)]

    def keeps(self, op: ir.Operation) -> list[ir.Value]:
        """What an op makes that something at another time uses."""
        found = [value for value in op.results if value in self.names.kept and gir.is_at(value, "reg")]
        return [] if self.names.combined(op) or self.names.happens[op] is None else found

    def runs_over(self, value: ir.Value) -> frozenset[str]:
        """The nest's dimensions that a value runs over."""
        names = (self.names.of(value, at) for at in range(value.type.rank))
        return frozenset(name for name in names if name)

    def is_streaming(self, value: ir.Value) -> bool:
        """Whether a value passes by in several steps of a sweep."""
        return any(self.sweeps(name) for name in self.runs_over(value))

    def sweeps(self, name: str) -> bool:
        """Whether a unit takes one of the nest's dimensions in several steps of a sweep."""
        return self.dim(name).swept and self.dim(name).steps > 1

    def streams(self, op: ir.Operation) -> bool:
        """Whether an op happens in the steps of a sweep."""
        return bool(self.names.combined(op)) or any(
            self.is_streaming(value) for value in (*op.operands, *op.results) if is_tensor(value)
        )

    @cached_property
    def written_out(self) -> list[PlacedDim]:
        """What is swept step by step without a loop, for values that are kept over passes are all there at a time."""
        kept = [value for value in self.names.kept if gir.is_at(value, "reg") and self.is_streaming(value)]
        return [dim for dim in self.dims if dim.swept and dim.steps > 1] if kept else []


def _join(found: dict[ir.Value, Spans], value: ir.Value, spans: Spans) -> None:
    known = found.get(value)
    found[value] = spans if known is None else tuple(a.joined(b) for a, b in zip(known, spans, strict=True))


def _agree(one: Spans, other: Spans) -> bool:
    """Whether two results' windows are the same along what they have in common."""
    common = min(len(one), len(other))
    return one[:common] == other[:common]
