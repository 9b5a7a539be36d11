"""Each op of tile form, for every dtype that it takes: lowered, compiled, and held against NumPy."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tile_form import ALL, DTYPES, F8, FLOATS, INTEGERS, Array, close, garbage, kernel, on_tiles, run, values, wide

import powerfusion as pf

ADD = {**dict.fromkeys(FLOATS, "arith.addf"), **dict.fromkeys(INTEGERS, "arith.addi"), "i1": "arith.xori"}
SUMMED = [*FLOATS, *INTEGERS]


def added(*arrays: Array) -> Array:
    """The sum of arrays, exclusive or of booleans."""
    first, *others = map(wide, arrays)
    for other in others:
        first = np.logical_xor(first, other) if first.dtype == np.bool_ else first + other
    return first


# -- movement --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ALL)
def test_windows_with_tails(dtype: str) -> None:
    """A tile of three long dimensions is read and written where it is there, and nowhere else."""
    body = f"""
    %t = gir.load %x[%c0, %c1, %c2] valid [%c2, %n, %m] : D<2x?x?x{dtype}> -> T<2x3x8x{dtype}>
    gir.store %t, %y[%c0, %c0, %c1] valid [%c2, %n, %m] : T<2x3x8x{dtype}>, D<2x?x?x{dtype}>
    """
    x = values((2, 3, 7), dtype)
    for n, m in ((2, 5), (1, 0), (2, 1)):
        y = values((2, 2, 6), dtype, "y")
        expected = y.copy()
        expected[:, :n, 1 : 1 + m] = x[:, 1 : 1 + n, 2 : 2 + m]
        run(kernel(f"x:2x?x?x{dtype} y:2x?x?x{dtype} n:index m:index", body), x, y, n, m)
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("dtype", ALL)
def test_clip(dtype: str) -> None:
    """A window that sticks out on both sides of both dimensions accesses what is inside."""
    body = f"""
    %i = arith.constant -1 : index
    %t = gir.load %x[%i, %i] clip : D<3x5x{dtype}> -> T<4x8x{dtype}>
    gir.store %t, %y[%c0, %c0] : T<4x8x{dtype}>, D<4x8x{dtype}>
    """
    x, y = values((3, 5), dtype), values((4, 8), dtype)
    run(kernel(f"x:3x5x{dtype} y:4x8x{dtype}", body), x, y)
    np.testing.assert_array_equal(y[1:, 1:6], x)


@pytest.mark.parametrize("dtype", ALL)
def test_nontemporal(dtype: str) -> None:
    """Stores past the caches write the same, aligned or not."""
    body = f"""
    %t = gir.load %x[%c0, %c0] : D<3x64x{dtype}> -> T<3x64x{dtype}>
    gir.store %t, %y[%c0, %n] nontemporal : T<3x64x{dtype}>, D<3x128x{dtype}>
    """
    x = values((3, 64), dtype)
    text = kernel(f"x:3x64x{dtype} y:3x128x{dtype} n:index", body)
    for n in (0, 1, 64):
        y = np.zeros((3, 128), DTYPES[dtype])
        run(text, x, y, n)
        np.testing.assert_array_equal(y[:, n : n + 64], x)
        assert not np.delete(y, np.s_[n : n + 64], 1).any()


@pytest.mark.parametrize("dtype", ["f32", "bf16", "i8"])
@pytest.mark.parametrize("count", [1, 7, 8, 24, 56, 58])
@pytest.mark.parametrize("aligned", ["", " {gir.aligned_bytes = 16 : i64}", " {gir.aligned_bytes = 32 : i64}"])
def test_rows_past_the_caches(dtype: str, count: int, aligned: str) -> None:
    """The first lanes of rows, in pieces that begin where is said, or elsewhere."""
    body = f"""
    %count = arith.constant {count} : index
    %t = gir.load %x[%c0, %c0] : D<3x58x{dtype}> -> T<3x58x{dtype}>
    gir.store %t, %y[%c0, %n] valid [%c2, %count] nontemporal{aligned} : T<3x58x{dtype}>, D<3x128x{dtype}>
    """
    x = values((3, 58), dtype)
    for n in (0, 5, 8, 16):
        y = np.zeros((3, 128), DTYPES[dtype])
        run(kernel(f"x:3x58x{dtype} y:3x128x{dtype} n:index", body), x, y, n)
        np.testing.assert_array_equal(y[:2, n : n + count], x[:2, :count])
        assert not np.delete(y[:2], np.s_[n : n + count], 1).any()
        assert not y[2].any()


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i8"])
def test_rows_past_the_caches_by_groups(dtype: str) -> None:
    """Groups on several threads that do nothing but move a row each."""
    body = f"""
    gir.parallel <group> (%g) in (%c8) attributes {{gir.work = 1000000 : i64}} {{
      %t = gir.load %x[%g, %c0] : D<8x64x{dtype}> -> T<1x64x{dtype}>
      gir.store %t, %y[%g, %c0] nontemporal : T<1x64x{dtype}>, D<8x64x{dtype}>
    }}
    """
    x, y = values((8, 64), dtype), np.zeros((8, 64), DTYPES[dtype])
    run(kernel(f"x:8x64x{dtype} y:8x64x{dtype}", body), x, y)
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("machine", ["x86-64-v3", "x86-64-v4", "sapphirerapids"])
@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i8"])
def test_rows_past_the_caches_in_machine_code(dtype: str, machine: str) -> None:
    """All of a row is stored so, although LLVM has no such stores of 16-bit floats and sees through casts to them."""
    tools = [shutil.which(tool) for tool in ("mlir-translate-22", "opt-22", "llc-22")]
    if None in tools:
        pytest.skip("needs LLVM's tools")
    size = DTYPES[dtype].itemsize
    for row, aligned in ((96, 16), (96, 32), (64, 64), (16, 16)):
        count = row // size
        body = f"""
    %t = gir.load %x[%c0] : D<{count}x{dtype}> -> T<{count}x{dtype}>
    gir.store %t, %y[%c0] nontemporal {{gir.aligned_bytes = {aligned} : i64}} : T<{count}x{dtype}>, D<{count}x{dtype}>
        """
        text = pf.compile(kernel(f"x:{count}x{dtype} y:{count}x{dtype}", body)).ir("llvm")
        for tool, *options in (
            (tools[0], "--mlir-to-llvmir"),
            (tools[1], "-O3", "-S", f"-mcpu={machine}"),
            (tools[2], "-O3", "-mtriple=x86_64-linux-gnu", f"-mcpu={machine}"),
        ):
            text = subprocess.run([str(tool), *options], input=text, capture_output=True, text=True, check=True).stdout
        code = text[text.index("pf_main:") : text.index("-- End function")]
        registers = re.findall(r"\bv?movnt\S*\s+%([xyz])mm", code)
        assert sum({"x": 16, "y": 32, "z": 64}[register] for register in registers) == row


@pytest.mark.parametrize("dtype", ALL)
def test_gather(dtype: str) -> None:
    """Elements at computed places; places outside of the table are not accessed."""
    body = f"%r = gir.gather %x_m[%i, %j] : D<4x5x{dtype}>[T<3x8xindex>, T<3x8xindex>] -> T<3x8x{dtype}>"
    x = values((4, 5), dtype)
    i, j = values((3, 8), "index", "i") + 2, values((3, 8), "index", "j")
    (r,) = on_tiles(body, {"x": (x, dtype), "i": (i, "index"), "j": (j, "index")}, {"r": ((3, 8), dtype)})
    inside = (i >= 0) & (i < 4) & (j >= 0) & (j < 5)
    assert 3 < inside.sum() < 20
    np.testing.assert_array_equal(r[inside], x[i[inside], j[inside]])


@pytest.mark.parametrize("dtype", ALL)
def test_scatter(dtype: str) -> None:
    """Elements to computed places; those outside of the table, and those that aren't there, are dropped."""
    body = f"gir.scatter %x into %y[%i] valid [%c2, %n] : T<3x4x{dtype}> into D<20x{dtype}>[T<3x4xindex>]"
    loads = f"""
    %x = gir.load %x_m[%c0, %c0] : D<3x4x{dtype}> -> T<3x4x{dtype}>
    %i = gir.load %i_m[%c0, %c0] : D<3x4xindex> -> T<3x4xindex>
    """
    x, y = values((3, 4), dtype), values((20,), dtype, "y")
    i = np.array([[3, 20, -1, 0], [19, 7, 5, 1], [2, 4, 6, 8]])
    expected = y.copy()
    for place in ((0, 0), (1, 0), (1, 1), (1, 2)):
        expected[i[place]] = x[place]
    run(kernel(f"x_m:3x4x{dtype} i_m:3x4xindex y:20x{dtype} n:index", loads + body), x, i, y, 3)
    np.testing.assert_array_equal(y, expected)


