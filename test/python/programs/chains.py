"""Whole chains of models.

Programs: softmax (static, dynamic, over the first dimension, f16 and bf16 through f32), log-softmax, masked
softmax, layernorm (plain, dynamic, with torch-mlir's detour through f64), RMSNorm, GELU with erf
and with tanh, bias+GELU, relu+add, residual+layernorm, channel shuffle, batch normalisation at
inference, RoPE by slices and concat, attention scores of one head, mean squared error, SiLU gate,
average pooling of rows, cross entropy of one row, an embedding with positions.
"""

# ruff: noqa: E501, E731 - lines of MLIR are as long as they are, and a text is a small lambda
from __future__ import annotations

import numpy as np
from tolerance import Expected

from .build import dim, element, empty, filled, function, generic
from .mathematics import erf
from .program import Array, Program, integers, normal, uniform


def step(name: str, short: str, ins: list[tuple[str, str, str]], body: str, *sizes: str, letters: str = "ij") -> str:
    """One elementwise generic with its `tensor.empty`; the body's last value is %0."""
    return empty(f"{name}_out", short, *sizes) + generic(
        name, letters, ins, [(f"%{name}_out", short, letters)], f"{body}\n    linalg.yield %0 : {element(short)}"
    )


def rows(name: str, short: str, source: tuple[str, str], op: str, start: str, *sizes: str) -> str:
    """A reduction of the last dimension of two by one op."""
    kind = element(short)
    return filled(f"{name}_init", short, start, *sizes) + generic(
        name,
        "ij",
        [(*source, "ij")],
        [(f"%{name}_init", short, "i")],
        f"%0 = {op} %u, %a : {kind}\n    linalg.yield %0 : {kind}",
        reduced="j",
    )


def softmax_body(s: str, source: str, *sizes: str) -> str:
    """Lines that compute %r = softmax of `source` over its last dimension."""
    row = s.split("x")[0] + "xf32"
    return (
        rows("m", row, (source, s), "arith.maximumf", "0xFF800000", *sizes[:1])
        + step(
            "n",
            s,
            [(source, s, "ij"), ("%m", row, "i")],
            "%d0 = arith.subf %a, %b : f32\n    %0 = math.exp %d0 : f32",
            *sizes,
        )
        + rows("s", row, ("%n", s), "arith.addf", "0.0", *sizes[:1])
        + step("r", s, [("%n", s, "ij"), ("%s", row, "i")], "%0 = arith.divf %a, %b : f32", *sizes)
    )


def softmax_text(s: str) -> str:
    """Softmax over the last dimension of a static shape."""
    return function(f"x:{s}", f"r:{s}", softmax_body(s, "%x"))


def softmax(x: Array, axis: int = -1) -> Array:
    """Softmax in float64."""
    e = np.exp(x - x.max(axis, keepdims=True, initial=-np.inf))
    return e / e.sum(axis, keepdims=True)


