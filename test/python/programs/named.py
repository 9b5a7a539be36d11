"""Named linalg ops of the older vocabulary: elementwise ones, reductions, softmax.

Programs: every named elementwise op, on floats and on integers where it takes them; `linalg.elementwise`
with maps; `linalg.map`, `linalg.reduce` along one, several and no dimensions, of several results;
`linalg.broadcast`, `linalg.transpose`, `linalg.copy`, `linalg.fill`; softmax along each dimension.
"""

# ruff: noqa: E501, E731 - lines of MLIR are as long as they are, and a reference is a small lambda
from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
from tolerance import Expected

from .build import dim, empty, function, tensor
from .program import Array, Program, integers, normal, uniform, values

_erf = np.vectorize(__import__("math").erf)
_UNARY: dict[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "log": np.log,
    "abs": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "negf": np.negative,
    "reciprocal": lambda x: 1 / x,
    "round": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "square": np.square,
    "tanh": np.tanh,
    "erf": _erf,
}
_BINARY: dict[str, tuple[Callable[[Array, Array], Array], str]] = {
    "add": (np.add, "f32"),
    "sub": (np.subtract, "i32"),
    "mul": (np.multiply, "f64"),
    "div": (np.divide, "f32"),
    "div_unsigned": (lambda x, y: (x.view(np.uint32) // y.view(np.uint32)).view(np.int32), "i32"),
    "max": (np.maximum, "i64"),
    "min": (np.minimum, "f32"),
    "powf": (np.power, "f32"),
}


def _out(ins: str, op: str, out: str = "5x37xf32") -> str:
    return empty("e", out) + f"  %r = linalg.{op} ins({ins}) outs(%e : {tensor(out)}) -> {tensor(out)}\n"


def _elementwise() -> list[Program]:
    x, y = uniform((5, 37), 0.5, 3, key="x"), uniform((5, 37), 0.5, 3, key="y")
    t = tensor("5x37xf32")
    programs = [
        Program(f"named_{name}", function("x:5x37xf32", "r:5x37xf32", _out(f"%x : {t}", name)), (x,), f, roundings=2)
        for name, f in _UNARY.items()
    ]
    for name, (f, dtype) in _BINARY.items():
        short = f"5x37x{dtype}"
        pair = (
            (x.astype(dtype.replace("f", "float")), y.astype(dtype.replace("f", "float")))
            if dtype[0] == "f"
            else tuple(integers((5, 37), 1, 90, dtype, key=k) for k in "xy")
        )
        text = _out(f"%x, %y : {tensor(short)}, {tensor(short)}", name, short)
        programs.append(
            Program(f"named_{name}", function(f"x:{short} y:{short}", f"r:{short}", text), pair, f, roundings=4)
        )
    maps = "indexing_maps = [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>]"
    column = f"elementwise kind=#linalg.elementwise_kind<add> {maps}"
    mapped = (
        empty("e", "5x37xf32")
        + f"  %r = linalg.map ins(%x, %y : {t}, {t}) outs(%e : {t}) (%a: f32, %b: f32, %u: f32) {{\n    %0 = arith.mulf %a, %b : f32\n    %1 = math.exp %0 : f32\n    linalg.yield %1 : f32\n  }}\n"
    )
    flags = integers((5, 37), dtype="i1")
    return [
        *programs,
        Program("named_select", function("c:5x37xi1 x:5x37xf32 y:5x37xf32", "r:5x37xf32", _out(f"%c, %x, %y : tensor<5x37xi1>, {t}, {t}", "select")), (flags, x, y), np.where),
        Program("named_elementwise_maps", function("v:37xf32 y:37x5xf32", "r:5x37xf32", _out("%v, %y : tensor<37xf32>, tensor<37x5xf32>", column)), (normal(37), normal((37, 5))), lambda v, y: v + y.T, roundings=2),
        Program("named_map", function("x:5x37xf32 y:5x37xf32", "r:5x37xf32", mapped), (x, y), lambda x, y: np.exp(x * y), roundings=12),
        Program("named_copy", function("x:5x37xf32", "r:5x37xf32", _out(f"%x : {t}", "copy")), (x,), lambda x: x),
        Program("named_copy_widens", function("x:5x37xf16", "r:5x37xf32", _out("%x : tensor<5x37xf16>", "copy")), (normal((5, 37), "f16"),), lambda x: x),
    ]  # fmt: skip


def _layouts() -> list[Program]:
    broadcast = (
        empty("e", "5x37x3xf32")
        + "  %r = linalg.broadcast ins(%x : tensor<37xf32>) outs(%e : tensor<5x37x3xf32>) dimensions = [0, 2]\n"
    )
    transpose = (
        empty("e", "3x5x37xi8")
        + "  %r = linalg.transpose ins(%x : tensor<5x37x3xi8>) outs(%e : tensor<3x5x37xi8>) permutation = [2, 0, 1]\n"
    )
    fill = (
        "  %c = arith.constant 2.5 : bf16\n"
        + empty("e", "5x37xbf16")
        + "  %r = linalg.fill ins(%c : bf16) outs(%e : tensor<5x37xbf16>) -> tensor<5x37xbf16>\n"
    )
    return [
        Program(
            "named_broadcast",
            function("x:37xf32", "r:5x37x3xf32", broadcast),
            (normal(37),),
            lambda x: np.broadcast_to(x[None, :, None], (5, 37, 3)),
        ),
        Program(
            "named_transpose",
            function("x:5x37x3xi8", "r:3x5x37xi8", transpose),
            (values((5, 37, 3), "i8"),),
            lambda x: x.transpose(2, 0, 1),
        ),
        Program("named_fill", function("", "r:5x37xbf16", fill), (), lambda: np.full((5, 37), 2.5, ml_dtypes.bfloat16)),
    ]


def _reduce(
    name: str, dims: list[int], op: str, out: str, reference: Callable[..., object], start: str = "0.0"
) -> Program:
    text = (
        f"  %c = arith.constant {start} : f32\n"
        + empty("e", out)
        + f"  %o = linalg.fill ins(%c : f32) outs(%e : {tensor(out)}) -> {tensor(out)}\n"
    )
    text += f"  %r = linalg.reduce ins(%x : tensor<5x37x3xf32>) outs(%o : {tensor(out)}) dimensions = {dims}\n    (%a: f32, %u: f32) {{\n    {op}\n    linalg.yield %0 : f32\n  }}\n"
    return Program(name, function("x:5x37x3xf32", f"r:{out}", text), (normal((5, 37, 3)),), reference)


def _reductions() -> list[Program]:
    add, top = "%0 = arith.addf %a, %u : f32", "%0 = arith.maximumf %a, %u : f32"
    norm = "%s = arith.mulf %a, %a : f32\n    %0 = arith.addf %u, %s : f32"
    sums = lambda axes: lambda x: Expected(x.sum(axes), np.abs(x).sum(axes))
    two = empty("e", "5xf32") + "  %c = arith.constant 0.0 : f32\n  %d = arith.constant 0xFF800000 : f32\n"
    two += "  %o = linalg.fill ins(%c : f32) outs(%e : tensor<5xf32>) -> tensor<5xf32>\n  %p = linalg.fill ins(%d : f32) outs(%e : tensor<5xf32>) -> tensor<5xf32>\n"
    two += "  %r:2 = linalg.reduce ins(%x, %y : tensor<5x37xf32>, tensor<5x37xf32>) outs(%o, %p : tensor<5xf32>, tensor<5xf32>) dimensions = [1]\n    (%a: f32, %b: f32, %u: f32, %v: f32) {\n    %0 = arith.addf %a, %u : f32\n    %1 = arith.maximumf %b, %v : f32\n    linalg.yield %0, %1 : f32, f32\n  }\n"
    return [
        _reduce("named_reduce_middle", [1], add, "5x3xf32", sums(1)),
        _reduce("named_reduce_outer", [0, 2], add, "37xf32", sums((0, 2))),
        _reduce("named_reduce_all", [0, 1, 2], top, "f32", lambda x: x.max(), "0xFF800000"),
        _reduce("named_reduce_squares", [2], norm, "5x37xf32", lambda x: Expected((x * x).sum(2), (x * x).sum(2))),
        Program(
            "named_reduce_two",
            function("x:5x37xf32 y:5x37xf32", "r#0:5xf32 r#1:5xf32", two),
            (normal((5, 37), key="x"), normal((5, 37), key="y")),
            lambda x, y: (Expected(x.sum(1), np.abs(x).sum(1)), y.max(1)),
        ),
    ]


def softmax(x: Array, axis: int) -> Expected:
    """Softmax, with a tolerance that grows with the exponents."""
    shifted = x - x.max(axis, keepdims=True, initial=-np.inf)
    e = np.exp(shifted)
    y = e / e.sum(axis, keepdims=True)
    return Expected(y, y * np.abs(shifted))


def softmaxes() -> list[Program]:
    """MLIR's own pipeline doesn't take `linalg.softmax`."""
    programs = []
    for axis in range(3):
        text = (
            empty("e", "4x9x33xf32")
            + f"  %r = linalg.softmax dimension({axis}) ins(%x : tensor<4x9x33xf32>) outs(%e : tensor<4x9x33xf32>) -> tensor<4x9x33xf32>\n"
        )
        programs.append(
            Program(
                f"softmax_named{axis}",
                function("x:4x9x33xf32", "r:4x9x33xf32", text),
                (normal((4, 9, 33), scale=3),),
                lambda x, axis=axis: softmax(x, axis),
                roundings=8,
            )
        )
    d = "?x?xf32"
    dynamic = (
        dim("n", "%x", d, 0)
        + dim("m", "%x", d, 1)
        + empty("e", d, "%n", "%m")
        + f"  %r = linalg.softmax dimension(1) ins(%x : {tensor(d)}) outs(%e : {tensor(d)}) -> {tensor(d)}\n"
    )
    calls = tuple((normal(shape),) for shape in ((3, 40), (1, 1), (0, 4), (17, 129)))
    return [
        *programs,
        Program(
            "softmax_named_dynamic",
            function(f"x:{d}", f"r:{d}", dynamic),
            calls[0],
            lambda x: softmax(x, 1),
            more=calls[1:],
            roundings=8,
        ),
    ]


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_elementwise(), *_layouts(), *_reductions(), *softmaxes()]