KINDS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "add": (np.add, (*FLOATS, *INTEGERS)),
    "mul": (np.multiply, (*FLOATS, *INTEGERS)),
    "maximumf": (np.maximum, FLOATS),
    "minimumf": (np.minimum, FLOATS),
    "maxnumf": (np.fmax, FLOATS),
    "minnumf": (np.fmin, FLOATS),
    "maxsi": (np.maximum, INTEGERS),
    "minsi": (np.minimum, INTEGERS),
    "maxui": (lambda a, b: np.maximum(a.view(f"u{a.itemsize}"), b.view(f"u{b.itemsize}")).view(a.dtype), INTEGERS),
    "minui": (lambda a, b: np.minimum(a.view(f"u{a.itemsize}"), b.view(f"u{b.itemsize}")).view(a.dtype), INTEGERS),
    "and": (np.bitwise_and, ("i1", *INTEGERS)),
    "or": (np.bitwise_or, ("i1", *INTEGERS)),
    "xor": (np.bitwise_xor, ("i1", *INTEGERS)),
}
KINDS_BY_DTYPE = {dtype: [kind for kind, (_, taken) in KINDS.items() if dtype in taken] for dtype in ALL}


def folded(kind: str, init: Array, parts: list[Array]) -> Array:
    """Parts folded into an init, in order, floats in float64."""
    made = wide(init)
    for part in parts:
        made = np.asarray(KINDS[kind][0](made, wide(part)))
    return made


