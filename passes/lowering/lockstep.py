"""Units that meet: their bodies are emitted once, op by op, for all units together.

Between two meetings (`gir.sync`, `gir.all_reduce`) units don't see each other, so that one after
the other can run. Here a body that has meetings is emitted in lock-step: what depends on the unit
is a value per unit, and so is all that a loop carries around a meeting.

    parallel <unit> (%u) in 2 { a(%u); sync; b(%u) }   =>   a(0); a(1); b(0); b(1)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

from powerfusion.core._mlir import (
    attributes_of,
    create,
    entry_block,
    index_constant,
    integer_of,
    operations,
)
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.combiners import combine_tiles
from powerfusion.passes.lowering.memory import has_atomic
from powerfusion.passes.lowering.reductions import Accumulator
from powerfusion.passes.lowering.registers import Rows, Tile, register_types, regroup, rows_of
from powerfusion.passes.lowering.registry import lowers

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering

MOST_INSTANCES = 64
SCOPES = ("device", "cluster", "group", "unit")
MEETINGS = frozenset({"gir.sync", "gir.all_reduce"})
PURE = ("arith.", "math.", "affine.", "index.")


def scope_of(op: ir.Operation) -> str:
    """The scope of a parallel, a barrier or a collective."""
    return str(op.attributes["scope"]).removeprefix("#gir.scope<").removesuffix(">")


def _inner(op: ir.Operation) -> Iterator[ir.Operation]:
    for region in op.regions:
        for block in region.blocks:
            for inner in operations(block):
                yield inner
                yield from _inner(inner)


def holds(op: ir.Operation, wanted: Callable[[ir.Operation], bool]) -> bool:
    """Whether an op, or one within it, is what is wanted."""
    return wanted(op) or any(wanted(inner) for inner in _inner(op))


def is_needed(op: ir.Operation) -> bool:
    """Whether a parallel's instances meet: something within it is a meeting of a coarser scope."""
    own = SCOPES.index(scope_of(op))
    return any(inner.name in MEETINGS and SCOPES.index(scope_of(inner)) < own for inner in _inner(op))


def updates_without_atomics(op: ir.Operation) -> bool:
    """Whether a parallel holds a scatter whose kind and type the machine has no atomic op of."""
    scatters = (i for i in _inner(op) if i.name == "gir.scatter" and "kind" in i.attributes)
    return any(not has_atomic(str(i.attributes["kind"]), i.operands[0].type.element_type) for i in scatters)


@dataclass(frozen=True)
class Instance:
    """One unit: where it is in the scopes around it, and what values are to it."""

    place: tuple[tuple[str, int], ...]
    values: dict[ir.Value, Tile | Accumulator]

    def within(self, scope: str) -> tuple[tuple[str, int], ...]:
        """Which instance of a scope it is part of, as far as that runs in lock-step."""
        finer = SCOPES[SCOPES.index(scope) + 1 :]
        return tuple(item for item in self.place if item[0] not in finer)


