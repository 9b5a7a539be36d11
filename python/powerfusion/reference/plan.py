"""What a placed kernel does, read off its ops once: which dimensions run over what, and in which pass an op happens.

```
  pass 0                            pass 1
    steps:   %0 = move                steps:   %1 = move pass 1, broadcast %m pass 1, ...
    stage 1: %m = reduce %0           stage 1: %l = reduce
```
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from powerfusion.errors import OutOfBounds, WrongPass
from powerfusion.reference.nest import Nest, read_nest
from powerfusion.reference.program import Block, Instruction
from powerfusion.reference.stream import located
from powerfusion.reference.types import Type
from powerfusion.reference.values import Tile
from powerfusion.reference.windows import Shapes

Slot = tuple[int, int]
PASSING = frozenset(["gir.move", "gir.broadcast", "gir.gather", "gir.iota"])
COMBINING = frozenset(["gir.reduce", "gir.scan", "gir.contract"])


@dataclass(frozen=True)
class When:
    """When in a kernel something happens: in the steps of a pass, or at its end, after so many combinations.

    Attributes:
        number: The pass.
        stage: 0 in its steps; after each combination over steps or units one more.
    """

    number: int
    stage: int = 0


@dataclass(eq=False)
class Plan:
    """A placed kernel's ops with what is known of them.

    Attributes:
        nest: The nest, its sizes known.
        ops: The ops that deal with values at reg or sram, in order; of alternatives the first.
        shapes: By op, whole shapes and numbers.
        names: By value, the nest's dimension that each of its dimensions runs over.
        when: By value, when it is there; None for what any pass has.
        happens: By op, when it happens.
        combined: By combining op, the dimensions along which it combines what several steps or units have.
        recorded: Values that something at another time uses.
        used: By value, the last pass that uses it.
        last: The last pass.
        stages: The last stage of any pass.
    """

    nest: Nest
    ops: list[Instruction]
    shapes: dict[int, Shapes]
    names: dict[int, list[str | None]] = field(default_factory=dict[int, "list[str | None]"])
    when: dict[int, When | None] = field(default_factory=dict[int, "When | None"])
    happens: dict[int, When | None] = field(default_factory=dict[int, "When | None"])
    combined: dict[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])
    recorded: set[int] = field(default_factory=set[int])
    used: dict[int, int] = field(default_factory=dict[int, int])
    last: int = 0
    stages: int = 0

    @property
    def in_order(self) -> bool:
        """Whether units combine one after the other."""
        return any(
            op.name == "gir.scan" or (op.name in COMBINING and op.blocks and op.get("algebra") in (None, "ordered"))
            for op in self.ops
        )

    def needed_until(self, value: int) -> int:
        """The last pass that uses a value."""
        return self.used.get(value, -1)


def plan_of(op: Instruction, values: Sequence[Any]) -> Plan:
    """Reads a placed kernel.

    Args:
        op: The kernel.
        values: Every value of its body as a run without the nest left it: what is used are shapes, and numbers.

    Raises:
        WrongPass: A value is used in a pass in which it isn't there.
        OutOfBounds: A dimension of the nest has another size than a tensor that runs over it.
    """
    everything = list(flattened(op.blocks[0], {}))
    ops = [inner for inner in everything if any(on_chip(t) for t in (*inner.operand_types, *inner.result_types))]
    nest = read_nest(op.attributes["nest"])
    plan = Plan(nest, ops, {inner.number: _shapes(inner, values) for inner in ops})
    plan.names = _named(plan, everything, values)
    plan.nest = nest.sized(_sizes(plan, values))
    for inner in ops:
        _time(plan, inner)
    plan.last = max((when.number for when in plan.happens.values() if when), default=0)
    plan.stages = max((when.stage for when in plan.happens.values() if when), default=0)
    return plan


def on_chip(type_: Type) -> bool:
    """True for tensors at sram and reg, which stream."""
    return type_.kind == "tensor" and type_.level in ("sram", "reg")


def flattened(block: Block, aliases: dict[int, int]) -> Iterator[Instruction]:
    """A body's ops, the first of each op of alternatives in its place."""
    for op in block.instructions:
        operands = tuple(aliases.get(number, number) for number in op.operands)
        if op.name != "gir.alternatives":
            yield dataclasses.replace(op, operands=operands)
            continue
        yield from flattened(op.blocks[0], aliases)
        given = op.blocks[0].instructions[-1].operands
        aliases.update({result: aliases.get(number, number) for result, number in zip(op.results, given, strict=True)})


def _shapes(op: Instruction, values: Sequence[Any]) -> Shapes:
    operands = tuple(values[number] for number in op.operands)
    result = values[op.results[0]].shape if op.results else ()
    return Shapes(tuple(value.shape if isinstance(value, Tile) else () for value in operands), result, operands)


# Which dimension of the nest each dimension of a value runs over


