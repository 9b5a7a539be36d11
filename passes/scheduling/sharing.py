"""What units of a group touch of the memory that they share, and whether two of them may meet there.

Where an index is `c * unit + k`, with the same k for all units, windows of at most c elements lie apart:

    unit 0     unit 1     unit 2
    [..]       [..]       [..]
    <--- c --->
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import DYNAMIC, defining_op, entry_block, integer_of, mixed, segments
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_access import place_of
from powerfusion.passes.scheduling.lifetimes import VIEWS, touches
from powerfusion.passes.scheduling.roots import may_share, viewed


@dataclass(frozen=True)
class Linear:
    """An index: a sum of values times numbers, a number, and up to `spread` more.

    Attributes:
        terms: Values with what they are taken times.
        constant: The number.
        spread: How much more it may be.
    """

    terms: Mapping[ir.Value, int] = field(default_factory=dict[ir.Value, int])
    constant: int = 0
    spread: int = 0

    def plus(self, other: Linear) -> Linear:
        """The sum of both."""
        terms = dict(self.terms)
        for value, factor in other.terms.items():
            terms[value] = terms.get(value, 0) + factor
        return Linear(_without_zeros(terms), self.constant + other.constant, self.spread + other.spread)

    def times(self, by: int) -> Linear | None:
        """So many of it; None where that turns what is spread around."""
        if by < 0 and self.spread:
            return None
        terms = {value: factor * by for value, factor in self.terms.items()}
        return Linear(_without_zeros(terms), self.constant * by, self.spread * by)


def _without_zeros(terms: Mapping[ir.Value, int]) -> dict[ir.Value, int]:
    return {value: factor for value, factor in terms.items() if factor}


@dataclass(frozen=True)
class Access:
    """What an op touches.

    Attributes:
        op: The op.
        root: The memory, as the units' parallel sees it.
        writes: Whether it is written.
        starts: Where the window begins in each dimension, None where that isn't known.
        lengths: How long it is at most.
    """

    op: ir.Operation
    root: ir.Value
    writes: bool
    starts: tuple[Linear | None, ...] = ()
    lengths: tuple[int, ...] = ()

    @property
    def at_sram(self) -> bool:
        """Whether it is memory of the group."""
        return place_of(self.root).level == "sram"


class Units:
    """The units of a group: what they touch, and whether two may meet.

    Args:
        parallel: The `gir.parallel` of units.
    """

    def __init__(self, parallel: ir.Operation) -> None:
        self.parallel = parallel
        block = entry_block(parallel)
        counts = [integer_of(count) for count in parallel.operands]
        self.indices = [index for index, count in zip(block.arguments, counts, strict=True) if count != 1]
        self._known: dict[ir.Value, Linear | None] = {}
        self._waited = self._waits()

    def accesses(self, op: ir.Operation) -> list[Access]:
        """What an op touches of memory that was there before the units ran."""
        match op.name:
            case "gir.load":
                (memref,), indices, _ = segments(op)
                found = [self._access(op, memref, indices, list(op.result.type.shape), writes=False)]
            case "gir.store":
                (tile,), (memref,), indices, _ = segments(op)
                found = [self._access(op, memref, indices, list(tile.type.shape), writes=True)]
            case "memref.load":
                memref, *indices = op.operands
                found = [self._access(op, memref, indices, [1] * len(indices), writes=False)]
            case "memref.store":
                _, memref, *indices = op.operands
                found = [self._access(op, memref, indices, [1] * len(indices), writes=True)]
            case "gir.copy" | "gir.stage":
                found = self._copied(op)
            case "gir.gather":
                found = [self._anywhere(op, op.operands[0], writes=False)]
            case "gir.scatter":
                found = [self._anywhere(op, segments(op)[1][0], writes=True)]
            case "gir.wait":
                found = self._waited.get(op, [])
            case _:
                found = [self._anywhere(op, value, writes=True) for value in op.operands if _is_touched(op, value)]
        return [access for access in found if not self._is_inside(access.root)]

    def meet(self, one: Access, other: Access) -> bool:
        """Whether two different units may touch one element, at least one of them writing it."""
        if not (one.writes or other.writes) or not self._may_be_same(one.root, other.root):
            return False
        if one.op == other.op and one.op.name == "gir.scatter":
            return False  # Elements of one scatter are combined in any order.
        return not (one.root == other.root and all(self._apart(one, other, index) for index in self.indices))

    def is_uniform(self, value: ir.Value) -> bool:
        """Whether a value is the same for all units, in loops that all go through alike."""
        if not self._is_inside(value):
            return True
        op = defining_op(value)
        if op is None:
            around = value.owner.owner.operation
            if around == self.parallel or around.name != "scf.for" or value != value.owner.arguments[0]:
                return False
            return all(self.is_uniform(bound) for bound in list(around.operands)[:3])
        if op.name == "gir.all_reduce":
            return True
        if not op.name.startswith(("arith.", "affine.", "index.")) and op.name != "memref.dim":
            return False
        return all(self.is_uniform(operand) for operand in op.operands)

    # -- what is touched ---------------------------------------------------------------------

    def _waits(self) -> dict[ir.Operation, list[Access]]:
        """By wait, what the copies that it may wait for write."""
        found: dict[ir.Operation, list[Access]] = {}

        def visit(op: ir.Operation) -> ir.WalkResult:
            for user in touches(op.result) if op.name == "gir.copy" else ():
                if user.name == "gir.wait":
                    found.setdefault(user, []).append(self._anywhere(user, segments(op)[2][0], writes=True))
            return ir.WalkResult.ADVANCE

        self.parallel.walk(visit)
        return found

    def _copied(self, op: ir.Operation) -> list[Access]:
        parts = segments(op)
        sizes = [size if isinstance(size, int) else DYNAMIC for size in mixed(op, parts[-1], "static_sizes")]
        found = [self._access(op, parts[0][0], parts[1], sizes, writes=False)]
        if op.name == "gir.copy":
            found.append(self._access(op, parts[2][0], parts[3], sizes, writes=True))
        return found

    def _access(
        self, op: ir.Operation, memref: ir.Value, indices: Sequence[ir.Value], lengths: Sequence[int], *, writes: bool
    ) -> Access:
        starts = [self.linear(index) for index in indices]
        found = [None if length == DYNAMIC else start for start, length in zip(starts, lengths, strict=True)]
        lengths = list(lengths)
        while (maker := defining_op(memref)) is not None and maker.name in VIEWS:
            match maker.name:
                case "memref.cast" | "memref.memory_space_cast":
                    pass
                case "memref.transpose":
                    map_ = ir.AffineMapAttr(maker.attributes["permutation"]).value
                    order = [ir.AffineDimExpr(result).position for result in map_.results]
                    found = [found[order.index(dim)] for dim in range(len(order))]
                    lengths = [lengths[order.index(dim)] for dim in range(len(order))]
                case _:
                    return self._anywhere(op, memref, writes=writes)
            memref = maker.operands[0]
        return Access(op, memref, writes, tuple(found), tuple(lengths))

    def _anywhere(self, op: ir.Operation, memref: ir.Value, *, writes: bool) -> Access:
        return Access(op, viewed(memref), writes)

    def _is_inside(self, value: ir.Value) -> bool:
        """Whether a value is made by the units."""
        owner = value.owner
        op = owner.owner.operation if isinstance(owner, ir.Block) else owner.operation.parent.operation
        while op != self.parallel:
            if op.name in ("gir.kernel", "func.func", "builtin.module"):
                return False
            op = op.parent.operation
        return True

    # -- whether they meet -------------------------------------------------------------------

    def _may_be_same(self, one: ir.Value, other: ir.Value) -> bool:
        if one == other:
            return True
        levels = {place_of(one).level, place_of(other).level}
        return levels == {"dram"} and may_share(one, other)

    def _apart(self, one: Access, other: Access, index: ir.Value) -> bool:
        """Whether units whose index differs lie apart in some dimension."""
        pairs = zip(one.starts, other.starts, one.lengths, other.lengths, strict=False)
        return any(self._apart_in(*pair, index) for pair in pairs)

    def _apart_in(self, one: Linear | None, other: Linear | None, length: int, others: int, index: ir.Value) -> bool:
        if one is None or other is None or dict(one.terms) != dict(other.terms):
            return False
        if any(value != index and self._is_inside(value) for value in one.terms):
            return False
        low = min(one.constant, other.constant)
        high = max(one.constant + one.spread + length, other.constant + other.spread + others)
        return high - low <= abs(one.terms.get(index, 0))

    def linear(self, value: ir.Value) -> Linear | None:
        """An index in terms of what is outside and of the units' indices."""
        if value not in self._known:
            self._known[value] = None  # While it is worked out.
            self._known[value] = self._read(value)
        return self._known[value]

    def _read(self, value: ir.Value) -> Linear | None:
        known = integer_of(value)
        if known is not None:
            return Linear(constant=known)
        if value in self.indices or not self._is_inside(value):
            return Linear({value: 1})
        op = defining_op(value)
        if op is None:
            return self._read_argument(value)
        given = [self.linear(operand) for operand in op.operands]
        match op.name, given:
            case "affine.apply", _:
                map_: ir.AffineMap = ir.AffineMapAttr(op.attributes["map"]).value  # pyright: ignore[reportAttributeAccessIssue]
                return _expression(map_.results[0], given, map_.n_dims)
            case "arith.addi", [Linear() as left, Linear() as right]:
                return left.plus(right)
            case "arith.muli", [Linear() as left, Linear() as right] if not right.terms and not right.spread:
                return left.times(right.constant)
            case _:
                return None

    def _read_argument(self, value: ir.Value) -> Linear | None:
        """The index of a loop: from its first one on, as far as the loop goes."""
        around = value.owner.owner.operation
        if value in entry_block(self.parallel).arguments:
            return Linear()  # There is one such unit.
        if around.name != "scf.for" or value != value.owner.arguments[0]:
            return None
        low, length = self.linear(around.operands[0]), self._length(around)
        if low is None or length is None:
            return None
        return low.plus(Linear(spread=max(length - 1, 0)))

    def _length(self, loop: ir.Operation) -> int | None:
        """How far a loop goes at most."""
        low = self.linear(loop.operands[0])
        ends = [self.linear(loop.operands[1])]
        op = defining_op(loop.operands[1])
        if op is not None and op.name == "affine.min":
            map_: ir.AffineMap = ir.AffineMapAttr(op.attributes["map"]).value  # pyright: ignore[reportAttributeAccessIssue]
            given = [self.linear(operand) for operand in op.operands]
            ends = [_expression(result, given, map_.n_dims) for result in map_.results]
        if low is None or low.spread:
            return None
        known = [end for end in ends if end is not None and not end.spread and dict(end.terms) == dict(low.terms)]
        return min((end.constant - low.constant for end in known), default=None)


def _is_touched(op: ir.Operation, value: ir.Value) -> bool:
    """Whether an op that isn't known to be harmless takes a memref."""
    if not isinstance(value.type, ir.MemRefType) or op.name in VIEWS or op.name == "memref.dim":
        return False
    return not op.name.startswith("scf.") and gir.AtAttr.isinstance(value.type.memory_space or ir.UnitAttr.get())


def _expression(expression: ir.AffineExpr, given: Sequence[Linear | None], dims: int) -> Linear | None:
    match expression:
        case ir.AffineConstantExpr():
            return Linear(constant=expression.value)
        case ir.AffineDimExpr():
            return given[expression.position]
        case ir.AffineSymbolExpr():
            return given[dims + expression.position]
        case ir.AffineAddExpr():
            left, right = (_expression(side, given, dims) for side in (expression.lhs, expression.rhs))
            return None if left is None or right is None else left.plus(right)
        case ir.AffineMulExpr():
            left, right = (_expression(side, given, dims) for side in (expression.lhs, expression.rhs))
            if left is None or right is None or right.terms or right.spread:
                return None
            return left.times(right.constant)
        case _:
            return None
