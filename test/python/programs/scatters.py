"""`tensor.gather` and `tensor.scatter`: MLIR's own pipeline has no lowering for them.

Programs: rows by an index, elements by all indices, a middle dimension, with the gathered
dimensions left out and of size 1, index types, dynamic sizes, a scatter over what an operator made.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are, and a reference is a small lambda
from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .build import empty, function, generic, tensor
from .program import Array, Program, integers, normal, values


def _gather(
    name: str,
    table: str,
    indices: str,
    dims: Sequence[int],
    result: str,
    inputs: tuple[Array, ...],
    reference: Callable[..., Array],
    more: tuple[tuple[Array, ...], ...] = (),
) -> Program:
    text = f"  %r = tensor.gather %t[%i] gather_dims({list(dims)}) : ({tensor(table)}, {tensor(indices)}) -> {tensor(result)}\n"
    return Program(name, function(f"t:{table} i:{indices}", f"r:{result}", text), inputs, reference, more=more)


def _scatter(
    name: str,
    source: str,
    dest: str,
    indices: str,
    dims: Sequence[int],
    inputs: tuple[Array, ...],
    reference: Callable[..., Array],
    more: tuple[tuple[Array, ...], ...] = (),
    ahead: str = "",
) -> Program:
    into = "%m" if ahead else "%t"
    text = (
        ahead
        + f"  %r = tensor.scatter %s into {into}[%i] scatter_dims({list(dims)}) unique : ({tensor(source)}, {tensor(dest)}, {tensor(indices)}) -> {tensor(dest)}\n"
    )
    return Program(name, function(f"s:{source} t:{dest} i:{indices}", f"r:{dest}", text), inputs, reference, more=more)


def _placed(t: Array, key: object, s: Array) -> Array:
    out = t.copy()
    out[key] = s
    return out


def programs() -> list[Program]:
    """All programs of this module."""
    x = normal((6, 7, 5), key="x")
    rows = integers((9, 1), 0, 5, "i64", key="rows")
    pairs = np.stack([integers((2, 8), 0, 5, "i32", key="a"), integers((2, 8), 0, 4, "i32", key="b")], -1)
    apart = np.array([[4], [1], [5]], np.int64)
    cells = np.array([[0, 3], [5, 0], [2, 2], [0, 4]], np.int32)
    exp = empty("e", "6x7x5xf32") + generic(
        "m",
        "ijk",
        [("%t", "6x7x5xf32", "ijk")],
        [("%e", "6x7x5xf32", "ijk")],
        "%0 = math.exp %a : f32\n    linalg.yield %0 : f32",
    )
    return [
        _gather("gather_rows", "6x7x5xf32", "9x1xi64", [0], "9x7x5xf32", (x, rows), lambda t, i: t[i[:, 0]]),
        _gather("gather_rows_of_one", "6x7x5xf32", "9x1xi64", [0], "9x1x7x5xf32", (x, rows), lambda t, i: t[i[:, 0]][:, None]),
        _gather("gather_outer_dims", "6x7x5xf32", "2x8x2xi32", [0, 2], "2x8x7xf32", (x, pairs), lambda t, i: t[i[..., 0], :, i[..., 1]]),
        _gather("gather_outer_dims_of_one", "6x7x5xf32", "2x8x2xi32", [0, 2], "2x8x1x7x1xf32", (x, pairs), lambda t, i: t[i[..., 0], :, i[..., 1]][:, :, None, :, None]),
        _gather("gather_cells", "6x5xi16", "2x8x2xi32", [0, 1], "2x8xi16", (values((6, 5), "i16"), pairs), lambda t, i: t[i[..., 0], i[..., 1]]),
        _gather("gather_one_cell", "6x5xf64", "2xi32", [0, 1], "f64", (normal((6, 5), "f64"), pairs[0, 0]), lambda t, i: t[i[0], i[1]]),
        _gather("gather_one_row", "6x5xf32", "1xi64", [0], "5xf32", (normal((6, 5)), rows[0]), lambda t, i: t[i[0]]),
        _gather("gather_boxes_dynamic", "?x?xf32", "?x1xi64", [1], "?x?xf32", (normal((6, 7)), rows), lambda t, i: t[:, i[:, 0]].T, more=((normal((0, 7)), rows), (normal((40, 6)), rows[:0]), (normal((33, 6)), rows[:1]))),
        _scatter("scatter_rows", "3x7x5xf32", "6x7x5xf32", "3x1xi64", [0], (normal((3, 7, 5)), x, apart), lambda s, t, i: _placed(t, i[:, 0], s)),
        _scatter("scatter_rows_of_one", "3x1x7x5xf32", "6x7x5xf32", "3x1xi64", [0], (normal((3, 1, 7, 5)), x, apart), lambda s, t, i: _placed(t, i[:, 0], s[:, 0])),
        _scatter("scatter_columns", "4x7xf32", "6x7x5xf32", "4x2xi32", [0, 2], (normal((4, 7)), x, cells), lambda s, t, i: _placed(t, (i[:, 0], slice(None), i[:, 1]), s)),
        _scatter("scatter_cells", "4xi32", "6x5xi32", "4x2xi32", [0, 1], (integers(4), integers((6, 5)), cells), lambda s, t, i: _placed(t, (i[:, 0], i[:, 1]), s)),
        _scatter("scatter_dynamic", "?x?xf32", "?x?xf32", "?x1xi64", [0], (normal((3, 7)), normal((6, 7)), apart), lambda s, t, i: _placed(t, i[:, 0], s), more=((normal((3, 40)), normal((9, 40)), apart), (normal((0, 4)), normal((2, 4)), apart[:0]), (normal((1, 1)), normal((6, 1)), apart[:1]))),
        _scatter("scatter_over_an_operator", "3x7x5xf32", "6x7x5xf32", "3x1xi64", [0], (normal((3, 7, 5)), x, apart), lambda s, t, i: _placed(np.exp(t), i[:, 0], s), ahead=exp),
    ]  # fmt: skip
