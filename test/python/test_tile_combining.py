"""Reductions with combiners, scans and contractions in tile form, per dtype, held against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from test_tile_form import KINDS_BY_DTYPE, folded
from tile_form import ALL, DTYPES, FLOATS, INTEGERS, Array, close, garbage, kernel, on_tiles, run, values, wide

NUMBERS = (*FLOATS, *INTEGERS)
MAXIMUM = {**dict.fromkeys(FLOATS, "arith.maximumf"), **dict.fromkeys(INTEGERS, "arith.maxsi"), "i1": "arith.ori"}
OPS = {**dict.fromkeys(FLOATS, ("arith.addf", "arith.mulf")), **dict.fromkeys(INTEGERS, ("arith.addi", "arith.muli"))}


# -- combiners ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dims", [[0], [1], [0, 1]], ids=["rows", "lanes", "both"])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_ordered_combiner(dtype: str, dims: list[int]) -> None:
    """Horner's scheme: a combiner that depends on the order gets it, and nothing that isn't there."""
    add, multiply = OPS[dtype]
    two = "2.0" if dtype in FLOATS else "2"
    kept = tuple(size for dim, size in enumerate((3, 5)) if dim not in dims)
    shown = "x".join([*map(str, kept), dtype])
    body = f"""
    %two = arith.constant {two} : {dtype}
    %i = gir.reshape %init : T<{"x".join([*map(str, kept or (1,)), dtype])}> -> T<{shown}>
    %s = gir.reduce %x into %i dims {dims} valid [%a, %b] combiner {{
    ^bb0(%e: {dtype}, %acc: {dtype}):
      %p = {multiply} %acc, %two : {dtype}
      %q = {add} %p, %e : {dtype}
      gir.yield %q : {dtype}
    }} : T<3x5x{dtype}> into T<{shown}>
    %r = gir.reshape %s : T<{shown}> -> T<{"x".join([*map(str, kept or (1,)), dtype])}>
    """
    rounded = values((3, 5), dtype)
    full = np.round(wide(rounded)).astype(rounded.dtype) if dtype in FLOATS else rounded
    init = np.zeros(kept or (1,), DTYPES[dtype])
    (r,) = on_tiles(
        body,
        {"x": (garbage(full, (2, 4)), dtype), "init": (init, dtype)},
        {"r": (kept or (1,), dtype)},
        a=2,
        b=4,
    )
    part = np.moveaxis(full[:2, :4], dims, range(len(dims)))
    slices = part.reshape(-1, *part.shape[len(dims) :])
    acc: Array = np.zeros(part.shape[len(dims) :], DTYPES[dtype])
    for element in slices:
        acc = np.asarray((acc + acc).astype(acc.dtype) + element).astype(acc.dtype)
    window = tuple(slice(size) for dim, size in enumerate((2, 4)) if dim not in dims)
    close(np.asarray(r.reshape(kept)[window]), wide(np.asarray(acc)))


@pytest.mark.parametrize("algebra", ["ordered", "associative", "commutative"])
@pytest.mark.parametrize("lanes", [4, 7, 16])
def test_online_softmax(algebra: str, lanes: int) -> None:
    """Running maximum and sum of exponentials as one reduction, folded in a tree where that is permitted."""
    declared = {"ordered": "combiner", "associative": "", "commutative": ""}[algebra]
    declared = declared or f"combiner <{algebra}> identity [0xFF800000 : f32, 0.0 : f32]"
    body = f"""
    %one = arith.constant dense<1.0> : T<3x{lanes}xf32>
    %m0 = arith.constant dense<0xFF800000> : T<3xf32>
    %l0 = arith.constant dense<0.0> : T<3xf32>
    %r, %s = gir.reduce %x, %one into %m0, %l0 dims [1] valid [%c3, %n] {declared} {{
    ^bb0(%m1: f32, %l1: f32, %m2: f32, %l2: f32):
      %m = arith.maximumf %m1, %m2 : f32
      %d1 = arith.subf %m1, %m : f32
      %d2 = arith.subf %m2, %m : f32
      %e1 = math.exp %d1 : f32
      %e2 = math.exp %d2 : f32
      %p1 = arith.mulf %l1, %e1 : f32
      %p2 = arith.mulf %l2, %e2 : f32
      %l = arith.addf %p1, %p2 : f32
      gir.yield %m, %l : f32, f32
    }} : T<3x{lanes}xf32>, T<3x{lanes}xf32> into T<3xf32>, T<3xf32>
    """
    full = values((3, lanes), "f32")
    x = garbage(full, (3, lanes - 1))
    m, s = on_tiles(body, {"x": (x, "f32")}, {"r": ((3,), "f32"), "s": ((3,), "f32")}, n=lanes - 1)
    part = full[:, : lanes - 1].astype(np.float64)
    close(m, part.max(1))
    close(s, np.exp(part - part.max(1, keepdims=True)).sum(1))


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16"])
def test_payload(dtype: str) -> None:
    """Attention as one reduction: maximum, sum, and a weighted sum of rows."""
    t = dtype
    body = f"""
    %one = arith.constant dense<1.0> : T<2x3x{t}>
    %m0 = arith.constant dense<-1.0e4> : T<2x{t}>
    %l0 = arith.constant dense<0.0> : T<2x{t}>
    %o0 = arith.constant dense<0.0> : T<2x4x{t}>
    %r, %s, %o = gir.reduce %x, %one, %v into %m0, %l0, %o0 dims [1] valid [%c2, %n] combiner {{
    ^bb0(%m1: {t}, %l1: {t}, %v1: T<4x{t}>, %m2: {t}, %l2: {t}, %v2: T<4x{t}>):
      %m = arith.maximumf %m1, %m2 : {t}
      %d1 = arith.subf %m1, %m : {t}
      %d2 = arith.subf %m2, %m : {t}
      %e1 = math.exp %d1 : {t}
      %e2 = math.exp %d2 : {t}
      %p1 = arith.mulf %l1, %e1 : {t}
      %p2 = arith.mulf %l2, %e2 : {t}
      %l = arith.addf %p1, %p2 : {t}
      %t1 = tensor.splat %e1 : T<4x{t}>
      %t2 = tensor.splat %e2 : T<4x{t}>
      %u1 = arith.mulf %v1, %t1 : T<4x{t}>
      %u2 = arith.mulf %v2, %t2 : T<4x{t}>
      %u = arith.addf %u1, %u2 : T<4x{t}>
      gir.yield %m, %l, %u : {t}, {t}, T<4x{t}>
    }} : T<2x3x{t}>, T<2x3x{t}>, T<2x3x4x{t}> into T<2x{t}>, T<2x{t}>, T<2x4x{t}>
    """
    x, v = values((2, 3), dtype), values((2, 3, 4), dtype, "v")
    outputs = {"r": ((2,), dtype), "s": ((2,), dtype), "o": ((2, 4), dtype)}
    inputs = {"x": (garbage(x, (2, 2)), dtype), "v": (garbage(v, (2, 2, 4)), dtype)}
    m, s, o = on_tiles(body, inputs, outputs, n=2)
    part = wide(x)[:, :2]
    weights = np.exp(part - part.max(1, keepdims=True))
    close(m, part.max(1))
    close(s, weights.sum(1), roundings=3)
    close(o, (weights[..., None] * wide(v)[:, :2]).sum(1), scale=np.abs(wide(v)).sum(1), roundings=3)


# -- scans -------------------------------------------------------------------------------------------


def scanned(kind: str, init: np.ndarray, parts: list[np.ndarray], exclusive: bool, reverse: bool) -> tuple:
    """All accumulators along the first dimension, and the last one."""
    order = range(len(parts) - 1, -1, -1) if reverse else range(len(parts))
    acc, made = wide(init), {}
    for at in order:
        after = folded(kind, acc.astype(acc.dtype), [parts[at]])
        made[at] = acc if exclusive else after
        acc = after
    return np.stack([made[at] for at in range(len(parts))]), acc


@pytest.mark.parametrize("way", ["", "exclusive", "reverse", "exclusive reverse"], ids=lambda way: way or "plain")
@pytest.mark.parametrize("dtype", ALL)
def test_scan(dtype: str, way: str) -> None:
    """Every kind along rows and along lanes; what isn't there takes no part, in either direction."""
    lines, outputs = [], {}
    for dim, (kept, init) in enumerate(((5, "%a"), (3, "%b"))):
        for kind in KINDS_BY_DTYPE[dtype]:
            name = f"{kind}_{dim}"
            lines.append(
                f"%y_{name}, %f_{name} = gir.scan %x into {init} dim {dim} {way} valid [%n, %m]"
                f" kinds [#vector.kind<{kind}>] : T<3x5x{dtype}> into T<{kept}x{dtype}>"
            )
            outputs |= {f"y_{name}": ((3, 5), dtype), f"f_{name}": ((kept,), dtype)}
    full, a, b = values((3, 5), dtype), values((5,), dtype, "a"), values((3,), dtype, "b")
    inputs = {"x": (garbage(full, (2, 4)), dtype), "a": (a, dtype), "b": (b, dtype)}
    results = iter(on_tiles("\n".join(lines), inputs, outputs, n=2, m=4))
    exclusive, reverse = "exclusive" in way, "reverse" in way
    for dim, init in enumerate((a[:4], b[:2])):
        part = np.moveaxis(full[:2, :4], dim, 0)
        for kind in KINDS_BY_DTYPE[dtype]:
            y, final = next(results), next(results)
            expected, last = scanned(kind, init, list(part), exclusive, reverse)
            scale = np.abs(wide(full).astype(np.float64)).sum() + 2 if dtype in FLOATS and kind == "add" else 0
            close(np.moveaxis(y[:2, :4], dim, 0), expected, scale=scale)
            close(final[: len(init)], last, scale=scale)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_scan_combiner(dtype: str) -> None:
    """A linear recurrence: two values are carried, the second depends on the first."""
    add, multiply = OPS[dtype]
    t = dtype
    body = f"""
    %y, %z, %p, %q = gir.scan %a, %b into %u, %v dim 1 combiner {{
    ^bb0(%a1: {t}, %b1: {t}, %a0: {t}, %b0: {t}):
      %0 = {multiply} %a1, %a0 : {t}
      %1 = {multiply} %a1, %b0 : {t}
      %2 = {add} %1, %b1 : {t}
      gir.yield %0, %2 : {t}, {t}
    }} : T<2x4x{t}>, T<2x4x{t}> into T<2x{t}>, T<2x{t}>
    """
    a, b = np.ones((2, 4), DTYPES[dtype]), values((2, 4), dtype, "b")
    if dtype in FLOATS:
        b = np.round(wide(b)).astype(b.dtype)
    u, v = np.ones(2, DTYPES[dtype]), np.zeros(2, DTYPES[dtype])
    a[:, 1] = 2
    outputs = {"y": ((2, 4), t), "z": ((2, 4), t), "p": ((2,), t), "q": ((2,), t)}
    inputs = {"a": (a, t), "b": (b, t), "u": (u, t), "v": (v, t)}
    y, z, p, q = on_tiles(body, inputs, outputs)
    acc = np.zeros(2)
    for at in range(4):
        acc = wide(a)[:, at] * acc + wide(b)[:, at]
        close(z[:, at], acc if dtype in FLOATS else acc.astype(np.int64))
    close(y, np.cumprod(wide(a), 1))
    np.testing.assert_array_equal(p, y[:, -1])
    np.testing.assert_array_equal(q, z[:, -1])


