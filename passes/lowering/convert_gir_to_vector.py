"""`convert-gir-to-vector`: tile form becomes vector, scf and memref ops for the CPU.

Re-emits each function, op by op, through the table of lowerings. A tile becomes a vector of its
lanes or a scalar; groups become `scf.parallel` where there is enough to do; kernels dissolve.
The function's own interface becomes one that any caller can use: every argument a memref (a
scalar is one of rank 0), results allocated here and owned by the caller, and one more argument,
`memref<1xi64>`, that receives the number of a failed assertion, from 1: plus 2^32 where the results
were made all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    defining_op,
    element_of,
    entry_block,
    functions,
    i32_array,
    index_constant,
    operations,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering import (  # they fill the table
    contractions,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    movement,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    scans,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    shapes,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    structure,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    views,  # noqa: F401  # pyright: ignore[reportUnusedImport]
)
from powerfusion.passes.lowering.computation import ELEMENTWISE
from powerfusion.passes.lowering.elementwise import elementwise
from powerfusion.passes.lowering.expansions import compare
from powerfusion.passes.lowering.lifetimes import Lifetimes
from powerfusion.passes.lowering.memory import SGE, host_memref, storage, to_register, to_storage
from powerfusion.passes.lowering.partials import Partial
from powerfusion.passes.lowering.reductions import Accumulator
from powerfusion.passes.lowering.registers import Rows, Tile, check_size
from powerfusion.passes.lowering.registry import lowering_of
from powerfusion.passes.tiling.tile import ALIGNMENT

SYMBOL = "pf_main"
RESULTS_MADE = 1 << 32  # added to the number of an assertion after which the function went on
NEGATIVE_SIZE = "expected sizes that aren't negative"
CLONED = ("arith.", "affine.", "math.", "memref.", "index.")


@register_pass
@dataclass(frozen=True)
class ConvertGirToVectorPass(Pass):
    """Lowers GIR in tile form to vector and scf for the CPU."""

    name: ClassVar[str] = "convert-gir-to-vector"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    establishes: ClassVar[frozenset[str]] = frozenset({"host-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    serial_below: int = option(1 << 15, help="Elements of work below which a group loop stays on one thread")

    def run(self, op: ir.Operation) -> None:
        """Replaces every function by its lowered form."""
        found = list(functions(op))
        public_of(found)
        for function in found:
            _check_tile_form(function)
        messages: list[str] = []
        callees: dict[str, ir.Operation] = {}
        for function in sorted(found, key=is_public):  # So that whoever launches a kernel knows its new types.
            VectorLowering(function, self.serial_below, messages=messages, callees=callees).run()


def public_of(functions: Sequence[ir.Operation]) -> list[ir.Operation]:
    """The public function, or none.

    Raises:
        UnsupportedError: There are several.
    """
    public = [function for function in functions if is_public(function)]
    for other in public[1:]:
        raise UnsupportedError(
            "expected one public function with a body, got several",
            location=other.location,
            help="inline the others first, by --inline --symbol-dce, or make them private",
        )
    return public


def is_public(function: ir.Operation) -> bool:
    """Whether a function is the program's entry rather than a kernel that it launches."""
    visibility = function.attributes.get("sym_visibility", None)
    return visibility is None or ir.StringAttr(visibility).value == "public"


def _check_tile_form(function: ir.Operation) -> None:
    values = [*entry_block(function).arguments, *operations(entry_block(function))[-1].operands]
    if any(isinstance(value.type, (ir.RankedTensorType, ir.UnrankedTensorType)) for value in values):
        raise UnsupportedError(
            "a function of tensors can't be lowered", location=function.location, help="run gir-tile first"
        )
    for value in values:
        if not isinstance(value.type, (ir.MemRefType, ir.IntegerType, ir.FloatType, ir.IndexType)):
            raise UnsupportedError(
                f"expected memrefs and numbers at the border of a function, got {value.type}",
                location=function.location,
                help="values of other types stay within a function; wait for a token where it is made",
            )


