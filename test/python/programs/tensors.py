"""The layout ops of `tensor`, and `linalg.fill`, `transpose`, `broadcast`, `copy`.

Programs: `linalg.transpose` of rank 2 to 4, `linalg.broadcast` of any added dimensions, fill of
static and dynamic tensors; expand_shape and collapse_shape, static and dynamic, of units, to rank
0 and back; extract_slice with offsets, sizes, strides, rank reduction and dynamic ones of each;
insert_slice with the same; overlapping inserts; concat of two and three, of every axis, dynamic;
pad low, high, both, with a constant, a computed value, dynamic amounts, and a body that reads its
indices; empty, splat, dim, cast, generate, from_elements, reshape by a chain; each between
elementwise kernels, and views of views.
"""

# ruff: noqa: E501, E731 - lines of MLIR are as long as they are, and a text is a small lambda
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .build import dim, empty, filled, function, generic, tensor
from .program import Array, Program, integers, normal


def _one(
    name: str,
    source: str,
    target: str,
    line: str,
    reference: Callable[[Array], Any],
    *,
    more: tuple[tuple[int, ...], ...] = (),
    shape: tuple[int, ...] | None = None,
) -> Program:
    """A program of a single op; {s} and {t} in `line` are the types of %x and %r."""
    text = line.replace("{s}", tensor(source)).replace("{t}", tensor(target))
    shape = shape or tuple(int(n) for n in source.split("x")[:-1])
    return Program(
        name,
        function(f"x:{source}", f"r:{target}", text),
        (normal(shape),),
        reference,
        more=tuple((normal(n),) for n in more),
    )


def _linalg() -> list[Program]:
    transpose = lambda p, target: (
        empty("e", target) + f"  %r = linalg.transpose ins(%x : {{s}}) outs(%e : {{t}}) permutation = {p}"
    )
    broadcast = lambda d, target: (
        empty("e", target) + f"  %r = linalg.broadcast ins(%x : {{s}}) outs(%e : {{t}}) dimensions = {d}"
    )
    dynamic = (
        dim("n", "%x", "?x?xf32", 0)
        + dim("m", "%x", "?x?xf32", 1)
        + empty("e", "?x?xf32", "%m", "%n")
        + "  %r = linalg.transpose ins(%x : {s}) outs(%e : {t}) permutation = [1, 0]"
    )
    grow = (
        dim("n", "%x", "?xf32", 0)
        + empty("e", "4x?xf32", "%n")
        + "  %r = linalg.broadcast ins(%x : {s}) outs(%e : {t}) dimensions = [0]"
    )
    fill = dim("n", "%x", "?xf32", 0) + filled("r", "?xf32", "1.25", "%n")
    shapes = ((1, 1), (0, 3), (3, 0), (16, 16), (33, 17), (1, 65), (64, 2))
    return [
        _one("transpose2", "5x7xf32", "7x5xf32", transpose([1, 0], "7x5xf32"), lambda x: x.T),
        _one("transpose3", "3x5x7xf32", "7x3x5xf32", transpose([2, 0, 1], "7x3x5xf32"), lambda x: x.transpose(2, 0, 1)),
        _one(
            "transpose4",
            "2x3x4x5xf32",
            "2x4x3x5xf32",
            transpose([0, 2, 1, 3], "2x4x3x5xf32"),
            lambda x: x.transpose(0, 2, 1, 3),
        ),
        _one("transpose_identity", "5x7xf32", "5x7xf32", transpose([0, 1], "5x7xf32"), lambda x: x),
        _one("transpose_dynamic", "?x?xf32", "?x?xf32", dynamic, lambda x: x.T, shape=(5, 7), more=shapes),
        _one("linalg_broadcast_first", "7xf32", "5x7xf32", broadcast([0], "5x7xf32"), lambda x: np.tile(x, (5, 1))),
        _one(
            "linalg_broadcast_last",
            "5xf32",
            "5x7xf32",
            broadcast([1], "5x7xf32"),
            lambda x: np.tile(x[:, None], (1, 7)),
        ),
        _one(
            "linalg_broadcast_two",
            "5xf32",
            "3x5x7xf32",
            broadcast([0, 2], "3x5x7xf32"),
            lambda x: np.tile(x[None, :, None], (3, 1, 7)),
        ),
        _one("linalg_broadcast_rank0", "f32", "3x5xf32", broadcast([0, 1], "3x5xf32"), lambda x: np.full((3, 5), x)),
        _one(
            "linalg_broadcast_dynamic",
            "?xf32",
            "4x?xf32",
            grow,
            lambda x: np.tile(x, (4, 1)),
            shape=(7,),
            more=((0,), (1,), (33,)),
        ),
        Program(
            "fill_static", function("", "r:5x7xf32", filled("r", "5x7xf32", "-3.5")), (), lambda: np.full((5, 7), -3.5)
        ),
        Program("fill_rank0", function("", "r:f32", filled("r", "f32", "-3.5")), (), lambda: np.asarray(-3.5)),
        _one("fill_dynamic", "?xf32", "?xf32", fill, lambda x: np.full(x.shape, 1.25), shape=(7,), more=((0,), (65,))),
        _one(
            "linalg_copy",
            "5x7xf32",
            "5x7xf32",
            empty("e", "5x7xf32") + "  %r = linalg.copy ins(%x : {s}) outs(%e : {t}) -> {t}",
            lambda x: x,
        ),
    ]