def test_scan_carries_over_tiles() -> None:
    """A sum over a row longer than a tile is carried from tile to tile."""
    body = """
    %0 = arith.constant dense<0.0> : T<1xf32>
    %f = scf.for %j = %c0 to %c32 step %c8 iter_args(%acc = %0) -> (T<1xf32>) {
      %t = gir.load %x_m[%c0, %j] : D<1x32xf32> -> T<1x8xf32>
      %y, %g = gir.scan %t into %acc dim 1 kinds [#vector.kind<add>] : T<1x8xf32> into T<1xf32>
      gir.store %y, %y_m[%c0, %j] : T<1x8xf32>, D<1x32xf32>
      scf.yield %g : T<1xf32>
    }
    """
    x, y = values((1, 32), "f32"), np.zeros((1, 32), np.float32)
    run(kernel("x_m:1x32xf32 y_m:1x32xf32", body), x, y)
    close(y, np.cumsum(x.astype(np.float64), 1), scale=np.abs(x).sum())


# -- contractions ------------------------------------------------------------------------------------

CONTRACTIONS = {
    "matmul": ("m, n, k", "m, k", "k, n", "m, n", "mk,kn->mn"),
    "transposed": ("m, n, k", "m, k", "n, k", "m, n", "mk,nk->mn"),
    "batched": ("b, m, n, k", "b, k, m", "b, k, n", "b, m, n", "bkm,bkn->bmn"),
    "dot": ("k", "k", "k", "", "k,k->"),
    "matvec": ("m, k", "m, k", "k", "m", "mk,k->m"),
    "outer": ("m, n", "m", "n", "n, m", "m,n->nm"),
}
SIZES = {"b": 2, "m": 3, "n": 4, "k": 5}
VALID = {"b": 2, "m": 3, "n": 3, "k": 4}
WIDENED = [("f16", "f32"), ("bf16", "f32"), ("f8E4M3FN", "f32"), ("f8E5M2", "bf16"), ("i8", "i32"), ("i16", "i64")]


