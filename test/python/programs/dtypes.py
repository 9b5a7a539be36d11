"""Every dtype through every kind of program.

Programs, each for f64 f32 f16 bf16 i1 i8 i16 i32 i64 and index: an elementwise op of two inputs, a
row reduction, a copy with a broadcast, a transpose, and one program of layouts (reshape, slice,
insert, concat, pad with 0). Also sums of a narrow type in a wide accumulator.
"""

from __future__ import annotations

import numpy as np
from tolerance import Expected

from .build import empty, filled, function, generic, mapped
from .program import DTYPES, FLOATS, Program, values

_LAYOUT = """  %0 = tensor.collapse_shape %x [[0, 1]] : tensor<6x5xT> into tensor<30xT>
  %1 = tensor.expand_shape %0 [[0, 1]] output_shape [10, 3] : tensor<30xT> into tensor<10x3xT>
  %2 = tensor.extract_slice %1[2, 0] [4, 3] [2, 1] : tensor<10x3xT> to tensor<4x3xT>
  %3 = tensor.insert_slice %2 into %1[5, 0] [4, 3] [1, 1] : tensor<4x3xT> into tensor<10x3xT>
  %4 = tensor.concat dim(1) %3, %1 : (tensor<10x3xT>, tensor<10x3xT>) -> tensor<10x6xT>
  %c = arith.constant ZERO
  %r = tensor.pad %4 low[0, 1] high[1, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %c : T
  } : tensor<10x6xT> to tensor<11x7xT>"""


def _layout(x: np.ndarray) -> np.ndarray:
    one = x.reshape(10, 3)
    three = one.copy()
    three[5:9] = one[2:10:2]
    return np.pad(np.concatenate([three, one], 1), ((0, 1), (1, 0)))


def programs() -> list[Program]:
    """All programs of this module."""
    programs = []
    for t in DTYPES:
        is_float = t in FLOATS
        add = "arith.addf" if is_float else "arith.xori" if t == "i1" else "arith.addi"
        x, y = values((6, 5), t, key="x"), values((6, 5), t, key="y")
        zero = "0.0" if is_float else "false" if t == "i1" else "0"
        typed = zero if t == "i1" else f"{zero} : {t}"
        s = f"6x5x{t}"
        start = (
            f"  %c = arith.constant {typed}\n"
            + empty("e", f"6x{t}")
            + f"  %o = linalg.fill ins(%c : {t}) outs(%e : tensor<6x{t}>) -> tensor<6x{t}>\n"
        )
        total = start + generic(
            "r",
            "ij",
            [("%x", s, "ij")],
            [("%o", f"6x{t}", "i")],
            f"%0 = {add} %u, %a : {t}\n    linalg.yield %0 : {t}",
            reduced="j",
        )
        spread = empty("e", f"6x5x4x{t}") + generic(
            "r", "ijk", [("%x", s, "ij")], [("%e", f"6x5x4x{t}", "ijk")], f"linalg.yield %a : {t}"
        )
        turned = (
            empty("e", f"5x6x{t}")
            + f"  %r = linalg.transpose ins(%x : tensor<{s}>) outs(%e : tensor<5x6x{t}>) permutation = [1, 0]"
        )
        adds = np.logical_xor if t == "i1" else np.add
        sums = (
            (lambda x: Expected(x.sum(1), np.abs(x).sum(1)))
            if is_float
            else (lambda x, f=adds: f.reduce(x, 1).astype(x.dtype))
        )
        programs += [
            Program(
                f"dtype_elementwise_{t}",
                mapped(f"x:{s} y:{s}", s, f"%0 = {add} %a, %b : {t}\n    linalg.yield %0 : {t}"),
                (x, y),
                adds,
            ),
            Program(f"dtype_sum_{t}", function(f"x:{s}", f"r:6x{t}", total), (x,), sums, roundings=3),
            Program(
                f"dtype_broadcast_{t}",
                function(f"x:{s}", f"r:6x5x4x{t}", spread),
                (x,),
                lambda x: np.repeat(x[..., None], 4, 2),
            ),
            Program(f"dtype_transpose_{t}", function(f"x:{s}", f"r:5x6x{t}", turned), (x,), lambda x: x.T),
            Program(
                f"dtype_layouts_{t}",
                function(
                    f"x:{s}",
                    f"r:11x7x{t}",
                    _LAYOUT.replace("ZERO", typed).replace("xT>", f"x{t}>").replace(" : T\n", f" : {t}\n"),
                ),
                (x,),
                _layout,
            ),
        ]
    for narrow, wide, cast in (
        ("f16", "f32", "arith.extf"),
        ("bf16", "f32", "arith.extf"),
        ("f32", "f64", "arith.extf"),
        ("i8", "i32", "arith.extsi"),
        ("i1", "i64", "arith.extui"),
    ):
        s = f"6x33x{narrow}"
        add = "arith.addf" if wide in FLOATS else "arith.addi"
        body = f"%0 = {cast} %a : {narrow} to {wide}\n    %1 = {add} %u, %0 : {wide}\n    linalg.yield %1 : {wide}"
        text = filled("o", f"6x{wide}", "0.0" if wide in FLOATS else "0") + generic(
            "r", "ij", [("%x", s, "ij")], [("%o", f"6x{wide}", "i")], body, reduced="j"
        )
        programs.append(
            Program(
                f"dtype_wide_sum_{narrow}",
                function(f"x:{s}", f"r:6x{wide}", text),
                (values((6, 33), narrow),),
                (lambda x: Expected(x.sum(1), np.abs(x).sum(1)))
                if wide in FLOATS
                else (lambda x, d=DTYPES[wide]: x.sum(1, dtype=d)),
            )
        )
    return programs
