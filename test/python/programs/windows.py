"""Pooling, convolution, and other maps that aren't projections.

Programs: every named pooling and convolution of linalg in f32, integer and quantised ones, f16
into f32; strides and dilations; dynamic sizes, and sizes of which windows leave a rest; padding
ahead of a convolution; sums of three dimensions, strides without windows, offsets, overlapping
averages; diagonals, reversals, divisions and remainders of indices, a window of dynamic size; results placed in a part.
"""

# ruff: noqa: E501, E731 - lines of MLIR are as long as they are, and a reference is a small lambda
from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tolerance import Expected

from .build import dim, empty, function, tensor
from .program import DTYPES, FLOATS, Array, Program, integers, normal

SPATIAL = "dhw"
_SIZES = {"n": 2, "c": 3, "f": 4, "g": 2, "m": 2, "d": 6, "h": 9, "w": 11}
_KERNEL = {"d": 2, "h": 3, "w": 2}
_PLAIN = {
    "conv_1d": "w,w->w",
    "conv_2d": "hw,hw->hw",
    "conv_3d": "dhw,dhw->dhw",
}
_NAMED = {
    "conv_1d_ncw_fcw": "ncw,fcw->nfw",
    "conv_1d_nwc_wcf": "nwc,wcf->nwf",
    "conv_2d_nchw_fchw": "nchw,fchw->nfhw",
    "conv_2d_nhwc_hwcf": "nhwc,hwcf->nhwf",
    "conv_2d_nhwc_fhwc": "nhwc,fhwc->nhwf",
    "conv_2d_ngchw_fgchw": "ngchw,fgchw->ngfhw",
    "conv_2d_ngchw_gfchw": "ngchw,gfchw->ngfhw",
    "conv_2d_nhwgc_gfhwc": "nhwgc,gfhwc->nhwgf",
    "conv_3d_ncdhw_fcdhw": "ncdhw,fcdhw->nfdhw",
    "conv_3d_ndhwc_dhwcf": "ndhwc,dhwcf->ndhwf",
    "depthwise_conv_1d_ncw_cw": "ncw,cw->ncw",
    "depthwise_conv_1d_nwc_wc": "nwc,wc->nwc",
    "depthwise_conv_1d_nwc_wcm": "nwc,wcm->nwcm",
    "depthwise_conv_2d_nchw_chw": "nchw,chw->nchw",
    "depthwise_conv_2d_nhwc_hwc": "nhwc,hwc->nhwc",
    "depthwise_conv_2d_nhwc_hwcm": "nhwc,hwcm->nhwcm",
    "depthwise_conv_3d_ncdhw_cdhw": "ncdhw,cdhw->ncdhw",
    "depthwise_conv_3d_ndhwc_dhwc": "ndhwc,dhwc->ndhwc",
    "depthwise_conv_3d_ndhwc_dhwcm": "ndhwc,dhwcm->ndhwcm",
}
_QUANTISED = {
    "conv_2d_nhwc_hwcf_q": "nhwc,hwcf->nhwf",
    "conv_2d_nchw_fchw_q": "nchw,fchw->nfhw",
    "depthwise_conv_2d_nhwc_hwc_q": "nhwc,hwc->nhwc",
}
_POOLING = {
    "pooling_nchw_max": ("nchw", np.max, "f32"),
    "pooling_nchw_sum": ("nchw", np.sum, "f32"),
    "pooling_nhwc_max": ("nhwc", np.max, "f32"),
    "pooling_nhwc_min": ("nhwc", np.min, "f64"),
    "pooling_nhwc_sum": ("nhwc", np.sum, "i32"),
    "pooling_nhwc_max_unsigned": ("nhwc", np.max, "i8"),
    "pooling_nhwc_min_unsigned": ("nhwc", np.min, "i16"),
    "pooling_ncw_max": ("ncw", np.max, "f16"),
    "pooling_ncw_sum": ("ncw", np.sum, "f32"),
    "pooling_nwc_max": ("nwc", np.max, "bf16"),
    "pooling_nwc_min": ("nwc", np.min, "i64"),
    "pooling_nwc_sum": ("nwc", np.sum, "f32"),
    "pooling_nwc_max_unsigned": ("nwc", np.max, "i32"),
    "pooling_nwc_min_unsigned": ("nwc", np.min, "i8"),
    "pooling_ndhwc_max": ("ndhwc", np.max, "f32"),
    "pooling_ndhwc_min": ("ndhwc", np.min, "f32"),
    "pooling_ndhwc_sum": ("ndhwc", np.sum, "f32"),
}

