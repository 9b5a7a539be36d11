"""Columns of short rows: what lies row by row in a vector, as a vector for each column, and back.

    a0 b0 c0 a1 | b1 c1 a2 b2 | c2 a3 b3 c3       rows of 3, in registers of 4 lanes
    a0 a3 a2 a1   b1 b0 b3 b2   c2 c1 c0 c3       lanes stay where they are: registers are blended
    a0 a1 a2 a3   b0 b1 b2 b3   c0 c1 c2 c3       and each is put in order

Where a row's length has no factor in common with the number of lanes, the elements of a column are all in different
lanes. So a column takes a blend of all registers, which is cheap, and one shuffle across lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from powerfusion.core._mlir import create, element_of, i64_array
from powerfusion.mlir import ir
from powerfusion.passes.lowering.shuffles import shuffle, side_by_side


def can_interleave(rows: int, columns: int) -> bool:
    """Whether each column's elements are in lanes of their own, of registers that have a lane for each row."""
    return columns > 1 and rows > 1 and gcd(rows, columns) == 1


def columns_of(flat: ir.Value, rows: int, columns: int) -> list[ir.Value]:
    """A vector for each column of rows that lie one behind the other in a vector."""
    registers = [_slice(flat, first, rows) for first in range(0, rows * columns, rows)]
    made: list[ir.Value] = []
    for column in range(columns):
        places = [row * columns + column for row in range(rows)]
        sources = {place % rows: place // rows for place in places}
        blended = _blend(registers, [sources[lane] for lane in range(rows)])
        made.append(shuffle(blended, blended, [place % rows for place in places]))
    return made


def rows_of_columns(columns: Sequence[ir.Value]) -> ir.Value:
    """The reverse: one vector, row by row."""
    count, rows = len(columns), columns[0].type.shape[0]
    ordered: list[ir.Value] = []
    for number, column in enumerate(columns):
        row_at = {(row * count + number) % rows: row for row in range(rows)}
        ordered.append(shuffle(column, column, [row_at[lane] for lane in range(rows)]))
    registers = [
        _blend(ordered, [place % count for place in range(first, first + rows)])
        for first in range(0, rows * count, rows)
    ]
    whole = side_by_side(registers)
    return whole if whole.type.shape[0] == rows * count else _slice(whole, 0, rows * count)


def _blend(vectors: Sequence[ir.Value], sources: Sequence[int]) -> ir.Value:
    """Each lane of one of some vectors, where it is."""
    made: ir.Value | None = None
    lanes = len(sources)
    for source in dict.fromkeys(sources):
        if made is None:
            made = vectors[source]
            continue
        made = shuffle(made, vectors[source], [lanes + at if one == source else at for at, one in enumerate(sources)])
    assert made is not None, "expected a lane"
    return made


def _slice(vector: ir.Value, first: int, count: int) -> ir.Value:
    type_ = ir.VectorType.get([count], element_of(vector.type))
    mask = {"mask": i64_array(list(range(first, first + count)))}
    return create("vector.shuffle", [vector, vector], [type_], mask).result