def _reshapes() -> list[Program]:
    sizes = dim("n", "%x", "?x6xf32", 0)
    split = (
        "  %s = arith.constant 4 : index\n"
        + dim("n", "%x", "?xf32", 0)
        + "  %q = arith.divsi %n, %s : index\n  %r = tensor.expand_shape %x [[0, 1]] output_shape [%q, 4] : {s} into {t}"
    )
    return [
        _one(
            "collapse_all",
            "3x5x7xf32",
            "105xf32",
            "  %r = tensor.collapse_shape %x [[0, 1, 2]] : {s} into {t}",
            np.ravel,
        ),
        _one(
            "collapse_first_two",
            "3x5x7xf32",
            "15x7xf32",
            "  %r = tensor.collapse_shape %x [[0, 1], [2]] : {s} into {t}",
            lambda x: x.reshape(15, 7),
        ),
        _one(
            "collapse_units",
            "1x5x1x7x1xf32",
            "5x7xf32",
            "  %r = tensor.collapse_shape %x [[0, 1, 2], [3, 4]] : {s} into {t}",
            lambda x: x.reshape(5, 7),
        ),
        _one(
            "collapse_to_rank0",
            "1x1xf32",
            "f32",
            "  %r = tensor.collapse_shape %x [] : {s} into {t}",
            lambda x: x.reshape(()),
        ),
        _one(
            "collapse_dynamic",
            "?x6xf32",
            "?xf32",
            "  %r = tensor.collapse_shape %x [[0, 1]] : {s} into {t}",
            np.ravel,
            shape=(5, 6),
            more=((0, 6), (1, 6), (11, 6)),
        ),
        _one(
            "expand_one",
            "105xf32",
            "3x5x7xf32",
            "  %r = tensor.expand_shape %x [[0, 1, 2]] output_shape [3, 5, 7] : {s} into {t}",
            lambda x: x.reshape(3, 5, 7),
        ),
        _one(
            "expand_last",
            "3x35xf32",
            "3x5x7xf32",
            "  %r = tensor.expand_shape %x [[0], [1, 2]] output_shape [3, 5, 7] : {s} into {t}",
            lambda x: x.reshape(3, 5, 7),
        ),
        _one(
            "expand_units",
            "5x7xf32",
            "1x5x7x1xf32",
            "  %r = tensor.expand_shape %x [[0, 1], [2, 3]] output_shape [1, 5, 7, 1] : {s} into {t}",
            lambda x: x.reshape(1, 5, 7, 1),
        ),
        _one(
            "expand_from_rank0",
            "f32",
            "1x1xf32",
            "  %r = tensor.expand_shape %x [] output_shape [1, 1] : {s} into {t}",
            lambda x: x.reshape(1, 1),
            shape=(),
        ),
        _one(
            "expand_dynamic",
            "?xf32",
            "?x4xf32",
            split,
            lambda x: x.reshape(-1, 4),
            shape=(12,),
            more=((0,), (4,), (68,)),
        ),
        _one(
            "expand_dynamic_unit",
            "?x6xf32",
            "?x1x6xf32",
            sizes + "  %r = tensor.expand_shape %x [[0, 1], [2]] output_shape [%n, 1, 6] : {s} into {t}",
            lambda x: x[:, None],
            shape=(3, 6),
            more=((0, 6), (17, 6)),
        ),
        _one(
            "reshape_chain",
            "6x4xf32",
            "4x6xf32",
            "  %0 = tensor.collapse_shape %x [[0, 1]] : {s} into tensor<24xf32>\n  %r = tensor.expand_shape %0 [[0, 1]] output_shape [4, 6] : tensor<24xf32> into {t}",
            lambda x: x.reshape(4, 6),
        ),
        _one(
            "reshape_of_transpose",
            "6x4xf32",
            "24xf32",
            empty("e", "4x6xf32")
            + "  %0 = linalg.transpose ins(%x : {s}) outs(%e : tensor<4x6xf32>) permutation = [1, 0]\n  %r = tensor.collapse_shape %0 [[0, 1]] : tensor<4x6xf32> into {t}",
            lambda x: x.T.ravel(),
        ),
    ]