def _softmaxes() -> list[Program]:
    s, d = "9x33xf32", "?x?xf32"
    sizes = dim("rows", "%x", d, 0) + dim("columns", "%x", d, 1)
    shapes = ((9, 33), (1, 1), (3, 16), (2, 17), (1, 1000), (0, 5), (65, 63))
    calls = tuple((normal(n),) for n in shapes)
    log = (
        rows("m", "9xf32", ("%x", s), "arith.maximumf", "0xFF800000")
        + step("n", s, [("%x", s, "ij"), ("%m", "9xf32", "i")], "%0 = arith.subf %a, %b : f32")
        + step("p", s, [("%n", s, "ij")], "%0 = math.exp %a : f32")
        + rows("s", "9xf32", ("%p", s), "arith.addf", "0.0")
        + step(
            "r", s, [("%n", s, "ij"), ("%s", "9xf32", "i")], "%l = math.log %b : f32\n    %0 = arith.subf %a, %l : f32"
        )
    )
    first = filled("m0", "33xf32", "0xFF800000") + generic(
        "m",
        "ij",
        [("%x", s, "ij")],
        [("%m0", "33xf32", "j")],
        "%0 = arith.maximumf %a, %u : f32\n    linalg.yield %0 : f32",
        reduced="i",
    )
    first += (
        step(
            "n",
            s,
            [("%x", s, "ij"), ("%m", "33xf32", "j")],
            "%d0 = arith.subf %a, %b : f32\n    %0 = math.exp %d0 : f32",
        )
        + filled("s0", "33xf32", "0.0")
        + generic(
            "s",
            "ij",
            [("%n", s, "ij")],
            [("%s0", "33xf32", "j")],
            "%0 = arith.addf %a, %u : f32\n    linalg.yield %0 : f32",
            reduced="i",
        )
        + step("r", s, [("%n", s, "ij"), ("%s", "33xf32", "j")], "%0 = arith.divf %a, %b : f32")
    )
    masked = step(
        "scaled",
        s,
        [("%x", s, "ij"), ("%mask", "9x33xi1", "ij")],
        "%k = arith.constant 0.125 : f32\n    %f = arith.constant 0xFF800000 : f32\n    %p = arith.mulf %a, %k : f32\n    %0 = arith.select %b, %p, %f : f32",
    ) + softmax_body(s, "%scaled")
    mask = integers((9, 33), dtype="i1")
    mask[:, 0] = True

    def narrow(dtype: str) -> Program:
        n = f"9x33x{dtype}"
        text = (
            step("wide", s, [("%x", n, "ij")], f"%0 = arith.extf %a : {dtype} to f32")
            + softmax_body(s, "%wide")
            + step("y", n, [("%r", s, "ij")], f"%0 = arith.truncf %a : f32 to {dtype}")
        )
        return Program(
            f"softmax_{dtype}", function(f"x:{n}", f"y:{n}", text), (normal((9, 33), dtype),), softmax, roundings=1.5
        )

    return [
        Program("softmax", softmax_text(s), (normal((9, 33)),), softmax, roundings=4),
        Program(
            "softmax_dynamic",
            function(f"x:{d}", f"r:{d}", sizes + softmax_body(d, "%x", "%rows", "%columns")),
            calls[0],
            softmax,
            more=calls[1:],
            roundings=4,
        ),
        Program(
            "softmax_first_dimension",
            function(f"x:{s}", f"r:{s}", first),
            (normal((9, 33)),),
            lambda x: softmax(x, 0),
            roundings=4,
        ),
        Program(
            "softmax_masked",
            function(f"x:{s} mask:9x33xi1", f"r:{s}", masked),
            (normal((9, 33), scale=8), mask),
            lambda x, m: softmax(np.where(m, x / 8, -np.inf)),
            roundings=4,
        ),
        Program(
            "log_softmax",
            function(f"x:{s}", f"r:{s}", log),
            (normal((9, 33)),),
            lambda x: Expected(np.log(softmax(x)), 4),
            roundings=4,
        ),
        narrow("f16"),
        narrow("bf16"),
    ]


def _normalised(x: Array, eps: float = 1e-5) -> Array:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)


def layernorm_body(s: str, source: str, count: str, *sizes: str) -> str:
    """Lines that compute %r = layernorm(source) * %g + %h over the last dimension."""
    row, column = s.split("x")[0] + "xf32", s.split("x")[1] + "xf32"
    return (
        rows("t", row, (source, s), "arith.addf", "0.0", *sizes[:1])
        + step("mean", row, [("%t", row, "i")], f"%0 = arith.divf %a, {count} : f32", *sizes[:1], letters="i")
        + step("centred", s, [(source, s, "ij"), ("%mean", row, "i")], "%0 = arith.subf %a, %b : f32", *sizes)
        + step("square", s, [("%centred", s, "ij")], "%0 = arith.mulf %a, %a : f32", *sizes)
        + rows("sq", row, ("%square", s), "arith.addf", "0.0", *sizes[:1])
        + step(
            "scale",
            row,
            [("%sq", row, "i")],
            f"%eps = arith.constant 1.0e-5 : f32\n    %v0 = arith.divf %a, {count} : f32\n    %v1 = arith.addf %v0, %eps : f32\n    %0 = math.rsqrt %v1 : f32",
            *sizes[:1],
            letters="i",
        )
        + step(
            "r",
            s,
            [("%centred", s, "ij"), ("%scale", row, "i"), ("%g", column, "j"), ("%h", column, "j")],
            "%p = arith.mulf %a, %b : f32\n    %q = arith.mulf %p, %c : f32\n    %0 = arith.addf %q, %d : f32",
            *sizes,
        )
    )


