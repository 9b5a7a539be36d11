"""What lowerings of single ops to C share: the values that there are, what waits, names, and functions of C."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from powerfusion.core._mlir import attributes_of, defining_op, operations
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.arithmetic import elementwise
from powerfusion.passes.lowering.emitc.buffers import Buffer, Shape
from powerfusion.passes.lowering.emitc.code import Flag, Number
from powerfusion.passes.lowering.emitc.names import Names
from powerfusion.passes.lowering.emitc.scalar_op import Scalar, Values
from powerfusion.passes.lowering.emitc.scalars import computed, stored_bytes
from powerfusion.passes.lowering.emitc.tiles import Group, Held, Member, Tile, squeezed, used_outside
from powerfusion.passes.lowering.registry import lowering_of

TARGET = "emitc"
ELEMENTWISE = "arith and math on tiles"
VIEWS = frozenset(
    f"gir.{name}" for name in ("move", "permute", "broadcast", "reshape", "concat", "window", "slice", "pad")
)
LARGEST_TILE_BYTES = 1 << 20  # an array on a thread's stack


@dataclass(frozen=True)
class Callee:
    """A kernel as a C function.

    Attributes:
        name: What C calls it.
        shapes: Per parameter of the kernel what its memref leaves open, None for a number.
        written: Positions of the parameters whose memory it writes to.
        can_fail: Whether it takes the program's status.
    """

    name: str
    shapes: tuple[Shape | None, ...]
    written: frozenset[int]
    can_fail: bool


Lowered = Tile | Buffer | Number | Flag | ir.Value | object


@dataclass
class Program:
    """What all functions of a program share.

    Attributes:
        names: Of functions.
        helpers: Functions of `helpers.c` that are called.
        host_helpers: Those that the host calls, where kernels run elsewhere.
        messages: The messages of assertions, numbered from 1.
        callees: The C functions of kernels, by their old names.
        shares: Per kernel, by its old name, which parameters a launch says are the memory of which others.
    """

    names: Names = field(default_factory=Names)
    helpers: set[str] = field(default_factory=set)
    host_helpers: set[str] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)
    callees: dict[str, Callee] = field(default_factory=dict)
    shares: dict[str, dict[int, int]] = field(default_factory=dict)

    def callee_of(self, launch: ir.Operation) -> Callee:
        """The C function that a launch calls."""
        return self.callees[ir.FlatSymbolRefAttr(launch.attributes["callee"]).value]

    def number_of(self, message: str) -> int:
        """The number of an assertion's message."""
        if message not in self.messages:
            self.messages.append(message)
        return self.messages.index(message) + 1


class HasValues(Protocol):
    """One of the units that run in step, with what values are to it."""

    @property
    def values(self) -> dict[ir.Value, Lowered]:
        """What old values have become."""
        ...