def _extracts() -> list[Program]:
    half = dim("n", "%x", "?x6xf32", 0) + "  %two = arith.constant 2 : index\n  %h = arith.divsi %n, %two : index\n"
    return [
        _one(
            "extract_rows",
            "8x6xf32",
            "3x6xf32",
            "  %r = tensor.extract_slice %x[2, 0] [3, 6] [1, 1] : {s} to {t}",
            lambda x: x[2:5],
        ),
        _one(
            "extract_columns",
            "8x6xf32",
            "8x2xf32",
            "  %r = tensor.extract_slice %x[0, 3] [8, 2] [1, 1] : {s} to {t}",
            lambda x: x[:, 3:5],
        ),
        _one(
            "extract_strided",
            "9x10xf32",
            "4x3xf32",
            "  %r = tensor.extract_slice %x[1, 0] [4, 3] [2, 4] : {s} to {t}",
            lambda x: x[1:9:2, 0:9:4],
        ),
        _one(
            "extract_reduces_first",
            "8x6xf32",
            "6xf32",
            "  %r = tensor.extract_slice %x[5, 0] [1, 6] [1, 1] : {s} to {t}",
            lambda x: x[5],
        ),
        _one(
            "extract_reduces_last",
            "8x6xf32",
            "8xf32",
            "  %r = tensor.extract_slice %x[0, 4] [8, 1] [1, 1] : {s} to {t}",
            lambda x: x[:, 4],
        ),
        _one(
            "extract_reduces_middle",
            "3x5x7xf32",
            "3x7xf32",
            "  %r = tensor.extract_slice %x[0, 2, 0] [3, 1, 7] [1, 1, 1] : {s} to {t}",
            lambda x: x[:, 2],
        ),
        _one(
            "extract_reduces_all",
            "3x5xf32",
            "f32",
            "  %r = tensor.extract_slice %x[2, 3] [1, 1] [1, 1] : {s} to {t}",
            lambda x: x[2, 3],
        ),
        _one(
            "extract_whole",
            "3x5xf32",
            "3x5xf32",
            "  %r = tensor.extract_slice %x[0, 0] [3, 5] [1, 1] : {s} to {t}",
            lambda x: x,
        ),
        _one(
            "extract_nothing",
            "3x5xf32",
            "0x5xf32",
            "  %r = tensor.extract_slice %x[1, 0] [0, 5] [1, 1] : {s} to {t}",
            lambda x: x[1:1],
        ),
        _one(
            "extract_dynamic_size",
            "?x6xf32",
            "?x6xf32",
            half + "  %r = tensor.extract_slice %x[0, 0] [%h, 6] [1, 1] : {s} to {t}",
            lambda x: x[: len(x) // 2],
            shape=(8, 6),
            more=((0, 6), (1, 6), (33, 6)),
        ),
        _one(
            "extract_dynamic_offset",
            "?x6xf32",
            "?x6xf32",
            half
            + "  %m = arith.subi %n, %h : index\n  %r = tensor.extract_slice %x[%h, 0] [%m, 6] [1, 1] : {s} to {t}",
            lambda x: x[len(x) // 2 :],
            shape=(8, 6),
            more=((0, 6), (1, 6), (33, 6)),
        ),
        _one(
            "extract_dynamic_stride",
            "?x6xf32",
            "?x6xf32",
            half + "  %r = tensor.extract_slice %x[0, 0] [%h, 6] [%two, 1] : {s} to {t}",
            lambda x: x[: len(x) // 2 * 2 : 2],
            shape=(8, 6),
            more=((0, 6), (33, 6)),
        ),
        # A stride where the size is 1 means nothing; MLIR 22.1's rank-reducing memref.subview crashes on it.
        _one(
            "extract_reduces_strided",
            "7x1x4xf32",
            "2x4xf32",
            "  %r = tensor.extract_slice %x[3, 0, 0] [2, 1, 4] [2, 2, 1] : {s} to {t}",
            lambda x: x[3:7:2, 0],
        ),
        _one(
            "extract_of_extract",
            "9x9xf32",
            "2x3xf32",
            "  %0 = tensor.extract_slice %x[1, 2] [6, 7] [1, 1] : {s} to tensor<6x7xf32>\n  %r = tensor.extract_slice %0[1, 1] [2, 3] [2, 2] : tensor<6x7xf32> to {t}",
            lambda x: x[1:7, 2:9][1:5:2, 1:6:2],
        ),
    ]


def _inserts() -> list[Program]:
    x, y = normal((8, 6), key="x"), normal((3, 2), key="y")

    def put(x: Array, y: Array, where: Any) -> Array:
        out = x.copy()
        out[where] = y
        return out

    def one(name: str, source: str, line: str, where: Any, *, shape: tuple[int, ...] | None = None) -> Program:
        data = normal(shape or tuple(int(n) for n in source.split("x")[:-1]), key="y")
        text = "  %c2 = arith.constant 2 : index\n" + line.replace("{s}", tensor(source)).replace(
            "{t}", "tensor<8x6xf32>"
        )
        return Program(
            name,
            function(f"x:8x6xf32 y:{source}", "r:8x6xf32 x:8x6xf32", text),
            (x, data),
            lambda x, y: (put(x, y, where), x),
        )

    two = "  %0 = tensor.insert_slice %y into %x[1, 1] [3, 2] [1, 1] : tensor<3x2xf32> into tensor<8x6xf32>\n  %r = tensor.insert_slice %y into %0[2, 2] [3, 2] [1, 1] : tensor<3x2xf32> into tensor<8x6xf32>"
    into = (
        filled("o", "8x6xf32", "0.0")
        + "  %r = tensor.insert_slice %y into %o[4, 1] [3, 2] [1, 1] : tensor<3x2xf32> into tensor<8x6xf32>"
    )
    update = (
        "  %0 = tensor.extract_slice %x[1, 1] [3, 2] [1, 1] : tensor<8x6xf32> to tensor<3x2xf32>\n"
        + empty("e", "3x2xf32")
        + generic(
            "1",
            "ij",
            [("%0", "3x2xf32", "ij"), ("%y", "3x2xf32", "ij")],
            [("%e", "3x2xf32", "ij")],
            "%2 = arith.addf %a, %b : f32\n    linalg.yield %2 : f32",
        )
        + "  %r = tensor.insert_slice %1 into %x[1, 1] [3, 2] [1, 1] : tensor<3x2xf32> into tensor<8x6xf32>"
    )
    return [
        one(
            "insert_block",
            "3x2xf32",
            "  %r = tensor.insert_slice %y into %x[1, 3] [3, 2] [1, 1] : {s} into {t}",
            np.s_[1:4, 3:5],
        ),
        one(
            "insert_strided",
            "3x2xf32",
            "  %r = tensor.insert_slice %y into %x[1, 0] [3, 2] [2, 3] : {s} into {t}",
            np.s_[1:7:2, 0:6:3],
        ),
        one(
            "insert_row", "6xf32", "  %r = tensor.insert_slice %y into %x[5, 0] [1, 6] [1, 1] : {s} into {t}", np.s_[5]
        ),
        one(
            "insert_column",
            "8xf32",
            "  %r = tensor.insert_slice %y into %x[0, 2] [8, 1] [1, 1] : {s} into {t}",
            np.s_[:, 2],
        ),
        one(
            "insert_element",
            "f32",
            "  %r = tensor.insert_slice %y into %x[3, 2] [1, 1] [1, 1] : {s} into {t}",
            np.s_[3, 2],
            shape=(),
        ),
        one(
            "insert_whole",
            "8x6xf32",
            "  %r = tensor.insert_slice %y into %x[0, 0] [8, 6] [1, 1] : {s} into {t}",
            np.s_[:, :],
        ),
        one(
            "insert_dynamic_offset",
            "3x2xf32",
            "  %r = tensor.insert_slice %y into %x[%c2, %c2] [3, 2] [1, 1] : {s} into {t}",
            np.s_[2:5, 2:4],
        ),
        one(
            "insert_dynamic_size",
            "?x2xf32",
            "  %n = tensor.dim %y, %z : {s}\n  %r = tensor.insert_slice %y into %x[1, 3] [%n, 2] [1, 1] : {s} into {t}".replace(
                "  %n =", "  %z = arith.constant 0 : index\n  %n =", 1
            ),
            np.s_[1:5, 3:5],
            shape=(4, 2),
        ),
        Program(
            "insert_overlapping",
            function("x:8x6xf32 y:3x2xf32", "r:8x6xf32", two),
            (x, y),
            lambda x, y: put(put(x, y, np.s_[1:4, 1:3]), y, np.s_[2:5, 2:4]),
        ),
        Program(
            "insert_into_fill",
            function("y:3x2xf32", "r:8x6xf32", into),
            (y,),
            lambda y: put(np.zeros((8, 6)), y, np.s_[4:7, 1:3]),
        ),
        Program(
            "insert_updated_extract",
            function("x:8x6xf32 y:3x2xf32", "r:8x6xf32", update),
            (x, y),
            lambda x, y: put(x, x[1:4, 1:3] + y, np.s_[1:4, 1:3]),
        ),
    ]


def _concats() -> list[Program]:
    def one(name: str, shapes: tuple[str, ...], axis: int, target: str, *calls: tuple[tuple[int, ...], ...]) -> Program:
        names = "xyz"[: len(shapes)]
        line = f"  %r = tensor.concat dim({axis}) {', '.join('%' + n for n in names)} : ({', '.join(tensor(s) for s in shapes)}) -> {tensor(target)}"
        inputs = [tuple(normal(s, key=n) for n, s in zip(names, call, strict=True)) for call in calls]
        return Program(
            name,
            function(" ".join(f"{n}:{s}" for n, s in zip(names, shapes, strict=True)), f"r:{target}", line),
            inputs[0],
            lambda *a: np.concatenate(a, axis),
            more=tuple(inputs[1:]),
        )

    return [
        one("concat_rows", ("3x5xf32", "2x5xf32"), 0, "5x5xf32", ((3, 5), (2, 5))),
        one("concat_columns", ("3x5xf32", "3x1xf32"), 1, "3x6xf32", ((3, 5), (3, 1))),
        one("concat_three", ("2x3x4xf32", "2x1x4xf32", "2x5x4xf32"), 1, "2x9x4xf32", ((2, 3, 4), (2, 1, 4), (2, 5, 4))),
        one(
            "concat_dynamic",
            ("?x5xf32", "?x5xf32"),
            0,
            "?x5xf32",
            ((3, 5), (2, 5)),
            ((0, 5), (2, 5)),
            ((1, 5), (0, 5)),
            ((17, 5), (16, 5)),
        ),
        one("concat_empty_part", ("3x5xf32", "0x5xf32"), 0, "3x5xf32", ((3, 5), (0, 5))),
    ]


def _pads() -> list[Program]:
    body = lambda rank, value="%c": (
        f" {{\n  ^bb0({', '.join(f'%p{i}: index' for i in range(rank))}):\n    tensor.yield {value} : f32\n  }} : {{s}} to {{t}}"
    )
    c = "  %c = arith.constant {} : f32\n"
    amounts = dim("n", "%x", "?x6xf32", 0) + c.format("1.5")
    indices = """  %r = tensor.pad %x low[1, 2] high[2, 1] {
  ^bb0(%i: index, %j: index):
    %s = arith.addi %i, %j : index
    %k = arith.index_cast %s : index to i32
    %f = arith.sitofp %k : i32 to f32
    tensor.yield %f : f32
  } : {s} to {t}"""

    def by_index(x: Array) -> Array:
        out = np.add.outer(np.arange(8.0), np.arange(9.0))
        out[1:6, 2:8] = x
        return out

    computed = (
        "  %z = arith.constant 2 : index\n  %k = tensor.extract %x[%z] : {s}\n  %c = math.absf %k : f32\n  %r = tensor.pad %x low[1] high[2]"
        + body(1)
    )
    return [
        _one(
            "pad_low",
            "5x6xf32",
            "7x7xf32",
            c.format("0.0") + "  %r = tensor.pad %x low[2, 1] high[0, 0]" + body(2),
            lambda x: np.pad(x, ((2, 0), (1, 0))),
        ),
        _one(
            "pad_high",
            "5x6xf32",
            "6x9xf32",
            c.format("-1.0") + "  %r = tensor.pad %x low[0, 0] high[1, 3]" + body(2),
            lambda x: np.pad(x, ((0, 1), (0, 3)), constant_values=-1),
        ),
        _one(
            "pad_both",
            "5x6xf32",
            "8x9xf32",
            c.format("0xFF800000") + "  %r = tensor.pad %x low[1, 2] high[2, 1]" + body(2),
            lambda x: np.pad(x, ((1, 2), (2, 1)), constant_values=-np.inf),
        ),
        _one(
            "pad_nothing",
            "5x6xf32",
            "5x6xf32",
            c.format("0.0") + "  %r = tensor.pad %x low[0, 0] high[0, 0]" + body(2),
            lambda x: x,
        ),
        _one("pad_by_index", "5x6xf32", "8x9xf32", indices, by_index),
        _one(
            "pad_computed_value", "5xf32", "8xf32", computed, lambda x: np.pad(x, (1, 2), constant_values=np.abs(x[2]))
        ),
        _one(
            "pad_dynamic",
            "?x6xf32",
            "?x8xf32",
            amounts + "  %r = tensor.pad %x low[%n, 0] high[1, 2]" + body(2),
            lambda x: np.pad(x, ((len(x), 1), (0, 2)), constant_values=1.5),
            shape=(3, 6),
            more=((0, 6), (1, 6), (17, 6)),
        ),
        _one(
            "pad_image",
            "2x3x5x5xf32",
            "2x3x7x7xf32",
            c.format("0.0") + "  %r = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1]" + body(4),
            lambda x: np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))),
        ),
    ]


