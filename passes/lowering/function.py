"""Functions on the CPU: re-emitted op by op through the table of lowerings, with their memory and how they fail.

A kernel that is launched takes its memrefs and numbers, and one more memref<1xi64> that receives the number of an
assertion that failed, from 1, or `NO_MEMORY`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import (
    attributes_of,
    create,
    defining_op,
    entry_block,
    i32_array,
    index_constant,
    operations,
)
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.computation import ELEMENTWISE
from powerfusion.passes.lowering.elementwise import elementwise
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.lifetimes import Lifetimes
from powerfusion.passes.lowering.line_buffers import LineBuffer, viewed_whole
from powerfusion.passes.lowering.memory import NE, SGE, host_memref, to_register
from powerfusion.passes.lowering.partials import Partial
from powerfusion.passes.lowering.reductions import Accumulator
from powerfusion.passes.lowering.registers import Rows, Tile, check_size
from powerfusion.passes.lowering.registry import lowering_of
from powerfusion.passes.tiling.tile import ALIGNMENT

NO_MEMORY = -1
NEGATIVE_SIZE = "expected sizes that aren't negative"
CLONED = ("arith.", "affine.", "math.", "memref.", "index.")


@dataclass
class VectorLowering:
    """Lowers one function; lowerings of single ops use its environment.

    Attributes:
        values: What each old value has become: a value, a tile's rows, or an accumulator under way.
        messages: The messages of assertions, numbered from 1.
        callees: The new functions of kernels that can be launched, by name.
        status: The memref that receives the number of a failed assertion.
        depth: How many parallels are around what is being emitted.
        threads: How many of them run on several threads.
        buffers: Buffers that end with a block, for each block that is being emitted.
        scopes: Where a thread's part of a kernel begins, and how many blocks are around it.
        gathered: In each of them, what is gathered in lines, by what it is written to.
    """

    function: ir.Operation
    serial_below: int
    values: dict[ir.Value, Tile | Accumulator | Partial] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    callees: dict[str, ir.Operation] = field(default_factory=dict)
    status: ir.Value | None = None
    depth: int = 0
    threads: int = 0
    buffers: list[list[ir.Value]] = field(default_factory=list)
    scopes: list[tuple[ir.Operation, int]] = field(default_factory=list)
    gathered: list[dict[ir.Value, LineBuffer]] = field(default_factory=list)

    # -- environment for lowerings -----------------------------------------------------------

    def value(self, old: ir.Value) -> Tile:
        """What an old value has become; an accumulator under way is finished on the spot."""
        new = self.values[old]
        assert not isinstance(new, Partial), f"expected {old} to be folded into alone"
        return new.finish(ir.Location.unknown()) if isinstance(new, Accumulator) else new

    def scalar(self, old: ir.Value) -> ir.Value:
        """What an old value has become that isn't a tile of several rows."""
        new = self.value(old)
        assert not isinstance(new, Rows), f"expected one value for {old}"
        return new

    def bind(self, old: Sequence[ir.Value], new: Sequence[Tile | Accumulator | Partial]) -> None:
        """Records what old values have become."""
        self.values.update(zip(old, new, strict=True))

    def emit_block(self, block: ir.Block) -> None:
        """Emits every op of a block but its terminator; its buffers end with it."""
        self.open_buffers()
        for op in operations(block)[:-1]:
            self.emit(op)
        self.close_buffers()

    def emit_scope(self, emit: Callable[[], None]) -> None:
        """Emits what a thread runs from its beginning to its end; then what it has gathered is written."""
        self.scopes.append((create("ub.poison", results=[ir.IndexType.get()]), len(self.buffers)))
        self.gathered.append({})
        self.open_buffers()
        emit()
        for lines in self.gathered.pop().values():
            lines.finish()
        self.close_buffers()
        self.scopes.pop()

    def lines_of(self, dest: ir.Value) -> LineBuffer:
        """What a thread gathers of what it writes to a memref."""
        found, dest = self.gathered[-1], viewed_whole(dest)
        if dest not in found:
            found[dest] = LineBuffer(dest, self.scratch)
        return found[dest]

    def scratch(self, type_: ir.MemRefType, alignment: int = ALIGNMENT) -> ir.Value:
        """A buffer of a thread's own, made once, that begins at a multiple of some bytes."""
        beginning, level = self.scopes[-1]
        multiple = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), alignment)
        attributes = {"alignment": multiple, "operandSegmentSizes": i32_array([0, 0])}
        with ir.InsertionPoint(beginning):
            buffer = create("memref.alloc", [], [type_], attributes).result
        self.buffers[level].append(buffer)
        return buffer

    def open_buffers(self) -> None:
        """Begins a block."""
        self.buffers.append([])

    def close_buffers(self) -> None:
        """Ends a block: frees what was allocated in it."""
        for buffer in self.buffers.pop():
            create("memref.dealloc", [buffer])

    def fail_unless(self, condition: ir.Value, message: str) -> None:
        """Records a failure where a condition doesn't hold; goes on all the same."""
        flag = condition.type
        true = create("arith.constant", results=[flag], attributes={"value": ir.IntegerAttr.get(flag, 1)}).result
        failed = create("arith.xori", [condition, true], [flag]).result
        branch = create("scf.if", [failed], regions=2)
        with ir.InsertionPoint(branch.regions[0].blocks.append()):
            self.store_status(self.number_of(message))
            create("scf.yield")

    def number_of(self, message: str) -> int:
        """The number of an assertion, from 1."""
        if message not in self.messages:
            self.messages.append(message)
        return self.messages.index(message) + 1

    def store_status(self, number: int) -> None:
        """Says how the function went."""
        create("memref.store", [i64_constant(number), self.status, index_constant(0)])

    # -- the function ------------------------------------------------------------------------

    def run(self) -> None:
        """Emits the new function and erases the old one."""
        block = entry_block(self.function)
        status = ir.MemRefType.get([1], ir.IntegerType.get_signless(64))
        types = [*(host_memref(argument.type) for argument in block.arguments), status]
        results = [host_memref(value.type) for value in operations(block)[-1].operands]
        with ir.InsertionPoint(self.function), self.function.location:
            name = ir.StringAttr(self.function.attributes["sym_name"]).value
            new, entry = begin_function(name, types, results)
            new.attributes["sym_visibility"] = ir.StringAttr.get("private")
            self.status = entry.arguments[len(types) - 1]
            self.bind(block.arguments, list(entry.arguments)[:-1])
            self.emit_body(entry, block)
            self.callees[name] = new
        self.function.erase()

    def emit_body(self, entry: ir.Block, block: ir.Block) -> None:
        """Emits what the function does, given what its arguments have become."""
        self.region_block = entry
        self.lifetimes = Lifetimes(block)
        body = operations(block)
        self.open_buffers()
        for op in body[:-1]:
            with op.location:
                match op.name:
                    case "cf.assert":
                        condition, message = self.scalar(op.operands[0]), ir.StringAttr(op.attributes["msg"]).value
                        self.leave_unless(condition, self.number_of(message), self.lifetimes.live_at(op))
                        continue
                    case "memref.alloc":
                        self._check_sizes(op)
                        self.allocate(op)
                    case _:
                        with ir.InsertionPoint(self.region_block):
                            self.emit(op)
            with ir.InsertionPoint(self.region_block), op.location:
                for dead in self.lifetimes.ending_at(op):
                    self.give_back(dead)
        with body[-1].location:
            with ir.InsertionPoint(self.region_block):
                self.close_buffers()
            self.emit_return(body[-1])

    def allocate(self, op: ir.Operation) -> None:
        """Memory of the function's own; leaves the function where there is none."""
        with ir.InsertionPoint(self.region_block):
            self.emit(op)
            place = create("memref.extract_aligned_pointer_as_index", [self.scalar(op.result)], [ir.IndexType.get()])
            there = compare("arith.cmpi", NE, place.result, index_constant(0))
        self.leave_unless(there, NO_MEMORY, self.lifetimes.live_at(op))

    def give_back(self, memory: ir.Value) -> None:
        """Frees what was allocated."""
        create("memref.dealloc", [self.scalar(memory)])

    def emit_return(self, op: ir.Operation) -> None:
        """Leaves the function with its results."""
        with ir.InsertionPoint(self.region_block):
            create("func.return", [self.scalar(value) for value in op.operands])

    def _check_sizes(self, op: ir.Operation) -> None:
        """Leaves the function where a size of a buffer has come out negative."""
        for size in filter(_may_be_negative, op.operands):
            with ir.InsertionPoint(self.region_block):
                fits = compare("arith.cmpi", SGE, self.scalar(size), index_constant(0))
            self.leave_unless(fits, self.number_of(NEGATIVE_SIZE), self.lifetimes.live_at(op))

    def leave_unless(self, condition: ir.Value, number: int, live: Sequence[ir.Value]) -> None:
        """Leaves the function at once where a condition fails: what follows may rely on it.

        Args:
            condition: An i1.
            number: How the function says why.
            live: What is allocated by then.
        """
        region = self.region_block.region
        goes_on = region.blocks.append()
        fails = region.blocks.append()
        with ir.InsertionPoint(self.region_block):
            create_branch(condition, goes_on, fails)
        with ir.InsertionPoint(fails):
            for value in live:
                self.give_back(value)
            self.leave(number)
        self.region_block = goes_on

    def leave(self, number: int) -> None:
        """Returns because of a failure."""
        self.store_status(number)
        function_type = ir.FunctionType(ir.TypeAttr(self.region_block.owner.attributes["function_type"]).value)
        poison = [create("ub.poison", results=[type_], attributes={}).result for type_ in function_type.results]
        create("func.return", poison)

    # -- ops ---------------------------------------------------------------------------------

    def emit(self, op: ir.Operation) -> None:
        """Emits one op: through the table, or as it is where it needs no lowering."""
        on_tiles = op.name.startswith(("arith.", "math.")) and any(_is_shaped(r) for r in op.results)
        lowering = lowering_of(ELEMENTWISE if on_tiles else op.name, "vector")
        for result in op.results:
            check_size(result.type, op.location)
        with op.location:
            if lowering is not None:
                lowering(self, op)
            elif op.name.startswith(("arith.", "math.")):
                types = [result.type for result in op.results]
                operands = [self.scalar(operand) for operand in op.operands]
                self.bind(op.results, elementwise(op.name, operands, types, attributes_of(op), op.location))
            elif op.name.startswith(CLONED):
                self._clone(op)
            else:
                raise UnsupportedError(f"'{op.name}' can't be lowered to the CPU", location=op.location)

    def _clone(self, op: ir.Operation) -> None:
        operands = [self.scalar(operand) for operand in op.operands]
        if op.name == "memref.load":  # Of i1 the memory holds bytes.
            kept = [operands[0].type.element_type]
            self.bind(op.results, [to_register(create(op.name, operands, kept).result, op.result.type)])
            return
        types = [host_memref(result.type) for result in op.results]
        made = create(op.name, operands, types, attributes_of(op))
        self.bind(op.results, list(made.results))


