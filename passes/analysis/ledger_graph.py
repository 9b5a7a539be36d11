"""Graph form without a nest, counted: each movement executes once, on the whole value.

A value at `dram` is a kernel's input, a part of one through views, or what a movement stores: that
lies where the kernel's results put it, else in a tensor of its own. Views change addresses only:

    move (slice %x [1, 0] [4, 3] [2, 4])     4 x 3 elements of %x, two rows and four columns apart
    %m = move ...; return (concat %m, %m)    two stores, each to its place in the result
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from powerfusion.core._mlir import defining_op, entry_block, integers, mixed, operations, segments
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.extents import Extents
from powerfusion.passes.analysis.ledger_access import Access, Box, Buffer, Cells, Scope, place_of
from powerfusion.passes.analysis.ledger_bytes import EXPRESSIONS
from powerfusion.passes.analysis.ledger_cells import addresses_of, stored_at
from powerfusion.passes.analysis.ledger_numbers import Number, UnknownIndex, add, multiply
from powerfusion.passes.analysis.ledger_record import Recorder
from powerfusion.passes.analysis.ledger_views import permuted, reshaped, row_major, sliced, windowed
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.symbolic import Count, Polynomial


@dataclass
class GraphLook:
    """Where the values of a kernel in graph form are.

    Attributes:
        kernel: A `gir.kernel` or `gir.extern`.
        sizes: The sizes of the function around it.
        known: Buffers of values at `dram`.
        assumed: What open sizes are taken to be, where only a bound is known.
    """

    kernel: ir.Operation
    sizes: Extents
    known: dict[ir.Value, Buffer] = field(default_factory=dict)
    assumed: dict[str, int] = field(default_factory=dict)

    def number(self, value: ir.Value) -> Number:
        """An index value of the kernel."""
        return self._assume(self.sizes.index_inside(self.kernel, value))

    def shape(self, value: ir.Value) -> tuple[Number, ...]:
        """The shape of a tensor in the kernel."""
        return tuple(map(self._assume, self.sizes.shape_inside(self.kernel, value)))

    def _assume(self, count: Count) -> Count:
        """A count, with what open sizes are taken to be."""
        if isinstance(count, Polynomial) and count.symbols <= self.assumed.keys():
            return count.evaluate(self.assumed)
        return count

    def part(self, value: ir.Value) -> tuple[Number, ...] | None:
        """All of a value."""
        del value
        return None

    def begin(self, value: ir.Value) -> tuple[Number, ...]:
        """The beginning."""
        return (0,) * len(self.shape(value))

    def accessed(self, value: ir.Value, op: ir.Operation, direction: str) -> Iterator[Access]:
        """What a movement reads or writes: a whole value, a stored one once per place."""
        if op.name == "gir.extern":
            yield self._outside(value, direction)
            return
        at = place_of(value)
        if at.level == "dram" and direction == "write":
            yield from self._stored(value, op)
        elif at.level == "dram":
            yield self._read(value)
        else:
            box = Box(value, 0, row_major(self.shape(value))) if at.level == "sram" else None
            yield Access(at, direction, self.shape(value), element_bytes(value), box)

    def _read(self, value: ir.Value) -> Access:
        """A whole value at `dram`."""
        at, element = place_of(value), element_bytes(value)
        try:
            buffer = self.buffer(value)
        except UnknownIndex:
            cells = addresses_of(value, self)
            if cells is not None:
                return Access(at, "read", (), element, cells=Cells((cells.reshape(-1),)))
            return anywhere(at, "read", self.shape(value), element)
        return Access(at, "read", buffer.sizes, element, buffer.box([0] * len(buffer.sizes)))

    def _stored(self, value: ir.Value, op: ir.Operation) -> Iterator[Access]:
        """A whole value that is moved to `dram`, to each of its places."""
        try:
            places = self.places(value)
        except UnknownIndex:
            for cells in self.stored_cells(value, op):
                there = cells[cells >= 0]
                yield Access(place_of(value), "write", (), element_bytes(value), cells=Cells((there,)))
            return
        for place in places:
            yield Access(place_of(value), "write", place.sizes, place.element, place.box([0] * len(place.sizes)))

    def stored_cells(self, value: ir.Value, op: ir.Operation) -> list[np.ndarray]:
        """Where the results put a stored value, element by element.

        Raises:
            UnsupportedError: Sizes are open, or too many elements.
        """
        end = operations(entry_block(self.kernel))[-1]
        found = stored_at(value, list(end.operands), self)
        if found is None:
            raise UnsupportedError(
                "a store to places that aren't regular can't be counted while sizes are open",
                location=op.location,
                help="give the shapes of the arguments",
            )
        return found

    def _outside(self, value: ir.Value, direction: str) -> Access:
        """An operand or result of a library operator, whole."""
        if value in list(entry_block(self.kernel).arguments):
            shape, at = self.shape(value), place_of(value)
        else:
            shape, at = tuple(self.sizes.shape(value)), gir.at("dram")
        return Access(at, direction, shape, element_bytes(value), Box(value, 0, row_major(shape)))

    # -- where values at dram are ----------------------------------------------------------------

    def buffer(self, value: ir.Value) -> Buffer:
        """Where a value at `dram` is.

        Raises:
            UnknownIndex: In several places, or its addresses aren't regular.
        """
        if value not in self.known:
            self.known[value] = self._buffer(value)
        return self.known[value]

    def _buffer(self, value: ir.Value) -> Buffer:
        op = defining_op(value)
        if op is None:
            return replace(self._own(value), root=self.root(value))
        match op.name:
            case "gir.permute":
                return permuted(self.buffer(op.operands[0]), integers(op.attributes["perm"]))
            case "gir.slice":
                offsets, sizes, steps = self.cut(op, 1)
                return sliced(self.buffer(op.operands[0]), offsets, sizes, steps, integers(op.attributes["drop"]))
            case "gir.window":
                dims, widths, steps, dilations = (integers(op.attributes[name]) for name in WINDOW)
                return windowed(self.buffer(op.operands[0]), dims, widths, steps, dilations, self.shape(value))
            case "gir.broadcast":
                return self._repeated(op)
            case "gir.reshape":
                return reshaped(self.buffer(op.operands[0]), self.shape(value))
            case "gir.concat" if len(op.operands) == 1:
                return self.buffer(op.operands[0])
            case "gir.scatter":
                return self.buffer(op.operands[1])
            case "gir.move":
                return self._own(value)
            case _:
                raise UnknownIndex(f"where a value of '{op.name}' is")

    def root(self, argument: ir.Value) -> object:
        """What two inputs of the kernel that are one tensor have in common."""
        return segments(self.kernel)[0][list(entry_block(self.kernel).arguments).index(argument)]

    def _repeated(self, op: ir.Operation) -> Buffer:
        source = self.buffer(op.operands[0])
        new = integers(op.attributes["dims"])
        inner = iter(source.strides)
        shape = self.shape(op.result)
        strides = tuple(0 if dim in new else next(inner) for dim in range(len(shape)))
        return replace(source, sizes=shape, strides=strides)

    def cut(self, op: ir.Operation, first: int) -> list[list[Number]]:
        """Offsets, sizes and strides of a box."""
        names = ("static_offsets", "static_sizes", "static_strides")
        return [
            [value if isinstance(value, int) else self.number(value) for value in mixed(op, dynamic, name)]
            for dynamic, name in zip(segments(op)[first : first + 3], names, strict=True)
        ]

    # -- where what is stored goes ---------------------------------------------------------------

    def places(self, value: ir.Value) -> list[Buffer]:
        """Where the results put a stored value, else a tensor of its own; sizes are those of what is put there."""
        found = list(self._places(value))
        if found:
            return found
        return [self._own(value)]

    def _own(self, value: ir.Value) -> Buffer:
        """A tensor of a value's own."""
        shape = self.shape(value)
        return Buffer(value, place_of(value), element_bytes(value), 0, shape, row_major(shape))

    def _places(self, value: ir.Value) -> Iterator[Buffer]:
        for use in value.uses:
            op, number = use.owner.operation, use.operand_number
            if op.name in ("gir.return", "gir.yield"):
                yield from self._ends(value, op, number)
                continue
            if op.name not in PLACING or (op.name in ONLY_DEST and number != ONLY_DEST[op.name]):
                continue
            for place in self._places(op.results[0]):
                yield self._part(place, op, number)

    def _ends(self, value: ir.Value, end: ir.Operation, number: int) -> Iterator[Buffer]:
        if end.name == "gir.return":
            result = self.kernel.results[number]
            shape = tuple(map(self._assume, self.sizes.shape(result)))
            yield Buffer(result, place_of(value), element_bytes(value), 0, shape, row_major(shape))
        elif end.parent is not None and end.parent.operation.name == "gir.alternatives":
            yield from self._places(end.parent.operation.results[number])

    def _part(self, place: Buffer, op: ir.Operation, number: int) -> Buffer:
        """Where operand `number` of an op goes whose result goes to `place`."""
        match op.name:
            case "gir.permute":
                perm = integers(op.attributes["perm"])
                return permuted(place, [perm.index(dim) for dim in range(len(perm))])
            case "gir.reshape":
                return reshaped(place, self.shape(op.operands[0]))
            case "gir.concat":
                return self._beside(place, op, number)
            case "gir.insert" if number == 0:
                offsets, sizes, steps = self.cut(op, 2)
                return sliced(place, offsets, sizes, steps, integers(op.attributes["drop"]))
            case "gir.slice":
                return _with_dims(place, integers(op.attributes["drop"]))
            case _:
                return place

    def _beside(self, place: Buffer, op: ir.Operation, number: int) -> Buffer:
        dim = ir.IntegerAttr(op.attributes["dim"]).value
        before: Number = 0
        for operand in list(op.operands)[:number]:
            before = add(before, self.shape(operand)[dim])
        offset = add(place.offset, multiply(before, place.strides[dim]))
        sizes = (*place.sizes[:dim], self.shape(op.operands[number])[dim], *place.sizes[dim + 1 :])
        return replace(place, offset=offset, sizes=sizes)