def contract(case: str, narrow: str, dtype: str, unsigned: str = "") -> None:
    """One contraction with everything beyond the valid extents poisoned."""
    dims, *operands, spec = CONTRACTIONS[case]
    names = dims.split(", ")
    maps = ", ".join(f"affine_map<({dims}) -> ({operand})>" for operand in operands)
    indices = [operand.split(", ") if operand else [] for operand in operands]
    kinds = [narrow, narrow, dtype]
    shapes = [tuple(SIZES[name] for name in index) for index in indices]
    windows = [tuple(VALID[name] for name in index) for index in indices]
    types = ["T<" + "x".join([*map(str, shape), kind]) + ">" for shape, kind in zip(shapes, kinds, strict=True)]
    held = shapes[2] or (1,)
    outer = "T<" + "x".join([*map(str, held), dtype]) + ">"
    valid = ", ".join(f"%c{VALID[name]}" if name != "k" else "%n" for name in names)
    body = f"""
    %c = gir.reshape %acc : {outer} -> {types[2]}
    %s = gir.contract %a, %b into %c maps [{maps}] {unsigned} valid [{valid}] : {types[0]}, {types[1]} into {types[2]}
    %r = gir.reshape %s : {types[2]} -> {outer}
    """
    a, b = (values(shape, narrow, key) for key, shape in enumerate(shapes[:2]))
    acc = values(held, dtype, "acc")
    given = {"a": (garbage(a, windows[0]), narrow), "b": (garbage(b, windows[1]), narrow), "acc": (acc, dtype)}
    (r,) = on_tiles(body, given, {"r": (held, dtype)}, n=4)
    parts = [x[tuple(map(slice, window))] for x, window in zip((a, b), windows[:2], strict=True)]
    if unsigned:
        parts = [part.view(f"u{part.itemsize}") for part in parts]
    factors = [wide(part) if narrow in FLOATS else part.astype(np.int64) for part in parts]
    inside = tuple(map(slice, windows[2]))
    begin = wide(acc).reshape(shapes[2])[inside]
    expected = begin + np.einsum(spec, *factors)
    scale = np.abs(begin) + np.einsum(spec, *map(np.abs, factors)) if dtype in FLOATS else 0
    close(np.asarray(r.reshape(shapes[2])[inside]), expected, scale=scale)
    untouched = np.ones(shapes[2], np.bool_)
    untouched[inside] = False
    np.testing.assert_array_equal(r.reshape(shapes[2])[untouched], acc.reshape(shapes[2])[untouched])


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("case", CONTRACTIONS)
def test_contract(case: str, dtype: str) -> None:
    """Sums of products along every combination of lanes and rows; what isn't there takes no part."""
    contract(case, dtype, dtype)