@dataclass
class VectorLowering:
    """Lowers one function; lowerings of single ops use its environment.

    Attributes:
        values: What each old value has become: a value, a tile's rows, or an accumulator under way.
        messages: The messages of assertions, numbered from 1.
        callees: The new functions of kernels that can be launched, by name.
        status: The argument that receives the number of a failed assertion.
        depth: How many parallels are around what is being emitted.
        threads: How many of them run on several threads.
        buffers: Buffers that end with a block, for each block that is being emitted.
        scopes: Where a thread's part of a kernel begins, and how many blocks are around it.
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

    def emit_scope(self, block: ir.Block) -> None:
        """Emits a block that a thread runs from its beginning to its end."""
        self.scopes.append((create("ub.poison", results=[ir.IndexType.get()]), len(self.buffers)))
        self.emit_block(block)
        self.scopes.pop()

    def scratch(self, type_: ir.MemRefType) -> ir.Value:
        """A buffer of a thread's own, made once."""
        beginning, level = self.scopes[-1]
        alignment = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), ALIGNMENT)
        attributes = {"alignment": alignment, "operandSegmentSizes": i32_array([0, 0])}
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
            self._store_failure(message, RESULTS_MADE)
            create("scf.yield")

    def _store_failure(self, message: str, flag: int = 0) -> None:
        if message not in self.messages:
            self.messages.append(message)
        i64 = ir.IntegerType.get_signless(64)
        number = ir.IntegerAttr.get(i64, self.messages.index(message) + 1 + flag)
        value = create("arith.constant", results=[i64], attributes={"value": number}).result
        create("memref.store", [value, self.status, index_constant(0)])

    # -- the function ------------------------------------------------------------------------

    def run(self) -> None:
        """Emits the new function and erases the old one."""
        block = entry_block(self.function)
        is_entry = is_public(self.function)
        types = [_argument_type(argument.type, is_entry) for argument in block.arguments]
        status = ir.MemRefType.get([1], ir.IntegerType.get_signless(64))
        ends = operations(block)[-1]
        results = [_argument_type(value.type, is_entry) for value in ends.operands]
        with ir.InsertionPoint(self.function), self.function.location:
            attributes: dict[str, ir.Attribute] = {
                "sym_name": ir.StringAttr.get(SYMBOL) if is_entry else self.function.attributes["sym_name"],
                "function_type": ir.TypeAttr.get(ir.FunctionType.get([*types, status], results)),
            }
            if is_entry:
                attributes["llvm.emit_c_interface"] = ir.UnitAttr.get()
            else:
                attributes["sym_visibility"] = ir.StringAttr.get("private")
            new = create("func.func", attributes=attributes, regions=1)
            entry = new.regions[0].blocks.append(*types, status, arg_locs=[self.function.location] * (len(types) + 1))
            self.status = entry.arguments[len(types)]
            self._emit_function(entry, block)
            if is_entry:
                new.attributes["gir.assertions"] = ir.ArrayAttr.get([ir.StringAttr.get(m) for m in self.messages])
            else:
                self.callees[ir.StringAttr(self.function.attributes["sym_name"]).value] = new
        self.function.erase()

    def _emit_function(self, entry: ir.Block, block: ir.Block) -> None:
        self.region_block = entry
        body = operations(block)
        lifetimes = Lifetimes(block)
        with ir.InsertionPoint(entry):
            for argument, given in zip(block.arguments, entry.arguments, strict=False):
                self.values[argument] = _unpack(given, argument.type)
            self.open_buffers()
        for op in body[:-1]:
            with ir.InsertionPoint(self.region_block), op.location:
                if op.name == "cf.assert":
                    message = ir.StringAttr(op.attributes["msg"]).value
                    self._leave_unless(self.scalar(op.operands[0]), message, lifetimes.live_at(op))
                    continue
                if op.name == "memref.alloc":
                    self._check_sizes(op, lifetimes.live_at(op))
                with ir.InsertionPoint(self.region_block):
                    self.emit(op)
            with ir.InsertionPoint(self.region_block):
                for dead in lifetimes.ending_at(op):
                    create("memref.dealloc", [self.scalar(dead)])
        with ir.InsertionPoint(self.region_block), body[-1].location:
            self._emit_return(body[-1], lifetimes)

    def _check_sizes(self, op: ir.Operation, live: Sequence[ir.Value]) -> None:
        """Leaves the function where a size of a buffer has come out negative."""
        for size in filter(_may_be_negative, op.operands):
            with ir.InsertionPoint(self.region_block):
                fits = compare("arith.cmpi", SGE, self.scalar(size), index_constant(0))
            self._leave_unless(fits, NEGATIVE_SIZE, live)

    def _leave_unless(self, condition: ir.Value, message: str, live: Sequence[ir.Value]) -> None:
        """Leaves the function at once where a condition fails: what follows may rely on it."""
        region = self.region_block.region
        goes_on = region.blocks.append()
        fails = region.blocks.append()
        with ir.InsertionPoint(self.region_block):
            create_branch(condition, goes_on, fails)
        with ir.InsertionPoint(fails):
            self._store_failure(message)
            for value in live:
                create("memref.dealloc", [self.scalar(value)])
            function_type = ir.TypeAttr(self.region_block.owner.attributes["function_type"]).value
            poison = [
                create("ub.poison", results=[t], attributes={}).result for t in ir.FunctionType(function_type).results
            ]
            create("func.return", poison)
        self.region_block = goes_on

    def _emit_return(self, op: ir.Operation, lifetimes: Lifetimes) -> None:
        self.close_buffers()
        given: set[ir.Value] = set()
        results: list[ir.Value] = []
        for operand in op.operands:
            value = self.scalar(operand)
            root = lifetimes.root(operand)
            if not isinstance(operand.type, ir.MemRefType):
                results.append(_pack(value, operand.type))
            elif root in lifetimes.allocs and root not in given:
                given.add(root)
                results.append(value)
            else:
                results.append(_copy(value))
        for root in lifetimes.returned - given:
            create("memref.dealloc", [self.scalar(root)])
        create("func.return", results)

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
        types = [host_memref(result.type) for result in op.results]
        made = create(op.name, operands, types, attributes_of(op))
        if op.name == "memref.load":
            self.bind(op.results, [to_register(made.result, op.result.type)])
            return
        self.bind(op.results, list(made.results))


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