@pytest.mark.parametrize("threads", [False, True], ids=["alone", "parallel"])
@pytest.mark.parametrize("dtype", ALL)
def test_scatter_kinds(dtype: str, threads: bool) -> None:
    """Elements are combined with what is in their place, by every kind; none is lost between threads."""
    kinds = [kind for kind in KINDS_BY_DTYPE[dtype] if not (threads and kind == "mul")]  # which has no atomic op
    lines = [
        f"gir.scatter %x into %y{at}[%i] kind <{kind}> : T<1x8x{dtype}> into D<4x{dtype}>[T<1x8xindex>]"
        for at, kind in enumerate(kinds)
    ]
    body = "\n".join(
        [
            "gir.parallel <group> (%g) in (%c6) {" if threads else "scf.for %g = %c0 to %c6 step %c1 {",
            f"%x = gir.load %x_m[%g, %c0] : D<6x8x{dtype}> -> T<1x8x{dtype}>",
            "%i = gir.load %i_m[%g, %c0] : D<6x8xindex> -> T<1x8xindex>",
            *lines,
            "}",
        ]
    )
    x = np.abs(values((6, 8), dtype)) if dtype != "i1" else values((6, 8), dtype)
    i = np.arange(48).reshape(6, 8) % 5
    arguments = " ".join([f"x_m:6x8x{dtype} i_m:6x8xindex", *(f"y{at}:4x{dtype}" for at in range(len(kinds)))])
    outputs = [np.ones(4, DTYPES[dtype]) for _ in kinds]
    run(kernel(arguments, body), x, i, *outputs)
    for kind, y in zip(kinds, outputs, strict=True):
        for place in range(4):
            parts = list(x[i == place])
            if dtype in FLOATS and kind in ("add", "mul") and y.itemsize < 4:
                continue  # each update rounds, in an order that isn't known
            close(y[place : place + 1], folded(kind, np.ones(1, DTYPES[dtype]), parts), roundings=20)


# -- views -----------------------------------------------------------------------------------------


