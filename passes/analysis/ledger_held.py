"""What a group holds at `sram` beyond its units' steps: halos, of which it keeps some from step to step.

%s = move %x over ["r", ""] dram -> sram, in r = 20 : 20 : 20 : 4, of which a step needs rows r - 1 to r + 1
step 0 holds rows 0 to 4, and all of them come; step 1 holds rows 3 to 8, of which 3 and 4 were there and 5 to 8 come
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_dims import NestDim
from powerfusion.passes.analysis.ledger_graph import GraphLook
from powerfusion.passes.analysis.ledger_numbers import (
    Number,
    add,
    counter,
    largest_value,
    minimum,
    multiply,
    pointwise,
    positive,
    scale,
    subtract,
)
from powerfusion.passes.analysis.ledger_windows import Interval, Windows


@dataclass(frozen=True, eq=False)
class Hull:
    """What the units of a group need of a dimension in a step.

    Attributes:
        low: The first element.
        high: Behind the last.
        kept: How many of them, from the first on, the group has from the step before.
    """

    low: Number
    high: Number
    kept: Number = 0

    @property
    def length(self) -> Number:
        """How many elements."""
        return positive(subtract(self.high, self.low))


Hulls = dict[ir.Value, dict[int, Hull]]


def hulls_of(look: GraphLook, windows: Windows, dims: Sequence[NestDim]) -> Hulls:
    """By value that a group brings to `sram`, its dimensions that have halos there.

    Args:
        look: Where values are.
        windows: What a unit needs in a step.
        dims: The nest's, outermost first.

    Raises:
        UnsupportedError: Units need halos of parts that lie apart.
    """
    by_name = {dim.name: dim for dim in dims}
    found: Hulls = {}
    ops = [op for op in windows.names.ops if op.name == "gir.move"]
    fetches: dict[ir.Value, list[ir.Operation]] = {}
    for op in ops:
        if gir.is_at(op.operands[0], "sram") and gir.is_at(op.result, "reg") and op.result in windows.of:
            fetches.setdefault(op.operands[0], []).append(op)
    for value in [op.result for op in ops if gir.is_at(op.operands[0], "dram") and op.result in fetches]:
        halos = list(_with_halos(value, windows, fetches[value], by_name))
        if halos:
            found[value] = _hulls(look, windows, value, fetches[value], halos, dims)
    return found


def _with_halos(
    value: ir.Value, windows: Windows, fetches: Sequence[ir.Operation], dims: Mapping[str, NestDim]
) -> Iterator[int]:
    """The dimensions of which units need more than their steps have, of those that the nest names for a value."""
    for at, own in enumerate(windows.own(value)):
        needed = [windows.of[op.result][at] for op in fetches]
        swept = any(dims[name].swept for name in own.names)
        if own.names and not swept and any(each.names == own.names and not _holds(own, each) for each in needed):
            yield at


def _holds(one: Interval, other: Interval) -> bool:
    """Whether an interval lies within another, wherever that isn't empty."""
    there = pointwise(lambda low, high: (low < high).astype(np.int64), one.low, one.high)
    below = multiply(there, positive(subtract(one.low, other.low)))
    above = multiply(there, positive(subtract(other.high, one.high)))
    return _is_zero(below) and _is_zero(above)


def _is_zero(number: Number) -> bool:
    return number == 0 if isinstance(number, int) else largest_value(number) == 0


def _hulls(
    look: GraphLook,
    windows: Windows,
    value: ir.Value,
    fetches: Sequence[ir.Operation],
    halos: Sequence[int],
    dims: Sequence[NestDim],
) -> dict[int, Hull]:
    own = windows.own(value)
    by_name = {dim.name: dim for dim in dims}
    if any(by_name[name].has_holes for at in halos for name in own[at].names):
        raise UnsupportedError(
            "halos at sram of units whose steps lie apart", help="give each unit one step of a group's part"
        )
    names = {name for each in own for name in each.names}
    serial = [dim.name for dim in dims if dim.name in names and dim.steps.size > 1 and not dim.swept]
    now = Windows(look, windows.names, lambda name: _together(by_name[name]))
    before = Windows(look, windows.names, lambda name: _before(by_name[name]))
    found: dict[int, Hull] = {}
    for at in halos:
        (name,) = own[at].names
        low, high = _joined(now, fetches, at, _together(by_name[name]))
        kept: Number = 0
        if serial and name == serial[-1]:
            last = _joined(before, fetches, at, _before(by_name[name]))[1]
            there = positive(subtract(minimum(last, high), low))
            kept = multiply(minimum(counter(by_name[name].steps), 1), there)
        found[at] = Hull(low, high, kept)
    return found


def _joined(
    windows: Windows, fetches: Sequence[ir.Operation], dim: int, own: tuple[Number, Number]
) -> tuple[Number, Number]:
    """What some movements need of a dimension, and a step's own."""
    joined = Interval(*own)
    for op in fetches:
        if op.result in windows.of:
            joined = joined.joined(windows.of[op.result][dim])
    return joined.low, joined.high


def _together(dim: NestDim) -> tuple[Number, Number]:
    """What the units of a group have of a dimension in a step, one after the other."""
    return dim.of_group() if dim.swept or dim.units.size > 1 else dim.of_step()


def _before(dim: NestDim) -> tuple[Number, Number]:
    """What a group's one unit had in the step before, which was a whole one."""
    low, _ = _together(dim)
    return (low, low) if dim.swept or dim.units.size > 1 else (add(low, scale(dim.per_step, -1)), low)