class _Ties:
    """Union-find over (value, dimension); some classes have a name."""

    def __init__(self) -> None:
        self.parent: dict[Slot, Slot] = {}
        self.name: dict[Slot, str] = {}

    def find(self, slot: Slot) -> Slot:
        while slot in self.parent:
            slot = self.parent[slot]
        return slot

    def tie(self, one: Slot, other: Slot) -> None:
        one, other = self.find(one), self.find(other)
        if one == other:
            return
        self.parent[one] = other
        if one in self.name:
            self.name.setdefault(other, self.name[one])

    def call(self, slot: Slot, name: str) -> None:
        self.name[self.find(slot)] = name


def _named(plan: Plan, everything: Sequence[Instruction], values: Sequence[Any]) -> dict[int, list[str | None]]:
    ties = _Ties()
    for op in everything:
        if op.name == "gir.return" or (op.number not in plan.shapes and not _is_sram_view(op)):
            continue
        for operand, dim, result in _tied(op, plan.shapes[op.number]):
            ties.tie((op.operands[operand], dim), result)
        for dim, name in enumerate(op.get("over", ())):
            if name and on_chip(op.operand_types[0]):
                ties.call((op.operands[0], dim), name)
            if name and on_chip(op.type):
                ties.call((op.results[0], dim), name)
    known: dict[int, list[str | None]] = {}
    for op in everything:
        for number in (*op.operands, *op.results):
            if isinstance(values[number], Tile):
                rank = values[number].data.ndim
                known[number] = [ties.name.get(ties.find((number, dim))) for dim in range(rank)]
    return known


def _is_sram_view(op: Instruction) -> bool:
    return any(type_.level == "sram" for type_ in op.result_types)


def _tied(op: Instruction, shapes: Shapes) -> Iterator[tuple[int, int, Slot]]:
    """Pairs of a dimension of an operand and one of a value that run over the same."""
    result = op.results[0] if op.results else -1
    tensors = [i for i, type_ in enumerate(op.operand_types) if on_chip(type_)]
    rank = {i: len(shapes.operands[i]) for i in tensors}
    match op.name:
        case "gir.permute":
            yield from ((0, old, (result, new)) for new, old in enumerate(op.attributes["perm"]))
        case "gir.broadcast":
            kept = [dim for dim in range(len(shapes.result)) if dim not in op.attributes["dims"]]
            yield from ((0, old, (result, new)) for old, new in enumerate(kept))
        case "gir.slice":
            kept = [dim for dim in range(rank[0]) if dim not in op.get("drop", ())]
            same = [(o, n) for n, o in enumerate(kept) if shapes.operands[0][o] == shapes.result[n]]
            yield from ((0, old, (result, new)) for old, new in same)
        case "gir.concat":
            dims = [dim for dim in range(len(shapes.result)) if dim != op.attributes["dim"]]
            yield from ((i, dim, (result, dim)) for i in tensors for dim in dims)
        case "gir.pad" | "gir.window":
            same = range(rank[0])
            yield from (
                (0, dim, (result, dim)) for dim in same if dim not in op.get("dims", ()) or op.name == "gir.pad"
            )
            yield from ((0, dim, (result, dim)) for dim in op.get("dims", ()) if op.name == "gir.window")
        case "gir.reshape":
            yield from _tied_reshape(op, shapes)
        case "gir.reduce" | "gir.scan":
            yield from _tied_combining(op, shapes)
        case "gir.contract":
            yield from _tied_contract(op)
        case "gir.iota":
            return
        case _:
            others = [
                (number, len(shapes.result))
                for number, t in zip(op.results, op.result_types, strict=True)
                if on_chip(t)
            ]
            others += [(op.operands[i], rank[i]) for i in tensors[1:]]
            for number, count in others:
                yield from (
                    (tensors[0], dim, (number, dim)) for dim in range(count) if tensors and rank[tensors[0]] == count
                )


def _tied_reshape(op: Instruction, shapes: Shapes) -> Iterator[tuple[int, int, Slot]]:
    """Leading dimensions that stay as they are, and trailing ones."""
    old, new = shapes.operands[0], shapes.result
    for step in (1, -1):
        for count, (a, b) in enumerate(zip(old[::step], new[::step], strict=False)):
            if a != b:
                break
            i, j = (count, count) if step == 1 else (len(old) - 1 - count, len(new) - 1 - count)
            yield 0, i, (op.results[0], j)


def _tied_combining(op: Instruction, shapes: Shapes) -> Iterator[tuple[int, int, Slot]]:
    positions = list(range(len(op.operands)))
    inputs, inits, _ = op.groups(positions)
    gone = op.attributes["dims"] if op.name == "gir.reduce" else (op.attributes["dim"],)
    common = min(len(shapes.operands[i]) for i in inputs)
    kept = [dim for dim in range(common) if dim not in gone]
    for i in inputs:
        yield from ((inputs[0], dim, (op.operands[i], dim)) for dim in range(common))
    folded = op.results if op.name == "gir.reduce" else op.results[len(inputs) :]
    for number in (*folded, *(op.operands[i] for i in inits)):
        yield from ((inputs[0], old, (number, new)) for new, old in enumerate(kept))
    if op.name == "gir.scan":
        for number in op.results[: len(inputs)]:
            yield from ((inputs[0], dim, (number, dim)) for dim in range(common))


