"""Programs whose bodies read tensors at computed indices.

Rows by an index, elements by two, a table of one number, indices computed in the body, tables of
i1, of dynamic size and made by another operator, gathers in a reduction and in `tensor.generate`.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are, and a reference is a small lambda
from __future__ import annotations

import numpy as np

from .build import dim, empty, filled, function, generic
from .program import Program, integers, normal, values


def _elements(name: str, table: str, kind: str, size: int) -> Program:
    """`t[k[i], l[i]]` for vectors of indices."""
    body = f"%p = arith.index_cast %a : i32 to index\n    %q = arith.index_cast %b : i32 to index\n    %0 = tensor.extract %t[%p, %q] : tensor<{table}x{kind}>\n    linalg.yield %0 : {kind}"
    return Program(
        name,
        function(
            f"t:{table}x{kind} k:{size}xi32 l:{size}xi32",
            f"r:{size}x{kind}",
            empty("e", f"{size}x{kind}")
            + generic(
                "r",
                "i",
                [("%k", f"{size}xi32", "i"), ("%l", f"{size}xi32", "i")],
                [("%e", f"{size}x{kind}", "i")],
                body,
            ),
        ),
        (values((7, 9), kind), integers(size, 0, 6, key="k"), integers(size, 0, 8, key="l")),
        lambda t, k, m: t[k, m],
    )


def programs() -> list[Program]:
    """All programs of this module."""
    scalar = "%0 = tensor.extract %t[] : tensor<f32>\n    %1 = arith.mulf %a, %0 : f32\n    linalg.yield %1 : f32"
    mirrored = "%i = linalg.index 0 : index\n    %m = arith.constant 36 : index\n    %p = arith.subi %m, %i : index\n    %0 = tensor.extract %t[%p] : tensor<37xf32>\n    linalg.yield %0 : f32"
    rows = "%p = arith.index_cast %a : i64 to index\n    %j = linalg.index 1 : index\n    %0 = tensor.extract %t[%p, %j] : tensor<?x?xf32>\n    linalg.yield %0 : f32"
    summed = "%p = arith.index_cast %a : i64 to index\n    %0 = tensor.extract %t[%p] : tensor<12xf32>\n    %1 = arith.addf %u, %0 : f32\n    linalg.yield %1 : f32"
    generated = """  %s = tensor.generate %n {
  ^bb0(%i: index, %j: index):
    %p = arith.addi %i, %j : index
    %0 = tensor.extract %t[%p] : tensor<80xf32>
    tensor.yield %0 : f32
  } : tensor<?x33xf32>
"""
    made = empty("d", "12xf32") + generic(
        "t", "i", [("%x", "12xf32", "i")], [("%d", "12xf32", "i")], "%0 = math.exp %a : f32\n    linalg.yield %0 : f32"
    )
    by_index = "%p = arith.index_cast %a : i64 to index\n    %0 = tensor.extract %t[%p] : tensor<12xf32>\n    linalg.yield %0 : f32"
    return [
        _elements("gather_elements", "7x9", "f32", 45),
        _elements("gather_of_dynamic_table", "?x?", "f32", 3),
        _elements("gather_flags", "7x9", "i1", 33),
        _elements("gather_bf16", "7x?", "bf16", 33),
        Program(
            "gather_scalar",
            function(
                "x:41xf32 t:f32",
                "r:41xf32",
                empty("e", "41xf32") + generic("r", "i", [("%x", "41xf32", "i")], [("%e", "41xf32", "i")], scalar),
            ).replace("%t: f32", "%t: tensor<f32>"),
            (normal(41), normal(())),
            lambda x, t: x * t,
        ),
        Program(
            "gather_mirrored",
            function(
                "t:37xf32", "r:37xf32", empty("e", "37xf32") + generic("r", "i", [], [("%e", "37xf32", "i")], mirrored)
            ),
            (normal(37),),
            lambda t: t[::-1],
        ),
        Program(
            "gather_rows_dynamic",
            function(
                "t:?x?xf32 k:?xi64",
                "r:?x?xf32",
                dim("n", "%k", "?xi64", 0)
                + dim("m", "%t", "?x?xf32", 1)
                + "  %e = tensor.empty(%n, %m) : tensor<?x?xf32>\n"
                + generic("r", "ij", [("%k", "?xi64", "i")], [("%e", "?x?xf32", "ij")], rows),
            ),
            (normal((11, 35)), integers(6, 0, 10, "i64")),
            lambda t, k: t[k],
            more=((normal((1, 0)), integers(3, 0, 0, "i64")), (normal((4, 1)), integers(0, 0, 3, "i64"))),
        ),
        Program(
            "gather_summed",
            function(
                "t:12xf32 k:5x40xi64",
                "r:5xf32",
                filled("o", "5xf32", "0.0")
                + generic("r", "ij", [("%k", "5x40xi64", "ij")], [("%o", "5xf32", "i")], summed, reduced="j"),
            ),
            (normal(12), integers((5, 40), 0, 11, "i64")),
            lambda t, k: t[k].sum(1),
            roundings=8,
        ),
        Program(
            "gather_generated",
            function("t:80xf32 x:?xf32", "s:?x33xf32", dim("n", "%x", "?xf32", 0) + generated),
            (normal(80), normal(5)),
            lambda t, x: t[np.add.outer(np.arange(x.size), np.arange(33))],
            more=((normal(80), normal(0)), (normal(80), normal(48))),
        ),
        Program(
            "gather_from_a_kernel",
            function(
                "x:12xf32 k:40xi64",
                "r:40xf32",
                made
                + empty("e", "40xf32")
                + generic("r", "i", [("%k", "40xi64", "i")], [("%e", "40xf32", "i")], by_index),
            ),
            (normal(12), integers(40, 0, 11, "i64")),
            lambda x, k: np.exp(x)[k],
        ),
    ]
