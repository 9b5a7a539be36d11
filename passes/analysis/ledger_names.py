"""Dimensions and passes of a placed kernel: what each value runs over, and when each op happens.

    %0 = move %x over ["r", "c"]      %0 over r, c       in pass 0
    %m = reduce %0 dims [1]           %m over r          in stage 1 of pass 0, where c is swept
    %b = broadcast %m dims [1] pass 1 %b over r, c       in pass 1

A move from or to `dram` names its dimensions; between values on the chip names go on through the ops. They don't go
on through a value that is the same everywhere: ops that share a constant needn't share more than its shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import DYNAMIC, defining_op, integers, is_tensor, segments
from powerfusion.dialects import gir
from powerfusion.mlir import ir

Slot = tuple[ir.Value, int]
Node = Slot | tuple[ir.Value, int, ir.Operation]
EVERYWHERE = ("arith.constant", "tensor.splat")
PASSING = ("gir.move", "gir.broadcast", "gir.gather", "gir.iota")
COMBINING = ("gir.reduce", "gir.scan", "gir.contract")


@dataclass(frozen=True)
class When:
    """In the steps of a pass, or at its end.

    Attributes:
        number: The pass.
        stage: 0 in its steps; at its end, after how many combinations over steps or units.
    """

    number: int
    stage: int = 0


def on_chip(value: ir.Value) -> bool:
    """True for a tensor at `reg` or `sram`."""
    return is_tensor(value) and gir.level_of(value.type) in ("reg", "sram")


def is_everywhere(value: ir.Value) -> bool:
    """True for a tensor that is the same wherever it is looked at: a tile of it is known by its sizes alone."""
    op = defining_op(value)
    return op is not None and op.name in EVERYWHERE


def leading(values: Sequence[ir.Value]) -> ir.Value:
    """Of values that run over the same, the first that says over what; constants don't."""
    return next((value for value in values if not is_everywhere(value)), values[0])