def _neighbourhoods(x: Array) -> Array:
    """Every second 2 x 3 box of a 4 x 7 array, its rows two apart."""
    boxes = [[x[i : i + 3 : 2, j : j + 3] for j in (0, 2, 4)] for i in (0, 1)]
    return np.array(boxes)


VIEWS: dict[str, tuple[str, tuple[int, ...], Callable[[Array], Array]]] = {
    "permute": ("gir.permute %x [2, 0, 1]", (2, 3, 4), lambda x: np.transpose(x, (2, 0, 1))),
    "broadcast": (
        "gir.broadcast %x dims [0, 2]",
        (3, 4),
        lambda x: np.broadcast_to(x[None, :, None], (2, 3, 5, 4)),
    ),
    "broadcast_lanes": ("gir.broadcast %x dims [1, 2]", (3,), lambda x: np.broadcast_to(x[:, None, None], (3, 2, 8))),
    "reshape": ("gir.reshape %x", (3, 8), lambda x: x.reshape(2, 3, 4)),
    "slice": ("gir.slice %x [1, 0, 1] [1, 2, 3] [1, 2, 2] drop [0]", (2, 4, 7), lambda x: x[1, 0:3:2, 1:6:2]),
    "slice_at": ("gir.slice %x [%c1, %n] [2, 3] [1, 2]", (4, 8), lambda x: x[1:3, 2:7:2]),
    "window": (
        "gir.window %x dims [0, 1] sizes [2, 3] strides [1, 2] dilations [2, 1]",
        (4, 7),
        _neighbourhoods,
    ),
    "transpose_8": ("gir.permute %x [1, 0]", (8, 8), lambda x: x.T),
    "transpose_low": ("gir.permute %x [1, 0]", (8, 32), lambda x: x.T),
    "transpose_high": ("gir.permute %x [1, 0]", (32, 8), lambda x: x.T),
}


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("view", VIEWS)
def test_view(view: str, dtype: str) -> None:
    """A view of a tile gives the elements that NumPy's gives."""
    op, shape, meaning = VIEWS[view]
    x = values(shape, dtype)
    expected = meaning(x)
    types = ["T<" + "x".join([*map(str, s), dtype]) + ">" for s in (shape, expected.shape)]
    (r,) = on_tiles(f"%r = {op} : {types[0]} -> {types[1]}", {"x": (x, dtype)}, {"r": (expected.shape, dtype)}, n=2)
    np.testing.assert_array_equal(r, expected)


@pytest.mark.parametrize("dtype", ALL)
def test_concat(dtype: str) -> None:
    """Rows behind one another, and lanes side by side."""
    body = f"""
    %0 = gir.concat %x, %y dim 1 : (T<3x4x{dtype}>, T<3x2x{dtype}>) -> T<3x6x{dtype}>
    %r = gir.concat %0, %z dim 0 : (T<3x6x{dtype}>, T<1x6x{dtype}>) -> T<4x6x{dtype}>
    """
    x, y, z = values((3, 4), dtype), values((3, 2), dtype, "y"), values((1, 6), dtype, "z")
    (r,) = on_tiles(body, {"x": (x, dtype), "y": (y, dtype), "z": (z, dtype)}, {"r": ((4, 6), dtype)})
    np.testing.assert_array_equal(r, np.concatenate([np.concatenate([x, y], 1), z]))


@pytest.mark.parametrize("dtype", ALL)
def test_pad(dtype: str) -> None:
    """A border of one value."""
    number = {"i1": "true"}.get(dtype, f"{'2.0' if dtype in FLOATS else '2'} : {dtype}")
    body = f"""
    %v = arith.constant {number}
    %r = gir.pad %x low [1, 2] high [0, 1] value %v : T<3x5x{dtype}> -> T<4x8x{dtype}>
    """
    x = values((3, 5), dtype)
    (r,) = on_tiles(body, {"x": (x, dtype)}, {"r": ((4, 8), dtype)})
    value = np.asarray(2).astype(DTYPES[dtype])
    expected = np.full((4, 8), value)
    expected[1:, 2:7] = x
    np.testing.assert_array_equal(r, expected)


