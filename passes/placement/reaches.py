"""What each op of a kernel is to placing: its kind, and how a window of its result reaches into its operands.

    y = pad x low [1] high [1]        y from s to e     x from s - 1 to e - 1, clipped
    z = window y size 3 stride 2      z from s to e     y from 2 s to 2 e + 2
    s = reduce x dims [1]             s over r          x over r, and its own of what is folded
    k = concat a, b dim 1             k whole along 1   a and b whole

A dimension that must be whole in each step, as that of a concatenation, is said to be so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from powerfusion.core._mlir import DYNAMIC, integer_of, integers, is_tensor, mixed, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import loops_of
from powerfusion.passes.placement.model import Kind, Reach
from powerfusion.passes.tiling.placed_units import may_start_apart

OWN = Reach(None, own=True)
SCALARS = ("arith.", "math.")
Reaches = tuple[tuple[Reach, ...], ...]


class Blocked(Exception):
    """A kernel has something that isn't placed."""


@dataclass(frozen=True)
class Meaning:
    """What an op is.

    Attributes:
        kind: What it does.
        reaches: By operand at `reg`.
        folded: Dimensions of the first operand that are folded away, or that a scan runs along; (operand, dimension).
        whole: Dimensions that can't be cut; (value, dimension).
        view: Whether results are other names of what the operands have.
        free: Whether results take no room.
        apart: Whether results can't take the place of what dies with the op.
        ordered: Whether what is folded is combined in its order, by one unit.
    """

    kind: Kind
    reaches: Reaches = ()
    folded: tuple[tuple[ir.Value, int], ...] = ()
    whole: tuple[tuple[ir.Value, int], ...] = ()
    view: bool = False
    free: bool = False
    apart: bool = False
    ordered: bool = False


def meaning_of(op: ir.Operation) -> Meaning:
    """What an op that moves nothing from or to `dram` is, or a gather from there.

    Raises:
        Blocked: It isn't placed.
    """
    rule = RULES.get(op.name)
    if rule is not None:
        return rule(op)
    if op.name.startswith(SCALARS):
        tensors = [value for value in op.operands if is_tensor(value)]
        return Meaning(Kind.COMPUTE, tuple(_same(value.type.rank) for value in tensors))
    raise Blocked(f"it has a '{op.name}'")


def through_view(op: ir.Operation, reach: Sequence[Reach]) -> list[Reach] | None:
    """What a window needs of what a view is of, from what it needs of the view; None where that can't be told."""
    if op.name == "gir.permute":
        perm = integers(op.attributes["perm"])
        return [reach[perm.index(dim)] for dim in range(len(perm))]
    if op.name != "gir.slice" or DYNAMIC in list(op.result.type.shape):
        return None
    try:
        (cut,) = _slice(op).reaches
    except Blocked:
        return None
    return [
        Reach(None, 1, each.low, each.high)
        if each.dim is None or reach[each.dim].dim is None
        else replace(
            (inner := reach[each.dim]),
            scale=inner.scale * each.scale,
            low=inner.low * each.scale + each.low,
            high=inner.high * each.scale + each.high,
        )
        for each in cut
    ]


def _same(rank: int) -> tuple[Reach, ...]:
    return tuple(Reach(dim) for dim in range(rank))


def _constant(_: ir.Operation) -> Meaning:
    return Meaning(Kind.CONSTANT, view=True, free=True)


def _iota(_: ir.Operation) -> Meaning:
    return Meaning(Kind.SPREAD, free=True)


def _broadcast(op: ir.Operation) -> Meaning:
    new = integers(op.attributes["dims"])
    kept = [dim for dim in range(op.result.type.rank) if dim not in new]
    return Meaning(Kind.SPREAD, (tuple(map(Reach, kept)),), view=True, free=True)


def _permute(op: ir.Operation) -> Meaning:
    perm = integers(op.attributes["perm"])
    return Meaning(Kind.COMPUTE, (tuple(Reach(perm.index(dim)) for dim in range(len(perm))),), apart=True)


def _gather(op: ir.Operation) -> Meaning:
    rank = op.result.type.rank
    return Meaning(Kind.GATHER, tuple(_same(rank) for _ in list(op.operands)[1:]), apart=True)


def _reduce(op: ir.Operation) -> Meaning:
    inputs, inits, _ = segments(op)
    dims = integers(op.attributes["dims"])
    common = min(value.type.rank for value in inputs)
    kept = [dim for dim in range(common) if dim not in dims]
    reaches = [
        tuple(Reach(kept.index(dim)) if dim in kept else OWN for dim in range(value.type.rank)) for value in inputs
    ]
    reaches += [tuple(Reach(dim) if dim < len(kept) else OWN for dim in range(init.type.rank)) for init in inits]
    payloads = [(value, dim) for value in inputs for dim in range(common, value.type.rank)]
    payloads += [(value, dim) for value in op.results for dim in range(len(kept), value.type.rank)]
    folded = tuple((inputs[0], dim) for dim in dims)
    return Meaning(Kind.FOLD, tuple(reaches), folded, tuple(payloads), apart=True, ordered=not may_start_apart(op))


def _scan(op: ir.Operation) -> Meaning:
    inputs, inits, _ = segments(op)
    along = ir.IntegerAttr(op.attributes["dim"]).value
    rank = inputs[0].type.rank
    if any(value.type.rank != rank for value in inputs):
        raise Blocked("it has a scan of payloads")
    reaches = [tuple(OWN if dim == along else Reach(dim) for dim in range(rank)) for _ in inputs]
    reaches += [tuple(Reach(dim if dim < along else dim + 1) for dim in range(rank - 1)) for _ in inits]
    return Meaning(Kind.SCAN, tuple(reaches), ((inputs[0], along),), apart=True, ordered=True)


