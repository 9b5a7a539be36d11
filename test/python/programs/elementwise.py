"""Elementwise `linalg.generic`: operands, results and bodies, not yet maps or dtypes.

Programs: one, two and five inputs; a scalar from a constant, from `tensor.extract`, from a rank-0
tensor and as a function argument; `linalg.index` alone, in arithmetic and over dynamic sizes; a
body that reads its out operand; an unused input; results yielded straight from inputs; several
results; results of different dtypes; rank 0 to 5; a value defined outside of the body; chains of
two, three and eight; a diamond; a value used twice and returned too; select; an out operand that
is an argument (which must stay untouched); named `linalg.add`, `linalg.map`, `linalg.exp`.
"""

# ruff: noqa: E501, E731 - lines of MLIR are as long as they are, and a text is a small lambda
from __future__ import annotations

import numpy as np

from .build import dim, empty, function, generic, mapped
from .program import Array, Program, integers, normal

_S = "8x12xf32"
_SHAPES = ("f32", "37xf32", "5x7xf32", "3x4x5xf32", "2x3x4x5xf32", "2x3x2x3x4xf32")


def _basic() -> list[Program]:
    x, y = normal((8, 12), key="x"), normal((8, 12), key="y")
    many = [normal((8, 12), key=i) for i in range(5)]
    return [
        Program(
            "negate", mapped(f"x:{_S}", _S, "%n = arith.negf %a : f32\n    linalg.yield %n : f32"), (x,), np.negative
        ),
        Program(
            "add",
            mapped(f"x:{_S} y:{_S}", _S, "%n = arith.addf %a, %b : f32\n    linalg.yield %n : f32"),
            (x, y),
            np.add,
        ),
        Program(
            "five_inputs",
            mapped(
                " ".join(f"x{i}:{_S}" for i in range(5)),
                _S,
                """%0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %c : f32
    %2 = arith.subf %1, %d : f32
    %3 = arith.mulf %2, %e : f32
    linalg.yield %3 : f32""",
            ),
            tuple(many),
            lambda a, b, c, d, e: (a * b + c - d) * e,
            roundings=20,
        ),
        Program(
            "same_input_twice",
            function(
                f"x:{_S}",
                f"r:{_S}",
                empty("e", _S)
                + generic(
                    "r",
                    "ij",
                    [("%x", _S, "ij"), ("%x", _S, "ij")],
                    [("%e", _S, "ij")],
                    "%0 = arith.mulf %a, %b : f32\n    linalg.yield %0 : f32",
                ),
            ),
            (x,),
            np.square,
        ),
        Program(
            "unused_input",
            mapped(f"x:{_S} y:{_S}", _S, "%0 = arith.addf %b, %b : f32\n    linalg.yield %0 : f32"),
            (x, y),
            lambda x, y: 2 * y,
        ),
        Program("yield_input", mapped(f"x:{_S}", _S, "linalg.yield %a : f32"), (x,), lambda x: x),
        Program(
            "yield_constant",
            mapped(f"x:{_S}", _S, "%0 = arith.constant 2.5 : f32\n    linalg.yield %0 : f32"),
            (x,),
            lambda x: np.full(x.shape, 2.5),
        ),
        Program(
            "select_where",
            mapped(f"m:8x12xi1 x:{_S} y:{_S}", _S, "%0 = arith.select %a, %b, %c : f32\n    linalg.yield %0 : f32"),
            (integers((8, 12), dtype="i1"), x, y),
            np.where,
        ),
        Program(
            "clamp",
            mapped(
                f"x:{_S}",
                _S,
                """%lo = arith.constant -0.5 : f32
    %hi = arith.constant 0.75 : f32
    %0 = arith.cmpf ult, %a, %lo : f32
    %1 = arith.select %0, %lo, %a : f32
    %2 = arith.cmpf ugt, %1, %hi : f32
    %3 = arith.select %2, %hi, %1 : f32
    linalg.yield %3 : f32""",
            ),
            (x,),
            lambda x: np.clip(x, -0.5, 0.75),
        ),
    ]