# -- computation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ALL)
def test_elementwise(dtype: str) -> None:
    """Arithmetic, comparison and choice on a tile of several rows; results are rounded after each op."""
    compare = "arith.cmpf olt" if dtype in FLOATS else "arith.cmpi slt"
    body = f"""
    %s = {ADD[dtype]} %x, %y : T<3x5x{dtype}>
    %f = {compare}, %x, %y : T<3x5x{dtype}>
    %r = arith.select %f, %s, %x : T<3x5xi1>, T<3x5x{dtype}>
    """
    x, y = values((3, 5), dtype), values((3, 5), dtype, "y")
    (r,) = on_tiles(body, {"x": (x, dtype), "y": (y, dtype)}, {"r": ((3, 5), dtype)})
    less = (x & ~y) if dtype == "i1" else wide(x) < wide(y)
    expected = np.where(less, added(x, y), wide(x))
    if dtype in F8:
        np.testing.assert_array_equal(r, expected.astype(r.dtype))
    close(r, expected)


CASTS = {
    **{(a, b): "arith.extf" for a in FLOATS for b in ("f32", "f64") if DTYPES[a].itemsize < DTYPES[b].itemsize},
    **{
        (a, b): "arith.truncf" for a in ("f64", "f32", "f16") for b in FLOATS if DTYPES[a].itemsize > DTYPES[b].itemsize
    },
    **{(a, b): "arith.extf" for a in F8 for b in ("f16", "bf16")},
    **{(a, b): "arith.sitofp" for a in ("i8", "i16", "i32", "i64") for b in FLOATS},
    **{("i1", b): "arith.uitofp" for b in FLOATS},
    **{(a, b): "arith.fptosi" for a in FLOATS for b in ("i8", "i16", "i32", "i64")},
}


@pytest.mark.parametrize("source", [*FLOATS, "i1", "i8", "i16", "i32", "i64"])
def test_casts(source: str) -> None:
    """Every cast from one type gives what NumPy and ml_dtypes give, to the bit."""
    x = values((3, 8), source)
    if source in FLOATS:
        x = (wide(x) * 13.7).astype(x.dtype)
    wanted = {b: op for (a, b), op in CASTS.items() if a == source}
    lines = [f"%r_{b} = {op} %x : T<3x8x{source}> to T<3x8x{b}>" for b, op in wanted.items()]
    results = on_tiles("\n".join(lines), {"x": (x, source)}, {f"r_{b}": ((3, 8), b) for b in wanted})
    for b, r in zip(wanted, results, strict=True):
        np.testing.assert_array_equal(r, x.astype(DTYPES[b]), err_msg=b)


@pytest.mark.parametrize("dtype", F8)
def test_every_f8(dtype: str) -> None:
    """All 256 bit patterns widen as ml_dtypes widens them, and come back."""
    x = np.arange(256, dtype=np.uint8).view(DTYPES[dtype]).reshape(4, 64)
    body = f"""
    %r = arith.extf %x : T<4x64x{dtype}> to T<4x64xf32>
    %s = arith.truncf %r : T<4x64xf32> to T<4x64x{dtype}>
    """
    r, s = on_tiles(body, {"x": (x, dtype)}, {"r": ((4, 64), "f32"), "s": ((4, 64), dtype)})
    np.testing.assert_array_equal(r, x.astype(np.float32))
    np.testing.assert_array_equal(s.astype(np.float32), r)


@pytest.mark.parametrize("wide_dtype", ["f32", "f64"])
@pytest.mark.parametrize("dtype", F8)
def test_f8_rounding(dtype: str, wide_dtype: str) -> None:
    """Halfway cases, subnormals, overflow, infinities and NaN round as in ml_dtypes."""
    exact = np.arange(256, dtype=np.uint8).view(DTYPES[dtype]).astype(np.float64)
    exact = np.sort(exact[np.isfinite(exact)])
    between = (exact[1:] + exact[:-1]) / 2
    narrow = np.float32 if wide_dtype == "f32" else np.float64
    tiny = [np.nextafter(between.astype(narrow), narrow(side)) for side in (-np.inf, np.inf)]
    beyond = np.array([448, 464, 465, 480, 57344, 61440, 61441, 65536, 1e30, np.inf, np.nan, 1e-30, 0.0])
    x = np.concatenate([exact, between, *tiny, beyond, -beyond]).astype(DTYPES[wide_dtype])
    x = np.resize(x, (16, 72))
    body = f"%r = arith.truncf %x : T<16x72x{wide_dtype}> to T<16x72x{dtype}>"
    (r,) = on_tiles(body, {"x": (x, wide_dtype)}, {"r": ((16, 72), dtype)})
    expected = x.astype(DTYPES[dtype])
    np.testing.assert_array_equal(r.astype(np.float32), expected.astype(np.float32))
    here = ~np.isnan(x)
    np.testing.assert_array_equal(r.view(np.uint8)[here], expected.view(np.uint8)[here])


