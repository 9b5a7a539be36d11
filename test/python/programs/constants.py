"""Constants, assertions and private functions.

Programs: dense constants, splat and not, of every dtype; a hexadecimal blob; an empty and a rank-0 one;
`dense_resource` as inline blob of f64, f32, f16, bf16, i64, i32 and i8; weights in a kernel; a constant returned; scalar constants
with NaN and infinities; `cf.assert` that holds and that fails, on a size and on a value; private
functions called once, twice, in a row, with several results, with dynamic sizes.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import numpy as np

from .build import dim, empty, function, generic
from .program import DTYPES, Program, normal

_WEIGHTS = np.array([[0.5, -1.0, 2.0], [1e-3, 3.25, -7.5]])


def _dense(dtype: str) -> tuple[str, np.ndarray]:
    """A literal of shape 2x3 and its value."""
    if dtype == "i1":
        return "[[true, false, true], [false, false, true]]", np.array([[1, 0, 1], [0, 0, 1]], bool)
    if dtype.startswith("i"):
        return "[[1, -2, 3], [0, 127, -128]]", np.array([[1, -2, 3], [0, 127, -128]], DTYPES[dtype])
    value = _WEIGHTS.astype(DTYPES[dtype]).astype(np.float64)
    return str(_WEIGHTS.tolist()), value


def _literals() -> list[Program]:
    programs = []
    for dtype in DTYPES:
        literal, value = _dense(dtype)
        splat = "true" if dtype == "i1" else "1.5" if "f" in dtype else "-7"
        fill = np.full((2, 3), True if dtype == "i1" else 1.5 if "f" in dtype else -7)
        text = (
            f"  %w = arith.constant dense<{literal}> : tensor<2x3x{dtype}>\n  %s = arith.constant dense<{splat}> : tensor<2x3x{dtype}>\n"
            + empty("e", f"2x3x{dtype}")
        )
        text += generic(
            "r",
            "ij",
            [("%w", f"2x3x{dtype}", "ij"), ("%s", f"2x3x{dtype}", "ij"), ("%m", "2x3xi1", "ij")],
            [("%e", f"2x3x{dtype}", "ij")],
            f"%0 = arith.select %c, %a, %b : {dtype}\n    linalg.yield %0 : {dtype}",
        )
        mask = np.array([[1, 0, 1], [1, 1, 0]], bool)
        programs.append(
            Program(
                f"constant_{dtype}",
                function("m:2x3xi1", f"r:2x3x{dtype} w:2x3x{dtype} s:2x3x{dtype}", text),
                (mask,),
                lambda m, v=value, f=fill: (np.where(m, v, f).astype(v.dtype), v, f),
            )
        )
    return programs


def _blob(name: str, dtype: str, array: np.ndarray) -> Program:
    data = array.astype(DTYPES[dtype])
    blob = "0x" + (8).to_bytes(4, "little").hex() + data.tobytes().hex()
    text = f"  %w = arith.constant dense_resource<blob> : tensor<4x5x{dtype}>\n" + empty("e", f"4x5x{dtype}")
    text += generic(
        "r",
        "ij",
        [("%x", f"4x5x{dtype}", "ij"), ("%w", f"4x5x{dtype}", "ij")],
        [("%e", f"4x5x{dtype}", "ij")],
        f"%0 = arith.{'addf' if 'f' in dtype else 'addi'} %a, %b : {dtype}\n    linalg.yield %0 : {dtype}",
    )
    rest = f'{{-#\n  dialect_resources: {{\n    builtin: {{\n      blob: "{blob}"\n    }}\n  }}\n#-}}\n'
    x = normal((4, 5), "f64", key="x") * 4
    return Program(
        name,
        function(f"x:4x5x{dtype}", f"r:4x5x{dtype} w:4x5x{dtype}", text, rest=rest),
        (x.astype(DTYPES[dtype]),),
        lambda x: (x + data.astype(x.dtype), data),
    )


def _resources() -> list[Program]:
    w = normal((4, 5), "f64", key="w")
    return [
        _blob("resource_f32", "f32", w),
        _blob("resource_f64", "f64", w),
        _blob("resource_f16", "f16", w),
        _blob("resource_bf16", "bf16", w),
        _blob("resource_i64", "i64", w * 1e9),
        _blob("resource_i32", "i32", w * 1e6),
        _blob("resource_i8", "i8", w * 20),
    ]


def _others() -> list[Program]:
    blob = np.array([1.5, np.nan, -np.inf, -0.0], np.float32)
    hexed = f'  %r = arith.constant dense<"0x{blob.tobytes().hex().upper()}"> : tensor<4xf32>'
    infinite = "%n = arith.constant 0x7FC00000 : f32\n    %p = arith.constant 0x7F800000 : f32\n    %z = arith.constant 0.0 : f32\n    %0 = arith.cmpf ogt, %a, %z : f32\n    %1 = arith.select %0, %p, %n : f32\n    linalg.yield %1 : f32"
    bias = (
        "  %b1 = arith.constant dense<[0.5, -1.0, 2.0, 4.0]> : tensor<4xf32>\n"
        + empty("e", "3x4xf32")
        + generic(
            "r",
            "ij",
            [("%x", "3x4xf32", "ij"), ("%b1", "4xf32", "j")],
            [("%e", "3x4xf32", "ij")],
            "%0 = arith.addf %a, %b : f32\n    linalg.yield %0 : f32",
        )
    )
    scalar = (
        "  %s = arith.constant dense<2.5> : tensor<f32>\n"
        + empty("e", "3x4xf32")
        + generic(
            "r",
            "ij",
            [("%x", "3x4xf32", "ij"), ("%s", "f32", "")],
            [("%e", "3x4xf32", "ij")],
            "%0 = arith.mulf %a, %b : f32\n    linalg.yield %0 : f32",
        )
    )
    return [
        Program("constant_hex", function("", "r:4xf32", hexed), (), lambda: blob.astype(np.float64)),
        Program(
            "constant_empty",
            function("", "r:0x3xf32", "  %r = arith.constant dense<> : tensor<0x3xf32>"),
            (),
            lambda: np.zeros((0, 3)),
        ),
        Program(
            "constant_bias",
            function("x:3x4xf32", "r:3x4xf32", bias),
            (normal((3, 4)),),
            lambda x: x + np.array([0.5, -1, 2, 4]),
        ),
        Program("constant_rank0", function("x:3x4xf32", "r:3x4xf32", scalar), (normal((3, 4)),), lambda x: x * 2.5),
        Program(
            "constant_nan_and_infinity",
            function(
                "x:9xf32",
                "r:9xf32",
                empty("e", "9xf32") + generic("r", "i", [("%x", "9xf32", "i")], [("%e", "9xf32", "i")], infinite),
            ),
            (normal(9),),
            lambda x: np.where(x > 0, np.inf, np.nan),
        ),
    ]


def _assertions() -> list[Program]:
    add = (
        dim("n", "%x", "?xf32", 0)
        + dim("m", "%y", "?xf32", 0)
        + "  %ok = arith.cmpi eq, %n, %m : index\n"
        + '  cf.assert %ok, "mismatched size for broadcast"\n'
        + empty("e", "?xf32", "%n")
        + generic(
            "r",
            "i",
            [("%x", "?xf32", "i"), ("%y", "?xf32", "i")],
            [("%e", "?xf32", "i")],
            "%0 = arith.addf %a, %b : f32\n    linalg.yield %0 : f32",
        )
    )
    text = function("x:?xf32 y:?xf32", "r:?xf32", add)
    value = (
        "  %z = arith.constant 0 : index\n  %s = tensor.extract %x[%z] : tensor<5xf32>\n  %c = arith.constant 0.0 : f32\n  %ok = arith.cmpf oge, %s, %c : f32\n"
        + '  cf.assert %ok, "first element must not be negative"\n'
        + empty("e", "5xf32")
        + generic(
            "r",
            "i",
            [("%x", "5xf32", "i")],
            [("%e", "5xf32", "i")],
            "%0 = math.sqrt %a : f32\n    linalg.yield %0 : f32",
        )
    )
    checked = function("x:5xf32", "r:5xf32", value)
    good = np.arange(5, dtype=np.float32)
    sizes = ((4, 4), (0, 0), (17, 17))
    calls = tuple((normal(n, key="x"), normal(m, key="y")) for n, m in sizes)
    return [
        Program("assert_size_holds", text, calls[0], np.add, more=calls[1:]),
        Program("assert_size_fails", text, (normal(4), normal(5)), np.add, fails="mismatched size for broadcast"),
        Program("assert_value_holds", checked, (good,), np.sqrt),
        Program("assert_value_fails", checked, (good - 1,), np.sqrt, fails="first element must not be negative"),
        Program(
            "assert_constant_holds",
            function("x:5xf32", "x:5xf32", '  %ok = arith.constant true\n  cf.assert %ok, "never"'),
            (good,),
            lambda x: x,
        ),
    ]


_SQUARE = """func.func private @square(%x: tensor<5xf32>) -> tensor<5xf32> {
  %e = tensor.empty() : tensor<5xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<5xf32>) outs(%e : tensor<5xf32>) {
  ^bb0(%a: f32, %u: f32):
    %0 = arith.mulf %a, %a : f32
    linalg.yield %0 : f32
  } -> tensor<5xf32>
  return %r : tensor<5xf32>
}
"""
_BOTH = """func.func private @both(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %z = arith.constant 0 : index
  %n = tensor.dim %x, %z : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %u: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<?xf32>
  return %r, %x : tensor<?xf32>, tensor<?xf32>
}
"""


def _calls() -> list[Program]:
    x = normal(5)
    call = "  %{} = func.call @square(%{}) : (tensor<5xf32>) -> tensor<5xf32>\n"
    both = "  %r:2 = func.call @both(%x) : (tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>)"
    nested = (
        "func.func private @fourth(%x: tensor<5xf32>) -> tensor<5xf32> {\n"
        + call.format("p", "x")
        + call.format("q", "p")
        + "  return %q : tensor<5xf32>\n}\n"
        + _SQUARE
    )
    return [
        Program("call_once", function("x:5xf32", "r:5xf32", call.format("r", "x"), rest=_SQUARE), (x,), np.square),
        Program(
            "call_in_a_row",
            function("x:5xf32", "r:5xf32", call.format("s", "x") + call.format("r", "s"), rest=_SQUARE),
            (x,),
            lambda x: x**4,
            roundings=3,
        ),
        Program(
            "call_twice",
            function("x:5xf32 y:5xf32", "r:5xf32 s:5xf32", call.format("r", "x") + call.format("s", "y"), rest=_SQUARE),
            (x, x + 1),
            lambda x, y: (x * x, y * y),
        ),
        Program(
            "call_nested",
            function(
                "x:5xf32", "r:5xf32", "  %r = func.call @fourth(%x) : (tensor<5xf32>) -> tensor<5xf32>", rest=nested
            ),
            (x,),
            lambda x: x**4,
            roundings=3,
        ),
        Program(
            "call_with_two_results",
            function("x:?xf32", "r#0:?xf32 r#1:?xf32", both, rest=_BOTH),
            (x,),
            lambda x: (-x, x),
            more=((normal(0),), (normal(33),)),
        ),
    ]


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_literals(), *_resources(), *_others(), *_assertions(), *_calls()]