def _argument_type(type_: ir.Type, is_entry: bool) -> ir.Type:
    """The memref by which a value crosses the program's border; between functions a scalar is itself."""
    if isinstance(type_, ir.MemRefType) or not is_entry:
        return host_memref(type_)
    return ir.MemRefType.get([], storage(type_))


def _unpack(given: ir.Value, type_: ir.Type) -> ir.Value:
    if isinstance(type_, ir.MemRefType) or not isinstance(given.type, ir.MemRefType):
        return given
    loaded = create("memref.load", [given], [element_of(given.type)]).result
    return to_register(loaded, type_)


def _pack(value: ir.Value, type_: ir.Type) -> ir.Value:
    place = _alloc(ir.MemRefType.get([], storage(type_)), [])
    create("memref.store", [to_storage(value, type_), place])
    return place


def _may_be_negative(size: ir.Value) -> bool:
    """Whether a size is computed from others, rather than that of something that exists."""
    op = defining_op(size)
    return op is not None and op.name not in ("memref.dim", "arith.constant")


def _copy(value: ir.Value) -> ir.Value:
    sizes = [
        create("memref.dim", [value, index_constant(dim)], [ir.IndexType.get()]).result
        for dim, size in enumerate(value.type.shape)
        if size == DYNAMIC
    ]
    place = _alloc(value.type, sizes)
    create("memref.copy", [value, place])
    return place


def _alloc(type_: ir.MemRefType, sizes: Sequence[ir.Value]) -> ir.Value:
    attributes = {
        "alignment": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), ALIGNMENT),
        "operandSegmentSizes": i32_array([len(sizes), 0]),
    }
    return create("memref.alloc", sizes, [type_], attributes).result
