"""Running values: results that don't fold but read an accumulator that does.

Programs: cumulative sum, product and maximum along the last, first and middle dimension and along
several kinds; exclusive ones; only the running values, only the final ones, both; computation ahead
of and behind the running value; recurrences of two elements, of two accumulators that read each
other, of an index; before and after read at once; dynamic and empty sizes; integers.
"""

# ruff: noqa: E501, E731 - lines of MLIR are as long as they are, and a reference is a small lambda
from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tolerance import Expected

from .build import dim, empty, filled, function, generic
from .program import DTYPES, FLOATS, Array, Program, integers, normal


def _scan(
    name: str,
    shape: tuple[int, ...],
    axis: int,
    body: str,
    reference: Callable[[Array], object],
    *,
    start: str = "0.0",
    dtype: str = "f32",
    outs: str = "yf",
    roundings: float = 1,
) -> Program:
    """One input, `y` its running values and `f` the final one; `outs` names those returned."""
    letters = "ijk"[: len(shape)]
    short = "x".join([*map(str, shape), dtype])
    kept = "".join(c for at, c in enumerate(letters) if at != axis)
    final = "x".join([*(str(n) for at, n in enumerate(shape) if at != axis), dtype])
    text = (
        empty("e", short)
        + filled("o", final, start)
        + generic(
            "r:2",
            letters,
            [("%x", short, letters)],
            [("%e", short, letters), ("%o", final, kept)],
            body,
            reduced=letters[axis],
        )
    )
    results = {"y": f"r#0:{short}", "f": f"r#1:{final}"}
    x = normal(shape, dtype, key=name) if dtype in FLOATS else integers(shape, -9, 9, dtype, key=name)

    def meaning(x: Array) -> object:
        both = reference(x)
        return both[outs == "f"] if len(outs) == 1 else both  # type: ignore[index]

    returned = " ".join(results[c] for c in outs)
    return Program(name, function(f"x:{short}", returned, text), (x,), meaning, roundings=roundings)


def _last(y: Array, axis: int) -> Array:
    return np.take(y, -1, axis)


def _sums(axis: int) -> Callable[[Array], tuple[Expected, Expected]]:
    def reference(x: Array) -> tuple[Expected, Expected]:
        y, scale = np.cumsum(x, axis), np.cumsum(np.abs(x), axis)
        return Expected(y, scale), Expected(_last(y, axis), _last(scale, axis))

    return reference


def _kinds() -> list[Program]:
    body = lambda op, dtype: f"%0 = arith.{op} %v, %a : {dtype}\n    linalg.yield %0, %0 : {dtype}, {dtype}"
    add = body("addf", "f32")
    exclusive = "%0 = arith.addf %v, %a : f32\n    linalg.yield %v, %0 : f32, f32"

    def before(x: Array) -> tuple[Expected, Expected]:
        y, scale = np.cumsum(x, 1), np.cumsum(np.abs(x), 1)
        return Expected(np.pad(y, ((0, 0), (1, 0)))[:, :-1], scale), Expected(y[:, -1], scale[:, -1])

    exact = lambda f, dtype: lambda x: (f.accumulate(x, 1, dtype=DTYPES[dtype]), f.reduce(x, 1, dtype=DTYPES[dtype]))
    return [
        _scan("scan_sum", (5, 37), 1, add, _sums(1)),
        _scan("scan_sum_first", (37, 5), 0, add, _sums(0)),
        _scan("scan_sum_middle", (3, 19, 6), 1, add, _sums(1)),
        _scan("scan_sum_vector", (70,), 0, add, _sums(0)),
        _scan("scan_only_running", (5, 37), 1, add, _sums(1), outs="y"),
        _scan("scan_only_final", (5, 37), 1, add, _sums(1), outs="f"),
        _scan("scan_exclusive", (5, 37), 1, exclusive, before),
        _scan(
            "scan_product",
            (5, 9),
            1,
            body("mulf", "f32"),
            lambda x: (x.cumprod(1), x.prod(1)),
            start="1.0",
            roundings=9,
        ),
        _scan(
            "scan_maximum",
            (5, 37),
            1,
            body("maximumf", "f32"),
            lambda x: (np.maximum.accumulate(x, 1), x.max(1)),
            start="0xFF800000",
        ),
        _scan(
            "scan_minimum_f64",
            (37, 5),
            0,
            body("minimumf", "f64"),
            lambda x: (np.minimum.accumulate(x, 0), x.min(0)),
            start="0x7FF0000000000000",
            dtype="f64",
        ),
        _scan("scan_sum_i32", (5, 37), 1, body("addi", "i32"), exact(np.add, "i32"), start="0", dtype="i32"),
        _scan("scan_product_i64", (5, 37), 1, body("muli", "i64"), exact(np.multiply, "i64"), start="1", dtype="i64"),
        _scan("scan_xor_i8", (5, 37), 1, body("xori", "i8"), exact(np.bitwise_xor, "i8"), start="0", dtype="i8"),
    ]