def _others() -> list[Program]:
    exp = lambda result, source, short: (
        empty(result + "e", short)
        + generic(
            result,
            "ij",
            [(source, short, "ij")],
            [(f"%{result}e", short, "ij")],
            "%0 = math.exp %a : f32\n    linalg.yield %0 : f32",
        )
    )
    splat = "  %i = arith.constant 1 : index\n  %s = tensor.extract %x[%i] : {s}\n  %r = tensor.splat %s : {t}"
    splat_dynamic = (
        dim("n", "%x", "?xf32", 0) + "  %c = arith.constant 4.5 : f32\n  %r = tensor.splat %c[%n] : tensor<?xf32>"
    )
    sizes = (
        dim("n", "%x", "?x?xf32", 0)
        + dim("m", "%x", "?x?xf32", 1)
        + "  %p = arith.muli %n, %m : index\n  %q = arith.index_cast %p : index to i64\n  %r = tensor.from_elements %q : tensor<i64>"
    )
    cast = "  %0 = tensor.cast %x : {s} to tensor<?x?xf32>\n  %r = tensor.cast %0 : tensor<?x?xf32> to {t}"
    generate = (
        dim("n", "%x", "?xf32", 0)
        + "  %r = tensor.generate %n {\n  ^bb0(%i: index):\n    %0 = tensor.extract %x[%i] : tensor<?xf32>\n    %1 = arith.negf %0 : f32\n    tensor.yield %1 : f32\n  } : tensor<?xf32>"
    )
    between = (
        exp("a1", "%x", "6x4xf32")
        + "  %b1 = tensor.extract_slice %a1[1, 0] [4, 4] [1, 1] : tensor<6x4xf32> to tensor<4x4xf32>\n"
        + exp("r", "%b1", "4x4xf32")
    )
    reshaped = (
        exp("a1", "%x", "6x4xf32")
        + "  %b1 = tensor.collapse_shape %a1 [[0, 1]] : tensor<6x4xf32> into tensor<24xf32>\n  %b2 = tensor.expand_shape %b1 [[0, 1]] output_shape [3, 8] : tensor<24xf32> into tensor<3x8xf32>\n"
        + exp("r", "%b2", "3x8xf32")
    )
    padded = (
        exp("a1", "%x", "6x4xf32")
        + "  %c = arith.constant 0.0 : f32\n  %b1 = tensor.pad %a1 low[1, 1] high[1, 1] {\n  ^bb0(%i: index, %j: index):\n    tensor.yield %c : f32\n  } : tensor<6x4xf32> to tensor<8x6xf32>\n"
        + exp("r", "%b1", "8x6xf32")
    )
    twice = (
        exp("a1", "%x", "6x4xf32")
        + exp("a2", "%a1", "6x4xf32")
        + "  %r = tensor.concat dim(1) %a1, %a2, %x : (tensor<6x4xf32>, tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x12xf32>\n"
    )
    halves = (
        "  %l = tensor.extract_slice %x[0, 0] [6, 2] [1, 1] : tensor<6x4xf32> to tensor<6x2xf32>\n  %h = tensor.extract_slice %x[0, 2] [6, 2] [1, 1] : tensor<6x4xf32> to tensor<6x2xf32>\n"
        + exp("g", "%h", "6x2xf32")
        + "  %r = tensor.concat dim(1) %g, %l : (tensor<6x2xf32>, tensor<6x2xf32>) -> tensor<6x4xf32>\n"
    )
    return [
        _one("splat_extracted", "5xf32", "3x4xf32", splat, lambda x: np.full((3, 4), x[1])),
        Program(
            "splat_dynamic",
            function("x:?xf32", "r:?xf32", splat_dynamic),
            (normal(5),),
            lambda x: np.full(x.shape, 4.5),
            more=((normal(0),),),
        ),
        Program(
            "dim_product",
            function("x:?x?xf32", "r:i64", sizes),
            (normal((5, 7)),),
            lambda x: np.asarray(x.size),
            more=((normal((0, 3)),),),
        ),
        _one("cast_there_and_back", "5x7xf32", "5x7xf32", cast, lambda x: x),
        _one("cast_to_dynamic", "5x7xf32", "?x7xf32", "  %r = tensor.cast %x : {s} to {t}", lambda x: x),
        _one("generate_dynamic", "?xf32", "?xf32", generate, np.negative, shape=(5,), more=((0,), (33,))),
        _one(
            "from_elements",
            "3xf32",
            "2xf32",
            "  %i = arith.constant 0 : index\n  %j = arith.constant 2 : index\n  %p = tensor.extract %x[%j] : {s}\n  %q = tensor.extract %x[%i] : {s}\n  %r = tensor.from_elements %p, %q : {t}",
            lambda x: x[[2, 0]],
        ),
        _one("extract_between_kernels", "6x4xf32", "4x4xf32", between, lambda x: np.exp(np.exp(x[1:5]))),
        _one("reshape_between_kernels", "6x4xf32", "3x8xf32", reshaped, lambda x: np.exp(np.exp(x)).reshape(3, 8)),
        _one("pad_between_kernels", "6x4xf32", "8x6xf32", padded, lambda x: np.exp(np.pad(np.exp(x), 1))),
        _one(
            "concat_of_kernels",
            "6x4xf32",
            "6x12xf32",
            twice,
            lambda x: np.concatenate([np.exp(x), np.exp(np.exp(x)), x], 1),
        ),
        _one("halves_swapped", "6x4xf32", "6x4xf32", halves, lambda x: np.concatenate([np.exp(x[:, 2:]), x[:, :2]], 1)),
        Program(
            "integer_layouts",
            function(
                "x:4x6xi64",
                "r:12x2xi64",
                "  %0 = tensor.collapse_shape %x [[0, 1]] : tensor<4x6xi64> into tensor<24xi64>\n  %r = tensor.expand_shape %0 [[0, 1]] output_shape [12, 2] : tensor<24xi64> into tensor<12x2xi64>",
            ),
            (integers((4, 6), dtype="i64"),),
            lambda x: x.reshape(12, 2),
        ),
    ]


def programs() -> list[Program]:
    """All programs of this module."""
    return [*_linalg(), *_reshapes(), *_extracts(), *_inserts(), *_concats(), *_pads(), *_others()]