@pytest.mark.parametrize(("narrow", "dtype"), WIDENED)
def test_contract_widens(narrow: str, dtype: str) -> None:
    """Narrow factors are widened to the accumulator's type before they are multiplied."""
    contract("matmul", narrow, dtype)


@pytest.mark.parametrize(("narrow", "dtype"), [("i8", "i32"), ("i16", "i64")])
def test_contract_unsigned(narrow: str, dtype: str) -> None:
    """As unsigned numbers, if that is asked for."""
    contract("matmul", narrow, dtype, "unsigned")


@pytest.mark.parametrize("factor", ["f16", "bf16", "f32", "f8E4M3FN"])
@pytest.mark.parametrize("row", ["f16", "bf16", "f8E4M3FN"])
@pytest.mark.parametrize("turned", [False, True], ids=["lanes of the right", "lanes of the left"])
def test_contract_in_loop(row: str, factor: str, *, turned: bool) -> None:
    """Many products: rows are read where they lie and widened each time, factors laid out; either may be wider."""
    kinds, shapes = [factor, row], [(5, 40), (40, 24)]
    left, right, out = "(m, k)", "(k, n)", "(m, n)"
    if turned:  # lanes, the result's last dimension, are the left operand's
        kinds, shapes, left, right = kinds[::-1], shapes[::-1], right, left
    types = ["T<" + "x".join([*map(str, shape), kind]) + ">" for shape, kind in zip(shapes, kinds, strict=True)]
    maps = ", ".join(f"affine_map<(m, n, k) -> {dims}>" for dims in (left, right, out))
    body = f"%r = gir.contract %a, %b into %acc maps [{maps}] : {types[0]}, {types[1]} into T<5x24xf32>"
    a, b = (values(shape, kind, key) for key, (shape, kind) in enumerate(zip(shapes, kinds, strict=True)))
    acc = values((5, 24), "f32", "acc")
    (r,) = on_tiles(body, {"a": (a, kinds[0]), "b": (b, kinds[1]), "acc": (acc, "f32")}, {"r": ((5, 24), "f32")})
    factors = [wide(b), wide(a)] if turned else [wide(a), wide(b)]
    expected = wide(acc) + factors[0] @ factors[1]
    close(r, expected, scale=np.abs(wide(acc)) + np.abs(factors[0]) @ np.abs(factors[1]))