def begin_function(name: str, types: Sequence[ir.Type], results: Sequence[ir.Type]) -> tuple[ir.Operation, ir.Block]:
    """Makes a function at the insertion point; gives its entry block as well."""
    attributes: dict[str, ir.Attribute] = {
        "sym_name": ir.StringAttr.get(name),
        "function_type": ir.TypeAttr.get(ir.FunctionType.get(list(types), list(results))),
    }
    new = create("func.func", attributes=attributes, regions=1)
    return new, new.regions[0].blocks.append(*types, arg_locs=[new.location] * len(types))


def i64_constant(value: int) -> ir.Value:
    """A constant of type i64."""
    i64 = ir.IntegerType.get_signless(64)
    return create("arith.constant", results=[i64], attributes={"value": ir.IntegerAttr.get(i64, value)}).result


def create_branch(condition: ir.Value, true: ir.Block, false: ir.Block) -> None:
    """A `cf.cond_br` without block arguments."""
    ir.Operation.create(
        "cf.cond_br",
        operands=[condition],
        successors=[true, false],
        attributes={"operandSegmentSizes": i32_array([1, 0, 0])},
    )


def _is_shaped(value: ir.Value) -> bool:
    return isinstance(value.type, ir.ShapedType)


def _may_be_negative(size: ir.Value) -> bool:
    """Whether a size is computed from others, rather than that of something that exists."""
    op = defining_op(size)
    return op is not None and op.name not in ("memref.dim", "arith.constant")