def _norms() -> list[Program]:
    s, d = "9x65xf32", "?x?xf32"
    x, g, h, y = normal((9, 65), key="x"), normal(65, key="g"), normal(65, key="h"), normal((9, 65), key="y")
    args = f"x:{s} g:65xf32 h:65xf32"
    count = "  %count = arith.constant 65.0 : f32\n"
    sizes = (
        dim("rows", "%x", d, 0)
        + dim("columns", "%x", d, 1)
        + "  %ci = arith.index_cast %columns : index to i64\n  %count = arith.sitofp %ci : i64 to f32\n"
    )
    dynamic = function(
        f"x:{d} g:?xf32 h:?xf32", f"r:{d}", sizes + layernorm_body(d, "%x", "%count", "%rows", "%columns")
    )
    calls = tuple(
        (normal(n, key="x"), normal(n[1], key="g"), normal(n[1], key="h"))
        for n in ((4, 33), (1, 2), (17, 16), (3, 127), (0, 8))
    )
    # torch-mlir sums squares in f64 and comes back.
    detour = (
        step("xd", "9x65xf64", [("%x", s, "ij")], "%0 = arith.extf %a : f32 to f64")
        + filled("t0", "9x1xf64", "0.0")
        + generic(
            "t",
            "ij",
            [("%xd", "9x65xf64", "ij")],
            [("%t0", "9x1xf64", "i0")],
            "%0 = arith.addf %a, %u : f64\n    linalg.yield %0 : f64",
            reduced="j",
        )
        + empty("mean_out", "9x1xf64")
        + generic(
            "mean",
            "ij",
            [("%t", "9x1xf64", "ij")],
            [("%mean_out", "9x1xf64", "ij")],
            "%n = arith.constant 65.0 : f64\n    %0 = arith.divf %a, %n : f64\n    linalg.yield %0 : f64",
        )
        + step(
            "centred",
            "9x65xf64",
            [("%xd", "9x65xf64", "ij"), ("%mean", "9x1xf64", "i0")],
            "%0 = arith.subf %a, %b : f64",
        )
        + step("square", "9x65xf64", [("%centred", "9x65xf64", "ij")], "%0 = arith.mulf %a, %a : f64")
        + filled("v0", "9x1xf64", "0.0")
        + generic(
            "v",
            "ij",
            [("%square", "9x65xf64", "ij")],
            [("%v0", "9x1xf64", "i0")],
            "%0 = arith.addf %a, %u : f64\n    linalg.yield %0 : f64",
            reduced="j",
        )
        + empty("scale_out", "9x1xf32")
        + generic(
            "scale",
            "ij",
            [("%v", "9x1xf64", "i0")],
            [("%scale_out", "9x1xf32", "ij")],
            "%n = arith.constant 65.0 : f64\n    %e = arith.constant 1.0e-5 : f32\n    %0 = arith.divf %a, %n : f64\n    %1 = arith.truncf %0 : f64 to f32\n    %2 = arith.addf %1, %e : f32\n    %3 = math.rsqrt %2 : f32\n    linalg.yield %3 : f32",
        )
        + step("low", s, [("%centred", "9x65xf64", "ij")], "%0 = arith.truncf %a : f64 to f32")
        + step(
            "r",
            s,
            [("%low", s, "ij"), ("%scale", "9x1xf32", "i0"), ("%g", "65xf32", "j"), ("%h", "65xf32", "j")],
            "%p = arith.mulf %a, %b : f32\n    %q = arith.mulf %p, %c : f32\n    %0 = arith.addf %q, %d : f32",
        )
    )
    rms = (
        filled("t0", "9xf32", "0.0")
        + generic(
            "t",
            "ij",
            [("%x", s, "ij")],
            [("%t0", "9xf32", "i")],
            "%q = arith.mulf %a, %a : f32\n    %0 = arith.addf %u, %q : f32\n    linalg.yield %0 : f32",
            reduced="j",
        )
        + step(
            "r",
            s,
            [("%x", s, "ij"), ("%t", "9xf32", "i"), ("%g", "65xf32", "j")],
            "%n = arith.constant 65.0 : f32\n    %e = arith.constant 1.0e-6 : f32\n    %p = arith.divf %b, %n : f32\n    %q = arith.addf %p, %e : f32\n    %s = math.rsqrt %q : f32\n    %w = arith.mulf %a, %s : f32\n    %0 = arith.mulf %w, %c : f32",
        )
    )
    residual = (
        step("z", s, [("%x", s, "ij"), ("%y", s, "ij")], "%0 = arith.addf %a, %b : f32")
        + count
        + layernorm_body(s, "%z", "%count")
    )
    affine = lambda x, g, h: Expected(_normalised(x) * g + h, np.abs(g) * 2)
    image = "2x3x5x7xf32"
    batch = generic(
        "r",
        "nchw",
        [("%x", image, "nchw"), *((f"%{v}", "3xf32", "c") for v in ("mu", "var", "g", "h"))],
        [("%o", image, "nchw")],
        "%eps = arith.constant 1.0e-5 : f32\n    %0 = arith.subf %a, %b : f32\n    %1 = arith.addf %c, %eps : f32\n    %2 = math.rsqrt %1 : f32\n    %3 = arith.mulf %0, %2 : f32\n    %4 = arith.mulf %3, %d : f32\n    %5 = arith.addf %4, %e : f32\n    linalg.yield %5 : f32",
    )
    pixels = normal((2, 3, 5, 7))
    channel = tuple(normal(3, key=k) for k in "mgh")
    var = uniform(3, 0.5, 2)
    return [
        Program(
            "layernorm",
            function(args, f"r:{s}", count + layernorm_body(s, "%x", "%count")),
            (x, g, h),
            affine,
            roundings=4,
        ),
        Program("layernorm_dynamic", dynamic, calls[0], affine, more=calls[1:], roundings=8),
        Program("layernorm_f64_detour", function(args, f"r:{s}", detour), (x, g, h), affine, roundings=2),
        Program(
            "residual_layernorm",
            function(f"x:{s} y:{s} g:65xf32 h:65xf32", f"r:{s} z:{s}", residual),
            (x, y, g, h),
            lambda x, y, g, h: (affine(x + y, g, h), x + y),
            roundings=4,
        ),
        Program(
            "rmsnorm",
            function(f"x:{s} g:65xf32", f"r:{s}", rms),
            (x, g),
            lambda x, g: x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-6) * g,
            roundings=4,
        ),
        Program(
            "batchnorm_inference",
            function(f"x:{image} mu:3xf32 var:3xf32 g:3xf32 h:3xf32", f"r:{image}", empty("o", image) + batch),
            (pixels, channel[0], var, channel[1], channel[2]),
            lambda x, m, v, g, h: Expected(
                (x - m[:, None, None]) / np.sqrt(v + 1e-5)[:, None, None] * g[:, None, None] + h[:, None, None], 8
            ),
        ),
    ]


