"""NaN, infinities, signed zeros, wrap-around: as PyTorch has them.

Programs: relu of NaN as torch-mlir writes it; maximum and minimum reductions with NaN (maximumf
propagates, maxnumf doesn't); sums with infinities and NaN; 0 * inf; inf - inf; softmax of a row of
-inf, of +inf and of huge values; exp and tanh at their limits in a chain; signed zeros kept by
negation, addition and copies; NaN kept by copies, transposes and pads; comparisons and select with
NaN; argmax with NaN; integer sums and products that wrap; float to int within range; clamps of NaN.
"""

# ruff: noqa: E501, E731 - lines of MLIR are as long as they are, and a text is a small lambda
from __future__ import annotations

import numpy as np
from tolerance import Expected

from .build import dim, empty, filled, function, generic, mapped
from .chains import softmax_text
from .program import Program, integers, normal

_POINTS = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e38, -1e38, 1e-40, 3.5], np.float32)
_N = 33


def _points() -> np.ndarray:
    return np.resize(_POINTS, _N)


def _rows() -> np.ndarray:
    x = normal((8, 17), key="rows")
    x[0, 3] = np.nan
    x[1, 16] = np.nan
    x[2, 0] = np.inf
    x[3, 5] = -np.inf
    x[4] = -np.inf
    x[5, 2], x[5, 9] = np.inf, -np.inf
    x[6] = np.nan
    return x


def _elementwise() -> list[Program]:
    relu = "%z = arith.constant 0.0 : f32\n    %0 = arith.cmpf ugt, %a, %z : f32\n    %1 = arith.select %0, %a, %z : f32\n    linalg.yield %1 : f32"
    clamp = "%l = arith.constant -1.0 : f32\n    %h = arith.constant 1.0 : f32\n    %0 = arith.maximumf %a, %l : f32\n    %1 = arith.minimumf %0, %h : f32\n    linalg.yield %1 : f32"
    zero_times = "%z = arith.constant 0.0 : f32\n    %0 = arith.mulf %a, %z : f32\n    linalg.yield %0 : f32"
    minus_itself = "%0 = arith.subf %a, %a : f32\n    linalg.yield %0 : f32"
    sigmoid = "%o = arith.constant 1.0 : f32\n    %0 = arith.negf %a : f32\n    %1 = math.exp %0 : f32\n    %2 = arith.addf %1, %o : f32\n    %3 = arith.divf %o, %2 : f32\n    linalg.yield %3 : f32"
    negate = "%0 = arith.negf %a : f32\n    linalg.yield %0 : f32"
    plus_zero = "%z = arith.constant 0.0 : f32\n    %0 = arith.addf %a, %z : f32\n    linalg.yield %0 : f32"
    equal_itself = "%0 = arith.cmpf une, %a, %a : f32\n    linalg.yield %0 : i1"
    to_int = "%0 = arith.fptosi %a : f32 to i32\n    linalg.yield %0 : i32"
    one = lambda name, body, f, out="f32", x=None: Program(
        f"special_{name}", mapped(f"x:{_N}xf32", f"{_N}x{out}", body), (_points() if x is None else x,), f
    )
    signed = lambda f: lambda x: Expected(f(x), signed_zeros=True)
    zeros = np.resize(np.array([0.0, -0.0, 1.0, -1.0, np.inf], np.float32), _N)
    return [
        one("relu", relu, lambda x: np.where(np.isnan(x), np.nan, np.maximum(x, 0))),
        one("clamp", clamp, lambda x: np.where(np.isnan(x), np.nan, np.clip(x, -1, 1))),
        one("zero_times", zero_times, lambda x: x * 0.0),
        one("minus_itself", minus_itself, lambda x: x - x),
        one("sigmoid", sigmoid, lambda x: 1 / (1 + np.exp(-x))),
        one("negated_zero", negate, signed(np.negative), x=zeros),
        one("zero_plus_zero", plus_zero, signed(lambda x: x + 0.0), x=zeros),
        one("copied", "linalg.yield %a : f32", signed(lambda x: x), x=zeros),
        one("is_nan", equal_itself, np.isnan, "i1"),
        one(
            "float_to_int",
            to_int,
            lambda x: np.trunc(x).astype(np.int32),
            "i32",
            np.linspace(-2e9, 2e9, _N, dtype=np.float32),
        ),
    ]