def anywhere(at: gir.AtAttr, direction: str, counts: Sequence[Number], element: int) -> Access:
    """Elements of which it isn't known where they are: at most each is in granules of its own."""
    return Access(at, direction, tuple(counts), element, Box(None, 0, ()), scattered=True, exact=False)


def _with_dims(place: Buffer, dims: list[int]) -> Buffer:
    """A buffer with further dimensions of size 1."""
    sizes, strides = list(place.sizes), list(place.strides)
    for dim in dims:
        sizes.insert(dim, 1)
        strides.insert(dim, 0)
    return replace(place, sizes=tuple(sizes), strides=tuple(strides))


WINDOW = ("dims", "sizes", "strides", "dilations")
PLACING = ("gir.permute", "gir.reshape", "gir.concat", "gir.insert", "gir.slice", "gir.scatter")
ONLY_DEST = {"gir.scatter": 1}


def count_graph(kernel: ir.Operation, sizes: Extents, recorder: Recorder, scope: Scope) -> None:
    """Records what a kernel without a nest, or a library operator, moves."""
    look = GraphLook(kernel, sizes)
    if kernel.name == "gir.extern":
        recorder.record(kernel, kernel, EXPRESSIONS[kernel.name](kernel, look), scope)
        return
    for op in body_of(entry_block(kernel)):
        if op.name in EXPRESSIONS and not recorder.stays(op):
            recorder.record(op, kernel, EXPRESSIONS[op.name](op, look), scope)
        recorder.compute(op, kernel, scope, look.shape)


def body_of(block: ir.Block) -> Iterator[ir.Operation]:
    """The ops of a body in graph form; of alternatives the first."""
    for op in operations(block):
        if op.name == "gir.alternatives":
            yield from body_of(entry_block(op))
        else:
            yield op