@pytest.mark.parametrize("dtype", FLOATS)
def test_math(dtype: str) -> None:
    """Functions that are polynomials, intrinsics, and calls of the C library, on several rows."""
    functions = {"exp": np.exp, "sqrt": np.sqrt, "cbrt": np.cbrt, "log1p": np.log1p, "absf": np.abs}
    lines = [f"%r_{name} = math.{name} %x : T<3x5x{dtype}>" for name in functions]
    x = np.abs(values((3, 5), dtype))
    results = on_tiles("\n".join(lines), {"x": (x, dtype)}, {f"r_{name}": ((3, 5), dtype) for name in functions})
    for function, r in zip(functions.values(), results, strict=True):
        close(r, function(wide(x)))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_iota(dim: int) -> None:
    """Indices along rows and along lanes, from an offset on."""
    (r,) = on_tiles(f"%r = gir.iota dim {dim} offset(%n) : T<2x3x4xindex>", {}, {"r": ((2, 3, 4), "index")}, n=5)
    np.testing.assert_array_equal(r, np.indices((2, 3, 4))[dim] + 5)


REDUCED = {"rows": [0], "lanes": [2], "both": [0, 2], "all": [0, 1, 2]}


@pytest.mark.parametrize("dims", REDUCED)
@pytest.mark.parametrize("dtype", ALL)
def test_reduce(dtype: str, dims: str) -> None:
    """Every kind along rows, along lanes and along both; what isn't there takes no part."""
    folds = REDUCED[dims]
    kept = tuple(size for dim, size in enumerate((2, 3, 4)) if dim not in folds)
    valid = tuple(size for dim, size in enumerate((1, 3, 3)) if dim not in folds)
    kinds = KINDS_BY_DTYPE[dtype]
    init = values(kept or (1,), dtype, "init")
    shown = "x".join([*map(str, kept), dtype])
    source = "%i" if kept else "%i0"
    lines = [] if kept else [f"%i0 = gir.reshape %i : T<1x{dtype}> -> T<{dtype}>"]
    for kind in kinds:
        lines.append(
            f"%s_{kind} = gir.reduce %x into {source} dims {folds} valid [%a, %c3, %b]"
            f" kinds [#vector.kind<{kind}>] : T<2x3x4x{dtype}> into T<{shown}>"
        )
        lines.append(f"%r_{kind} = gir.reshape %s_{kind} : T<{shown}> -> T<{shown if kept else '1x' + dtype}>")
    full = values((2, 3, 4), dtype)
    x = garbage(full, (1, 3, 3))
    results = on_tiles(
        "\n".join(lines),
        {"x": (x, dtype), "i": (init, dtype)},
        {f"r_{k}": (kept or (1,), dtype) for k in kinds},
        a=1,
        b=3,
    )
    part = np.moveaxis(full[:1, :, :3], folds, range(len(folds))).reshape(-1, *valid)
    for kind, r in zip(kinds, results, strict=True):
        begin = init.reshape(kept)[tuple(map(slice, valid))]
        expected = folded(kind, begin, list(part))
        scale = np.abs(part.astype(np.float64)).sum(0) if dtype in FLOATS and kind == "add" else 0
        inside = tuple(map(slice, valid))
        close(np.asarray(r.reshape(kept)[inside]), expected, scale=scale)
        untouched = np.ones(kept, np.bool_)
        untouched[inside] = False
        np.testing.assert_array_equal(r.reshape(kept)[untouched], init.reshape(kept)[untouched])


