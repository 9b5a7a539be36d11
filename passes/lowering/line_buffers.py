"""Rows that begin anywhere, past the caches: a thread gathers near by what it writes, and whole lines of that leave.

    rows of 6 floats        aaaaaabbbbbbcccc|ccddddddeeeeeeff|ffff          a line is what is between two |
    gathered so far                              ccddddddeeeeee
    a row more                                   ccddddddeeeeee|ff|ffff     a line is whole, and leaves

What is gathered is as much of a buffer as follows on; a row that doesn't, as the first one of a thread, ends it. Then
what isn't a whole line leaves as any store does, and nothing else of its line is written: another thread may have that.
So results are right in whatever order rows come, and lines leave once where they come in the order of memory.

What is gathered begins with a page and ends within it, but for long rows: a store across two pages waits until all
before it have reached memory, and those past the caches take long (decision 0057).

State: where among the buffer's elements the lines near by begin, where what is gathered ends, and where that begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from powerfusion.core._mlir import (
    create,
    defining_op,
    element_of,
    entry_block,
    index_constant,
    integer_of,
    operations,
    segments,
)
from powerfusion.mlir import ir
from powerfusion.passes.analysis.arriving import GATHERED, GATHERED_BYTES
from powerfusion.passes.lowering.expansions import compare, module_block
from powerfusion.passes.lowering.extents import both
from powerfusion.passes.lowering.memory import (
    EQ,
    HALVES,
    SGE,
    SLT,
    Lanes,
    address_of,
    flat_of,
    in_pairs,
    index_vector,
    is_at_multiple,
    spread,
)
from powerfusion.passes.lowering.registers import element_bytes, lanes_of
from powerfusion.passes.lowering.shuffles import ANY, shuffle
from powerfusion.passes.lowering.vector_parts import LANES
from powerfusion.passes.scheduling.store_runs import LONGEST_BYTES, StoreRun, store_run
from powerfusion.passes.tiling.memrefs import is_contiguous
from powerfusion.passes.tiling.windows import index_op

LINE = 64
PAGE = 4096
FULL_BYTES = 3072  # at which what is gathered leaves: rows that aren't looked after still end before the page does
NOWHERE = -1  # where nothing is gathered, and no row begins
BEGIN, END, FIRST = 0, 1, 2
COLD = ("noinline", "cold")  # so that registers are saved where it is called, and not in the loops around


@dataclass(frozen=True)
class Place:
    """Where a row begins: so many elements behind what some indices say.

    Attributes:
        memref: Of what.
        indices: Those that aren't known, each with its dimension.
        shift: Elements.
    """

    memref: ir.Value
    indices: tuple[tuple[int, ir.Value], ...]
    shift: int

    @classmethod
    def of(cls, memref: ir.Value, indices: Sequence[ir.Value]) -> Place:
        """That of an element of a memref whose elements are side by side."""
        strides, _ = memref.type.get_strides_and_offset()
        found = [_parts_of(index) for index in indices]
        shift = sum(stride * known for stride, (_, known) in zip(strides, found, strict=True))
        return cls(memref, tuple((dim, value) for dim, (value, _) in enumerate(found) if value is not None), shift)


def _parts_of(index: ir.Value) -> tuple[ir.Value | None, int]:
    """An index as another one, or none, and a number."""
    known = integer_of(index)
    if known is not None:
        return None, known
    op = defining_op(index)
    if op is not None and op.name == "arith.addi" and (known := integer_of(op.operands[1])) is not None:
        return op.operands[0], known
    return index, 0


@dataclass(frozen=True)
class Last:
    """Rows that were put one behind the other, in a block.

    Attributes:
        block: Of what is emitted.
        place: Of the first one.
        start: The same as a number of elements.
        begin: Where the lines near by begin.
        count: How many elements they have.
    """

    block: ir.Block
    place: Place
    start: ir.Value
    begin: ir.Value
    count: int

    def is_met_by(self, place: Place, lanes: int, most: int) -> bool:
        """Whether a row surely follows on, and all together aren't more than some elements."""
        follows = place == replace(self.place, shift=self.place.shift + self.count)
        return follows and self.count + lanes <= most and self.block == ir.InsertionPoint.current.block


