"""Sums of products: matmul and its relatives, by name and as generics.

Programs: matmul, its transposed maps, matvec, vecmat, dot, batched forms, mmt4d, `linalg.contract`,
unsigned and quantised ones, f16 and bf16 into f32; odd, empty, unit and dynamic sizes; generics that
are contractions of many dimensions, with a bias as accumulator, with the accumulator second, with
casts that aren't widening; and near misses that must stay as they are: a square, an operand that
lacks the summed dimension, a product of rounded products.
"""

# ruff: noqa: E501, E731 - lines of MLIR are as long as they are, and a reference is a small lambda
from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tolerance import Expected

from .build import dim, empty, filled, function, generic, tensor
from .program import DTYPES, FLOATS, Array, Program, integers, normal

_SIZES = {"b": 2, "m": 5, "n": 7, "k": 9, "i": 3, "j": 4}
_NAMED = {
    "matmul": "mk,kn->mn",
    "matvec": "mk,k->m",
    "vecmat": "k,kn->n",
    "dot": "k,k->",
    "batch_matmul": "bmk,bkn->bmn",
    "batch_matvec": "bmk,bk->bm",
    "batch_vecmat": "bk,bkn->bn",
    "batch_reduce_matmul": "bmk,bkn->mn",
    "mmt4d": "mkij,nkbj->mnib",
}


def _shape(letters: str) -> tuple[int, ...]:
    return tuple(_SIZES[c] for c in letters)


def _short(letters: str, dtype: str) -> str:
    return "x".join([*(str(_SIZES[c]) for c in letters), dtype])


def _random(shape: tuple[int, ...], dtype: str, key: str) -> Array:
    return normal(shape, dtype, key=key) if dtype in FLOATS else integers(shape, -9, 9, dtype, key=key)


def summed(spec: str, dtype: str, *, start: bool = True) -> Callable[..., Expected | Array]:
    """The reference of `o + einsum(spec, x, y)`, in float64 or wrapping integers."""

    def reference(x: Array, y: Array, o: Array | float = 0.0) -> Expected | Array:
        if dtype not in FLOATS:
            return (o + np.einsum(spec, x.astype(np.int64), y.astype(np.int64))).astype(DTYPES[dtype])
        return Expected(o + np.einsum(spec, x, y), np.abs(o) + np.einsum(spec, np.abs(x), np.abs(y)))

    return reference


def _named(name: str, attributes: str, ins: Sequence[tuple[str, str]], out: str) -> str:
    values, types = ", ".join(v for v, _ in ins), ", ".join(tensor(t) for _, t in ins)
    return f"  %r = linalg.{name} {attributes} ins({values} : {types}) outs(%o : {tensor(out)}) -> {tensor(out)}\n"


def _product(
    id_: str,
    spec: str,
    text: Callable[[str, str, str], str],
    dtypes: tuple[str, str] = ("f32", "f32"),
    reference: object = None,
) -> Program:
    left, right, out = spec.replace("->", ",").split(",")
    narrow, wide = dtypes
    types = (_short(left, narrow), _short(right, narrow), _short(out, wide))
    inputs = (_random(_shape(left), narrow, "x"), _random(_shape(right), narrow, "y"), _random(_shape(out), wide, "o"))
    arguments = f"x:{types[0]} y:{types[1]} o:{types[2]}"
    meaning = reference or summed(spec, wide)
    return Program(id_, function(arguments, f"r:{types[2]}", text(*types)), inputs, meaning)  # type: ignore[arg-type]


