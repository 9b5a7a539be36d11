"""Reductions: over any dimensions, with any combiner, of any number of results.

Programs: sums over the inner, outer, middle, all, several and interleaved dimensions; add mul max
min and or xor on floats and integers, maximumf minimumf maxnumf minnumf maxsi minsi maxui minui;
an init that isn't neutral, an init that is an argument, a constant or another tensor; mean, sum of
squares, variance in two passes; dot, matrix-vector and matrix products as generics,
`linalg.matmul`, `linalg.batch_matmul`, `linalg.reduce`, `linalg.dot`; an element that is computed
before it is combined; several results (sum with sum of squares, argmax, argmin, sum with maximum,
a reduction with an elementwise result); general combiners (logsumexp pair, first and last element,
Welford, a subtraction that leaves order); results behind permuted, broadcast and constant maps; a reduction
over no elements; reductions that feed elementwise kernels and the other way round; long sums.
"""

# ruff: noqa: E501, E731 - lines of MLIR are as long as they are, and a text is a small lambda
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tolerance import Expected

from .build import dim, empty, filled, function, generic
from .program import Array, Program, integers, normal, uniform

_ADD = "%0 = arith.addf %u, %a : f32\n    linalg.yield %0 : f32"


def _sum(x: Array, axis: Any) -> Expected:
    return Expected(x.sum(axis=axis), np.abs(x).sum(axis=axis))


def _dimensions() -> list[Program]:
    x = normal((3, 5, 7), key="x")
    programs = []
    for reduced in ("i", "j", "k", "ij", "ik", "jk", "ijk"):
        kept = [c for c in "ijk" if c not in reduced]
        short = "x".join([*(str(dict(i=3, j=5, k=7)[c]) for c in kept), "f32"])
        axes = tuple("ijk".index(c) for c in reduced)
        text = filled("o", short, "0.0") + generic(
            "r", "ijk", [("%x", "3x5x7xf32", "ijk")], [("%o", short, "".join(kept))], _ADD, reduced=reduced
        )
        programs.append(
            Program(f"sum_{reduced}", function("x:3x5x7xf32", f"r:{short}", text), (x,), lambda x, a=axes: _sum(x, a))
        )
    kept_one = filled("o", "3x1x7xf32", "0.0") + generic(
        "r", "ijk", [("%x", "3x5x7xf32", "ijk")], [("%o", "3x1x7xf32", "i0k")], _ADD, reduced="j"
    )
    keep_all = filled("o", "1x1x1xf32", "0.0") + generic(
        "r", "ijk", [("%x", "3x5x7xf32", "ijk")], [("%o", "1x1x1xf32", "000")], _ADD, reduced="ijk"
    )
    moved = filled("o", "7x3xf32", "0.0") + generic(
        "r", "ijk", [("%x", "3x5x7xf32", "ijk")], [("%o", "7x3xf32", "ki")], _ADD, reduced="j"
    )
    order = filled("o", "3x7xf32", "0.0") + generic(
        "r", "jik", [("%x", "3x5x7xf32", "ijk")], [("%o", "3x7xf32", "ik")], _ADD, reduced="j"
    )
    weighted = filled("o", "3xf32", "0.0") + generic(
        "r",
        "ijk",
        [("%x", "3x5x7xf32", "ijk"), ("%y", "7x5xf32", "kj"), ("%z", "5xf32", "j")],
        [("%o", "3xf32", "i")],
        "%0 = arith.mulf %a, %b : f32\n    %1 = arith.addf %0, %c : f32\n    %2 = arith.addf %u, %1 : f32\n    linalg.yield %2 : f32",
        reduced="jk",
    )
    y, z = normal((7, 5), key="y"), normal(5, key="z")
    return [
        *programs,
        Program(
            "sum_keepdim",
            function("x:3x5x7xf32", "r:3x1x7xf32", kept_one),
            (x,),
            lambda x: Expected(x.sum(1, keepdims=True), np.abs(x).sum(1, keepdims=True)),
        ),
        Program(
            "sum_keepdims",
            function("x:3x5x7xf32", "r:1x1x1xf32", keep_all),
            (x,),
            lambda x: Expected(x.sum(keepdims=True), np.abs(x).sum()),
        ),
        Program(
            "sum_to_transposed",
            function("x:3x5x7xf32", "r:7x3xf32", moved),
            (x,),
            lambda x: Expected(x.sum(1).T, np.abs(x).sum(1).T),
        ),
        Program("sum_reduction_outermost", function("x:3x5x7xf32", "r:3x7xf32", order), (x,), lambda x: _sum(x, 1)),
        Program(
            "sum_of_several_maps",
            function("x:3x5x7xf32 y:7x5xf32 z:5xf32", "r:3xf32", weighted),
            (x, y, z),
            lambda x, y, z: Expected(
                (x * y.T + z[:, None]).sum((1, 2)), (np.abs(x * y.T) + np.abs(z[:, None])).sum((1, 2))
            ),
        ),
    ]