class LineBuffer:
    """What a thread gathers of what it writes to a memref.

    Attributes:
        last: What was put there last, as far as that is known where code is emitted.
        run: Where the lines near by begin, while rows are put that were looked after.
        flat: The memref's elements, one after the other.
        lines: Those near by.
        state: See above.
    """

    def __init__(self, dest: ir.Value, scratch: Callable[..., ir.Value]) -> None:
        self.element = element_of(dest.type)
        self.per_line = LINE // element_bytes(self.element)
        self.last: Last | None = None
        self.run: ir.Value | None = None
        room = GATHERED_BYTES + 2 * LONGEST_BYTES + LINE
        self.lines = scratch(ir.MemRefType.get([room // LINE * self.per_line], self.element), PAGE)
        self.state = scratch(ir.MemRefType.get([3], ir.IndexType.get()))
        with ir.InsertionPoint.after(self.state.owner):
            self.flat, _ = flat_of(dest, [])
            for place in (BEGIN, END, FIRST):
                self._set(place, index_constant(NOWHERE))
        self.write = _writer(self.flat.type, self.lines.type, self.state.type)

    def put(self, value: ir.Value, memref: ir.Value, indices: Sequence[ir.Value], count: ir.Value) -> None:
        """Adds a row, of which some lanes are there; what comes next takes the place of the others.

        Args:
            value: The row, as it is stored.
            memref: What it is stored to, a view of all of the buffer.
            indices: The place of its first element in that.
            count: How many lanes are there, the first ones.
        """
        known = integer_of(count)
        value = _in_registers(value, known)
        lanes = lanes_of(value.type.shape) if isinstance(value.type, ir.VectorType) else 1
        if self.run is not None:
            near = index_op("arith.subi", [flat_of(memref, indices)[1], self.run])
            Lanes(self.lines, [near], 0, lanes).store(value, mask=True)
            return
        last = self._begun(memref, indices, lanes)
        start = index_op("arith.addi", [last.start, index_constant(last.count)])
        near = index_op("arith.subi", [start, last.begin])
        Lanes(self.lines, [near], 0, lanes).store(value, mask=True)
        self._set(END, index_op("arith.addi", [start, count]))
        self.last = None if known is None else replace(last, count=last.count + known)

    def put_run(self, memref: ir.Value, indices: Sequence[ir.Value], count: int, emit: Callable[[], None]) -> None:
        """Emits what puts rows that follow on one another, so many elements in all from a place on.

        They are looked after before: where they are put, nothing but that is done.
        """
        last = self._begun(memref, indices, count + LANES)
        self.run = last.begin
        emit()
        self.run, self.last = None, replace(last, count=last.count + count)
        self._set(END, index_op("arith.addi", [last.start, index_constant(self.last.count)]))

    def _begun(self, memref: ir.Value, indices: Sequence[ir.Value], lanes: int) -> Last:
        """What a row follows on: what surely was before it, a few rows, or itself, once it has been looked after."""
        place = Place.of(memref, indices)
        if self.last is not None and self.last.is_met_by(place, lanes, self._elements(LONGEST_BYTES)):
            return self.last
        start = flat_of(memref, indices)[1]
        self._look_after(start, lanes)
        return Last(ir.InsertionPoint.current.block, place, start, self._get(BEGIN), 0)

    def _elements(self, size: int) -> int:
        """How many elements so many bytes hold."""
        return size // LINE * self.per_line

    def _look_after(self, start: ir.Value, lanes: int) -> None:
        """Writes what is gathered if a row doesn't follow on, or there is enough."""
        most = max(self._elements(FULL_BYTES), lanes + self.per_line)
        end = index_op("arith.addi", [start, index_constant(lanes)])
        near = index_op("arith.subi", [end, self._get(BEGIN)])
        follows = compare("arith.cmpi", EQ, start, self._get(END))
        goes_on = both(follows, compare("arith.cmpi", SLT, near, index_constant(most + 1)))
        _either(goes_on, None, lambda: self._leave(start))

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
                lambda: self._line(value, at),
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

    def _line(self, value: ir.Value, at: ir.Value) -> None:
        """A whole line, past the caches; by its address: of 16-bit floats it may begin at an odd one of a memref."""
        i64 = ir.IntegerType.get_signless(64)
        address = create("arith.index_cast", [address_of(self.flat, [at])], [i64]).result
        pointer = create("llvm.inttoptr", [address], [ir.Type.parse("!llvm.ptr")]).result
        given = in_pairs(value) if isinstance(self.element, HALVES) else value
        attributes = {"alignment": ir.IntegerAttr.get(i64, LINE), "nontemporal": ir.UnitAttr.get()}
        create("llvm.store", [given, pointer], [], attributes)

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


def run_of(loop: ir.Operation) -> StoreRun | None:
    """The gathered rows that a loop stores, if they are a few that follow on one another, and all that it gathers."""
    stores = [op for op in operations(entry_block(loop)) if op.name == "gir.store" and is_gathered(op)]
    return store_run(loop, stores)


def is_gathered(store: ir.Operation) -> bool:
    """Whether a store is marked, and to what there is before everything that a thread does in a kernel."""
    if GATHERED not in store.attributes:
        return False
    memref = viewed_whole(segments(store)[1][0])
    return defining_op(memref) is None and memref.owner.owner.name == "gir.kernel" and is_contiguous(memref)


def viewed_whole(memref: ir.Value) -> ir.Value:
    """What has all the elements of a memref, in their order: what it is a view of in another shape."""
    while (op := defining_op(memref)) is not None and op.name in ("memref.collapse_shape", "memref.expand_shape"):
        memref = op.operands[0]
    return memref