def _by_name() -> list[Program]:
    plain = lambda name, attributes="": lambda x, y, o: _named(name, attributes, [("%x", x), ("%y", y)], o)
    maps = lambda *results: (
        "indexing_maps = [" + ", ".join(f"affine_map<(m, n, k) -> ({', '.join(r)})>" for r in results) + "]"
    )
    unsigned = lambda x, y: x.astype(np.uint8).astype(np.int64) @ y.astype(np.uint8).astype(np.int64)
    quantised = lambda x, y, o: _named(
        "quantized_matmul", "", [("%x", x), ("%y", y), ("%za", "!i32"), ("%zb", "!i32")], o
    )
    zeros = "  %za = arith.constant 5 : i32\n  %zb = arith.constant -7 : i32\n"
    return [
        *(_product(name, spec, plain(name)) for name, spec in _NAMED.items()),
        _product("matmul_f64", "mk,kn->mn", plain("matmul"), ("f64", "f64")),
        _product("matmul_f16_into_f32", "mk,kn->mn", plain("matmul"), ("f16", "f32")),
        _product("matmul_bf16_into_f32", "mk,kn->mn", plain("matmul"), ("bf16", "f32")),
        _product("batch_matmul_i8_into_i32", "bmk,bkn->bmn", plain("batch_matmul"), ("i8", "i32")),
        _product("matmul_i32", "mk,kn->mn", plain("matmul"), ("i32", "i32")),
        _product(
            "matmul_unsigned",
            "mk,kn->mn",
            lambda x, y, o: (
                f"  %r = linalg.matmul {{cast = #linalg.type_fn<cast_unsigned>}} ins(%x, %y : {tensor(x)}, {tensor(y)}) outs(%o : {tensor(o)}) -> {tensor(o)}\n"
            ),
            ("i8", "i32"),
            lambda x, y, o: (o + unsigned(x, y)).astype(np.int32),
        ),
        _product(
            "matmul_quantised",
            "mk,kn->mn",
            lambda x, y, o: zeros + quantised(x, y, o),
            ("i8", "i32"),
            lambda x, y, o: (o + (x.astype(np.int64) - 5) @ (y.astype(np.int64) + 7)).astype(np.int32),
        ),
        _product("matmul_transposed_rhs", "mk,nk->mn", plain("matmul", maps("mk", "nk", "mn"))),
        _product("matmul_transposed_lhs", "km,kn->mn", plain("matmul", maps("km", "kn", "mn"))),
        _product("contract_named", "mk,kn->nm", plain("contract", maps("mk", "kn", "nm"))),
    ]


_ADD = "%0 = arith.mulf %a, %b : f32\n    %1 = arith.addf %u, %0 : f32\n    linalg.yield %1 : f32"
_SECOND = "%0 = arith.mulf %b, %a : f32\n    %1 = arith.addf %0, %u : f32\n    linalg.yield %1 : f32"


def _by_generic() -> list[Program]:
    def text(letters: str, spec: str, body: str, reduced: str) -> Callable[[str, str, str], str]:
        left, right, out = spec.replace("->", ",").split(",")
        return lambda x, y, o: generic(
            "r", letters, [("%x", x, left), ("%y", y, right)], [("%o", o, out)], body, reduced=reduced
        )

    widen = "%0 = arith.extf %a : f16 to f32\n    %1 = arith.extf %b : f16 to f32\n    %2 = arith.mulf %0, %1 : f32\n    %3 = arith.addf %u, %2 : f32\n    linalg.yield %3 : f32"
    rounded = "%0 = arith.mulf %a, %b : f16\n    %1 = arith.extf %0 : f16 to f32\n    %2 = arith.addf %u, %1 : f32\n    linalg.yield %2 : f32"
    mixed = "%0 = arith.extsi %a : i8 to i32\n    %1 = arith.extui %b : i8 to i32\n    %2 = arith.muli %0, %1 : i32\n    %3 = arith.addi %u, %2 : i32\n    linalg.yield %3 : i32"
    converted = "%0 = arith.sitofp %a : i8 to f32\n    %1 = arith.sitofp %b : i8 to f32\n    %2 = arith.mulf %0, %1 : f32\n    %3 = arith.addf %u, %2 : f32\n    linalg.yield %3 : f32"
    flags = "%0 = arith.extui %a : i1 to i32\n    %1 = arith.extui %b : i1 to i32\n    %2 = arith.muli %0, %1 : i32\n    %3 = arith.addi %u, %2 : i32\n    linalg.yield %3 : i32"
    halves = lambda x, y, o: Expected(
        o + (x[:, None, :] * y.T[None]).astype(np.float16).astype(np.float64).sum(-1),
        np.abs(o) + (np.abs(x) @ np.abs(y)) * 300,
    )
    return [
        _product("contract_many", "bmk,kjn->bjmn", text("bmnkj", "bmk,kjn->bjmn", _ADD, "k")),
        _product("contract_two_summed", "mkij,nkij->mn", text("mnkij", "mkij,nkij->mn", _ADD, "kij")),
        _product("contract_second", "mk,kn->nm", text("mnk", "mk,kn->nm", _SECOND, "k")),
        _product("contract_rows", "mk,mk->m", text("mk", "mk,mk->m", _ADD, "k")),
        _product("contract_outer", "m,n->mn", text("mn", "m,n->mn", _ADD, "")),
        _product("contract_widened", "mk,kn->mn", text("mnk", "mk,kn->mn", widen, "k"), ("f16", "f32")),
        _product(
            "contract_rounded_products", "mk,kn->mn", text("mnk", "mk,kn->mn", rounded, "k"), ("f16", "f32"), halves
        ),
        _product(
            "contract_mixed_signs",
            "mk,kn->mn",
            text("mnk", "mk,kn->mn", mixed, "k"),
            ("i8", "i32"),
            lambda x, y, o: (o + x.astype(np.int64) @ y.astype(np.uint8).astype(np.int64)).astype(np.int32),
        ),
        _product(
            "contract_converted",
            "mk,kn->mn",
            text("mnk", "mk,kn->mn", converted, "k"),
            ("i8", "f32"),
            lambda x, y, o: Expected(o + x.astype(float) @ y.astype(float), np.abs(o) + 9.0 * 81),
        ),
        _product(
            "contract_flags",
            "mk,kn->mn",
            text("mnk", "mk,kn->mn", flags, "k"),
            ("i1", "i32"),
            lambda x, y, o: (o + x.astype(np.int64) @ y).astype(np.int32),
        ),
        _product(
            "contract_indices",
            "mk,kn->mn",
            text("mnk", "mk,kn->mn", _ADD.replace("mulf", "muli").replace("addf", "addi").replace("f32", "index"), "k"),
            ("index", "index"),
        ),
        _product("contract_scale_of_rows", "mk,m->m", text("mk", "mk,m->m", _ADD, "k")),
    ]