_KINDS: list[tuple[str, str, str, str, Callable[..., Any]]] = [
    ("mulf", "f32", "arith.mulf", "1.0", lambda x: Expected(x.prod(1), 13 * np.abs(x.prod(1)))),
    ("maximumf", "f32", "arith.maximumf", "0xFF800000", lambda x: x.max(1)),
    ("minimumf", "f32", "arith.minimumf", "0x7F800000", lambda x: x.min(1)),
    ("maxnumf", "f32", "arith.maxnumf", "0xFF800000", lambda x: x.max(1)),
    ("minnumf", "f32", "arith.minnumf", "0x7F800000", lambda x: x.min(1)),
    ("addi", "i32", "arith.addi", "0", lambda x: x.sum(1, dtype=np.int32)),
    ("muli", "i32", "arith.muli", "1", lambda x: x.prod(1, dtype=np.int32)),
    ("maxsi", "i32", "arith.maxsi", "-2147483648", lambda x: x.max(1)),
    ("minsi", "i32", "arith.minsi", "2147483647", lambda x: x.min(1)),
    ("maxui", "i32", "arith.maxui", "0", lambda x: x.view(np.uint32).max(1).view(np.int32)),
    ("minui", "i32", "arith.minui", "-1", lambda x: x.view(np.uint32).min(1).view(np.int32)),
    ("andi", "i32", "arith.andi", "-1", lambda x: np.bitwise_and.reduce(x, 1)),
    ("ori", "i32", "arith.ori", "0", lambda x: np.bitwise_or.reduce(x, 1)),
    ("xori", "i32", "arith.xori", "0", lambda x: np.bitwise_xor.reduce(x, 1)),
    ("all", "i1", "arith.andi", "true", lambda x: x.all(1)),
    ("any", "i1", "arith.ori", "false", lambda x: x.any(1)),
]


def _kinds() -> list[Program]:
    programs = []
    for name, kind, op, neutral, reference in _KINDS:
        data = {
            "f32": normal((6, 13), key=name),
            "i32": integers((6, 13), key=name),
            "i1": integers((6, 13), dtype="i1", key=name),
        }[kind]
        if kind == "i1":
            data[0], data[1] = True, False
        # The value may stand on either side of the accumulator.
        line = f"%0 = {op} %a, %u : {kind}" if len(programs) % 2 else f"%0 = {op} %u, %a : {kind}"
        text = (
            f"  %c = arith.constant {neutral}{'' if kind == 'i1' else f' : {kind}'}\n"
            + empty("e", f"6x{kind}")
            + f"  %o = linalg.fill ins(%c : {kind}) outs(%e : tensor<6x{kind}>) -> tensor<6x{kind}>\n"
        )
        text += generic(
            "r",
            "ij",
            [("%x", f"6x13x{kind}", "ij")],
            [("%o", f"6x{kind}", "i")],
            line + f"\n    linalg.yield %0 : {kind}",
            reduced="j",
        )
        programs.append(Program(f"reduce_{name}", function(f"x:6x13x{kind}", f"r:6x{kind}", text), (data,), reference))
    return programs