def _scalars() -> list[Program]:
    x = normal((8, 12), key="x")
    body = "%0 = arith.mulf %a, %b : f32\n    linalg.yield %0 : f32"
    operand = generic("r", "ij", [("%x", _S, "ij"), ("%s", "!f32", "")], [("%e", _S, "ij")], body)
    captured = generic(
        "r", "ij", [("%x", _S, "ij")], [("%e", _S, "ij")], "%0 = arith.mulf %a, %s : f32\n    linalg.yield %0 : f32"
    )
    extract = "  %i = arith.constant 2 : index\n  %s = tensor.extract %t[%i] : tensor<5xf32>\n"
    t = normal(5, key="t")
    return [
        Program(
            "scalar_constant",
            function(f"x:{_S}", f"r:{_S}", "  %s = arith.constant 1.5 : f32\n" + empty("e", _S) + operand),
            (x,),
            lambda x: x * 1.5,
        ),
        Program(
            "scalar_captured",
            function(f"x:{_S}", f"r:{_S}", "  %s = arith.constant 1.5 : f32\n" + empty("e", _S) + captured),
            (x,),
            lambda x: x * 1.5,
        ),
        Program(
            "scalar_extracted",
            function(f"x:{_S} t:5xf32", f"r:{_S}", extract + empty("e", _S) + operand),
            (x, t),
            lambda x, t: x * t[2],
        ),
        Program(
            "scalar_argument",
            function(f"x:{_S} s:!f32", f"r:{_S}", empty("e", _S) + operand),
            (x, np.float32(2.5)),
            lambda x, s: x * s,
        ),
        Program(
            "scalar_rank0",
            function(
                f"x:{_S} s:f32",
                f"r:{_S}",
                empty("e", _S) + generic("r", "ij", [("%x", _S, "ij"), ("%s", "f32", "")], [("%e", _S, "ij")], body),
            ),
            (x, np.asarray(np.float32(-3))),
            lambda x, s: x * s,
        ),
        Program(
            "scalar_from_size",
            function(
                "x:?xf32",
                "r:?xf32",
                dim("n", "%x", "?xf32", 0)
                + "  %k = arith.index_cast %n : index to i64\n  %s = arith.sitofp %k : i64 to f32\n"
                + empty("e", "?xf32", "%n")
                + generic(
                    "r",
                    "i",
                    [("%x", "?xf32", "i"), ("%s", "!f32", "")],
                    [("%e", "?xf32", "i")],
                    "%0 = arith.divf %a, %b : f32\n    linalg.yield %0 : f32",
                ),
            ),
            (normal(13),),
            lambda x: x / len(x),
            more=((normal(1),), (normal(64),)),
        ),
    ]


def _index() -> list[Program]:
    grid = np.indices((6, 9))
    cast = """%i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %s = arith.addi %i, %j : index
    %k = arith.index_cast %s : index to i32
    %f = arith.sitofp %k : i32 to f32
    %0 = arith.addf %a, %f : f32
    linalg.yield %0 : f32"""
    causal = """%i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %m = arith.cmpi sge, %i, %j : index
    %z = arith.constant -1.0e9 : f32
    %0 = arith.select %m, %a, %z : f32
    linalg.yield %0 : f32"""
    dynamic = dim("n", "%x", "?x?xf32", 0) + dim("w", "%x", "?x?xf32", 1) + empty("e", "?x?xf32", "%n", "%w")
    more = tuple((normal(shape),) for shape in ((1, 1), (1, 33), (17, 16), (0, 4)))
    return [
        Program(
            "index_iota",
            function(
                "",
                "r:7xindex",
                empty("e", "7xindex")
                + generic(
                    "r", "i", [], [("%e", "7xindex", "i")], "%0 = linalg.index 0 : index\n    linalg.yield %0 : index"
                ),
            ),
            (),
            lambda: np.arange(7),
        ),
        Program(
            "index_iota_column",
            function(
                "",
                "r:5x7xi64",
                empty("e", "5x7xi64")
                + generic(
                    "r",
                    "ij",
                    [],
                    [("%e", "5x7xi64", "ij")],
                    "%0 = linalg.index 1 : index\n    %1 = arith.index_cast %0 : index to i64\n    linalg.yield %1 : i64",
                ),
            ),
            (),
            lambda: np.tile(np.arange(7), (5, 1)),
        ),
        Program("index_sum", mapped("x:6x9xf32", "6x9xf32", cast), (normal((6, 9)),), lambda x: x + grid[0] + grid[1]),
        Program(
            "index_causal_mask",
            function(
                "x:?x?xf32",
                "r:?x?xf32",
                dynamic + generic("r", "ij", [("%x", "?x?xf32", "ij")], [("%e", "?x?xf32", "ij")], causal),
            ),
            (normal((9, 9)),),
            lambda x: np.where(np.tri(*x.shape, dtype=bool), x, -1.0e9),
            more=more,
        ),
        Program(
            "index_gather_rows",
            function(
                "t:11x6xf32 k:7xi64",
                "r:7x6xf32",
                empty("e", "7x6xf32")
                + generic(
                    "r",
                    "ij",
                    [("%k", "7xi64", "i")],
                    [("%e", "7x6xf32", "ij")],
                    "%p = arith.index_cast %a : i64 to index\n    %j = linalg.index 1 : index\n"
                    "    %0 = tensor.extract %t[%p, %j] : tensor<11x6xf32>\n    linalg.yield %0 : f32",
                ),
            ),
            (normal((11, 6)), np.array([3, 3, 0, 10, 1, 9, 5])),
            lambda t, k: t[k],
        ),
    ]