# -- accumulators ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dims", [[0], [1], [0, 1]], ids=["rows", "lanes", "both"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_accumulators_of_a_loop(dtype: str, dims: list[int]) -> None:
    """A long sum, tile by tile, is as exact as its type permits, along rows and lanes."""
    kept = tuple(size for dim, size in enumerate((4, 8)) if dim not in dims) or (1,)
    shown = "x".join([*map(str, kept), dtype])
    inner = shown if len(dims) < 2 else dtype
    body = f"""
    %zero = arith.constant dense<0.0> : T<{inner}>
    %r = scf.for %i = %c0 to %c64 step %c4 iter_args(%p = %zero) -> (T<{inner}>) {{
      %q = scf.for %j = %c0 to %n step %c8 iter_args(%a = %p) -> (T<{inner}>) {{
        %v = affine.min affine_map<(j)[n] -> (8, n - j)>(%j)[%n]
        %t = gir.load %x[%i, %j] valid [%c4, %v] : D<64x?x{dtype}> -> T<4x8x{dtype}>
        %s = gir.reduce %t into %a dims {dims} valid [%c4, %v] kinds [#vector.kind<add>]
          : T<4x8x{dtype}> into T<{inner}>
        scf.yield %s : T<{inner}>
      }}
      scf.yield %q : T<{inner}>
    }}
    %o = gir.reshape %r : T<{inner}> -> T<{shown}>
    gir.store %o, %y[%c0] : T<{shown}>, D<{shown}>
    """
    x = (np.abs(values((64, 45), dtype).astype(np.float64)) / 16).astype(DTYPES[dtype])
    y = np.zeros(kept, DTYPES[dtype])
    run(kernel(f"x:64x?x{dtype} y:{shown} n:index", body), x, y, 45)
    padded = np.pad(wide(x), ((0, 0), (0, 3))).reshape(16, 4, 6, 8)
    total = padded.sum((0, 2)).sum(tuple(dims))
    close(y, np.reshape(total, kept), roundings=2)