def _inits() -> list[Program]:
    x, y = normal((6, 13), key="x"), normal(6, key="y")
    reduce = lambda init, op="arith.addf": generic(
        "r",
        "ij",
        [("%x", "6x13xf32", "ij")],
        [(init, "6xf32", "i")],
        f"%0 = {op} %u, %a : f32\n    linalg.yield %0 : f32",
        reduced="j",
    )
    constant = "  %y = arith.constant dense<[1.0, -2.0, 3.0, 0.5, 0.0, 9.0]> : tensor<6xf32>\n"
    exp = empty("e", "6xf32") + generic(
        "o", "i", [("%y", "6xf32", "i")], [("%e", "6xf32", "i")], "%0 = math.exp %a : f32\n    linalg.yield %0 : f32"
    )
    return [
        Program(
            "init_not_neutral",
            function("x:6x13xf32", "r:6xf32", filled("o", "6xf32", "10.0") + reduce("%o")),
            (x,),
            lambda x: Expected(10 + x.sum(1), np.abs(x).sum(1)),
        ),
        Program(
            "init_argument",
            function("x:6x13xf32 y:6xf32", "r:6xf32 y:6xf32", reduce("%y")),
            (x, y),
            lambda x, y: (Expected(y + x.sum(1), np.abs(x).sum(1)), y),
        ),
        Program(
            "init_constant",
            function("x:6x13xf32", "r:6xf32", constant + reduce("%y")),
            (x,),
            lambda x: Expected(np.array([1, -2, 3, 0.5, 0, 9]) + x.sum(1), np.abs(x).sum(1)),
        ),
        Program(
            "init_computed",
            function("x:6x13xf32 y:6xf32", "r:6xf32", exp + reduce("%o")),
            (x, y),
            lambda x, y: Expected(np.exp(y) + x.sum(1), np.abs(x).sum(1) + 5),
        ),
        Program(
            "init_clamps_maximum",
            function("x:6x13xf32", "r:6xf32", filled("o", "6xf32", "0.9") + reduce("%o", "arith.maximumf")),
            (x,),
            lambda x: np.maximum(x.max(1), np.float32(0.9)),
        ),
        Program(
            "init_least_finite_maximum",
            function("x:6x13xf32", "r:6xf32", filled("o", "6xf32", "-3.40282347E+38") + reduce("%o", "arith.maximumf")),
            (x,),
            lambda x: x.max(1),
        ),
    ]


_SQUARES = "%0 = arith.mulf %a, %a : f32\n    %1 = arith.addf %u, %0 : f32\n    linalg.yield %1 : f32"
_FMA = "%0 = arith.mulf %a, %b : f32\n    %1 = arith.addf %u, %0 : f32\n    linalg.yield %1 : f32"