@pytest.mark.parametrize("loop", [False, True], ids=["in a row", "behind a loop"])
@pytest.mark.parametrize("dtype", ALL)
def test_reductions_that_go_on(dtype: str, loop: bool) -> None:
    """Pieces of a row, the last one shorter and not all there: what lies behind takes no part."""
    kinds = KINDS_BY_DTYPE[dtype]
    init, row = values((2,), dtype, "init"), values((2, 39), dtype)
    lines = []
    for kind in kinds:
        how = f"dims [1] kinds [#vector.kind<{kind}>]"
        pieces = f"T<2x16x{dtype}> into T<2x{dtype}>"
        if loop:
            lines += [
                f"%q_{kind} = scf.for %j = %c0 to %c32 step %c16 iter_args(%s = %i) -> (T<2x{dtype}>) {{",
                f"  %t = gir.load %row[%c0, %j] : D<2x39x{dtype}> -> T<2x16x{dtype}>",
                f"  %u = gir.reduce %t into %s {how} : {pieces}",
                f"  scf.yield %u : T<2x{dtype}>",
                "}",
            ]
        else:
            lines.append(f"%p_{kind} = gir.reduce %a into %i {how} : {pieces}")
            lines.append(f"%q_{kind} = gir.reduce %b into %p_{kind} {how} : {pieces}")
        lines.append(
            f"%r_{kind} = gir.reduce %c into %q_{kind} dims [1] valid [%n, %m] kinds [#vector.kind<{kind}>]"
            f" : T<2x7x{dtype}> into T<2x{dtype}>"
        )
        lines.append(f"gir.store %r_{kind}, %y_{kind}[%c0] : T<2x{dtype}>, D<2x{dtype}>")
    loads = [
        f"%i = gir.load %init[%c0] : D<2x{dtype}> -> T<2x{dtype}>",
        f"%a = gir.load %row[%c0, %c0] : D<2x39x{dtype}> -> T<2x16x{dtype}>",
        f"%b = gir.load %row[%c0, %c16] : D<2x39x{dtype}> -> T<2x16x{dtype}>",
        f"%c = gir.load %row[%c0, %c32] : D<2x39x{dtype}> -> T<2x7x{dtype}>",
    ]
    results = {kind: np.zeros(2, DTYPES[dtype]) for kind in kinds}
    arguments = f"row:2x39x{dtype} init:2x{dtype} " + " ".join(f"y_{kind}:2x{dtype}" for kind in kinds)
    run(kernel(f"{arguments} n:index m:index", "\n".join([*loads, *lines])), row, init, *results.values(), 2, 5)
    for kind, result in results.items():
        scale = np.abs(row[:, :37].astype(np.float64)).sum(1) if dtype in FLOATS and kind == "add" else 0
        close(result, folded(kind, init, list(row[:, :37].T)), scale=scale)


def test_what_a_loop_folds_is_folded_again() -> None:
    """A reduction behind a loop takes its results as a tile, and doesn't go on with them."""
    body = """
    %zero = arith.constant dense<0.0> : T<4xf32>
    %none = arith.constant dense<0.0> : T<f32>
    %q = scf.for %j = %c0 to %c32 step %c16 iter_args(%s = %zero) -> (T<4xf32>) {
      %t = gir.load %x[%c0, %j] : D<4x32xf32> -> T<4x16xf32>
      %u = gir.reduce %t into %s dims [1] kinds [#vector.kind<add>] : T<4x16xf32> into T<4xf32>
      scf.yield %u : T<4xf32>
    }
    %r = gir.reduce %q into %none dims [0] kinds [#vector.kind<add>] : T<4xf32> into T<f32>
    %y1 = gir.reshape %r : T<f32> -> T<1xf32>
    gir.store %y1, %y[%c0] : T<1xf32>, D<1xf32>
    """
    x, y = values((4, 32), "f32"), np.zeros(1, np.float32)
    run(kernel("x:4x32xf32 y:1xf32", body), x, y)
    close(y, x.astype(np.float64).sum(keepdims=True).reshape(1), scale=np.abs(x).sum())
