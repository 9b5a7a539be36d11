"""One program per kind of op and element type: windows and their relatives, contractions, scans, scatters."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from graph_form import Array, Case, kernel, whole, windows

FLOATS: dict[str, Any] = {
    "f64": np.float64,
    "f32": np.float32,
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "f8E4M3FN": ml_dtypes.float8_e4m3fn,
    "f8E5M2": ml_dtypes.float8_e5m2,
}
INTEGERS: dict[str, Any] = {
    "i1": np.bool_,
    "i8": np.int8,
    "i16": np.int16,
    "i32": np.int32,
    "i64": np.int64,
    "index": np.int64,
}


def one(kind: str) -> str:
    """The number 1 as a constant of the type."""
    return f"1.0 : {kind}" if kind in FLOATS else "true" if kind == "i1" else f"1 : {kind}"


def small(kind: str, *shape: int) -> Array:
    """Whole numbers that every type holds, and sums of a few of them, too."""
    return whole(*shape, high=2, dtype="int64").astype({**FLOATS, **INTEGERS}[kind])


def windows_of(kind: str) -> Case:
    """Pad, window, slice, concatenation, reshape, permutation."""
    text = f"""
    %one = arith.constant {one(kind)}
    %0 = gir.move %a : D[4x37x{kind}] -> R[4x37x{kind}]
    %1 = gir.pad %0 low [0, 1] high [0, 2] value %one : R[4x37x{kind}] -> R[4x40x{kind}]
    %2 = gir.window %1 dims [1] sizes [3] strides [2] dilations [1] : R[4x40x{kind}] -> R[4x19x3x{kind}]
    %3 = gir.slice %2 [0, 0, 1] [4, 19, 1] [1, 1, 1] drop [2] : R[4x19x3x{kind}] -> R[4x19x{kind}]
    %4 = gir.concat %0, %3 dim 1 : (R[4x37x{kind}], R[4x19x{kind}]) -> R[4x56x{kind}]
    %5 = gir.reshape %4 : R[4x56x{kind}] -> R[7x32x{kind}]
    %6 = gir.permute %5 [1, 0] : R[7x32x{kind}] -> R[32x7x{kind}]
    %r = gir.move %6 : R[32x7x{kind}] -> D[32x7x{kind}]"""

    def reference(a: Array) -> Array:
        padded = np.concatenate([np.ones((4, 1)), a, np.ones((4, 2))], 1)
        return np.concatenate([a, windows(padded, [1], [3], [2], [1])[..., 1]], 1).reshape(7, 32).T.astype(a.dtype)

    return Case(
        f"windows_of_{kind}", kernel(f"a: T[4x37x{kind}]", text, f"D[32x7x{kind}]"), [[small(kind, 4, 37)]], reference
    )


def contraction_of(kind: str, into: str) -> Case:
    """A product of matrices, widened."""
    maps = "[affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]"
    text = f"""
    %0 = gir.move %a : D[3x9x{kind}] -> R[3x9x{kind}]
    %1 = gir.move %b : D[9x35x{kind}] -> R[9x35x{kind}]
    %2 = gir.move %c : D[3x35x{into}] -> R[3x35x{into}]
    %3 = gir.contract %0, %1 into %2 maps {maps} : R[3x9x{kind}], R[9x35x{kind}] into R[3x35x{into}]
    %r = gir.move %3 : R[3x35x{into}] -> D[3x35x{into}]"""

    def reference(a: Array, b: Array, c: Array) -> Array:
        return (a.astype(np.float64) @ b.astype(np.float64) + c.astype(np.float64)).astype(c.dtype)

    signature = f"a: T[3x9x{kind}], b: T[9x35x{kind}], c: T[3x35x{into}]"
    inputs = [small(kind, 3, 9), small(kind, 9, 35), small(into, 3, 35)]
    return Case(f"contraction_of_{kind}_into_{into}", kernel(signature, text, f"D[3x35x{into}]"), [inputs], reference)


def scan_of(kind: str) -> Case:
    """Running maxima, or whether there was one that holds, scattered to the other end."""
    name = "maximumf" if kind in FLOATS else "or" if kind == "i1" else "maxsi"
    text = f"""
    %0 = gir.move %a : D[3x35x{kind}] -> R[3x35x{kind}]
    %1 = gir.move %b : D[35x{kind}] -> R[35x{kind}]
    %2, %3 = gir.scan %0 into %1 dim 0 exclusive kinds [#vector.kind<{name}>] : R[3x35x{kind}] into R[35x{kind}]
    %r0 = gir.move %2 : R[3x35x{kind}] -> D[3x35x{kind}]
    %4 = gir.move %i : D[35xindex] -> R[35xindex]
    %r1 = gir.scatter %3 into %b[%4] : R[35x{kind}] into D[35x{kind}][R[35xindex]] -> D[35x{kind}]"""

    def reference(a: Array, b: Array, i: Array) -> tuple[Array, Array]:
        running = np.maximum.accumulate(np.concatenate([b[None], a]), 0)
        return running[:-1], running[-1][::-1]

    signature = f"a: T[3x35x{kind}], b: T[35x{kind}], i: T[35xindex]"
    inputs = [small(kind, 3, 35), small(kind, 35), np.arange(35)[::-1].copy()]
    return Case(f"scan_of_{kind}", kernel(signature, text, f"D[3x35x{kind}]; D[35x{kind}]"), [inputs], reference)


EVERY = [*FLOATS, *INTEGERS]
WIDER = [
    *(("f64", "f64"), ("f32", "f32"), ("f32", "f64"), ("f16", "f16"), ("f16", "f32"), ("bf16", "f32")),
    *(("f8E4M3FN", "f32"), ("f8E5M2", "f32"), ("f8E4M3FN", "f16"), ("i8", "i8"), ("i8", "i32"), ("i16", "i64")),
    *(("i32", "i32"), ("i64", "i64")),
]
DTYPES = [
    *map(windows_of, EVERY),
    *(contraction_of(kind, into) for kind, into in WIDER),
    *map(scan_of, EVERY),
]