def _outs() -> list[Program]:
    x, y = normal((8, 12), key="x"), normal((8, 12), key="y")
    two = [("%e", _S, "ij"), ("%f", _S, "ij")]
    both = "%0 = arith.addf %a, %b : f32\n    %1 = arith.mulf %a, %b : f32\n    linalg.yield %0, %1 : f32, f32"
    mixed = "%0 = math.absf %a : f32\n    %1 = arith.cmpf olt, %a, %b : f32\n    %2 = arith.extf %b : f32 to f64\n    linalg.yield %0, %1, %2 : f32, i1, f64"
    pair = [("%x", _S, "ij"), ("%y", _S, "ij")]
    return [
        Program(
            "reads_out",
            function(
                f"x:{_S} y:{_S}",
                f"r:{_S}",
                generic(
                    "r",
                    "ij",
                    [("%x", _S, "ij")],
                    [("%y", _S, "ij")],
                    "%0 = arith.subf %u, %a : f32\n    linalg.yield %0 : f32",
                ),
            ),
            (x, y),
            lambda x, y: y - x,
        ),
        Program(
            "reads_out_alone",
            function(
                f"x:{_S}",
                f"r:{_S}",
                generic("r", "ij", [], [("%x", _S, "ij")], "%0 = math.absf %u : f32\n    linalg.yield %0 : f32"),
            ),
            (x,),
            np.abs,
        ),
        Program(
            "reads_fill",
            function(
                f"x:{_S}",
                f"r:{_S}",
                f"  %c = arith.constant 3.0 : f32\n  %0 = tensor.empty() : tensor<{_S}>\n  %1 = linalg.fill ins(%c : f32) outs(%0 : tensor<{_S}>) -> tensor<{_S}>\n"
                + generic(
                    "r",
                    "ij",
                    [("%x", _S, "ij")],
                    [("%1", _S, "ij")],
                    "%2 = arith.addf %u, %a : f32\n    linalg.yield %2 : f32",
                ),
            ),
            (x,),
            lambda x: x + 3,
        ),
        Program(
            "out_is_input_too",
            function(
                f"x:{_S}",
                f"r:{_S} x:{_S}",
                generic(
                    "r",
                    "ij",
                    [("%x", _S, "ij")],
                    [("%x", _S, "ij")],
                    "%0 = arith.mulf %a, %u : f32\n    linalg.yield %0 : f32",
                ),
            ),
            (x,),
            lambda x: (x * x, x),
        ),
        Program(
            "two_results",
            function(
                f"x:{_S} y:{_S}",
                f"r#0:{_S} r#1:{_S}",
                empty("e", _S) + empty("f", _S) + generic("r:2", "ij", pair, two, both),
            ),
            (x, y),
            lambda x, y: (x + y, x * y),
        ),
        Program(
            "one_of_two_results",
            function(
                f"x:{_S} y:{_S}", f"r#1:{_S}", empty("e", _S) + empty("f", _S) + generic("r:2", "ij", pair, two, both)
            ),
            (x, y),
            lambda x, y: x * y,
        ),
        Program(
            "three_results_of_three_dtypes",
            function(
                f"x:{_S} y:{_S}",
                f"r#0:{_S} r#1:8x12xi1 r#2:8x12xf64",
                empty("e", _S)
                + empty("f", "8x12xi1")
                + empty("g", "8x12xf64")
                + generic(
                    "r:3", "ij", pair, [("%e", _S, "ij"), ("%f", "8x12xi1", "ij"), ("%g", "8x12xf64", "ij")], mixed
                ),
            ),
            (x, y),
            lambda x, y: (np.abs(x), x < y, y),
        ),
        Program(
            "swap_by_yield",
            function(
                f"x:{_S} y:{_S}",
                f"r#0:{_S} r#1:{_S}",
                empty("e", _S) + empty("f", _S) + generic("r:2", "ij", pair, two, "linalg.yield %b, %a : f32, f32"),
            ),
            (x, y),
            lambda x, y: (y, x),
        ),
        Program(
            "same_value_yielded_twice",
            function(
                f"x:{_S} y:{_S}",
                f"r#0:{_S} r#1:{_S}",
                empty("e", _S)
                + empty("f", _S)
                + generic("r:2", "ij", pair, two, "%0 = arith.addf %a, %b : f32\n    linalg.yield %0, %0 : f32, f32"),
            ),
            (x, y),
            lambda x, y: (x + y, x + y),
        ),
        Program(
            "results_of_different_maps",
            function(
                "x:8x12xf32",
                "r#0:8x12xf32 r#1:12x8xf32",
                empty("e", _S)
                + empty("f", "12x8xf32")
                + generic(
                    "r:2",
                    "ij",
                    [("%x", _S, "ij")],
                    [("%e", _S, "ij"), ("%f", "12x8xf32", "ji")],
                    "%0 = arith.negf %a : f32\n    linalg.yield %a, %0 : f32, f32",
                ),
            ),
            (x,),
            lambda x: (x, -x.T),
        ),
    ]