def _others() -> list[Program]:
    square = filled("o", "5xf32", "0.0") + generic(
        "r",
        "mk",
        [("%x", "5x9xf32", "mk")],
        [("%o", "5xf32", "m")],
        "%0 = arith.mulf %a, %a : f32\n    %1 = arith.addf %u, %0 : f32\n    linalg.yield %1 : f32",
        reduced="k",
    )
    d = "?x?xf32"
    sizes = (
        dim("m", "%x", d, 0) + dim("n", "%y", d, 1) + "  %zero = arith.constant 0.0 : f32\n" + empty("e", d, "%m", "%n")
    )
    dynamic = (
        sizes
        + f"  %o = linalg.fill ins(%zero : f32) outs(%e : {tensor(d)}) -> {tensor(d)}\n"
        + _named("matmul", "", [("%x", d), ("%y", d)], d)
    )
    calls = [(4, 6, 5), (1, 1, 1), (33, 17, 65), (3, 0, 2), (0, 4, 3), (2, 64, 1)]
    inputs = tuple((normal((m, k), key="x"), normal((k, n), key="y")) for m, k, n in calls)
    # A layer: product, bias, relu, product: four operators, two of them contractions.
    layer = (
        filled("z", "8x16xf32", "0.0")
        + "  %h = linalg.matmul ins(%x, %v : tensor<8x12xf32>, tensor<12x16xf32>) outs(%z : tensor<8x16xf32>) -> tensor<8x16xf32>\n"
        + empty("e", "8x16xf32")
        + "  %low = arith.constant 0.0 : f32\n"
        + generic(
            "g",
            "ij",
            [("%h", "8x16xf32", "ij"), ("%c", "16xf32", "j")],
            [("%e", "8x16xf32", "ij")],
            "%0 = arith.addf %a, %b : f32\n    %1 = arith.maximumf %0, %low : f32\n    linalg.yield %1 : f32",
        )
        + filled("y", "8x5xf32", "0.0")
        + "  %r = linalg.matmul ins(%g, %w : tensor<8x16xf32>, tensor<16x5xf32>) outs(%y : tensor<8x5xf32>) -> tensor<8x5xf32>\n"
    )
    perceptron = lambda x, v, b, w: Expected(
        np.maximum(x @ v + b, 0) @ w, (np.abs(x) @ np.abs(v) + np.abs(b)) @ np.abs(w)
    )
    return [
        Program(
            "square_of_rows",
            function("x:5x9xf32", "r:5xf32", square),
            (normal((5, 9)),),
            lambda x: Expected((x * x).sum(1), (x * x).sum(1)),
        ),
        Program(
            "matmul_dynamic",
            function(f"x:{d} y:{d}", f"r:{d}", dynamic),
            inputs[0],
            summed("mk,kn->mn", "f32"),
            more=inputs[1:],
        ),
        Program(
            "layer_of_two_products",
            function("x:8x12xf32 v:12x16xf32 c:16xf32 w:16x5xf32", "r:8x5xf32", layer),
            (normal((8, 12), key="x"), normal((12, 16), key="v"), normal(16, key="b"), normal((16, 5), key="w")),
            perceptron,
        ),
    ]


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_by_name(), *_by_generic(), *_others()]