_GELU = """%k = arith.constant 0.707106769 : f32
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %p = arith.mulf %z, %k : f32
    %q = math.erf %p : f32
    %s = arith.addf %q, %one : f32
    %t1 = arith.mulf %z, %half : f32
    %0 = arith.mulf %t1, %s : f32"""


def gelu(x: Array) -> Expected:
    """GELU by the error function."""
    return Expected(x * 0.5 * (1 + erf(x / np.sqrt(2))), np.abs(x))


def _activations() -> list[Program]:
    s = "9x65xf32"
    x, y, b = normal((9, 65), key="x"), normal((9, 65), key="y"), normal(65, key="b")
    tanh = """%k = arith.constant 0.797884583 : f32
    %c1 = arith.constant 0.044715 : f32
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %p = arith.mulf %a, %a : f32
    %q = arith.mulf %p, %a : f32
    %s = arith.mulf %q, %c1 : f32
    %t1 = arith.addf %a, %s : f32
    %t2 = arith.mulf %t1, %k : f32
    %t3 = math.tanh %t2 : f32
    %t4 = arith.addf %t3, %one : f32
    %t5 = arith.mulf %a, %half : f32
    %0 = arith.mulf %t5, %t4 : f32"""
    relu = (
        "%z = arith.constant 0.0 : f32\n    %p = arith.cmpf ugt, %a, %z : f32\n    %0 = arith.select %p, %a, %z : f32"
    )
    silu = "%one = arith.constant 1.0 : f32\n    %n = arith.negf %a : f32\n    %p = math.exp %n : f32\n    %q = arith.addf %p, %one : f32\n    %s = arith.divf %a, %q : f32\n    %0 = arith.mulf %s, %b : f32"
    relu_add = step("p", s, [("%x", s, "ij")], relu) + step(
        "r", s, [("%p", s, "ij"), ("%y", s, "ij")], "%0 = arith.addf %a, %b : f32"
    )
    second = (
        step("p", s, [("%x", s, "ij")], relu)
        + step("r", s, [("%p", s, "ij"), ("%y", s, "ij")], "%0 = arith.addf %a, %b : f32")
        + step("q", s, [("%p", s, "ij")], "%0 = arith.mulf %a, %a : f32")
    )
    biased = step("zs", s, [("%x", s, "ij"), ("%y", "65xf32", "j")], "%0 = arith.addf %a, %b : f32") + step(
        "r", s, [("%zs", s, "ij")], _GELU.replace("%z", "%a")
    )
    return [
        Program(
            "gelu_erf",
            function(f"x:{s}", f"r:{s}", step("r", s, [("%x", s, "ij")], _GELU.replace("%z", "%a"))),
            (x,),
            gelu,
            roundings=2,
        ),
        Program(
            "gelu_tanh",
            function(f"x:{s}", f"r:{s}", step("r", s, [("%x", s, "ij")], tanh)),
            (x,),
            lambda x: Expected(0.5 * x * (1 + np.tanh(0.79788456 * (x + 0.044715 * x**3))), np.abs(x)),
            roundings=2,
        ),
        Program(
            "bias_gelu", function(f"x:{s} y:65xf32", f"r:{s}", biased), (x, b), lambda x, b: gelu(x + b), roundings=2
        ),
        Program("relu_add", function(f"x:{s} y:{s}", f"r:{s}", relu_add), (x, y), lambda x, y: np.maximum(x, 0) + y),
        Program(
            "relu_add_second_consumer",
            function(f"x:{s} y:{s}", f"r:{s} q:{s}", second),
            (x, y),
            lambda x, y: (np.maximum(x, 0) + y, np.maximum(x, 0) ** 2),
        ),
        Program(
            "silu_gate",
            function(f"x:{s} y:{s}", f"r:{s}", step("r", s, [("%x", s, "ij"), ("%y", s, "ij")], silu)),
            (x, y),
            lambda x, y: x / (1 + np.exp(-x)) * y,
            roundings=4,
        ),
    ]


