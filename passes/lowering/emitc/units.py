"""Units that meet, in C: one thread plays them all, and each op is written for one after the other.

Between two meetings (`gir.sync`, `gir.all_reduce`) units don't see each other, so that one may do an op before another
one does. What depends on the unit is a value per unit, and so is all that a loop carries around a meeting.

    parallel <unit> (%u) in 2 { a(%u); sync; b(%u) }   =>   a(0); a(1); b(0); b(1);
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from powerfusion.core._mlir import create, entry_block, operations
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code, scalars
from powerfusion.passes.lowering.emitc.combining import combine
from powerfusion.passes.lowering.emitc.scalars import computed
from powerfusion.passes.lowering.emitc.slots import Slot, fill
from powerfusion.passes.lowering.emitc.tiles import Held, Tile, spread_index, squeezed
from powerfusion.passes.lowering.lockstep import MEETINGS, MOST_INSTANCES, SCOPES, holds, scope_of

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.code import Number
    from powerfusion.passes.lowering.emitc.function import FunctionLowering
    from powerfusion.passes.lowering.emitc.lowering import Lowered

Place = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Unit:
    """One unit: where it is in the scopes that run in step, and what values are to it."""

    place: Place
    values: dict[ir.Value, Lowered]

    def within(self, scope: str) -> Place:
        """Which instance of a scope it is part of."""
        finer = SCOPES[SCOPES.index(scope) + 1 :]
        return tuple(item for item in self.place if item[0] not in finer)


class Units:
    """All units that run in step.

    Args:
        lowering: What they are part of.
        members: Each of them.
    """

    def __init__(self, lowering: FunctionLowering, members: Sequence[Unit]) -> None:
        self.lowering = lowering
        self.members = lowering.members = members

    @classmethod
    def run(cls, lowering: FunctionLowering, op: ir.Operation) -> None:
        """Writes a parallel whose instances meet; it stands in none that does."""
        group = lowering.group
        group.flush()
        escapes, group.escapes = group.escapes, lambda _value, _own: True  # an op waits for some units, not for others
        cls(lowering, [Unit((), lowering.values)]).parallel(op)
        group.flush()
        group.escapes = escapes
        lowering.members = ()

    def parallel(self, op: ir.Operation) -> None:
        """A parallel whose instances meet."""
        if "gir.scratch" in op.attributes and holds(op, lambda inner: inner.name == "gir.alloc"):
            raise UnsupportedError(
                "groups that meet can't be lowered to C where each has memory at sram",
                location=op.location,
                help="keep it at dram, or let groups run apart",
            )
        split: list[Unit] = []
        for member in self.members:
            counts = [self._known(member.values[count], op) for count in op.operands]
            for number, index in enumerate(product(*map(range, counts))):
                values = {**member.values, **dict(zip(entry_block(op).arguments, index, strict=True))}
                split.append(Unit((*member.place, (scope_of(op), number)), values))
        if len(split) > MOST_INSTANCES:
            raise UnsupportedError(
                f"{len(split)} units that meet can't be lowered to C",
                location=op.location,
                help=f"expected at most {MOST_INSTANCES}: take fewer units, or let them run apart",
            )
        Units(self.lowering, split).block(entry_block(op))

    def block(self, block: ir.Block) -> None:
        """Every op of a block but its terminator, each for all units."""
        for op in operations(block)[:-1]:
            with op.location:
                self._op(op)

    def _op(self, op: ir.Operation) -> None:
        if op.name == "gir.all_reduce":
            self._all_reduce(op)
        elif op.name == "gir.sync":
            self.lowering.group.flush()
        elif not holds(op, lambda inner: inner.name in MEETINGS):
            for number, member in enumerate(self.members):
                self.lowering.unit = dict(member.place).get("unit", number)
                self._as(member, op)
        elif op.name == "gir.parallel":
            self.parallel(op)
        elif op.name == "scf.for":
            self._loop(op)
        elif op.name == "scf.if":
            self._branch(op)
        elif op.name == "gir.alternatives":
            self.block(entry_block(op))
            for member in self.members:
                ends = operations(entry_block(op))[-1].operands
                member.values.update(zip(op.results, [member.values[end] for end in ends], strict=True))
        else:
            raise UnsupportedError(f"units can't meet within '{op.name}'", location=op.location)

    def _as(self, member: Unit, op: ir.Operation) -> None:
        outer, self.lowering.values = self.lowering.values, member.values
        self.lowering.emit(op)
        self.lowering.values = outer

    # -- what is the same for all of them ----------------------------------------------------------

    @staticmethod
    def _known(count: Lowered, op: ir.Operation) -> int:
        if isinstance(count, int):
            return count
        raise UnsupportedError(
            "units that meet can't be lowered to C unless their number is a constant",
            location=op.location,
            help="give the count by arith.constant in the kernel",
        )

    def _uniform(self, old: ir.Value, what: str, op: ir.Operation) -> Lowered:
        first, *others = (member.values[old] for member in self.members)
        if all(other is first or (isinstance(first, int) and other == first) for other in others):
            return first
        raise UnsupportedError(
            f"{what} around a meeting of units must be the same for all of them",
            location=op.location,
            help="compute it outside of the parallel, or from what doesn't depend on the unit",
        )

    def _number(self, old: ir.Value, what: str, op: ir.Operation) -> Number:
        found = self._uniform(old, what, op)
        assert isinstance(found, int | ir.Value), "expected a number"
        return found

    # -- what holds meetings -----------------------------------------------------------------------

    def _slots(self, types: Sequence[ir.Type], op: ir.Operation) -> list[list[Slot]]:
        return [[Slot.of(self.lowering, type_, op) for type_ in types] for _ in self.members]

    def _fill(self, slots: Sequence[Sequence[Slot]], olds: Sequence[ir.Value], op: ir.Operation) -> None:
        """Writes values to each unit's slots; no unit reads those of another one."""
        for member, own in zip(self.members, slots, strict=True):
            outer, self.lowering.values = self.lowering.values, member.values
            fill(self.lowering, list(zip(own, olds, strict=True)), op)
            self.lowering.values = outer

    def _bind(self, olds: Sequence[ir.Value], slots: Sequence[Sequence[Slot]]) -> None:
        for member, own in zip(self.members, slots, strict=True):
            member.values.update(zip(olds, [slot.value() for slot in own], strict=True))

    def _loop(self, op: ir.Operation) -> None:
        """One loop that carries each unit's values."""
        lowering = self.lowering
        lowering.group.flush()
        low, high, step, *inits = op.operands
        bounds = [self._number(value, "a loop's bounds", op) for value in (low, high, step)]
        body = entry_block(op)
        old_index, *arguments = body.arguments
        slots = self._slots([argument.type for argument in arguments], op)
        self._fill(slots, inits, op)
        with code.loop(*bounds) as index:
            for member in self.members:
                member.values[old_index] = index
            self._bind(arguments, slots)
            self.block(body)
            self._fill(slots, list(operations(body)[-1].operands), op)
        self._bind(list(op.results), slots)

    def _branch(self, op: ir.Operation) -> None:
        """One branch for all units."""
        self.lowering.group.flush()
        condition = self._uniform(op.operands[0], "a branch's condition", op)
        slots = self._slots([result.type for result in op.results], op)
        flag = code.flag_of(condition) if isinstance(condition, bool) else condition
        assert isinstance(flag, ir.Value), "expected a condition"
        made = create("emitc.if", [flag], regions=2)
        for old, new in zip(op.regions, made.regions, strict=True):
            if len(old.blocks) == 0:
                continue
            with ir.InsertionPoint(new.blocks.append()):
                self.block(old.blocks[0])
                self._fill(slots, list(operations(old.blocks[0])[-1].operands), op)
                create("emitc.yield")
        self._bind(list(op.results), slots)

    def _all_reduce(self, op: ir.Operation) -> None:
        """Every unit of the scope gets the combination over all of them, in order."""
        if len({tuple(operand.type.shape) for operand in op.operands}) > 1:
            raise UnsupportedError("a collective with a payload can't be lowered to C", location=op.location)
        groups: dict[Place, list[Unit]] = {}
        for member in self.members:
            groups.setdefault(member.within(scope_of(op)), []).append(member)
        self.lowering.group.flush()
        for members in groups.values():
            outer, self.lowering.values = self.lowering.values, members[0].values
            made = self._combined(op, members)
            self.lowering.values = outer
            for member in members:
                member.values.update(zip(op.results, made, strict=True))

    def _combined(self, op: ir.Operation, members: Sequence[Unit]) -> list[Tile]:
        lowering = self.lowering
        tiles = [[_tile(member.values[operand]) for operand in op.operands] for member in members]
        shape = tiles[0][0].shape
        held = [Held(shape, result.type.element_type) for result in op.results]
        for one in held:
            lowering.declare(one, op)
        with ExitStack() as nest:
            index = [nest.enter_context(code.loop(0, size)) for size in squeezed(shape)]
            at = spread_index(index, shape)
            values = [tile.at(at) for tile in tiles[0]]
            for others in tiles[1:]:
                values = combine(lowering, op, [tile.at(at) for tile in others], values)
            for one, value in zip(held, values, strict=True):
                element = code.cast(value, computed(one.element)) if scalars.is_float(one.element) else value
                rounded = scalars.rounded(element, one.element, lowering.helper)
                one.put(rounded, index)
        return [Tile.of(one) for one in held]


def _tile(value: Lowered) -> Tile:
    finish = getattr(value, "finish", None)
    found = value if finish is None else finish()
    assert isinstance(found, Tile), "expected a tile"
    return found
