"""How long the sides of a tile are that registers transpose: as long as they have room for what lives at once.

    y[c, r] = x[r, c]               a load and what it is turned into, 4 B each: 16 rows of 16 elements in 2 KiB
    y[c, r] = x[r, c] + z[r, c]     no more: the sum takes the place of a load before it is turned
    of bf16                         16 rows of 32: what is stored comes in whole lines
    of f64                          8 rows of 8 elements

Tiles are made as a store asks for them, operand by operand, each once. What depends on no load of a whole tile, as the
masks of a concatenation, is made outside of the innermost loop, and lives all along.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from powerfusion.core._mlir import defining_op, is_tensor
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.peaks import IN_PLACE, REPLICAS, repeated
from powerfusion.passes.analysis.sizes import element_bytes

LINE = 64  # bytes: parts of a line would be stored one by one
SHORTEST = 8  # elements: as many as the longest vectors have of f64
SLIMMEST = 4  # times as long as wide
ROOM = 2048  # bytes: 32 registers of the longest vectors
CLIPPED = ("gir.pad", "gir.concat")  # what masks choose from


def sides_of(values: Sequence[ir.Value], room: int) -> tuple[int, int] | None:
    """How long and how wide tiles may be, in elements, of all that some stored values need; None where none fits.

    Rows are whole lines where they can be; `room` is what there is of registers, bytes.
    """
    live = live_bytes(values)
    longest = max(LINE // min(map(element_bytes, values)), SHORTEST)
    for long in _halves(longest):
        for wide in _halves(long):
            if wide * SLIMMEST >= long and long * wide * live <= room:
                return long, wide
    return None


def _halves(size: int) -> Iterator[int]:
    """A size, half of it, and so on, down to the shortest."""
    while size >= SHORTEST:
        yield size
        size //= 2


def live_bytes(values: Sequence[ir.Value]) -> int:
    """The most bytes that live at once of values that are stored one after the other, per element of a tile."""
    order: dict[ir.Operation, None] = {}
    last: dict[ir.Value, int] = {}
    for value in values:
        _ask(value, order)
        last[value] = len(order) - 1
    for at, op in enumerate(order):
        used = [value for operand in op.operands for value in repeated(operand)]
        last |= {value: max(last.get(value, at), at) for value in used}
    lasting = _lasting(list(order))
    always = sum(_masks(op) for op in order) + sum(map(_bytes, lasting))
    most, live = 0, dict[ir.Value, int]()
    for at, op in enumerate(order):
        made = {value: _bytes(value) for value in op.results if value not in lasting and op.name not in REPLICAS}
        dying = [value for value in live if last[value] <= at]
        taken = [live[value] for value in dying if value in list(op.operands)] if op.name.startswith(IN_PLACE) else []
        live |= made
        largest = max(made.values(), default=0)
        most = max(most, sum(live.values()) - max((size for size in taken if size >= largest), default=0))
        for value in (*dying, *(value for value in made if last.get(value, at) <= at)):
            del live[value]
    return most + always


def _ask(value: ir.Value, order: dict[ir.Operation, None]) -> None:
    """Adds the ops that a value at reg needs, each behind its operands."""
    stack = [(value, False)]
    while stack:
        wanted, ready = stack.pop()
        op = defining_op(wanted)
        if op is None or op in order or not is_tensor(wanted) or gir.is_at(wanted, "dram"):
            continue
        if ready:
            order[op] = None
        else:
            stack += [(wanted, True), *((operand, False) for operand in reversed(list(op.operands)))]


def _lasting(order: Sequence[ir.Operation]) -> set[ir.Value]:
    """What is computed from nothing that has as many elements as a tile."""
    small: set[ir.Value] = set()
    found: set[ir.Value] = set()
    for op in order:
        if op.name != "gir.move" and all(value in small or not _bytes(value) for value in op.operands):
            small.update(op.results)
            found.update(op.results if op.name not in REPLICAS else ())
    return found


def _bytes(value: ir.Value) -> int:
    """Bytes of a tile per element of a square: of a row, a column or a scalar next to none."""
    return element_bytes(value) if is_tensor(value) and sum(size != 1 for size in value.type.shape) > 1 else 0


def _masks(op: ir.Operation) -> int:
    """Bytes of what chooses between operands, or of what is there and what isn't, per element."""
    if op.name not in CLIPPED:
        return 0
    return len(op.operands) - 1 if op.name == "gir.concat" else op.results[0].type.rank