class EmitcLowering:
    """Lowers one function.

    Args:
        program: What it is part of.
        names: Names that are taken in the function.
    """

    targets: ClassVar[tuple[str, ...]] = (TARGET,)
    """Whose tables say how an op is written, the first that knows it."""
    has_doubles: ClassVar[bool] = True
    """Whether sums of f32 may be kept in f64."""
    keeps_lanes: ClassVar[bool] = True
    """Whether loops keep a partial result per lane of what they reduce."""
    hinted: ClassVar[bool] = True
    """Whether compilers are told what they can't see of loops."""

    def __init__(self, program: Program, names: Names) -> None:
        self.program = program
        self.names = names
        self.values: dict[ir.Value, Lowered] = {}
        self.group = Group(
            lambda value, own: used_outside(value, own, VIEWS), self.declare, self.name_element, self.hinted
        )
        self.status: ir.Value | None = None
        self.scratch: list[object] = []
        self.threads = 0
        self.members: Sequence[HasValues] = ()

    # -- values ------------------------------------------------------------------------------------

    def bind(self, old: Iterable[ir.Value], new: Iterable[Lowered]) -> None:
        """Records what old values have become."""
        self.values.update(zip(old, new, strict=True))

    def tile(self, old: ir.Value) -> Tile:
        """What a tile has become."""
        new = self.values[old]
        finish = getattr(new, "finish", None)
        if finish is not None:
            new = self.values[old] = finish()
        assert isinstance(new, Tile), f"expected a tile for {old}"
        return new

    def buffer(self, old: ir.Value) -> Buffer:
        """What a memref has become."""
        new = self.values[old]
        assert isinstance(new, Buffer), f"expected memory for {old}"
        return new

    def number(self, old: ir.Value) -> Number:
        """What an index has become."""
        new = self.values[old]
        assert isinstance(new, int | ir.Value), f"expected a number for {old}"
        return new

    def numbers(self, olds: Iterable[ir.Value]) -> list[Number]:
        """What indices have become."""
        return [self.number(old) for old in olds]

    def flag(self, old: ir.Value) -> Flag:
        """What a condition has become."""
        new = self.values[old]
        assert isinstance(new, bool | ir.Value), f"expected a condition for {old}"
        return new

    def scalar(self, old: ir.Value) -> ir.Value:
        """What a number of any type has become, as a value."""
        new = self.values[old]
        if isinstance(new, bool):
            return code.flag_of(new)
        return code.value_of(new) if isinstance(new, int) else new  # pyright: ignore[reportReturnType]

    # -- C -----------------------------------------------------------------------------------------

    def helper(self, name: str, operands: Sequence[ir.Value], type_: ir.Type | None = None) -> ir.Value:
        """Calls a function, and takes it along if it is one of ours."""
        if name.startswith("pf_"):
            self.program.helpers.add(name)
        return code.call(name, operands, type_)  # pyright: ignore[reportReturnType]

    def name(self, value: ir.Value, wanted: str) -> str:
        """Gives a value a name that nothing else in the function has."""
        return self.names.give(value, wanted)

    def name_element(self, value: ir.Value, op: ir.Operation) -> None:
        """Names what an op gives for one element, where it has a line of its own."""
        maker = defining_op(value)
        if maker is not None and maker.name != "emitc.literal":
            self.name(value, hint_of(op))

    def declare(self, held: Held, op: ir.Operation) -> None:
        """Makes the array of a tile, or the variable of a single element, with a comment on what it is.

        Raises:
            UnsupportedError: No stack holds it.
        """
        element = held.wide or computed(held.element)
        shape = squeezed(held.shape)
        size = stored_bytes(element)
        for extent in shape:
            size *= extent
        if size > LARGEST_TILE_BYTES:
            raise UnsupportedError(
                f"a tile of {size} bytes can't be lowered to C",
                location=op.location,
                help=f"expected at most {LARGEST_TILE_BYTES} bytes: use smaller steps",
            )
        what = "x".join(map(str, held.shape)) or "one"
        if shape:
            code.verbatim(f"// tile {what} of {held.element} in registers: {size} bytes")
        place = code.array(shape, element) if shape else code.variable(element)
        self.name(place, hint_of(op))
        held.array = place

    def compute_scalar(self, op: Scalar) -> Values:
        """Writes an op on single elements; gives its results."""
        return elementwise(op)

    # -- ops ---------------------------------------------------------------------------------------

    def join(self, member: Member, operands: Sequence[Tile]) -> None:
        """Lets an op wait with those before it, or writes those first where they don't go together."""
        if not self.group.takes(member, operands):
            self.group.flush()
        self.group.members.append(member)

    def settle(self, *tiles: Tile) -> None:
        """Writes what waits if some tiles are among it."""
        if any(self.group.waits(held) for tile in tiles for held in tile.reads):
            self.group.flush()

    def emit_block(self, block: ir.Block) -> None:
        """Writes every op of a block but its terminator."""
        for op in operations(block)[:-1]:
            self.emit(op)
        self.group.flush()

    def emit(self, op: ir.Operation) -> None:
        """Writes one op."""
        on_tiles = op.name.startswith(("arith.", "math.")) and any(_is_shaped(r) for r in op.results)
        name = ELEMENTWISE if on_tiles else op.name
        lowering = next(filter(None, (lowering_of(name, target) for target in self.targets)), None)
        with op.location:
            if lowering is not None:
                lowering(self, op)
            elif op.name.startswith(("arith.", "math.")):
                self._scalar(op)
            else:
                raise UnsupportedError(f"'{op.name}' can't be lowered to C", location=op.location)

    def _scalar(self, op: ir.Operation) -> None:
        """An op on single numbers, folded where it is one on known indices."""
        known = _folded(op, [self.values.get(operand) for operand in op.operands])
        if known is not None:
            self.bind(op.results, [known])
            return
        made = self.compute_scalar(
            Scalar(
                op.name,
                [self.scalar(operand) for operand in op.operands],
                [operand.type for operand in op.operands],
                [result.type for result in op.results],
                attributes_of(op),
                self.helper,
                op.location,
            )
        )
        self.bind(op.results, made)


def _is_shaped(value: ir.Value) -> bool:
    return isinstance(value.type, ir.ShapedType)


def _folded(op: ir.Operation, operands: Sequence[Lowered | None]) -> Number | Flag | None:
    """What an op on indices gives, as a number, where that can be told now."""
    if op.name == "arith.constant" and isinstance(op.result.type, ir.IndexType):
        return ir.IntegerAttr(op.attributes["value"]).value
    if op.name == "arith.constant" and op.result.type == code.bool_type():
        return bool(ir.IntegerAttr(op.attributes["value"]).value)
    if len(op.results) != 1 or not isinstance(op.results[0].type, ir.IndexType):
        return None
    how = {"arith.addi": code.plus, "arith.subi": code.minus, "arith.muli": code.times}.get(op.name)
    if how is None or not all(isinstance(operand, int | ir.Value) for operand in operands):
        return None
    return how(*operands)  # pyright: ignore[reportArgumentType]


_KIND = re.compile(r"#vector\.kind<(\w+)>")
SHORT = {"maximumf": "largest", "minimumf": "smallest", "add": "total", "mul": "product"}


def hint_of(op: ir.Operation) -> str:
    """What to call what an op gives."""
    if "kinds" in op.attributes:
        kind = _KIND.search(str(op.attributes["kinds"]))
        name = str(kind[1]) if kind else "reduced"
        return SHORT.get(name, name)
    name: str = op.name.rpartition(".")[2]
    return {"for": "carried", "if": "chosen"}.get(name, name)
