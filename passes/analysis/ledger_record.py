"""Records: what instructions access, added up per instruction, space and direction, and what computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import walk_numbered
from powerfusion.machines.model import Machine, Space
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_access import Access, Figures, Scope, place_of
from powerfusion.passes.analysis.ledger_numbers import Number
from powerfusion.passes.analysis.ledger_tally import measure

Key = tuple[int, str, str]
"""Instruction, space, `read` or `write`."""


@dataclass(frozen=True, eq=False)
class Record:
    """One access of an instruction, over all its executions.

    Attributes:
        key: Instruction, space and direction.
        op: The instruction.
        kernel: What it stands in.
        access: What one execution accesses.
        scope: The loops around it.
        figures: What that comes to.
    """

    key: Key
    op: ir.Operation
    kernel: ir.Operation | None
    access: Access
    scope: Scope
    figures: Figures


@dataclass(frozen=True, eq=False)
class Computed:
    """An op that computes.

    Attributes:
        op: The op.
        kernel: What it stands in.
        scope: The loops around it.
        shape: Says the shape of an operand or result in one execution.
    """

    op: ir.Operation
    kernel: ir.Operation | None
    scope: Scope
    shape: Callable[[ir.Value], Sequence[Number]]


COMBINING = ("gir.reduce", "gir.scan", "gir.contract")


@dataclass
class Recorder:
    """Takes accesses and measures them in a machine's spaces, and notes what computes."""

    machine: Machine
    numbers: Mapping[ir.Operation, int]
    records: list[Record] = field(default_factory=list)
    computed: list[Computed] = field(default_factory=list)

    @staticmethod
    def of(module: ir.Operation, machine: Machine) -> Recorder:
        """One for a module whose ops are numbered."""
        return Recorder(machine, {op: number for number, op in walk_numbered(module)})

    def space(self, access: Access) -> Space:
        """Where an access goes."""
        return self.machine.space_of(access.at.level, access.at.space or None)

    def stays(self, op: ir.Operation) -> bool:
        """True for a move within one space, which moves nothing: a value that is kept for a later pass."""
        if op.name != "gir.move":
            return False
        source, result = (place_of(value) for value in (op.operands[0], op.result))
        spaces = [self.machine.space_of(at.level, at.space or None) for at in (source, result)]
        return spaces[0] == spaces[1]

    def record(self, op: ir.Operation, kernel: ir.Operation | None, accesses: Iterable[Access], scope: Scope) -> None:
        """Measures what an instruction accesses; a write that reads first gets a record of that too."""
        number = self.numbers[op]
        for access in accesses:
            space = self.space(access)
            figures = measure(access, scope, 1 if space.level == "reg" else space.granule_bytes)
            self.records.append(Record((number, space.name, access.direction), op, kernel, access, scope, figures))
            if access.direction == "write" and space.write_allocate and not access.nontemporal:
                first = Figures(0, figures.issued, figures.bounds - {"useful"})
                self.records.append(Record((number, space.name, "read"), op, kernel, access, scope, first))

    def compute(
        self,
        op: ir.Operation,
        kernel: ir.Operation | None,
        scope: Scope,
        shape: Callable[[ir.Value], Sequence[Number]],
    ) -> None:
        """Notes an op if it computes tensors."""
        if not op.name.startswith(("arith.", "math.", *COMBINING)) or op.name == "arith.constant":
            return
        if isinstance(op.results[0].type, ir.RankedTensorType):
            self.computed.append(Computed(op, kernel, scope, shape))

    def mark(self) -> tuple[int, int]:
        """Where the records are now."""
        return len(self.records), len(self.computed)

    def back_to(self, mark: tuple[int, int]) -> None:
        """Takes back what was recorded since."""
        del self.records[mark[0] :]
        del self.computed[mark[1] :]