def _products() -> list[Program]:
    x, y = normal((5, 7), key="x"), normal((7, 9), key="y")
    product = lambda x, y: Expected(x @ y, np.abs(x) @ np.abs(y))
    matmul = filled("o", "5x9xf32", "0.0") + generic(
        "r", "ijk", [("%x", "5x7xf32", "ik"), ("%y", "7x9xf32", "kj")], [("%o", "5x9xf32", "ij")], _FMA, reduced="k"
    )
    outer = filled("o", "5x9xf32", "0.0") + generic(
        "r", "kij", [("%x", "7x5xf32", "ki"), ("%y", "9x7xf32", "jk")], [("%o", "5x9xf32", "ij")], _FMA, reduced="k"
    )
    batch = filled("o", "2x5x9xf32", "0.0") + generic(
        "r",
        "bijk",
        [("%x", "2x5x7xf32", "bik"), ("%y", "2x7x9xf32", "bkj")],
        [("%o", "2x5x9xf32", "bij")],
        _FMA,
        reduced="k",
    )
    vector = filled("o", "5xf32", "0.0") + generic(
        "r", "ik", [("%x", "5x7xf32", "ik"), ("%y", "7xf32", "k")], [("%o", "5xf32", "i")], _FMA, reduced="k"
    )
    dot = filled("o", "f32", "0.0") + generic(
        "r", "k", [("%x", "9xf32", "k"), ("%y", "9xf32", "k")], [("%o", "f32", "")], _FMA, reduced="k"
    )
    widening = filled("o", "5x9xf32", "0.0") + generic(
        "r",
        "ijk",
        [("%x", "5x7xf16", "ik"), ("%y", "7x9xf16", "kj")],
        [("%o", "5x9xf32", "ij")],
        "%p = arith.extf %a : f16 to f32\n    %q = arith.extf %b : f16 to f32\n    %0 = arith.mulf %p, %q : f32\n    %1 = arith.addf %u, %0 : f32\n    linalg.yield %1 : f32",
        reduced="k",
    )
    quantised = filled("o", "5x9xi32", "0") + generic(
        "r",
        "ijk",
        [("%x", "5x7xi8", "ik"), ("%y", "7x9xi8", "kj")],
        [("%o", "5x9xi32", "ij")],
        "%p = arith.extsi %a : i8 to i32\n    %q = arith.extsi %b : i8 to i32\n    %0 = arith.muli %p, %q : i32\n    %1 = arith.addi %u, %0 : i32\n    linalg.yield %1 : i32",
        reduced="k",
    )
    named = (
        filled("o", "5x9xf32", "0.0")
        + "  %r = linalg.matmul ins(%x, %y : tensor<5x7xf32>, tensor<7x9xf32>) outs(%o : tensor<5x9xf32>) -> tensor<5x9xf32>\n"
    )
    bias = "  %r = linalg.matmul ins(%x, %y : tensor<5x7xf32>, tensor<7x9xf32>) outs(%z : tensor<5x9xf32>) -> tensor<5x9xf32>\n"
    named_batch = (
        filled("o", "2x5x9xf32", "0.0")
        + "  %r = linalg.batch_matmul ins(%x, %y : tensor<2x5x7xf32>, tensor<2x7x9xf32>) outs(%o : tensor<2x5x9xf32>) -> tensor<2x5x9xf32>\n"
    )
    named_dot = (
        filled("o", "f32", "0.0")
        + "  %r = linalg.dot ins(%x, %y : tensor<9xf32>, tensor<9xf32>) outs(%o : tensor<f32>) -> tensor<f32>\n"
    )
    reduce = (
        filled("o", "5xf32", "0.0")
        + "  %r = linalg.reduce { arith.addf } ins(%x : tensor<5x7xf32>) outs(%o : tensor<5xf32>) dimensions = [1]\n"
    )
    xt, yt = np.ascontiguousarray(x.T), np.ascontiguousarray(y.T)
    batches = normal((2, 5, 7), key="b"), normal((2, 7, 9), key="c")
    vectors = normal(9, key="p"), normal(9, key="q")
    small = integers((5, 7), dtype="i8", key="x"), integers((7, 9), dtype="i8", key="y")
    args = "x:5x7xf32 y:7x9xf32"
    return [
        Program("matmul_generic", function(args, "r:5x9xf32", matmul), (x, y), product),
        Program(
            "matmul_outer_reduction",
            function("x:7x5xf32 y:9x7xf32", "r:5x9xf32", outer),
            (xt, yt),
            lambda x, y: product(x.T, y.T),
        ),
        Program("matmul_batch_generic", function("x:2x5x7xf32 y:2x7x9xf32", "r:2x5x9xf32", batch), batches, product),
        Program(
            "matmul_vector_generic", function("x:5x7xf32 y:7xf32", "r:5xf32", vector), (x, vectors[0][:7]), product
        ),
        Program("dot_generic", function("x:9xf32 y:9xf32", "r:f32", dot), vectors, product),
        Program(
            "matmul_f16_to_f32",
            function("x:5x7xf16 y:7x9xf16", "r:5x9xf32", widening),
            (x.astype(np.float16), y.astype(np.float16)),
            product,
        ),
        Program(
            "matmul_i8_to_i32",
            function("x:5x7xi8 y:7x9xi8", "r:5x9xi32", quantised),
            small,
            lambda x, y: x.astype(np.int32) @ y.astype(np.int32),
        ),
        Program("matmul_named", function(args, "r:5x9xf32", named), (x, y), product),
        Program(
            "matmul_named_accumulates",
            function(args + " z:5x9xf32", "r:5x9xf32", bias),
            (x, y, normal((5, 9))),
            lambda x, y, z: Expected(z + x @ y, np.abs(x) @ np.abs(y) + np.abs(z)),
        ),
        Program(
            "batch_matmul_named", function("x:2x5x7xf32 y:2x7x9xf32", "r:2x5x9xf32", named_batch), batches, product
        ),
        Program("dot_named", function("x:9xf32 y:9xf32", "r:f32", named_dot), vectors, product),
        Program("reduce_named", function("x:5x7xf32", "r:5xf32", reduce), (x,), lambda x: _sum(x, 1)),
    ]


