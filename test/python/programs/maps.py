"""Indexing maps: every projected permutation and every constant.

Programs: all permutations of two and three dimensions as inputs, as outputs and both; broadcast by
a missing first, last, middle and every dimension; rank-0 inputs; a row plus a column (outer sum);
`(d0, 0)` and `(0, d1)` on size-1 dimensions and on larger ones, `(0, 0)`, a constant other than 0; a constant in an
output map on a size-1 dimension; the same tensor read through two maps at once (x + x^T); several
inputs of different maps in one generic; dynamic sizes behind permuted, broadcast and constant maps.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import itertools

import numpy as np

from .build import dim, empty, function, generic
from .program import Array, Program, normal

_SIZES = {"i": 3, "j": 5, "k": 7}
_ADD = "%0 = arith.addf %a, %b : f32\n    linalg.yield %0 : f32"
_COPY = "linalg.yield %a : f32"


def _short(letters: str) -> str:
    return "x".join([*(str(_SIZES[c]) for c in letters), "f32"])


def _shape(letters: str) -> tuple[int, ...]:
    return tuple(_SIZES[c] for c in letters)


def _permutations() -> list[Program]:
    """One generic per permutation, all of a rank in one program: inputs, outputs, both."""
    programs = []
    for rank, letters in ((2, "ij"), (3, "ijk")):
        orders = ["".join(p) for p in itertools.permutations(letters)]
        into = out = ""
        for n, order in enumerate(orders):
            into += empty(f"e{n}", _short(letters)) + generic(
                f"r{n}",
                letters,
                [("%x" + str(n), _short(order), order), ("%y", _short(letters), letters)],
                [(f"%e{n}", _short(letters), letters)],
                _ADD,
            )
            out += empty(f"e{n}", _short(order)) + generic(
                f"r{n}", letters, [("%x", _short(letters), letters)], [(f"%e{n}", _short(order), order)], _COPY
            )
        arguments = " ".join(f"x{n}:{_short(o)}" for n, o in enumerate(orders)) + f" y:{_short(letters)}"
        inputs = tuple(normal(_shape(o), key=o) for o in orders)
        y, x = normal(_shape(letters), key="y"), normal(_shape(letters), key="x")

        def reference(*arrays: Array, letters: str = letters, orders: list[str] = orders) -> tuple[Array, ...]:
            return tuple(np.einsum(f"{o}->{letters}", a) + arrays[-1] for o, a in zip(orders, arrays[:-1], strict=True))

        programs += [
            Program(
                f"permuted_inputs{rank}",
                function(arguments, " ".join(f"r{n}:{_short(letters)}" for n in range(len(orders))), into),
                (*inputs, y),
                reference,
            ),
            Program(
                f"permuted_outputs{rank}",
                function(f"x:{_short(letters)}", " ".join(f"r{n}:{_short(o)}" for n, o in enumerate(orders)), out),
                (x,),
                lambda x, letters=letters, orders=orders: tuple(np.einsum(f"{letters}->{o}", x) for o in orders),
            ),
        ]
    both = empty("e", _short("jki")) + generic(
        "r", "ijk", [("%x", _short("kij"), "kij"), ("%y", _short("jik"), "jik")], [("%e", _short("jki"), "jki")], _ADD
    )
    programs.append(
        Program(
            "permuted_both",
            function(f"x:{_short('kij')} y:{_short('jik')}", f"r:{_short('jki')}", both),
            (normal(_shape("kij"), key="x"), normal(_shape("jik"), key="y")),
            lambda x, y: np.einsum("kij->jki", x) + np.einsum("jik->jki", y),
        )
    )
    return programs


def _broadcast(inner: str) -> Program:
    text = empty("e", _short("ijk")) + generic(
        "r", "ijk", [("%x", _short("ijk"), "ijk"), ("%y", _short(inner), inner)], [("%e", _short("ijk"), "ijk")], _ADD
    )
    return Program(
        f"broadcast_{inner or 'scalar'}",
        function(f"x:{_short('ijk')} y:{_short(inner)}", f"r:{_short('ijk')}", text),
        (normal(_shape("ijk"), key="x"), normal(_shape(inner), key="y")),
        lambda x, y: x + np.einsum(f"{inner},ijk->ijk", y, np.ones(x.shape)),
    )


def _constant(
    name: str, shapes: tuple[str, str], indexing: str, reference: object, *, out: str = "5x7xf32", out_map: str = "ij"
) -> Program:
    x, y = (tuple(int(n) for n in s.split("x")[:-1]) for s in shapes)
    text = empty("e", out) + generic(
        "r", "ij", [("%x", shapes[0], "ij"), ("%y", shapes[1], indexing)], [("%e", out, out_map)], _ADD
    )
    return Program(
        name,
        function(f"x:{shapes[0]} y:{shapes[1]}", f"r:{out}", text),
        (normal(x, key="x"), normal(y, key="y")),
        reference,
    )  # type: ignore[arg-type]


def _constants() -> list[Program]:
    s = "5x7xf32"
    return [
        _constant("constant_column_of_one", (s, "5x1xf32"), "i0", lambda x, y: x + y),
        _constant("constant_row_of_one", (s, "1x7xf32"), "0j", lambda x, y: x + y),
        _constant("constant_both_of_one", (s, "1x1xf32"), "00", lambda x, y: x + y),
        _constant("constant_column_of_many", (s, "5x4xf32"), "i0", lambda x, y: x + y[:, :1]),
        _constant("constant_row_of_many", (s, "4x7xf32"), "0j", lambda x, y: x + y[:1]),
        _constant("constant_both_of_many", (s, "4x4xf32"), "00", lambda x, y: x + y[0, 0]),
        _constant("constant_other_than_zero", (s, "5x4xf32"), "i2", lambda x, y: x + y[:, 2:3]),
        _constant("constant_transposed", (s, "7x1x5xf32"), "j0i", lambda x, y: x + y[:, 0, :].T),
        _constant("constant_only_axis", (s, "1xf32"), "0", lambda x, y: x + y),
        _constant("constant_out_middle", (s, s), "ij", lambda x, y: (x + y)[:, None], out="5x1x7xf32", out_map="i0j"),
        _constant("constant_out_last", (s, s), "ij", lambda x, y: (x + y)[:, :, None], out="5x7x1xf32", out_map="ij0"),
        _constant(
            "constant_out_two", (s, s), "ij", lambda x, y: (x + y).T[None, :, None], out="1x7x1x5xf32", out_map="0j0i"
        ),
    ]


def _others() -> list[Program]:
    x = normal((6, 6), key="x")
    s, d = "6x6xf32", "?x?xf32"
    symmetric = empty("e", s) + generic("r", "ij", [("%x", s, "ij"), ("%x", s, "ji")], [("%e", s, "ij")], _ADD)
    outer = empty("e", "5x7xf32") + generic(
        "r",
        "ij",
        [("%x", "5xf32", "i"), ("%y", "7xf32", "j")],
        [("%e", "5x7xf32", "ij")],
        "%0 = arith.mulf %a, %b : f32\n    linalg.yield %0 : f32",
    )
    first = empty("e", "5x7xf32") + generic("r", "ij", [("%x", "5xf32", "i")], [("%e", "5x7xf32", "ij")], _COPY)
    last = empty("e", "5x7xf32") + generic("r", "ij", [("%x", "7xf32", "j")], [("%e", "5x7xf32", "ij")], _COPY)
    full = empty("e", "5x7xf32") + generic("r", "ij", [("%x", "f32", "")], [("%e", "5x7xf32", "ij")], _COPY)
    mixed = empty("out", "3x5xf32") + generic(
        "r",
        "ij",
        [
            ("%x", "3x5xf32", "ij"),
            ("%y", "5x3xf32", "ji"),
            ("%z", "5xf32", "j"),
            ("%w", "3x1xf32", "i0"),
            ("%s", "f32", ""),
        ],
        [("%out", "3x5xf32", "ij")],
        "%0 = arith.addf %a, %b : f32\n    %1 = arith.mulf %0, %c : f32\n    %2 = arith.subf %1, %d : f32\n    %3 = arith.divf %2, %e : f32\n    linalg.yield %3 : f32",
    )
    sizes = dim("n", "%x", d, 0) + dim("m", "%x", d, 1)
    dynamic = (
        sizes
        + empty("q", "?x?xf32", "%m", "%n")
        + generic(
            "r",
            "ij",
            [("%x", d, "ij"), ("%y", "?xf32", "j"), ("%z", "?x1xf32", "i0")],
            [("%q", d, "ji")],
            "%0 = arith.addf %a, %b : f32\n    %1 = arith.mulf %0, %c : f32\n    linalg.yield %1 : f32",
        )
    )
    shapes = ((4, 6), (1, 1), (1, 17), (33, 2), (0, 3), (3, 0))
    calls = tuple((normal(n, key="x"), normal(n[1], key="y"), normal((n[0], 1), key="z")) for n in shapes)
    return [
        Program("read_twice_transposed", function(f"x:{s}", f"r:{s}", symmetric), (x,), lambda x: x + x.T),
        Program("outer_product", function("x:5xf32 y:7xf32", "r:5x7xf32", outer), (normal(5), normal(7)), np.outer),
        Program(
            "broadcast_columns",
            function("x:5xf32", "r:5x7xf32", first),
            (normal(5),),
            lambda x: np.tile(x[:, None], (1, 7)),
        ),
        Program("broadcast_rows", function("x:7xf32", "r:5x7xf32", last), (normal(7),), lambda x: np.tile(x, (5, 1))),
        Program(
            "broadcast_everything", function("x:f32", "r:5x7xf32", full), (normal(()),), lambda x: np.full((5, 7), x)
        ),
        Program(
            "five_maps",
            function("x:3x5xf32 y:5x3xf32 z:5xf32 w:3x1xf32 s:f32", "r:3x5xf32", mixed),
            (
                normal((3, 5), key="x"),
                normal((5, 3), key="y"),
                normal(5, key="z"),
                normal((3, 1), key="w"),
                np.asarray(np.float32(1.5)),
            ),
            lambda x, y, z, w, s: ((x + y.T) * z - w) / s,
            roundings=20,
        ),
        Program(
            "maps_dynamic",
            function("x:?x?xf32 y:?xf32 z:?x1xf32", "r:?x?xf32", dynamic),
            calls[0],
            lambda x, y, z: ((x + y) * z).T,
            more=calls[1:],
            roundings=4,
        ),
    ]


def programs() -> list[Program]:
    """All programs of this module."""
    inner = ["", "i", "j", "k", "ij", "ik", "jk", "ki"]
    return [*_permutations(), *(_broadcast(letters) for letters in inner), *_constants(), *_others()]
