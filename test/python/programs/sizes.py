"""One compiled program called with many sizes, and static sizes that leave tails.

Programs: a dynamic vector, matrix, transpose and row reduction called with each of 0 1 2 3 15 16
17 31 32 33 63 64 65 127 1000; mixed static and dynamic dimensions; every dimension empty in turn; static
vectors and rows of those sizes (a few of them in the short form, all in the long one).
"""

# ruff: noqa: E731 - what builds a text is a small lambda
from __future__ import annotations

import numpy as np
from tolerance import Expected

from .build import dim, empty, filled, function, generic, mapped
from .program import Program, normal

SIZES = (0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 1000)
SHORT = (1, 3, 16, 17, 65)
_BODY = "%0 = math.absf %a : f32\n    %1 = arith.mulf %0, %b : f32\n    linalg.yield %1 : f32"
_ADD = "%0 = arith.addf %u, %a : f32\n    linalg.yield %0 : f32"


def _dynamic() -> list[Program]:
    v, d = "?xf32", "?x?xf32"
    both = dim("n", "%x", d, 0) + dim("m", "%x", d, 1)
    vector = (
        dim("n", "%x", v, 0)
        + empty("o", v, "%n")
        + generic("r", "i", [("%x", v, "i"), ("%y", v, "i")], [("%o", v, "i")], _BODY)
    )
    matrix = (
        both
        + empty("o", d, "%n", "%m")
        + generic("r", "ij", [("%x", d, "ij"), ("%y", d, "ij")], [("%o", d, "ij")], _BODY)
    )
    turned = (
        both
        + empty("o", d, "%m", "%n")
        + generic("r", "ij", [("%x", d, "ji"), ("%y", d, "ji")], [("%o", d, "ij")], _BODY)
    )
    mixed = (
        dim("n", "%x", "3x?x4xf32", 1)
        + empty("o", "?x3x4xf32", "%n")
        + generic(
            "r", "ijk", [("%x", "3x?x4xf32", "jik"), ("%y", "?x4xf32", "ik")], [("%o", "?x3x4xf32", "ijk")], _BODY
        )
    )
    cube = (
        "".join(dim(c, "%x", "?x?x?xf32", i) for i, c in enumerate("nml"))
        + filled("o", d, "0.0", "%n", "%l")
        + generic("r", "ijk", [("%x", "?x?x?xf32", "ijk")], [("%o", d, "ik")], _ADD, reduced="j")
    )
    chain = (
        both
        + empty("o", d, "%n", "%m")
        + generic("p", "ij", [("%x", d, "ij"), ("%y", d, "ij")], [("%o", d, "ij")], _BODY)
        + filled("t", v, "0.0", "%n")
        + generic("q", "ij", [("%p", d, "ij")], [("%t", v, "i")], _ADD, reduced="j")
        + empty("o2", d, "%n", "%m")
        + generic(
            "r",
            "ij",
            [("%p", d, "ij"), ("%q", v, "i")],
            [("%o2", d, "ij")],
            "%0 = arith.subf %a, %b : f32\n    linalg.yield %0 : f32",
        )
    )
    vectors = [(normal(n, key="x"), normal(n, key="y")) for n in SIZES]
    shapes = [(n, 3) for n in SIZES] + [(3, n) for n in SIZES] + [(33, 65)]
    matrices = [(normal(n, key="x"), normal(n, key="y")) for n in shapes]
    cubes = [
        (normal(n, key="c"),)
        for n in ((2, 3, 4), (0, 3, 4), (2, 0, 4), (2, 3, 0), (1, 1, 1), (5, 17, 33), (3, 1000, 1), (1, 2, 127))
    ]
    slabs = [(normal((3, n, 4), key="x"), normal((n, 4), key="y")) for n in SIZES]
    subtract = lambda x, y: Expected(
        np.abs(x) * y - (np.abs(x) * y).sum(1, keepdims=True), np.abs(x * y).sum(1, keepdims=True)
    )
    return [
        Program(
            "sizes_vector",
            function(f"x:{v} y:{v}", f"r:{v}", vector),
            vectors[4],
            lambda x, y: np.abs(x) * y,
            more=tuple(vectors),
        ),
        Program(
            "sizes_matrix",
            function(f"x:{d} y:{d}", f"r:{d}", matrix),
            matrices[4],
            lambda x, y: np.abs(x) * y,
            more=tuple(matrices),
        ),
        Program(
            "sizes_transposed",
            function(f"x:{d} y:{d}", f"r:{d}", turned),
            matrices[4],
            lambda x, y: (np.abs(x) * y).T,
            more=tuple(matrices),
        ),
        Program(
            "sizes_mixed",
            function("x:3x?x4xf32 y:?x4xf32", "r:?x3x4xf32", mixed),
            slabs[3],
            lambda x, y: np.abs(x.swapaxes(0, 1)) * y[:, None],
            more=tuple(slabs),
        ),
        Program(
            "sizes_middle_reduction",
            function("x:?x?x?xf32", "r:?x?xf32", cube),
            cubes[0],
            lambda x: Expected(x.sum(1), np.abs(x).sum(1)),
            more=tuple(cubes[1:]),
        ),
        Program(
            "sizes_reduce_and_subtract",
            function(f"x:{d} y:{d}", f"r:{d}", chain),
            matrices[4],
            subtract,
            more=tuple(matrices),
        ),
    ]


def _static() -> list[Program]:
    programs = []
    for n in SIZES:
        v, s = f"{n}xf32", f"3x{n}xf32"
        total = filled("o", "3xf32", "0.0") + generic(
            "r", "ij", [("%x", s, "ij")], [("%o", "3xf32", "i")], _ADD, reduced="j"
        )
        programs += [
            Program(
                f"sizes_static_vector{n}",
                mapped(f"x:{v} y:{v}", v, _BODY),
                (normal(n, key="x"), normal(n, key="y")),
                lambda x, y: np.abs(x) * y,
                full=n not in (0, *SHORT),
            ),
            Program(
                f"sizes_static_rows{n}",
                function(f"x:{s}", "r:3xf32", total),
                (normal((3, n), key="x"),),
                lambda x: Expected(x.sum(1), np.abs(x).sum(1)),
                full=n not in (0, *SHORT),
            ),
        ]
    return programs


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_dynamic(), *_static()]