def _several() -> list[Program]:
    x = normal((6, 13), key="x")
    ties = np.round(x)
    both = (
        filled("o", "6xf32", "0.0")
        + filled("p", "6xf32", "0.0")
        + generic(
            "r:2",
            "ij",
            [("%x", "6x13xf32", "ij")],
            [("%o", "6xf32", "i"), ("%p", "6xf32", "i")],
            "%0 = arith.addf %u, %a : f32\n    %1 = arith.mulf %a, %a : f32\n    %2 = arith.addf %v, %1 : f32\n    linalg.yield %0, %2 : f32, f32",
            reduced="j",
        )
    )
    mixed = (
        filled("o", "6xf32", "0.0")
        + filled("p", "6xf32", "0xFF800000")
        + generic(
            "r:2",
            "ij",
            [("%x", "6x13xf32", "ij")],
            [("%o", "6xf32", "i"), ("%p", "6xf32", "i")],
            "%0 = arith.addf %u, %a : f32\n    %1 = arith.maximumf %v, %a : f32\n    linalg.yield %0, %1 : f32, f32",
            reduced="j",
        )
    )

    def arg(name: str, predicate: str, start: str, reference: Callable[..., Any]) -> Program:
        body = f"""%j = linalg.index 1 : index
    %k = arith.index_cast %j : index to i64
    %0 = arith.cmpf {predicate}, %a, %u : f32
    %1 = arith.select %0, %a, %u : f32
    %2 = arith.select %0, %k, %v : i64
    linalg.yield %1, %2 : f32, i64"""
        text = (
            filled("o", "6xf32", start)
            + filled("p", "6xi64", "0")
            + generic(
                "r:2", "ij", [("%x", "6x13xf32", "ij")], [("%o", "6xf32", "i"), ("%p", "6xi64", "i")], body, reduced="j"
            )
        )
        return Program(name, function("x:6x13xf32", "r#0:6xf32 r#1:6xi64", text), (ties,), reference)

    nan = f"""%j = linalg.index 0 : index
    %0 = arith.maximumf %u, %a : f32
    %1 = arith.cmpf ogt, %a, %u : f32
    %2 = arith.select %1, %j, %v : index
    linalg.yield %0, %2 : f32, index"""  # noqa: F541
    flat = (
        filled("o", "f32", "0xFF800000")
        + filled("p", "index", "0")
        + generic("r:2", "i", [("%x", "37xf32", "i")], [("%o", "f32", ""), ("%p", "index", "")], nan, reduced="i")
    )
    with_map = (
        empty("e", "6x13xf32")
        + generic(
            "s",
            "ij",
            [("%x", "6x13xf32", "ij")],
            [("%e", "6x13xf32", "ij")],
            "%0 = math.exp %a : f32\n    linalg.yield %0 : f32",
        )
        + filled("o", "6xf32", "0.0")
        + generic("r", "ij", [("%s", "6x13xf32", "ij")], [("%o", "6xf32", "i")], _ADD, reduced="j")
    )
    return [
        Program(
            "sum_and_squares",
            function("x:6x13xf32", "r#0:6xf32 r#1:6xf32", both),
            (x,),
            lambda x: (_sum(x, 1), _sum(x * x, 1)),
        ),
        Program(
            "sum_and_maximum",
            function("x:6x13xf32", "r#0:6xf32 r#1:6xf32", mixed),
            (x,),
            lambda x: (_sum(x, 1), x.max(1)),
        ),
        arg("argmax", "ogt", "0xFF800000", lambda x: (x.max(1), x.argmax(1))),
        arg("argmin", "olt", "0x7F800000", lambda x: (x.min(1), x.argmin(1))),
        arg("argmax_last", "oge", "0xFF800000", lambda x: (x.max(1), 12 - x[:, ::-1].argmax(1))),
        Program(
            "argmax_flat_index",
            function("x:37xf32", "r#0:f32 r#1:index", flat),
            (normal(37),),
            lambda x: (x.max(), x.argmax()),
        ),
        Program(
            "sum_beside_elementwise",
            function("x:6x13xf32", "s:6x13xf32 r:6xf32", with_map),
            (x,),
            lambda x: (Expected(np.exp(x), 3 * np.exp(x)), Expected(np.exp(x).sum(1), 3 * np.exp(x).sum(1))),
        ),
    ]