Steps = dict[str, int]


def windowed(x: Array, letters: str, sizes: Steps, strides: Steps, dilations: Steps) -> Array:
    """Windows along the spatial letters of `letters`, as trailing dimensions in the letters' order."""
    for letter in (c for c in letters if c in SPATIAL):
        at, reach = letters.index(letter), (sizes[letter] - 1) * dilations[letter]
        view = np.lib.stride_tricks.sliding_window_view(x, reach + 1, axis=at)[..., :: dilations[letter]]
        x = view[(slice(None),) * at + (slice(None, None, strides[letter]),)]
    return x


def convolved(x: Array, k: Array, spec: str, strides: Steps, dilations: Steps) -> Array:
    """What a convolution gives; in the spec h, w, d of input and kernel are summed along."""
    left, right, out = spec.replace("->", ",").split(",")
    sizes = {c: k.shape[right.index(c)] for c in right if c in SPATIAL}
    inner = "".join(c for c in left if c in SPATIAL).upper()
    kernel = "".join(c.upper() if c in SPATIAL else c for c in right)
    return np.einsum(f"{left}{inner},{kernel}->{out}", windowed(x, left, sizes, strides, dilations), k)


def _vector(steps: Steps, letters: str) -> str:
    numbers = [str(steps[c]) for c in letters if c in SPATIAL]
    return f"dense<[{', '.join(numbers)}]> : vector<{len(numbers)}xi64>"


def _attributes(letters: str, strides: Steps, dilations: Steps) -> str:
    return f"{{strides = {_vector(strides, letters)}, dilations = {_vector(dilations, letters)}}}"


def _named(name: str, attributes: str, ins: Sequence[tuple[str, str]], out: tuple[str, str]) -> str:
    values, types = ", ".join(v for v, _ in ins), ", ".join(tensor(t) for _, t in ins)
    return f"  %r = linalg.{name} {attributes} ins({values} : {types}) outs({out[0]} : {tensor(out[1])}) -> {tensor(out[1])}\n"


def _short(shape: Sequence[int], dtype: str) -> str:
    return "x".join([*map(str, shape), dtype])


def _sizes(letters: str) -> tuple[int, ...]:
    return tuple(_SIZES[c] for c in letters)


def _steps(default: int, **given: int) -> Steps:
    return dict.fromkeys(SPATIAL, default) | given


def _random(shape: tuple[int, ...], dtype: str, key: str) -> Array:
    return normal(shape, dtype, key=key) if dtype in FLOATS else integers(shape, -9, 9, dtype, key=key)