@dataclass(eq=False)
class Names:
    """What the values of a placed kernel run over, and when its ops happen.

    Attributes:
        ops: The kernel's, in order.
        shared: Names of the dimensions that steps of a sweep, or units, have parts of.
        happens: By op; None for what any pass has.
        when: By value at `reg`, when it is there.
        kept: By value that something at another time uses, the last pass that does.
    """

    ops: Sequence[ir.Operation]
    shared: frozenset[str]
    parent: dict[Node, Node] = field(default_factory=dict)
    known: dict[Node, str] = field(default_factory=dict)
    happens: dict[ir.Operation, When | None] = field(default_factory=dict)
    when: dict[ir.Value, When | None] = field(default_factory=dict)
    kept: dict[ir.Value, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for op in self.ops:
            for one, other in _ties(op):
                self._tie(_node(one, op), _node(other, op))
        for op in self.ops:
            for dim, text in enumerate(over(op)):
                for value in (op.operands[0], op.result) if text else ():
                    if on_chip(value) or value == op.result:
                        self.known[self._find(_node((value, dim), op))] = text
        for op in self.ops:
            self._time(op)
            self._keep(op)

    def of(self, value: ir.Value, dim: int) -> str | None:
        """The nest's dimension that one of a value's runs over, None where it is none.

        What a move brings to `sram` or `dram` runs over what the move says and nothing else; what is the same
        everywhere, over what all ops that use it have there.
        """
        op = defining_op(value)
        if op is not None and op.name == "gir.move" and over(op) and not gir.is_at(value, "reg"):
            return over(op)[dim] or None
        if is_everywhere(value):
            names = {self.known.get(self._find((value, dim, use.owner.operation))) for use in value.uses}
            return names.pop() if len(names) == 1 else None
        return self.known.get(self._find((value, dim)))

    def combined(self, op: ir.Operation) -> frozenset[str]:
        """The dimensions along which an op combines what several steps or units have; it ends a stage."""
        found = {self.of(value, dim) for value, dim in folded_slots(op)}
        return frozenset(name for name in found if name in self.shared and name)

    def _find(self, node: Node) -> Node:
        while node in self.parent:
            node = self.parent[node]
        return node

    def _tie(self, one: Node, other: Node) -> None:
        one, other = self._find(one), self._find(other)
        if one != other:
            self.parent[one] = other

    def _time(self, op: ir.Operation) -> None:
        times = [self.when.get(value) for value in op.operands if gir.level_of(value.type) == "reg"]
        known = [when for when in times if when]
        number = max((when.number for when in known), default=None)
        if op.name in PASSING and not (op.name == "gir.broadcast" and number is None):
            number = max(pass_of(op), number or 0)
        if number is None and (not op.results or self.combined(op)):
            number = 0
        stage = max((when.stage for when in known if when.number == number), default=0)
        now = None if number is None else When(number, stage)
        self.happens[op] = now
        ended = When(now.number, now.stage + 1) if now and self.combined(op) else now
        finals = list(op.results)[len(op.results) // 2 :] if op.name == "gir.scan" else list(op.results)
        for value in op.results:
            self.when[value] = ended if value in finals else now

    def _keep(self, op: ir.Operation) -> None:
        """Notes what an op uses from another time."""
        now = self.happens[op]
        for value in op.operands:
            there = self.when.get(value)
            if there is not None and now is not None and there != now:
                self.kept[value] = max(self.kept.get(value, 0), now.number)


def _node(slot: Slot, op: ir.Operation) -> Node:
    """A dimension, as one op sees it where it is of what is the same everywhere."""
    return (*slot, op) if is_everywhere(slot[0]) else slot


def pass_of(op: ir.Operation) -> int:
    """The pass that an op names."""
    return ir.IntegerAttr(op.attributes["pass"]).value if "pass" in op.attributes else 0


def over(op: ir.Operation) -> list[str]:
    """The nest's dimensions that a move names, one per dimension of its tensor; none where it names none."""
    if "over" not in op.attributes:
        return []
    return [ir.StringAttr(name).value for name in ir.ArrayAttr(op.attributes["over"])]


def contracted(op: ir.Operation) -> list[list[int]]:
    """The iteration dimensions of each map of a contraction: both operands', the result's."""
    maps = [ir.AffineMapAttr(each).value for each in op.attributes["maps"]]  # pyright: ignore[reportAttributeAccessIssue]
    return [[ir.AffineDimExpr(each).position for each in map_.results] for map_ in maps]


def folded_slots(op: ir.Operation) -> Iterator[Slot]:
    """The dimensions of operands that a computation combines along."""
    match op.name:
        case "gir.reduce":
            yield from ((leading(segments(op)[0]), dim) for dim in integers(op.attributes["dims"]))
        case "gir.scan":
            yield leading(segments(op)[0]), ir.IntegerAttr(op.attributes["dim"]).value
        case "gir.contract":
            *sides, result = contracted(op)
            for value, dims in zip(op.operands, sides, strict=False):
                yield from ((value, at) for at, dim in enumerate(dims) if dim not in result)
        case _:
            return


def _ties(op: ir.Operation) -> Iterator[tuple[Slot, Slot]]:
    """Pairs of dimensions of values on the chip that run over the same."""
    tensors = [value for value in (*op.operands, *op.results) if on_chip(value)]
    match op.name:
        case "gir.return" | "gir.yield" | "gir.iota" | "gir.scatter":
            return
        case _ if not tensors or not op.results or not on_chip(op.results[0]):
            return
        case "gir.permute":
            pairs = [(old, new) for new, old in enumerate(integers(op.attributes["perm"]))]
        case "gir.broadcast":
            dims = integers(op.attributes["dims"])
            pairs = list(enumerate(dim for dim in range(op.result.type.rank) if dim not in dims))
        case "gir.slice":
            dims = integers(op.attributes["drop"])
            kept = [dim for dim in range(op.operands[0].type.rank) if dim not in dims]
            shapes = op.operands[0].type.shape, op.result.type.shape
            pairs = [(old, new) for new, old in enumerate(kept) if shapes[0][old] == shapes[1][new]]
        case "gir.pad" | "gir.window":
            pairs = [(dim, dim) for dim in range(op.operands[0].type.rank)]
        case "gir.reshape":
            pairs = list(_kept_by_reshape(op.operands[0].type.shape, op.result.type.shape))
        case "gir.concat":
            along = ir.IntegerAttr(op.attributes["dim"]).value
            for value in op.operands:
                yield from (((value, d), (op.result, d)) for d in range(value.type.rank) if d != along)
            return
        case "gir.reduce" | "gir.scan":
            yield from _ties_of_combining(op)
            return
        case "gir.contract":
            yield from _ties_of_contract(op)
            return
        case _:
            for value in tensors[1:]:
                if value.type.rank == tensors[0].type.rank:
                    yield from (((tensors[0], dim), (value, dim)) for dim in range(value.type.rank))
            return
    if on_chip(op.operands[0]):
        yield from (((op.operands[0], old), (op.results[0], new)) for old, new in pairs)


def _kept_by_reshape(old: Sequence[int], new: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Leading dimensions that stay as they are, and trailing ones."""
    for step in (1, -1):
        for count, (a, b) in enumerate(zip(old[::step], new[::step], strict=False)):
            if a != b or a == DYNAMIC:
                break
            yield (count, count) if step == 1 else (len(old) - 1 - count, len(new) - 1 - count)


def _ties_of_combining(op: ir.Operation) -> Iterator[tuple[Slot, Slot]]:
    inputs, inits, _ = segments(op)
    gone = integers(op.attributes["dims"]) if op.name == "gir.reduce" else [ir.IntegerAttr(op.attributes["dim"]).value]
    common = min(value.type.rank for value in inputs)
    kept = [dim for dim in range(common) if dim not in gone]
    scanned = list(op.results)[: len(inputs)] if op.name == "gir.scan" else []
    for value in (*inputs[1:], *scanned):
        yield from (((inputs[0], dim), (value, dim)) for dim in range(common))
    for value in (*inits, *(result for result in op.results if result not in scanned)):
        yield from (((inputs[0], old), (value, new)) for new, old in enumerate(kept))


def _ties_of_contract(op: ir.Operation) -> Iterator[tuple[Slot, Slot]]:
    lhs, rhs, result = contracted(op)
    first: dict[int, Slot] = {}
    values = [op.operands[0], op.operands[1], op.operands[2], op.results[0]]
    for number, (value, dims) in enumerate(zip(values, [lhs, rhs, result, result], strict=True)):
        if is_everywhere(value) and value in values[:number]:  # It may run over something else there.
            continue
        for at, dim in enumerate(dims):
            slot = (value, at)
            yield first.setdefault(dim, slot), slot