def _combiners() -> list[Program]:
    x = normal((6, 13), key="x", scale=3)
    online = """%m = arith.maximumf %u, %a : f32
    %sh = arith.subf %u, %m : f32
    %ex = math.exp %sh : f32
    %sc = arith.mulf %v, %ex : f32
    %d = arith.subf %a, %m : f32
    %f = math.exp %d : f32
    %0 = arith.addf %sc, %f : f32
    linalg.yield %m, %0 : f32, f32"""
    pair = (
        filled("o", "6xf32", "0xFF800000")
        + filled("p", "6xf32", "0.0")
        + generic(
            "r:2", "ij", [("%x", "6x13xf32", "ij")], [("%o", "6xf32", "i"), ("%p", "6xf32", "i")], online, reduced="j"
        )
    )
    welford = """%n = arith.constant 1.0 : f32
    %0 = arith.addf %w, %n : f32
    %d = arith.subf %a, %u : f32
    %x1 = arith.divf %d, %0 : f32
    %1 = arith.addf %u, %x1 : f32
    %g = arith.subf %a, %1 : f32
    %h = arith.mulf %d, %g : f32
    %2 = arith.addf %v, %h : f32
    linalg.yield %1, %2, %0 : f32, f32, f32"""
    moments = "".join(filled(n, "6xf32", "0.0") for n in ("o", "p", "q")) + generic(
        "r:3",
        "ij",
        [("%x", "6x13xf32", "ij")],
        [(f"%{n}", "6xf32", "i") for n in ("o", "p", "q")],
        welford,
        reduced="j",
    )
    horner = "%c = arith.constant 0.5 : f32\n    %0 = arith.mulf %u, %c : f32\n    %1 = arith.addf %0, %a : f32\n    linalg.yield %1 : f32"
    last = "linalg.yield %a : f32"
    first = """%j = linalg.index 1 : index
    %z = arith.constant 0 : index
    %0 = arith.cmpi eq, %j, %z : index
    %1 = arith.select %0, %a, %u : f32
    linalg.yield %1 : f32"""
    count = "%z = arith.constant 0.0 : f32\n    %0 = arith.cmpf ogt, %a, %z : f32\n    %1 = arith.extui %0 : i1 to i64\n    %2 = arith.addi %u, %1 : i64\n    linalg.yield %2 : i64"
    one = lambda body: (
        filled("o", "6xf32", "0.0")
        + generic("r", "ij", [("%x", "6x13xf32", "ij")], [("%o", "6xf32", "i")], body, reduced="j")
    )
    outer = filled("o", "13xf32", "0.0") + generic(
        "r", "ij", [("%x", "6x13xf32", "ij")], [("%o", "13xf32", "j")], horner, reduced="i"
    )
    masked = filled("o", "6xf32", "0.0") + generic(
        "r",
        "ij",
        [("%x", "6x13xf32", "ij"), ("%m", "13xi1", "j")],
        [("%o", "6xf32", "i")],
        "%0 = arith.addf %u, %a : f32\n    %1 = arith.select %b, %0, %u : f32\n    linalg.yield %1 : f32",
        reduced="j",
    )
    counted = filled("o", "6xi64", "0") + generic(
        "r", "ij", [("%x", "6x13xf32", "ij")], [("%o", "6xi64", "i")], count, reduced="j"
    )
    args = "x:6x13xf32"
    powers = 0.5 ** np.arange(12, -1, -1.0)
    return [
        Program(
            "combine_logsumexp",
            function(args, "r#0:6xf32 r#1:6xf32", pair),
            (x,),
            lambda x: (x.max(1), Expected(np.exp(x - x.max(1, keepdims=True)).sum(1), 20)),
            roundings=4,
        ),
        Program(
            "combine_welford",
            function(args, "r#0:6xf32 r#1:6xf32 r#2:6xf32", moments),
            (x,),
            lambda x: (Expected(x.mean(1), 9), Expected(x.var(1) * 13, 60), np.full(6, 13.0)),
        ),
        Program(
            "combine_horner_ordered",
            function(args, "r:6xf32", one(horner)),
            (x,),
            lambda x: Expected((x * powers).sum(1), np.abs(x * powers).sum(1)),
        ),
        Program(
            "combine_horner_outer",
            function(args, "r:13xf32", outer),
            (x,),
            lambda x: Expected((x * powers[-6:, None]).sum(0), np.abs(x).sum(0)),
        ),
        Program("combine_last_element", function(args, "r:6xf32", one(last)), (x,), lambda x: x[:, -1]),
        Program("combine_first_element", function(args, "r:6xf32", one(first)), (x,), lambda x: x[:, 0]),
        Program(
            "combine_subtract",
            function(args, "r:6xf32", one("%0 = arith.subf %u, %a : f32\n    linalg.yield %0 : f32")),
            (x,),
            lambda x: Expected(-x.sum(1), np.abs(x).sum(1)),
        ),
        Program(
            "combine_subtract_reversed",
            function(args, "r:6xf32", one("%0 = arith.subf %a, %u : f32\n    linalg.yield %0 : f32")),
            (x,),
            lambda x: Expected((x * (-1.0) ** np.arange(12, -1, -1)).sum(1), np.abs(x).sum(1)),
        ),
        Program(
            "combine_masked",
            function("x:6x13xf32 m:13xi1", "r:6xf32", masked),
            (x, integers(13, dtype="i1")),
            lambda x, m: Expected((x * m).sum(1), np.abs(x).sum(1)),
        ),
        Program("combine_count", function(args, "r:6xi64", counted), (x,), lambda x: (x > 0).sum(1)),
    ]


