"""Rows that begin anywhere, past the caches: a thread gathers near by what it writes, and whole lines of that leave.

    rows of 6 floats        aaaaaabbbbbbcccc|ccddddddeeeeeeff|ffff          a line is what is between two |
    gathered so far                              ccddddddeeeeee
    a row more                                   ccddddddeeeeee|ff|ffff     a line is whole, and leaves

What is gathered is as much of a buffer as follows on; a row that doesn't, as the first one of a thread, ends it. Then
what isn't a whole line leaves as any store does, and nothing else of its line is written: another thread may have that.
So results are right in whatever order rows come, and lines leave once where they come in the order of memory.

State: where among the buffer's elements the lines near by begin, where what is gathered ends, and where that begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from powerfusion.core._mlir import create, element_of, index_constant, integer_of
from powerfusion.mlir import ir
from powerfusion.passes.analysis.arriving import GATHERED_BYTES
from powerfusion.passes.lowering.expansions import compare, module_block
from powerfusion.passes.lowering.extents import both
from powerfusion.passes.lowering.memory import EQ, SGE, SLT, Lanes, flat_of, index_vector, is_at_multiple, spread
from powerfusion.passes.lowering.registers import element_bytes, lanes_of
from powerfusion.passes.lowering.shuffles import ANY, shuffle
from powerfusion.passes.lowering.vector_parts import LANES
from powerfusion.passes.scheduling.stream_stores import LONGEST_ROW_BYTES
from powerfusion.passes.tiling.windows import index_op

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering

LINE = 64
NOWHERE = -1  # where nothing is gathered, and no row begins
BEGIN, END, FIRST = 0, 1, 2
COLD = ("noinline", "cold")  # so that registers are saved where it is called, and not in the loops around


class LineBuffer:
    """What a thread gathers of what it writes to a memref.

    Attributes:
        flat: The memref's elements, one after the other.
        lines: Those near by.
        state: See above.
    """

    def __init__(self, lowering: VectorLowering, dest: ir.Value) -> None:
        self.element = element_of(dest.type)
        self.per_line = LINE // element_bytes(self.element)
        room = GATHERED_BYTES + LONGEST_ROW_BYTES + LINE
        self.lines = lowering.scratch(ir.MemRefType.get([room // LINE * self.per_line], self.element))
        self.state = lowering.scratch(ir.MemRefType.get([3], ir.IndexType.get()))
        with ir.InsertionPoint.after(self.state.owner):
            self.flat, _ = flat_of(dest, [])
            for place in (BEGIN, END, FIRST):
                self._set(place, index_constant(NOWHERE))
        self.write = _writer(self.flat.type, self.lines.type, self.state.type)

    def put(self, value: ir.Value, start: ir.Value, count: ir.Value) -> None:
        """Adds a row, of which some lanes are there; what comes next takes the place of the others.

        Args:
            value: The row, as it is stored.
            start: The place of its first element in the memref's.
            count: How many lanes are there, the first ones.
        """
        value = _in_registers(value, integer_of(count))
        lanes = lanes_of(value.type.shape) if isinstance(value.type, ir.VectorType) else 1
        most = max(GATHERED_BYTES // LINE * self.per_line, lanes + self.per_line)
        end = index_op("arith.addi", [start, index_constant(lanes)])
        near = index_op("arith.subi", [end, self._get(BEGIN)])
        follows = compare("arith.cmpi", EQ, start, self._get(END))
        goes_on = both(follows, compare("arith.cmpi", SLT, near, index_constant(most + 1)))
        _either(goes_on, None, lambda: self._leave(start))
        place = index_op("arith.subi", [start, self._get(BEGIN)])
        Lanes(self.lines, [place], 0, lanes).store(value, mask=True)
        self._set(END, index_op("arith.addi", [start, count]))

    def finish(self) -> None:
        """Writes what is left."""
        self._leave(index_constant(NOWHERE))

    def _leave(self, start: ir.Value) -> None:
        given = [self.flat, self.lines, self.state, start]
        create("func.call", given, [], {"callee": self.write})

    def _get(self, place: int) -> ir.Value:
        return create("memref.load", [self.state, index_constant(place)], [ir.IndexType.get()]).result

    def _set(self, place: int, value: ir.Value) -> None:
        create("memref.store", [value, self.state, index_constant(place)])


def _in_registers(value: ir.Value, count: int | None) -> ir.Value:
    """The lanes of a row that are there, and anything behind them up to whole registers: none is masked then."""
    if not isinstance(value.type, ir.VectorType):
        return value
    lanes = lanes_of(value.type.shape) if count is None else max(count, 1)
    rest = lanes % LANES
    more = (1 << (rest - 1).bit_length()) - rest if rest else 0
    return shuffle(value, value, [*range(lanes), *[ANY] * more])


def _writer(flat: ir.Type, lines: ir.Type, state: ir.Type) -> ir.FlatSymbolRefAttr:
    """The function of a module that writes what is gathered, and begins anew where a row does."""
    element = element_of(flat)
    symbol = f"gir_write_lines_{element}"
    block = module_block()
    for op in block.operations:
        if op.operation.name == "func.func" and ir.StringAttr(op.operation.attributes["sym_name"]).value == symbol:
            return ir.FlatSymbolRefAttr.get(symbol)
    inputs = [flat, lines, state, ir.IndexType.get()]
    attributes: dict[str, ir.Attribute] = {
        "sym_name": ir.StringAttr.get(symbol),
        "sym_visibility": ir.StringAttr.get("private"),
        "llvm.linkage": ir.Attribute.parse("#llvm.linkage<internal>"),
        "passthrough": ir.ArrayAttr.get([ir.StringAttr.get(name) for name in COLD]),
        "function_type": ir.TypeAttr.get(ir.FunctionType.get(inputs, [])),
    }
    with ir.InsertionPoint(block):
        function = create("func.func", attributes=attributes, regions=1)
        body = function.regions[0].blocks.append(*inputs, arg_locs=[function.location] * len(inputs))
        with ir.InsertionPoint(body):
            _Writing(*body.arguments).emit()
            create("func.return")
    return ir.FlatSymbolRefAttr.get(symbol)


class _Writing:
    """The body of that function."""

    def __init__(self, flat: ir.Value, lines: ir.Value, state: ir.Value, start: ir.Value) -> None:
        self.flat, self.lines, self.state, self.start = flat, lines, state, start
        self.element = element_of(flat.type)
        self.size = element_bytes(self.element)
        self.per_line = LINE // self.size
        self.row = ir.VectorType.get([self.per_line], self.element)

    def emit(self) -> None:
        """Whole lines leave, and parts of others; but that of the last one stays where a row follows on."""
        begin, end, first = (
            create("memref.load", [self.state, index_constant(at)], [ir.IndexType.get()]).result
            for at in (BEGIN, END, FIRST)
        )
        follows = compare("arith.cmpi", EQ, self.start, end)
        last = index_op("arith.maxsi", [self._line_of(end), begin])
        aligned = is_at_multiple(self.flat, [begin], LINE)
        loop = create("scf.for", [begin, end, index_constant(self.per_line)], regions=1)
        block = loop.regions[0].blocks.append(ir.IndexType.get(), arg_locs=[loop.location])
        with ir.InsertionPoint(block):
            at = block.arguments[0]
            begins = compare("arith.cmpi", SGE, at, first)
            ends = compare("arith.cmpi", SGE, last, index_op("arith.addi", [at, index_constant(self.per_line)]))
            line = index_op("arith.subi", [at, begin])
            value = create("vector.load", [self.lines, line], [self.row]).result
            _either(
                _and(_and(begins, ends), aligned),
                lambda: Lanes(self.flat, [at], 0, self.per_line).store_pieces(value, LINE),
                lambda: _either(_and(follows, _not(ends)), None, lambda: self._part(value, at, first, end)),
            )
            create("scf.yield")

        def keep() -> None:
            value = create("vector.load", [self.lines, index_op("arith.subi", [last, begin])], [self.row]).result
            create("vector.store", [value, self.lines, index_constant(0)])

        _either(follows, keep, None)
        kept = index_op("arith.maxsi", [first, last])
        for place, value in (
            (BEGIN, _chosen(follows, last, self._line_of(self.start))),
            (END, self.start),
            (FIRST, _chosen(follows, kept, self.start)),
        ):
            create("memref.store", [value, self.state, index_constant(place)])

    def _line_of(self, place: ir.Value) -> ir.Value:
        """Where the line begins that an element is in, by the address of the memref."""
        base = create("memref.extract_aligned_pointer_as_index", [self.flat], [ir.IndexType.get()]).result
        shift = index_op("arith.divui", [base, index_constant(self.size)])
        ahead = index_op("arith.addi", [place, shift])
        return index_op("arith.subi", [place, index_op("arith.andi", [ahead, index_constant(self.per_line - 1)])])

    def _part(self, value: ir.Value, at: ir.Value, first: ir.Value, end: ir.Value) -> None:
        """Of a line what is gathered, and nothing beside that."""
        lanes = index_vector(self.per_line)
        low, high = (spread(index_op("arith.subi", [place, at]), lanes.type) for place in (first, end))
        there = _and(compare("arith.cmpi", SGE, lanes, low), compare("arith.cmpi", SLT, lanes, high))
        Lanes(self.flat, [at], 0, self.per_line).store(value, there)


def _either(flag: ir.Value, true: Callable[[], None] | None, false: Callable[[], None] | None) -> None:
    """A branch whose sides do something, or nothing."""
    branch = create("scf.if", [flag], regions=2)
    for region, emit in zip(branch.regions, (true, false), strict=True):
        with ir.InsertionPoint(region.blocks.append()):
            if emit is not None:
                emit()
            create("scf.yield")


def _and(left: ir.Value, right: ir.Value) -> ir.Value:
    return create("arith.andi", [left, right], [left.type]).result


def _not(flag: ir.Value) -> ir.Value:
    true = create("arith.constant", results=[flag.type], attributes={"value": ir.BoolAttr.get(True)}).result
    return create("arith.xori", [flag, true], [flag.type]).result


def _chosen(flag: ir.Value, true: ir.Value, false: ir.Value) -> ir.Value:
    return create("arith.select", [flag, true, false], [true.type]).result