def _contract(op: ir.Operation) -> Meaning:
    lhs, rhs, result = (loops_of(map_) for map_ in op.attributes["maps"])
    sides = list(zip(list(op.operands)[:2], (lhs, rhs), strict=True))
    reaches = [tuple(Reach(result.index(loop)) if loop in result else OWN for loop in loops) for _, loops in sides]
    folded = {loop: (value, dim) for value, loops in sides for dim, loop in enumerate(loops) if loop not in result}
    rank = op.operands[2].type.rank
    return Meaning(Kind.FOLD, (*reaches, _same(rank)), tuple(folded.values()), apart=True)


def _numbers(op: ir.Operation, dynamic: Sequence[ir.Value], name: str) -> list[int]:
    found = [value if isinstance(value, int) else integer_of(value) for value in mixed(op, list(dynamic), name)]
    numbers = [number for number in found if number is not None]
    if len(numbers) < len(found):
        raise Blocked(f"it has a '{op.name}' at a place that isn't a constant")
    return numbers


def _pad(op: ir.Operation) -> Meaning:
    cut = segments(op)
    lows, highs = _numbers(op, cut[2], "static_low"), _numbers(op, cut[3], "static_high")
    ends = zip(lows, highs, strict=True)
    reach = tuple(Reach(dim, 1, -low, -low, clip=bool(low or high)) for dim, (low, high) in enumerate(ends))
    moved = [dim for dim, each in enumerate(reach) if each.clip]
    return Meaning(Kind.COMPUTE, (reach,), whole=_open(op, moved), apart=True)


def _open(op: ir.Operation, dims: Sequence[int]) -> tuple[tuple[ir.Value, int], ...]:
    """Dimensions of an op's operand and result that are of open size, between which only sizes tell the difference."""
    values = (op.operands[0], op.result)
    return tuple((value, dim) for dim in dims for value in values if value.type.shape[dim] == DYNAMIC)


def _window(op: ir.Operation) -> Meaning:
    names = ("dims", "sizes", "strides", "dilations")
    columns = zip(*(integers(op.attributes[name]) for name in names), strict=True)
    rank = op.operands[0].type.rank
    reach = list(_same(rank))
    for dim, size, stride, dilation in columns:
        reach[dim] = Reach(dim, stride, 0, dilation * (size - 1))
    new = tuple((op.result, dim) for dim in range(rank, op.result.type.rank))
    return Meaning(
        Kind.COMPUTE, (tuple(reach),), whole=(*new, *_open(op, integers(op.attributes["dims"]))), view=True, free=True
    )


def _slice(op: ir.Operation) -> Meaning:
    _, offsets, _, strides = segments(op)
    begins, steps = _numbers(op, offsets, "static_offsets"), _numbers(op, strides, "static_strides")
    drop = integers(op.attributes["drop"])
    kept = iter(range(op.result.type.rank))
    reach = tuple(
        Reach(None, 1, begin, begin) if dim in drop else Reach(next(kept), step, begin, begin)
        for dim, (begin, step) in enumerate(zip(begins, steps, strict=True))
    )
    whole = [(op.operands[0], dim) for dim, size in enumerate(op.operands[0].type.shape) if size == DYNAMIC]
    whole += [(op.result, dim) for dim, size in enumerate(op.result.type.shape) if size == DYNAMIC]
    return Meaning(Kind.COMPUTE, (reach,), whole=tuple(whole), view=True, apart=True)


def _concat(op: ir.Operation) -> Meaning:
    along = ir.IntegerAttr(op.attributes["dim"]).value
    reaches = [
        tuple(Reach(None, 1, 0, size - 1) if dim == along else Reach(dim) for dim, size in enumerate(value.type.shape))
        for value in op.operands
    ]
    whole = [(value, along) for value in (*op.operands, op.result)]
    if any(value.type.shape[along] == DYNAMIC for value, _ in whole):
        raise Blocked("it has a concatenation of open sizes")
    return Meaning(Kind.COMPUTE, tuple(reaches), whole=tuple(whole), apart=True)


def _reshape(op: ir.Operation) -> Meaning:
    old, new = list(op.operands[0].type.shape), list(op.result.type.shape)
    if DYNAMIC in old or DYNAMIC in new:
        raise Blocked("it has a reshape of open sizes")
    front = kept_in_front(old, new)
    reach = tuple(Reach(dim) if dim < front else Reach(None, 1, 0, size - 1) for dim, size in enumerate(old))
    whole = [(op.operands[0], dim) for dim in range(front, len(old))]
    whole += [(op.result, dim) for dim in range(front, len(new))]
    return Meaning(Kind.COMPUTE, (reach,), whole=tuple(whole), view=True, apart=True)


def kept_in_front(old: Sequence[int], new: Sequence[int]) -> int:
    """How many leading dimensions a reshape leaves as they are."""
    same = (at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    return next(same, min(len(old), len(new)))


RULES: dict[str, Callable[[ir.Operation], Meaning]] = {
    "arith.constant": _constant,
    "tensor.splat": _constant,
    "gir.broadcast": _broadcast,
    "gir.iota": _iota,
    "gir.permute": _permute,
    "gir.gather": _gather,
    "gir.reduce": _reduce,
    "gir.scan": _scan,
    "gir.contract": _contract,
    "gir.pad": _pad,
    "gir.window": _window,
    "gir.slice": _slice,
    "gir.concat": _concat,
    "gir.reshape": _reshape,
}