def _ranks() -> list[Program]:
    programs = []
    for rank, short in enumerate(_SHAPES):
        shape = tuple(int(n) for n in short.split("x")[:-1])
        programs.append(
            Program(
                f"rank{rank}",
                mapped(f"x:{short} y:{short}", short, "%0 = arith.subf %a, %b : f32\n    linalg.yield %0 : f32"),
                (normal(shape, key="x"), normal(shape, key="y")),
                np.subtract,
            )
        )
    return programs


def _chain(length: int) -> str:
    """x -> x * 1.5 - y, `length` times."""
    step = "%m = arith.constant 1.5 : f32\n    %p = arith.mulf %a, %m : f32\n    %q = arith.subf %p, %b : f32\n    linalg.yield %q : f32"
    text, last = "", "%x"
    for i in range(length):
        text += empty(f"e{i}", _S) + generic(
            f"s{i}", "ij", [(last, _S, "ij"), ("%y", _S, "ij")], [(f"%e{i}", _S, "ij")], step
        )
        last = f"%s{i}"
    return function(f"x:{_S} y:{_S}", f"{last[1:]}:{_S}", text)


def _chain_value(x: Array, y: Array, length: int) -> Array:
    for _ in range(length):
        x = x * 1.5 - y
    return x


def _chains() -> list[Program]:
    x, y = normal((8, 12), key="x"), normal((8, 12), key="y")
    one = lambda name, source, line: (
        empty(f"{name}e", _S)
        + generic(name, "ij", [(source, _S, "ij")], [(f"%{name}e", _S, "ij")], line + "\n    linalg.yield %0 : f32")
    )
    add = lambda name, p, q: (
        empty(f"{name}e", _S)
        + generic(
            name,
            "ij",
            [(p, _S, "ij"), (q, _S, "ij")],
            [(f"%{name}e", _S, "ij")],
            "%0 = arith.addf %a, %b : f32\n    linalg.yield %0 : f32",
        )
    )
    diamond = (
        one("s", "%x", "%0 = math.exp %a : f32")
        + one("l", "%s", "%0 = arith.negf %a : f32")
        + one("m", "%s", "%0 = math.sqrt %a : f32")
        + add("r", "%l", "%m")
    )
    named = f"""  %e = tensor.empty() : tensor<{_S}>
  %0 = linalg.add ins(%x, %y : tensor<{_S}>, tensor<{_S}>) outs(%e : tensor<{_S}>) -> tensor<{_S}>
  %1 = linalg.exp ins(%0 : tensor<{_S}>) outs(%e : tensor<{_S}>) -> tensor<{_S}>
  %r = linalg.map {{ arith.mulf }} ins(%1, %y : tensor<{_S}>, tensor<{_S}>) outs(%e : tensor<{_S}>)"""
    programs = [
        Program(f"chain{n}", _chain(n), (x, y), lambda x, y, n=n: _chain_value(x, y, n), roundings=10 * n)
        for n in (2, 3, 8)
    ]
    return [
        *programs,
        Program(
            "diamond",
            function(f"x:{_S}", f"r:{_S}", diamond),
            (x,),
            lambda x: np.sqrt(np.exp(x)) - np.exp(x),
            roundings=20,
        ),
        Program(
            "used_twice_and_returned",
            function(f"x:{_S}", f"r:{_S} s:{_S} l:{_S}", diamond),
            (x,),
            lambda x: (np.sqrt(np.exp(x)) - np.exp(x), np.exp(x), -np.exp(x)),
            roundings=20,
        ),
        Program(
            "self_add",
            function(f"x:{_S}", f"r:{_S}", one("s", "%x", "%0 = math.exp %a : f32") + add("r", "%s", "%s")),
            (x,),
            lambda x: 2 * np.exp(x),
        ),
        Program(
            "named_ops",
            function(f"x:{_S} y:{_S}", f"r:{_S}", named),
            (x, y),
            lambda x, y: np.exp(x + y) * y,
            roundings=10,
        ),
    ]


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_basic(), *_scalars(), *_index(), *_outs(), *_ranks(), *_chains()]