@dataclass
class Instances:
    """All instances that run in lock-step."""

    lowering: VectorLowering
    members: list[Instance] = field(default_factory=list)

    @classmethod
    def first(cls, lowering: VectorLowering) -> Instances:
        """The one that there is outside of all lock-step."""
        return cls(lowering, [Instance((), lowering.values)])

    # -- structure -------------------------------------------------------------------------------

    def parallel(self, op: ir.Operation) -> None:
        """A parallel whose instances meet."""
        counts = [self._count(operand, op) for operand in op.operands]
        indices = list(product(*map(range, counts)))
        if len(indices) * len(self.members) > MOST_INSTANCES:
            raise UnsupportedError(
                f"{len(indices) * len(self.members)} units that meet can't be lowered to the CPU",
                location=op.location,
                help=f"expected at most {MOST_INSTANCES}: take fewer units, or let them run apart",
            )
        scope = scope_of(op)
        split: list[Instance] = []
        for member in self.members:
            for number, index in enumerate(indices):
                values = dict(member.values)
                values.update(zip(entry_block(op).arguments, map(index_constant, index), strict=True))
                split.append(Instance((*member.place, (scope, number)), values))
        self.lowering.depth += 1
        Instances(self.lowering, split)._block(entry_block(op))
        self.lowering.depth -= 1

    def _count(self, operand: ir.Value, op: ir.Operation) -> int:
        known = integer_of(operand)
        made = {integer_of(one) for one in self._each_value(operand) if isinstance(one, ir.Value)}
        known = made.pop() if known is None and len(made) == 1 else known
        if known is None:
            raise UnsupportedError(
                "units that meet can't be lowered to the CPU unless their number is a constant",
                location=op.location,
                help="give the count by arith.constant in the kernel",
            )
        return known

    def _block(self, block: ir.Block) -> None:
        """Every op of a block but its terminator, each for all instances."""
        self.lowering.open_buffers()
        for op in operations(block)[:-1]:
            with op.location:
                self._op(op)
        self.lowering.close_buffers()

    def _op(self, op: ir.Operation) -> None:
        if op.name == "gir.all_reduce":
            self._all_reduce(op)
        elif not holds(op, lambda inner: inner.name in MEETINGS):
            self._apart(op)
        elif op.name == "gir.parallel":
            self.parallel(op)
        elif op.name == "scf.for":
            self._loop(op)
        elif op.name == "scf.if":
            self._branch(op)
        elif op.name == "gir.alternatives":
            self._block(entry_block(op))
            for member in self.members:
                ends = operations(entry_block(op))[-1].operands
                member.values.update(zip(op.results, [member.values[value] for value in ends], strict=True))
        elif op.name != "gir.sync":
            raise UnsupportedError(f"units can't meet within '{op.name}'", location=op.location)

    def _apart(self, op: ir.Operation) -> None:
        """An op without meetings: for one instance after the other, or once where it is the same for all."""
        if op.name.startswith(PURE) and not op.regions and self._is_uniform(op.operands):
            self._emit(self.members[0], op)
            for member in self.members[1:]:
                member.values.update((result, self.members[0].values[result]) for result in op.results)
            return
        for member in self.members:
            self._emit(member, op)

    def _emit(self, member: Instance, op: ir.Operation) -> None:
        outer, self.lowering.values = self.lowering.values, member.values
        self.lowering.emit(op)
        self.lowering.values = outer

    # -- values ----------------------------------------------------------------------------------

    def _each_value(self, old: ir.Value) -> list[Tile]:
        outer = self.lowering.values
        made: list[Tile] = []
        for member in self.members:
            self.lowering.values = member.values
            made.append(self.lowering.value(old))
        self.lowering.values = outer
        return made

    def _is_uniform(self, values: Sequence[ir.Value]) -> bool:
        return all(self._same(value) is not None for value in values)

    def _same(self, old: ir.Value) -> Tile | None:
        """What a value is to all instances, None where it differs."""
        first, *others = self._each_value(old)
        number = integer_of(first) if isinstance(first, ir.Value) else None
        for other in others:
            equal = number is not None and isinstance(other, ir.Value) and integer_of(other) == number
            if other != first and not equal:
                return None
        return first

    def _uniform(self, old: ir.Value, what: str, op: ir.Operation) -> ir.Value:
        found = self._same(old)
        if not isinstance(found, ir.Value):
            raise UnsupportedError(
                f"{what} around a meeting of units must be the same for all of them",
                location=op.location,
                help="compute it outside of the parallel, or from what doesn't depend on the unit",
            )
        return found

    # -- what holds meetings ---------------------------------------------------------------------

    def _loop(self, op: ir.Operation) -> None:
        """One loop that carries each instance's values."""
        bounds = [self._uniform(value, "a loop's bounds", op) for value in list(op.operands)[:3]]
        body = entry_block(op)
        index, *arguments = body.arguments
        inits = [tile for operand in list(op.operands)[3:] for tile in self._each_value(operand)]
        carried = [row for tile in inits for row in rows_of(tile)]
        loop = create("scf.for", [*bounds, *carried], [row.type for row in carried], attributes_of(op), regions=1)
        types = [ir.IndexType.get(), *(row.type for row in carried)]
        block = loop.regions[0].blocks.append(*types, arg_locs=[op.location] * len(types))
        new_index, *new_arguments = block.arguments
        for member in self.members:
            member.values[index] = new_index
        self._spread(arguments, inits, new_arguments)
        with ir.InsertionPoint(block):
            self._block(body)
            ends = [tile for value in operations(body)[-1].operands for tile in self._each_value(value)]
            create("scf.yield", [row for tile in ends for row in rows_of(tile)])
        self._spread(list(op.results), inits, list(loop.results))

    def _spread(self, olds: Sequence[ir.Value], inits: Sequence[Tile], values: list[ir.Value]) -> None:
        """Deals out values to the instances, in the order in which `inits` were collected."""
        rest = iter(inits)
        for old in olds:
            for member in self.members:
                init = next(rest)
                count = len(rows_of(init))
                taken = tuple(values[:count])
                del values[:count]
                member.values[old] = Rows(taken) if isinstance(init, Rows) else taken[0]

    def _branch(self, op: ir.Operation) -> None:
        condition = self._uniform(op.operands[0], "a branch's condition", op)
        old_types = [result.type for result in op.results for _ in self.members]
        types = [new for type_ in old_types for new in register_types(type_)]
        branch = create("scf.if", [condition], types, regions=2)
        for old, new in zip(op.regions, branch.regions, strict=True):
            if len(old.blocks) == 0:
                continue
            with ir.InsertionPoint(new.blocks.append()):
                self._block(old.blocks[0])
                ends = [tile for v in operations(old.blocks[0])[-1].operands for tile in self._each_value(v)]
                create("scf.yield", [row for tile in ends for row in rows_of(tile)])
        tiles = iter(regroup(old_types, list(branch.results)))
        for result in op.results:
            for member in self.members:
                member.values[result] = next(tiles)

    def _all_reduce(self, op: ir.Operation) -> None:
        """Every instance of the scope gets the combination over all of them, in order."""
        groups: dict[tuple[tuple[str, int], ...], list[Instance]] = {}
        for member in self.members:
            groups.setdefault(member.within(scope_of(op)), []).append(member)
        for members in groups.values():
            inputs = [Instances(self.lowering, members)._each_value(operand) for operand in op.operands]
            outer, self.lowering.values = self.lowering.values, members[0].values
            made = combine_tiles(self.lowering, op, list(zip(*inputs, strict=True)))
            self.lowering.values = outer
            for member in members:
                member.values.update(zip(op.results, made, strict=True))


@lowers("gir.all_reduce", to="vector")
def lower_all_reduce(lowering: VectorLowering, op: ir.Operation) -> None:
    """In step with the other units: what each has is combined, in order, and given to all."""
    raise UnsupportedError(
        "'gir.all_reduce' outside of units that run in step can't be lowered",
        location=op.location,
        help="put it into a gir.parallel <unit>, reached by all units",
    )