def _recurrence(x: Array, step: Callable[[Array, Array], Array]) -> Array:
    """Running values of `acc = step(acc, x)` along the last dimension, from 0."""
    acc, found = np.zeros(x.shape[:-1]), []
    for column in np.moveaxis(x, -1, 0):
        acc = step(acc, column)
        found.append(acc)
    return np.stack(found, -1)


def _general() -> list[Program]:
    squares = "%0 = arith.mulf %a, %a : f32\n    %1 = arith.addf %v, %0 : f32\n    %2 = math.sqrt %1 : f32\n    linalg.yield %2, %1 : f32, f32"
    smooth = "%c = arith.constant 0.9 : f32\n    %0 = arith.mulf %v, %c : f32\n    %1 = arith.addf %0, %a : f32\n    linalg.yield %1, %1 : f32, f32"
    both = "%0 = arith.addf %v, %a : f32\n    %1 = arith.mulf %v, %0 : f32\n    linalg.yield %1, %0 : f32, f32"

    def neighbours(x: Array) -> tuple[Expected, Expected]:
        y, scale = np.cumsum(x, 1), np.cumsum(np.abs(x), 1)
        return Expected(y * np.pad(y, ((0, 0), (1, 0)))[:, :-1], scale * scale), Expected(y[:, -1], scale[:, -1])

    smoothed = lambda x: _recurrence(x, lambda acc, v: acc * 0.9 + v)
    pair = lambda y, scale: (Expected(y, scale), Expected(y[:, -1], scale[:, -1]))
    return [
        _scan(
            "scan_of_squares", (5, 37), 1, squares, lambda x: (np.sqrt((x * x).cumsum(1)), (x * x).sum(1)), roundings=8
        ),
        _scan("scan_smoothed", (5, 37), 1, smooth, lambda x: pair(smoothed(x), smoothed(np.abs(x))), roundings=4),
        _scan("scan_before_and_after", (5, 21), 1, both, neighbours, roundings=4),
    ]


def _several(
    name: str,
    ins: Sequence[str],
    outs: Sequence[tuple[str, str]],
    starts: Sequence[str],
    body: str,
    returned: Sequence[int],
    inputs: tuple[Array, ...],
    reference: Callable[..., object],
    roundings: float = 1,
) -> Program:
    """Several inputs and accumulators over "ij", folded along j; `outs` are abbreviated types and maps."""
    text, values = "", []
    for k, ((short, map_), start) in enumerate(zip(outs, starts, strict=True)):
        text += empty(f"o{k}", short) if map_ == "ij" else filled(f"o{k}", short, start)
        values.append((f"%o{k}", short, map_))
    names = [chr(ord("x") + k) for k in range(len(ins))]
    text += generic(
        f"r:{len(outs)}", "ij", [(f"%{n}", t, "ij") for n, t in zip(names, ins, strict=True)], values, body, reduced="j"
    )
    arguments = " ".join(f"{n}:{t}" for n, t in zip(names, ins, strict=True))
    return Program(
        name,
        function(arguments, " ".join(f"r#{k}:{outs[k][0]}" for k in returned), text),
        inputs,
        reference,
        roundings=roundings,
    )