def _tied_contract(op: Instruction) -> Iterator[tuple[int, int, Slot]]:
    maps = [map_.positions for map_ in op.attributes["maps"]]
    values = [op.operands[0], op.operands[1], op.operands[2], op.results[0]]
    first: dict[int, tuple[int, int]] = {}
    for position, (value, dims) in enumerate(zip(values, [*maps, maps[2]], strict=True)):
        for dim, iteration in enumerate(dims):
            operand, at = first.setdefault(iteration, (min(position, 2), dim))
            yield operand, at, (value, dim)


def _sizes(plan: Plan, values: Sequence[Any]) -> dict[str, int]:
    """The sizes of the nest's dimensions, from the tensors that are moved from and to dram."""
    sizes: dict[str, int] = {}
    known = {dim.name: dim.size for dim in plan.nest.dims}
    for op in plan.ops:
        for dim, name in enumerate(op.get("over", ())):
            if not name:
                continue
            size = values[op.operands[0]].shape[dim]
            before = sizes.setdefault(name, size) if known.get(name) is None else known[name]
            if before != size:
                raise located(OutOfBounds(f"runs over {size} elements of '{name}', which has {before} in the nest"), op)
    return sizes


# In which pass things happen


def _time(plan: Plan, op: Instruction) -> None:
    """Notes when an op happens, and when its results are there."""
    operands = [
        (number, plan.when.get(number))
        for number, t in zip(op.operands, op.operand_types, strict=True)
        if t.level == "reg"
    ]
    times = [when for _, when in operands if when]
    number: int | None = max((when.number for when in times), default=None)
    if op.name in PASSING and not (op.name == "gir.broadcast" and number is None):
        number = max(op.get("pass", 0), number or 0)
    if number is None and not op.results:
        number = 0
    stage = max((when.stage for when in times if when.number == number), default=0)
    swept = {dim.name for dim in plan.nest.swept}
    now = None if number is None else When(number, stage)
    if now is None and _combines(plan, op):
        now = When(0)
    plan.happens[op.number] = now
    for value, when in operands:
        _check_there(plan, op, value, when, now, swept)
    plan.combined[op.number] = _combines(plan, op)
    ended = bool(plan.combined[op.number]) and now is not None
    finals = op.results[len(op.results) // 2 :] if op.name == "gir.scan" else op.results
    for value in op.results:
        plan.when[value] = When(now.number, now.stage + 1) if ended and now and value in finals else now


def _combines(plan: Plan, op: Instruction) -> frozenset[str]:
    """The dimensions along which an op combines what several steps, or several units, have."""
    if op.name not in COMBINING:
        return frozenset()
    folded = sorted(_folded(plan, op))
    dims = [plan.nest.dim(name) for name in dict(folded)]
    for dim in dims:
        if dim.groups > 1:
            raise located(WrongPass(f"combines along '{dim.name}', of which each group has a part only"), op)
        if dim.steps > 1 and not dim.swept:
            raise located(WrongPass(f"combines along '{dim.name}', which has several steps but isn't swept"), op)
    combined = frozenset(dim.name for dim in dims if dim.swept or dim.units > 1)
    for name, length in folded:
        if name in combined and length != (size := plan.nest.dim(name).size):
            raise located(WrongPass(f"combines {length} elements along '{name}', which has {size}"), op)
    return combined


def combined_names(plan: Plan, op: Instruction) -> frozenset[str]:
    """The nest's dimensions along which an op combines."""
    return frozenset(name for name, _ in _folded(plan, op))


def _folded(plan: Plan, op: Instruction) -> Iterator[tuple[str, int]]:
    """The nest's dimensions along which an op combines, and how long what it takes is there."""
    shapes = plan.shapes[op.number].operands
    if op.name == "gir.contract":
        *sides, kept = (map_.positions for map_ in op.attributes["maps"])
        slots = [(at, dim) for at, side in enumerate(sides) for dim, d in enumerate(side) if d not in kept]
    else:
        slots = [(0, dim) for dim in (op.attributes["dims"] if op.name == "gir.reduce" else (op.attributes["dim"],))]
    for at, dim in slots:
        if name := plan.names[op.operands[at]][dim]:
            yield name, shapes[at][dim]


def _check_there(plan: Plan, op: Instruction, value: int, when: When | None, now: When | None, swept: set[str]) -> None:
    """Checks that an operand is there when an op happens, and notes it where it comes from another time."""
    if when is None or now is None or when == now:
        return
    streams = bool(swept & {name for name in plan.names[value] if name})
    if streams and not when.stage and (now.stage or op.name not in PASSING):
        what = f"at the end of pass {now.number}" if now.stage else f"in pass {now.number}"
        raise located(
            WrongPass(
                f"uses {what} a value that streams by in pass {when.number}",
                help="bring it there by a move of that pass",
            ),
            op,
        )
    plan.recorded.add(value)
    plan.used[value] = max(plan.used.get(value, 0), now.number)