def _shapes(spec: str, strides: Steps, dilations: Steps) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    left, right, out = spec.replace("->", ",").split(",")
    kernel = tuple(_KERNEL.get(c, _SIZES[c]) for c in right)
    result = {c: (_SIZES[c] - (_KERNEL[c] - 1) * dilations[c] - 1) // strides[c] + 1 for c in SPATIAL}
    return _sizes(left), kernel, tuple(result.get(c, _SIZES[c]) for c in out)


def _convolution(
    name: str,
    spec: str,
    strides: Steps,
    dilations: Steps,
    dtypes: tuple[str, str],
    id_: str,
    attributes: str | None = None,
) -> Program:
    left = spec.partition(",")[0]
    narrow, wide = dtypes
    x, k, o = _shapes(spec, strides, dilations)
    types = [_short(x, narrow), _short(k, narrow), _short(o, wide)]
    ins = [("%x", types[0]), ("%k", types[1])]
    scalars, shift = "", (0, 0)
    if name.endswith("_q"):
        scalars, shift = "  %za = arith.constant 3 : i32\n  %zb = arith.constant -2 : i32\n", (3, -2)
        ins += [("%za", "!i32"), ("%zb", "!i32")]
    text = scalars + _named(
        name, _attributes(left, strides, dilations) if attributes is None else attributes, ins, ("%o", types[2])
    )

    def reference(x: Array, k: Array, o: Array) -> Expected | Array:
        if wide not in FLOATS:
            x, k = (a.astype(np.int64) - zero for a, zero in zip((x, k), shift, strict=True))
            return (o + convolved(x, k, spec, strides, dilations)).astype(DTYPES[wide])
        scale = np.abs(o) + convolved(np.abs(x), np.abs(k), spec, strides, dilations)
        return Expected(o + convolved(x, k, spec, strides, dilations), scale)

    arguments = f"x:{types[0]} k:{types[1]} o:{types[2]}"
    inputs = (_random(x, narrow, "x"), _random(k, narrow, "k"), _random(o, wide, "o"))
    return Program(id_, function(arguments, f"r:{types[2]}", text), inputs, reference)


def _convolutions() -> list[Program]:
    ones, twos = _steps(1), _steps(2, w=1)
    f32 = ("f32", "f32")
    programs = [_convolution(name, spec, ones, ones, f32, name, attributes="") for name, spec in _PLAIN.items()]
    programs += [_convolution(name, spec, ones, ones, f32, name) for name, spec in _NAMED.items()]
    programs += [_convolution(name, spec, twos, ones, ("i8", "i32"), name) for name, spec in _QUANTISED.items()]
    chosen = {name: _NAMED[name] for name in ("conv_2d_nchw_fchw", "depthwise_conv_2d_nhwc_hwc", "conv_2d_nhwc_hwcf")}
    for name, spec in chosen.items():
        programs += [
            _convolution(name, spec, _steps(2), ones, f32, f"{name}_strided"),
            _convolution(name, spec, ones, _steps(2, w=3), f32, f"{name}_dilated"),
            _convolution(name, spec, _steps(3, w=2), _steps(2), ("f16", "f32"), f"{name}_both_widened"),
            _convolution(name, spec, ones, ones, ("i8", "i32"), f"{name}_integer"),
        ]
    return programs


def _pooling(
    name: str, letters: str, fold: Callable[..., Array], dtype: str, strides: Steps, dilations: Steps, id_: str
) -> Program:
    x = _sizes(letters)
    result = {c: (_SIZES[c] - (_KERNEL[c] - 1) * dilations[c] - 1) // strides[c] + 1 for c in SPATIAL}
    o = tuple(result.get(c, _SIZES[c]) for c in letters)
    k = tuple(_KERNEL[c] for c in letters if c in SPATIAL)
    types = [_short(x, dtype), _short(o, dtype), _short(k, dtype)]
    text = empty("k", types[2]) + _named(
        name, _attributes(letters, strides, dilations), [("%x", types[0]), ("%k", types[2])], ("%o", types[1])
    )
    rank = len(letters)

    def reference(x: Array, o: Array) -> Expected | Array:
        if name.endswith("unsigned"):
            x, o = x.view(f"u{x.dtype.name}"), o.view(f"u{o.dtype.name}")
        windows = windowed(x, letters, _KERNEL, strides, dilations)
        together = np.concatenate([windows.reshape(*windows.shape[:rank], -1), o[..., None]], -1)
        value = fold(together, -1)
        return (
            Expected(value, fold(np.abs(together), -1))
            if dtype in FLOATS
            else value.astype(x.dtype).view(DTYPES[dtype])
        )

    low = _random(o, dtype, "o")
    return Program(
        id_, function(f"x:{types[0]} o:{types[1]}", f"r:{types[1]}", text), (_random(x, dtype, "x"), low), reference
    )


def _poolings() -> list[Program]:
    ones = _steps(1)
    programs = [
        _pooling(name, letters, fold, t, _steps(2), ones, name) for name, (letters, fold, t) in _POOLING.items()
    ]
    letters, fold, dtype = _POOLING["pooling_nchw_max"]
    return [*programs, _pooling("pooling_nchw_max", letters, fold, dtype, ones, _steps(3, h=2), "pooling_dilated")]


def _dynamic() -> list[Program]:
    """Sizes that the compiler doesn't know: the output's says how far the windows go."""
    shape = "?x3x?x?xf32"
    out = "?x4x?x?xf32"
    sizes = dim("b", "%x", shape, 0) + dim("y", "%x", shape, 2) + dim("z", "%x", shape, 3)
    sizes += "  %two = arith.constant 2 : index\n  %p = arith.subi %y, %two : index\n  %q0 = arith.subi %z, %two : index\n  %q = arith.ceildivui %q0, %two : index\n"
    text = sizes + "  %zero = arith.constant 0.0 : f32\n" + empty("e", out, "%b", "%p", "%q")
    text += f"  %o = linalg.fill ins(%zero : f32) outs(%e : {tensor(out)}) -> {tensor(out)}\n"
    text += _named(
        "conv_2d_nchw_fchw",
        "{strides = dense<[1, 2]> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}",
        [("%x", shape), ("%k", "4x3x3x3xf32")],
        ("%o", out),
    )
    steps = _steps(1, w=2), _steps(1)
    reference = lambda x, k: Expected(*(convolved(f(x), f(k), "nchw,fchw->nfhw", *steps) for f in (np.asarray, np.abs)))
    calls = tuple(
        (normal((n, 3, h, w), key="x"), normal((4, 3, 3, 3), key="k"))
        for n, h, w in ((2, 7, 9), (1, 3, 3), (1, 20, 34), (1, 4, 8))
    )
    return [
        Program(
            "conv_dynamic", function(f"x:{shape} k:4x3x3x3xf32", f"r:{out}", text), calls[0], reference, more=calls[1:]
        )
    ]


def _padded() -> list[Program]:
    text = """  %c = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%i: index, %j: index, %k0: index, %l: index):
    tensor.yield %c : f32
  } : tensor<2x3x8x9xf32> to tensor<2x3x10x11xf32>
"""
    ones = "{strides = dense<1> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}"
    conv = text + _named(
        "depthwise_conv_2d_nchw_chw", ones, [("%p", "2x3x10x11xf32"), ("%k", "3x3x3xf32")], ("%o", "2x3x8x9xf32")
    )
    low = (
        text.replace("0.0", "0xFF800000")
        + empty("k", "3x3xf32")
        + _named("pooling_nchw_max", ones, [("%p", "2x3x10x11xf32"), ("%k", "3x3xf32")], ("%o", "2x3x8x9xf32"))
    )
    border = ((0, 0), (0, 0), (1, 1), (1, 1))
    depthwise = lambda x, k, o: o + convolved(np.pad(x, border), k, "nchw,chw->nchw", _steps(1), _steps(1))
    shapes = (normal((2, 3, 8, 9), key="x"), normal((3, 3, 3), key="k"), normal((2, 3, 8, 9), key="o"))
    return [
        Program(
            "conv_padded",
            function("x:2x3x8x9xf32 k:3x3x3xf32 o:2x3x8x9xf32", "r:2x3x8x9xf32", conv),
            shapes,
            lambda x, k, o: Expected(depthwise(x, k, o), depthwise(np.abs(x), np.abs(k), np.abs(o))),
        ),
        Program(
            "pooling_padded",
            function("x:2x3x8x9xf32 o:2x3x8x9xf32", "r:2x3x8x9xf32", low),
            (shapes[0], shapes[2]),
            lambda x, o: np.maximum(
                o,
                windowed(
                    np.pad(x, border, constant_values=-np.inf), "nchw", {"h": 3, "w": 3}, _steps(1), _steps(1)
                ).max((-1, -2)),
            ),
        ),
    ]


def _generic(
    name: str,
    maps: str,
    kinds: str,
    args: str,
    out: str,
    body: str,
    inputs: tuple[Array, ...],
    reference: Callable[..., object],
    more: tuple[tuple[Array, ...], ...] = (),
) -> Program:
    """One generic; `maps` as MLIR has them between affine_map<...>, separated by ";", the output's last."""
    pairs = [a.split(":", 1) for a in args.split()]
    types = [*(t for _, t in pairs), out]
    letters = ["%" + c for c in "abcd"[: len(pairs)]]
    maps_text = ", ".join(f"affine_map<{m.strip()}>" for m in maps.split(";"))
    kinds_text = ", ".join('"reduction"' if k == "r" else '"parallel"' for k in kinds)
    block = ", ".join(f"{v}: f32" for v in [*letters, "%u"])
    ins = f"ins({', '.join('%' + n for n, _ in pairs)} : {', '.join(tensor(t) for t in types[:-1])})"
    text = (
        f"  %r = linalg.generic {{indexing_maps = [{maps_text}], iterator_types = [{kinds_text}]}} {ins} outs(%o : {tensor(out)}) {{\n"
        f"  ^bb0({block}):\n    {body}\n  }} -> {tensor(out)}\n"
    )
    return Program(name, function(f"{args} o:{out}", f"r:{out}", text), inputs, reference, more=more)


_TAKE = "linalg.yield %a : f32"
_SUM = "%0 = arith.addf %u, %a : f32\n    linalg.yield %0 : f32"
_PRODUCTS = "%0 = arith.mulf %a, %b : f32\n    %1 = arith.addf %u, %0 : f32\n    linalg.yield %1 : f32"


def _maps() -> list[Program]:
    x = normal(40, key="x")
    square = normal((7, 7), key="x")
    zeros = lambda *shape: np.zeros(shape, np.float32)
    view = np.lib.stride_tricks.sliding_window_view
    return [
        _generic("map_strided", "(i) -> (i * 3); (i) -> (i)", "p", "x:40xf32", "14xf32", _TAKE, (x, zeros(14)), lambda x, o: x[::3]),
        _generic("map_offset", "(i) -> (i * 2 + 5); (i) -> (i)", "p", "x:40xf32", "17xf32", _TAKE, (x, zeros(17)), lambda x, o: x[5:39:2]),
        _generic("map_shifted", "(i) -> (i); (i) -> (i + 1); (i) -> (i)", "p", "x:39xf32 y:40xf32", "39xf32", "%0 = arith.subf %b, %a : f32\n    linalg.yield %0 : f32", (normal(39, key="y"), x, zeros(39)), lambda y, x, o: x[1:] - y),
        _generic("map_windows_kept", "(i, j) -> (i * 2 + j * 3); (i, j) -> (i, j)", "pp", "x:40xf32", "16x4xf32", _TAKE, (x, zeros(16, 4)), lambda x, o: view(x, 10)[::2, ::3]),
        _generic("map_windows_first", "(i, j) -> (i * 2 + j * 3); (i, j) -> (j, i)", "pp", "x:40xf32", "4x16xf32", _TAKE, (x, zeros(4, 16)), lambda x, o: view(x, 10)[::2, ::3].T),
        _generic("map_windows_offset", "(i, j) -> (i + j + 4); (i, j) -> (j); (i, j) -> (i)", "pr", "x:40xf32 k:5xf32", "20xf32", _PRODUCTS, (x, normal(5), zeros(20)), lambda x, k, o: Expected(view(x[4:28], 5) @ k, view(np.abs(x[4:28]), 5) @ np.abs(k))),
        _generic("map_three_dims", "(i, j, k) -> (i * 2 + j + k * 4); (i, j, k) -> (i, j, k)", "ppp", "x:40xf32", "13x3x4xf32", _TAKE, (x, zeros(13, 3, 4)), lambda x, o: x[np.add.outer(np.add.outer(2 * np.arange(13), np.arange(3)), 4 * np.arange(4))]),
        _generic("map_sums_of_windows", "(i, j) -> (i * 3 + j); (i, j) -> (j); (i, j) -> (i)", "pr", "x:40xf32 k:4xf32", "13xf32", "%0 = arith.addf %u, %a : f32\n    linalg.yield %0 : f32", (x, normal(4), zeros(13)), lambda x, k, o: Expected(view(x, 4)[::3].sum(1), np.abs(view(x, 4)[::3]).sum(1))),
        _generic("map_diagonal", "(i) -> (i, i); (i) -> (i)", "p", "x:7x7xf32", "7xf32", _TAKE, (square, zeros(7)), lambda x, o: x.diagonal()),
        _generic("map_trace", "(i) -> (i, i); (i) -> (i); (i) -> ()", "r", "x:7x7xf32 y:7xf32", "f32", _SUM, (square, normal(7), zeros()), lambda x, y, o: Expected(x.trace(), np.abs(x).trace())),
        _generic("map_antidiagonal", "(i) -> (i, 6 - i); (i) -> (i)", "p", "x:7x7xf32", "7xf32", _TAKE, (square, zeros(7)), lambda x, o: x[:, ::-1].diagonal()),
        _generic("map_reversed", "(i, j) -> (i, 6 - j); (i, j) -> (i, j)", "pp", "x:7x7xf32", "7x7xf32", _TAKE, (square, zeros(7, 7)), lambda x, o: x[:, ::-1]),
        _generic("map_upsampled", "(i, j) -> (i floordiv 2, j floordiv 3); (i, j) -> (i, j)", "pp", "x:7x7xf32", "14x21xf32", _TAKE, (square, zeros(14, 21)), lambda x, o: x.repeat(2, 0).repeat(3, 1)),
        _generic("map_repeated", "(i, j) -> (i mod 7, (j + 3) mod 7); (i, j) -> (i, j)", "pp", "x:7x7xf32", "15x20xf32", _TAKE, (square, zeros(15, 20)), lambda x, o: x[np.arange(15) % 7][:, (np.arange(20) + 3) % 7]),
        _generic("map_ceiling", "(i) -> ((i - 3) ceildiv 2 + 1); (i) -> (i)", "p", "x:40xf32", "20xf32", _TAKE, (x, zeros(20)), lambda x, o: x[-((3 - np.arange(20)) // 2) + 1]),
        _generic("map_skewed", "(i, j) -> (i + j, j); (i, j) -> (i, j)", "pp", "x:13x7xf32", "7x7xf32", _TAKE, (normal((13, 7)), zeros(7, 7)), lambda x, o: x[np.add.outer(np.arange(7), np.arange(7)), np.arange(7)]),
        _generic("map_window_of_one", "(i, j) -> (i + j); (i, j) -> (i, j)", "pp", "x:40xf32", "40x1xf32", _TAKE, (x, zeros(40, 1)), lambda x, o: x[:, None]),
        _generic("map_dynamic_window", "(i, j) -> (i + j); (i, j) -> (j); (i, j) -> (i)", "pr", "x:?xf32 k:?xf32", "?xf32", _PRODUCTS, (x, normal(5), zeros(36)), lambda x, k, o: Expected(view(x, k.size) @ k, view(np.abs(x), k.size) @ np.abs(k)), more=((x, normal(40), zeros(1)), (x, normal(1), zeros(40)))),
        _generic("map_dynamic_count", "(i, j) -> (i * 2 + j); (i, j) -> (j); (i, j) -> (i)", "pr", "x:?xf32 k:3xf32", "?xf32", _PRODUCTS, (x, normal(3), zeros(19)), lambda x, k, o: Expected(view(x, 3)[::2][: o.size] @ k, view(np.abs(x), 3)[::2][: o.size] @ np.abs(k)), more=((x, normal(3), zeros(5)), (x, normal(3), zeros(0)), (normal(3), normal(3), zeros(1)))),
        _generic("map_dynamic_strided", "(i) -> (i * 3 + 1); (i) -> (i)", "p", "x:?xf32", "?xf32", _TAKE, (x, zeros(13)), lambda x, o: x[1::3][: o.size], more=((x, zeros(2)), (x, zeros(0)))),
    ]  # fmt: skip


def _placed(o: Array, key: object, value: Array) -> Array:
    out = o.copy()
    out[key] = value
    return out


def _places() -> list[Program]:
    """Results that fill only a part of what they are placed in; the rest stays."""
    x, block = normal(7, key="x"), normal((5, 7), key="x")
    sums = lambda x, o: _placed(o, (slice(0, 13, 3), 1), o[0:13:3, 1] + x.sum(1))
    return [
        _generic("place_row", "(i) -> (i); (i) -> (2, i)", "p", "x:7xf32", "4x7xf32", _TAKE, (x, normal((4, 7))), lambda x, o: _placed(o, 2, x)),
        _generic("place_strided", "(i) -> (i); (i) -> (i * 2 + 1)", "p", "x:7xf32", "15xf32", _TAKE, (x, normal(15)), lambda x, o: _placed(o, slice(1, 15, 2), x)),
        _generic("place_transposed", "(i, j) -> (i, j); (i, j) -> (j, 1, i + 2)", "pp", "x:5x7xf32", "7x3x9xf32", _TAKE, (block, normal((7, 3, 9))), lambda x, o: _placed(o, (slice(None), 1, slice(2, 7)), x.T)),
        _generic("place_folded", "(i, j) -> (i, j); (i, j) -> (i * 3, 1)", "pr", "x:5x7xf32", "14x2xf32", _SUM, (block, normal((14, 2))), lambda x, o: Expected(sums(x, o), sums(np.abs(x), np.abs(o)))),
        _generic("place_dynamic", "(i) -> (i); (i) -> (i + 3)", "p", "x:?xf32", "?xf32", "%0 = arith.addf %a, %u : f32\n    linalg.yield %0 : f32", (x, normal(20)), lambda x, o: _placed(o, slice(3, 3 + x.size), o[3 : 3 + x.size] + x), more=((normal(0), normal(5)), (normal(40), normal(43)))),
    ]  # fmt: skip


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_convolutions(), *_poolings(), *_dynamic(), *_padded(), *_maps(), *_places()]