def _whole() -> list[Program]:
    x = normal((6, 13), key="x")
    mean = (
        filled("o", "6xf32", "0.0")
        + generic("s", "ij", [("%x", "6x13xf32", "ij")], [("%o", "6xf32", "i")], _ADD, reduced="j")
        + "  %n = arith.constant 13.0 : f32\n"
        + empty("e", "6xf32")
        + generic(
            "r",
            "i",
            [("%s", "6xf32", "i")],
            [("%e", "6xf32", "i")],
            "%0 = arith.divf %a, %n : f32\n    linalg.yield %0 : f32",
        )
    )
    spread = (
        mean
        + empty("f", "6x13xf32")
        + generic(
            "d",
            "ij",
            [("%x", "6x13xf32", "ij"), ("%r", "6xf32", "i")],
            [("%f", "6x13xf32", "ij")],
            "%0 = arith.subf %a, %b : f32\n    linalg.yield %0 : f32",
        )
        + filled("p", "6xf32", "0.0")
        + generic("q", "ij", [("%d", "6x13xf32", "ij")], [("%p", "6xf32", "i")], _SQUARES, reduced="j")
    )
    squares = filled("o", "6xf32", "0.0") + generic(
        "r", "ij", [("%x", "6x13xf32", "ij")], [("%o", "6xf32", "i")], _SQUARES, reduced="j"
    )
    twice = (
        filled("o", "3x5xf32", "0.0")
        + generic("s", "ijk", [("%x", "3x5x7xf32", "ijk")], [("%o", "3x5xf32", "ij")], _ADD, reduced="k")
        + filled("p", "3xf32", "0.0")
        + generic("r", "ij", [("%s", "3x5xf32", "ij")], [("%p", "3xf32", "i")], _SQUARES, reduced="j")
    )
    normalised = (
        squares
        + empty("e", "6x13xf32")
        + generic(
            "y",
            "ij",
            [("%x", "6x13xf32", "ij"), ("%r", "6xf32", "i")],
            [("%e", "6x13xf32", "ij")],
            "%0 = math.sqrt %b : f32\n    %1 = arith.divf %a, %0 : f32\n    linalg.yield %1 : f32",
        )
    )
    long = filled("o", "f32", "0.0") + generic("r", "i", [("%x", "?xf32", "i")], [("%o", "f32", "")], _ADD, reduced="i")
    sizes = dim("n", "%x", "?x?xf32", 0) + filled("o", "?xf32", "0.0", "%n")
    rows = sizes + generic("r", "ij", [("%x", "?x?xf32", "ij")], [("%o", "?xf32", "i")], _ADD, reduced="j")
    columns = (
        dim("n", "%x", "?x?xf32", 1)
        + filled("o", "?xf32", "0.0", "%n")
        + generic("r", "ij", [("%x", "?x?xf32", "ij")], [("%o", "?xf32", "j")], _ADD, reduced="i")
    )
    top = (
        dim("n", "%x", "?x?xf32", 0)
        + filled("o", "?xf32", "0xFF800000", "%n")
        + generic(
            "r",
            "ij",
            [("%x", "?x?xf32", "ij")],
            [("%o", "?xf32", "i")],
            "%0 = arith.maximumf %u, %a : f32\n    linalg.yield %0 : f32",
            reduced="j",
        )
    )
    shapes = ((5, 7), (1, 1), (3, 0), (0, 3), (17, 33), (2, 1000), (129, 3))
    calls = tuple((normal(n, key="x"),) for n in shapes)
    vectors = tuple((normal(n, key="x"),) for n in (1000, 0, 1, 15, 16, 17, 10007))
    unit = lambda x: np.sqrt((x * x).sum(1, keepdims=True))
    return [
        Program(
            "mean", function("x:6x13xf32", "r:6xf32", mean), (x,), lambda x: Expected(x.mean(1), np.abs(x).mean(1))
        ),
        Program(
            "variance",
            function("x:6x13xf32", "q:6xf32", spread),
            (x,),
            lambda x: Expected(13 * x.var(1), 13),
            roundings=4,
        ),
        Program("sum_of_squares", function("x:6x13xf32", "r:6xf32", squares), (x,), lambda x: (x * x).sum(1)),
        Program(
            "sum_of_sums",
            function("x:3x5x7xf32", "r:3xf32", twice),
            (normal((3, 5, 7)),),
            lambda x: Expected((x.sum(2) ** 2).sum(1), (np.abs(x).sum(2) ** 2).sum(1)),
        ),
        Program(
            "unit_rows", function("x:6x13xf32", "y:6x13xf32", normalised), (x,), lambda x: x / unit(x), roundings=4
        ),
        Program(
            "sum_vector_dynamic",
            function("x:?xf32", "r:f32", long),
            vectors[0],
            lambda x: _sum(x, None),
            more=vectors[1:],
            roundings=4,
        ),
        Program(
            "sum_rows_dynamic", function("x:?x?xf32", "r:?xf32", rows), calls[0], lambda x: _sum(x, 1), more=calls[1:]
        ),
        Program(
            "sum_columns_dynamic",
            function("x:?x?xf32", "r:?xf32", columns),
            calls[0],
            lambda x: _sum(x, 0),
            more=calls[1:],
        ),
        Program(
            "maximum_rows_dynamic",
            function("x:?x?xf32", "r:?xf32", top),
            calls[0],
            lambda x: x.max(1, initial=-np.inf),
            more=calls[1:],
        ),
        Program(
            "sum_f16_positive",
            function(
                "x:6x64xf16",
                "r:6xf16",
                filled("o", "6xf16", "0.0")
                + generic(
                    "r",
                    "ij",
                    [("%x", "6x64xf16", "ij")],
                    [("%o", "6xf16", "i")],
                    _ADD.replace("f32", "f16"),
                    reduced="j",
                ),
            ),
            (uniform((6, 64), 0, 1, "f16"),),
            lambda x: x.sum(1),
            roundings=32,
        ),
    ]


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_dimensions(), *_kinds(), *_inits(), *_products(), *_several(), *_combiners(), *_whole()]