def _ties() -> list[Program]:
    x, y = normal((5, 37), key="x"), normal((5, 37), key="y") * 0.5
    y = y.astype(np.float32)
    wide, row = ("5x37xf32", "ij"), ("5xf32", "i")
    linear = "%0 = arith.mulf %v, %b : f32\n    %1 = arith.addf %0, %a : f32\n    linalg.yield %1, %1 : f32, f32"

    def state(x: Array, y: Array) -> Array:
        found, acc = [], np.zeros(x.shape[0])
        for a, b in zip(x.T, y.T, strict=True):
            acc = acc * b + a
            found.append(acc)
        return np.stack(found, 1)

    fibonacci = "%0 = arith.addf %v, %a : f32\n    %c = arith.constant 0.5 : f32\n    %1 = arith.mulf %w, %c : f32\n    %2 = arith.addf %1, %v : f32\n    linalg.yield %2, %0, %2 : f32, f32, f32"

    def chained(x: Array) -> Array:
        found, v, w = [], np.zeros(x.shape[0]), np.zeros(x.shape[0])
        for a in x.T:
            w, v = w * 0.5 + v, v + a
            found.append(w)
        return np.stack(found, 1)

    best = """%j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %p = arith.cmpf ogt, %a, %v : f32
    %0 = arith.select %p, %a, %v : f32
    %1 = arith.select %p, %n, %w : i64
    linalg.yield %1, %0, %1 : i64, f32, i64"""

    def places(x: Array) -> Array:
        running = np.maximum.accumulate(x, 1)
        return np.stack([np.argmax(x[:, : j + 1], 1) for j in range(running.shape[1])], 1)

    apart = "%0 = arith.addf %v, %a : f32\n    %1 = arith.maximumf %w, %a : f32\n    %2 = arith.subf %1, %0 : f32\n    linalg.yield %2, %0, %1 : f32, f32, f32"
    index = "5x37xi64"
    unused = """%p = arith.cmpf ogt, %a, %u : f32
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %0 = arith.select %p, %a, %u : f32
    %1 = arith.select %p, %n, %v : i64
    linalg.yield %0, %1 : f32, i64"""
    return [
        _several("scan_linear_recurrence", ["5x37xf32", "5x37xf32"], [wide, row], ["", "0.0"], linear, [0, 1], (x, y), lambda x, y: (Expected(s := state(x, y), t := state(np.abs(x), np.abs(y))), Expected(s[:, -1], t[:, -1])), 4),
        _several("scan_two_accumulators", ["5x37xf32"], [wide, row, row], ["", "0.0", "0.0"], fibonacci, [0, 2], (x,), lambda x: (Expected(s := chained(x), t := chained(np.abs(x))), Expected(s[:, -1], t[:, -1])), 4),
        _several("scan_place_of_maximum", ["5x37xf32"], [(index, "ij"), row, ("5xi64", "i")], ["", "0xFF800000", "0"], best, [0, 1, 2], (x,), lambda x: (places(x), x.max(1), x.argmax(1))),
        _several("scan_two_apart", ["5x37xf32"], [wide, row, row], ["", "0.0", "0xFF800000"], apart, [0], (x,), lambda x: Expected(np.maximum.accumulate(x, 1) - x.cumsum(1), np.abs(x).cumsum(1)), 2),
        _several("place_of_maximum_alone", ["5x37xf32"], [row, ("5xi64", "i")], ["0xFF800000", "0"], unused, [1], (x,), lambda x: x.argmax(1)),
    ]  # fmt: skip


def _dynamic() -> list[Program]:
    d = "?x?xf32"
    text = (
        dim("n", "%x", d, 0)
        + dim("m", "%x", d, 1)
        + empty("e", d, "%n", "%m")
        + generic(
            "r:2",
            "ij",
            [("%x", d, "ij")],
            [("%e", d, "ij"), ("%s", "?xf32", "i")],
            "%0 = arith.addf %v, %a : f32\n    linalg.yield %0, %0 : f32, f32",
            reduced="j",
        )
    )

    def reference(x: Array, s: Array) -> tuple[Expected, Expected]:
        y, scale = s[:, None] + x.cumsum(1), np.abs(s)[:, None] + np.abs(x).cumsum(1)
        return Expected(y, scale), Expected(s + x.sum(1), np.abs(s) + np.abs(x).sum(1))

    shapes = ((4, 33), (1, 1), (3, 0), (0, 5), (2, 130))
    calls = tuple((normal(n, key="x"), normal(n[0], key="s")) for n in shapes)
    return [
        Program(
            "scan_dynamic", function(f"x:{d} s:?xf32", f"r#0:{d} r#1:?xf32", text), calls[0], reference, more=calls[1:]
        )
    ]


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_kinds(), *_general(), *_ties(), *_dynamic()]
