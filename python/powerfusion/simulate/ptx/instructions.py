"""The table of PTX's instructions: name to what it means, as C++.

A function per instruction, in `arithmetic`, `conversions` and `accesses`, takes it and gives a statement. Each says
which modifiers it knows: one that is passed over would be a silent wrong answer, so whatever is left is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from powerfusion.simulate.ptx.operands import Operands
from powerfusion.simulate.ptx.source import Instruction
from powerfusion.simulate.ptx.study import Sites

Meaning = Callable[["Reading"], str]
_table: dict[str, Meaning] = {}
INTEGERS = tuple(f"{kind}{width}" for kind in "us" for width in (16, 32, 64))
BITS = ("b16", "b32", "b64")
NARROW = ("f16", "bf16", "f16x2", "bf16x2")
ROUNDINGS = {"rni": 0, "rzi": 1, "rmi": 2, "rpi": 3}


def means(*names: str) -> Callable[[Meaning], Meaning]:
    """Says what instructions of some names mean."""

    def register(meaning: Meaning) -> Meaning:
        for name in names:
            assert name not in _table, f"expected one meaning of {name}"
            _table[name] = meaning
        return meaning

    return register


class Reading:
    """An instruction on its way to C++.

    Args:
        of: The instruction.
        registers: The operands of its kernel.
        turn: An expression for how often its loops have come round.
        sites: Told of what decides, where kernels are studied.
    """

    def __init__(self, of: Instruction, registers: Operands, turn: str, sites: Sites | None = None) -> None:
        self.of, self.registers, self.turn, self.sites = of, registers, turn, sites
        self.name, *self.left = of.opcode
        self.operands = of.operands

    def statement(self) -> str:
        """What it does, guarded.

        Raises:
            SimulationError: It isn't known.
        """
        meaning = _table.get(self.name)
        if meaning is None:
            raise self.registers.refuse(self.of, "the name")
        text = meaning(self)
        if self.left:
            raise self.registers.refuse(self.of, f"modifier .{self.left[0]}")
        if self.sites is not None:
            text = f"pf_executed[{self.line}]++; {text}"
        if self.of.guard is None:
            return text
        holds = self.registers.read(self.of, self.of.guard, "pred")
        return f"if ({self.decide('branch' if self.name == 'bra' else 'guard', holds)}) {{ {text} }}"

    def decide(self, kind: str, holds: str) -> str:
        """What decides something, as an expression."""
        return holds if self.sites is None else self.sites.decide(self.line, kind, holds)

    def take(self, *modifiers: str) -> str | None:
        """The next modifier, if it is one of these."""
        return self.left.pop(0) if self.left and self.left[0] in modifiers else None

    def must(self, *modifiers: str) -> str:
        """The next modifier, which must be one of these."""
        found = self.take(*modifiers)
        if found is None:
            raise self.registers.refuse(self.of, f"modifier .{self.left[0]}" if self.left else "the lack of a modifier")
        return found

    def count(self, *numbers: int) -> None:
        """Checks how many operands there are."""
        if len(self.operands) not in numbers:
            raise self.registers.refuse(self.of, f"a number of {len(self.operands)} operands")

    def read(self, at: int, type_: str) -> str:
        """An operand as a type."""
        return self.registers.read(self.of, self.operands[at], type_)

    def write(self, type_: str, value: str, at: int = 0) -> str:
        """Writes a result."""
        return self.registers.write(self.of, self.operands[at], type_, value)

    @property
    def line(self) -> int:
        """Of the text."""
        return self.of.line