def _layouts() -> list[Program]:
    shuffle = """  %0 = tensor.expand_shape %x [[0], [1, 2], [3], [4]] output_shape [2, 3, 4, 5, 7] : tensor<2x12x5x7xf32> into tensor<2x3x4x5x7xf32>
  %e = tensor.empty() : tensor<2x4x3x5x7xf32>
  %1 = linalg.transpose ins(%0 : tensor<2x3x4x5x7xf32>) outs(%e : tensor<2x4x3x5x7xf32>) permutation = [0, 2, 1, 3, 4]
  %r = tensor.collapse_shape %1 [[0], [1, 2], [3], [4]] : tensor<2x4x3x5x7xf32> into tensor<2x12x5x7xf32>"""
    half = "2x5x4xf32"
    rope = f"""  %p = tensor.extract_slice %x[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x5x8xf32> to tensor<{half}>
  %q = tensor.extract_slice %x[0, 0, 4] [2, 5, 4] [1, 1, 1] : tensor<2x5x8xf32> to tensor<{half}>
"""
    rope += step("n", half, [("%q", half, "ijk")], "%0 = arith.negf %a : f32", letters="ijk")
    rope += f"  %t = tensor.concat dim(2) %n, %p : (tensor<{half}>, tensor<{half}>) -> tensor<2x5x8xf32>\n"
    whole = "2x5x8xf32"
    rope += step(
        "r",
        whole,
        [("%x", whole, "ijk"), ("%cosine", "5x8xf32", "jk"), ("%t", whole, "ijk"), ("%sine", "5x8xf32", "jk")],
        "%m = arith.mulf %a, %b : f32\n    %l = arith.mulf %c, %d : f32\n    %0 = arith.addf %m, %l : f32",
        letters="ijk",
    )
    angles = np.outer(np.arange(5), 1 / 10 ** np.arange(8.0)).astype(np.float32)
    scores = (
        filled("s0", "6x6xf32", "0.0")
        + generic(
            "p",
            "ijk",
            [("%q", "6x8xf32", "ik"), ("%k", "6x8xf32", "jk")],
            [("%s0", "6x6xf32", "ij")],
            "%0 = arith.mulf %a, %b : f32\n    %1 = arith.addf %u, %0 : f32\n    linalg.yield %1 : f32",
            reduced="k",
        )
        + softmax_body("6x6xf32", "%p")
        + filled("y0", "6x8xf32", "0.0")
        + generic(
            "y",
            "ijk",
            [("%r", "6x6xf32", "ik"), ("%w", "6x8xf32", "kj")],
            [("%y0", "6x8xf32", "ij")],
            "%0 = arith.mulf %a, %b : f32\n    %1 = arith.addf %u, %0 : f32\n    linalg.yield %1 : f32",
            reduced="k",
        )
    )
    embed = """  %e = tensor.empty() : tensor<2x5x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%ids, %pos : tensor<2x5xi64>, tensor<5x8xf32>) outs(%e : tensor<2x5x8xf32>) {
  ^bb0(%a: i64, %b: f32, %u: f32):
    %i = arith.index_cast %a : i64 to index
    %k = linalg.index 2 : index
    %0 = tensor.extract %table[%i, %k] : tensor<11x8xf32>
    %1 = arith.addf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<2x5x8xf32>"""
    mse = (
        step("d", "9x65xf32", [("%x", "9x65xf32", "ij"), ("%y", "9x65xf32", "ij")], "%0 = arith.subf %a, %b : f32")
        + filled("o", "f32", "0.0")
        + generic(
            "s",
            "ij",
            [("%d", "9x65xf32", "ij")],
            [("%o", "f32", "")],
            "%0 = arith.mulf %a, %a : f32\n    %1 = arith.addf %u, %0 : f32\n    linalg.yield %1 : f32",
            reduced="ij",
        )
        + "  %n = arith.constant 585.0 : f32\n"
        + empty("e", "f32")
        + generic(
            "r", "", [("%s", "f32", "")], [("%e", "f32", "")], "%0 = arith.divf %a, %n : f32\n    linalg.yield %0 : f32"
        )
    )
    attention = lambda q, k, v: Expected(softmax(q @ k.T) @ v, 8 * np.abs(softmax(q @ k.T)) @ np.abs(v))
    six = tuple(normal((6, 8), key=k) for k in "qkv")
    rotated = lambda x, c, s: Expected(x * c + np.concatenate([-x[..., 4:], x[..., :4]], -1) * s, 4)
    return [
        Program(
            "channel_shuffle",
            function("x:2x12x5x7xf32", "r:2x12x5x7xf32", shuffle),
            (normal((2, 12, 5, 7)),),
            lambda x: x.reshape(2, 3, 4, 5, 7).swapaxes(1, 2).reshape(2, 12, 5, 7),
        ),
        Program(
            "rope",
            function(f"x:{whole} cosine:5x8xf32 sine:5x8xf32", f"r:{whole}", rope),
            (normal((2, 5, 8)), np.cos(angles), np.sin(angles)),
            rotated,
        ),
        Program(
            "attention_head",
            function("q:6x8xf32 k:6x8xf32 w:6x8xf32", "y:6x8xf32", scores),
            six,
            attention,
            roundings=2,
        ),
        Program(
            "embedding_with_positions",
            function("ids:2x5xi64 pos:5x8xf32 table:11x8xf32", "r:2x5x8xf32", embed),
            (integers((2, 5), 0, 10, "i64"), normal((5, 8)), normal((11, 8))),
            lambda i, p, t: t[i] + p,
        ),
        Program(
            "mean_squared_error",
            function("x:9x65xf32 y:9x65xf32", "r:f32", mse),
            (normal((9, 65), key="x"), normal((9, 65), key="y")),
            lambda x, y: np.mean((x - y) ** 2),
            roundings=2,
        ),
    ]


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_softmaxes(), *_norms(), *_activations(), *_layouts()]
