"""One stream of instructions: a unit's, a group's, or the function's where there are none.

A block is run instruction by instruction. Running is a generator: at a barrier or a collective it gives the event to
whoever runs the stream (`schedule`) and goes on with the reply.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from powerfusion.errors import InterpretationError, LeakedToken, UnsupportedError
from powerfusion.machines.model import Machine
from powerfusion.reference.memory import Agent, Buffer
from powerfusion.reference.overlay import Overlay
from powerfusion.reference.program import Block, Instruction, Program
from powerfusion.reference.registry import MEANINGS
from powerfusion.reference.spaces import Place, Pool, Spaces
from powerfusion.reference.types import Array, Type
from powerfusion.reference.values import Tile, garbage

TERMINATORS = frozenset(["gir.yield", "gir.return", "scf.yield", "func.return", "scf.condition"])
TOUCHING = frozenset(["gir.load", "gir.store", "gir.gather", "gir.scatter", "gir.copy", "gir.stage"])
LETS_OTHERS = 0.25
IN_PLACE = ("arith.", "math.", "gir.reduce", "gir.scan", "gir.contract", "gir.all_reduce")


@dataclass(frozen=True)
class Event:
    """What a stream waits for.

    Attributes:
        op: The instruction.
        scope: Whose instances must all reach it; empty for a mere chance to let others go on.
        value: What it brings to a collective.
    """

    op: Instruction
    scope: str = ""
    value: Any = None


Running = Generator[Event, Any, Any]


@dataclass(eq=False)
class Token:
    """A copy under way.

    Attributes:
        op: The instruction that began it.
        finish: What happens when somebody waits.
    """

    op: Instruction | None
    finish: Any
    waited: bool = False

    @classmethod
    def done(cls) -> Token:
        """That of a copy that is over: a function that takes one is run by itself."""
        return cls(None, None, waited=True)


class State:
    """What the whole run of a program shares."""

    def __init__(self, program: Program, machine: Machine | None, seed: int) -> None:
        self.program = program
        self.spaces = Spaces(machine)
        self.rng = np.random.default_rng(seed)
        self.tokens: list[Token] = []
        self.failed: str | None = None
        self._agents = 0

    def agents(self, count: int) -> int:
        """The lowest of that many new numbers for agents."""
        first = self._agents
        self._agents += count
        return first

    def garbage(self, shape: Sequence[int], type_: Type) -> Any:
        """Elements of which nothing is known."""
        return garbage(self.rng, shape, type_.dtype)

    def buffer(self, name: str, type_: Type, size: int) -> Buffer:
        """New memory; nothing in it was written."""
        base = self.spaces.address(size * type_.dtype.itemsize)
        return Buffer(name, self.spaces.place(type_), self.garbage((size,), type_), np.zeros(size, np.bool_), base)

    def check_tokens(self) -> None:
        """Rejects copies that nobody waited for.

        Raises:
            LeakedToken: There is one.
        """
        for token in self.tokens:
            if not token.waited and token.op is not None:
                raise located(LeakedToken("nobody waits for this copy", help="pass its token to gir.wait"), token.op)
        self.tokens.clear()


@dataclass(frozen=True, eq=False)
class Moved:
    """A value that was moved to dram: where it is until a result of the kernel says where it is put.

    Attributes:
        place: The memory.
        addresses: Those of a tensor of its own.
        itemsize: Bytes of an element.
        executions: For each execution of the move, the positions of the elements that it moved; None for all.
    """

    place: Place
    addresses: Array
    itemsize: int
    executions: list[Array] | None = None


@dataclass(eq=False)
class Here:
    """A stream of instructions.

    Attributes:
        state: What the run shares.
        values: By number, the values that it knows.
        agents: Who it is, to others that touch the same memory.
        registers: What it keeps at reg; None outside of parallels, where nothing is kept.
        shared: What its group keeps at sram, as this stream sees it.
        copies: How many units allocate there what this one does.
        memory: Where its group's buffers lie that were given a place.
        owned: Buffers of the blocks that it is in, innermost last.
        sizes: By number, what values take at reg.
        moved: By instruction, what this kernel moved to dram so far.
    """

    state: State
    values: list[Any]
    agents: tuple[Agent, ...] = ()
    registers: Pool | None = None
    shared: Pool | None = None
    copies: int = 1
    memory: Overlay = field(default_factory=Overlay)
    owned: list[list[tuple[Buffer, int]]] = field(default_factory=list[list[tuple[Buffer, int]]])
    sizes: dict[int, tuple[Place, int]] = field(default_factory=dict[int, tuple[Place, int]])
    moved: dict[int, Moved] = field(default_factory=dict[int, Moved])

    @property
    def spaces(self) -> Spaces:
        """Memories, addresses and counts."""
        return self.state.spaces

    def run(self, block: Block, arguments: Sequence[Any]) -> Running:
        """Runs a block; gives the operands of its terminator."""
        for number, value in zip(block.arguments, arguments, strict=True):
            self.values[number] = value
        self.owned.append([])
        for op in block.instructions:
            operands = [self.values[number] for number in op.operands]
            if op.name in TERMINATORS:
                self._end_block()
                return operands
            if op.name in TOUCHING and self._lets_others():
                yield Event(op)
            results = yield from self.execute(op, operands)
            for number, value in zip(op.results, results, strict=True):
                self.values[number] = value
        self._end_block()
        return []

    def _lets_others(self) -> bool:
        """Whether, before memory is touched, another unit gets its turn: any order of theirs is possible."""
        return bool(self.agents) and self.agents[-1].what == "unit" and self.state.rng.random() < LETS_OTHERS

    def run_combiner(self, block: Block, arguments: Sequence[Any]) -> list[Any]:
        """Runs a combiner's block, whose values are its op's own business and take no room."""
        registers, self.registers = self.registers, None
        try:
            return self.run_region(block, arguments)
        finally:
            self.registers = registers

    def run_region(self, block: Block, arguments: Sequence[Any]) -> list[Any]:
        """Runs a block that has no other instances to wait for."""
        running = self.run(block, arguments)
        try:
            while not (event := next(running)).scope:
                pass  # Nobody else could go on.
        except StopIteration as ended:
            return ended.value
        raise located(UnsupportedError("waits for other instances where there are none"), event.op)

    def execute(self, op: Instruction, operands: Sequence[Any]) -> Running:
        """Runs one instruction; gives its results."""
        known = MEANINGS.get(op.name)
        if known is None:
            raise UnsupportedError(f"the reference interpreter has no meaning for '{op.name}'", location=op.location)
        try:
            made = known.function(self, op, *operands) if known.takes_here else known.function(op, *operands)
            if known.runs_regions:
                made = yield from made
            results = made if isinstance(made, tuple) else () if made is None else (made,)
            if self.registers is not None:
                self._account(op, results)
        except InterpretationError as error:
            raise located(error, op) from None
        return results

    def _account(self, op: Instruction, results: Sequence[Any]) -> None:
        """Notes what begins and what ends to live at reg."""
        assert self.registers is not None
        reuse = op.name.startswith(IN_PLACE)
        for number, type_, value in zip(op.results, op.result_types, results, strict=True):
            if type_.level != "reg" or not isinstance(value, Tile) or op.free:
                continue
            size = value.data.size * type_.dtype.itemsize
            if op.multiplied and size <= self.spaces.in_place_bytes:
                continue
            if reuse:
                self._end_one([number for number in op.dying if number in op.operands], size)
            self.hold(number, type_, size, op.name)
        for number in op.dying:
            self.release(number)

    def _end_one(self, dying: Sequence[int], size: int) -> None:
        """Ends an operand that dies here and is at least so large: the result takes its registers."""
        for number in dying:
            if number in self.sizes and self.sizes[number][1] >= size:
                self.release(number)
                return

    def hold(self, number: int, type_: Type, size: int, what: str) -> None:
        """Notes that a value begins to live at reg."""
        if self.registers is None:
            return
        place = self.spaces.place(type_)
        self.sizes[number] = (place, size)
        self.registers.take(place, size, f"a tile of '{what}'")

    def release(self, number: int) -> None:
        """Notes that a value at reg has ended, if it took any room."""
        found = self.sizes.pop(number, None)
        if found and self.registers is not None:
            self.registers.give(*found)

    def own(self, buffer: Buffer, op: Instruction) -> None:
        """Gives a buffer that an instruction makes to the innermost block, at whose end it ends.

        Raises:
            OverCapacity: It doesn't fit.
        """
        offset = op.get("gir.offset")
        if offset is not None:
            unit = self.agents[-1].index if self.agents and self.agents[-1].what == "unit" else 0
            self.memory.place(buffer, offset + unit * (op.get("gir.unit_bytes") or 0))
        size = buffer.data.size * buffer.data.dtype.itemsize
        if self.shared is not None:
            self.shared.take(buffer.place, size * self.copies, f"'{buffer.name}'")
        self.owned[-1].append((buffer, size))

    def _end_block(self) -> None:
        for buffer, size in self.owned.pop():
            if self.shared is not None:
                self.shared.give(buffer.place, size * self.copies)
            if buffer.pending:
                self.state.check_tokens()
            buffer.alive = False


def located(error: Any, op: Instruction) -> Any:
    """The error, which says where and at which instruction it is, unless it does already."""
    if error.location is not None:
        return error
    return type(error)(f"'{op.name}' (instruction {op.number}) {error.message}", location=op.location, help=error.help)