def _reductions() -> list[Program]:
    reduce = lambda op, start: (
        filled("o", "8xf32", start)
        + generic(
            "r",
            "ij",
            [("%x", "8x17xf32", "ij")],
            [("%o", "8xf32", "i")],
            f"%0 = arith.{op} %u, %a : f32\n    linalg.yield %0 : f32",
            reduced="j",
        )
    )
    one = lambda name, op, start, f: Program(
        f"special_{name}", function("x:8x17xf32", "r:8xf32", reduce(op, start)), (_rows(),), f
    )
    columns = filled("o", "17xf32", "0xFF800000") + generic(
        "r",
        "ij",
        [("%x", "8x17xf32", "ij")],
        [("%o", "17xf32", "j")],
        "%0 = arith.maximumf %u, %a : f32\n    linalg.yield %0 : f32",
        reduced="i",
    )
    wrap = lambda op, dtype: (
        filled("o", f"8x{dtype}", "0" if op == "addi" else "1")
        + generic(
            "r",
            "ij",
            [("%x", f"8x17x{dtype}", "ij")],
            [("%o", f"8x{dtype}", "i")],
            f"%0 = arith.{op} %u, %a : {dtype}\n    linalg.yield %0 : {dtype}",
            reduced="j",
        )
    )
    return [
        one("maximumf_rows", "maximumf", "0xFF800000", lambda x: x.max(1)),
        one("minimumf_rows", "minimumf", "0x7F800000", lambda x: x.min(1)),
        one("maxnumf_rows", "maxnumf", "0xFF800000", lambda x: np.fmax.reduce(x, 1, initial=-np.inf)),
        one("minnumf_rows", "minnumf", "0x7F800000", lambda x: np.fmin.reduce(x, 1, initial=np.inf)),
        one("sum_rows", "addf", "0.0", lambda x: Expected(x.sum(1), 17)),
        Program(
            "special_sum_of_negative_zeros",
            function("x:8x17xf32", "r:8xf32", reduce("addf", "-0.0")),
            (np.full((8, 17), -0.0, np.float32),),
            lambda x: Expected(np.full(8, -0.0), signed_zeros=True),
        ),
        one("product_rows", "mulf", "1.0", lambda x: Expected(x.prod(1), np.nan_to_num(np.abs(x.prod(1)), posinf=0))),
        Program(
            "special_maximumf_columns", function("x:8x17xf32", "r:17xf32", columns), (_rows(),), lambda x: x.max(0)
        ),
        Program(
            "special_softmax",
            softmax_text("8x17xf32"),
            (np.concatenate([_rows()[:6], np.full((1, 17), 3e38, np.float32), normal((1, 17), scale=80)]),),
            lambda x: _softmax(x),
            roundings=20,
        ),
        Program(
            "special_wrap_sum_i8",
            function("x:8x17xi8", "r:8xi8", wrap("addi", "i8")),
            (integers((8, 17), dtype="i8"),),
            lambda x: x.sum(1, dtype=np.int8),
        ),
        Program(
            "special_wrap_product_i64",
            function("x:8x17xi64", "r:8xi64", wrap("muli", "i64")),
            (integers((8, 17), dtype="i64"),),
            lambda x: x.prod(1, dtype=np.int64),
        ),
    ]


def _softmax(x: np.ndarray) -> Expected:
    m = x.max(1, keepdims=True)
    e = np.exp(x - m)
    y = e / e.sum(1, keepdims=True)
    return Expected(y, np.nan_to_num(y * np.nan_to_num(np.abs(x - m), posinf=0) / 20))


def _layouts() -> list[Program]:
    transpose = (
        empty("e", "17x8xf32")
        + "  %r = linalg.transpose ins(%x : tensor<8x17xf32>) outs(%e : tensor<17x8xf32>) permutation = [1, 0]"
    )
    pad = "  %c = arith.constant 0x7FC00000 : f32\n  %r = tensor.pad %x low[1, 0] high[0, 2] {\n  ^bb0(%i: index, %j: index):\n    tensor.yield %c : f32\n  } : tensor<8x17xf32> to tensor<9x19xf32>"
    return [
        Program("special_transpose", function("x:8x17xf32", "r:17x8xf32", transpose), (_rows(),), lambda x: x.T),
        Program(
            "special_pad_nan",
            function("x:8x17xf32", "r:9x19xf32", pad),
            (_rows(),),
            lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=np.nan),
        ),
    ]


def _folded() -> list[Program]:
    """Upstream folds `x ^ x` to a constant, of dynamic size too: the size must come from elsewhere."""
    size = dim("n", "%x", "?xi64", 0)
    body = "%0 = arith.xori %a, %a : i64\n    linalg.yield %0 : i64"
    flat = size + empty("e", "?xi64", "%n") + generic("r", "i", [("%x", "?xi64", "i")], [("%e", "?xi64", "i")], body)
    spread = (
        size + empty("e", "?x3xi64", "%n") + generic("r", "ij", [("%x", "?xi64", "i")], [("%e", "?x3xi64", "ij")], body)
    )
    more = ((integers(0, dtype="i64"),), (integers(33, dtype="i64"),))
    zeros = lambda *shape: np.zeros(shape, np.int64)
    x = integers(5, dtype="i64")
    return [
        Program("special_folded_dynamic", function("x:?xi64", "r:?xi64", flat), (x,), lambda x: zeros(x.size), more),
        Program(
            "special_folded_broadcast", function("x:?xi64", "r:?x3xi64", spread), (x,), lambda x: zeros(x.size, 3), more
        ),
    ]


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_elementwise(), *_reductions(), *_layouts(), *_folded()]
